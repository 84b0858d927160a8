// SPDX-License-Identifier: GPL-2.0-or-later
// host: whether the host is as the description has it, for plan, apply and status.
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "kernel/bridges.h"
#include "program/host.h"

/* Missing interfaces that the warning names; further ones are counted. */
#define NAMED_MAX 8

static const char *const bridge_switches[] = {
	"/proc/sys/net/bridge/bridge-nf-call-iptables",
	"/proc/sys/net/bridge/bridge-nf-call-ip6tables",
};

static bool is_on(const char *path)
{
	char value = '0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;

	bool on = read(fd, &value, 1) == 1 && value == '1';

	close(fd);
	return on;
}

static bool fits_a_network(const struct description *description, const char *ifname)
{
	for (size_t i = 0; i < description->n_networks; i++)
		for (size_t j = 0; j < description->networks[i].n_interfaces; j++)
			if (ifpattern_matches(&description->networks[i].interfaces[j], ifname))
				return true;
	return false;
}

/* Where nobody tells what is there, a bridge may be. */
static bool has_bridges(struct run *run, const struct description *description)
{
	struct bridges bridges;

	if (bridges_read(run->arena, &bridges) != 0)
		return true;
	for (size_t i = 0; i < bridges.n; i++)
		if (fits_a_network(description, bridges.names[i]))
			return true;
	return false;
}

void host_note_bridges(struct run *run, const struct description *description)
{
	if (!has_bridges(run, description))
		return;
	for (size_t i = 0; i < sizeof(bridge_switches) / sizeof(*bridge_switches); i++) {
		if (!is_on(bridge_switches[i]))
			continue;

		struct diag *diag =
			diag_add(&run->diags, SEVERITY_NOTE, PROGRAM_CODE(BRIDGE), PLACE_NONE,
				 "frames between guests on one bridge cross the rules too "
				 "(br_netfilter): guests that use other addresses than their "
				 "network's among themselves are dropped");

		diag_hint(&run->diags, diag,
			  "add those subnets to the network, or write 0 to %s unless something "
			  "else needs it",
			  bridge_switches[i]);
		return;
	}
}

/* The names of all interfaces, sorted. */
struct names {
	const char **items;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Returns false when the interfaces cannot be listed. */
static bool list_interfaces(struct arena *arena, struct names *out)
{
	struct if_nameindex *all = if_nameindex();

	if (!all)
		return false;
	*out = (struct names){0};
	while (all[out->n].if_index != 0)
		out->n++;
	out->items = arena_calloc(arena, out->n, sizeof(*out->items));
	for (size_t i = 0; i < out->n; i++)
		out->items[i] = arena_strdup(arena, all[i].if_name);
	if_freenameindex(all);
	qsort(out->items, out->n, sizeof(*out->items), by_name);
	return true;
}

/* Whatever fits a pattern stands, sorted, right where the pattern's text would. */
static bool is_there(const struct names *names, const struct ifpattern *pattern)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->items[middle], pattern->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < names->n && ifpattern_matches(pattern, names->items[low]);
}

/* What was found missing. */
struct missing {
	struct names present;
	json_t *all;
	struct buf named;
	size_t n;
};

static void look_for(struct missing *missing, const struct ifpattern *pattern)
{
	char text[IFNAME_SIZE + 1];

	if (is_there(&missing->present, pattern))
		return;
	ifpattern_format(pattern, text);
	json_array_append_new(missing->all, json_string(text));
	if (missing->n < NAMED_MAX)
		buf_printf(&missing->named, "%s%s", missing->n == 0 ? "" : ", ", text);
	missing->n++;
}

/* Drops the notes of the kernel layer: it knows only of interfaces whose sysctls it would set. */
static void drop_notes(struct diags *diags)
{
	size_t kept = 0;

	for (size_t i = 0; i < diags->n; i++)
		if (strcmp(diags->items[i].code, CODE(INTERFACE_MISSING)) != 0)
			diags->items[kept++] = diags->items[i];
	diags->n = kept;
}

void host_note_missing(struct run *run, const struct description *description)
{
	struct missing missing = {0};

	if (!list_interfaces(run->arena, &missing.present))
		return;
	drop_notes(&run->diags);
	missing.all = json_array();
	for (size_t i = 0; i < description->n_uplinks; i++)
		look_for(&missing, &description->uplinks[i].interface);
	for (size_t i = 0; i < description->n_networks; i++)
		for (size_t j = 0; j < description->networks[i].n_interfaces; j++)
			look_for(&missing, &description->networks[i].interfaces[j]);

	if (missing.n > NAMED_MAX)
		buf_printf(&missing.named, " and %zu more", missing.n - NAMED_MAX);
	if (missing.n > 0)
		diag_add(&run->diags, SEVERITY_NOTE, CODE(INTERFACE_MISSING), PLACE_NONE,
			 "not there yet: %s; the rules wait for %s", buf_text(&missing.named),
			 missing.n == 1 ? "it" : "them");
	if (run->json)
		json_object_set(run->json, "missing_interfaces", missing.all);
	json_decref(missing.all);
	buf_free(&missing.named);
}

enum status host_compare(struct run *run, const struct apply_input *input, bool status,
			 struct standing *out)
{
	struct standing standing;
	int result;

	out = out ? out : &standing;
	result = standing_check(run->arena, &run->diags, input, status, out);
	if (result < 0)
		return run_status_of(result);
	if (run->json)
		json_object_set_new(run->json, "void", json_boolean(out->worst >= STANDING_VOID));
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
