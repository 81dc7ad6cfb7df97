#ifndef MINDER_SERVICES_ARBITRATOR_PAST_REQUESTS_H_
#define MINDER_SERVICES_ARBITRATOR_PAST_REQUESTS_H_

#include <algorithm>
#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// Ids of calls that have had their effect, so that a caller that asks again has no second one. Old ones are forgotten:
// nobody waits that long for an answer.
using PastRequests = google::protobuf::RepeatedPtrField<v1::PastRequest>;
inline constexpr int kRememberedRequests = 64;

inline bool Holds(const PastRequests& requests, const std::string& dbserver, const std::string& request_id) {
  return !request_id.empty() && std::ranges::any_of(requests, [&](const v1::PastRequest& request) {
    return request.dbserver() == dbserver && request.request_id() == request_id;
  });
}

inline void Remember(PastRequests& requests, const std::string& dbserver, const std::string& request_id) {
  if (request_id.empty() || Holds(requests, dbserver, request_id)) return;
  v1::PastRequest& request = *requests.Add();
  request.set_dbserver(dbserver);
  request.set_request_id(request_id);
  if (requests.size() > kRememberedRequests) requests.DeleteSubrange(0, requests.size() - kRememberedRequests);
}

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_PAST_REQUESTS_H_
