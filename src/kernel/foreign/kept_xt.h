// SPDX-License-Identifier: GPL-2.0-or-later
// kept_xt: rules of others in a table of iptables, kept so that they can come back.
#ifndef FOREIGN_KEPT_XT_H
#define FOREIGN_KEPT_XT_H

#include "hostgate/diag.h"
#include "image/snapshot.h"
#include "xt/xt_library.h"

/** A rule of others. */
struct xt_slate_rule {
	const char *chain;
	const char *target; /**< as libiptc calls it: a chain, ACCEPT, an extension, or "" */
	struct blob entry;  /**< struct ipt_entry or ip6t_entry, with its counters */
	bool first;         /**< it stands in front of what leads to our chains */
	bool jumps;         /**< target is a chain */
};

/** Those of one table, chain by chain in their order. */
struct xt_slate {
	struct xt_slate_rule *rules;
	size_t n, cap;
};

/** Finds the rules of others in the table, which is the handle's. Memory comes from arena. */
void xt_slate_read(struct arena *arena, enum family family, const char *table,
		   struct xtc_handle *handle, struct xt_slate *out);

/** Write the rules, and read what was written. */
void xt_slate_save(const struct xt_slate *slate, struct buf *out);
void xt_slate_load(struct snapshot *snapshot, struct arena *arena, struct xt_slate *out);

/**
 * Finds out which of the saved rules are not in the table, whatever they have counted meanwhile.
 * Returns how many are left out, since their chain, or one that they lead to, is gone.
 */
size_t xt_slate_missing(struct arena *arena, enum family family, const char *table,
			struct xtc_handle *handle, const struct xt_slate *saved,
			struct xt_slate *out);

/** Puts the rules back, in the memory of libiptc. Returns 0 or -errno. */
int xt_slate_put(enum family family, struct xtc_handle *handle, const struct xt_slate *slate);

#endif
