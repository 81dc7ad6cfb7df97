#include "services/dbserver-agent/order_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/file.h"
#include "google/protobuf/util/json_util.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

// A keeper over a directory of its own, whose Galera does as the test says.
class OrderKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/minder-orders-XXXXXX";
    dir_ = mkdtemp(name);
    thread_ = std::thread([this] { loop_.Run(); });
    Reopen();
    Report("n1");
  }
  void TearDown() override {
    OnLoop([this] { keeper_.reset(); });
    loop_.Stop();
    thread_.join();
    std::filesystem::remove_all(dir_);
  }

  // Everything about the keeper happens on its loop.
  void OnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  template <typename Order>
  void Give(const Order& order) {
    OnLoop([&] { keeper_->On(order); });
  }
  bool IsFrozen() {
    bool frozen = false;
    OnLoop([&] { frozen = keeper_->FreezeSeenAt(loop_.Now()).frozen(); });
    return frozen;
  }
  std::uint64_t HighestEpoch() {
    std::uint64_t epoch = 0;
    OnLoop([&] { epoch = keeper_->highest_epoch(); });
    return epoch;
  }

  void Reopen() {
    OnLoop([this] { Open(); });
  }
  void Open() {
    keeper_.reset();
    auto opened =
        OrderKeeper::Open(loop_,
                          {.state_dir = {.path = dir_, .owner = {}},
                           .config_version = 3,
                           .config_digest = "digest of 3",
                           .order_validity = absl::Seconds(60)},
                          {.make_primary =
                               [this](const OrderEffects::Promote&) {
                                 on_disk_ = OnDisk();  // what is carried out is there already
                                 ++carried_out_;
                                 return outcome_;
                               },
                           .evict =
                               [this](const v1::EvictMember&, const v1::DbStatusReport&, const std::function<bool()>&) {
                                 ++evicted_;
                                 return absl::OkStatus();
                               },
                           .held_down = [this] { return held_down_.load(); },
                           .recover =
                               [this](const v1::Recover& order, const OrderKeeper::Handlers::Done& done) {
                                 recovers_.push_back(order.action());
                                 if (done_at_once_) done(outcome_);
                               },
                           .bootstrap =
                               [this](const OrderKeeper::Handlers::Done& done) {
                                 on_disk_ = OnDisk();
                                 ++carried_out_;
                                 done(outcome_);
                               },
                           .on_change = [this] { changed_ = true; }});
    ASSERT_TRUE(opened.ok()) << opened.status();
    keeper_ = *std::move(opened);
  }

  v1::AgentPromise OnDisk() const {
    v1::AgentPromise promise;
    const auto text = ReadFile(dir_ + "/promise.json");
    if (text.ok()) {
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(*text, &promise).ok());
    }
    return promise;
  }

  // The agent has just reported itself non-Primary, or whatever `change` makes of it.
  void Report(const std::string& nonce, const std::function<void(v1::DbStatusReport&)>& change = nullptr) {
    v1::DbStatusReport report;
    report.set_running(v1::TERNARY_YES);
    report.set_primary(v1::TERNARY_NO);
    report.set_nonce(nonce);
    report.mutable_process()->set_pid(7);
    report.add_members()->set_uuid("a");
    if (change) change(report);
    OnLoop([&] { keeper_->OnReported(report, loop_.Now()); });
  }

  static v1::MakePrimary Promote(std::uint64_t epoch) {
    v1::MakePrimary order;
    order.set_epoch(epoch);
    order.set_nonce("n1");
    order.set_config_version(3);
    order.set_config_digest("digest of 3");
    return order;
  }

  void ReportStopped(const std::string& nonce, std::int64_t seqno = 42) {
    Report(nonce, [seqno](v1::DbStatusReport& r) {
      r.set_running(v1::TERNARY_NO);
      r.mutable_process()->set_pid(0);
      r.clear_members();
      r.mutable_stopped()->mutable_recovered()->set_uuid("5a1e0000-0000-0000-0000-000000000001");
      r.mutable_stopped()->mutable_recovered()->set_seqno(seqno);
    });
  }

  static v1::Recover RecoverOrder(v1::Recover::Action action, std::uint64_t epoch, const std::string& nonce = "s1") {
    v1::Recover order;
    order.set_action(action);
    order.set_epoch(epoch);
    order.set_nonce(nonce);
    order.set_config_version(3);
    order.set_config_digest("digest of 3");
    return order;
  }

  // At most 5 s.
  ::testing::AssertionResult Eventually(const std::function<bool()>& condition) {
    const BootTime until = loop_.Now() + absl::Seconds(5);
    while (!condition() && loop_.Now() < until) absl::SleepFor(absl::Milliseconds(1));
    return condition() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << "not within 5 s";
  }
  ::testing::AssertionResult EventuallyShown(v1::OrderOutcome outcome) {
    return Eventually([&] { return Shown().outcome() == outcome; });
  }
  // As in the agent, every change is followed by a probe; here it finds the node Primary.
  ::testing::AssertionResult EventuallyDone() {
    return Eventually([&] {
      if (changed_.exchange(false)) Report("after", [](v1::DbStatusReport& r) { r.set_primary(v1::TERNARY_YES); });
      return Shown().outcome() == v1::ORDER_OUTCOME_DONE;
    });
  }
  // The last order about becoming primary, or about a recovery.
  v1::OrderStatus Shown() {
    v1::OrderStatus shown;
    OnLoop([&] {
      for (const v1::OrderStatus& status : keeper_->outcomes()) {
        if (status.verb() == v1::Message::kMakePrimaryFieldNumber || status.verb() == v1::Message::kRecoverFieldNumber)
          shown = status.epoch() >= shown.epoch() ? status : shown;
      }
    });
    return shown;
  }

  std::string dir_;
  EventLoop loop_;
  absl::Status outcome_;
  std::atomic<int> carried_out_ = 0;
  std::atomic<int> evicted_ = 0;
  std::atomic<bool> held_down_ = false;
  v1::AgentPromise on_disk_;
  std::vector<v1::Recover::Action> recovers_;
  bool done_at_once_ = true;
  std::atomic<bool> changed_ = false;
  std::unique_ptr<OrderKeeper> keeper_;
  std::thread thread_;  // of the loop
};

TEST_F(OrderKeeperTest, APromiseIsOnDiskBeforeItIsShownAndOutlivesTheAgent) {
  v1::Freeze freeze;
  freeze.set_epoch(4);
  freeze.set_nonce("n1");
  OnLoop([&] {
    keeper_->On(freeze);
    EXPECT_FALSE(keeper_->FreezeSeenAt(loop_.Now()).frozen()) << "not yet on disk";
  });
  ASSERT_TRUE(Eventually([&] { return IsFrozen(); }));
  EXPECT_EQ(OnDisk().freeze().epoch(), 4u);
  Reopen();
  EXPECT_EQ(HighestEpoch(), 4u);
  Report("n1");
  Give(Promote(4));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_REFUSED);
  EXPECT_EQ(carried_out_, 0);
}

TEST_F(OrderKeeperTest, AnOrderIsOnDiskBeforeItIsCarriedOutAndItsEndAfterwards) {
  Give(Promote(5));
  ASSERT_TRUE(EventuallyDone());
  EXPECT_EQ(on_disk_.highest_epoch(), 5u);
  EXPECT_EQ(on_disk_.make_primary().outcome(), v1::ORDER_OUTCOME_STARTED);
  EXPECT_EQ(OnDisk().make_primary().outcome(), v1::ORDER_OUTCOME_DONE);
}

TEST_F(OrderKeeperTest, NothingIsPromotedWhileItIsHeldDown) {
  held_down_ = true;
  Give(Promote(5));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_REFUSED);
  EXPECT_EQ(carried_out_, 0);
}

TEST_F(OrderKeeperTest, TheSameOrderAgainIsNotCarriedOutAgain) {
  Give(Promote(5));
  Give(Promote(5));
  ASSERT_TRUE(EventuallyDone());
  Give(Promote(5));
  Reopen();
  Report("n1");
  Give(Promote(5));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_DONE) << "and it is not refused either";
  EXPECT_EQ(carried_out_, 1);
}

TEST_F(OrderKeeperTest, ARefusedOrderStaysRefusedWhenItComesAgain) {
  Report("n2", [](v1::DbStatusReport& r) { r.set_primary(v1::TERNARY_UNKNOWN); });
  Give(Promote(5));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_REFUSED);
  Report("n3");  // now it would fit
  Give(Promote(5));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_REFUSED);
  EXPECT_EQ(carried_out_, 0);
  Give(Promote(6));
  EXPECT_TRUE(EventuallyDone());
}

TEST_F(OrderKeeperTest, WhatCannotBeWrittenIsNotDone) {
  std::filesystem::remove_all(dir_);
  Give(Promote(5));
  ASSERT_TRUE(Eventually([&] { return changed_.load(); }));
  EXPECT_EQ(carried_out_, 0);
  EXPECT_EQ(HighestEpoch(), 0u);
}

TEST_F(OrderKeeperTest, NothingDoneIsFailed) {
  outcome_ = absl::FailedPreconditionError("it is Primary by now");
  Give(Promote(5));
  ASSERT_TRUE(EventuallyShown(v1::ORDER_OUTCOME_FAILED));
  EXPECT_THAT(Shown().detail(), HasSubstr("by now"));
}

TEST_F(OrderKeeperTest, DoubtEndsWithAPrimaryViewOrWithTheProcessAndNotOtherwise) {
  outcome_ = absl::DeadlineExceededError("no answer");
  Give(Promote(5));
  ASSERT_TRUE(Eventually([&] { return Shown().detail() == "no answer"; }));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_STARTED);
  Report("n2", [](v1::DbStatusReport& r) { r.add_members()->set_uuid("b"); });
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_STARTED) << "a statement that was not begun outlives a view";
  Report("n3", [](v1::DbStatusReport& r) { r.set_running(v1::TERNARY_NO); });
  EXPECT_TRUE(EventuallyShown(v1::ORDER_OUTCOME_FAILED));

  Report("n1");
  Give(Promote(6));
  ASSERT_TRUE(Eventually([&] { return Shown().epoch() == 6 && Shown().detail() == "no answer"; }));
  Report("n2", [](v1::DbStatusReport& r) { r.set_primary(v1::TERNARY_YES); });
  EXPECT_TRUE(EventuallyDone());
}

TEST_F(OrderKeeperTest, WhatHadNoEffectEndsWithItsView) {
  outcome_ = absl::AbortedError("set, and not Primary");
  Give(Promote(5));
  ASSERT_TRUE(Eventually([&] { return Shown().detail() == "set, and not Primary"; }));
  Report("n2");
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_STARTED) << "the same view";
  Report("n3", [](v1::DbStatusReport& r) { r.add_members()->set_uuid("b"); });
  EXPECT_TRUE(EventuallyShown(v1::ORDER_OUTCOME_FAILED));
}

TEST_F(OrderKeeperTest, APrimaryViewEndsThePromise) {
  v1::Freeze freeze;
  freeze.set_epoch(4);
  freeze.set_nonce("n1");
  Give(freeze);
  ASSERT_TRUE(Eventually([&] { return IsFrozen(); }));
  Report("n2", [](v1::DbStatusReport& r) { r.set_primary(v1::TERNARY_YES); });
  EXPECT_TRUE(Eventually([&] { return !IsFrozen(); }));
  EXPECT_EQ(HighestEpoch(), 4u) << "the epoch is never forgotten";
}

TEST_F(OrderKeeperTest, AnEvictionIsCarriedOutOnceAndOnARecentReportOnly) {
  v1::EvictMember order;
  order.set_nonce("n1");
  Give(order);
  Give(order);
  ASSERT_TRUE(Eventually([&] { return evicted_ == 1 && changed_; }));
  order.set_nonce("n0");
  Give(order);
  EXPECT_EQ(evicted_, 1);
  order.set_nonce("n1");
  order.add_dead()->set_dbserver("node2");  // one more died before the next report
  Give(order);
  EXPECT_TRUE(Eventually([&] { return evicted_ == 2; }));
}

TEST_F(OrderKeeperTest, ABootstrapIsOnDiskBeforeItIsCarriedOutAndDoneWhenItIsPrimary) {
  ReportStopped("s1");
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 5));
  ASSERT_TRUE(Eventually([&] { return carried_out_ == 1; }));
  EXPECT_EQ(on_disk_.highest_epoch(), 5u);
  EXPECT_EQ(on_disk_.make_primary().outcome(), v1::ORDER_OUTCOME_STARTED);
  EXPECT_EQ(on_disk_.make_primary().action(), v1::Recover::ACTION_BOOTSTRAP);
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_STARTED) << "it starts, and is not yet primary";
  Report("n2", [](v1::DbStatusReport& r) { r.set_running(v1::TERNARY_UNKNOWN), r.set_primary(v1::TERNARY_UNKNOWN); });
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_STARTED);
  Report("n3", [](v1::DbStatusReport& r) { r.set_primary(v1::TERNARY_YES); });
  EXPECT_TRUE(EventuallyDone());
  ReportStopped("s1");
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 5));
  EXPECT_EQ(carried_out_, 1) << "the same order again";
}

TEST_F(OrderKeeperTest, ABootstrapThatEndsBeforeItIsPrimaryHasFailed) {
  ReportStopped("s1");
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 5));
  ASSERT_TRUE(Eventually([&] { return Shown().outcome() == v1::ORDER_OUTCOME_STARTED && carried_out_ == 1; }));
  Reopen();  // a new agent does not know whether it was begun
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_STARTED);
  ReportStopped("s2");
  EXPECT_TRUE(EventuallyShown(v1::ORDER_OUTCOME_FAILED));
}

TEST_F(OrderKeeperTest, ABootstrapThatDidNothingHasFailed) {
  outcome_ = absl::FailedPreconditionError("it holds no data");
  ReportStopped("s1");
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 5));
  ASSERT_TRUE(EventuallyShown(v1::ORDER_OUTCOME_FAILED));
  EXPECT_EQ(Shown().detail(), "it holds no data");
}

TEST_F(OrderKeeperTest, ABootstrapIsRefusedWhereItDoesNotFit) {
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 5, "n1"));
  EXPECT_THAT(Shown().detail(), HasSubstr("not seen to be stopped")) << "it runs";
  ReportStopped("s1");
  ReportStopped("s2", 43);
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 6));
  EXPECT_THAT(Shown().detail(), HasSubstr("position have changed"));
  ReportStopped("s3", -1);
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 7, "s3"));
  EXPECT_THAT(Shown().detail(), HasSubstr("data stands behind"));
  ReportStopped("s4");
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 7, "s4"));
  EXPECT_EQ(carried_out_, 0) << "what was refused once stays so";
  Give(RecoverOrder(v1::Recover::ACTION_BOOTSTRAP, 8, "s4"));
  EXPECT_TRUE(Eventually([&] { return carried_out_ == 1; }));
}

TEST_F(OrderKeeperTest, AHoldComesWithEveryReportAndIsToldOfOnce) {
  ReportStopped("s1");
  Give(RecoverOrder(v1::Recover::ACTION_COLLECT, 5));
  EXPECT_TRUE(changed_.exchange(false));
  Give(RecoverOrder(v1::Recover::ACTION_COLLECT, 5));
  EXPECT_FALSE(changed_);
  EXPECT_THAT(recovers_, ::testing::ElementsAre(v1::Recover::ACTION_COLLECT, v1::Recover::ACTION_COLLECT));
  EXPECT_EQ(Shown().outcome(), v1::ORDER_OUTCOME_DONE);
  done_at_once_ = false;
  Give(RecoverOrder(v1::Recover::ACTION_CLEAR, 5));
  EXPECT_EQ(Shown().action(), v1::Recover::ACTION_COLLECT) << "not yet done";
}

TEST_F(OrderKeeperTest, AServerThatAnswersIsNotHeldDown) {
  Give(RecoverOrder(v1::Recover::ACTION_COLLECT, 5, "n1"));
  EXPECT_THAT(recovers_, ::testing::IsEmpty());
  EXPECT_THAT(Shown().detail(), HasSubstr("mariadbd answers"));
}

TEST_F(OrderKeeperTest, WhatIsNoPromiseFileIsRefusedWithItsName) {
  ASSERT_TRUE(WriteFileDurably(dir_ + "/promise.json", "{\"highestEpoch\": \"many\"}").ok());
  const auto opened =
      OrderKeeper::Open(loop_, {.state_dir = {.path = dir_, .owner = {}}, .order_validity = absl::Seconds(2)}, {});
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status()));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("promise.json"));
}

}  // namespace
}  // namespace minder
