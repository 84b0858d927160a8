// SPDX-License-Identifier: GPL-2.0-or-later
// diag: what went wrong, where, and what to do; queued where it is seen, printed by the program.
#ifndef HOSTGATE_DIAG_H
#define HOSTGATE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/arena.h"
#include "hostgate/buf.h"

/** A place in a source text. Lines and columns count from 1; line 0 means no place. */
struct place {
	uint32_t source; /**< index into diags.sources */
	uint32_t line;
	uint32_t column; /**< in bytes, for the caret */
	uint32_t len;    /**< bytes to underline on that line; 0 counts as 1 */
};

/** One text that was read, kept for the caret lines of diagnostics. */
struct source {
	const char *name; /**< path as the user gave it, or "<stdin>" */
	const char *text; /**< the bytes, NUL-terminated beyond len */
	size_t len;
};

enum severity {
	SEVERITY_ERROR,   /**< the work can't be done */
	SEVERITY_WARNING, /**< done, but look at it */
	SEVERITY_NOTE,    /**< worth knowing */
	SEVERITY__COUNT
};

/** A second place that belongs to a diagnostic: the first of two duplicates, say. */
struct diag_related {
	struct place place;
	const char *message;
};

/** Most related places a diagnostic holds. */
#define DIAG_RELATED_MAX 4

struct diag {
	enum severity severity;
	const char *code;    /**< stable, "HG-E012"; listed in hostgate.yaml(5) and hostgate(8) */
	struct place place;  /**< line 0: none */
	const char *message; /**< one sentence without a final full stop: what is wrong */
	const char *hint;    /**< what to do; NULL: nothing to add */
	int err;             /**< errno that goes with it, 0 for none */
	struct diag_related related[DIAG_RELATED_MAX];
	size_t n_related;
};

/** The queue of a run. Initialise with diags_init(). */
struct diags {
	struct arena *arena; /**< where texts are kept; not owned */
	struct diag *items;
	size_t n, cap;
	size_t n_errors;   /**< errors seen, those beyond the limit included */
	size_t max_errors; /**< how many errors, and how many warnings and notes, are kept */
	struct diag unseen; /**< what diag_add() returns for one that is not kept */
	struct source *sources;
	size_t n_sources, cap_sources;
};

/** Most errors of a description that are reported in one run. */
#define DIAG_MAX_ERRORS 20

/** Prepares an empty queue whose texts live in arena. */
void diags_init(struct diags *diags, struct arena *arena);

/**
 * Adds a source text and returns its index. name and text are copied, a leading UTF-8 byte order
 * mark is left out.
 */
uint32_t diags_add_source(struct diags *diags, const char *name, const char *text, size_t len);

/**
 * Queues a diagnostic and returns it, so that a hint, an errno or related places can be added
 * before the next one is queued. Of more than max_errors errors the first by place are kept: a
 * later one is dropped for an earlier one, and one that is not kept is returned as diags->unseen,
 * so that diag_is_kept() can spare the work for a hint. Never NULL.
 */
struct diag *diag_add(struct diags *diags, enum severity severity, const char *code,
		      struct place place, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/** Tells whether a diagnostic just returned by diag_add() will be seen. */
bool diag_is_kept(const struct diags *diags, const struct diag *diag);

/** Sets the hint of a diagnostic. */
void diag_hint(struct diags *diags, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Adds a related place; beyond DIAG_RELATED_MAX it is left out. */
void diag_relate(struct diags *diags, struct diag *diag, struct place place, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/** A place that is no place. */
#define PLACE_NONE ((struct place){0})

/** Orders places by source, line and column. Returns <0, 0 or >0, as for qsort(3). */
int place_compare(const struct place *a, const struct place *b);

/** Orders the diagnostics from index first on by source, line and column; stable. */
void diags_sort(struct diags *diags, size_t first);

/**
 * Writes one diagnostic as text: "file:line:column: error: message [code]", the line with a
 * caret, related places, and "hint: ...". Control bytes of the user's text are shown as '?'.
 * colour adds SGR sequences.
 */
void diag_format(const struct diags *diags, const struct diag *diag, bool colour, struct buf *out);

/** Writes all diagnostics as diag_format() does, and a last line that counts errors not kept. */
void diags_format(const struct diags *diags, bool colour, struct buf *out);

/**
 * Returns the candidate nearest to word by edit distance when it is near enough for "did you
 * mean", else NULL; letters that differ only in case are the same. candidates has n entries.
 */
const char *diag_nearest(const char *word, const char *const *candidates, size_t n);

#endif
