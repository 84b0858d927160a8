// SPDX-License-Identifier: GPL-2.0-or-later
// description: what the user wrote, as plain data. See hostgate.yaml(5) for the language.
#ifndef HOSTGATE_DESCRIPTION_H
#define HOSTGATE_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/addr.h"
#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"

/** Longest interface name with its NUL (the kernel's IFNAMSIZ). */
#define IFNAME_SIZE 16

/** Longest name of a network or uplink, in bytes without the NUL. */
#define NAME_MAX_LEN 64

/** Most interface entries of one network: every ordered pair of them is a way inside it. */
#define NETWORK_INTERFACES_MAX 64

/** An interface by name, or all interfaces whose name starts with a text. */
struct ifpattern {
	char name[IFNAME_SIZE]; /**< NUL-padded; without the trailing '*' of a pattern */
	bool wildcard;          /**< any name that starts with name; name is not empty */
	struct place place;
};

enum mode {
	MODE_ISOLATED,
	MODE_NAT,
	MODE_ROUTED,
	MODE__COUNT
};

/** An interface towards the outside. */
struct uplink {
	const char *name;           /**< key in the description */
	struct place place;         /**< of the key */
	struct ifpattern interface; /**< never a wildcard */
	bool has_address[FAMILY__COUNT];
	struct addr address[FAMILY__COUNT]; /**< what to translate to; absent: masquerade */
	struct place address_place[FAMILY__COUNT];
};

struct subnet {
	struct prefix prefix; /**< no bits beyond the length */
	struct place place;
};

struct gateway {
	struct addr addr;
	struct place place;
};

enum snat_kind {
	SNAT_UPLINK,     /**< default: the uplink's address, else masquerade */
	SNAT_ADDRESS,    /**< one address, for its family; the other family as SNAT_UPLINK */
	SNAT_MASQUERADE, /**< masquerade for both families */
	SNAT__COUNT
};

/** A host-only network. */
struct network {
	const char *name;
	struct place place;
	struct ifpattern *interfaces; /**< at least one */
	size_t n_interfaces;
	struct subnet *subnets; /**< at least one */
	size_t n_subnets;
	struct gateway *gateways;
	size_t n_gateways;
	enum mode mode;
	struct place mode_place; /**< line 0 when it was left to the default */
	uint32_t *uplinks;       /**< indexes into description.uplinks, ascending; default: all */
	size_t n_uplinks;
	bool uplinks_given; /**< the key was there */
	enum snat_kind snat;
	struct addr snat_address; /**< for SNAT_ADDRESS */
	struct place snat_place;
};

enum backend {
	BACKEND_AUTO,
	BACKEND_NFTABLES,
	BACKEND_IPTABLES,
	BACKEND__COUNT
};

enum forwarding {
	FORWARDING_AUTO,       /**< switch on what the networks need */
	FORWARDING_INTERFACES, /**< only on the interfaces of the description */
	FORWARDING_DISABLED,   /**< write 0 */
	FORWARDING_KEEP,       /**< never write */
	FORWARDING__COUNT
};

enum deny {
	DENY_REJECT, /**< ICMP administratively prohibited */
	DENY_DROP,
	DENY__COUNT
};

/** Places that others' firewalls keep for rules of the administrator's. */
enum hole {
	HOLE_DOCKER,
	HOLE_UFW,
	HOLE_IPTABLES,
	HOLE__COUNT
};

struct settings {
	enum backend backend;
	enum forwarding forwarding;
	struct place forwarding_place;
	enum deny deny;
	bool harden;
	bool holes[HOLE__COUNT];
	struct place hole_places[HOLE__COUNT]; /**< line 0: not asked for */
	bool clean_slate;
};

/** The whole description. Everything lives in the arena it was read into. */
struct description {
	struct uplink *uplinks; /**< in the order of the files */
	size_t n_uplinks;
	struct network *networks; /**< in the order of the files */
	size_t n_networks;
	struct settings settings;
};

/**
 * Reads the sources of diags (all of them, in order) as one description and checks it across
 * entries. Returns true and fills *out when there was no error; otherwise the errors are queued in
 * file order and *out is unusable. Memory comes from arena.
 */
bool description_read(struct arena *arena, struct diags *diags, struct description *out);

/**
 * Writes the description in canonical form: every key that differs from its default, in a fixed
 * order. Reading that text gives an equal description.
 */
void description_print(const struct description *description, struct buf *out);

/** Names as written in the description: "isolated", "nat", "routed". */
const char *mode_name(enum mode mode);

/** "auto", "nftables", "iptables". */
const char *backend_name(enum backend backend);

/** "auto", "interfaces", "disabled", "keep". */
const char *forwarding_name(enum forwarding forwarding);

/** "reject", "drop". */
const char *deny_name(enum deny deny);

/** "docker", "ufw", "iptables". */
const char *hole_name(enum hole hole);

/** Tells whether the network has a subnet of the family. */
bool network_has_family(const struct network *network, enum family family);

/** Tells whether some interface name fits both patterns. */
bool ifpattern_overlaps(const struct ifpattern *a, const struct ifpattern *b);

/** Tells whether the interface name fits the pattern. */
bool ifpattern_matches(const struct ifpattern *pattern, const char *ifname);

/** Writes the pattern as the description does, "tap*"; returns out. */
const char *ifpattern_format(const struct ifpattern *pattern, char out[static IFNAME_SIZE + 1]);

/** Where a packet of a network gets its outside source from on one uplink. */
struct translation {
	bool masquerade;
	struct addr address; /**< unless masquerade */
};

/**
 * Returns how packets of the network are translated on the uplink for the family: the one place
 * for the order "network's snat, else uplink's address, else masquerade".
 */
struct translation network_translation(const struct network *network, const struct uplink *uplink,
				       enum family family);

#endif
