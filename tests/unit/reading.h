// SPDX-License-Identifier: GPL-2.0-or-later
// reading: what tests of the description's reader share.
#ifndef UNIT_READING_H
#define UNIT_READING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hostgate/description.h"

/** One reading: an arena, the diagnostics and what was read. */
struct run {
	struct arena *arena;
	struct diags diags;
	struct description description;
	bool good;
};

/** Reads one text of len bytes as the file "t.yaml". End with run_end(). */
struct run run_bytes(const char *text, size_t len);

/** Reads one text. */
struct run run_text(const char *text);

/** Frees a reading. */
void run_end(struct run *run);

/** Returns the codes of all diagnostics in order, separated by spaces; lives in the arena. */
const char *run_codes(const struct run *run);

/** Returns the next number of a fixed sequence and advances the seed. */
uint32_t next_random(uint64_t *seed);

/** Tells whether two descriptions say the same; places are not compared. */
bool descriptions_equal(const struct description *a, const struct description *b);

#endif
