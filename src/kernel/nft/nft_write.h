// SPDX-License-Identifier: GPL-2.0-or-later
// nft_write: a transaction's messages, from what differs between two tables.
#ifndef NFT_NFT_WRITE_H
#define NFT_NFT_WRITE_H

#include "hostgate/arena.h"
#include "image/image.h"
#include "nft/nft_refusal.h"
#include "os/netlink.h"

/** A transaction that is being written. Initialise with {0}; free with nft_writing_free(). */
struct nft_writing {
	struct batch batch;
	struct arena *arena;	      /**< owned */
	const struct image *image;    /**< whose objects are written */
	struct nft_subject *subjects; /**< by message: what it is about */
	size_t n_subjects, cap_subjects;
};

/** Frees everything. Usable as a cleanup attribute's function. */
void nft_writing_free(struct nft_writing *w);

/** Starts the transaction, which is valid for this generation of the kernel's ruleset only. */
void nft_write_begin(struct nft_writing *w, uint32_t generation);

/**
 * Starts a message of the transaction, NFT_MSG_*, about subject, with room for payload bytes of
 * attributes; batch_commit() ends it.
 */
struct nlmsghdr *nft_write_start(struct nft_writing *w, uint8_t family, struct nft_subject subject,
				 uint16_t type, uint16_t flags, size_t payload);

/** Ends it. */
void nft_write_end(struct nft_writing *w);

/**
 * Writes what makes old, the kernel's table, into new; diff is theirs. Only what differs is
 * written, unless diff->whole: then the table is deleted and made anew. The images must outlive w.
 */
void nft_write_changes(struct nft_writing *w, const struct image *old, const struct image *new,
		       const struct diff *diff);

/** Writes that the table goes, if old says that it is there. */
void nft_write_removal(struct nft_writing *w, const struct image *old);

#endif
