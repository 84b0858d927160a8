// SPDX-License-Identifier: GPL-2.0-or-later
// Random descriptions: on each way passes what ways says, what the rules let pass, and what expect says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "hostgate/ways.h"
#include "policy/expect.h"
#include "random.h"

#define SEED 20240607u
#define DESCRIPTIONS 1500u
#define NETWORKS_MAX 5u

/* A description, and what is made of it. */
struct made {
	struct arena *arena;
	struct description *d;
	struct ruleset *planned, *nft, *xt;
	unsigned long seen[PERMIT__COUNT], translated;
};

/* What should become of a packet. */
struct wanted {
	bool passes, translated, masquerade;
	struct addr source;
};

static const char *const outside[FAMILY__COUNT] = {"198.51.100.7", "2001:db8:77::7"};
static const char *const of_host[FAMILY__COUNT] = {"203.0.113.200", "2001:db8::200"};

static bool is_at(const struct way_end *end, enum end_kind kind)
{
	return end->kind == kind;
}

static void name_interface(const struct way_end *end, char out[static IFNAME_SIZE])
{
	const struct ifpattern *patterns;
	size_t n = way_end_interfaces(end, &patterns);

	memset(out, 0, IFNAME_SIZE);
	if (is_at(end, END_ELSEWHERE))
		memcpy(out, "other0", sizeof("other0"));
	if (n == 0)
		return;
	/* The last one: that not only the first is known. */
	memcpy(out, patterns[n - 1].name, IFNAME_SIZE);
	if (patterns[n - 1].wildcard)
		out[strlen(out)] = '7';
}

/* An address there; for a network without a subnet of the family one that nobody has. */
static struct addr address_at(const struct way_end *end, enum family family)
{
	struct addr addr;

	addr_parse(is_at(end, END_HOST) ? of_host[family] : outside[family], &addr);
	for (size_t s = 0; is_at(end, END_NETWORK) && s < end->network->n_subnets; s++)
		if (end->network->subnets[s].prefix.addr.family == family)
			return end->network->subnets[s].prefix.addr;
	return addr;
}

/* The first packet of a connection on the way. */
static struct packet first_packet(const struct way *way, enum family family)
{
	struct packet packet = {
		.family = family,
		.saddr = address_at(&way->from, family),
		.daddr = address_at(&way->to, family),
		.l4proto = IPPROTO_TCP,
		.dport = 443,
		.for_host = is_at(&way->to, END_HOST),
		.dest_local = is_at(&way->to, END_HOST),
		.source_local = is_at(&way->from, END_HOST),
		.source_on_out = is_at(&way->from, END_HOST),
		.reverse_path = true,
		.ct_state = CT_STATE_NEW,
	};

	name_interface(&way->from, packet.iifname);
	name_interface(&way->to, packet.oifname);
	packet.ct_daddr = packet.daddr;
	return packet;
}

/* A packet of a connection that was opened the other way, and translated if that is. */
static struct packet reply_packet(const struct way *way, const struct way *opened,
				  enum family family)
{
	struct packet packet = first_packet(way, family);

	packet.ct_state = CT_STATE_ESTABLISHED;
	packet.ct_reply = true;
	packet.ct_status = CT_STATUS_CONFIRMED;
	packet.ct_daddr = packet.saddr;
	packet.ct_source = packet.saddr;
	if (opened->of[family].translated)
		packet.ct_status |= CT_STATUS_SRC_NAT;
	if (way->of[family].translated) {
		packet.ct_status |= CT_STATUS_DST_NAT;
		addr_parse(of_host[family], &packet.ct_source);
	}
	return packet;
}

static void describe(const char *who, const struct packet *p, const struct wanted *wanted)
{
	char source[ADDR_TEXT_SIZE], destination[ADDR_TEXT_SIZE];

	fail_msg("%s: \"%s\" -> \"%s\", %s -> %s, state %u, status %u: ways says it should %s%s",
		 who, p->iifname, p->oifname, addr_format(&p->saddr, source),
		 addr_format(&p->daddr, destination), p->ct_state, p->ct_status,
		 wanted->passes ? "pass" : "be refused", wanted->translated ? ", translated" : "");
}

static void check_one(const char *who, const struct packet *packet, const struct wanted *wanted,
		      struct wanted done)
{
	if (done.passes != wanted->passes)
		describe(who, packet, wanted);
	if (done.passes &&
	    (done.translated != wanted->translated || done.masquerade != wanted->masquerade ||
	     (!done.masquerade && !addr_equal(&done.source, &wanted->source))))
		describe(who, packet, wanted);
}

/* The rules, as planned and as lowered, and expect: all do as ways says. */
static void check_packet(const struct made *m, const struct packet *packet,
			 const struct wanted *wanted)
{
	const struct {
		const char *who;
		const struct ruleset *ruleset;
	} sayings[] = {{"rules", m->planned}, {"nft", m->nft}, {"iptables", m->xt}};
	struct expectation e = expect_packet(m->d, packet);

	for (size_t i = 0; i < sizeof(sayings) / sizeof(*sayings); i++) {
		struct outcome o = simulate_packet(sayings[i].ruleset, packet);

		check_one(sayings[i].who, packet, wanted,
			  (struct wanted){o.verdict == VERDICT_PASS, o.translated, o.masquerade,
					  o.source});
	}
	check_one("expect", packet, wanted,
		  (struct wanted){e.passes, e.translated, e.masquerade, e.source});
}

static struct wanted wanted_of(const struct passage *passage, bool passes,
			       const struct addr *source)
{
	return (struct wanted){
		.passes = passes,
		.translated = passage->translated,
		.masquerade = passage->translated && passage->translation.masquerade,
		.source = passage->translated ? passage->translation.address : *source,
	};
}

static void check_way(struct made *m, struct way_end from, struct way_end to)
{
	struct way way = ways_between(m->d, from, to), back = ways_between(m->d, to, from);

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		const struct passage *passage = &way.of[f];
		struct packet packet = first_packet(&way, f);
		struct wanted wanted =
			wanted_of(passage, passage->permission == PERMIT_ALL, &packet.saddr);

		m->seen[passage->permission]++;
		m->translated += passage->translated;
		/* A translation is of what passes; all is answered that may be sent. */
		assert_true(!passage->translated || passage->permission == PERMIT_ALL);
		assert_true(passage->permission != PERMIT_REPLIES ||
			    back.of[f].permission == PERMIT_ALL);
		assert_true(passage->permission != PERMIT_ALL ||
			    back.of[f].permission != PERMIT_NOTHING);
		check_packet(m, &packet, &wanted);
		if (is_at(&from, END_HOST) || is_at(&to, END_HOST))
			continue;
		packet = reply_packet(&way, &back, f);
		wanted = (struct wanted){.passes = passage->permission != PERMIT_NOTHING,
					 .translated = passage->translated,
					 .source = packet.ct_source};
		check_packet(m, &packet, &wanted);
	}
}

/* What the host sends from an address of the network goes out as a guest's does. */
static void check_gateway(const struct made *m, const struct network *network,
			  const struct uplink *uplink)
{
	struct way way = ways_between(m->d, way_end_network(network), way_end_uplink(uplink));

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct packet packet = first_packet(&way, f);
		bool open = way.of[f].permission == PERMIT_ALL;
		struct wanted wanted;

		if (!network_has_family(network, f))
			continue;
		memset(packet.iifname, 0, IFNAME_SIZE);
		packet.source_local = true;
		wanted = wanted_of(&way.of[f], open || !network_is_private(network), &packet.saddr);
		check_packet(m, &packet, &wanted);
	}
}

/* Each pair of ends, also those that no reader asks for. */
static void check_description(struct made *m)
{
	struct way_end host = {.kind = END_HOST}, elsewhere = {.kind = END_ELSEWHERE};

	for (size_t n = 0; n < m->d->n_networks; n++) {
		struct way_end here = way_end_network(&m->d->networks[n]);

		for (size_t o = 0; o < m->d->n_networks; o++)
			check_way(m, here, way_end_network(&m->d->networks[o]));
		for (size_t u = 0; u < m->d->n_uplinks; u++) {
			check_way(m, here, way_end_uplink(&m->d->uplinks[u]));
			check_way(m, way_end_uplink(&m->d->uplinks[u]), here);
			check_gateway(m, here.network, &m->d->uplinks[u]);
		}
		check_way(m, here, elsewhere);
		check_way(m, elsewhere, here);
		check_way(m, here, host);
		check_way(m, host, here);
	}
	for (size_t u = 0; u < m->d->n_uplinks; u++) {
		struct way_end uplink = way_end_uplink(&m->d->uplinks[u]);

		check_way(m, uplink, elsewhere);
		check_way(m, elsewhere, uplink);
		check_way(m, uplink, host);
		check_way(m, host, uplink);
	}
}

static void rules_and_expect_do_what_ways_says(void **state)
{
	struct random random = {SEED};
	unsigned long seen[PERMIT__COUNT] = {0}, translated = 0;

	(void)state;
	for (unsigned int i = 0; i < DESCRIPTIONS; i++) {
		struct made m = {.arena = arena_new()};

		m.d = random_description(&random, m.arena, NETWORKS_MAX);
		m.planned = plan_ruleset(m.arena, m.d);
		m.nft = lower_nft(m.arena, m.planned);
		m.xt = lower_xt(m.arena, m.planned);
		check_description(&m);
		for (size_t p = 0; p < PERMIT__COUNT; p++)
			seen[p] += m.seen[p];
		translated += m.translated;
		arena_free(m.arena);
	}
	print_message("%u descriptions: %lu ways closed, %lu with replies, %lu open (%lu "
		      "translated)\n",
		      DESCRIPTIONS, seen[PERMIT_NOTHING], seen[PERMIT_REPLIES], seen[PERMIT_ALL],
		      translated);
	/* A generator that never reaches one of these would show nothing. */
	for (size_t p = 0; p < PERMIT__COUNT; p++)
		assert_true(seen[p] > DESCRIPTIONS / 2);
	assert_true(translated > DESCRIPTIONS / 2);
}

static void same_way(const struct way *a, const struct way *b)
{
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		assert_int_equal(a->of[f].permission, b->of[f].permission);
		assert_int_equal(a->of[f].translated, b->of[f].translated);
		assert_int_equal(a->of[f].key, b->of[f].key);
	}
}

/* Outward and back by the uplink: each once when it is open, in the order of the description. */
static void check_listed(const struct description *d, struct ways *ways)
{
	struct way_end here = way_end_network(ways->network);
	struct way way;

	for (size_t u = 0; u < d->n_uplinks; u++) {
		struct way_end uplink = way_end_uplink(&d->uplinks[u]);
		struct way out = ways_between(d, here, uplink), in = ways_between(d, uplink, here);

		assert_int_equal(way_is_open(&out), way_is_open(&in));
		if (!way_is_open(&out))
			continue;
		assert_true(ways_next(ways, &way));
		assert_ptr_equal(way.from.network, here.network);
		assert_ptr_equal(way.to.uplink, uplink.uplink);
		same_way(&way, &out);
		assert_true(ways_next(ways, &way));
		assert_ptr_equal(way.from.uplink, uplink.uplink);
		assert_ptr_equal(way.to.network, here.network);
		same_way(&way, &in);
	}
}

static void each_open_way_is_listed_once(void **state)
{
	struct random random = {SEED};

	(void)state;
	for (unsigned int i = 0; i < DESCRIPTIONS; i++) {
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, NETWORKS_MAX);

		for (size_t n = 0; n < d->n_networks; n++) {
			struct ways ways = ways_of(d, &d->networks[n]);
			struct way way;

			assert_true(ways_next(&ways, &way));
			assert_ptr_equal(way.from.network, &d->networks[n]);
			assert_ptr_equal(way.to.network, &d->networks[n]);
			check_listed(d, &ways);
			for (int inward = 0; inward < 2; inward++) {
				assert_true(ways_next(&ways, &way));
				assert_int_equal((inward ? way.from : way.to).kind, END_ELSEWHERE);
				assert_false(way_is_open(&way));
			}
			assert_false(ways_next(&ways, &way));
		}
		arena_free(arena);
	}
}

/* Changes the description as the key says; returns false for keys that are not there yet. */
static bool use_key(struct arena *arena, struct description *d, struct network *network,
		    const struct uplink *uplink, enum way_key key, enum family family)
{
	size_t capacity = 0; /* shared with another description: copied */

	switch (key) {
	case WAY_KEY_SUBNET:
		network->subnets = arena_grow(arena, network->subnets, network->n_subnets,
					      &capacity, sizeof(*network->subnets));
		network->subnets[network->n_subnets++].prefix =
			(struct prefix){.addr = {.family = family, .bytes = {[0] = 99}}, .len = 24};
		return true;
	case WAY_KEY_MODE:
		network->mode = MODE_NAT;
		return true;
	case WAY_KEY_UPLINK:
		network->uplinks = arena_calloc(arena, d->n_uplinks, sizeof(*network->uplinks));
		network->uplinks[0] = (uint32_t)(uplink - d->uplinks);
		network->n_uplinks = 1;
		return true;
	case WAY_KEY_NONE:
	case WAY_KEY_UPLINKS:
	case WAY_KEY_REACH:
	case WAY_KEY_PUBLISH:
	case WAY_KEY_ALLOW_FROM:
	case WAY_KEY__COUNT:
		break;
	}
	return false;
}

/* Who does what the keys say, one after the other, ends with an open way. */
static void the_deciding_key_opens_the_way(void **state)
{
	struct random random = {SEED};
	unsigned int used[WAY_KEY__COUNT] = {0};

	(void)state;
	for (unsigned int i = 0; i < DESCRIPTIONS; i++) {
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, NETWORKS_MAX);
		struct network *network = &d->networks[0];
		const struct uplink *uplink =
			&d->uplinks[random_below(&random, (uint32_t)d->n_uplinks)];
		enum family family = (enum family)random_below(&random, FAMILY__COUNT);

		for (unsigned int tries = 0; tries < 4; tries++) {
			struct way way =
				ways_between(d, way_end_network(network), way_end_uplink(uplink));

			if (way.of[family].permission == PERMIT_ALL)
				break;
			used[way.of[family].key]++;
			assert_true(tries < 3);
			assert_true(use_key(arena, d, network, uplink, way.of[family].key, family));
		}
		arena_free(arena);
	}
	assert_true(used[WAY_KEY_SUBNET] > 0 && used[WAY_KEY_MODE] > 0 && used[WAY_KEY_UPLINK] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_and_expect_do_what_ways_says),
		cmocka_unit_test(each_open_way_is_listed_once),
		cmocka_unit_test(the_deciding_key_opens_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
