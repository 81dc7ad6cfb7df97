#include "services/dbserver-agent/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "common/core/proto_time.h"
#include "tests/lab/cpu_time.h"
#include "tests/services/dbserver-agent/mariadbd_fixture.h"

namespace minder {
namespace {

constexpr absl::Duration kDeadline = absl::Milliseconds(900);

class ProbeTest : public MariadbdFixture {
 protected:
  absl::StatusOr<ProbeAnswer> Run(Probe& probe) { return probe.Run(BootClock().Now() + kDeadline); }
};

TEST_F(ProbeTest, ReadsEverythingOfARealServer) {
  const pid_t pid = Bootstrap();
  Probe probe(Account());
  auto answer = Run(probe);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->wsrep.cluster_status(), v1::CLUSTER_STATUS_PRIMARY);
  EXPECT_EQ(answer->wsrep.local_state(), v1::LOCAL_STATE_SYNCED);
  EXPECT_TRUE(answer->wsrep.ready() && answer->wsrep.connected());
  EXPECT_EQ(answer->wsrep.cluster_size(), 1u);
  EXPECT_EQ(answer->wsrep.evs_state(), "OPERATIONAL");
  EXPECT_EQ(answer->wsrep.gcomm_uuid().size(), 36u);
  EXPECT_EQ(answer->wsrep.local_state_uuid(), answer->wsrep.cluster_state_uuid());
  EXPECT_EQ(answer->provider_options.pc_weight(), 3u);
  EXPECT_EQ(answer->provider_options.evs_suspect_timeout(), "PT5S");
  EXPECT_EQ(answer->wsrep_node_name, "node1");
  EXPECT_THAT(answer->version, testing::StartsWith("1"));
  EXPECT_FALSE(answer->notify_hook);
  EXPECT_FALSE(answer->read_only);
  EXPECT_EQ(answer->open_transaction_count, 0u);
  EXPECT_EQ(answer->connections, 0u);
  ASSERT_TRUE(answer->members.has_value());
  ASSERT_EQ(answer->members->size(), 1u);
  EXPECT_EQ((*answer->members)[0].uuid(), answer->wsrep.gcomm_uuid());
  EXPECT_EQ((*answer->members)[0].name(), "node1");

  // An open transaction: idle, then told apart from a reader, and of a stranger's bytes.
  const BootTime five = BootClock().Now() + absl::Seconds(10);
  ASSERT_TRUE(Connect()->Execute("CREATE DATABASE d", five).ok());
  auto writer = Connect();
  ASSERT_TRUE(writer.ok());
  for (const char* sql : {"CREATE TABLE d.t (id INT PRIMARY KEY)", "BEGIN", "INSERT INTO d.t VALUES (1)"}) {
    ASSERT_TRUE(writer->Execute(sql, five).ok()) << sql;
  }
  // InnoDB lists transactions from a copy that is up to 100 ms old.
  ASSERT_TRUE(Eventually([&] {
    absl::SleepFor(absl::Milliseconds(110));
    answer = Run(probe);
    return answer.ok() && answer->open_transaction_count > 0;
  }));
  EXPECT_EQ(answer->open_transaction_count, 1u);
  EXPECT_EQ(answer->connections, 1u);
  ASSERT_EQ(answer->open_transactions.size(), 1u);
  const v1::OpenTransaction& open = answer->open_transactions[0];
  EXPECT_EQ(open.connection_id(),
            static_cast<std::uint64_t>(std::stoul(*writer->Query("SELECT CONNECTION_ID()", five)->at(0).at(0))));
  EXPECT_THAT(open.user(), testing::StartsWith("root@"));
  EXPECT_EQ(open.statement(), "");
  EXPECT_LT(FromProto(open.age()), absl::Seconds(10));

  // read_only lets it commit, and nothing after it.
  ASSERT_TRUE(probe.SetReadOnly(true, BootClock().Now() + kDeadline).ok());
  EXPECT_TRUE(Run(probe)->read_only);
  EXPECT_TRUE(writer->Execute("COMMIT", five).ok());
  ASSERT_TRUE(probe.SetReadOnly(false, BootClock().Now() + kDeadline).ok());
  EXPECT_FALSE(Run(probe)->read_only);

  // A frozen server accepts and never answers: each probe costs the deadline, no more, on an old session and on a new
  // one.
  Freeze(pid);
  for (int i = 0; i < 2; ++i) {
    const BootTime start = BootClock().Now();
    const auto frozen = Run(probe);
    EXPECT_TRUE(absl::IsDeadlineExceeded(frozen.status())) << frozen.status();
    EXPECT_GE(BootClock().Now() - start, kDeadline);
    EXPECT_LT(BootClock().Now() - start, kDeadline + absl::Milliseconds(200));
  }
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  EXPECT_TRUE(Eventually([&] { return Run(probe).ok(); }));

  // Killed and started again: the old session is replaced within one probe.
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  EXPECT_TRUE(Eventually([&] { return !Run(probe).ok(); }));
  EXPECT_TRUE(absl::IsUnavailable(Run(probe).status())) << Run(probe).status();
}

TEST_F(ProbeTest, AQueueOfDeadConnectionsOfAFrozenServerDoesNotBlock) {
  const pid_t pid = Bootstrap({"--back-log=2"});
  Freeze(pid);
  for (int i = 0; i < 6; ++i) {
    const BootTime start = BootClock().Now();
    const auto connection = Connection::Open(Account(), start + absl::Milliseconds(200));
    EXPECT_FALSE(connection.ok());
    EXPECT_LT(BootClock().Now() - start, absl::Milliseconds(400)) << connection.status();
  }
}

TEST_F(ProbeTest, WithoutThePluginThereAreNoMembers) {
  Bootstrap({"--plugin-load="});
  Probe probe(Account());
  const auto answer = Run(probe);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_FALSE(answer->members.has_value());
  EXPECT_TRUE(Run(probe).ok());
}

TEST_F(ProbeTest, ASessionReplacedByARestartCostsNoProbe) {
  const pid_t pid = Bootstrap();
  Probe probe(Account());
  ASSERT_TRUE(Run(probe).ok());
  Sql("KILL (SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Sleep' AND USER = 'root' LIMIT 1)");
  ASSERT_GT(pid, 0);
  EXPECT_TRUE(Run(probe).ok());
}

TEST_F(ProbeTest, CostsLittle) {
  const pid_t server = Bootstrap();
  Probe probe(Account());
  ASSERT_TRUE(Run(probe).ok());
  constexpr int kRounds = 300;
  const absl::Duration cpu = CpuTime(getpid());
  const absl::Duration server_cpu = CpuTime(server);
  const BootTime start = BootClock().Now();
  for (int i = 0; i < kRounds; ++i) ASSERT_TRUE(Run(probe).ok());
  const absl::Duration ours = (CpuTime(getpid()) - cpu) / kRounds;
  std::cout << "one probe: " << (BootClock().Now() - start) / kRounds << ", CPU " << ours << " of ours and "
            << (CpuTime(server) - server_cpu) / kRounds << " of mariadbd\n";
  EXPECT_LT(ours, absl::Milliseconds(3));  // 0.5 % of a core at 1 probe/s leaves 5 ms for probe and report
}

TEST(Probe, NoServerIsUnavailableAndWrongPasswordFileIsNamed) {
  Probe none({.socket = "/nonexistent/mysqld.sock", .user = "root", .password_file = ""});
  EXPECT_TRUE(absl::IsUnavailable(none.Run(BootClock().Now() + kDeadline).status()));
  Probe no_password({.socket = "/nonexistent/mysqld.sock", .user = "root", .password_file = "/nonexistent/password"});
  EXPECT_THAT(std::string(no_password.Run(BootClock().Now() + kDeadline).status().message()),
              testing::HasSubstr("/nonexistent/password"));
}

}  // namespace
}  // namespace minder
