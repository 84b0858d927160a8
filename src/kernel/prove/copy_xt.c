// SPDX-License-Identifier: GPL-2.0-or-later
// copy_xt: the host's tables of legacy iptables, read and made anew with libiptc.
#include <errno.h>
#include <string.h>

#include "base/diag_codes.h"
#include "prove/copy.h"
#include "xt/xt_entry.h"
#include "xt/xt_living.h"

/*
 * Theory of operation
 *
 * A table is one transaction, and the kernel does not tell which rule it refuses. So the first one
 * is searched for by halves: the shortest beginning of the table that is refused ends with it. It
 * is left out, and the search goes on.
 */

_Static_assert(COPY_XT_NAME_SIZE == XT_TABLE_MAXNAMELEN, "names of tables");
_Static_assert(COPY_XT_TABLES == XT_LIVING_MAX, "number of tables");

/* Most rules that are searched for. */
#define LEFT_OUT_MAX 64

static size_t count_rules(const struct copy_xt_table *table)
{
	const struct xt_library *library = &xt_libraries[table->family];
	size_t n = 0;

	for (const char *chain = library->first_chain(table->handle); chain;
	     chain = library->next_chain(table->handle))
		for (const void *rule = library->first_rule(chain, table->handle); rule;
		     rule = library->next_rule(rule, table->handle))
			n++;
	return n;
}

static const char *family_word(enum family family)
{
	return family == FAMILY_IPV4 ? "ip" : "ip6";
}

static int fail(struct diags *diags, const struct copy_xt_table *table, int err,
		const char *doing)
{
	diag_add(diags, SEVERITY_ERROR, err == EPERM ? CODE(NOT_PERMITTED) : CODE(COPY_FAILED),
		 PLACE_NONE, "cannot %s the host's table %s %s of legacy iptables: %s", doing,
		 family_word(table->family), table->name, xt_libraries[table->family].strerror(err))
		->err = err;
	return -err;
}

static int read_table(struct arena *arena, struct diags *diags, struct host_rules_copy *out,
		      enum family family, const char *name)
{
	struct copy_xt_table *table = &out->xt[out->n_xt];

	*table = (struct copy_xt_table){.family = family};
	memcpy(table->name, name, strnlen(name, sizeof(table->name) - 1));
	table->handle = xt_libraries[family].init(name);
	if (!table->handle)
		return fail(diags, table, errno, "read");
	out->n_xt++;
	table->n_rules = count_rules(table);
	table->left_out = arena_calloc(arena, table->n_rules, sizeof(*table->left_out));
	return 0;
}

int copy_xt_read(struct arena *arena, struct diags *diags, struct host_rules_copy *out)
{
	int err = 0;

	for (enum family f = 0; f < FAMILY__COUNT && err == 0; f++) {
		struct xt_living living;

		err = xt_living_read(diags, f, &living);
		for (size_t i = 0; i < living.n && err == 0; i++)
			err = read_table(arena, diags, out, f, living.names[i]);
	}
	return err;
}

/* Loading. */

struct table_making {
	const struct copy_xt_table *table;
	const struct xt_library *library;
	struct xtc_handle *handle; /* of the copy's table */
	struct xt_room room;
};

/* A table that was made before from fewer rules. */
static bool make_empty(struct table_making *m)
{
	const struct xt_library *library = m->library;
	const char *chain;

	for (chain = library->first_chain(m->handle); chain;
	     chain = library->next_chain(m->handle))
		if (!library->flush_chain(chain, m->handle))
			return false;
	do {
		chain = library->first_chain(m->handle);
		while (chain && library->is_builtin(chain, m->handle))
			chain = library->next_chain(m->handle);
		if (chain && !library->delete_chain(chain, m->handle))
			return false;
	} while (chain);
	return true;
}

static bool make_chains(struct table_making *m)
{
	struct xtc_handle *host = m->table->handle;
	const struct xt_library *library = m->library;

	for (const char *chain = library->first_chain(host); chain;
	     chain = library->next_chain(host)) {
		struct xt_counters counters;
		const char *policy;

		if (!library->is_builtin(chain, host)) {
			if (!library->create_chain(chain, m->handle))
				return false;
			continue;
		}
		policy = library->get_policy(chain, &counters, host);
		if (policy && !library->set_policy(chain, policy, &counters, m->handle))
			return false;
	}
	return true;
}

/* Appends the rules below limit. */
static bool make_rules(struct table_making *m, size_t limit)
{
	struct xtc_handle *host = m->table->handle;
	const struct xt_library *library = m->library;
	size_t n = 0;

	for (const char *chain = library->first_chain(host); chain;
	     chain = library->next_chain(host))
		for (const void *rule = library->first_rule(chain, host); rule && n < limit;
		     rule = library->next_rule(rule, host)) {
			struct blob entry;

			if (m->table->left_out[n++])
				continue;
			entry = xt_entry_from_kernel(m->table->family, rule,
						     library->get_target(rule, host), &m->room);
			errno = EINVAL;
			if (entry.len == 0 || !library->append(chain, entry.bytes, m->handle))
				return false;
		}
	return true;
}

/* Makes the copy's table of the rules below limit. Returns 0 or an errno. */
static int make(struct arena *arena, const struct copy_xt_table *table, size_t limit)
{
	struct table_making *m = arena_alloc(arena, sizeof(*m));
	int err = 0;

	m->table = table;
	m->library = &xt_libraries[table->family];
	m->handle = m->library->init(table->name);
	if (!m->handle)
		return errno;
	if (!make_empty(m) || !make_chains(m) || !make_rules(m, limit) ||
	    !m->library->commit(m->handle))
		err = errno ? errno : EINVAL;
	m->library->free(m->handle);
	return err;
}

static void warn(struct diags *diags, const struct copy_xt_table *table, size_t rule, int err)
{
	const struct xt_library *library = &xt_libraries[table->family];
	struct buf what __attribute__((cleanup(buf_free))) = {0};
	size_t n = 0;

	for (const char *chain = library->first_chain(table->handle); chain;
	     chain = library->next_chain(table->handle)) {
		unsigned int position = 0;

		for (const void *at = library->first_rule(chain, table->handle); at;
		     at = library->next_rule(at, table->handle), n++) {
			position++;
			if (n == rule)
				buf_printf(&what, "rule %u of chain %s, table %s %s (legacy)",
					   position, chain, family_word(table->family),
					   table->name);
		}
	}
	copy_warn(diags, buf_text(&what), err, NULL);
}

/* Finds the first rule that is refused: those below low are taken, those below high are not. */
static size_t find_refused(struct arena *arena, const struct copy_xt_table *table, int *err)
{
	size_t low = 0, high = table->n_rules;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		int result = make(arena, table, middle);

		if (result == 0) {
			low = middle;
		} else {
			high = middle;
			*err = result;
		}
	}
	return high - 1;
}

static int load_table(struct arena *arena, struct diags *diags, struct copy_xt_table *table)
{
	int err = make(arena, table, table->n_rules);

	for (int n = 0; err != 0 && n < LEFT_OUT_MAX && table->n_rules > 0; n++) {
		size_t refused;

		if (make(arena, table, 0) != 0)
			break;
		refused = find_refused(arena, table, &err);
		table->left_out[refused] = true;
		warn(diags, table, refused, err);
		err = make(arena, table, table->n_rules);
	}
	return err ? fail(diags, table, err, "copy") : 0;
}

int copy_xt_load(struct diags *diags, struct host_rules_copy *copy)
{
	struct arena *arena = arena_new();
	int err = 0;

	/* The kernel lists the youngest first. */
	for (size_t i = copy->n_xt; i-- > 0 && err == 0;)
		err = load_table(arena, diags, &copy->xt[i]);
	arena_free(arena);
	return err;
}
