// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_wide: random rulesets in the kernel: what is installed is what is printed, and is read back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../property/wide.h"
#include "apply/backend.h"
#include "hostgate/print.h"

#define SEED 20260118u

/** Rulesets; HOSTGATE_WIDE_KERNEL sets another number. */
#define RULESETS 8u

#define OUTPUT_MAX (4u << 20)

static char folder[] = "/tmp/hostgate-wide-XXXXXX";

static const struct description nothing;
static const struct print_header header = {"test", "none", &nothing};

/* A fresh network namespace for what follows. */
static void enter_namespace(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
}

static char *path_of(struct arena *arena, const char *name)
{
	return arena_printf(arena, "%s/%s", folder, name);
}

static void write_file(const char *path, const struct buf *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(buf_text(text), 1, strlen(buf_text(text)), file),
			 strlen(buf_text(text)));
	assert_int_equal(fclose(file), 0);
}

/* What the command writes; it must succeed. */
static char *output_of(struct arena *arena, const char *command)
{
	char *text = arena_alloc(arena, OUTPUT_MAX);
	FILE *pipe = popen(command, "r");
	size_t len;
	int status;

	assert_non_null(pipe);
	len = fread(text, 1, OUTPUT_MAX - 1, pipe);
	text[len] = '\0';
	status = pclose(pipe);
	if (status != 0)
		fail_msg("%s: status %d", command, status);
	return text;
}

static void remove_folder(void)
{
	static const char *const names[] = {"rules.nft", "rules.xt", "lock"};
	struct arena *arena = arena_new();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlink(path_of(arena, names[i]));
	(void)rmdir(folder);
	arena_free(arena);
}

static void show(const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		print_error("%s\n", diags->items[i].message);
}

/* Reads what is there; returns how much of it differs from what the ruleset wants. */
static size_t differences(struct arena *arena, const struct backend_info *backend,
			  const struct ruleset *ruleset, bool commit)
{
	const struct backend_input input = {.arena = arena, .ruleset = ruleset,
					     .was = &(struct described){0}, .wait_seconds = 10};
	struct backend_found found = {0};
	struct diags diags;
	struct changes changes = {0};
	void *self = backend->open(&input);
	bool changed = false;
	int err;

	diags_init(&diags, arena);
	err = backend->lock(self, &diags);
	if (err == 0)
		err = backend->read(self, &diags, &found, &changes);
	if (err == 0 && commit)
		err = backend->commit(self, &diags, &changed);
	backend->close(self);
	show(&diags);
	assert_int_equal(err, 0);
	for (size_t i = 0; i < changes.n && !commit; i++)
		print_error("%s %s %s: %s, wanted %s\n", change_kind_name(changes.items[i].kind),
			    changes.items[i].what, changes.items[i].name, changes.items[i].before,
			    changes.items[i].after);
	return changes.n;
}

static void same_text(uint64_t seed, const char *what, const char *one, const char *other)
{
	const char *a = one, *b = other;

	if (strcmp(one, other) == 0)
		return;
	for (const char *c = one; *c && *c == other[c - one]; c++)
		if (*c == '\n') {
			a = c + 1;
			b = other + (c - one) + 1;
		}
	fail_msg("%s differ, ruleset from seed %llu:\n%.*s\n%.*s", what, (unsigned long long)seed,
		 (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

/* Installed by the first way into one namespace and by the second into another one. */
static void nft_agrees(struct arena *arena, uint64_t seed, const struct ruleset *ruleset)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	char *path = path_of(arena, "rules.nft"), *installed, *loaded;
	struct diags diags;

	diags_init(&diags, arena);
	enter_namespace();
	assert_int_not_equal(differences(arena, &backend_nft, ruleset, true), 0);
	assert_int_equal(differences(arena, &backend_nft, ruleset, false), 0);
	installed = output_of(arena, "nft -s list ruleset");
	assert_true(print_nft(lower_nft(arena, ruleset), &header, &diags, &text));
	write_file(path, &text);
	enter_namespace();
	output_of(arena, arena_printf(arena, "nft -f %s", path));
	loaded = output_of(arena, "nft -s list ruleset");
	same_text(seed, "the installed rules and those of nft -f", installed, loaded);
	/* What nft made is, byte for byte, what hostgate would make; so is what it lists. */
	assert_int_equal(differences(arena, &backend_nft, ruleset, false), 0);
	output_of(arena, arena_printf(arena,
				      "nft list ruleset > %s && nft flush ruleset && "
				      "nft -f %s",
				      path, path));
	same_text(seed, "the rules and what nft makes of their listing", installed,
		  output_of(arena, "nft -s list ruleset"));
	assert_int_equal(differences(arena, &backend_nft, ruleset, false), 0);
}

/* Rules by chain: only the order of chains may differ. */
#define SAVED \
	"for tool in iptables ip6tables; do echo $tool; " \
	"$tool-legacy-save | grep -e ^-A | sort -s -k 2,2; done"

static void iptables_agrees(struct arena *arena, uint64_t seed, const struct ruleset *ruleset)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	char *path = path_of(arena, "rules.xt"), *installed;

	enter_namespace();
	/* Rules that let pass what nothing behind them refuses are none in iptables. */
	(void)differences(arena, &backend_xt, ruleset, true);
	assert_int_equal(differences(arena, &backend_xt, ruleset, false), 0);
	installed = output_of(arena, SAVED);
	print_restore(lower_xt(arena, ruleset), &header, &text);
	write_file(path, &text);
	enter_namespace();
	output_of(arena, arena_printf(arena,
				      "for tool in iptables ip6tables; do "
				      "$tool-legacy-restore --noflush %s || exit; done",
				      path));
	same_text(seed, "the installed rules and those of iptables-restore", installed,
		  output_of(arena, SAVED));
	assert_int_equal(differences(arena, &backend_xt, ruleset, false), 0);
}

static void what_is_printed_is_what_is_installed(void **state)
{
	const char *wanted = getenv("HOSTGATE_WIDE_KERNEL");
	unsigned long rulesets = wanted ? strtoul(wanted, NULL, 10) : RULESETS;
	struct random random = {SEED};

	(void)state;
	if (geteuid() != 0 || backend_nft.probe() != 0 || backend_xt.probe() != 0 ||
	    system("command -v nft iptables-legacy-restore > /dev/null") != 0) {
		print_message("needs root, nf_tables, x_tables, nft and iptables-legacy\n");
		skip();
	}
	assert_non_null(mkdtemp(folder));
	for (unsigned long done = 0; done < rulesets; done++) {
		uint64_t seed = random.state;
		struct arena *arena = arena_new();
		struct ruleset *ruleset = wide_ruleset(&random, arena);

		assert_int_equal(setenv("XTABLES_LOCKFILE", path_of(arena, "lock"), 1), 0);
		nft_agrees(arena, seed, ruleset);
		iptables_agrees(arena, seed, ruleset);
		arena_free(arena);
	}
	print_message("%lu rulesets through nft, iptables-legacy and hostgate\n", rulesets);
	remove_folder();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_what_is_installed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
