// SPDX-License-Identifier: GPL-2.0-or-later
// raw_rule: reads dumped rules of nf_tables, and writes what makes them anew.
#ifndef NFT_RAW_RULE_H
#define NFT_RAW_RULE_H

#include "os/netlink.h"
#include "rules/ours.h"

/** Copies an attribute with all that is in it. */
void raw_rule_put_attr(struct nlmsghdr *message, const struct nlattr *attr);

/**
 * Writes what a rule does: its expressions, as they were dumped (or NULL), and what they need to be
 * told.
 */
void raw_rule_put(struct nlmsghdr *message, const struct nlattr *expressions, uint8_t family);

/** Returns an expression's attribute when it is the expression of that name, else NULL. */
const struct nlattr *raw_rule_expression_attr(const struct nlattr *expression, const char *name,
					    uint16_t type);

/** Tells whether an expression is that target of iptables, as iptables-nft writes it. */
bool raw_rule_is_target(const struct nlattr *expression, const char *target);

/** Returns the chain that an expression of a dumped rule jumps or goes to, or NULL. */
const char *raw_rule_target(const struct nlattr *expression);

/** Copies an expression's comment, which iptables-nft keeps as a match; else does nothing. */
void raw_rule_comment(const struct nlattr *expression, char comment[static XT_COMMENT_SIZE]);

/** Tells whether a rule that iptables-nft keeps is ours; expressions: NFTA_RULE_EXPRESSIONS, or NULL. */
bool ours_rule_nft(const char *table, const char *chain, const struct nlattr *expressions);

/** Tells whether the expressions of a rule lead to a chain of ours in the tables of iptables. */
bool ours_is_led_to(const struct nlattr *expressions);

#endif
