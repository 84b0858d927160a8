// SPDX-License-Identifier: GPL-2.0-or-later
// plan_parts: what the makers of a ruleset share: its sets, and the parts of its rules.
#ifndef POLICY_PLAN_PARTS_H
#define POLICY_PLAN_PARTS_H

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

/** Fields of addresses by family. */
extern const enum field plan_saddr[FAMILY__COUNT];
extern const enum field plan_daddr[FAMILY__COUNT];

/** Tells whether the set of any family, or this set, has elements. */
bool plan_has(const struct plan *plan, const uint32_t sets[static FAMILY__COUNT]);
bool plan_has_one(const struct plan *plan, uint32_t set);

/** Tells whether rules ask for connections at all. */
bool plan_tracks(const struct plan *plan);

/** Adds an origin of no network and returns its index. */
uint32_t plan_reason(struct plan *plan, enum promise promise, const char *text);

/** Adds a rule. */
void plan_add(struct plan *plan, struct rule rule);

/**
 * Adds the rule once for each family, asking whether the tuple of the name and the family's address
 * is in the family's set.
 */
void plan_add_by_family(struct plan *plan, struct rule rule, const uint32_t set[FAMILY__COUNT],
			enum field name, const enum field addr[FAMILY__COUNT]);

/** Adds a rule that refuses, behind one that counts, in the set, what it is going to refuse. */
void plan_add_counted(struct plan *plan, struct rule rule, uint32_t set, enum field field);

/** Adds a set of n numbers that no description changes, and returns its index. */
uint32_t plan_constant_set(struct plan *plan, const char *name, enum field field,
			   const uint8_t *numbers, size_t n, const char *text);

#endif
