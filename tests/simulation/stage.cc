#include "tests/simulation/stage.h"

#include <utility>

#include "absl/strings/str_format.h"

namespace minder {
namespace {

constexpr std::size_t kLinesKept = 60;

}  // namespace

std::uint64_t Random::Next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

absl::Duration Random::Between(absl::Duration low, absl::Duration high) {
  const auto span = static_cast<std::uint64_t>(absl::ToInt64Microseconds(high - low)) + 1;
  return low + absl::Microseconds(static_cast<std::int64_t>(Next() % span));
}

void Trace::Add(absl::Time now, const std::string& line) {
  std::string text = absl::StrFormat("%10.6f %s", absl::ToDoubleSeconds(now - absl::UnixEpoch()), line);
  for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  if (out_ != nullptr) *out_ << text << "\n";
  last_.push_back(std::move(text));
  if (last_.size() > kLinesKept) last_.pop_front();
}

void Stage::At(absl::Time when, std::function<void()> what) {
  queue_.push({.when = std::max(when, now_), .number = events_++, .what = std::move(what)});
}

bool Stage::Step(absl::Time until) {
  if (queue_.empty() || queue_.top().when > until) return false;
  now_ = queue_.top().when;
  const std::function<void()> what = std::move(const_cast<Event&>(queue_.top()).what);
  queue_.pop();
  what();
  return true;
}

}  // namespace minder
