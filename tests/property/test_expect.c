// SPDX-License-Identifier: GPL-2.0-or-later
// Random descriptions and packets: the rules do what the description says, said a second time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/expect.h"
#include "random.h"

#define SEED 20210925u
#define PAIRS 200000u
#define PACKETS_PER_DESCRIPTION 200u

static bool agrees(const struct outcome *done, const struct expectation *expected)
{
	if ((done->verdict == VERDICT_PASS) != expected->passes)
		return false;
	if (!expected->passes)
		return true;
	return done->translated == expected->translated &&
	       done->masquerade == expected->masquerade &&
	       (done->masquerade || addr_equal(&done->source, &expected->source));
}

static void rules_do_what_is_described(void **state)
{
	(void)state;
	struct random random = {SEED};
	unsigned long passed = 0, translated = 0;

	for (unsigned long done = 0; done < PAIRS;) {
		uint64_t seed = random.state;
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, 6);
		struct ruleset *ruleset = plan_ruleset(arena, d);

		for (unsigned int i = 0; i < PACKETS_PER_DESCRIPTION; i++, done++) {
			struct packet packet = random_packet(&random, d);
			struct outcome outcome = simulate_packet(ruleset, &packet);
			struct expectation expected = expect_packet(d, &packet);
			char source[ADDR_TEXT_SIZE], destination[ADDR_TEXT_SIZE];

			if (!agrees(&outcome, &expected))
				print_error("description from seed %llu: %s -> %s, %s -> %s, "
					    "state %u, status %u, %s, reverse path %d: the rules "
					    "%s it, it should %s\n",
					    (unsigned long long)seed, packet.iifname,
					    packet.oifname, addr_format(&packet.saddr, source),
					    addr_format(&packet.daddr, destination),
					    packet.ct_state, packet.ct_status,
					    packet.ct_reply ? "reply" : "original",
					    packet.reverse_path,
					    outcome.verdict == VERDICT_PASS ? "pass" : "refuse",
					    expected.passes ? "pass" : "be refused");
			for (size_t t = 0; !agrees(&outcome, &expected) && t < outcome.n_steps; t++) {
				const struct rule *rule = &ruleset->rules[outcome.trace[t].rule];

				print_error("    %s: %s\n", ruleset->chains[rule->chain].name,
					    ruleset->origins[rule->origin].text);
			}
			assert_true(agrees(&outcome, &expected));
			passed += expected.passes;
			translated += expected.translated;
		}
		arena_free(arena);
	}
	print_message("%u pairs: %lu pass (%lu translated)\n", PAIRS, passed, translated);
	/* A generator that never reaches one of these would show nothing. */
	assert_in_range(passed, PAIRS / 100, PAIRS - PAIRS / 100);
	assert_true(translated > PAIRS / 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_do_what_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
