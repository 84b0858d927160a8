// SPDX-License-Identifier: GPL-2.0-or-later
// copy_nft_put: writes dumped objects of nf_tables as the messages that make them anew.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <string.h>

#include "foreign/kept_nft.h"
#include "foreign/raw_nft.h"
#include "nft/nft_dump.h"
#include "nft/raw_rule.h"

/*
 * Theory of operation
 *
 * Elements of intervals are dumped from the last to the first, and the kernel wants an interval's
 * beginning before its end: they are loaded backwards. Those of concatenations have both in one.
 *
 * Anonymous sets keep the names that the host's kernel gave them, so rules find them. The rules of
 * an anonymous chain must be there before the one rule that jumps to it.
 */

/* The attributes that make an object; all others say where it is and how it is used. */
#define BIT(attribute) (UINT64_C(1) << (attribute))
static const struct {
	uint16_t new, flags;
	uint64_t attributes;
} kinds[RAW__COUNT] = {
	[RAW_TABLE] = {NFT_MSG_NEWTABLE, NLM_F_CREATE,
			  BIT(NFTA_TABLE_NAME) | BIT(NFTA_TABLE_USERDATA)},
	[RAW_CHAIN] = {NFT_MSG_NEWCHAIN, NLM_F_CREATE,
			  BIT(NFTA_CHAIN_TABLE) | BIT(NFTA_CHAIN_NAME) | BIT(NFTA_CHAIN_POLICY) |
				  BIT(NFTA_CHAIN_TYPE) | BIT(NFTA_CHAIN_COUNTERS) |
				  BIT(NFTA_CHAIN_USERDATA)},
	[RAW_OBJECT] = {NFT_MSG_NEWOBJ, NLM_F_CREATE,
			   BIT(NFTA_OBJ_TABLE) | BIT(NFTA_OBJ_NAME) | BIT(NFTA_OBJ_TYPE) |
				   BIT(NFTA_OBJ_DATA) | BIT(NFTA_OBJ_USERDATA)},
	[RAW_FLOWTABLE] = {NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE,
			      BIT(NFTA_FLOWTABLE_TABLE) | BIT(NFTA_FLOWTABLE_NAME)},
	[RAW_SET] = {NFT_MSG_NEWSET, NLM_F_CREATE,
			BIT(NFTA_SET_TABLE) | BIT(NFTA_SET_NAME) | BIT(NFTA_SET_FLAGS) |
				BIT(NFTA_SET_KEY_TYPE) | BIT(NFTA_SET_KEY_LEN) |
				BIT(NFTA_SET_DATA_TYPE) | BIT(NFTA_SET_DATA_LEN) |
				BIT(NFTA_SET_POLICY) | BIT(NFTA_SET_TIMEOUT) |
				BIT(NFTA_SET_GC_INTERVAL) | BIT(NFTA_SET_USERDATA) |
				BIT(NFTA_SET_OBJ_TYPE) | BIT(NFTA_SET_EXPR) |
				BIT(NFTA_SET_EXPRESSIONS)},
	[RAW_ELEMENTS] = {NFT_MSG_NEWSETELEM, NLM_F_CREATE, 0},
	[RAW_RULE] = {NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
			 BIT(NFTA_RULE_TABLE) | BIT(NFTA_RULE_CHAIN) |
				 BIT(NFTA_RULE_USERDATA)},
};

static void note_subject(struct copy_batch *l, size_t item)
{
	l->subjects = arena_grow(l->nft->arena, l->subjects, l->n_subjects, &l->cap_subjects,
				 sizeof(*l->subjects));
	l->subjects[l->n_subjects++] = item;
}

static struct nlmsghdr *start(struct copy_batch *l, size_t idx, size_t room)
{
	const struct raw_item *item = &l->nft->items[idx];

	note_subject(l, idx);
	return batch_start(&l->batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | kinds[item->kind].new),
			   kinds[item->kind].flags, item->family, 0, room);
}

static void put_limit(struct copy_batch *l, uint16_t type)
{
	note_subject(l, NO_ITEM);
	batch_start(&l->batch, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
	batch_commit(&l->batch);
}

bool copy_has_device(const struct nlattr *device)
{
	/* A beginning of names, which newer kernels have, is looked for by the kernel itself. */
	return mnl_attr_get_type(device) != NFTA_DEVICE_NAME ||
	       mnl_attr_validate(device, MNL_TYPE_NUL_STRING) < 0 ||
	       if_nametoindex(mnl_attr_get_str(device)) != 0;
}

/* Copies where a chain or flowtable is hooked, with those of its devices that the copy has. */
static void put_hook(struct nlmsghdr *message, const struct nlattr *hook, uint16_t devices)
{
	struct nlattr *nest = mnl_attr_nest_start(message, mnl_attr_get_type(hook));
	bool has_list = netlink_find(hook, devices);
	const struct nlattr *attr, *device;

	netlink_for_each_nested(attr, hook)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == devices) {
			struct nlattr *list = mnl_attr_nest_start(message, devices);

			netlink_for_each_nested(device, attr)
			{
				if (copy_has_device(device))
					raw_rule_put_attr(message, device);
			}
			mnl_attr_nest_end(message, list);
		} else if (!has_list || devices != NFTA_HOOK_DEVS ||
			   type != NFTA_HOOK_DEV) {
			/* A single device stands in both forms; the list will do. */
			raw_rule_put_attr(message, attr);
		}
	}
	mnl_attr_nest_end(message, nest);
}

/*
 * A rule that puts elements into a set without a size gives it one, and the kernel would choose
 * another kind of set for that size, one that rules can't put elements into.
 */
static void put_description(struct nlmsghdr *message, const struct raw_item *set)
{
	const struct nlattr *attr, *description = nft_attr(set->message, NFTA_SET_DESC);
	bool sized = !set->updated || set->flags & NFT_SET_EVAL;
	struct nlattr *nest;

	if (!description)
		return;
	nest = mnl_attr_nest_start(message, NFTA_SET_DESC);
	netlink_for_each_nested(attr, description)
	{
		if (sized || mnl_attr_get_type(attr) != NFTA_SET_DESC_SIZE)
			raw_rule_put_attr(message, attr);
	}
	mnl_attr_nest_end(message, nest);
}

/* What is not copied as it is. */
static void put_special(struct copy_batch *l, struct nlmsghdr *message,
			const struct raw_item *item)
{
	const struct nlattr *hook;

	switch (item->kind) {
	case RAW_TABLE:
		/* In the copy no process owns it. */
		mnl_attr_put_u32(message, NFTA_TABLE_FLAGS,
				 htonl(item->flags & NFT_TABLE_F_DORMANT));
		break;
	case RAW_CHAIN:
		hook = nft_attr(item->message, NFTA_CHAIN_HOOK);
		if (hook)
			put_hook(message, hook, NFTA_HOOK_DEVS);
		mnl_attr_put_u32(message, NFTA_CHAIN_FLAGS,
				 htonl(item->flags & ~(uint32_t)NFT_CHAIN_HW_OFFLOAD));
		break;
	case RAW_FLOWTABLE:
		hook = nft_attr(item->message, NFTA_FLOWTABLE_HOOK);
		if (hook)
			put_hook(message, hook, NFTA_FLOWTABLE_HOOK_DEVS);
		mnl_attr_put_u32(message, NFTA_FLOWTABLE_FLAGS,
				 htonl(item->flags & ~(uint32_t)NFT_FLOWTABLE_HW_OFFLOAD));
		break;
	case RAW_SET:
		put_description(message, item);
		mnl_attr_put_u32(message, NFTA_SET_ID, htonl((uint32_t)l->batch.n));
		break;
	case RAW_RULE:
		raw_rule_put(message, nft_attr(item->message, NFTA_RULE_EXPRESSIONS), item->family);
		break;
	case RAW_OBJECT:
	case RAW_ELEMENTS:
	case RAW__COUNT:
		break;
	}
}

static void put_item(struct copy_batch *l, size_t idx)
{
	const struct raw_item *item = &l->nft->items[idx];
	struct nlmsghdr *message = start(l, idx, item->message->nlmsg_len + 128);
	const struct nlattr *attr;

	netlink_for_each(attr, item->message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) < 64 &&
		    kinds[item->kind].attributes & BIT(mnl_attr_get_type(attr)))
			raw_rule_put_attr(message, attr);
	}
	put_special(l, message, item);
	batch_commit(&l->batch);
}

/* Elements. */

static bool is_same(const struct raw_item *a, const struct raw_item *b)
{
	return a->family == b->family && strcmp(a->table, b->table) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

struct elements {
	const struct nlattr **items;
	size_t n, cap;
};

static void collect_elements(struct copy_batch *l, size_t set, size_t *next, struct elements *out)
{
	const struct raw_nft *nft = l->nft;
	const struct nlattr *list, *element;

	for (; *next < nft->first[RAW_ELEMENTS + 1]; (*next)++) {
		const struct raw_item *item = &nft->items[*next];

		if (!is_same(item, &nft->items[set]))
			return;
		list = nft_attr(item->message, NFTA_SET_ELEM_LIST_ELEMENTS);
		if (list)
			netlink_for_each_nested(element, list)
			{
				out->items = arena_grow(nft->arena, out->items, out->n, &out->cap,
							sizeof(struct nlattr *));
				out->items[out->n++] = element;
			}
	}
}

static void put_elements(struct copy_batch *l, size_t set, const struct elements *elements)
{
	const struct raw_item *item = &l->nft->items[set];
	bool backwards = (item->flags & (NFT_SET_INTERVAL | NFT_SET_CONCAT)) == NFT_SET_INTERVAL;
	size_t done = 0;

	while (done < elements->n) {
		struct nlmsghdr *message;
		struct nlattr *list;

		note_subject(l, set);
		message = batch_start(&l->batch,
				      (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM),
				      NLM_F_CREATE, item->family, 0, UINT16_MAX + 1024);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, item->table);
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, item->name);
		list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (size_t first = done; done < elements->n; done++) {
			const struct nlattr *element =
				elements->items[backwards ? elements->n - 1 - done : done];

			if (done > first && message->nlmsg_len + element->nla_len > NETLINK_NEST_MAX)
				break;
			raw_rule_put_attr(message, element);
		}
		mnl_attr_nest_end(message, list);
		batch_commit(&l->batch);
	}
}

static void put_all_elements(struct copy_batch *l)
{
	const struct raw_nft *nft = l->nft;
	size_t next = nft->first[RAW_ELEMENTS];

	for (size_t i = nft->first[RAW_SET]; i < nft->first[RAW_SET + 1]; i++) {
		struct elements elements = {0};

		collect_elements(l, i, &next, &elements);
		if (!nft->items[i].left_out)
			put_elements(l, i, &elements);
	}
}

/* Rules. */

static size_t find_anonymous_chain(const struct raw_nft *nft, const struct raw_item *rule,
				   const char *name)
{
	for (size_t i = nft->first[RAW_CHAIN]; i < nft->first[RAW_CHAIN + 1]; i++) {
		const struct raw_item *chain = &nft->items[i];

		if (chain->flags & NFT_CHAIN_BINDING && chain->family == rule->family &&
		    strcmp(chain->table, rule->table) == 0 && strcmp(chain->name, name) == 0)
			return i;
	}
	return NO_ITEM;
}

static void put_rule(struct copy_batch *l, size_t idx);

static void put_targets(struct copy_batch *l, const struct raw_item *rule)
{
	const struct nlattr *list = nft_attr(rule->message, NFTA_RULE_EXPRESSIONS), *expression;

	if (!list)
		return;
	netlink_for_each_nested(expression, list)
	{
		const char *target = raw_rule_target(expression);
		size_t chain = target ? find_anonymous_chain(l->nft, rule, target) : NO_ITEM;

		for (size_t i = l->nft->first[RAW_RULE];
		     chain != NO_ITEM && i < l->nft->first[RAW__COUNT]; i++)
			if (is_same(&l->nft->items[i], &l->nft->items[chain]))
				put_rule(l, i);
	}
}

static void put_rule(struct copy_batch *l, size_t idx)
{
	const struct raw_item *rule = &l->nft->items[idx];

	/* Marked first, so that nothing that the kernel would never have leads to a circle. */
	if (rule->left_out || l->written[idx])
		return;
	l->written[idx] = true;
	put_targets(l, rule);
	put_item(l, idx);
}

static bool is_in_anonymous_chain(const struct copy_batch *l, const struct raw_item *rule)
{
	return find_anonymous_chain(l->nft, rule, rule->name) != NO_ITEM;
}

void copy_batch_fill(struct copy_batch *l)
{
	const struct raw_nft *nft = l->nft;

	batch_free(&l->batch);
	l->n_subjects = 0;
	memset(l->written, 0, nft->n * sizeof(*l->written));
	put_limit(l, NFNL_MSG_BATCH_BEGIN);
	for (size_t i = 0; i < nft->first[RAW_ELEMENTS]; i++)
		if (!nft->items[i].left_out)
			put_item(l, i);
	put_all_elements(l);
	for (size_t i = nft->first[RAW_RULE]; i < nft->first[RAW__COUNT]; i++)
		if (!is_in_anonymous_chain(l, &nft->items[i]))
			put_rule(l, i);
	put_limit(l, NFNL_MSG_BATCH_END);
}

