#include "services/dbserver-agent/order_keeper.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/json_util.h"

namespace minder {
namespace {

absl::StatusOr<v1::AgentPromise> LoadPromise(const std::string& path) {
  v1::AgentPromise promise;
  const auto text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return promise;
  MINDER_RETURN_IF_ERROR(text.status());
  if (google::protobuf::util::JsonStringToMessage(*text, &promise).ok()) return promise;
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s cannot be understood, and it holds promises: put a backup back, or remove it when no promotion is under way",
      path));
}

std::string Serialize(const v1::AgentPromise& promise) {
  std::string text;
  MINDER_CHECK(google::protobuf::util::MessageToJsonString(promise, &text).ok());
  return text + "\n";
}

}  // namespace

absl::StatusOr<std::unique_ptr<OrderKeeper>> OrderKeeper::Open(EventLoop& loop, const Options& options,
                                                               Handlers handlers) {
  MINDER_ASSIGN_OR_RETURN(v1::AgentPromise promise, LoadPromise(options.state_dir + "/promise.json"));
  return std::unique_ptr<OrderKeeper>(new OrderKeeper(loop, options, std::move(promise), std::move(handlers)));
}

OrderKeeper::OrderKeeper(EventLoop& loop, const Options& options, v1::AgentPromise promise, Handlers handlers)
    : loop_(loop),
      path_(options.state_dir + "/promise.json"),
      handlers_(std::move(handlers)),
      life_({.config_version = options.config_version, .order_validity = options.order_validity}, std::move(promise)) {}

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
  worker_.Do([this, write] { return WriteFileDurably(path_, Serialize(write.promise)); },
             [this, write](const absl::Status& written) { Do(life_.OnWritten(write, written, loop_.Now())); });
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
  handlers_.recover(order, [this, order](const absl::Status& outcome) { Do(life_.OnRecovered(order, outcome)); });
}

void OrderKeeper::DoBootstrap(const v1::OrderStatus& accepted) {
  handlers_.bootstrap([this, accepted](const absl::Status& outcome) { Do(life_.OnBootstrapped(accepted, outcome)); });
}

}  // namespace minder
