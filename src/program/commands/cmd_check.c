// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_check: is the description right?
#include "cli/work.h"
#include "commands/commands.h"

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

enum status cmd_check(struct run *run)
{
	struct work work;
	bool fine = work_load(run, &work);

	if (run->json)
		json_object_set_new(run->json, "valid", json_boolean(fine));
	if (!fine)
		return STATUS_DESCRIPTION;

	size_t n_networks = work.description.n_networks, n_uplinks = work.description.n_uplinks;

	if (run->json) {
		json_object_set_new(run->json, "networks", json_integer((json_int_t)n_networks));
		json_object_set_new(run->json, "uplinks", json_integer((json_int_t)n_uplinks));
		json_object_set_new(run->json, "hash", json_string(work.hash));
	}
	if (run_is_talking(run))
		buf_printf(&run->out, "OK: %zu network%s, %zu uplink%s in %s\n", n_networks,
			   plural(n_networks), n_uplinks, plural(n_uplinks), work.files);
	return STATUS_DONE;
}
