// SPDX-License-Identifier: GPL-2.0-or-later
// expect: what should happen to a packet, by the description alone; what prove judges rules with.
#include "plan/expect.h"

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

/* What a machine sends while it has no address yet: DHCP, neighbour discovery. */
static bool is_unready(const struct packet *p)
{
	if (p->family == FAMILY_IPV4)
		return in_prefix(&p->saddr, "0.0.0.0/32") &&
		       in_prefix(&p->daddr, "255.255.255.255/32") && p->l4proto == IPPROTO_UDP &&
		       p->dport == 67;
	return in_prefix(&p->saddr, "::/128") && in_prefix(&p->daddr, "ff02::/16") &&
	       p->l4proto == IPPROTO_ICMPV6 &&
	       (p->icmp_type == 131 || p->icmp_type == 132 || p->icmp_type == 135 ||
		p->icmp_type == 143);
}

/* P4, before anything else: whom would the host answer? */
static bool passes_door(const struct network *from, const struct packet *p)
{
	if (expect_member(from, &p->saddr) || is_unready(p))
		return true;
	if (in_prefix(&p->saddr, "0.0.0.0/8") || in_prefix(&p->saddr, "::/128"))
		return false;
	if (in_prefix(&p->saddr, "fe80::/10"))
		return true;
	if (in_prefix(&p->saddr, "169.254.0.0/16") && in_prefix(&p->daddr, "224.0.0.0/24"))
		return true;
	return p->reverse_path;
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
		return true;
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
	return p->ct_reply || (p->ct_state & CT_STATE_RELATED) ||
	       (p->ct_status & CT_STATUS_EXPECTED);
}

/* Answers that the kernel gives before the door could keep their cause out; P4. */
static bool is_early_answer(const struct packet *p)
{
	if (p->family == FAMILY_IPV4)
		return p->l4proto == IPPROTO_ICMP && p->icmp_type == 11 && p->icmp_code == 1;
	return p->l4proto == IPPROTO_ICMPV6 &&
	       (p->icmp_type == 4 || (p->icmp_type == 3 && p->icmp_code == 1));
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
	const struct network *owner = NULL;
	struct expectation out = {0};

	for (size_t n = 0; n < d->n_networks && !owner; n++)
		if (expect_member(&d->networks[n], &p->saddr))
			owner = &d->networks[n];
	out.source = p->saddr;
	if (!owner || owner->mode == MODE_ROUTED) {
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

	if (from && !passes_door(from, p))
		return (struct expectation){0};
	if (*p->iifname && !passes_matrix(d, p))
		return (struct expectation){0};
	if (!*p->iifname && is_early_answer(p))
		return (struct expectation){0};
	if (uplink)
		out = leave_by_uplink(d, uplink, p);
	if (out.passes && is_translated_already(p)) {
		out.translated = true;
		out.source = p->ct_source;
	}
	return out;
}
