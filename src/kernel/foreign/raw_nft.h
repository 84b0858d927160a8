// SPDX-License-Identifier: GPL-2.0-or-later
// raw_nft: what reading, writing and loading the copy of nf_tables share.
#ifndef FOREIGN_RAW_NFT_H
#define FOREIGN_RAW_NFT_H

#include "os/netlink.h"

/** In the order in which they are loaded: each may refer to those before it. */
enum raw_kind {
	RAW_TABLE,
	RAW_CHAIN,
	RAW_OBJECT,
	RAW_FLOWTABLE,
	RAW_SET,
	RAW_ELEMENTS, /**< one dumped message with elements of a set */
	RAW_RULE,
	RAW__COUNT
};

/** An object of nf_tables. */
struct raw_item {
	enum raw_kind kind;
	uint8_t family; /**< NFPROTO_* */
	bool left_out; /**< is not loaded, nor what needs it */
	bool updated; /**< set: a rule puts elements into it */
	const char *table;
	const char *name;	/**< of the object; of a rule its chain, of elements their set */
	uint32_t flags;		/**< of a chain or set */
	uint32_t position;	/**< rule: in its chain, from 1 */
	uint64_t handle;	/**< rule: on the host */
	uint64_t copied_handle; /**< rule: in the copy; 0: not there */
	const struct nlmsghdr *message;
};

/** The nf_tables of a namespace. */
struct raw_nft {
	struct arena *arena;	   /**< not owned */
	struct raw_item *items; /**< by kind; those of one kind in the kernel's order */
	size_t n, cap;
	size_t first[RAW__COUNT + 1];
};

/** Reads the nf_tables of this namespace. Memory comes from arena. Returns 0 or -errno. */
int raw_nft_read(struct arena *arena, struct raw_nft *out);

/**
 * Returns the item of a rule by its handle in the copy, or NULL when it is none of the host's.
 */
const struct raw_item *raw_nft_rule(const struct raw_nft *nft, uint8_t family,
				      const char *table, const char *chain, uint64_t handle);

/** Returns nft's word for a family, "inet". */
const char *raw_nft_family_name(uint8_t family);

/** What a message is about when it is about the batch itself. */
#define NO_ITEM SIZE_MAX

/** A transaction that loads what was read. */
struct copy_batch {
	struct raw_nft *nft;
	struct batch batch; /**< owned */
	size_t *subjects;   /**< by message: the item it is about; in nft's arena */
	size_t n_subjects, cap_subjects;
	bool *written; /**< by item */
};

/** Writes all items that are not left out, with the batch's two ends. */
void copy_batch_fill(struct copy_batch *batch);

/** Tells whether this namespace has the device that an attribute of a hook names. */
bool copy_has_device(const struct nlattr *device);

#endif
