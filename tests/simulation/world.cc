#include "tests/simulation/world.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/core/lease.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

// Of two to five nodes, at least one in each data centre.
std::vector<std::string> MakeNames(Random& random) {
  const int nodes = 2 + random.Below(4);
  const int second = 1 + random.Below(nodes / 2);
  std::vector<std::string> names;
  for (int i = 1; i <= nodes - second; ++i) names.push_back(absl::StrFormat("a%d", i));
  for (int i = 1; i <= second; ++i) names.push_back(absl::StrFormat("b%d", i));
  return names;
}

v1::Configuration MakeConfig(const std::vector<std::string>& names, Random& random) {
  v1::Configuration config;
  config.set_cluster("shop");
  config.set_version(7);
  config.set_digest("digest of 7");
  config.mutable_arbitrator()->set_name("arb");
  for (const char* name : {"a", "b"}) {
    v1::DataCentre& centre = *config.add_data_centres();
    centre.set_name(name);
    centre.set_role(*name == 'a' ? v1::DataCentre::ROLE_PRIMARY : v1::DataCentre::ROLE_SECONDARY);
  }
  for (const std::string& name : names) {
    v1::DbserverConfig& server = *config.add_dbservers();
    server.set_name(name);
    server.set_data_centre(name.substr(0, 1));
  }
  v1::Timings& timings = *config.mutable_timings();
  *timings.mutable_report_interval() = ToProto(absl::Seconds(1));
  *timings.mutable_probe_deadline() = ToProto(absl::Milliseconds(900));
  *timings.mutable_fresh_for() = ToProto(absl::Seconds(3));
  *timings.mutable_resend_after() = ToProto(absl::Seconds(3));
  v1::Promotion& promotion = *config.mutable_promotion();
  promotion.set_mode(random.Chance(0.9) ? v1::Promotion::MODE_AUTO : v1::Promotion::MODE_MANUAL);
  promotion.set_eviction(random.Chance(0.8) ? v1::Promotion::SWITCH_ON : v1::Promotion::SWITCH_OFF);
  *promotion.mutable_order_validity() = ToProto(absl::Seconds(2));
  *promotion.mutable_hold_down() = ToProto(absl::Seconds(1 + random.Below(15)));
  promotion.set_self_fence(random.Chance(0.3) ? v1::Promotion::FENCE_GUARD : v1::Promotion::FENCE_OFF);
  *promotion.mutable_lease_ttl() = ToProto(absl::Seconds(3 + random.Below(3)));
  promotion.set_tie(random.Chance(0.3) ? v1::Promotion::SWITCH_ON : v1::Promotion::SWITCH_OFF);
  return config;
}

Galera::Settings MakeSettings(const std::vector<std::string>& names, const v1::Promotion& promotion, bool fenced,
                              Random& random) {
  const bool tie = promotion.tie() == v1::Promotion::SWITCH_ON && !fenced;
  Galera::Settings settings{.names = names};
  const bool weighted = random.Chance(0.4);
  for (std::size_t i = 0; i < names.size(); ++i) settings.weights.push_back(weighted ? 1 + random.Below(3) : 1);
  settings.suspect = random.Between(absl::Milliseconds(300), fenced ? absl::Seconds(1) : absl::Seconds(5));
  // A group that leaves the others in one step is seen to do so within less than that.
  if (tie) settings.suspect = random.Between(absl::Seconds(1.6), absl::Seconds(2.2));
  settings.slowest_view = absl::Milliseconds(random.Chance(0.2) ? 400 : 20);
  settings.answers_before_primary = random.Chance(0.5);
  return settings;
}

}  // namespace

World::World(std::uint64_t seed, const Mutant& the_mutant, std::ostream* trace)
    : mutant(the_mutant),
      stage(seed, trace),
      names(MakeNames(stage.random)),
      config(MakeConfig(names, stage.random)),
      network(stage, nodes() + 1),
      galera(stage, network, MakeSettings(names, config.promotion(), GuardsInUse(config), stage.random),
             {.on_notify =
                  [this](int host) {
                    if (agent(host) != nullptr) agent(host)->OnNotify();
                  },
              .on_exit =
                  [this](int host, int pid, bool expected) {
                    if (agent(host) != nullptr) agent(host)->OnExit(pid, expected);
                  }}),
      checks(galera, names, promises_),
      other_config(names.size(), false),
      child_mode(LeasesInUse(config) || stage.random.Chance(0.7)) {
  for (int host = 0; host <= nodes(); ++host) {
    machines_.push_back({.booted_at = stage.now() - stage.random.Between(absl::Minutes(1), absl::Hours(100)),
                         .boot_id = absl::StrFormat("boot-%d-1", host)});
  }
  promises_.resize(names.size());
  guards_.resize(names.size());
  agents_.resize(names.size());
  MakeSeats();
}

void World::MakeSeats() {
  for (int host = 0; host < nodes(); ++host) {
    const auto at = static_cast<std::size_t>(host);
    seats_.emplace_back(stage, machines_[at], "the agent of " + name(host),
                        Seat::Handlers{.begin =
                                           [this, host, at] {
                                             agents_[at] = std::make_unique<SimAgent>(*this, host);
                                             agents_[at]->Begin();
                                           },
                                       .end = [this, at] { dead_agents_.push_back(std::move(agents_[at])); }});
  }
  seats_.emplace_back(stage, machines_.back(), "the arbitrator",
                      Seat::Handlers{.begin = [this] { arbitrator_ = std::make_unique<SimArbitrator>(*this); },
                                     .end =
                                         [this] {
                                           dead_arbitrators_.push_back(std::move(arbitrator_));
                                           // Whoever can hear it learns that its streams are gone.
                                           for (int host = 0; host < nodes(); ++host) Close(host, kAnyStream);
                                         }});
}

v1::Configuration World::ConfigOf(int host) const {
  v1::Configuration its = config;
  if (!other_config[static_cast<std::size_t>(host)]) return its;
  host % 2 == 0 ? its.set_version(config.version() - 1) : its.set_digest("digest of 7, changed");
  return its;
}

void World::Begin() {
  galera.FormAll();
  for (Seat& seat : seats_) seat.Begin();
}

void World::RunUntil(absl::Time until) {
  while (checks.failure().empty() && stage.Step(until)) {
    checks.Look();
    dead_agents_.clear();
    dead_arbitrators_.clear();
  }
}

void World::Reboot(int host, absl::Duration down) {
  stage.Note(absl::StrFormat("host %d reboots", host));
  if (host < nodes() && galera.Runs(host)) galera.Kill(host);
  seat(host).Crash(down);
  Machine& rebooted = machine(host);
  rebooted.booted_at = stage.now();
  rebooted.boot_id = absl::StrFormat("boot-%d-%d", host, NextStream());
  if (host == arbitrator_host() || child_mode) return;
  stage.After(down, [this, host] {
    if (!galera.Runs(host)) galera.Start(host);  // as systemd does
  });
}

void World::HumanStarts(int host) {
  if (galera.Runs(host) || (LeasesInUse(config) && galera.ViewOnDisk(host))) return;
  // He has read why its agent does not.
  if (LeasesInUse(config) && arbitrator() != nullptr &&
      FindLeftBehind(arbitrator()->last().next(), name(host)) != nullptr)
    return;
  galera.Start(host);
}

void World::Guard(int host, int pid, BootTime until, bool may_turn_primary) {
  FenceGuard& guard = guards_[static_cast<std::size_t>(host)];
  const absl::Time when = machine(host).booted_at + ToSinceBoot(until);
  if (guard.pid == pid) {
    guard.until = std::max(guard.until, when);
  } else if (pid != 0 && (may_turn_primary || when > stage.now())) {
    guard = {.pid = pid, .until = when};
    Watch(host, pid);
  }
}

void World::Watch(int host, int pid) {
  const FenceGuard& guard = guards_[static_cast<std::size_t>(host)];
  if (guard.pid != pid || galera.pid(host) != pid) return;
  if (stage.now() < guard.until) return stage.At(guard.until, [this, host, pid] { Watch(host, pid); });
  stage.Note(absl::StrFormat("%s: the guard ends mariadbd", name(host)));
  galera.Kill(host);
}

void World::Bootstrap(int host, int pid, BootTime not_after, std::uint64_t epoch,
                      const std::shared_ptr<bool>& executed) {
  absl::Duration delay = stage.random.Between(absl::Microseconds(300), absl::Milliseconds(20));
  if (stage.random.Chance(slow_statements)) delay += stage.random.Between(absl::ZeroDuration(), absl::Seconds(12));
  stage.After(delay, [this, host, pid, not_after, epoch, executed] {
    if (galera.pid(host) != pid) return;
    if (galera.Frozen(host)) return Bootstrap(host, pid, not_after, epoch, executed);
    *executed = true;
    const BootTime now = SinceBoot(stage.now() - machine(host).booted_at);
    if (now > not_after && !mutant.late_bootstrap) return;
    if (galera.Bootstrap(host, checks.GivenUpBy(epoch))) checks.OnPromotion(host, epoch);
  });
}

void World::ToArbitrator(int host, int stream, const v1::Message& message) {
  network.Send(host, arbitrator_host(), false, [this, host, stream, message] {
    if (message.boot_id() != machine(host).boot_id) return;  // no connection outlives the machine
    seat(arbitrator_host()).After(absl::ZeroDuration(), [this, host, stream, message] {
      arbitrator_->OnMessage(host, stream, message);
    });
  });
}

void World::ToAgent(int host, const v1::Message& message) {
  network.Send(arbitrator_host(), host, message.has_make_primary(), [this, host, message] {
    if (message.boot_id() != machine(arbitrator_host()).boot_id) return;
    seat(host).After(absl::ZeroDuration(), [this, host, message] { agent(host)->OnMessage(message); });
  });
}

void World::Dial(int host, int stream) {
  network.Send(host, arbitrator_host(), false, [this, host, stream] {
    seat(arbitrator_host()).After(absl::ZeroDuration(), [this, host, stream] { arbitrator_->OnDialled(host, stream); });
  });
}

void World::Accept(int host, int stream) {
  network.Send(arbitrator_host(), host, false, [this, host, stream] {
    seat(host).After(absl::ZeroDuration(), [this, host, stream] { agent(host)->OnAccepted(stream); });
  });
}

void World::Close(int host, int stream) {
  network.Send(arbitrator_host(), host, false, [this, host, stream] {
    seat(host).After(absl::ZeroDuration(), [this, host, stream] { agent(host)->OnClosed(stream); });
  });
}

}  // namespace minder
