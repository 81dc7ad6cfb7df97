#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/print_json.h"
#include "cli/print_order.h"
#include "cli/print_status.h"
#include "google/protobuf/text_format.h"
#include "tests/cli/fake_arbitrator.h"

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <typename Message>
Message FromText(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

v1::StatusSummaryResponse TroubledSummary() {
  v1::StatusSummaryResponse summary = HealthySummary();
  summary.set_diagnosis(v1::DIAGNOSIS_DEGRADED);
  summary.set_rule("R210");
  summary.set_reason("node2 is drained, node3 is silent");
  v1::NodeSummary* drained = summary.mutable_nodes(1);
  drained->set_drain_state(v1::DRAIN_STATE_DRAINED);
  drained->mutable_backends(0)->set_state(v1::BACKEND_STATE_DRAIN);
  v1::NodeSummary* silent = summary.mutable_nodes(2);
  silent->Clear();
  silent->set_name("node3");
  silent->set_data_centre("dc2");
  silent->set_running(v1::TERNARY_UNKNOWN);
  silent->set_seqno(-1);
  silent->set_note("no report\never");
  v1::BackendSummary* backend = silent->add_backends();
  backend->set_dbclient("lb1");
  backend->set_state(v1::BACKEND_STATE_DOWN);
  backend->set_stale(true);
  return summary;
}

TEST(RenderSummary, Table) {
  EXPECT_EQ(
      RenderSummary(TroubledSummary(), false, false),
      "shop DEGRADED (rule R210, epoch 7): node2 is drained, node3 is silent\n"
      "NAME   DC   RUNNING  PRIMARY  STATE    SEQNO  DRAIN    WEIGHT  AGE    BALANCERS        NOTE\n"
      "node1  dc1  yes      yes      synced   1234   serving  1       0.3s   lb1:up\n"
      "node2  dc1  yes      yes      synced   1234   drained  1       0.3s   lb1:drain\n"
      "node3  dc2  unknown  unknown  unknown  -      unknown  0       never  lb1:down(stale)  no report\\never\n");
}

TEST(RenderSummary, WideAddsColumns) {
  EXPECT_EQ(
      RenderSummary(HealthySummary(), true, false),
      "shop HEALTHY (rule R900, epoch 7): every dbserver is Synced in one primary component\n"
      "NAME   DC   RUNNING  PRIMARY  STATE   SEQNO  DRAIN    WEIGHT  AGE   BALANCERS  GROUP              SESSIONS  "
      "TRANSACTIONS  CONNECTIONS  NOTE\n"
      "node1  dc1  yes      yes      synced  1234   serving  1       0.3s  lb1:up     node1+node2+node3  4         "
      "0             12\n"
      "node2  dc1  yes      yes      synced  1234   serving  1       0.3s  lb1:up     node1+node2+node3  4         "
      "0             12\n"
      "node3  dc2  yes      yes      synced  1234   serving  1       0.3s  lb1:up     node1+node2+node3  4         "
      "0             12\n");
}

TEST(RenderSummary, SaysWhatAHumanMayDo) {
  v1::StatusSummaryResponse summary = TroubledSummary();
  summary.set_command("minderctl make_primary b1");
  EXPECT_THAT(RenderSummary(summary, false, false),
              HasSubstr("node3 is silent\nA human may: minderctl make_primary b1\nNAME "));
}

TEST(RenderSummary, ColoursTheDiagnosisOnly_WhenAsked) {
  EXPECT_THAT(RenderSummary(HealthySummary(), false, true), HasSubstr("shop \x1b[32mHEALTHY\x1b[0m (rule"));
  EXPECT_THAT(RenderSummary(TroubledSummary(), false, true), HasSubstr("\x1b[33mDEGRADED\x1b[0m"));
  EXPECT_THAT(RenderSummary(TroubledSummary(), false, false), Not(HasSubstr("\x1b")));
}

TEST(RenderSummary, AnEmptySummaryIsStillALine) {
  EXPECT_EQ(RenderSummary({}, false, false),
            " UNKNOWN (rule none, epoch 0): \n"
            "NAME  DC  RUNNING  PRIMARY  STATE  SEQNO  DRAIN  WEIGHT  AGE  BALANCERS  NOTE\n");
}

TEST(RenderReports, SaysWhoAnswered) {
  const auto response = FromText<v1::RequestStatusResponse>(R"pb(
    dbservers {
      name: "node1"
      report {
        running: TERNARY_YES
        primary: TERNARY_YES
        group: "node1+node2"
        probe { healthy: true }
        process { version: "10.11.19-MariaDB" }
        wsrep { local_state: LOCAL_STATE_SYNCED last_committed: 99 }
        drain { state: DRAIN_STATE_SERVING }
        open_transaction_count: 2
        connections: 30
      }
    }
    dbservers {
      name: "node2"
      report {
        running: TERNARY_UNKNOWN
        probe { error: "no answer in 900ms" }
      }
    }
    silent: "node2")pb");
  EXPECT_EQ(
      RenderReports(response, false),
      "NAME   ANSWERED  RUNNING  PRIMARY  GROUP        STATE    SEQNO  DRAIN    TRANSACTIONS  CONNECTIONS  VERSION"
      "           PROBE\n"
      "node1  yes       yes      yes      node1+node2  synced   99     serving  2             30           "
      "10.11.19-MariaDB\n"
      "node2  no        unknown  unknown  -            unknown  -      unknown  0             0            "
      "-                 no answer in 900ms\n");
}

TEST(RenderReports, ShowsTheNoteOnAHealthyServer) {
  const auto response =
      FromText<v1::RequestStatusResponse>(R"pb(dbservers {
                                                 name: "node1"
                                                 report { probe { healthy: true note: "unset wsrep_notify_cmd" } }
                                               })pb");
  EXPECT_THAT(RenderReports(response, false), HasSubstr("unset wsrep_notify_cmd"));
}

TEST(RenderChanges, OneLineForEachChange) {
  v1::WatchResponse response;
  response.mutable_time()->set_seconds(1'700'000'000);
  *response.mutable_summary() = HealthySummary();
  EXPECT_EQ(
      RenderChanges(response, absl::UTCTimeZone(), false),
      "2023-11-14 22:13:20 shop HEALTHY (rule R900, epoch 7): every dbserver is Synced in one primary component\n");
  response.add_changes("node3: primary yes -> no");
  response.add_changes("evil\x1b[2J");
  EXPECT_EQ(RenderChanges(response, absl::UTCTimeZone(), false),
            "2023-11-14 22:13:20 node3: primary yes -> no\n2023-11-14 22:13:20 evil\\x1b[2J\n");
}

TEST(RenderProgress, DrainNamesWhatItWaitsFor) {
  const auto balancers = FromText<v1::DrainResponse>(R"pb(
    dbserver: "node3"
    state: DRAIN_STATE_WAITING_FOR_BALANCERS
    waiting_for: "lb1 (still up)"
    waiting_for: "lb2 (silent for 4s)"
    open_transactions: 1)pb");
  EXPECT_EQ(RenderProgress(balancers), "node3: waiting for lb1 (still up), lb2 (silent for 4s); 1 open transaction\n");
  EXPECT_EQ(StillOpen(balancers), "waiting for lb1 (still up), lb2 (silent for 4s); still open: 1 transaction");

  const auto transactions = FromText<v1::DrainResponse>(R"pb(
    dbserver: "node3"
    state: DRAIN_STATE_WAITING_FOR_TRANSACTIONS
    open_transactions: 3
    blockers {
      connection_id: 42
      user: "app@10.0.0.7"
      age { seconds: 72 }
      statement: "UPDATE t\nSET a=1"
    }
    blockers {
      connection_id: 43
      user: "cron@localhost"
      age { seconds: 3 }
    })pb");
  EXPECT_EQ(RenderProgress(transactions),
            "node3: no balancer gives it new sessions; waiting for 3 open transactions\n"
            "  connection 42  app@10.0.0.7  open 1m12s  UPDATE t\\nSET a=1\n"
            "  connection 43  cron@localhost  open 3.0s  (idle in transaction)\n"
            "  and 1 more\n");
  EXPECT_EQ(StillOpen(transactions), "still open: 3 transactions");
}

TEST(RenderProgress, GrowingOlderIsNoNews) {
  auto response = FromText<v1::DrainResponse>(R"pb(
    dbserver: "n"
    state: DRAIN_STATE_READ_ONLY
    open_transactions: 1
    blockers { connection_id: 1 })pb");
  const std::string before = ProgressKey(response);
  response.mutable_blockers(0)->mutable_age()->set_seconds(9);
  response.set_connections(5);
  EXPECT_EQ(ProgressKey(response), before);
  response.mutable_blockers(0)->set_connection_id(2);
  EXPECT_NE(ProgressKey(response), before);
}

TEST(RenderProgress, Undrain) {
  v1::UndrainResponse response;
  response.set_dbserver("node3");
  response.set_state(v1::DRAIN_STATE_SERVING);
  response.add_waiting_for("lb1 (still drain)");
  EXPECT_EQ(RenderProgress(response), "node3: waiting for lb1 (still drain)\n");
  response.clear_waiting_for();
  response.set_state(v1::DRAIN_STATE_DRAINED);
  EXPECT_EQ(RenderProgress(response), "node3: drain state drained; waiting for its agent\n");
}

TEST(RenderDone, SaysWhatToTypeNext) {
  auto drained = FromText<v1::DrainResponse>(R"pb(dbserver: "node3" state: DRAIN_STATE_DRAINED)pb");
  EXPECT_EQ(RenderDone(drained),
            "node3 drained: no balancer gives it new sessions, no transaction is open\n"
            "When it may serve again: minderctl undrain node3\n");
  drained.set_connections(1);
  EXPECT_THAT(RenderDone(drained), HasSubstr("is open; 1 connection is still there, idle\n"));
  drained.set_connections(2);
  EXPECT_THAT(RenderDone(drained), HasSubstr("is open; 2 connections are still there, idle\n"));
}

TEST(Json, PrintsDefaultsAndIsLowerCamelCase) {
  v1::StatusSummaryResponse summary;
  summary.set_cluster("shop");
  summary.add_nodes()->set_name("n\x1b\xe2\x80\xae");
  EXPECT_EQ(
      ToJsonLine(summary).value_or("error"),
      R"({"cluster":"shop","diagnosis":"DIAGNOSIS_UNSPECIFIED","rule":"","reason":"","epoch":"0","nodes":[)"
      R"({"name":"n\u001b\u202e","dataCentre":"","running":"TERNARY_UNSPECIFIED","primary":"TERNARY_UNSPECIFIED",)"
      R"("group":"","localState":"LOCAL_STATE_UNSPECIFIED","seqno":"0","drainState":"DRAIN_STATE_UNSPECIFIED",)"
      R"("weight":0,"backends":[],"note":"","openTransactions":0,"connections":0}],"configVersion":"0","command":""})"
      "\n");
}

TEST(Json, AValueThatItCannotSayIsAnError) {
  v1::StatusSummaryResponse summary;
  summary.add_nodes()->mutable_report_age()->set_seconds(1'000'000'000'000);
  EXPECT_EQ(ToJson(summary).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ToYaml(summary).status().code(), absl::StatusCode::kInternal);
}

TEST(Yaml, HasTheContentOfTheJson) {
  const auto response = FromText<v1::WatchResponse>(R"pb(
    time { seconds: 1700000000 }
    changes: "a \"b\": [c], {d}"
    changes: "#x\\"
    summary {
      cluster: "no"
      nodes {
        name: "node1"
        backends { dbclient: "lb1" stale: true }
        backends { weight: 3 }
      }
    })pb");
  EXPECT_EQ(ToYaml(response).value_or("error"),
            "changes:\n"
            "  - \"a \\\"b\\\": [c], {d}\"\n"
            "  - \"#x\\\\\"\n"
            "summary:\n"
            "  cluster: \"no\"\n"
            "  diagnosis: \"DIAGNOSIS_UNSPECIFIED\"\n"
            "  rule: \"\"\n"
            "  reason: \"\"\n"
            "  epoch: \"0\"\n"
            "  nodes:\n"
            "    - name: \"node1\"\n"
            "      dataCentre: \"\"\n"
            "      running: \"TERNARY_UNSPECIFIED\"\n"
            "      primary: \"TERNARY_UNSPECIFIED\"\n"
            "      group: \"\"\n"
            "      localState: \"LOCAL_STATE_UNSPECIFIED\"\n"
            "      seqno: \"0\"\n"
            "      drainState: \"DRAIN_STATE_UNSPECIFIED\"\n"
            "      weight: 0\n"
            "      backends:\n"
            "        - dbclient: \"lb1\"\n"
            "          state: \"BACKEND_STATE_UNSPECIFIED\"\n"
            "          weight: 0\n"
            "          sessions: 0\n"
            "          stale: true\n"
            "          reason: \"\"\n"
            "        - dbclient: \"\"\n"
            "          state: \"BACKEND_STATE_UNSPECIFIED\"\n"
            "          weight: 3\n"
            "          sessions: 0\n"
            "          stale: false\n"
            "          reason: \"\"\n"
            "      note: \"\"\n"
            "      openTransactions: 0\n"
            "      connections: 0\n"
            "  configVersion: \"0\"\n"
            "  command: \"\"\n"
            "time: \"2023-11-14T22:13:20Z\"\n");  // protobuf's JSON puts it last, too
  EXPECT_EQ(ToYaml(v1::WatchRequest()).value_or("error"), "{}\n");
}

}  // namespace
}  // namespace minder
