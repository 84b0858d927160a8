// SPDX-License-Identifier: GPL-2.0-or-later
// judge_xt: what one rule of legacy iptables does to the packet, and what iptables' targets do.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>

#include "judge/judge_eval.h"
#include "xt/xt_library.h"

/* Structures are copied out: nothing promises that they are aligned. */
#define TAKE(data, len, wanted) ((len) >= sizeof(wanted) && memcpy(&(wanted), data, sizeof(wanted)))

static enum tri flip(enum tri t, bool inverted)
{
	return inverted ? tri_not(t) : t;
}

/* The entry's own questions: addresses, interfaces, protocol. */

static enum tri address_fits(const struct judge *judge, bool source, const void *wanted,
			     const void *mask)
{
	bool ipv4 = judge->packet.family == FAMILY_IPV4;
	size_t len = family_bits(judge->packet.family) / 8;
	size_t at = ipv4 ? (source ? 12 : 16) : (source ? 8 : 24);
	const uint8_t *value = judge->bytes.network + at, *known = judge->bytes.network_known + at;
	const uint8_t *want = wanted, *bits = mask;
	enum tri fits = TRI_YES;

	for (size_t i = 0; i < len; i++) {
		if (((value[i] & bits[i]) ^ want[i]) & known[i])
			return TRI_NO;
		if (bits[i] & ~known[i])
			fits = TRI_MAYBE;
	}
	return fits;
}

/* open: the name may go on. */
static enum tri link_fits(const char *name, bool open, const char *wanted,
			  const unsigned char *mask)
{
	size_t len = strnlen(name, IFNAMSIZ - 1);
	char padded[IFNAMSIZ] = {0};

	memcpy(padded, name, len);
	for (size_t i = 0; i < (open ? len : IFNAMSIZ); i++)
		if ((padded[i] ^ wanted[i]) & (char)mask[i])
			return TRI_NO;
	if (!open || !mask[len])
		return TRI_YES;
	return memcmp(wanted, "lo", sizeof("lo")) == 0 && mask[sizeof("lo") - 1] ? TRI_NO :
										    TRI_MAYBE;
}

static bool asks(const unsigned char *mask)
{
	return mask[0] != 0;
}

static enum tri in_fits(const struct place_of_rule *at, const char *wanted,
			const unsigned char *mask)
{
	bool has = at->hook != NF_INET_LOCAL_OUT;

	if (!asks(mask))
		return TRI_YES;
	/* Whether the in-interface is known behind routing differs from kernel to kernel. */
	if (at->hook == NF_INET_POST_ROUTING)
		return judge_untold(at, "the in-interface behind routing");
	return link_fits(has ? at->judge->packet.iifname : "", has && at->judge->packet.iif_open,
			 wanted, mask);
}

static enum tri out_fits(const struct place_of_rule *at, const char *wanted,
			 const unsigned char *mask)
{
	bool has = at->hook != NF_INET_PRE_ROUTING && at->hook != NF_INET_LOCAL_IN;

	if (!asks(mask))
		return TRI_YES;
	return link_fits(has ? at->judge->packet.oifname : "", has && at->judge->packet.oif_open,
			 wanted, mask);
}

static enum tri protocol_fits(const struct judge *judge, uint16_t wanted)
{
	if (wanted == 0)
		return TRI_YES;
	return judge->packet.l4proto ? tri_of(judge->packet.l4proto == wanted) : TRI_MAYBE;
}

static enum tri ip_fits(const struct place_of_rule *at, const struct ipt_ip *ip)
{
	const struct judge *judge = at->judge;
	enum tri fits;

	fits = flip(address_fits(judge, true, &ip->src, &ip->smsk), ip->invflags & IPT_INV_SRCIP);
	fits = tri_and(fits, flip(address_fits(judge, false, &ip->dst, &ip->dmsk),
				  ip->invflags & IPT_INV_DSTIP));
	fits = tri_and(fits, flip(in_fits(at, ip->iniface, ip->iniface_mask),
				  ip->invflags & IPT_INV_VIA_IN));
	fits = tri_and(fits, flip(out_fits(at, ip->outiface, ip->outiface_mask),
				  ip->invflags & IPT_INV_VIA_OUT));
	if (ip->proto)
		fits = tri_and(fits, flip(protocol_fits(judge, ip->proto),
					  ip->invflags & IPT_INV_PROTO));
	/* Only later fragments are; this is none. */
	if (ip->flags & IPT_F_FRAG)
		fits = tri_and(fits, judge->packet.many ? TRI_MAYBE :
							   tri_of(ip->invflags & IPT_INV_FRAG));
	return fits;
}

static enum tri ip6_fits(const struct place_of_rule *at, const struct ip6t_ip6 *ip)
{
	const struct judge *judge = at->judge;
	enum tri fits;

	fits = flip(address_fits(judge, true, &ip->src, &ip->smsk), ip->invflags & IP6T_INV_SRCIP);
	fits = tri_and(fits, flip(address_fits(judge, false, &ip->dst, &ip->dmsk),
				  ip->invflags & IP6T_INV_DSTIP));
	fits = tri_and(fits, flip(in_fits(at, ip->iniface, ip->iniface_mask),
				  ip->invflags & IP6T_INV_VIA_IN));
	fits = tri_and(fits, flip(out_fits(at, ip->outiface, ip->outiface_mask),
				  ip->invflags & IP6T_INV_VIA_OUT));
	if (ip->flags & IP6T_F_PROTO && ip->proto)
		fits = tri_and(fits, flip(protocol_fits(judge, ip->proto),
					  ip->invflags & IP6T_INV_PROTO));
	return fits;
}

/* Targets. */

/* They look, count, mark, or change what no filter asks for: the packet goes on. */
static const char *const goes_on[] = {
	"AUDIT",    "CHECKSUM", "CLASSIFY", "CONNSECMARK", "DSCP",    "ECN",	 "HL",
	"HMARK",    "IDLETIMER", "LED",	    "LOG",	   "NFLOG",   "RATEEST", "SECMARK",
	"SET",	    "TCPMSS",	"TCPOPTSTRIP", "TEE",	   "TOS",     "TRACE",	 "TTL",	 "ULOG",
};

static void translate(const struct place_of_rule *at, bool source, const struct addr *addr,
		      uint16_t port, bool kept, bool sure, struct ruling *out)
{
	out->act = ACT_ACCEPT;
	out->translates = true;
	judge_translate(at, source, addr, port, kept, sure);
}

/* SNAT and DNAT: of revision 0 with IPv4's own structure. */
static void do_nat(const struct place_of_rule *at, bool source, unsigned int revision,
		   const void *data, size_t len, bool sure, struct ruling *out)
{
	struct nf_nat_ipv4_multi_range_compat old;
	struct nf_nat_range range;
	struct addr addr = {.family = at->judge->packet.family};
	size_t size = family_bits(addr.family) / 8;
	uint16_t port = source ? 0 : judge_port(at->judge);
	unsigned int flags = NF_NAT_RANGE_PROTO_RANDOM;
	bool one = false;

	if (revision == 0 && addr.family == FAMILY_IPV4 && TAKE(data, len, old)) {
		flags = old.range[0].flags;
		one = old.range[0].min_ip == old.range[0].max_ip;
		memcpy(addr.bytes, &old.range[0].min_ip, 4);
	} else if (revision >= 1 && TAKE(data, len, range)) {
		flags = range.flags;
		one = memcmp(&range.min_addr, &range.max_addr, sizeof(range.min_addr)) == 0;
		memcpy(addr.bytes, &range.min_addr, size);
	}
	one = one && flags & NF_NAT_RANGE_MAP_IPS;
	translate(at, source, one ? &addr : NULL, port,
		  !source && !(flags & NF_NAT_RANGE_PROTO_SPECIFIED) && port, sure, out);
}

static void set_mark(const struct place_of_rule *at, unsigned int revision, const void *data,
		     size_t len, bool sure)
{
	struct xt_mark_tginfo2 info;

	if (revision == 2 && TAKE(data, len, info))
		judge_set_mark(at->judge, info.mark, info.mask, sure);
	else
		judge_set_mark(at->judge, 0, 0, false);
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

void judge_target_xt(const struct place_of_rule *at, const char *name, unsigned int revision,
		     const void *data, size_t len, bool certain, struct ruling *out)
{
	struct xt_connmark_tginfo1 connmark;

	out->act = ACT_NEXT;
	if (is_one_of(name, goes_on, sizeof(goes_on) / sizeof(*goes_on)))
		return;
	if (strcmp(name, "REJECT") == 0)
		out->act = ACT_REJECT;
	else if (strcmp(name, "NFQUEUE") == 0)
		out->act = ACT_QUEUE;
	else if (strcmp(name, "SNAT") == 0 || strcmp(name, "DNAT") == 0)
		do_nat(at, *name == 'S', revision, data, len, certain, out);
	else if (strcmp(name, "MASQUERADE") == 0) {
		out->act = ACT_ACCEPT;
		out->translates = true;
		judge_masquerade(at, certain);
	} else if (strcmp(name, "REDIRECT") == 0)
		translate(at, false, NULL, 0, false, certain, out);
	else if (strcmp(name, "NETMAP") == 0)
		translate(at, at->hook == NF_INET_POST_ROUTING || at->hook == NF_INET_LOCAL_IN,
			  NULL, 0, false, certain, out);
	else if (strcmp(name, "MARK") == 0)
		set_mark(at, revision, data, len, certain);
	else if (strcmp(name, "CT") == 0 || strcmp(name, "NOTRACK") == 0)
		/* CT may set a helper only, and may as well take the packet out. */
		at->judge->untracked = certain && *name == 'N' ? TRI_YES : TRI_MAYBE;
	else if (strcmp(name, "CONNMARK") == 0) {
		if (!TAKE(data, len, connmark) || connmark.mode == XT_CONNMARK_RESTORE)
			judge_set_mark(at->judge, 0, 0, false);
	} else {
		(void)judge_untold(at, name);
		out->act = ACT_UNKNOWN;
	}
}

/* A verdict, or a jump: libiptc has put a name to both. */
static bool is_verdict(const char *target, struct ruling *out)
{
	if (*target == '\0')
		out->act = ACT_NEXT;
	else if (strcmp(target, "ACCEPT") == 0)
		out->act = ACT_ACCEPT;
	else if (strcmp(target, "DROP") == 0)
		out->act = ACT_DROP;
	else if (strcmp(target, "RETURN") == 0)
		out->act = ACT_RETURN;
	else if (strcmp(target, "QUEUE") == 0)
		out->act = ACT_QUEUE;
	else
		return false;
	return true;
}

static void take_target(const struct place_of_rule *at, const struct foreign_rule *rule,
			const struct xt_layout *layout, size_t target_at, size_t end,
			struct ruling *out)
{
	const uint8_t *entry = rule->entry;
	struct xt_entry_target target;

	if (is_verdict(rule->target, out))
		return;
	if (foreign_chain_of(at->table, rule->target)) {
		out->act = entry[layout->flags] & layout->flag_goto ? ACT_GOTO : ACT_JUMP;
		out->chain = rule->target;
		return;
	}
	if (target_at + sizeof(target) > end) {
		out->act = ACT_UNKNOWN;
		return;
	}
	memcpy(&target, entry + target_at, sizeof(target));
	judge_target_xt(at, rule->target, target.u.user.revision,
			entry + target_at + sizeof(target), end - target_at - sizeof(target),
			at->certain && out->match == TRI_YES, out);
}

static void take_matches(const struct place_of_rule *at, const uint8_t *entry, size_t head,
			 size_t end, struct ruling *out)
{
	struct xt_entry_match match;
	/* The name in the entry itself: what can't be told is remembered by it. */
	const char *names = (const char *)entry + offsetof(struct xt_entry_match, u.user.name);

	for (size_t m = head; m + sizeof(match) <= end && out->match != TRI_NO;
	     m += match.u.match_size) {
		memcpy(&match, entry + m, sizeof(match));
		if (match.u.match_size < sizeof(match) || match.u.match_size > end - m) {
			out->match = tri_and(out->match, judge_untold(at, "a match"));
			return;
		}
		out->match = tri_and(out->match,
				     judge_match_xt(at, names + m,
						    match.u.user.revision,
						    entry + m + sizeof(match),
						    match.u.match_size - sizeof(match)));
	}
}

void judge_rule_xt(const struct place_of_rule *at, const struct foreign_rule *rule,
		   struct ruling *out)
{
	enum family family = at->judge->packet.family;
	const struct xt_layout *layout = &xt_libraries[family].layout;
	const uint8_t *entry = rule->entry;
	uint16_t target_at, end;
	struct ip6t_ip6 ip6;
	struct ipt_ip ip;

	memcpy(&target_at, entry + layout->target_offset, sizeof(target_at));
	memcpy(&end, entry + layout->next_offset, sizeof(end));
	if (family == FAMILY_IPV4) {
		memcpy(&ip, entry, sizeof(ip));
		out->match = ip_fits(at, &ip);
	} else {
		memcpy(&ip6, entry, sizeof(ip6));
		out->match = ip6_fits(at, &ip6);
	}
	take_matches(at, entry, layout->head, target_at, out);
	if (out->match != TRI_NO)
		take_target(at, rule, layout, target_at, end, out);
}
