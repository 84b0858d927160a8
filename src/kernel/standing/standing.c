// SPDX-License-Identifier: GPL-2.0-or-later
// standing: what the description leaves open, compared with the host: do the promises hold here?
#include "standing/standing.h"

#include <fcntl.h>
#include <string.h>

#include "os/scope.h"
#include "standing/standing_fact.h"

/* The facts, in the order in which they are told: a later one leaves out what was told already. */
static const struct {
	enum standing_severity severity;
	enum diag_code code;
	void (*look)(struct standing_finder *finder);
} facts[] = {
	{STANDING_HARM, DIAG_UPLINK_INSIDE, standing_uplinks_inside},
	{STANDING_VOID, DIAG_INTERFACE_ALTNAME, standing_altnames},
	{STANDING_VOID, DIAG_INTERFACE_IS_PORT, standing_ports},
	{STANDING_VOID, DIAG_INTERFACE_RENAMED, standing_renamed},
	{STANDING_VOID, DIAG_HEARD_ELSEWHERE, standing_heard},
	{STANDING_VOID, DIAG_SUBNET_ELSEWHERE, standing_subnets_elsewhere},
	{STANDING_VOID, DIAG_IN_FRONT, standing_fronts},
	{STANDING_WARNING, DIAG_MAYBE_HEARD, standing_maybe_heard},
	{STANDING_WARNING, DIAG_SUBNET_ROUTED, standing_subnets_routed},
	{STANDING_WARNING, DIAG_NO_ADDRESS, standing_no_address},
	{STANDING_NOTE, DIAG_NO_ADDRESS_YET, standing_no_address_yet},
	{STANDING_NOTE, DIAG_INTERFACE_MISSING, standing_missing},
	{STANDING_NOTE, DIAG_OPEN_TUNNEL, standing_open_tunnels},
	{STANDING_NOTE, DIAG_BRIDGED_FRAMES, standing_bridged_frames},
};

static size_t count_entries(const struct description *description)
{
	size_t n = description->n_uplinks;

	for (size_t i = 0; i < description->n_networks; i++)
		n += description->networks[i].n_interfaces;
	return n;
}

static void take_possession(struct standing_finder *finder, const struct standing_entry *entry)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = host_links_first(links, entry->pattern);
	     i < links->n && ifpattern_matches(entry->pattern, links->by_name[i]->name); i++)
		finder->owners[links->by_name[i] - links->items] = *entry;
}

/* Judging. */

static void find_strays(struct standing_finder *finder)
{
	const struct host_links *links = finder->view->links;

	for (size_t i = 0; i < links->n_addresses; i++) {
		const struct host_links_address *address = &links->addresses[i];
		const struct host_link *link = host_links_at(links, address->index);
		const struct owned_subnet *owned =
			subnets_find(&finder->subnets, &address->prefix.addr);
		struct standing_stray *stray;

		if (!owned || !standing_can_have_guests(link, address) ||
		    standing_owner(finder, link)->pattern)
			continue;
		stray = &finder->strays[owned->network - finder->view->description->networks];
		if (!stray->link)
			*stray = (struct standing_stray){link, address};
	}
}

void standing_judge(struct arena *arena, struct diags *diags, const struct standing_view *view,
		    struct standing *out)
{
	const struct host_links *links = view->links;
	struct standing_finder finder = {
		.arena = arena,
		.diags = diags,
		.view = view,
		.out = out,
		.owners = arena_calloc(arena, links->n, sizeof(*finder.owners)),
		.subnets = subnets_index(arena, view->description),
		.wires = standing_wires_new(arena, links),
		.strays =
			arena_calloc(arena, view->description->n_networks, sizeof(*finder.strays)),
		.links_told = arena_calloc(arena, links->n, sizeof(bool)),
		.entries_told = arena_calloc(arena, count_entries(view->description), sizeof(bool)),
	};

	*out = (struct standing){0};
	standing_each_entry(&finder, take_possession);
	find_strays(&finder);
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		finder.severity = facts[i].severity;
		finder.code = diag_codes[facts[i].code].code;
		facts[i].look(&finder);
	}
}

/* Reading. */

static bool is_on(const char *path)
{
	SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	char value = '0';

	return fd >= 0 && read(fd, &value, 1) == 1 && value == '1';
}

static bool hands_bridged_frames_on(void)
{
	return is_on("/proc/sys/net/bridge/bridge-nf-call-iptables") ||
	       is_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
}

int standing_check(struct arena *arena, struct diags *diags, const struct description *description,
		   const struct ruleset *ruleset, bool status, struct standing *out)
{
	struct host_links links = {0};
	struct standing_view view = {.description = description,
				     .links = &links,
				     .status = status,
				     .bridged = status && hands_bridged_frames_on()};
	int err = host_links_read(arena, HOST_LINKS_ALL, &links);

	*out = (struct standing){0};
	if (err != 0) {
		diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_FAILED), PLACE_NONE,
			 "cannot read the host's interfaces, addresses and routes: %s",
			 strerror(-err))
			->err = -err;
		return err;
	}
	/* What can't be read the comparison of the rules will tell. */
	if (status && ruleset)
		(void)front_read(arena, ruleset, &view.fronts);
	standing_judge(arena, diags, &view, out);
	out->links = links;
	return 0;
}
