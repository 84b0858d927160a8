// SPDX-License-Identifier: GPL-2.0-or-later
// trace_xt: which rule or policy of legacy iptables dropped a packet, by the counters.
#include <stdio.h>
#include <string.h>

#include "foreign/vendor.h"
#include "print/xt_rule.h"
#include "prove/trace.h"
#include "rules/build.h"
#include "rules/ours.h"
#include "xt/xt_living.h"
#include "xt/xt_ours.h"

/* A table that is there. */
struct traced_table {
	enum family family;
	char name[XT_TABLE_MAXNAMELEN];
	const struct copy_xt_table *host; /* NULL: the host has none */
};

struct trace_xt {
	struct arena *arena;
	const struct ruleset *ruleset, *lowered;
	struct xt_part parts[FAMILY__COUNT]; /* of lowered */
	struct traced_table tables[FAMILY__COUNT * COPY_XT_TABLES];
	size_t n_tables;
	uint64_t *packets; /* of every rule and policy, in the order of visit() */
	size_t n, cap;
};

/* A rule or policy that is visited. */
struct visited {
	const struct traced_table *table;
	const char *chain, *target;
	uint32_t rule;   /* in its chain, from 0; policy: NO_INDEX */
	uint32_t others; /* rules of others in front of it */
	uint64_t packets;
};

static void find_tables(struct trace_xt *t, const struct host_rules_copy *copy, enum family family)
{
	struct xt_living living;

	/* Without the list a trace only says less. */
	(void)xt_living_read(NULL, family, &living);
	for (size_t n = 0; n < living.n; n++) {
		struct traced_table *table = &t->tables[t->n_tables++];

		*table = (struct traced_table){.family = family};
		memcpy(table->name, living.names[n], sizeof(table->name));
		for (size_t i = 0; i < copy->n_xt; i++)
			if (copy->xt[i].family == family &&
			    strcmp(copy->xt[i].name, table->name) == 0)
				table->host = &copy->xt[i];
	}
}

struct trace_xt *trace_xt_open(struct arena *arena, const struct ruleset *ruleset,
			       const struct host_rules_copy *copy)
{
	struct trace_xt *t = arena_calloc(arena, 1, sizeof(*t));

	t->arena = arena;
	t->ruleset = ruleset;
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		find_tables(t, copy, f);
	if (t->n_tables == 0)
		return NULL;
	t->lowered = lower_xt(arena, ruleset);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		t->parts[f] = xt_part_of(t->lowered, f);
	return t;
}

/* Visiting. */

/* Called for each rule and policy; returns true to end. */
typedef bool (*visit_fn)(struct trace_xt *t, const struct visited *visited, void *data);

static bool visit_chain(struct trace_xt *t, struct visited v, struct xtc_handle *handle,
			visit_fn fn, void *data)
{
	const struct xt_library *library = &xt_libraries[v.table->family];
	struct xt_counters counters;

	for (const void *rule = library->first_rule(v.chain, handle); rule;
	     rule = library->next_rule(rule, handle)) {
		memcpy(&counters, (const char *)rule + library->layout.counters, sizeof(counters));
		v.packets = counters.pcnt;
		v.target = library->get_target(rule, handle);
		if (fn(t, &v, data))
			return true;
		v.rule++;
		v.others += !ours_rule_xt(v.table->family, v.table->name, v.chain, rule, v.target);
	}
	if (!library->is_builtin(v.chain, handle))
		return false;
	v.rule = NO_INDEX;
	v.target = library->get_policy(v.chain, &counters, handle);
	v.packets = counters.pcnt;
	return v.target && fn(t, &v, data);
}

static bool visit(struct trace_xt *t, visit_fn fn, void *data)
{
	bool done = false;

	for (size_t i = 0; i < t->n_tables && !done; i++) {
		const struct xt_library *library = &xt_libraries[t->tables[i].family];
		struct xtc_handle *handle = library->init(t->tables[i].name);

		if (!handle)
			continue;
		for (const char *chain = library->first_chain(handle); chain && !done;
		     chain = library->next_chain(handle))
			done = visit_chain(t, (struct visited){.table = &t->tables[i],
							       .chain = chain},
					   handle, fn, data);
		library->free(handle);
	}
	return done;
}

static bool keep(struct trace_xt *t, const struct visited *visited, void *data)
{
	(void)data;
	t->packets = arena_grow(t->arena, t->packets, t->n, &t->cap, sizeof(*t->packets));
	t->packets[t->n++] = visited->packets;
	return false;
}

void trace_xt_begin(struct trace_xt *t)
{
	t->n = 0;
	(void)visit(t, keep, NULL);
}

/* What grew. */

static const char *verdict_of(const char *target)
{
	if (strcmp(target, "DROP") == 0)
		return "drop";
	if (strcmp(target, "REJECT") == 0)
		return "reject";
	if (strcmp(target, "QUEUE") == 0 || strcmp(target, "NFQUEUE") == 0)
		return "queue";
	return NULL;
}

static uint32_t origin_of(const struct trace_xt *t, const struct visited *v)
{
	const struct xt_part *part = &t->parts[v->table->family];
	const struct ruleset *rs = t->lowered;
	uint32_t n = 0;

	for (uint32_t c = 0; c < rs->n_chains; c++) {
		if (strcmp(rs->chains[c].name, v->chain) != 0)
			continue;
		for (uint32_t i = part->index.first[c]; i < part->index.first[c + 1]; i++) {
			const struct rule *rule = &rs->rules[part->index.order[i]];

			if (xt_part_has(part, rule) && n++ == v->rule)
				return rule->origin < t->ruleset->n_origins ? rule->origin
									    : NO_INDEX;
		}
	}
	return NO_INDEX;
}

/* Where the host has the rule now: apply puts jumps of ours in front, makes holes and may leave out. */
static uint32_t host_position(const struct visited *v)
{
	const struct copy_xt_table *host = v->table->host;
	const struct xt_library *library = &xt_libraries[v->table->family];
	size_t n = 0;

	if (!host || v->rule == NO_INDEX)
		return 0;
	for (const char *chain = library->first_chain(host->handle); chain;
	     chain = library->next_chain(host->handle)) {
		uint32_t position = 0, others = 0;

		for (const void *rule = library->first_rule(chain, host->handle); rule;
		     rule = library->next_rule(rule, host->handle)) {
			position++;
			if (host->left_out[n++] ||
			    ours_rule_xt(host->family, host->name, chain, rule,
					 library->get_target(rule, host->handle)))
				continue;
			if (strcmp(chain, v->chain) == 0 && others++ == v->others)
				return position;
		}
	}
	return 0;
}

static const char *find_owner(const struct visited *v, const char *family)
{
	const struct copy_xt_table *host = v->table->host;
	const struct xt_library *library = &xt_libraries[v->table->family];

	if (vendor_of(family, v->table->name, v->chain))
		return v->chain;
	if (v->rule != NO_INDEX || !host)
		return "";
	for (const char *chain = library->first_chain(host->handle); chain;
	     chain = library->next_chain(host->handle))
		if (vendor_of(family, v->table->name, chain))
			return chain;
	return "";
}

struct decider_search {
	size_t at;
	struct decider *out;
};

static bool look(struct trace_xt *t, const struct visited *v, void *data)
{
	struct decider_search *search = data;
	struct decider *out = search->out;
	size_t at = search->at++;
	const char *verdict = v->target ? verdict_of(v->target) : NULL;
	const char *owner;

	if (!verdict || at >= t->n || v->packets <= t->packets[at])
		return false;
	*out = (struct decider){
		.verdict = verdict,
		.is_policy = v->rule == NO_INDEX,
		.legacy = true,
		.family = v->table->family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
		.position = host_position(v),
		.origin = NO_INDEX,
	};
	snprintf(out->table, sizeof(out->table), "%s", v->table->name);
	snprintf(out->chain, sizeof(out->chain), "%s", v->chain);
	owner = find_owner(v, raw_nft_family_name(out->family));
	snprintf(out->owner, sizeof(out->owner), "%s", owner);
	if (ours_chain(v->chain))
		out->origin = origin_of(t, v);
	return true;
}

bool trace_xt_end(struct trace_xt *t, struct decider *out)
{
	struct decider_search search = {.out = out};

	return visit(t, look, &search) &&
	       (out->origin != NO_INDEX || !ours_chain(out->chain));
}
