// SPDX-License-Identifier: GPL-2.0-or-later
// nft_build: a lowered ruleset as the image of a table.
#ifndef NFT_NFT_BUILD_H
#define NFT_NFT_BUILD_H

#include "hostgate/ruleset.h"
#include "image/image.h"
#include "rules/ours.h"

/**
 * Fills image (empty, from image_init()) with the table that the ruleset, lowered by lower_nft(),
 * describes, and finishes it. Chains and sets keep the ruleset's indexes; an element's source is
 * its index in the ruleset's set.
 */
void nft_build(const struct ruleset *ruleset, struct image *image);

struct nftnl_table;
struct nftnl_chain;
struct nftnl_set;
struct nftnl_rule;

/** Longest attributes of any object but a rule's, and of a rule. */
#define NFT_BLOB_SIZE ((size_t)32 << 10)

/**
 * Canonical attributes of libnftnl's objects; what the kernel adds is taken off the object first.
 * buffer holds zeros or an earlier blob; the result points into it.
 */
struct blob nft_table_blob(struct nftnl_table *table, uint8_t buffer[static NFT_BLOB_SIZE]);
struct blob nft_chain_blob(struct nftnl_chain *chain, uint8_t buffer[static NFT_BLOB_SIZE]);
struct blob nft_set_blob(struct nftnl_set *set, uint8_t buffer[static NFT_BLOB_SIZE]);
struct blob nft_rule_blob(struct nftnl_rule *rule, uint8_t buffer[static NFT_BLOB_SIZE]);

#endif
