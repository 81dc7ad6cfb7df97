#include "tests/integration/promotions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"

namespace minder::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Samples = std::map<std::string, std::vector<Sample>>;

BootTime At(int second) { return SinceBoot(absl::Seconds(second)); }

// Of the oldest first, as they are written here.
class Records {
 public:
  Records& Add(const std::string& kind, std::uint64_t epoch, const std::string& text,
               const std::vector<std::string>& evidence = {}) {
    records_.emplace_back();
    v1::AuditRecord& record = *records_.back().mutable_record();
    record.set_kind(kind);
    record.set_epoch(epoch);
    record.set_text(text);
    record.mutable_evidence()->Assign(evidence.begin(), evidence.end());
    records_.back().mutable_time()->set_seconds(1000 + static_cast<int>(records_.size()));
    return *this;
  }
  Records& Order(std::uint64_t epoch, const std::string& group, const std::vector<std::string>& evidence) {
    const std::string target = group.substr(0, group.find('+'));
    return Add("grant", epoch, target + " is ordered to make " + group + " primary", evidence);
  }
  v1::HistoryResponse Response() const {
    v1::HistoryResponse history;
    history.mutable_entries()->Assign(records_.rbegin(), records_.rend());
    return history;
  }
  std::string Wrong() const { return std::string(CheckRecords(Response(), 3).message()); }

 private:
  std::vector<v1::HistoryEntry> records_;
};

TEST(PromotionsIn, ReadsWhoWasPromotedAndWhen) {
  const auto promotions = PromotionsIn(Records()
                                           .Add("grant", 1, "node1+node2 is to become primary; node3 asked to promise")
                                           .Order(1, "node1+node2", {"node3 promised"})
                                           .Add("grant", 1, "node1 is primary")
                                           .Add("grant", 3, "node2 is ordered to start as the first node")
                                           .Order(4, "node3", {"node1 is dead"})
                                           .Response(),
                                       absl::FromUnixSeconds(1000));
  ASSERT_EQ(promotions.size(), 2u);
  EXPECT_EQ(promotions[0].epoch, 1u);
  EXPECT_EQ(promotions[0].ordered_at, At(2));
  EXPECT_THAT(promotions[0].group, ElementsAre("node1", "node2"));
  EXPECT_THAT(promotions[1].group, ElementsAre("node3"));
}

TEST(PromotionsIn, ReadsWhoWasWithTheGroupSince) {
  const auto promotions = PromotionsIn(Records()
                                           .Add("confirmed", 0, "the last primary component is node1+node3, view 1:1")
                                           .Order(1, "node1+node2", {"node3 promised"})
                                           .Add("confirmed", 1, "the last primary component is node1+node2, view 1:2")
                                           .Add("confirmed", 1, "the last primary component is node3+node4, view 1:3")
                                           .Add("confirmed", 1, "the last primary component is node2+node3, view 1:4")
                                           .Response(),
                                       absl::FromUnixSeconds(1000));
  ASSERT_EQ(promotions.size(), 1u);
  EXPECT_THAT(promotions[0].merged_at, ElementsAre(Pair("node1", At(3)), Pair("node2", At(3)), Pair("node3", At(5))));
}

TEST(PromotionsIn, LeavesOutWhatItsTargetDidNotGetInTime) {
  const auto promotions = PromotionsIn(Records()
                                           .Order(1, "node1", {"node2 promised"})
                                           .Add("grant", 1, "node1 did not get the order in time, and refuses it now")
                                           .Order(2, "node2", {"node1 promised"})
                                           .Response(),
                                       absl::FromUnixSeconds(1000));
  ASSERT_EQ(promotions.size(), 1u);
  EXPECT_EQ(promotions[0].epoch, 2u);
}

TEST(CheckRecords, HoldsForOneRecordOfEachOrderWithItsEvidence) {
  EXPECT_EQ(Records().Wrong(), "");
  EXPECT_EQ(Records()
                .Order(1, "node1", {"node2 is dead"})
                .Add("grant", 1, "done")
                .Add("grant", 3, "node2 is ordered to start as the first node", {"node1 has seqno 3"})
                .Order(4, "node1+node2+node3", {})
                .Add("grant", 0, "the request came to nothing")
                .Wrong(),
            "");
}

TEST(CheckRecords, SeesWhatIsWrong) {
  EXPECT_THAT(Records().Order(1, "node1", {"a"}).Order(1, "node1", {"a"}).Wrong(), HasSubstr("ordered twice"));
  EXPECT_THAT(Records().Order(1, "node1+node2", {}).Wrong(), HasSubstr("without evidence"));
  EXPECT_THAT(Records().Add("grant", 1, "node2 is ordered to start as the first node").Wrong(),
              HasSubstr("without evidence"));
  EXPECT_THAT(Records().Order(2, "node1", {"a"}).Order(1, "node3", {"a"}).Wrong(), HasSubstr("after a later grant"));
  v1::HistoryResponse broken;
  broken.set_broken_at(7);
  EXPECT_THAT(std::string(CheckRecords(broken, 3).message()), HasSubstr("broken at record 7"));
}

// A sample of the second after `second`, with a marker write that committed.
Sample Commit(const std::string& node, int second, const std::string& members) {
  Sample sample;
  sample.node = node;
  sample.begin = At(second);
  sample.end = At(second) + absl::Milliseconds(100);
  sample.answered = true;
  sample.cluster_status = "Primary";
  sample.members = absl::StrSplit(members, '+');
  sample.marker_committed = true;
  return sample;
}
Sample Refused(const std::string& node, int second, const std::string& members) {
  Sample sample = Commit(node, second, members);
  sample.cluster_status = "non-Primary";
  sample.marker_committed = false;
  return sample;
}

const std::vector<Promotion> kNode1At10 = {{.epoch = 1, .ordered_at = At(10), .group = {"node1"}}};

TEST(CheckDeposedCommitNothing, HoldsWhenWhoIsOutsideCommitsBeforeAndThenWithTheGroupAgain) {
  const Samples samples = {{"node1", {Commit("node1", 11, "node1")}},
                           {"node2",
                            {Commit("node2", 9, "node2"), Refused("node2", 11, "node2"),
                             Commit("node2", 20, "node1+node2"), Commit("node2", 30, "node2")}}};
  EXPECT_EQ(CheckDeposedCommitNothing(kNode1At10, samples), absl::OkStatus());
  EXPECT_EQ(CheckDeposedCommitNothing({}, samples), absl::OkStatus());
}

TEST(CheckDeposedCommitNothing, SeesACommitWithoutTheGroup) {
  const Samples samples = {{"node2", {Commit("node2", 9, "node2+node3"), Commit("node2", 11, "node2+node3")}}};
  EXPECT_THAT(std::string(CheckDeposedCommitNothing(kNode1At10, samples).message()),
              HasSubstr("committed 1s after epoch 1 was ordered for node1, without it: node2"));
}

TEST(CheckDeposedCommitNothing, HoldsAfterAMergeThatNoSampleSaw) {
  const Samples samples = {{"node2", {Refused("node2", 11, "node2"), Commit("node2", 13, "node2")}}};
  auto promotions = kNode1At10;
  promotions[0].merged_at["node2"] = At(12);
  EXPECT_EQ(CheckDeposedCommitNothing(promotions, samples), absl::OkStatus());
  promotions[0].merged_at["node2"] = At(14);
  EXPECT_EQ(CheckDeposedCommitNothing(promotions, samples).code(), absl::StatusCode::kInternal);
}

// To have heard of the group, and not to be primary with it, is no permission.
TEST(CheckDeposedCommitNothing, SeesACommitAfterAnUnfinishedMerge) {
  const Samples samples = {{"node2", {Refused("node2", 11, "node1+node2"), Commit("node2", 12, "node2")}}};
  EXPECT_EQ(CheckDeposedCommitNothing(kNode1At10, samples).code(), absl::StatusCode::kInternal);
}

BalancerSample Balancer(int second, const std::string& status, int sessions) {
  return {.at = At(second), .servers = {{"node2", {.status = status, .weight = 1, .sessions = sessions}}}};
}

TEST(CheckDeposedGetNoSession, SeesSessionsAndThatNewOnesAreGivenUntilTheNodeIsBack) {
  const Samples samples = {{"node2", {Refused("node2", 11, "node2"), Commit("node2", 20, "node1+node2")}}};
  const auto check = [&](const BalancerSample& sample) {
    return CheckDeposedGetNoSession(kNode1At10, samples, {Balancer(11, "MAINT", 0), sample}).code();
  };
  EXPECT_EQ(check(Balancer(10, "no check", 5)), absl::StatusCode::kOk) << "it is told at this moment";
  EXPECT_EQ(check(Balancer(12, "MAINT", 0)), absl::StatusCode::kOk);
  EXPECT_EQ(check(Balancer(12, "no check", 0)), absl::StatusCode::kInternal);
  EXPECT_EQ(check(Balancer(12, "MAINT", 1)), absl::StatusCode::kInternal);
  EXPECT_EQ(check(Balancer(20, "no check", 1)), absl::StatusCode::kOk) << "with the group again";
}

TEST(CheckDeposedGetNoSession, LooksUntilTheEndWhenTheNodeIsNotBack) {
  const Samples samples = {{"node2", {Commit("node2", 11, "node2"), Refused("node2", 30, "node2")}}};
  EXPECT_EQ(CheckDeposedGetNoSession(kNode1At10, samples, {Balancer(20, "no check", 0)}).code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace minder::lab
