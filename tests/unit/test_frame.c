// SPDX-License-Identifier: GPL-2.0-or-later
// Frames of probes: checksums, marks, pieces, and reading what was made.
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "probe/frame.h"

static const uint8_t mark[FRAME_MARK_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

static const char text[] =
	"uplinks: {eth0: {address: [203.0.113.11, 2001:db8::11]}}\n"
	"networks: {vmnet1: {subnet: [192.168.56.0/24, fd00:56::/64], mode: nat}}\n";

struct fixture {
	struct arena *arena;
	struct probe_list *list;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	struct diags diags;

	fixture.arena = arena_new();
	struct description *d = arena_alloc(fixture.arena, sizeof(*d));

	diags_init(&diags, fixture.arena);
	diags_add_source(&diags, "test", text, strlen(text));
	if (!description_read(fixture.arena, &diags, d))
		return -1;
	fixture.list = probe_list_make(fixture.arena, replica_make(fixture.arena, d, NULL));
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	const struct fixture *fixture = *state;

	arena_free(fixture->arena);
	return 0;
}

/* The example of RFC 1071, section 3, and odd lengths. */
static void checksums(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	static const struct {
		size_t len;
		uint16_t sum;
	} cases[] = {{8, 0x220d}, {0, 0xffff}, {1, 0xffff}, {3, 0x0dfe}, {2, 0xfffe}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(checksum_end(checksum_add(0, bytes, cases[i].len)), cases[i].sum);
}

/* The checksum of the transport layer over itself, as a receiver sees it: 0 when right. */
static uint16_t verify(const struct sight *sight, const uint8_t *packet, size_t len)
{
	bool v4 = sight->saddr.family == FAMILY_IPV4;
	size_t size = v4 ? 4 : 16, body = len - sight->header_len;
	uint32_t sum = 0;

	if (sight->l4proto != IPPROTO_ICMP) {
		sum = checksum_add(sum, sight->saddr.bytes, size);
		sum = checksum_add(sum, sight->daddr.bytes, size);
		sum += sight->l4proto + (uint32_t)body;
	}
	return checksum_end(checksum_add(sum, packet + sight->header_len, body));
}

static bool is_in_pieces(enum probe_kind kind)
{
	return kind == PROBE_FRAGMENTS || kind == PROBE_FRAGMENTS_BACK || kind == PROBE_FRAGMENT;
}

/* Every probe's frames are read back as that probe, with right headers and checksums. */
static void frames_are_read_back(void **state)
{
	const struct fixture *fixture = *state;
	const struct probe_list *list = fixture->list;
	size_t made[PROBE__COUNT] = {0};

	for (uint32_t i = 0; i < list->n; i++) {
		const struct probe *probe = &list->items[i];
		struct frame frames[FRAME_COUNT_MAX];
		struct sight sight;
		size_t n;

		if (probe->phase == PHASE_BACK || probe->in == NO_PORT)
			continue;
		made[probe->kind]++;
		n = frame_make(list, i, mark, NULL, frames);
		assert_in_range(n, 1, FRAME_COUNT_MAX);
		assert_int_equal(n, probe->kind == PROBE_FRAGMENT || !is_in_pieces(probe->kind)
					    ? 1
					    : FRAME_COUNT_MAX);
		for (size_t f = 0; f < n; f++) {
			const uint8_t *packet = frames[f].bytes + FRAME_HEADER_SIZE;
			size_t len = frames[f].len - FRAME_HEADER_SIZE;
			bool v4 = probe->family == FAMILY_IPV4;

			assert_true(frame_read(list, mark, frames[f].bytes, frames[f].len, &sight));
			assert_int_equal(sight.probe, i);
			assert_true(addr_equal(&sight.saddr, &probe->saddr));
			assert_true(addr_equal(&sight.daddr, &probe->daddr));
			assert_int_equal(sight.l4proto,
					 probe_kind_table[probe->kind].l4proto[probe->family]);
			if (v4) {
				assert_int_equal(packet[2] << 8 | packet[3], len);
				assert_int_equal(checksum_end(checksum_add(0, packet, 20)), 0);
			} else {
				assert_int_equal(packet[4] << 8 | packet[5], len - 40);
			}
			if (is_in_pieces(probe->kind) || sight.l4proto == 253)
				continue;
			if (probe->kind == PROBE_UDP_BROKEN || probe->kind == PROBE_TCP_BROKEN)
				assert_int_not_equal(verify(&sight, packet, len), 0);
			else
				assert_int_equal(verify(&sight, packet, len), 0);
		}
	}
	for (size_t k = 0; k < PROBE__COUNT; k++)
		assert_int_equal(made[k] > 0,
				 k != PROBE_REPLY && k != PROBE_ERROR_ABOUT && k != PROBE_STRANGER);
}

/* The pieces of a datagram, put together, are the datagram; backwards they are the same. */
static void pieces_fit(void **state)
{
	const struct fixture *fixture = *state;
	const struct probe_list *list = fixture->list;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct probe *probe = &list->items[i];
		struct frame frames[FRAME_COUNT_MAX];
		uint8_t whole[512] = {0};
		size_t end = 0;

		if (probe->phase == PHASE_BACK || probe->in == NO_PORT ||
		    (probe->kind != PROBE_FRAGMENTS && probe->kind != PROBE_FRAGMENTS_BACK))
			continue;
		for (size_t f = frame_make(list, i, mark, NULL, frames); f-- > 0;) {
			const uint8_t *packet = frames[f].bytes + FRAME_HEADER_SIZE;
			bool v4 = probe->family == FAMILY_IPV4;
			size_t header = v4 ? 20 : 48;
			uint32_t field = v4 ? (uint32_t)(packet[6] << 8 | packet[7])
					    : (uint32_t)(packet[42] << 8 | packet[43]);
			size_t offset = v4 ? (field & 0x1fff) * 8 : (field & 0xfff8);
			size_t len = frames[f].len - FRAME_HEADER_SIZE - header;
			bool more = v4 ? (field & 0x2000) != 0 : (field & 1) != 0;

			memcpy(whole + offset, packet + header, len);
			assert_int_equal(more, len == 64);
			if (!more)
				end = offset + len;
		}
		assert_int_equal(whole[4] << 8 | whole[5], end);
	}
}

/* A reply to what was seen outside: ends swapped, and TCP acknowledges. */
static void replies_fit(void **state)
{
	const struct fixture *fixture = *state;
	const struct probe_list *list = fixture->list;
	size_t replies = 0;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct probe *probe = &list->items[i];
		struct frame sent[FRAME_COUNT_MAX], back[FRAME_COUNT_MAX];
		struct sight about, sight;

		if (probe->phase != PHASE_BACK)
			continue;
		frame_make(list, probe->about, mark, NULL, sent);
		assert_true(frame_read(list, mark, sent[0].bytes, sent[0].len, &about));
		about.saddr = list->items[probe->about].seen_saddr;
		assert_int_equal(frame_make(list, i, mark, &about, back), 1);
		assert_true(frame_read(list, mark, back[0].bytes, back[0].len, &sight));
		assert_int_equal(sight.probe, i);
		assert_true(addr_equal(&sight.daddr, &about.saddr));
		assert_true(addr_equal(&sight.saddr, &probe->saddr));
		assert_int_equal(verify(&sight, back[0].bytes + FRAME_HEADER_SIZE,
					back[0].len - FRAME_HEADER_SIZE),
				 0);
		if (probe->kind == PROBE_REPLY && sight.l4proto != IPPROTO_ICMP &&
		    sight.l4proto != IPPROTO_ICMPV6) {
			assert_int_equal(sight.sport, about.dport);
			assert_int_equal(sight.dport, about.sport);
		}
		replies++;
	}
	assert_true(replies > 10);
}

/* What the kernel answers by TCP has no mark: the number comes back as an acknowledgement. */
static void resets_are_told_apart(void **state)
{
	const struct fixture *fixture = *state;
	const struct probe_list *list = fixture->list;
	struct frame frames[FRAME_COUNT_MAX];
	struct sight sight;
	uint32_t i = 0;

	while (list->items[i].kind != PROBE_TCP || list->items[i].family != FAMILY_IPV4)
		i++;
	frame_make(list, i, mark, NULL, frames);
	uint8_t *tcp = frames[0].bytes + FRAME_HEADER_SIZE + 20;

	/* RST and ACK: the number is acknowledged. */
	memcpy(tcp + 8, tcp + 4, 4);
	tcp[11]++;
	memset(tcp + 4, 0, 4);
	tcp[13] = 4 | 16;
	assert_true(frame_read(list, mark, frames[0].bytes, FRAME_HEADER_SIZE + 40, &sight));
	assert_int_equal(sight.probe, i);
	/* Some other packet. */
	memset(tcp + 8, 0xff, 4);
	assert_true(frame_read(list, mark, frames[0].bytes, FRAME_HEADER_SIZE + 40, &sight));
	assert_int_equal(sight.probe, NO_PROBE);
}

static void canaries_come_back(void **state)
{
	const struct fixture *fixture = *state;
	struct frame frame;
	uint32_t number = 0;

	frame_make_canary(fixture->list->replica, 3, 0x01020304, &frame);
	assert_false(frame_read_canary(frame.bytes, frame.len, &number));
	/* The answer: to the asker, and a reply. */
	memcpy(frame.bytes, frame.bytes + 6, 6);
	frame.bytes[21] = 2;
	assert_true(frame_read_canary(frame.bytes, frame.len, &number));
	assert_int_equal(number, 0x01020304);
	assert_false(frame_read_canary(frame.bytes, 20, &number));
}

/* Whatever length a captured frame has, reading it stays within it. */
static void short_frames_are_read(void **state)
{
	const struct fixture *fixture = *state;
	const struct probe_list *list = fixture->list;

	for (uint32_t i = 0; i < list->n; i += 7) {
		struct frame frames[FRAME_COUNT_MAX];
		struct sight sight;

		if (list->items[i].phase == PHASE_BACK || list->items[i].in == NO_PORT)
			continue;
		frame_make(list, i, mark, NULL, frames);
		for (size_t len = 0; len < frames[0].len; len++) {
			uint8_t *copy = test_malloc(len + 1);

			memcpy(copy, frames[0].bytes, len);
			(void)frame_read(list, mark, copy, len, &sight);
			test_free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums),
		cmocka_unit_test(frames_are_read_back),
		cmocka_unit_test(pieces_fit),
		cmocka_unit_test(replies_fit),
		cmocka_unit_test(resets_are_told_apart),
		cmocka_unit_test(canaries_come_back),
		cmocka_unit_test(short_frames_are_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
