// SPDX-License-Identifier: GPL-2.0-or-later
// judge_nft: what one rule of nf_tables does to the packet.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "judge/judge_expr.h"
#include "os/netlink.h"

/*
 * Theory of operation
 *
 * A rule is a row of expressions that load registers, ask about them and end in a verdict. Each
 * register has its bytes and which bits of them are known. An expression that breaks ends the rule;
 * one that may break leaves it a rule that may match. What an expression of an unknown name does
 * nobody knows: it may drop the packet.
 */

/* Verdicts. */

static enum act act_of(int32_t code)
{
	switch (code) {
	case NF_ACCEPT:
		return ACT_ACCEPT;
	case NF_DROP:
		return ACT_DROP;
	case NFT_CONTINUE:
	case NFT_BREAK:
		return ACT_NEXT;
	case NFT_RETURN:
		return ACT_RETURN;
	case NFT_JUMP:
		return ACT_JUMP;
	case NFT_GOTO:
		return ACT_GOTO;
	default:
		return (code & NF_VERDICT_MASK) == NF_QUEUE ? ACT_QUEUE : ACT_UNKNOWN;
	}
}

static void eval_immediate(struct rule_run *run, const struct nlattr *data)
{
	const struct nlattr *immediate = netlink_find(data, NFTA_IMMEDIATE_DATA);
	const struct nlattr *verdict = netlink_find(immediate, NFTA_DATA_VERDICT);
	size_t len = expr_constant_len(data, NFTA_IMMEDIATE_DATA);
	uint32_t code = 0;

	if (!verdict)
		return expr_load(run, data, NFTA_IMMEDIATE_DREG,
			    expr_constant(data, NFTA_IMMEDIATE_DATA, len), NULL, len);
	if (!netlink_find_be32(verdict, NFTA_VERDICT_CODE, &code))
		return expr_finish(run, ACT_UNKNOWN, NULL);
	expr_finish(run, act_of((int32_t)code), netlink_find_text(verdict, NFTA_VERDICT_CHAIN));
}

static void take_verdicts(struct rule_run *run, const struct lookup *lookup)
{
	struct ruling *out = run->out;

	if (lookup->sure)
		return expr_finish(run, act_of(lookup->sure->verdict), lookup->sure->chain);
	if (lookup->more)
		return expr_finish(run, ACT_UNKNOWN, NULL);
	expr_finish(run, act_of(lookup->maybe[0]->verdict), lookup->maybe[0]->chain);
	for (size_t i = 1; i < lookup->n_maybe; i++) {
		out->others[out->n_others].act = act_of(lookup->maybe[i]->verdict);
		out->others[out->n_others++].chain = lookup->maybe[i]->chain;
	}
	run->done = true;
}

static void eval_lookup(struct rule_run *run, const struct nlattr *data)
{
	const char *name = netlink_find_text(data, NFTA_LOOKUP_SET);
	const struct foreign_set *set = name ? foreign_set_of(run->at->table, name) : NULL;
	struct lookup lookup;
	uint32_t flags = 0, dreg = 0;
	bool maps = netlink_find_be32(data, NFTA_LOOKUP_DREG, &dreg);
	size_t at;

	(void)netlink_find_be32(data, NFTA_LOOKUP_FLAGS, &flags);
	if (!set || set->key_len > JUDGE_REGISTERS ||
	    !expr_register(data, NFTA_LOOKUP_SREG, set->key_len, &at)) {
		if (maps && dreg == NFT_REG_VERDICT)
			expr_finish(run, ACT_UNKNOWN, NULL);
		return expr_may_break(run, "a set that cannot be read");
	}
	judge_lookup(set, run->value + at, run->known + at, &lookup);
	if (lookup.found == TRI_MAYBE && lookup.n_maybe && lookup.maybe[0]->conditional)
		(void)judge_untold(run->at, "a limit in a set's element");
	expr_decide(run, flags & NFT_LOOKUP_F_INV ? tri_not(lookup.found) : lookup.found);
	if (!maps || lookup.found == TRI_NO)
		return;
	if (dreg == NFT_REG_VERDICT)
		return take_verdicts(run, &lookup);
	if (set->data_len > JUDGE_REGISTERS)
		return expr_forget(run, data, NFTA_LOOKUP_DREG);
	expr_load(run, data, NFTA_LOOKUP_DREG, lookup.sure ? lookup.sure->data : NULL, NULL,
	     set->data_len);
}

static void eval_reject(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	expr_finish(run, ACT_REJECT, NULL);
}

static void eval_queue(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	expr_finish(run, ACT_QUEUE, NULL);
}

/* A translation; only one address and port are known, not a range's. */
static void eval_nat(struct rule_run *run, const struct nlattr *data)
{
	struct addr addr = {.family = run->at->judge->packet.family};
	size_t len = family_bits(addr.family) / 8, at;
	uint32_t type = NFT_NAT_SNAT, min = 0, max = 0;
	bool ports = netlink_find(data, NFTA_NAT_REG_PROTO_MIN) != NULL;
	bool one, kept = false;
	uint16_t port = 0;

	(void)netlink_find_be32(data, NFTA_NAT_TYPE, &type);
	one = netlink_find_be32(data, NFTA_NAT_REG_ADDR_MIN, &min) &&
	      (!netlink_find_be32(data, NFTA_NAT_REG_ADDR_MAX, &max) || max == min) &&
	      expr_register(data, NFTA_NAT_REG_ADDR_MIN, len, &at) &&
	      bits_known(run->known + at, len);
	if (one)
		memcpy(addr.bytes, run->value + at, len);
	/* The destination's port stays; the source's may have to make way for another connection. */
	if (!ports) {
		kept = type == NFT_NAT_DNAT;
		port = type == NFT_NAT_DNAT ? judge_port(run->at->judge) : 0;
	} else if (expr_register(data, NFTA_NAT_REG_PROTO_MIN, 2, &at) &&
		   !netlink_find(data, NFTA_NAT_REG_PROTO_MAX) &&
		   bits_known(run->known + at, 2)) {
		kept = type == NFT_NAT_DNAT;
		port = (uint16_t)(run->value[at] << 8 | run->value[at + 1]);
	}
	run->out->translates = true;
	judge_translate(run->at, type == NFT_NAT_SNAT, one ? &addr : NULL, port, kept,
			expr_is_sure(run));
	expr_finish(run, ACT_ACCEPT, NULL);
}

static void eval_masquerade(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	run->out->translates = true;
	judge_masquerade(run->at, expr_is_sure(run));
	expr_finish(run, ACT_ACCEPT, NULL);
}

static void eval_redirect(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	run->out->translates = true;
	judge_translate(run->at, false, NULL, 0, false, expr_is_sure(run));
	expr_finish(run, ACT_ACCEPT, NULL);
}

static void eval_notrack(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	run->at->judge->untracked = expr_is_sure(run) ? TRI_YES : TRI_MAYBE;
}

static void eval_nothing(struct rule_run *run, const struct nlattr *data)
{
	(void)run;
	(void)data;
}

static void eval_limit(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	expr_may_break(run, "limit");
}

static void eval_quota(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	expr_may_break(run, "quota");
}

static void eval_connlimit(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	expr_may_break(run, "ct count");
}

/* It adds to a set, and breaks when that is full or over a limit. */
static void eval_dynset(struct rule_run *run, const struct nlattr *data)
{
	(void)data;
	expr_may_break(run, "a set that packets fill");
}

static void eval_objref(struct rule_run *run, const struct nlattr *data)
{
	uint32_t type = NFT_OBJECT_UNSPEC;

	(void)netlink_find_be32(data, NFTA_OBJREF_IMM_TYPE, &type);
	switch (type) {
	case NFT_OBJECT_COUNTER:
	case NFT_OBJECT_CT_HELPER:
	case NFT_OBJECT_CT_TIMEOUT:
	case NFT_OBJECT_SECMARK:
	case NFT_OBJECT_CT_EXPECT:
		return;
	case NFT_OBJECT_LIMIT:
	case NFT_OBJECT_QUOTA:
	case NFT_OBJECT_CONNLIMIT:
		return expr_may_break(run, "a named limit");
	default:
		expr_may_break(run, "a named object");
		expr_finish(run, ACT_UNKNOWN, NULL);
	}
}

/* What iptables-nft leaves to iptables' own code in the kernel. */

static void eval_match(struct rule_run *run, const struct nlattr *data)
{
	const char *name = netlink_find_text(data, NFTA_MATCH_NAME);
	const struct nlattr *info = netlink_find(data, NFTA_MATCH_INFO);
	uint32_t revision = 0;

	(void)netlink_find_be32(data, NFTA_MATCH_REV, &revision);
	if (!name || !info)
		return expr_may_break(run, "match");
	expr_decide(run, judge_match_xt(run->at, name, revision, mnl_attr_get_payload(info),
				   mnl_attr_get_payload_len(info)));
}

static void eval_target(struct rule_run *run, const struct nlattr *data)
{
	const char *name = netlink_find_text(data, NFTA_TARGET_NAME);
	const struct nlattr *info = netlink_find(data, NFTA_TARGET_INFO);
	uint32_t revision = 0;

	(void)netlink_find_be32(data, NFTA_TARGET_REV, &revision);
	if (!name || !info)
		return expr_finish(run, ACT_UNKNOWN, NULL);
	judge_target_xt(run->at, name, revision, mnl_attr_get_payload(info),
			mnl_attr_get_payload_len(info), expr_is_sure(run), run->out);
	run->done = run->out->act != ACT_NEXT;
}

static const struct {
	const char *name;
	expr_eval *evaluate;
} expressions[] = {
	{"bitwise", eval_bitwise},   {"byteorder", eval_byteorder}, {"cmp", eval_cmp},
	{"connlimit", eval_connlimit}, {"counter", eval_nothing},   {"ct", eval_ct},
	{"dup", eval_nothing},	     {"dynset", eval_dynset},	    {"exthdr", eval_unknown_load},
	{"fib", eval_fib},	     {"flow_offload", eval_nothing}, {"hash", eval_unknown_load},
	{"immediate", eval_immediate}, {"inner", eval_unknown_load}, {"last", eval_nothing},
	{"limit", eval_limit},	     {"log", eval_nothing},	    {"lookup", eval_lookup},
	{"masq", eval_masquerade},   {"match", eval_match},	    {"meta", eval_meta},
	{"nat", eval_nat},	     {"notrack", eval_notrack},	    {"numgen", eval_unknown_load},
	{"objref", eval_objref},     {"osf", eval_unknown_load},    {"payload", eval_payload},
	{"queue", eval_queue},	     {"quota", eval_quota},	    {"range", eval_range},
	{"redir", eval_redirect},    {"reject", eval_reject},	    {"rt", eval_unknown_load},
	{"socket", eval_unknown_load}, {"target", eval_target},	    {"tunnel", eval_unknown_load},
	{"xfrm", eval_unknown_load},
};

static void evaluate_expr(struct rule_run *run, const struct nlattr *expr)
{
	const char *name = netlink_find_text(expr, NFTA_EXPR_NAME);
	/* An expression without settings has no such attribute: then there is nothing to be found. */
	const struct nlattr *data = netlink_find(expr, NFTA_EXPR_DATA);

	for (size_t i = 0; name && i < sizeof(expressions) / sizeof(*expressions); i++)
		if (strcmp(expressions[i].name, name) == 0) {
			expressions[i].evaluate(run, data);
			return;
		}
	expr_may_break(run, name ? name : "an expression without a name");
	expr_finish(run, ACT_UNKNOWN, NULL);
}

void judge_rule_nft(const struct place_of_rule *at, const struct foreign_rule *rule,
		    struct ruling *out)
{
	struct rule_run run = {.at = at, .out = out};
	const struct nlattr *expr;

	netlink_for_each_nested(expr, rule->exprs)
	{
		evaluate_expr(&run, expr);
		if (out->match == TRI_NO || run.done)
			return;
	}
}
