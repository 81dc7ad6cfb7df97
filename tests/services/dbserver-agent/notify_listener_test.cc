#include "services/dbserver-agent/notify_listener.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctime>
#include <fstream>

#include "common/core/wsrep_event.h"
#include "tests/services/dbserver-agent/listener_fixture.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kNobody = 65534;

class NotifyListenerTest : public ListenerFixture {
 protected:
  static std::string Record(int index) {
    v1::WsrepEvent event;
    event.set_status(v1::WSREP_NOTIFY_STATUS_SYNCED);
    event.set_index(index);
    return event.SerializeAsString();
  }
  bool Send(const std::string& record) {
    const UniqueFd fd = Connect(path_);
    return fd.ok() && send(fd.get(), record.data(), record.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(record.size());
  }
  // True when the other end closes within 10 s.
  static bool ClosedByPeer(int fd) {
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    char byte;
    return poll(&waiting, 1, 10'000) == 1 && recv(fd, &byte, 1, 0) <= 0;
  }
  static absl::Duration CpuTime() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return absl::DurationFromTimespec(used);
  }
  NotifyListener::Counters Counters() {
    return OnLoop([this] { return listener_->counters(); });
  }

  // In a child that has become `nobody`: connects and sends an event. 0 when it could connect, 1 when not.
  int SendAsNobody() {
    const std::string record = Record(1);
    const pid_t child = fork();
    if (child == 0) {
      if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(9);
      const UniqueFd fd = Connect(path_);
      if (!fd.ok()) _exit(1);
      send(fd.get(), record.data(), record.size(), MSG_NOSIGNAL);  // fails when refused and closed already
      _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  }
};

TEST_F(NotifyListenerTest, DeliversEventsInOrder) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Send(Record(i)));
  ASSERT_TRUE(EventuallyEvents(3));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(events_[i].index(), i);
  EXPECT_EQ(events_[0].status(), v1::WSREP_NOTIFY_STATUS_SYNCED);
  EXPECT_TRUE(Eventually([this] { return listener_->connections() == 0; }));
}

TEST_F(NotifyListenerTest, TheSocketIs0660WhateverTheUmaskAndGoesWithTheListener) {
  const mode_t before = umask(077);
  const absl::Status status = Open();
  umask(before);
  ASSERT_TRUE(status.ok()) << status;
  struct stat info;
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660);
  Close();
  EXPECT_NE(stat(path_.c_str(), &info), 0);
}

TEST_F(NotifyListenerTest, AStormOfEventsArrivesInFull) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(Send(Record(i)));
  EXPECT_TRUE(EventuallyEvents(2000));
  EXPECT_EQ(Counters().malformed, 0);
}

TEST_F(NotifyListenerTest, DropsWhatIsNoEventAndGoesOn) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Send("no event at all"));
  v1::WsrepEvent large;
  large.set_state_uuid(std::string(kMaxWsrepEventBytes + 1, 'x'));
  ASSERT_TRUE(Send(large.SerializeAsString()));
  large.set_state_uuid(std::string(kMaxWsrepEventBytes - 100, 'x'));
  ASSERT_TRUE(Send(large.SerializeAsString()));
  ASSERT_TRUE(EventuallyEvents(1));
  EXPECT_EQ(Counters().malformed, 2);
  EXPECT_EQ(Counters().events, 1);
}

TEST_F(NotifyListenerTest, AClientThatSaysNothingIsClosed) {
  ASSERT_TRUE(Open({.path = path_, .silence = absl::Milliseconds(50)}).ok());
  const UniqueFd silent = Connect(path_);
  ASSERT_TRUE(silent.ok());
  EXPECT_TRUE(ClosedByPeer(silent.get()));
  EXPECT_EQ(OnLoop([this] { return listener_->connections(); }), 0);
}

TEST_F(NotifyListenerTest, AClientThatGoesAwayIsForgotten) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Connect(path_).ok());
  ASSERT_TRUE(Send(Record(1)));
  EXPECT_TRUE(EventuallyEvents(1));
  EXPECT_TRUE(Eventually([this] { return listener_->connections() == 0; }));
}

TEST_F(NotifyListenerTest, MoreThanTheMostConnectionsWaitTheirTurn) {
  ASSERT_TRUE(Open({.path = path_, .silence = absl::Milliseconds(200)}).ok());
  std::vector<UniqueFd> silent;
  for (std::size_t i = 0; i < NotifyListener::kMaxConnections + 10; ++i) silent.push_back(Connect(path_));
  ASSERT_TRUE(Send(Record(7)));
  EXPECT_TRUE(Eventually([this] { return listener_->connections() == NotifyListener::kMaxConnections; }));
  const absl::Duration before = CpuTime();
  EXPECT_TRUE(EventuallyEvents(1));  // lossless: when the silent ones are closed
  EXPECT_LT(CpuTime() - before, absl::Milliseconds(100)) << "the loop spins while it waits";
}

TEST_F(NotifyListenerTest, AnotherAgentIsLeftAlone) {
  ASSERT_TRUE(Open().ok());
  EventLoop other_loop;
  const auto other = NotifyListener::Open(other_loop, {.path = path_}, [](const v1::WsrepEvent&) {});
  EXPECT_EQ(other.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(other.status().message()),
              AllOf(HasSubstr(path_), HasSubstr("already in use by another agent: stop it, or change notify_socket")));
  ASSERT_TRUE(Send(Record(1)));
  EXPECT_TRUE(EventuallyEvents(1));
}

TEST_F(NotifyListenerTest, AHungAgentAndAnotherKindOfServerAreInUseToo) {
  const UniqueFd hung = ListenAt(path_, SOCK_SEQPACKET, 0);
  const UniqueFd fills_the_queue = Connect(path_);
  EXPECT_EQ(Open().code(), absl::StatusCode::kAlreadyExists);
  path_ = directory_ + "/stream.sock";
  const UniqueFd stream = ListenAt(path_, SOCK_STREAM, 5);
  EXPECT_EQ(Open().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(NotifyListenerTest, AStaleSocketIsReplaced) {
  { const UniqueFd died = ListenAt(path_, SOCK_SEQPACKET, 5); }
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Send(Record(1)));
  EXPECT_TRUE(EventuallyEvents(1));
}

TEST_F(NotifyListenerTest, WhatIsNoSocketIsNamedAndKept) {
  std::ofstream(path_) << "precious";
  absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path_), HasSubstr("is no socket")));
  EXPECT_EQ(std::filesystem::file_size(path_), 8);

  const std::string target = path_;
  path_ = directory_ + "/link";
  std::filesystem::create_symlink(target, path_);
  EXPECT_EQ(Open().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
}

TEST_F(NotifyListenerTest, AnImpossiblePathIsNamed) {
  path_ = directory_ + "/no/such/directory";
  EXPECT_THAT(std::string(Open().message()), HasSubstr(path_));
  path_ = "/" + std::string(200, 'x');
  EXPECT_EQ(Open().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(NotifyListenerTest, ASocketThatSomebodyPutInItsPlaceIsNotRemoved) {
  ASSERT_TRUE(Open().ok());
  std::filesystem::rename(path_, path_ + ".old");
  const UniqueFd other = ListenAt(path_, SOCK_SEQPACKET, 5);
  Close();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(NotifyListenerTest, OnlyMariadbdsAccountMayNotify) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  ASSERT_TRUE(Open({.path = path_, .mysql_gid = kNobody}).ok());
  EXPECT_EQ(SendAsNobody(), 0) << "the group may connect; the uid is what is refused";
  EXPECT_TRUE(Eventually([this] { return listener_->counters().refused == 1; }));
  Close();

  ASSERT_TRUE(Open({.path = path_, .mysql_uid = kNobody, .mysql_gid = kNobody}).ok());
  EXPECT_EQ(SendAsNobody(), 0);
  EXPECT_TRUE(EventuallyEvents(1));
  EXPECT_EQ(events_.size(), 1);
  EXPECT_EQ(Counters().refused, 0);
  Close();

  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(SendAsNobody(), 1) << "outside the group nobody can even connect";
}

}  // namespace
}  // namespace minder
