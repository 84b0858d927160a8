// SPDX-License-Identifier: GPL-2.0-or-later
// yaml: a text as a tree of nodes with places, before any meaning is given to it.
#ifndef TEXT_YAML_H
#define TEXT_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/diag.h"

/** Largest text that is read, in bytes. */
#define YAML_MAX_BYTES ((size_t)64 << 20)

/** Most maps and lists around a value, and most values in a text. */
#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES ((size_t)4 << 20)

enum node_kind {
	NODE_BROKEN, /**< an error was queued for it: to be passed over in silence */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
	NODE__COUNT
};

/** A value of a text. Nodes live in the arena. */
struct node {
	enum node_kind kind;
	bool quoted;        /**< scalar: in quotes or a block, so never a null or a truth */
	struct place place; /**< of its first byte; the length is known for scalars on one line */
	const char *text;   /**< scalar: its text; no NUL inside */
	size_t len;
	struct node **items; /**< list: the items; map: key, value, ...; keys are scalars */
	size_t n;            /**< list: items; map: pairs */
};

/**
 * Reads source number source of diags. Returns false when an error was queued that leaves no tree
 * to look at, true otherwise: then *root is the document's value, NULL when the text holds none
 * (nothing or comments only), and errors may be queued for parts of it, which are NODE_BROKEN or
 * left out.
 */
bool yaml_read(struct arena *arena, struct diags *diags, uint32_t source, struct node **root);

/**
 * Queues an error for every key of the map that is there twice and removes the later pair. Keys
 * are compared by text. Takes n log n time.
 */
void yaml_drop_duplicates(struct arena *arena, struct diags *diags, struct node *map);

/** Tells whether the node is a null: nothing, "~" or "null" without quotes. */
bool node_is_null(const struct node *node);

#endif
