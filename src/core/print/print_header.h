// SPDX-License-Identifier: GPL-2.0-or-later
// print_header: the comment that opens every printed dialect, and how names are quoted there.
#ifndef PRINT_PRINT_HEADER_H
#define PRINT_PRINT_HEADER_H

#include "hostgate/print.h"

/** Writes "# ..." lines: who made this, from what, and the description in a few words. */
void print_header_comment(const struct print_header *header, struct buf *out);

#endif
