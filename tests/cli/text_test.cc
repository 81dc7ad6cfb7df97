#include "cli/text.h"

#include <gtest/gtest.h>

#include "cli/table.h"

namespace minder {
namespace {

TEST(Printable, LeavesOrdinaryTextOfAnyScriptAlone) {
  EXPECT_EQ(Printable("node1 Zürich 東京 🙂"), "node1 Zürich 東京 🙂");
  EXPECT_EQ(Printable(""), "");
}

TEST(Printable, ShowsWhatWouldMoveTheCursorOrTurnTheText) {
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\td\re\x7f"), "a\\x1b[2Jb\\nc\\td\\re\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");  // C1 control sequence introducer
  EXPECT_EQ(Printable("a\xe2\x80\xae"
                      "b"),
            "a\\u202eb");                                                // right-to-left override
  EXPECT_EQ(Printable("a\xe2\x80\xa8\xef\xbb\xbf"), "a\\u2028\\ufeff");  // line separator, byte order mark
  EXPECT_EQ(Printable(std::string("a\0b", 3)), "a\\x00b");
}

TEST(Printable, ShowsInvalidUtf8AsBytes) {
  EXPECT_EQ(Printable("\xff"
                      "a\xc3"),
            "\\xffa\\xc3");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(Printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");           // overlong, three bytes
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
}

TEST(ShortDuration, GrowsCoarser) {
  EXPECT_EQ(ShortDuration(absl::Milliseconds(-5)), "0.0s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(349)), "0.3s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(9999)), "9.9s");
  EXPECT_EQ(ShortDuration(absl::Seconds(42)), "42s");
  EXPECT_EQ(ShortDuration(absl::Seconds(310)), "5m10s");
  EXPECT_EQ(ShortDuration(absl::Minutes(182)), "3h02m");
  EXPECT_EQ(ShortDuration(absl::Hours(102)), "4d06h");
}

TEST(Table, AlignsByCodePointsAndEndsNoLineInSpaces) {
  EXPECT_EQ(RenderTable({"NAME", "DC", "NOTE"}, {{{"zürich"}, {""}, {"late"}}, {{"a"}, {"dc1"}, {""}}}, false),
            "NAME    DC   NOTE\n"
            "zürich  -    late\n"
            "a       dc1\n");
}

TEST(Table, ColoursWithoutMovingColumns) {
  EXPECT_EQ(RenderTable({"A", "B"}, {{{"no", Tone::kBad}, {"x"}}}, true), "A   B\n\x1b[31mno\x1b[0m  x\n");
}

TEST(Table, EscapesCells) { EXPECT_EQ(RenderTable({"A"}, {{{"\x1b[1m"}}}, true), "A\n\\x1b[1m\n"); }

}  // namespace
}  // namespace minder
