// SPDX-License-Identifier: GPL-2.0-or-later
// front: what stands in front of our jumps in iptables, and may take packets from our rules.
#ifndef JUDGE_FRONT_H
#define JUDGE_FRONT_H

#include "judge/blocker.h"
#include "print/xt_rule.h"

/*
 * Theory of operation
 *
 * In a built-in chain of iptables an accept is final for the table: what stands in front of our jump
 * and accepts, translates or returns a packet takes it from our rules. So for each rule of ours that
 * drops or translates, the judge is asked about all packets that it may meet, as far as its and
 * its chain's conditions tell. What only drops takes nothing that is ours to keep.
 */

/** Something in front of a jump of ours. */
struct front_finding {
	const struct foreign_base *base; /**< the built-in chain */
	const char *chain;		/**< of ours, to which the jump leads */
	struct judge_taker taker;
	const struct rule *rule; /**< a rule of ours that may lose packets, lowered */
	const struct vendor *who[BLOCKER_WHO_MAX]; /**< whose the taker is */
	size_t n_who;
};

/**
 * Looks in front of the jump to the base chain of ours, by its name, in the built-in chain of the
 * table of legacy iptables. part: our rules of the family. Returns false where nothing there may
 * take a packet, or there is no jump.
 */
bool front_find(const struct foreign *foreign, const struct xt_part *part, const char *table,
		const char *builtin, const char *chain, struct front_finding *out);

/** The jumps of ours that others' rules stand in front of. */
struct fronts {
	struct front_finding *items;
	size_t n, cap;
};

/**
 * Reads the tables of legacy iptables that live, and looks in front of all jumps that the ruleset,
 * as planned, wants and that are there. Memory comes from arena. Returns 0, or -errno, not queued.
 */
int front_read(struct arena *arena, const struct ruleset *ruleset, struct fronts *out);

/** Returns what stands there, for people: "rule 1 (to DOCKER-FORWARD; of Docker)". */
const char *front_text(struct arena *arena, const struct front_finding *finding);

#endif
