#ifndef MINDER_TESTS_SERVICES_DBSERVER_AGENT_SUPERVISED_H_
#define MINDER_TESTS_SERVICES_DBSERVER_AGENT_SUPERVISED_H_

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/event_loop.h"
#include "services/dbserver-agent/supervisor.h"

namespace minder {

// A loop with a supervisor on it, and what it told.
class Supervised {
 public:
  Supervised(ServerProcess& process, bool start_absent)
      : supervisor_(loop_, process,
                    {.on_change = [this] { OnChange(); },
                     .last_answer = [this]() -> const std::optional<ProbeAnswer>& { return last_answer_; },
                     .restart_hold = [] { return absl::ZeroDuration(); },
                     .view_id = [] { return std::string(); },
                     .prepare_view = [](bool) { return absl::OkStatus(); },
                     .why_not_start = [] { return std::string(); }}) {
    loop_.Post([this, start_absent] { supervisor_.Begin(start_absent); });
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~Supervised() {
    loop_.Stop();
    thread_.join();
  }

  ObservedProcess observed() const {  // at the last change
    std::lock_guard lock(mutex_);
    return observed_;
  }
  // When it told of the last end.
  std::optional<BootTime> told_of_end_at() const {
    std::lock_guard lock(mutex_);
    return told_of_end_at_;
  }
  bool Sees(Presence presence) const { return observed().presence == presence; }
  void Do(const std::function<void(Supervisor&)>& what) {
    std::promise<void> done;
    loop_.Post([&] {
      what(supervisor_);
      done.set_value();
    });
    done.get_future().wait();
  }
  // The end of one order; UNAVAILABLE when it has to come again.
  absl::Status Ask(const std::function<void(Supervisor&, const Supervisor::Done&)>& order) {
    auto end = std::make_shared<std::promise<absl::Status>>();
    auto told = end->get_future();
    loop_.Post(
        [this, order, end] { order(supervisor_, [end](const absl::Status& status) { end->set_value(status); }); });
    if (told.wait_for(std::chrono::seconds(5)) == std::future_status::ready) return told.get();
    return absl::UnavailableError("not yet");
  }

 private:
  static ProbeAnswer AnswerAt7() {
    ProbeAnswer answer;
    answer.wsrep.set_gcomm_uuid("uuid");
    answer.wsrep.set_last_committed(7);
    return answer;
  }
  void OnChange() {
    std::lock_guard lock(mutex_);
    const bool ran = observed_.presence == Presence::kRunning;
    observed_ = supervisor_.observed();
    if (ran && observed_.presence == Presence::kGone) told_of_end_at_ = BootClock().Now();
  }

  EventLoop loop_;
  mutable std::mutex mutex_;
  ObservedProcess observed_;
  std::optional<BootTime> told_of_end_at_;
  const std::optional<ProbeAnswer> last_answer_ = AnswerAt7();
  Supervisor supervisor_;
  std::thread thread_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBSERVER_AGENT_SUPERVISED_H_
