#include "common/mysql/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"
#include "common/base/unix_address.h"

namespace {

std::atomic<int> failed_closes = 0;

}  // namespace

// In place of libc's, also for libmariadb.
extern "C" int close(int fd) {
  const auto result = static_cast<int>(syscall(SYS_close, fd));
  if (result != 0) ++failed_closes;
  return result;
}

namespace minder {
namespace {

class RefusedConnection : public ::testing::Test {
 protected:
  RefusedConnection() { directory_ = mkdtemp(name_); }
  ~RefusedConnection() override { std::filesystem::remove_all(directory_); }
  absl::Status Connect() const {
    return Connection::Open({.socket = directory_ + "/mysqld.sock", .user = "minder", .password_file = ""},
                            BootClock().Now() + absl::Seconds(5))
        .status();
  }
  char name_[32] = "/tmp/minder-connection-XXXXXX";
  std::string directory_;
};

// By the second time the number may be that of another thread's file.
TEST_F(RefusedConnection, ClosesNothingTwiceWhereThereIsNoSocket) {
  EXPECT_TRUE(absl::IsUnavailable(Connect())) << Connect();
  EXPECT_EQ(failed_closes, 0);
}

TEST_F(RefusedConnection, ClosesNothingTwiceWhereNobodyListens) {
  const UniqueFd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(UnixAddress::Of(directory_ + "/mysqld.sock")->Bind(dead.get()), 0);
  EXPECT_TRUE(absl::IsUnavailable(Connect())) << Connect();
  EXPECT_EQ(failed_closes, 0);
}

}  // namespace
}  // namespace minder
