#ifndef MINDER_TESTS_FUZZ_MUTATE_H_
#define MINDER_TESTS_FUZZ_MUTATE_H_

#include <random>

#include "google/protobuf/message.h"

namespace minder {

// One small change of one field somewhere in `message`. New values mostly come from other places of the same message,
// so that names, uuids, nonces, epochs and times collide often; enums also get numbers that no version knows.
void Mutate(google::protobuf::Message& message, std::minstd_rand& random);

}  // namespace minder

#endif  // MINDER_TESTS_FUZZ_MUTATE_H_
