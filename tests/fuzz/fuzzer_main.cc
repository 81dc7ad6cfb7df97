// One program for all targets of libFuzzer; MINDER_FUZZ in the environment names the one to run.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "minder/v1/services.pb.h"
#include "tests/fuzz/decide.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/targets.h"

namespace minder {
namespace {

constexpr int kMostChanges = 4;  // from one input to the next

const FuzzTarget& Chosen() {
  const char* name = std::getenv("MINDER_FUZZ");
  for (const FuzzTarget& target : FuzzTargets()) {
    if (name != nullptr && std::strcmp(name, target.name) == 0) return target;
  }
  std::fprintf(stderr, "MINDER_FUZZ has to name one of:");
  for (const FuzzTarget& target : FuzzTargets()) std::fprintf(stderr, " %s", target.name);
  std::fprintf(stderr, "\n");
  std::exit(2);
}

const FuzzTarget& Target() {
  static const FuzzTarget& target = Chosen();
  return target;
}

}  // namespace
}  // namespace minder

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string wrong = minder::Target().run(std::string(reinterpret_cast<const char*>(data), size));
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "%s: %s\n", minder::Target().name, wrong.c_str());
  std::abort();
}

// Messages are changed field by field, for few random bytes are one.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  if (minder::Target().run != minder::TryDecide) return LLVMFuzzerMutate(data, size, max_size);
  minder::v1::ExplainResponse capture;
  if (!capture.ParseFromArray(data, static_cast<int>(size))) capture.Clear();
  std::minstd_rand random(seed);
  for (std::size_t changes = 1 + random() % minder::kMostChanges; changes > 0; --changes)
    minder::Mutate(capture, random);
  minder::RepairCapture(capture);
  if (capture.ByteSizeLong() > max_size) return size;
  capture.SerializeToArray(data, static_cast<int>(max_size));
  return capture.ByteSizeLong();
}
