// SPDX-License-Identifier: GPL-2.0-or-later
// xt_rule: one rule in the language of iptables; what its dialects share.
#ifndef PRINT_XT_RULE_H
#define PRINT_XT_RULE_H

#include "hostgate/buf.h"
#include "hostgate/ruleset.h"
#include "rules/xt_part.h"
#include "rules/xt_place.h"

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

/** Returns how a line of a file for both restore tools begins: "-4 ", "-6 ", or "" for both. */
const char *xt_family_option(bool v4, bool v6);

#endif
