#ifndef MINDER_CLI_PRINT_ORDER_H_
#define MINDER_CLI_PRINT_ORDER_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/repeated_field.h"
#include "minder/v1/services.pb.h"

namespace minder {

// The plan of a drain or undrain, numbered, one step a line.
std::string RenderPlan(const google::protobuf::RepeatedPtrField<std::string>& plan);

// How far a drain or undrain is, for humans: one line, and one more for each blocker.
std::string RenderProgress(const v1::DrainResponse& response);
std::string RenderProgress(const v1::UndrainResponse& response);

// Differs exactly when RenderProgress has something new to say; that a transaction grew older is nothing new.
std::string ProgressKey(const v1::DrainResponse& response);
std::string ProgressKey(const v1::UndrainResponse& response);

// The transactions that keep a drain from its end, one a line; empty when there are none, or none are known.
std::string RenderBlockers(const v1::DrainResponse& response);
std::string RenderBlockers(const v1::UndrainResponse& response);

// What is still awaited, as the end of a sentence.
std::string StillOpen(const v1::DrainResponse& response);
std::string StillOpen(const v1::UndrainResponse& response);

// The end of it, for humans, and what to type next.
std::string RenderDone(const v1::DrainResponse& response);
std::string RenderDone(const v1::UndrainResponse& response);

}  // namespace minder

#endif  // MINDER_CLI_PRINT_ORDER_H_
