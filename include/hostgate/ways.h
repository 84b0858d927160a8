// SPDX-License-Identifier: GPL-2.0-or-later
// ways: what may go where, by the description alone, and which key of it decides.
#ifndef HOSTGATE_WAYS_H
#define HOSTGATE_WAYS_H

#include "hostgate/description.h"

/*
 * What the matrix, the openings, the header, the forwarding switches, the conntrack entries, the
 * samples for others' rules, the cells of prove and the hints of explain know of the policy, they
 * know from here. The rules (policy/plan) and what prove judges them by (policy/expect) each read
 * the description by themselves: a test compares the three.
 */

/** What stands at one end of the host. */
enum end_kind {
	END_HOST, /**< the host itself */
	END_NETWORK,
	END_UPLINK,
	END_ELSEWHERE, /**< any other interface; in ways_of(): all that has no way of its own there */
	END__COUNT
};

struct way_end {
	enum end_kind kind;
	const struct network *network; /**< END_NETWORK */
	const struct uplink *uplink;   /**< END_UPLINK */
};

/** What may pass, in ascending order. */
enum permission {
	PERMIT_NOTHING,
	PERMIT_REPLIES, /**< what belongs to a connection that was opened the other way */
	PERMIT_ALL,
	PERMIT__COUNT
};

/** A key of the description that decides about a way. */
enum way_key {
	WAY_KEY_NONE,	    /**< no key changes it */
	WAY_KEY_SUBNET,	    /**< the network's `subnet` */
	WAY_KEY_MODE,	    /**< the network's `mode` */
	WAY_KEY_UPLINK,	    /**< the network's `uplink` */
	WAY_KEY_UPLINKS,    /**< `uplinks` of the description */
	WAY_KEY_REACH,	    /**< the `reach` of the network that sends */
	WAY_KEY_PUBLISH,    /**< the `publish` of the network that is entered */
	WAY_KEY_ALLOW_FROM, /**< its `allow-from` */
	WAY_KEY__COUNT
};

/** What the description says of one family's packets on a way. */
struct passage {
	enum permission permission;
	bool translated;		/**< the source becomes another one */
	struct translation translation; /**< which one, if translated */
	enum way_key key;		/**< what lets all of it pass, or would */
	struct place place;		/**< of the key, or of the entry that it belongs into */
};

/** One direction between two ends. */
struct way {
	struct way_end from, to;
	struct passage of[FAMILY__COUNT];
};

/** An end made of a network. */
struct way_end way_end_network(const struct network *network);

/** An end made of an uplink. */
struct way_end way_end_uplink(const struct uplink *uplink);

/** Returns how many interfaces the end has, 0 where the description names none, and sets *out. */
size_t way_end_interfaces(const struct way_end *end, const struct ifpattern **out);

/**
 * Returns the way between any two ends, with the networks and uplinks of the description. One
 * between ends that are no network is none of hostgate's and lets all pass.
 */
struct way ways_between(const struct description *description, struct way_end from,
			struct way_end to);

/** Tells whether anything may pass, of either family. */
bool way_is_open(const struct way *way);

/** Returns the passage of the family that may do more, IPv4's if both are alike. */
const struct passage *way_passage(const struct way *way);

/** The ways of one network, one after the other. */
struct ways {
	const struct description *description;
	const struct network *network;
	size_t next; /**< private */
};

/**
 * Begins with the ways of a network of the description: the one within it, those to and from each
 * other end that it has an open way with, in the order of the description and outward first, and
 * the two between it and all else (END_ELSEWHERE), which are closed.
 */
struct ways ways_of(const struct description *description, const struct network *network);

/** Sets *out to the next way; returns false when there is none. */
bool ways_next(struct ways *ways, struct way *out);

/** Returns the passage by which the network's packets of the family get out; what it gets out by
 * differs by uplink in its address only. Permits nothing where there is no such way. */
struct passage ways_out(const struct description *description, const struct network *network,
			enum family family);

/**
 * Tells whether nobody outside knows the way to the network's addresses, so that none of them may
 * leave by an uplink as a source.
 */
bool network_is_private(const struct network *network);

#endif
