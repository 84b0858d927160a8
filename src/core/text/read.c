// SPDX-License-Identifier: GPL-2.0-or-later
// read: from the texts of a run to one checked description.
#include "base/diag_codes.h"
#include "model/check.h"
#include "text/reader.h"
#include "text/yaml.h"

/* An error about the absence of something, at the beginning of what is there. */
static void refuse_absence(struct diags *diags, const char *code, struct node *const *roots,
			   const char *message)
{
	struct place place = diags->n_sources ? (struct place){.line = 1, .column = 1} : PLACE_NONE;

	for (size_t i = diags->n_sources; i--;)
		if (roots[i])
			place = roots[i]->place;
	reader_hint_smallest(diags, diag_add(diags, SEVERITY_ERROR, code, place, "%s", message));
}

bool description_read(struct arena *arena, struct diags *diags, struct description *out)
{
	struct node **roots = arena_calloc(arena, diags->n_sources, sizeof(*roots));
	size_t first = diags->n, n_errors = diags->n_errors, n_roots = 0;
	bool complete = true;

	for (uint32_t i = 0; i < diags->n_sources; i++) {
		if (!yaml_read(arena, diags, i, &roots[i])) {
			complete = false;
			roots[i] = NULL;
		}
		n_roots += roots[i] != NULL;
	}
	if (!n_roots && complete)
		refuse_absence(diags, CODE(EMPTY), roots, "the description is empty");
	complete = reader_read(arena, diags, roots, diags->n_sources, complete, out);
	if (!out->n_networks && diags->n_errors == n_errors)
		refuse_absence(diags, CODE(NO_NETWORKS), roots,
			       "the description has no networks, so there is nothing to do");
	check_description(arena, diags, out, complete);
	diags_sort(diags, first);
	return diags->n_errors == n_errors;
}
