// SPDX-License-Identifier: GPL-2.0-or-later
// test_description: what is read, defaults, the canonical text, patterns, translations.
#include "reading.h"

#include <dirent.h>
#include <time.h>

static void the_smallest_description_has_all_defaults(void **state)
{
	struct run run = run_text("uplinks:\n  eth0: {address: 203.0.113.11}\n"
				  "networks:\n  vmnet1: {subnet: 192.168.56.0/24, mode: nat}\n");
	const struct description *d = &run.description;
	struct buf out = {0};

	(void)state;
	assert_true(run.good);
	assert_int_equal(run.diags.n, 0);
	assert_int_equal(d->n_uplinks, 1);
	assert_string_equal(d->uplinks[0].name, "eth0");
	assert_string_equal(d->uplinks[0].interface.name, "eth0");
	assert_true(d->uplinks[0].has_address[FAMILY_IPV4]);
	assert_false(d->uplinks[0].has_address[FAMILY_IPV6]);
	assert_int_equal(d->n_networks, 1);
	assert_string_equal(d->networks[0].interfaces[0].name, "vmnet1");
	assert_int_equal(d->networks[0].n_interfaces, 1);
	assert_int_equal(d->networks[0].mode, MODE_NAT);
	assert_int_equal(d->networks[0].mode_place.line, 4);
	assert_int_equal(d->networks[0].n_uplinks, 1);
	assert_false(d->networks[0].uplinks_given);
	assert_int_equal(d->networks[0].snat, SNAT_UPLINK);
	assert_int_equal(d->settings.backend, BACKEND_AUTO);
	assert_int_equal(d->settings.forwarding, FORWARDING_AUTO);
	assert_int_equal(d->settings.deny, DENY_REJECT);
	assert_true(d->settings.harden);
	assert_false(d->settings.clean_slate);
	for (enum hole h = 0; h < HOLE__COUNT; h++)
		assert_false(d->settings.holes[h]);
	description_print(d, &out);
	assert_string_equal(buf_text(&out),
			    "uplinks:\n  eth0:\n    address: 203.0.113.11\n"
			    "networks:\n  vmnet1:\n    subnet: 192.168.56.0/24\n    mode: nat\n");
	buf_free(&out);
	run_end(&run);
}

static void the_canonical_text_has_every_key(void **state)
{
	struct run run = run_text(
		"settings: {holes: [iptables, docker], clean-slate: true, harden: false, deny: drop, forwarding: keep, backend: nftables}\n"
		"networks:\n"
		"  office: {uplink: [dsl, public], snat: 203.0.113.12, mode: nat,\n"
		"    gateway: [192.168.56.1, 'FD00:56::1'],\n"
		"    subnet: [192.168.56.0/24, 'fd00:56::/64'], interface: [vmnet1, tap*]}\n"
		"  lab: {subnet: 10.9.0.0/16, snat: masquerade, mode: nat, interface: 'a\"b'}\n"
		"  plain: {subnet: 10.8.0.0/16}\n"
		"uplinks:\n"
		"  public: {address: ['2001:db8::11', 203.0.113.11], interface: eth0}\n"
		"  dsl: {}\n");
	struct buf out = {0};

	(void)state;
	assert_string_equal(run_codes(&run), "");
	description_print(&run.description, &out);
	assert_string_equal(
		buf_text(&out),
		"uplinks:\n"
		"  public:\n"
		"    interface: eth0\n"
		"    address: [203.0.113.11, \"2001:db8::11\"]\n"
		"  dsl: {}\n"
		"networks:\n"
		"  office:\n"
		"    interface: [vmnet1, tap*]\n"
		"    subnet: [192.168.56.0/24, \"fd00:56::/64\"]\n"
		"    gateway: [192.168.56.1, \"fd00:56::1\"]\n"
		"    mode: nat\n"
		"    uplink: [public, dsl]\n"
		"    snat: 203.0.113.12\n"
		"  lab:\n"
		"    interface: \"a\\\"b\"\n"
		"    subnet: 10.9.0.0/16\n"
		"    mode: nat\n"
		"    snat: masquerade\n"
		"  plain:\n"
		"    subnet: 10.8.0.0/16\n"
		"settings:\n"
		"  backend: nftables\n"
		"  forwarding: keep\n"
		"  deny: drop\n"
		"  harden: false\n"
		"  holes: [docker, iptables]\n"
		"  clean-slate: true\n");
	buf_free(&out);
	run_end(&run);
}

/* Prints, reads and compares; then prints again, which must give the same bytes. */
static void assert_reprint(const struct run *run)
{
	struct buf once = {0}, twice = {0};
	struct run again;

	description_print(&run->description, &once);
	again = run_bytes(buf_text(&once), once.len);
	if (!again.good || !descriptions_equal(&run->description, &again.description))
		fail_msg("%s\n%s", run_codes(&again), buf_text(&once));
	description_print(&again.description, &twice);
	assert_string_equal(buf_text(&once), buf_text(&twice));
	buf_free(&once);
	buf_free(&twice);
	run_end(&again);
}

static void several_files_are_one_description(void **state)
{
	static const char *const texts[] = {
		"networks:\n  n1: {subnet: 10.1.0.0/16, mode: nat}\n",
		"# only a comment\n",
		("{\"uplinks\": {\"eth0\": {}}, \"settings\": {\"deny\": \"drop\"},"
		 " \"networks\": {\"n2\": {\"subnet\": \"10.2.0.0/16\"}}}"),
	};
	struct arena *arena = arena_new();
	struct description description;
	struct diags diags;

	(void)state;
	diags_init(&diags, arena);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		diags_add_source(&diags, "t", texts[i], strlen(texts[i]));
	assert_true(description_read(arena, &diags, &description));
	assert_int_equal(description.n_networks, 2);
	assert_string_equal(description.networks[1].name, "n2");
	assert_int_equal(description.networks[1].place.source, 2);
	assert_int_equal(description.networks[0].n_uplinks, 1);
	assert_int_equal(description.settings.deny, DENY_DROP);
	arena_free(arena);
}

static void nothing_at_all_is_an_error(void **state)
{
	struct arena *arena = arena_new();
	struct description description;
	struct diags diags;

	(void)state;
	diags_init(&diags, arena);
	assert_false(description_read(arena, &diags, &description));
	assert_string_equal(diags.items[0].code, "HG-E013");
	arena_free(arena);
}

static const char *random_name(struct arena *arena, uint64_t *seed, char kind, size_t i)
{
	static const char *const odd[] = {"null", "true", "no",  "1e3",  "0x1",
					  "-",    "a.b",  "_",   "null."};
	const char *stem = odd[next_random(seed) % 9];

	/* The number first keeps names apart, also as beginnings of each other. */
	return next_random(seed) % 3 ? arena_printf(arena, "%c%zu", kind, i)
				     : arena_printf(arena, "%s%c%zu", stem, kind, i);
}

/* Writes a random good description with all that the language has. */
static void random_description(struct arena *arena, uint64_t *seed, struct buf *out)
{
	static const char *const modes[] = {"isolated", "nat", "routed"};
	static const char *const odd[] = {"\\\"", "#", "{", "\\u00fc", "\\\\", "'", "&", ",", "%"};
	size_t n_uplinks = 1 + next_random(seed) % 3, n_networks = 1 + next_random(seed) % 5;
	const char *uplinks[3];

	buf_puts(out, "uplinks:\n");
	for (size_t i = 0; i < n_uplinks; i++) {
		uplinks[i] = random_name(arena, seed, 'u', i);
		buf_printf(out, "  %s: {interface: \"%sp%zu\"", uplinks[i],
			   odd[next_random(seed) % 9], i);
		if (next_random(seed) % 2)
			buf_printf(out, ", address: [203.0.113.%zu%s]", i + 1,
				   next_random(seed) % 2 ? ", \"2001:DB8:0::9\"" : "");
		buf_puts(out, "}\n");
	}
	buf_puts(out, "networks:\n");
	for (size_t i = 0; i < n_networks; i++) {
		const char *mode = modes[next_random(seed) % 3];

		buf_printf(out, "  %s:\n    mode: %s\n", random_name(arena, seed, 'n', i), mode);
		buf_printf(out, "    subnet: [10.%zu.%u.0/24, \"FD00:%zu::/64\"]\n", i,
			   next_random(seed) % 256, i);
		if (next_random(seed) % 2)
			buf_printf(out, "    interface: [\"%sq%zu\", \"x%zu%s*\"]\n",
				   odd[next_random(seed) % 9], i, i, odd[next_random(seed) % 9]);
		if (next_random(seed) % 2)
			buf_printf(out, "    gateway: \"fd00:%zu::1\"\n", i);
		if (next_random(seed) % 2)
			buf_printf(out, "    uplink: [%s]\n",
				   uplinks[next_random(seed) % n_uplinks]);
		if (strcmp(mode, "nat") == 0 && next_random(seed) % 2)
			buf_printf(out, "    snat: %s\n",
				   next_random(seed) % 2 ? "masquerade" : "\"2001:db8::77\"");
	}
	if (next_random(seed) % 2)
		buf_printf(out, "settings:\n  forwarding: %s\n  harden: %s\n  deny: %s\n",
			   next_random(seed) % 2 ? "interfaces" : "keep",
			   next_random(seed) % 2 ? "true" : "false",
			   next_random(seed) % 2 ? "drop" : "reject");
}

static void random_descriptions_are_reprinted(void **state)
{
	uint64_t seed = 11;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct arena *arena = arena_new();
		struct buf text = {0};
		struct run run;

		random_description(arena, &seed, &text);
		run = run_bytes(buf_text(&text), text.len);
		if (!run.good)
			fail_msg("%s\n%s", run_codes(&run), buf_text(&text));
		assert_reprint(&run);
		run_end(&run);
		buf_free(&text);
		arena_free(arena);
	}
}

static void examples_are_reprinted(void **state)
{
	DIR *folder = opendir("examples");
	struct dirent *entry;

	(void)state;
	while (folder && (entry = readdir(folder))) {
		size_t name_len = strlen(entry->d_name), len;
		char path[512], text[65536];
		struct run run;
		FILE *file;

		if (name_len < 5 || strcmp(entry->d_name + name_len - 5, ".yaml") != 0)
			continue;
		snprintf(path, sizeof(path), "examples/%s", entry->d_name);
		file = fopen(path, "r");
		assert_non_null(file);
		len = fread(text, 1, sizeof(text), file);
		fclose(file);
		run = run_bytes(text, len);
		if (!run.good)
			fail_msg("%s: %s", path, run_codes(&run));
		assert_reprint(&run);
		run_end(&run);
	}
	if (folder)
		closedir(folder);
}

/* Changes a good text a little, many times: it is read, or it is refused with a reason. */
static void damaged_texts_are_read_or_refused(void **state)
{
	static const char *const pieces[] = {"\n", "  ", ": ", "- ", "[", "]", "{", "}", "\"", "'",
					     "#", "*", "&a ", "!x ", "|", ">", "%", "@", ",", "~",
					     "null", "::", "/", "\t", "\r", "---\n", "? ", "\xc3",
					     "\xff", "\\", "true", "networks", "subnet", "0"};
	const size_t n_pieces = sizeof(pieces) / sizeof(*pieces);
	uint64_t seed = 23;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct arena *arena = arena_new();
		struct buf text = {0}, damaged = {0}, shown = {0};
		struct run run;

		random_description(arena, &seed, &text);
		for (size_t i = 0; i < text.len; i++) {
			if (next_random(&seed) % 150) {
				buf_putc(&damaged, text.data[i]);
				continue;
			}
			switch (next_random(&seed) % 4) {
			case 0:
				break;
			case 1:
				buf_puts(&damaged, pieces[next_random(&seed) % n_pieces]);
				break;
			case 2:
				buf_putc(&damaged, (char)next_random(&seed));
				break;
			case 3:
				i += next_random(&seed) % 20;
				break;
			}
		}
		run = run_bytes(buf_text(&damaged), damaged.len);
		assert_int_equal(run.good, run.diags.n_errors == 0);
		for (size_t i = 1; i < run.diags.n; i++)
			assert_true(place_compare(&run.diags.items[i - 1].place,
						  &run.diags.items[i].place) <= 0);
		diags_format(&run.diags, true, &shown);
		if (run.good)
			assert_reprint(&run);
		else
			assert_non_null(strstr(buf_text(&shown), "[HG-E"));
		run_end(&run);
		buf_free(&text);
		buf_free(&damaged);
		buf_free(&shown);
		arena_free(arena);
	}
}

static void many_networks_are_read_in_little_time(void **state)
{
	struct timespec before, after;
	struct buf text = {0};
	struct run run;
	double took;

	(void)state;
	buf_puts(&text, "uplinks:\n  eth0: {address: 203.0.113.11}\nnetworks:\n");
	for (int i = 0; i < 65535; i++)
		buf_printf(&text, "  v%d: {subnet: 10.%d.%d.0/24, mode: nat}\n", i, i >> 8,
			   i & 255);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	run = run_bytes(buf_text(&text), text.len);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	took = (double)(after.tv_sec - before.tv_sec) +
	       1e-9 * (double)(after.tv_nsec - before.tv_nsec);
	print_message("65535 networks, %zu bytes: %.2f s\n", text.len, took);
	assert_true(run.good);
	assert_int_equal(run.description.n_networks, 65535);
	/* Far above what it takes, for slow machines and sanitizers; far below quadratic. */
	assert_true(took < 10);
	run_end(&run);
	buf_free(&text);
}

static void patterns_match_and_overlap(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{"eth0", "eth0", true},  {"eth0", "eth1", false}, {"tap*", "tap0", true},
		{"tap*", "tap", true},   {"tap*", "ta", false},   {"tap*", "ta*", true},
		{"tap*", "tun*", false}, {"tap1*", "tap2*", false}, {"t*", "tap0", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ifpattern p[2] = {0};
		char text[IFNAME_SIZE + 1];

		for (size_t j = 0; j < 2; j++) {
			const char *from = j ? cases[i].b : cases[i].a;

			p[j].wildcard = from[strlen(from) - 1] == '*';
			memcpy(p[j].name, from, strlen(from) - p[j].wildcard);
			assert_string_equal(ifpattern_format(&p[j], text), from);
		}
		assert_int_equal(ifpattern_overlaps(&p[0], &p[1]), cases[i].overlap);
		assert_int_equal(ifpattern_overlaps(&p[1], &p[0]), cases[i].overlap);
		if (!p[1].wildcard)
			assert_int_equal(ifpattern_matches(&p[0], p[1].name), cases[i].overlap);
	}
}

static void a_source_becomes_snat_or_uplink_address_or_masquerade(void **state)
{
	struct run run = run_text(
		"uplinks:\n  a: {address: 203.0.113.1}\n"
		"networks:\n"
		"  n: {subnet: [10.1.0.0/16, 'fd00::/64'], mode: nat, snat: 203.0.113.9}\n"
		"  m: {subnet: 10.2.0.0/16, mode: nat, snat: masquerade}\n"
		"  o: {subnet: 10.3.0.0/16, mode: nat}\n");
	static const struct {
		size_t network;
		enum family family;
		const char *address;
	} cases[] = {
		{0, FAMILY_IPV4, "203.0.113.9"}, {0, FAMILY_IPV6, NULL}, {1, FAMILY_IPV4, NULL},
		{2, FAMILY_IPV4, "203.0.113.1"}, {2, FAMILY_IPV6, NULL},
	};

	(void)state;
	assert_true(run.good);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[ADDR_TEXT_SIZE];
		struct translation translation =
			network_translation(&run.description.networks[cases[i].network],
					    &run.description.uplinks[0], cases[i].family);

		assert_int_equal(translation.masquerade, cases[i].address == NULL);
		if (cases[i].address)
			assert_string_equal(addr_format(&translation.address, text),
					    cases[i].address);
	}
	run_end(&run);
}

static void enums_have_the_names_of_the_language(void **state)
{
	(void)state;
	assert_string_equal(mode_name(MODE_ISOLATED), "isolated");
	assert_string_equal(mode_name(MODE_ROUTED), "routed");
	assert_string_equal(backend_name(BACKEND_NFTABLES), "nftables");
	assert_string_equal(forwarding_name(FORWARDING_INTERFACES), "interfaces");
	assert_string_equal(deny_name(DENY_DROP), "drop");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_description_has_all_defaults),
		cmocka_unit_test(the_canonical_text_has_every_key),
		cmocka_unit_test(several_files_are_one_description),
		cmocka_unit_test(nothing_at_all_is_an_error),
		cmocka_unit_test(random_descriptions_are_reprinted),
		cmocka_unit_test(examples_are_reprinted),
		cmocka_unit_test(damaged_texts_are_read_or_refused),
		cmocka_unit_test(many_networks_are_read_in_little_time),
		cmocka_unit_test(patterns_match_and_overlap),
		cmocka_unit_test(a_source_becomes_snat_or_uplink_address_or_masquerade),
		cmocka_unit_test(enums_have_the_names_of_the_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
