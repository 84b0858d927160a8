// SPDX-License-Identifier: GPL-2.0-or-later
// sources: the files of a description, loaded into memory.
#ifndef CLI_SOURCES_H
#define CLI_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "hostgate/arena.h"
#include "hostgate/diag.h"

/** Where a description is looked for when no file is named. */
#define DEFAULT_FILE "/etc/hostgate.yaml"
#define DEFAULT_DIR "/etc/hostgate.d"

/**
 * Loads the files into diags as sources: a file, a directory (its *.yaml in lexical order), "-"
 * for standard input; the default places when n_files is 0. Every file that cannot be read is
 * queued as an error; returns false when there was one.
 */
bool sources_load(struct arena *arena, struct diags *diags, const char *const *files,
		  size_t n_files);

#endif
