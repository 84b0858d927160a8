// SPDX-License-Identifier: GPL-2.0-or-later
// plan_rules: the chains and rules of a ruleset, over the sets that plan.c fills.
#ifndef POLICY_PLAN_RULES_H
#define POLICY_PLAN_RULES_H

#include "rules/build.h"

/** What the makers of a ruleset share. Sets are indexes into rs->sets; see plan.c for each. */
struct plan {
	const struct description *description;
	struct ruleset *rs;
	uint32_t networks, uplinks, inside, exits, entries, routed;
	uint32_t kept_in, kept_out, forged;
	uint32_t own[FAMILY__COUNT];
	uint32_t members[FAMILY__COUNT], subnets[FAMILY__COUNT], strays[FAMILY__COUNT];
	uint32_t snat[FAMILY__COUNT], translated[FAMILY__COUNT], borrowed[FAMILY__COUNT],
		closed[FAMILY__COUNT];
};

/** Adds all chains and rules. The sets have their elements already: what is empty gets no rule. */
void plan_rules(struct plan *plan);

/** Tells whether the set of any family, or this set, has elements. */
bool plan_has(const struct plan *plan, const uint32_t sets[static FAMILY__COUNT]);
bool plan_has_one(const struct plan *plan, uint32_t set);

/** Fields of addresses by family. */
extern const enum field plan_saddr[FAMILY__COUNT];
extern const enum field plan_daddr[FAMILY__COUNT];

#endif
