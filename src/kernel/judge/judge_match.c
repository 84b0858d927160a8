// SPDX-License-Identifier: GPL-2.0-or-later
// judge_match: which packets the matches of iptables fit; legacy, and as iptables-nft uses them.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "hostgate/ruleset.h"
#include "judge/judge_eval.h"

/* Structures are copied out: nothing promises that they are aligned. */
#define TAKE(data, len, wanted) ((len) >= sizeof(wanted) && memcpy(&(wanted), data, sizeof(wanted)))

struct question {
	const struct place_of_rule *at;
	const char *name;
	unsigned int revision;
	const void *data;
	size_t len;
};

static enum tri flip(enum tri t, bool inverted)
{
	return inverted ? tri_not(t) : t;
}

static enum tri not_told(const struct question *q)
{
	return judge_untold(q->at, q->name);
}

static const struct judge_bytes *bytes_of(const struct question *q)
{
	return &q->at->judge->bytes;
}

static enum tri has_protocol(const struct question *q, uint8_t wanted)
{
	uint8_t l4proto = q->at->judge->packet.l4proto;

	return l4proto ? tri_of(l4proto == wanted) : TRI_MAYBE;
}

static enum tri port_in(const struct question *q, bool source, uint16_t first, uint16_t last)
{
	const struct judge_bytes *b = bytes_of(q);
	size_t at = source ? 0 : 2;
	uint16_t port = (uint16_t)(b->transport[at] << 8 | b->transport[at + 1]);

	if (first == 0 && last == UINT16_MAX)
		return TRI_YES;
	if (!q->at->judge->packet.has_ports || !bits_known(b->transport_known + at, 2))
		return judge_untold(q->at, "a port");
	return tri_of(port >= first && port <= last);
}

static enum tri ask_tcp(const struct question *q)
{
	struct xt_tcp tcp;
	enum tri fits, flags;
	uint8_t wanted;

	if (!TAKE(q->data, q->len, tcp))
		return not_told(q);
	fits = flip(port_in(q, true, tcp.spts[0], tcp.spts[1]), tcp.invflags & XT_TCP_INV_SRCPT);
	fits = tri_and(fits, flip(port_in(q, false, tcp.dpts[0], tcp.dpts[1]),
				  tcp.invflags & XT_TCP_INV_DSTPT));
	if (tcp.flg_mask) {
		wanted = tcp.flg_cmp;
		flags = bytes_of(q)->transport_known[13] != 0xff
				? TRI_MAYBE
				: tri_of((bytes_of(q)->transport[13] & tcp.flg_mask) == wanted);
		fits = tri_and(fits, flip(flags, tcp.invflags & XT_TCP_INV_FLAGS));
	}
	if (tcp.option)
		fits = tri_and(fits, judge_untold(q->at, "a TCP option"));
	return tri_and(has_protocol(q, IPPROTO_TCP), fits);
}

static enum tri ask_udp(const struct question *q)
{
	struct xt_udp udp;
	enum tri fits;

	if (!TAKE(q->data, q->len, udp))
		return not_told(q);
	fits = flip(port_in(q, true, udp.spts[0], udp.spts[1]), udp.invflags & XT_UDP_INV_SRCPT);
	return tri_and(fits, flip(port_in(q, false, udp.dpts[0], udp.dpts[1]),
				  udp.invflags & XT_UDP_INV_DSTPT));
}

static enum tri icmp_fits(const struct question *q, uint8_t type, const uint8_t code[2], bool any)
{
	const struct judge_bytes *b = bytes_of(q);

	if (any)
		return TRI_YES;
	if (!bits_known(b->transport_known, 2))
		return judge_untold(q->at, "an ICMP type");
	return tri_of(b->transport[0] == type && b->transport[1] >= code[0] &&
		      b->transport[1] <= code[1]);
}

static enum tri ask_icmp(const struct question *q)
{
	struct ipt_icmp icmp;

	if (!TAKE(q->data, q->len, icmp))
		return not_told(q);
	return flip(icmp_fits(q, icmp.type, icmp.code, icmp.type == 0xff),
		    icmp.invflags & IPT_ICMP_INV);
}

static enum tri ask_icmp6(const struct question *q)
{
	struct ip6t_icmp icmp;

	if (!TAKE(q->data, q->len, icmp))
		return not_told(q);
	return flip(icmp_fits(q, icmp.type, icmp.code, false), icmp.invflags & IP6T_ICMP_INV);
}

/* The state's bits as iptables has them. */
static uint32_t state_bits(uint32_t state)
{
	if (state == CT_STATE_UNTRACKED)
		return XT_CONNTRACK_STATE_UNTRACKED;
	return state;
}

static enum tri ask_state(const struct question *q)
{
	struct xt_state_info info;
	uint32_t state, known;

	(void)judge_conntrack(q->at, &state, &known);
	if (!TAKE(q->data, q->len, info) || known != UINT32_MAX)
		return not_told(q);
	/* XT_STATE_UNTRACKED is another bit than conntrack's match has. */
	if (state == CT_STATE_UNTRACKED)
		return tri_of(info.statemask & XT_STATE_UNTRACKED);
	return tri_of(info.statemask & state);
}

/* Revisions differ in how wide the fields are that come later. */
struct conntrack_info {
	uint16_t match, invert, state, status;
};

static bool take_conntrack(const struct question *q, struct conntrack_info *out)
{
	struct xt_conntrack_mtinfo1 one;
	struct xt_conntrack_mtinfo2 two;
	struct xt_conntrack_mtinfo3 three;

	switch (q->revision) {
	case 1:
		if (!TAKE(q->data, q->len, one))
			return false;
		*out = (struct conntrack_info){one.match_flags, one.invert_flags, one.state_mask,
					       one.status_mask};
		return true;
	case 2:
		if (!TAKE(q->data, q->len, two))
			return false;
		*out = (struct conntrack_info){two.match_flags, two.invert_flags, two.state_mask,
					       two.status_mask};
		return true;
	case 3:
		if (!TAKE(q->data, q->len, three))
			return false;
		*out = (struct conntrack_info){three.match_flags, three.invert_flags,
					       three.state_mask, three.status_mask};
		return true;
	default:
		return false;
	}
}

static enum tri ct_state_fits(const struct question *q, const struct conntrack_info *info,
			      enum tri tracked, uint32_t state)
{
	const struct judge *judge = q->at->judge;
	uint32_t bits = state_bits(state), unknown = 0;

	if (tracked == TRI_YES && judge->ct_status & CT_STATUS_SRC_NAT)
		bits |= XT_CONNTRACK_STATE_SNAT;
	if (tracked == TRI_YES && judge->ct_status & CT_STATUS_DST_NAT)
		bits |= XT_CONNTRACK_STATE_DNAT;
	if (!(judge->ct_status_known & CT_STATUS_SRC_NAT))
		unknown |= XT_CONNTRACK_STATE_SNAT;
	if (!(judge->ct_status_known & CT_STATUS_DST_NAT))
		unknown |= XT_CONNTRACK_STATE_DNAT;
	if (info->state & bits & ~unknown)
		return TRI_YES;
	return info->state & unknown ? judge_untold(q->at, "ct state") : TRI_NO;
}

static enum tri ct_status_fits(const struct question *q, const struct conntrack_info *info)
{
	uint32_t status = q->at->judge->ct_status, known = q->at->judge->ct_status_known;

	if (info->status == 0)
		return known == UINT32_MAX ? tri_of(status == 0) : judge_untold(q->at, "ct status");
	if (info->status & status & known)
		return TRI_YES;
	return info->status & ~known ? judge_untold(q->at, "ct status") : TRI_NO;
}

/* Whether the connection's first packet went to an address of the prefix; revisions 1 to 3. */
static enum tri original_fits(const struct question *q)
{
	const struct xt_conntrack_mtinfo3 *info = q->data;
	struct addr addr;

	if (q->revision < 1 || q->len < offsetof(struct xt_conntrack_mtinfo3, match_flags) ||
	    !judge_original(q->at->judge, false, &addr))
		return not_told(q);
	for (size_t i = 0; i < family_bits(addr.family) / 8; i++)
		if ((addr.bytes[i] ^ ((const uint8_t *)&info->origdst_addr)[i]) &
		    ((const uint8_t *)&info->origdst_mask)[i])
			return TRI_NO;
	return TRI_YES;
}

static enum tri ask_conntrack(const struct question *q)
{
	const uint16_t told =
		XT_CONNTRACK_STATE | XT_CONNTRACK_DIRECTION | XT_CONNTRACK_STATUS |
		XT_CONNTRACK_ORIGDST;
	bool original = !q->at->judge->packet.ct_reply;
	struct conntrack_info info;
	enum tri fits = TRI_YES, tracked;
	uint32_t state, known;

	tracked = judge_conntrack(q->at, &state, &known);
	if (!take_conntrack(q, &info) || known != UINT32_MAX || tracked == TRI_MAYBE)
		return not_told(q);
	if (info.match & XT_CONNTRACK_STATE)
		fits = flip(ct_state_fits(q, &info, tracked, state),
			    info.invert & XT_CONNTRACK_STATE);
	if (tracked == TRI_NO)
		return info.match & XT_CONNTRACK_STATE ? fits : TRI_NO;
	if (info.match & XT_CONNTRACK_DIRECTION)
		fits = tri_and(fits,
			       flip(tri_of(original), info.invert & XT_CONNTRACK_DIRECTION));
	if (info.match & XT_CONNTRACK_STATUS)
		fits = tri_and(fits, flip(ct_status_fits(q, &info),
					  info.invert & XT_CONNTRACK_STATUS));
	if (info.match & XT_CONNTRACK_ORIGDST)
		fits = tri_and(fits, flip(original_fits(q), info.invert & XT_CONNTRACK_ORIGDST));
	if (info.match & ~told && fits != TRI_NO)
		fits = tri_and(fits, not_told(q));
	return fits;
}

static enum tri ask_multiport(const struct question *q)
{
	struct xt_multiport_v1 info;
	enum tri fits = TRI_NO;

	if (q->revision != 1 || !TAKE(q->data, q->len, info) || info.count > XT_MULTI_PORTS)
		return not_told(q);
	for (size_t i = 0; i < info.count; i++) {
		uint16_t first = info.ports[i];
		uint16_t last = info.pflags[i] && i + 1 < info.count ? info.ports[++i] : first;

		if (info.flags != XT_MULTIPORT_DESTINATION)
			fits = tri_or(fits, port_in(q, true, first, last));
		if (info.flags != XT_MULTIPORT_SOURCE)
			fits = tri_or(fits, port_in(q, false, first, last));
	}
	return flip(fits, info.invert);
}

static enum tri ask_mark(const struct question *q)
{
	const struct judge *judge = q->at->judge;
	struct xt_mark_mtinfo1 info;
	enum tri fits;

	if (q->revision != 1 || !TAKE(q->data, q->len, info))
		return not_told(q);
	if ((judge->mark ^ info.mark) & info.mask & judge->mark_known)
		fits = TRI_NO;
	else if ((judge->mark & info.mask & judge->mark_known) != (info.mark & judge->mark_known))
		fits = TRI_NO; /* it asks for bits that its own mask leaves out */
	else
		fits = (info.mask & ~judge->mark_known) ? judge_untold(q->at, "mark") : TRI_YES;
	return flip(fits, info.invert);
}

/* A forwarded packet has no address of the host, and is for one machine. */
static enum tri ask_addrtype(const struct question *q)
{
	const struct judge_packet *packet = &q->at->judge->packet;
	uint16_t source, dest, unicast = XT_ADDRTYPE_UNICAST;
	struct xt_addrtype_info_v1 one;
	struct xt_addrtype_info zero;
	bool invert_source, invert_dest, limited = false;
	const struct judge *judge = q->at->judge;
	enum tri fits = TRI_YES;

	if (q->revision == 1 && TAKE(q->data, q->len, one)) {
		source = one.source;
		dest = one.dest;
		invert_source = one.flags & XT_ADDRTYPE_INVERT_SOURCE;
		invert_dest = one.flags & XT_ADDRTYPE_INVERT_DEST;
		limited = one.flags & XT_ADDRTYPE_LIMIT_IFACE_IN;
	} else if (q->revision == 0 && TAKE(q->data, q->len, zero)) {
		source = zero.source;
		dest = zero.dest;
		invert_source = zero.invert_source;
		invert_dest = zero.invert_dest;
	} else {
		return not_told(q);
	}
	if (packet->many || limited || !*packet->iifname || !*packet->oifname ||
	    judge->translated != TRI_NO || (source && !judge_is_as_sent(judge, true)) ||
	    (dest && !judge_is_as_sent(judge, false)))
		return not_told(q);
	if (source)
		fits = flip(tri_of(source & unicast), invert_source);
	if (dest)
		fits = tri_and(fits, flip(tri_of(dest & unicast), invert_dest));
	return fits;
}

static enum tri ask_pkttype(const struct question *q)
{
	struct xt_pkttype_info info;

	if (!TAKE(q->data, q->len, info) || q->at->judge->packet.many ||
	    !*q->at->judge->packet.iifname)
		return not_told(q);
	return flip(tri_of(info.pkttype == 0), info.invert);
}

static enum tri ask_rpfilter(const struct question *q)
{
	enum tri path = q->at->judge->packet.reverse_path;
	struct xt_rpfilter_info info;

	if (!TAKE(q->data, q->len, info) || path == TRI_MAYBE ||
	    info.flags & ~(XT_RPFILTER_INVERT | XT_RPFILTER_VALID_MARK))
		return not_told(q);
	return flip(path, info.flags & XT_RPFILTER_INVERT);
}

static enum tri address_in(const struct question *q, bool source, const void *min, const void *max)
{
	size_t len = family_bits(q->at->judge->packet.family) / 8;
	struct addr addr;

	if (!(source ? judge_source(q->at->judge, &addr) : judge_destination(q->at->judge, &addr)))
		return judge_untold(q->at, "an address");
	return tri_of(memcmp(addr.bytes, min, len) >= 0 && memcmp(addr.bytes, max, len) <= 0);
}

static enum tri ask_iprange(const struct question *q)
{
	struct xt_iprange_mtinfo info;
	enum tri fits = TRI_YES;

	if (q->revision != 1 || !TAKE(q->data, q->len, info))
		return not_told(q);
	if (info.flags & IPRANGE_SRC)
		fits = flip(address_in(q, true, &info.src_min, &info.src_max),
			    info.flags & IPRANGE_SRC_INV);
	if (info.flags & IPRANGE_DST)
		fits = tri_and(fits, flip(address_in(q, false, &info.dst_min, &info.dst_max),
					  info.flags & IPRANGE_DST_INV));
	return fits;
}

static enum tri ask_comment(const struct question *q)
{
	(void)q;
	return TRI_YES;
}

static const struct {
	const char *name;
	enum tri (*ask)(const struct question *q);
} matches[] = {
	{"addrtype", ask_addrtype}, {"comment", ask_comment},	{"conntrack", ask_conntrack},
	{"icmp", ask_icmp},	    {"icmp6", ask_icmp6},	{"iprange", ask_iprange},
	{"mark", ask_mark},	    {"multiport", ask_multiport}, {"pkttype", ask_pkttype},
	{"rpfilter", ask_rpfilter}, {"state", ask_state},	{"tcp", ask_tcp},
	{"udp", ask_udp},
};

enum tri judge_match_xt(const struct place_of_rule *at, const char *name, unsigned int revision,
			const void *data, size_t len)
{
	const struct question q = {at, name, revision, data, len};

	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++)
		if (strcmp(matches[i].name, name) == 0)
			return matches[i].ask(&q);
	return not_told(&q);
}
