// SPDX-License-Identifier: GPL-2.0-or-later
// field: the one table of what rules look at, and the one of where base chains stand.
#ifndef RULES_FIELD_H
#define RULES_FIELD_H

#include <stdint.h>

#include "hostgate/buf.h"
#include "hostgate/ruleset.h"

/** How a field is loaded into nf_tables registers. */
enum nft_load {
	NFT_LOAD_UNSAID,      /**< a row of the table that says nothing is a mistake */
	NFT_LOAD_META,	      /**< meta expression, key load_key */
	NFT_LOAD_NETWORK,     /**< payload at the network header, offset load_key */
	NFT_LOAD_TRANSPORT,   /**< payload at the transport header, offset load_key */
	NFT_LOAD_CT,	      /**< ct expression, key load_key */
	NFT_LOAD_CT_ORIGINAL, /**< ct expression of the original direction, key load_key */
	NFT_LOAD_FIB_OIF,     /**< fib expression, flags load_key: does a route lead out there? */
	NFT_LOAD_FIB_TYPE, /**< fib expression, flags load_key: is the address of type fib_type? */
	NFT_LOAD_SERVICE,  /**< the protocol and, at the transport header, the port at load_key */
	NFT_LOAD_NONE,	   /**< lowered away before it gets there */
	NFT_LOAD__COUNT
};

/** The order in which a rule's matches are written for iptables: the one of iptables-save. */
enum xt_place {
	XT_PLACE_UNSAID, /**< a row of the table that says nothing is a mistake */
	XT_PLACE_NONE,   /**< no rule of iptables can ask for it: lower_xt() takes it away */
	XT_PLACE_SOURCE,
	XT_PLACE_DESTINATION,
	XT_PLACE_IN,
	XT_PLACE_OUT,
	XT_PLACE_PROTOCOL,
	XT_PLACE_STATE,
	XT_PLACE_STATUS,
	XT_PLACE_DIRECTION,
	XT_PLACE_ORIGINAL,
	XT_PLACE_REVERSE_PATH,
	XT_PLACE_SOURCE_TYPE,
	XT_PLACE_DEST_TYPE,
};

struct field_info {
	const char *name; /**< as nft writes it */
	enum xt_place xt_place;
	uint8_t bytes;         /**< length of the value */
	bool one_family;       /**< only packets of family have it */
	enum family family;    /**< when one_family */
	uint8_t l4proto;       /**< IP protocol a packet must have for it; 0: any */
	bool host_order;       /**< a number in host byte order inside nf_tables */
	bool no_order;	       /**< nft's datatype has no byte order */
	uint32_t nft_type;     /**< nft's datatype number (kernel's NFTA_SET_KEY_TYPE) */
	const char *nft_type_name;
	enum nft_load load;
	uint32_t load_key;
	uint8_t fib_type; /**< RTN_LOCAL, RTN_BROADCAST */
};

/** Indexed by enum field. */
extern const struct field_info field_table[FIELD__COUNT];

/** One bit of FIELD_CT_STATE or FIELD_CT_STATUS. */
struct field_bit {
	enum field field;
	uint32_t bit;
	const char *nft_name, *xt_name;
	uint16_t xt_flag; /**< XT_CONNTRACK_STATE or XT_CONNTRACK_STATUS: --ctstate or --ctstatus */
	uint16_t xt_mask; /**< in xt_conntrack's state_mask or status_mask */
};

/** Ends with a row without a bit. */
extern const struct field_bit field_bits_table[];

/**
 * Returns the bits that a MATCH_BITS asks for, one after another: the first for last NULL, and NULL
 * behind the last one. Ends the process when the match has a bit that the table does not know.
 */
const struct field_bit *field_bit_next(const struct match *match, const struct field_bit *last);

struct stage_info {
	const char *nft_type;  /**< chain type: "filter" or "nat" */
	const char *nft_hook;
	uint32_t nft_hooknum;  /**< NF_INET_... */
	int32_t nft_priority;
	const char *xt_table;
	const char *xt_chain;  /**< built-in chain */
};

/** Indexed by enum stage; STAGE_NONE's row is empty. */
extern const struct stage_info stage_table[STAGE__COUNT];

/** Returns the key that is exactly this interface, or all that fit the pattern. */
struct key key_of_interface(const struct ifpattern *pattern);

/** Returns the key of all addresses in the prefix. */
struct key key_of_prefix(const struct prefix *prefix);

/** The same of its text: a constant of the program, not what a user wrote. */
struct key key_of_text(const char *text);

/** Returns the key of a one-byte, or two-byte big-endian, or four-byte number of the field. */
struct key key_of_number(enum field field, uint32_t number);

/** Bits of a FIELD_SERVICE that are the protocol. A key of none of its bits is anything at all. */
#define SERVICE_PROTOCOL_BITS 8

/** Returns the key of FIELD_SERVICE that is all of an IP protocol. */
struct key key_of_protocol(uint8_t protocol);

/** Returns the key of FIELD_SERVICE that is one port of TCP or UDP. */
struct key key_of_service(uint8_t protocol, uint16_t port);

/** The parts of a key of FIELD_SERVICE. */
uint8_t key_protocol(const struct key *key);
uint16_t key_port(const struct key *key);

/** Returns the IP protocol that a packet must have for the field to be like key; 0: any. */
uint8_t field_l4proto(enum field field, const struct key *key);

/** Writes a key of FIELD_SERVICE as the description does: "443/tcp", "udp", "47", "any". */
void key_service_text(const struct key *key, struct buf *out);

/** Returns what nft calls the port of a key of FIELD_SERVICE with one: "tcp dport", "udp dport". */
const char *key_service_field(const struct key *key);

/** Returns the number of key_of_number(). */
uint32_t key_number(enum field field, const struct key *key);

/** Tells whether the value (as long as the field) fits the key. */
bool key_matches(const struct key *key, const uint8_t *value);

/** Returns the length of the field's value in bits. */
unsigned int field_bits(enum field field);

/** Returns the address of a key of an address field. */
struct addr key_addr(enum field field, const struct key *key);

/**
 * Returns the interface name of a key of a name field, NUL-terminated; sets *wildcard when it
 * stands for all names that start with it.
 */
const char *key_ifname(const struct key *key, char out[static IFNAME_SIZE], bool *wildcard);

#endif
