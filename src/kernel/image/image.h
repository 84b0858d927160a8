// SPDX-License-Identifier: GPL-2.0-or-later
// image: a table as compact data, made from a ruleset or from the kernel, and what differs.
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/ruleset.h"
#include "image/change.h"

/*
 * Theory of operation
 *
 * An object of a table is the netlink attributes that create it, in the one form that libnftnl
 * writes them, without what the kernel adds (handles, counters' values). Two objects are the same
 * when these bytes are. The wanted image is made from a ruleset, and its bytes are what is sent;
 * the present one is made from a dump, read by libnftnl and written again.
 *
 * There may be hundreds of thousands of set elements, so they are not objects but records of one
 * array a set: the key, then two numbers. Sorted by key they are compared in one walk.
 */

/** Attributes of an object. */
struct blob {
	const void *bytes;
	size_t len;
};

struct image_rule {
	struct blob blob;
	const char *comment; /**< "" when it has none */
	uint32_t rule;	     /**< index in the ruleset; NO_INDEX in a kernel's image */
	uint64_t handle;     /**< the kernel's number of it; 0 in an image of a ruleset */
};

struct image_chain {
	const char *name;
	struct blob blob;
	struct image_rule *rules; /**< in their order */
	size_t n_rules, cap_rules;
};

/** Record's verdict: a set's element, or one with something that hostgate never writes. */
#define VERDICT_NONE  UINT32_MAX
#define VERDICT_OTHER (UINT32_MAX - 1)

struct image_set {
	const char *name;
	struct blob blob;
	bool is_map;
	bool counts;	   /**< every element has a counter */
	bool is_anonymous; /**< part of a rule, and goes with it; never one of ours */
	size_t key_len;	   /**< bytes; of several fields, each padded to 4 */
	uint8_t *records; /**< n_records * image_stride(); owned; by key after image_finish() */
	size_t n_records, cap_records;
};

/** A table, or none. Initialise with image_init(). Sets and chains are in order of creation. */
struct image {
	struct arena *arena; /**< owned: names and blobs */
	const char *name;    /**< of the table, "iptables filter"; NULL: inet hostgate */
	bool exists;	     /**< there is such a table */
	bool owned;	     /**< some process holds it with NFT_TABLE_F_OWNER */
	uint32_t generation; /**< of the kernel's ruleset when this was read */
	struct blob blob;    /**< of the table */
	struct image_chain *chains;
	size_t n_chains, cap_chains;
	uint32_t *chain_order; /**< indexes of chains by name, after image_order_chains() */
	struct image_set *sets;
	size_t n_sets, cap_sets;
	uint32_t *set_order; /**< indexes of sets by name, after image_finish() */
};

/** Prepares an empty image; free with image_free(). */
void image_init(struct image *image);

/** Frees everything. Usable as a cleanup attribute's function, also on a zeroed image. */
void image_free(struct image *image);

/** Says that there is a table, and with which attributes (copied). */
void image_set_table(struct image *image, struct blob blob);

/** Adds an object; name and blob are copied. The pointer is valid until the next one is added. */
struct image_chain *image_add_chain(struct image *image, const char *name, struct blob blob);
struct image_set *image_add_set(struct image *image, const char *name, struct blob blob,
				bool is_map, size_t key_len);
struct image_rule *image_add_rule(struct image *image, struct image_chain *chain, struct blob blob,
				  const char *comment);

/**
 * Adds an element and returns where its key of set->key_len bytes goes. verdict: index of the
 * chain that a map's element goes to, or VERDICT_*; source: what the caller wants to find again,
 * NO_INDEX in a kernel's image.
 */
uint8_t *image_add_element(struct image_set *set, uint32_t verdict, uint32_t source);

/** Sorts what image_find_chain() needs. */
void image_order_chains(struct image *image);

/** Returns the index of the chain with this name, or NO_INDEX. */
uint32_t image_find_chain(const struct image *image, const char *name);

/** Sorts elements and names; the image may then be compared. */
void image_finish(struct image *image);

/** Returns a number that two finished images share only when they are the same, but for chance. */
uint64_t image_fingerprint(const struct image *image);

/** Returns the index of the element with this key in a finished image's set, or NO_INDEX. */
uint32_t image_find_element(const struct image_set *set, const uint8_t *key);

/** Parts of an element. */
const uint8_t *image_key(const struct image_set *set, size_t element);
uint32_t image_verdict(const struct image_set *set, size_t element);
uint32_t image_source(const struct image_set *set, size_t element);

enum object { OBJECT_TABLE, OBJECT_CHAIN, OBJECT_SET, OBJECT_RULE, OBJECT_ELEMENT, OBJECT__COUNT };

/** One object that is not the same in both images; NO_INDEX where one side has none. */
struct difference {
	enum change_kind kind;
	enum object object;
	uint32_t old_parent, old_idx; /**< parent: of a rule its chain, of an element its set */
	uint32_t new_parent, new_idx;
	uint32_t before; /**< rule: of old, stays, and comes next after it; NO_INDEX: the end */
};

/**
 * In order: chains, each with its rules' differences in their order, then sets, each with its
 * elements'. Rules of a chain that only one side has, and elements of such a set, are not told.
 */
struct diff {
	struct difference *items;
	size_t n, cap;
	size_t n_elements; /**< of items, those about elements */
	bool whole; /**< the table, or what a chain or set is, differs: can't be made from old */
};

/** Finds what differs. Both images are finished. Memory comes from arena. */
void image_diff(struct arena *arena, const struct image *old, const struct image *new,
		struct diff *out);

#endif
