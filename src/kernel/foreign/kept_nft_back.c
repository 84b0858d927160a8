// SPDX-License-Identifier: GPL-2.0-or-later
// kept_nft_back: rules of others that were taken out of iptables-nft's tables, to come back.
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/diag_codes.h"
#include "foreign/kept_nft.h"
#include "nft/raw_rule.h"

void kept_nft_save(const struct kept_nft *kept, struct buf *out)
{
	snapshot_add_u32(out, (uint32_t)kept->n);
	for (size_t i = 0; i < kept->n; i++) {
		const struct kept_nft_rule *rule = &kept->rules[i];

		snapshot_add_u32(out, rule->family);
		snapshot_add_text(out, rule->table);
		snapshot_add_text(out, rule->chain);
		snapshot_add_u32(out, rule->first);
		snapshot_add_bytes(out, rule->expressions.bytes, rule->expressions.len);
		snapshot_add_bytes(out, rule->comment.bytes, rule->comment.len);
	}
}

/* Aligned, as an attribute has to be. */
static struct blob take_attr(struct snapshot *snapshot, struct arena *arena)
{
	struct blob blob = snapshot_take_bytes(snapshot);
	void *copy = arena_calloc(arena, 1, blob.len);

	if (blob.len)
		memcpy(copy, blob.bytes, blob.len);
	return (struct blob){blob.len ? copy : NULL, blob.len};
}

void kept_nft_load(struct snapshot *snapshot, struct arena *arena, struct kept_nft *out)
{
	uint32_t n = snapshot_take_u32(snapshot);

	*out = (struct kept_nft){0};
	for (uint32_t i = 0; i < n && !snapshot->bad; i++) {
		struct kept_nft_rule rule = {.family = (uint8_t)snapshot_take_u32(snapshot)};

		rule.table = snapshot_take_text(snapshot, arena);
		rule.chain = snapshot_take_text(snapshot, arena);
		rule.first = snapshot_take_u32(snapshot) != 0;
		rule.expressions = take_attr(snapshot, arena);
		rule.comment = take_attr(snapshot, arena);
		out->rules = arena_grow(arena, out->rules, out->n, &out->cap, sizeof(rule));
		out->rules[out->n++] = rule;
	}
}

static struct nlattr *first_of(struct nlattr *nest)
{
	return nest + 1;
}

/* The attribute of the type in the nest, to be written to. */
static struct nlattr *inner(struct nlattr *nest, uint16_t type)
{
	const struct nlattr *found = netlink_find(nest, type);

	return found ? (struct nlattr *)(void *)((char *)nest +
						 ((const char *)found - (const char *)nest)) :
		       NULL;
}

/* Makes zeros of what the rule has counted. */
static void forget_counts(struct nlattr *expressions)
{
	int left = (int)mnl_attr_get_payload_len(expressions);
	struct nlattr *element = first_of(expressions);

	while (mnl_attr_ok(element, left)) {
		const struct nlattr *name = netlink_find(element, NFTA_EXPR_NAME);
		struct nlattr *data = inner(element, NFTA_EXPR_DATA);

		if (name && data && mnl_attr_validate(name, MNL_TYPE_NUL_STRING) >= 0 &&
		    strcmp(mnl_attr_get_str(name), "counter") == 0)
			memset(first_of(data), 0, mnl_attr_get_payload_len(data));
		left -= (int)MNL_ALIGN(element->nla_len);
		element = (struct nlattr *)(void *)((char *)element + MNL_ALIGN(element->nla_len));
	}
}

/* A copy by which two rules can be compared. */
static struct blob comparable(struct arena *arena, struct blob expressions)
{
	uint8_t *copy = arena_calloc(arena, 1, expressions.len);

	if (expressions.len) {
		memcpy(copy, expressions.bytes, expressions.len);
		forget_counts((struct nlattr *)(void *)copy);
	}
	return (struct blob){copy, expressions.len};
}

/* A chain that was dumped. */
struct listed {
	uint8_t family;
	const char *table, *chain;
};

struct listing {
	struct arena *arena;
	struct listed *items;
	size_t n, cap;
};

static int take_chain(const struct nlmsghdr *message, void *data)
{
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *table = NULL, *chain = NULL;
	struct listing *listing = data;

	netlink_for_each(attr, message, sizeof(*header))
	{
		if (mnl_attr_get_type(attr) == NFTA_CHAIN_TABLE)
			table = attr;
		if (mnl_attr_get_type(attr) == NFTA_CHAIN_NAME)
			chain = attr;
	}
	if (!table || !chain || mnl_attr_validate(table, MNL_TYPE_NUL_STRING) < 0 ||
	    mnl_attr_validate(chain, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_OK;
	listing->items = arena_grow(listing->arena, listing->items, listing->n, &listing->cap,
				    sizeof(*listing->items));
	listing->items[listing->n++] = (struct listed){
		header->nfgen_family, arena_strdup(listing->arena, mnl_attr_get_str(table)),
		arena_strdup(listing->arena, mnl_attr_get_str(chain))};
	return MNL_CB_OK;
}

static bool has_chain(const struct listing *listing, const struct kept_nft_rule *rule,
		      const char *chain)
{
	for (size_t i = 0; i < listing->n; i++)
		if (listing->items[i].family == rule->family &&
		    strcmp(listing->items[i].table, rule->table) == 0 &&
		    strcmp(listing->items[i].chain, chain) == 0)
			return true;
	return false;
}

/* A set without a name of its own ended with the rule that looked into it. */
static bool looks_into_lost(const struct nlattr *expression)
{
	const struct nlattr *name = netlink_find(expression, NFTA_EXPR_NAME), *set;

	if (!name || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 ||
	    strcmp(mnl_attr_get_str(name), "lookup") != 0)
		return false;
	set = netlink_find(netlink_find(expression, NFTA_EXPR_DATA), NFTA_LOOKUP_SET);
	return set && mnl_attr_validate(set, MNL_TYPE_NUL_STRING) >= 0 &&
	       (strncmp(mnl_attr_get_str(set), "__set", 5) == 0 ||
		strncmp(mnl_attr_get_str(set), "__map", 5) == 0);
}

/* Tells whether its chain is there, and those that it leads to. */
static bool has_chains(const struct listing *listing, const struct kept_nft_rule *rule)
{
	const struct nlattr *expression;

	if (!has_chain(listing, rule, rule->chain))
		return false;
	if (!rule->expressions.len)
		return true;
	netlink_for_each_nested(expression, (const struct nlattr *)rule->expressions.bytes)
	{
		const char *target = raw_rule_target(expression);

		if ((target && !has_chain(listing, rule, target)) || looks_into_lost(expression))
			return false;
	}
	return true;
}

/* Takes a present rule that is the same off the list; returns whether there was one. */
static bool take_same(struct kept_nft *present, const struct blob *keys,
		      const struct kept_nft_rule *rule, struct blob key)
{
	for (size_t i = 0; i < present->n; i++) {
		struct kept_nft_rule *other = &present->rules[i];

		if (other->handle == 0 || keys[i].len != key.len || other->family != rule->family ||
		    strcmp(other->table, rule->table) != 0 ||
		    strcmp(other->chain, rule->chain) != 0 ||
		    memcmp(keys[i].bytes, key.bytes, key.len) != 0)
			continue;
		other->handle = 0;
		return true;
	}
	return false;
}

static void tell_lost(struct diags *diags, const struct kept_nft_rule *rule)
{
	diag_add(diags, SEVERITY_WARNING, CODE(RULE_LOST), PLACE_NONE,
		 "a rule of others that settings.clean-slate took out of chain %s of table %s %s "
		 "can't come back: the chain, or one that it leads to, is gone",
		 rule->chain, rule->family == AF_INET ? "ip" : "ip6", rule->table);
}

int kept_nft_missing(struct netlink *netlink, struct arena *arena, struct diags *diags,
		      const struct kept_nft *saved, struct kept_nft *out)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct listing listing = {.arena = arena};
	struct kept_nft present;
	struct blob *keys;
	int err;

	*out = (struct kept_nft){0};
	if (saved->n == 0)
		return 0;
	err = netlink_request(netlink,
			      nftnl_nlmsg_build_hdr((char *)room, NFT_MSG_GETCHAIN, AF_UNSPEC,
						    NLM_F_DUMP, 0),
			      take_chain, &listing);
	if (err == 0)
		err = kept_nft_read(netlink, arena, &present);
	if (err != 0)
		return err;
	keys = arena_calloc(arena, present.n, sizeof(*keys));
	for (size_t i = 0; i < present.n; i++)
		keys[i] = comparable(arena, present.rules[i].expressions);
	for (size_t i = 0; i < saved->n; i++) {
		const struct kept_nft_rule *rule = &saved->rules[i];

		if (take_same(&present, keys, rule, comparable(arena, rule->expressions)))
			continue;
		if (!has_chains(&listing, rule)) {
			tell_lost(diags, rule);
			continue;
		}
		out->rules = arena_grow(arena, out->rules, out->n, &out->cap, sizeof(*rule));
		out->rules[out->n++] = *rule;
	}
	return 0;
}
