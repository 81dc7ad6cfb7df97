// minder-soak: for a given time, faults that a seed chooses, one to three at once, on a real cluster of two data
// centres, while clients write and the observer looks. After each round everything is repaired, and the cluster has to
// get healthy by itself; in the end no acknowledged row may be missing.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "tests/integration/minderctl.h"
#include "tests/integration/promotions.h"
#include "tests/lab/convergence.h"
#include "tests/lab/correspondence_proxy.h"
#include "tests/lab/observer.h"
#include "tests/lab/own_disk.h"
#include "tests/lab/wait_for.h"
#include "tests/lab/writer_load.h"

namespace minder::lab {
namespace {

constexpr absl::Duration kRecoversWithin = absl::Seconds(150);
constexpr absl::Duration kPatience = absl::Seconds(60);  // of a human, with a cluster that nobody promotes
constexpr int kStateMegabytes = 4;

const BootClock kClock;

// The kinds of cluster that are played; the seed chooses one.
struct World {
  const char* name;
  const char* topology;
  const char* promotion;
  bool proxied = false;
};
constexpr World kWorlds[] = {
    {.name = "guards", .topology = "2+2", .promotion = "self_fence: guard, lease_ttl: 3s"},
    {.name = "tie", .topology = "2+2", .promotion = "tie: on"},
    {.name = "garbd", .topology = "2+2+garbd", .promotion = ""},
    {.name = "bad-network", .topology = "2+1", .promotion = "", .proxied = true},
};

class Soak {
 public:
  // `proxy` is nullptr in a world without one.
  Soak(const Lab& lab, std::uint32_t seed, CorrespondenceProxy* proxy) : lab_(lab), random_(seed), proxy_(proxy) {
    for (const lab::Node& node : lab.plan().Nodes()) (node.data_centre == "dc1" ? dc1_ : dc2_).push_back(node.name);
  }

  // What minder writes down lies on small disks from now on.
  absl::Status MakeDisks() {
    for (const std::string& host : HostsWithState()) {
      const std::string party = PartyOf(host);
      MINDER_RETURN_IF_ERROR(lab_.Kill(party));
      MINDER_ASSIGN_OR_RETURN(disks_[host], OwnDisk::Make(lab_.plan().HostDirectory(host) + "/state", kStateMegabytes));
      MINDER_RETURN_IF_ERROR(lab_.Start(party));
    }
    return WaitFor([this] { return Healthy(); }, kRecoversWithin, "HEALTHY and routed");
  }
  int by_hand() const { return by_hand_; }  // promotions that a human forced
  absl::Status RemoveDisks() {
    for (auto& [host, disk] : disks_) MINDER_RETURN_IF_ERROR(lab_.Kill(PartyOf(host)));
    disks_.clear();
    return absl::OkStatus();
  }

  // A round of one to three faults, their end, and the way back to health.
  absl::Status Round() {
    const int faults = 1 + static_cast<int>(Below(3));
    for (int i = 0; i < faults; ++i) {
      MINDER_RETURN_IF_ERROR(OneFault());
      absl::SleepFor(absl::Milliseconds(Below(8000)));
    }
    return Recover();
  }

 private:
  using Fault = std::function<absl::Status()>;

  std::uint32_t Below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }
  const std::string& One(const std::vector<std::string>& of) {
    return of[Below(static_cast<std::uint32_t>(of.size()))];
  }
  std::string Node() { return One(lab_.plan().NodeNames()); }

  std::vector<std::string> HostsWithState() const {
    std::vector<std::string> hosts = lab_.plan().NodeNames();
    hosts.push_back("arbitrator");
    return hosts;
  }
  std::string PartyOf(const std::string& host) const { return lab_.plan().IsNode(host) ? host + "/agent" : host; }

  static void Say(const std::string& what) {
    std::cerr << absl::FormatTime("%H:%M:%E1S", absl::Now(), absl::UTCTimeZone()) << "  " << what << "\n";
  }

  // What is dead already cannot be killed again.
  absl::Status Signal(const std::string& party, int signal) const {
    const absl::Status status = lab_.SignalNow(party, signal).status();
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  }
  absl::Status SignalAll(const std::vector<std::string>& parties, int signal) const {
    for (const std::string& party : parties) MINDER_RETURN_IF_ERROR(Signal(party, signal));
    return absl::OkStatus();
  }

  absl::Status OneFault() {
    const std::string node = Node();
    const std::string other = Node();  // may be the same
    const std::vector<std::string>& site = Below(2) == 0 ? dc1_ : dc2_;
    const std::vector<std::string>& far = &site == &dc1_ ? dc2_ : dc1_;
    std::vector<std::string> rest = far;
    rest.insert(rest.end(), {"arbitrator", "lb1"});
    const std::string sites = absl::StrJoin(site, "+");
    const std::string full = One(HostsWithState());
    std::vector<std::pair<std::string, Fault>> faults = {
        {"kill " + node, [&] { return Signal(node, SIGKILL); }},
        {"kill " + node + " and " + other,
         [&] {
           return SignalAll({node, other}, SIGKILL);
         }},
        {"kill the agent of " + node, [&] { return Signal(node + "/agent", SIGKILL); }},
        {"freeze the agent of " + node, [&] { return Signal(node + "/agent", SIGSTOP); }},
        {"freeze " + node, [&] { return Signal(node, SIGSTOP); }},
        {"kill the arbitrator", [&] { return Signal("arbitrator", SIGKILL); }},
        {"freeze the arbitrator", [&] { return Signal("arbitrator", SIGSTOP); }},
        {"kill the balancer's agent", [&] { return Signal("lb1/agent", SIGKILL); }},
        {"cut " + sites + " from the other site", [&] { return lab_.CutOff(site, far); }},
        {"cut " + sites + " from everybody", [&] { return lab_.CutOff(site, rest); }},
        {"cut " + sites + " from the other site, one way", [&] { return lab_.CutOff(site, far, true); }},
        {"cut what " + node + " sends to " + other, [&] { return lab_.CutOff({node}, {other}, true); }},
        {"cut " + node + " from its peers", [&] { return lab_.CutFromPeers(node); }},
        {"cut the arbitrator from " + sites, [&] { return lab_.CutOff(site, {"arbitrator"}); }},
        {"kill every mariadbd", [&] { return SignalAll(lab_.plan().NodeNames(), SIGKILL); }},
        {"kill HAProxy", [&] { return Signal("lb1/haproxy", SIGKILL); }},
        {"kill " + node + ", and its last view with it", [&] { return LoseView(node); }},
        {"drain " + node, [&] { return Drain(node); }},
        {"no room for what is written down at " + full, [&] { return Fill(full); }},
        {node + " ignores split brain",
         [&] {
           // Two that do, on either side, may make two primary components: a human's doing.
           if (std::exchange(ignores_split_brain_, true)) return absl::OkStatus();
           return ByHand(node, "wsrep_provider_options='pc.ignore_sb=true'",
                         "wsrep_provider_options='pc.ignore_sb=false'");
         }},
        {node + " leaves by hand",
         [&] {
           return ByHand(node, "wsrep_cluster_address=''",
                         absl::StrFormat("wsrep_cluster_address='%s'", AddressOf(node)));
         }},
    };
    if (lab_.plan().HasGarbd()) {
      faults.emplace_back("kill the garbd", [&] { return Signal(kGarbd, SIGKILL); });
      faults.emplace_back("freeze the garbd", [&] { return Signal(kGarbd, SIGSTOP); });
    }
    if (proxy_ != nullptr) {
      faults.emplace_back("messages are lost, doubled, late and out of order", [&] { return WorsenNetwork(); });
      faults.emplace_back("hold all messages", [&] { return HoldMessages(); });
    }
    const auto& [what, fault] = faults[Below(static_cast<std::uint32_t>(faults.size()))];
    Say(what);
    return fault();
  }

  absl::Status Fill(const std::string& host) {
    at_repair_.push_back([this, host] { disks_[host]->Empty(); });
    return disks_[host]->Fill();
  }

  absl::Status WorsenNetwork() {
    proxy_->Set({.delay = absl::Milliseconds(200),
                 .jitter = absl::Milliseconds(200),
                 .duplicates = 1,
                 .drop = 0.05,
                 .reorder = 0.2});
    at_repair_.push_back([this] { proxy_->Set({}); });
    return absl::OkStatus();
  }
  absl::Status HoldMessages() {
    proxy_->Hold();
    at_repair_.push_back([this] { proxy_->Release(); });
    return absl::OkStatus();
  }

  // All at once, or one direction of one link after the other.
  absl::Status Heal() {
    if (Below(2) == 0) return lab_.Heal();
    Say("heal link by link");
    return lab_.HealOneByOne([this](auto& cuts) { std::ranges::shuffle(cuts, random_); },
                             [this] { absl::SleepFor(absl::Milliseconds(Below(400))); });
  }

  absl::Status LoseView(const std::string& node) const {
    MINDER_RETURN_IF_ERROR(Signal(node, SIGKILL));
    std::filesystem::remove(lab_.plan().HostDirectory(node) + "/data/gvwstate.dat");
    return absl::OkStatus();
  }

  // It may be refused, and it may not end before its deadline.
  absl::Status Drain(const std::string& node) {
    Minderctl(lab_, {"drain", node, "--deadline", "2s"});
    at_repair_.push_back([this, node] { Minderctl(lab_, {"undrain", node, "--deadline", "1s"}); });
    return absl::OkStatus();
  }

  // What a human sets, and takes back; a node that does not answer is spared. Only without wsrep_on does a session
  // outlive a change of the address.
  absl::Status ByHand(const std::string& node, const std::string& set, const std::string& back) {
    const std::string change = "SET SESSION wsrep_on = OFF, GLOBAL ";
    if (!lab_.Sql(node, change + set).ok()) return absl::OkStatus();
    at_repair_.push_back([this, node, back, change] { lab_.Sql(node, change + back).IgnoreError(); });
    return absl::OkStatus();
  }
  std::string AddressOf(const std::string& node) const {
    const auto address = lab_.Sql(node, "SELECT @@wsrep_cluster_address");
    return address.ok() ? address->rows[0][0] : "";
  }

  // What explain offers when nothing is promoted, as one does who has seen that no other node is primary.
  void DoAsExplained() {
    const std::string explained = Minderctl(lab_, {"explain"}).output;
    const std::size_t at = explained.find("minderctl make_primary ");
    if (at == std::string::npos) return;
    std::vector<std::string> words = absl::StrSplit(explained.substr(at, explained.find('\n', at) - at), ' ');
    words.erase(words.begin());
    Say("a human: " + absl::StrJoin(words, " "));
    if (Minderctl(lab_, words).code == 0) ++by_hand_;
  }

  absl::Status Healthy() {
    const auto summary = Summary(lab_);
    if (!summary.ok()) return summary.status();
    if (summary->diagnosis() == v1::DIAGNOSIS_HEALTHY) return lab_.AllRouted();
    MINDER_RETURN_IF_ERROR(MoveAsideWhoIsBeyond(lab_, *summary));
    const bool not_promoted = summary->rule() == "R420" || summary->rule() == "R430";
    if (not_promoted && kClock.Now() > patient_until_) {
      DoAsExplained();
      patient_until_ = kClock.Now() + kPatience;
    }
    return absl::UnavailableError(absl::StrFormat("%s: %s", summary->rule(), summary->reason()));
  }

  // Only faults are ended, and agents and the arbitrator started, as systemd would: a mariadbd is its agent's affair.
  absl::Status Recover() {
    Say("repair");
    MINDER_RETURN_IF_ERROR(Heal());
    std::vector<std::string> parties = {"arbitrator", "lb1/haproxy", "lb1/agent"};
    if (lab_.plan().HasGarbd()) parties.emplace_back(kGarbd);
    for (const std::string& node : lab_.plan().NodeNames()) {
      parties.push_back(node + "/agent");
      MINDER_RETURN_IF_ERROR(Signal(node, SIGCONT));
    }
    for (const std::string& party : parties) {
      MINDER_RETURN_IF_ERROR(Signal(party, SIGCONT));
      MINDER_RETURN_IF_ERROR(lab_.Start(party));
    }
    for (const auto& undo : std::exchange(at_repair_, {})) undo();
    ignores_split_brain_ = false;
    const BootTime begin = kClock.Now();
    patient_until_ = begin + kPatience;
    MINDER_RETURN_IF_ERROR(WaitFor([this] { return Healthy(); }, kRecoversWithin, "HEALTHY and routed"));
    Say(absl::StrFormat("healthy after %.1f s", absl::ToDoubleSeconds(kClock.Now() - begin)));
    return absl::OkStatus();
  }

  const Lab& lab_;
  std::mt19937 random_;
  CorrespondenceProxy* proxy_;
  std::vector<std::string> dc1_;
  std::vector<std::string> dc2_;
  std::map<std::string, std::unique_ptr<OwnDisk>> disks_;  // by host
  bool ignores_split_brain_ = false;
  BootTime patient_until_ = absl::InfiniteFuture();
  int by_hand_ = 0;
  std::vector<std::function<void()>> at_repair_;
};

absl::Status Run(std::uint32_t seed, absl::Duration time) {
  const World& world = kWorlds[seed % std::size(kWorlds)];
  std::cerr << "world " << world.name << "\n";
  const std::string build = OwnBuildDirectory();
  const std::string directory = build + "/lab-soak";
  MINDER_RETURN_IF_ERROR(Lab::Down(directory));
  MINDER_ASSIGN_OR_RETURN(const Lab lab, Lab::Up({.directory = directory,
                                                  .build_directory = build,
                                                  .topology = world.topology,
                                                  .proxied = world.proxied,
                                                  .promotion = world.promotion},
                                                 [](const std::string& line) { std::cerr << line << "\n"; }));
  std::unique_ptr<CorrespondenceProxy> proxy;
  if (world.proxied) {
    MINDER_ASSIGN_OR_RETURN(proxy, CorrespondenceProxy::Start({.listen = lab.plan().ProxyAddress(),
                                                               .target = lab.plan().ArbitratorAddress()}));
  }
  Soak soak(lab, seed, proxy.get());
  MINDER_RETURN_IF_ERROR(soak.MakeDisks());
  WriterLoad writers({.clients = 50, .pause = absl::Milliseconds(200), .target = lab.Balancer()});
  Observer observer(lab);
  int rounds = 0;
  for (const BootTime end = kClock.Now() + time; kClock.Now() < end; ++rounds) {
    MINDER_RETURN_IF_ERROR(soak.Round());
    MINDER_RETURN_IF_ERROR(observer.CheckNeverTwoPrimaries());
  }
  writers.Stop();
  observer.Stop();
  MINDER_RETURN_IF_ERROR(observer.CheckNeverTwoPrimaries());
  MINDER_RETURN_IF_ERROR(WaitFor([&] { return writers.Verify(lab); }, absl::Seconds(20), "every row on every node"));
  MINDER_RETURN_IF_ERROR(WaitFor([&] { return Converged(lab); }, absl::Seconds(20), "the same on every node"));
  MINDER_ASSIGN_OR_RETURN(const v1::HistoryResponse history, History(lab));
  MINDER_RETURN_IF_ERROR(CheckRecords(history, lab.plan().NodeNames().size()));
  const std::vector<Promotion> promotions = PromotionsIn(history, BootedAt());
  MINDER_RETURN_IF_ERROR(CheckDeposedCommitNothing(promotions, observer.Samples()));
  const WriterReport report = writers.Report();
  std::cerr << absl::StrFormat(
      "%d rounds: never two primary components, %d rows acknowledged and none lost, %d promotions, %d of them by a "
      "human's hand\n",
      rounds, report.acknowledged, promotions.size(), soak.by_hand());
  MINDER_RETURN_IF_ERROR(soak.RemoveDisks());
  return Lab::Down(directory);
}

}  // namespace
}  // namespace minder::lab

int main(int argc, char** argv) {
  CLI::App app("Faults that a seed chooses, on a real cluster, for some time.");
  double seconds = 600;
  std::uint32_t seed = std::random_device()();
  app.add_option("--seconds", seconds, "how long new rounds are begun")->capture_default_str();
  app.add_option("--seed", seed, "plays the same faults again; chosen by chance otherwise");
  CLI11_PARSE(app, argc, argv);
  std::cerr << "seed " << seed << "\n";
  const absl::Status status = minder::lab::Run(seed, absl::Seconds(seconds));
  if (status.ok()) return 0;
  std::cerr << "seed " << seed << ": " << status.message()
            << "\nThe lab is left as it is, in lab-soak; minder-lab --lab lab-soak down removes it.\n";
  return 1;
}
