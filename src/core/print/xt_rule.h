// SPDX-License-Identifier: GPL-2.0-or-later
// xt_rule: one rule in the language of iptables; what its dialects share.
#ifndef PRINT_XT_RULE_H
#define PRINT_XT_RULE_H

#include "hostgate/buf.h"
#include "hostgate/ruleset.h"
#include "rules/build.h"

/** Writes a word so that the reader of the dialect takes it as one word. */
typedef void (*xt_quote)(struct buf *out, const char *word);

/** An xt_quote for the restore tools: double quotes, with a backslash before a quote. */
void xt_restore_word(struct buf *out, const char *word);

/**
 * Writes "-A CHAIN ..." for a rule lowered by lower_xt(), without table and line end. Matches come
 * in the order of iptables-save; the comment comes last.
 */
void xt_rule_print(const struct ruleset *rs, const struct rule *rule, enum family family,
		   xt_quote quote, struct buf *out);

/** The same for another chain and comment than the rule's own. */
void xt_rule_print_to(const struct ruleset *rs, const struct rule *rule, const char *chain,
		      const char *comment, enum family family, xt_quote quote, struct buf *out);

/** Writes " -i ..." for a rule in a hole, as above, but without chain; ACCEPT is meant here. */
void xt_hole_print(const struct ruleset *rs, const struct hole_rule *hole, enum family family,
		   xt_quote quote, struct buf *out);

/** The chain of table filter, the last of xt_table_list, that is the place of a hole. */
extern const char *const xt_hole_chains[HOLE__COUNT][FAMILY__COUNT];

/**
 * Fills out with the rule's matches in the order in which they are written; returns how many. Ends
 * the process when iptables has no place for one.
 */
uint8_t xt_matches_of(const struct rule *rule, const struct match *out[static MATCHES_MAX]);

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

/** Returns how a line of a file for both restore tools begins: "-4 ", "-6 ", or "" for both. */
const char *xt_family_option(bool v4, bool v6);

/** Returns the base chain of a stage, or NULL: the family has no rule there. */
const struct chain *xt_part_base(const struct xt_part *part, enum stage stage);

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
 * They are made from the last to the first, each in front of the others; the first one of a table
 * has a chain whenever the table has any, so its jump tells that all are there.
 */
extern const enum stage xt_stages[];
#define XT_STAGES 7

#endif
