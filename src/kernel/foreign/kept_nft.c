// SPDX-License-Identifier: GPL-2.0-or-later
// kept_nft: rules of others in the tables that iptables-nft keeps in nf_tables.
#include "foreign/kept_nft.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "image/change.h"
#include "nft/nft_dump.h"
#include "nft/raw_rule.h"
#include "print/xt_rule.h"
#include "rules/ours.h"

/*
 * Theory of operation
 *
 * Rules are read by hand, not into libnftnl's objects: others may use what this libnftnl does not
 * know, and all that matters is where a rule stands, its handle, and whether it leads to a chain of
 * ours: a printed script that ran through iptables-nft left some in these very tables.
 */

static const struct {
	uint8_t number;
	const char *name;
} families[FAMILY__COUNT] = {
	[FAMILY_IPV4] = {AF_INET, "ip"},
	[FAMILY_IPV6] = {AF_INET6, "ip6"},
};

struct reading {
	struct arena *arena;
	struct kept_nft *kept;
	uint8_t family;
	const char *table;
	const char *chain;      /* of the last rule: most often the next one's, too */
	const char *led_to_us;  /* the last chain with a rule that leads to ours */
};

static struct blob copy_attr(struct arena *arena, const struct nlattr *attr)
{
	uint8_t *bytes = arena_calloc(arena, 1, (attr->nla_len + 3u) & ~3u);

	memcpy(bytes, attr, attr->nla_len);
	return (struct blob){bytes, attr->nla_len};
}

static void keep_chain(struct reading *reading, const char *chain)
{
	if (!reading->chain || strcmp(reading->chain, chain) != 0)
		reading->chain = arena_strdup(reading->arena, chain);
}

static void add_rule(struct reading *reading, uint64_t handle, const struct nlattr *expressions,
		     const struct nlattr *comment)
{
	struct kept_nft *kept = reading->kept;
	struct kept_nft_rule rule = {.family = reading->family,
				      .table = reading->table,
				      .chain = reading->chain,
				      .handle = handle,
				      .first = reading->led_to_us != reading->chain};

	kept->rules = arena_grow(reading->arena, kept->rules, kept->n, &kept->cap,
				  sizeof(*kept->rules));
	if (expressions)
		rule.expressions = copy_attr(reading->arena, expressions);
	if (comment)
		rule.comment = copy_attr(reading->arena, comment);
	kept->rules[kept->n++] = rule;
}

static int take_rule(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *expressions = nft_attr(message, NFTA_RULE_EXPRESSIONS);
	const char *chain = nft_text(message, NFTA_RULE_CHAIN);
	uint64_t handle = netlink_be64(nft_attr(message, NFTA_RULE_HANDLE), 0);
	struct reading *reading = data;

	if (!chain || handle == 0) {
		errno = EPROTO;
		return MNL_CB_ERROR;
	}
	keep_chain(reading, chain);
	if (ours_rule_nft(reading->table, chain, expressions))
		reading->led_to_us = reading->chain;
	else
		add_rule(reading, handle, expressions, nft_attr(message, NFTA_RULE_USERDATA));
	return MNL_CB_OK;
}

int kept_nft_read_once(struct netlink *netlink, struct arena *arena, struct kept_nft *out)
{
	int err = 0;

	*out = (struct kept_nft){0};
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (size_t t = 0; t < XT_TABLES && err == 0; t++) {
			struct reading reading = {.arena = arena,
						  .kept = out,
						  .family = families[f].number,
						  .table = xt_table_list[t].name};

			if (xt_table_list[t].cleaned)
				err = nft_dump(netlink, NFT_MSG_GETRULE, reading.family,
					       reading.table, NULL, take_rule, &reading);
			if (err == -ENOENT)
				err = 0;
		}
	return err;
}

struct asked {
	struct arena *arena;
	struct kept_nft *out;
};

static int read_once(struct netlink *netlink, void *data)
{
	const struct asked *asked = data;

	return kept_nft_read_once(netlink, asked->arena, asked->out);
}

int kept_nft_read(struct netlink *netlink, struct arena *arena, struct kept_nft *out)
{
	return nft_consistent(netlink, read_once, &(struct asked){arena, out}, NULL);
}

void kept_nft_list(const struct kept_nft *kept, struct arena *arena, struct changes *changes)
{
	size_t first = 0;

	for (size_t i = 1; i <= kept->n; i++) {
		const struct kept_nft_rule *rule = &kept->rules[first];
		enum family family = rule->family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6;

		if (i < kept->n && kept->rules[i].family == rule->family &&
		    strcmp(kept->rules[i].table, rule->table) == 0)
			continue;
		changes_of_others(
			arena, arena_printf(arena, "%s %s", families[family].name, rule->table),
			i - first, rule->handle ? CHANGE_REMOVE : CHANGE_ADD, changes);
		first = i;
	}
}
