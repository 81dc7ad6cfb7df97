#ifndef MINDER_COMMON_BASE_UNIX_ADDRESS_H_
#define MINDER_COMMON_BASE_UNIX_ADDRESS_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

namespace minder {

// The address of a unix socket, as connect and bind take it.
class UnixAddress {
 public:
  // INVALID_ARGUMENT for a path that is empty, or longer than the 107 bytes that Linux takes (unix(7)).
  static absl::StatusOr<UnixAddress> Of(const std::string& path) {
    UnixAddress made;
    if (path.empty() || path.size() >= sizeof(made.address_.sun_path)) {
      return absl::InvalidArgumentError(absl::StrFormat("'%s' is no path for a socket: choose one of 1 to %d bytes",
                                                        path, sizeof(made.address_.sun_path) - 1));
    }
    made.address_.sun_family = AF_UNIX;
    path.copy(made.address_.sun_path, path.size());
    return made;
  }

  // As the calls themselves, with errno.
  int Connect(int fd) const { return connect(fd, Generic(), sizeof(address_)); }
  int Bind(int fd) const { return bind(fd, Generic(), sizeof(address_)); }

 private:
  const sockaddr* Generic() const { return reinterpret_cast<const sockaddr*>(&address_); }

  sockaddr_un address_{};
};

}  // namespace minder

#endif  // MINDER_COMMON_BASE_UNIX_ADDRESS_H_
