// Faults of servers, agents, links and balancers on a real cluster; the names of scenarios.md where they have one.
#include <poll.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "services/wsrep-notify/hand_over.h"
#include "tests/integration/cluster_fixture.h"
#include "tests/lab/cpu_time.h"

namespace minder::lab {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kNotifyMost = absl::Milliseconds(200);
constexpr absl::Duration kViewMost = absl::Seconds(1);  // a donor calls it with each of its states, too

v1::WsrepEvent Synced() {
  v1::WsrepEvent event;
  event.set_status(v1::WSREP_NOTIFY_STATUS_SYNCED);
  return event;
}

// 500 events a second, ten at once, for as long as it lives.
class Storm {
 public:
  explicit Storm(const std::string& socket)
      : thread_([this, socket] {
          const BootClock clock;
          for (BootTime due = clock.Now(); !stop_; due += absl::Milliseconds(20)) {
            absl::SleepFor(due - clock.Now());
            for (int i = 0; i < 10; ++i) sent_ += HandOver(Synced(), socket) ? 1 : 0;
          }
        }) {}
  ~Storm() {
    stop_ = true;
    thread_.join();
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;
  int sent() const { return sent_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> sent_ = 0;
  std::thread thread_;
};

class FaultTest : public ClusterTest {
 protected:
  FaultTest() : watcher_(lab().plan().ArbitratorAddress()) {}

  static Watcher::Condition Node(const std::string& name, std::function<bool(const v1::NodeSummary&)> holds) {
    return [name, holds](const v1::StatusSummaryResponse& summary) {
      for (const v1::NodeSummary& node : summary.nodes()) {
        if (node.name() == name) return holds(node);
      }
      return false;
    };
  }

  // Kills the node's mariadbd and gives the moment of its end, as a pidfd of our own shows it: beside 200 clients the
  // kernel needs a while to take a server apart, and that is not minder's time. From the signal on, without load, it is
  // measured by minder-bench.
  static BootTime KillAndSeeItsEnd(const std::string& node) {
    const auto process = lab().Find(node);
    EXPECT_TRUE(process.ok()) << process.status();
    const auto pidfd = OpenPidfd(process->pid);
    EXPECT_TRUE(pidfd.ok()) << pidfd.status();
    EXPECT_TRUE(lab().SignalNow(node, SIGKILL).ok());
    pollfd end{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&end, 1, 10000), 1);
    return BootClock().Now();
  }

  static std::string NotifySocket(const std::string& node) {
    return lab().plan().HostDirectory(node) + "/run/notify.sock";
  }
  // How long minder-notify takes, as mariadbd would wait for it.
  static absl::Duration NotifyTakes(const std::string& socket) {
    const BootClock clock;
    const BootTime start = clock.Now();
    const auto ended =
        RunCommand({lab().plan().DataDirectory() + "/minder-notify", "--socket", socket, "--status", "synced"});
    EXPECT_TRUE(ended.ok()) << ended.status();
    return clock.Now() - start;
  }
  // How often its agent has asked the node so far, at most: others ask it now and then.
  static int Probes(const std::string& node) {
    const auto asked = lab().Sql(node, "SHOW GLOBAL STATUS LIKE 'Com_show_status'");
    EXPECT_TRUE(asked.ok()) << asked.status();
    return asked.ok() ? std::stoi(asked->rows[0][1]) : 0;
  }
  // When the node had the view of so many members behind it: it has committed a write since.
  static BootTime CommitsInViewOf(const std::string& node, const std::string& size) {
    EXPECT_TRUE(Reached([&] { return lab().HasStatusVariable(node, "wsrep_cluster_size", size); }, absl::Seconds(40),
                        "the view"));
    const auto write =
        lab().Sql(node, absl::StrFormat("REPLACE INTO lab.marker VALUES ('view of %s', %s)", node, size));
    EXPECT_TRUE(write.ok()) << write.status();
    return BootClock().Now();
  }
  static absl::Duration BehindNode2InViewOf(const std::string& size) {
    auto node2 = std::async(std::launch::async, [&] { return CommitsInViewOf("node2", size); });
    const BootTime node1 = CommitsInViewOf("node1", size);
    return node1 - node2.get();
  }

  static absl::Status OnlyNode3IsOut() {
    for (const char* node : {"node1", "node2"}) {
      if (const absl::Status routed = lab().Routed(node); !routed.ok()) return routed;
    }
    return lab().NotRouted("node3");
  }
  // In the middle of a fault that `shows` itself in the summary: what the balancer does is `right` with the arbitrator,
  // without it, and with one that has just started, once that knows of the fault.
  static void ExpectRightAlsoAfterAnArbitratorKilledInTheMiddle(const Watcher::Condition& shows,
                                                                const std::function<absl::Status()>& right) {
    const auto shown = [&] {
      const auto summary = Summary(lab());
      if (!summary.ok()) return summary.status();
      // One that has just started knows of nobody, which could be taken for the fault.
      for (const v1::NodeSummary& node : summary->nodes()) {
        if (node.name() != "node3" && node.running() != v1::TERNARY_YES)
          return absl::UnavailableError(absl::StrCat(node.name(), " is not heard of"));
      }
      return shows(*summary) ? absl::OkStatus() : absl::UnavailableError(summary->reason());
    };
    ASSERT_TRUE(Reached(shown, absl::Seconds(30), "the arbitrator sees the fault"));
    EXPECT_TRUE(Reached(right, absl::Seconds(2), "the balancer is told"));
    ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
    EXPECT_EQ(right(), absl::OkStatus()) << "without an arbitrator";
    ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
    ASSERT_TRUE(Reached(shown, absl::Seconds(20), "the new arbitrator sees it"));
    EXPECT_EQ(right(), absl::OkStatus()) << "with a new one";
  }

  const BootClock clock_;
  Watcher watcher_;
};

TEST_F(FaultTest, BringUpIsHealthyAndRouted) {
  const CtlResult result = Minderctl(lab(), {"status_summary"});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("HEALTHY"));
  EXPECT_EQ(lab().AllRouted(), absl::OkStatus());
  const auto node = SummaryOf(lab(), "node3");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->data_centre(), "dc2");
  EXPECT_EQ(node->group(), "node1+node2+node3");
  EXPECT_EQ(node->weight(), 1u);
  EXPECT_GT(node->seqno(), 0);
}

TEST_F(FaultTest, KilledNodeIsReportedOutOfTheBalancerRestartedAndBack) {
  const auto before = lab().Find("node3");
  ASSERT_TRUE(before.ok()) << before.status();
  const int clients_there = ClientsAt("node3");
  auto out = std::async(std::launch::async, [] { return OutOfBalancerAt("node3"); });
  const BootTime before_kill = clock_.Now();
  const BootTime killed = KillAndSeeItsEnd("node3");
  const auto reported = watcher_.FirstAfter(before_kill, absl::Seconds(10),
                                            Node("node3", [](const auto& n) { return n.running() == v1::TERNARY_NO; }));
  ASSERT_TRUE(reported.has_value());
  RecordProperty("report_ms", static_cast<int>(absl::ToInt64Milliseconds(*reported - killed)));
  EXPECT_LE(*reported - killed, absl::Milliseconds(50));
  const auto out_after = out.get();
  ASSERT_TRUE(out_after.has_value());
  EXPECT_LE(*out_after - killed, absl::Milliseconds(100));
  std::cerr << "reported after " << *reported - killed << ", out of the balancer after " << *out_after - killed << "\n";
  // Writing goes on long before Galera, which takes 6 s, would have counted the dead one out by itself. Judged before
  // the restarted one joins, for which Galera stops all writes once more: 0.4 to 2.7 s were seen.
  EXPECT_TRUE(Reached([] { return lab().HasStatusVariable("node1", "wsrep_cluster_size", "2"); }, absl::Seconds(2),
                      "node3 evicted"));
  const std::int64_t written = writers_->Report().acknowledged;
  const auto write = [&] {
    return writers_->Report().acknowledged > written ? absl::OkStatus() : absl::UnavailableError("no write");
  };
  EXPECT_TRUE(Reached(write, absl::Seconds(2), "a write without node3"));
  EXPECT_LT(writers_->Report().longest_gap, absl::Seconds(2));
  ASSERT_TRUE(Reached([] { return lab().Synced("node3"); }, absl::Seconds(40), "node3 restarted by its agent"));
  EXPECT_TRUE(Reached([] { return lab().Routed("node3"); }, absl::Seconds(10), "node3 in the balancer"));
  const auto after = lab().Find("node3");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(after->pid, before->pid);
  EXPECT_THAT(after->arguments, ::testing::Not(::testing::Contains(HasSubstr("new-cluster"))));
  // One for each session that died with the node: nobody was sent there again too early, nor too late.
  EXPECT_LE(writers_->Report().errors, clients_there) << writers_->Report().last_error;
}

TEST_F(FaultTest, F11FrozenNodeIsUnknownOutOfTheBalancerDroppedByGaleraAndBackAfterTheThaw) {
  const BootTime frozen = clock_.Now();
  ASSERT_EQ(lab().Stop("node3"), absl::OkStatus());
  const auto unknown = watcher_.FirstAfter(
      frozen, absl::Seconds(10), Node("node3", [](const auto& n) { return n.running() == v1::TERNARY_UNKNOWN; }));
  ASSERT_TRUE(unknown.has_value());
  EXPECT_LE(*unknown - frozen, absl::Seconds(2));
  const auto out = OutOfBalancerAt("node3");
  ASSERT_TRUE(out.has_value());
  EXPECT_LE(*out - *unknown, absl::Milliseconds(100));
  const auto node = SummaryOf(lab(), "node3");  // its agent is alive and answers
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_LT(node->report_age().seconds(), 3);
  EXPECT_EQ(node->primary(), v1::TERNARY_UNKNOWN);
  EXPECT_TRUE(Reached([] { return lab().HasStatusVariable("node1", "wsrep_cluster_size", "2"); }, absl::Seconds(30),
                      "dropped by Galera"));
  absl::SleepFor(frozen + absl::Seconds(20) - clock_.Now());  // nothing else happens, which no condition shows
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  ASSERT_EQ(lab().Continue("node3"), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_TRUE(Reached([] { return lab().Routed("node3"); }, absl::Seconds(40), "node3 in the balancer"));
}

TEST_F(FaultTest, NodeCutFromItsPeersTurnsNonPrimaryAndLeavesTheBalancerAtOnce) {
  const BootTime cut = clock_.Now();
  ASSERT_EQ(lab().CutFromPeers("node3"), absl::OkStatus());
  const auto non_primary = watcher_.FirstAfter(
      cut, absl::Seconds(20), Node("node3", [](const auto& n) { return n.primary() == v1::TERNARY_NO; }));
  ASSERT_TRUE(non_primary.has_value());
  const auto out = OutOfBalancerAt("node3");
  ASSERT_TRUE(out.has_value());
  EXPECT_LE(*out - *non_primary, absl::Milliseconds(100));
  EXPECT_TRUE(SqlSession::Open(AppAt("node3")).ok()) << "port 3306 still answers";
  EXPECT_TRUE(NoNewSessionReaches("node3"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().Routed("node3"); }, absl::Seconds(40), "node3 in the balancer"));
}

TEST_F(FaultTest, KilledAgentLeavesMariadbdAndTheBalancerAlone) {
  const auto before = lab().Find("node3");
  ASSERT_TRUE(before.ok()) << before.status();
  const BootTime killed = clock_.Now();
  ASSERT_EQ(lab().Kill("node3/agent"), absl::OkStatus());
  const auto stale = watcher_.FirstAfter(
      killed, absl::Seconds(10), Node("node3", [](const auto& n) { return n.running() == v1::TERNARY_UNKNOWN; }));
  EXPECT_TRUE(stale.has_value());
  EXPECT_EQ(lab().Routed("node3"), absl::OkStatus()) << "a silent agent says nothing about its server";
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  EXPECT_EQ(lab().Find("node3")->pid, before->pid);
  // Adopted: its end is still seen at once.
  const BootTime before_server_kill = clock_.Now();
  const BootTime server_killed = KillAndSeeItsEnd("node3");
  const auto reported = watcher_.FirstAfter(before_server_kill, absl::Seconds(10),
                                            Node("node3", [](const auto& n) { return n.running() == v1::TERNARY_NO; }));
  ASSERT_TRUE(reported.has_value());
  EXPECT_LE(*reported - server_killed, absl::Milliseconds(50));
}

// mariadbd waits for its hook, and the cluster for mariadbd (galera.md section 4).
TEST_F(FaultTest, F45AnAgentThatHangsOrIsDeadHoldsUpNoView) {
  const std::string socket = NotifySocket("node1");
  ASSERT_EQ(lab().Stop("node1/agent"), absl::OkStatus());
  for (int i = 0; i < 150; ++i) ASSERT_LE(NotifyTakes(socket), kNotifyMost);  // more than it has room for
  ASSERT_TRUE(lab().SignalNow("node3", SIGTERM).ok());
  EXPECT_LE(BehindNode2InViewOf("2"), kViewMost) << "it hangs";

  ASSERT_EQ(lab().Kill("node1/agent"), absl::OkStatus());
  ASSERT_LE(NotifyTakes(socket), kNotifyMost);
  ASSERT_TRUE(Reached([] { return Ended("node3"); }, absl::Seconds(20), "a clean stop"));
  ASSERT_EQ(lab().Restart("node3/agent"), absl::OkStatus());  // which starts what does not run
  EXPECT_LE(BehindNode2InViewOf("3"), kViewMost) << "it is dead";
  ASSERT_EQ(lab().Start("node1/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(40), "HEALTHY"));
}

TEST_F(FaultTest, F45AnAgentInAStormOfEventsSaysWhatIs) {
  const auto agent = lab().Find("node1/agent");
  ASSERT_TRUE(agent.ok()) << agent.status();
  const absl::Duration cpu_before = CpuTime(agent->pid);
  const int probes_before = Probes("node1");
  const BootTime begun = clock_.Now();
  const Storm storm(NotifySocket("node1"));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(Reached([&] { return storm.sent() > i * 400 ? absl::OkStatus() : absl::UnavailableError("calm"); },
                        absl::Seconds(20), "a storm"));
    for (const bool desync : {true, false}) {
      const BootTime since = clock_.Now();
      ASSERT_TRUE(lab().Sql("node1", absl::StrFormat("SET GLOBAL wsrep_desync=%d", desync)).ok());
      EXPECT_TRUE(watcher_.FirstAfter(since, absl::Seconds(1),
                                      [&](const v1::StatusSummaryResponse& summary) {
                                        return (summary.diagnosis() == v1::DIAGNOSIS_HEALTHY) != desync;
                                      }))
          << "desync " << desync;
    }
  }
  EXPECT_LT(Probes("node1") - probes_before, storm.sent() / 4);
  EXPECT_LT(CpuTime(agent->pid) - cpu_before, (clock_.Now() - begun) / 2);
}

TEST_F(FaultTest, F06ArbitratorGoneChangesNothingAndBalancersStayRight) {
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  EXPECT_EQ(Minderctl(lab(), {"status", "--timeout", "1s"}).code, 3);
  auto out = std::async(std::launch::async, [] { return OutOfBalancerAt("node2"); });
  const BootTime killed = KillAndSeeItsEnd("node2");
  const auto out_after = out.get();
  ASSERT_TRUE(out_after.has_value());
  EXPECT_LE(*out_after - killed, absl::Milliseconds(100));
  EXPECT_TRUE(Reached([] { return lab().Routed("node2"); }, absl::Seconds(40), "node2 back in the balancer"));
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
}

TEST_F(FaultTest, F06ArbitratorKilledAndRestartedWhileANodeIsFrozen) {
  ASSERT_EQ(lab().Stop("node3"), absl::OkStatus());
  const auto unknown_to_its_agent = Node("node3", [](const auto& n) {
    return n.running() == v1::TERNARY_UNKNOWN && n.has_report_age() && n.report_age().seconds() < 3;
  });
  ExpectRightAlsoAfterAnArbitratorKilledInTheMiddle(unknown_to_its_agent, OnlyNode3IsOut);
  ASSERT_EQ(lab().Continue("node3"), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().Routed("node3"); }, absl::Seconds(40), "node3 in the balancer"));
}

TEST_F(FaultTest, F06ArbitratorKilledAndRestartedWhileANodeIsCutFromItsPeers) {
  ASSERT_EQ(lab().CutFromPeers("node3"), absl::OkStatus());
  const auto non_primary = Node("node3", [](const auto& n) { return n.primary() == v1::TERNARY_NO; });
  ExpectRightAlsoAfterAnArbitratorKilledInTheMiddle(non_primary, OnlyNode3IsOut);
  EXPECT_TRUE(WritingGoesOn()) << "beside the one that is cut off";
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().Routed("node3"); }, absl::Seconds(40), "node3 in the balancer"));
}

TEST_F(FaultTest, F06ArbitratorKilledAndRestartedWhileAnAgentIsDead) {
  const auto before = lab().Find("node3");
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(lab().Kill("node3/agent"), absl::OkStatus());
  const auto silent = Node("node3", [](const auto& n) { return n.running() == v1::TERNARY_UNKNOWN; });
  ExpectRightAlsoAfterAnArbitratorKilledInTheMiddle(silent, [] { return lab().AllRouted(); });
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  EXPECT_EQ(lab().Find("node3")->pid, before->pid);
  EXPECT_EQ(writers_->Report().errors, 0) << writers_->Report().last_error;
}

TEST_F(FaultTest, BalancerWhoseAgentSeesNobodyStaysAsItIs) {
  ASSERT_EQ(lab().CutOff({"lb1"}, {"arbitrator"}), absl::OkStatus());
  for (const char* agent : {"node1/agent", "node2/agent", "node3/agent"})
    ASSERT_EQ(lab().Kill(agent), absl::OkStatus());
  const BootTime since = clock_.Now();
  const auto stale =
      watcher_.FirstAfter(since, absl::Seconds(15),
                          Node("node1", [](const auto& n) { return n.backends_size() == 1 && n.backends(0).stale(); }));
  EXPECT_TRUE(stale.has_value());
  EXPECT_EQ(lab().AllRouted(), absl::OkStatus());
}

}  // namespace
}  // namespace minder::lab
