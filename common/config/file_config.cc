#include "common/config/file_config.h"

#include <openssl/sha.h>

#include <array>
#include <string>

#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/config/message_reader.h"
#include "common/config/problems.h"
#include "common/config/validate.h"
#include "common/config/yaml_tree.h"

namespace minder {
namespace {

// Nothing is left out: the same file goes to every host, what only one of them needs included.
std::string DigestOf(const v1::Configuration& written) {
  const std::string bytes = written.SerializeAsString();  // always the same ones, for it has no maps
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return {digest.begin(), digest.end()};
}

}  // namespace

absl::StatusOr<v1::Configuration> FileConfig::Load() {
  MINDER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path_));
  return ParseConfiguration(path_, text);
}

absl::StatusOr<v1::Configuration> ParseConfiguration(const std::string& path, const std::string& text) {
  MINDER_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(path, text));
  v1::Configuration configuration;
  ProblemList problems;
  ReadMessage(root, configuration, problems);
  v1::Configuration written = configuration;
  FillDefaults(configuration);
  for (const Problem& problem : Validate(configuration)) problems.AddFollowing(problem);
  MINDER_RETURN_IF_ERROR(problems.ToStatus(path));
  SortByName(configuration);
  SortByName(written);
  configuration.set_digest(DigestOf(written));
  return configuration;
}

}  // namespace minder
