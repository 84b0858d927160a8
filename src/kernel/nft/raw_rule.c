// SPDX-License-Identifier: GPL-2.0-or-later
// raw_rule: reads dumped rules of nf_tables, and writes what makes them anew.
/* libiptc can't be included after the kernel's headers. */
#include "nft/raw_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "rules/ours.h"

void raw_rule_put_attr(struct nlmsghdr *message, const struct nlattr *attr)
{
	mnl_attr_put(message, attr->nla_type, mnl_attr_get_payload_len(attr),
		     mnl_attr_get_payload(attr));
}

const struct nlattr *raw_rule_expression_attr(const struct nlattr *expression, const char *name,
					    uint16_t type)
{
	if (!netlink_is(netlink_find(expression, NFTA_EXPR_NAME), name))
		return NULL;
	return netlink_find(netlink_find(expression, NFTA_EXPR_DATA), type);
}

bool raw_rule_is_target(const struct nlattr *expression, const char *target)
{
	return netlink_is(raw_rule_expression_attr(expression, "target", NFTA_TARGET_NAME), target);
}

static bool has_number(const struct nlattr *expression, const char *name, uint16_t type,
		       uint32_t number)
{
	return netlink_be32(raw_rule_expression_attr(expression, name, type), ~number) == number;
}

static bool loads_protocol(const struct nlattr *expression, uint8_t family)
{
	uint32_t offset = family == NFPROTO_IPV6 ? 6 : 9;

	if (has_number(expression, "meta", NFTA_META_KEY, NFT_META_L4PROTO))
		return true;
	return has_number(expression, "payload", NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER) &&
	       has_number(expression, "payload", NFTA_PAYLOAD_OFFSET, offset) &&
	       has_number(expression, "payload", NFTA_PAYLOAD_LEN, 1);
}

/*
 * An extension of iptables in a rule is told the rule's protocol when it is made, and the kernel
 * does not dump that. iptables-nft makes it from what it compares the protocol with, too.
 */
static void put_compat(struct nlmsghdr *message, const struct nlattr *list, uint8_t family)
{
	const struct nlattr *expression, *value, *last = NULL;
	bool is_used = false, found = false, inverted = false;
	uint8_t protocol = 0;

	netlink_for_each_nested(expression, list)
	{
		value = netlink_find(raw_rule_expression_attr(expression, "cmp", NFTA_CMP_DATA),
				     NFTA_DATA_VALUE);
		if (!found && last && loads_protocol(last, family) && value &&
		    mnl_attr_get_payload_len(value) == 1) {
			found = true;
			protocol = *(const uint8_t *)mnl_attr_get_payload(value);
			inverted = has_number(expression, "cmp", NFTA_CMP_OP, NFT_CMP_NEQ);
		}
		if (raw_rule_expression_attr(expression, "match", NFTA_MATCH_NAME) ||
		    raw_rule_expression_attr(expression, "target", NFTA_TARGET_NAME))
			is_used = true;
		last = expression;
	}
	if (is_used && found) {
		struct nlattr *nest = mnl_attr_nest_start(message, NFTA_RULE_COMPAT);

		mnl_attr_put_u32(message, NFTA_RULE_COMPAT_PROTO, htonl(protocol));
		mnl_attr_put_u32(message, NFTA_RULE_COMPAT_FLAGS,
				 htonl(inverted ? NFT_RULE_COMPAT_F_INV : 0));
		mnl_attr_nest_end(message, nest);
	}
}

/* The kernel dumps a timeout of 0 even for a set that has none, and refuses it there. */
static void put_update(struct nlmsghdr *message, const struct nlattr *expression)
{
	struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	struct nlattr *data;
	const struct nlattr *attr;

	raw_rule_put_attr(message, netlink_find(expression, NFTA_EXPR_NAME));
	data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	netlink_for_each_nested(attr, netlink_find(expression, NFTA_EXPR_DATA))
	{
		if (mnl_attr_get_type(attr) != NFTA_DYNSET_TIMEOUT ||
		    mnl_attr_validate(attr, MNL_TYPE_U64) < 0 || mnl_attr_get_u64(attr) != 0)
			raw_rule_put_attr(message, attr);
	}
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, nest);
}

static void put_expressions(struct nlmsghdr *message, const struct nlattr *list)
{
	const struct nlattr *expression;
	struct nlattr *nest;

	nest = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	netlink_for_each_nested(expression, list)
	{
		if (raw_rule_expression_attr(expression, "dynset", NFTA_DYNSET_SET_NAME))
			put_update(message, expression);
		else
			raw_rule_put_attr(message, expression);
	}
	mnl_attr_nest_end(message, nest);
}

void raw_rule_put(struct nlmsghdr *message, const struct nlattr *expressions, uint8_t family)
{
	if (!expressions)
		return;
	put_expressions(message, expressions);
	put_compat(message, expressions, family);
}

const char *raw_rule_target(const struct nlattr *expression)
{
	const struct nlattr *data =
		raw_rule_expression_attr(expression, "immediate", NFTA_IMMEDIATE_DATA);

	return netlink_text(
		netlink_find(netlink_find(data, NFTA_DATA_VERDICT), NFTA_VERDICT_CHAIN));
}

/* iptables-nft keeps a comment as the match that it is in iptables. */
void raw_rule_comment(const struct nlattr *expression, char comment[static XT_COMMENT_SIZE])
{
	const struct nlattr *info;
	size_t len;

	if (!netlink_is(raw_rule_expression_attr(expression, "match", NFTA_MATCH_NAME), "comment"))
		return;
	info = raw_rule_expression_attr(expression, "match", NFTA_MATCH_INFO);
	len = info ? mnl_attr_get_payload_len(info) : 0;
	memset(comment, 0, XT_COMMENT_SIZE);
	if (info)
		memcpy(comment, mnl_attr_get_payload(info),
		       len < XT_COMMENT_SIZE ? len : XT_COMMENT_SIZE - 1);
}

bool ours_is_led_to(const struct nlattr *expressions)
{
	const struct nlattr *expression;

	netlink_for_each_nested(expression, expressions)
	{
		const char *target = raw_rule_target(expression);

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
		raw_rule_comment(expression, comment);
	}
	return ours_is_led_to(expressions) || ours_rule(table, chain, NULL, comment);
}
