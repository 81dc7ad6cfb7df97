// minder-notify, which mariadbd starts as wsrep_notify_cmd and waits for, without a limit and holding up the whole
// cluster (galera.md section 4). So: no output, exit code 0 whatever happens, and a hard limit on the time.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "common/base/version.h"
#include "services/wsrep-notify/arguments.h"
#include "services/wsrep-notify/hand_over.h"
#include "services/wsrep-notify/hard_limit.h"

namespace {

// Half of what is promised: on a busy machine the process is started late.
constexpr int kHardLimitMs = 100;

void BeSilent() {
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null < 0) {
      close(fd);
    } else {
      dup2(null, fd);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("minder-notify %s\n", minder::kVersion);
    return 0;
  }
  minder::LeaveWithin(kHardLimitMs);
  BeSilent();
  const minder::NotifyArguments arguments = minder::ParseNotifyArguments(argc, argv);
  minder::HandOver(arguments.event, arguments.socket);
  _exit(0);  // without tearing down what the kernel frees anyway
}
