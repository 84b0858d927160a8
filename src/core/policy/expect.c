// SPDX-License-Identifier: GPL-2.0-or-later
// expect: what should happen to a packet, by the description alone; what prove judges rules with.
#include "policy/expect.h"

#include <netinet/in.h>
#include <string.h>

/*
 * Theory of operation
 *
 * This is the policy said a second time, as questions about one packet, where plan says it as
 * rules. Neither file uses the other, and none of plan's sets has a counterpart here: a mistake
 * made in one of them shows as a disagreement, in the test that compares them over random packets
 * and in prove, that compares them with the kernel.
 */

static bool in_prefix(const struct addr *addr, const char *text)
{
	struct prefix prefix = {0};

	/* Only constants of this file come here. */
	(void)prefix_parse(text, &prefix);
	return prefix_contains(&prefix, addr);
}

const struct network *expect_network(const struct description *description, const char *ifname)
{
	for (size_t n = 0; *ifname && n < description->n_networks; n++) {
		const struct network *network = &description->networks[n];

		for (size_t i = 0; i < network->n_interfaces; i++)
			if (ifpattern_matches(&network->interfaces[i], ifname))
				return network;
	}
	return NULL;
}

static const struct uplink *find_uplink(const struct description *description, const char *ifname)
{
	for (size_t u = 0; u < description->n_uplinks; u++)
		if (strcmp(description->uplinks[u].interface.name, ifname) == 0)
			return &description->uplinks[u];
	return NULL;
}

bool expect_member(const struct network *network, const struct addr *addr)
{
	for (size_t s = 0; s < network->n_subnets; s++)
		if (prefix_contains(&network->subnets[s].prefix, addr))
			return true;
	return false;
}

/* Tells whether the network may use the uplink at all. */
static bool may_use(const struct description *description, const struct network *network,
		    const struct uplink *uplink)
{
	if (network->mode == MODE_ISOLATED)
		return false;
	for (size_t i = 0; i < network->n_uplinks; i++)
		if (&description->uplinks[network->uplinks[i]] == uplink)
			return true;
	return false;
}

/* The network that the address belongs to, or NULL. */
static const struct network *find_owner(const struct description *d, const struct addr *addr)
{
	for (size_t n = 0; n < d->n_networks; n++)
		if (expect_member(&d->networks[n], addr))
			return &d->networks[n];
	return NULL;
}

/* Tells whether packets of any network may leave it; only then are connections tracked. */
static bool is_tracked_host(const struct description *d)
{
	for (size_t n = 0; n < d->n_networks; n++)
		if (d->networks[n].mode != MODE_ISOLATED && d->networks[n].n_uplinks > 0)
			return true;
	return false;
}

/* What a machine sends while it has no address yet: DHCP, IGMP, neighbour discovery. */
static bool is_unready(const struct network *from, const struct packet *p)
{
	if (p->family == FAMILY_IPV4 && !in_prefix(&p->saddr, "0.0.0.0/32"))
		return false;
	if (p->family == FAMILY_IPV4)
		return (p->l4proto == IPPROTO_UDP && p->dport == 67 &&
			(in_prefix(&p->daddr, "255.255.255.255/32") ||
			 expect_member(from, &p->daddr))) ||
		       (p->l4proto == IPPROTO_IGMP && in_prefix(&p->daddr, "224.0.0.0/4"));
	return in_prefix(&p->saddr, "::/128") && in_prefix(&p->daddr, "ff02::/16") &&
	       p->l4proto == IPPROTO_ICMPV6 &&
	       (p->icmp_type == 131 || p->icmp_type == 132 || p->icmp_type == 133 ||
		p->icmp_type == 135 || p->icmp_type == 143);
}

/* Would make its sender a router of the host. */
static bool is_from_router(const struct packet *p)
{
	if (p->family == FAMILY_IPV4)
		return p->l4proto == IPPROTO_ICMP && p->icmp_type == 5;
	return p->l4proto == IPPROTO_ICMPV6 && (p->icmp_type == 134 || p->icmp_type == 137);
}

/* P4, before anything else: whom would the host answer, and where? */
static bool passes_door(const struct description *d, const struct network *from,
			const struct packet *p)
{
	if (!from)
		return p->reverse_path || !find_owner(d, &p->saddr);
	if (is_from_router(p))
		return false;
	/* What the host sends to many, the kernel gives it back as if it came in there. */
	if (expect_member(from, &p->saddr) && p->source_local)
		return (p->dest_broadcast || in_prefix(&p->daddr, "224.0.0.0/4") ||
			in_prefix(&p->daddr, "ff00::/8")) &&
		       !(is_tracked_host(d) && p->ct_state & CT_STATE_INVALID);
	if (expect_member(from, &p->saddr))
		return true;
	if (is_unready(from, p))
		return true;
	if (in_prefix(&p->saddr, "0.0.0.0/8") || in_prefix(&p->saddr, "::/128"))
		return false;
	if (in_prefix(&p->saddr, "fe80::/10"))
		return true;
	if (in_prefix(&p->saddr, "169.254.0.0/16") && in_prefix(&p->daddr, "224.0.0.0/4"))
		return true;
	return p->reverse_path;
}

/*
 * What the host would answer elsewhere it does not hear: a guest's packet by its reverse path, and
 * a link-local source to many. From elsewhere it hears an inside source only when it asked for it.
 */
static bool is_taken(const struct description *d, const struct network *from,
		     const struct packet *p)
{
	if (from && expect_member(from, &p->saddr))
		return p->reverse_path || p->source_local;
	if (find_owner(d, &p->saddr) && is_tracked_host(d))
		return p->ct_reply && (p->ct_state & CT_STATE_ESTABLISHED);
	return !from || !in_prefix(&p->saddr, "169.254.0.0/16") ||
	       !in_prefix(&p->daddr, "224.0.0.0/4");
}

/* Addresses that no connection through an uplink goes to: inside, and the host's as described. */
static bool is_own(const struct description *d, const struct addr *addr)
{
	if (find_owner(d, addr) || in_prefix(addr, "255.255.255.255/32") ||
	    in_prefix(addr, "224.0.0.0/4") || in_prefix(addr, "ff00::/8") ||
	    in_prefix(addr, "fe80::/10"))
		return true;
	for (size_t u = 0; u < d->n_uplinks; u++)
		if (d->uplinks[u].has_address[addr->family] &&
		    addr_equal(&d->uplinks[u].address[addr->family], addr))
			return true;
	for (size_t n = 0; n < d->n_networks; n++)
		for (size_t g = 0; g < d->networks[n].n_gateways; g++)
			if (addr_equal(&d->networks[n].gateways[g].addr, addr))
				return true;
	return false;
}

/* The matrix of what may pass. */
static bool passes_matrix(const struct description *d, const struct packet *p)
{
	const struct network *from = expect_network(d, p->iifname);
	const struct network *to = expect_network(d, p->oifname);
	const struct uplink *uplink;

	if (from && from == to)
		return true;
	if (!from && !to)
		return !find_owner(d, &p->saddr) && !find_owner(d, &p->daddr);
	if (p->ct_state & CT_STATE_INVALID)
		return false;
	if (from) {
		uplink = find_uplink(d, p->oifname);
		return !to && uplink && may_use(d, from, uplink) && expect_member(from, &p->saddr);
	}
	uplink = find_uplink(d, p->iifname);
	if (!uplink || !may_use(d, to, uplink) || !expect_member(to, &p->daddr))
		return false;
	if (p->ct_state & CT_STATE_UNTRACKED)
		return false;
	if (!p->ct_reply && !(p->ct_state & CT_STATE_RELATED) &&
	    !(p->ct_status & CT_STATUS_EXPECTED))
		return false;
	if (p->ct_state & CT_STATE_RELATED && find_owner(d, &p->saddr))
		return false;
	if (to->mode == MODE_ROUTED)
		return !find_owner(d, &p->saddr) && !p->source_local &&
		       !(p->family == FAMILY_IPV4 && p->source_broadcast) &&
		       !is_own(d, &p->ct_daddr);
	return (p->ct_status & CT_STATUS_SRC_NAT) ||
	       ((p->ct_status & CT_STATUS_EXPECTED) && (p->ct_status & CT_STATUS_DST_NAT));
}

/* Answers that the kernel gives before the door could keep their cause out; P4. */
static bool is_early_answer(const struct packet *p)
{
	if (p->family == FAMILY_IPV4)
		return p->l4proto == IPPROTO_ICMP && p->icmp_type == 12 && p->icmp_code == 0;
	return p->l4proto == IPPROTO_ICMPV6 && p->icmp_type == 4 &&
	       (p->icmp_code == 0 || p->icmp_code == 2);
}

/* ICMP that answers somebody. */
static bool is_icmp_answer(const struct packet *p)
{
	static const uint8_t types4[] = {0, 3, 4, 5, 11, 12, 14, 16, 18};
	static const uint8_t types6[] = {1, 2, 3, 4, 129, 137, 140};

	if (p->family == FAMILY_IPV4)
		return p->l4proto == IPPROTO_ICMP && memchr(types4, p->icmp_type, sizeof(types4));
	return p->l4proto == IPPROTO_ICMPV6 && memchr(types6, p->icmp_type, sizeof(types6));
}

/*
 * P1: a packet to an inside address leaves by its network's interface. Elsewhere there may be a LAN
 * with the same addresses: it gets what the host begins itself, and no answers.
 */
static bool passes_inward(const struct description *d, const struct packet *p)
{
	const struct network *to = expect_network(d, p->oifname);

	if (!find_owner(d, &p->daddr) || (to && expect_member(to, &p->daddr)) ||
	    strcmp(p->oifname, "lo") == 0)
		return true;
	if (!is_tracked_host(d))
		return p->source_on_out && !is_icmp_answer(p);
	return p->source_on_out && !p->ct_reply &&
	       !(p->ct_state & (CT_STATE_INVALID | CT_STATE_UNTRACKED | CT_STATE_RELATED));
}

static bool stays_on_link(const struct addr *addr)
{
	return in_prefix(addr, "224.0.0.0/24") || in_prefix(addr, "255.255.255.255/32") ||
	       in_prefix(addr, "ff02::/16");
}

/* What conntrack makes of a source by what it did to the connection's first packet. */
static bool is_translated_already(const struct packet *p)
{
	if (p->ct_state & (CT_STATE_INVALID | CT_STATE_UNTRACKED))
		return false;
	return p->ct_status & (p->ct_reply ? CT_STATUS_DST_NAT : CT_STATUS_SRC_NAT);
}

/* P2: a private source is translated on an uplink, or stays inside. */
static struct expectation leave_by_uplink(const struct description *d, const struct uplink *uplink,
					  const struct packet *p)
{
	const struct network *owner = find_owner(d, &p->saddr);
	struct expectation out = {0};

	out.source = p->saddr;
	/* An address of the uplink itself is none of a guest's there, whatever its subnet. */
	if (!owner || owner->mode == MODE_ROUTED || p->source_on_out) {
		out.passes = true;
		return out;
	}
	if (!may_use(d, owner, uplink) || stays_on_link(&p->daddr))
		return out;
	if (is_translated_already(p)) {
		out.passes = true;
		return out;
	}
	/* Of a connection that is older than the rules, or of none: nobody translates it. */
	if (p->ct_state & (CT_STATE_INVALID | CT_STATE_UNTRACKED) ||
	    p->ct_status & CT_STATUS_CONFIRMED)
		return out;

	struct translation translation = network_translation(owner, uplink, p->family);

	/* Masquerade would take an address of another interface. */
	if (translation.masquerade && p->out_unnumbered)
		return out;
	out.passes = out.translated = true;
	out.masquerade = translation.masquerade;
	out.source = translation.address;
	return out;
}

struct expectation expect_packet(const struct description *d, const struct packet *p)
{
	const struct network *from = expect_network(d, p->iifname);
	const struct uplink *uplink = find_uplink(d, p->oifname);
	struct expectation out = {.passes = true, .source = p->saddr};

	if (*p->iifname && !passes_door(d, from, p))
		return (struct expectation){0};
	if (*p->iifname && p->for_host) {
		out.passes = is_taken(d, from, p);
		return out;
	}
	if (*p->iifname && !passes_matrix(d, p))
		return (struct expectation){0};
	if (!*p->iifname && is_early_answer(p))
		return (struct expectation){0};
	if (!passes_inward(d, p))
		return (struct expectation){0};
	if (uplink)
		out = leave_by_uplink(d, uplink, p);
	if (out.passes && is_translated_already(p)) {
		out.translated = true;
		out.source = p->ct_source;
	}
	return out;
}
