// SPDX-License-Identifier: GPL-2.0-or-later
// route_get: asks the kernel where it would send one packet.
#ifndef OS_ROUTE_GET_H
#define OS_ROUTE_GET_H

#include "hostgate/addr.h"
#include "hostgate/description.h"
#include "os/netlink.h"

/** What is asked. */
struct route_query {
	struct addr daddr;
	const struct addr *saddr; /**< or NULL: the host's own packet, source not chosen yet */
	unsigned int iif;	  /**< the packet comes in there; 0: the host makes it */
	uint8_t l4proto;	  /**< 0: not known */
	uint16_t dport;		  /**< 0: not known */
};

/** What the kernel answers. */
struct route_answer {
	uint8_t type;		 /**< RTN_UNICAST, RTN_LOCAL, ... */
	unsigned int oif;	 /**< 0: none */
	char oifname[IFNAME_SIZE]; /**< empty: none */
	bool has_source;
	struct addr source; /**< that the host would choose */
	bool has_gateway;
	struct addr gateway;
};

/**
 * Asks. netlink: a socket of NETLINK_ROUTE. Returns 0; -EHOSTUNREACH, -ENETUNREACH, -EACCES or
 * -EINVAL when such a route refuses it; -EXDEV when the source is no source there (rp_filter, an
 * address of the host); or another -errno.
 */
int route_get(struct netlink *netlink, const struct route_query *query, struct route_answer *out);

#endif
