// SPDX-License-Identifier: GPL-2.0-or-later
// report_host: whether the host is as the description has it, for plan, apply and status.
#include "report/report_host.h"

static void add_json(json_t *document, const struct standing *standing, bool status)
{
	json_t *missing = json_array();

	json_object_set_new(document, "void", json_boolean(standing->worst >= STANDING_VOID));
	for (size_t i = 0; i < standing->n_missing; i++)
		json_array_append_new(missing, json_string(standing->missing[i]));
	if (status)
		json_object_set(document, "missing_interfaces", missing);
	json_decref(missing);
}

enum status host_compare(struct run *run, const struct apply_input *input, bool status,
			 struct standing *out)
{
	struct standing standing;
	int result;

	out = out ? out : &standing;
	result = standing_check(run->arena, &run->diags, input->description,
				input->backend == BACKEND_IPTABLES ? input->ruleset : NULL, status, out);
	if (result < 0)
		return run_status_of(result);
	if (run->json)
		add_json(run->json, out, status);
	switch (out->worst) {
	case STANDING_HARM:
		return STATUS_DESCRIPTION;
	case STANDING_VOID:
		return STATUS_DIFFERS;
	case STANDING_WARNING:
	case STANDING_NOTE:
		break;
	}
	return STATUS_DONE;
}
