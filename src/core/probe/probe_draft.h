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

/** Adds the probe, judged; returns its index, or NO_PROBE when there is no such packet. */
uint32_t draft_add(struct drafting *m, struct probe probe);

/** Returns a packet on its way from a wire; where it would go is looked up. */
struct probe draft_forwarded(const struct drafting *m, uint32_t in, const struct addr *from,
			     const struct addr *to);

/** Adds the probe in each of the kinds, which end with PROBE__COUNT. */
void draft_kinds(struct drafting *m, struct probe probe, const enum probe_kind *kinds);

/** Adds what concerns inside addresses where they do not belong. */
void draft_inside(struct drafting *m);

#endif
