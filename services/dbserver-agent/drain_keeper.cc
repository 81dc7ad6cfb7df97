#include "services/dbserver-agent/drain_keeper.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/log.h"

namespace minder {
namespace {

absl::StatusOr<v1::DrainStatus> Load(const std::string& path) {
  const auto text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return v1::DrainStatus();
  if (!text.ok()) return text.status();
  const auto durable = ParseDrain(*text);
  if (durable.ok()) return *durable;
  return absl::FailedPreconditionError(absl::StrFormat("%s: %s. Remove it when this node is not drained", path,
                                                       std::string(durable.status().message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DrainKeeper>> DrainKeeper::Open(EventLoop& loop, Worker& worker,
                                                               const std::string& state_dir, Handlers handlers) {
  const std::string path = state_dir + "/drain.json";
  const auto durable = Load(path);
  if (!durable.ok()) return durable.status();
  return std::unique_ptr<DrainKeeper>(new DrainKeeper(loop, worker, path, *durable, std::move(handlers)));
}

DrainKeeper::DrainKeeper(EventLoop& loop, Worker& worker, std::string path, const v1::DrainStatus& durable,
                         Handlers handlers)
    : loop_(loop),
      worker_(worker),
      path_(std::move(path)),
      handlers_(std::move(handlers)),
      drain_(durable),
      shown_(drain_.Reported()) {}

void DrainKeeper::CarryOut(const DrainActions& actions) {
  due_.persist |= actions.persist;
  if (actions.set_read_only.has_value()) due_.set_read_only = actions.set_read_only;
  Settle();
}

void DrainKeeper::Settle() {
  if (settling_ || (!due_.persist && !due_.set_read_only.has_value())) return;
  settling_ = true;
  const DrainActions due = std::exchange(due_, {});
  const std::string text = SerializeDrain(drain_.Durable());
  worker_.Do(
      [this, due, text] {
        Outcome outcome;
        if (due.persist) outcome.written = WriteFileDurably(path_, text);
        if (outcome.written.ok() && due.set_read_only.has_value())
          outcome.set = handlers_.set_read_only(*due.set_read_only);
        return outcome;
      },
      [this, settled = drain_.Reported()](const Outcome& outcome) { OnSettled(settled, outcome); });
}

// What failed is tried again after the next probe: the write because it stays due, read_only because it is not seen
// then.
void DrainKeeper::OnSettled(const v1::DrainStatus& settled, const Outcome& outcome) {
  settling_ = false;
  if (!outcome.set.ok()) spdlog::warn("drain: {}", std::string(outcome.set.message()));
  if (!outcome.written.ok()) {
    spdlog::error("drain: {}", std::string(outcome.written.message()));
    due_.persist = true;
    return;
  }
  if (shown_.state() != settled.state()) spdlog::info("drain: {}", v1::DrainState_Name(settled.state()));
  shown_ = settled;
  handlers_.on_change();
  Settle();
}

}  // namespace minder
