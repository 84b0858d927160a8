// SPDX-License-Identifier: GPL-2.0-or-later
// nft_count: what our table of nf_tables counted.
#include "nft/nft_count.h"

#include <endian.h>
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
	uint32_t set;	  /* whose elements are being read */
	uint32_t chain;	  /* of the last rule, and which one of it comes next */
	uint32_t rule;
	uint8_t *buffer; /* NFT_BLOB_SIZE */
};

static struct nlmsghdr *start_dump(uint8_t *room, uint16_t type)
{
	return nftnl_nlmsg_build_hdr((char *)room, type, NFPROTO_INET, NLM_F_DUMP, 0);
}

static uint64_t number_in(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr = netlink_find(nest, type);

	return attr && mnl_attr_validate(attr, MNL_TYPE_U64) >= 0 ? be64toh(mnl_attr_get_u64(attr)) :
								    0;
}

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
		     (struct counter){.packets = number_in(data, NFTA_COUNTER_PACKETS),
				      .bytes = number_in(data, NFTA_COUNTER_BYTES)});
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

static int count_set(struct netlink *netlink, struct counting *c)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = start_dump(room, NFT_MSG_GETSETELEM);

	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, c->image->sets[c->set].name);
	return netlink_request(netlink, request, take_elements, c);
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

static int count_rules(struct netlink *netlink, struct counting *c)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = start_dump(room, NFT_MSG_GETRULE);

	mnl_attr_put_strz(request, NFTA_RULE_TABLE, TABLE_NAME);
	return netlink_request(netlink, request, take_rule, c);
}

int nft_count(struct netlink *netlink, const struct ruleset *ruleset, const struct image *image,
	      struct counters *counters)
{
	struct arena *arena = arena_new();
	struct counting c = {.ruleset = ruleset,
			     .image = image,
			     .counters = counters,
			     .chain = NO_INDEX,
			     .buffer = arena_alloc(arena, NFT_BLOB_SIZE)};
	int err = 0;

	for (; c.set < image->n_sets && err == 0; c.set++) {
		if (!image->sets[c.set].counts)
			continue;
		err = count_set(netlink, &c);
		/* One that is not there has counted nothing. */
		if (err == -ENOENT)
			err = 0;
	}
	if (err == 0)
		err = count_rules(netlink, &c);
	arena_free(arena);
	return err == -ENOENT ? 0 : err;
}
