// SPDX-License-Identifier: GPL-2.0-or-later
// reader: walks nodes by the table of keys and fills a description.
#ifndef TEXT_READER_H
#define TEXT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/description.h"
#include "text/schema.h"
#include "text/yaml.h"

/** An uplink by name, and where the network being read has listed it. */
struct uplink_name {
	const char *name;
	uint32_t idx;           /**< into description.uplinks */
	uint32_t listed_by;     /**< 1 + index of the network that listed it last, 0: none */
	struct place listed_at;
};

/** What the readers of values share. */
struct reader {
	struct arena *arena;
	struct diags *diags;
	struct description *out;
	bool complete; /**< no entry is missing: what is not there was not written */
	size_t cap_uplinks, cap_networks;
	struct uplink_name *names; /**< of all uplinks, sorted; there while networks are read */
	uint32_t *all_uplinks;     /**< 0, 1, 2, ...: what networks without `uplink` share */
};

/**
 * Reads the values of n texts, NULL for texts that hold nothing, as one description. complete:
 * none of the texts failed to be read. Errors are queued; *out holds what could be read, with
 * every default filled in. Returns whether the description holds all entries that were written.
 */
bool reader_read(struct arena *arena, struct diags *diags, struct node *const *roots, size_t n,
		 bool complete, struct description *out);

/** Adds the smallest useful description as the hint of a diagnostic. */
void reader_hint_smallest(struct diags *diags, struct diag *diag);

#endif
