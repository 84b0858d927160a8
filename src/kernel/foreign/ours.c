// SPDX-License-Identifier: GPL-2.0-or-later
// ours: which of the host's rules are hostgate's own.
/* libiptc can't be included after the kernel's headers. */
#include "xt/xt_entry.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "foreign/kept_nft.h"
#include "foreign/ours.h"
#include "nft/nft_build.h"
#include "policy/plan_opening.h"
#include "print/xt_rule.h"

bool ours_table(uint8_t family, const char *table)
{
	return family == NFPROTO_INET && strcmp(table, TABLE_NAME) == 0;
}

bool ours_chain(const char *chain)
{
	return strncmp(chain, XT_CHAIN_PREFIX, strlen(XT_CHAIN_PREFIX)) == 0;
}

bool ours_tag(const char *comment)
{
	return strncmp(comment, HOLE_TAG, strlen(HOLE_TAG)) == 0;
}

/* Elsewhere a comment with the tag is somebody's remark. */
static bool has_holes(const char *table, const char *chain)
{
	if (strcmp(table, xt_table_list[XT_TABLES - 1].name) != 0)
		return false;
	for (enum hole h = 0; h < HOLE__COUNT; h++)
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			if (strcmp(chain, xt_hole_chains[h][f]) == 0)
				return true;
	return false;
}

bool ours_rule(const char *table, const char *chain, const char *target, const char *comment)
{
	return ours_chain(chain) || (target && ours_chain(target)) ||
	       (comment && ours_tag(comment) && has_holes(table, chain));
}

/* iptables-nft keeps a comment as the match that it is in iptables. */
static void read_comment(const struct nlattr *expression, char comment[static XT_COMMENT_SIZE])
{
	const struct nlattr *name = netlink_find(expression, NFTA_EXPR_NAME);
	const struct nlattr *data = netlink_find(expression, NFTA_EXPR_DATA), *info;

	if (!name || strcmp(mnl_attr_get_str(name), "match") != 0)
		return;
	name = netlink_find(data, NFTA_MATCH_NAME);
	info = netlink_find(data, NFTA_MATCH_INFO);
	if (!name || !info || strcmp(mnl_attr_get_str(name), "comment") != 0)
		return;
	memset(comment, 0, XT_COMMENT_SIZE);
	memcpy(comment, mnl_attr_get_payload(info),
	       mnl_attr_get_payload_len(info) < XT_COMMENT_SIZE ? mnl_attr_get_payload_len(info)
								: XT_COMMENT_SIZE - 1);
}

bool ours_is_led_to(const struct nlattr *expressions)
{
	const struct nlattr *expression;

	netlink_for_each_nested(expression, expressions)
	{
		const char *target = nft_slate_target(expression);

		if (target && ours_chain(target))
			return true;
	}
	return false;
}

bool ours_rule_nft(const char *table, const char *chain, const struct nlattr *expressions)
{
	char comment[XT_COMMENT_SIZE] = "";
	const struct nlattr *expression;

	if (!expressions)
		return ours_chain(chain);
	netlink_for_each_nested(expression, expressions)
	{
		read_comment(expression, comment);
	}
	return ours_is_led_to(expressions) || ours_rule(table, chain, NULL, comment);
}

bool ours_rule_xt(enum family family, const char *table, const char *chain, const void *entry,
		  const char *target)
{
	char comment[XT_COMMENT_SIZE];
	uint16_t len;

	memcpy(&len, (const uint8_t *)entry + xt_libraries[family].layout.next_offset, sizeof(len));
	return ours_rule(table, chain, target,
			 xt_entry_comment(family, (struct blob){entry, len}, comment));
}
