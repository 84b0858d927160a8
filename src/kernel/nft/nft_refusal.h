// SPDX-License-Identifier: GPL-2.0-or-later
// nft_refusal: what the kernel refused, in the user's words and at the user's line.
#ifndef NFT_NFT_REFUSAL_H
#define NFT_NFT_REFUSAL_H

#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "image/image.h"
#include "os/netlink.h"

/** What one message of a batch is about. OBJECT__COUNT: the batch itself. */
struct nft_subject {
	enum object object;
	uint32_t idx;	     /**< of the chain or set; of a rule its chain, an element its set */
	uint32_t first;	     /**< rule: in its chain; elements: of the message's first one */
	const uint32_t *ids; /**< elements: their indexes; NULL: first, first + 1, ... */
	const struct image *image; /**< that idx refers to */
};

/**
 * Queues a diagnostic for a refused message. ruleset: the lowered ruleset that the image was made
 * from, for places; NULL when there is none. owned: the table belongs to another process.
 */
void nft_refusal_refusal(struct diags *diags, const struct ruleset *ruleset, bool owned,
			 const struct nft_subject *subject, const struct nlmsghdr *message,
			 const struct refusal *refusal);

/** Queues why something with the kernel failed as a whole: "can't DOING: ...". err: errno. */
void nft_refusal_errno(struct diags *diags, int err, const char *doing);

/** Writes an element's key as people read it, "vmnet1 . 192.168.56.0"; set tells the types. */
void nft_refusal_key(const struct set *set, const uint8_t *key, struct buf *out);

/** Returns a number that is an attribute of a set (NFTA_SET_...); 0 when it has none of the type. */
uint32_t nft_refusal_number(const struct image_set *set, uint16_t type);

/** The same for a record of a set whose types are known by its attributes only. */
void nft_refusal_record(const struct image_set *set, const uint8_t *key, struct buf *out);

/** Returns which of a message's elements holds the byte at offset, else 0. */
size_t nft_refusal_element_at(const struct nlmsghdr *message, uint32_t offset);

/** Returns the name of the expression of a rule's message at offset, or "". */
const char *nft_refusal_expr_at(const struct nlmsghdr *message, uint32_t offset);

#endif
