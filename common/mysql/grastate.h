#ifndef MINDER_COMMON_MYSQL_GRASTATE_H_
#define MINDER_COMMON_MYSQL_GRASTATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/core/position.h"
#include "minder/v1/status.pb.h"

namespace minder {

// grastate.dat.
struct Grastate {
  v1::Position position;
  bool safe_to_bootstrap = false;
};
// INVALID_ARGUMENT for anything that is not plainly uuid, seqno and at most one safe_to_bootstrap; comments, blank
// lines and CRLF are fine.
absl::StatusOr<Grastate> ParseGrastate(const std::string& content);

// What --wsrep-recover printed.
struct RecoveredPosition {
  v1::Position position;
  std::string start_position;  // as --wsrep_start_position takes it: UUID:SEQNO, and ",d-s-n" when it was printed
};
// From the log of mariadbd --wsrep-recover; the last one counts. NOT_FOUND when there is none.
absl::StatusOr<RecoveredPosition> ParseRecoveredPosition(const std::string& log);

// 8-4-4-4-12 hexadecimal digits.
bool IsUuid(absl::string_view text);

}  // namespace minder

#endif  // MINDER_COMMON_MYSQL_GRASTATE_H_
