#include "tests/integration/watcher.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "common/rpc/channel.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder::lab {

struct Watcher::Impl {
  explicit Impl(const std::string& address) : stub(v1::ControlService::NewStub(MakeChannel(address))) {
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(10));
    thread = std::thread([this] {
      const auto stream = stub->Watch(&context, {});
      v1::WatchResponse response;
      while (stream->Read(&response)) {
        std::lock_guard lock(mutex);
        seen.emplace_back(BootClock().Now(), response.summary());
        changed.notify_all();
      }
    });
  }

  std::unique_ptr<v1::ControlService::Stub> stub;
  grpc::ClientContext context;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<BootTime, v1::StatusSummaryResponse>> seen;
  std::thread thread;
};

Watcher::Watcher(const std::string& arbitrator_address) : impl_(std::make_unique<Impl>(arbitrator_address)) {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait_for(lock, std::chrono::seconds(10), [this] { return !impl_->seen.empty(); });
}

Watcher::~Watcher() {
  impl_->context.TryCancel();
  impl_->thread.join();
}

std::optional<BootTime> Watcher::FirstAfter(BootTime since, absl::Duration deadline, const Condition& condition) {
  std::optional<BootTime> found;
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait_for(lock, absl::ToChronoNanoseconds(deadline), [&] {
    const auto it =
        std::ranges::find_if(impl_->seen, [&](const auto& one) { return one.first >= since && condition(one.second); });
    if (it != impl_->seen.end()) found = it->first;
    return found.has_value();
  });
  return found;
}

}  // namespace minder::lab
