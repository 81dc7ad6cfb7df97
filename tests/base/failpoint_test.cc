#include "common/base/failpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "common/base/file.h"

namespace minder {
namespace {

class FailpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-failpoint-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    path_ = name + "/promise.json";
    ASSERT_TRUE(WriteFileDurably(path_, "old").ok());
  }
  void TearDown() override {
    unsetenv("MINDER_FAILPOINTS");
    std::filesystem::remove_all(std::filesystem::path(path_).parent_path());
  }
  static void Set(const char* failpoints) { setenv("MINDER_FAILPOINTS", failpoints, 1); }
  // What is on disk after a write that ends as `failpoints` say.
  std::string AfterWriteWith(const char* failpoints) {
    EXPECT_EXIT(
        {
          Set(failpoints);
          WriteFileDurably(path_, "new").IgnoreError();
          _exit(0);
        },
        ::testing::ExitedWithCode(kFailpointExit), "failpoint file\\..*/promise.json: exit");
    return ReadFile(path_).value();
  }
  std::string path_;
};

TEST_F(FailpointTest, SaysNothingUnlessItIsTold) {
  EXPECT_TRUE(Failpoint("store.before_commit").ok());
  Set("store.after_commit=error");
  EXPECT_TRUE(Failpoint("store.before_commit").ok());
  EXPECT_FALSE(Failpoint("store.after_commit").ok());
}

TEST_F(FailpointTest, IsAllItsMomentsOrOneOfThem) {
  Set("store.before_commit/drain=error,file.before_write=error");
  EXPECT_TRUE(Failpoint("store.before_commit", "grant").ok());
  EXPECT_EQ(Failpoint("store.before_commit", "drain").message(), "failpoint store.before_commit/drain");
  EXPECT_FALSE(Failpoint("file.before_write", "any").ok());
}

TEST_F(FailpointTest, AfterACrashTheOldOrTheNewFileIsThereAndNeverHalfOfIt) {
  EXPECT_EQ(AfterWriteWith("file.before_write=exit"), "old");
  EXPECT_EQ(AfterWriteWith("file.before_rename=exit"), "old");
  EXPECT_EQ(AfterWriteWith("file.after_rename=exit"), "new");
}

TEST_F(FailpointTest, AFailedWriteIsToldAndLeavesTheOldFile) {
  for (const char* failpoints : {"file.before_write=error", "file.before_rename/promise.json=error"}) {
    Set(failpoints);
    EXPECT_FALSE(WriteFileDurably(path_, "new").ok()) << failpoints;
    EXPECT_EQ(ReadFile(path_).value(), "old");
  }
  Set("file.after_rename/another=error");
  EXPECT_TRUE(WriteFileDurably(path_, "new").ok()) << "another file's";
}

TEST_F(FailpointTest, AStopGoesOnWithSigcont) {
  const pid_t child = fork();
  if (child == 0) {
    Set("message.after_send=stop");
    _exit(Failpoint("message.after_send").ok() ? 7 : 8);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(WIFSTOPPED(status));
  ASSERT_EQ(kill(child, SIGCONT), 0);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace minder
