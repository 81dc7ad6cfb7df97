#ifndef MINDER_TESTS_SERVICES_DBSERVER_AGENT_LISTENER_FIXTURE_H_
#define MINDER_TESTS_SERVICES_DBSERVER_AGENT_LISTENER_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/unix_address.h"
#include "services/dbserver-agent/notify_listener.h"

namespace minder {

// A directory, a running loop, and a listener on it.
class ListenerFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-notify-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::filesystem::permissions(directory_, std::filesystem::perms::all);  // other accounts may try
    path_ = directory_ + "/notify.sock";
    thread_ = std::thread([this] { loop_.Run(); });
  }
  void TearDown() override {
    Close();
    loop_.Stop();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  // Runs `work` on the loop and waits for its result.
  template <typename Work>
  auto OnLoop(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    loop_.Post([&task] { task(); });
    return result.get();
  }

  absl::Status Open(NotifyListener::Options options) {
    return OnLoop([&] {
      auto listener = NotifyListener::Open(loop_, options, [this](const v1::WsrepEvent& e) { events_.push_back(e); });
      if (listener.ok()) listener_ = *std::move(listener);
      return listener.status();
    });
  }
  absl::Status Open() { return Open({.path = path_}); }
  void Close() {
    OnLoop([this] {
      listener_.reset();
      return 0;
    });
  }

  // Waits until `condition` holds on the loop; false after 10 s.
  bool Eventually(const std::function<bool()>& condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!OnLoop(condition)) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
  bool EventuallyEvents(std::size_t n) {
    return Eventually([this, n] { return events_.size() >= n; });
  }

  // A connected client; not ok() when refused.
  static UniqueFd Connect(const std::string& path) {
    UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (UnixAddress::Of(path)->Connect(fd.get()) != 0) return UniqueFd();
    return fd;
  }

  // A socket of this type that listens at `path` with a queue of `backlog`.
  static UniqueFd ListenAt(const std::string& path, int type, int backlog) {
    UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(UnixAddress::Of(path)->Bind(fd.get()), 0) << std::strerror(errno);
    EXPECT_EQ(listen(fd.get(), backlog), 0);
    return fd;
  }

  std::string directory_;
  std::string path_;
  EventLoop loop_;
  std::thread thread_;
  // Below: on the loop only.
  std::unique_ptr<NotifyListener> listener_;
  std::vector<v1::WsrepEvent> events_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBSERVER_AGENT_LISTENER_FIXTURE_H_
