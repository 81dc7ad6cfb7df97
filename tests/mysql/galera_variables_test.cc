#include "common/mysql/galera_variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using testing::Contains;

Row Pair(const std::string& name, const std::string& value) { return {name, value}; }

TEST(WsrepStatus, ReadsASyncedNode) {
  const v1::WsrepStatus status = WsrepStatusOf(
      {Pair("wsrep_cluster_status", "Primary"), Pair("wsrep_local_state", "4"),
       Pair("wsrep_local_state_comment", "Synced"), Pair("wsrep_ready", "ON"), Pair("WSREP_CONNECTED", "ON"),
       Pair("wsrep_cluster_conf_id", "3"), Pair("wsrep_cluster_size", "2"), Pair("wsrep_cluster_state_uuid", "u1"),
       Pair("wsrep_local_state_uuid", "u2"), Pair("wsrep_gcomm_uuid", "u3"), Pair("wsrep_last_committed", "77"),
       Pair("wsrep_local_recv_queue", "5"), Pair("wsrep_evs_state", "OPERATIONAL"), Pair("wsrep_evs_delayed", "x"),
       Pair("wsrep_desync_count", "1"), Pair("wsrep_flow_control_paused", "0.25"),
       Pair("wsrep_provider_version", "4.23(rXXXX)"), Pair("Uptime", "1")});
  EXPECT_EQ(status.cluster_status(), v1::CLUSTER_STATUS_PRIMARY);
  EXPECT_EQ(status.local_state(), v1::LOCAL_STATE_SYNCED);
  EXPECT_EQ(status.local_state_comment(), "Synced");
  EXPECT_TRUE(status.ready());
  EXPECT_TRUE(status.connected());
  EXPECT_EQ(status.cluster_conf_id(), 3u);
  EXPECT_EQ(status.cluster_size(), 2u);
  EXPECT_EQ(status.cluster_state_uuid(), "u1");
  EXPECT_EQ(status.local_state_uuid(), "u2");
  EXPECT_EQ(status.gcomm_uuid(), "u3");
  EXPECT_EQ(status.last_committed(), 77);
  EXPECT_EQ(status.local_recv_queue(), 5u);
  EXPECT_EQ(status.evs_state(), "OPERATIONAL");
  EXPECT_EQ(status.evs_delayed(), "x");
  EXPECT_EQ(status.desync_count(), 1u);
  EXPECT_DOUBLE_EQ(status.flow_control_paused(), 0.25);
  EXPECT_EQ(status.provider_version(), "4.23(rXXXX)");
}

TEST(WsrepStatus, ReadsANonPrimaryNode) {
  const v1::WsrepStatus status =
      WsrepStatusOf({Pair("wsrep_cluster_status", "non-Primary"), Pair("wsrep_cluster_conf_id", "18446744073709551615"),
                     Pair("wsrep_local_state", "0"), Pair("wsrep_ready", "OFF")});
  EXPECT_EQ(status.cluster_status(), v1::CLUSTER_STATUS_NON_PRIMARY);
  EXPECT_EQ(status.cluster_conf_id(), UINT64_MAX);
  EXPECT_EQ(status.local_state(), v1::LOCAL_STATE_INITIALIZED);
  EXPECT_FALSE(status.ready());
}

TEST(WsrepStatus, WhatIsMissingOrMalformedStaysUnknown) {
  const v1::WsrepStatus empty = WsrepStatusOf({});
  EXPECT_EQ(empty.cluster_status(), v1::CLUSTER_STATUS_UNSPECIFIED);
  EXPECT_EQ(empty.local_state(), v1::LOCAL_STATE_UNSPECIFIED);
  EXPECT_EQ(empty.last_committed(), -1);

  const v1::WsrepStatus odd = WsrepStatusOf(
      {Pair("wsrep_cluster_status", "primary"), Pair("wsrep_local_state", "44"), Pair("wsrep_last_committed", "1e9"),
       Pair("wsrep_cluster_size", "-1"), Pair("wsrep_flow_control_paused", "nan"), Pair("wsrep_ready", "maybe"),
       Row{std::nullopt, "x"}, Row{"wsrep_connected", std::nullopt}, Row{"wsrep_connected"}, Row{}});
  EXPECT_EQ(odd.cluster_status(), v1::CLUSTER_STATUS_UNSPECIFIED);
  EXPECT_EQ(odd.local_state(), v1::LOCAL_STATE_OTHER);
  EXPECT_EQ(odd.last_committed(), -1);
  EXPECT_EQ(odd.cluster_size(), 0u);
  EXPECT_EQ(odd.flow_control_paused(), 0);
  EXPECT_FALSE(odd.ready());
  EXPECT_FALSE(odd.connected());
}

TEST(WsrepStatus, NamesAreThoseThatAreRead) {
  EXPECT_EQ(WsrepStatusNames().size(), 18u);
  EXPECT_THAT(WsrepStatusNames(), Contains("wsrep_evs_delayed"));
}

TEST(ProviderOptions, ReadsWhatRulesNeed) {
  const v1::ProviderOptions options = ProviderOptionsOf(
      "base_dir = /var/lib/mysql/; evs.inactive_timeout = PT15S; evs.install_timeout = PT7.5S; evs.join_retrans_period "
      "= PT1S; "
      "evs.keepalive_period = PT1S; evs.suspect_timeout = PT5S; gcomm.thread_prio = ; pc.ignore_quorum = false; "
      "pc.ignore_sb = true; pc.weight = 3; socket.send_buf_size = auto; ");
  EXPECT_EQ(options.pc_weight(), 3u);
  EXPECT_TRUE(options.ignore_sb());
  EXPECT_FALSE(options.ignore_quorum());
  EXPECT_EQ(options.evs_keepalive_period(), "PT1S");
  EXPECT_EQ(options.evs_suspect_timeout(), "PT5S");
  EXPECT_EQ(options.evs_inactive_timeout(), "PT15S");
  EXPECT_EQ(options.evs_install_timeout(), "PT7.5S");
  EXPECT_EQ(options.evs_join_retrans_period(), "PT1S");
}

TEST(ProviderOptions, OddInputLeavesThemUnset) {
  for (const std::string& text :
       {std::string(), std::string(";;;=;= ;"), std::string("pc.weight"), std::string("pc.weight = x"),
        std::string("pc.weight=="), std::string(1 << 20, ';'), std::string(100, '\0')}) {
    EXPECT_EQ(ProviderOptionsOf(text).ByteSizeLong(), 0u) << text.substr(0, 20);
  }
  EXPECT_TRUE(ProviderOptionsOf("pc.ignore_sb=YES").ignore_sb());
}

TEST(ServerVersion, TakesTheLeadingNumbers) {
  EXPECT_EQ(ParseServerVersion("10.11.19-MariaDB-0+deb12u1"), (ServerVersion{10, 11, 19}));
  EXPECT_EQ(ParseServerVersion("11.4.12"), (ServerVersion{11, 4, 12}));
  for (const char* odd :
       {"", "10", "10.11", "10.11.", "10..1", "x10.11.1", "-1.2.3", "99999.1.1", " 10.11.1", "10.+1.1"}) {
    EXPECT_EQ(ParseServerVersion(odd), std::nullopt) << odd;
  }
}

TEST(NotifyHookSafe, FollowsTheFixedReleases) {
  for (const char* safe :
       {"10.6.27", "10.6.28-MariaDB", "10.11.18", "10.11.19-MariaDB-0+deb12u1", "11.4.12", "11.8.8", "13.0.1"}) {
    EXPECT_TRUE(NotifyHookSafe(safe)) << safe;
  }
  for (const char* old :
       {"10.5.99", "10.6.26", "10.7.30", "10.11.17", "11.2.1", "11.4.11", "11.7.20", "11.8.7", "12.1.2", "", "odd"}) {
    EXPECT_FALSE(NotifyHookSafe(old)) << old;
  }
}

TEST(CleanUtf8, ReplacesOnlyWhatIsNotUtf8) {
  for (const char* good : {"", "plain", "Gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    EXPECT_EQ(CleanUtf8(good), good);
  }
  EXPECT_EQ(CleanUtf8("a\xff"
                      "b"),
            "a?b");
  EXPECT_EQ(CleanUtf8("cut\xe2\x82"), "cut??");
  EXPECT_EQ(CleanUtf8("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(CleanUtf8("\xed\xa0\x80"), "???");       // surrogate
  EXPECT_EQ(CleanUtf8("\xf4\x90\x80\x80"), "????");  // beyond Unicode
  EXPECT_EQ(CleanUtf8("\xe2\x28\xa1"), "?(?");
}

}  // namespace
}  // namespace minder
