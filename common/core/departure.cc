#include "common/core/departure.h"

#include <utility>

#include "common/core/proto_time.h"

namespace minder {

const std::optional<v1::Departure>& DepartureWatch::OnObserved(const v1::DbStatusReport& report, BootTime observed_at) {
  const bool settled = report.running() == v1::TERNARY_YES && report.wsrep().evs_state() == "OPERATIONAL";
  const std::string& view = report.last_primary_view().id();
  if (std::exchange(pid_, report.process().pid()) != report.process().pid()) {
    primary_at_.reset();
    departure_.reset();
  }
  if (report.primary() == v1::TERNARY_YES) {
    departure_.reset();
    if (!settled) return departure_;
    primary_at_ = observed_at;
    view_ = view;
  } else if (settled && report.wsrep().cluster_status() == v1::CLUSTER_STATUS_NON_PRIMARY && primary_at_ &&
             !departure_ && view == view_ &&
             report.wsrep().cluster_size() == static_cast<std::uint32_t>(report.members_size())) {
    // Just after a change the status is that of the new view, and the members are those of before.
    departure_.emplace();
    for (const v1::ViewMember& member : report.members()) departure_->add_members(member.uuid());
    *departure_->mutable_unseen() = ToProto(observed_at - *primary_at_);
  }
  return departure_;
}

}  // namespace minder
