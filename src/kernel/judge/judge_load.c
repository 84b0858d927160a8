// SPDX-License-Identifier: GPL-2.0-or-later
// judge_load: expressions of nf_tables that load a register from the packet or its surroundings.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "judge/judge_expr.h"
#include "os/netlink.h"

static void load_u32(struct rule_run *run, const struct nlattr *data, uint16_t type,
		     uint32_t value, uint32_t known)
{
	expr_load(run, data, type, &value, &known, sizeof(value));
}

/* open: the name may go on. */
static void load_name(struct rule_run *run, const struct nlattr *data, const char *name, bool open,
		      bool told)
{
	char padded[IFNAME_SIZE] = {0}, known[IFNAME_SIZE];

	memset(known, 0xff, sizeof(known));
	memcpy(padded, name, strnlen(name, IFNAME_SIZE));
	if (open)
		memset(known + strnlen(name, IFNAME_SIZE), 0, IFNAME_SIZE - strnlen(name, IFNAME_SIZE));
	expr_load(run, data, NFTA_META_DREG, told ? padded : NULL, known, sizeof(padded));
}

static bool has_iif(const struct rule_run *run)
{
	return run->at->hook != NF_INET_LOCAL_OUT;
}

static bool has_oif(const struct rule_run *run)
{
	return run->at->hook != NF_INET_PRE_ROUTING && run->at->hook != NF_INET_LOCAL_IN &&
	       run->at->hook != FOREIGN_HOOK_INGRESS;
}

/* Whether the in-interface is known behind routing differs from kernel to kernel. */
static bool tells_iif(const struct rule_run *run)
{
	return run->at->hook != NF_INET_POST_ROUTING;
}

static void meta_set(struct rule_run *run, const struct nlattr *data, uint32_t key)
{
	size_t at;
	uint32_t value;

	if (key != NFT_META_MARK)
		return;
	if (!expr_register(data, NFTA_META_SREG, 4, &at))
		return expr_may_break(run, "meta");
	memcpy(&value, run->value + at, sizeof(value));
	judge_set_mark(run->at->judge, value, UINT32_MAX,
		       expr_is_sure(run) && bits_known(run->known + at, sizeof(value)));
}

static void load_link(struct rule_run *run, const struct nlattr *data, uint32_t key)
{
	const struct judge_packet *packet = &run->at->judge->packet;
	bool in = key == NFT_META_IIF || key == NFT_META_IIFNAME;
	const char *name = in ? packet->iifname : packet->oifname;
	unsigned int index = in ? packet->iif : packet->oif;
	bool open = in ? packet->iif_open : packet->oif_open;
	bool there = in ? has_iif(run) && (*name || open) : has_oif(run);
	bool told = !in || tells_iif(run);

	if (key == NFT_META_IIFNAME || key == NFT_META_OIFNAME) {
		load_name(run, data, there ? name : "", there && open, told);
		return;
	}
	load_u32(run, data, NFTA_META_DREG, there ? index : 0,
		 told && (!there || index) ? UINT32_MAX : 0);
}

void eval_meta(struct rule_run *run, const struct nlattr *data)
{
	const struct judge *judge = run->at->judge;
	const struct judge_packet *packet = &judge->packet;
	bool ipv4 = packet->family == FAMILY_IPV4;
	uint16_t protocol = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6);
	uint8_t nfproto = ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6, host = 0;
	uint32_t key = UINT32_MAX;

	(void)netlink_find_be32(data, NFTA_META_KEY, &key);
	if (netlink_find(data, NFTA_META_SREG))
		return meta_set(run, data, key);
	switch (key) {
	case NFT_META_IIF:
	case NFT_META_OIF:
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
		return load_link(run, data, key);
	case NFT_META_PROTOCOL:
		return expr_load(run, data, NFTA_META_DREG, &protocol, NULL, sizeof(protocol));
	case NFT_META_NFPROTO:
		return expr_load(run, data, NFTA_META_DREG, &nfproto, NULL, sizeof(nfproto));
	case NFT_META_L4PROTO:
		return expr_load(run, data, NFTA_META_DREG, packet->l4proto ? &packet->l4proto : NULL,
			    NULL, sizeof(packet->l4proto));
	case NFT_META_MARK:
		return load_u32(run, data, NFTA_META_DREG, judge->mark, judge->mark_known);
	case NFT_META_PKTTYPE:
		return expr_load(run, data, NFTA_META_DREG,
				 *packet->iifname && !packet->many ? &host : NULL, NULL,
			    sizeof(host));
	case NFT_META_SKUID:
	case NFT_META_SKGID:
		/* A forwarded packet belongs to no socket. */
		if (*packet->iifname && *packet->oifname)
			return expr_decide(run, TRI_NO);
		break;
	default:
		break;
	}
	expr_forget(run, data, NFTA_META_DREG);
	(void)judge_untold(run->at, "meta");
	if (key > NFT_META_SECPATH)
		expr_may_break(run, "meta");
}

void eval_payload(struct rule_run *run, const struct nlattr *data)
{
	struct judge_bytes *bytes = &run->at->judge->bytes;
	uint8_t *value = bytes->network, *known = bytes->network_known;
	uint32_t base = UINT32_MAX, offset = 0, len = 0;
	size_t room = run->at->judge->packet.family == FAMILY_IPV4 ? 20 : 40;

	(void)netlink_find_be32(data, NFTA_PAYLOAD_BASE, &base);
	(void)netlink_find_be32(data, NFTA_PAYLOAD_OFFSET, &offset);
	(void)netlink_find_be32(data, NFTA_PAYLOAD_LEN, &len);
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER) {
		value = bytes->transport;
		known = bytes->transport_known;
		room = JUDGE_TRANSPORT;
	}
	if (netlink_find(data, NFTA_PAYLOAD_SREG)) {
		if (base <= NFT_PAYLOAD_TRANSPORT_HEADER && base != NFT_PAYLOAD_LL_HEADER &&
		    offset < room)
			memset(known + offset, 0, len < room - offset ? len : room - offset);
		return;
	}
	if ((base != NFT_PAYLOAD_NETWORK_HEADER && base != NFT_PAYLOAD_TRANSPORT_HEADER) ||
	    offset > room || len > room - offset) {
		expr_forget(run, data, NFTA_PAYLOAD_DREG);
		return expr_may_break(run, "a part of the packet that hostgate does not model");
	}
	if (!bits_known(known + offset, len))
		(void)judge_untold(run->at, "a part of the packet that hostgate does not model");
	expr_load(run, data, NFTA_PAYLOAD_DREG, value + offset, known + offset, len);
}

static void load_state(struct rule_run *run, const struct nlattr *data, uint32_t state,
		       uint32_t known)
{
	load_u32(run, data, NFTA_CT_DREG, state, known);
	if (known != UINT32_MAX)
		(void)judge_untold(run->at, "ct state");
}

/* An address that the connection's first packet had; the reply's direction is not told of here. */
static void load_original(struct rule_run *run, const struct nlattr *data, bool source)
{
	const struct judge *judge = run->at->judge;
	uint8_t direction = UINT8_MAX;
	struct addr addr;

	if (netlink_find(data, NFTA_CT_DIRECTION))
		direction = mnl_attr_get_u8(netlink_find(data, NFTA_CT_DIRECTION));
	if (direction == 0 && judge_original(judge, source, &addr))
		return expr_load(run, data, NFTA_CT_DREG, addr.bytes, NULL,
				 family_bits(addr.family) / 8);
	expr_forget(run, data, NFTA_CT_DREG);
	expr_may_break(run, "ct");
}

void eval_ct(struct rule_run *run, const struct nlattr *data)
{
	const struct judge *judge = run->at->judge;
	uint8_t direction = judge->packet.ct_reply ? 1 : 0;
	uint32_t key = UINT32_MAX, state, known;
	enum tri tracked = judge_conntrack(run->at, &state, &known);

	(void)netlink_find_be32(data, NFTA_CT_KEY, &key);
	if (netlink_find(data, NFTA_CT_SREG))
		return;
	if (key == NFT_CT_STATE)
		return load_state(run, data, state, known);
	if (tracked == TRI_NO)
		return expr_decide(run, TRI_NO);
	if (tracked == TRI_MAYBE)
		expr_may_break(run, "ct");
	switch (key) {
	case NFT_CT_SRC_IP:
	case NFT_CT_SRC_IP6:
	case NFT_CT_DST_IP:
	case NFT_CT_DST_IP6:
		return load_original(run, data, key == NFT_CT_SRC_IP || key == NFT_CT_SRC_IP6);
	case NFT_CT_DIRECTION:
		return expr_load(run, data, NFTA_CT_DREG, judge->packet.many ? NULL : &direction, NULL,
				 sizeof(direction));
	case NFT_CT_STATUS:
		if (judge->ct_status_known != UINT32_MAX)
			(void)judge_untold(run->at, "ct status");
		return load_u32(run, data, NFTA_CT_DREG, judge->ct_status,
				judge->ct_status_known);
	default:
		break;
	}
	expr_forget(run, data, NFTA_CT_DREG);
	expr_may_break(run, key == NFT_CT_MARK ? "ct mark" : "ct");
}

/* The reverse path, and whether an address is the host's own: a forwarded packet has none. */
void eval_fib(struct rule_run *run, const struct nlattr *data)
{
	const struct judge_packet *packet = &run->at->judge->packet;
	bool forwarded = *packet->iifname && *packet->oifname && !packet->many;
	uint32_t result = UINT32_MAX, flags = 0, unicast = RTN_UNICAST;
	struct addr source;

	(void)netlink_find_be32(data, NFTA_FIB_RESULT, &result);
	(void)netlink_find_be32(data, NFTA_FIB_FLAGS, &flags);
	if (result == NFT_FIB_RESULT_ADDRTYPE && forwarded && !(flags & NFTA_FIB_F_IIF) &&
	    run->at->judge->translated == TRI_NO &&
	    judge_is_as_sent(run->at->judge, flags & NFTA_FIB_F_SADDR))
		return load_u32(run, data, NFTA_FIB_DREG, unicast, UINT32_MAX);
	/* What masquerade takes is the out-interface's own. */
	if (result == NFT_FIB_RESULT_ADDRTYPE && flags == (NFTA_FIB_F_SADDR | NFTA_FIB_F_OIF) &&
	    packet->masquerade_known && judge_source(run->at->judge, &source) &&
	    addr_equal(&source, &packet->masquerade))
		return load_u32(run, data, NFTA_FIB_DREG, RTN_LOCAL, UINT32_MAX);
	if (result == NFT_FIB_RESULT_OIF && *packet->iifname && flags & NFTA_FIB_F_PRESENT &&
	    (flags & ~(uint32_t)NFTA_FIB_F_MARK) ==
		    (NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT) &&
	    packet->reverse_path != TRI_MAYBE) {
		uint8_t present = packet->reverse_path == TRI_YES;

		return expr_load(run, data, NFTA_FIB_DREG, &present, NULL, sizeof(present));
	}
	expr_forget(run, data, NFTA_FIB_DREG);
	(void)judge_untold(run->at, "fib");
}

void eval_unknown_load(struct rule_run *run, const struct nlattr *data)
{
	/* All these have their destination register as their first or second attribute: forget all. */
	(void)data;
	memset(run->known, 0, sizeof(run->known));
	expr_may_break(run, "an expression that hostgate does not know");
}
