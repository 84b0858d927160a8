// SPDX-License-Identifier: GPL-2.0-or-later
// proof: what prove found, promise by promise and network by network; as text, JSON and TAP.
#ifndef REPORT_PROOF_H
#define REPORT_PROOF_H

#include "cli/run.h"
#include "cli/work.h"
#include "hostgate/print.h"
#include "prove/prove.h"

/** One promise to one network. */
struct proof_line {
	uint32_t network;     /**< index, or NO_NETWORK: pairs without a network */
	enum promise promise; /**< PROMISE_NONE: what may pass does pass */
	size_t n_probes, n_leaks, n_failures;
};

/** A proof with what is told of it. */
struct proof_report {
	const struct description *description;
	const struct ruleset *ruleset;
	const struct probe_list *list;
	const struct proof *proof;
	struct proof_line *lines; /**< those with probes */
	size_t n_lines;
	enum matrix_result *cells; /**< see cell_index() in proof.c */
	size_t n_leaks, n_failures;
	size_t n_unexplained; /**< leaks that belong to no probe */
	bool with_host;	      /**< proved in a copy with what this host has */
};

/**
 * Proves the description in a copy of the host. Returns STATUS_DONE when everything was as it
 * should be, STATUS_DIFFERS when not, both with *out filled in; otherwise there is no verdict and
 * the reason is queued.
 */
enum status proof_make(struct run *run, const struct work *work, struct proof_report *out);

/** Writes one line a promise and network, the findings, the matrix, and one line at the end. */
void proof_print(const struct run *run, const struct proof_report *report, struct buf *out);

/** Writes the findings and the line at the end only. */
void proof_print_findings(const struct run *run, const struct proof_report *report,
			  struct buf *out);

/** Writes the lines as TAP version 13, with the findings as comments. */
void proof_print_tap(const struct run *run, const struct proof_report *report, struct buf *out);

/** Adds "proved", "probes", "promises", "matrix" and "obstacles" and "findings". */
void proof_add_json(const struct run *run, const struct proof_report *report, json_t *document);

/* What the writers share. */

/** A few words that say what the promise is. */
const char *proof_promise_text(enum promise promise);

/** "P1"; "--" for PROMISE_NONE. */
const char *proof_promise_name(enum promise promise);

/** Name of the line's network, or "others". */
const char *proof_network_name(const struct proof_report *report, uint32_t network);

/** The result of one cell of the matrix; data is the report. */
enum matrix_result proof_cell(const struct matrix_cell *cell, const void *data);

/** "LEAK", "FAIL". */
const char *proof_finding_name(enum finding_kind kind);

/** Writes the packet that was sent: "udp 192.168.56.2 > 192.0.2.9 from vmnet1, goes out". */
void proof_describe_probe(const struct proof_report *report, const struct probe *probe,
			  struct buf *out);

/**
 * Returns the origin of the rule of ours that decided: by the kernel's word; where it has none, by
 * the simulator's, when that comes to the result that the kernel came to. NULL when that can't be
 * told, or when a rule of others decided.
 */
const struct origin *proof_rule(const struct proof_report *report, const struct finding *finding);

#endif
