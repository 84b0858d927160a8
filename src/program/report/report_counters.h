// SPDX-License-Identifier: GPL-2.0-or-later
// report_counters: what was counted for each network, for people and as JSON.
#ifndef REPORT_REPORT_COUNTERS_H
#define REPORT_REPORT_COUNTERS_H

#include <jansson.h>

#include "apply/apply.h"
#include "hostgate/buf.h"

/** Networks that status shows without --verbose. */
#define SHOWN_COUNTERS 20

/**
 * Writes a table with a row for each network, those with the most packets first. At most limit
 * rows; a last line then counts the others. limit 0: all.
 */
void counters_print(struct arena *arena, const struct counters *counters, size_t limit,
		    struct buf *out);

/** Adds "counters": {network: {"in": {"packets": 3, "bytes": 252}, ...}}; null: not counted. */
void json_add_counters(json_t *document, const struct counters *counters);

#endif
