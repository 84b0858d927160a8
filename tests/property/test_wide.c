// SPDX-License-Identifier: GPL-2.0-or-later
// Random rulesets, wider than any description needs: both lowerings decide as they do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wide.h"

#define SEED 20260118u

/** Rulesets in all; HOSTGATE_WIDE sets another number. */
#define RULESETS 1500u
#define PACKETS_PER_RULESET 150u

static void compare(const char *dialect, uint64_t seed, const struct packet *packet,
		    const struct outcome *a, const struct outcome *b)
{
	char source[ADDR_TEXT_SIZE], destination[ADDR_TEXT_SIZE];

	if (same_outcome(a, b))
		return;
	fail_msg("%s differs, ruleset from seed %llu: %s -> %s, %s -> %s, protocol %u: verdict %d "
		 "or %d, translated %d or %d",
		 dialect, (unsigned long long)seed, packet->iifname, packet->oifname,
		 addr_format(&packet->saddr, source), addr_format(&packet->daddr, destination),
		 packet->l4proto, (int)a->verdict, (int)b->verdict, a->translated, b->translated);
}

static void lowerings_decide_alike(void **state)
{
	const char *wanted = getenv("HOSTGATE_WIDE");
	unsigned long rulesets = wanted ? strtoul(wanted, NULL, 10) : RULESETS;
	unsigned long verdicts[VERDICT__COUNT] = {0}, translated = 0;
	struct random random = {SEED};

	(void)state;
	for (unsigned long done = 0; done < rulesets; done++) {
		uint64_t seed = random.state;
		struct arena *arena = arena_new();
		struct ruleset *wide = wide_ruleset(&random, arena);
		struct ruleset *nft = lower_nft(arena, wide), *xt = lower_xt(arena, wide);

		for (unsigned int i = 0; i < PACKETS_PER_RULESET; i++) {
			struct packet packet = wide_packet(&random);
			struct outcome a = simulate_packet(wide, &packet);
			struct outcome b = simulate_packet(nft, &packet);
			struct outcome c = simulate_packet(xt, &packet);

			compare("nft", seed, &packet, &a, &b);
			compare("iptables", seed, &packet, &a, &c);
			verdicts[a.verdict]++;
			translated += a.translated;
		}
		arena_free(arena);
	}
	print_message("%lu rulesets: %lu pass, %lu dropped, %lu rejected, %lu translated\n",
		      rulesets, verdicts[VERDICT_PASS], verdicts[VERDICT_DROP],
		      verdicts[VERDICT_REJECT], translated);
	/* A generator that never reaches one of these would show nothing. */
	for (size_t v = 0; v < VERDICT__COUNT; v++)
		assert_true(verdicts[v] > rulesets);
	assert_true(translated > rulesets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowerings_decide_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
