// SPDX-License-Identifier: GPL-2.0-or-later
// report_path: tells the way of a packet through the host as it is, as text and as JSON.
#ifndef REPORT_REPORT_PATH_H
#define REPORT_REPORT_PATH_H

#include "cli/run.h"
#include "cli/work.h"
#include "judge/path.h"

/** Runs `explain --live`. */
enum status path_explain(struct run *run);

/** What is known about our own rules: where in the description each comes from. */
struct path_sources {
	const struct work *work;	     /**< NULL: there is no description */
	const struct ruleset *lowered[2];    /**< for nf_tables, for iptables; NULL without work */
};

/** Returns where the rule of a finding comes from, or no place. */
struct place path_place(const struct path_sources *sources, const struct judge_finding *finding,
			const struct foreign_rule *rule);

/** Returns one step as a sentence or more. Memory comes from arena. */
const char *path_tell_step(struct arena *arena, const struct path *live, const struct path_leg *leg,
			   const struct path_step *step);

/** Returns what becomes of the packet, and at a stop what to do; the latter may be NULL. */
const char *path_tell_verdict(struct arena *arena, const struct path *live,
			      const struct path_leg *leg, const char **advice);

#endif
