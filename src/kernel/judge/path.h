// SPDX-License-Identifier: GPL-2.0-or-later
// path: the way of one packet, and of its reply, through this host as it is now.
#ifndef JUDGE_PATH_H
#define JUDGE_PATH_H

#include "hostgate/explain.h"
#include "judge/judge.h"
#include "os/route_get.h"

enum path_kind {
	PATH_ARRIVES,	 /**< on an interface */
	PATH_MADE,	 /**< by the host itself */
	PATH_CHAIN,	 /**< a base chain looks at it */
	PATH_RETURNS,	 /**< conntrack puts an address back */
	PATH_RP_FILTER,	 /**< the sysctl asks for the way back */
	PATH_ROUTE,	 /**< the routing decision */
	PATH_FORWARDING, /**< the sysctl asks whether it may go on at all */
	PATH_KIND__COUNT
};

/** One thing on the way. */
struct path_step {
	enum path_kind kind;
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

struct path_leg {
	struct path_step *steps;
	size_t n, cap;
	struct judge_packet packet;   /**< as it set out */
	bool to_host;		      /**< it is for the host itself */
	const struct path_step *stop; /**< the first that stops it, or NULL: it gets through */
	const struct path_step *may;  /**< the first that may, or NULL */
};

struct path {
	struct foreign foreign;
	struct query query;
	bool from_route; /**< nobody said where it comes in: the route to its source tells */
	struct path_leg there, back;
	bool has_reply; /**< it gets through, so there is one */
};

/**
 * Follows the packet. query.from: an interface, or NULL. Reads routes, sysctls and all rules; sends
 * nothing and changes nothing. Memory comes from arena. Returns 0 or -errno, queued; -EINVAL: the
 * packet cannot be followed (error says why, nothing is queued).
 */
int path_follow(struct arena *arena, struct diags *diags, const struct query *query,
		struct path *out, struct buf *error);

#endif
