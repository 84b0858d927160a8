// SPDX-License-Identifier: GPL-2.0-or-later
// kept_nft: rules of others in the tables that iptables-nft keeps in nf_tables.
#ifndef FOREIGN_KEPT_NFT_H
#define FOREIGN_KEPT_NFT_H

#include "hostgate/arena.h"
#include "hostgate/diag.h"
#include "image/snapshot.h"
#include "os/netlink.h"

struct changes;

/** A rule of others. */
struct kept_nft_rule {
	uint8_t family; /**< AF_INET or AF_INET6, as nf_tables has them */
	const char *table, *chain;
	uint64_t handle;   /**< by which the kernel knows it; 0: it is to be made again */
	struct blob expressions, comment; /**< attributes, as dumped; the latter may be empty */
	bool first;        /**< it stands in front of what leads to our chains */
};

/** Rules of others that are to go, or to come back; those of one table stand together. */
struct kept_nft {
	struct kept_nft_rule *rules;
	size_t n, cap;
};

/**
 * Finds them in the tables of xt_table_list that are cleaned, where these exist. Memory comes from
 * arena. Returns 0, -EBUSY when the tables kept changing under the reader, or another -errno.
 */
int kept_nft_read(struct netlink *netlink, struct arena *arena, struct kept_nft *out);

/** Likewise, as a part of what nft_consistent() calls. */
int kept_nft_read_once(struct netlink *netlink, struct arena *arena, struct kept_nft *out);

/** Write the rules, and read what was written. */
void kept_nft_save(const struct kept_nft *kept, struct buf *out);
void kept_nft_load(struct snapshot *snapshot, struct arena *arena, struct kept_nft *out);

/**
 * Finds out which of the saved rules are not there, whatever they have counted meanwhile. Those
 * whose chain is gone are left out with a warning. Returns 0 or -errno.
 */
int kept_nft_missing(struct netlink *netlink, struct arena *arena, struct diags *diags,
		      const struct kept_nft *saved, struct kept_nft *out);

/** Adds a change for each table that has some. */
void kept_nft_list(const struct kept_nft *kept, struct arena *arena, struct changes *changes);

struct nft_writing;

/** Writes that those with a handle go, and the others come back. */
void kept_nft_write(struct nft_writing *w, const struct kept_nft *others);

#endif
