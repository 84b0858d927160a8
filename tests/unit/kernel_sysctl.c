// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_sysctl: what is written, remembered and put back, over a root of plain files.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/sysctl.h"
#include "kernel/sysctl_file.h"
#include "plan/build.h"

/* The files of the root, all with the value 0 unless a test says otherwise. */
static const char *const paths[] = {
	"net/ipv4/ip_forward",
	"net/ipv4/conf/all/accept_redirects",
	"net/ipv4/conf/all/send_redirects",
	"net/ipv4/conf/default/forwarding",
	"net/ipv4/conf/eth0/forwarding",
	"net/ipv4/conf/eth0/send_redirects",
	"net/ipv4/conf/tap1/forwarding",
	"net/ipv4/conf/tap1/send_redirects",
	"net/ipv4/conf/tap2.5/forwarding",
	"net/ipv4/conf/tap2.5/send_redirects",
	"net/ipv6/conf/all/forwarding",
	"net/ipv6/conf/eth0/accept_ra",
};

struct fixture {
	char directory[32];
	struct arena *arena;
	struct diags diags;
	struct ruleset *ruleset;
	struct state before, after;
	struct state back;
	struct route_interfaces advertised;
	struct sysctl_input input;
	struct sysctl_writes writes;
};

static void set(struct fixture *f, const char *path, const char *value)
{
	int fd = openat(f->input.root, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
}

static void make_directories(struct fixture *f, const char *path)
{
	char *copy = strdup(path);

	for (char *slash = copy; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdirat(f->input.root, copy, 0700);
	}
	free(copy);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->directory, "/tmp/hostgate-sysctl-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	f->arena = arena_new();
	diags_init(&f->diags, f->arena);
	f->ruleset = ruleset_new(f->arena);
	f->input.root = open(f->directory, O_PATH | O_DIRECTORY);
	f->input.ruleset = f->ruleset;
	f->input.state = &f->before;
	f->input.advertised = &f->advertised;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		make_directories(f, paths[i]);
		set(f, paths[i], "0");
	}
	ruleset_add_origin(f->ruleset, PROMISE_P1, "test", "net", PLACE_NONE);
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->input.root);
	nftw(f->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_free(f->arena);
	free(f);
	return 0;
}

static void want(struct fixture *f, enum sysctl_phase phase, const char *interface, bool wildcard,
		 const char *leaf, uint8_t value)
{
	struct sysctl sysctl = {.phase = phase, .leaf = leaf, .value = value};

	strcpy(sysctl.interface.name, interface);
	sysctl.interface.wildcard = wildcard;
	ruleset_add_sysctl(f->ruleset, sysctl);
}

static void plan(struct fixture *f)
{
	assert_int_equal(sysctl_plan(f->arena, &f->diags, &f->input, &f->writes, &f->after, &f->back), 0);
}

/* Plans and writes; what was remembered is what the next run starts from. */
static void run(struct fixture *f)
{
	struct sysctl_log log = {0};

	plan(f);
	for (enum sysctl_step step = 0; step < SYSCTL_STEP__COUNT; step++)
		assert_int_equal(
			sysctl_write(f->arena, &f->diags, f->input.root, &f->writes, step, &log),
			0);
	f->before = f->after;
}

static void expect(struct fixture *f, const char *path, const char *value)
{
	assert_string_equal(sysctl_file_read(f->arena, f->input.root, path), value);
}

static void a_pattern_is_every_interface_that_fits(void **state)
{
	struct fixture *f = *state;

	want(f, SYSCTL_HARDEN, "tap", true, "send_redirects", 1);
	want(f, SYSCTL_HARDEN, "a", true, "send_redirects", 1); /* but not "all" */
	run(f);
	expect(f, "net/ipv4/conf/tap1/send_redirects", "1");
	expect(f, "net/ipv4/conf/tap2.5/send_redirects", "1");
	expect(f, "net/ipv4/conf/eth0/send_redirects", "0");
	expect(f, "net/ipv4/conf/all/send_redirects", "0");
	assert_int_equal(f->diags.n, 0);
	plan(f);
	assert_int_equal(f->writes.n, 0);
	assert_int_equal(f->after.n_sysctls, 2);
}

static void a_value_that_is_there_is_not_ours(void **state)
{
	struct fixture *f = *state;

	want(f, SYSCTL_HARDEN, "eth0", false, "send_redirects", 0);
	run(f);
	assert_int_equal(f->writes.n, 0);
	assert_int_equal(f->before.n_sysctls, 0);
}

static void what_nobody_wants_any_more_is_put_back(void **state)
{
	struct fixture *f = *state;

	set(f, "net/ipv4/conf/eth0/send_redirects", "2");
	want(f, SYSCTL_HARDEN, "eth0", false, "send_redirects", 1);
	run(f);
	expect(f, "net/ipv4/conf/eth0/send_redirects", "1");
	f->input.ruleset = NULL;
	run(f);
	expect(f, "net/ipv4/conf/eth0/send_redirects", "2");
	assert_int_equal(f->before.n_sysctls, 0);
	assert_int_equal(f->diags.n, 0);
}

static void what_somebody_else_changed_is_left_alone(void **state)
{
	struct fixture *f = *state;

	set(f, "net/ipv4/conf/eth0/send_redirects", "2");
	want(f, SYSCTL_HARDEN, "eth0", false, "send_redirects", 1);
	run(f);
	set(f, "net/ipv4/conf/eth0/send_redirects", "0");
	f->input.ruleset = NULL;
	run(f);
	expect(f, "net/ipv4/conf/eth0/send_redirects", "0");
	assert_int_equal(f->diags.n, 1);
	assert_string_equal(f->diags.items[0].code, "HG-W201");
}

static void opening_is_last_and_closing_first(void **state)
{
	struct fixture *f = *state;

	want(f, SYSCTL_HARDEN, "eth0", false, "send_redirects", 1);
	want(f, SYSCTL_FORWARD, "", false, "net/ipv4/ip_forward", 1);
	run(f);
	assert_int_equal(f->writes.n, 2);
	assert_int_equal(f->writes.items[0].step, SYSCTL_STEP_SETTLE);
	assert_int_equal(f->writes.items[1].step, SYSCTL_STEP_OPEN);
	f->input.ruleset = NULL;
	plan(f);
	assert_int_equal(f->writes.n, 2);
	assert_int_equal(f->writes.items[0].step, SYSCTL_STEP_CLOSE);
	assert_string_equal(f->writes.items[0].path, "net/ipv4/ip_forward");
}

/* Does what the kernel does when the switch is written. */
static void switch_all(struct fixture *f, const char *value)
{
	set(f, "net/ipv4/conf/default/forwarding", value);
	set(f, "net/ipv4/conf/eth0/forwarding", value);
	set(f, "net/ipv4/conf/tap1/forwarding", value);
	set(f, "net/ipv4/conf/tap2.5/forwarding", value);
	set(f, "net/ipv4/conf/all/accept_redirects", *value == '0' ? "1" : "0");
}

static void what_the_switch_moved_is_put_back(void **state)
{
	struct fixture *f = *state;
	const struct state_sysctl *entry;

	set(f, "net/ipv4/conf/tap1/forwarding", "1");
	want(f, SYSCTL_FORWARD, "", false, "net/ipv4/ip_forward", 1);
	run(f);
	switch_all(f, "1");
	entry = state_find(&f->before, "net/ipv4/ip_forward");
	assert_non_null(entry);
	/* Switching back makes forwarding 0 and accept_redirects 1 by itself. */
	assert_int_equal(entry->n_moved, 2);
	f->input.ruleset = NULL;
	plan(f);
	assert_int_equal(f->writes.n, 1);
	assert_int_equal(f->writes.items[0].n_restore, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct state_moved *restore = &f->writes.items[0].restore[i];

		assert_string_equal(restore->before,
				    strstr(restore->path, "tap1/forwarding") ? "1" : "0");
	}
}

static void what_this_run_wrote_can_be_undone(void **state)
{
	struct fixture *f = *state;
	struct sysctl_log log = {0};

	set(f, "net/ipv4/conf/tap1/forwarding", "1");
	want(f, SYSCTL_HARDEN, "eth0", false, "send_redirects", 1);
	want(f, SYSCTL_FORWARD, "", false, "net/ipv4/ip_forward", 1);
	plan(f);
	for (enum sysctl_step step = 0; step < SYSCTL_STEP__COUNT; step++)
		assert_int_equal(
			sysctl_write(f->arena, &f->diags, f->input.root, &f->writes, step, &log),
			0);
	switch_all(f, "1");
	assert_int_equal(sysctl_undo(f->arena, &f->diags, f->input.root, &log), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		expect(f, paths[i], strstr(paths[i], "tap1/forwarding") ? "1" : "0");
}

static void a_guard_waits_for_an_advertised_route(void **state)
{
	struct fixture *f = *state;
	char name[][IFNAME_SIZE] = {"eth0"};
	struct sysctl guard = {.phase = SYSCTL_GUARD,
			       .when = SYSCTL_IF_RA_ROUTE,
			       .family = FAMILY_IPV6,
			       .interface = {.name = "eth0"},
			       .leaf = "accept_ra",
			       .value = 2};

	set(f, "net/ipv4/conf/eth0/send_redirects", "0");
	ruleset_add_sysctl(f->ruleset, guard);
	assert_true(sysctl_needs_routes(f->ruleset));
	plan(f);
	assert_int_equal(f->writes.n, 0);
	f->advertised = (struct route_interfaces){.names = name, .n = 1};
	run(f);
	expect(f, "net/ipv6/conf/eth0/accept_ra", "2");
	/* The route may time out; without its guard it could not come back. */
	f->advertised.n = 0;
	plan(f);
	assert_int_equal(f->writes.n, 0);
	assert_int_equal(f->after.n_sysctls, 1);
}

static void a_missing_switch_is_an_error(void **state)
{
	struct fixture *f = *state;

	want(f, SYSCTL_FORWARD, "eth0", false, "force_forwarding", 1);
	assert_int_not_equal(sysctl_plan(f->arena, &f->diags, &f->input, &f->writes, &f->after, &f->back), 0);
	assert_string_equal(f->diags.items[0].code, "HG-E210");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pattern_is_every_interface_that_fits),
		TEST(a_value_that_is_there_is_not_ours),
		TEST(what_nobody_wants_any_more_is_put_back),
		TEST(what_somebody_else_changed_is_left_alone),
		TEST(opening_is_last_and_closing_first),
		TEST(what_the_switch_moved_is_put_back),
		TEST(what_this_run_wrote_can_be_undone),
		TEST(a_guard_waits_for_an_advertised_route),
		TEST(a_missing_switch_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
