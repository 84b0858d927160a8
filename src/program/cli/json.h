// SPDX-License-Identifier: GPL-2.0-or-later
// json: what --json prints: one document a run.
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "apply/apply.h"
#include "cli/options.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"

/** Version of the document's format: raised when a program that reads it could misread it. */
#define JSON_FORMAT 1

/**
 * Returns a new document for a command, with "format", "command", "version" and, where there can
 * be changes, none of them; the caller's.
 */
json_t *json_document(enum command command);

/** Adds a text, or null. */
void json_add_text(json_t *object, const char *key, const char *text);

/** Adds "file", "line" and "column"; nothing for no place. */
void json_add_place(json_t *object, const struct diags *diags, const struct place *place);

/**
 * Adds "why": an object with "promise", "text" and "network" (the first and the last may be null);
 * and the place as json_add_place() does.
 */
void json_add_why(json_t *object, const struct diags *diags, const struct origin *origin);

/** Sets "changed" and "changes". */
void json_add_changes(json_t *document, const struct changes *changes);

/** Sets "conntrack": how many connections were taken out of it, in all and by network. */
void json_add_conntrack(json_t *document, const struct changes *changes);

/** Adds what an undone change left, as an object under key. */
void json_add_restored(json_t *document, const char *key, const struct restored *restored);

/** Writes a document as indented text with a final newline. */
void json_write(const json_t *document, struct buf *out);

/** Adds "diagnostics" and writes the document. */
void json_finish(json_t *document, const struct diags *diags, struct buf *out);

#endif
