#include "services/dbserver-agent/stopped_state.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/failpoint.h"
#include "common/base/file.h"

namespace minder {
namespace {

constexpr char kGrastate[] =
    "# GALERA saved state\nversion: 2.1\nuuid:    6f5bb8dd-7d1a-11ee-8a2c-4a2f2e5a9d10\nseqno:   7\n"
    "safe_to_bootstrap: 0\n";

class StoppedStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-stopped-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    ASSERT_TRUE(WriteFileDurably(dir_ + "/gvwstate.dat", "a view").ok());
    ASSERT_TRUE(WriteFileDurably(dir_ + "/grastate.dat", kGrastate).ok());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string Content(const std::string& name) const { return ReadFile(dir_ + name).value_or("none"); }
  // Dies at the failpoint, as a crash does.
  template <typename Work>
  void DieAt(const std::string& failpoint, Work work) {
    EXPECT_EXIT(
        {
          setenv("MINDER_FAILPOINTS", failpoint.c_str(), 1);
          work();
          _exit(0);
        },
        ::testing::ExitedWithCode(kFailpointExit), failpoint.substr(0, failpoint.find('=')));
  }

  std::string dir_;
};

TEST_F(StoppedStateTest, AnOldViewIsMovedAsideOrStillThere) {
  DieAt("file.before_rename/gvwstate.dat.gone=exit", [this] { MoveOldViewAside(dir_).IgnoreError(); });
  EXPECT_EQ(Content("/gvwstate.dat"), "a view");
  DieAt("file.after_rename/gvwstate.dat.gone=exit", [this] { MoveOldViewAside(dir_).IgnoreError(); });
  EXPECT_EQ(Content("/gvwstate.dat"), "none");
  EXPECT_EQ(Content("/gvwstate.dat.gone"), "a view");
  EXPECT_TRUE(MoveOldViewAside(dir_).ok()) << "what is not there need not go";
}

TEST_F(StoppedStateTest, TheLeaveToBootstrapIsThereInFullOrNotAtAll) {
  DieAt("file.before_rename/grastate.dat=exit", [this] { AllowBootstrap(dir_, {}).IgnoreError(); });
  EXPECT_EQ(Content("/grastate.dat"), kGrastate);
  DieAt("file.after_rename/grastate.dat=exit", [this] { AllowBootstrap(dir_, {}).IgnoreError(); });
  EXPECT_TRUE(StoppedStateOf(dir_).safe_to_bootstrap());
  EXPECT_EQ(StoppedStateOf(dir_).grastate().seqno(), 7);
}

}  // namespace
}  // namespace minder
