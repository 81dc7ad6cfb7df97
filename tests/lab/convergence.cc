#include "tests/lab/convergence.h"

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

namespace minder::lab {
namespace {

using Shown = std::function<absl::StatusOr<std::string>(SqlSession& session)>;

std::string Joined(const SqlResult& result) {
  return absl::StrJoin(result.rows, " ", [](std::string* out, const std::vector<std::string>& row) {
    out->append(absl::StrJoin(row, "="));
  });
}

absl::StatusOr<std::string> Position(SqlSession& session) {
  MINDER_ASSIGN_OR_RETURN(const SqlResult position,
                          session.Query("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_state_uuid',"
                                        " 'wsrep_last_committed')"));
  return Joined(position);
}

absl::StatusOr<std::string> Checksums(SqlSession& session) {
  MINDER_ASSIGN_OR_RETURN(const SqlResult tables,
                          session.Query("SELECT CONCAT('lab.', table_name) FROM information_schema.tables"
                                        " WHERE table_schema = 'lab' ORDER BY table_name"));
  const std::string names =
      absl::StrJoin(tables.rows, ", ", [](std::string* out, const auto& row) { out->append(row[0]); });
  MINDER_ASSIGN_OR_RETURN(const SqlResult sums, session.Query("CHECKSUM TABLE " + names + " EXTENDED"));
  return Joined(sums);
}

absl::StatusOr<std::string> ShownAt(const Lab& lab, const std::string& node, const Shown& shown) {
  SqlTarget target = lab.RootAt(node);
  target.deadline = absl::Seconds(30);
  MINDER_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(target));
  return shown(session);
}

absl::Status SameOnAll(const Lab& lab, const Shown& shown, absl::StatusCode otherwise) {
  const std::vector<std::string> nodes = lab.plan().NodeNames();
  MINDER_ASSIGN_OR_RETURN(const std::string first, ShownAt(lab, nodes[0], shown));
  for (const std::string& node : nodes) {
    MINDER_ASSIGN_OR_RETURN(const std::string other, ShownAt(lab, node, shown));
    if (other != first) return {otherwise, absl::StrFormat("%s shows %s, and %s %s", nodes[0], first, node, other)};
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Converged(const Lab& lab) {
  MINDER_RETURN_IF_ERROR(SameOnAll(lab, Position, absl::StatusCode::kUnavailable));
  return SameOnAll(lab, Checksums, absl::StatusCode::kDataLoss);
}

}  // namespace minder::lab
