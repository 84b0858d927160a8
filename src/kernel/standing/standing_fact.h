// SPDX-License-Identifier: GPL-2.0-or-later
// standing_fact: what the functions that look for a fact share.
#ifndef STANDING_STANDING_FACT_H
#define STANDING_STANDING_FACT_H

#include "base/diag_codes.h"
#include "model/subnets.h"
#include "standing/standing.h"

/** An entry of the description that names interfaces: an uplink's, or one of a network. */
struct standing_entry {
	size_t idx;			 /**< in the order of the description, uplinks first */
	const struct ifpattern *pattern; /**< NULL: no entry */
	const struct network *network;	 /**< NULL: an uplink's */
	const struct uplink *uplink;	 /**< NULL: a network's */
};

/** A look for one fact. */
struct standing_finder {
	struct arena *arena;
	struct diags *diags;
	const struct standing_view *view;
	struct standing *out;
	enum standing_severity severity; /**< of the fact */
	const char *code;
	struct standing_entry *owners; /**< by index in view->links->items */
	struct subnet_index subnets;   /**< of all networks */
	struct standing_wires *wires;
	struct standing_stray *strays; /**< by index of the network */
	/** What an earlier fact named: by index in view->links->items; by idx of the entry. */
	bool *links_told, *entries_told;
};

/** An address of a network's subnets on an interface that nobody has described. */
struct standing_stray {
	const struct host_link *link; /**< NULL: none */
	const struct host_links_address *address;
};

/** Queues a finding, as diag_add() does, with severity and code of the fact. */
struct diag *standing_say(struct standing_finder *finder, struct place place, const char *format,
			  ...) __attribute__((format(printf, 3, 4)));

typedef void (*standing_entry_fn)(struct standing_finder *finder,
				  const struct standing_entry *entry);

/** Calls look for every entry. */
void standing_each_entry(struct standing_finder *finder, standing_entry_fn look);

/** Whose the interface is; an entry without pattern when nobody's. */
const struct standing_entry *standing_owner(const struct standing_finder *finder,
					    const struct host_link *link);

/** Tells whether an interface of the entry's owner, as the entry's would be, is described, too. */
bool standing_is_covered(const struct standing_finder *finder, const struct standing_entry *entry,
			 const struct host_link *link);

/**
 * Tells whether guests may be on the interface, which may be NULL. address: that it has there, or
 * NULL; one without a subnet has no neighbours.
 */
bool standing_can_have_guests(const struct host_link *link,
			      const struct host_links_address *address);

/** Returns whether the interface was told already, and remembers it. */
bool standing_tell_once(struct standing_finder *finder, const struct host_link *link);

/** Interfaces, in the order in which they were found. Lives in the arena. */
struct standing_links {
	const struct host_link **items;
	size_t n, cap;
};

/** Adds one. */
void standing_links_add(struct arena *arena, struct standing_links *list,
			const struct host_link *link);

/** Most names that are written; further ones are counted. */
#define STANDING_NAMES_MAX 8

/** Returns "a, b and 3 more". */
const char *standing_names(struct arena *arena, const struct standing_links *list);

/**
 * Returns what to write in the description for these, and before them the pattern unless it is
 * NULL: "interface: vmbr1", "interface: [tap*, vmbr1]".
 */
const char *standing_spell(struct arena *arena, const struct ifpattern *pattern,
			   const struct standing_links *list);

/* Wires: who hears the guests. */

/** Prepares to follow the wires of the host. */
struct standing_wires *standing_wires_new(struct arena *arena, const struct host_links *links);

/** Lists the interfaces on which the host hears who is heard on those of start, these included. */
void standing_wires_follow(struct standing_wires *wires, const struct standing_links *start,
			   struct standing_links *out);

/* The facts. */

void standing_ports(struct standing_finder *finder);
void standing_altnames(struct standing_finder *finder);
void standing_renamed(struct standing_finder *finder);
void standing_missing(struct standing_finder *finder);
void standing_heard(struct standing_finder *finder);
void standing_maybe_heard(struct standing_finder *finder);
void standing_uplinks_inside(struct standing_finder *finder);
void standing_subnets_elsewhere(struct standing_finder *finder);
void standing_subnets_routed(struct standing_finder *finder);
void standing_no_address(struct standing_finder *finder);
void standing_no_address_yet(struct standing_finder *finder);
void standing_open_tunnels(struct standing_finder *finder);
void standing_bridged_frames(struct standing_finder *finder);
void standing_fronts(struct standing_finder *finder);

#endif
