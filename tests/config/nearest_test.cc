#include "common/config/nearest.h"

#include <gtest/gtest.h>

namespace minder {
namespace {

TEST(Nearest, FindsTheNearestWithinTwoEdits) {
  const std::vector<std::string> keys = {"address", "name", "mysql_address", "listen"};
  EXPECT_EQ(Nearest("adress", keys), "address");
  EXPECT_EQ(Nearest("addres", keys), "address");
  EXPECT_EQ(Nearest("mysql-address", keys), "mysql_address");
  EXPECT_EQ(Nearest("nmae", keys), "name");
  EXPECT_EQ(Nearest("name", keys), "name");
  EXPECT_EQ(Nearest("backend", keys), "");
  EXPECT_EQ(Nearest("", keys), "");
  EXPECT_EQ(Nearest(std::string(1'000'000, 'a'), keys), "");
}

TEST(Nearest, TakesTheFirstOfEqualsAndTheNearerOfTwo) {
  EXPECT_EQ(Nearest("node4", {"node1", "node2"}), "node1");
  EXPECT_EQ(Nearest("node22", {"node1", "node2"}), "node2");
}

TEST(Nearest, AShortWordIsNotReplacedAltogether) { EXPECT_EQ(Nearest("xy", {"ab", "a"}), ""); }

TEST(DidYouMean, IsReadyToAppend) {
  EXPECT_EQ(DidYouMean("nod1", {"node1"}), " (did you mean node1?)");
  EXPECT_EQ(DidYouMean("other", {"node1"}), "");
}

}  // namespace
}  // namespace minder
