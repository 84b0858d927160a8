// SPDX-License-Identifier: GPL-2.0-or-later
// blocker: chains of others that drop what the description lets pass.
#include "judge/blocker.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "hostgate/ruleset.h"
#include "os/address.h"
#include "os/route_get.h"
#include "rules/ours.h"

/*
 * Theory of operation
 *
 * The samples are packets as a browser on a guest makes them: the first of a TCP connection to
 * some machine outside, and its answer. The foreign holds what others have; our own translation,
 * which others may see, is foreseen from the description.
 */

#define SAMPLE_PORT    443
#define SAMPLE_SPORT   50000
#define TCP_SYN	       0x02
#define TCP_SYN_ACK    0x12

/* A well-known resolver of either family; nothing is sent to it. */
static const struct addr outside[FAMILY__COUNT] = {
	[FAMILY_IPV4] = {FAMILY_IPV4, {9, 9, 9, 9}},
	[FAMILY_IPV6] = {FAMILY_IPV6, {0x26, 0x20, 0, 0xfe, [15] = 0xfe}},
};

/* Which interface an address is behind; several ways ask for one. */
struct known_route {
	struct addr addr;
	char oifname[IFNAME_SIZE]; /* "": the kernel does not say, or there is nothing */
};

struct blocker_search {
	const struct foreign *foreign;
	const struct host_links *links;
	struct netlink netlink; /* of routes; without a socket they are not known */
	struct known_route *routes;
	size_t n_routes, cap_routes;
	struct blockers *out;
	struct judge_findings *findings;
};

/* Whose chains they are. */

static void add_who(const struct foreign_table *table, const char *chain,
		    const struct vendor *who[static BLOCKER_WHO_MAX], size_t *n)
{
	const struct vendor *neighbour =
		vendor_of(foreign_family(table), table->name, chain);

	for (size_t i = 0; i < *n; i++)
		if (neighbour && strcmp(who[i]->name, neighbour->name) == 0)
			return;
	if (neighbour && *n < BLOCKER_WHO_MAX)
		who[(*n)++] = neighbour;
}

static size_t find_who(const struct foreign_table *table, const struct foreign_chain *chain,
		       const struct vendor *who[static BLOCKER_WHO_MAX])
{
	size_t n = 0;

	add_who(table, chain->name, who, &n);
	/* A built-in chain of iptables tells nothing by its name; its neighbours in the table do. */
	for (size_t i = 0; n == 0 && chain->base && i < chain->n_rules; i++) {
		const char *to = foreign_leads_to(&chain->rules[i]);

		if (to)
			add_who(table, to, who, &n);
	}
	for (size_t i = 0; n == 0 && chain->base && i < table->n_chains; i++)
		add_who(table, table->chains[i].name, who, &n);
	return n;
}

size_t blocker_who(const struct judge_finding *finding,
		   const struct vendor *who[static BLOCKER_WHO_MAX])
{
	const struct foreign_table *table = finding->base->table;
	size_t n = find_who(table, finding->chain, who);

	/* The policy is everybody's who has chains in the table. */
	if (!finding->rule)
		for (size_t i = 0; i < table->n_chains; i++)
			add_who(table, table->chains[i].name, who, &n);
	return n;
}

/* Samples. */

static struct addr guest_of(const struct network *network, const struct subnet *subnet)
{
	struct addr addr = subnet->prefix.addr;
	size_t last = family_bits(addr.family) / 8 - 1;
	bool taken = true;

	/* The first ones are the switch's own, as a rule; the gateway's is. */
	for (uint8_t host = 10; taken && host > 1; host--) {
		addr.bytes[last] = subnet->prefix.addr.bytes[last] | host;
		taken = !prefix_contains(&subnet->prefix, &addr);
		for (size_t g = 0; g < network->n_gateways; g++)
			taken = taken || addr_equal(&network->gateways[g].addr, &addr);
	}
	return taken ? subnet->prefix.addr : addr;
}

static const struct subnet *subnet_of(const struct network *network, enum family family)
{
	for (size_t i = 0; i < network->n_subnets; i++)
		if (network->subnets[i].prefix.addr.family == family)
			return &network->subnets[i];
	return NULL;
}

static void set_name(char out[static IFNAME_SIZE], const char *name)
{
	memset(out, 0, IFNAME_SIZE);
	memcpy(out, name, strnlen(name, IFNAME_SIZE - 1));
}

static void ask_route(struct blocker_search *s, struct known_route *known)
{
	struct route_query query = {.daddr = known->addr};
	struct route_answer route;

	if (s->netlink.socket && route_get(&s->netlink, &query, &route) == 0 &&
	    route.type == RTN_UNICAST)
		set_name(known->oifname, route.oifname);
}

/* Returns the name of the interface, or "". */
static const char *find_route(struct blocker_search *s, const struct addr *addr)
{
	struct known_route *known;

	for (size_t i = 0; i < s->n_routes; i++)
		if (addr_equal(&s->routes[i].addr, addr))
			return s->routes[i].oifname;
	s->routes = arena_grow(s->foreign->arena, s->routes, s->n_routes, &s->cap_routes,
			       sizeof(*s->routes));
	known = &s->routes[s->n_routes++];
	*known = (struct known_route){.addr = *addr};
	ask_route(s, known);
	return known->oifname;
}

static enum tri path_back(struct blocker_search *s, const struct addr *addr, const char *ifname)
{
	const char *route = find_route(s, addr);

	return *route && strcmp(route, ifname) == 0 ? TRI_YES : TRI_MAYBE;
}

/* The network's interface: where the guest is, or the first one that fits. */
static void name_interface(struct blocker_search *s, const struct network *network,
			   const struct addr *guest, char out[static IFNAME_SIZE])
{
	const struct ifpattern *pattern = &network->interfaces[0];
	const char *route = find_route(s, guest);

	set_name(out, pattern->name);
	for (size_t i = 0; *route && i < network->n_interfaces; i++)
		if (ifpattern_matches(&network->interfaces[i], route)) {
			set_name(out, route);
			return;
		}
	if (pattern->wildcard && strlen(out) + 1 < IFNAME_SIZE)
		out[strlen(out)] = '0';
}

static struct judge_packet sample_out(struct blocker_search *s, const struct blocked *way)
{
	struct judge_packet p = {.family = way->family,
				 .l4proto = IPPROTO_TCP,
				 .has_ports = true,
				 .sport = SAMPLE_SPORT,
				 .dport = SAMPLE_PORT,
				 .tcp_flags = TCP_SYN,
				 .ct_state = CT_STATE_NEW,
				 .daddr = outside[way->family]};

	p.saddr = guest_of(way->network, subnet_of(way->network, way->family));
	name_interface(s, way->network, &p.saddr, p.iifname);
	set_name(p.oifname, way->uplink->interface.name);
	p.iif = if_nametoindex(p.iifname);
	p.oif = if_nametoindex(p.oifname);
	p.reverse_path = path_back(s, &p.saddr, p.iifname);
	if (!way->passage.translated)
		return p;
	p.remapped = true;
	p.remap_known = !way->passage.translation.masquerade;
	p.remap = way->passage.translation.address;
	if (way->passage.translation.masquerade)
		p.remap_known = address_only(s->links, p.oifname, p.family, &p.remap);
	return p;
}

/* The answer, as conntrack takes it for the connection that the sample has opened. */
static struct judge_packet sample_back(struct blocker_search *s, const struct blocked *way)
{
	struct judge_packet out = sample_out(s, way), p = out;

	p.saddr = out.daddr;
	p.daddr = out.saddr;
	memcpy(p.iifname, out.oifname, IFNAME_SIZE);
	memcpy(p.oifname, out.iifname, IFNAME_SIZE);
	p.iif = out.oif;
	p.oif = out.iif;
	p.sport = out.dport;
	p.dport = out.sport;
	p.tcp_flags = TCP_SYN_ACK;
	p.ct_state = CT_STATE_ESTABLISHED;
	p.ct_reply = true;
	p.ct_status = CT_STATUS_CONFIRMED;
	p.reverse_path = path_back(s, &p.saddr, p.iifname);
	if (!out.remapped)
		return p;
	p.ct_status |= CT_STATUS_SRC_NAT;
	p.remap_known = true;
	p.remap = out.saddr;
	if (out.remap_known)
		p.daddr = out.remap;
	else
		p.daddr_unknown = true;
	return p;
}

/* Gathering. */

static struct blocker *blocker_at(struct blocker_search *s, const struct judge_finding *finding)
{
	struct blockers *out = s->out;
	struct blocker *blocker;

	for (size_t i = 0; i < out->n; i++) {
		const struct judge_finding *f = &out->items[i].finding;

		if (f->base == finding->base && f->chain == finding->chain &&
		    f->rule == finding->rule && f->how == finding->how)
			return &out->items[i];
	}
	out->items = arena_grow(s->foreign->arena, out->items, out->n, &out->cap,
				sizeof(*out->items));
	blocker = &out->items[out->n++];
	*blocker = (struct blocker){.finding = *finding};
	blocker->n_who = blocker_who(finding, blocker->who);
	return blocker;
}

static void note_findings(struct blocker_search *s, const struct blocked *way)
{
	for (size_t i = 0; i < s->findings->n; i++) {
		const struct judge_finding *finding = &s->findings->items[i];
		struct blocker *blocker;

		if (finding->end == JUDGE_PASSES)
			continue;
		blocker = blocker_at(s, finding);
		if (finding->end == JUDGE_DROPS)
			blocker->certain = true;
		if (blocker->n_blocked == BLOCKED_MAX) {
			blocker->n_more++;
			continue;
		}
		blocker->blocked[blocker->n_blocked] = *way;
		blocker->blocked[blocker->n_blocked++].certain = finding->end == JUDGE_DROPS;
	}
}

static void send_sample(struct blocker_search *s, const struct blocked *way)
{
	static const unsigned int hooks[] = {FOREIGN_HOOK_INGRESS, NF_INET_PRE_ROUTING,
					     NF_INET_FORWARD, NF_INET_POST_ROUTING,
					     FOREIGN_HOOK_EGRESS};
	struct judge_packet packet = way->reply ? sample_back(s, way) : sample_out(s, way);
	struct judge judge;

	judge_start(&judge, s->foreign, &packet, true);
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		judge_hook(&judge, hooks[i], s->findings);
		note_findings(s, way);
	}
}

/* Which ways look alike: the interface's name without its number, translation, the uplink. */
struct kind {
	char stem[IFNAME_SIZE];
	bool translated;
	const struct uplink *uplink;
	enum family family;
};

struct kinds {
	struct kind items[BLOCKER_SAMPLES];
	size_t n;
};

/* Returns true for the first way of its kind. */
static bool is_new_kind(struct kinds *kinds, const struct blocked *way)
{
	struct kind kind = {.translated = way->passage.translated,
			    .uplink = way->uplink,
			    .family = way->family};
	const char *name = way->network->interfaces[0].name;
	size_t len = strnlen(name, IFNAME_SIZE - 1);

	while (len > 0 && name[len - 1] >= '0' && name[len - 1] <= '9')
		len--;
	memcpy(kind.stem, name, len);
	for (size_t i = 0; i < kinds->n; i++)
		if (memcmp(kinds->items[i].stem, kind.stem, IFNAME_SIZE) == 0 &&
		    kinds->items[i].translated == kind.translated &&
		    kinds->items[i].uplink == kind.uplink && kinds->items[i].family == kind.family)
			return false;
	if (kinds->n == BLOCKER_SAMPLES)
		return false;
	kinds->items[kinds->n++] = kind;
	return true;
}

/* The first way of each kind in one round, all others in the next, as long as there is room. */
static void sample(struct blocker_search *s, struct kinds *kinds, struct blocked *way,
		   bool first_round)
{
	bool new = is_new_kind(kinds, way);

	if (first_round)
		s->out->n_ways++;
	if (new != first_round || s->out->n_sampled == BLOCKER_SAMPLES)
		return;
	s->out->n_sampled++;
	for (int reply = 0; reply < 2; reply++) {
		way->reply = reply;
		send_sample(s, way);
	}
}

static void sample_all(struct blocker_search *s, const struct description *d, struct kinds *kinds,
		       bool first_round)
{
	for (size_t n = 0; n < d->n_networks; n++) {
		struct ways ways = ways_of(d, &d->networks[n]);
		struct way way;

		while (ways_next(&ways, &way))
			for (enum family f = 0; f < FAMILY__COUNT; f++) {
				struct blocked blocked = {.network = ways.network,
							  .uplink = way.to.uplink,
							  .family = f,
							  .passage = way.of[f]};

				if (way.to.kind == END_UPLINK &&
				    way.of[f].permission != PERMIT_NOTHING)
					sample(s, kinds, &blocked, first_round);
			}
	}
}

static int by_certainty(const void *a, const void *b)
{
	const struct blocker *x = a, *y = b;

	if (x->certain != y->certain)
		return x->certain ? -1 : 1;
	return (x->finding.base > y->finding.base) - (x->finding.base < y->finding.base);
}

void blocker_find(const struct foreign *foreign, const struct description *description,
		  const struct host_links *links, struct blockers *out)
{
	struct blocker_search s = {.foreign = foreign, .links = links, .out = out};
	struct kinds *kinds = arena_alloc(foreign->arena, sizeof(*kinds));

	*out = (struct blockers){0};
	s.findings = arena_alloc(foreign->arena, sizeof(*s.findings));
	(void)netlink_open(&s.netlink, NETLINK_ROUTE);
	sample_all(&s, description, kinds, true);
	kinds->n = 0;
	sample_all(&s, description, kinds, false);
	netlink_close(&s.netlink);
	if (out->n)
		qsort(out->items, out->n, sizeof(*out->items), by_certainty);
}

/* Who uses forwarding. */

static size_t count_reached(const struct foreign_base *base)
{
	size_t n = 0;

	for (size_t i = 0; i < base->chain->n_rules; i++) {
		const struct foreign_rule *rule = &base->chain->rules[i];
		const char *to = foreign_leads_to(rule);
		const struct foreign_chain *chain =
			to ? foreign_chain_of(base->table, to) : NULL;

		/* A jump to a chain without a rule of theirs does nothing. */
		n += !rule->ours && (!chain || foreign_count_others(chain) > 0);
	}
	return n;
}

void blocker_forwarders(const struct foreign *foreign, struct forwarders *out)
{
	*out = (struct forwarders){0};
	for (size_t i = 0; i < foreign->n_bases; i++) {
		const struct foreign_base *base = &foreign->bases[i];
		bool ip = foreign_has_family(base->table, FAMILY_IPV4) ||
			  foreign_has_family(base->table, FAMILY_IPV6);
		struct forwarder f = {.base = base};

		if (!ip || base->table->ours || foreign_is_ours(base->table, base->chain) ||
		    (base->chain->type != FOREIGN_NAT && base->chain->hook != NF_INET_FORWARD))
			continue;
		f.n_rules = count_reached(base);
		if (f.n_rules == 0)
			continue;
		f.n_who = find_who(base->table, base->chain, f.who);
		f.name = arena_printf(foreign->arena, "%s%s %s %s",
				      base->table->legacy ? "legacy " : "",
				      foreign_family(base->table), base->table->name,
				      base->chain->name);
		out->items = arena_grow(foreign->arena, out->items, out->n, &out->cap,
					sizeof(*out->items));
		out->items[out->n++] = f;
	}
}
