// SPDX-License-Identifier: GPL-2.0-or-later
// addr: addresses and prefixes of both families.
#ifndef HOSTGATE_ADDR_H
#define HOSTGATE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family {
	FAMILY_IPV4,
	FAMILY_IPV6,
	FAMILY__COUNT
};

/** Longest text of an address or prefix, with the final NUL. */
#define ADDR_TEXT_SIZE 64

/** An address in network byte order; IPv4 uses the first 4 bytes, the rest is zero. */
struct addr {
	enum family family;
	uint8_t bytes[16];
};

/** All addresses that share the first len bits of addr; the other bits of addr are zero. */
struct prefix {
	struct addr addr;
	uint8_t len; /**< bits: 0 to 32 or 0 to 128 */
};

/** Returns the length of the family's addresses in bits (32 or 128). */
unsigned int family_bits(enum family family);

/** Returns "IPv4" or "IPv6". */
const char *family_name(enum family family);

/**
 * Reads an address as inet_pton(3) does: dotted quad without leading zeros, or RFC 4291 text; no
 * scope, no prefix length, no surrounding space. Returns false and leaves *out alone otherwise.
 */
bool addr_parse(const char *text, struct addr *out);

/**
 * Reads "ADDRESS/LENGTH". Returns false when the text is no prefix. Bits beyond the length are
 * kept as written in *out: prefix_has_host_bits() tells, prefix_truncate() clears them.
 */
bool prefix_parse(const char *text, struct prefix *out);

/** Tells whether bits beyond the prefix length are set. */
bool prefix_has_host_bits(const struct prefix *prefix);

/** Returns the prefix with the bits beyond its length cleared. */
struct prefix prefix_truncate(const struct prefix *prefix);

/** Tells whether the address is of the prefix's family and lies in it. */
bool prefix_contains(const struct prefix *prefix, const struct addr *addr);

/** Returns the last address of the prefix. */
struct addr prefix_last(const struct prefix *prefix);

/** Tells whether two prefixes share an address (one then holds the other). */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/** Adds step to the address as to a number; a negative one goes down. */
struct addr addr_step(struct addr addr, int step);

/** Tells whether two addresses are the same. */
bool addr_equal(const struct addr *a, const struct addr *b);

/** Orders addresses: IPv4 first, then by bytes. Returns <0, 0 or >0, as for qsort(3). */
int addr_compare(const struct addr *a, const struct addr *b);

/** Writes the address as RFC 5952 text into out and returns out. */
const char *addr_format(const struct addr *addr, char out[static ADDR_TEXT_SIZE]);

/** Writes "ADDRESS/LENGTH" into out and returns out. */
const char *prefix_format(const struct prefix *prefix, char out[static ADDR_TEXT_SIZE]);

#endif
