// SPDX-License-Identifier: GPL-2.0-or-later
// build: adding objects to a ruleset; used by plan and the lowerings.
#ifndef RULES_BUILD_H
#define RULES_BUILD_H

#include "hostgate/ruleset.h"

/** Returns a new, empty ruleset that lives in arena. */
struct ruleset *ruleset_new(struct arena *arena);

/**
 * Returns a ruleset with the chains, origins and sysctls of another, at the same indexes, and
 * without its sets and rules: what a lowering starts from.
 */
struct ruleset *ruleset_frame(struct arena *arena, const struct ruleset *of);

/** Adds an origin and returns its index. network may be NULL. */
uint32_t ruleset_add_origin(struct ruleset *rs, enum promise promise, const char *text,
			    const char *network, struct place place);

/** Adds a chain and returns its index. Base chains pass their own stage as under. */
uint32_t ruleset_add_chain(struct ruleset *rs, const char *name, enum stage stage,
			   enum stage under);

/** Adds a set (or map) keyed by the fields. */
uint32_t ruleset_add_set(struct ruleset *rs, const char *name, bool is_map, struct fields fields);

/** Adds an element to a set (action NO_INDEX) or map. The keys, one a field, are copied. */
void ruleset_add_element(struct ruleset *rs, uint32_t set, struct keys keys, uint32_t action,
			 uint32_t origin);

/** Returns the index of an equal action, adding it unless it was among the latest ones. */
uint32_t ruleset_add_action(struct ruleset *rs, struct action action);

/** Adds a copy of a sysctl. */
void ruleset_add_sysctl(struct ruleset *rs, struct sysctl sysctl);

/** Adds a copy of a rule. */
void ruleset_add_rule(struct ruleset *rs, const struct rule *rule);

/** The rules of every chain: order[first[c]] to order[first[c + 1] - 1] are chain c's indexes. */
struct chain_index {
	const uint32_t *first; /**< n_chains + 1 entries */
	const uint32_t *order; /**< n_rules entries */
};

/** Groups the rules by chain; the memory is the ruleset's arena's. */
struct chain_index ruleset_index(const struct ruleset *rs);

/** Starts a rule of the chain; finish it with matches and ruleset_add_rule(). */
struct rule rule_start(uint32_t chain, struct action action, uint32_t origin);

/**
 * Makes a match of "the field starts with key"; of a service its protocol alone is FIELD_L4PROTO.
 * False: that is true of all packets, and nothing is made.
 */
bool match_of_key(enum field field, const struct key *key, struct match *out);

/** Adds "the field starts with key"; nothing where match_of_key() makes nothing. */
void rule_match_prefix(struct rule *rule, enum field field, struct key key);

/** Adds "the field is number". */
void rule_match_number(struct rule *rule, enum field field, uint32_t number);

/** Adds "one of bits is set in the field" (negated: none is). */
void rule_match_bits(struct rule *rule, enum field field, uint32_t bits, bool negated);

/** Adds "the tuple of these fields is in the set". */
void rule_match_set(struct rule *rule, uint32_t set, struct fields fields);

/** The actions without operands, and goto. */
struct action action_of(enum action_kind kind);
struct action action_goto(uint32_t chain);

/** Tells whether two actions do the same. */
bool action_equal(const struct action *a, const struct action *b);

#endif
