#ifndef MINDER_COMMON_CORE_AUTHORISE_H_
#define MINDER_COMMON_CORE_AUTHORISE_H_

#include <cstdint>
#include <deque>
#include <string>

#include "common/base/clock.h"
#include "minder/v1/message.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// What an agent remembers of its last reports, so that it can tell what an order was decided on.
class Sightings {
 public:
  // A report that was made of what was observed at `observed_at`. The last 32 are kept, which is more than an order
  // stays valid for.
  void Add(const v1::DbStatusReport& report, BootTime observed_at);

  struct Sighting {
    std::string nonce;
    BootTime observed_at;
    std::string state;              // process, view, last primary view, status: all that must not have changed since
    std::string last_primary_view;  // its id
    bool non_primary = false;
    bool answers = false;      // mariadbd runs and answers
    bool was_primary = false;  // this agent has seen the process in a primary component
    bool has_data = false;     // it is stopped, and a position that data stands behind is known
  };
  // nullptr when no report had this nonce, or when that is too long ago.
  const Sighting* Find(const std::string& nonce) const;
  const Sighting* newest() const { return sightings_.empty() ? nullptr : &sightings_.back(); }

 private:
  std::deque<Sighting> sightings_;
};

// What an agent knows of itself when an order arrives.
struct OwnState {
  const Sightings& sightings;
  std::uint64_t highest_epoch = 0;  // durable
  std::uint64_t config_version = 0;
  std::string config_digest{};
  absl::Duration order_validity;
  bool held_down = false;  // after split brain
};

// True for the orders that make their receiver a primary component, of which each has an epoch of its own.
bool MakesPrimary(const v1::OrderStatus& order);

// Why the order is refused (O4); empty when it may be carried out. Pure, so `now` is an argument; to be asked when the
// order arrives and again just before it is carried out.
std::string WhyRefused(const v1::MakePrimary& order, const OwnState& own, BootTime now);
std::string WhyRefused(const v1::Freeze& order, const OwnState& own, BootTime now);
std::string WhyRefused(const v1::EvictMember& order, const OwnState& own, BootTime now);
std::string WhyRefused(const v1::Recover& order, const OwnState& own, BootTime now);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_AUTHORISE_H_
