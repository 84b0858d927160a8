// SPDX-License-Identifier: GPL-2.0-or-later
// reading: runs the reader on a text and compares descriptions.
#include "reading.h"

struct run run_bytes(const char *text, size_t len)
{
	struct run run = {.arena = arena_new()};

	diags_init(&run.diags, run.arena);
	diags_add_source(&run.diags, "t.yaml", text, len);
	run.good = description_read(run.arena, &run.diags, &run.description);
	return run;
}

struct run run_text(const char *text)
{
	return run_bytes(text, strlen(text));
}

void run_end(struct run *run)
{
	arena_free(run->arena);
}

const char *run_codes(const struct run *run)
{
	const char *codes = "";

	for (size_t i = 0; i < run->diags.n; i++)
		codes = arena_printf(run->arena, "%s%s%s", codes, i ? " " : "",
				     run->diags.items[i].code);
	return codes;
}

uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static bool uplinks_equal(const struct uplink *a, const struct uplink *b)
{
	for (size_t f = 0; f < FAMILY__COUNT; f++)
		if (a->has_address[f] != b->has_address[f] ||
		    (a->has_address[f] && !addr_equal(&a->address[f], &b->address[f])))
			return false;
	return strcmp(a->name, b->name) == 0 && strcmp(a->interface.name, b->interface.name) == 0;
}

static bool networks_equal(const struct network *a, const struct network *b)
{
	if (strcmp(a->name, b->name) != 0 || a->n_interfaces != b->n_interfaces ||
	    a->n_subnets != b->n_subnets || a->n_gateways != b->n_gateways || a->mode != b->mode ||
	    a->n_uplinks != b->n_uplinks || a->uplinks_given != b->uplinks_given ||
	    a->snat != b->snat ||
	    (a->snat == SNAT_ADDRESS && !addr_equal(&a->snat_address, &b->snat_address)))
		return false;
	for (size_t i = 0; i < a->n_interfaces; i++)
		if (strcmp(a->interfaces[i].name, b->interfaces[i].name) != 0 ||
		    a->interfaces[i].wildcard != b->interfaces[i].wildcard)
			return false;
	for (size_t i = 0; i < a->n_subnets; i++)
		if (!addr_equal(&a->subnets[i].prefix.addr, &b->subnets[i].prefix.addr) ||
		    a->subnets[i].prefix.len != b->subnets[i].prefix.len)
			return false;
	for (size_t i = 0; i < a->n_gateways; i++)
		if (!addr_equal(&a->gateways[i].addr, &b->gateways[i].addr))
			return false;
	for (size_t i = 0; i < a->n_uplinks; i++)
		if (a->uplinks[i] != b->uplinks[i])
			return false;
	return true;
}

bool descriptions_equal(const struct description *a, const struct description *b)
{
	if (a->n_uplinks != b->n_uplinks || a->n_networks != b->n_networks ||
	    a->settings.backend != b->settings.backend ||
	    a->settings.forwarding != b->settings.forwarding ||
	    a->settings.deny != b->settings.deny || a->settings.harden != b->settings.harden ||
	    a->settings.clean_slate != b->settings.clean_slate ||
	    memcmp(a->settings.holes, b->settings.holes, sizeof(a->settings.holes)) != 0)
		return false;
	for (size_t i = 0; i < a->n_uplinks; i++)
		if (!uplinks_equal(&a->uplinks[i], &b->uplinks[i]))
			return false;
	for (size_t i = 0; i < a->n_networks; i++)
		if (!networks_equal(&a->networks[i], &b->networks[i]))
			return false;
	return true;
}
