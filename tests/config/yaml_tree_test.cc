#include "common/config/yaml_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(const std::string& text) {
  const auto tree = ParseYaml("f.yaml", text);
  EXPECT_TRUE(tree.ok() || tree.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(tree.status().message());
}

TEST(YamlTree, KeepsLinesKeysAndDuplicates) {
  const auto tree = ParseYaml("f.yaml", "a: 1\n\nlist:\n  - x\n  - {b: y, b: z}\na:\n");
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(tree->kind, YamlNode::Kind::kMap);
  EXPECT_THAT(tree->keys, ElementsAre("a", "list", "a"));
  EXPECT_THAT(tree->key_lines, ElementsAre(1, 3, 6));
  EXPECT_EQ(tree->children[0].scalar, "1");
  EXPECT_EQ(tree->children[2].kind, YamlNode::Kind::kNull);
  const YamlNode& list = tree->children[1];
  ASSERT_EQ(list.kind, YamlNode::Kind::kSequence);
  EXPECT_EQ(list.children[0].line, 4);
  EXPECT_THAT(list.children[1].keys, ElementsAre("b", "b"));
}

TEST(YamlTree, AnEmptyFileIsNull) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"}) {
    const auto tree = ParseYaml("f.yaml", text);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(tree->kind, YamlNode::Kind::kNull);
  }
}

TEST(YamlTree, SyntaxErrorsHaveTheirLine) {
  EXPECT_THAT(ErrorOf("a: 1\nb: [1, 2\nc: 3\n"), StartsWith("f.yaml:3: this is not YAML: "));
  EXPECT_THAT(ErrorOf("a: 1\n b: 2\n"), StartsWith("f.yaml:2: this is not YAML: "));
  EXPECT_EQ(ErrorOf("a:\n  # fine\n\tb: 1\n"), "f.yaml:3: a tab in the indentation: use spaces");
  EXPECT_EQ(ErrorOf("a: 1\n  \t# a comment\n"), "f.yaml:2: a tab in the indentation: use spaces");
  EXPECT_EQ(ErrorOf("a: 1\t# a comment\nb:\t2\n"), "");
}

TEST(YamlTree, RefusesWhatAConfigurationHasNoNeedOf) {
  EXPECT_THAT(ErrorOf("a: &x 1\nb: *x\n"), HasSubstr("f.yaml:1: anchors (&name) are not taken"));
  EXPECT_THAT(ErrorOf("a: 1\nb: *x\n"), StartsWith("f.yaml:2: "));
  EXPECT_THAT(ErrorOf("a: !!binary aGk=\n"), HasSubstr("tag"));
  EXPECT_THAT(ErrorOf("? [a, b]\n: 1\n"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 1\n"), HasSubstr("a second document begins"));
  EXPECT_THAT(ErrorOf("a: \"x\\0y\"\n"), HasSubstr("control character"));
  EXPECT_THAT(ErrorOf("a: 1\nb: |\n  x\n  y\n"), HasSubstr("line break"));
}

TEST(YamlTree, AliasesCannotGrow) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + previous;
    for (int j = 0; j < 9; ++j) text += ", " + previous;
    text += "]\n";
  }
  EXPECT_THAT(ErrorOf(text), HasSubstr("anchors"));
}

TEST(YamlTree, HostileFilesAreErrorsAndQuick) {
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), StartsWith("f.yaml:"));
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '{')), StartsWith("f.yaml:"));
  EXPECT_NE(ErrorOf(std::string("a: \0b\n", 6)), "");
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_NE(ErrorOf(dashes), "");
  for (int byte = 0; byte < 256; ++byte) ErrorOf(std::string(100, static_cast<char>(byte)));  // nothing is thrown
}

}  // namespace
}  // namespace minder
