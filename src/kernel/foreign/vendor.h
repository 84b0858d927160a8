// SPDX-License-Identifier: GPL-2.0-or-later
// vendor: which well-known program a chain belongs to, and what to do about its rules.
#ifndef FOREIGN_VENDOR_H
#define FOREIGN_VENDOR_H

/** A program that keeps rules of its own beside ours. */
struct vendor {
	const char *name;   /**< as its users write it: "Docker" */
	const char *advice; /**< what lets a network's packets pass there; no full stop at the end */
};

/**
 * Returns whose chain that is, or NULL when the name does not tell. family: nft's word ("ip", "ip6",
 * "inet"), also for legacy iptables, whose tables are of "ip" or "ip6". The built-in chains of
 * iptables (FORWARD) belong to nobody by name: whoever sets their policy has other chains in the
 * same table, to ask about one by one.
 */
const struct vendor *vendor_of(const char *family, const char *table, const char *chain);

#endif
