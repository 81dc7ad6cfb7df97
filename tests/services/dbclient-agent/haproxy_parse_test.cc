#include "services/dbclient-agent/haproxy_parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/services/dbclient-agent/reports.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kState[] =
    "1\n"
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n"
    "2 galera 1 node1 127.0.0.1 2 0 100 1\n"
    "3 other 1 node1 127.0.0.1 0 1 1 1\n";

std::string StateOf(int op_state, int admin, int weight) {
  return "# be_name srv_name srv_op_state srv_admin_state srv_uweight\ngalera node1 " + std::to_string(op_state) + " " +
         std::to_string(admin) + " " + std::to_string(weight) + "\n";
}

TEST(HaproxyParse, ServersOfTheBackendOnly) {
  const auto servers = ParseServersState(kState, "galera");
  ASSERT_TRUE(servers.ok()) << servers.status();
  ASSERT_EQ(servers->size(), 1u);
  EXPECT_EQ(servers->at("node1"),
            (BackendReading{
                .dbserver = "node1", .told = v1::BACKEND_STATE_UP, .actual = v1::BACKEND_STATE_UP, .weight = 100}));
}

TEST(HaproxyParse, WhatItWasToldAndWhatItDoes) {
  struct Case {
    const char* what;
    int op_state, admin, weight;
    v1::BackendState told, actual;
  };
  for (const Case& c : {
           Case{"ready", 2, 0, 1, kUp, kUp},
           Case{"starting slowly", 1, 0, 1, kUp, kUp},
           Case{"maint by order", 0, 1, 1, kDown, kDown},
           Case{"disabled in the configuration", 0, 5, 1, kDown, kDown},
           Case{"that, and made ready", 2, 4, 1, kUp, kUp},
           Case{"maint of a tracked server", 0, 2, 1, kUp, kDown},
           Case{"no address", 0, 32, 1, kUp, kDown},
           Case{"FQDN set by hand", 2, 64, 1, kUp, kUp},
           Case{"drain by order", 2, 8, 1, kDrain, kDrain},
           Case{"drain of a tracked server", 2, 16, 1, kUp, kDrain},
           Case{"check failed", 0, 0, 1, kUp, kDown},
           Case{"check failed while draining", 0, 8, 1, kDrain, kDown},
           Case{"check says stopping", 3, 0, 1, kUp, kDrain},
           Case{"weight 0", 2, 0, 0, kDrain, kDrain},
       }) {
    const auto servers = ParseServersState(StateOf(c.op_state, c.admin, c.weight), "galera");
    ASSERT_TRUE(servers.ok()) << c.what;
    EXPECT_EQ(servers->at("node1").told, c.told) << c.what;
    EXPECT_EQ(servers->at("node1").actual, c.actual) << c.what;
  }
}

TEST(HaproxyParse, SessionsByHeaderNameWithUnknownColumnsAndQuotes) {
  const auto sessions = ParseSessions(
      "# new,pxname,desc,svname,scur,later,\n"
      ",galera,\"a,b \"\"c\"\",\",node1,7,,\n"
      ",galera,,BACKEND,9,,\n"
      ",other,,node1,3,,\n",
      "galera");
  ASSERT_TRUE(sessions.ok()) << sessions.status();
  EXPECT_THAT(*sessions, ElementsAre(Pair("BACKEND", 9), Pair("node1", 7)));
}

TEST(HaproxyParse, IncarnationIsTheProcessAndItsStart) {
  EXPECT_EQ(ParseIncarnation("Name: HAProxy\nPid: 42\nStart_time_sec: 17\n").value_or(""), "42@17");
  EXPECT_EQ(ParseIncarnation("Pid: 42\n").value_or(""), "42@");
  EXPECT_FALSE(ParseIncarnation("Uptime: 3\n").ok());
}

TEST(HaproxyParse, NothingIsGuessed) {
  for (const char* text :
       {"", "\n", "1\n", "galera node1 2 0 1\n", "# be_name srv_name\n",
        "# be_name srv_name srv_op_state srv_admin_state srv_uweight\ngalera node1 2 x 1\n",
        "# be_name srv_name srv_op_state srv_admin_state srv_uweight\ngalera node1 2 -1 1\n",
        "# be_name srv_name srv_op_state srv_admin_state srv_uweight\ngalera node1 2 99999999999 1\n"}) {
    EXPECT_FALSE(ParseServersState(text, "galera").ok()) << text;
  }
  EXPECT_FALSE(ParseSessions("# pxname,svname,scur\ngalera,node1,\n", "galera").ok());
  EXPECT_FALSE(ParseSessions("# pxname,svname\ngalera,node1\n", "galera").ok());
}

TEST(HaproxyParse, ShortAndBrokenLinesArePassedOver) {
  EXPECT_THAT(*ParseSessions("# pxname,svname,scur\ngalera,node1\ngalera,\"node2,5\n\n", "galera"), IsEmpty());
}

TEST(HaproxyParse, RandomBytesNeverHurt) {
  std::mt19937 random(20261122);
  const std::string alphabet = "#, \n\"0123galera node\\\xff\x00" + std::string(1, '\0');
  for (int i = 0; i < 20000; ++i) {
    std::string text =
        i % 2 == 0 ? "# pxname,svname,scur\n" : "# be_name srv_name srv_op_state srv_admin_state srv_uweight\n";
    for (int n = random() % 60; n > 0; --n) text += alphabet[random() % alphabet.size()];
    (void)ParseSessions(text, "galera");
    (void)ParseServersState(text, "galera");
    (void)ParseIncarnation(text);
    (void)CheckReply(text, "x");
  }
}

TEST(HaproxyParse, RepliesBecomeErrorsThatNameTheCure) {
  EXPECT_TRUE(CheckReply("\n", "server galera/node1").ok());
  EXPECT_TRUE(absl::IsNotFound(CheckReply("No such server.\n\n", "server galera/node1")));
  EXPECT_THAT(CheckReply("No such server.\n\n", "server galera/node1").message(), HasSubstr("galera/node1"));
  EXPECT_TRUE(absl::IsNotFound(CheckReply("Can't find backend.\n\n", "backend galera")));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckReply("Permission denied\n\n", "server galera/node1")));
  EXPECT_THAT(CheckReply("Permission denied\n\n", "x").message(), HasSubstr("level admin"));
  const absl::Status odd = CheckReply("what\x1b[31m\n", "x");
  EXPECT_TRUE(absl::IsFailedPrecondition(odd));
  EXPECT_THAT(odd.message(), HasSubstr("what\\x1b[31m"));
}

}  // namespace
}  // namespace minder
