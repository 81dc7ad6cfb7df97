#include "common/core/reboot.h"

#include "common/core/proto_time.h"

namespace minder {
namespace {

constexpr absl::Duration kPauseAfterReboot = absl::Hours(1);

}  // namespace

void Resume(const std::string& boot_id, BootTime now, v1::DurableState& durable) {
  if (durable.boot_id() == boot_id) return;
  durable.set_boot_id(boot_id);
  const google::protobuf::Duration then = ToProto(ToSinceBoot(now));
  if (durable.has_grant()) *durable.mutable_grant()->mutable_ordered_at() = then;
  if (durable.has_grant()) *durable.mutable_grant()->mutable_begun_at() = then;
  if (durable.has_last_promotion()) *durable.mutable_last_promotion()->mutable_ordered_at() = then;
  for (v1::Eviction& eviction : *durable.mutable_evictions()) *eviction.mutable_ordered_at() = then;
  if (durable.has_pause()) *durable.mutable_pause()->mutable_until() = ToProto(ToSinceBoot(now) + kPauseAfterReboot);
}

}  // namespace minder
