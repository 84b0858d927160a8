// SPDX-License-Identifier: GPL-2.0-or-later
// prove: sends probes through a throw-away copy of the host that has the ruleset.
#ifndef PROVE_PROVE_H
#define PROVE_PROVE_H

#include "apply/apply.h"
#include "probe/frame.h"
#include "prove/host_copy.h"
#include "prove/trace.h"

/** How the kernel did something else than it should. */
enum finding_kind {
	FINDING_LEAK,	 /**< seen where nothing of the probe should be */
	FINDING_SOURCE,	 /**< passed with another source or destination */
	FINDING_MISSING, /**< did not pass */
	FINDING__COUNT
};

struct finding {
	enum finding_kind kind;
	uint32_t probe;	    /**< index, or NO_PROBE: a packet that no probe explains */
	struct sight sight; /**< unless FINDING_MISSING */
	const struct decider *by; /**< what decided, by the kernel's word; NULL: not known */
};

/** A probe that the host's routing sends another way than the description would have it. */
struct detour {
	uint32_t probe;
	uint32_t port; /**< by which it goes; NO_PORT: there is no route */
};

struct proof {
	struct finding *items; /**< at most one a probe */
	size_t n, cap;
	struct detour *detours; /**< of probes without a finding */
	size_t n_detours, cap_detours;
	size_t n_sent; /**< probes that were sent */
};

/** What is proved, and how. */
struct prove_input {
	const struct apply_input *apply;
	const struct probe_list *list;
	/** What list's copy has of this network namespace; its rules are to be there, too. Or NULL. */
	const struct host_copy *host;
	/** Called now and then with how many of the probes are through; may be NULL. */
	void (*progress)(size_t done, size_t total, void *data);
	void *progress_data;
};

/**
 * Builds the copy, applies the input there and sends the probes. This process and its namespaces
 * are not touched, and nothing is left behind. Returns 0, or -errno, queued, when there is no
 * verdict: -EPERM when the system does not let this user make namespaces, or read the host's
 * rules. Memory comes from arena.
 */
int kernel_prove(struct arena *arena, struct diags *diags, const struct prove_input *input,
		 struct proof *out);

#endif
