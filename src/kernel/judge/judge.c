// SPDX-License-Identifier: GPL-2.0-or-later
// judge: sends a packet through the base chains of a hook, and the chains that they lead to.
#include "judge/judge.h"

#include <linux/netfilter.h>
#include <string.h>

#include "hostgate/ruleset.h"
#include "judge/judge_eval.h"
#include "rules/ours.h"

/*
 * Theory of operation
 *
 * Every question has three answers. Where a rule may or may not match, both ways are followed: what
 * it would do is one of the ways out of the base chain, and the next rule is looked at, too. In the
 * end a base chain has a set of ways out. Only "dropped" in it: it is dropped for sure; "dropped"
 * among others: it may be. What the packet carries (addresses, mark) is known bit by bit, and what
 * a rule that only may match changes is not known any more. So nothing is assumed in favour of the
 * packet, and a "passes" or "drops" holds whatever is not known.
 */

/* Rules looked at for one packet and base chain, jumps followed: beyond it nobody can tell. */
#define BUDGET 2000000u

/* Deepest jumps; the kernel allows 16 in nf_tables, and no loops. */
#define DEPTH_MAX 64

/* The ways out of a chain. */
#define EXIT_END    1u /* by its end, or RETURN */
#define EXIT_ACCEPT 2u
#define EXIT_DROP   4u

struct walk {
	struct place_of_rule at;
	struct judge_finding *finding; /* names the first drop */
	struct judge_finding last;     /* and this the last: what remains when no other is it */
	bool dropped_before;
	unsigned int depth;
	struct judge_taker taker; /* of the present rule of the base chain: its first accept */
};

static void note_drop(struct walk *w, enum judge_how how, const struct foreign_chain *chain,
		      const struct foreign_rule *rule, bool certain)
{
	struct judge_finding *f = &w->last;

	f->how = how;
	f->chain = chain;
	f->rule = rule;
	f->untold = certain ? NULL : w->at.judge->untold;
	if (w->dropped_before)
		return;
	w->finding->how = how;
	w->finding->chain = chain;
	w->finding->rule = rule;
	w->finding->untold = f->untold;
	w->dropped_before = true;
}

static void note_taker(struct walk *w, const struct foreign_chain *chain,
		       const struct foreign_rule *rule)
{
	if (!w->taker.by)
		w->taker = (struct judge_taker){.chain = chain, .by = rule};
}

static unsigned int walk_chain(struct walk *w, const struct foreign_chain *chain, bool certain);

static unsigned int follow(struct walk *w, const char *name, bool certain)
{
	const struct foreign_chain *chain = foreign_chain_of(w->at.table, name);
	unsigned int exits = EXIT_END;

	if (w->at.judge->others_only && ours_chain(name))
		return EXIT_END;
	if (chain && w->depth < DEPTH_MAX) {
		w->depth++;
		exits = walk_chain(w, chain, certain);
		w->depth--;
	}
	return exits;
}

/* What the chain's way is after one thing was done: its exits, and whether it goes on. */
struct after {
	unsigned int exits; /* out of the chain */
	bool goes_on;	    /* to the next rule */
};

static struct after do_act(struct walk *w, const struct foreign_chain *chain,
			   const struct foreign_rule *rule, enum act act, const char *to,
			   bool certain)
{
	unsigned int exits;

	switch (act) {
	case ACT_NEXT:
		return (struct after){0, true};
	case ACT_ACCEPT:
		note_taker(w, chain, rule);
		return (struct after){EXIT_ACCEPT, false};
	case ACT_DROP:
		note_drop(w, JUDGE_DROP, chain, rule, certain);
		return (struct after){EXIT_DROP, false};
	case ACT_REJECT:
		note_drop(w, JUDGE_REJECT, chain, rule, certain);
		return (struct after){EXIT_DROP, false};
	case ACT_QUEUE:
		(void)judge_untold(&w->at, "a program in user space that decides (queue)");
		note_drop(w, JUDGE_QUEUE, chain, rule, false);
		note_taker(w, chain, rule);
		return (struct after){EXIT_DROP | EXIT_ACCEPT, false};
	case ACT_RETURN:
		return (struct after){EXIT_END, false};
	case ACT_JUMP:
		exits = follow(w, to, certain);
		return (struct after){exits & ~EXIT_END, exits & EXIT_END};
	case ACT_GOTO:
		return (struct after){follow(w, to, certain), false};
	case ACT_UNKNOWN:
		note_drop(w, JUDGE_UNKNOWN, chain, rule, false);
		note_taker(w, chain, rule);
		return (struct after){EXIT_DROP | EXIT_ACCEPT, true};
	case ACT__COUNT:
		break;
	}
	return (struct after){0, true};
}

static struct after do_ruling(struct walk *w, const struct foreign_chain *chain,
			      const struct foreign_rule *rule, const struct ruling *ruling,
			      bool certain)
{
	bool sure = ruling->match == TRI_YES && ruling->n_others == 0;
	struct after after = do_act(w, chain, rule, ruling->act, ruling->chain, certain && sure);

	for (size_t i = 0; i < ruling->n_others; i++) {
		struct after other = do_act(w, chain, rule, ruling->others[i].act,
					    ruling->others[i].chain, false);

		after.exits |= other.exits;
		after.goes_on = after.goes_on || other.goes_on;
	}
	after.goes_on = after.goes_on || ruling->match == TRI_MAYBE;
	return after;
}

static void judge_rule(struct walk *w, const struct foreign_chain *chain,
		       const struct foreign_rule *rule, bool certain, struct ruling *out)
{
	struct judge *judge = w->at.judge;

	w->at.certain = certain;
	out->match = TRI_YES;
	out->act = ACT_NEXT;
	out->chain = NULL;
	out->translates = false;
	out->n_others = 0;
	if (judge->budget == 0) {
		(void)judge_untold(&w->at, "more rules than can be followed");
		out->match = TRI_MAYBE;
		out->act = ACT_UNKNOWN;
		return;
	}
	judge->budget--;
	if (rule->exprs)
		judge_rule_nft(&w->at, rule, out);
	else
		judge_rule_xt(&w->at, rule, out);
	if (out->translates && out->match != TRI_NO) {
		w->finding->nat_chain = chain;
		w->finding->nat_rule = rule;
	}
}

static unsigned int walk_chain(struct walk *w, const struct foreign_chain *chain, bool certain)
{
	struct ruling ruling;
	unsigned int exits = 0;

	if (w->at.judge->budget == 0)
		return EXIT_END | EXIT_ACCEPT | EXIT_DROP;
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct foreign_rule *rule = &chain->rules[i];
		struct after after;

		judge_rule(w, chain, rule, certain, &ruling);
		if (ruling.match == TRI_NO)
			continue;
		after = do_ruling(w, chain, rule, &ruling, certain);
		exits |= after.exits;
		if (!after.goes_on)
			return exits;
		certain = certain && after.exits == 0;
	}
	return exits | EXIT_END;
}

static void judge_base(struct judge *judge, const struct foreign_base *base, bool certain,
		       struct judge_finding *finding)
{
	struct walk w = {.at = {.judge = judge,
				.table = base->table,
				.hook = judge->hook,
				.priority = base->chain->priority},
			 .finding = finding};
	unsigned int exits;

	*finding = (struct judge_finding){.base = base, .chain = base->chain};
	judge->budget = BUDGET;
	exits = walk_chain(&w, base->chain, certain);
	if (exits & EXIT_END && base->chain->policy_drop) {
		note_drop(&w, JUDGE_POLICY, base->chain, NULL, certain && exits == EXIT_END);
		exits |= EXIT_DROP;
		exits &= ~EXIT_END;
	}
	if (!(exits & EXIT_DROP))
		finding->end = JUDGE_PASSES;
	else
		finding->end = exits == EXIT_DROP && certain ? JUDGE_DROPS : JUDGE_MAY_DROP;
	if (finding->end == JUDGE_DROPS) {
		finding->how = w.last.how;
		finding->chain = w.last.chain;
		finding->rule = w.last.rule;
		finding->untold = NULL;
	}
}

bool judge_may_take(struct judge *judge, const struct foreign_base *base, size_t n,
		    struct judge_taker *out)
{
	/* By its end the packet is out of the chain, too, and meets the policy. */
	unsigned int taken = EXIT_ACCEPT | (base->chain->policy_drop ? 0 : EXIT_END);
	struct judge_finding unheard = {0};
	struct ruling ruling;
	struct walk w = {.at = {.judge = judge,
				.table = base->table,
				.hook = base->chain->hook,
				.priority = base->chain->priority},
			 .finding = &unheard};

	judge->hook = base->chain->hook;
	judge->budget = BUDGET;
	for (size_t i = 0; i < n && i < base->chain->n_rules; i++) {
		const struct foreign_rule *rule = &base->chain->rules[i];
		struct after after;

		judge_rule(&w, base->chain, rule, false, &ruling);
		if (ruling.match == TRI_NO)
			continue;
		w.taker = (struct judge_taker){0};
		after = do_ruling(&w, base->chain, rule, &ruling, false);
		if (after.exits & taken) {
			note_taker(&w, base->chain, rule);
			*out = w.taker;
			out->rule = rule;
			return true;
		}
		if (!after.goes_on)
			return false;
	}
	return false;
}

/* NAT is asked about the first packet of a connection, until one chain has translated it. */
static enum tri sees(struct judge *judge, const struct foreign_base *base)
{
	struct place_of_rule at = {
		.judge = judge, .hook = judge->hook, .priority = base->chain->priority};
	uint32_t state, known;
	enum tri tracked;

	if (base->chain->type != FOREIGN_NAT)
		return TRI_YES;
	at.priority = JUDGE_CONNTRACK_PRIORITY + 1;
	tracked = judge_conntrack(&at, &state, &known);
	if (judge->packet.ct_state != CT_STATE_NEW && judge->packet.ct_state != CT_STATE_RELATED)
		return TRI_NO;
	if (judge->packet.ct_state == CT_STATE_RELATED)
		tracked = tri_and(tracked, TRI_MAYBE);
	return tri_and(tracked, tri_not(judge->translated));
}

static bool stands_here(const struct judge *judge, const struct foreign_base *base)
{
	if (base->chain->hook != judge->hook ||
	    !foreign_has_family(base->table, judge->packet.family))
		return false;
	/* In the tables of iptables there are chains of ours to which base chains of others jump. */
	if (judge->others_only && base->table->ours)
		return false;
	if (judge->hook == FOREIGN_HOOK_INGRESS)
		return base->chain->device &&
		       strcmp(base->chain->device, judge->packet.iifname) == 0;
	if (judge->hook == FOREIGN_HOOK_EGRESS)
		return base->chain->device &&
		       strcmp(base->chain->device, judge->packet.oifname) == 0;
	return true;
}

void judge_hook(struct judge *judge, unsigned int hook, struct judge_findings *out)
{
	bool remapped = false;

	out->n = 0;
	out->more = false;
	judge->hook = hook;
	judge->translated = TRI_NO;
	for (size_t i = 0; i < judge->foreign->n_bases; i++) {
		const struct foreign_base *base = &judge->foreign->bases[i];
		enum tri seen;

		if (!stands_here(judge, base))
			continue;
		judge->untold = NULL;
		judge_remap(judge, base->chain->type == FOREIGN_NAT ? INT32_MIN : base->chain->priority,
		      &remapped);
		seen = sees(judge, base);
		if (seen == TRI_NO)
			continue;
		if (out->n == JUDGE_FINDINGS_MAX) {
			out->more = true;
			return;
		}
		judge_base(judge, base, seen == TRI_YES, &out->items[out->n]);
		out->n++;
	}
	judge_remap(judge, INT32_MAX, &remapped);
}
