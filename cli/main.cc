#include <cstdlib>
#include <string>
#include <vector>

#include "cli/program.h"

int main(int argc, char** argv) {
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);  // stderr is ours: one line for each error
  return minder::RunMinderctl(std::vector<std::string>(argv + 1, argv + argc));
}
