#ifndef MINDER_COMMON_CORE_RULES_H_
#define MINDER_COMMON_CORE_RULES_H_

#include <span>
#include <string>

#include "common/core/facts.h"

namespace minder {

// What a rule has done about primary components.
enum class Action {
  kNothing,
  kEvict,    // evict the dead members
  kPromote,  // begin the promotion that the facts plan
  kRecover,  // begin the recovery that the facts plan, or go on with it
};

// One row of the table: when its condition holds, this is the diagnosis and this is done.
struct Rule {
  const char* id;  // "R" and a number that rises from row to row, with gaps for rows to come
  v1::Diagnosis diagnosis;
  bool (*matches)(const Facts&);
  std::string (*reason)(const Facts&);  // one sentence for humans
  Action action = Action::kNothing;
  const char* title;  // when it matches, for humans
};

// The table, in order: the first match wins. The last row matches always and does nothing.
std::span<const Rule> Rules();

// The first row that matches.
const Rule& MatchingRule(const Facts& facts);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_RULES_H_
