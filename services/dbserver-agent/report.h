#ifndef MINDER_SERVICES_DBSERVER_AGENT_REPORT_H_
#define MINDER_SERVICES_DBSERVER_AGENT_REPORT_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/subprocess.h"
#include "minder/v1/status.pb.h"
#include "services/dbserver-agent/probe.h"

namespace minder {

// Whether mariadbd has a process.
enum class Presence {
  kUnknown,  // nobody could say
  kGone,     // certainly none: its exit was seen, or it was looked for
  kRunning,
};

// An exit that the agent saw.
struct SeenExit {
  pid_t pid = 0;
  std::optional<ExitStatus> status;
  bool expected = false;
  BootTime seen_at;
  std::string gcomm_uuid;
  std::optional<v1::Position> position;  // as it showed last
};
SeenExit SeenExitOf(pid_t pid, BootTime now, const std::optional<ProbeAnswer>& last);

// What is known of the process.
struct ObservedProcess {
  Presence presence = Presence::kUnknown;
  pid_t pid = 0;                  // while kRunning
  BootTime started_at;            // while kRunning
  std::string view_at_start;      // while kRunning: id of the last primary view on disk when the process was first held
  bool may_turn_primary = false;  // without a lease: we started it with its old view, or as the first node, or a human
                                  // did so in whatever way
  std::optional<SeenExit> last_exit;
  unsigned restarts = 0;
  std::optional<BootTime> restart_at;
  std::string start_error;
  bool start_wanted = false;  // with its old view, as soon as it may be
  bool starting = false;
  v1::StoppedState stopped;  // while kGone
  bool held = false;         // by an order
};

// What is known from asking the server. Nothing at all before the first probe of this process ended.
struct ObservedAnswer {
  absl::Status status = absl::UnavailableError("not asked yet");  // of the last probe
  BootTime asked_at;                                              // when the last probe began
  std::optional<ProbeAnswer> last;  // last answer of this process; of the last probe when status is ok
  std::string note;                 // as NoteOn says of the last answer
  std::optional<v1::PrimaryView> last_primary_view{};  // read after the last answer
  pid_t primary_pid = 0;                               // as CompletePid says
  std::string complete_in{};                           // the view where that process was last seen to be so
  pid_t waiting_pid = 0;                               // the process that was last seen not to have opened its data
  bool disk_hangs = false;                             // a write in its data directory does not end
};

// All that a report is made of.
struct Observations {
  ObservedProcess process;
  ObservedAnswer answer;
  std::vector<v1::ViewMember> event_members;  // of the last wsrep_event that had any
  v1::DrainStatus drain;
  v1::HoldStatus hold;
  std::vector<v1::OrderStatus> orders;
  v1::LeaseStatus lease;
  v1::FenceStatus fence;
  std::uint64_t highest_epoch = 0;
  v1::PrimaryView last_seen_view;  // of AgentPromise
  std::uint64_t config_version = 0;
  std::string config_digest;
};

// The process that is known to hold all that its last primary component had, after `answer` of the process `pid`: it
// was seen Synced (or giving its state to another one) there. Who is seen to join one does not, until he has. `before`
// is what this said before; a non-primary answer changes nothing.
pid_t CompletePid(pid_t before, pid_t pid, const v1::WsrepStatus& answer);

// Takes an answer in: which process is complete, and in which view. `view_before` was read before it was asked for.
void TakeIn(const ProbeAnswer& answer, pid_t pid, const std::optional<v1::PrimaryView>& view_before,
            ObservedAnswer& observed);

// What a human has to put right on the server of `dbserver`, one clause for each; "" when nothing. Pure.
std::string NoteOn(const ProbeAnswer& answer, const std::string& dbserver);

// The report of these observations at `now`, all but its nonce. Pure.
v1::DbStatusReport BuildReport(const Observations& observations, BootTime now);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_REPORT_H_
