// SPDX-License-Identifier: GPL-2.0-or-later
// report_path: tells the way of a packet through the host as it is, as text and as JSON.
#ifndef REPORT_REPORT_PATH_H
#define REPORT_REPORT_PATH_H

#include "cli/run.h"
#include "cli/work.h"
#include "judge/path.h"

/** Runs `explain --live`. */
enum status live_explain(struct run *run);

/** What is known about our own rules: where in the description each comes from. */
struct live_sources {
	const struct work *work;	     /**< NULL: there is no description */
	const struct ruleset *lowered[2];    /**< for nf_tables, for iptables; NULL without work */
};

/** Returns where the rule of a finding comes from, or no place. */
struct place live_place(const struct live_sources *sources, const struct judge_finding *finding,
			const struct survey_rule *rule);

/** Returns one step as a sentence or more. Memory comes from arena. */
const char *live_tell_step(struct arena *arena, const struct live *live, const struct live_leg *leg,
			   const struct live_step *step);

/** Returns what becomes of the packet, and at a stop what to do; the latter may be NULL. */
const char *live_tell_verdict(struct arena *arena, const struct live *live,
			      const struct live_leg *leg, const char **advice);

#endif
