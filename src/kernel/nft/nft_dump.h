// SPDX-License-Identifier: GPL-2.0-or-later
// nft_dump: asks for objects of nf_tables, and for several kinds of them at one moment.
#ifndef NFT_NFT_DUMP_H
#define NFT_NFT_DUMP_H

#include "os/netlink.h"

/**
 * Hands every object of a kind to callback. get: NFT_MSG_GET*; family: NFPROTO_*, NFPROTO_UNSPEC:
 * of all. table, unless NULL: of this one only (the kernel takes no notice of it for chains); name,
 * unless NULL: of rules the chain, of elements the set. Returns 0 or -errno; -ENOENT: there is no
 * such table, chain or set; -EINTR: ask again.
 */
int nft_dump(struct netlink *netlink, uint16_t get, uint8_t family, const char *table,
	     const char *name, mnl_cb_t callback, void *data);

/** Likewise for one object: a table, a chain (name). */
int nft_get(struct netlink *netlink, uint16_t get, uint8_t family, const char *table,
	    const char *name, mnl_cb_t callback, void *data);

/** Asks for the number that every commit in the namespace moves by one. Returns 0 or -errno. */
int nft_generation(struct netlink *netlink, uint32_t *generation);

/** Reads something with several questions; begins anew whenever it is called. */
typedef int (*nft_read_fn)(struct netlink *netlink, void *data);

/**
 * Calls read until all that it has read is of one generation, which goes to *generation unless
 * that is NULL. Returns what read does; -EBUSY when others kept changing the tables under it. What
 * may be absent is for read to know: its -ENOENT is taken for something that has gone between two
 * dumps.
 */
int nft_consistent(struct netlink *netlink, nft_read_fn read, void *data, uint32_t *generation);

/** Tells whether that is the answer of a kernel without nf_tables, which has no rules in it. */
bool nft_is_absent(int err);

/** Parts of a dumped message: its family, an attribute or NULL, and that as text or NULL. */
uint8_t nft_family(const struct nlmsghdr *message);
const struct nlattr *nft_attr(const struct nlmsghdr *message, uint16_t type);
const char *nft_text(const struct nlmsghdr *message, uint16_t type);

#endif
