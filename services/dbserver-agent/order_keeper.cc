#include "services/dbserver-agent/order_keeper.h"

#include <utility>

#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/mysql/galera_variables.h"

namespace minder {
namespace {

// What other programs wrote may be of any encoding and length; it goes into every report.
absl::Status Clean(const absl::Status& outcome) {
  constexpr std::size_t kLongest = 1000;
  return {outcome.code(), CleanUtf8(std::string(outcome.message().substr(0, kLongest)))};
}

StateFile PromiseIn(const StateDir& dir) { return {dir, "promise.json", "promises", "no promotion is under way"}; }

}  // namespace

absl::StatusOr<std::unique_ptr<OrderKeeper>> OrderKeeper::Open(EventLoop& loop, const Options& options,
                                                               Handlers handlers) {
  MINDER_ASSIGN_OR_RETURN(const auto promise, PromiseIn(options.state_dir).Load<v1::AgentPromise>());
  return std::unique_ptr<OrderKeeper>(
      new OrderKeeper(loop, options, promise.value_or(v1::AgentPromise()), std::move(handlers)));
}

OrderKeeper::OrderKeeper(EventLoop& loop, const Options& options, v1::AgentPromise promise, Handlers handlers)
    : loop_(loop),
      file_(PromiseIn(options.state_dir)),
      handlers_(std::move(handlers)),
      life_({.config_version = options.config_version,
             .config_digest = options.config_digest,
             .order_validity = options.order_validity,
             .ends_on_illegal = options.ends_on_illegal},
            std::move(promise)) {}

void OrderKeeper::Do(const OrderEffects& effects) {
  for (const std::string& line : effects.log) spdlog::warn("orders: {}", line);
  if (effects.write) DoWrite(*effects.write);
  if (effects.promote) DoPromote(*effects.promote);
  if (effects.evict) DoEvict(*effects.evict);
  if (effects.recover) DoRecover(*effects.recover);
  if (effects.bootstrap) DoBootstrap(*effects.bootstrap);
  if (effects.changed) handlers_.on_change();
}

void OrderKeeper::DoWrite(const OrderEffects::Write& write) {
  worker_.Do([this, write] { return file_.Save(write.promise); },
             [this, write](const absl::Status& written) {
               life_.SetHeldDown(handlers_.held_down());
               Do(life_.OnWritten(write, written, loop_.Now()));
             });
}

void OrderKeeper::DoPromote(const OrderEffects::Promote& promote) {
  worker_.Do(
      [this, promote] {
        absl::Status outcome = Failpoint("agent.before_promotion");
        if (outcome.ok()) outcome = handlers_.make_primary(promote);
        Failpoint("agent.after_promotion").IgnoreError();
        return outcome;
      },
      [this, promote](const absl::Status& outcome) { Do(life_.OnPromoted(promote, outcome, loop_.Now())); });
}

void OrderKeeper::DoEvict(const v1::EvictMember& order) {
  worker_.Do(
      [this, order, seen = life_.last_report(), mine = ++evictions_] {
        return handlers_.evict(order, seen, [this, mine] { return evictions_ != mine; });
      },
      [this, order](const absl::Status& outcome) { Do(life_.OnEvicted(order, outcome)); });
}

void OrderKeeper::DoRecover(const v1::Recover& order) {
  handlers_.recover(order,
                    [this, order](const absl::Status& outcome) { Do(life_.OnRecovered(order, Clean(outcome))); });
}

void OrderKeeper::DoBootstrap(const v1::OrderStatus& accepted) {
  handlers_.bootstrap(
      [this, accepted](const absl::Status& outcome) { Do(life_.OnBootstrapped(accepted, Clean(outcome))); });
}

}  // namespace minder
