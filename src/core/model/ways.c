// SPDX-License-Identifier: GPL-2.0-or-later
// ways: what may go where, by the description alone, and which key of it decides.
#include "hostgate/ways.h"

#include <stdlib.h>

/* Ends. */

struct way_end way_end_network(const struct network *network)
{
	return (struct way_end){.kind = END_NETWORK, .network = network};
}

struct way_end way_end_uplink(const struct uplink *uplink)
{
	return (struct way_end){.kind = END_UPLINK, .uplink = uplink};
}

size_t way_end_interfaces(const struct way_end *end, const struct ifpattern **out)
{
	switch (end->kind) {
	case END_NETWORK:
		*out = end->network->interfaces;
		return end->network->n_interfaces;
	case END_UPLINK:
		*out = &end->uplink->interface;
		return 1;
	case END_HOST:
	case END_ELSEWHERE:
	case END__COUNT:
		break;
	}
	*out = NULL;
	return 0;
}

/* Passages. */

bool network_is_private(const struct network *network)
{
	return network->mode != MODE_ROUTED;
}

static int compare_indexes(const void *a, const void *b)
{
	const uint32_t *one = a, *two = b;

	return (*one > *two) - (*one < *two);
}

static bool uses_uplink(const struct description *description, const struct network *network,
			const struct uplink *uplink)
{
	uint32_t idx = (uint32_t)(uplink - description->uplinks);

	return network->n_uplinks > 0 &&
	       bsearch(&idx, network->uplinks, network->n_uplinks, sizeof(idx), compare_indexes);
}

static struct place mode_place(const struct network *network)
{
	return network->mode_place.line ? network->mode_place : network->place;
}

static struct passage closed(enum way_key key, struct place place)
{
	return (struct passage){.permission = PERMIT_NOTHING, .key = key, .place = place};
}

/* From a network to an uplink; what may not leave there may not come back either. */
static struct passage leave(const struct description *description, const struct network *network,
			    const struct uplink *uplink, enum family family)
{
	struct passage passage = {
		.permission = PERMIT_ALL, .key = WAY_KEY_MODE, .place = mode_place(network)};

	if (network->mode == MODE_ISOLATED)
		return closed(WAY_KEY_MODE, mode_place(network));
	if (!uses_uplink(description, network, uplink))
		return closed(WAY_KEY_UPLINK, network->place);
	passage.translated = network->mode == MODE_NAT;
	if (passage.translated)
		passage.translation = network_translation(network, uplink, family);
	return passage;
}

static struct passage from_network(const struct description *description,
				   const struct network *network, const struct way_end *to,
				   enum family family)
{
	if (!network_has_family(network, family))
		return closed(WAY_KEY_SUBNET, network->subnets[0].place);
	switch (to->kind) {
	case END_UPLINK:
		return leave(description, network, to->uplink, family);
	case END_NETWORK:
		return closed(WAY_KEY_REACH, network->place);
	case END_ELSEWHERE:
	case END_HOST:
	case END__COUNT:
		break;
	}
	return closed(WAY_KEY_UPLINKS, network->place);
}

static struct passage into_network(const struct description *description,
				   const struct way_end *from, const struct network *network,
				   enum family family)
{
	struct passage passage = closed(
		network_is_private(network) ? WAY_KEY_PUBLISH : WAY_KEY_ALLOW_FROM, network->place);

	if (from->kind == END_UPLINK && network_has_family(network, family) &&
	    leave(description, network, from->uplink, family).permission != PERMIT_NOTHING)
		passage.permission = PERMIT_REPLIES;
	return passage;
}

static struct passage find_passage(const struct description *description,
				   const struct way_end *from, const struct way_end *to,
				   enum family family)
{
	const struct network *source = from->kind == END_NETWORK ? from->network : NULL;
	const struct network *target = to->kind == END_NETWORK ? to->network : NULL;

	if (source == target || from->kind == END_HOST || to->kind == END_HOST)
		return (struct passage){.permission = PERMIT_ALL};
	return source ? from_network(description, source, to, family)
		      : into_network(description, from, target, family);
}

struct way ways_between(const struct description *description, struct way_end from,
			struct way_end to)
{
	struct way way = {.from = from, .to = to};

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		way.of[f] = find_passage(description, &from, &to, f);
	return way;
}

const struct passage *way_passage(const struct way *way)
{
	const struct passage *best = &way->of[0];

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		if (way->of[f].permission > best->permission)
			best = &way->of[f];
	return best;
}

bool way_is_open(const struct way *way)
{
	return way_passage(way)->permission != PERMIT_NOTHING;
}

/* One after the other: within, there and back for each uplink, there and back for all else. */

struct ways ways_of(const struct description *description, const struct network *network)
{
	return (struct ways){.description = description, .network = network};
}

bool ways_next(struct ways *ways, struct way *out)
{
	const struct network *network = ways->network;
	const struct way_end here = way_end_network(network);

	while (ways->next < 1 + 2 * (network->n_uplinks + 1)) {
		struct way_end other = {.kind = END_ELSEWHERE};
		size_t at = ways->next++;
		bool inward = at > 0 && at % 2 == 0;

		if (at == 0)
			other = here;
		else if ((at - 1) / 2 < network->n_uplinks)
			other = way_end_uplink(
				&ways->description->uplinks[network->uplinks[(at - 1) / 2]]);
		*out = ways_between(ways->description, inward ? other : here,
				    inward ? here : other);
		if (other.kind != END_UPLINK || way_is_open(out))
			return true;
	}
	return false;
}

struct passage ways_out(const struct description *description, const struct network *network,
			enum family family)
{
	struct ways ways = ways_of(description, network);
	struct way way;

	while (ways_next(&ways, &way))
		if (way.to.kind == END_UPLINK && way.of[family].permission != PERMIT_NOTHING)
			return way.of[family];
	return closed(WAY_KEY_NONE, PLACE_NONE);
}
