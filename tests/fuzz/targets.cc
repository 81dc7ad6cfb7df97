#include "tests/fuzz/targets.h"

#include <array>

namespace minder {

std::span<const FuzzTarget> FuzzTargets() {
  static constexpr std::array kTargets = {
      FuzzTarget{"grastate", TryGrastate},      FuzzTarget{"gvwstate", TryGvwstate},
      FuzzTarget{"recover_log", TryRecoverLog}, FuzzTarget{"notify", TryNotify},
      FuzzTarget{"haproxy", TryHaproxy},        FuzzTarget{"decide", TryDecide},
  };
  return kTargets;
}

}  // namespace minder
