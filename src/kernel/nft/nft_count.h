// SPDX-License-Identifier: GPL-2.0-or-later
// nft_count: what our table of nf_tables counted.
#ifndef NFT_NFT_COUNT_H
#define NFT_NFT_COUNT_H

#include "image/counters.h"
#include "image/image.h"
#include "os/netlink.h"

/**
 * Adds what the elements and rules of the kernel's table counted that are also wanted: image was
 * built from ruleset by nft_build(). Returns 0, also when there is no table, or -errno.
 */
int nft_count(struct netlink *netlink, const struct ruleset *ruleset, const struct image *image,
	      struct counters *counters);

#endif
