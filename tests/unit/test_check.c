// SPDX-License-Identifier: GPL-2.0-or-later
// test_check: rules between entries, each alone and all together, and against brute force.
#include "reading.h"

#include <time.h>

/* What stands under networks; before it two uplinks. */
static void each_rule_has_its_code(void **state)
{
	static const struct {
		const char *networks, *codes;
	} cases[] = {
		{"  a: {subnet: 10.1.0.0/16}\n", ""},
		{"  a: {subnet: [10.1.0.0/16, 'fd00::/64'], mode: nat, gateway: 10.1.0.1}\n", ""},

		/* subnets */
		{"  a: {subnet: 10.1.0.0/16}\n  b: {subnet: 10.1.0.0/16}\n", "HG-E102"},
		{"  a: {subnet: 10.1.9.0/24}\n  b: {subnet: 10.1.0.0/16}\n", "HG-E102"},
		{"  a: {subnet: 10.1.0.0/16}\n  b: {subnet: 10.2.0.0/16}\n", ""},
		{"  a: {subnet: [10.1.0.0/16, 10.1.0.0/16]}\n", "HG-E102"},
		{"  a: {subnet: 'fd00::/16'}\n  b: {subnet: 'fd00:1::/64'}\n", "HG-E102"},
		{"  a: {subnet: 0.0.0.0/0}\n", "HG-E107"},
		{"  a: {subnet: '::/0'}\n", "HG-E107"},
		{"  a: {subnet: 0.1.0.0/16}\n", "HG-E107"},
		{"  a: {subnet: 127.0.0.0/8}\n", "HG-E107"},
		{"  a: {subnet: 126.0.0.0/7}\n", "HG-E107"},
		{"  a: {subnet: 169.254.7.0/24}\n", "HG-E107"},
		{"  a: {subnet: 224.0.0.0/24}\n", "HG-E107"},
		{"  a: {subnet: 255.255.255.255/32}\n", "HG-E107"},
		{"  a: {subnet: 'fe80::/10'}\n", "HG-E107"},
		{"  a: {subnet: 'ff02::/16'}\n", "HG-E107"},
		{"  a: {subnet: '::1/128'}\n", "HG-E107"},
		{"  a: {subnet: '::ffff:10.0.0.0/104'}\n", "HG-E107"},
		{"  a: {subnet: 192.0.2.0/31}\n  b: {subnet: 192.0.2.2/32}\n", ""},

		/* interfaces */
		{"  a: {interface: x, subnet: 10.1.0.0/16}\n"
		 "  b: {interface: x, subnet: 10.2.0.0/16}\n", "HG-E103"},
		{"  a: {interface: x*, subnet: 10.1.0.0/16}\n"
		 "  b: {interface: xyz, subnet: 10.2.0.0/16}\n", "HG-E103"},
		{"  a: {interface: xy*, subnet: 10.1.0.0/16}\n"
		 "  b: {interface: x*, subnet: 10.2.0.0/16}\n", "HG-E103"},
		{"  a: {interface: xy*, subnet: 10.1.0.0/16}\n"
		 "  b: {interface: x, subnet: 10.2.0.0/16}\n", ""},
		{"  a: {interface: [x, 'x*'], subnet: 10.1.0.0/16}\n", "HG-E106"},
		{"  a: {interface: [x, y, x], subnet: 10.1.0.0/16}\n", "HG-E106"},
		{"  a: {interface: eth0, subnet: 10.1.0.0/16}\n", "HG-E105"},
		{"  a: {interface: eth*, subnet: 10.1.0.0/16}\n", "HG-E105 HG-E105"},
		{"  eth1: {subnet: 10.1.0.0/16}\n", "HG-E105"},

		/* gateways */
		{"  a: {subnet: 10.1.0.0/16, gateway: 10.2.0.1}\n", "HG-E110"},
		{"  a: {subnet: 10.1.0.0/16, gateway: 'fd00::1'}\n", "HG-E110"},
		{"  a: {subnet: 10.1.0.0/16, gateway: 10.2.0.1}\n  b: {subnet: 10.2.0.0/16}\n",
		 "HG-E110"},
		{"  a: {subnet: [10.1.0.0/16, 10.3.0.0/16], gateway: [10.1.0.1, 10.3.0.1]}\n", ""},
		{"  a: {subnet: 10.1.0.0/16, gateway: [10.1.0.1, 10.1.0.2, 10.1.0.1]}\n",
		 "HG-E111"},

		/* translation */
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: 203.0.113.5}\n", ""},
		{"  a: {subnet: 10.1.0.0/16, snat: 203.0.113.5}\n", "HG-E112"},
		{"  a: {subnet: 10.1.0.0/16, mode: routed, snat: masquerade}\n", "HG-E112"},
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: '2001:db8::5'}\n", "HG-E113"},
		{"  a: {subnet: 'fd00::/64', mode: nat, snat: 203.0.113.5}\n", "HG-E113"},
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: 10.1.0.5}\n", "HG-E109"},
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: 10.2.0.5}\n"
		 "  b: {subnet: 10.2.0.0/16}\n", "HG-E109"},
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: 10.2.0.5}\n"
		 "  b: {subnet: 10.2.0.0/16, mode: routed}\n", ""},
		{"  a: {subnet: 203.0.113.0/24, mode: nat}\n", "HG-E109"},
		{"  a: {subnet: 203.0.113.0/24, mode: routed}\n", ""},
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: 0.0.0.0}\n", "HG-E108"},
		{"  a: {subnet: 10.1.0.0/16, mode: nat, snat: 127.0.0.1}\n", "HG-E108"},

		/* uplinks and forwarding */
		{"  a: {subnet: 10.1.0.0/16, uplink: eth0}\n", "HG-W001"},
		{"  a: {subnet: 10.1.0.0/16, uplink: [eth1, eth0], mode: nat}\n", ""},
		{"  a: {subnet: 10.1.0.0/16, uplink: eth2, mode: nat}\n", "HG-E035"},
		{"  a: {subnet: 10.1.0.0/16}\nsettings: {forwarding: disabled}\n", ""},
		{"  a: {subnet: 10.1.0.0/16, mode: nat}\nsettings: {forwarding: disabled}\n",
		 "HG-E114"},
		{"  a: {subnet: 10.1.0.0/16, mode: nat}\nsettings: {forwarding: keep}\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf text = {0};
		struct run run;

		buf_printf(&text, "uplinks:\n  eth0: {address: 203.0.113.1}\n  eth1: {}\n"
			   "networks:\n%s", cases[i].networks);
		run = run_text(buf_text(&text));
		if (strcmp(run_codes(&run), cases[i].codes) != 0)
			fail_msg("%s\nexpected \"%s\", got \"%s\"", cases[i].networks,
				 cases[i].codes, run_codes(&run));
		assert_int_equal(run.good, !strstr(cases[i].codes, "HG-E"));
		run_end(&run);
		buf_free(&text);
	}
}

static void rules_about_uplinks_alone(void **state)
{
	static const struct {
		const char *text, *codes;
	} cases[] = {
		{"networks: {a: {subnet: 10.1.0.0/16}}\n", ""},
		{"networks: {a: {subnet: 10.1.0.0/16, mode: nat}}\n", "HG-E101"},
		{"networks: {a: {subnet: 10.1.0.0/16, mode: routed}}\nuplinks: {}\n", "HG-E101"},
		{"uplinks: {a: {interface: x}, b: {interface: x}}\n"
		 "networks: {n: {subnet: 10.1.0.0/16}}\n", "HG-E104"},
		{"uplinks: {a: {}, b: {interface: a}}\nnetworks: {n: {subnet: 10.1.0.0/16}}\n",
		 "HG-E104"},
		{"uplinks: {a: {address: 224.0.0.1}}\nnetworks: {n: {subnet: 10.1.0.0/16}}\n",
		 "HG-E108"},
		{"uplinks: {a: {address: 'fe80::1'}}\nnetworks: {n: {subnet: 10.1.0.0/16}}\n",
		 "HG-E108"},
		{"uplinks: {a: {}}\n", "HG-E100"},
		{"uplinks: {a: {}}\nnetworks: {}\n", "HG-E100"},

		/* What is missing because of another error is not reported on top. */
		{"uplink: {a: {}}\nnetworks: {n: {subnet: 10.1.0.0/16, mode: nat}}\n", "HG-E020"},
		{"uplinks: 5\nnetworks: {n: {subnet: 10.1.0.0/16, mode: nat, uplink: a}}\n",
		 "HG-E023"},
		{"uplinks: {a: {}}\nnetworks: 5\n", "HG-E023"},
		{"uplinks: {a: {adress: 5}}\nnetworks: {n: {subnet: 10.1.0.0/16, mode: nat, "
		 "uplink: a}}\n", "HG-E020"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct run run = run_text(cases[i].text);

		if (strcmp(run_codes(&run), cases[i].codes) != 0)
			fail_msg("%s\nexpected \"%s\", got \"%s\"", cases[i].text, cases[i].codes,
				 run_codes(&run));
		run_end(&run);
	}
}

static void all_errors_come_in_one_run_in_file_order(void **state)
{
	struct run run = run_text("settings: {forwarding: disabled, foo: 1}\n"
				  "networks:\n"
				  "  a: {subnet: 10.1.0.0/16, mode: nat, gateway: 10.9.0.1}\n"
				  "  b: {subnet: 10.1.2.0/24, mode: nta}\n"
				  "  a: {subnet: 10.3.0.0/16}\n"
				  "uplinks:\n"
				  "  a: {address: 1.2.3}\n");

	(void)state;
	assert_string_equal(run_codes(&run),
			    "HG-E114 HG-E020 HG-E110 HG-E102 HG-E026 HG-E012 HG-E105 HG-E028");
	run_end(&run);
}

/* Overlaps are found if and only if some pair of subnets overlaps. */
static void overlaps_equal_brute_force(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t n = 1 + next_random(&seed) % 6;
		struct prefix prefixes[6];
		struct buf text = {0};
		bool overlap = false;
		struct run run;

		buf_puts(&text, "networks:\n");
		for (size_t i = 0; i < n; i++) {
			char shown[ADDR_TEXT_SIZE];

			prefixes[i] = (struct prefix){
				.addr = {.family = FAMILY_IPV4,
					 .bytes = {10, (uint8_t)(next_random(&seed) % 4),
						   (uint8_t)(next_random(&seed) % 256), 0}},
				.len = (uint8_t)(14 + next_random(&seed) % 11),
			};
			prefixes[i] = prefix_truncate(&prefixes[i]);
			for (size_t j = 0; j < i; j++)
				overlap |= prefix_overlaps(&prefixes[i], &prefixes[j]);
			buf_printf(&text, "  n%zu: {subnet: %s}\n", i,
				   prefix_format(&prefixes[i], shown));
		}
		run = run_text(buf_text(&text));
		if (run.good == overlap)
			fail_msg("%s", buf_text(&text));
		run_end(&run);
		buf_free(&text);
	}
}

static void shared_interfaces_equal_brute_force(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t n = 1 + next_random(&seed) % 5;
		struct ifpattern patterns[5] = {0};
		struct buf text = {0};
		bool overlap = false;
		struct run run;

		buf_puts(&text, "networks:\n");
		for (size_t i = 0; i < n; i++) {
			char shown[IFNAME_SIZE + 1];

			for (size_t j = 0; j < 1 + next_random(&seed) % 5; j++)
				patterns[i].name[j] = (char)('a' + next_random(&seed) % 2);
			patterns[i].wildcard = next_random(&seed) % 3 == 0;
			for (size_t j = 0; j < i; j++)
				overlap |= ifpattern_overlaps(&patterns[i], &patterns[j]);
			buf_printf(&text, "  n%zu: {interface: %s, subnet: 10.%zu.0.0/16}\n", i,
				   ifpattern_format(&patterns[i], shown), i);
		}
		run = run_text(buf_text(&text));
		if (run.good == overlap)
			fail_msg("%s", buf_text(&text));
		run_end(&run);
		buf_free(&text);
	}
}

static void hostile_descriptions_take_little_time(void **state)
{
	static const struct {
		const char *before, *unit, *after;
	} cases[] = {
		{"networks:\n  a:\n    subnet: [", "10.%u.%u.0/24, ", "10.0.0.0/8]\n"},
		{"networks:\n  a:\n    subnet: 10.0.0.0/8\n    gateway: [", "10.%u.%u.1, ",
		 "10.0.0.1]\n"},
		{"networks:\n  a:\n    subnet: 10.0.0.0/8\n    interface: [", "i%u-%u, ", "x]\n"},
		{"uplinks: {", "u%u-%u: {address: 9.9.9.9}, ",
		 "x: {}}\nnetworks: {a: {subnet: 10.0.0.0/8}}\n"},
		{"networks: {", "u%u-%u: {subnet: 10.0.0.0/8, uplink: nobody}, ",
		 "x: {subnet: 10.0.0.0/8}}\n"},
		{"networks: {a: {subnet: 10.0.0.0/8, ", "key%u-%u: x, ", "x: 1}}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct timespec before, after;
		struct buf text = {0};
		struct run run;

		buf_puts(&text, cases[i].before);
		for (unsigned int j = 0; j < 100000; j++) {
			char unit[128];
			const char *first = strchr(cases[i].unit, '%');
			const char *second = strchr(first + 2, '%');

			snprintf(unit, sizeof(unit), "%.*s%u%.*s%u%s",
				 (int)(first - cases[i].unit), cases[i].unit, j >> 8,
				 (int)(second - first - 2), first + 2, j & 255, second + 2);
			buf_puts(&text, unit);
		}
		buf_puts(&text, cases[i].after);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
		run = run_text(buf_text(&text));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
		if (after.tv_sec - before.tv_sec > 10)
			fail_msg("%s took %ld s", cases[i].unit,
				 (long)(after.tv_sec - before.tv_sec));
		run_end(&run);
		buf_free(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_has_its_code),
		cmocka_unit_test(rules_about_uplinks_alone),
		cmocka_unit_test(all_errors_come_in_one_run_in_file_order),
		cmocka_unit_test(overlaps_equal_brute_force),
		cmocka_unit_test(shared_interfaces_equal_brute_force),
		cmocka_unit_test(hostile_descriptions_take_little_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
