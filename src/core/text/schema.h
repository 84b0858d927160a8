// SPDX-License-Identifier: GPL-2.0-or-later
// schema: the one table of the language's keys; reader, printer, manual and JSON Schema use it.
#ifndef TEXT_SCHEMA_H
#define TEXT_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/description.h"

struct node;
struct reader;

/** A kind of map with keys of its own. */
enum schema_section {
	SECTION_TOP,
	SECTION_UPLINK,
	SECTION_NETWORK,
	SECTION_SETTINGS,
	SECTION_PUBLISH,
	SECTION_SINK,
	SECTION_GUEST,
	SECTION__COUNT
};

/** What one value is. */
enum schema_kind {
	KIND_ENTRIES,   /**< a map from names to maps of the section child */
	KIND_SECTION,   /**< a map of the section child */
	KIND_TRUTH,     /**< true or false */
	KIND_WORD,      /**< one of words */
	KIND_INTERFACE, /**< an interface's name */
	KIND_PATTERN,   /**< an interface's name or a pattern tap* */
	KIND_ADDRESS,
	KIND_PREFIX,    /**< address/length */
	KIND_UPLINK,    /**< name of an uplink */
	KIND_NETWORK,   /**< name of a network */
	KIND_SNAT,      /**< what a source is translated to; may be one of words */
	KIND_ENDPOINT,  /**< WHO[:PORTS][/PROTO]; may be one of words */
	KIND_SERVICE,   /**< a service of the host; may be one of words */
	KIND_MAC,
	KIND__COUNT
};

/** How many values a key takes. */
enum schema_form {
	FORM_ONE,
	FORM_ONE_OR_LIST,
	FORM_LIST,
	FORM_ONE_OR_MAP, /**< a value for all uplinks, or a map from uplinks to values */
	FORM__COUNT
};

struct schema_key;

/** Reads one value of the key into the section's struct; queues an error when it is wrong. */
typedef void schema_read_fn(struct reader *reader, const struct schema_key *key,
			    const struct node *value, void *entry);

/** Adds the key's value in canonical form; returns false, with nothing added, for the default. */
typedef bool schema_print_fn(const struct description *description, const struct schema_key *key,
			     const void *entry, struct buf *out);

/** One key of the language. */
struct schema_key {
	enum schema_section section; /**< where the key stands */
	const char *name;
	enum schema_kind kind;
	enum schema_form form;
	bool required;
	bool supported;           /**< false: part of the language, refused by this version */
	const char *const *words; /**< words the value may be, in the order of the enum; or NULL */
	size_t n_words;
	unsigned int words_later;  /**< bit i: words[i] is refused by this version */
	enum schema_section child; /**< for KIND_ENTRIES, KIND_SECTION and lists of maps */
	const char *fallback;      /**< default as text, NULL when there is none to write down */
	const char *example;       /**< a value; after a '\n' on lines of its own */
	const char *doc;           /**< one line for the manual */
	size_t at;                 /**< offset in the section's struct, for truths and words */
	size_t place_at;           /**< offset of the value's place there; 0: not kept */
	schema_read_fn *read;   /**< of what holds no keys of its own: reader.c and printer.c */
	schema_print_fn *print; /**< know how to walk the others */
};

/** The table, in the order of the manual and of the canonical form. */
extern const struct schema_key schema_keys[];
extern const size_t schema_n_keys;

/** What kinds of values are called in messages ("an address") and how they look. */
struct schema_kind_row {
	const char *noun; /**< with its article */
	const char *doc;  /**< one line for the manual */
	const char *pattern; /**< what its text looks like, of entries their names: a regular
				  expression of ECMA 262 for the JSON Schema; NULL: no text */
};
extern const struct schema_kind_row schema_kinds[KIND__COUNT];

/** What sections are called in messages: "a network". */
extern const char *const schema_sections[SECTION__COUNT];

/** Returns the row of a key in a section, or NULL. */
const struct schema_key *schema_find(enum schema_section section, const char *name);

/** Sets every truth and word of a section's struct to its default. */
void schema_set_defaults(enum schema_section section, void *entry);

/** Adds the smallest useful description. */
void schema_add_smallest(struct buf *out);

#endif
