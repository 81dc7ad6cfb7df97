#include "tests/simulation/faults.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/lease.h"

namespace minder {

Faults::Faults(World& world) : world_(world), random_(world.stage.random) {
  const std::vector<Kind> all = {
      {4, &Faults::CutSites},   {3, &Faults::CutSome},         {2, &Faults::CutOneWay},  {3, &Faults::KillServer},
      {1, &Faults::KillSite},   {1, &Faults::KillAll},         {1, &Faults::StopServer}, {2, &Faults::FreezeServer},
      {2, &Faults::PauseAgent}, {1, &Faults::PauseArbitrator}, {1, &Faults::CrashAgent}, {1, &Faults::CrashArbitrator},
      {0.5, &Faults::Reboot},   {3, &Faults::BadWeather},      {0.5, &Faults::FillDisk}, {0.3, &Faults::AnotherConfig},
      {0.3, &Faults::IgnoreSb}, {0.5, &Faults::HumanPauses},   {1, &Faults::HumanAsks},
  };
  const double part = random_.Chance(0.5) ? 0.5 : 0.2;
  for (const Kind& kind : all) {
    if (random_.Chance(part)) kinds_.push_back(kind);
  }
  if (random_.Chance(0.6)) kinds_.push_back({8, &Faults::CutSites});
  if (world_.config.promotion().tie() == v1::Promotion::SWITCH_ON) {
    kinds_.push_back({12, &Faults::SilenceSite});
  } else if (GuardsInUse(world_.config)) {
    kinds_.push_back({6, &Faults::LoseSite});
  }
  if (random_.Chance(0.02)) kinds_ = {{3, &Faults::CutSites}, {6, &Faults::HumanBootstraps}};
  if (kinds_.empty()) kinds_ = all;
  for (const Kind& kind : kinds_) all_weights_ += kind.weight;
  pace_ = random_.Between(absl::Milliseconds(500), absl::Seconds(4));
  if (random_.Chance(0.4)) crash_chance_ = random_.Chance(0.5) ? 0.003 : 0.02;
  if (random_.Chance(0.3)) world_.network.weather.late_promotions = 0.7;
  if (random_.Chance(0.3)) world_.slow_statements = 0.6;
  sites_stay_cut_ = random_.Chance(0.3);
}

void Faults::Begin() {
  for (int host = 0; host <= world_.nodes(); ++host) world_.seat(host).crash_chance = crash_chance_;
  world_.promise_errors = crash_chance_;
  Next();
}

void Faults::Next() {
  world_.stage.After(random_.Between(absl::ZeroDuration(), 2 * pace_), [this] {
    if (over_) return;
    double at = all_weights_ * random_.Below(1 << 20) / (1 << 20);
    for (const Kind& kind : kinds_) {
      if ((at -= kind.weight) > 0) continue;
      (this->*kind.strike)();
      break;
    }
    Next();
  });
}

void Faults::End() {
  over_ = true;
  world_.stage.Note("no more faults");
  world_.network.HealAll();
  world_.network.weather = {};
  world_.disk_full = false;
  world_.promise_errors = 0;
  world_.slow_statements = 0;
  if (sites_stay_cut_) CutBetween(Site('a'), Site('b'), true);
  for (int host = 0; host <= world_.nodes(); ++host) world_.seat(host).crash_chance = 0;
  for (int host = 0; host < world_.nodes(); ++host) {
    world_.galera.SetIgnoreSb(host, false);
    if (world_.galera.Frozen(host)) world_.galera.Thaw(host);
    const auto at = static_cast<std::size_t>(host);
    if (world_.other_config[at]) world_.seat(host).Crash(absl::Seconds(1));
    world_.other_config[at] = false;
  }
  world_.galera.NetworkChanged();
  for (int i = 1; i <= 3; ++i) {
    world_.stage.After(i * absl::Seconds(8), [this] {
      if (world_.arbitrator() != nullptr) {
        world_.arbitrator()->Resume();
        if (world_.arbitrator()->Recover()) return;  // it starts them
      }
      for (int host = 0; host < world_.nodes(); ++host) world_.HumanStarts(host);
    });
  }
}

// Until some time later, or until all is put right at once.
void Faults::While(absl::Duration longest, const std::function<void(bool on)>& change) {
  change(true);
  world_.stage.After(random_.Between(absl::Milliseconds(200), longest), [this, change] {
    if (!over_) change(false);
  });
}

std::vector<int> Faults::Site(char site) const {
  std::vector<int> hosts;
  for (int host = 0; host < world_.nodes(); ++host) {
    if (world_.name(host)[0] == site) hosts.push_back(host);
  }
  return hosts;
}

// Any hosts, also that of the arbitrator.
std::vector<int> Faults::Some() {
  std::vector<int> hosts;
  for (int host = 0; host <= world_.nodes(); ++host) {
    if (random_.Chance(0.4)) hosts.push_back(host);
  }
  return hosts;
}

void Faults::CutBetween(const std::vector<int>& one, const std::vector<int>& other, bool both_ways) {
  for (const int a : one) {
    for (const int b : other) {
      if (a == b) continue;
      world_.network.Cut(a, b);
      if (both_ways) world_.network.Cut(b, a);
    }
  }
  world_.galera.NetworkChanged();
}

// When not all is put right before.
void Faults::HealAfter(absl::Duration how_long, char site, const std::vector<int>& others) {
  world_.stage.After(how_long, [this, site, others] {
    if (over_) return;
    for (const int x : Site(site)) {
      for (const int y : others) {
        world_.network.Heal(x, y);
        world_.network.Heal(y, x);
      }
    }
    world_.stage.Note(absl::StrFormat("site %c is heard again by hosts %s", site, absl::StrJoin(others, ",")));
    world_.galera.NetworkChanged();
  });
}

// From everybody, long enough for its votes to be counted.
void Faults::SilenceSite() {
  const bool first = random_.Chance(0.5);
  std::vector<int> rest = Site(first ? 'b' : 'a');
  rest.push_back(world_.arbitrator_host());
  const char site = first ? 'a' : 'b';
  world_.stage.Note(absl::StrFormat("site %c is silent", site));
  CutBetween(Site(site), rest, true);
  HealAfter(random_.Between(absl::Seconds(8), absl::Seconds(25)), site, rest);
}

// Long enough for its leases to be over; then the arbitrator hears it before the other site does.
void Faults::LoseSite() {
  const bool first = random_.Chance(0.7);
  const char site = first ? 'a' : 'b';
  const absl::Duration lost = random_.Between(absl::Seconds(8), absl::Seconds(18));
  world_.stage.Note(absl::StrFormat("site %c is lost", site));
  const std::vector<int> arbitrator = {world_.arbitrator_host()};
  const std::vector<int> other_site = Site(first ? 'b' : 'a');
  CutBetween(Site(site), arbitrator, true);
  CutBetween(Site(site), other_site, true);
  HealAfter(lost, site, arbitrator);
  HealAfter(lost + random_.Between(absl::Seconds(1), absl::Seconds(10)), site, other_site);
}

void Faults::CutSites() {
  std::vector<int> a = Site('a');
  std::vector<int> b = Site('b');
  // The arbitrator sees both, neither, or is on one side.
  const int where = random_.Chance(0.4) ? 0 : random_.Below(4);
  const int arbitrator = world_.arbitrator_host();
  if (where == 1 || where == 2) a.push_back(arbitrator);
  if (where == 1 || where == 3) b.push_back(arbitrator);
  std::vector<std::pair<int, int>> links;
  for (const int x : a) {
    for (const int y : b) {
      if (x == y) continue;
      links.emplace_back(x, y);
      links.emplace_back(y, x);
    }
  }
  world_.stage.Note(absl::StrFormat("the sites are cut (%d)", where));
  While(absl::Seconds(15), [this, links](bool on) {
    for (const auto& [x, y] : links) on ? world_.network.Cut(x, y) : world_.network.Heal(x, y);
    if (!on) world_.stage.Note("the sites are linked");
    world_.galera.NetworkChanged();
  });
}

void Faults::CutSome() {
  const std::vector<int> some = Some();
  world_.stage.Note(absl::StrFormat("cut off: hosts %s", absl::StrJoin(some, ",")));
  While(absl::Seconds(12), [this, some](bool on) {
    for (int other = 0; other <= world_.nodes(); ++other) {
      if (std::ranges::find(some, other) != some.end()) continue;
      for (const int host : some) {
        on ? world_.network.Cut(host, other) : world_.network.Heal(host, other);
        on ? world_.network.Cut(other, host) : world_.network.Heal(other, host);
      }
    }
    if (!on) world_.stage.Note(absl::StrFormat("linked: hosts %s", absl::StrJoin(some, ",")));
    world_.galera.NetworkChanged();
  });
}

void Faults::CutOneWay() {
  const std::vector<int> from = Some();
  const std::vector<int> to = Some();
  world_.stage.Note(absl::StrFormat("cut one way: hosts %s to %s", absl::StrJoin(from, ","), absl::StrJoin(to, ",")));
  While(absl::Seconds(12), [this, from, to](bool on) {
    for (const int a : from) {
      for (const int b : to) {
        if (a != b) on ? world_.network.Cut(a, b) : world_.network.Heal(a, b);
      }
    }
    world_.galera.NetworkChanged();
  });
}

void Faults::KillServer() {
  const int host = Server();
  if (world_.galera.Runs(host)) world_.galera.Kill(host);
}

void Faults::KillSite() {
  const bool agents_too = random_.Chance(0.5);
  for (const int host : Site(random_.Chance(0.5) ? 'a' : 'b')) {
    if (agents_too) world_.seat(host).Crash(random_.Between(absl::Milliseconds(100), absl::Seconds(8)));
    if (world_.galera.Runs(host)) world_.galera.Kill(host);
  }
}

// The power fails; some disks have lost what was written last.
void Faults::KillAll() {
  const bool views_lost = random_.Chance(0.5);
  for (int host = 0; host < world_.nodes(); ++host) {
    if (world_.galera.Runs(host)) world_.galera.Kill(host);
    if (views_lost && random_.Chance(0.5)) world_.galera.ForgetView(host);
  }
}

void Faults::StopServer() {
  const int host = Server();
  if (!world_.galera.Runs(host) || world_.galera.Frozen(host)) return;
  world_.galera.Stop(host);
  world_.stage.After(random_.Between(absl::Seconds(1), absl::Seconds(10)), [this, host] { world_.HumanStarts(host); });
}

void Faults::FreezeServer() {
  const int host = Server();
  if (!world_.galera.Runs(host) || world_.galera.Frozen(host)) return;
  world_.galera.Freeze(host);
  world_.stage.After(random_.Between(absl::Milliseconds(200), absl::Seconds(10)), [this, host] {
    if (world_.galera.Frozen(host)) world_.galera.Thaw(host);
  });
}

void Faults::PauseAgent() { world_.seat(Server()).Pause(random_.Between(absl::Milliseconds(200), absl::Seconds(8))); }

void Faults::PauseArbitrator() {
  world_.seat(world_.arbitrator_host()).Pause(random_.Between(absl::Milliseconds(200), absl::Seconds(8)));
}

void Faults::CrashAgent() { world_.seat(Server()).Crash(random_.Between(absl::Milliseconds(50), absl::Seconds(6))); }

void Faults::CrashArbitrator() {
  world_.seat(world_.arbitrator_host()).Crash(random_.Between(absl::Milliseconds(50), absl::Seconds(6)));
}

void Faults::Reboot() {
  world_.Reboot(random_.Below(world_.nodes() + 1), random_.Between(absl::Seconds(1), absl::Seconds(6)));
}

void Faults::BadWeather() {
  Network::Weather bad = {.drop = random_.Chance(0.5) ? 0.2 : 0.02,
                          .twice = random_.Chance(0.5) ? 0.2 : 0,
                          .slow = random_.Chance(0.5) ? 0.3 : 0.02,
                          .slow_by = random_.Between(absl::Milliseconds(100), absl::Seconds(6)),
                          .late_promotions = world_.network.weather.late_promotions};
  world_.stage.Note("the weather is bad");
  While(absl::Seconds(10), [this, bad](bool on) {
    world_.network.weather = on ? bad : Network::Weather{.late_promotions = bad.late_promotions};
  });
}

void Faults::FillDisk() {
  While(absl::Seconds(5), [this](bool on) { world_.disk_full = on; });
}

// The agent starts again with another configuration, and stays so.
void Faults::AnotherConfig() {
  const int host = Server();
  world_.other_config[static_cast<std::size_t>(host)] = true;
  world_.seat(host).Crash(absl::Milliseconds(300));
}

void Faults::IgnoreSb() { world_.galera.SetIgnoreSb(Server(), true); }

void Faults::HumanPauses() {
  if (world_.arbitrator() == nullptr) return;
  world_.stage.Note("ann pauses the arbitrator");
  world_.arbitrator()->Pause(random_.Between(absl::Seconds(1), absl::Seconds(10)));
}

void Faults::HumanAsks() {
  if (world_.arbitrator() != nullptr) world_.arbitrator()->Request(world_.name(Server()));
}

void Faults::HumanBootstraps() {
  const int host = Server();
  if (!world_.galera.Runs(host) || world_.galera.Frozen(host) || !world_.galera.Bootstrap(host)) return;
  world_.stage.Note(absl::StrFormat("ann bootstraps %s by hand", world_.name(host)));
  world_.checks.OnHumanBootstrap();
}

}  // namespace minder
