// SPDX-License-Identifier: GPL-2.0-or-later
// ours: which of the host's rules are hostgate's own, by their names.
#ifndef RULES_OURS_H
#define RULES_OURS_H

#include <stdbool.h>
#include <stdint.h>

/** What the names of all chains of ours begin with. */
#define XT_CHAIN_PREFIX "HOSTGATE-"

/** The one table of ours, in the inet family. */
#define TABLE_NAME "hostgate"

/** What the comment of every rule in a hole begins with: by this they are found again. */
#define HOLE_TAG "hostgate: "

/** Longest comment of a rule of iptables, with its NUL: XT_MAX_COMMENT_LEN, as the library has it. */
#define XT_COMMENT_SIZE 257

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

#endif
