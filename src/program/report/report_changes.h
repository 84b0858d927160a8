// SPDX-License-Identifier: GPL-2.0-or-later
// report_changes: a list of changes as text for people.
#ifndef REPORT_REPORT_CHANGES_H
#define REPORT_REPORT_CHANGES_H

#include <stdbool.h>

#include "apply/apply.h"
#include "hostgate/buf.h"

/** Changes that are shown where a list is only an answer's second half, without --verbose. */
#define SHOWN_CHANGES 12

/**
 * Writes a line for each change: "+ set members4_24", "~ sysctl net/ipv4/ip_forward: 0 -> 1",
 * "- rule ...". At most limit lines; a last one then counts the others. limit 0: all.
 */
void changes_print(const struct changes *changes, size_t limit, bool colour, struct buf *out);

/** Writes "3 added, 1 modified, 0 removed". */
void changes_count(const struct changes *changes, struct buf *out);

/**
 * Writes a line for each network whose connections were taken out of conntrack; nothing for none.
 * limit as above.
 */
void changes_print_conntrack(const struct changes *changes, size_t limit, struct buf *out);

#endif
