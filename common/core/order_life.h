#ifndef MINDER_COMMON_CORE_ORDER_LIFE_H_
#define MINDER_COMMON_CORE_ORDER_LIFE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/core/authorise.h"
#include "common/core/order_phase.h"

namespace minder {

// What the shell has to do after an event; each at most once.
struct OrderEffects {
  // To the disk, durably, after all earlier writes; then OnWritten.
  struct Write {
    v1::AgentPromise promise;
    bool then_carry_out = false;  // OnWritten goes on to what was accepted: `promote`, or `bootstrap`
    BootTime not_after{};         // it is not begun later
  };
  // pc.bootstrap on the server, if it begins before `not_after`; then OnPromoted.
  struct Promote {
    BootTime not_after;
    v1::OrderStatus status;
    std::vector<std::string> counted_out;  // gcomm uuids that Galera has to refuse before
  };

  std::vector<std::string> log;  // for humans
  std::optional<Write> write;
  std::optional<Promote> promote;
  std::optional<v1::EvictMember> evict;  // then OnEvicted
  std::optional<v1::Recover> recover;    // any action but to bootstrap; then OnRecovered, if there is an end to tell of
  std::optional<v1::OrderStatus> bootstrap;  // start mariadbd as the first node of the cluster; then OnBootstrapped
  bool changed = false;                      // what is shown, or what a probe would show, is another one
};

// The life of an agent's orders about primary components (ADR 0007): asks whether each may be carried out, wants every
// promise and every epoch on disk before anything is done or shown, and tells what became of it. Pure: events in,
// effects out.
class OrderLife {
 public:
  struct Options {
    std::uint64_t config_version = 0;
    std::string config_digest{};
    absl::Duration order_validity;
    bool ends_on_illegal = true;  // what order_phase.h has no transition for ends the program; else it is refused
  };

  // `promise` is what the disk holds.
  OrderLife(const Options& options, v1::AgentPromise promise);

  OrderEffects On(const v1::Freeze& order, BootTime now);
  OrderEffects On(const v1::MakePrimary& order, BootTime now);
  OrderEffects On(const v1::EvictMember& order, BootTime now);
  OrderEffects On(const v1::Recover& order, BootTime now);

  // What became of an effect. Of a promotion: FAILED_PRECONDITION, nothing was done; ABORTED, done and without effect
  // so far; any other error, it may still happen. OK is shown with the first observation that began after `now`.
  OrderEffects OnWritten(const OrderEffects::Write& write, const absl::Status& written, BootTime now);
  OrderEffects OnPromoted(const OrderEffects::Promote& promote, const absl::Status& outcome, BootTime now);
  OrderEffects OnRecovered(const v1::Recover& order, const absl::Status& outcome);
  // OK: it starts, and the next reports show whether it is primary, or has ended.
  OrderEffects OnBootstrapped(const v1::OrderStatus& accepted, const absl::Status& outcome);
  OrderEffects OnEvicted(const v1::EvictMember& order, const absl::Status& outcome);

  // After each report: what later orders are compared with, and what ends a promise or an order in doubt.
  OrderEffects OnReported(const v1::DbStatusReport& report, BootTime observed_at);

  // After split brain nothing is carried out.
  void SetHeldDown(bool held_down) { held_down_ = held_down; }

  const v1::DbStatusReport& last_report() const { return last_report_; }
  const Sightings& sightings() const { return sightings_; }
  // Of the last order that was accepted, once all writes are done.
  OrderPhase phase() const;
  // As it is on disk.
  const v1::AgentPromise& shown() const { return shown_; }
  // For a report of what was observed then: what was seen before a promise says nothing of after it, and the two count
  // as one proof (E1).
  v1::FreezeStatus FreezeSeenAt(BootTime observed_at) const;
  std::vector<v1::OrderStatus> outcomes() const;

 private:
  OwnState Own() const;
  OrderEffects Bootstrap(const v1::Recover& order, BootTime now);
  OrderEffects Accept(v1::OrderStatus status, BootTime not_after);
  OrderEffects Refuse(v1::OrderStatus status, const std::string& why);
  std::optional<OrderPhase> Apply(OrderEvent event, OrderEffects& effects);
  std::optional<OrderPhase> ApplyTo(const v1::OrderStatus& accepted, OrderEvent event, OrderEffects& effects);
  OrderEffects Conclude(OrderEvent event, v1::OrderStatus status, const std::string& detail);
  OrderEffects Learn(const v1::DbStatusReport& report, BootTime observed_at);
  OrderEffects LearnInDoubt(const v1::DbStatusReport& report);
  OrderEffects OnPrimarySeen();
  OrderEffects Write(v1::AgentPromise next);
  OrderEffects OnNotWritten(const OrderEffects::Write& write, const std::string& why);
  OrderEffects OnOrderNotWritten(const OrderEffects::Write& write, const std::string& why);
  void BackToDisk(OrderEffects& effects);
  void TakeUp(OrderEffects& effects);
  bool IsLast(const v1::OrderStatus& accepted) const;

  const Options options_;
  Sightings sightings_;
  v1::DbStatusReport last_report_;
  v1::AgentPromise promise_;                 // as it will be once all writes are done
  v1::AgentPromise shown_;                   // as it is on disk
  int on_their_way_ = 0;                     // writes
  std::uint64_t refused_epoch_ = 0;          // what was refused once stays so, should it come again
  std::map<int, v1::OrderStatus> outcomes_;  // of the last order by verb, without make_primary that is in promise_
  BootTime promised_at_ = absl::InfinitePast();
  std::string last_eviction_;             // the order, serialized
  std::string last_refusal_;              // the process, and whom it was last told to refuse
  std::string ordered_in_;                // the state in which make_primary was carried out
  std::vector<std::string> counted_out_;  // with make_primary
  bool held_down_ = false;
  OrderPhase open_phase_ = OrderPhase::kNone;  // phase(), unless promise_ holds an end, which may not get to the disk
  BootTime took_effect_;                       // in kTookEffect: when that was seen
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_ORDER_LIFE_H_
