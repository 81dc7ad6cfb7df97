#ifndef MINDER_CLI_PROGRAM_H_
#define MINDER_CLI_PROGRAM_H_

#include <string>
#include <vector>

namespace minder {

// minderctl: carries out one command line (without the program's name) and gives the exit code. Call it before other
// threads start.
int RunMinderctl(const std::vector<std::string>& arguments);

}  // namespace minder

#endif  // MINDER_CLI_PROGRAM_H_
