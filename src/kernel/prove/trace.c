// SPDX-License-Identifier: GPL-2.0-or-later
// trace: which rule or policy decided about a packet, by the kernel's own word.
#include "prove/trace.h"

struct tracer {
	struct trace_nft *nft; /* NULL: the kernel has no nf_tables */
	struct trace_xt *xt;   /* NULL: no table of legacy iptables is there */
};

struct tracer *tracer_open(struct arena *arena, const struct ruleset *ruleset,
			   const struct host_rules_copy *copy)
{
	struct tracer *tracer = arena_alloc(arena, sizeof(*tracer));

	tracer->nft = trace_nft_open(arena, ruleset, copy);
	tracer->xt = trace_xt_open(arena, ruleset, copy);
	return tracer->nft || tracer->xt ? tracer : NULL;
}

void tracer_begin(struct tracer *tracer)
{
	if (tracer->nft)
		trace_nft_begin(tracer->nft);
	if (tracer->xt)
		trace_xt_begin(tracer->xt);
}

bool tracer_end(struct tracer *tracer, enum trace_question question, struct decider *out)
{
	if (tracer->nft && trace_nft_end(tracer->nft, question, out))
		return true;
	return question == TRACE_DROPPED && tracer->xt && trace_xt_end(tracer->xt, out);
}

void tracer_close(struct tracer *tracer)
{
	if (tracer && tracer->nft)
		trace_nft_close(tracer->nft);
}
