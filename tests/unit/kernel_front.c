// SPDX-License-Identifier: GPL-2.0-or-later
// Which rules in front of ours may take packets from them: by interface, address, target and policy.
/* libiptc can't be included after the C library's headers on interfaces. */
#include "xt/xt_entry.h"

#include <libiptc/libip6tc.h>
#include <netinet/in.h>
#include <linux/netfilter.h>

#include "judge/front.h"
#include "reading.h"
#include "rules/field.h"

static const char text[] =
	"uplinks:\n"
	"  eth0: { address: [203.0.113.11, '2001:db8::11'] }\n"
	"networks:\n"
	"  vmnet1: { subnet: [192.168.56.0/24, 'fd00:56::/64'], mode: nat }\n"
	"  taps: { interface: tap*, subnet: [192.168.57.0/24, 'fd00:57::/64'] }\n";

/* A rule of others; "+" at the end of an interface: all that begin so, "!" in front: not that. */
struct other {
	const char *in, *out, *source4, *source6, *dest4, *dest6, *target;
};

#define OUTSIDE "172.17.0.0/16", "fd00:17::/64", "172.18.0.0/16", "fd00:18::/64"

struct fixture {
	struct run run;
	struct ruleset *lowered;
	struct xt_part part;
	struct foreign foreign;
	struct foreign_table *table;
	struct foreign_chain *builtin;
	enum family family;
};

static void match_name(struct rule *rule, enum field field, const char *name)
{
	struct ifpattern pattern = {0};

	if (!name)
		return;
	name += *name == '!';
	pattern.wildcard = name[strlen(name) - 1] == '+';
	memcpy(pattern.name, name, strlen(name) - pattern.wildcard);
	rule_match_prefix(rule, field, key_of_interface(&pattern));
}

static void match_prefix(struct rule *rule, enum field field, const char *written)
{
	struct prefix prefix;

	if (!written)
		return;
	assert_true(prefix_parse(written, &prefix));
	rule_match_prefix(rule, field, key_of_prefix(&prefix));
}

/* No rule of ours asks so. */
static void negate_out(enum family family, struct xt_room *room)
{
	struct ipt_entry *ip = (void *)room->bytes;
	struct ip6t_entry *ip6 = (void *)room->bytes;

	if (family == FAMILY_IPV4)
		ip->ip.invflags |= IPT_INV_VIA_OUT;
	else
		ip6->ipv6.invflags |= IP6T_INV_VIA_OUT;
}

static void add_rule(struct fixture *f, struct foreign_chain *chain, const struct other *other)
{
	struct xt_room *room = arena_alloc(f->run.arena, sizeof(*room));
	struct rule rule = rule_start(0, action_of(ACTION_DROP), 0);
	bool ipv4 = f->family == FAMILY_IPV4;

	match_name(&rule, FIELD_IIFNAME, other->in);
	match_name(&rule, FIELD_OIFNAME, other->out);
	match_prefix(&rule, ipv4 ? FIELD_SADDR4 : FIELD_SADDR6,
		     ipv4 ? other->source4 : other->source6);
	match_prefix(&rule, ipv4 ? FIELD_DADDR4 : FIELD_DADDR6, ipv4 ? other->dest4 : other->dest6);
	xt_entry_build(f->lowered, &rule, f->family, room);
	if (other->out && *other->out == '!')
		negate_out(f->family, room);
	xt_entry_set_target(f->family, room, other->target);
	foreign_add_rule(&f->foreign, chain,
			(struct foreign_rule){.entry = room->bytes, .target = other->target});
}

/* A table of the family with one built-in chain, in which the rules are to stand. */
static void start(struct fixture *f, enum family family, const char *table, const char *builtin)
{
	*f = (struct fixture){.run = run_text(text), .family = family};
	assert_true(f->run.good);
	f->lowered = lower_xt(f->run.arena, plan_ruleset(f->run.arena, &f->run.description));
	f->part = xt_part_of(f->lowered, family);
	f->foreign.arena = f->run.arena;
	f->table = foreign_add_table(
		&f->foreign,
		(struct foreign_table){.family = family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
				      .name = table,
				      .legacy = true});
	f->builtin = foreign_add_chain(
		&f->foreign, f->table,
		(struct foreign_chain){
			.name = builtin,
			.base = true,
			.type = strcmp(table, "nat") == 0 ? FOREIGN_NAT : FOREIGN_FILTER,
			.hook = strcmp(builtin, "FORWARD") == 0 ? NF_INET_FORWARD
								: NF_INET_POST_ROUTING});
}

static bool ask(struct fixture *f, const char *chain, struct front_finding *found)
{
	const char *table = f->table->name, *builtin = f->builtin->name;

	add_rule(f, f->builtin, &(struct other){.target = chain});
	foreign_finish(&f->foreign);
	return front_find(&f->foreign, &f->part, table, builtin, chain, found);
}

static void a_rule_in_front_takes_what_it_may_match(void **state)
{
	static const struct {
		const char *table, *builtin, *chain;
		struct other other;
		bool takes;
	} cases[] = {
		{"filter", "FORWARD", "HOSTGATE-FORWARD", {.target = "ACCEPT"}, true},
		{"filter", "FORWARD", "HOSTGATE-FORWARD", {.target = "RETURN"}, true},
		{"filter", "FORWARD", "HOSTGATE-FORWARD", {.target = "DROP"}, false},
		{"filter", "FORWARD", "HOSTGATE-FORWARD", {.target = ""}, false},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {.in = "vmnet1", .target = "ACCEPT"},
		 true},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {.in = "vmnet+", .target = "ACCEPT"},
		 true},
		{"filter", "FORWARD", "HOSTGATE-FORWARD", {.in = "tap9", .target = "ACCEPT"}, true},
		{"filter", "FORWARD", "HOSTGATE-FORWARD", {.in = "t+", .target = "ACCEPT"}, true},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {.in = "docker0", .target = "ACCEPT"},
		 true},
		/* It may have an inside source, or an inside destination. */
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {.in = "docker0", .out = "docker0", .target = "ACCEPT"},
		 true},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {"docker0", "docker0", OUTSIDE, "ACCEPT"},
		 false},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {.in = "docker0",
		  .out = "docker0",
		  .source4 = "172.17.0.0/16",
		  .source6 = "fd00:17::/64",
		  .target = "ACCEPT"},
		 true},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {"docker0", "!docker0", OUTSIDE, "ACCEPT"},
		 true},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {"docker0", "eth0", OUTSIDE, "ACCEPT"},
		 false},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {"docker0", "tap+", OUTSIDE, "ACCEPT"},
		 true},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {"docker0", "vmnet10", OUTSIDE, "ACCEPT"},
		 false},
		{"filter",
		 "FORWARD",
		 "HOSTGATE-FORWARD",
		 {.in = "lo", .out = "lo", .target = "ACCEPT"},
		 false},
		{"nat", "POSTROUTING", "HOSTGATE-TRANSLATE", {.target = "ACCEPT"}, true},
		{"nat",
		 "POSTROUTING",
		 "HOSTGATE-TRANSLATE",
		 {.out = "eth0", .target = "ACCEPT"},
		 true},
		{"nat",
		 "POSTROUTING",
		 "HOSTGATE-TRANSLATE",
		 {.out = "eth1", .target = "ACCEPT"},
		 false},
		{"nat",
		 "POSTROUTING",
		 "HOSTGATE-TRANSLATE",
		 {.source4 = "192.168.56.7/32", .source6 = "fd00:56::7/128", .target = "ACCEPT"},
		 true},
		{"nat",
		 "POSTROUTING",
		 "HOSTGATE-TRANSLATE",
		 {.source4 = "192.168.0.0/16", .source6 = "fd00::/8", .target = "ACCEPT"},
		 true},
		{"nat",
		 "POSTROUTING",
		 "HOSTGATE-TRANSLATE",
		 {.source4 = "192.168.57.0/24", .source6 = "fd00:57::/64", .target = "ACCEPT"},
		 false},
		{"nat",
		 "POSTROUTING",
		 "HOSTGATE-TRANSLATE",
		 {NULL, NULL, OUTSIDE, "ACCEPT"},
		 false},
	};
	struct front_finding found;
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (enum family family = 0; family < FAMILY__COUNT; family++) {
			start(&f, family, cases[i].table, cases[i].builtin);
			add_rule(&f, f.builtin, &cases[i].other);
			if (ask(&f, cases[i].chain, &found) != cases[i].takes)
				fail_msg("case %zu, %s", i, family_name(family));
			run_end(&f.run);
		}
}

static void what_stands_behind_takes_nothing(void **state)
{
	struct front_finding found;
	struct fixture f;

	(void)state;
	start(&f, FAMILY_IPV4, "filter", "FORWARD");
	add_rule(&f, f.builtin, &(struct other){.target = "HOSTGATE-FORWARD"});
	add_rule(&f, f.builtin, &(struct other){.target = "ACCEPT"});
	assert_false(ask(&f, "HOSTGATE-FORWARD", &found));
	run_end(&f.run);
}

static void where_the_policy_drops_a_return_takes_nothing(void **state)
{
	struct front_finding found;
	struct fixture f;

	(void)state;
	start(&f, FAMILY_IPV4, "filter", "FORWARD");
	f.builtin->policy_drop = true;
	add_rule(&f, f.builtin, &(struct other){.target = "RETURN"});
	add_rule(&f, f.builtin, &(struct other){.in = "vmnet1", .target = "ACCEPT"});
	assert_false(ask(&f, "HOSTGATE-FORWARD", &found));
	run_end(&f.run);
}

static void the_rule_that_accepts_is_named(void **state)
{
	struct front_finding found;
	struct foreign_chain *user;
	struct fixture f;

	(void)state;
	start(&f, FAMILY_IPV6, "filter", "FORWARD");
	add_rule(&f, f.builtin, &(struct other){.target = "DROP", .in = "docker0"});
	add_rule(&f, f.builtin, &(struct other){.target = "DOCKER-USER"});
	user = foreign_add_chain(&f.foreign, f.table, (struct foreign_chain){.name = "DOCKER-USER"});
	f.builtin = &f.table->chains[0];
	add_rule(&f, user, &(struct other){.target = "RETURN", .in = "docker0"});
	add_rule(&f, user, &(struct other){.target = "ACCEPT", .out = "tap3"});
	assert_true(ask(&f, "HOSTGATE-FORWARD", &found));
	assert_string_equal(front_text(f.run.arena, &found),
			    "rule 2 (by rule 2 of DOCKER-USER; of Docker)");
	assert_string_equal(found.base->chain->name, "FORWARD");
	run_end(&f.run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_in_front_takes_what_it_may_match),
		cmocka_unit_test(what_stands_behind_takes_nothing),
		cmocka_unit_test(where_the_policy_drops_a_return_takes_nothing),
		cmocka_unit_test(the_rule_that_accepts_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
