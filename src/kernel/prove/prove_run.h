// SPDX-License-Identifier: GPL-2.0-or-later
// prove_run: what the child process of a proof has, and what it tells its parent.
#ifndef PROVE_PROVE_RUN_H
#define PROVE_PROVE_RUN_H

#include "prove/copy.h"
#include "prove/links.h"
#include "prove/prove.h"
#include "prove/wire.h"

/** Findings after which a copy is bad enough. */
#define FINDINGS_MAX 4000

enum record_kind {
	MESSAGE_FINDING,
	MESSAGE_DECIDER,	 /**< of one of the findings before */
	MESSAGE_DETOUR,
	MESSAGE_SEEN, /**< without our rules */
	MESSAGE_PROGRESS,
	MESSAGE_DIAG,
	MESSAGE_END,
	MESSAGE__COUNT
};

/** One thing that the child tells. */
struct prove_message {
	enum record_kind kind;
	union {
		struct finding finding;
		struct {
			size_t finding; /**< how many were told before it */
			struct decider decider;
		} decided;
		struct detour detour;
		struct {
			uint32_t probe;
			struct sight sight;
		} seen;
		size_t n_done; /**< probes */
		struct {
			enum severity severity;
			struct place place;
			int err;
			char code[16], message[500], hint[300];
		} diag;
		struct {
			int result;
			size_t n_sent;
		} end;
	};
};

/** A finding, as far as the child remembers it. */
struct found {
	enum finding_kind kind;
	uint32_t probe;
};

/** The run of a proof. */
struct prove_run {
	struct arena *arena;
	const struct prove_input *input;
	const struct probe_list *list;
	struct host_rules_copy copy;
	int pipe;
	struct diags *diags;
	struct links links;
	struct wire wire;
	struct sight **seen; /**< how each probe that should pass was seen first */
	struct sight **before; /**< how each between others' interfaces was seen without our rules */
	uint32_t *elsewhere; /**< port where it was seen, and may be, +1; 0: nowhere; or NO_PORT */
	bool bare;	     /**< our rules are not there */
	bool *found;	     /**< there is a finding of the probe already */
	struct found *findings; /**< the first FINDINGS_MAX */
	size_t n_findings, n_sent;
	bool tracing; /**< what is sent again is no finding any more */
};

/** Writes a record into the pipe. Returns false when nobody reads any more. */
bool prove_tell(struct prove_run *run, const struct prove_message *record);

/** Tells how far it got, when the parent wants to know. */
void prove_tell_progress(struct prove_run *run);

/** Tells what is queued. */
void prove_tell_diags(struct prove_run *run);

/** Tells how probes were seen. */
void prove_tell_seen(struct prove_run *run);

/** All that the child does; data is the struct prove_run. Returns its exit status. */
int prove_work(void *data);

/** Takes a captured packet; data is the struct prove_run. */
void prove_see(const struct sight *sight, void *data);

/** Sends the frames of a probe. Returns 0 or -errno. */
int prove_send(struct prove_run *run, uint32_t probe);

/** Tells whether packets by the two ports go by the same interface of the host. */
bool prove_same_way(const struct prove_run *run, uint32_t port, uint32_t other);

/** Tells whether the host answers somebody outside, whose way back is by another interface. */
bool prove_answers_outside(const struct prove_run *run, const struct probe *probe,
			   const struct sight *sight);

/** Tells whether the host's routing refused to send the probe, of the host itself; and keeps it. */
bool prove_has_no_way(struct prove_run *run, uint32_t probe, int err);

/** Tells whether the host's routing took the probe to where the description lets it be. */
bool prove_may_be_there(const struct prove_run *run, uint32_t probe, const struct sight *sight);

/**
 * Tells whether the host's routing is why the probe is not where it should be; then that was told.
 */
bool prove_detours(struct prove_run *run, uint32_t probe);

/** Tells whether the probe must fare as without our rules; prove_differs(): whether it does not. */
bool prove_compares(const struct prove_run *run, uint32_t probe);
bool prove_differs(const struct prove_run *run, uint32_t probe, enum finding_kind *kind);

/** Sends probes with findings again, and tells what decided about them. */
void prove_trace(struct prove_run *run);

#endif
