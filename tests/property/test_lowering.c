// SPDX-License-Identifier: GPL-2.0-or-later
// Random descriptions and packets: a ruleset and its lowerings decide and translate alike.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "rules/field.h"

#define SEED 20210924u

/** Pairs in all; HOSTGATE_PAIRS sets another number. */
#define PAIRS 200000u
#define PACKETS_PER_DESCRIPTION 200u

static void describe(const char *dialect, uint64_t seed, const struct packet *packet,
		     const struct outcome *a, const struct outcome *b)
{
	char source[ADDR_TEXT_SIZE], destination[ADDR_TEXT_SIZE];

	print_error("%s differs, description from seed %llu: %s -> %s, %s -> %s, state %u, status "
		    "%u, %s, reverse path %d: verdict %d or %d, translated %d or %d\n",
		    dialect, (unsigned long long)seed, packet->iifname, packet->oifname,
		    addr_format(&packet->saddr, source), addr_format(&packet->daddr, destination),
		    packet->ct_state, packet->ct_status, packet->ct_reply ? "reply" : "original",
		    packet->reverse_path, (int)a->verdict, (int)b->verdict, a->translated,
		    b->translated);
}

/*
 * Only iptables has the door behind reassembly, whose answers must then stay; and only it asks at
 * the door whether what goes to many could be answered, also of frames that cross a bridge.
 */
static bool differs_by_place(const struct packet *p)
{
	bool many = p->daddr.bytes[0] >= (p->family == FAMILY_IPV4 ? 224 : 255);

	if (!*p->iifname)
		return (p->l4proto == IPPROTO_ICMP && p->icmp_type == 11 && p->icmp_code == 1) ||
		       (p->l4proto == IPPROTO_ICMPV6 && p->icmp_type == 3 && p->icmp_code == 1);
	return many && !p->for_host && !p->reverse_path;
}

static void describe_trace(const struct ruleset *rs, const struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->n_steps; i++) {
		const struct rule *rule = &rs->rules[outcome->trace[i].rule];

		print_error("    %s: %s\n", rs->chains[rule->chain].name,
			    rs->origins[rule->origin].text);
	}
}

static void lowerings_decide_alike(void **state)
{
	(void)state;
	const char *wanted = getenv("HOSTGATE_PAIRS");
	unsigned long pairs = wanted ? strtoul(wanted, NULL, 10) : PAIRS;
	struct random random = {SEED};
	unsigned long verdicts[VERDICT__COUNT] = {0}, translated = 0;

	for (unsigned long done = 0; done < pairs;) {
		uint64_t seed = random.state;
		struct arena *arena = arena_new();
		/* Every few descriptions a large one, for the trees of chains. */
		uint32_t max = random_below(&random, 5) == 0 ? 300 : 6;
		struct description *d = random_description(&random, arena, max);
		struct ruleset *planned = plan_ruleset(arena, d);
		struct ruleset *nft = lower_nft(arena, planned), *xt = lower_xt(arena, planned);

		for (unsigned int i = 0; i < PACKETS_PER_DESCRIPTION; i++, done++) {
			struct packet packet = random_packet(&random, d);
			struct outcome a = simulate_packet(planned, &packet);
			struct outcome b = simulate_packet(nft, &packet);
			struct outcome c = simulate_packet(xt, &packet);

			if (!same_outcome(&a, &b)) {
				describe("nft", seed, &packet, &a, &b);
				describe_trace(planned, &a);
				describe_trace(nft, &b);
			}
			assert_true(same_outcome(&a, &b));
			if (differs_by_place(&packet))
				continue;
			if (!same_outcome(&a, &c)) {
				describe("iptables", seed, &packet, &a, &c);
				describe_trace(planned, &a);
				describe_trace(xt, &c);
			}
			assert_true(same_outcome(&a, &c));
			verdicts[a.verdict]++;
			translated += a.verdict == VERDICT_PASS && a.translated;
		}
		arena_free(arena);
	}
	print_message("%lu pairs: %lu pass (%lu translated), %lu dropped, %lu rejected\n", pairs,
		      verdicts[VERDICT_PASS], translated, verdicts[VERDICT_DROP],
		      verdicts[VERDICT_REJECT]);
	/* A generator that never reaches one of these would show nothing. */
	for (size_t v = 0; v < VERDICT__COUNT; v++)
		assert_true(verdicts[v] > pairs / 100);
	assert_true(translated > pairs / 200);
}

/* Every set of the nft lowering has one shape, and the iptables lowering has none. */
static void lowered_rulesets_have_their_form(void **state)
{
	(void)state;
	struct random random = {SEED};

	for (unsigned int round = 0; round < 50; round++) {
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, 300);
		struct ruleset *planned = plan_ruleset(arena, d);
		struct ruleset *nft = lower_nft(arena, planned), *xt = lower_xt(arena, planned);

		for (size_t s = 0; s < nft->n_sets; s++)
			for (size_t e = 0; e < nft->sets[s].n_elements; e++)
				for (uint8_t f = 0; f < nft->sets[s].n_fields; f++)
					assert_int_equal(nft->sets[s].elements[e].key[f].bits,
							 nft->sets[s].shape[f]);
		for (size_t a = 0; a < nft->n_sets; a++)
			for (size_t b = 0; b < a; b++)
				assert_string_not_equal(nft->sets[a].name, nft->sets[b].name);
		assert_int_equal(xt->n_sets, 0);
		for (size_t r = 0; r < xt->n_rules; r++)
			for (uint8_t m = 0; m < xt->rules[r].n_matches; m++) {
				assert_int_not_equal(xt->rules[r].matches[m].kind, MATCH_SET);
				assert_int_not_equal(xt->rules[r].matches[m].fields[0],
						     FIELD_UNTRANSLATED);
			}
		/* 28 bytes, less the ".OLD" of the script. */
		for (size_t c = 0; c < xt->n_chains; c++) {
			assert_true(strlen(xt->chains[c].name) <= 24);
			for (size_t b = 0; b < c; b++)
				assert_string_not_equal(xt->chains[b].name, xt->chains[c].name);
		}
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowerings_decide_alike),
		cmocka_unit_test(lowered_rulesets_have_their_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
