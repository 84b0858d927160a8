// SPDX-License-Identifier: GPL-2.0-or-later
// json: what --json prints: one document a run.
#ifndef PROGRAM_JSON_H
#define PROGRAM_JSON_H

#include <jansson.h>

#include "hostgate/buf.h"
#include "hostgate/diag.h"
#include "kernel/apply.h"
#include "program/options.h"

/** Version of the document's format: raised when a program that reads it could misread it. */
#define JSON_FORMAT 1

/**
 * Returns a new document for a command, with "format", "command", "version" and, where there can
 * be changes, none of them; the caller's.
 */
json_t *json_document(enum command command);

/** Adds a text, or null. */
void json_add_text(json_t *object, const char *key, const char *text);

/** Sets "changed" and "changes". */
void json_add_changes(json_t *document, const struct changes *changes);

/** Adds "diagnostics" and writes the document. */
void json_finish(json_t *document, const struct diags *diags, struct buf *out);

#endif
