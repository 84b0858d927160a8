// SPDX-License-Identifier: GPL-2.0-or-later
// print_explain: the way of a packet in words.
#ifndef PRINT_PRINT_EXPLAIN_H
#define PRINT_PRINT_EXPLAIN_H

#include "hostgate/diag.h"
#include "hostgate/explain.h"

/** Most steps of one leg: arrival, sender, route, permission, translation, last check. */
#define TOLD_STEPS_MAX 8

/** One step in words, with the rules that were met. */
struct told_step {
	const char *text;	/**< sentences */
	const struct step *met; /**< in the outcome's trace */
	size_t n_met;
};

/** One leg of a path in words. Texts live in the arena that they were told with. */
struct told {
	struct told_step steps[TOLD_STEPS_MAX];
	size_t n_steps;
	const char *verdict; /**< what becomes of the packet, in a sentence */
	const char *hint;    /**< what would let a refused one pass; or NULL */
	struct place place;  /**< of what the hint speaks of; line 0: none */
};

/** Returns "passes", "delivered", "switched", "not ours", "refused". */
const char *fate_name(enum fate fate);

/** Tells what the rules do to the packet. */
struct told tell_there(struct arena *arena, const struct explanation *explanation,
		       const struct explained_path *path);

/** Tells how the reply comes back; only of a path that has one. */
struct told tell_back(struct arena *arena, const struct explanation *explanation,
		      const struct explained_path *path);

/** Writes "A TCP packet from ... to ..., port 443". */
void print_explain_question(const struct query *query, struct buf *out);

/** Writes text and a line end in lines of at most 80 columns; the first one is at indent already. */
void print_explain_wrapped(struct buf *out, const char *text, size_t indent);

/** Writes the whole explanation; diags knows the names of the files. */
void print_explain(const struct explanation *explanation, const struct diags *diags, bool colour,
		   struct buf *out);

#endif
