// SPDX-License-Identifier: GPL-2.0-or-later
// nft_read: our table as the kernel has it.
#ifndef NFT_NFT_READ_H
#define NFT_NFT_READ_H

#include "image/image.h"
#include "os/netlink.h"

/**
 * Fills image (empty, from image_init()) with the table of the kernel, all of one generation, and
 * finishes it. Without such a table image->exists stays false; the generation is set all the same.
 * Returns 0, -EBUSY when the tables kept changing under the reader, or another -errno.
 */
int nft_read(struct netlink *netlink, struct image *image);

/**
 * Likewise, but reads no more than whether the table is there, its owner and the generation.
 * Nothing but nft_batch_remove() can use that image.
 */
int nft_read_head(struct netlink *netlink, struct image *image);

/** Tells whether there is such a table. Returns 0 or -errno. */
int nft_read_exists(struct netlink *netlink, bool *exists);

/** Tells whether this namespace has nf_tables, and may be asked. Returns 0 or -errno. */
int nft_read_probe(void);

#endif
