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

#include "rules/build.h"
#include "sysctl/sysctl.h"
#include "sysctl/sysctl_file.h"

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
	"net/ipv6/conf/eth0/forwarding",
	"net/ipv6/conf/tap1/accept_ra",
	"net/ipv6/conf/tap1/forwarding",
};

struct fixture {
	char directory[32];
	struct arena *arena;
	struct diags diags;
	struct ruleset *ruleset;
	struct record before, after;
	struct record back;
	struct route_interfaces advertised;
	struct route_interfaces deaf;
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
	f->input.record = &f->before;
	f->input.advertised = &f->advertised;
	f->input.deaf = &f->deaf;
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
	const struct record_sysctl *entry;

	set(f, "net/ipv4/conf/tap1/forwarding", "1");
	want(f, SYSCTL_FORWARD, "", false, "net/ipv4/ip_forward", 1);
	run(f);
	switch_all(f, "1");
	entry = record_find(&f->before, "net/ipv4/ip_forward");
	assert_non_null(entry);
	/* Switching back makes forwarding 0 and accept_redirects 1 by itself. */
	assert_int_equal(entry->n_moved, 2);
	f->input.ruleset = NULL;
	plan(f);
	assert_int_equal(f->writes.n, 1);
	assert_int_equal(f->writes.items[0].n_restore, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct record_moved *restore = &f->writes.items[0].restore[i];

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
		expect(f, paths[i], strstr(paths[i], "ipv4/conf/tap1/forwarding") ? "1" : "0");
}

static void one_user(void *data, enum family family, struct sysctl_users *out)
{
	(void)family;
	out->names = data;
	out->n = 1;
}

/* As plan makes it: on every interface but those of networks. */
static void want_guard(struct fixture *f, const struct ifpattern *except, size_t n_except)
{
	struct sysctl guard = {.phase = SYSCTL_GUARD,
			       .when = SYSCTL_IF_ADVERTISED,
			       .family = FAMILY_IPV6,
			       .interface = {.wildcard = true},
			       .except = except,
			       .n_except = n_except,
			       .leaf = "accept_ra",
			       .value = 2};

	ruleset_add_sysctl(f->ruleset, guard);
	assert_true(sysctl_needs_advertised(f->ruleset));
}

static void want_ipv6_forwarding(struct fixture *f)
{
	struct sysctl sysctl = {.phase = SYSCTL_FORWARD,
				.family = FAMILY_IPV6,
				.leaf = "net/ipv6/conf/all/forwarding",
				.value = 1};

	ruleset_add_sysctl(f->ruleset, sysctl);
}

/* Does what the kernel does when the switch is written. */
static void switch_ipv6(struct fixture *f, const char *value)
{
	set(f, "net/ipv6/conf/eth0/forwarding", value);
	set(f, "net/ipv6/conf/tap1/forwarding", value);
}

static void a_guard_is_where_advertisements_are_heard(void **state)
{
	static const struct {
		const char *accept_ra, *forwarding, *all;
		bool route, deaf, excepted, guarded;
	} cases[] = {
		{"1", "0", "0", false, false, false, true},
		{"0", "0", "0", true, false, false, true}, /* accepted before, and still there */
		{"1", "0", "0", true, true, false, true},
		{"0", "0", "0", false, false, false, false},
		{"1", "1", "0", false, false, false, false}, /* deaf already */
		{"1", "0", "0", false, true, false, false},
		{"1", "0", "0", true, false, true, false},
		{"1", "0", "1", true, false, false, false}, /* the host forwards already */
	};
	struct fixture *f = *state;
	char name[][IFNAME_SIZE] = {"tap1"};
	struct ifpattern pattern = {.name = "ta", .wildcard = true};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		f->ruleset->n_sysctls = 0;
		want_guard(f, &pattern, cases[i].excepted);
		want_ipv6_forwarding(f);
		set(f, "net/ipv6/conf/tap1/accept_ra", cases[i].accept_ra);
		set(f, "net/ipv6/conf/tap1/forwarding", cases[i].forwarding);
		set(f, "net/ipv6/conf/all/forwarding", cases[i].all);
		f->advertised = (struct route_interfaces){.names = name, .n = cases[i].route};
		f->deaf = (struct route_interfaces){.names = name, .n = cases[i].deaf};
		plan(f);
		if (f->writes.n != (size_t)cases[i].guarded + (*cases[i].all == '0'))
			fail_msg("case %zu: %zu writes", i, f->writes.n);
		if (!cases[i].guarded)
			continue;
		assert_string_equal(f->writes.items[0].path, "net/ipv6/conf/tap1/accept_ra");
		assert_int_equal(f->writes.items[0].step, SYSCTL_STEP_CLOSE);
		assert_true(f->writes.items[0].guard);
	}
}

static void a_guard_stays_while_the_host_forwards(void **state)
{
	static const char *docker = "ip nat POSTROUTING of Docker";
	struct fixture *f = *state;

	set(f, "net/ipv6/conf/eth0/accept_ra", "1");
	want_guard(f, NULL, 0);
	want_ipv6_forwarding(f);
	run(f);
	switch_ipv6(f, "1");
	expect(f, "net/ipv6/conf/eth0/accept_ra", "2");
	/* The route may time out; without its guard it could not come back. */
	plan(f);
	assert_int_equal(f->writes.n, 0);
	assert_int_equal(f->after.n_sysctls, 2);
	/* Somebody came who needs forwarding, so the host goes on being a router. */
	f->input.ruleset = NULL;
	f->input.users = one_user;
	f->input.users_data = &docker;
	plan(f);
	assert_int_equal(f->writes.n, 0);
	assert_int_equal(f->after.n_sysctls, 2);
	/* Nobody does. */
	f->input.users = NULL;
	run(f);
	expect(f, "net/ipv6/conf/all/forwarding", "0");
	expect(f, "net/ipv6/conf/eth0/accept_ra", "1");
	assert_int_equal(f->before.n_sysctls, 0);
}

/* A guarded interface that becomes a network's, and one that was a network's. */
static void a_guard_knows_its_own_entry(void **state)
{
	struct fixture *f = *state;
	struct ifpattern tap1 = {.name = "tap1"};
	struct sysctl harden = {.phase = SYSCTL_HARDEN,
				.family = FAMILY_IPV6,
				.interface = tap1,
				.leaf = "accept_ra"};

	set(f, "net/ipv6/conf/eth0/accept_ra", "1");
	set(f, "net/ipv6/conf/tap1/accept_ra", "1");
	ruleset_add_sysctl(f->ruleset, harden);
	want_guard(f, &tap1, 1);
	want_ipv6_forwarding(f);
	run(f);
	switch_ipv6(f, "1");
	expect(f, "net/ipv6/conf/tap1/accept_ra", "0");
	f->ruleset->n_sysctls = 0;
	strcpy(harden.interface.name, "eth0");
	ruleset_add_sysctl(f->ruleset, harden);
	want_guard(f, &harden.interface, 1);
	want_ipv6_forwarding(f);
	run(f);
	expect(f, "net/ipv6/conf/eth0/accept_ra", "0");
	expect(f, "net/ipv6/conf/tap1/accept_ra", "1");
	f->input.ruleset = NULL;
	run(f);
	expect(f, "net/ipv6/conf/eth0/accept_ra", "1");
}

/* One interface's forwarding beside the switch. */

static void want_both(struct fixture *f)
{
	want(f, SYSCTL_FORWARD, "", false, "net/ipv4/ip_forward", 1);
	want(f, SYSCTL_FORWARD, "tap1", false, "forwarding", 1);
}

static void the_switch_switches_the_interface(void **state)
{
	struct fixture *f = *state;

	want_both(f);
	run(f);
	assert_int_equal(f->writes.n, 1);
	assert_int_equal(f->before.n_sysctls, 1);
	switch_all(f, "1");
	plan(f);
	assert_int_equal(f->writes.n, 0);
}

static void an_interface_that_does_not_forward_is_mended(void **state)
{
	struct fixture *f = *state;

	for (int ours = 0; ours < 2; ours++) {
		f->before = (struct record){0};
		f->ruleset->n_sysctls = 0;
		set(f, "net/ipv4/ip_forward", ours ? "0" : "1");
		switch_all(f, ours ? "0" : "1");
		want_both(f);
		f->input.ruleset = f->ruleset;
		run(f);
		switch_all(f, "1");
		set(f, "net/ipv4/conf/tap1/forwarding", "0");
		plan(f);
		assert_int_equal(f->writes.n, 1);
		assert_string_equal(f->writes.items[0].path, "net/ipv4/conf/tap1/forwarding");
		assert_int_equal(f->writes.items[0].step, SYSCTL_STEP_OPEN);
		run(f);
		assert_int_equal(f->before.n_sysctls, 1 + ours);
		f->input.ruleset = NULL;
		run(f);
		expect(f, "net/ipv4/conf/tap1/forwarding", "0");
		expect(f, "net/ipv4/ip_forward", ours ? "0" : "1");
		assert_int_equal(f->writes.items[0].step, SYSCTL_STEP_CLOSE);
	}
}

/* Forwarding of single interfaces, then of all: each knows what it was before. */
static void a_value_of_ours_is_not_what_was_before(void **state)
{
	struct fixture *f = *state;

	want(f, SYSCTL_FORWARD, "tap1", false, "forwarding", 1);
	run(f);
	expect(f, "net/ipv4/conf/tap1/forwarding", "1");
	f->ruleset->n_sysctls = 0;
	want_both(f);
	run(f);
	switch_all(f, "1");
	assert_int_equal(f->before.n_sysctls, 2);
	f->input.ruleset = NULL;
	plan(f);
	/* The switch makes it 0, whichever is written first. */
	assert_int_equal(f->writes.n, 2);
	for (size_t i = 0; i < 2; i++)
		for (size_t m = 0; m < f->writes.items[i].n_restore; m++)
			assert_string_not_equal(f->writes.items[i].restore[m].path,
						"net/ipv4/conf/tap1/forwarding");
	run(f);
	expect(f, "net/ipv4/conf/tap1/forwarding", "0");
}

/* What somebody set while the switch was ours counts, not what the switch had moved. */
static void the_later_entry_counts(void **state)
{
	struct fixture *f = *state;

	set(f, "net/ipv4/conf/tap1/forwarding", "1");
	want_both(f);
	run(f);
	switch_all(f, "1");
	set(f, "net/ipv4/conf/tap1/forwarding", "0");
	run(f);
	expect(f, "net/ipv4/conf/tap1/forwarding", "1");
	f->input.ruleset = NULL;
	run(f);
	expect(f, "net/ipv4/conf/tap1/forwarding", "0");
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
		TEST(a_guard_is_where_advertisements_are_heard),
		TEST(a_guard_stays_while_the_host_forwards),
		TEST(a_guard_knows_its_own_entry),
		TEST(the_switch_switches_the_interface),
		TEST(an_interface_that_does_not_forward_is_mended),
		TEST(a_value_of_ours_is_not_what_was_before),
		TEST(the_later_entry_counts),
		TEST(a_missing_switch_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
