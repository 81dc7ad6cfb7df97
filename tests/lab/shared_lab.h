#ifndef MINDER_TESTS_LAB_SHARED_LAB_H_
#define MINDER_TESTS_LAB_SHARED_LAB_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include "tests/lab/lab.h"
#include "tests/lab/wait_for.h"

namespace minder::lab {

// Options of a lab for tests, in a directory of its own under the build directory; test programs run side by side.
inline LabOptions TestLabOptions(const std::string& name, bool agents, const std::string& topology = "2+1") {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").filename();
  return {.directory = OwnBuildDirectory() + "/lab-tests/" + program + "/" + name,
          .build_directory = OwnBuildDirectory(),
          .topology = topology,
          .agents = agents};
}

// A lab of a test's own, taken down at the end. What a killed run left in its directory is removed first.
class ScopedLab {
 public:
  explicit ScopedLab(const LabOptions& options) : directory_(options.directory) {
    status_ = Lab::Down(directory_);
    if (!status_.ok()) return;
    auto lab = Lab::Up(options, [](const std::string& line) { std::cerr << "lab: " << line << "\n"; });
    status_ = lab.status();
    if (lab.ok()) lab_ = *std::move(lab);
  }
  ~ScopedLab() {
    if (lab_ && ::testing::UnitTest::GetInstance()->Failed()) KeepLogs();
    EXPECT_EQ(Lab::Down(directory_), absl::OkStatus());
  }
  ScopedLab(const ScopedLab&) = delete;
  ScopedLab& operator=(const ScopedLab&) = delete;

  const absl::Status& status() const { return status_; }  // whether it came up; without that there is no lab()
  const Lab& lab() const { return *lab_; }

 private:
  // Beside the lab's directory, until the next failure.
  void KeepLogs() const {
    namespace fs = std::filesystem;
    const std::string kept = directory_ + "-logs";
    std::error_code error;
    fs::remove_all(kept, error);
    fs::copy(fs::path(lab_->plan().LogPath("any")).parent_path(), kept, fs::copy_options::recursive, error);
    std::cerr << "lab: its logs are in " << kept << "\n";
  }

  std::string directory_;
  absl::Status status_;
  std::optional<Lab> lab_;
};

// One lab for all tests of a suite, brought back to health before each. `Kind` is the suite's: it has a static
// `LabOptions Options()`, usually TestLabOptions. For ctest a program with the label lab is one test, so there too the
// tests of a suite share their lab.
//
//   struct Plain { static LabOptions Options() { return TestLabOptions("plain", false); } };
//   using PlainLabTest = SharedLab<Plain>;
//   TEST_F(PlainLabTest, …) { lab().Kill("node2"); … }
template <typename Kind>
class SharedLab : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shared_.emplace(Kind::Options()); }
  static void TearDownTestSuite() { shared_.reset(); }
  void SetUp() override {
    ASSERT_EQ(shared_->status(), absl::OkStatus());
    ASSERT_EQ(lab().Reset(absl::Seconds(60)), absl::OkStatus());
  }

  static const Lab& lab() { return shared_->lab(); }

 private:
  static inline std::optional<ScopedLab> shared_;
};

// For ASSERT_TRUE and EXPECT_TRUE: waits for a condition of the lab, and says what was not reached.
inline ::testing::AssertionResult Reached(const std::function<absl::Status()>& condition, absl::Duration deadline,
                                          const std::string& what) {
  const absl::Status status = WaitFor(condition, deadline, what);
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << status.message();
}

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_SHARED_LAB_H_
