// SPDX-License-Identifier: GPL-2.0-or-later
// judge_packet: what is known of the packet on its way: its bytes, mark, connection and addresses.
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <string.h>

#include "hostgate/ruleset.h"
#include "judge/judge_eval.h"

static void put_addr(struct judge_bytes *bytes, enum family family, bool source,
		     const struct addr *addr)
{
	size_t len = family_bits(family) / 8;
	size_t at = family == FAMILY_IPV4 ? (source ? 12 : 16) : (source ? 8 : 24);

	memset(bytes->network_known + at, addr ? 0xff : 0, len);
	if (addr)
		memcpy(bytes->network + at, addr->bytes, len);
}

/* Of the last bits nothing is known. */
static void open_addr(struct judge_bytes *bytes, enum family family, bool source, unsigned int bits)
{
	size_t end = family == FAMILY_IPV4 ? (source ? 16 : 20) : (source ? 24 : 40);

	for (; bits >= 8; bits -= 8)
		bytes->network_known[--end] = 0;
	if (bits)
		bytes->network_known[end - 1] &= (uint8_t)(0xff << bits);
}

static bool get_addr(const struct judge *judge, bool source, struct addr *out)
{
	size_t len = family_bits(judge->packet.family) / 8;
	size_t at = judge->packet.family == FAMILY_IPV4 ? (source ? 12 : 16) : (source ? 8 : 24);

	*out = (struct addr){.family = judge->packet.family};
	memcpy(out->bytes, judge->bytes.network + at, len);
	return bits_known(judge->bytes.network_known + at, len);
}

bool judge_source(const struct judge *judge, struct addr *out)
{
	return get_addr(judge, true, out);
}

bool judge_destination(const struct judge *judge, struct addr *out)
{
	return get_addr(judge, false, out);
}

static void put_port(struct judge_bytes *bytes, bool source, uint16_t port)
{
	size_t at = source ? 0 : 2;

	bytes->transport[at] = (uint8_t)(port >> 8);
	bytes->transport[at + 1] = (uint8_t)port;
	memset(bytes->transport_known + at, port ? 0xff : 0, 2);
}

uint16_t judge_port(const struct judge *judge)
{
	const struct judge_bytes *bytes = &judge->bytes;

	if (!judge->packet.has_ports || !bits_known(bytes->transport_known + 2, 2))
		return 0;
	return (uint16_t)(bytes->transport[2] << 8 | bytes->transport[3]);
}

static void put_byte(uint8_t *value, uint8_t *known, size_t at, uint8_t byte)
{
	value[at] = byte;
	known[at] = 0xff;
}

static void make_network(struct judge *judge)
{
	const struct judge_packet *packet = &judge->packet;
	struct judge_bytes *b = &judge->bytes;

	if (packet->family == FAMILY_IPV4) {
		put_byte(b->network, b->network_known, 0, 0x45);
		/* Not a fragment; whether it may become one is not known. */
		b->network_known[6] = 0xbf;
		b->network_known[7] = 0xff;
		if (packet->l4proto)
			put_byte(b->network, b->network_known, 9, packet->l4proto);
	} else {
		b->network[0] = 0x60;
		b->network_known[0] = 0xf0;
		if (packet->l4proto)
			put_byte(b->network, b->network_known, 6, packet->l4proto);
	}
	put_addr(b, packet->family, true, &packet->saddr);
	put_addr(b, packet->family, false, packet->daddr_unknown ? NULL : &packet->daddr);
	open_addr(b, packet->family, true, packet->saddr_open);
	open_addr(b, packet->family, false, packet->daddr_open);
	/* One of many may be a fragment. */
	if (packet->many && packet->family == FAMILY_IPV4)
		memset(b->network_known + 6, 0, 2);
}

static void make_transport(struct judge *judge)
{
	const struct judge_packet *packet = &judge->packet;
	struct judge_bytes *b = &judge->bytes;

	if (packet->has_ports) {
		put_port(b, true, packet->sport);
		put_port(b, false, packet->dport);
	}
	if (packet->many)
		return;
	if (packet->l4proto == IPPROTO_TCP)
		put_byte(b->transport, b->transport_known, 13, packet->tcp_flags);
	if (packet->l4proto == IPPROTO_ICMP || packet->l4proto == IPPROTO_ICMPV6) {
		put_byte(b->transport, b->transport_known, 0, packet->icmp_type);
		put_byte(b->transport, b->transport_known, 1, packet->icmp_code);
	}
}

void judge_start(struct judge *judge, const struct foreign *foreign,
		 const struct judge_packet *packet, bool others_only)
{
	*judge = (struct judge){.foreign = foreign, .packet = *packet, .others_only = others_only};
	make_network(judge);
	make_transport(judge);
	judge->mark_known = UINT32_MAX;
	judge->ct_status = packet->ct_status;
	judge->ct_status_known =
		CT_STATUS_EXPECTED | CT_STATUS_CONFIRMED | CT_STATUS_SRC_NAT | CT_STATUS_DST_NAT;
	/* Nobody knows whether a connection that lasts is "assured"; a new one is not. */
	if (packet->ct_state == CT_STATE_NEW)
		judge->ct_status_known |= IPS_SEEN_REPLY | IPS_ASSURED;
	if (packet->many)
		judge->mark_known = judge->ct_status_known = 0;
}

bool judge_is_as_sent(const struct judge *judge, bool source)
{
	const struct judge_packet *p = &judge->packet;

	/* A reply's destination is mapped back, another packet's source. */
	return !p->remapped || (source && p->ct_reply && !p->saddr_hidden);
}

bool judge_original(const struct judge *judge, bool source, struct addr *out)
{
	const struct judge_packet *p = &judge->packet;

	if (p->many)
		return false;
	if (!p->ct_reply) {
		*out = source ? p->saddr : p->daddr;
		return source || !p->daddr_unknown;
	}
	if (!source) {
		*out = p->saddr;
		return !p->saddr_hidden;
	}
	*out = p->remapped ? p->remap : p->daddr;
	return p->remapped ? p->remap_known : !p->daddr_unknown;
}

enum tri judge_untold(const struct place_of_rule *at, const char *what)
{
	at->judge->untold = what;
	return TRI_MAYBE;
}

enum tri judge_conntrack(const struct place_of_rule *at, uint32_t *state, uint32_t *known)
{
	const struct judge *judge = at->judge;
	bool first = at->hook == NF_INET_PRE_ROUTING || at->hook == NF_INET_LOCAL_OUT;
	bool tracked = judge->packet.ct_state != CT_STATE_INVALID &&
		       judge->packet.ct_state != CT_STATE_UNTRACKED;

	*known = UINT32_MAX;
	*state = CT_STATE_INVALID;
	if (at->hook >= FOREIGN_HOOK_INGRESS || (first && at->priority < JUDGE_CONNTRACK_PRIORITY)) {
		if (judge->untracked == TRI_YES)
			*state = CT_STATE_UNTRACKED;
		else if (judge->untracked == TRI_MAYBE)
			*known = 0;
		return TRI_NO;
	}
	*state = judge->untracked == TRI_YES ? CT_STATE_UNTRACKED : judge->packet.ct_state;
	if (judge->packet.many || judge->untracked == TRI_MAYBE ||
	    (first && at->priority == JUDGE_CONNTRACK_PRIORITY)) {
		*known = 0;
		return TRI_MAYBE;
	}
	return tri_of(tracked && judge->untracked == TRI_NO);
}

void judge_set_mark(struct judge *judge, uint32_t value, uint32_t mask, bool sure)
{
	if (!sure) {
		judge->mark_known = 0;
		return;
	}
	judge->mark = (judge->mark & ~mask) ^ value;
	judge->mark_known |= mask;
}

void judge_translate(const struct place_of_rule *at, bool source, const struct addr *addr,
		     uint16_t port, bool port_kept, bool sure)
{
	struct judge *judge = at->judge;
	uint32_t bit = source ? CT_STATUS_SRC_NAT : CT_STATUS_DST_NAT;

	judge->translated = sure ? TRI_YES : TRI_MAYBE;
	put_addr(&judge->bytes, judge->packet.family, source, sure ? addr : NULL);
	if (judge->packet.has_ports && !(sure && port_kept))
		put_port(&judge->bytes, source, sure ? port : 0);
	if (sure)
		judge->ct_status |= bit;
	else
		judge->ct_status_known &= ~bit;
}

void judge_masquerade(const struct place_of_rule *at, bool sure)
{
	const struct judge_packet *packet = &at->judge->packet;

	judge_translate(at, true, packet->masquerade_known ? &packet->masquerade : NULL, 0, false,
			sure);
}

void judge_remap(struct judge *judge, int priority, bool *done)
{
	const struct judge_packet *packet = &judge->packet;
	bool source = !packet->ct_reply;
	unsigned int hook = source ? NF_INET_POST_ROUTING : NF_INET_PRE_ROUTING;
	int place = source ? FOREIGN_PRIORITY_SRCNAT : FOREIGN_PRIORITY_DSTNAT;

	if (packet->saddr_hidden && judge->hook == NF_INET_POST_ROUTING &&
	    priority >= FOREIGN_PRIORITY_SRCNAT)
		put_addr(&judge->bytes, packet->family, true, NULL);
	if (*done || !packet->remapped || judge->hook != hook || priority < place)
		return;
	put_addr(&judge->bytes, packet->family, source,
		 packet->remap_known ? &packet->remap : NULL);
	if (packet->has_ports && !packet->remap_known)
		put_port(&judge->bytes, source, 0);
	judge->ct_status_known &= ~(source ? (uint32_t)CT_STATUS_SRC_NAT : 0u);
	*done = true;
}
