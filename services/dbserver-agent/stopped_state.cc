#include "services/dbserver-agent/stopped_state.h"

#include "common/base/file.h"
#include "common/mysql/grastate.h"

namespace minder {

v1::StoppedState StoppedStateOf(const std::string& data_dir) {
  v1::StoppedState stopped;
  const auto content = ReadFile(data_dir + "/grastate.dat");
  if (!content.ok()) return stopped;
  const auto state = ParseGrastate(*content);
  if (!state.ok()) return stopped;
  *stopped.mutable_grastate() = state->position;
  stopped.set_safe_to_bootstrap(state->safe_to_bootstrap);
  return stopped;
}

bool StoppedCleanly(const std::string& data_dir) { return HasData(StoppedStateOf(data_dir).grastate()); }

}  // namespace minder
