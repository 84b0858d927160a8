// SPDX-License-Identifier: GPL-2.0-or-later
// probe: the kinds of packets that prove sends, and each as the simulator wants it.
#include "probe/probe.h"

#include <netinet/in.h>
#include <string.h>

#define ICMP4 IPPROTO_ICMP
#define ICMP6 IPPROTO_ICMPV6
#define BOTH(protocol) \
	{ \
		protocol, protocol \
	}

const struct probe_kind_info probe_kind_table[PROBE__COUNT] = {
	[PROBE_UDP] = {"udp", BOTH(IPPROTO_UDP), CT_STATE_NEW},
	[PROBE_TCP] = {"tcp", BOTH(IPPROTO_TCP), CT_STATE_NEW},
	[PROBE_ECHO] = {"ping", {ICMP4, ICMP6}, CT_STATE_NEW},
	[PROBE_PROTOCOL] = {"protocol 253", BOTH(253), CT_STATE_NEW},
	[PROBE_FRAGMENTS] = {"udp in fragments", BOTH(IPPROTO_UDP), CT_STATE_NEW},
	[PROBE_FRAGMENTS_BACK] = {"udp in fragments, backwards", BOTH(IPPROTO_UDP), CT_STATE_NEW},
	[PROBE_RST] = {"tcp RST of no connection", BOTH(IPPROTO_TCP), CT_STATE_INVALID},
	[PROBE_FIN_ACK] = {"tcp FIN of no connection", BOTH(IPPROTO_TCP), CT_STATE_INVALID},
	[PROBE_SYN_ACK] = {"tcp SYN-ACK of no connection", BOTH(IPPROTO_TCP), CT_STATE_INVALID},
	[PROBE_ALL_FLAGS] = {"tcp with all flags", BOTH(IPPROTO_TCP), CT_STATE_INVALID},
	[PROBE_ECHO_REPLY] = {"ping reply that nobody asked for", {ICMP4, ICMP6}, CT_STATE_INVALID},
	[PROBE_ERROR] = {"icmp error about nothing", {ICMP4, ICMP6}, CT_STATE_INVALID},
	[PROBE_UDP_BROKEN] = {"udp with a wrong checksum", BOTH(IPPROTO_UDP), CT_STATE_INVALID},
	[PROBE_TCP_BROKEN] = {"tcp with a wrong checksum", BOTH(IPPROTO_TCP), CT_STATE_INVALID},
	[PROBE_FRAGMENT] = {"a lone fragment", BOTH(IPPROTO_UDP), CT_STATE_INVALID},
	[PROBE_REPORT] = {"multicast listener report", {0, ICMP6}, CT_STATE_UNTRACKED},
	[PROBE_ACK] = {"tcp ACK of no connection", BOTH(IPPROTO_TCP), CT_STATE_NEW},
	[PROBE_LAST_HOP] = {"udp on its last hop", BOTH(IPPROTO_UDP), CT_STATE_NEW},
	[PROBE_LAST_HOP_ECHO] = {"ping on its last hop", {ICMP4, ICMP6}, CT_STATE_NEW},
	[PROBE_HOP_OPTION] = {"udp with an unknown hop-by-hop option",
			      {0, IPPROTO_UDP},
			      CT_STATE_NEW},
	[PROBE_ROUTER] = {"router advertisement or redirect", {ICMP4, ICMP6}, CT_STATE_UNTRACKED},
	[PROBE_DHCP] = {"dhcp", {IPPROTO_UDP, 0}, CT_STATE_NEW},
	[PROBE_REPLY] = {"reply", {0, 0}, CT_STATE_ESTABLISHED},
	[PROBE_ERROR_ABOUT] = {"icmp error about it", {ICMP4, ICMP6}, CT_STATE_RELATED},
	[PROBE_STRANGER] = {"udp of somebody else", BOTH(IPPROTO_UDP), CT_STATE_NEW},
};

static void name_port(const struct replica *r, uint32_t port, char out[static IFNAME_SIZE])
{
	memset(out, 0, IFNAME_SIZE);
	if (port != NO_PORT)
		memcpy(out, r->ports[port].name, IFNAME_SIZE);
}

/* Numbers of an ICMP or ICMPv6 message of the kind. */
static void set_icmp(struct packet *packet, enum probe_kind kind)
{
	bool v4 = packet->family == FAMILY_IPV4;

	packet->icmp_type = v4 ? 8 : 128;
	if (kind == PROBE_ECHO_REPLY)
		packet->icmp_type = v4 ? 0 : 129;
	if (kind == PROBE_REPORT)
		packet->icmp_type = 143;
	if (kind == PROBE_ROUTER)
		packet->icmp_type = v4 ? 5 : 134;
	if (kind == PROBE_ERROR || kind == PROBE_ERROR_ABOUT) {
		packet->icmp_type = v4 ? 3 : 1;
		packet->icmp_code = v4 ? 3 : 4;
	}
}

struct packet probe_packet(const struct probe_list *list, const struct probe *probe)
{
	const struct probe_kind_info *info = &probe_kind_table[probe->kind];
	const struct probe *about = probe->about == NO_PROBE ? NULL : &list->items[probe->about];
	const struct replica *r = list->replica;
	struct packet packet = {
		.family = probe->family,
		.saddr = probe->saddr,
		.daddr = probe->daddr,
		.l4proto = info->l4proto[probe->family],
		.dport = probe->kind == PROBE_DHCP ? 67 : 7,
		.ct_state = info->ct_state,
	};

	name_port(r, probe->in, packet.iifname);
	name_port(r, probe->toward, packet.oifname);
	packet.ct_daddr = probe->daddr;
	packet.for_host = probe->in != NO_PORT && probe->toward == NO_PORT;
	packet.dest_local = replica_has(r, &probe->daddr, NO_PORT);
	packet.source_local = replica_has(r, &probe->saddr, NO_PORT);
	packet.source_on_out =
		probe->toward != NO_PORT && replica_has(r, &probe->saddr, probe->toward);
	packet.reverse_path = !packet.source_local &&
			      (probe->phase == PHASE_ASTRAY
				       ? replica_route_astray(r, &probe->saddr)
				       : replica_route_to(r, &probe->saddr)) == probe->in;
	if (packet.l4proto == ICMP4 || packet.l4proto == ICMP6)
		set_icmp(&packet, probe->kind);
	if (about && probe->kind != PROBE_STRANGER) {
		if (probe->kind == PROBE_REPLY)
			packet.l4proto = probe_kind_table[about->kind].l4proto[probe->family];
		packet.ct_reply = true;
		packet.ct_status = CT_STATUS_CONFIRMED;
		if (!addr_equal(&about->seen_saddr, &about->saddr))
			packet.ct_status |= CT_STATUS_SRC_NAT;
		packet.ct_source = probe->saddr;
		packet.ct_daddr = about->daddr;
	}
	return packet;
}
