// SPDX-License-Identifier: GPL-2.0-or-later
// nft_expr: one rule's matches and action as nf_tables expressions.
#include "nft/nft_expr.h"

#include <netinet/in.h> /* before the kernel's headers, which then leave its types alone */

#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/exhaustion.h"
#include "base/must.h"
#include "rules/field.h"

/*
 * Theory of operation
 *
 * The expressions and their order are those of nft(8), so that it lists the rules as text that it
 * reads again. Attributes that the kernel fills in with a default and dumps are given here with
 * that default, so that what is read equals what was built.
 *
 * A match loads its fields into registers from number 1 on. The 16-byte registers 1 to 4 and the
 * 4-byte registers overlay each other; the kernel names one that starts on a 16-byte boundary by
 * its 16-byte number.
 */

#define REGISTER_BYTES 16u
#define WORD_BYTES     4u

/* What earlier matches of a rule have already made sure of. */
struct known {
	bool family;
	uint8_t l4proto;
};

static uint32_t register_at(size_t offset)
{
	if (offset % REGISTER_BYTES == 0)
		return NFT_REG_1 + (uint32_t)(offset / REGISTER_BYTES);
	return NFT_REG32_00 + (uint32_t)(offset / WORD_BYTES);
}

static struct nftnl_expr *add_expr(struct nftnl_rule *out, const char *name)
{
	struct nftnl_expr *expr = nftnl_expr_alloc(name);

	if (!expr)
		arena_exhausted();
	nftnl_rule_add_expr(out, expr);
	return expr;
}

static void add_meta(struct nftnl_rule *out, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *expr = add_expr(out, "meta");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, reg);
}

static void add_payload(struct nftnl_rule *out, uint32_t base, uint32_t offset, uint32_t len,
			uint32_t reg)
{
	struct nftnl_expr *expr = add_expr(out, "payload");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void add_cmp(struct nftnl_rule *out, uint32_t op, const void *bytes, uint32_t len)
{
	struct nftnl_expr *expr = add_expr(out, "cmp");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, bytes, len);
}

static void add_mask(struct nftnl_rule *out, const void *mask, uint32_t len, uint32_t reg)
{
	static const uint8_t zero[KEY_SIZE];
	struct nftnl_expr *expr = add_expr(out, "bitwise");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, reg);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

/* Loads the first len bytes of a field; only fields of the packet itself have a shorter form. */
static void add_load(struct nftnl_rule *out, enum field field, uint32_t len, uint32_t reg)
{
	const struct field_info *info = &field_table[field];
	struct nftnl_expr *expr;

	switch (info->load) {
	case NFT_LOAD_META:
		add_meta(out, info->load_key, reg);
		return;
	case NFT_LOAD_NETWORK:
		add_payload(out, NFT_PAYLOAD_NETWORK_HEADER, info->load_key, len, reg);
		return;
	case NFT_LOAD_TRANSPORT:
		add_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, info->load_key, len, reg);
		return;
	case NFT_LOAD_CT:
		expr = add_expr(out, "ct");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, info->load_key);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, reg);
		return;
	case NFT_LOAD_CT_ORIGINAL:
		expr = add_expr(out, "ct");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, info->load_key);
		nftnl_expr_set_u8(expr, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, reg);
		return;
	case NFT_LOAD_FIB_OIF:
	case NFT_LOAD_FIB_TYPE:
		expr = add_expr(out, "fib");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_RESULT,
				   info->load == NFT_LOAD_FIB_OIF ? NFT_FIB_RESULT_OIF
								  : NFT_FIB_RESULT_ADDRTYPE);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_FLAGS, info->load_key);
		nftnl_expr_set_u32(expr, NFTNL_EXPR_FIB_DREG, reg);
		return;
	case NFT_LOAD_SERVICE: /* its protocol is a dependency, and in a set a field of its own */
		add_payload(out, NFT_PAYLOAD_TRANSPORT_HEADER, info->load_key, len, reg);
		return;
	case NFT_LOAD_UNSAID:
	case NFT_LOAD_NONE: /* lower_nft() leaves no such field */
	case NFT_LOAD__COUNT:
		must_not_come_here("a field that nf_tables cannot load");
	}
}

/* A field that only some packets have is asked for once a rule, before its first use. */
static void add_dependency(struct nftnl_rule *out, enum field field, const struct key *key,
			   struct known *known)
{
	static const uint8_t nfproto[FAMILY__COUNT] = {NFPROTO_IPV4, NFPROTO_IPV6};
	const struct field_info *info = &field_table[field];
	uint8_t l4proto = field_l4proto(field, key);
	bool in_packet = info->load == NFT_LOAD_NETWORK || info->load == NFT_LOAD_TRANSPORT;

	/* A connection knows its family itself, and so does the routing table. */
	if (info->one_family && !known->family && in_packet) {
		add_meta(out, NFT_META_NFPROTO, NFT_REG_1);
		add_cmp(out, NFT_CMP_EQ, &nfproto[info->family], 1);
		known->family = true;
	}
	if (l4proto && known->l4proto != l4proto) {
		add_meta(out, NFT_META_L4PROTO, NFT_REG_1);
		add_cmp(out, NFT_CMP_EQ, &l4proto, 1);
		known->l4proto = l4proto;
	}
}

static void make_mask(unsigned int bits, uint8_t mask[static KEY_SIZE])
{
	memset(mask, 0, KEY_SIZE);
	memset(mask, 0xff, bits / 8);
	if (bits % 8)
		mask[bits / 8] = (uint8_t)(0xff00u >> bits % 8);
}

static void add_prefix(struct nftnl_rule *out, const struct match *match)
{
	const struct field_info *info = &field_table[match->fields[0]];
	uint32_t op = match->negated ? NFT_CMP_NEQ : NFT_CMP_EQ;
	uint32_t bits = match->key.bits, len = info->bytes;
	uint32_t present = key_number(match->fields[0], &match->key);
	uint32_t type = info->fib_type;
	uint8_t mask[KEY_SIZE];

	/* "Any value" is no question; who needs the family alone has its dependency by now. */
	if (bits == 0)
		return;
	if (info->load == NFT_LOAD_FIB_OIF) {
		/* The answer is one bit, and its register is compared whole. */
		add_load(out, match->fields[0], len, NFT_REG_1);
		add_cmp(out, op, &present, sizeof(present));
		return;
	}
	if (info->load == NFT_LOAD_FIB_TYPE) {
		add_load(out, match->fields[0], len, NFT_REG_1);
		add_cmp(out, (present != 0) != match->negated ? NFT_CMP_EQ : NFT_CMP_NEQ, &type,
			sizeof(type));
		return;
	}
	if (bits % 8 == 0 && bits < field_bits(match->fields[0])) {
		len = bits / 8;
		add_load(out, match->fields[0], len, NFT_REG_1);
	} else {
		add_load(out, match->fields[0], len, NFT_REG_1);
		if (bits < field_bits(match->fields[0])) {
			make_mask(bits, mask);
			add_mask(out, mask, len, NFT_REG_1);
		}
	}
	add_cmp(out, op, match->key.bytes, len);
}

/* The port; the protocol that it is of is known by now. */
static void add_service(struct nftnl_rule *out, const struct match *match)
{
	uint16_t port = htons(key_port(&match->key));

	add_load(out, FIELD_SERVICE, sizeof(port), NFT_REG_1);
	add_cmp(out, NFT_CMP_EQ, &port, sizeof(port));
}

static void add_bits(struct nftnl_rule *out, const struct match *match)
{
	static const uint8_t zero[KEY_SIZE];
	uint32_t len = field_table[match->fields[0]].bytes;

	add_load(out, match->fields[0], len, NFT_REG_1);
	add_mask(out, match->key.bytes, len, NFT_REG_1);
	add_cmp(out, match->negated ? NFT_CMP_EQ : NFT_CMP_NEQ, zero, len);
}

static void add_lookup(struct nftnl_rule *out, const struct set *set, const struct match *match,
		       bool dispatch)
{
	struct nftnl_expr *expr;
	size_t offset = 0;

	for (size_t i = 0; i < match->n_fields; i++) {
		uint32_t len = field_table[match->fields[i]].bytes;
		uint32_t reg = register_at(offset);
		uint8_t mask[KEY_SIZE];

		add_load(out, match->fields[i], len, reg);
		if (set->shape[i] < field_bits(match->fields[i])) {
			make_mask(set->shape[i], mask);
			add_mask(out, mask, len, reg);
		}
		offset += (len + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES;
	}
	expr = add_expr(out, "lookup");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set->name);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, 0);
	if (dispatch)
		nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

static void add_verdict(struct nftnl_rule *out, int verdict, const char *chain)
{
	struct nftnl_expr *expr = add_expr(out, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	if (chain)
		nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, chain);
}

static void add_snat(struct nftnl_rule *out, const struct addr *addr)
{
	static const uint32_t nfproto[FAMILY__COUNT] = {NFPROTO_IPV4, NFPROTO_IPV6};
	struct nftnl_expr *expr = add_expr(out, "immediate");

	nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
	nftnl_expr_set(expr, NFTNL_EXPR_IMM_DATA, addr->bytes, family_bits(addr->family) / 8);
	expr = add_expr(out, "nat");
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FAMILY, nfproto[addr->family]);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
	nftnl_expr_set_u32(expr, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS);
}

static void add_action(struct nftnl_rule *out, const struct ruleset *ruleset,
		       const struct action *action)
{
	struct nftnl_expr *expr;

	switch (action->kind) {
	case ACTION_ACCEPT:
		add_verdict(out, NF_ACCEPT, NULL);
		return;
	case ACTION_DROP:
		add_verdict(out, NF_DROP, NULL);
		return;
	case ACTION_REJECT:
		expr = add_expr(out, "reject");
		nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
		nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
		return;
	case ACTION_GOTO:
		add_verdict(out, NFT_GOTO, ruleset->chains[action->chain].name);
		return;
	case ACTION_SNAT:
		add_snat(out, &action->addr);
		return;
	case ACTION_MASQUERADE:
		add_expr(out, "masq");
		return;
	case ACTION_DISPATCH: /* the last lookup writes the verdict itself */
	case ACTION_COUNT:    /* the last lookup counts */
		return;
	case ACTION__COUNT:
		must_not_come_here("an action that nf_tables cannot do");
	}
}

void nft_expr_add_rule(struct nftnl_rule *out, const struct ruleset *ruleset,
		       const struct rule *rule)
{
	struct known known = {0};

	for (size_t i = 0; i < rule->n_matches; i++) {
		const struct match *match = &rule->matches[i];
		bool last = i + 1u == rule->n_matches;

		for (size_t j = 0; j < match->n_fields; j++)
			add_dependency(out, match->fields[j], &match->key, &known);
		switch (match->kind) {
		case MATCH_PREFIX:
			if (match->fields[0] == FIELD_SERVICE)
				add_service(out, match);
			else
				add_prefix(out, match);
			break;
		case MATCH_BITS:
			add_bits(out, match);
			break;
		case MATCH_SET:
			add_lookup(out, &ruleset->sets[match->set], match,
				   last && rule->action.kind == ACTION_DISPATCH);
			break;
		case MATCH__COUNT:
			must_not_come_here("a match that nf_tables cannot ask for");
		}
	}
	if (rule->counter) {
		struct nftnl_expr *counter = add_expr(out, "counter");

		nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_PACKETS, 0);
		nftnl_expr_set_u64(counter, NFTNL_EXPR_CTR_BYTES, 0);
	}
	add_action(out, ruleset, &rule->action);
}
