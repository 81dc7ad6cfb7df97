#include "services/wsrep-notify/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "common/core/wsrep_event.h"

namespace minder {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kUuidA[] = "5b5ef9b9-6f1f-11ef-9b5c-1a2b3c4d5e6f";
constexpr char kUuidB[] = "6c6ef9b9-6f1f-11ef-9b5c-1a2b3c4d5e6f";

NotifyArguments Parse(std::vector<std::string> arguments) {
  std::vector<const char*> argv = {"minder-notify"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return ParseNotifyArguments(static_cast<int>(argv.size()), argv.data());
}

v1::WsrepEvent Event(const std::vector<std::string>& arguments) { return Parse(arguments).event; }

std::string Member(const std::string& uuid, const std::string& name, const std::string& address) {
  return uuid + "/" + name + "/" + address;
}

TEST(NotifyArguments, ReadsARealCall) {
  const NotifyArguments arguments = Parse(
      {"--socket", "/run/x.sock", "--status", "synced", "--uuid", kUuidA, "--primary", "yes", "--index", "1",
       "--members", Member(kUuidA, "node1", "192.0.2.11:3306") + "," + Member(kUuidB, "node2", "[2001:db8::1]:3306")});
  EXPECT_EQ(arguments.socket, "/run/x.sock");
  const v1::WsrepEvent& event = arguments.event;
  EXPECT_EQ(event.status(), v1::WSREP_NOTIFY_STATUS_SYNCED);
  EXPECT_EQ(event.state_uuid(), kUuidA);
  EXPECT_EQ(event.primary(), v1::TERNARY_YES);
  EXPECT_EQ(event.index(), 1);
  ASSERT_THAT(event.members(), SizeIs(2));
  EXPECT_EQ(event.members(0).uuid(), kUuidA);
  EXPECT_EQ(event.members(0).name(), "node1");
  EXPECT_EQ(event.members(0).address(), "192.0.2.11:3306");
  EXPECT_EQ(event.members(1).address(), "[2001:db8::1]:3306");
}

TEST(NotifyArguments, ReadsTheLastCallOfAShutdown) {
  const v1::WsrepEvent event =
      Event({"--status", "disconnected", "--uuid", kUuidA, "--primary", "no", "--index", "-1"});
  EXPECT_EQ(event.status(), v1::WSREP_NOTIFY_STATUS_DISCONNECTED);
  EXPECT_EQ(event.primary(), v1::TERNARY_NO);
  EXPECT_EQ(event.index(), -1);
  EXPECT_THAT(event.members(), IsEmpty());
}

TEST(NotifyArguments, KnowsEveryStatus) {
  const std::vector<std::string> names = {"connected",     "joiner",       "joined",       "donor",      "synced",
                                          "disconnecting", "disconnected", "initializing", "initialized"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(Event({"--status", names[i]}).status(), static_cast<v1::WsrepNotifyStatus>(i + 1)) << names[i];
  }
  for (const char* other : {"", "Synced", "syncedd", "error"}) {
    EXPECT_EQ(Event({"--status", other}).status(), v1::WSREP_NOTIFY_STATUS_UNSPECIFIED) << other;
  }
}

TEST(NotifyArguments, NothingAtAllIsAnEventToo) {
  const NotifyArguments arguments = Parse({});
  EXPECT_EQ(arguments.socket, kDefaultNotifySocket);
  EXPECT_EQ(arguments.event.index(), -1);
  EXPECT_EQ(arguments.event.primary(), v1::TERNARY_UNSPECIFIED);
  EXPECT_FALSE(arguments.event.SerializeAsString().empty());
  EXPECT_EQ(ParseNotifyArguments(0, nullptr).event.index(), -1);
}

TEST(NotifyArguments, SkipsNonsense) {
  const v1::WsrepEvent event =
      Event({"--new-in-12.1", "x", "stray", "--status", "donor", "", "--index", "1x", "--primary", "maybe", "--"});
  EXPECT_EQ(event.status(), v1::WSREP_NOTIFY_STATUS_DONOR);
  EXPECT_EQ(event.index(), -1);
  EXPECT_EQ(event.primary(), v1::TERNARY_UNSPECIFIED);
}

TEST(NotifyArguments, AMissingValueSwallowsNothing) {
  const v1::WsrepEvent event = Event({"--uuid", "--status", "synced", "--members"});
  EXPECT_EQ(event.status(), v1::WSREP_NOTIFY_STATUS_SYNCED);
  EXPECT_THAT(event.state_uuid(), IsEmpty());
}

TEST(NotifyArguments, BadIndexes) {
  for (const char* index : {"", "-2", "99999999999999999999", "0x1", " 1", "+1"}) {
    EXPECT_EQ(Event({"--index", index}).index(), -1) << index;
  }
}

struct HostileName {
  std::string name;
  std::string read;
};

TEST(NotifyArguments, HostileNamesAreLabels) {
  for (const HostileName& hostile : std::vector<HostileName>{
           {"a'b\"c`$(reboot)", "a'b\"c`$(reboot)"},
           {"two\nlines", "two\nlines"},
           {"a,b", "a,b"},
           {"a/b/c", "a/b/c"},
           {"", ""},
           {"nöde", "nöde"},
           {"n\xff\xfe", "n\xEF\xBF\xBD\xEF\xBF\xBD"},
       }) {
    const v1::WsrepEvent event =
        Event({"--members", Member(kUuidA, hostile.name, "192.0.2.11:3306") + "," + Member(kUuidB, "node2", "")});
    ASSERT_THAT(event.members(), SizeIs(2)) << hostile.name;
    EXPECT_EQ(event.members(0).name(), hostile.read);
    EXPECT_EQ(event.members(0).address(), "192.0.2.11:3306");
    EXPECT_EQ(event.members(1).name(), "node2");
    EXPECT_EQ(event.members(1).address(), "");
  }
}

TEST(NotifyArguments, MembersThatAreNoneAreSkipped) {
  for (const char* members :
       {"", ",", ",,,", "/", "node1", "short-uuid/node1/x", "zzzef9b9-6f1f-11ef-9b5c-1a2b3c4d5e6f/n/a"}) {
    EXPECT_THAT(Event({"--members", members}).members(), IsEmpty()) << members;
  }
  const v1::WsrepEvent bare = Event({"--members", std::string(kUuidA) + "/"});
  ASSERT_THAT(bare.members(), SizeIs(1));
  EXPECT_THAT(bare.members(0).name(), IsEmpty());
}

TEST(NotifyArguments, MembersThatDoNotFitAreLeftOutAltogether) {
  std::string members;
  while (members.size() < 1'000'000) members += Member(kUuidA, "node", "192.0.2.11:3306") + ",";
  EXPECT_THAT(Event({"--status", "synced", "--members", members}).members(), IsEmpty());
  // Small on the command line, but each invalid byte becomes three.
  const v1::WsrepEvent grown =
      Event({"--status", "synced", "--members", Member(kUuidA, std::string(60'000, '\xff'), "x")});
  EXPECT_THAT(grown.members(), IsEmpty());
  EXPECT_EQ(grown.status(), v1::WSREP_NOTIFY_STATUS_SYNCED);
  const v1::WsrepEvent fits = Event({"--members", Member(kUuidA, std::string(60'000, 'n'), "x")});
  EXPECT_THAT(fits.members(), SizeIs(1));
  EXPECT_LE(fits.ByteSizeLong(), kMaxWsrepEventBytes);
}

TEST(NotifyArguments, TheLastOfTwoCounts) {
  const v1::WsrepEvent event = Event(
      {"--members", Member(kUuidA, "a", ""), "--index", "1", "--members", Member(kUuidB, "b", ""), "--index", "2"});
  ASSERT_THAT(event.members(), SizeIs(1));
  EXPECT_EQ(event.members(0).name(), "b");
  EXPECT_EQ(event.index(), 2);
}

TEST(ToValidUtf8, KeepsValidAndReplacesInvalidBytes) {
  for (const char* valid : {"", "plain", "ö", "€", "\U0001F600", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(ToValidUtf8(valid), valid);
  const std::string kBad = "\xEF\xBF\xBD";
  EXPECT_EQ(ToValidUtf8("\x80"), kBad);
  EXPECT_EQ(ToValidUtf8("\xC3"), kBad);  // cut short
  EXPECT_EQ(ToValidUtf8("\xC3x"), kBad + "x");
  EXPECT_EQ(ToValidUtf8("\xC0\xAF"), kBad + kBad);  // overlong '/'
  EXPECT_EQ(ToValidUtf8("\xE0\x80\xAF"), kBad + kBad + kBad);
  EXPECT_EQ(ToValidUtf8("\xED\xA0\x80"), kBad + kBad + kBad);  // a surrogate
  EXPECT_EQ(ToValidUtf8("\xF4\x90\x80\x80"), kBad + kBad + kBad + kBad);
  EXPECT_EQ(ToValidUtf8("\xF8"), kBad);
}

TEST(ToValidUtf8, EveryPairOfBytesComesOutAsProtobufTakesIt) {
  for (int pair = 0; pair < 65536; ++pair) {
    v1::WsrepEvent event;
    event.set_state_uuid(ToValidUtf8(std::string{static_cast<char>(pair >> 8), static_cast<char>(pair & 0xFF)}));
    v1::WsrepEvent back;
    ASSERT_TRUE(back.ParseFromString(event.SerializeAsString())) << pair;
  }
}

}  // namespace
}  // namespace minder
