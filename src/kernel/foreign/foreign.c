// SPDX-License-Identifier: GPL-2.0-or-later
// foreign: the rules of the whole host, of nf_tables and of legacy iptables, in one model.
#include "foreign/foreign.h"

#include <errno.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "foreign/kept_nft.h"
#include "nft/nft_refusal.h"
#include "nft/raw_rule.h"
#include "os/netlink.h"
#include "rules/ours.h"

/*
 * Theory of operation
 *
 * A packet meets the base chains of a hook by priority. All chains of type nat stand at one
 * place, dstnat or srcnat, and by their own priority there. Which of two of the same priority is
 * first the kernel does not tell in these dumps; it matters to neither of them: a packet that one
 * of them drops is dropped.
 *
 * Rules are kept as the kernel sends them, attributes or entries; who judges them reads what he
 * knows and says so about the rest.
 */

struct foreign_table *foreign_add_table(struct foreign *foreign, struct foreign_table table)
{
	foreign->tables = arena_grow(foreign->arena, foreign->tables, foreign->n_tables,
				    &foreign->cap_tables, sizeof(*foreign->tables));
	foreign->tables[foreign->n_tables] = table;
	return &foreign->tables[foreign->n_tables++];
}

struct foreign_chain *foreign_add_chain(struct foreign *foreign, struct foreign_table *table,
				      struct foreign_chain chain)
{
	table->chains = arena_grow(foreign->arena, table->chains, table->n_chains,
				   &table->cap_chains, sizeof(*table->chains));
	table->chains[table->n_chains] = chain;
	return &table->chains[table->n_chains++];
}

struct foreign_rule *foreign_add_rule(struct foreign *foreign, struct foreign_chain *chain,
				    struct foreign_rule rule)
{
	chain->rules = arena_grow(foreign->arena, chain->rules, chain->n_rules, &chain->cap_rules,
				  sizeof(*chain->rules));
	rule.number = (unsigned int)chain->n_rules + 1;
	chain->rules[chain->n_rules] = rule;
	return &chain->rules[chain->n_rules++];
}

static int by_chain_name(const void *a, const void *b)
{
	return strcmp(((const struct foreign_chain *)a)->name,
		      ((const struct foreign_chain *)b)->name);
}

static int by_set_name(const void *a, const void *b)
{
	return strcmp(((const struct foreign_set *)a)->name, ((const struct foreign_set *)b)->name);
}

/* Where the kernel runs it. */
static int place_of(const struct foreign_chain *chain)
{
	if (chain->type != FOREIGN_NAT)
		return chain->priority;
	return chain->hook == NF_INET_PRE_ROUTING || chain->hook == NF_INET_LOCAL_OUT
		       ? FOREIGN_PRIORITY_DSTNAT
		       : FOREIGN_PRIORITY_SRCNAT;
}

static int by_way(const void *a, const void *b)
{
	const struct foreign_base *x = a, *y = b;
	int order = (int)x->chain->hook - (int)y->chain->hook;

	if (order == 0)
		order = (place_of(x->chain) > place_of(y->chain)) -
			(place_of(x->chain) < place_of(y->chain));
	if (order == 0)
		order = (x->chain->priority > y->chain->priority) -
			(x->chain->priority < y->chain->priority);
	return order ? order : (x->table > y->table) - (x->table < y->table);
}

/* The end of one interval and the beginning of the next may be one key: the end comes first. */
static int by_key(const void *a, const void *b, void *key_len)
{
	const struct foreign_element *x = a, *y = b;
	int order;

	if (!x->key || !y->key)
		return (x->key == NULL) - (y->key == NULL);
	order = memcmp(x->key, y->key, *(const uint32_t *)key_len);
	return order ? order : (int)y->interval_end - (int)x->interval_end;
}

static void finish_set(struct foreign_set *set)
{
	if (set->n_elements)
		qsort_r(set->elements, set->n_elements, sizeof(*set->elements), by_key,
			&set->key_len);
}

static void finish_table(struct foreign *foreign, struct foreign_table *table)
{
	if (table->n_chains)
		qsort(table->chains, table->n_chains, sizeof(*table->chains), by_chain_name);
	if (table->n_sets)
		qsort(table->sets, table->n_sets, sizeof(*table->sets), by_set_name);
	for (size_t i = 0; i < table->n_sets; i++)
		if (table->sets[i].flags & NFT_SET_INTERVAL)
			finish_set(&table->sets[i]);
	for (size_t i = 0; i < table->n_chains && !table->dormant; i++) {
		if (!table->chains[i].base)
			continue;
		foreign->bases = arena_grow(foreign->arena, foreign->bases, foreign->n_bases,
					   &foreign->cap_bases, sizeof(*foreign->bases));
		foreign->bases[foreign->n_bases++] =
			(struct foreign_base){table, &table->chains[i]};
	}
}

void foreign_finish(struct foreign *foreign)
{
	foreign->n_bases = 0;
	for (size_t i = 0; i < foreign->n_tables; i++)
		finish_table(foreign, &foreign->tables[i]);
	if (foreign->n_bases)
		qsort(foreign->bases, foreign->n_bases, sizeof(*foreign->bases), by_way);
}

const struct foreign_chain *foreign_chain_of(const struct foreign_table *table, const char *name)
{
	const struct foreign_chain key = {.name = name};

	if (table->n_chains == 0)
		return NULL;
	return bsearch(&key, table->chains, table->n_chains, sizeof(key), by_chain_name);
}

const struct foreign_set *foreign_set_of(const struct foreign_table *table, const char *name)
{
	const struct foreign_set key = {.name = name};

	if (table->n_sets == 0)
		return NULL;
	return bsearch(&key, table->sets, table->n_sets, sizeof(key), by_set_name);
}

const char *foreign_family(const struct foreign_table *table)
{
	switch (table->family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_NETDEV:
		return "netdev";
	case NFPROTO_BRIDGE:
		return "bridge";
	case NFPROTO_ARP:
		return "arp";
	default:
		return "unknown";
	}
}

bool foreign_has_family(const struct foreign_table *table, enum family family)
{
	return table->family == NFPROTO_INET || table->family == NFPROTO_NETDEV ||
	       table->family == (family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

const char *foreign_hook(unsigned int hook)
{
	static const char *const names[] = {
		[NF_INET_PRE_ROUTING] = "prerouting", [NF_INET_LOCAL_IN] = "input",
		[NF_INET_FORWARD] = "forward",	      [NF_INET_LOCAL_OUT] = "output",
		[NF_INET_POST_ROUTING] = "postrouting", [FOREIGN_HOOK_INGRESS] = "ingress",
		[FOREIGN_HOOK_EGRESS] = "egress",
	};

	return hook < sizeof(names) / sizeof(*names) ? names[hook] : "unknown";
}

bool foreign_is_ours(const struct foreign_table *table, const struct foreign_chain *chain)
{
	return table->ours || ours_chain(chain->name);
}

const char *foreign_leads_to(const struct foreign_rule *rule)
{
	const struct nlattr *expr;

	if (!rule->exprs)
		return rule->target;
	netlink_for_each_nested(expr, rule->exprs)
	{
		const char *chain = raw_rule_target(expr);

		if (chain)
			return chain;
	}
	return NULL;
}

size_t foreign_count_others(const struct foreign_chain *chain)
{
	size_t n = 0;

	for (size_t i = 0; i < chain->n_rules; i++)
		n += !chain->rules[i].ours;
	return n;
}
