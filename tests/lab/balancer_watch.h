#ifndef MINDER_TESTS_LAB_BALANCER_WATCH_H_
#define MINDER_TESTS_LAB_BALANCER_WATCH_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/lab.h"

namespace minder::lab {

// HAProxy's servers at one moment, by name.
struct BalancerSample {
  BootTime at;
  std::map<std::string, BackendServer> servers;
};

// Asks HAProxy itself each 100 ms what it does with its servers, on a thread of its own. A time in which it does not
// run has no samples.
class BalancerWatch {
 public:
  explicit BalancerWatch(const Lab& lab);  // starts
  ~BalancerWatch();                        // stops
  BalancerWatch(const BalancerWatch&) = delete;
  BalancerWatch& operator=(const BalancerWatch&) = delete;

  // Ends it and gives all samples, oldest first.
  std::vector<BalancerSample> Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_BALANCER_WATCH_H_
