// SPDX-License-Identifier: GPL-2.0-or-later
// probe: the packets that prove sends, and what should become of each.
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "hostgate/ruleset.h"
#include "hostgate/simulate.h"
#include "probe/replica.h"

enum probe_kind {
	/* The first packet of a connection. */
	PROBE_UDP,
	PROBE_TCP,
	PROBE_ECHO,
	PROBE_PROTOCOL,	      /**< a protocol that nobody knows */
	PROBE_FRAGMENTS,      /**< a datagram in pieces */
	PROBE_FRAGMENTS_BACK, /**< the same, last piece first */
	/* What belongs to no connection. */
	PROBE_RST,
	PROBE_FIN_ACK,
	PROBE_SYN_ACK,
	PROBE_ALL_FLAGS,
	PROBE_ECHO_REPLY,
	PROBE_ERROR,	  /**< an ICMP error about nothing */
	PROBE_UDP_BROKEN, /**< wrong checksum */
	PROBE_TCP_BROKEN,
	PROBE_FRAGMENT, /**< the first piece alone */
	PROBE_REPORT,	/**< multicast listener report to somebody: not tracked */
	/* What the host itself answers. */
	PROBE_ACK,	/**< TCP, to a closed port */
	PROBE_LAST_HOP, /**< UDP with a hop limit of 1 */
	PROBE_LAST_HOP_ECHO,
	PROBE_HOP_OPTION, /**< IPv6 option that asks for an answer */
	PROBE_ROUTER,	  /**< ICMP redirect, or router advertisement */
	/* Others. */
	PROBE_DHCP,
	PROBE_REPLY,	   /**< of the peer, to a probe that was seen */
	PROBE_ERROR_ABOUT, /**< a router's ICMP error about it */
	PROBE_STRANGER,	   /**< somebody else, to the address and port it was seen with */
	PROBE__COUNT
};

struct probe_kind_info {
	const char *name;
	uint8_t l4proto[FAMILY__COUNT]; /**< 0: there is no such packet of the family */
	uint32_t ct_state;		/**< that the host's conntrack gives it; enum ct_state */
};

/** Indexed by enum probe_kind. */
extern const struct probe_kind_info probe_kind_table[PROBE__COUNT];

/** When a probe is sent. */
enum probe_phase {
	PHASE_OUT,  /**< what should pass, on the host as apply leaves it */
	PHASE_BACK, /**< what comes back to it */
	PHASE_ELSE, /**< everything else; by now the host forwards on all interfaces */
	PHASE_ASTRAY, /**< when routes to the networks lead elsewhere */
	PHASE__COUNT
};

#define NO_NETWORK UINT32_MAX
#define NO_PROBE UINT32_MAX

struct probe {
	enum probe_kind kind;
	enum probe_phase phase;
	enum promise promise; /**< that it tests; PROMISE_NONE: that what may pass does pass */
	enum family family;
	uint32_t network;	  /**< whose promise it is; NO_NETWORK: nobody's */
	uint32_t in;		  /**< port where it is sent; NO_PORT: by the host itself */
	uint32_t toward;	  /**< port it would leave by; NO_PORT: it is for the host */
	uint32_t about;		  /**< PHASE_BACK: index of the probe that this one is about */
	struct addr saddr, daddr; /**< PHASE_BACK: without what translation made of them */
	const char *what;	  /**< a few words, "forged source" */
	bool passes;		  /**< it should be seen on port toward, else on no other wire */
	struct addr seen_saddr;	  /**< with this source */
	bool any_own;		  /**< or with any other address of the host on that port */
};

struct probe_list {
	const struct replica *replica;
	struct probe *items; /**< by phase; indexes stay */
	size_t n, cap;
	bool sampled; /**< not every pair of networks is tested */
};

/** Above so many networks only a sample of all pairs is tested. */
#define PROBE_ALL_PAIRS_MAX 64

/** Makes all probes for the copy. Memory comes from arena. */
struct probe_list *probe_list_make(struct arena *arena, const struct replica *replica);

/** Returns the packet as simulate_packet() wants it; translation is what apply should make. */
struct packet probe_packet(const struct probe_list *list, const struct probe *probe);

#endif
