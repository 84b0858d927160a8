// SPDX-License-Identifier: GPL-2.0-or-later
// raw_nft: the host's nf_tables, kept message by message as the kernel dumps them.
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "foreign/raw_nft.h"
#include "hostgate/arena.h"
#include "nft/nft_dump.h"
#include "rules/ours.h"

/* What is asked for, and where the answer has what all objects have. 0: it has no such thing. */
static const struct {
	uint16_t get, table, name, handle, flags;
} kinds[RAW__COUNT] = {
	[RAW_TABLE] = {NFT_MSG_GETTABLE, NFTA_TABLE_NAME, NFTA_TABLE_NAME, 0, NFTA_TABLE_FLAGS},
	[RAW_CHAIN] = {NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, 0,
			  NFTA_CHAIN_FLAGS},
	[RAW_OBJECT] = {NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME, 0, 0},
	[RAW_FLOWTABLE] = {NFT_MSG_GETFLOWTABLE, NFTA_FLOWTABLE_TABLE, NFTA_FLOWTABLE_NAME, 0,
			      NFTA_FLOWTABLE_FLAGS},
	[RAW_SET] = {NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME, 0, NFTA_SET_FLAGS},
	[RAW_ELEMENTS] = {NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET,
			     0, 0},
	[RAW_RULE] = {NFT_MSG_GETRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, 0},
};

static const struct {
	uint8_t number;
	const char *name;
} families[] = {
	{NFPROTO_INET, "inet"},	    {NFPROTO_IPV4, "ip"},     {NFPROTO_IPV6, "ip6"},
	{NFPROTO_NETDEV, "netdev"}, {NFPROTO_BRIDGE, "bridge"}, {NFPROTO_ARP, "arp"},
};

const char *raw_nft_family_name(uint8_t family)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (families[i].number == family)
			return families[i].name;
	return "unknown";
}

struct reading {
	struct raw_nft *nft;
	enum raw_kind kind;
	const char *table, *name; /* of the last one: most often the next one's, too */
};

/* Keeps one copy of the names that stand in many messages. */
static const char *kept(struct reading *reading, const char **last, const char *text)
{
	if (!*last || strcmp(*last, text) != 0)
		*last = arena_strdup(reading->nft->arena, text);
	return *last;
}

static uint32_t next_position(const struct raw_nft *nft, const struct raw_item *item)
{
	const struct raw_item *last = nft->n ? &nft->items[nft->n - 1] : NULL;

	/* The kernel dumps the rules of a chain one after another. */
	if (last && last->kind == RAW_RULE && last->family == item->family &&
	    strcmp(last->table, item->table) == 0 && strcmp(last->name, item->name) == 0)
		return last->position + 1;
	return 1;
}

/*
 * Our own table is what apply makes; and the copy has no bridges, and asks nobody for hardware
 * addresses.
 */
static bool is_wanted(uint8_t family, const char *table)
{
	if (family == NFPROTO_BRIDGE || family == NFPROTO_ARP)
		return false;
	return !ours_table(family, table);
}

static int take(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct raw_nft *nft = reading->nft;
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
	const char *table, *name;
	struct raw_item item = {.kind = reading->kind};
	struct nlmsghdr *copy;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		goto senseless;
	table = nft_text(message, kinds[reading->kind].table);
	name = nft_text(message, kinds[reading->kind].name);
	if (!table || !name)
		goto senseless;
	if (!is_wanted(header->nfgen_family, table))
		return MNL_CB_OK;
	copy = arena_alloc(nft->arena, message->nlmsg_len);
	memcpy(copy, message, message->nlmsg_len);
	item.message = copy;
	item.family = header->nfgen_family;
	item.table = kept(reading, &reading->table, table);
	item.name = kept(reading, &reading->name, name);
	if (kinds[item.kind].handle)
		item.handle = netlink_be64(nft_attr(copy, kinds[item.kind].handle), 0);
	if (kinds[item.kind].flags)
		item.flags = netlink_be32(nft_attr(copy, kinds[item.kind].flags), 0);
	if (item.kind == RAW_RULE)
		item.position = next_position(nft, &item);
	nft->items = arena_grow(nft->arena, nft->items, nft->n, &nft->cap, sizeof(*nft->items));
	nft->items[nft->n++] = item;
	return MNL_CB_OK;
senseless:
	errno = EPROTO;
	return MNL_CB_ERROR;
}

static int read_elements(struct netlink *netlink, struct raw_nft *nft)
{
	size_t end = nft->n;
	int err = 0;

	for (size_t i = nft->first[RAW_SET]; i < end && err == 0; i++) {
		struct reading reading = {.nft = nft, .kind = RAW_ELEMENTS};
		/* The array may move while it grows. */
		struct raw_item set = nft->items[i];

		err = nft_dump(netlink, NFT_MSG_GETSETELEM, set.family, set.table, set.name, take,
			       &reading);
	}
	return err;
}

/* Older kernels lack objects or flowtables, and then have none. */
static bool is_missing(enum raw_kind kind, int err)
{
	return (kind == RAW_OBJECT || kind == RAW_FLOWTABLE) &&
	       (err == -EOPNOTSUPP || err == -EINVAL);
}

static int read_once(struct netlink *netlink, void *data)
{
	struct raw_nft *nft = data;
	int err = 0;

	nft->n = 0;
	for (enum raw_kind kind = 0; kind < RAW__COUNT && err == 0; kind++) {
		struct reading reading = {.nft = nft, .kind = kind};

		nft->first[kind] = nft->n;
		err = kind == RAW_ELEMENTS ? read_elements(netlink, nft)
					   : nft_dump(netlink, kinds[kind].get, NFPROTO_UNSPEC,
						      NULL, NULL, take, &reading);
		if (is_missing(kind, err))
			err = 0;
	}
	nft->first[RAW__COUNT] = nft->n;
	return err;
}

int raw_nft_read(struct arena *arena, struct raw_nft *out)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	*out = (struct raw_nft){.arena = arena};
	if (err == 0)
		err = nft_consistent(&netlink, read_once, out, NULL);
	if (!nft_is_absent(err))
		return err;
	*out = (struct raw_nft){.arena = arena};
	return 0;
}

const struct raw_item *raw_nft_rule(const struct raw_nft *nft, uint8_t family,
				      const char *table, const char *chain, uint64_t handle)
{
	for (size_t i = nft->first[RAW_RULE]; i < nft->first[RAW__COUNT]; i++) {
		const struct raw_item *item = &nft->items[i];

		if (item->copied_handle == handle && item->family == family &&
		    strcmp(item->table, table) == 0 && strcmp(item->name, chain) == 0)
			return item;
	}
	return NULL;
}
