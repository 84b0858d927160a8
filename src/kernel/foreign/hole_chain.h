// SPDX-License-Identifier: GPL-2.0-or-later
// hole_chain: one chain of others with our holes, through nf_tables and through libiptc.
#ifndef FOREIGN_HOLE_CHAIN_H
#define FOREIGN_HOLE_CHAIN_H

#include "foreign/hole.h"

/** Adds a copy of an item, its form and comment. */
void hole_items_add(struct arena *arena, struct hole_items *items, struct hole_item item);

/** Makes room for one entry. */
struct xt_room *hole_xt_room(struct arena *arena);

/** Adds the wanted rule idx of the ruleset to the keeper's list. */
void hole_nft_want(struct holes *holes, uint32_t idx, enum family family);
void hole_xt_want(struct holes *holes, uint32_t idx, enum family family);

/** Makes the wanted rule idx for legacy iptables; its form is in holes->room. */
struct hole_item hole_xt_wanted(const struct holes *holes, uint32_t idx, enum family family);

/** Reads the chains of a keeper into holes. Returns 0 or -errno, queued. */
int hole_nft_read(struct holes *holes, struct diags *diags);
int hole_xt_read(struct holes *holes, struct diags *diags);

/**
 * Does the step in the chains of a keeper that differ, reading them again when somebody else was
 * faster. Returns 0 or -errno, queued.
 */
int hole_nft_commit(struct holes *holes, struct diags *diags, enum hole_step step, bool *changed);
int hole_xt_commit(struct holes *holes, struct diags *diags, enum hole_step step, bool *changed);

/** Compares a chain that was read with what is wanted there. */
void hole_compare(const struct holes *holes, struct hole_chain *chain);

/** Tells whether a step has something to do in the chain. */
bool hole_differs(const struct hole_chain *chain, enum hole_step step);

/** Forgets what was read of a keeper's chains. */
void hole_reset(struct holes *holes, enum hole_keeper keeper);

#endif
