#ifndef MINDER_TESTS_SIMULATION_COMMITS_H_
#define MINDER_TESTS_SIMULATION_COMMITS_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace minder {

// Every write set that was ever committed anywhere, each after its parent. A position in it is a number; 0 is where all
// nodes begin. Two nodes with one seqno may have different write sets: that is what forks are.
class Commits {
 public:
  // A primary view in which a write was acknowledged: its number, and the hosts in it.
  struct View {
    int seq = 0;
    std::vector<int> hosts;
  };

  // A write set of which no client was told.
  int Add(int parent) {
    all_.push_back({.parent = parent, .seqno = seqno(parent) + 1});
    return static_cast<int>(all_.size()) - 1;
  }
  int AddAcknowledged(int parent, View view) {
    const int commit = Add(parent);
    At(commit).acknowledged = true;
    At(commit).view = std::move(view);
    return commit;
  }
  std::int64_t seqno(int commit) const { return At(commit).seqno; }
  // Whoever is at `position` has `commit`.
  bool Has(int position, int commit) const {
    while (seqno(position) > seqno(commit)) position = At(position).parent;
    return position == commit;
  }
  int Parent(int commit) const { return At(commit).parent; }
  // It was lost by a process that had received it and had not yet applied it.
  void Rewind(int from, int to) {
    for (int at = from; at != to && seqno(at) > seqno(to); at = At(at).parent) At(at).rewound = true;
  }
  // Somebody goes on at `base`, who was last in the primary view of number `last.seq`: what was acknowledged in a later
  // one with any of `last.hosts`, on the way to `position`, may be lost from now on.
  void GiveUp(int position, int base, const View& last) {
    for (int at = position; !Has(base, at); at = At(at).parent) {
      const View& view = At(at).view;
      At(at).given_up |= view.seq > last.seq && std::ranges::find_first_of(view.hosts, last.hosts) != view.hosts.end();
    }
  }
  // Whoever goes on at `base` lacks a write at `position` that was acknowledged and not given up.
  bool Loses(int position, int base) const {
    for (int at = position; !Has(base, at); at = At(at).parent) {
      if (At(at).acknowledged && !At(at).given_up) return true;
    }
    return false;
  }
  // Any write set that is at `position` and not at `other` was once lost with the memory of a process.
  bool RewoundBetween(int position, int other) const {
    for (int at = position; !Has(other, at); at = At(at).parent) {
      if (At(at).rewound) return true;
    }
    return false;
  }

 private:
  struct Commit {
    int parent = 0;
    std::int64_t seqno = 100;
    bool rewound = false;
    bool acknowledged = false;
    bool given_up = false;
    View view{};
  };

  const Commit& At(int commit) const { return all_[static_cast<std::size_t>(commit)]; }
  Commit& At(int commit) { return all_[static_cast<std::size_t>(commit)]; }

  std::vector<Commit> all_ = {Commit()};
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_COMMITS_H_
