// SPDX-License-Identifier: GPL-2.0-or-later
// kept_nft: rules of others in the tables that iptables-nft keeps in nf_tables.
#include "foreign/kept_nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "image/change.h"
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

/* How often somebody else may change something while we read. */
#define READ_ATTEMPTS 10

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
	const struct nlattr *attr, *chain = NULL, *handle = NULL, *expressions = NULL,
				   *comment = NULL;
	struct reading *reading = data;
	const char *name;

	netlink_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_RULE_CHAIN:
			chain = attr;
			break;
		case NFTA_RULE_HANDLE:
			handle = attr;
			break;
		case NFTA_RULE_EXPRESSIONS:
			expressions = attr;
			break;
		case NFTA_RULE_USERDATA:
			comment = attr;
			break;
		default:
			break;
		}
	}
	if (!chain || mnl_attr_validate(chain, MNL_TYPE_NUL_STRING) < 0 || !handle ||
	    mnl_attr_validate(handle, MNL_TYPE_U64) < 0) {
		errno = EPROTO;
		return MNL_CB_ERROR;
	}
	name = mnl_attr_get_str(chain);
	keep_chain(reading, name);
	if (ours_rule_nft(reading->table, name, expressions))
		reading->led_to_us = reading->chain;
	else
		add_rule(reading, be64toh(mnl_attr_get_u64(handle)), expressions, comment);
	return MNL_CB_OK;
}

static int read_table(struct netlink *netlink, struct reading *reading)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = nftnl_nlmsg_build_hdr((char *)room, NFT_MSG_GETRULE,
							 reading->family, NLM_F_DUMP, 0);
	int err;

	mnl_attr_put_strz(request, NFTA_RULE_TABLE, reading->table);
	err = netlink_request(netlink, request, take_rule, reading);
	return err == -ENOENT ? 0 : err;
}

static int read_once(struct netlink *netlink, struct arena *arena, struct kept_nft *out)
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
				err = read_table(netlink, &reading);
		}
	return err;
}

int kept_nft_read(struct netlink *netlink, struct arena *arena, struct kept_nft *out)
{
	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		int err = read_once(netlink, arena, out);

		if (err != -EINTR)
			return err;
	}
	return -EBUSY;
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
