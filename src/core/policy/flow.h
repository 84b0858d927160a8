// SPDX-License-Identifier: GPL-2.0-or-later
// flow: whether a connection that conntrack remembers still fits the description.
#ifndef POLICY_FLOW_H
#define POLICY_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/description.h"

/** The addresses of a connection, as conntrack(8) shows them. */
struct flow {
	struct addr source, destination; /**< of the first packet, as it came */
	struct addr reply_source;        /**< where that packet went: the destination, or a DNAT's */
	struct addr reply_destination;   /**< the source it went with: its own, or a translated one */
	bool expected;                   /**< a helper announced it: IPS_EXPECTED */
};

/** An address of the host itself. */
struct host_address {
	struct addr addr;
	char ifname[IFNAME_SIZE]; /**< the interface it is on */
};

enum flow_verdict {
	FLOW_FITS,          /**< as the description has it, or not the description's business */
	FLOW_STALE,         /**< its packets are refused, or have another translation than described */
	FLOW_STALE_OUTSIDE, /**< the host's own: stale when its packets leave by an uplink */
	FLOW_VERDICT__COUNT
};

struct flow_judge;

/**
 * Prepares to judge connections of networks that the new description, now, has and before has not,
 * or has otherwise, and of those that only before has. before: what was in force; NULL when nothing
 * or nobody knows. All are used until the judge is; the hosts' array is put into order.
 */
struct flow_judge *flow_judge_new(struct arena *arena, const struct description *now,
				  const struct description *before, struct host_address *hosts,
				  size_t n_hosts);

/** Judges the connections of that network, too; of all when name is NULL. */
void flow_judge_concern(struct flow_judge *judge, const char *name);

/** Tells whether no connection at all can be stale. */
bool flow_judge_is_idle(const struct flow_judge *judge);

/** Judges one. network: the name of the network it is stale for, unless FLOW_FITS. */
enum flow_verdict flow_judge_one(const struct flow_judge *judge, const struct flow *flow,
				 const char **network);

#endif
