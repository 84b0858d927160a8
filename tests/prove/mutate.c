// SPDX-License-Identifier: GPL-2.0-or-later
// mutate: deliberate faults in the rules; linked around plan_ruleset() in a program of its own.
/*
 * Theory of operation
 *
 * The mutant is hostgate linked with --wrap=plan_ruleset. HOSTGATE_FAULT=N breaks the ruleset in
 * one way right after it is planned, so that everything behind it (lowering, kernel, prove) works
 * on wrong rules; HOSTGATE_FAULT=list prints the faults. HOSTGATE_WITHOUT=TEXT takes out all rules of
 * that reason (or several, with ";" between), for faults that show on some hosts only. A fault that finds nothing to break ends
 * the program with status 99.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/build.h"
#include "rules/field.h"

struct ruleset *__real_plan_ruleset(struct arena *arena, const struct description *description);
struct ruleset *__wrap_plan_ruleset(struct arena *arena, const struct description *description);

static _Noreturn void give_up(const char *what, const char *which)
{
	fprintf(stderr, "the fault finds no %s %s\n", what, which);
	exit(99);
}

/* Finding things. */

static uint32_t chain(const struct ruleset *rs, const char *name)
{
	for (uint32_t c = 0; c < rs->n_chains; c++)
		if (strcmp(rs->chains[c].name, name) == 0)
			return c;
	give_up("chain", name);
}

/* The number-th rule of the chain with this text as its reason. */
static struct rule *rule(struct ruleset *rs, const char *in, const char *text, int number)
{
	uint32_t c = chain(rs, in);

	for (size_t i = 0; i < rs->n_rules; i++)
		if (rs->rules[i].chain == c &&
		    strcmp(rs->origins[rs->rules[i].origin].text, text) == 0 && number-- == 0)
			return &rs->rules[i];
	give_up("rule", text);
}

static void delete_rule(struct ruleset *rs, const char *in, const char *text, int number)
{
	struct rule *at = rule(rs, in, text, number);
	size_t idx = (size_t)(at - rs->rules);

	memmove(at, at + 1, (rs->n_rules - idx - 1) * sizeof(*at));
	rs->n_rules--;
}

/* All rules with this text as their reason. */
static void delete_all(struct ruleset *rs, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n_rules; i++)
		if (strcmp(rs->origins[rs->rules[i].origin].text, text) != 0)
			rs->rules[n++] = rs->rules[i];
	if (n == rs->n_rules)
		give_up("rule", text);
	rs->n_rules = n;
}

static struct set *set(struct ruleset *rs, const char *name)
{
	for (size_t s = 0; s < rs->n_sets; s++)
		if (strcmp(rs->sets[s].name, name) == 0)
			return &rs->sets[s];
	give_up("set", name);
}

static struct key interface(const char *name, bool wildcard)
{
	struct ifpattern pattern = {.wildcard = wildcard};

	snprintf(pattern.name, sizeof(pattern.name), "%s", name);
	return key_of_interface(&pattern);
}

static struct key prefix(const char *text)
{
	struct prefix parsed;

	if (!prefix_parse(text, &parsed))
		give_up("prefix", text);
	parsed = prefix_truncate(&parsed);
	return key_of_prefix(&parsed);
}

static bool same(const struct key *a, const struct key *b)
{
	return a->bits == b->bits && memcmp(a->bytes, b->bytes, KEY_SIZE) == 0;
}

static struct element *element(struct set *in, struct key a, struct key b)
{
	for (size_t i = 0; i < in->n_elements; i++)
		if (same(&in->elements[i].key[0], &a) &&
		    (in->n_fields == 1 || same(&in->elements[i].key[1], &b)))
			return &in->elements[i];
	give_up("element in", in->name);
}

static void delete_element(struct ruleset *rs, const char *in, const char *ifname, const char *net)
{
	struct set *from = set(rs, in);
	bool wildcard = strcmp(ifname, "tap") == 0;
	struct key second = net ? prefix(net) : (struct key){0};
	struct element *at = element(from, interface(ifname, wildcard), second);
	size_t idx = (size_t)(at - from->elements);

	memmove(at, at + 1, (from->n_elements - idx - 1) * sizeof(*at));
	from->n_elements--;
}

static void add_way(struct ruleset *rs, const char *to, const char *in, const char *out)
{
	struct set *ways = set(rs, to);

	ruleset_add_element(rs, (uint32_t)(ways - rs->sets),
			    KEYS(interface(in, false), interface(out, false)), NO_INDEX,
			    ways->elements[0].origin);
}

static void resize(struct ruleset *rs, const char *in, const char *ifname, const char *from,
		   const char *to)
{
	element(set(rs, in), interface(ifname, strcmp(ifname, "tap") == 0), prefix(from))->key[1] =
		prefix(to);
}

static void drop_match(struct rule *from, uint8_t number)
{
	if (number >= from->n_matches)
		give_up("match", "");
	memmove(&from->matches[number], &from->matches[number + 1],
		(from->n_matches - number - 1u) * sizeof(*from->matches));
	from->n_matches--;
}

/* Puts a rule in front of its chain's others. */
static void insert_rule(struct ruleset *rs, struct rule first)
{
	ruleset_add_rule(rs, &first);
	memmove(rs->rules + 1, rs->rules, (rs->n_rules - 1) * sizeof(*rs->rules));
	rs->rules[0] = first;
}

static struct rule accept_in(struct ruleset *rs, const char *in)
{
	return rule_start(chain(rs, in), action_of(ACTION_ACCEPT), 0);
}

static void delete_sysctl(struct ruleset *rs, const char *leaf)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n_sysctls; i++)
		if (strcmp(rs->sysctls[i].leaf, leaf) != 0)
			rs->sysctls[n++] = rs->sysctls[i];
	if (n == rs->n_sysctls)
		give_up("sysctl", leaf);
	rs->n_sysctls = n;
}

static struct action *translation(struct ruleset *rs, const char *out, const char *net)
{
	return &rs->actions[element(set(rs, "snat4"), interface(out, false), prefix(net))->action];
}

/* What would catch a mistake in front of it. */
static void delete_within(struct ruleset *rs)
{
	delete_rule(rs, "reply", "of a connection within", 0);
	delete_rule(rs, "reply", "of a connection within", 0);
}

/* The faults. */

#define FAULTS(X) \
	X("leaving: no drop of invalid packets", delete_rule(rs, "leave", "invalid state", 0)) \
	X("leaving: invalid packets accepted", \
	  rule(rs, "leave", "invalid state", 0)->action = action_of(ACTION_ACCEPT)) \
	X("no door at all", delete_rule(rs, "door", "came in on a network", 0)) \
	X("door: forged sources not dropped", delete_rule(rs, "source", "forged source", 0)) \
	X("door: reverse path the wrong way round", \
	  rule(rs, "source", "forged source", 0)->matches[0].key = \
		  key_of_number(FIELD_REVERSE_PATH, 1)) \
	X("door: DHCP's rule for 0.0.0.0/0 to anywhere and any port", \
	  struct rule *r = rule(rs, "source", "DHCP", 0); \
	  r->n_matches = 1; r->matches[0].key = prefix("0.0.0.0/0")) \
	X("door: every IPv6 source is link-local", \
	  rule(rs, "source", "link-local", 1)->matches[0].key = prefix("::/0")) \
	X("door: IPv4 link-local sources to anywhere", \
	  drop_match(rule(rs, "source", "link-local", 0), 1)) \
	X("door: an interface missing", delete_element(rs, "networks", "vmnet2", NULL)) \
	X("a pattern taken for a name", \
	  element(set(rs, "networks"), interface("tap", true), (struct key){0})->key[0] = \
		  interface("tap", false)) \
	X("a pattern too wide", \
	  element(set(rs, "networks"), interface("tap", true), (struct key){0})->key[0] = \
		  interface("t", true); \
	  insert_rule(rs, accept_in(rs, "forward"))) \
	X("a subnet too wide by a bit", \
	  resize(rs, "members4", "vmnet1", "192.168.56.0/24", "192.168.56.0/23")) \
	X("a subnet too narrow by a bit", \
	  resize(rs, "members4", "vmnet1", "192.168.56.0/24", "192.168.56.0/25")) \
	X("an IPv6 subnet too wide", \
	  resize(rs, "members6", "vmnet3", "2001:db8:7::/64", "2001:db8:6::/47")) \
	X("an IPv6 subnet too narrow", \
	  resize(rs, "members6", "vmnet1", "fd00:56::/64", "fd00:56::/65")) \
	X("a subnet of the neighbour", \
	  resize(rs, "members4", "vmnet3", "198.18.7.0/24", "198.18.8.0/24")) \
	X("a member missing on the second interface", \
	  delete_element(rs, "members4", "vmnet5", "192.168.58.0/25")) \
	X("an IPv6 member missing", delete_element(rs, "members6", "vmnet1", "fd00:56::/64")) \
	X("members of two networks swapped", \
	  resize(rs, "members4", "vmnet1", "192.168.56.0/24", "198.18.7.0/24"); \
	  resize(rs, "members4", "vmnet3", "198.18.7.0/24", "192.168.56.0/24")) \
	X("an IPv4-only network has every IPv6 source", struct set *m = set(rs, "members6"); \
	  ruleset_add_element(rs, (uint32_t)(m - rs->sets), \
			      KEYS(interface("vmnet4", false), prefix("::/0")), NO_INDEX, \
			      m->elements[0].origin)) \
	X("leaving: source not looked at", drop_match(rule(rs, "leave", "own source", 0), 0)) \
	X("leaving: not its source, yet passed", delete_rule(rs, "leave", "not its source", 0)) \
	X("no rule for leaving", delete_rule(rs, "forward", "leaves a network", 0)) \
	X("no rule for entering", delete_rule(rs, "forward", "enters a network", 0)) \
	X("accepted before denied: everything to a routed network", \
	  struct rule r = accept_in(rs, "forward"); \
	  rule_match_prefix(&r, FIELD_OIFNAME, interface("vmnet3", false)); insert_rule(rs, r)) \
	X("accepted before denied: established connections to anywhere", \
	  struct rule r = accept_in(rs, "forward"); \
	  rule_match_bits(&r, FIELD_CT_STATE, CT_STATE_ESTABLISHED | CT_STATE_RELATED, false); \
	  insert_rule(rs, r)) \
	X("no refusal at the end of leaving", delete_rule(rs, "exit", "no way out there", 0)) \
	X("an exit for an isolated network", add_way(rs, "exits", "vmnet2", "eth0"); \
	  delete_element(rs, "closed4", "eth0", "10.0.3.0/24")) \
	X("an exit by an uplink that is not the network's", \
	  add_way(rs, "exits", "vmnet3", "eth1")) \
	X("an exit into another network", add_way(rs, "exits", "vmnet1", "vmnet3")) \
	X("an exit by an interface that is not described", \
	  add_way(rs, "exits", "vmnet1", "other0")) \
	X("an exit missing", struct set *s = set(rs, "exits"); \
	  struct element *e = element(s, interface("vmnet3", false), interface("eth0", false)); \
	  *e = s->elements[--s->n_elements]) \
	X( \
		"exits with their sides swapped", struct set *s = set(rs, "exits"); \
		for (size_t i = 0; i < s->n_elements; i++) { \
			struct key k = s->elements[i].key[0]; \
			s->elements[i].key[0] = s->elements[i].key[1]; \
			s->elements[i].key[1] = k; \
		}) \
	X("two networks taken for one", add_way(rs, "inside", "vmnet1", "vmnet2")) \
	X("entering: address not looked at", \
	  drop_match(rule(rs, "enter", "to its own address", 0), 0); \
	  drop_match(rule(rs, "entry", "reply", 0), 0)) \
	X("entering: interface not looked at, no drop at its end", \
	  delete_rule(rs, "reply", "no way in from there", 0)) \
	X("entering: not its address, yet passed", delete_rule(rs, "enter", "not its address", 0)) \
	X("entering: no drop at the end", delete_rule(rs, "entry", "nobody asked", 0)) \
	X("entering: the original direction, too", drop_match(rule(rs, "entry", "reply", 0), 0); \
	  delete_within(rs)) \
	X("entering: the original direction instead of replies", \
	  rule(rs, "entry", "reply", 0)->matches[0].key = key_of_number(FIELD_CT_DIRECTION, 0)) \
	X("entering: replies by any interface", \
	  drop_match(rule(rs, "reply", "from an uplink of its own", 0), 0)) \
	X("entering: no replies", delete_rule(rs, "entry", "reply", 0); \
	  delete_rule(rs, "entry", "related", 0)) \
	X("entering: everything is related", drop_match(rule(rs, "entry", "related", 0), 0); \
	  delete_within(rs)) \
	X("entering: no drop of invalid packets, and replies are all but new ones", \
	  delete_rule(rs, "enter", "invalid state", 0); \
	  struct rule *r = rule(rs, "entry", "reply", 0); drop_match(r, 0); \
	  rule_match_bits(r, FIELD_CT_STATE, CT_STATE_NEW, true)) \
	X("a translation forgotten, the guard holds", \
	  delete_element(rs, "snat4", "eth0", "192.168.56.0/24")) \
	X("a translation and its guard forgotten", \
	  delete_element(rs, "snat4", "eth0", "192.168.56.0/24"); \
	  delete_element(rs, "translated4", "eth0", "192.168.56.0/24")) \
	X("an IPv6 translation and its guard forgotten", \
	  delete_element(rs, "snat6", "eth0", "fd00:56::/64"); \
	  delete_element(rs, "translated6", "eth0", "fd00:56::/64")) \
	X("a translation of half a subnet", \
	  resize(rs, "snat4", "eth0", "192.168.56.0/24", "192.168.56.0/25"); \
	  resize(rs, "translated4", "eth0", "192.168.56.0/24", "192.168.56.0/25")) \
	X("a translation of more than the subnet", \
	  resize(rs, "snat4", "eth0", "192.168.56.0/24", "0.0.0.0/0")) \
	X("a wrong address to translate to", \
	  translation(rs, "eth0", "192.168.56.0/24")->addr.bytes[3]++) \
	X("the interface's address instead of the network's own", \
	  translation(rs, "eth0", "192.168.57.0/24")->kind = ACTION_MASQUERADE) \
	X("the private address as the outside one", \
	  addr_parse("192.168.57.1", &translation(rs, "eth0", "192.168.57.0/24")->addr)) \
	X("no translation rule, the guard holds", delete_rule(rs, "translate", "translation", 0)) \
	X("no guard", delete_rule(rs, "guard", "goes outside", 0)) \
	X("no guard for IPv6", delete_rule(rs, "private", "private source", 1)) \
	X("an uplink forgotten", delete_element(rs, "uplinks", "eth0", NULL)) \
	X("an isolated network's private source not kept in", \
	  delete_element(rs, "closed4", "eth0", "10.0.5.0/24")) \
	X("a private source not kept in on a foreign uplink", \
	  delete_element(rs, "closed4", "eth1", "192.168.56.0/24")) \
	X("multicast of the host translated", delete_rule(rs, "stay", "stays on the link", 0)) \
	X("IPv6 multicast of the host translated", \
	  delete_rule(rs, "stay", "stays on the link", 2)) \
	X("answers to hop-by-hop options go out", \
	  delete_rule(rs, "answers", "answer to nobody knows whom", 4)) \
	X("door: inside sources taken from anywhere", \
	  delete_rule(rs, "door", "an inside source", 0)) \
	X("door: inside IPv6 sources taken from anywhere", \
	  delete_rule(rs, "door", "an inside source", 1)) \
	X("door: the host's own source taken from a guest", \
	  delete_rule(rs, "own", "the host's own source", 0)) \
	X("door: guests may be routers", delete_rule(rs, "source", "no router of ours", 0); \
	  delete_rule(rs, "source", "no router of ours", 0)) \
	X("input: link-local sources heard", delete_rule(rs, "input", "link-local", 0)) \
	X("forwarding: inside sources from elsewhere", \
	  delete_rule(rs, "forward", "inside source from elsewhere", 0)) \
	X("entering: a nat network's connections need no translation", \
	  drop_match(rule(rs, "reply", "translated, from its uplink", 0), 0)) \
	X("entering: connections of a routed network with the host", delete_within(rs); \
	  delete_rule(rs, "reply", "of a connection with the host", 0); \
	  delete_rule(rs, "reply", "of a connection with the host", 0); \
	  delete_rule(rs, "reply", "the host's own source", 0); \
	  delete_rule(rs, "reply", "inside source from elsewhere", 0); \
	  delete_rule(rs, "reply", "inside source from elsewhere", 0)) \
	X("outbound: inside addresses reached by any way", \
	  delete_rule(rs, "outbound", "to an inside address", 0)) \
	X("outbound: inside IPv6 addresses reached by any way", \
	  delete_rule(rs, "outbound", "to an inside address", 1)) \
	X("outbound: answers are not told from what the host begins", \
	  delete_rule(rs, "inward", "answers", 0); \
	  delete_rule(rs, "inward", "answers", 0)) \
	X("outbound: what others begin is not told from what the host begins", \
	  delete_rule(rs, "inward", "not begun by the host there", 0)) \
	X("no IPv4 forwarding", delete_sysctl(rs, "net/ipv4/ip_forward"); \
	  delete_sysctl(rs, "forwarding")) \
	X("no IPv6 forwarding", delete_sysctl(rs, "net/ipv6/conf/all/forwarding"))

static const char *const names[] = {
#define FAULT_NAME(name, ...) name,
	FAULTS(FAULT_NAME)
#undef FAULT_NAME
};

#define COUNT (sizeof(names) / sizeof(*names))

static void commit(struct ruleset *rs, unsigned long wanted)
{
	unsigned long number = 0;

#define FAULT_CASE(name, ...) \
	if (wanted == number++) { \
		__VA_ARGS__; \
		return; \
	}
	FAULTS(FAULT_CASE)
#undef FAULT_CASE
}

__attribute__((constructor)) static void list_faults(void)
{
	const char *wanted = getenv("HOSTGATE_FAULT");

	if (!wanted || strcmp(wanted, "list") != 0)
		return;
	for (size_t i = 0; i < COUNT; i++)
		puts(names[i]);
	exit(0);
}

struct ruleset *__wrap_plan_ruleset(struct arena *arena, const struct description *description)
{
	struct ruleset *rs = __real_plan_ruleset(arena, description);
	const char *wanted = getenv("HOSTGATE_FAULT"), *without = getenv("HOSTGATE_WITHOUT");

	if (wanted)
		commit(rs, strtoul(wanted, NULL, 10));
	for (const char *at = without; at && *at; at += strspn(at, ";")) {
		char text[100];

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(at, ";"), at);
		delete_all(rs, text);
		at += strcspn(at, ";");
	}
	return rs;
}
