// SPDX-License-Identifier: GPL-2.0-or-later
// plan_sysctl: which sysctls the policy needs, in the order in which they are written.
#include "policy/plan_sysctl.h"

#include "hostgate/ways.h"
#include "rules/build.h"

static void add_sysctl(struct ruleset *rs, enum sysctl_phase phase, enum family family,
		       const struct ifpattern *interface, const char *leaf, uint8_t value,
		       uint32_t origin)
{
	struct sysctl sysctl = {
		.phase = phase,
		.family = family,
		.leaf = leaf,
		.value = value,
		.origin = origin,
	};

	if (interface)
		sysctl.interface = *interface;
	ruleset_add_sysctl(rs, sysctl);
}

static void make_harden(struct ruleset *rs, const struct description *d)
{
	static const struct {
		enum family family;
		const char *leaf;
	} leaves[] = {{FAMILY_IPV4, "accept_redirects"},    {FAMILY_IPV4, "send_redirects"},
		      {FAMILY_IPV4, "accept_source_route"}, {FAMILY_IPV6, "accept_ra"},
		      {FAMILY_IPV6, "accept_redirects"},    {FAMILY_IPV6, "accept_source_route"}};

	for (size_t n = 0; n < d->n_networks; n++) {
		const struct network *network = &d->networks[n];
		uint32_t origin = ruleset_add_origin(rs, PROMISE_NONE, "harden",
						     network->name, network->place);

		for (size_t i = 0; i < network->n_interfaces; i++)
			for (size_t l = 0; l < sizeof(leaves) / sizeof(*leaves); l++)
				add_sysctl(rs, SYSCTL_HARDEN, leaves[l].family,
					   &network->interfaces[i], leaves[l].leaf, 0, origin);
	}
}

static const char *const global_forwarding[FAMILY__COUNT] = {"net/ipv4/ip_forward",
							     "net/ipv6/conf/all/forwarding"};

/* Since kernel 6.17 IPv6 can forward on single interfaces, by a sysctl of another name. */
static const char *const interface_forwarding[FAMILY__COUNT] = {"forwarding", "force_forwarding"};

/* On the interfaces by which the family's packets come in that may go on. */
static void make_interface_forwarding(struct ruleset *rs, const struct description *d,
				      enum family family)
{
	bool *used = arena_calloc(rs->arena, d->n_uplinks, sizeof(*used));

	for (size_t n = 0; n < d->n_networks; n++) {
		const struct network *network = &d->networks[n];
		uint32_t origin = ruleset_add_origin(rs, PROMISE_NONE, "forwarding",
						     network->name, network->place);
		struct ways ways = ways_of(d, network);
		struct way way;

		if (ways_out(d, network, family).permission == PERMIT_NOTHING)
			continue;
		for (size_t i = 0; i < network->n_interfaces; i++)
			add_sysctl(rs, SYSCTL_FORWARD, family, &network->interfaces[i],
				   interface_forwarding[family], 1, origin);
		while (ways_next(&ways, &way))
			if (way.from.kind == END_UPLINK &&
			    way.of[family].permission != PERMIT_NOTHING)
				used[way.from.uplink - d->uplinks] = true;
	}
	for (size_t u = 0; u < d->n_uplinks; u++)
		if (used[u])
			add_sysctl(rs, SYSCTL_FORWARD, family, &d->uplinks[u].interface,
				   interface_forwarding[family], 1,
				   ruleset_add_origin(rs, PROMISE_NONE, "forwarding",
						      d->uplinks[u].name, d->uplinks[u].place));
}

static bool family_forwards(const struct description *d, enum family family)
{
	for (size_t n = 0; n < d->n_networks; n++)
		if (ways_out(d, &d->networks[n], family).permission != PERMIT_NOTHING)
			return true;
	return false;
}

/*
 * A host that forwards is a router, which hears no advertisements unless accept_ra is 2. Guests must
 * not become the host's router, whatever `harden` says of the other values.
 */
static void make_guard(struct ruleset *rs, const struct description *d)
{
	struct sysctl guard = {
		.phase = SYSCTL_GUARD,
		.when = SYSCTL_IF_ADVERTISED,
		.family = FAMILY_IPV6,
		.interface = {.wildcard = true},
		.leaf = "accept_ra",
		.value = 2,
		.origin =
			ruleset_add_origin(rs, PROMISE_NONE, "go on hearing router advertisements",
					   NULL, d->settings.forwarding_place),
	};
	struct ifpattern *except;

	for (size_t n = 0; n < d->n_networks; n++)
		guard.n_except += d->networks[n].n_interfaces;
	guard.except = except = arena_calloc(rs->arena, guard.n_except, sizeof(*except));
	for (size_t n = 0; n < d->n_networks; n++)
		for (size_t i = 0; i < d->networks[n].n_interfaces; i++)
			*except++ = d->networks[n].interfaces[i];
	ruleset_add_sysctl(rs, guard);
}

static void make_forwarding(struct ruleset *rs, const struct description *d,
			    enum family family)
{
	uint32_t origin = ruleset_add_origin(rs, PROMISE_NONE, "forwarding", NULL,
					     d->settings.forwarding_place);

	switch (d->settings.forwarding) {
	case FORWARDING_AUTO:
		if (!family_forwards(d, family))
			return;
		if (family == FAMILY_IPV6)
			make_guard(rs, d);
		add_sysctl(rs, SYSCTL_FORWARD, family, NULL, global_forwarding[family], 1,
			   origin);
		/* IPv4 asks the interface that a packet came in on, IPv6 only the switch of all. */
		if (family == FAMILY_IPV4)
			make_interface_forwarding(rs, d, family);
		return;
	case FORWARDING_INTERFACES:
		make_interface_forwarding(rs, d, family);
		return;
	case FORWARDING_DISABLED:
		add_sysctl(rs, SYSCTL_FORWARD, family, NULL, global_forwarding[family], 0,
			   origin);
		return;
	case FORWARDING_KEEP:
	case FORWARDING__COUNT:
		return;
	}
}

void plan_sysctls(struct ruleset *rs, const struct description *description)
{
	if (description->settings.harden)
		make_harden(rs, description);
	/* IPv6 first: its guard belongs before any forwarding. */
	for (enum family f = FAMILY__COUNT; f-- > 0;)
		make_forwarding(rs, description, f);
}
