#include "services/dbserver-agent/server_clocks.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/services/dbserver-agent/mariadbd_fixture.h"

namespace minder {
namespace {

constexpr absl::Duration kLeft = absl::Milliseconds(50);

class ServerClocksTest : public MariadbdFixture {
 protected:
  void SetUp() override {
    MariadbdFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    setenv("LD_PRELOAD", MINDER_CLOCK_SET_BACK, 1);
    setenv("MINDER_TEST_CLOCK_SET_BACK", flag().c_str(), 1);
    MariadbdFixture::Bootstrap();
    unsetenv("LD_PRELOAD");
    unsetenv("MINDER_TEST_CLOCK_SET_BACK");
    auto connection = Connect();
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_.emplace(*std::move(connection));
  }

  std::string flag() const { return dir() + "/set-back"; }
  BootTime Soon() const { return BootClock().Now() + absl::Seconds(5); }
  ServerClocks Clocks() {
    const auto clocks = ReadClocks(*connection_, Soon());
    EXPECT_TRUE(clocks.ok()) << clocks.status();
    return clocks.value_or(ServerClocks());
  }
  bool IsDone(const std::string& statement) {
    EXPECT_TRUE(connection_->Execute("SET @done = 0", Soon()).ok());
    const absl::Status status = connection_->Execute(statement, Soon());
    EXPECT_TRUE(status.ok()) << status;
    return connection_->Query("SELECT @done", Soon()).value().at(0).at(0) == "1";
  }

  std::optional<Connection> connection_;
};

TEST_F(ServerClocksTest, AWallClockThatIsSetBackMakesNoStatementYounger) {
  const ServerClocks told = Clocks();
  EXPECT_TRUE(IsDone(UnlessLater(told, absl::Minutes(5), "SET @done = 1")));
  ASSERT_TRUE(WriteFileDurably(flag(), "").ok());
  ASSERT_TRUE(Eventually([&] { return Clocks().steady_us > told.steady_us + absl::ToInt64Microseconds(kLeft); }));
  EXPECT_LT(Clocks().wall_us, told.wall_us) << "it was set back";
  EXPECT_FALSE(IsDone(UnlessLater(told, kLeft, "SET @done = 1")));
}

TEST_F(ServerClocksTest, NorDoesASleepInWhichOnlyTheWallClockGoesOn) {
  ServerClocks before_sleep = Clocks();
  before_sleep.wall_us -= absl::ToInt64Microseconds(absl::Hours(1));
  EXPECT_FALSE(IsDone(UnlessLater(before_sleep, absl::Minutes(5), "SET @done = 1")));
}

}  // namespace
}  // namespace minder
