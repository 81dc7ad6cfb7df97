#ifndef MINDER_TESTS_FUZZ_TARGETS_H_
#define MINDER_TESTS_FUZZ_TARGETS_H_

#include <span>
#include <string>

namespace minder {

// Each takes any bytes and says what is wrong with what was made of them, "" when nothing is. They are total: a crash,
// an endless loop and a sanitizer's word are found by whoever calls them.
std::string TryGrastate(const std::string& bytes);    // a grastate.dat
std::string TryGvwstate(const std::string& bytes);    // a gvwstate.dat
std::string TryRecoverLog(const std::string& bytes);  // the log of mariadbd --wsrep-recover
std::string TryNotify(const std::string& bytes);      // arguments of minder-notify, each ended by a NUL byte
std::string TryHaproxy(const std::string& bytes);     // an answer of HAProxy's runtime API
std::string TryDecide(const std::string& bytes);      // a capture (v1::ExplainResponse in wire format)

struct FuzzTarget {
  const char* name;  // also of its folder under tests/fuzz/corpus
  std::string (*run)(const std::string& bytes);
};
std::span<const FuzzTarget> FuzzTargets();

}  // namespace minder

#endif  // MINDER_TESTS_FUZZ_TARGETS_H_
