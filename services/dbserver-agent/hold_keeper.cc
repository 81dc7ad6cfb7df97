#include "services/dbserver-agent/hold_keeper.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace minder {
namespace {

constexpr char kMarkText[] =
    "This data directory was part of a split brain. A server that is started on it may join the cluster with rows "
    "that\n"
    "the others do not have. 'minderctl explain' says whether it is to be moved aside. minder removes this file.\n";

StateFile HoldIn(const StateDir& dir) {
  return {dir, "hold.json", "mariadbd down after split brain", "minderctl explain says that nobody is held down"};
}

absl::Status SaveHold(const StateFile& file, v1::HoldStatus hold) {
  hold.clear_fresh_data();
  return file.Save(std::move(hold));
}

absl::Status RemoveMark(const std::string& mark) {
  if (unlink(mark.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot remove " + mark);
}

// There is a data directory, and the mark is not in it.
bool IsReplaced(const std::string& data_dir, const std::string& mark) {
  struct stat status {};
  if (stat(data_dir.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return stat(mark.c_str(), &status) != 0 && errno == ENOENT;
}

// Makes the disk say `hold`; what it says then.
absl::StatusOr<v1::HoldStatus> Carry(const StateFile& file, const std::string& data_dir, v1::HoldStatus hold,
                                     const v1::HoldStatus& before) {
  const std::string mark = data_dir + "/" + kSplitBrainMark;
  if (hold.split_id().empty()) {
    MINDER_RETURN_IF_ERROR(RemoveMark(mark));
    MINDER_RETURN_IF_ERROR(SaveHold(file, hold));
    return hold;
  }
  hold.set_marked(before.marked() && before.split_id() == hold.split_id());
  if (before.split_id() != hold.split_id() || before.rebuild() != hold.rebuild())
    MINDER_RETURN_IF_ERROR(SaveHold(file, hold));
  if (!hold.marked()) {
    if (const absl::Status marked = WriteFileDurably(mark, kMarkText); !marked.ok()) {
      spdlog::warn("hold: {}", std::string(marked.message()));
      return hold;  // held all the same; only its replacement would not show
    }
    hold.set_marked(true);
    MINDER_RETURN_IF_ERROR(SaveHold(file, hold));
  }
  hold.set_fresh_data(IsReplaced(data_dir, mark));
  return hold;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HoldKeeper>> HoldKeeper::Open(EventLoop& loop, const StateDir& dir,
                                                             const std::string& data_dir,
                                                             std::function<void()> on_change) {
  MINDER_ASSIGN_OR_RETURN(const auto durable, HoldIn(dir).Load<v1::HoldStatus>());
  return std::unique_ptr<HoldKeeper>(
      new HoldKeeper(loop, dir, data_dir, durable.value_or(v1::HoldStatus()), std::move(on_change)));
}

HoldKeeper::HoldKeeper(EventLoop& loop, const StateDir& dir, const std::string& data_dir, v1::HoldStatus durable,
                       std::function<void()> on_change)
    : loop_(loop),
      file_(HoldIn(dir)),
      data_dir_(data_dir),
      on_change_(std::move(on_change)),
      wanted_(durable),
      shown_(std::move(durable)),
      held_(!shown_.split_id().empty()) {}

void HoldKeeper::On(const v1::HoldDown& order) {
  const bool is_known =
      v1::HoldDown::Action_IsValid(order.action()) && order.action() != v1::HoldDown::ACTION_UNSPECIFIED;
  if (!is_known || order.split_id().empty())
    return spdlog::error("an order to hold mariadbd down that is not understood is ignored: {}",
                         order.ShortDebugString());
  v1::HoldStatus wanted;
  if (order.action() == v1::HoldDown::ACTION_RELEASE) {
    if (order.split_id() != wanted_.split_id()) return;
    spdlog::info("released after split brain {}", order.split_id());
  } else {
    wanted.set_split_id(order.split_id());
    wanted.set_rebuild(order.action() == v1::HoldDown::ACTION_REBUILD);
    if (wanted.split_id() == wanted_.split_id() && wanted.rebuild() == wanted_.rebuild()) return;
    spdlog::error("split brain {}: mariadbd is not started any more, {}", order.split_id(),
                  wanted.rebuild() ? "and is to be rebuilt: minderctl explain has the commands"
                                   : "until a human says which side stays");
    held_ = true;
    on_change_();
  }
  wanted_ = wanted;
  Settle();
}

void HoldKeeper::Look() {
  if (!wanted_.split_id().empty() || !shown_.split_id().empty()) Settle();
}

void HoldKeeper::Settle() {
  if (std::exchange(busy_, true)) return;
  worker_.Do([this, wanted = wanted_, before = shown_] { return Carry(file_, data_dir_, wanted, before); },
             [this, wanted = wanted_](const auto& settled) { OnSettled(wanted, settled); });
}

// What failed is done again at the next look.
void HoldKeeper::OnSettled(const v1::HoldStatus& wanted, const absl::StatusOr<v1::HoldStatus>& settled) {
  busy_ = false;
  if (!settled.ok()) {
    spdlog::error("hold: {}", std::string(settled.status().message()));
    return;
  }
  const bool same = shown_.SerializeAsString() == settled->SerializeAsString();
  shown_ = *settled;
  const bool overtaken = wanted.split_id() != wanted_.split_id() || wanted.rebuild() != wanted_.rebuild();
  if (overtaken) return Settle();
  held_ = !shown_.split_id().empty();
  if (!same) on_change_();
}

}  // namespace minder
