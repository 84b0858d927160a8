// SPDX-License-Identifier: GPL-2.0-or-later
// raw_nft: what reading, writing and loading the copy of nf_tables share.
#ifndef FOREIGN_RAW_NFT_H
#define FOREIGN_RAW_NFT_H

#include "prove/copy.h"

/** What a message is about when it is about the batch itself. */
#define NO_ITEM SIZE_MAX

/** A transaction that loads what was read. */
struct mirror_batch {
	struct mirror_nft *nft;
	struct batch batch; /**< owned */
	size_t *subjects;   /**< by message: the item it is about; in nft's arena */
	size_t n_subjects, cap_subjects;
	bool *written; /**< by item */
};

/** Writes all items that are not left out, with the batch's two ends. */
void mirror_batch_fill(struct mirror_batch *batch);

/** Returns the attribute of a dumped message, or NULL. */
const struct nlattr *mirror_attr(const struct nlmsghdr *message, uint16_t type);

/** Copies an attribute with all that is in it. */
void mirror_put(struct nlmsghdr *message, const struct nlattr *attr);

/**
 * Writes what a rule does: its expressions, as they were dumped (or NULL), and what they need to be
 * told.
 */
void mirror_put_rule(struct nlmsghdr *message, const struct nlattr *expressions, uint8_t family);

/** Returns an expression's attribute when it is the expression of that name, else NULL. */
const struct nlattr *mirror_expression_attr(const struct nlattr *expression, const char *name,
					    uint16_t type);

/** Tells whether an expression is that target of iptables, as iptables-nft writes it. */
bool mirror_is_target(const struct nlattr *expression, const char *target);

/** Tells whether this namespace has the device that an attribute of a hook names. */
bool mirror_has_device(const struct nlattr *device);

#endif
