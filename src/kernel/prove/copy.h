// SPDX-License-Identifier: GPL-2.0-or-later
// copy: the host's present rules, read as they are, and loaded into a copy of the host.
#ifndef PROVE_COPY_H
#define PROVE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/** In the order in which they are loaded: each may refer to those before it. */
enum mirror_kind {
	MIRROR_TABLE,
	MIRROR_CHAIN,
	MIRROR_OBJECT,
	MIRROR_FLOWTABLE,
	MIRROR_SET,
	MIRROR_ELEMENTS, /**< one dumped message with elements of a set */
	MIRROR_RULE,
	MIRROR__COUNT
};

/** An object of nf_tables. */
struct mirror_item {
	enum mirror_kind kind;
	uint8_t family; /**< NFPROTO_* */
	bool left_out; /**< is not loaded, nor what needs it */
	bool updated; /**< set: a rule puts elements into it */
	const char *table;
	const char *name;	/**< of the object; of a rule its chain, of elements their set */
	uint32_t flags;		/**< of a chain or set */
	uint32_t position;	/**< rule: in its chain, from 1 */
	uint64_t handle;	/**< rule: on the host */
	uint64_t copied_handle; /**< rule: in the copy; 0: not there */
	const struct nlmsghdr *message;
};

/** The nf_tables of a namespace. */
struct mirror_nft {
	struct arena *arena;	   /**< not owned */
	struct mirror_item *items; /**< by kind; those of one kind in the kernel's order */
	size_t n, cap;
	size_t first[MIRROR__COUNT + 1];
};

/** Most tables that legacy iptables has: filter, nat, mangle, raw, security. */
#define MIRROR_XT_TABLES 5

/** Room for the name of one, as in XT_TABLE_MAXNAMELEN. */
#define MIRROR_XT_NAME_SIZE 32

/** A table of legacy iptables. */
struct mirror_xt_table {
	enum family family;
	char name[MIRROR_XT_NAME_SIZE];
	struct xtc_handle *handle; /**< of the host's table; owned */
	bool *left_out;		   /**< by the rule's number in the table */
	size_t n_rules;
};

struct mirror {
	struct mirror_nft nft;
	struct mirror_xt_table xt[FAMILY__COUNT * MIRROR_XT_TABLES];
	size_t n_xt;
};

/**
 * Reads the rules of the network namespace that the process is in, and changes nothing there:
 * tables that are not instantiated stay so. *out, zeroed, is to be freed with mirror_free() also
 * when this fails. Memory comes from arena. Returns 0, or -errno with the reason queued: -EPERM
 * without CAP_NET_ADMIN.
 */
int mirror_read(struct arena *arena, struct diags *diags, struct mirror *out);

/**
 * Loads them into the namespace that the process is in by now, which has no rules yet, but the
 * interfaces. Queues a warning for each rule, set or chain that is left out. Returns 0, or -errno
 * with the reason queued.
 */
int mirror_load(struct diags *diags, struct mirror *mirror);

/** Closes what mirror_read() opened. Usable as a cleanup attribute's function. */
void mirror_free(struct mirror *mirror);

/**
 * Returns the item of a rule by its handle in the copy, or NULL when it is none of the host's.
 */
const struct mirror_item *mirror_rule(const struct mirror_nft *nft, uint8_t family,
				      const char *table, const char *chain, uint64_t handle);

/** Returns nft's word for a family, "inet". */
const char *mirror_family_name(uint8_t family);

/** The parts for nf_tables and for legacy iptables. */
int mirror_nft_read(struct arena *arena, struct mirror_nft *out);
int mirror_nft_load(struct diags *diags, struct mirror_nft *nft);
int mirror_xt_read(struct arena *arena, struct diags *diags, struct mirror *out);
int mirror_xt_load(struct diags *diags, struct mirror *mirror);

/** Queues that something is left out, up to a few; what: names it. err: errno or 0. */
void mirror_warn(struct diags *diags, const char *what, int err, const char *text);

#endif
