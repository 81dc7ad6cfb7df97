#ifndef MINDER_TESTS_LAB_WRITER_LOAD_H_
#define MINDER_TESTS_LAB_WRITER_LOAD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/lab/lab.h"

namespace minder::lab {

struct WriterLoadOptions {
  int clients = 10;
  absl::Duration pause = absl::Milliseconds(20);  // of each client after each write
  SqlTarget target;                               // usually Lab::Balancer()
};

// What the clients met so far.
struct WriterReport {
  std::int64_t acknowledged = 0;
  std::int64_t errors = 0;  // failed connects and statements
  absl::Duration longest_gap =
      absl::ZeroDuration();  // between acknowledged writes of any client, start and now included
  std::string last_error;
  std::map<std::string, std::int64_t> errors_by_message{};
};

// Clients that insert rows into lab.written, each row once, and remember every row that was acknowledged. A client
// whose statement fails connects again; it does not write that row again, for it may be there. Each statement has the
// target's deadline.
class WriterLoad {
 public:
  explicit WriterLoad(const WriterLoadOptions& options);  // starts
  ~WriterLoad();
  WriterLoad(const WriterLoad&) = delete;
  WriterLoad& operator=(const WriterLoad&) = delete;

  // Waits for statements under way. More calls do nothing.
  void Stop();
  bool Running() const;  // not stopped
  WriterReport Report() const;

  // After Stop: every acknowledged row is on every node of the lab. DATA_LOSS names a node, how many rows are missing,
  // and the first.
  absl::Status Verify(const Lab& lab) const;
  // The same on one node.
  absl::Status VerifyOn(const Lab& lab, const std::string& node) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_WRITER_LOAD_H_
