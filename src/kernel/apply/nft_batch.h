// SPDX-License-Identifier: GPL-2.0-or-later
// nft_batch: what differs as one transaction, and the kernel's refusals as diagnostics.
#ifndef APPLY_NFT_BATCH_H
#define APPLY_NFT_BATCH_H

#include "foreign/kept_nft.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "image/image.h"
#include "os/netlink.h"

/**
 * Makes the kernel's table, read as old, the table of new, which differs by diff, in one
 * transaction, as nft_write_changes() writes it. others: rules of others that go with it. ruleset (lowered) names what
 * the kernel refuses. Returns 0, -ERESTART when the kernel's generation is no longer that of old
 * (nothing was changed: read again), -ENOBUFS when the answer was lost (read again and see), or
 * another -errno, nothing changed and the reason queued.
 */
int nft_batch_apply(struct netlink *netlink, struct diags *diags, const struct ruleset *ruleset,
		    const struct image *old, const struct image *new, const struct diff *diff,
		    const struct kept_nft *others);

/**
 * Takes the table, if it is there, and rules of others out, likewise. old is the image, or has at
 * least its generation.
 */
int nft_batch_remove(struct netlink *netlink, struct diags *diags, const struct image *old,
		     const struct kept_nft *others);

#endif
