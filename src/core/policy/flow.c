// SPDX-License-Identifier: GPL-2.0-or-later
// flow: whether a connection that conntrack remembers still fits the description.
#include "policy/flow.h"

#include <stdlib.h>
#include <string.h>

#include "hostgate/ways.h"
#include "model/subnets.h"

/*
 * Theory of operation
 *
 * The rules translate the first packet of a connection only, and refuse packets one by one. So a
 * connection that is older than the rules goes on with the translation it has, or is refused for as
 * long as its entry lives. An entry does not tell interfaces, but addresses are enough: those of a
 * network come in on its interfaces (the door), those of the host are not forwarded, and everything
 * else is outside.
 *
 * What counts is where the first packet went, which with a DNAT of somebody else's is not where it
 * was sent to. Multicast and link-local addresses are left alone: nothing answers the one, and the
 * other is not forwarded.
 */

/* A description and its subnets. */
struct side {
	const struct description *description;
	struct subnet_index subnets;
};

struct flow_judge {
	struct side now, before;
	const struct network **names; /* of now, by name */
	bool *concerned;              /* by index of the network in now */
	bool any;                     /* a network is concerned, or one of before has gone */
	const struct host_address *hosts;
	size_t n_hosts;
};

/* Finding. */

static struct side side_of(struct arena *arena, const struct description *description)
{
	return (struct side){description, subnets_index(arena, description)};
}

/* Returns the network with the address in a subnet, or NULL. */
static const struct network *find(const struct side *side, const struct addr *addr)
{
	const struct owned_subnet *found = subnets_find(&side->subnets, addr);

	return found ? found->network : NULL;
}

static int compare_hosts(const void *a, const void *b)
{
	return addr_compare(&((const struct host_address *)a)->addr,
			    &((const struct host_address *)b)->addr);
}

/* Tells whether the host has the address; on that interface, unless ifname is NULL. */
static bool host_has(const struct flow_judge *judge, const struct addr *addr, const char *ifname)
{
	size_t low = 0, high = judge->n_hosts;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&judge->hosts[middle].addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	/* One address can be on several interfaces. */
	for (; low < judge->n_hosts && addr_equal(&judge->hosts[low].addr, addr); low++)
		if (!ifname || strcmp(judge->hosts[low].ifname, ifname) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	const struct network *const *one = a, *const *two = b;

	return strcmp((*one)->name, (*two)->name);
}

static const struct network *find_name(const struct flow_judge *judge, const char *name)
{
	const struct network key = {.name = name}, *wanted = &key;
	const struct network **found;

	if (judge->now.description->n_networks == 0)
		return NULL;
	found = bsearch(&wanted, judge->names, judge->now.description->n_networks,
			sizeof(*judge->names), compare_names);
	return found ? *found : NULL;
}

/* Comparing networks of two descriptions, by what their connections depend on. */

static bool same_translation(const struct translation *a, const struct translation *b)
{
	return a->masquerade == b->masquerade &&
	       (a->masquerade || addr_equal(&a->address, &b->address));
}

static bool same_way(const struct way *a, const struct way *b)
{
	const struct ifpattern *out_a, *out_b;
	size_t n = way_end_interfaces(&a->to, &out_a);

	if (a->to.kind != b->to.kind || n != way_end_interfaces(&b->to, &out_b) ||
	    (n > 0 && strcmp(out_a->name, out_b->name) != 0))
		return false;
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		if (a->of[f].permission != b->of[f].permission ||
		    a->of[f].translated != b->of[f].translated ||
		    (a->of[f].translated &&
		     !same_translation(&a->of[f].translation, &b->of[f].translation)))
			return false;
	return true;
}

static bool same_ways(const struct description *da, const struct network *a,
		      const struct description *db, const struct network *b)
{
	struct ways ways_a = ways_of(da, a), ways_b = ways_of(db, b);
	struct way one, two;

	while (ways_next(&ways_a, &one))
		if (!ways_next(&ways_b, &two) || !same_way(&one, &two))
			return false;
	return !ways_next(&ways_b, &two);
}

static bool same_network(const struct description *da, const struct network *a,
			 const struct description *db, const struct network *b)
{
	if (a->n_interfaces != b->n_interfaces || a->n_subnets != b->n_subnets)
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (a->interfaces[i].wildcard != b->interfaces[i].wildcard ||
		    strcmp(a->interfaces[i].name, b->interfaces[i].name) != 0)
			return false;
	for (size_t i = 0; i < a->n_subnets; i++)
		if (a->subnets[i].prefix.len != b->subnets[i].prefix.len ||
		    !addr_equal(&a->subnets[i].prefix.addr, &b->subnets[i].prefix.addr))
			return false;
	return same_ways(da, a, db, b);
}

/* Preparing. */

void flow_judge_concern(struct flow_judge *judge, const char *name)
{
	const struct description *now = judge->now.description;
	const struct network *network = name ? find_name(judge, name) : NULL;

	if (name && !network)
		return;
	for (size_t i = 0; i < now->n_networks && !name; i++)
		judge->concerned[i] = true;
	if (network)
		judge->concerned[network - now->networks] = true;
	judge->any |= now->n_networks > 0;
}

bool flow_judge_is_idle(const struct flow_judge *judge)
{
	return !judge->any;
}

/* What is new or otherwise in now is concerned; what has gone makes work, too. */
static void compare(struct arena *arena, struct flow_judge *judge)
{
	const struct description *now = judge->now.description;
	const struct description *before = judge->before.description;
	bool *same = arena_calloc(arena, now->n_networks, sizeof(*same));

	for (size_t i = 0; i < before->n_networks; i++) {
		const struct network *old = &before->networks[i];
		const struct network *new = find_name(judge, old->name);

		if (new && same_network(before, old, now, new))
			same[new - now->networks] = true;
		else
			judge->any = true;
	}
	for (size_t i = 0; i < now->n_networks; i++)
		if (!same[i])
			flow_judge_concern(judge, now->networks[i].name);
}

struct flow_judge *flow_judge_new(struct arena *arena, const struct description *now,
				  const struct description *before, struct host_address *hosts,
				  size_t n_hosts)
{
	static const struct description nothing;
	struct flow_judge *judge = arena_calloc(arena, 1, sizeof(*judge));

	judge->now = side_of(arena, now);
	judge->before = side_of(arena, before ? before : &nothing);
	judge->names = arena_calloc(arena, now->n_networks, sizeof(*judge->names));
	judge->concerned = arena_calloc(arena, now->n_networks, sizeof(*judge->concerned));
	for (size_t i = 0; i < now->n_networks; i++)
		judge->names[i] = &now->networks[i];
	if (now->n_networks > 0)
		qsort(judge->names, now->n_networks, sizeof(*judge->names), compare_names);
	if (n_hosts > 0)
		qsort(hosts, n_hosts, sizeof(*hosts), compare_hosts);
	judge->hosts = hosts;
	judge->n_hosts = n_hosts;
	compare(arena, judge);
	return judge;
}

/* Judging. */

/* Multicast, broadcast and link-local addresses of both families. */
static bool is_apart(const struct addr *addr)
{
	const uint8_t *bytes = addr->bytes;

	if (addr->family == FAMILY_IPV4)
		return (bytes[0] & 0xf0) == 0xe0 || memcmp(bytes, "\xff\xff\xff\xff", 4) == 0;
	return bytes[0] == 0xff || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

/* Tells whether addr is what the source may become on one of the network's ways out. */
static bool leaves_as(const struct flow_judge *judge, const struct side *side,
		      const struct network *network, const struct addr *source,
		      const struct addr *addr)
{
	struct ways ways = ways_of(side->description, network);
	struct way way;

	while (ways_next(&ways, &way)) {
		const struct passage *out = &way.of[addr->family];

		if (way.to.kind != END_UPLINK || out->permission == PERMIT_NOTHING)
			continue;
		if (!out->translated ? addr_equal(source, addr)
		    : out->translation.masquerade
			    ? host_has(judge, addr, way.to.uplink->interface.name)
			    : addr_equal(&out->translation.address, addr))
			return true;
	}
	return false;
}

static bool is_concerned(const struct flow_judge *judge, const struct network *network)
{
	return network && judge->concerned[network - judge->now.description->networks];
}

/* Neither end is in a network that is still described: was its source translated for one? */
static enum flow_verdict judge_departed(const struct flow_judge *judge, const struct flow *flow,
					const char **network)
{
	const struct network *from = find(&judge->before, &flow->source);

	if (!from || addr_equal(&flow->source, &flow->reply_destination) ||
	    !leaves_as(judge, &judge->before, from, &flow->source, &flow->reply_destination))
		return FLOW_FITS;
	*network = from->name;
	return FLOW_STALE;
}

enum flow_verdict flow_judge_one(const struct flow_judge *judge, const struct flow *flow,
				 const char **network)
{
	const struct network *from = find(&judge->now, &flow->source);
	const struct network *to = find(&judge->now, &flow->reply_source);
	bool by_host;

	if (is_apart(&flow->source) || is_apart(&flow->destination) ||
	    is_apart(&flow->reply_source))
		return FLOW_FITS;
	if (!from && !to)
		return judge_departed(judge, flow, network);
	if (from == to || (!is_concerned(judge, from) && !is_concerned(judge, to)))
		return FLOW_FITS;
	*network = is_concerned(judge, from) ? from->name : to->name;
	by_host = host_has(judge, &flow->source, NULL);
	if (to) {
		bool announced =
			!from && flow->expected &&
			ways_out(judge->now.description, to, flow->source.family).permission !=
				PERMIT_NOTHING;

		return by_host || announced || host_has(judge, &flow->reply_source, NULL) ?
			       FLOW_FITS :
			       FLOW_STALE;
	}
	if (host_has(judge, &flow->reply_source, NULL) ||
	    leaves_as(judge, &judge->now, from, &flow->source, &flow->reply_destination))
		return FLOW_FITS;
	return by_host ? FLOW_STALE_OUTSIDE : FLOW_STALE;
}
