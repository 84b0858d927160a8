// SPDX-License-Identifier: GPL-2.0-or-later
// nft_count: what our table of nf_tables counted.
#include "nft/nft_count.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "image/counters.h"
#include "nft/nft_build.h"
#include "nft/nft_dump.h"

/*
 * Theory of operation
 *
 * The counter of a set's element belongs to the network that the element is there for. Rules count
 * where an element became a rule (interface patterns); such a rule is found by its place in its
 * chain, and counts only when it is the very rule that is wanted there.
 */

struct counting {
	const struct ruleset *ruleset;
	const struct image *image;
	struct counters *counters;
	struct network_counters *before; /* the items of counters when this began */
	uint32_t set;	  /* whose elements are being read */
	uint32_t chain;	  /* of the last rule, and which one of it comes next */
	uint32_t rule;
	uint8_t *buffer; /* NFT_BLOB_SIZE */
};

/* Elements are sorted by their keys. */
static uint32_t find_element(const struct image_set *set, const void *key)
{
	size_t low = 0, high = set->n_records;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(key, image_key(set, middle), set->key_len);

		if (order == 0)
			return image_source(set, middle);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NO_INDEX;
}

static void count_element(struct counting *c, const struct nlattr *element)
{
	const struct image_set *image_set = &c->image->sets[c->set];
	const struct set *set = &c->ruleset->sets[c->set];
	const struct nlattr *key = netlink_find(netlink_find(element, NFTA_SET_ELEM_KEY),
						NFTA_DATA_VALUE);
	const struct nlattr *data = netlink_find(netlink_find(element, NFTA_SET_ELEM_EXPR),
						 NFTA_EXPR_DATA);
	uint32_t source = NO_INDEX;

	if (key && data && mnl_attr_get_payload_len(key) == image_set->key_len)
		source = find_element(image_set, mnl_attr_get_payload(key));
	if (source == NO_INDEX)
		return;
	counters_add(c->counters, set->tally, &c->ruleset->origins[set->elements[source].origin],
		     (struct counter){
			     .packets = netlink_be64(netlink_find(data, NFTA_COUNTER_PACKETS), 0),
			     .bytes = netlink_be64(netlink_find(data, NFTA_COUNTER_BYTES), 0)});
}

static int take_elements(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *element;

	netlink_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		netlink_for_each_nested(element, attr) count_element(data, element);
	}
	return MNL_CB_OK;
}

static int take_counter(struct nftnl_expr *expr, void *data)
{
	struct counter *count = data;

	if (strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter") == 0)
		*count = (struct counter){
			.packets = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS),
			.bytes = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES)};
	return 0;
}

static void count_rule(struct counting *c, struct nftnl_rule *rule)
{
	const char *name = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
	const struct image_rule *wanted = NULL;
	const struct rule *from;
	struct counter count = {0};
	struct blob blob;

	/* The rules of a chain come one after another. */
	if (c->chain == NO_INDEX || strcmp(c->image->chains[c->chain].name, name) != 0) {
		c->chain = image_find_chain(c->image, name);
		c->rule = 0;
	}
	if (c->chain != NO_INDEX && c->rule < c->image->chains[c->chain].n_rules)
		wanted = &c->image->chains[c->chain].rules[c->rule];
	c->rule++;
	if (!wanted || c->ruleset->rules[wanted->rule].tally == TALLY_NONE)
		return;
	nftnl_expr_foreach(rule, take_counter, &count);
	blob = nft_rule_blob(rule, c->buffer);
	if (blob.len != wanted->blob.len || memcmp(blob.bytes, wanted->blob.bytes, blob.len) != 0)
		return;
	from = &c->ruleset->rules[wanted->rule];
	counters_add(c->counters, from->tally, &c->ruleset->origins[from->element], count);
}

static int take_rule(const struct nlmsghdr *message, void *data)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int ret = MNL_CB_ERROR;

	if (rule && nftnl_rule_nlmsg_parse(message, rule) == 0) {
		count_rule(data, rule);
		ret = MNL_CB_OK;
	}
	nftnl_rule_free(rule);
	return ret;
}

/* What is not there has counted nothing. */
static int dump(struct netlink *netlink, struct counting *c, uint16_t get, const char *name,
		mnl_cb_t take)
{
	int err = nft_dump(netlink, get, NFPROTO_INET, TABLE_NAME, name, take, c);

	return err == -ENOENT ? 0 : err;
}

static int count_once(struct netlink *netlink, void *data)
{
	struct counting *c = data;
	int err = 0;

	if (c->counters->n)
		memcpy(c->counters->items, c->before, c->counters->n * sizeof(*c->before));
	c->chain = NO_INDEX;
	for (c->set = 0; c->set < c->image->n_sets && err == 0; c->set++)
		if (c->image->sets[c->set].counts)
			err = dump(netlink, c, NFT_MSG_GETSETELEM, c->image->sets[c->set].name,
				   take_elements);
	return err ? err : dump(netlink, c, NFT_MSG_GETRULE, NULL, take_rule);
}

int nft_count(struct netlink *netlink, const struct ruleset *ruleset, const struct image *image,
	      struct counters *counters)
{
	struct arena *arena = arena_new();
	struct counting c = {.ruleset = ruleset,
			     .image = image,
			     .counters = counters,
			     .before = arena_calloc(arena, counters->n, sizeof(*c.before)),
			     .buffer = arena_alloc(arena, NFT_BLOB_SIZE)};
	int err;

	if (counters->n)
		memcpy(c.before, counters->items, counters->n * sizeof(*c.before));
	err = nft_consistent(netlink, count_once, &c, NULL);
	arena_free(arena);
	return err;
}
