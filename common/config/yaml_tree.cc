#include "common/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace minder {
namespace {

struct SyntaxError {
  int line = 0;
  std::string message;
};

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

int LineOf(const YAML::Mark& mark) { return mark.is_null() ? 1 : mark.line + 1; }

// Builds the tree from yaml-cpp's events. After the first error events are ignored.
class TreeBuilder : public YAML::EventHandler {
 public:
  YamlNode TakeRoot() { return std::move(root_); }
  const SyntaxError& error() const { return error_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      Fail(mark, "a second document begins: write one document, without '---' after the first line");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    OnLeaf(mark, YamlNode::Kind::kNull, "", anchor, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "aliases (*name) are not taken: write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    OnLeaf(mark, YamlNode::Kind::kScalar, tag, anchor, value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, YamlNode::Kind::kSequence, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, YamlNode::Kind::kMap, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  bool failed() const { return error_.line != 0; }

  void Fail(const YAML::Mark& mark, std::string message) {
    if (!failed()) error_ = {LineOf(mark), std::move(message)};
  }

  // Plain scalars have the tag "?", quoted ones "!".
  void RefuseExtras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Fail(mark, "anchors (&name) are not taken: remove it");
    if (!tag.empty() && tag != "?" && tag != "!")
      Fail(mark, absl::StrFormat("the tag %s is not taken: remove it", tag));
  }

  bool InMap() const { return !open_.empty() && open_.back().kind == YamlNode::Kind::kMap; }
  bool AwaitsKey() const { return InMap() && open_.back().keys.size() == open_.back().children.size(); }

  void OnLeaf(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag, YAML::anchor_t anchor,
              const std::string& value) {
    RefuseExtras(mark, tag, anchor);
    if (std::any_of(value.begin(), value.end(), IsControl)) {
      Fail(mark, "a value has a control character or a line break in it: write it on one line, without");
    }
    if (failed()) return;
    if (AwaitsKey()) {
      open_.back().keys.push_back(value);
      open_.back().key_lines.push_back(LineOf(mark));
      return;
    }
    YamlNode leaf;
    leaf.kind = kind;
    // yaml-cpp finds out that a value is not there only on a later line.
    leaf.line = kind == YamlNode::Kind::kNull && InMap() ? open_.back().key_lines.back() : LineOf(mark);
    leaf.scalar = value;
    Add(std::move(leaf));
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    RefuseExtras(mark, tag, anchor);
    if (AwaitsKey()) Fail(mark, "a key must be a plain word");
    if (failed()) return;
    YamlNode node;
    node.kind = kind;
    node.line = LineOf(mark);
    open_.push_back(std::move(node));
  }

  void Close() {
    if (failed()) return;
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else {
      open_.back().children.push_back(std::move(node));
    }
  }

  int documents_ = 0;
  SyntaxError error_;
  std::vector<YamlNode> open_;
  YamlNode root_;
};

// yaml-cpp's own message for a tab speaks of other things, so tabs are looked for first.
SyntaxError FindTab(const std::string& text) {
  int line = 0;
  for (const absl::string_view content : absl::StrSplit(text, '\n')) {
    ++line;
    const auto first = content.find_first_not_of(' ');
    if (first != absl::string_view::npos && content[first] == '\t') {
      return {line, "a tab in the indentation: use spaces"};
    }
  }
  return {};
}

SyntaxError Build(const std::string& text, YamlNode& root) {
  if (SyntaxError tab = FindTab(text); tab.line != 0) return tab;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    while (builder.error().line == 0 && parser.HandleNextDocument(builder)) {
    }
    root = builder.TakeRoot();
    return builder.error();
  } catch (const YAML::Exception& e) {
    return {LineOf(e.mark), absl::StrFormat("this is not YAML: %s", e.msg)};
  }
}

}  // namespace

absl::StatusOr<YamlNode> ParseYaml(const std::string& path, const std::string& text) {
  YamlNode root;
  const SyntaxError error = Build(text, root);
  if (error.line == 0) return root;
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", path, error.line, error.message));
}

}  // namespace minder
