// SPDX-License-Identifier: GPL-2.0-or-later
// xt_part: what one family needs of a ruleset that was lowered for iptables.
#ifndef RULES_XT_PART_H
#define RULES_XT_PART_H

#include "hostgate/ruleset.h"
#include "rules/build.h"

/** The chains and rules that one family needs of a ruleset lowered by lower_xt(). */
struct xt_part {
	const struct ruleset *rs;
	enum family family;
	struct chain_index index;
	const bool *live; /**< by chain: packets of the family meet rules there; others are not made */
};

/** Finds out what the family needs. Memory is the ruleset's arena's. */
struct xt_part xt_part_of(const struct ruleset *rs, enum family family);

/** Tells whether the family has the rule: it can match, and leads to no chain without rules. */
bool xt_part_has(const struct xt_part *part, const struct rule *rule);

/** Returns the base chain of a stage, or NULL: the family has no rule there. */
const struct chain *xt_part_base(const struct xt_part *part, enum stage stage);

#endif
