// SPDX-License-Identifier: GPL-2.0-or-later
// test_addr: texts of addresses, and the algebra of prefixes against brute force.
#include "reading.h"

static void addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL: no address */
	} cases[] = {
		{"192.168.56.1", "192.168.56.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"::", "::"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
		{"192.168.56", NULL},
		{"192.168.056.1", NULL},
		{"192.168.56.256", NULL},
		{"192.168.56.1/24", NULL},
		{" 192.168.56.1", NULL},
		{"192.168.56.1 ", NULL},
		{"fe80::1%eth0", NULL},
		{"2001:db8::1::2", NULL},
		{"[::1]", NULL},
		{"0x7f.0.0.1", NULL},
		{"", NULL},
		{"localhost", NULL},
	};
	char text[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct addr addr;
		bool good = addr_parse(cases[i].text, &addr);

		assert_int_equal(good, cases[i].canonical != NULL);
		if (good)
			assert_string_equal(addr_format(&addr, text), cases[i].canonical);
	}
}

static void prefixes_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *canonical, *truncated;
	} cases[] = {
		{"192.168.56.0/24", "192.168.56.0/24", "192.168.56.0/24"},
		{"192.168.56.7/24", "192.168.56.7/24", "192.168.56.0/24"},
		{"10.1.2.3/0", "10.1.2.3/0", "0.0.0.0/0"},
		{"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3/32"},
		{"255.255.255.255/31", "255.255.255.255/31", "255.255.255.254/31"},
		{"FD00::1/64", "fd00::1/64", "fd00::/64"},
		{"fd00::ffff/121", "fd00::ffff/121", "fd00::ff80/121"},
		{"::/128", "::/128", "::/128"},
		{"10.0.0.0/33", NULL, NULL},
		{"fd00::/129", NULL, NULL},
		{"10.0.0.0/", NULL, NULL},
		{"10.0.0.0/08", NULL, NULL},
		{"10.0.0.0/ 8", NULL, NULL},
		{"10.0.0.0/+8", NULL, NULL},
		{"10.0.0.0/8x", NULL, NULL},
		{"10.0.0.0/4294967304", NULL, NULL},
		{"10.0.0.0/8/8", NULL, NULL},
		{"10.0.0.0", NULL, NULL},
		{"/8", NULL, NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/8", NULL,
		 NULL},
	};
	char text[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct prefix prefix, truncated;
		bool good = prefix_parse(cases[i].text, &prefix);

		assert_int_equal(good, cases[i].canonical != NULL);
		if (!good)
			continue;
		truncated = prefix_truncate(&prefix);
		assert_string_equal(prefix_format(&prefix, text), cases[i].canonical);
		assert_string_equal(prefix_format(&truncated, text), cases[i].truncated);
		assert_int_equal(prefix_has_host_bits(&prefix),
				 strcmp(cases[i].canonical, cases[i].truncated) != 0);
	}
}

static bool bit_of(const struct addr *addr, unsigned int i)
{
	return addr->bytes[i / 8] >> (7 - i % 8) & 1;
}

/* The definition, bit by bit. */
static bool slow_contains(const struct prefix *prefix, const struct addr *addr)
{
	if (prefix->addr.family != addr->family)
		return false;
	for (unsigned int i = 0; i < prefix->len; i++)
		if (bit_of(&prefix->addr, i) != bit_of(addr, i))
			return false;
	return true;
}

static struct addr random_addr(uint64_t *seed, enum family family)
{
	struct addr addr = {.family = family};

	/* Few different values, so that addresses are often near each other. */
	for (size_t i = 0; i < family_bits(family) / 8; i++)
		addr.bytes[i] = (uint8_t)(next_random(seed) % 4 ? 0 : 1u << next_random(seed) % 8);
	return addr;
}

static void prefix_algebra_equals_brute_force(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		enum family f = next_random(&seed) % 2 ? FAMILY_IPV4 : FAMILY_IPV6;
		enum family g = next_random(&seed) % 8 ? f : FAMILY_IPV4;
		struct prefix a = {random_addr(&seed, f), 0}, b = {random_addr(&seed, g), 0};
		struct addr addr = random_addr(&seed, g);
		struct addr last;

		a.len = (uint8_t)(next_random(&seed) % (family_bits(f) + 1));
		b.len = (uint8_t)(next_random(&seed) % (family_bits(g) + 1));
		a = prefix_truncate(&a);
		b = prefix_truncate(&b);
		assert_false(prefix_has_host_bits(&a));
		assert_int_equal(prefix_contains(&a, &addr), slow_contains(&a, &addr));
		assert_int_equal(prefix_overlaps(&a, &b),
				 slow_contains(&a, &b.addr) || slow_contains(&b, &a.addr));
		assert_int_equal(prefix_overlaps(&a, &b), prefix_overlaps(&b, &a));

		/* The first and the last address are in, the prefix's own order holds. */
		last = a.addr;
		for (unsigned int i = a.len; i < family_bits(f); i++)
			last.bytes[i / 8] |= (uint8_t)(1u << (7 - i % 8));
		assert_true(prefix_contains(&a, &a.addr) && prefix_contains(&a, &last));
		assert_true(addr_compare(&a.addr, &last) <= 0);
		if (addr.family == f)
			assert_int_equal(prefix_contains(&a, &addr),
					 addr_compare(&a.addr, &addr) <= 0 &&
						 addr_compare(&addr, &last) <= 0);
		assert_int_equal(addr_compare(&a.addr, &addr) < 0,
				 addr_compare(&addr, &a.addr) > 0);
		assert_int_equal(addr_equal(&a.addr, &addr), addr_compare(&a.addr, &addr) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(prefixes_are_read_and_written),
		cmocka_unit_test(prefix_algebra_equals_brute_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
