// SPDX-License-Identifier: GPL-2.0-or-later
// kept_nft_back: rules of others that were taken out of iptables-nft's tables, to come back.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/diag_codes.h"
#include "foreign/kept_nft.h"
#include "nft/nft_dump.h"
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
		struct nlattr *data = inner(element, NFTA_EXPR_DATA);

		if (data && netlink_is(netlink_find(element, NFTA_EXPR_NAME), "counter"))
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
	const char *table = nft_text(message, NFTA_CHAIN_TABLE);
	const char *chain = nft_text(message, NFTA_CHAIN_NAME);
	struct listing *listing = data;

	if (!table || !chain)
		return MNL_CB_OK;
	listing->items = arena_grow(listing->arena, listing->items, listing->n, &listing->cap,
				    sizeof(*listing->items));
	listing->items[listing->n++] =
		(struct listed){nft_family(message), arena_strdup(listing->arena, table),
				arena_strdup(listing->arena, chain)};
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
	const char *set =
		netlink_text(raw_rule_expression_attr(expression, "lookup", NFTA_LOOKUP_SET));

	return set && (strncmp(set, "__set", 5) == 0 || strncmp(set, "__map", 5) == 0);
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
		 "a rule of another program that settings.clean-slate deleted from chain %s of "
		 "table %s %s cannot be restored: the chain, or one that it jumps to, is gone",
		 rule->chain, rule->family == AF_INET ? "ip" : "ip6", rule->table);
}

struct present {
	struct listing listing;
	struct kept_nft kept;
};

static int read_once(struct netlink *netlink, void *data)
{
	struct present *present = data;
	int err;

	present->listing.n = 0;
	err = nft_dump(netlink, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NULL, NULL, take_chain,
		       &present->listing);
	if (err == 0)
		err = kept_nft_read_once(netlink, present->listing.arena, &present->kept);
	return err;
}

int kept_nft_missing(struct netlink *netlink, struct arena *arena, struct diags *diags,
		      const struct kept_nft *saved, struct kept_nft *out)
{
	struct present present = {.listing.arena = arena};
	struct blob *keys;
	int err;

	*out = (struct kept_nft){0};
	if (saved->n == 0)
		return 0;
	err = nft_consistent(netlink, read_once, &present, NULL);
	if (err != 0)
		return err;
	keys = arena_calloc(arena, present.kept.n, sizeof(*keys));
	for (size_t i = 0; i < present.kept.n; i++)
		keys[i] = comparable(arena, present.kept.rules[i].expressions);
	for (size_t i = 0; i < saved->n; i++) {
		const struct kept_nft_rule *rule = &saved->rules[i];

		if (take_same(&present.kept, keys, rule, comparable(arena, rule->expressions)))
			continue;
		if (!has_chains(&present.listing, rule)) {
			tell_lost(diags, rule);
			continue;
		}
		out->rules = arena_grow(arena, out->rules, out->n, &out->cap, sizeof(*rule));
		out->rules[out->n++] = *rule;
	}
	return 0;
}
