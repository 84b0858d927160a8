// SPDX-License-Identifier: GPL-2.0-or-later
// ruleset: the backend-neutral rules that enforce a policy; what every dialect is lowered from.
#ifndef HOSTGATE_RULESET_H
#define HOSTGATE_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/addr.h"
#include "hostgate/arena.h"
#include "hostgate/description.h"
#include "hostgate/diag.h"

/*
 * Theory of operation
 *
 * plan_ruleset() makes one ruleset from a description. It is written in the richer language: sets
 * and maps keyed by tuples of prefixes. lower_nft() and lower_xt() turn it, ruleset to ruleset,
 * into what the one and the other backend has: for nf_tables every set has one shape (the same
 * prefix lengths in all its keys), for iptables there are no sets at all. Printers and kernel
 * builders read a lowered ruleset only.
 *
 * All objects are in arrays and refer to each other by index.
 */

/** Where in a packet's way through the host a base chain stands. */
enum stage {
	STAGE_NONE,            /**< not a base chain: reached by goto only */
	STAGE_DOOR,            /**< before routing and conntrack */
	STAGE_FORWARD,         /**< the forwarding decision */
	STAGE_INPUT,           /**< what is for the host itself */
	STAGE_OUTPUT,          /**< what the host itself sends */
	STAGE_OUTBOUND,        /**< leaving, forwarded or the host's own; before translation */
	STAGE_NAT_POSTROUTING, /**< source translation */
	STAGE_GUARD,           /**< leaving; after translation where the backend has such a place */
	STAGE__COUNT
};

/** What the rules look at. The table field_table in plan/field.h tells all about each. */
enum field {
	FIELD_IIFNAME,
	FIELD_OIFNAME,
	FIELD_SADDR4,
	FIELD_DADDR4,
	FIELD_SADDR6,
	FIELD_DADDR6,
	FIELD_L4PROTO,
	FIELD_SERVICE,	   /**< protocol and destination port; the first 8 bits: the protocol */
	FIELD_DPORT,	   /**< lowered for nft: the port of a FIELD_SERVICE in a set */
	FIELD_ICMP_KIND,   /**< type and code, in this order */
	FIELD_ICMPV6_KIND, /**< the same */
	FIELD_ICMP_TYPE,
	FIELD_ICMPV6_TYPE,
	FIELD_CT_STATE,		/**< bits: enum ct_state */
	FIELD_CT_DIRECTION,	/**< 0 original, 1 reply */
	FIELD_CT_STATUS,	/**< bits: enum ct_status */
	FIELD_CT_SADDR4,	/**< source of the connection's first packet */
	FIELD_CT_SADDR6,	/**< the same */
	FIELD_CT_DADDR4,	/**< destination of the connection's first packet */
	FIELD_CT_DADDR6,	/**< the same */
	FIELD_REVERSE_PATH,	/**< 1: the source is reached through the in-interface, else 0 */
	FIELD_SOURCE_LOCAL,	/**< 1: the source is an address of the host, else 0 */
	FIELD_SOURCE_BROADCAST, /**< 1: the source is a broadcast address of the host's links */
	FIELD_SOURCE_ON_OUT,	/**< 1: the source is an address of the out-interface, else 0 */
	FIELD_DEST_BROADCAST, /**< 1: the destination is a broadcast address of the host's links */
	FIELD_DEST_LOCAL,     /**< 1: the destination is an address of the host, else 0 */
	FIELD_UNTRANSLATED,   /**< 1: the packet leaves with the source it came with */
	FIELD__COUNT
} __attribute__((packed)); /* rules have many, and there are many rules */

/** Bits of FIELD_CT_STATE, with the kernel's values (NF_CT_STATE_BIT). */
enum ct_state {
	CT_STATE_INVALID = 1,
	CT_STATE_ESTABLISHED = 2,
	CT_STATE_RELATED = 4,
	CT_STATE_NEW = 8,
	CT_STATE_UNTRACKED = 64,
};

/** Bits of FIELD_CT_STATUS, with the kernel's values (IPS_*). */
enum ct_status {
	CT_STATUS_EXPECTED = 1,
	CT_STATUS_CONFIRMED = 8,
	CT_STATUS_SRC_NAT = 16,
	CT_STATUS_DST_NAT = 32,
};

/** Longest field value in bytes. */
#define KEY_SIZE 16

/**
 * A prefix of a field's value: the first bits of bytes, in the order they have in the packet (or
 * in the interface's name). bits of the whole field: exactly that value. Bits of bytes beyond are
 * zero. An interface pattern "tap*" is the 24-bit prefix "tap"; a name is all 128 bits.
 */
struct key {
	uint8_t bytes[KEY_SIZE];
	uint8_t bits;
};

/** Most fields of a set's key: a FIELD_SERVICE counts twice. nft's types have room for no more. */
#define TUPLE_MAX 5

/** The fields of a set's key, in its order; FIELDS(...) writes one. */
struct fields {
	uint8_t n;
	enum field field[TUPLE_MAX];
};

/** The fields that are given, as a value: FIELDS(FIELD_IIFNAME, FIELD_DADDR4). */
#define FIELDS(...) \
	((struct fields){sizeof((const enum field[]){__VA_ARGS__}) / sizeof(enum field), \
			 {__VA_ARGS__}})

/** An element's keys, one for each field of its set; KEYS(...) writes one. */
struct keys {
	uint8_t n;
	const struct key *key;
};

#define KEYS(...) \
	((struct keys){sizeof((const struct key[]){__VA_ARGS__}) / sizeof(struct key), \
		       (const struct key[]){__VA_ARGS__}})

/** Index that refers to nothing. */
#define NO_INDEX UINT32_MAX

/** The promises of hostgate(8); what a rule is there for. */
enum promise {
	PROMISE_NONE, /**< serves the guests, not a promise: translation */
	PROMISE_P1,   /**< nothing leaks out */
	PROMISE_P2,   /**< no private source outside */
	PROMISE_P3,   /**< nothing gets in */
	PROMISE_P4,   /**< no forged source, and no echo of one */
	PROMISE__COUNT
};

/** Why an object exists. Every rule, element and sysctl has one. */
struct origin {
	enum promise promise;
	const char *text;    /**< a few words; a rule's becomes its comment in the kernel */
	const char *network; /**< name of the network or uplink it is there for; NULL: for all */
	struct place place;  /**< in the description; line 0: none */
};

enum action_kind {
	ACTION_ACCEPT,     /**< this stage is done with the packet; it goes on */
	ACTION_DROP,
	ACTION_REJECT,     /**< drop, and answer with ICMP administratively prohibited */
	ACTION_GOTO,       /**< go on in another chain and do not come back */
	ACTION_SNAT,
	ACTION_MASQUERADE,
	ACTION_DISPATCH,   /**< do what the element says that the rule's last match found */
	ACTION_COUNT,      /**< count for the last match's element, and go on with the next rule */
	ACTION__COUNT
};

/** What packets are counted as, for each network. */
enum tally {
	TALLY_NONE,
	TALLY_IN,      /**< went to guests */
	TALLY_OUT,     /**< of guests, may leave by an uplink */
	TALLY_REFUSED, /**< might not leave, or not enter */
	TALLY_CAUGHT,  /**< had a source that must not get out: private or forged */
	TALLY__COUNT
};

struct action {
	enum action_kind kind;
	uint32_t chain;   /**< ACTION_GOTO: index; ACTION_COUNT lowered for iptables: what counts */
	struct addr addr; /**< ACTION_SNAT */
};

/** An element of a set or map. */
struct element {
	struct key *key; /**< one for each field of the set */
	uint32_t action; /**< maps: index into ruleset.actions; sets: NO_INDEX */
	uint32_t origin; /**< index into ruleset.origins */
};

/** A set (of keys) or map (from keys to actions). Elements do not overlap. */
struct set {
	const char *name; /**< fit for nft's lexer and unique */
	bool is_map;
	uint8_t n_fields;
	enum field fields[TUPLE_MAX];       /**< the fields' types; see struct match */
	uint8_t shape[TUPLE_MAX];           /**< lowered for nft: prefix length of every key */
	struct element *elements;
	size_t n_elements, cap_elements;
	enum tally tally; /**< each element counts what is found by it */
};

enum match_kind {
	MATCH_PREFIX, /**< the field starts with key */
	MATCH_BITS,   /**< a bit of key.bytes is set in the field (ct state, ct status) */
	MATCH_SET,    /**< the tuple of fields is in the set or map */
	MATCH__COUNT
};

struct match {
	enum match_kind kind;
	bool negated;                 /**< not for MATCH_SET */
	uint8_t n_fields;             /**< 1 unless MATCH_SET */
	enum field fields[TUPLE_MAX]; /**< same types as the set's; may be others (daddr for saddr) */
	struct key key;
	uint32_t set;
};

/** Most matches of one rule. */
#define MATCHES_MAX 8

/** Which lowering a rule is for: the backends differ in where their chains can stand. */
enum lowering_for {
	FOR_BOTH,
	FOR_NFT, /**< asks what is known after translation */
	FOR_XT,  /**< the door stands behind defragmentation */
	FOR__COUNT
};

struct rule {
	uint32_t chain;
	enum lowering_for only;
	uint8_t n_matches;
	struct match matches[MATCHES_MAX];
	bool counter; /**< counts what it catches */
	enum tally tally; /**< lowered: it counts as an element of a set did */
	uint32_t element; /**< lowered: origin of the element that it is made from, or NO_INDEX */
	struct action action;
	uint32_t origin;
};

struct chain {
	const char *name;
	enum stage stage; /**< STAGE_NONE for a chain that others go to */
	enum stage under; /**< the stage its packets come from; equals stage for base chains */
};

/** Whether a sysctl is written. */
enum sysctl_when {
	SYSCTL_ALWAYS,
	/** Only where router advertisements are heard and forwarding would end that. */
	SYSCTL_IF_ADVERTISED,
	SYSCTL_WHEN__COUNT
};

/** When a sysctl is written, in this order on the way up and backwards on the way down. */
enum sysctl_phase {
	SYSCTL_HARDEN,
	SYSCTL_GUARD,   /**< accept_ra, before forwarding makes the host ignore advertisements */
	SYSCTL_FORWARD, /**< the last step up and the first step down */
	SYSCTL_PHASE__COUNT
};

/**
 * One value under /proc/sys/net. With an interface pattern the path is
 * net/{ipv4,ipv6}/conf/IFNAME/leaf, once for each interface that fits; a wildcard without a name is
 * every interface of the host. Without either it is net/ipv4/ip_forward or
 * net/ipv6/conf/all/forwarding, given whole in leaf.
 */
struct sysctl {
	enum sysctl_phase phase;
	enum sysctl_when when;
	enum family family;
	struct ifpattern interface;
	const struct ifpattern *except; /**< interfaces that are left out */
	size_t n_except;
	const char *leaf;
	uint8_t value;
	uint32_t origin;
};

/**
 * What asks others' firewalls to let pass what our rules let pass, in places that they keep for it;
 * see settings.holes. There, ACTION_ACCEPT is final.
 */
struct hole_rule {
	struct rule rule;            /**< in no chain; interfaces and states alone */
	bool families[FAMILY__COUNT];
	const char *network;
};

struct ruleset {
	struct arena *arena;
	struct set *sets;
	size_t n_sets, cap_sets;
	struct chain *chains;
	size_t n_chains, cap_chains;
	struct rule *rules; /**< those of one chain in their order; chains in any order */
	size_t n_rules, cap_rules;
	struct action *actions; /**< of map elements; two may be equal */
	size_t n_actions, cap_actions;
	struct origin *origins;
	size_t n_origins, cap_origins;
	struct sysctl *sysctls; /**< by phase */
	size_t n_sysctls, cap_sysctls;
	struct hole_rule *holes; /**< in the order of the chain they are put into */
	size_t n_holes, cap_holes;
	bool hole_wanted[HOLE__COUNT];         /**< where holes go */
	struct place hole_places[HOLE__COUNT]; /**< in the description */
	bool clean_slate; /**< others' rules in iptables' tables go; see xt_table_list */
	bool guard_first; /**< STAGE_GUARD stands before STAGE_NAT_POSTROUTING, as iptables has it */
};

/** Makes the ruleset of a checked description. Memory comes from arena; never fails. */
struct ruleset *plan_ruleset(struct arena *arena, const struct description *description);

/**
 * Returns the ruleset with what masquerade would translate on an uplink closed there, for the family
 * in which the uplink has no address: the kernel would take one of another interface. For iptables,
 * which has no place behind translation. Shares everything else with the ruleset.
 */
struct ruleset *plan_without_address(struct arena *arena, const struct ruleset *ruleset,
				     const struct ifpattern *uplink, enum family family);

/** Lowers a ruleset for nf_tables: every set has one shape. */
struct ruleset *lower_nft(struct arena *arena, const struct ruleset *ruleset);

/** Lowers a ruleset for iptables and ip6tables: no sets; see rule_in_family(). */
struct ruleset *lower_xt(struct arena *arena, const struct ruleset *ruleset);

/** Returns the network or uplink that the rule, or the element it is made from, is there for. */
const char *rule_network(const struct ruleset *ruleset, const struct rule *rule);

/** Tells whether a rule can match packets of the family: all its fields are of it or of both. */
bool rule_in_family(const struct rule *rule, enum family family);

#endif
