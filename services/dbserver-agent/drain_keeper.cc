#include "services/dbserver-agent/drain_keeper.h"

#include <utility>

#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace minder {
namespace {

StateFile DrainIn(const StateDir& dir) { return {dir, "drain.json", "a drain", "this node is not drained"}; }

}  // namespace

absl::StatusOr<std::unique_ptr<DrainKeeper>> DrainKeeper::Open(EventLoop& loop, Worker& worker, const StateDir& dir,
                                                               Handlers handlers) {
  const StateFile file = DrainIn(dir);
  MINDER_ASSIGN_OR_RETURN(const std::optional<v1::DrainStatus> durable, file.Load<v1::DrainStatus>());
  if (durable && !IsDurableDrain(*durable)) return file.NotUnderstood();
  return std::unique_ptr<DrainKeeper>(
      new DrainKeeper(loop, worker, file, durable.value_or(v1::DrainStatus()), std::move(handlers)));
}

DrainKeeper::DrainKeeper(EventLoop& loop, Worker& worker, const StateFile& file, const v1::DrainStatus& durable,
                         Handlers handlers)
    : loop_(loop),
      worker_(worker),
      file_(file),
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
  worker_.Do(
      [this, due, durable = drain_.Durable()] {
        Outcome outcome;
        if (due.persist) outcome.written = file_.Save(durable);
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
