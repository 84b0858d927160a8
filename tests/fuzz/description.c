// SPDX-License-Identifier: GPL-2.0-or-later
// description: fuzzes bytes -> description -> ruleset -> every output.
#include <stdlib.h>

#include "hostgate/description.h"
#include "hostgate/print.h"
#include "hostgate/ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Reads one text; false when it is no description. */
static bool read_text(struct arena *arena, const char *text, size_t len, struct description *out)
{
	struct diags diags;
	struct buf messages = {0};

	diags_init(&diags, arena);
	diags_add_source(&diags, "fuzz", text, len);

	bool fine = description_read(arena, &diags, out);

	diags_format(&diags, true, &messages);
	buf_free(&messages);
	if (fine != (diags.n_errors == 0))
		abort();
	return fine;
}

/* What is read back from the canonical form must have the same canonical form. */
static void reprint(struct arena *arena, const struct description *description)
{
	struct description again;
	struct buf first = {0}, second = {0};

	description_print(description, &first);
	if (!read_text(arena, buf_text(&first), first.len, &again))
		abort();
	description_print(&again, &second);
	if (first.len != second.len || __builtin_memcmp(first.data, second.data, first.len) != 0)
		abort();
	buf_free(&first);
	buf_free(&second);
}

static void print_all(struct arena *arena, const struct description *description)
{
	struct print_header header = {"0", "0", description};
	struct ruleset *ruleset = plan_ruleset(arena, description);
	struct ruleset *xt = lower_xt(arena, ruleset), *nft = lower_nft(arena, ruleset);
	struct diags diags;
	struct buf out = {0};

	diags_init(&diags, arena);
	print_iptables(xt, &header, &out);
	print_nft(nft, &header, &diags, &out);
	print_matrix(description, true, &out);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct arena *arena = arena_new();
	struct description description;

	if (read_text(arena, (const char *)bytes, len, &description)) {
		reprint(arena, &description);
		print_all(arena, &description);
	}
	arena_free(arena);
	return 0;
}
