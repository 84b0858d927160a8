// SPDX-License-Identifier: GPL-2.0-or-later
// judge_compute: expressions of nf_tables that compute with registers, or ask about them.
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "judge/judge_expr.h"
#include "os/netlink.h"

void eval_bitwise(struct rule_run *run, const struct nlattr *data)
{
	uint32_t len = 0, op = NFT_BITWISE_BOOL;
	uint8_t value[JUDGE_REGISTERS], known[JUDGE_REGISTERS];
	const uint8_t *mask, *xor ;
	size_t from;

	(void)netlink_find_be32(data, NFTA_BITWISE_LEN, &len);
	(void)netlink_find_be32(data, NFTA_BITWISE_OP, &op);
	mask = expr_constant(data, NFTA_BITWISE_MASK, len);
	xor = expr_constant(data, NFTA_BITWISE_XOR, len);
	if (op != NFT_BITWISE_BOOL || !mask || !xor || len > JUDGE_REGISTERS ||
	    !expr_register(data, NFTA_BITWISE_SREG, len, &from)) {
		expr_forget(run, data, NFTA_BITWISE_DREG);
		(void)judge_untold(run->at, "bitwise");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		value[i] = (uint8_t)((run->value[from + i] & mask[i]) ^ xor[i]);
		known[i] = (uint8_t)(run->known[from + i] | ~mask[i]);
	}
	expr_load(run, data, NFTA_BITWISE_DREG, value, known, len);
}

void eval_byteorder(struct rule_run *run, const struct nlattr *data)
{
	uint32_t len = 0, size = 0;
	uint8_t value[JUDGE_REGISTERS], known[JUDGE_REGISTERS];
	size_t from;

	(void)netlink_find_be32(data, NFTA_BYTEORDER_LEN, &len);
	(void)netlink_find_be32(data, NFTA_BYTEORDER_SIZE, &size);
	/* Words of two bytes are swapped each in a word of four by some kernels. */
	if (len > JUDGE_REGISTERS || (size != 4 && size != 8 && (size != 2 || len > 2)) || len % size ||
	    !expr_register(data, NFTA_BYTEORDER_SREG, len, &from)) {
		expr_forget(run, data, NFTA_BYTEORDER_DREG);
		(void)judge_untold(run->at, "byteorder");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		size_t other = i - i % size + (size - 1 - i % size);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		other = i;
#endif
		value[i] = run->value[from + other];
		known[i] = run->known[from + other];
	}
	expr_load(run, data, NFTA_BYTEORDER_DREG, value, known, len);
}

/* Expressions that ask. */

static int compare(const uint8_t *a, const uint8_t *b, size_t len)
{
	return len ? memcmp(a, b, len) : 0;
}

void eval_cmp(struct rule_run *run, const struct nlattr *data)
{
	size_t len = expr_constant_len(data, NFTA_CMP_DATA), at;
	const uint8_t *wanted = expr_constant(data, NFTA_CMP_DATA, len);
	uint32_t op = UINT32_MAX;
	enum tri equal;
	int order;

	(void)netlink_find_be32(data, NFTA_CMP_OP, &op);
	if (!wanted || !expr_register(data, NFTA_CMP_SREG, len, &at))
		return expr_may_break(run, "cmp");
	equal = bits_equal(run->value + at, run->known + at, wanted, len);
	if (op == NFT_CMP_EQ)
		return expr_decide(run, equal);
	if (op == NFT_CMP_NEQ)
		return expr_decide(run, tri_not(equal));
	if (!bits_known(run->known + at, len))
		return expr_decide(run, TRI_MAYBE);
	order = compare(run->value + at, wanted, len);
	switch (op) {
	case NFT_CMP_LT:
		return expr_decide(run, tri_of(order < 0));
	case NFT_CMP_LTE:
		return expr_decide(run, tri_of(order <= 0));
	case NFT_CMP_GT:
		return expr_decide(run, tri_of(order > 0));
	case NFT_CMP_GTE:
		return expr_decide(run, tri_of(order >= 0));
	default:
		return expr_may_break(run, "cmp");
	}
}

void eval_range(struct rule_run *run, const struct nlattr *data)
{
	size_t len = expr_constant_len(data, NFTA_RANGE_FROM_DATA), at;
	const uint8_t *from = expr_constant(data, NFTA_RANGE_FROM_DATA, len);
	const uint8_t *to = expr_constant(data, NFTA_RANGE_TO_DATA, len);
	uint32_t op = UINT32_MAX;
	enum tri in;

	(void)netlink_find_be32(data, NFTA_RANGE_OP, &op);
	if (!from || !to || op > NFT_RANGE_NEQ ||
	    !expr_register(data, NFTA_RANGE_SREG, len, &at))
		return expr_may_break(run, "range");
	if (!bits_known(run->known + at, len))
		in = TRI_MAYBE;
	else
		in = tri_of(compare(run->value + at, from, len) >= 0 &&
			    compare(run->value + at, to, len) <= 0);
	expr_decide(run, op == NFT_RANGE_EQ ? in : tri_not(in));
}
