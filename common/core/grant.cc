#include "common/core/grant.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/last_primary.h"
#include "common/core/lookup.h"
#include "common/core/party.h"
#include "common/core/promotion.h"
#include "common/core/proto_time.h"
#include "common/core/recovery.h"

namespace minder {
namespace {

std::string GroupName(const v1::Grant& grant) { return absl::StrJoin(grant.group(), "+"); }

bool AllProven(const PromotionPlan& plan) {
  return std::ranges::all_of(plan.others, [](const Other& o) { return o.proof == Other::Proof::kProven; });
}

// Also the same others: a node may have been renamed since.
bool SamePlan(const v1::Grant& grant, const PromotionPlan& plan) {
  return std::ranges::equal(grant.group(), plan.group, {}, {},
                            [](const NodeFacts* n) -> const std::string& { return n->config->name(); }) &&
         std::ranges::equal(grant.others(), plan.others, {}, {}, &Other::dbserver);
}

v1::Position PositionOf(const PromotionPlan& plan) {
  v1::Position position;
  position.set_seqno(-1);
  for (const NodeFacts* node : plan.group) {
    const v1::WsrepStatus& wsrep = node->report->wsrep();
    position.set_uuid(wsrep.local_state_uuid());
    position.set_seqno(std::max(position.seqno(), wsrep.last_committed()));
  }
  return position;
}

// Those who may live, and hold what the group does not have; and no longer who is of the group now.
void CountOut(const Facts& facts, v1::DurableState& next) {
  for (v1::LeftBehind& left : *next.mutable_left_behind()) {
    if (std::ranges::find(next.grant().group(), left.dbserver()) != next.grant().group().end()) {
      left.clear_counted_out();
      left.clear_ending();
    }
    const auto other = std::ranges::find(facts.promotion.others, left.dbserver(), &Other::dbserver);
    if (other == facts.promotion.others.end() || !other->count_out) continue;
    const auto& members = facts.confirmed->members();
    left.set_counted_out(std::ranges::find(members, left.dbserver(), &v1::Member::dbserver)->gcomm_uuid());
  }
}

void GiveOrder(const Facts& facts, BootTime now, v1::Decision& decision) {
  v1::Grant& grant = *decision.mutable_next()->mutable_grant();
  grant.set_state(v1::GRANT_STATE_ORDERED);
  grant.clear_evidence();
  for (const Other& other : facts.promotion.others) grant.add_evidence(other.detail);
  const NodeFacts& target = *facts.promotion.group.front();
  grant.set_target(target.config->name());
  grant.set_nonce(target.report->nonce());
  LimitLeftBehind(PositionOf(facts.promotion), *decision.mutable_next());
  CountOut(facts, *decision.mutable_next());
  *grant.mutable_ordered_at() = ToProto(ToSinceBoot(now));
  decision.mutable_next()->set_whole(false);
  RecordGrant(decision, absl::StrFormat("%s is ordered to make %s primary", grant.target(), GroupName(grant)));
}

const v1::OrderStatus* OutcomeAt(const NodeFacts& node, const v1::Grant& grant) {
  const auto it = std::ranges::find_if(node.report->orders(), [&](const v1::OrderStatus& order) {
    return order.verb() == v1::Message::kMakePrimaryFieldNumber && order.epoch() == grant.epoch();
  });
  return it == node.report->orders().end() ? nullptr : &*it;
}

bool IsDead(const Facts& facts, const std::string& dbserver) {
  return std::ranges::any_of(facts.deaths, [&](const v1::Death& d) { return d.dbserver() == dbserver; });
}

// True when nobody in the group is in a primary component: each is seen not to be, later than `after`, or is dead.
bool NobodyPrimary(const Facts& facts, const v1::Grant& grant, BootTime now, BootTime after) {
  return std::ranges::all_of(grant.group(), [&](const std::string& name) {
    const NodeFacts* node = FindNode(facts, name);
    const bool not_primary = node != nullptr && (node->primary == v1::TERNARY_NO || node->waiting);
    return IsDead(facts, name) || (not_primary && now - node->age > after);
  });
}

BootTime ExpiryOf(const v1::Configuration& config, const v1::Grant& grant) {
  return SinceBoot(FromProto(grant.ordered_at())) + FromProto(config.promotion().order_validity()) + kExpiryMargin;
}

// The order may be on its way yet, to the agent or in its mariadbd, and be carried out in whatever component is there
// by then: another primary component that formed meanwhile ends nothing.
bool MayBeOnItsWay(const v1::Configuration& config, const Facts& facts, const v1::Grant& grant, BootTime now) {
  if (now > ExpiryOf(config, grant) || IsDead(facts, grant.target())) return false;
  const NodeFacts* target = FindNode(facts, grant.target());
  if (target == nullptr || !target->fresh) return true;
  const v1::OrderStatus* outcome = OutcomeAt(*target, grant);
  return outcome == nullptr ||
         (outcome->outcome() != v1::ORDER_OUTCOME_DONE && outcome->outcome() != v1::ORDER_OUTCOME_REFUSED &&
          outcome->outcome() != v1::ORDER_OUTCOME_FAILED);
}

// The target shows that it has not begun to carry it out, and will not: its agent remembers each that it began.
std::string WhyNeverCarriedOut(const v1::Configuration& config, const Facts& facts, const v1::Grant& grant,
                               BootTime now) {
  const NodeFacts* target = FindNode(facts, grant.target());
  if (target == nullptr || !target->fresh) return "";
  const v1::OrderStatus* outcome = OutcomeAt(*target, grant);
  if (outcome == nullptr) {
    const bool never = target->primary != v1::TERNARY_UNKNOWN && now - target->age > ExpiryOf(config, grant) &&
                       target->report->highest_epoch() < grant.epoch();
    return never ? grant.target() + " did not get the order in time, and refuses it now" : "";
  }
  const bool refused = outcome->outcome() == v1::ORDER_OUTCOME_REFUSED;
  return refused ? absl::StrFormat("%s: %s", grant.target(), outcome->detail()) : "";
}

// Why no primary component can come of the order any more; empty while one might. Only its target carries it out, so
// what the target shows decides, unless its mariadbd has ended, perhaps just after it did as told.
std::string WhyOver(const v1::Configuration& config, const Facts& facts, const v1::Grant& grant, BootTime now) {
  if (IsDead(facts, grant.target())) {
    const bool nobody = NobodyPrimary(facts, grant, now, ExpiryOf(config, grant));
    return nobody ? grant.target() + " died, and nobody is primary" : "";
  }
  const NodeFacts* target = FindNode(facts, grant.target());
  if (target == nullptr || !target->fresh) return "";
  // The agent knows how it ended, also while its mariadbd, started again, answers nobody.
  const v1::OrderStatus* outcome = OutcomeAt(*target, grant);
  const bool failed = outcome != nullptr && outcome->outcome() == v1::ORDER_OUTCOME_FAILED;
  return failed ? absl::StrFormat("%s: %s", grant.target(), outcome->detail())
                : WhyNeverCarriedOut(config, facts, grant, now);
}

// The target reports that it was in a primary component after its order, whatever became of that since.
bool SaysDone(const Facts& facts, const v1::Grant& grant) {
  const NodeFacts* target = FindNode(facts, grant.target());
  if (target == nullptr || !target->fresh) return false;
  const v1::OrderStatus* outcome = OutcomeAt(*target, grant);
  return outcome != nullptr && outcome->outcome() == v1::ORDER_OUTCOME_DONE;
}

// A member of the group that is seen in a primary component, of the old view or of another one.
const NodeFacts* FindPrimary(const Facts& facts, const v1::Grant& grant, bool of_old_view) {
  for (const std::string& name : grant.group()) {
    const NodeFacts* node = FindNode(facts, name);
    if (node != nullptr && node->primary == v1::TERNARY_YES &&
        (node->report->last_primary_view().id() == grant.view_id()) == of_old_view)
      return node;
  }
  return nullptr;
}

const NodeFacts* Promoted(const Facts& facts, const v1::Grant& grant) { return FindPrimary(facts, grant, false); }

const NodeFacts* StillPrimary(const Facts& facts, const v1::Grant& grant) { return FindPrimary(facts, grant, true); }

// Of the promotion done last.
absl::Duration HoldDownOf(const v1::Configuration& config, const v1::LastPromotion& last) {
  const absl::Duration longest = FromProto(config.promotion().longest_hold_down());
  absl::Duration hold = FromProto(config.promotion().hold_down());
  for (std::uint32_t i = 1; i < last.in_row() && hold < longest && hold > absl::ZeroDuration(); ++i)
    hold = std::min(2 * hold, longest);
  return hold;
}

// Before `next.last_promotion` is that of the grant which is done now.
std::uint32_t InRow(const v1::Configuration& config, const v1::DurableState& next) {
  const v1::LastPromotion& last = next.last_promotion();
  const BootTime quiet_from = HeldDownUntil(config, next) + FromProto(config.promotion().longest_hold_down());
  const bool soon = next.has_last_promotion() && SinceBoot(FromProto(next.grant().ordered_at())) < quiet_from;
  const std::uint32_t before = soon ? last.in_row() : 0;
  return next.has_request() ? std::max(before, 1u) : before + 1;
}

void Done(const v1::Configuration& config, const std::string& why, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  const std::uint32_t in_row = InRow(config, next);
  next.mutable_last_promotion()->set_in_row(in_row);
  *next.mutable_last_promotion()->mutable_ordered_at() = next.grant().ordered_at();
  EndGrant(v1::GRANT_STATE_DONE, why, decision);
}

void AdvanceFreezing(const Facts& facts, BootTime now, v1::Decision& decision) {
  if (facts.paused.value == v1::TERNARY_YES) {
    return EndGrant(v1::GRANT_STATE_ABANDONED,
                    absl::StrFormat("before anything was ordered: paused %s", facts.paused.detail), decision);
  }
  const v1::Grant& grant = decision.next().grant();
  const PromotionPlan& plan = facts.promotion;
  const bool same = plan.Possible() && SamePlan(grant, plan) && facts.confirmed->view().id() == grant.view_id();
  if (!same) {
    return EndGrant(
        v1::GRANT_STATE_ABANDONED,
        absl::StrFormat("before anything was ordered: %s",
                        plan.missing.empty() ? "another group is to be promoted" : absl::StrJoin(plan.missing, "; ")),
        decision);
  }
  if (AllProven(plan)) GiveOrder(facts, now, decision);
}

// Both have the same primary view on disk, and it came after the grant; who was promoted has none of before.
bool WasPrimaryWith(const NodeFacts& node, const Facts& facts, const v1::Grant& grant) {
  const auto view_of = [&](const NodeFacts* n) {
    return n != nullptr && n->fresh ? n->report->last_primary_view().id() : "";
  };
  const std::string view = view_of(&node);
  return grant.state() == v1::GRANT_STATE_DONE && !view.empty() && view != grant.view_id() &&
         std::ranges::any_of(grant.group(),
                             [&](const std::string& name) { return view_of(FindNode(facts, name)) == view; });
}

std::string Awaited(const Other& other) {
  if (other.proof == Other::Proof::kWaits) return absl::StrFormat("the end of what waits on %s", other.dbserver);
  if (other.proof != Other::Proof::kLease) return absl::StrFormat("the promise of %s", other.dbserver);
  return absl::StrCat(other.count_out ? "the moment by which Galera has noticed on " : "the end of the lease of ",
                      other.dbserver);
}

}  // namespace

bool IsOpen(const v1::Grant& grant) {
  return grant.state() == v1::GRANT_STATE_FREEZING || grant.state() == v1::GRANT_STATE_ORDERED;
}

BootTime HeldDownUntil(const v1::Configuration& config, const v1::DurableState& state) {
  if (!state.has_last_promotion()) return BootTime();
  return SinceBoot(FromProto(state.last_promotion().ordered_at())) + HoldDownOf(config, state.last_promotion());
}

std::uint64_t NextEpoch(const Facts& facts, const v1::DurableState& durable) {
  std::uint64_t epoch = durable.epoch();
  for (const NodeFacts& node : facts.nodes) {
    if (node.report != nullptr) epoch = std::max(epoch, node.report->highest_epoch());
  }
  return epoch + 1;
}

void RecordGrant(v1::Decision& decision, const std::string& text) {
  const v1::Grant& grant = decision.next().grant();
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("grant");
  record.set_epoch(grant.epoch());
  record.set_text(text);
  *record.mutable_evidence() = grant.evidence();
}

void EndGrant(v1::GrantState state, const std::string& why, v1::Decision& decision, bool never_carried_out) {
  v1::DurableState& next = *decision.mutable_next();
  const bool never_ordered = next.grant().state() == v1::GRANT_STATE_FREEZING;
  next.mutable_grant()->set_state(state);
  RecordGrant(decision, why);
  if (!never_ordered && !never_carried_out) return;
  auto& left_behind = *next.mutable_left_behind();
  const auto by_it = [&](const v1::LeftBehind& left) { return left.epoch() == next.grant().epoch(); };
  left_behind.erase(std::remove_if(left_behind.begin(), left_behind.end(), by_it), left_behind.end());
}

void LeaveBehind(const std::vector<NodeFacts>& nodes, const v1::Grant& grant, v1::DurableState& next) {
  const auto leave = [&](const std::string& name) {
    if (FindLeftBehind(next, name) != nullptr) return;
    v1::LeftBehind& left = *next.add_left_behind();
    left.set_dbserver(name);
    left.set_epoch(grant.epoch());
  };
  for (const std::string& other : grant.others()) leave(other);
  // Also who was not in the last component that was confirmed: it may have been in a later one, unseen.
  for (const NodeFacts& node : nodes) {
    if (std::ranges::find(grant.group(), node.config->name()) == grant.group().end()) leave(node.config->name());
  }
  std::ranges::sort(*next.mutable_left_behind(), {}, &v1::LeftBehind::dbserver);
}

void LimitLeftBehind(const v1::Position& position, v1::DurableState& next) {
  for (v1::LeftBehind& left : *next.mutable_left_behind()) {
    if (!left.has_not_beyond()) *left.mutable_not_beyond() = position;
  }
}

void BeginGrant(const Facts& facts, BootTime now, v1::Decision& decision) {
  const PromotionPlan& plan = facts.promotion;
  v1::DurableState& next = *decision.mutable_next();
  next.set_epoch(NextEpoch(facts, next));
  v1::Grant& grant = *next.mutable_grant();
  grant.Clear();
  grant.set_epoch(next.epoch());
  grant.set_state(v1::GRANT_STATE_FREEZING);
  grant.set_view_id(facts.confirmed->view().id());
  if (next.request().force()) grant.set_forced_by(next.request().reason());
  for (const NodeFacts* node : plan.group) grant.add_group(node->config->name());
  for (const Other& other : plan.others) {
    grant.add_others(other.dbserver);
    if (!other.fenced_after) continue;
    v1::GrantFence& fence = *grant.add_fences();
    fence.set_dbserver(other.dbserver);
    *fence.mutable_after() = ToProto(*other.fenced_after);
    fence.set_tie(other.count_out);
  }
  *grant.mutable_begun_at() = ToProto(ToSinceBoot(now));
  LeaveBehind(facts.nodes, grant, next);
  if (AllProven(plan)) return GiveOrder(facts, now, decision);
  for (const Other& other : plan.others) grant.add_evidence(other.detail);
  RecordGrant(decision, absl::StrFormat("%s is to become primary; %s asked to promise not to", GroupName(grant),
                                        absl::StrJoin(grant.others(), ", ")));
}

void AdvanceGrant(const v1::Configuration& config, const Facts& facts, BootTime now, v1::Decision& decision) {
  const v1::Grant& grant = decision.next().grant();
  if (!IsOpen(grant)) return;
  if (grant.bootstrap()) return AdvanceBootstrap(config, facts, now, decision);
  if (const NodeFacts* node = Promoted(facts, grant)) {
    if (grant.state() == v1::GRANT_STATE_FREEZING) {
      return EndGrant(
          v1::GRANT_STATE_ABANDONED,
          absl::StrFormat("before anything was ordered: %s is in a primary component that formed by itself: %s",
                          node->config->name(), node->report->group()),
          decision);
    }
    if (MayBeOnItsWay(config, facts, grant, now)) return;
    return Done(config,
                absl::StrFormat("%s is in a new primary component: %s", node->config->name(), node->report->group()),
                decision);
  }
  if (grant.state() == v1::GRANT_STATE_FREEZING) return AdvanceFreezing(facts, now, decision);
  if (const NodeFacts* node = StillPrimary(facts, grant); node != nullptr && SaysDone(facts, grant)) {
    return EndGrant(v1::GRANT_STATE_ABANDONED,
                    absl::StrFormat("%s is in the old primary component, which was late to show itself: %s",
                                    node->config->name(), node->report->group()),
                    decision);
  }
  if (SaysDone(facts, grant))
    return Done(config, grant.target() + " reports that it was in a primary component after its order", decision);
  if (const std::string why = WhyOver(config, facts, grant, now); !why.empty())
    EndGrant(v1::GRANT_STATE_ABANDONED, why, decision, why == WhyNeverCarriedOut(config, facts, grant, now));
}

void OrderGrant(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  const v1::Grant& grant = decision.next().grant();
  if (grant.bootstrap()) return;  // OrderRecovery
  if (grant.state() == v1::GRANT_STATE_ORDERED) {
    if (FindNode(facts, grant.target()) == nullptr) return;  // no longer configured
    v1::Order& order = *decision.add_orders();
    *order.mutable_receiver() = DbserverParty(config, grant.target());
    order.mutable_make_primary()->set_epoch(grant.epoch());
    order.mutable_make_primary()->set_nonce(grant.nonce());
    order.mutable_make_primary()->set_group(absl::StrJoin(grant.group(), "+"));
    order.mutable_make_primary()->set_config_version(config.version());
    order.mutable_make_primary()->set_config_digest(config.digest());
    for (const v1::LeftBehind& left : decision.next().left_behind()) {
      if (!left.counted_out().empty()) order.mutable_make_primary()->add_counted_out(left.counted_out());
    }
    return;
  }
  if (grant.state() != v1::GRANT_STATE_FREEZING) return;
  for (const Other& other : facts.promotion.others) {
    if (other.proof == Other::Proof::kWaits) OrderEnd(config, *other.node, decision);
    if (other.proof != Other::Proof::kPromise) continue;
    v1::Order& order = *decision.add_orders();
    *order.mutable_receiver() = DbserverParty(config, other.dbserver);
    order.mutable_freeze()->set_epoch(grant.epoch());
    order.mutable_freeze()->set_nonce(other.node->report->nonce());
  }
}

void TakeBackIn(const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  if (next.left_behind().empty() || IsOpen(next.grant())) return;
  const NodeFacts* promoted = Promoted(facts, next.grant());
  // Of that grant nothing came.
  if (promoted == nullptr && next.grant().state() == v1::GRANT_STATE_ABANDONED)
    promoted = StillPrimary(facts, next.grant());
  std::vector<v1::LeftBehind> left;
  std::vector<std::string> names;
  for (const v1::LeftBehind& behind : next.left_behind()) {
    const NodeFacts* node = FindNode(facts, behind.dbserver());
    // By its own uuid: the name in a view is what a configuration file calls it.
    const bool merged = promoted != nullptr && node != nullptr && node->running == v1::TERNARY_YES &&
                        ViewHas(*promoted->report, node->report->wsrep().gcomm_uuid());
    if (node == nullptr || merged || WasPrimaryWith(*node, facts, next.grant())) continue;
    left.push_back(behind);
    names.push_back(behind.dbserver());
  }
  if (static_cast<int>(left.size()) == next.left_behind_size()) return;
  next.mutable_left_behind()->Assign(left.begin(), left.end());
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("left_behind");
  record.set_epoch(next.epoch());
  record.set_text(names.empty() ? "nobody is left behind any more"
                                : absl::StrFormat("still left behind: %s", absl::StrJoin(names, ", ")));
}

std::string DescribeGrant(const v1::Grant& grant, const PromotionPlan& plan) {
  if (grant.bootstrap()) return DescribeBootstrap(grant);
  if (grant.state() == v1::GRANT_STATE_FREEZING) {
    std::vector<std::string> awaited;
    for (const Other& other : plan.others) {
      if (other.proof == Other::Proof::kProven) continue;
      awaited.push_back(Awaited(other));
    }
    if (awaited.empty()) return absl::StrFormat("epoch %d: %s is made primary", grant.epoch(), GroupName(grant));
    return absl::StrFormat("epoch %d: %s is made primary after %s", grant.epoch(), GroupName(grant),
                           absl::StrJoin(awaited, ", "));
  }
  return absl::StrFormat(
      "epoch %d: %s is ordered to make %s primary; until that is seen to be done or given up, nothing "
      "else is ordered",
      grant.epoch(), grant.target(), GroupName(grant));
}

}  // namespace minder
