// SPDX-License-Identifier: GPL-2.0-or-later
// foreign_xt: reads the tables of legacy iptables that live.
#include <errno.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_comment.h>
#include <string.h>

#include "foreign/foreign.h"
#include "rules/ours.h"
#include "xt/xt_living.h"
#include "xt/xt_ours.h"

/*
 * Theory of operation
 *
 * A table comes to life, and stays, when anybody only looks at it; so the kernel's list of those
 * that live is read first. Where its built-in chains stand is fixed in the kernel.
 */

static const struct {
	const char *table;
	int priority;
} priorities[] = {
	{"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50},
};

static const struct {
	const char *name;
	unsigned int hook;
} builtins[] = {
	{"PREROUTING", NF_INET_PRE_ROUTING},   {"INPUT", NF_INET_LOCAL_IN},
	{"FORWARD", NF_INET_FORWARD},	       {"OUTPUT", NF_INET_LOCAL_OUT},
	{"POSTROUTING", NF_INET_POST_ROUTING},
};

struct xt_reading {
	struct foreign *foreign;
	enum family family;
	const struct xt_library *library;
	struct xtc_handle *handle;
	struct foreign_table *table;
};

static void free_handle(struct xt_reading *r)
{
	if (r->handle)
		r->library->free(r->handle);
}

static void set_hook(const struct foreign_table *table, struct foreign_chain *chain)
{
	for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++)
		if (strcmp(builtins[i].name, chain->name) == 0)
			chain->hook = builtins[i].hook;
	for (size_t i = 0; i < sizeof(priorities) / sizeof(*priorities); i++)
		if (strcmp(priorities[i].table, table->name) == 0)
			chain->priority = priorities[i].priority;
	if (strcmp(table->name, "nat") != 0)
		return;
	chain->type = FOREIGN_NAT;
	chain->priority = chain->hook == NF_INET_PRE_ROUTING || chain->hook == NF_INET_LOCAL_OUT
				  ? FOREIGN_PRIORITY_DSTNAT
				  : FOREIGN_PRIORITY_SRCNAT;
}

static uint16_t u16_at(const void *entry, size_t offset)
{
	uint16_t value;

	memcpy(&value, (const uint8_t *)entry + offset, sizeof(value));
	return value;
}

static const char *comment_of(const struct xt_reading *r, const uint8_t *entry)
{
	size_t end = u16_at(entry, r->library->layout.target_offset);
	struct xt_entry_match match;

	for (size_t at = r->library->layout.head; at + sizeof(match) <= end;
	     at += match.u.match_size) {
		memcpy(&match, entry + at, sizeof(match));
		if (match.u.match_size < sizeof(match))
			return NULL;
		if (strcmp(match.u.user.name, "comment") == 0 &&
		    match.u.match_size >= sizeof(match) + XT_MAX_COMMENT_LEN)
			return arena_strndup(
				r->foreign->arena, (const char *)entry + at + sizeof(match),
				strnlen((const char *)entry + at + sizeof(match),
					XT_MAX_COMMENT_LEN));
	}
	return NULL;
}

static void read_chain(struct xt_reading *r, const char *name)
{
	struct arena *arena = r->foreign->arena;
	struct foreign_chain *chain = foreign_add_chain(
		r->foreign, r->table, (struct foreign_chain){.name = arena_strdup(arena, name)});

	if (r->library->is_builtin(name, r->handle)) {
		struct xt_counters counters;
		const char *policy = r->library->get_policy(name, &counters, r->handle);

		chain->base = true;
		chain->policy_drop = policy && strcmp(policy, "DROP") == 0;
		set_hook(r->table, chain);
	}
	for (const void *entry = r->library->first_rule(name, r->handle); entry;
	     entry = r->library->next_rule(entry, r->handle)) {
		size_t len = u16_at(entry, r->library->layout.next_offset);
		void *copy = memcpy(arena_alloc(arena, len), entry, len);
		const char *target = r->library->get_target(entry, r->handle);

		foreign_add_rule(r->foreign, chain,
				(struct foreign_rule){
					.entry = copy,
					.comment = comment_of(r, copy),
					.target = arena_strdup(arena, target ? target : ""),
					.ours = ours_rule_xt(r->family, r->table->name, name, copy,
							     target)});
	}
}

static int read_table(struct foreign *foreign, enum family family, const char *name)
{
	struct xt_reading r __attribute__((cleanup(free_handle))) = {
		.foreign = foreign, .family = family, .library = &xt_libraries[family]};

	errno = 0;
	r.handle = r.library->init(name);
	if (!r.handle)
		return errno ? -errno : -EIO;
	r.table = foreign_add_table(
		foreign, (struct foreign_table){.family = family == FAMILY_IPV4 ? NFPROTO_IPV4
									      : NFPROTO_IPV6,
					      .name = arena_strdup(foreign->arena, name),
					      .legacy = true});
	for (const char *chain = r.library->first_chain(r.handle); chain;
	     chain = r.library->next_chain(r.handle))
		read_chain(&r, chain);
	return 0;
}

int foreign_read_xt(struct foreign *foreign)
{
	int err = 0;

	for (enum family f = 0; f < FAMILY__COUNT && err == 0; f++) {
		struct xt_living living;

		err = xt_living_read(NULL, f, &living);
		for (size_t i = 0; i < living.n && err == 0; i++)
			err = read_table(foreign, f, living.names[i]);
	}
	return err;
}
