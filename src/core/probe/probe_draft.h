// SPDX-License-Identifier: GPL-2.0-or-later
// probe_draft: making a list of probes; shared by the files that do.
#ifndef PROBE_PROBE_DRAFT_H
#define PROBE_PROBE_DRAFT_H

#include "probe/probe.h"

#define KINDS(...) ((const enum probe_kind[]){__VA_ARGS__, PROBE__COUNT})

/** What the makers share. */
struct drafting {
	struct arena *arena;
	struct probe_list *list;
	const struct replica *r;
	const struct description *d;
	bool *unported; /**< by port and family: a packet without ports is translated there already */
};

/** Fills in what should become of the probe. */
void draft_judge(struct drafting *m, struct probe *probe);

/** Adds the probe, judged; returns its index, or NO_PROBE when there is no such packet. */
uint32_t draft_add(struct drafting *m, struct probe probe);

/** Returns a packet on its way from a wire; where it would go is looked up. */
struct probe draft_forwarded(const struct drafting *m, uint32_t in, const struct addr *from,
			     const struct addr *to);

/** Adds the probe in each of the kinds, which end with PROBE__COUNT. */
void draft_kinds(struct drafting *m, struct probe probe, const enum probe_kind *kinds);

/** Tells whether the port is of the kind. */
bool draft_is_port(const struct drafting *m, uint32_t port, enum port_kind kind);

/** Tells whether the address is multicast or broadcast. */
bool draft_is_for_many(const struct replica *r, const struct addr *addr);

/** Returns the first guest of the network and family; an undescribed one when it has no other. */
const struct replica_guest *draft_guest(const struct drafting *m, uint32_t network,
					enum family family);

/** Gives networks that a network is tested against: all, or its neighbours and a fixed sample. */
size_t draft_others(const struct drafting *m, uint32_t network, size_t max,
		    uint32_t out[static PROBE_ALL_PAIRS_MAX]);

/** Adds what goes from the guest to the outside, and comes back. */
void draft_out(struct drafting *m, const struct replica_guest *guest);

/** On a real host: what it answers to the guest, and what goes by its own default route. */
void draft_of_host(struct drafting *m, const struct replica_guest *guest);

/** Adds what comes in on a network's port with a forged source. */
void draft_forged(struct drafting *m, uint32_t network, uint32_t in);

/** Adds what concerns inside addresses where they do not belong. */
void draft_inside(struct drafting *m);

#endif
