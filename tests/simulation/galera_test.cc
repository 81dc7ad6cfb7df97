// The model of Galera against what was measured and read of the real one (galera.md sections 1 and 2).
#include "tests/simulation/galera.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Hosts = std::vector<int>;

class GaleraModel : public ::testing::Test {
 protected:
  void Form(const std::vector<int>& weights) {
    const int nodes = static_cast<int>(weights.size());
    network_ = std::make_unique<Network>(stage_, nodes);
    Galera::Settings settings;
    settings.weights = weights;
    settings.extra_write = 0;
    for (int i = 0; i < nodes; ++i) settings.names.push_back("n" + std::to_string(i));
    galera_ = std::make_unique<Galera>(stage_, *network_, settings,
                                       Galera::Handlers{.on_notify = [](int) {}, .on_exit = [](int, int, bool) {}});
    galera_->FormAll();
    Run(1);
  }
  void Run(double seconds) {
    const absl::Time until = stage_.now() + absl::Seconds(seconds);
    stage_.At(until, [] {});
    while (stage_.Step(until)) {
    }
  }
  void Link(const Hosts& one, const Hosts& other, bool linked) {
    for (const int a : one) {
      for (const int b : other) {
        linked ? network_->Heal(a, b) : network_->Cut(a, b);
        linked ? network_->Heal(b, a) : network_->Cut(b, a);
      }
    }
    galera_->NetworkChanged();
  }
  v1::ClusterStatus Status(int host) const { return galera_->Ask(host)->wsrep.cluster_status(); }
  std::int64_t Seqno(int host) const { return galera_->Ask(host)->wsrep.last_committed(); }

  Stage stage_{1, nullptr};
  std::unique_ptr<Network> network_;
  std::unique_ptr<Galera> galera_;
};

TEST_F(GaleraModel, AnEvenSplitLeavesNobodyPrimaryAndFormsAgainByItself) {
  Form({1, 1, 1, 1});
  Link({0, 1}, {2, 3}, false);
  EXPECT_THAT(galera_->Live(), IsEmpty()) << "nobody can commit over a cut";
  Run(1);
  EXPECT_EQ(Status(0), v1::CLUSTER_STATUS_PRIMARY) << "nobody has noticed";
  Run(10);
  for (int host = 0; host < 4; ++host) EXPECT_EQ(Status(host), v1::CLUSTER_STATUS_NON_PRIMARY);
  Link({0, 1}, {2, 3}, true);
  Run(3);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1, 2, 3)));
}

TEST_F(GaleraModel, TheHeavySideStaysAndTheOtherOneComesBackWithItsData) {
  Form({2, 1});
  Link({0}, {1}, false);
  Run(10);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0)));
  EXPECT_EQ(Status(1), v1::CLUSTER_STATUS_NON_PRIMARY);
  galera_->Write();
  Run(1);
  EXPECT_LT(Seqno(1), Seqno(0));
  Link({0}, {1}, true);
  Run(3);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1)));
  EXPECT_EQ(Seqno(1), Seqno(0));
}

TEST_F(GaleraModel, WhoLeavesInPeaceCounts) {
  Form({1, 1});
  galera_->Stop(1);
  Run(1);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0)));
  EXPECT_FALSE(galera_->ViewOnDisk(1).has_value());
  EXPECT_EQ(galera_->Stopped(1).grastate().seqno(), 100);
}

TEST_F(GaleraModel, AKilledMemberIsWaitedForUnlessItIsEvicted) {
  Form({1, 1, 1});
  const std::string dead = galera_->uuid(2);
  galera_->Kill(2);
  Run(1);
  EXPECT_THAT(galera_->Live(), IsEmpty());
  galera_->Evict(0, dead);
  Run(0.3);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1)));
  galera_->Start(2);
  EXPECT_EQ(galera_->uuid(2), dead) << "gvwstate.dat brings it back";
  Run(20);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1))) << "and it never joins";
  galera_->Kill(2);
  galera_->ForgetView(2);
  galera_->Start(2);
  Run(3);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1, 2)));
}

TEST_F(GaleraModel, BootstrapPromotesTheWholeComponentAndDoesNothingWhereItIsPrimary) {
  Form({1, 1, 1, 1});
  EXPECT_FALSE(galera_->Bootstrap(0));
  Link({0, 1}, {2, 3}, false);
  Run(10);
  EXPECT_TRUE(galera_->Bootstrap(0));
  Run(1);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1)));
  EXPECT_NE(galera_->ViewOnDisk(0)->id(), galera_->ViewOnDisk(2)->id());
  EXPECT_TRUE(galera_->Bootstrap(2)) << "nothing in Galera forbids the second one";
  Run(1);
  EXPECT_THAT(galera_->Live(), UnorderedElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));
}

// 0 has the majority, commits once more, and is ended; then 1 is bootstrapped and commits.
class GivenUp : public GaleraModel {
 protected:
  void PromoteTheOther(const Hosts& given_up) {
    Form({2, 1});
    Link({0}, {1}, false);
    Run(10);
    galera_->Write();
    Run(1);
    galera_->Kill(0);
    EXPECT_TRUE(galera_->Bootstrap(1, given_up));
    Run(1);
    galera_->Write();
    Run(1);
  }
};

TEST_F(GivenUp, WhatTheOthersCommittedSinceMayBeLost) {
  PromoteTheOther({0});
  EXPECT_EQ(galera_->loss(), "");
}

TEST_F(GivenUp, NothingIsWhenNobodySaysSo) {
  PromoteTheOther({});
  EXPECT_THAT(galera_->loss(), HasSubstr("n1 commits after"));
}

TEST_F(GivenUp, WhatCameOfTheBootstrapIsNot) {
  PromoteTheOther({0});
  galera_->Kill(1);
  galera_->StartFirst(0);
  Run(1);
  galera_->Write();
  EXPECT_THAT(galera_->loss(), HasSubstr("n0 commits after"));
}

TEST_F(GivenUp, WhatWasCommittedInTheLastCommonViewIsNot) {
  Form({2, 1});
  galera_->Write();
  while (Seqno(1) == 100 + galera_->writes()) galera_->Write();  // until 1 has the last one in its memory alone
  for (const int host : {0, 1}) galera_->Kill(host);
  galera_->Start(1);
  Run(10);
  EXPECT_TRUE(galera_->Bootstrap(1, {0}));
  Run(1);
  galera_->Write();
  EXPECT_THAT(galera_->loss(), HasSubstr("n1 commits after"));
}

TEST_F(GaleraModel, AllWhoCrashedFormItAgainAndOnlyAllOfThem) {
  Form({1, 1, 1});
  galera_->Write();
  for (int host = 0; host < 3; ++host) galera_->Kill(host);
  galera_->Start(0);
  galera_->Start(1);
  Run(10);
  EXPECT_THAT(galera_->Live(), IsEmpty());
  galera_->Start(2);
  Run(3);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_EQ(Seqno(0), 101) << "whoever had it on disk gave it to the others";
}

TEST_F(GaleraModel, OneWayIsNoWay) {
  Form({1, 1, 1});
  network_->Cut(2, 0);
  network_->Cut(2, 1);
  galera_->NetworkChanged();
  Run(10);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1)));
  EXPECT_EQ(Status(2), v1::CLUSTER_STATUS_NON_PRIMARY);
}

TEST_F(GaleraModel, AFrozenProcessIsGivenUpAndComesBack) {
  Form({1, 1, 1});
  galera_->Freeze(1);
  EXPECT_FALSE(galera_->Ask(1).has_value());
  Run(10);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 2)));
  galera_->Thaw(1);
  Run(3);
  EXPECT_THAT(galera_->Live(), ElementsAre(ElementsAre(0, 1, 2)));
}

}  // namespace
}  // namespace minder
