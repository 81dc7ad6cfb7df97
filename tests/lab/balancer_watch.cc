#include "tests/lab/balancer_watch.h"

#include <atomic>
#include <thread>

namespace minder::lab {
namespace {

constexpr absl::Duration kAskedEach = absl::Milliseconds(100);

}  // namespace

struct BalancerWatch::Impl {
  explicit Impl(const Lab& lab) : socket(lab.plan().HaproxySocket()) {}

  void Run() {
    const BootClock clock;
    for (; !stopped; absl::SleepFor(kAskedEach)) {
      const BootTime now = clock.Now();
      if (auto servers = BackendServers(socket); servers.ok()) samples.push_back({.at = now, .servers = *servers});
    }
  }

  const std::string socket;
  std::atomic<bool> stopped = false;
  std::vector<BalancerSample> samples;  // the thread's, until it has ended
  std::thread thread;
};

BalancerWatch::BalancerWatch(const Lab& lab) : impl_(std::make_unique<Impl>(lab)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->Run(); });
}

BalancerWatch::~BalancerWatch() { Stop(); }

std::vector<BalancerSample> BalancerWatch::Stop() {
  impl_->stopped = true;
  if (impl_->thread.joinable()) impl_->thread.join();
  return impl_->samples;
}

}  // namespace minder::lab
