// SPDX-License-Identifier: GPL-2.0-or-later
// foreign: the rules of the whole host, of nf_tables and of legacy iptables, in one model.
#ifndef FOREIGN_FOREIGN_H
#define FOREIGN_FOREIGN_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/addr.h"
#include "hostgate/arena.h"
#include "hostgate/buf.h"
#include "hostgate/diag.h"

/** Hooks are NF_INET_PRE_ROUTING to NF_INET_POST_ROUTING, and these two of one device. */
#define FOREIGN_HOOK_INGRESS 5u
#define FOREIGN_HOOK_EGRESS 6u

/** Where the kernel runs all chains of type nat, whatever priority they have among themselves. */
#define FOREIGN_PRIORITY_DSTNAT (-100)
#define FOREIGN_PRIORITY_SRCNAT 100

struct foreign_rule {
	unsigned int number;	  /**< in its chain, from 1 */
	uint64_t handle;	  /**< of nf_tables; 0: legacy */
	const char *comment;	  /**< or NULL */
	const struct nlattr *exprs; /**< nf_tables: NFTA_RULE_EXPRESSIONS; else NULL */
	const void *entry;	  /**< legacy: struct ipt_entry or ip6t_entry; else NULL */
	const char *target;	  /**< legacy: as libiptc has it, a chain or "ACCEPT" */
	bool ours;		  /**< in a chain of ours or of others */
};

enum foreign_type {
	FOREIGN_FILTER, /**< and mangle's "route": both judge every packet */
	FOREIGN_NAT,    /**< sees the first packet of a connection only */
	FOREIGN_TYPE__COUNT
};

struct foreign_chain {
	const char *name;
	struct foreign_rule *rules;
	size_t n_rules, cap_rules;
	bool base;
	enum foreign_type type;
	unsigned int hook;
	int priority; /**< as its owner gave it */
	bool policy_drop;
	const char *device; /**< of a hook of one device; else NULL */
};

/** An element of a set. Keys and data are as registers hold them. */
struct foreign_element {
	const uint8_t *key, *key_end; /**< key_end: NULL unless both ends are in one element */
	const uint8_t *data;	      /**< of a map of values; else NULL */
	bool interval_end;	      /**< the interval before it ends in front of this key */
	bool catchall;		      /**< for whatever has no element; key is NULL */
	bool conditional;	      /**< carries a limit or the like */
	int32_t verdict;	      /**< of a verdict map: NFT_JUMP, NF_DROP and so on */
	const char *chain;	      /**< where that leads to, or NULL */
};

/** Most fields of a concatenation. */
#define FOREIGN_FIELDS_MAX 16

struct foreign_set {
	const char *name;
	uint32_t flags; /**< NFT_SET_* */
	uint32_t key_len, data_len;
	bool verdicts; /**< a map whose data are verdicts */
	uint8_t n_fields;
	uint8_t field_len[FOREIGN_FIELDS_MAX]; /**< bytes, without the padding to four */
	bool used;			      /**< some rule looks things up in it */
	struct foreign_element *elements;      /**< by key where intervals are their ends */
	size_t n_elements, cap_elements;
};

struct foreign_table {
	uint8_t family; /**< NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_INET, NFPROTO_NETDEV, ... */
	const char *name;
	bool legacy;  /**< of ip_tables or ip6_tables */
	bool dormant; /**< its base chains are out of work */
	bool ours;    /**< table inet hostgate */
	struct foreign_chain *chains;
	size_t n_chains, cap_chains;
	struct foreign_set *sets;
	size_t n_sets, cap_sets;
};

/** A base chain at work. */
struct foreign_base {
	const struct foreign_table *table;
	const struct foreign_chain *chain;
};

struct foreign {
	struct arena *arena;
	struct foreign_table *tables;
	size_t n_tables, cap_tables;
	struct foreign_base *bases; /**< in the order in which a packet meets them at each hook */
	size_t n_bases, cap_bases;
};

/** What is read beside the rules of others. */
#define FOREIGN_ELEMENTS 1u /**< of sets; the judge needs them */
#define FOREIGN_OURS	2u /**< the contents of table inet hostgate */

/**
 * Reads everything: nf_tables of all families, and those legacy tables that live (to look at
 * another one would bring it to life). what: bits of SURVEY_*. Memory comes from arena. Returns 0
 * or -errno, queued (-EPERM: not permitted).
 */
int foreign_read(struct arena *arena, struct diags *diags, unsigned int what, struct foreign *out);

/** The two readers; -errno is not queued. */
int foreign_read_nft(struct foreign *foreign, unsigned int what);
int foreign_read_xt(struct foreign *foreign);

/** Adds a table, a chain of it, a rule of that; what is added before may move. */
struct foreign_table *foreign_add_table(struct foreign *foreign, struct foreign_table table);
struct foreign_chain *foreign_add_chain(struct foreign *foreign, struct foreign_table *table,
				      struct foreign_chain chain);
struct foreign_rule *foreign_add_rule(struct foreign *foreign, struct foreign_chain *chain,
				    struct foreign_rule rule);

/** Puts chains and elements in order and finds the base chains; after all was added. */
void foreign_finish(struct foreign *foreign);

/** Returns the chain or the set of that name, or NULL; after foreign_finish(). */
const struct foreign_chain *foreign_chain_of(const struct foreign_table *table, const char *name);
const struct foreign_set *foreign_set_of(const struct foreign_table *table, const char *name);

/** Returns "ip", "ip6", "inet", "netdev", ...: nft's word, also for legacy tables. */
const char *foreign_family(const struct foreign_table *table);

/** Tells whether packets of the family meet the table's chains. */
bool foreign_has_family(const struct foreign_table *table, enum family family);

/** Returns "prerouting", "forward", ... */
const char *foreign_hook(unsigned int hook);

/** Tells whether the chain is ours: in our table, or by its name in those of iptables. */
bool foreign_is_ours(const struct foreign_table *table, const struct foreign_chain *chain);

/** Counts the rules of others in a chain. */
size_t foreign_count_others(const struct foreign_chain *chain);

/** Returns the chain that a rule leads to (a jump, a goto), or NULL. A verdict map leads nowhere. */
const char *foreign_leads_to(const struct foreign_rule *rule);

#endif
