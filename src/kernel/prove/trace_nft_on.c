// SPDX-License-Identifier: GPL-2.0-or-later
// trace_nft_on: a table that has nf_tables tell the way of every packet.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>

#include "os/netlink.h"
#include "prove/trace.h"

/* Before every chain that others may have. */
#define FIRST_PRIORITY (INT32_MIN + 1)

/* Most devices that the kernel takes in one chain. */
#define DEVICES_MAX 256

static struct nlmsghdr *start(struct batch *batch, uint8_t family, uint16_t type, uint16_t flags)
{
	return batch_start(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0,
			   DEVICES_MAX * (IF_NAMESIZE + 4) + 512);
}

static void put_limit(struct batch *batch, uint16_t type)
{
	batch_start(batch, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0);
	batch_commit(batch);
}

static void put_table(struct batch *batch, uint8_t family)
{
	struct nlmsghdr *message = start(batch, family, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, TRACE_TABLE);
	batch_commit(batch);
}

static void put_devices(struct nlmsghdr *message, const struct if_nameindex *devices)
{
	struct nlattr *list = mnl_attr_nest_start(message, NFTA_HOOK_DEVS);

	for (size_t i = 0; i < DEVICES_MAX && devices[i].if_index != 0; i++)
		mnl_attr_put_strz(message, NFTA_DEVICE_NAME, devices[i].if_name);
	mnl_attr_nest_end(message, list);
}

/* devices: NULL for a hook of all. */
static void put_chain(struct batch *batch, uint8_t family, const char *name, uint32_t hook,
		      const struct if_nameindex *devices)
{
	struct nlmsghdr *message = start(batch, family, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *nest;

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, TRACE_TABLE);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, name);
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
	nest = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(hook));
	mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)FIRST_PRIORITY));
	if (devices)
		put_devices(message, devices);
	mnl_attr_nest_end(message, nest);
	batch_commit(batch);
}

static struct nlattr *start_expression(struct nlmsghdr *message, const char *name,
				       struct nlattr **data)
{
	struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	*data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return nest;
}

/* meta nftrace set 1 */
static void put_rule(struct batch *batch, uint8_t family, const char *chain)
{
	struct nlmsghdr *message = start(batch, family, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	struct nlattr *list, *nest, *data, *value;
	uint8_t one = 1;

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, TRACE_TABLE);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
	list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	nest = start_expression(message, "immediate", &data);
	mnl_attr_put_u32(message, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_1));
	value = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
	mnl_attr_put(message, NFTA_DATA_VALUE, sizeof(one), &one);
	mnl_attr_nest_end(message, value);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, nest);
	nest = start_expression(message, "meta", &data);
	mnl_attr_put_u32(message, NFTA_META_KEY, htonl(NFT_META_NFTRACE));
	mnl_attr_put_u32(message, NFTA_META_SREG, htonl(NFT_REG_1));
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, nest);
	mnl_attr_nest_end(message, list);
	batch_commit(batch);
}

/* Nothing is told of a refusal: without a trace the findings only say less. */
static void refused(const struct refusal *refusal, void *data)
{
	(void)refusal;
	(void)data;
}

static int turn_on_devices(struct netlink *netlink)
{
	struct batch batch __attribute__((cleanup(batch_free))) = {0};
	struct if_nameindex *devices = if_nameindex();

	if (!devices)
		return -errno;
	put_limit(&batch, NFNL_MSG_BATCH_BEGIN);
	put_table(&batch, NFPROTO_NETDEV);
	put_chain(&batch, NFPROTO_NETDEV, "in", NF_NETDEV_INGRESS, devices);
	put_rule(&batch, NFPROTO_NETDEV, "in");
	put_limit(&batch, NFNL_MSG_BATCH_END);
	if_freenameindex(devices);
	return batch_send(netlink, &batch, refused, NULL);
}

int trace_nft_turn_on(struct netlink *netlink, bool devices)
{
	struct batch batch __attribute__((cleanup(batch_free))) = {0};

	put_limit(&batch, NFNL_MSG_BATCH_BEGIN);
	put_table(&batch, NFPROTO_INET);
	put_chain(&batch, NFPROTO_INET, "in", NF_INET_PRE_ROUTING, NULL);
	put_chain(&batch, NFPROTO_INET, "own", NF_INET_LOCAL_OUT, NULL);
	put_rule(&batch, NFPROTO_INET, "in");
	put_rule(&batch, NFPROTO_INET, "own");
	put_limit(&batch, NFNL_MSG_BATCH_END);
	/* Where the devices' hooks can't be had, the rest still tells what comes behind them. */
	if (devices)
		(void)turn_on_devices(netlink);
	return batch_send(netlink, &batch, refused, NULL);
}
