#include "common/base/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/worker.h"

namespace minder {
namespace {

using ::testing::ElementsAre;

TEST(EventLoop, RunsPostedWorkInOrder) {
  EventLoop loop;
  std::vector<int> seen;
  loop.Post([&] { seen.push_back(1); });
  loop.Post([&] { seen.push_back(2); });
  loop.Post([&] { loop.Stop(); });
  loop.Run();
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

TEST(EventLoop, RunsTimersByTimeAndNotBefore) {
  EventLoop loop;
  const BootTime start = loop.Now();
  std::vector<int> seen;
  loop.After(absl::Milliseconds(20), [&] {
    seen.push_back(2);
    EXPECT_GE(loop.Now() - start, absl::Milliseconds(20));
    loop.Stop();
  });
  loop.After(absl::Milliseconds(10), [&] { seen.push_back(1); });
  loop.Run();
  EXPECT_THAT(seen, ElementsAre(1, 2));
}

TEST(EventLoop, CancelledTimerDoesNotRun) {
  EventLoop loop;
  bool ran = false;
  const auto id = loop.After(absl::Milliseconds(1), [&] { ran = true; });
  loop.Cancel(id);
  loop.After(absl::Milliseconds(5), [&] { loop.Stop(); });
  loop.Run();
  EXPECT_FALSE(ran);
}

TEST(EventLoop, TimerInThePastRunsAtOnce) {
  EventLoop loop;
  loop.At(SinceBoot(-absl::Seconds(1)), [&] { loop.Stop(); });
  loop.Run();
}

TEST(EventLoop, WatchSeesADescriptorUntilUnwatched) {
  EventLoop loop;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  int calls = 0;
  loop.Watch(reader.get(), EPOLLIN, [&] {
    ++calls;  // level triggered: the byte stays unread
    loop.Unwatch(reader.get());
    loop.Post([&] { loop.Stop(); });
  });
  ASSERT_EQ(write(writer.get(), "x", 1), 1);
  loop.Run();
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, StopFromAnotherThreadAndBeforeRun) {
  EventLoop loop;
  std::thread other([&] { loop.Stop(); });
  loop.Run();
  other.join();
  loop.Run();
}

TEST(EventLoop, WorkersAnswerOnTheLoop) {
  EventLoop loop;
  Worker worker(loop);
  const auto loop_thread = std::this_thread::get_id();
  int sum = 0;
  for (int i = 1; i <= 100; ++i) {
    worker.Do(
        [&, i] {
          EXPECT_NE(std::this_thread::get_id(), loop_thread);
          return std::make_unique<int>(i);  // which cannot be copied
        },
        [&](std::unique_ptr<int> result) {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          sum += *result;
          if (*result == 100) loop.Stop();
        });
  }
  loop.Run();
  EXPECT_EQ(sum, 5050);
}

TEST(EventLoop, NoAnswerOfAWorkerComesAfterItsEnd) {
  EventLoop loop;
  loop.Post([&] {
    std::promise<void> working;
    {
      Worker worker(loop);
      worker.Do(
          [&] {
            working.set_value();
            return 1;
          },
          [](int) { ADD_FAILURE() << "it is gone"; });
      working.get_future().wait();
    }  // waits for the work, whose answer is posted by then
    loop.Post([&] { loop.Stop(); });
  });
  loop.Run();
}

}  // namespace
}  // namespace minder
