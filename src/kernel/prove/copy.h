// SPDX-License-Identifier: GPL-2.0-or-later
// copy: the host's present rules, read as they are, and loaded into a copy of the host.
#ifndef PROVE_COPY_H
#define PROVE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foreign/raw_nft.h"
#include "hostgate/addr.h"
#include "hostgate/diag.h"
#include "os/netlink.h"

/*
 * Theory of operation
 *
 * nf_tables: every object is kept as the message that the kernel dumped, and loaded with the very
 * attributes of it. So whatever the kernel has is copied, also what no library here can read: an
 * expression of a newer kernel, or what iptables-nft made of a match of iptables. Left out are
 * attributes that say where an object is (handles) or how often it is used, since the copy has its
 * own, and table inet hostgate, which apply will make.
 *
 * Legacy iptables: each table that is instantiated is read with libiptc and made anew from the same
 * entries.
 *
 * What the copy refuses is left out, object by object, and named in a warning.
 */

struct xtc_handle; /* of libiptc */

/** Most tables that legacy iptables has: filter, nat, mangle, raw, security. */
#define COPY_XT_TABLES 5

/** Room for the name of one, as in XT_TABLE_MAXNAMELEN. */
#define COPY_XT_NAME_SIZE 32

/** A table of legacy iptables. */
struct copy_xt_table {
	enum family family;
	char name[COPY_XT_NAME_SIZE];
	struct xtc_handle *handle; /**< of the host's table; owned */
	bool *left_out;		   /**< by the rule's number in the table */
	size_t n_rules;
};

struct host_rules_copy {
	struct raw_nft nft;
	struct copy_xt_table xt[FAMILY__COUNT * COPY_XT_TABLES];
	size_t n_xt;
};

/**
 * Reads the rules of the network namespace that the process is in, and changes nothing there:
 * tables that are not instantiated stay so. *out, zeroed, is to be freed with copy_free() also
 * when this fails. Memory comes from arena. Returns 0, or -errno with the reason queued: -EPERM
 * without CAP_NET_ADMIN.
 */
int copy_read(struct arena *arena, struct diags *diags, struct host_rules_copy *out);

/**
 * Loads them into the namespace that the process is in by now, which has no rules yet, but the
 * interfaces. Queues a warning for each rule, set or chain that is left out. Returns 0, or -errno
 * with the reason queued.
 */
int copy_load(struct diags *diags, struct host_rules_copy *copy);

/** Closes what copy_read() opened. Usable as a cleanup attribute's function. */
void copy_free(struct host_rules_copy *copy);

/** The parts for nf_tables and for legacy iptables. */
int copy_nft_load(struct diags *diags, struct raw_nft *nft);
int copy_xt_read(struct arena *arena, struct diags *diags, struct host_rules_copy *out);
int copy_xt_load(struct diags *diags, struct host_rules_copy *copy);

/** Queues that something is left out, up to a few; what: names it. err: errno or 0. */
void copy_warn(struct diags *diags, const char *what, int err, const char *text);

#endif
