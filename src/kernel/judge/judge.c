// SPDX-License-Identifier: GPL-2.0-or-later
// judge: what the surveyed rules of the host do to one packet, and what can't be told.
#include "judge/judge.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
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

/* Where conntrack sees a packet. */
#define CONNTRACK_PRIORITY (-200)

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

static void put_addr(struct judge_bytes *bytes, enum family family, bool source,
		     const struct addr *addr)
{
	size_t len = family_bits(family) / 8;
	size_t at = family == FAMILY_IPV4 ? (source ? 12 : 16) : (source ? 8 : 24);

	memset(bytes->network_known + at, addr ? 0xff : 0, len);
	if (addr)
		memcpy(bytes->network + at, addr->bytes, len);
}

/* Of the last bits nothing is known. */
static void open_addr(struct judge_bytes *bytes, enum family family, bool source, unsigned int bits)
{
	size_t end = family == FAMILY_IPV4 ? (source ? 16 : 20) : (source ? 24 : 40);

	for (; bits >= 8; bits -= 8)
		bytes->network_known[--end] = 0;
	if (bits)
		bytes->network_known[end - 1] &= (uint8_t)(0xff << bits);
}

static bool get_addr(const struct judge *judge, bool source, struct addr *out)
{
	size_t len = family_bits(judge->packet.family) / 8;
	size_t at = judge->packet.family == FAMILY_IPV4 ? (source ? 12 : 16) : (source ? 8 : 24);

	*out = (struct addr){.family = judge->packet.family};
	memcpy(out->bytes, judge->bytes.network + at, len);
	return bits_known(judge->bytes.network_known + at, len);
}

bool judge_source(const struct judge *judge, struct addr *out)
{
	return get_addr(judge, true, out);
}

bool judge_destination(const struct judge *judge, struct addr *out)
{
	return get_addr(judge, false, out);
}

static void put_port(struct judge_bytes *bytes, bool source, uint16_t port)
{
	size_t at = source ? 0 : 2;

	bytes->transport[at] = (uint8_t)(port >> 8);
	bytes->transport[at + 1] = (uint8_t)port;
	memset(bytes->transport_known + at, port ? 0xff : 0, 2);
}

uint16_t judge_port(const struct judge *judge)
{
	const struct judge_bytes *bytes = &judge->bytes;

	if (!judge->packet.has_ports || !bits_known(bytes->transport_known + 2, 2))
		return 0;
	return (uint16_t)(bytes->transport[2] << 8 | bytes->transport[3]);
}

static void put_byte(uint8_t *value, uint8_t *known, size_t at, uint8_t byte)
{
	value[at] = byte;
	known[at] = 0xff;
}

static void make_network(struct judge *judge)
{
	const struct judge_packet *packet = &judge->packet;
	struct judge_bytes *b = &judge->bytes;

	if (packet->family == FAMILY_IPV4) {
		put_byte(b->network, b->network_known, 0, 0x45);
		/* Not a fragment; whether it may become one is not known. */
		b->network_known[6] = 0xbf;
		b->network_known[7] = 0xff;
		if (packet->l4proto)
			put_byte(b->network, b->network_known, 9, packet->l4proto);
	} else {
		b->network[0] = 0x60;
		b->network_known[0] = 0xf0;
		if (packet->l4proto)
			put_byte(b->network, b->network_known, 6, packet->l4proto);
	}
	put_addr(b, packet->family, true, &packet->saddr);
	put_addr(b, packet->family, false, packet->daddr_unknown ? NULL : &packet->daddr);
	open_addr(b, packet->family, true, packet->saddr_open);
	open_addr(b, packet->family, false, packet->daddr_open);
	/* One of many may be a fragment. */
	if (packet->many && packet->family == FAMILY_IPV4)
		memset(b->network_known + 6, 0, 2);
}

static void make_transport(struct judge *judge)
{
	const struct judge_packet *packet = &judge->packet;
	struct judge_bytes *b = &judge->bytes;

	if (packet->has_ports) {
		put_port(b, true, packet->sport);
		put_port(b, false, packet->dport);
	}
	if (packet->many)
		return;
	if (packet->l4proto == IPPROTO_TCP)
		put_byte(b->transport, b->transport_known, 13, packet->tcp_flags);
	if (packet->l4proto == IPPROTO_ICMP || packet->l4proto == IPPROTO_ICMPV6) {
		put_byte(b->transport, b->transport_known, 0, packet->icmp_type);
		put_byte(b->transport, b->transport_known, 1, packet->icmp_code);
	}
}

void judge_start(struct judge *judge, const struct survey *survey,
		 const struct judge_packet *packet, bool others_only)
{
	*judge = (struct judge){.survey = survey, .packet = *packet, .others_only = others_only};
	make_network(judge);
	make_transport(judge);
	judge->mark_known = UINT32_MAX;
	judge->ct_status = packet->ct_status;
	judge->ct_status_known = CT_STATUS_EXPECTED | CT_STATUS_CONFIRMED | CT_STATUS_SRC_NAT |
				 CT_STATUS_DST_NAT;
	/* Nobody knows whether a connection that lasts is "assured"; a new one is not. */
	if (packet->ct_state == CT_STATE_NEW)
		judge->ct_status_known |= IPS_SEEN_REPLY | IPS_ASSURED;
	if (packet->many)
		judge->mark_known = judge->ct_status_known = 0;
}

enum tri judge_untold(const struct place_of_rule *at, const char *what)
{
	at->judge->untold = what;
	return TRI_MAYBE;
}

enum tri judge_conntrack(const struct place_of_rule *at, uint32_t *state, uint32_t *known)
{
	const struct judge *judge = at->judge;
	bool first = at->hook == NF_INET_PRE_ROUTING || at->hook == NF_INET_LOCAL_OUT;
	bool tracked = judge->packet.ct_state != CT_STATE_INVALID &&
		       judge->packet.ct_state != CT_STATE_UNTRACKED;

	*known = UINT32_MAX;
	*state = CT_STATE_INVALID;
	if (at->hook >= SURVEY_HOOK_INGRESS || (first && at->priority < CONNTRACK_PRIORITY)) {
		if (judge->untracked == TRI_YES)
			*state = CT_STATE_UNTRACKED;
		else if (judge->untracked == TRI_MAYBE)
			*known = 0;
		return TRI_NO;
	}
	*state = judge->untracked == TRI_YES ? CT_STATE_UNTRACKED : judge->packet.ct_state;
	if (judge->packet.many || judge->untracked == TRI_MAYBE ||
	    (first && at->priority == CONNTRACK_PRIORITY)) {
		*known = 0;
		return TRI_MAYBE;
	}
	return tri_of(tracked && judge->untracked == TRI_NO);
}

void judge_set_mark(struct judge *judge, uint32_t value, uint32_t mask, bool sure)
{
	if (!sure) {
		judge->mark_known = 0;
		return;
	}
	judge->mark = (judge->mark & ~mask) ^ value;
	judge->mark_known |= mask;
}

void judge_translate(const struct place_of_rule *at, bool source, const struct addr *addr,
		     uint16_t port, bool port_kept, bool sure)
{
	struct judge *judge = at->judge;
	uint32_t bit = source ? CT_STATUS_SRC_NAT : CT_STATUS_DST_NAT;

	judge->translated = sure ? TRI_YES : TRI_MAYBE;
	put_addr(&judge->bytes, judge->packet.family, source, sure ? addr : NULL);
	if (judge->packet.has_ports && !(sure && port_kept))
		put_port(&judge->bytes, source, sure ? port : 0);
	if (sure)
		judge->ct_status |= bit;
	else
		judge->ct_status_known &= ~bit;
}

void judge_masquerade(const struct place_of_rule *at, bool sure)
{
	const struct judge_packet *packet = &at->judge->packet;

	judge_translate(at, true, packet->masquerade_known ? &packet->masquerade : NULL, 0, false,
			sure);
}

/* Walking. */

static void note_drop(struct walk *w, enum judge_how how, const struct survey_chain *chain,
		      const struct survey_rule *rule, bool certain)
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

static void note_taker(struct walk *w, const struct survey_chain *chain,
		       const struct survey_rule *rule)
{
	if (!w->taker.by)
		w->taker = (struct judge_taker){.chain = chain, .by = rule};
}

static unsigned int walk_chain(struct walk *w, const struct survey_chain *chain, bool certain);

static unsigned int follow(struct walk *w, const char *name, bool certain)
{
	const struct survey_chain *chain = survey_chain_of(w->at.table, name);
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

static struct after do_act(struct walk *w, const struct survey_chain *chain,
			   const struct survey_rule *rule, enum act act, const char *to,
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

static struct after do_ruling(struct walk *w, const struct survey_chain *chain,
			      const struct survey_rule *rule, const struct ruling *ruling,
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

static void judge_rule(struct walk *w, const struct survey_chain *chain,
		       const struct survey_rule *rule, bool certain, struct ruling *out)
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

static unsigned int walk_chain(struct walk *w, const struct survey_chain *chain, bool certain)
{
	struct ruling ruling;
	unsigned int exits = 0;

	if (w->at.judge->budget == 0)
		return EXIT_END | EXIT_ACCEPT | EXIT_DROP;
	for (size_t i = 0; i < chain->n_rules; i++) {
		const struct survey_rule *rule = &chain->rules[i];
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

static void judge_base(struct judge *judge, const struct survey_base *base, bool certain,
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

bool judge_may_take(struct judge *judge, const struct survey_base *base, size_t n,
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
		const struct survey_rule *rule = &base->chain->rules[i];
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
static enum tri sees(struct judge *judge, const struct survey_base *base)
{
	struct place_of_rule at = {
		.judge = judge, .hook = judge->hook, .priority = base->chain->priority};
	uint32_t state, known;
	enum tri tracked;

	if (base->chain->type != SURVEY_NAT)
		return TRI_YES;
	at.priority = CONNTRACK_PRIORITY + 1;
	tracked = judge_conntrack(&at, &state, &known);
	if (judge->packet.ct_state != CT_STATE_NEW && judge->packet.ct_state != CT_STATE_RELATED)
		return TRI_NO;
	if (judge->packet.ct_state == CT_STATE_RELATED)
		tracked = tri_and(tracked, TRI_MAYBE);
	return tri_and(tracked, tri_not(judge->translated));
}

static bool stands_here(const struct judge *judge, const struct survey_base *base)
{
	if (base->chain->hook != judge->hook ||
	    !survey_has_family(base->table, judge->packet.family))
		return false;
	/* In the tables of iptables there are chains of ours to which base chains of others jump. */
	if (judge->others_only && base->table->ours)
		return false;
	if (judge->hook == SURVEY_HOOK_INGRESS)
		return base->chain->device &&
		       strcmp(base->chain->device, judge->packet.iifname) == 0;
	if (judge->hook == SURVEY_HOOK_EGRESS)
		return base->chain->device &&
		       strcmp(base->chain->device, judge->packet.oifname) == 0;
	return true;
}

/* Conntrack's own translation of a connection that has one, and what the caller foresees. */
static void remap(struct judge *judge, int priority, bool *done)
{
	const struct judge_packet *packet = &judge->packet;
	bool source = !packet->ct_reply;
	unsigned int hook = source ? NF_INET_POST_ROUTING : NF_INET_PRE_ROUTING;
	int place = source ? SURVEY_PRIORITY_SRCNAT : SURVEY_PRIORITY_DSTNAT;

	if (packet->saddr_hidden && judge->hook == NF_INET_POST_ROUTING &&
	    priority >= SURVEY_PRIORITY_SRCNAT)
		put_addr(&judge->bytes, packet->family, true, NULL);
	if (*done || !packet->remapped || judge->hook != hook || priority < place)
		return;
	put_addr(&judge->bytes, packet->family, source,
		 packet->remap_known ? &packet->remap : NULL);
	if (packet->has_ports && !packet->remap_known)
		put_port(&judge->bytes, source, 0);
	judge->ct_status_known &= ~(source ? (uint32_t)CT_STATUS_SRC_NAT : 0u);
	*done = true;
}

void judge_hook(struct judge *judge, unsigned int hook, struct judge_findings *out)
{
	bool remapped = false;

	out->n = 0;
	out->more = false;
	judge->hook = hook;
	judge->translated = TRI_NO;
	for (size_t i = 0; i < judge->survey->n_bases; i++) {
		const struct survey_base *base = &judge->survey->bases[i];
		enum tri seen;

		if (!stands_here(judge, base))
			continue;
		judge->untold = NULL;
		remap(judge, base->chain->type == SURVEY_NAT ? INT32_MIN : base->chain->priority,
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
	remap(judge, INT32_MAX, &remapped);
}

bool judge_is_as_sent(const struct judge *judge, bool source)
{
	const struct judge_packet *p = &judge->packet;

	/* A reply's destination is mapped back, another packet's source. */
	return !p->remapped || (source && p->ct_reply && !p->saddr_hidden);
}

bool judge_original(const struct judge *judge, bool source, struct addr *out)
{
	const struct judge_packet *p = &judge->packet;

	if (p->many)
		return false;
	if (!p->ct_reply) {
		*out = source ? p->saddr : p->daddr;
		return source || !p->daddr_unknown;
	}
	if (!source) {
		*out = p->saddr;
		return !p->saddr_hidden;
	}
	*out = p->remapped ? p->remap : p->daddr;
	return p->remapped ? p->remap_known : !p->daddr_unknown;
}
