// SPDX-License-Identifier: GPL-2.0-or-later
// standing_links: facts about the description's interfaces.
#include <string.h>

#include "kernel/standing_fact.h"

/* A described interface. */
struct named {
	const struct ifpattern *pattern;
	const struct network *network; /* NULL: an uplink's */
};

typedef void (*named_fn)(struct standing_finder *finder, const struct named *named);

static void for_each_named(struct standing_finder *finder, named_fn look)
{
	const struct description *description = finder->view->description;

	for (size_t i = 0; i < description->n_uplinks; i++)
		look(finder, &(struct named){&description->uplinks[i].interface, NULL});
	for (size_t i = 0; i < description->n_networks; i++) {
		const struct network *network = &description->networks[i];

		for (size_t j = 0; j < network->n_interfaces; j++)
			look(finder, &(struct named){&network->interfaces[j], network});
	}
}

/* Ports. */

static void look_for_port(struct standing_finder *finder, const struct named *named)
{
	const struct host_links *links = finder->view->links;
	const struct host_link *port = NULL, *master = NULL;
	char text[IFNAME_SIZE + 1];
	size_t n = 0;

	for (size_t i = host_links_first(links, named->pattern);
	     i < links->n && ifpattern_matches(named->pattern, links->by_name[i]->name); i++) {
		if (!links->by_name[i]->master)
			continue;
		port = port ? port : links->by_name[i];
		n++;
	}
	master = n > 0 ? host_links_at(links, port->master) : NULL;
	if (!master)
		return;
	diag_hint(finder->diags,
		  standing_say(finder, named->pattern->place,
			       "interface %s is a port of %s %s: its packets come in on %s",
			       ifpattern_format(named->pattern, text), master->kind, master->name,
			       master->name),
		  "write interface: %s", master->name);
}

void standing_ports(struct standing_finder *finder)
{
	for_each_named(finder, look_for_port);
}
