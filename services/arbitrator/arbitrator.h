#ifndef MINDER_SERVICES_ARBITRATOR_ARBITRATOR_H_
#define MINDER_SERVICES_ARBITRATOR_ARBITRATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/core/drain_plan.h"
#include "common/core/facts.h"
#include "common/core/outbox.h"
#include "common/rpc/switchboard.h"
#include "minder/v1/services.pb.h"
#include "services/arbitrator/store.h"

namespace minder {

// The shell round the mind: keeps the last reports, asks Decide after each event, persists, then sends what differs
// from the last orders. Everything on the loop.
class Arbitrator {
 public:
  // What the last decision was made of.
  struct Outlook {
    Facts facts;
    v1::Decision decision;
    v1::StatusSummaryResponse summary;
  };

  // `loop` outlives the arbitrator.
  Arbitrator(EventLoop& loop, const v1::Configuration& config, const std::string& boot_id);
  ~Arbitrator();

  // Loads what the store holds, once and before the loop runs; `store` outlives the arbitrator. When that cannot be
  // read nobody knows what was promised, drained or revoked: nothing is ordered and no lease is given, and
  // store_error() says so; reports are taken and questions answered all the same.
  void Begin(Store& store);

  Switchboard& switchboard() { return switchboard_; }
  const v1::Configuration& config() const { return config_; }

  // Of this moment: ages are those of now.
  Outlook Look() const;

  // Calls `changed` after each decision, until Unsubscribe.
  std::uint64_t Subscribe(std::function<void()> changed);
  void Unsubscribe(std::uint64_t id);

  // Records a drain, or its end, durably, with the id of who asked for it; OK when it is so already. The orders follow.
  // The refusal, if any, was checked by the caller.
  absl::Status RecordDrain(const std::string& dbserver, const std::string& drain_id);
  absl::Status RecordUndrain(const std::string& dbserver, const std::string& request_id);

  // Records a human's will, durably; the decision follows.
  absl::Status RecordPause(const v1::Pause& pause);
  absl::Status RecordResume();
  absl::Status RecordRequest(const v1::PromotionRequest& request);
  absl::Status RecordRecovery(const v1::Recovery& recovery);
  absl::Status RecordDeath(const v1::Death& death, const std::string& reason);
  absl::Status RecordAcknowledgement(const std::string& keep, const std::string& by);
  absl::Status RecordRelease(const std::string& dbserver, const std::string& by);

  absl::StatusOr<v1::HistoryResponse> History(std::uint32_t limit, std::uint64_t before) {
    return store_->History(limit, before);
  }

  // Asks a dbserver for a report.
  void RequestStatus(const std::string& dbserver);
  const v1::ArbitratorState& state() const { return state_; }
  // Why the last write failed, for as long as none has succeeded since; empty when it did not.
  const std::string& store_error() const { return store_error_; }

 private:
  using Records = google::protobuf::RepeatedPtrField<v1::AuditRecord>;

  void OnMessage(const v1::Message& message);
  void OnConnected(const v1::Party& party);
  void OnFormerBoot(const v1::Party& party);
  void ThinkSoon();
  void Think();
  absl::Status Persist(const v1::DurableState& next, const Records& records);
  absl::Status PersistDrains(v1::DurableState next, const std::string& what);

  EventLoop& loop_;
  const v1::Configuration config_;
  const std::string boot_id_;
  Store* store_ = nullptr;
  absl::Status loaded_;
  v1::ArbitratorState state_;
  Switchboard switchboard_;
  Outbox outbox_;
  std::map<std::uint64_t, std::function<void()>> subscribers_;
  std::uint64_t next_subscriber_ = 1;
  bool thinking_soon_ = false;
  std::string last_reason_;
  std::string store_error_;
  EventLoop::TimerId wake_up_ = 0;
  std::shared_ptr<Arbitrator*> alive_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_ARBITRATOR_H_
