// SPDX-License-Identifier: GPL-2.0-or-later
// xt_place: where rules of a ruleset stand in iptables: tables, built-in chains, order of matches.
#ifndef RULES_XT_PLACE_H
#define RULES_XT_PLACE_H

#include "hostgate/ruleset.h"

#define XT_TABLES 4

/** Most built-in chains of a table. */
#define XT_BUILTINS_MAX 5

/** A table of iptables. */
struct xt_table {
	const char *name;
	bool cleaned; /**< settings.clean-slate takes others' rules out of it */
	const char *builtins[XT_BUILTINS_MAX]; /**< its built-in chains; NULL where there are fewer */
};

/** The tables of iptables, in the order in which closing comes first and opening last. */
extern const struct xt_table xt_table_list[XT_TABLES];

/**
 * The stages with base chains, by table, in the order in which jumps stand in a built-in chain.
 * They are made from the last to the first, each in front of the others, so the jump to the first
 * one that a table has tells that all are there.
 */
extern const enum stage xt_stages[];
#define XT_STAGES 7

/** The chain of table filter, the last of xt_table_list, that is the place of a hole. */
extern const char *const xt_hole_chains[HOLE__COUNT][FAMILY__COUNT];

/**
 * Fills out with the rule's matches in the order in which they are written; returns how many. Ends
 * the process when iptables has no place for one.
 */
uint8_t xt_matches_of(const struct rule *rule, const struct match *out[static MATCHES_MAX]);

#endif
