// SPDX-License-Identifier: GPL-2.0-or-later
// explain: the way of one packet and of its reply, from the description alone.
#ifndef HOSTGATE_EXPLAIN_H
#define HOSTGATE_EXPLAIN_H

#include "hostgate/simulate.h"
#include "hostgate/ways.h"

/** The packet that is asked about: the first one of a connection. */
struct query {
	struct addr saddr, daddr;
	uint8_t l4proto; /**< IPPROTO_...; 0: it was not said */
	bool has_port;
	uint16_t port;	  /**< of the destination, host byte order */
	bool dhcp;	  /**< a request of a machine that has no address yet: 0.0.0.0 to everybody */
	const char *from; /**< interface, network or uplink it comes in on; NULL: by its source */
};

/**
 * Reads SRC, an address, and DST, an endpoint of one address: ADDRESS[:PORT][/PROTO], an IPv6
 * address with a port in brackets. Returns false and says in error what is wrong.
 */
bool query_read(const char *src, const char *dst, struct query *out, struct buf *error);

/** An end of the packet's path. END_ELSEWHERE only where the description names no uplink. */
struct end {
	enum end_kind kind;
	const struct network *network; /**< END_NETWORK; END_HOST: whose gateway's address it is */
	const struct uplink *uplink;   /**< END_UPLINK; END_HOST: whose address it is */
	const struct subnet *subnet;   /**< of network, that holds the address; or NULL */
	char ifname[IFNAME_SIZE];      /**< empty for the host; an example for a pattern */
};

/** What becomes of the packet. */
enum fate {
	FATE_PASSES,	/**< forwarded, or sent by the host */
	FATE_DELIVERED, /**< it is for the host itself */
	FATE_SWITCHED,	/**< it stays within one network */
	FATE_NOT_OURS,	/**< no rule of hostgate concerns it */
	FATE_REFUSED,
	FATE__COUNT
};

/** One packet with what the rules did to it. */
struct leg {
	struct packet packet;
	struct outcome outcome;
};

/** A packet on its way between two ends, there and back. */
struct explained_path {
	struct end in, out;
	enum fate fate;
	enum way_key key;	       /**< what would let it pass when it is refused */
	struct place place;	       /**< of the key */
	const struct network *network; /**< whose key it is; or NULL */
	struct leg there;
	bool has_reply;
	struct leg back; /**< after its destination is put back to what it was */
};

struct explanation {
	const struct description *description;
	const struct ruleset *ruleset;
	struct query query;
	struct explained_path *paths; /**< at least one; in the order of the uplinks */
	size_t n_paths;
};

/**
 * Follows the packet through the ruleset that plan_ruleset() made of the description. Memory comes
 * from arena. Returns false and says in error why the packet cannot be followed.
 */
bool explain_packet(struct arena *arena, const struct description *description,
		    const struct ruleset *ruleset, const struct query *query,
		    struct explanation *out, struct buf *error);

#endif
