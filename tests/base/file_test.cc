#include "common/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace minder {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-file-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FileTest, WritesAndReadsBackWithMode0600) {
  const std::string path = directory_ + "/state";
  ASSERT_TRUE(WriteFileDurably(path, "one").ok());
  ASSERT_TRUE(WriteFileDurably(path, "two").ok());
  EXPECT_EQ(ReadFile(path).value(), "two");
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(FileTest, RefusesWhatIsNotAPlainSmallFile) {
  EXPECT_EQ(ReadFile(directory_ + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(directory_).status().code(), absl::StatusCode::kFailedPrecondition);
  std::ofstream(directory_ + "/large") << std::string(100, 'x');
  EXPECT_EQ(ReadFile(directory_ + "/large", 99).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(ReadFile(directory_ + "/large", 100).ok());
  ASSERT_EQ(mkfifo((directory_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(directory_ + "/fifo").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(FileTest, WriteErrorNamesThePath) {
  const absl::Status status = WriteFileDurably(directory_ + "/no/such", "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/no/such"), absl::string_view::npos);
}

TEST_F(FileTest, MakesDirectoriesTwice) {
  EXPECT_TRUE(MakeDirectories(directory_ + "/a/b").ok());
  EXPECT_TRUE(MakeDirectories(directory_ + "/a/b").ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory_ + "/a/b"));
  std::ofstream(directory_ + "/file") << "x";
  EXPECT_FALSE(MakeDirectories(directory_ + "/file/b").ok());
}

}  // namespace
}  // namespace minder
