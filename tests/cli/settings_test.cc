#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Environment Variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto it = values.find(name);
    return it == values.end() ? nullptr : it->second.c_str();
  };
}

std::string ErrorOf(const std::string& yaml) { return std::string(ParseSettings("f.yaml", yaml).status().message()); }

TEST(ParseAddress, TakesHostAndPort) {
  for (const char* good : {"192.0.2.10:7400", "arbitrator:1", "[2001:db8::1]:65535", "[::1]:7400"}) {
    EXPECT_EQ(ParseAddress(good).value_or("refused"), good);
  }
  for (const char* bad : {"", "host", ":7400", "host:", "host:0", "host:65536", "host:7400x", "::1:7400", "a b:1",
                          "a:1 ", "a:+1", "http://host:1", "[]:1"}) {
    EXPECT_FALSE(ParseAddress(bad).ok()) << bad;
  }
}

TEST(ParsePositiveDuration, WantsAUnitAndMoreThanNothing) {
  EXPECT_EQ(ParsePositiveDuration("1m30s").value_or(absl::ZeroDuration()), absl::Seconds(90));
  EXPECT_EQ(ParsePositiveDuration("500ms").value_or(absl::ZeroDuration()), absl::Milliseconds(500));
  for (const char* bad : {"", "5", "0", "0s", "-1s", "inf", "9000h", "5 s", "soon"}) {
    EXPECT_FALSE(ParsePositiveDuration(bad).ok()) << bad;
  }
}

TEST(ParseSettings, ReadsEveryKey) {
  const auto settings = ParseSettings("f.yaml", "arbitrator: a:1\noutput: wide\ntimeout: 2s\n");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->arbitrator, "a:1");
  EXPECT_EQ(settings->output, Format::kWide);
  EXPECT_EQ(settings->timeout, absl::Seconds(2));
}

TEST(ParseSettings, EmptyFileSetsNothing) {
  const auto settings = ParseSettings("f.yaml", "# nothing\n");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_FALSE(settings->arbitrator.has_value());
}

TEST(ParseSettings, EveryErrorNamesItsLine) {
  EXPECT_THAT(ErrorOf("output: wide\narbitrater: a:1\n"), StartsWith("f.yaml:2: arbitrater: unknown key"));
  EXPECT_THAT(ErrorOf("\n\ntimeout: 5\n"), StartsWith("f.yaml:3: timeout: '5' is no length of time"));
  EXPECT_THAT(ErrorOf("output: [wide]\n"), StartsWith("f.yaml:1: output: expected one plain value"));
  EXPECT_THAT(ErrorOf("output: wide\noutput: json\n"), StartsWith("f.yaml:2: output: given twice"));
  EXPECT_THAT(ErrorOf("output: wide\n  timeout: 2s\n"), StartsWith("f.yaml:2:"));
  EXPECT_THAT(ErrorOf("- a\n"), StartsWith("f.yaml:1: expected lines"));
  EXPECT_THAT(ErrorOf("output: wide\narbitrator: 'a:1\n"), StartsWith("f.yaml:"));
}

TEST(Settings, StrongerSourcesWin) {
  const Settings flags = {.arbitrator = "flag:1", .output = {}, .timeout = {}};
  const Settings environment = {.arbitrator = "env:1", .output = Format::kJson, .timeout = {}};
  const Settings file = {.arbitrator = "file:1", .output = Format::kYaml, .timeout = absl::Seconds(9)};
  const Settings merged = Merge(Merge(flags, environment), file);
  EXPECT_EQ(merged.arbitrator, "flag:1");
  EXPECT_EQ(merged.output, Format::kJson);
  EXPECT_EQ(merged.timeout, absl::Seconds(9));
}

TEST(Settings, EnvironmentIsReadAndItsErrorsNameTheVariable) {
  const auto settings = SettingsFromEnvironment(Variables({{"MINDER_ARBITRATOR", "a:1"}, {"MINDER_OUTPUT", ""}}));
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->arbitrator, "a:1");
  EXPECT_FALSE(settings->output.has_value());
  EXPECT_THAT(std::string(SettingsFromEnvironment(Variables({{"MINDER_TIMEOUT", "1"}})).status().message()),
              HasSubstr("MINDER_TIMEOUT: '1'"));
}

TEST(Settings, UserFileFollowsXdgThenHome) {
  EXPECT_EQ(UserSettingsPath(Variables({{"HOME", "/h"}})), "/h/.config/minder/minderctl.yaml");
  EXPECT_EQ(UserSettingsPath(Variables({{"HOME", "/h"}, {"XDG_CONFIG_HOME", "/x"}})), "/x/minder/minderctl.yaml");
  EXPECT_EQ(UserSettingsPath(Variables({})), "");
}

}  // namespace
}  // namespace minder
