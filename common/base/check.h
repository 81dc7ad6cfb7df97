#ifndef MINDER_COMMON_BASE_CHECK_H_
#define MINDER_COMMON_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// Ends the program when `condition` does not hold, in release builds too: a broken invariant must not go on to decide
// things.
#define MINDER_CHECK(condition)                                                          \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // MINDER_COMMON_BASE_CHECK_H_
