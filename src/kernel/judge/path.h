// SPDX-License-Identifier: GPL-2.0-or-later
// path: the way of one packet, and of its reply, through this host as it is now.
#ifndef JUDGE_PATH_H
#define JUDGE_PATH_H

#include "hostgate/explain.h"
#include "judge/judge.h"
#include "os/route_get.h"

enum live_kind {
	LIVE_ARRIVES,	 /**< on an interface */
	LIVE_MADE,	 /**< by the host itself */
	LIVE_CHAIN,	 /**< a base chain looks at it */
	LIVE_RETURNS,	 /**< conntrack puts an address back */
	LIVE_RP_FILTER,	 /**< the sysctl asks for the way back */
	LIVE_ROUTE,	 /**< the routing decision */
	LIVE_FORWARDING, /**< the sysctl asks whether it may go on at all */
	LIVE_KIND__COUNT
};

/** One thing on the way. */
struct live_step {
	enum live_kind kind;
	enum judge_end end; /**< what it does to the packet */
	const char *ifname; /**< ARRIVES, RP_FILTER, FORWARDING: in; ROUTE: out, or NULL: for the host */
	struct judge_finding finding; /**< CHAIN */
	bool translated_source, translated_destination; /**< CHAIN */
	bool address_known;	    /**< of a translation, RETURNS: addr */
	struct addr addr;
	const char *sysctl, *value; /**< RP_FILTER, FORWARDING: path below /proc/sys and what it is */
	struct route_answer route;  /**< ROUTE; RP_FILTER: the way back */
	int err;		    /**< ROUTE, RP_FILTER: 0, or why there is none */
};

struct live_leg {
	struct live_step *steps;
	size_t n, cap;
	struct judge_packet packet;   /**< as it set out */
	bool to_host;		      /**< it is for the host itself */
	const struct live_step *stop; /**< the first that stops it, or NULL: it gets through */
	const struct live_step *may;  /**< the first that may, or NULL */
};

struct live {
	struct survey survey;
	struct query query;
	bool from_route; /**< nobody said where it comes in: the route to its source tells */
	struct live_leg there, back;
	bool has_reply; /**< it gets through, so there is one */
};

/**
 * Follows the packet. query.from: an interface, or NULL. Reads routes, sysctls and all rules; sends
 * nothing and changes nothing. Memory comes from arena. Returns 0 or -errno, queued; -EINVAL: the
 * packet cannot be followed (error says why, nothing is queued).
 */
int live_follow(struct arena *arena, struct diags *diags, const struct query *query,
		struct live *out, struct buf *error);

#endif
