#include "common/config/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::HasSubstr;

TEST(Values, Names) {
  for (const char* good : {"a", "node1", "9", "Node-1.dc_2", "x"}) EXPECT_EQ(CheckName(good), "") << good;
  EXPECT_EQ(CheckName(std::string(64, 'n')), "");
  for (const char* bad : {"", "-a", ".a", "_a", "a+b", "a b", "a/b", "a;b", "a\n", "a\"", "nöde"}) {
    EXPECT_THAT(CheckName(bad), HasSubstr("is not a name")) << bad;
  }
  EXPECT_NE(CheckName(std::string(65, 'n')), "");
  EXPECT_LT(CheckName(std::string(1'000'000, 'n')).size(), 300);
}

TEST(Values, Addresses) {
  for (const char* good :
       {"192.0.2.1:7400", "db1.example.org:1", "localhost:65535", "[2001:db8::1]:7400", "node_1:80"}) {
    EXPECT_EQ(CheckAddress(good, AddressUse::kDial), "") << good;
    EXPECT_EQ(CheckAddress(good, AddressUse::kListen), "") << good;
  }
}

struct BadAddress {
  const char* value;
  const char* message;
};

TEST(Values, BadAddressesSayWhatToWrite) {
  for (const BadAddress& bad : std::initializer_list<BadAddress>{
           {"192.0.2.1", "has no port"},
           {"", "has no port"},
           {":7400", "no valid host"},
           {"host:", "no valid port"},
           {"host:0", "from 1 to 65535"},
           {"host:65536", "no valid port"},
           {"host:99999999999999999999", "no valid port"},
           {"host:-1", "no valid port"},
           {"host:+1", "no valid port"},
           {"host: 1", "no valid port"},
           {"host:80x", "no valid port"},
           {"ho st:80", "no valid host"},
           {"http://host:80", "no valid host"},
           {"300.0.0.1:80", "no valid host"},
           {"1.2.3:80", "no valid host"},
           {"::1:7400", "needs brackets: write [::1]:port"},
           {"[192.0.2.1]:80", "no valid host"},
           {"[::1:80", "no valid host"},
           {"[]:80", "no valid host"},
           {"[::1]", "no valid host"},
           {"0.0.0.0:80", "cannot be dialled"},
           {"[::]:80", "cannot be dialled"},
       }) {
    EXPECT_THAT(CheckAddress(bad.value, AddressUse::kDial), HasSubstr(bad.message)) << bad.value;
  }
}

TEST(Values, AWildcardIsFineToListenOn) {
  EXPECT_EQ(CheckAddress("0.0.0.0:80", AddressUse::kListen), "");
  EXPECT_EQ(CheckAddress("[::]:80", AddressUse::kListen), "");
}

TEST(Values, Paths) {
  EXPECT_EQ(CheckAbsolutePath("/var/lib/mysql"), "");
  EXPECT_THAT(CheckAbsolutePath("var/lib"), HasSubstr("begin it with '/'"));
  EXPECT_EQ(CheckSocketPath("/" + std::string(106, 's')), "");
  EXPECT_THAT(CheckSocketPath("/" + std::string(107, 's')), HasSubstr("longer than the 107 bytes"));
  EXPECT_THAT(CheckSocketPath("s"), HasSubstr("absolute"));
}

TEST(Values, Durations) {
  EXPECT_EQ(ParseDuration("900ms"), absl::Milliseconds(900));
  EXPECT_EQ(ParseDuration("3s"), absl::Seconds(3));
  EXPECT_EQ(ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(ParseDuration("-1s"), absl::Seconds(-1));  // refused by its bounds
  for (const char* bad : {"", "3", "s", "inf", "-inf", "3 s", "three", "1d"})
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace minder
