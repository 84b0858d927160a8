// SPDX-License-Identifier: GPL-2.0-or-later
// trace: which rule or policy decided about a packet, by the kernel's own word.
#ifndef PROVE_TRACE_H
#define PROVE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/ruleset.h"
#include "prove/copy.h"

/*
 * Theory of operation
 *
 * nf_tables tells the way of each packet whose trace bit is set (nftrace); a table of our own sets
 * it before all others. Legacy iptables does not tell, but counts: the rule or policy with DROP
 * whose counter grew while one packet was under way has dropped it. Both are for a namespace in
 * which nothing else happens.
 */

/** Room for a name of nf_tables with its NUL (NFT_NAME_MAXLEN). */
#define TRACE_NAME_SIZE 256

/** What decided. */
struct decider {
	const char *verdict; /**< "drop", "reject", "queue", "accept": a static text */
	bool is_policy;	     /**< the policy of the chain, no rule */
	bool legacy;	     /**< in legacy iptables */
	uint8_t family;	     /**< NFPROTO_* of the table */
	char table[TRACE_NAME_SIZE], chain[TRACE_NAME_SIZE];
	uint32_t position; /**< of the rule in the host's chain, from 1; 0: not known */
	uint64_t handle;   /**< of the rule in the host's nf_tables; 0: none */
	uint32_t origin;   /**< of a rule of ours: index into ruleset.origins; NO_INDEX: others' */
	/** A chain by whose name vendor_of() knows whose rules these are; "" when none tells. */
	char owner[TRACE_NAME_SIZE];
};

/** What a packet did, for which the reason is asked. */
enum trace_question {
	TRACE_DROPPED,	  /**< what dropped it */
	TRACE_PASSED,	  /**< what let it pass */
	TRACE_TRANSLATED, /**< what changed an address */
	TRACE__COUNT
};

struct tracer;

/**
 * Prepares tracing in the network namespace that the process is in, whose rules are those of
 * ruleset (as planned), and of copy when it was loaded there. Returns NULL when the kernel
 * has nothing to ask; memory comes from arena; free with tracer_close().
 */
struct tracer *tracer_open(struct arena *arena, const struct ruleset *ruleset,
			   const struct host_rules_copy *copy);

/** Forgets what happened until now. */
void tracer_begin(struct tracer *tracer);

/** Fills *out with what decided about the packet sent since tracer_begin(); false: not known. */
bool tracer_end(struct tracer *tracer, enum trace_question question, struct decider *out);

/** Closes what tracer_open() opened; NULL is allowed. */
void tracer_close(struct tracer *tracer);

/* The two parts. */

/** The table whose rules set the trace bit; its own steps are of no interest. */
#define TRACE_TABLE "hostgate-trace"

/**
 * Makes it; with devices, packets are traced from where their device hands them over, else from
 * where IP begins. Returns 0 or -errno; nothing is queued.
 */
int trace_nft_turn_on(struct netlink *netlink, bool devices);

struct trace_nft;
struct trace_nft *trace_nft_open(struct arena *arena, const struct ruleset *ruleset,
				 const struct host_rules_copy *copy);
void trace_nft_begin(struct trace_nft *trace);
bool trace_nft_end(struct trace_nft *trace, enum trace_question question, struct decider *out);
void trace_nft_close(struct trace_nft *trace);

struct trace_xt;
struct trace_xt *trace_xt_open(struct arena *arena, const struct ruleset *ruleset,
			       const struct host_rules_copy *copy);
void trace_xt_begin(struct trace_xt *trace);
bool trace_xt_end(struct trace_xt *trace, struct decider *out);

#endif
