#include "common/mysql/gvwstate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"

namespace minder {
namespace {

using ::testing::ElementsAre;

// As Galera 26.4.23 wrote it.
constexpr char kReal[] = R"(my_uuid: b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90
#vwbeg
view_id: 3 a6ba2b5d-c6d6-11f0-b1a2-0e0f1a2b3c4d 5
bootstrap: 0
member: b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90 0
member: a6ba2b5d-c6d6-11f0-b1a2-0e0f1a2b3c4d 0
#vwend
)";

TEST(Gvwstate, RealOne) {
  const auto state = ParseGvwstate(kReal);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->my_uuid, "b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90");
  EXPECT_EQ(state->view.id(), "a6ba2b5d-c6d6-11f0-b1a2-0e0f1a2b3c4d:5");
  EXPECT_THAT(state->view.members(),
              ElementsAre("a6ba2b5d-c6d6-11f0-b1a2-0e0f1a2b3c4d", "b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90"));
}

TEST(Gvwstate, AfterAStartFromItTheOwnUuidIsAnotherIncarnation) {
  const auto state = ParseGvwstate(
      absl::StrReplaceAll(kReal, {{"my_uuid: b7e0a0a1-c6d6-11f0-9a4f", "my_uuid: b7e0a0a1-c6d6-11f0-9a50"}}));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->view.members_size(), 2);
}

TEST(Gvwstate, CrlfIsFine) { EXPECT_TRUE(ParseGvwstate(absl::StrReplaceAll(kReal, {{"\n", "\r\n"}})).ok()); }

TEST(Gvwstate, NoneOfTheseIsOne) {
  for (const std::string& content : {
           std::string(),
           absl::StrReplaceAll(kReal, {{"#vwend\n", ""}}),              // torn
           absl::StrReplaceAll(kReal, {{"view_id: 3", "view_id: 1"}}),  // of another kind of view
           absl::StrReplaceAll(kReal, {{" 5\n", " -5\n"}}),
           absl::StrReplaceAll(kReal, {{"member: b7e0a0a1", "member: c7e0a0a1"}}),  // not a member itself
           absl::StrReplaceAll(kReal, {{"member: a6ba2b5d-c6d6", "member: garbage"}}),
           absl::StrReplaceAll(kReal, {{"my_uuid: b7e0a0a1", "my_uuid: x"}}),
           kReal + std::string("my_uuid: b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90\n"),
           kReal + std::string("member: b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90 0\n"),
           std::string(100 << 10, '#'),
       }) {
    EXPECT_FALSE(ParseGvwstate(content).ok()) << content;
  }
}

}  // namespace
}  // namespace minder
