#ifndef MINDER_SERVICES_DBSERVER_AGENT_HOLD_KEEPER_H_
#define MINDER_SERVICES_DBSERVER_AGENT_HOLD_KEEPER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/base/worker.h"
#include "minder/v1/message.pb.h"
#include "services/dbserver-agent/state_file.h"

namespace minder {

// The file that marks a data directory as one that was part of a split brain. It moves with the directory, and a new
// directory has none. deploy/systemd/mariadb.service.d has systemd start no mariadbd where it lies.
inline constexpr char kSplitBrainMark[] = "minder_split_brain";

// The promise to start nothing after split brain: in force at once, on disk before it is shown, given up only by a
// release of this very split brain that is on disk. Lives on the loop; files are touched on a worker of its own.
class HoldKeeper {
 public:
  // FAILED_PRECONDITION when what is on disk cannot be understood or is another's: a promise must not be forgotten.
  // `on_change`: held() or shown() is another one.
  static absl::StatusOr<std::unique_ptr<HoldKeeper>> Open(EventLoop& loop, const StateDir& dir,
                                                          const std::string& data_dir, std::function<void()> on_change);

  void On(const v1::HoldDown& order);
  // Does again what failed, and looks whether the data directory was replaced. Call it now and then.
  void Look();

  bool held() const { return held_; }
  // As it is on disk; without an id when nothing is.
  const v1::HoldStatus& shown() const { return shown_; }

 private:
  HoldKeeper(EventLoop& loop, const StateDir& dir, const std::string& data_dir, v1::HoldStatus durable,
             std::function<void()> on_change);
  void Settle();
  void OnSettled(const v1::HoldStatus& wanted, const absl::StatusOr<v1::HoldStatus>& settled);

  EventLoop& loop_;
  const StateFile file_;
  const std::string data_dir_;
  std::function<void()> on_change_;
  v1::HoldStatus wanted_;  // of the last order
  v1::HoldStatus shown_;
  bool held_ = false;
  bool busy_ = false;
  Worker worker_{loop_};  // last: ends first
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_HOLD_KEEPER_H_
