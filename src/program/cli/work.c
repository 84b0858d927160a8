// SPDX-License-Identifier: GPL-2.0-or-later
// work: the way from files to what a printer or the kernel takes.
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <string.h>

#include "cli/sources.h"
#include "cli/work.h"
#include "hostgate/ruleset.h"

static void hash_text(const char *text, size_t len, char out[static HASH_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_init(&context);
	sha256_update(&context, len, (const uint8_t *)text);
#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest(&context, digest);
#else
	sha256_digest(&context, sizeof(digest), digest);
#endif
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[HASH_SIZE - 1] = '\0';
}

static const char *names_of_sources(struct run *run)
{
	struct buf names __attribute__((cleanup(buf_free))) = {0};

	for (size_t i = 0; i < run->diags.n_sources; i++)
		buf_printf(&names, "%s%s", i == 0 ? "" : ", ", run->diags.sources[i].name);
	return arena_strdup(run->arena, buf_text(&names));
}

bool work_read(struct run *run, struct work *work)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	if (!description_read(run->arena, &run->diags, &work->description))
		return false;
	description_print(&work->description, &text);
	work->text = arena_strdup(run->arena, buf_text(&text));
	work->files = names_of_sources(run);
	hash_text(buf_text(&text), text.len, work->hash);
	return true;
}

bool work_load(struct run *run, struct work *work)
{
	return sources_load(run->arena, &run->diags, run->args.files, run->args.n_files) &&
	       work_read(run, work);
}

/* The command line decides before the description. */
static enum backend wanted_backend(const struct run *run, const struct work *work)
{
	for (enum backend b = 0; b < BACKEND__COUNT && run->args.given[OPTION_BACKEND]; b++)
		if (strcmp(run->args.value[OPTION_BACKEND], backend_name(b)) == 0)
			return b;
	return work->description.settings.backend;
}

struct apply_input work_input(struct run *run, const struct work *work)
{
	return (struct apply_input){
		.description = &work->description,
		.ruleset = plan_ruleset(run->arena, &work->description),
		.backend = wanted_backend(run, work),
		.hash = work->hash,
		.text = work->text,
		.files = work->files,
		.version = HOSTGATE_VERSION,
		.wait_seconds = run->args.wait_seconds,
	};
}

struct print_header work_header(const struct work *work)
{
	return (struct print_header){
		.version = HOSTGATE_VERSION,
		.hash = work->hash,
		.description = &work->description,
	};
}
