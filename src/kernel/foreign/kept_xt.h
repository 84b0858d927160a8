// SPDX-License-Identifier: GPL-2.0-or-later
// kept_xt: rules of others in a table of iptables, kept so that they can come back.
#ifndef FOREIGN_KEPT_XT_H
#define FOREIGN_KEPT_XT_H

#include "hostgate/diag.h"
#include "image/snapshot.h"
#include "xt/xt_library.h"

/** A rule of others. */
struct kept_xt_rule {
	const char *chain;
	const char *target; /**< as libiptc calls it: a chain, ACCEPT, an extension, or "" */
	struct blob entry;  /**< struct ipt_entry or ip6t_entry, with its counters */
	bool first;         /**< it stands in front of what leads to our chains */
	bool jumps;         /**< target is a chain */
};

/** Those of one table, chain by chain in their order. */
struct kept_xt {
	struct kept_xt_rule *rules;
	size_t n, cap;
};

/** Finds the rules of others in the table, which is the handle's. Memory comes from arena. */
void kept_xt_read(struct arena *arena, enum family family, const char *table,
		   struct xtc_handle *handle, struct kept_xt *out);

/** Write the rules, and read what was written. */
void kept_xt_save(const struct kept_xt *kept, struct buf *out);
void kept_xt_load(struct snapshot *snapshot, struct arena *arena, struct kept_xt *out);

/**
 * Finds out which of the saved rules are not in the table, whatever they have counted meanwhile.
 * Returns how many are left out, since their chain, or one that they lead to, is gone.
 */
size_t kept_xt_missing(struct arena *arena, enum family family, const char *table,
			struct xtc_handle *handle, const struct kept_xt *saved,
			struct kept_xt *out);

/** Puts the rules back, in the memory of libiptc. Returns 0 or -errno. */
int kept_xt_put(enum family family, struct xtc_handle *handle, const struct kept_xt *kept);

#endif
