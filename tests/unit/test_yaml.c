// SPDX-License-Identifier: GPL-2.0-or-later
// test_yaml: places and texts of nodes, what is refused, limits, hostile input.
#include "reading.h"

#include <time.h>

#include "text/yaml.h"

struct tree {
	struct arena *arena;
	struct diags diags;
	struct node *root;
	bool good;
};

static struct tree parse(const char *text, size_t len)
{
	struct tree tree = {.arena = arena_new()};

	diags_init(&tree.diags, tree.arena);
	diags_add_source(&tree.diags, "t", text, len);
	tree.good = yaml_read(tree.arena, &tree.diags, 0, &tree.root);
	return tree;
}

/* Writes a tree as one line: texts with @line:column+len, quoted ones in '', maps and lists. */
static void dump(const struct node *node, struct buf *out)
{
	size_t n = node->kind == NODE_MAP ? 2 * node->n : node->n;

	if (node->kind == NODE_SCALAR)
		buf_printf(out, node->quoted ? "'%s'" : "%s", node->text);
	else if (node->kind == NODE_BROKEN)
		buf_putc(out, '!');
	buf_printf(out, "@%u:%u", node->place.line, node->place.column);
	if (node->place.len)
		buf_printf(out, "+%u", node->place.len);
	if (node->kind != NODE_MAP && node->kind != NODE_LIST)
		return;
	buf_putc(out, node->kind == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i ? " " : "");
		dump(node->items[i], out);
	}
	buf_putc(out, node->kind == NODE_MAP ? '}' : ']');
}

static void assert_tree(const char *text, const char *expected)
{
	struct tree tree = parse(text, strlen(text));
	struct buf out = {0};

	assert_true(tree.good);
	assert_int_equal(tree.diags.n, 0);
	if (tree.root)
		dump(tree.root, &out);
	assert_string_equal(buf_text(&out), expected);
	buf_free(&out);
	arena_free(tree.arena);
}

static void texts_keep_what_was_written(void **state)
{
	(void)state;
	assert_tree("a: b", "@1:1{a@1:1+1 b@1:4+1}");
	assert_tree("a: 0x10\nb: 1:20\nc: yes\nd: 1.0\ne: 22:22\n",
		    "@1:1{a@1:1+1 0x10@1:4+4 b@2:1+1 1:20@2:4+4 c@3:1+1 yes@3:4+3 "
		    "d@4:1+1 1.0@4:4+3 e@5:1+1 22:22@5:4+5}");
	assert_tree("[a, \"b\", 'c']", "@1:1[a@1:2+1 'b'@1:5+3 'c'@1:10+3]");
	assert_tree("a: |\n  x\n  y\n", "@1:1{a@1:1+1 'x\ny\n'@1:4}");
	assert_tree("a:\n  - b\n  -\n", "@1:1{a@1:1+1 @2:3[b@2:5+1 @3:4]}");
	assert_tree("{\"a\": {\"b\": [1, null]}}\n",
		    "@1:1{'a'@1:2+3 @1:7{'b'@1:8+3 @1:13[1@1:14+1 null@1:17+4]}}");
}

static void nothing_is_no_root(void **state)
{
	static const char *const texts[] = {"", "\n\n", "# comment\n", "---\n", "---\n...\n",
					    "%YAML 1.1\n---\n", "\xef\xbb\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_tree(texts[i], "");
	assert_tree("--- ~\n", "~@1:5+1");
}

static void columns_count_bytes_and_lines_newlines(void **state)
{
	(void)state;
	assert_tree("{größe: é, b: c}\n", "@1:1{größe@1:2+7 é@1:11+2 b@1:15+1 c@1:18+1}");
	assert_tree("a: b\r\nc: d\r\n", "@1:1{a@1:1+1 b@1:4+1 c@2:1+1 d@2:4+1}");
	/* libyaml ends a line at U+2028 and U+0085 too; editors and our caret lines do not. */
	assert_tree("a: b\n# \xe2\x80\xa8# \xc2\x85# x\nc: d\n",
		    "@1:1{a@1:1+1 b@1:4+1 c@3:1+1 d@3:4+1}");
	assert_tree("\xef\xbb\xbf" "a: b\n", "@1:1{a@1:1+1 b@1:4+1}");
}

static void what_is_refused_has_a_code_and_a_place(void **state)
{
	static const struct {
		const char *text, *code;
		uint32_t line, column;
	} cases[] = {
		{"a: *b\n", "HG-E006", 1, 4},
		{"a: [x, &b y]\n", "HG-E007", 1, 8},
		{"a: &b {x: y}\n", "HG-E007", 1, 4},
		{"a: !!int 5\n", "HG-E008", 1, 4},
		{"! a: b\n", "HG-E008", 1, 1},
		{"%TAG ! tag:x,1:\n---\na: b\n", "HG-E008", 1, 1},
		{"a: b\n---\nc: d\n", "HG-E009", 2, 1},
		{"a: b\n...\n---\n", "HG-E009", 3, 1},
		{"{a: b}: c\n", "HG-E010", 1, 1},
		{"? [a]\n: c\n", "HG-E010", 1, 3},
		{"a: \"x\\0y\"\n", "HG-E011", 1, 4},
		{"a: b\nc: d\na: e\n", "HG-E012", 3, 1},
		{"a: b\n\"a\": e\n", "HG-E012", 2, 1},
		{"a: b\nc: \xff\n", "HG-E002", 2, 4},
		{"\xff\xfe" "a\0:\0", "HG-E002", 1, 1},
		{"ä: \x01\n", "HG-E002", 1, 5},
		{"a: b: c\n", "HG-E003", 1, 5},
		{"a: [b\n", "HG-E003", 2, 1},
		{"\ta: b\n", "HG-E003", 1, 1},
		{"a: @b\n", "HG-E003", 1, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tree tree = parse(cases[i].text, strlen(cases[i].text));

		assert_int_equal(tree.diags.n_errors, 1);
		assert_string_equal(tree.diags.items[0].code, cases[i].code);
		assert_int_equal(tree.diags.items[0].place.line, cases[i].line);
		assert_int_equal(tree.diags.items[0].place.column, cases[i].column);
		arena_free(tree.arena);
	}
}

static void every_duplicate_is_told_and_the_first_stays(void **state)
{
	struct tree tree = parse("a: 1\nb: 2\na: 3\nb: 4\na: 5\n", 25);
	struct buf out = {0};

	(void)state;
	assert_true(tree.good);
	assert_int_equal(tree.diags.n_errors, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(tree.diags.items[i].related[0].place.line,
				 tree.diags.items[i].place.line == 4 ? 2 : 1);
	dump(tree.root, &out);
	assert_string_equal(buf_text(&out), "@1:1{a@1:1+1 1@1:4+1 b@2:1+1 2@2:4+1}");
	buf_free(&out);
	arena_free(tree.arena);
}

static void a_nul_byte_is_refused(void **state)
{
	struct tree tree = parse("a: b\0c\n", 7);

	(void)state;
	assert_false(tree.good);
	assert_string_equal(tree.diags.items[0].code, "HG-E002");
	assert_int_equal(tree.diags.items[0].place.column, 5);
	arena_free(tree.arena);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Parses the unit n times over and returns the code of the only error, "" for none. */
static const char *repeated(const char *before, const char *unit, size_t n, const char *after,
			    double limit)
{
	struct buf text = {0};
	struct tree tree;
	const char *code;
	double start;

	buf_puts(&text, before);
	for (size_t i = 0; i < n; i++)
		buf_puts(&text, unit);
	buf_puts(&text, after);
	start = seconds();
	tree = parse(text.data, text.len);
	if (seconds() - start > limit)
		fail_msg("%zu times \"%.20s\" took %.2f s", n, unit, seconds() - start);
	code = tree.diags.n ? tree.diags.items[0].code : "";
	arena_free(tree.arena);
	buf_free(&text);
	return code;
}

static void nesting_is_refused_at_once(void **state)
{
	static const char *const units[] = {"[", "{a: ", "[\n", "- ", "? ", "{", "[[{a: ", "{[",
					    "- - ", "? - "};

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		assert_string_equal(repeated("", units[i], 100000, "", 5), "HG-E004");
	assert_string_equal(repeated("", "[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 5), "");
	assert_string_equal(repeated("", "[", 33, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 5),
			    "HG-E004");
}

static void size_is_limited(void **state)
{
	(void)state;
	assert_string_equal(repeated("a: '", "0123456789abcdef", 65 << 16, "'", 1), "HG-E001");
	assert_string_equal(repeated("a: '", "0123456789abcdef", 1 << 16, "'", 5), "");
	assert_string_equal(repeated("a: ", "x\n ", 1 << 18, "", 5), "");
	assert_string_equal(repeated("", "#\n", 1 << 20, "", 5), "");
	assert_string_equal(repeated("a: [", "b,", YAML_MAX_NODES, "]", 60), "HG-E005");
}

static void many_keys_are_compared_in_little_time(void **state)
{
	struct buf text = {0};
	struct tree tree;
	double start;

	(void)state;
	for (int i = 0; i < 200000; i++)
		buf_printf(&text, "%c%d: 1\n", 'a' + i % 3, i / 2);
	start = seconds();
	tree = parse(text.data, text.len);
	assert_true(seconds() - start < 10);
	assert_true(tree.good);
	arena_free(tree.arena);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_keep_what_was_written),
		cmocka_unit_test(nothing_is_no_root),
		cmocka_unit_test(columns_count_bytes_and_lines_newlines),
		cmocka_unit_test(what_is_refused_has_a_code_and_a_place),
		cmocka_unit_test(every_duplicate_is_told_and_the_first_stays),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(nesting_is_refused_at_once),
		cmocka_unit_test(size_is_limited),
		cmocka_unit_test(many_keys_are_compared_in_little_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
