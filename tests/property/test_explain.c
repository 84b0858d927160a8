// SPDX-License-Identifier: GPL-2.0-or-later
// What is asked about a packet is read strictly, and every packet of every description is explained.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "print/print_explain.h"
#include "random.h"

#define SEED 7u

static void questions_are_read(void **state)
{
	static const struct {
		const char *dst;
		uint8_t l4proto;
		unsigned int port; /* 0: none */
		const char *address;
	} good[] = {
		{"198.51.100.7", 0, 0, "198.51.100.7"},
		{"198.51.100.7:443", 0, 443, "198.51.100.7"},
		{"198.51.100.7:65535/tcp", IPPROTO_TCP, 65535, "198.51.100.7"},
		{"198.51.100.7/udp", IPPROTO_UDP, 0, "198.51.100.7"},
		{"198.51.100.7/icmp", IPPROTO_ICMP, 0, "198.51.100.7"},
		{"2001:db8::7", 0, 0, "2001:db8::7"},
		{"[2001:db8::7]", 0, 0, "2001:db8::7"},
		{"2001:db8::7/icmp", IPPROTO_ICMPV6, 0, "2001:db8::7"},
		{"[2001:db8::7]:53/udp", IPPROTO_UDP, 53, "2001:db8::7"},
		{"2001:db8::7:443", 0, 0, "2001:db8::7:443"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		bool v6 = strchr(good[i].address, ':') != NULL;
		struct query query;
		struct buf error = {0};
		struct addr addr;

		if (!query_read(v6 ? "2001:db8::1" : "192.0.2.1", good[i].dst, &query, &error))
			fail_msg("%s: %s", good[i].dst, buf_text(&error));
		assert_true(addr_parse(good[i].address, &addr));
		assert_true(addr_equal(&addr, &query.daddr));
		assert_int_equal(query.l4proto, good[i].l4proto);
		assert_int_equal(query.has_port, good[i].port != 0);
		assert_int_equal(query.port, good[i].port);
		assert_null(query.from);
	}
}

static void wrong_questions_are_refused(void **state)
{
	static const struct {
		const char *src, *dst, *says;
	} wrong[] = {
		{"", "192.0.2.1", "not an IPv4 or IPv6 address"},
		{"guest", "192.0.2.1", "names are not looked up"},
		{"192.0.2.0/24", "192.0.2.1", "give one address in it"},
		{"192.0.2.1", "", "not an IPv4 or IPv6 address"},
		{"192.0.2.1", "example.com:80", "names are not looked up"},
		{"192.0.2.1", "198.51.100.0/24", "give one address in it"},
		{"192.0.2.1", "198.51.100.7/", "not an IPv4 or IPv6 address"},
		{"192.0.2.1", "198.51.100.7:", "not a port"},
		{"192.0.2.1", "198.51.100.7:0", "not a port"},
		{"192.0.2.1", "198.51.100.7:65536", "not a port"},
		{"192.0.2.1", "198.51.100.7:+1", "not a port"},
		{"192.0.2.1", "198.51.100.7:80,443", "not a port"},
		{"192.0.2.1", "198.51.100.7/sctp", "not tcp, udp or icmp"},
		{"192.0.2.1", "198.51.100.7/TCP", "not tcp, udp or icmp"},
		{"192.0.2.1", "198.51.100.7:8/icmp", "no ports"},
		{"2001:db8::1", "[2001:db8::7", "[ADDRESS]:PORT"},
		{"2001:db8::1", "[2001:db8::7]80", "[ADDRESS]:PORT"},
		{"2001:db8::1", "[]:80", "not an IPv4 or IPv6 address"},
		{"192.0.2.1", "2001:db8::7", "no packet has both"},
		{"192.0.2.1", "192.0.2.1:80/tcp", "the same address"},
		{"127.0.0.1", "192.0.2.1", "never leaves a machine"},
		{"0.0.0.0", "192.0.2.1", "not the address of a machine"},
		{"0.0.0.0", "255.255.255.255:68", "not the address of a machine"},
		{"192.0.2.1", "224.0.0.251", "multicast"},
		{"192.0.2.1", "255.255.255.255:67/udp", "never forwarded"},
		{"fe80::1", "2001:db8::7", "never forwarded"},
		{"2001:db8::1", "ff02::1", "multicast"},
	};
	char endless[300];

	(void)state;
	memset(endless, '1', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(wrong) / sizeof(*wrong); i++) {
		bool last = i == sizeof(wrong) / sizeof(*wrong);
		const char *dst = last ? endless : wrong[i].dst;
		struct query query;
		struct buf error = {0};

		if (query_read(last ? "192.0.2.1" : wrong[i].src, dst, &query, &error))
			fail_msg("%s is understood", dst);
		if (!strstr(buf_text(&error), last ? "too long" : wrong[i].says))
			fail_msg("%s: %s", dst, buf_text(&error));
		buf_free(&error);
	}
}

static const struct network *network_of(const struct description *d, const struct addr *addr)
{
	for (size_t n = 0; n < d->n_networks; n++)
		for (size_t s = 0; s < d->networks[n].n_subnets; s++)
			if (prefix_contains(&d->networks[n].subnets[s].prefix, addr))
				return &d->networks[n];
	return NULL;
}

/* What policy says of the packet, without the ruleset. */
static void check_path(const struct description *d, const struct query *query,
		       const struct explained_path *path)
{
	const struct network *from = network_of(d, &query->saddr);
	bool outside = path->out.kind == END_UPLINK;

	if (from && outside && from->mode == MODE_ISOLATED)
		assert_int_equal(path->fate, FATE_REFUSED);
	if (path->in.kind == END_NETWORK && path->out.kind == END_NETWORK &&
	    path->out.network != from)
		assert_int_equal(path->fate, FATE_REFUSED);
	if (!from && path->in.kind != END_HOST && path->out.kind == END_NETWORK)
		assert_int_equal(path->fate, FATE_REFUSED);
	if (from && outside && path->fate == FATE_PASSES)
		assert_int_equal(path->there.outcome.translated, from->mode == MODE_NAT);
	/* From a network's address the host answers nobody outside. */
	if (path->out.kind == END_HOST && path->out.network && path->in.kind == END_UPLINK)
		return;
	/* Multicast and link-local addresses, of which query_read() knows, answer nobody out there. */
	if (path->has_reply && path->back.outcome.verdict != VERDICT_PASS &&
	    query->daddr.bytes[0] < (query->daddr.family == FAMILY_IPV4 ? 224 : 0xfe)) {
		char source[ADDR_TEXT_SIZE], destination[ADDR_TEXT_SIZE];

		fail_msg("%s to %s, in %s, out %s: the reply is refused",
			 addr_format(&query->saddr, source),
			 addr_format(&query->daddr, destination), path->in.ifname,
			 path->out.ifname);
	}
}

static void every_packet_is_explained(void **state)
{
	struct random random = {SEED};
	size_t fates[FATE__COUNT] = {0};

	(void)state;
	for (unsigned int round = 0; round < 400; round++) {
		struct arena *arena = arena_new();
		struct description *d = random_description(&random, arena, 5);
		struct ruleset *ruleset = plan_ruleset(arena, d);
		struct diags diags;

		diags_init(&diags, arena);
		diags_add_source(&diags, "random", "", 0);
		for (unsigned int i = 0; i < 50; i++) {
			struct packet packet = random_packet(&random, d);
			struct query query = {.saddr = packet.saddr,
					      .daddr = packet.daddr,
					      .l4proto = packet.l4proto};
			struct explanation explanation;
			struct buf out = {0};

			if (packet.iifname[0] && random_below(&random, 4) == 0)
				query.from = packet.iifname;
			if (!explain_packet(arena, d, ruleset, &query, &explanation, &out)) {
				assert_non_null(strstr(buf_text(&out), "--from"));
				buf_free(&out);
				continue;
			}
			for (size_t w = 0; w < explanation.n_paths; w++) {
				fates[explanation.paths[w].fate]++;
				if (!query.from)
					check_path(d, &query, &explanation.paths[w]);
			}
			print_explain(&explanation, &diags, false, &out);
			assert_null(strstr(buf_text(&out), "(null)"));
			buf_free(&out);
		}
		arena_free(arena);
	}
	for (size_t f = 0; f < FATE__COUNT; f++)
		assert_true(fates[f] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_are_read),
		cmocka_unit_test(wrong_questions_are_refused),
		cmocka_unit_test(every_packet_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
