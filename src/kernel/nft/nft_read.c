// SPDX-License-Identifier: GPL-2.0-or-later
// nft_read: our table as the kernel has it.
#include "nft/nft_read.h"

#include <arpa/inet.h>
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

/*
 * Theory of operation
 *
 * Every commit in the network namespace moves the generation by one. It is read before and after
 * the dumps; when it moved, everything is read again. So an image is of one moment, and a batch
 * that carries its generation is refused when anything has changed since.
 */

/* How often somebody else may change something while we read. */
#define READ_ATTEMPTS 10

struct reading {
	struct netlink *netlink;
	struct image *image;
	struct image_set *set; /* whose elements are being read */
	uint32_t chain;	       /* of the last rule or element: most often the next one's, too */
	uint8_t *buffer;       /* NFT_BLOB_SIZE */
};

static struct nlmsghdr *start_request(uint8_t *room, uint16_t type, uint16_t flags, uint8_t family)
{
	return nftnl_nlmsg_build_hdr((char *)room, type, family, flags, 0);
}

static int take_generation(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;
	uint32_t *generation = data;

	netlink_for_each(attr, message,
			 sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
						      mnl_attr_validate(attr, MNL_TYPE_U32) >=
							      0) *generation =
		ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

int nft_read_generation(struct netlink *netlink, uint32_t *generation)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};

	return netlink_request(netlink, start_request(room, NFT_MSG_GETGEN, 0, AF_UNSPEC),
			       take_generation, generation);
}

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

static int read_table(struct reading *reading)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = start_request(room, NFT_MSG_GETTABLE, 0, NFPROTO_INET);

	mnl_attr_put_strz(request, NFTA_TABLE_NAME, TABLE_NAME);
	return netlink_request(reading->netlink, request, take_table, reading);
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
	const struct nlattr *code = netlink_find(verdict, NFTA_VERDICT_CODE);
	const struct nlattr *chain = netlink_find(verdict, NFTA_VERDICT_CHAIN);
	uint32_t found = NO_INDEX;

	if (code && chain && mnl_attr_validate(code, MNL_TYPE_U32) >= 0 &&
	    mnl_attr_validate(chain, MNL_TYPE_NUL_STRING) >= 0 &&
	    (int32_t)ntohl(mnl_attr_get_u32(code)) == NFT_GOTO)
		found = find_chain(reading, mnl_attr_get_str(chain));
	return found == NO_INDEX ? VERDICT_OTHER : found;
}

/* The counter that the kernel gave an element of a set that counts. */
static bool is_counter(const struct image_set *set, const struct nlattr *expr)
{
	const struct nlattr *name = netlink_find(expr, NFTA_EXPR_NAME);

	return set->counts && name && mnl_attr_validate(name, MNL_TYPE_NUL_STRING) >= 0 &&
	       strcmp(mnl_attr_get_str(name), "counter") == 0;
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

static int read_chains(struct reading *reading)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	int err = netlink_request(reading->netlink,
				  start_request(room, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_INET),
				  take_chain, reading);

	image_order_chains(reading->image);
	return err;
}

static int read_rules(struct reading *reading)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = start_request(room, NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET);

	mnl_attr_put_strz(request, NFTA_RULE_TABLE, TABLE_NAME);
	return netlink_request(reading->netlink, request, take_rule, reading);
}

static int read_sets(struct reading *reading)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = start_request(room, NFT_MSG_GETSET, NLM_F_DUMP, NFPROTO_INET);

	mnl_attr_put_strz(request, NFTA_SET_TABLE, TABLE_NAME);
	return netlink_request(reading->netlink, request, take_set, reading);
}

static int read_elements(struct reading *reading, struct image_set *set)
{
	uint8_t room[NETLINK_REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request =
		start_request(room, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET);

	reading->set = set;
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set->name);
	return netlink_request(reading->netlink, request, take_elements, reading);
}

static int read_objects(struct reading *reading)
{
	int err = read_table(reading);

	if (err == -ENOENT)
		return 0;
	if (err == 0)
		err = read_chains(reading);
	if (err == 0)
		err = read_sets(reading);
	for (size_t i = 0; err == 0 && i < reading->image->n_sets; i++)
		err = read_elements(reading, &reading->image->sets[i]);
	if (err == 0)
		err = read_rules(reading);
	return err;
}

static int read_once(struct netlink *netlink, struct image *image)
{
	struct reading reading = {.netlink = netlink, .image = image, .chain = NO_INDEX};
	uint32_t generation = 0;
	int err = nft_read_generation(netlink, &image->generation);

	reading.buffer = arena_alloc(image->arena, NFT_BLOB_SIZE);
	if (err == 0)
		err = read_objects(&reading);
	/* What vanished between two dumps answers ENOENT: as good as a moved generation. */
	if (err == -ENOENT)
		return -EINTR;
	if (err == 0)
		err = nft_read_generation(netlink, &generation);
	if (err == 0 && generation != image->generation)
		return -EINTR;
	return err;
}

int nft_read(struct netlink *netlink, struct image *image)
{
	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		int err = read_once(netlink, image);

		if (err == 0)
			image_finish(image);
		if (err != -EINTR)
			return err;
		image_free(image);
		image_init(image);
	}
	return -EBUSY;
}

int nft_read_head(struct netlink *netlink, struct image *image)
{
	struct reading reading = {.netlink = netlink, .image = image, .chain = NO_INDEX};
	int err = nft_read_generation(netlink, &image->generation);

	reading.buffer = arena_alloc(image->arena, NFT_BLOB_SIZE);
	if (err == 0)
		err = read_table(&reading);
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
