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

/** Writes the sh script that takes out what print_iptables()'s script put in, but for sysctls. */
void print_iptables_remove(const char *version, struct buf *out);

/**
 * Writes one file for iptables-restore --noflush and ip6tables-restore --noflush. xt is lowered by
 * lower_xt().
 */
void print_restore(const struct ruleset *xt, const struct print_header *header, struct buf *out);

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

#endif
