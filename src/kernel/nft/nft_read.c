// SPDX-License-Identifier: GPL-2.0-or-later
// nft_read: our table as the kernel has it.
#include "nft/nft_read.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft/nft_build.h"
#include "nft/nft_dump.h"

struct reading {
	struct netlink *netlink;
	struct image *image;
	struct image_set *set; /* whose elements are being read */
	uint32_t chain;	       /* of the last rule or element: most often the next one's, too */
	uint8_t *buffer;       /* NFT_BLOB_SIZE */
};

static int take_table(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct nftnl_table *table = nftnl_table_alloc();
	int ret = MNL_CB_ERROR;

	if (table && nftnl_table_nlmsg_parse(message, table) == 0) {
		reading->image->owned =
			nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS) & NFT_TABLE_F_OWNER;
		image_set_table(reading->image, nft_table_blob(table, reading->buffer));
		ret = MNL_CB_OK;
	}
	nftnl_table_free(table);
	return ret;
}

static int take_chain(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct nftnl_chain *chain = nftnl_chain_alloc();
	int ret = MNL_CB_ERROR;

	if (chain && nftnl_chain_nlmsg_parse(message, chain) == 0) {
		ret = MNL_CB_OK;
		/* Chains are dumped of all tables of the family. */
		if (strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), TABLE_NAME) == 0)
			image_add_chain(reading->image,
					nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME),
					nft_chain_blob(chain, reading->buffer));
	}
	nftnl_chain_free(chain);
	return ret;
}

static int keep_byteorder(const struct nftnl_udata *attr, void *data)
{
	struct nftnl_udata_buf *kept = data;
	uint8_t type = nftnl_udata_type(attr);

	if (type == NFTNL_UDATA_SET_KEYBYTEORDER || type == NFTNL_UDATA_SET_DATABYTEORDER)
		nftnl_udata_put(kept, type, nftnl_udata_len(attr), nftnl_udata_get(attr));
	return 0;
}

/* nft(8) adds notes for itself when it loads a listing; they say nothing about the set. */
static void drop_notes(struct nftnl_set *set)
{
	uint32_t len = 0;
	const void *userdata = nftnl_set_get_data(set, NFTNL_SET_USERDATA, &len);
	struct nftnl_udata_buf *kept = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (userdata && kept && nftnl_udata_parse(userdata, len, keep_byteorder, kept) >= 0)
		nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(kept),
				   nftnl_udata_buf_len(kept));
	nftnl_udata_buf_free(kept);
}

static int take_counting(struct nftnl_expr *expr, void *data)
{
	struct image_set *set = data;

	set->counts = strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter") == 0;
	return 0;
}

static int take_set(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct nftnl_set *set = nftnl_set_alloc();
	int ret = MNL_CB_ERROR;

	if (set && nftnl_set_nlmsg_parse(message, set) == 0) {
		drop_notes(set);
		uint32_t flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS);
		struct image_set *added;

		added = image_add_set(reading->image, nftnl_set_get_str(set, NFTNL_SET_NAME),
			      nft_set_blob(set, reading->buffer), flags & NFT_SET_MAP,
			      nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN));
		added->is_anonymous = flags & NFT_SET_ANONYMOUS;
		nftnl_set_expr_foreach(set, take_counting, added);
		ret = MNL_CB_OK;
	}
	nftnl_set_free(set);
	return ret;
}

static uint32_t find_chain(struct reading *reading, const char *name)
{
	const struct image *image = reading->image;

	if (reading->chain >= image->n_chains ||
	    strcmp(image->chains[reading->chain].name, name) != 0)
		reading->chain = image_find_chain(image, name);
	return reading->chain;
}

static int take_comment(const struct nftnl_udata *attr, void *data)
{
	const char **comment = data;
	const char *text = nftnl_udata_get(attr);

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attr) &&
	    text[nftnl_udata_len(attr) - 1] == '\0')
		*comment = text;
	return 0;
}

static int take_rule(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int ret = MNL_CB_ERROR;

	if (rule && nftnl_rule_nlmsg_parse(message, rule) == 0) {
		uint32_t chain = find_chain(reading, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN)),
			 len = 0;
		const void *userdata = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &len);
		const char *comment = "";
		uint64_t handle = nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE);

		if (userdata)
			(void)nftnl_udata_parse(userdata, len, take_comment, &comment);
		ret = MNL_CB_OK;
		if (chain != NO_INDEX)
			image_add_rule(reading->image, &reading->image->chains[chain],
				       nft_rule_blob(rule, reading->buffer), comment)
				->handle = handle;
	}
	nftnl_rule_free(rule);
	return ret;
}

/* Elements: hundreds of thousands, so without an object each. */

static uint32_t verdict_of(struct reading *reading, const struct nlattr *data)
{
	const struct nlattr *verdict = netlink_find(data, NFTA_DATA_VERDICT);
	const char *chain = netlink_text(netlink_find(verdict, NFTA_VERDICT_CHAIN));
	uint32_t found = NO_INDEX;

	if (chain && (int32_t)netlink_be32(netlink_find(verdict, NFTA_VERDICT_CODE), 0) == NFT_GOTO)
		found = find_chain(reading, chain);
	return found == NO_INDEX ? VERDICT_OTHER : found;
}

/* The counter that the kernel gave an element of a set that counts. */
static bool is_counter(const struct image_set *set, const struct nlattr *expr)
{
	return set->counts && netlink_is(netlink_find(expr, NFTA_EXPR_NAME), "counter");
}

static int take_element(struct reading *reading, const struct nlattr *element)
{
	const struct nlattr *attr, *key = NULL, *data = NULL;
	uint32_t verdict = VERDICT_NONE;
	bool other = false;

	netlink_for_each_nested(attr, element)
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_SET_ELEM_KEY:
			key = netlink_find(attr, NFTA_DATA_VALUE);
			break;
		case NFTA_SET_ELEM_DATA:
			data = attr;
			break;
		case NFTA_SET_ELEM_EXPR:
			other = other || !is_counter(reading->set, attr);
			break;
		case NFTA_SET_ELEM_PAD:
			break;
		default: /* a timeout, a comment: none of ours */
			other = true;
			break;
		}
	}
	if (!key || mnl_attr_get_payload_len(key) != reading->set->key_len)
		return MNL_CB_ERROR;
	if (other)
		verdict = VERDICT_OTHER;
	else if (data)
		verdict = verdict_of(reading, data);
	memcpy(image_add_element(reading->set, verdict, NO_INDEX), mnl_attr_get_payload(key),
	       reading->set->key_len);
	return MNL_CB_OK;
}

static int take_elements(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *element;

	netlink_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		netlink_for_each_nested(element, attr) if (take_element(data, element) != MNL_CB_OK)
		{
			errno = EPROTO;
			return MNL_CB_ERROR;
		}
	}
	return MNL_CB_OK;
}

static int ask_table(struct reading *reading)
{
	return nft_get(reading->netlink, NFT_MSG_GETTABLE, NFPROTO_INET, TABLE_NAME, NULL,
		       take_table, reading);
}

/* Of the table: the kernel takes no notice of it for chains. */
static int dump(struct reading *reading, uint16_t get, const char *name, mnl_cb_t take)
{
	return nft_dump(reading->netlink, get, NFPROTO_INET, TABLE_NAME, name, take, reading);
}

static int read_objects(struct reading *reading)
{
	int err = ask_table(reading);

	if (err == -ENOENT)
		return 0;
	if (err == 0)
		err = dump(reading, NFT_MSG_GETCHAIN, NULL, take_chain);
	image_order_chains(reading->image);
	if (err == 0)
		err = dump(reading, NFT_MSG_GETSET, NULL, take_set);
	for (size_t i = 0; err == 0 && i < reading->image->n_sets; i++) {
		reading->set = &reading->image->sets[i];
		err = dump(reading, NFT_MSG_GETSETELEM, reading->set->name, take_elements);
	}
	if (err == 0)
		err = dump(reading, NFT_MSG_GETRULE, NULL, take_rule);
	return err;
}

static struct reading start(struct netlink *netlink, struct image *image)
{
	return (struct reading){.netlink = netlink,
				.image = image,
				.chain = NO_INDEX,
				.buffer = arena_alloc(image->arena, NFT_BLOB_SIZE)};
}

static int read_once(struct netlink *netlink, void *data)
{
	struct image *image = data;
	struct reading reading;

	image_free(image);
	image_init(image);
	reading = start(netlink, image);
	return read_objects(&reading);
}

int nft_read(struct netlink *netlink, struct image *image)
{
	uint32_t generation = 0;
	int err = nft_consistent(netlink, read_once, image, &generation);

	image->generation = generation;
	if (err == 0)
		image_finish(image);
	return err;
}

int nft_read_head(struct netlink *netlink, struct image *image)
{
	struct reading reading = start(netlink, image);
	int err = nft_generation(netlink, &image->generation);

	if (err == 0)
		err = ask_table(&reading);
	return err == -ENOENT ? 0 : err;
}

static int note_table(const struct nlmsghdr *message, void *data)
{
	(void)message;
	*(bool *)data = true;
	return MNL_CB_OK;
}

int nft_read_exists(struct netlink *netlink, bool *exists)
{
	int err;

	*exists = false;
	err = nft_get(netlink, NFT_MSG_GETTABLE, NFPROTO_INET, TABLE_NAME, NULL, note_table,
		      exists);
	return err == -ENOENT ? 0 : err;
}

int nft_read_probe(void)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	struct image nothing __attribute__((cleanup(image_free))) = {0};
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	if (err != 0)
		return err;
	image_init(&nothing);
	return nft_read_head(&netlink, &nothing);
}
