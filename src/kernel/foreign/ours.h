// SPDX-License-Identifier: GPL-2.0-or-later
// ours: which of the host's rules are hostgate's own.
#ifndef FOREIGN_OURS_H
#define FOREIGN_OURS_H

#include <stdbool.h>
#include <stdint.h>

#include "hostgate/addr.h"
#include "os/netlink.h"

/*
 * Theory of operation
 *
 * Ours are the table inet hostgate; in the tables of iptables, whoever keeps them, the chains
 * HOSTGATE-* and every rule that leads to one; and in the places of holes (settings.holes) the
 * rules with their tag. Whoever reads the rules of others asks here, so that none of these is ever
 * counted, judged, cleaned away or copied as somebody else's.
 */

/** Tells whether a table of nf_tables is ours; family: NFPROTO_*. */
bool ours_table(uint8_t family, const char *table);

/** Tells whether a chain of the tables of iptables is ours, by its name. */
bool ours_chain(const char *chain);

/** Tells whether a comment is the tag of a rule in a hole. */
bool ours_tag(const char *comment);

/**
 * Tells whether a rule of a table of iptables is ours. target: the chain or target that it leads
 * to, or NULL; comment: or NULL.
 */
bool ours_rule(const char *table, const char *chain, const char *target, const char *comment);

/** Likewise, of one that iptables-nft keeps; expressions: NFTA_RULE_EXPRESSIONS, or NULL. */
bool ours_rule_nft(const char *table, const char *chain, const struct nlattr *expressions);

/** Likewise, of legacy iptables; entry, target: as libiptc has them. */
bool ours_rule_xt(enum family family, const char *table, const char *chain, const void *entry,
		  const char *target);

/** Tells whether the expressions of a rule lead to a chain of ours in the tables of iptables. */
bool ours_is_led_to(const struct nlattr *expressions);

#endif
