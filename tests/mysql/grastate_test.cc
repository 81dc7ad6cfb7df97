#include "common/mysql/grastate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

constexpr char kUuid[] = "84c33ff7-e6b0-11f1-899e-76ac5c026a1f";
constexpr char kZero[] = "00000000-0000-0000-0000-000000000000";

TEST(Grastate, ReadsARunningServersFile) {
  const auto state = ParseGrastate(
      "# GALERA saved state\nversion: 2.1\nuuid:    84c33ff7-e6b0-11f1-899e-76ac5c026a1f\nseqno:   "
      "-1\nsafe_to_bootstrap: 0\n");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->position.uuid(), kUuid);
  EXPECT_EQ(state->position.seqno(), -1);
  EXPECT_FALSE(state->safe_to_bootstrap);
}

TEST(Grastate, ReadsACleanStopWithCrlfAndNoSafeToBootstrap) {
  const auto state = ParseGrastate("uuid: 84C33FF7-e6b0-11f1-899e-76ac5c026a1f\r\nseqno: 9223372036854775807\r\n\r\n");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->position.uuid(), kUuid);
  EXPECT_EQ(state->position.seqno(), INT64_MAX);
  EXPECT_FALSE(state->safe_to_bootstrap);
}

TEST(Grastate, AFreshDirectoryIsSafeToBootstrapAndHasNoData) {
  const auto state = ParseGrastate(std::string("uuid: ") + kZero + "\nseqno: -1\nsafe_to_bootstrap: 1\n");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(state->safe_to_bootstrap);
  EXPECT_FALSE(HasData(state->position));
}

class HostileGrastate : public testing::TestWithParam<std::string> {};

TEST_P(HostileGrastate, IsRefused) {
  const auto state = ParseGrastate(GetParam());
  EXPECT_EQ(state.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_LT(state.status().message().size(), 400u);
}

const std::string kGood = std::string("uuid: ") + kUuid + "\nseqno: 5\n";

INSTANTIATE_TEST_SUITE_P(Inputs, HostileGrastate,
                         testing::Values("", "\n\n\n", "garbage", std::string(300, '\0'),
                                         std::string("\xff\xfe uuid", 7), "uuid: 84c33ff7\nseqno: 5\n",
                                         "uuid: 84c33ff7-e6b0-11f1-899e-76ac5c026a1g\nseqno: 5\n",
                                         std::string("uuid: ") + kUuid + "\n", "seqno: 5\n",
                                         std::string("uuid: ") + kUuid + "\nseqno: five\n",
                                         std::string("uuid: ") + kUuid + "\nseqno: -2\n",
                                         std::string("uuid: ") + kUuid + "\nseqno: +5\n",
                                         std::string("uuid: ") + kUuid + "\nseqno: 99999999999999999999\n",
                                         std::string("uuid: ") + kUuid + "\nseqno:\n", kGood + "seqno: 6\n",
                                         kGood + "safe_to_bootstrap: yes\n", kGood + "and a line without a colon\n",
                                         kGood + std::string(70000, 'x') + "\n", std::string(1 << 20, 'a')));

TEST(RecoveredPosition, IsFoundAmongOtherLines) {
  const auto recovered = ParseRecoveredPosition(
      "2026-11-22 [Note] InnoDB: Starting\n2026-11-22 20:15:38 0 [Note] WSREP: Recovered position: "
      "84c33ff7-e6b0-11f1-899e-76ac5c026a1f:3\nmore\n");
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->position.uuid(), kUuid);
  EXPECT_EQ(recovered->position.seqno(), 3);
  EXPECT_EQ(recovered->start_position, std::string(kUuid) + ":3");
}

TEST(RecoveredPosition, KeepsTheGtidAndTakesTheLastOne) {
  const auto recovered = ParseRecoveredPosition(std::string("WSREP: Recovered position: ") + kUuid + ":3\n" +
                                                "WSREP: Recovered position: " + kUuid + ":42,0-1-17\r\n");
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->position.seqno(), 42);
  EXPECT_EQ(recovered->start_position, std::string(kUuid) + ":42,0-1-17");
}

TEST(RecoveredPosition, NothingLostWithoutFlushingShowsZero) {
  const auto recovered = ParseRecoveredPosition(std::string("WSREP: Recovered position: ") + kZero + ":-1\n");
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_FALSE(HasData(recovered->position));
}

TEST(RecoveredPosition, HostileLogsGiveNone) {
  for (const std::string& log :
       {std::string(), std::string("WSREP: Recovered position:"), std::string("WSREP: Recovered position: x:1\n"),
        std::string("WSREP: Recovered position: ") + kUuid + "\n",
        std::string("WSREP: Recovered position: ") + kUuid + ":--1\n",
        std::string("WSREP: Recovered position: ") + kUuid + ":3;rm -rf\n",
        std::string("WSREP: Recovered position: ") + kUuid + ":3,0-1" + '\x01' + "\n", std::string(5 << 20, '\0')}) {
    EXPECT_EQ(ParseRecoveredPosition(log).status().code(), absl::StatusCode::kNotFound) << log.substr(0, 80);
  }
}

TEST(HasData, NeedsAUuidAndASeqno) {
  v1::Position position;
  EXPECT_FALSE(HasData(position));
  position.set_uuid(kUuid);
  EXPECT_TRUE(HasData(position));
  position.set_seqno(-1);
  EXPECT_FALSE(HasData(position));
  position.set_uuid(kZero);
  position.set_seqno(7);
  EXPECT_FALSE(HasData(position));
}

}  // namespace
}  // namespace minder
