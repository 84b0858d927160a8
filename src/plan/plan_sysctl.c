// SPDX-License-Identifier: GPL-2.0-or-later
// plan_sysctl: which sysctls the policy needs, in the order in which they are written.
#include "plan/plan_sysctl.h"

#include "plan/build.h"

static void add_sysctl(struct ruleset *rs, enum sysctl_phase phase, enum family family,
		       const struct ifpattern *interface, const char *leaf, uint8_t value,
		       uint32_t origin)
{
	struct sysctl sysctl = {
		.phase = phase,
		.when = phase == SYSCTL_GUARD ? SYSCTL_IF_RA_ROUTE : SYSCTL_ALWAYS,
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

static void make_interface_forwarding(struct ruleset *rs, const struct description *d,
				      enum family family)
{
	bool *used = arena_calloc(rs->arena, d->n_uplinks, sizeof(*used));

	for (size_t n = 0; n < d->n_networks; n++) {
		const struct network *network = &d->networks[n];
		uint32_t origin = ruleset_add_origin(rs, PROMISE_NONE, "forwarding",
						     network->name, network->place);

		if (!mode_leaves(network->mode) || !network_has_family(network, family))
			continue;
		for (size_t i = 0; i < network->n_interfaces; i++)
			add_sysctl(rs, SYSCTL_FORWARD, family, &network->interfaces[i],
				   interface_forwarding[family], 1, origin);
		for (size_t u = 0; u < network->n_uplinks; u++)
			used[network->uplinks[u]] = true;
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
		if (mode_leaves(d->networks[n].mode) &&
		    network_has_family(&d->networks[n], family))
			return true;
	return false;
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
		for (size_t u = 0; u < d->n_uplinks && family == FAMILY_IPV6; u++)
			add_sysctl(rs, SYSCTL_GUARD, FAMILY_IPV6, &d->uplinks[u].interface,
				   "accept_ra", 2,
				   ruleset_add_origin(rs, PROMISE_NONE,
						      "keep the route learned by advertisement",
						      d->uplinks[u].name, d->uplinks[u].place));
		add_sysctl(rs, SYSCTL_FORWARD, family, NULL, global_forwarding[family], 1,
			   origin);
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
