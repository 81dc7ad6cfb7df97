#include "tests/simulation/network.h"

namespace minder {

void Network::Send(int from, int to, bool promotion, const std::function<void()>& arrive) {
  Random& random = stage_.random;
  if (!Hears(from, to) || random.Chance(weather.drop)) return;
  const int copies = random.Chance(weather.twice) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    absl::Duration delay = random.Between(absl::Microseconds(200), absl::Milliseconds(10));
    if (random.Chance(weather.slow)) delay += random.Between(absl::ZeroDuration(), weather.slow_by);
    if (promotion && random.Chance(weather.late_promotions))
      delay += random.Between(absl::Seconds(1), absl::Seconds(30));
    stage_.After(delay, arrive);
  }
}

}  // namespace minder
