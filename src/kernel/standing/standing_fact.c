// SPDX-License-Identifier: GPL-2.0-or-later
// standing_fact: what the functions that look for a fact share: entries, their interfaces, names.
#include "standing/standing_fact.h"

#include <net/if.h>
#include <stdarg.h>
#include <string.h>

static const enum severity severities[] = {
	[STANDING_NOTE] = SEVERITY_NOTE,
	[STANDING_WARNING] = SEVERITY_WARNING,
	[STANDING_VOID] = SEVERITY_ERROR,
	[STANDING_HARM] = SEVERITY_ERROR,
};

struct diag *standing_say(struct standing_finder *finder, struct place place, const char *format,
			  ...)
{
	struct standing *out = finder->out;
	const char *message;
	va_list args;

	va_start(args, format);
	message = arena_vprintf(finder->arena, format, args);
	va_end(args);
	if (finder->severity > out->worst)
		out->worst = finder->severity;
	if (finder->severity >= STANDING_VOID) {
		out->voids = arena_grow(finder->arena, out->voids, out->n_voids, &out->cap_voids,
					sizeof(*out->voids));
		out->voids[out->n_voids++] = message;
	}
	return diag_add(finder->diags, severities[finder->severity], finder->code, place, "%s",
			message);
}

void standing_each_entry(struct standing_finder *finder, standing_entry_fn look)
{
	const struct description *description = finder->view->description;
	struct standing_entry entry = {0};

	for (size_t i = 0; i < description->n_uplinks; i++, entry.idx++) {
		entry.uplink = &description->uplinks[i];
		entry.pattern = &entry.uplink->interface;
		look(finder, &entry);
	}
	entry.uplink = NULL;
	for (size_t i = 0; i < description->n_networks; i++) {
		entry.network = &description->networks[i];
		for (size_t j = 0; j < entry.network->n_interfaces; j++, entry.idx++) {
			entry.pattern = &entry.network->interfaces[j];
			look(finder, &entry);
		}
	}
}

const struct standing_entry *standing_owner(const struct standing_finder *finder,
					    const struct host_link *link)
{
	return &finder->owners[link - finder->view->links->items];
}

bool standing_is_covered(const struct standing_finder *finder, const struct standing_entry *entry,
			 const struct host_link *link)
{
	const struct standing_entry *owner = standing_owner(finder, link);

	return entry->network ? owner->network == entry->network : owner->uplink != NULL;
}

bool standing_tell_once(struct standing_finder *finder, const struct host_link *link)
{
	bool *told = &finder->links_told[link - finder->view->links->items];
	bool before = *told;

	*told = true;
	return before;
}

bool standing_can_have_guests(const struct host_link *link,
			      const struct host_links_address *address)
{
	return link && (link->flags & IFF_UP) && !(link->flags & IFF_LOOPBACK) &&
	       strcmp(link->kind, "dummy") != 0 &&
	       (!address || address->prefix.len < family_bits(address->prefix.addr.family));
}

/* Names. */

void standing_links_add(struct arena *arena, struct standing_links *list,
			const struct host_link *link)
{
	list->items = arena_grow(arena, list->items, list->n, &list->cap,
				 sizeof(const struct host_link *));
	list->items[list->n++] = link;
}

const char *standing_names(struct arena *arena, const struct standing_links *list)
{
	size_t shown = list->n <= STANDING_NAMES_MAX ? list->n : STANDING_NAMES_MAX;
	const char *text = "";

	for (size_t i = 0; i < shown; i++)
		text = arena_printf(arena, "%s%s%s", text,
				    i == 0	       ? ""
				    : i + 1 == list->n ? " and "
						       : ", ",
				    list->items[i]->name);
	if (shown < list->n)
		text = arena_printf(arena, "%s and %zu more", text, list->n - shown);
	return text;
}

const char *standing_spell(struct arena *arena, const struct ifpattern *pattern,
			   const struct standing_links *list)
{
	size_t shown = list->n <= STANDING_NAMES_MAX ? list->n : STANDING_NAMES_MAX;
	const char *text = "interface: [";
	char name[IFNAME_SIZE + 1];

	if (!pattern && list->n == 1)
		return arena_printf(arena, "interface: %s", list->items[0]->name);
	if (pattern)
		text = arena_printf(arena, "%s%s", text, ifpattern_format(pattern, name));
	for (size_t i = 0; i < shown; i++)
		text = arena_printf(arena, "%s%s%s", text, i == 0 && !pattern ? "" : ", ",
				    list->items[i]->name);
	return arena_printf(arena, "%s%s]", text, shown < list->n ? ", ..." : "");
}
