// SPDX-License-Identifier: GPL-2.0-or-later
// Random descriptions: their copies are sound, and for each probe the rules do what is expected.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/expect.h"
#include "probe/probe.h"
#include "random.h"

#define SEED 20210926u
#define DESCRIPTIONS 150u

/* No two ports, host addresses or guests are the same, and routes lead to the guests. */
static void copies_are_sound(void **state)
{
	(void)state;
	struct random random = {SEED};

	for (unsigned int round = 0; round < DESCRIPTIONS; round++) {
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, 20);
		const struct replica *r = replica_make(arena, d, NULL);

		for (size_t i = 0; i < r->n_ports; i++)
			for (size_t j = 0; j < i; j++)
				assert_string_not_equal(r->ports[i].name, r->ports[j].name);
		for (size_t i = 0; i < r->n_addresses; i++)
			for (size_t j = 0; j < i; j++)
				assert_false(addr_equal(&r->addresses[i].prefix.addr,
							&r->addresses[j].prefix.addr));
		for (size_t i = 0; i < r->n_guests; i++) {
			const struct replica_guest *guest = &r->guests[i];
			const struct network *network = &d->networks[guest->network];

			assert_int_equal(replica_route_to(r, &guest->addr), guest->port);
			assert_int_equal(expect_member(network, &guest->addr),
					 guest->subnet != NO_SUBNET);
			assert_ptr_equal(expect_network(d, r->ports[guest->port].name), network);
			for (size_t j = 0; j < r->n_addresses; j++)
				assert_false(
					addr_equal(&guest->addr, &r->addresses[j].prefix.addr));
			for (size_t j = 0; j < i; j++)
				assert_false(addr_equal(&guest->addr, &r->guests[j].addr));
		}
		for (size_t i = 0; i < r->n_ports; i++)
			for (enum family f = 0; f < FAMILY__COUNT && r->ports[i].has_remote[f]; f++)
				for (size_t n = 0; n < d->n_networks; n++)
					assert_false(expect_member(&d->networks[n],
								   &r->ports[i].remote[f]));
		arena_free(arena);
	}
}

/* For what is forwarded, the simulated rules come to what the description says. */
static void rules_do_what_is_expected(void **state)
{
	(void)state;
	struct random random = {SEED};
	size_t forwarded = 0, passing = 0, promises[PROMISE__COUNT] = {0},
	       kinds[PROBE__COUNT] = {0};

	for (unsigned int round = 0; round < DESCRIPTIONS; round++) {
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, 6);
		struct ruleset *ruleset = plan_ruleset(arena, d);
		struct probe_list *list = probe_list_make(arena, replica_make(arena, d, NULL));

		for (size_t i = 0; i < list->n; i++) {
			const struct probe *probe = &list->items[i];
			struct packet packet = probe_packet(list, probe);
			struct outcome outcome = simulate_packet(ruleset, &packet);
			struct expectation expected = expect_packet(d, &packet);

			kinds[probe->kind]++;
			promises[probe->promise]++;
			if (probe->toward == NO_PORT || probe->toward == probe->in)
				continue;
			forwarded++;
			passing += probe->passes;
			assert_int_equal(outcome.verdict == VERDICT_PASS, expected.passes);
			/* The kernel's own refusals come on top. */
			if (!probe->passes)
				continue;
			assert_true(expected.passes);
			if (!expected.masquerade)
				assert_true(addr_equal(&outcome.source, &probe->seen_saddr));
		}
		arena_free(arena);
	}
	for (size_t k = 0; k < PROBE__COUNT; k++)
		assert_true(kinds[k] > 0);
	for (size_t p = 0; p < PROMISE__COUNT; p++)
		assert_true(promises[p] > 0);
	assert_true(passing > forwarded / 50);
	print_message("%zu forwarded probes, %zu should pass\n", forwarded, passing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_sound),
		cmocka_unit_test(rules_do_what_is_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
