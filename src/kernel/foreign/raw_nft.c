// SPDX-License-Identifier: GPL-2.0-or-later
// raw_nft: the host's nf_tables, kept message by message as the kernel dumps them.
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "foreign/raw_nft.h"
#include "nft/nft_read.h"
#include "rules/ours.h"

/* How often somebody else may change something while we read. */
#define READ_ATTEMPTS 10

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
static const char *kept(struct reading *reading, const char **last, const struct nlattr *attr)
{
	const char *text = mnl_attr_get_str(attr);

	if (!*last || strcmp(*last, text) != 0)
		*last = arena_strdup(reading->nft->arena, text);
	return *last;
}

static const struct nlattr *text_attr(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr;

	netlink_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0 ? NULL : attr;
	}
	return NULL;
}

static void take_numbers(struct raw_item *item)
{
	const struct nlattr *attr;

	netlink_for_each(attr, item->message, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (kinds[item->kind].handle && type == kinds[item->kind].handle &&
		    mnl_attr_validate(attr, MNL_TYPE_U64) >= 0)
			item->handle = be64toh(mnl_attr_get_u64(attr));
		if (kinds[item->kind].flags && type == kinds[item->kind].flags &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			item->flags = ntohl(mnl_attr_get_u32(attr));
	}
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
	const struct nlattr *table, *name;
	struct raw_item item = {.kind = reading->kind};
	struct nlmsghdr *copy;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		goto senseless;
	table = text_attr(message, kinds[reading->kind].table);
	name = text_attr(message, kinds[reading->kind].name);
	if (!table || !name)
		goto senseless;
	if (!is_wanted(header->nfgen_family, mnl_attr_get_str(table)))
		return MNL_CB_OK;
	copy = arena_alloc(nft->arena, message->nlmsg_len);
	memcpy(copy, message, message->nlmsg_len);
	item.message = copy;
	item.family = header->nfgen_family;
	item.table = kept(reading, &reading->table, table);
	item.name = kept(reading, &reading->name, name);
	take_numbers(&item);
	if (item.kind == RAW_RULE)
		item.position = next_position(nft, &item);
	nft->items = arena_grow(nft->arena, nft->items, nft->n, &nft->cap, sizeof(*nft->items));
	nft->items[nft->n++] = item;
	return MNL_CB_OK;
senseless:
	errno = EPROTO;
	return MNL_CB_ERROR;
}

static int dump(struct netlink *netlink, struct reading *reading, const struct raw_item *set)
{
	uint8_t room[NETLINK_REQUEST_SIZE + 2 * NFT_NAME_MAXLEN]
		__attribute__((aligned(8))) = {0};
	struct nlmsghdr *request =
		nftnl_nlmsg_build_hdr((char *)room, kinds[reading->kind].get,
				      set ? set->family : AF_UNSPEC, NLM_F_DUMP, 0);

	if (set) {
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, set->table);
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set->name);
	}
	return netlink_request(netlink, request, take, reading);
}

static int read_elements(struct netlink *netlink, struct raw_nft *nft)
{
	size_t end = nft->n;
	int err = 0;

	for (size_t i = nft->first[RAW_SET]; i < end && err == 0; i++) {
		struct reading reading = {.nft = nft, .kind = RAW_ELEMENTS};
		/* The array may move while it grows. */
		struct raw_item set = nft->items[i];

		err = dump(netlink, &reading, &set);
	}
	return err;
}

/* Older kernels lack objects or flowtables, and then have none. */
static bool is_missing(enum raw_kind kind, int err)
{
	return (kind == RAW_OBJECT || kind == RAW_FLOWTABLE) &&
	       (err == -EOPNOTSUPP || err == -EINVAL);
}

static int read_once(struct netlink *netlink, struct raw_nft *nft)
{
	uint32_t before = 0, after = 0;
	int err = nft_read_generation(netlink, &before);

	nft->n = 0;
	for (enum raw_kind kind = 0; kind < RAW__COUNT && err == 0; kind++) {
		struct reading reading = {.nft = nft, .kind = kind};

		nft->first[kind] = nft->n;
		err = kind == RAW_ELEMENTS ? read_elements(netlink, nft)
					      : dump(netlink, &reading, NULL);
		if (is_missing(kind, err))
			err = 0;
	}
	nft->first[RAW__COUNT] = nft->n;
	/* What vanished between two dumps answers ENOENT: as good as a moved generation. */
	if (err == -ENOENT)
		return -EINTR;
	if (err == 0)
		err = nft_read_generation(netlink, &after);
	return err == 0 && before != after ? -EINTR : err;
}

int raw_nft_read(struct arena *arena, struct raw_nft *out)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	*out = (struct raw_nft){.arena = arena};
	/* A kernel without nf_tables has no rules there. */
	if (err == -EPROTONOSUPPORT)
		return 0;
	for (int attempt = 0; attempt < READ_ATTEMPTS && err == 0; attempt++) {
		err = read_once(&netlink, out);
		if (err == -EOPNOTSUPP || err == -EINVAL) {
			*out = (struct raw_nft){.arena = arena};
			return 0;
		}
		if (err != -EINTR)
			return err;
		err = 0;
	}
	return err ? err : -EBUSY;
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
