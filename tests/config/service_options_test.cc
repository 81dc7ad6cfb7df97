#include "common/config/service_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class ServiceOptionsTest : public ::testing::Test {
 protected:
  void SetUp() override { unsetenv("MINDER_CONFIG"); }
  void TearDown() override { unsetenv("MINDER_CONFIG"); }

  std::variant<Startup, int> Start(v1::PartyType type, std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "program");
    return StartService(type, static_cast<int>(arguments.size()), arguments.data(), out_, err_);
  }
  int ExitCode(v1::PartyType type, const std::vector<const char*>& arguments) {
    const auto started = Start(type, arguments);
    const int* code = std::get_if<int>(&started);
    return code == nullptr ? -1 : *code;
  }

  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(ServiceOptionsTest, FindsItsOwnEntry) {
  const auto started =
      Start(v1::PARTY_TYPE_DBSERVER, {"--config", MINDER_SAMPLE, "--name", "node2", "--log-level=debug"});
  ASSERT_TRUE(std::holds_alternative<Startup>(started)) << err_.str();
  const auto& startup = std::get<Startup>(started);
  EXPECT_EQ(startup.program, "minder-dbserver");
  EXPECT_EQ(startup.log_level, "debug");
  EXPECT_EQ(startup.self.type(), v1::PARTY_TYPE_DBSERVER);
  EXPECT_EQ(startup.self.name(), "node2");
  EXPECT_EQ(startup.self.cluster(), "shop");
  EXPECT_EQ(startup.listen_address, "192.0.2.12:7401");
  EXPECT_EQ(startup.configuration.dbservers_size(), 3);
  EXPECT_THAT(out_.str() + err_.str(), IsEmpty());
}

TEST_F(ServiceOptionsTest, TheArbitratorNeedsNoNameAndTakesItsFileFromTheEnvironment) {
  setenv("MINDER_CONFIG", MINDER_SAMPLE, 1);
  const auto started = Start(v1::PARTY_TYPE_ARBITRATOR, {});
  ASSERT_TRUE(std::holds_alternative<Startup>(started)) << err_.str();
  EXPECT_EQ(std::get<Startup>(started).self.name(), "arbitrator");
  EXPECT_EQ(std::get<Startup>(started).log_level, "info");
}

TEST_F(ServiceOptionsTest, AFlagIsStrongerThanTheEnvironment) {
  setenv("MINDER_CONFIG", "/nonexistent", 1);
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBCLIENT, {"--config", MINDER_SAMPLE, "--name", "lb1"}), -1) << err_.str();
}

TEST_F(ServiceOptionsTest, HelpAndVersionGoToStdout) {
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--version"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("minder-dbserver 0."));
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--config"));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(ServiceOptionsTest, WrongUsageIsExitCode2OnStderr) {
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--config", MINDER_SAMPLE}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--name"));
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--name", "node1", "--colour"}), 2);
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--name", "node1", "--log-level", "loud"}), 2);
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--name"}), 2);
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_ARBITRATOR, {"--name", "arbitrator"}), 2);
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_ARBITRATOR, {"stray"}), 2);
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(ServiceOptionsTest, AnUnknownNameIsToldWithTheKnownOnes) {
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--config", MINDER_SAMPLE, "--name", "nod2"}), 1);
  EXPECT_EQ(err_.str(), "minder-dbserver: " MINDER_SAMPLE
                        " has no dbserver 'nod2': use one of node1, node2, node3 (did you mean node2?)\n");
}

TEST_F(ServiceOptionsTest, ABadFileIsToldInFull) {
  EXPECT_EQ(ExitCode(v1::PARTY_TYPE_DBSERVER, {"--config", "/nonexistent.yaml", "--name", "node1"}), 1);
  EXPECT_THAT(err_.str(), StartsWith("minder-dbserver: cannot read /nonexistent.yaml"));
  EXPECT_THAT(out_.str(), IsEmpty());
}

}  // namespace
}  // namespace minder
