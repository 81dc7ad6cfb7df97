#ifndef MINDER_SERVICES_DBSERVER_AGENT_STOPPED_STATE_H_
#define MINDER_SERVICES_DBSERVER_AGENT_STOPPED_STATE_H_

#include <string>

#include "minder/v1/status.pb.h"

namespace minder {

// What grastate.dat in `data_dir` says; its fields are absent when it is missing or cannot be parsed. Blocks.
v1::StoppedState StoppedStateOf(const std::string& data_dir);

// True when grastate.dat holds a position: the server was shut down, and needs no --wsrep-recover.
bool StoppedCleanly(const std::string& data_dir);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_STOPPED_STATE_H_
