// SPDX-License-Identifier: GPL-2.0-or-later
// test_golden_dialects: every example in every dialect that the core prints, and explained.
//
// examples/NAME.yaml must give the files of tests/golden/dialects/NAME: script, restore, nft and
// matrix; and explain, the answers to the questions there, one a line: SRC DST [FROM].
// GOLDEN_UPDATE=1 writes these files instead: look at the difference.
#include "reading.h"

#include <dirent.h>

#include "hostgate/print.h"
#include "print/print_explain.h"

#define EXAMPLES "examples"
#define FOLDER "tests/golden/dialects"

/* One example, planned. */
struct example {
	const char *name;
	struct arena *arena;
	struct diags diags;
	struct description description;
	struct ruleset *ruleset;
	struct print_header header;
};

static char *file_text(struct arena *arena, const char *path)
{
	FILE *file = fopen(path, "r");
	char chunk[4096];
	struct buf text = {0};
	char *copy;
	size_t n;

	if (!file)
		return NULL;
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_add(&text, chunk, n);
	fclose(file);
	copy = arena_strdup(arena, buf_text(&text));
	buf_free(&text);
	return copy;
}

static void read_example(struct example *e, const char *file)
{
	const char *path = arena_printf(e->arena, EXAMPLES "/%s", file);
	const char *text = file_text(e->arena, path);

	assert_non_null(text);
	diags_init(&e->diags, e->arena);
	diags_add_source(&e->diags, path, text, strlen(text));
	assert_true(description_read(e->arena, &e->diags, &e->description));
	e->name = arena_strndup(e->arena, file, strlen(file) - strlen(".yaml"));
	e->ruleset = plan_ruleset(e->arena, &e->description);
	/* A release must not change the files. */
	e->header = (struct print_header){"VERSION", "HASH", &e->description};
}

/* Shows the first line that differs. */
static void show_difference(const char *path, const char *expected, const char *got)
{
	unsigned int line = 1;

	if (!expected) {
		print_message("%s is not there\n", path);
		return;
	}
	while (strcspn(expected, "\n") == strcspn(got, "\n") &&
	       strncmp(expected, got, strcspn(got, "\n")) == 0 && *got) {
		expected += strcspn(expected, "\n") + (strchr(expected, '\n') != NULL);
		got += strcspn(got, "\n") + (strchr(got, '\n') != NULL);
		line++;
	}
	print_message("%s:%u: expected\n%.*s\ngot\n%.*s\n", path, line,
		      (int)strcspn(expected, "\n"), expected, (int)strcspn(got, "\n"), got);
}

/* Returns whether the file holds the text; writes it when files are to be updated. */
static bool check_file(struct example *e, const char *kind, const struct buf *text)
{
	const char *path = arena_printf(e->arena, FOLDER "/%s/%s", e->name, kind);
	const char *expected;

	if (getenv("GOLDEN_UPDATE")) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fwrite(text->data, 1, text->len, file);
		fclose(file);
	}
	expected = file_text(e->arena, path);
	if (expected && strcmp(expected, buf_text(text)) == 0)
		return true;
	show_difference(path, expected, buf_text(text));
	return false;
}

static void print_script(struct example *e, struct buf *out)
{
	print_iptables(lower_xt(e->arena, e->ruleset), &e->header, out);
}

static void print_restore_file(struct example *e, struct buf *out)
{
	print_restore(lower_xt(e->arena, e->ruleset), &e->header, out);
}

static void print_nft_file(struct example *e, struct buf *out)
{
	assert_true(print_nft(lower_nft(e->arena, e->ruleset), &e->header, &e->diags, out));
}

static void print_plain_matrix(struct example *e, struct buf *out)
{
	print_matrix(&e->description, false, out);
}

static void print_answer(struct example *e, char *question, struct buf *out)
{
	struct buf error = {0};
	struct explanation explanation;
	struct query query;
	char *rest = NULL;
	const char *src = strtok_r(question, " ", &rest), *dst = strtok_r(NULL, " ", &rest);

	assert_non_null(dst);
	if (!query_read(src, dst, &query, &error))
		fail_msg("%s: %s", e->name, buf_text(&error));
	query.from = strtok_r(NULL, " ", &rest);
	if (!explain_packet(e->arena, &e->description, e->ruleset, &query, &explanation, &error))
		fail_msg("%s: %s", e->name, buf_text(&error));
	buf_printf(out, "%s$ hostgate explain %s%s%sexamples/%s.yaml %s %s\n", out->len ? "\n" : "",
		   query.from ? "--from " : "", query.from ? query.from : "", query.from ? " " : "",
		   e->name, src, dst);
	print_explain(&explanation, &e->diags, false, out);
}

static void print_answers(struct example *e, struct buf *out)
{
	char *rest = NULL;
	char *questions =
		file_text(e->arena, arena_printf(e->arena, FOLDER "/%s/questions", e->name));

	assert_non_null(questions);
	for (char *line = strtok_r(questions, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		print_answer(e, line, out);
}

static bool check_example(const char *file)
{
	static const struct {
		const char *kind;
		void (*print)(struct example *e, struct buf *out);
	} outputs[] = {
		{"script", print_script},   {"restore", print_restore_file},
		{"nft", print_nft_file},    {"matrix", print_plain_matrix},
		{"explain", print_answers},
	};
	struct example e = {.arena = arena_new()};
	bool same = true;

	read_example(&e, file);
	for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++) {
		struct buf text = {0};

		outputs[i].print(&e, &text);
		same = check_file(&e, outputs[i].kind, &text) && same;
		buf_free(&text);
	}
	arena_free(e.arena);
	return same;
}

static void examples_give_their_texts(void **state)
{
	DIR *folder = opendir(EXAMPLES);
	struct dirent *entry;
	size_t n = 0, n_failed = 0;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".yaml") != 0)
			continue;
		n++;
		n_failed += !check_example(entry->d_name);
	}
	closedir(folder);
	assert_true(n >= 5);
	assert_int_equal(n_failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_give_their_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
