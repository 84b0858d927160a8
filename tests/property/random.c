// SPDX-License-Identifier: GPL-2.0-or-later
// random: descriptions and packets from a seed, for tests of properties.
#include "random.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

uint32_t random_below(struct random *random, uint32_t below)
{
	/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (uint32_t)((random->state * 2685821657736338717u) >> 33) % below;
}

static bool one_in(struct random *random, uint32_t n)
{
	return random_below(random, n) == 0;
}

/* Subnets of different networks never overlap: the second byte group is the network's number. */
static struct prefix random_subnet(struct random *random, uint32_t number, uint32_t which)
{
	struct prefix prefix = {0};

	if (one_in(random, 2)) {
		prefix.addr.family = FAMILY_IPV6;
		prefix.addr.bytes[0] = 0xfd;
		prefix.addr.bytes[2] = (uint8_t)(number >> 8);
		prefix.addr.bytes[3] = (uint8_t)number;
		prefix.addr.bytes[4] = (uint8_t)(which << 6);
		prefix.addr.bytes[5] = (uint8_t)random_below(random, 256);
		prefix.len = (uint8_t)(34 + random_below(random, 95));
	} else {
		prefix.addr.bytes[0] = (uint8_t)(10 + (number >> 8));
		prefix.addr.bytes[1] = (uint8_t)number;
		prefix.addr.bytes[2] =
			(uint8_t)(which << 6 | random_below(random, 64));
		prefix.addr.bytes[3] = (uint8_t)random_below(random, 256);
		prefix.len = (uint8_t)(18 + random_below(random, 15));
	}
	return prefix_truncate(&prefix);
}

static void random_uplinks(struct random *random, struct arena *arena, struct description *d)
{
	d->n_uplinks = 1 + random_below(random, 3);
	d->uplinks = arena_calloc(arena, d->n_uplinks, sizeof(*d->uplinks));
	for (unsigned int u = 0; u < d->n_uplinks; u++) {
		struct uplink *uplink = &d->uplinks[u];

		uplink->name = arena_printf(arena, "up%u", u);
		snprintf(uplink->interface.name, IFNAME_SIZE, "eth%u", u);
		uplink->has_address[FAMILY_IPV4] = !one_in(random, 3);
		uplink->has_address[FAMILY_IPV6] = !one_in(random, 3);
		addr_parse(arena_printf(arena, "203.0.113.%u", u + 1),
			   &uplink->address[FAMILY_IPV4]);
		addr_parse(arena_printf(arena, "2001:db8::%u", u + 1),
			   &uplink->address[FAMILY_IPV6]);
	}
}

static void random_interfaces(struct random *random, struct arena *arena, struct network *network,
			      uint32_t number)
{
	network->n_interfaces = one_in(random, 4) ? 2 : 1;
	network->interfaces =
		arena_calloc(arena, network->n_interfaces, sizeof(*network->interfaces));
	for (size_t i = 0; i < network->n_interfaces; i++) {
		struct ifpattern *pattern = &network->interfaces[i];

		pattern->wildcard = one_in(random, 8);
		/* A pattern ends in a letter, so that "n1" and "n1x*" stay apart. */
		snprintf(pattern->name, IFNAME_SIZE, pattern->wildcard ? "w%u.%zux" : "n%u.%zu",
			 number, i);
	}
}

static void random_network(struct random *random, struct arena *arena, struct description *d,
			   struct network *network, uint32_t number)
{
	network->name = arena_printf(arena, "net%u", number);
	random_interfaces(random, arena, network, number);
	network->n_subnets = 1 + random_below(random, 3);
	network->subnets = arena_calloc(arena, network->n_subnets, sizeof(*network->subnets));
	for (uint32_t s = 0; s < network->n_subnets; s++)
		network->subnets[s].prefix = random_subnet(random, number, s);
	if (one_in(random, 2)) {
		network->n_gateways = 1;
		network->gateways = arena_calloc(arena, 1, sizeof(*network->gateways));
		network->gateways[0].addr = network->subnets[0].prefix.addr;
	}
	network->mode = (enum mode)random_below(random, MODE__COUNT);
	network->uplinks = arena_calloc(arena, d->n_uplinks, sizeof(*network->uplinks));
	for (uint32_t u = 0; u < d->n_uplinks; u++)
		if (u == 0 || one_in(random, 2))
			network->uplinks[network->n_uplinks++] = u;
	network->snat = (enum snat_kind)random_below(random, SNAT__COUNT);
	addr_parse(one_in(random, 2) ? "203.0.113.99" : "2001:db8::99", &network->snat_address);
}

struct description *random_description(struct random *random, struct arena *arena,
				       uint32_t max_networks)
{
	struct description *d = arena_alloc(arena, sizeof(*d));

	random_uplinks(random, arena, d);
	d->n_networks = 1 + random_below(random, max_networks);
	d->networks = arena_calloc(arena, d->n_networks, sizeof(*d->networks));
	for (uint32_t n = 0; n < d->n_networks; n++)
		random_network(random, arena, d, &d->networks[n], n);
	d->settings.deny = (enum deny)random_below(random, DENY__COUNT);
	return d;
}

static void random_ifname(struct random *random, const struct description *d,
			  char out[static IFNAME_SIZE])
{
	uint32_t kind = random_below(random, 10);

	memset(out, 0, IFNAME_SIZE);
	if (kind == 0) {
		snprintf(out, IFNAME_SIZE, "other0");
	} else if (kind < 4) {
		snprintf(out, IFNAME_SIZE, "eth%u", random_below(random, 4));
	} else {
		const struct network *network =
			&d->networks[random_below(random, (uint32_t)d->n_networks)];
		const struct ifpattern *pattern =
			&network->interfaces[random_below(random, (uint32_t)network->n_interfaces)];

		memcpy(out, pattern->name, IFNAME_SIZE);
		if (pattern->wildcard && !one_in(random, 8))
			out[strlen(out)] = '7';
		if (one_in(random, 20)) /* a name that only starts or nearly ends like it */
			out[strlen(out) - 1] ^= 1;
	}
}

static struct addr random_addr(struct random *random, const struct description *d,
			       enum family family)
{
	static const char *const special[][FAMILY__COUNT] = {
		{"0.0.0.0", "::"},	     {"0.1.2.3", "::1"},      {"169.254.7.7", "fe80::7"},
		{"224.0.0.251", "ff02::fb"}, {"255.255.255.255", "ff02::1"},
		{"198.51.100.7", "2001:db8:77::7"}, {"203.0.113.1", "2001:db8::1"},
	};
	struct addr addr = {.family = family};

	if (one_in(random, 3)) {
		addr_parse(special[random_below(random, sizeof(special) / sizeof(*special))][family],
			   &addr);
		return addr;
	}
	for (unsigned int tries = 0; tries < 8; tries++) {
		const struct network *network =
			&d->networks[random_below(random, (uint32_t)d->n_networks)];
		const struct prefix *prefix =
			&network->subnets[random_below(random, (uint32_t)network->n_subnets)].prefix;

		if (prefix->addr.family != family)
			continue;
		addr = prefix->addr;
		/* The last bit of the prefix, or one just beyond it: both sides of the edge. */
		unsigned int bit = prefix->len + random_below(random, 3);

		if (bit > 0 && bit <= family_bits(family) && one_in(random, 2))
			addr.bytes[(bit - 1) / 8] ^= (uint8_t)(0x80u >> (bit - 1) % 8);
		return addr;
	}
	return addr;
}

static void random_state(struct random *random, struct packet *packet)
{
	static const enum ct_state states[] = {CT_STATE_INVALID, CT_STATE_ESTABLISHED,
					       CT_STATE_RELATED, CT_STATE_NEW, CT_STATE_UNTRACKED};

	packet->ct_state = states[random_below(random, sizeof(states) / sizeof(*states))];
	if (packet->ct_state & (CT_STATE_INVALID | CT_STATE_UNTRACKED))
		return;
	if (packet->ct_state != CT_STATE_NEW) {
		packet->ct_reply = one_in(random, 2);
		packet->ct_status = CT_STATUS_CONFIRMED;
		if (one_in(random, 2))
			packet->ct_status |= CT_STATUS_SRC_NAT;
		if (one_in(random, 3))
			packet->ct_status |= CT_STATUS_DST_NAT;
	}
	if (one_in(random, 8))
		packet->ct_status |= CT_STATUS_EXPECTED;
}

static bool is_for_many(const struct addr *addr)
{
	return addr->family == FAMILY_IPV6 ? addr->bytes[0] == 0xff : addr->bytes[0] >= 224;
}

struct packet random_packet(struct random *random, const struct description *d)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
					    IPPROTO_ICMPV6, IPPROTO_IGMP, 47};
	static const uint8_t types[] = {0, 3, 4, 5, 8, 11, 12, 128, 129, 131, 132, 133,
					134, 135, 136, 137, 143};
	struct packet packet = {.family = (enum family)random_below(random, FAMILY__COUNT)};

	if (!one_in(random, 10))
		random_ifname(random, d, packet.iifname);
	random_ifname(random, d, packet.oifname);
	packet.saddr = random_addr(random, d, packet.family);
	packet.daddr = random_addr(random, d, packet.family);
	packet.l4proto = protocols[random_below(random, sizeof(protocols))];
	packet.dport = one_in(random, 2) ? 67 : 53;
	packet.icmp_type = types[random_below(random, sizeof(types))];
	packet.icmp_code = (uint8_t)random_below(random, 3);
	packet.for_host = *packet.iifname && one_in(random, 8);
	packet.dest_broadcast = packet.family == FAMILY_IPV4 && packet.daddr.bytes[0] == 255;
	packet.dest_local = packet.for_host && !is_for_many(&packet.daddr);
	packet.reverse_path = one_in(random, 2);
	packet.source_on_out = one_in(random, 6);
	packet.source_local = packet.source_on_out || one_in(random, 8);
	packet.source_broadcast = !packet.source_local && one_in(random, 10);
	addr_parse(packet.family == FAMILY_IPV4 ? "203.0.113.200" : "2001:db8::200",
		   &packet.ct_source);
	random_state(random, &packet);
	packet.ct_daddr = packet.ct_reply ? packet.saddr : packet.daddr;
	if (packet.ct_state == CT_STATE_RELATED)
		packet.ct_daddr = random_addr(random, d, packet.family);
	return packet;
}

bool same_outcome(const struct outcome *a, const struct outcome *b)
{
	if (a->verdict != b->verdict)
		return false;
	if (a->verdict != VERDICT_PASS)
		return true;
	return a->translated == b->translated && a->masquerade == b->masquerade &&
	       (a->masquerade || addr_equal(&a->source, &b->source));
}
