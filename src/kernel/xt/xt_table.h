// SPDX-License-Identifier: GPL-2.0-or-later
// xt_table: our part of one table of iptables as an image, wanted or as the kernel has it.
#ifndef XT_XT_TABLE_H
#define XT_XT_TABLE_H

#include "hostgate/ruleset.h"
#include "image/image.h"
#include "image/snapshot.h"
#include "print/xt_rule.h"
#include "rules/build.h"
#include "xt/xt_entry.h"
#include "xt/xt_library.h"

/*
 * Theory of operation
 *
 * Ours are all chains named HOSTGATE-*, and the jumps to them from built-in chains. The image has
 * these chains, and for each built-in chain one of the same name whose rules are the jumps to
 * ours, by the target's name: at which position they stand is no difference, since they are left
 * where somebody may have put them; it is told in the list of jumps.
 *
 * The blob of a rule is its entry in the form of xt_entry_build().
 */

/** A jump from a built-in chain to one of ours. */
struct xt_jump {
	const char *builtin;
	const char *chain;
	unsigned int position; /**< in the built-in chain, from 0 */
	unsigned int in_front; /**< rules in front of it that do not lead to chains of ours */
	bool plain;            /**< the jump and nothing else: no match, no goto */
	bool first;            /**< wanted: nothing but jumps of ours may stand in front of it */
};

/** Our part of a table. Initialise with xt_table_init(). */
struct xt_content {
	enum family family;
	const struct xt_table *table;
	struct image image;
	struct xt_jump *jumps; /**< wanted: in the order of insertion; present: of position */
	size_t n_jumps, cap_jumps;
	struct xt_counters *counters; /**< present: of the rules of our chains, one after another */
	size_t n_counters, cap_counters;
	size_t *first_counter; /**< by index of the image's chain */
	const char *user;      /**< present: a chain of others that jumps to ours, or NULL */
	size_t n_others;       /**< present: rules of others */
	bool clean;            /**< wanted: no rule of others */
};

/** Prepares an empty one; free with xt_table_free(). */
void xt_table_init(struct xt_content *content, enum family family, const struct xt_table *table);

/** Frees everything. Usable as a cleanup attribute's function, also on a zeroed struct. */
void xt_table_free(struct xt_content *content);

/** Fills it with what the part of a ruleset wants of the table; part is of the content's family. */
void xt_table_build(struct xt_content *content, const struct xt_part *part);

/** Fills it with what the handle of libiptc has. */
void xt_table_read(struct xt_content *content, struct xtc_handle *handle);

/** Writes what was read, and fills one (from xt_table_init()) with what was written. */
void xt_table_save(const struct xt_content *content, struct buf *out);
void xt_table_restore(struct xt_content *content, struct snapshot *saved);

#endif
