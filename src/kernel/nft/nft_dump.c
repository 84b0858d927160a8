// SPDX-License-Identifier: GPL-2.0-or-later
// nft_dump: asks for objects of nf_tables, and for several kinds of them at one moment.
#include "nft/nft_dump.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/*
 * Theory of operation
 *
 * Every commit in the network namespace moves the generation by one. A dump is of one generation by
 * itself, or the kernel says that it was interrupted. Several dumps are when the generation before
 * the first and behind the last is the same; else all are asked for again.
 */

/* How often somebody else may change something while we read. */
#define ATTEMPTS 10

/* Two names, which may be longer than others' requests are. */
#define REQUEST_SIZE (NETLINK_REQUEST_SIZE + 2 * NFT_NAME_MAXLEN)

/* All kinds have the table first. */
static uint16_t name_attr(uint16_t get)
{
	switch (get) {
	case NFT_MSG_GETRULE:
		return NFTA_RULE_CHAIN;
	case NFT_MSG_GETSETELEM:
		return NFTA_SET_ELEM_LIST_SET;
	default:
		return NFTA_CHAIN_NAME;
	}
}

static int ask(struct netlink *netlink, uint16_t flags, uint16_t get, uint8_t family,
	       const char *table, const char *name, mnl_cb_t callback, void *data)
{
	uint8_t room[REQUEST_SIZE] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(room);
	struct nfgenmsg *header;

	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | get);
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	if (table)
		mnl_attr_put_strz(request, NFTA_TABLE_NAME, table);
	if (name)
		mnl_attr_put_strz(request, name_attr(get), name);
	return netlink_request(netlink, request, callback, data);
}

int nft_dump(struct netlink *netlink, uint16_t get, uint8_t family, const char *table,
	     const char *name, mnl_cb_t callback, void *data)
{
	return ask(netlink, NLM_F_DUMP, get, family, table, name, callback, data);
}

int nft_get(struct netlink *netlink, uint16_t get, uint8_t family, const char *table,
	    const char *name, mnl_cb_t callback, void *data)
{
	return ask(netlink, 0, get, family, table, name, callback, data);
}

static int take_generation(const struct nlmsghdr *message, void *data)
{
	*(uint32_t *)data = netlink_be32(nft_attr(message, NFTA_GEN_ID), *(uint32_t *)data);
	return MNL_CB_OK;
}

int nft_generation(struct netlink *netlink, uint32_t *generation)
{
	return nft_get(netlink, NFT_MSG_GETGEN, NFPROTO_UNSPEC, NULL, NULL, take_generation,
		       generation);
}

static int read_once(struct netlink *netlink, nft_read_fn read, void *data, uint32_t *generation)
{
	uint32_t before = 0, after = 0, seq;
	int err = nft_generation(netlink, &before);

	if (err != 0)
		return err;
	after = before;
	seq = netlink->seq;
	err = read(netlink, data);
	/* What vanished between two dumps answers ENOENT: as good as a moved generation. */
	if (err == -ENOENT)
		return -EINTR;
	/* One answer is of one moment by itself. */
	if (err == 0 && netlink->seq - seq > 1)
		err = nft_generation(netlink, &after);
	if (generation)
		*generation = before;
	return err == 0 && before != after ? -EINTR : err;
}

int nft_consistent(struct netlink *netlink, nft_read_fn read, void *data, uint32_t *generation)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		int err = read_once(netlink, read, data, generation);

		if (err != -EINTR)
			return err;
	}
	return -EBUSY;
}

bool nft_is_absent(int err)
{
	return err == -EPROTONOSUPPORT || err == -EINVAL || err == -EOPNOTSUPP;
}

uint8_t nft_family(const struct nlmsghdr *message)
{
	return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
}

const struct nlattr *nft_attr(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr;

	netlink_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

const char *nft_text(const struct nlmsghdr *message, uint16_t type)
{
	return netlink_text(nft_attr(message, type));
}
