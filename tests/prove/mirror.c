// SPDX-License-Identifier: GPL-2.0-or-later
// Copies the rules of its network namespace into a new one, and runs a command there.
//
// usage: copy PREPARE COMMAND [CHAIN POSITION]
//   PREPARE COMMAND   for sh; the one makes the copy's interfaces
//   CHAIN POSITION    a rule that is left out, as if the kernel had refused it
//
// What it could not copy goes to stderr, as hostgate's messages.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prove/copy.h"

static void leave_out(struct raw_nft *nft, const char *chain, unsigned long position)
{
	for (size_t i = nft->first[RAW_RULE]; i < nft->first[RAW__COUNT]; i++)
		if (strcmp(nft->items[i].name, chain) == 0 && nft->items[i].position == position)
			nft->items[i].left_out = true;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct host_rules_copy copy = {0};
	struct diags diags;
	struct buf text = {0};
	int err;

	if (argc != 3 && argc != 5)
		return 2;
	diags_init(&diags, arena);
	err = copy_read(arena, &diags, &copy);
	if (argc == 5)
		leave_out(&copy.nft, argv[3], strtoul(argv[4], NULL, 10));
	if (err == 0 && unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return 2;
	}
	if (err == 0 && system(argv[1]) != 0)
		return 2;
	if (err == 0)
		err = copy_load(&diags, &copy);
	copy_free(&copy);
	diags_format(&diags, false, &text);
	fputs(buf_text(&text), stderr);
	buf_free(&text);
	arena_free(arena);
	if (err != 0)
		return 1;
	execl("/bin/sh", "sh", "-c", argv[2], (char *)NULL);
	perror("/bin/sh");
	return 2;
}
