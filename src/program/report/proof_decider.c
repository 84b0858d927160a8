// SPDX-License-Identifier: GPL-2.0-or-later
// proof_decider: which rules of others decided about packets that should have passed.
#include "report/proof_decider.h"

#include <string.h>

#include "cli/json.h"
#include "foreign/vendor.h"
#include "prove/copy.h"

static const struct vendor *owner_of(const struct decider *d)
{
	if (*d->owner == '\0')
		return NULL;
	return vendor_of(raw_nft_family_name(d->family), d->table, d->owner);
}

void proof_describe_decider(const struct decider *d, struct buf *out)
{
	buf_printf(out, "table %s %s%s, chain %s", raw_nft_family_name(d->family), d->table,
		   d->legacy ? " of legacy iptables" : "", d->chain);
	if (d->is_policy) {
		buf_printf(out, ", policy %s", d->verdict);
		return;
	}
	if (d->position)
		buf_printf(out, ", rule %u", d->position);
	if (d->handle)
		buf_printf(out, " (handle %llu)", (unsigned long long)d->handle);
}

/* Tells whether iptables-nft made the chain: nft's users name theirs in small letters. */
static bool is_of_iptables(const struct decider *d)
{
	static const char *const tables[] = {"filter", "nat", "mangle", "raw", "security"};
	const char *family = raw_nft_family_name(d->family);

	if ((strcmp(family, "ip") != 0 && strcmp(family, "ip6") != 0) || *d->chain < 'A' ||
	    *d->chain > 'Z')
		return false;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (strcmp(d->table, tables[i]) == 0)
			return true;
	return false;
}

/* What to do: the owner's way, or where to look. */
static void describe_advice(const struct decider *d, struct buf *out)
{
	const struct vendor *owner = owner_of(d);
	const char *family = raw_nft_family_name(d->family);

	if (owner) {
		buf_printf(out, "%s: %s", owner->name, owner->advice);
		return;
	}
	buf_puts(out, "let them pass there; ");
	if (d->legacy || is_of_iptables(d))
		buf_printf(out, "`%stables%s -t %s -nvL %s --line-numbers` shows it", family,
			   d->legacy ? "-legacy" : "", d->table, d->chain);
	else
		buf_printf(out, "`nft -a list chain %s %s %s` shows it", family, d->table,
			   d->chain);
}

/* Others' rules in the way of one network; several findings have the same. */
struct obstacle {
	uint32_t network;
	const struct decider *decider;
	size_t n;
};

static bool is_same(const struct decider *a, const struct decider *b)
{
	return a->is_policy == b->is_policy && a->legacy == b->legacy && a->family == b->family &&
	       a->position == b->position && a->handle == b->handle &&
	       strcmp(a->verdict, b->verdict) == 0 && strcmp(a->table, b->table) == 0 &&
	       strcmp(a->chain, b->chain) == 0;
}

static bool is_obstacle(const struct finding *finding)
{
	return finding->kind == FINDING_MISSING && finding->probe != NO_PROBE && finding->by &&
	       finding->by->origin == NO_INDEX;
}

struct obstacles {
	struct obstacle *items;
	size_t n, cap;
};

static void add(struct arena *arena, struct obstacles *all, uint32_t network,
		const struct decider *decider)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].network == network && is_same(all->items[i].decider, decider)) {
			all->items[i].n++;
			return;
		}
	}
	all->items = arena_grow(arena, all->items, all->n, &all->cap, sizeof(*all->items));
	all->items[all->n++] = (struct obstacle){network, decider, 1};
}

static struct obstacles find_obstacles(const struct proof_report *report, struct arena *arena)
{
	const struct proof *proof = report->proof;
	struct obstacles all = {0};

	for (size_t i = 0; i < proof->n; i++)
		if (is_obstacle(&proof->items[i]))
			add(arena, &all, report->list->items[proof->items[i].probe].network,
			    proof->items[i].by);
	return all;
}

static const char *participle(const struct decider *d)
{
	if (strcmp(d->verdict, "reject") == 0)
		return "rejected";
	if (strcmp(d->verdict, "queue") == 0)
		return "queued for a program, which the copy does not have,";
	return strcmp(d->verdict, "drop") == 0 ? "dropped" : "taken over";
}

void proof_print_deciders(const struct proof_report *report, const char *prefix, struct buf *out)
{
	struct arena *arena = arena_new();
	struct obstacles all = find_obstacles(report, arena);

	for (size_t i = 0; i < all.n; i++) {
		const struct obstacle *o = &all.items[i];

		if (o->network == NO_NETWORK)
			buf_printf(out, "%spackets between other interfaces", prefix);
		else
			buf_printf(out, "%spackets of %s", prefix,
				   proof_network_name(report, o->network));
		buf_printf(out, " will be %s by ", participle(o->decider));
		proof_describe_decider(o->decider, out);
		buf_printf(out, "\n%s     ", prefix);
		describe_advice(o->decider, out);
		buf_putc(out, '\n');
	}
	if (all.n > 0)
		buf_printf(out, "%s\n", prefix);
	arena_free(arena);
}

static json_t *json_of(const struct decider *d)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	struct buf advice __attribute__((cleanup(buf_free))) = {0};
	const struct vendor *owner = owner_of(d);
	json_t *object = json_object();

	proof_describe_decider(d, &text);
	describe_advice(d, &advice);
	json_add_text(object, "text", buf_text(&text));
	json_add_text(object, "verdict", d->verdict);
	json_add_text(object, "family", raw_nft_family_name(d->family));
	json_add_text(object, "table", d->table);
	json_add_text(object, "chain", d->chain);
	json_object_set_new(object, "policy", json_boolean(d->is_policy));
	json_object_set_new(object, "legacy", json_boolean(d->legacy));
	json_object_set_new(object, "rule", d->position ? json_integer(d->position) : json_null());
	json_object_set_new(object, "handle",
			    d->handle ? json_integer((json_int_t)d->handle) : json_null());
	json_add_text(object, "program", owner ? owner->name : NULL);
	json_add_text(object, "advice", buf_text(&advice));
	return object;
}

json_t *proof_json_decider(const struct finding *finding)
{
	if (!finding->by || finding->by->origin != NO_INDEX)
		return NULL;
	return json_of(finding->by);
}

json_t *proof_json_deciders(const struct proof_report *report)
{
	struct arena *arena = arena_new();
	struct obstacles all = find_obstacles(report, arena);
	json_t *array = json_array();

	for (size_t i = 0; i < all.n; i++) {
		json_t *object = json_of(all.items[i].decider);

		json_add_text(object, "network",
			      all.items[i].network == NO_NETWORK
				      ? NULL
				      : proof_network_name(report, all.items[i].network));
		json_array_append_new(array, object);
	}
	arena_free(arena);
	return array;
}
