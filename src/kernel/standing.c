// SPDX-License-Identifier: GPL-2.0-or-later
// standing: what the description leaves open, compared with the host: do the promises hold here?
#include "kernel/standing.h"

#include <stdarg.h>
#include <string.h>

#include "kernel/standing_fact.h"

/* The facts, in the order in which they are told. */
static const struct {
	enum standing_severity severity;
	enum diag_code code;
	void (*look)(struct standing_finder *finder);
} facts[] = {
	{STANDING_VOID, DIAG_INTERFACE_IS_PORT, standing_ports},
};

static const enum severity severities[] = {
	[STANDING_NOTE] = SEVERITY_NOTE,
	[STANDING_WARNING] = SEVERITY_WARNING,
	[STANDING_VOID] = SEVERITY_ERROR,
	[STANDING_HARM] = SEVERITY_ERROR,
};

struct diag *standing_say(struct standing_finder *finder, struct place place, const char *format,
			  ...)
{
	struct standing *out = finder->out;
	const char *message;
	va_list args;

	va_start(args, format);
	message = arena_vprintf(finder->arena, format, args);
	va_end(args);
	if (finder->severity > out->worst)
		out->worst = finder->severity;
	if (finder->severity >= STANDING_VOID) {
		out->voids = arena_grow(finder->arena, out->voids, out->n_voids, &out->cap_voids,
					sizeof(*out->voids));
		out->voids[out->n_voids++] = message;
	}
	return diag_add(finder->diags, severities[finder->severity], finder->code, place, "%s",
			message);
}

void standing_judge(struct arena *arena, struct diags *diags, const struct standing_view *view,
		    struct standing *out)
{
	*out = (struct standing){0};
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		struct standing_finder finder = {arena, diags, view, out, facts[i].severity,
						 diag_codes[facts[i].code].code};

		facts[i].look(&finder);
	}
}

int standing_check(struct arena *arena, struct diags *diags, const struct apply_input *input,
		   bool status, struct standing *out)
{
	struct host_links links;
	struct standing_view view = {input->description, &links, status};
	int err = host_links_read(arena, HOST_LINKS_ALL, &links);

	*out = (struct standing){0};
	if (err != 0) {
		diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_FAILED), PLACE_NONE,
			 "can't read the host's interfaces, addresses and routes: %s", strerror(-err))
			->err = -err;
		return err;
	}
	standing_judge(arena, diags, &view, out);
	return 0;
}
