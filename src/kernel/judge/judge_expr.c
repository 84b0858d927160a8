// SPDX-License-Identifier: GPL-2.0-or-later
// judge_expr: what the expressions of nf_tables work with: registers, and how the rule goes on.
#include "judge/judge_expr.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "os/netlink.h"

void expr_may_break(struct rule_run *run, const char *why)
{
	run->out->match = tri_and(run->out->match, judge_untold(run->at, why));
}

void expr_decide(struct rule_run *run, enum tri matches)
{
	run->out->match = tri_and(run->out->match, matches);
}

void expr_finish(struct rule_run *run, enum act act, const char *chain)
{
	run->out->act = act;
	run->out->chain = chain;
	run->done = act != ACT_NEXT;
}

bool expr_is_sure(const struct rule_run *run)
{
	return run->at->certain && run->out->match == TRI_YES;
}

bool expr_register(const struct nlattr *data, uint16_t type, size_t len, size_t *at)
{
	uint32_t number = 0;

	if (!netlink_find_be32(data, type, &number))
		return false;
	if (number >= NFT_REG_1 && number <= NFT_REG_4)
		*at = (number - NFT_REG_1) * 16;
	else if (number >= NFT_REG32_00 && number <= NFT_REG32_15)
		*at = (number - NFT_REG32_00) * 4;
	else
		return false;
	return *at + len <= JUDGE_REGISTERS;
}

void expr_load(struct rule_run *run, const struct nlattr *data, uint16_t type, const void *value,
	       const void *known, size_t len)
{
	size_t at;

	if (!expr_register(data, type, len, &at)) {
		expr_may_break(run, "a register");
		return;
	}
	/* The kernel zeroes the rest of the last word. */
	for (size_t i = 0; i < ((len + 3) & ~(size_t)3) && at + i < JUDGE_REGISTERS; i++) {
		run->value[at + i] = 0;
		run->known[at + i] = i < len ? 0 : 0xff;
	}
	if (!value)
		return;
	memcpy(run->value + at, value, len);
	if (known)
		memcpy(run->known + at, known, len);
	else
		memset(run->known + at, 0xff, len);
}

void expr_forget(struct rule_run *run, const struct nlattr *data, uint16_t type)
{
	size_t at;

	if (!expr_register(data, type, 4, &at))
		return;
	memset(run->known + at, 0, JUDGE_REGISTERS - at < 16 ? JUDGE_REGISTERS - at : 16);
}

const uint8_t *expr_constant(const struct nlattr *data, uint16_t type, size_t len)
{
	const struct nlattr *value = netlink_find(netlink_find(data, type), NFTA_DATA_VALUE);

	return value && mnl_attr_get_payload_len(value) >= len ? mnl_attr_get_payload(value) : NULL;
}

size_t expr_constant_len(const struct nlattr *data, uint16_t type)
{
	const struct nlattr *value = netlink_find(netlink_find(data, type), NFTA_DATA_VALUE);

	return value ? mnl_attr_get_payload_len(value) : 0;
}
