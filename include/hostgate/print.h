// SPDX-License-Identifier: GPL-2.0-or-later
// print: the dialects of the dry run, as text.
#ifndef HOSTGATE_PRINT_H
#define HOSTGATE_PRINT_H

#include "hostgate/buf.h"
#include "hostgate/description.h"
#include "hostgate/diag.h"
#include "hostgate/ruleset.h"

/** What the header of a printed dialect names. */
struct print_header {
	const char *version;     /**< of hostgate */
	const char *hash;        /**< of the description, hexadecimal */
	const struct description *description;
};

/**
 * Writes the sh script with iptables and ip6tables commands that installs the ruleset. xt is
 * lowered by lower_xt(). The same input gives the same bytes.
 */
void print_iptables(const struct ruleset *xt, const struct print_header *header, struct buf *out);

/** Writes the sh script that takes out what print_iptables()'s script put in. */
void print_iptables_remove(const char *version, struct buf *out);

/**
 * Writes one file for iptables-restore --noflush and ip6tables-restore --noflush. xt is lowered by
 * lower_xt().
 */
void print_restore(const struct ruleset *xt, const struct print_header *header, struct buf *out);

/** Writes the file for both restore tools that takes out what print_restore()'s put in. */
void print_restore_remove(const struct ruleset *xt, const struct print_header *header,
			  struct buf *out);

/**
 * Writes a file for `nft -f` that replaces the table. nft is lowered by lower_nft(). Returns false
 * and queues an error when a name of the description can't be written in nft's language.
 */
bool print_nft(const struct ruleset *nft, const struct print_header *header, struct diags *diags,
	       struct buf *out);

/** Writes the file for `nft -f` that deletes the table. */
void print_nft_remove(const char *version, struct buf *out);

/** Writes the matrix of policy: from, to, what happens, with which address; for people. */
void print_matrix(const struct description *description, bool colour, struct buf *out);

/** How the packets of one row of the matrix fared. */
enum matrix_result {
	MATRIX_UNTESTED,
	MATRIX_PASS,
	MATRIX_FAIL, /**< something did not pass that should */
	MATRIX_LEAK, /**< something passed that should not */
	MATRIX__COUNT
};

/** A row: what leaves, or enters, a network by one of its uplinks, or by anything else. */
struct matrix_cell {
	uint32_t network; /**< index into description.networks */
	uint32_t uplink;  /**< index into description.uplinks, or NO_INDEX */
	bool enters;
};

typedef enum matrix_result matrix_judge_fn(const struct matrix_cell *cell, const void *data);

/** Writes the matrix with a last column that judge fills in. */
void print_matrix_judged(const struct description *description, matrix_judge_fn *judge,
			 const void *data, bool colour, struct buf *out);

#endif
