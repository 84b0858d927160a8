// SPDX-License-Identifier: GPL-2.0-or-later
// hole: accepts in the places that others' firewalls keep for them (settings.holes).
#ifndef FOREIGN_HOLE_H
#define FOREIGN_HOLE_H

#include "hostgate/diag.h"
#include "hostgate/ruleset.h"
#include "image/change.h"
#include "image/image.h"

/*
 * Theory of operation
 *
 * Rules in holes are found by their tag, in every chain that can be a place of them, of the tables
 * "filter" of iptables-nft (in nf_tables) and of legacy iptables. What is wanted and what is there
 * is compared as sets of rules: where in a chain they stand is as somebody may have put them. What
 * is missing comes to the head of the chain, or behind our own jump where that stands in it, since
 * what our chains refuse has to be refused before.
 *
 * They are the last to come and the first to go, in transactions of their own.
 */

/** Who keeps a chain. */
enum hole_keeper {
	HOLE_NFT,
	HOLE_LEGACY,
	HOLE_KEEPER__COUNT
};

/** A rule in a form of its keeper's that is the same bytes when the rule is the same. */
struct hole_item {
	struct blob form;
	const char *comment;
	const char *network; /**< of a wanted one */
	uint32_t hole;	     /**< wanted: index in ruleset.holes */
	uint64_t handle;     /**< present: nf_tables' number of it, or its position from 0 */
};

struct hole_items {
	struct hole_item *items;
	size_t n, cap;
};

/** A chain of others, and ours in it. */
struct hole_chain {
	enum hole_keeper keeper;
	enum family family;
	enum hole place;
	bool exists;
	struct hole_items present; /**< tagged ones */
	bool has_jump;             /**< a jump to our own chains stands in it */
	uint64_t jump;             /**< the last one's handle or position */
	struct hole_items missing, surplus; /**< wanted ones in their order; present ones */
};

struct xt_room;

struct holes {
	struct arena *arena;
	struct xt_room *room; /**< for one entry at a time */
	const struct ruleset *ruleset; /**< NULL: none are wanted */
	bool legacy_comes; /**< our own rules will be in legacy iptables, so its tables, too */
	struct hole_items wanted[HOLE_KEEPER__COUNT][FAMILY__COUNT];
	struct hole_chain chains[HOLE_KEEPER__COUNT][FAMILY__COUNT][HOLE__COUNT];
};

/** What is done to the chains. */
enum hole_step {
	HOLE_CLOSE, /**< what is not wanted goes */
	HOLE_OPEN,  /**< what is missing comes */
	HOLE_STEP__COUNT
};

/** Prepares for the ruleset (as planned); NULL: none are wanted. legacy_comes: see above. */
void holes_init(struct holes *holes, struct arena *arena, const struct ruleset *ruleset,
		bool legacy_comes);

/**
 * Reads all places, adds what differs to changes, and notes places that are wanted and do not
 * exist. Returns 0 or -errno, queued.
 */
int holes_read(struct holes *holes, struct diags *diags, struct changes *changes);

/** Tells whether legacy iptables' tables differ, so that its lock is needed. */
bool holes_need_lock(const struct holes *holes);

/**
 * Does one step in every chain, as the last holes_read() found them. *changed is set once something
 * was. Returns 0 or -errno, queued.
 */
int holes_commit(struct holes *holes, struct diags *diags, enum hole_step step, bool *changed);

#endif
