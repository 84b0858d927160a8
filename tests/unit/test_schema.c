// SPDX-License-Identifier: GPL-2.0-or-later
// test_schema: the table of keys is whole, and the reader obeys it.
#include "reading.h"

#include "text/ifname.h"
#include "text/schema.h"
#include "text/values.h"

static void the_table_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];
		bool holds_keys = key->kind == KIND_ENTRIES || key->kind == KIND_SECTION;
		bool known = !key->fallback || key->kind != KIND_WORD || key->form == FORM_LIST;

		assert_true(key->section < SECTION__COUNT && key->kind < KIND__COUNT);
		assert_true(strlen(key->doc) > 5 && key->doc[strlen(key->doc) - 1] == '.');
		assert_non_null(key->example);
		assert_ptr_equal(schema_find(key->section, key->name), key);
		assert_int_equal(key->words != NULL, key->n_words > 0);
		assert_int_equal(holds_keys, key->child != SECTION_TOP);
		for (size_t w = 0; key->fallback && w < key->n_words; w++)
			known |= strcmp(key->words[w], key->fallback) == 0;
		assert_true(known);
		if (key->supported) {
			assert_int_equal(key->read == NULL, holds_keys);
			assert_int_equal(key->print == NULL, holds_keys);
		}
	}
	for (int i = 0; i < KIND__COUNT; i++)
		assert_true(schema_kinds[i].noun && schema_kinds[i].doc);
	for (int i = 0; i < SECTION__COUNT; i++)
		assert_non_null(schema_sections[i]);
	assert_null(schema_find(SECTION_TOP, "interface"));
}

static void no_keyword_is_a_yaml_truth_value(void **state)
{
	static const char *const truths[] = {"y", "n", "yes", "no", "on", "off", "true", "false"};

	(void)state;
	for (size_t i = 0; i < schema_n_keys; i++)
		for (size_t t = 0; t < sizeof(truths) / sizeof(*truths); t++) {
			assert_int_not_equal(strcasecmp(schema_keys[i].name, truths[t]), 0);
			for (size_t w = 0; w < schema_keys[i].n_words; w++)
				assert_int_not_equal(strcasecmp(schema_keys[i].words[w],
								truths[t]), 0);
		}
}

/* Every example of the table, where its key stands. */
static void every_example_is_read_or_not_supported_yet(void **state)
{
	(void)state;
	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];
		struct buf text = {0};
		struct run run;

		if (key->section != SECTION_UPLINK && key->section != SECTION_NETWORK &&
		    key->section != SECTION_SETTINGS)
			continue;
		if (key->section == SECTION_NETWORK)
			buf_printf(&text, "uplinks: {eth0: {}}\nnetworks:\n  a:\n%s%s"
				   "    %s: %s\n",
				   key->required ? "" : "    subnet: 192.168.56.0/24\n",
				   key->kind == KIND_WORD ? "" : "    mode: nat\n", key->name,
				   key->example[0] == '\n' ? "{}" : key->example);
		else if (key->section == SECTION_UPLINK)
			buf_printf(&text, "uplinks:\n  x0:\n    %s: %s\nnetworks:\n"
				   "  a: {subnet: 10.1.0.0/16}\n", key->name, key->example);
		else
			buf_printf(&text, "networks: {a: {subnet: 10.1.0.0/16}}\nsettings:\n"
				   "  %s: %s\n", key->name, key->example);
		run = run_text(buf_text(&text));
		if (strcmp(run_codes(&run), key->supported ? "" : "HG-E021") != 0)
			fail_msg("%s\n%s", buf_text(&text), run_codes(&run));
		run_end(&run);
		buf_free(&text);
	}
}

static void the_smallest_description_is_good(void **state)
{
	struct buf text = {0};
	struct run run;

	(void)state;
	schema_add_smallest(&text);
	run = run_text(buf_text(&text));
	assert_true(run.good);
	assert_int_equal(run.description.n_networks, 1);
	assert_int_equal(run.description.n_uplinks, 1);
	run_end(&run);
	buf_free(&text);
}

static void interface_names_follow_the_kernel(void **state)
{
	static const struct {
		const char *name;
		bool good, good_stem;
	} cases[] = {
		{"eth0", true, true},     {"a", true, true},       {"fifteen-bytes-x", true, true},
		{"sixteen-bytes-xy", false, false},                {"eth0.5", true, true},
		{"veth@x", true, true},   {"a\"b", true, true},    {"#", true, true},
		{"-", true, true},        {"\xc3\xbc", true, true}, {"", false, false},
		{".", false, true},       {"..", false, true},     {"...", true, true},
		{"a/b", false, false},    {"a:b", false, false},   {"a b", false, false},
		{"a\tb", false, false},   {"a\x7f", false, false}, {"a\x01", false, false},
		{"\xc3\xa0", false, false}, {"tap+", false, true}, {"+tap", true, true},
		{"lo", false, true},      {"all", false, true},    {"default", false, true},
		{"t*p", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(!ifname_problem(cases[i].name, false), cases[i].good);
		assert_int_equal(!ifname_problem(cases[i].name, true), cases[i].good_stem);
	}
}

static void texts_are_quoted_when_needed(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{"vmnet1", "vmnet1"},       {"10.0.0.0/8", "10.0.0.0/8"}, {"tap*", "tap*"},
		{"a-b", "a-b"},             {"-", "\"-\""},              {"-a", "\"-a\""},
		{"null", "\"null\""},       {"~", "\"~\""},              {"", "\"\""},
		{"fd00::/8", "\"fd00::/8\""}, {"a\"b", "\"a\\\"b\""},    {"a\\", "\"a\\\\\""},
		{"#x", "\"#x\""},           {"\xc3\xbc", "\"\\U000000FC\""},
		{"\xf0\x9f\x98\x80", "\"\\U0001F600\""}, {"...", "..."},
		{"\x01", "\"\\U00000001\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf out = {0};

		print_text(&out, cases[i].text);
		assert_string_equal(buf_text(&out), cases[i].printed);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(no_keyword_is_a_yaml_truth_value),
		cmocka_unit_test(every_example_is_read_or_not_supported_yet),
		cmocka_unit_test(the_smallest_description_is_good),
		cmocka_unit_test(interface_names_follow_the_kernel),
		cmocka_unit_test(texts_are_quoted_when_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
