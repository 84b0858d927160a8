// SPDX-License-Identifier: GPL-2.0-or-later
// Makes the copy of its network namespace that `prove --with-host` makes, and runs a command there.
//
// usage: host DESCRIPTION COMMAND
//   DESCRIPTION   a file
//   COMMAND       for sh
//
// What it could not copy goes to stderr, as hostgate's messages.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostgate/description.h"
#include "os/sandbox.h"
#include "prove/host_copy.h"
#include "prove/links.h"

struct test {
	struct arena *arena;
	struct diags *diags;
	struct host_copy host;
	const struct replica *replica;
	struct links links;
	const char *command;
};

static int prepare(void *data)
{
	struct test *test = data;

	return links_open_wire(&test->links);
}

static int work(void *data)
{
	struct test *test = data;
	struct sandbox sandbox = {.wire = -1};
	struct buf text = {0};
	int err = sandbox_enter(test->diags, &sandbox, prepare, test);

	if (err == 0) {
		(void)sandbox_sysctl("net/ipv6/conf/default/addr_gen_mode", "1");
		host_copy_put_sysctls(&test->host, false);
		err = links_make(test->arena, test->diags, &test->links, test->replica, &test->host,
				 sandbox.wire);
	}
	diags_format(test->diags, false, &text);
	fputs(buf_text(&text), stderr);
	buf_free(&text);
	if (err != 0)
		return 1;
	err = system(test->command);
	return WIFEXITED(err) ? WEXITSTATUS(err) : 1;
}

int main(int argc, char **argv)
{
	static char file[1 << 16];
	struct arena *arena = arena_new();
	struct description *d = arena_alloc(arena, sizeof(*d));
	struct diags diags;
	struct test test = {.arena = arena, .diags = &diags};
	FILE *stream;
	int result = 2;

	if (argc != 3)
		return 2;
	test.command = argv[2];
	diags_init(&diags, arena);
	stream = fopen(argv[1], "re");
	if (!stream)
		return 2;
	diags_add_source(&diags, argv[1], file, fread(file, 1, sizeof(file), stream));
	fclose(stream);
	if (description_read(arena, &diags, d) && host_copy_read(arena, &diags, &test.host) == 0) {
		test.replica = replica_make(arena, d, &test.host.seen);
		result = sandbox_wait(sandbox_start(&diags, work, &test));
	}
	arena_free(arena);
	return result;
}
