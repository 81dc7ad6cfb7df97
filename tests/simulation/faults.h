#ifndef MINDER_TESTS_SIMULATION_FAULTS_H_
#define MINDER_TESTS_SIMULATION_FAULTS_H_

#include <functional>
#include <vector>

#include "tests/simulation/world.h"

namespace minder {

// Does harm to a world until it is told to stop, then puts everything right. Each seed has its own few kinds of harm,
// for what meets often is tried more thoroughly than what meets by chance.
class Faults {
 public:
  explicit Faults(World& world);

  void Begin();
  // Heals and thaws everything, and has humans start what stays stopped. The link between the data centres may stay cut
  // for the servers alone, when the seed says so.
  void End();
  bool sites_stay_cut() const { return sites_stay_cut_; }

 private:
  struct Kind {
    double weight;
    void (Faults::*strike)();
  };

  void Next();
  void While(absl::Duration longest, const std::function<void(bool on)>& change);
  void CutBetween(const std::vector<int>& one, const std::vector<int>& other, bool both_ways);
  std::vector<int> Site(char site) const;
  std::vector<int> Some();
  int Server() { return random_.Below(world_.nodes()); }

  void CutSites();
  void HealAfter(absl::Duration how_long, char site, const std::vector<int>& others);
  void SilenceSite();
  void LoseSite();
  void CutSome();
  void CutOneWay();
  void KillServer();
  void KillSite();
  void KillAll();
  void StopServer();
  void FreezeServer();
  void PauseAgent();
  void PauseArbitrator();
  void CrashAgent();
  void CrashArbitrator();
  void Reboot();
  void BadWeather();
  void FillDisk();
  void AnotherConfig();
  void IgnoreSb();
  void HumanPauses();
  void HumanAsks();
  void HumanBootstraps();

  World& world_;
  Random& random_;
  std::vector<Kind> kinds_;
  double all_weights_ = 0;
  absl::Duration pace_;
  double crash_chance_ = 0;
  bool sites_stay_cut_ = false;
  bool over_ = false;
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_FAULTS_H_
