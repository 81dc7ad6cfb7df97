#include "common/core/view_watch.h"

#include <utility>

#include "common/core/proto_time.h"

namespace minder {
namespace {

bool IsSettled(const v1::DbStatusReport& report) {
  return report.running() == v1::TERNARY_YES && report.wsrep().evs_state() == "OPERATIONAL";
}

}  // namespace

void ViewWatch::OnObserved(BootTime observed_at, v1::DbStatusReport& report) {
  if (std::exchange(pid_, report.process().pid()) != report.process().pid()) {
    primary_at_.reset();
    departure_.reset();
    settled_at_.reset();
  }
  WatchDeparture(observed_at, report);
  WatchView(observed_at, report);
  if (departure_) *report.mutable_departure() = *departure_;
  if (settled_at_) *report.mutable_settled_for() = ToProto(observed_at - *settled_at_);
}

void ViewWatch::WatchDeparture(BootTime observed_at, const v1::DbStatusReport& report) {
  const std::string& view = report.last_primary_view().id();
  if (report.primary() == v1::TERNARY_YES) {
    departure_.reset();
    if (!IsSettled(report)) return;
    primary_at_ = observed_at;
    primary_view_ = view;
  } else if (IsSettled(report) && report.wsrep().cluster_status() == v1::CLUSTER_STATUS_NON_PRIMARY && primary_at_ &&
             !departure_ && view == primary_view_ &&
             report.wsrep().cluster_size() == static_cast<std::uint32_t>(report.members_size())) {
    // Just after a change the status is that of the new view, and the members are those of before.
    departure_.emplace();
    for (const v1::ViewMember& member : report.members()) departure_->add_members(member.uuid());
    *departure_->mutable_unseen() = ToProto(observed_at - *primary_at_);
  }
}

void ViewWatch::WatchView(BootTime observed_at, const v1::DbStatusReport& report) {
  std::vector<std::string> members;
  for (const v1::ViewMember& member : report.members()) members.push_back(member.uuid());
  const bool same = std::exchange(members_, members) == members;
  if (!IsSettled(report)) return settled_at_.reset();
  if (!same || !settled_at_) settled_at_ = observed_at;
}

}  // namespace minder
