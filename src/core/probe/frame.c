// SPDX-License-Identifier: GPL-2.0-or-later
// frame: probes as Ethernet frames.
#include "probe/frame.h"

#include <netinet/in.h>
#include <string.h>

/*
 * Theory of operation
 *
 * Every packet carries the mark of the run and the number of its probe as payload. What the kernel
 * answers with ICMP quotes it, translation leaves it alone. Only TCP's own answers carry nothing;
 * so the number is in the sequence numbers, too, which come back in them.
 */

#define MARKED_SIZE (FRAME_MARK_SIZE + 4)
#define ETHERNET_IPV4 0x0800
#define ETHERNET_IPV6 0x86dd
#define ETHERNET_ARP 0x0806
#define PORT_CLOSED 7

enum tcp_flag {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16,
};

/* A packet while it is made: the transport layer's bytes. */
struct draft {
	const struct probe *probe;
	uint32_t link; /* at whose wire it is sent */
	enum probe_kind kind; /* a reply's is that of the probe it answers */
	uint32_t idx;
	const uint8_t *mark;
	const struct sight *about;
	struct addr saddr, daddr;
	uint8_t l4proto;
	uint8_t body[512];
	size_t len;
};

uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

uint16_t checksum_end(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static void make_mac(uint8_t end, uint32_t link, uint8_t out[static FRAME_MAC_SIZE])
{
	/* Locally administered. */
	const uint8_t mac[FRAME_MAC_SIZE] = {2, 'h', 'g', end, (uint8_t)(link >> 8), (uint8_t)link};

	memcpy(out, mac, sizeof(mac));
}

void frame_host_mac(uint32_t link, uint8_t out[static FRAME_MAC_SIZE])
{
	make_mac(1, link, out);
}

void frame_wire_mac(uint32_t link, uint8_t out[static FRAME_MAC_SIZE])
{
	make_mac(2, link, out);
}

static void add_mark(struct draft *d)
{
	memcpy(d->body + d->len, d->mark, FRAME_MARK_SIZE);
	put32(d->body + d->len + FRAME_MARK_SIZE, d->idx);
	d->len += MARKED_SIZE;
}

/* Transport layer. */

static uint32_t pseudo_header(const struct draft *d)
{
	size_t size = family_bits(d->saddr.family) / 8;
	uint32_t sum = checksum_add(0, d->saddr.bytes, size);

	return checksum_add(sum, d->daddr.bytes, size) + d->l4proto + (uint32_t)d->len;
}

static void close_checksum(struct draft *d, size_t at)
{
	bool bare = d->l4proto == IPPROTO_ICMP;
	uint16_t sum;

	put16(d->body + at, 0);
	sum = checksum_end(checksum_add(bare ? 0 : pseudo_header(d), d->body, d->len));
	if (d->l4proto == IPPROTO_UDP && sum == 0)
		sum = 0xffff;
	if (d->kind == PROBE_UDP_BROKEN || d->kind == PROBE_TCP_BROKEN)
		sum = sum == 0x5a5a ? 0xa5a5 : 0x5a5a;
	put16(d->body + at, sum);
}

static uint16_t source_port(uint32_t idx)
{
	return (uint16_t)(1024 + idx % 64000);
}

static void make_udp(struct draft *d)
{
	bool large = d->kind == PROBE_FRAGMENTS || d->kind == PROBE_FRAGMENTS_BACK ||
		     d->kind == PROBE_FRAGMENT;

	put16(d->body, d->kind == PROBE_DHCP ? 68 : source_port(d->idx));
	put16(d->body + 2, d->kind == PROBE_DHCP ? 67 : PORT_CLOSED);
	if (d->about) {
		put16(d->body, d->about->dport);
		put16(d->body + 2, d->about->sport);
	}
	d->len = 8;
	for (int i = 0; i < (large ? 20 : 1); i++)
		add_mark(d);
	put16(d->body + 4, (uint32_t)d->len);
	close_checksum(d, 6);
}

static uint32_t sequence(uint32_t idx)
{
	return (idx + 1) << 8;
}

static uint8_t tcp_flags(enum probe_kind kind)
{
	if (kind == PROBE_RST)
		return TCP_RST;
	if (kind == PROBE_FIN_ACK)
		return TCP_FIN | TCP_ACK;
	if (kind == PROBE_SYN_ACK)
		return TCP_SYN | TCP_ACK;
	if (kind == PROBE_ACK)
		return TCP_ACK | TCP_PSH;
	if (kind == PROBE_ALL_FLAGS)
		return TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK;
	return TCP_SYN;
}

static void make_tcp(struct draft *d)
{
	uint8_t flags = tcp_flags(d->kind);

	put16(d->body, source_port(d->idx));
	put16(d->body + 2, PORT_CLOSED);
	put32(d->body + 4, sequence(d->idx));
	put32(d->body + 8, flags & TCP_ACK ? sequence(d->idx) : 0);
	if (d->about) {
		put16(d->body, d->about->dport);
		put16(d->body + 2, d->about->sport);
		put32(d->body + 8, d->about->tcp_seq + 1);
		flags |= TCP_ACK;
	}
	d->body[12] = 5 << 4;
	d->body[13] = flags;
	put16(d->body + 14, 64240);
	d->len = 20;
	add_mark(d);
	close_checksum(d, 16);
}

/* The packet that an ICMP error is about: as it was seen, or one that never was. */
static void quote(struct draft *d)
{
	bool v4 = d->saddr.family == FAMILY_IPV4;
	size_t header = v4 ? 20 : 40, size = v4 ? 4 : 16;
	uint8_t *at = d->body + d->len;

	if (d->about) {
		memcpy(at, d->about->packet, header + 8);
		d->len += header + 8;
		return;
	}
	at[0] = v4 ? 0x45 : 0x60;
	if (v4) {
		put16(at + 2, 28 + MARKED_SIZE);
		at[8] = 63;
		at[9] = IPPROTO_UDP;
	} else {
		put16(at + 4, 8 + MARKED_SIZE);
		at[6] = IPPROTO_UDP;
		at[7] = 63;
	}
	memcpy(at + header - 2 * size, d->daddr.bytes, size);
	memcpy(at + header - size, d->saddr.bytes, size);
	if (v4)
		put16(at + 10, checksum_end(checksum_add(0, at, header)));
	put16(at + header, PORT_CLOSED);
	put16(at + header + 2, source_port(d->idx));
	put16(at + header + 4, 8 + MARKED_SIZE);
	d->len += header + 8;
}

static void make_icmp(struct draft *d)
{
	bool v4 = d->saddr.family == FAMILY_IPV4;

	d->len = 8;
	d->body[0] = v4 ? 8 : 128;
	put16(d->body + 4, d->idx & 0xffff);
	put16(d->body + 6, 1);
	if (d->kind == PROBE_ERROR || d->kind == PROBE_ERROR_ABOUT) {
		d->body[0] = v4 ? 3 : 1;
		d->body[1] = v4 ? 3 : 4;
		put32(d->body + 4, 0);
		quote(d);
	} else if (d->kind == PROBE_ROUTER) {
		d->body[0] = v4 ? 5 : 134;
		put32(d->body + 4, 0);
	} else if (d->kind == PROBE_REPORT) {
		d->body[0] = 143;
		put32(d->body + 4, 0);
	} else if (d->kind == PROBE_ECHO_REPLY || d->about) {
		d->body[0] = v4 ? 0 : 129;
		if (d->about)
			put16(d->body + 4, d->about->sport);
	}
	add_mark(d);
	close_checksum(d, 2);
}

static void make_body(struct draft *d)
{
	switch (d->l4proto) {
	case IPPROTO_UDP:
		make_udp(d);
		break;
	case IPPROTO_TCP:
		make_tcp(d);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		make_icmp(d);
		break;
	default:
		put32(d->body, 0);
		d->len = 4;
		add_mark(d);
		break;
	}
}

/* Network layer. */

static uint8_t hop_limit(enum probe_kind kind)
{
	return kind == PROBE_LAST_HOP || kind == PROBE_LAST_HOP_ECHO ? 1 : 64;
}

/* Writes an IPv4 header before the piece of the body; returns its length. */
static size_t put_ipv4(const struct draft *d, uint8_t *at, size_t offset, size_t len, bool more)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	put16(at + 2, (uint32_t)(20 + len));
	put16(at + 4, d->idx & 0xffff);
	put16(at + 6, (uint32_t)(offset / 8) | (more ? 0x2000u : 0));
	at[8] = hop_limit(d->kind);
	at[9] = d->l4proto;
	memcpy(at + 12, d->saddr.bytes, 4);
	memcpy(at + 16, d->daddr.bytes, 4);
	put16(at + 10, checksum_end(checksum_add(0, at, 20)));
	return 20;
}

static size_t put_ipv6(const struct draft *d, uint8_t *at, size_t offset, size_t len, bool more)
{
	bool piece = offset > 0 || more, option = d->kind == PROBE_HOP_OPTION;
	size_t extra = piece || option ? 8 : 0;

	memset(at, 0, 40 + extra);
	at[0] = 0x60;
	put16(at + 4, (uint32_t)(len + extra));
	at[6] = piece ? IPPROTO_FRAGMENT : option ? IPPROTO_HOPOPTS : d->l4proto;
	at[7] = hop_limit(d->kind);
	memcpy(at + 8, d->saddr.bytes, 16);
	memcpy(at + 24, d->daddr.bytes, 16);
	if (extra)
		at[40] = d->l4proto;
	if (piece) {
		put16(at + 42, (uint32_t)offset | more);
		put32(at + 44, d->idx);
	} else if (option) {
		/* An option of an unknown kind that wants to be answered, 4 bytes. */
		at[42] = 0x80;
		at[43] = 4;
	}
	return 40 + extra;
}

static void set_destination(const struct draft *d, uint8_t *mac)
{
	const uint8_t *a = d->daddr.bytes;

	if (d->daddr.family == FAMILY_IPV6 && a[0] == 0xff)
		memcpy(mac, (uint8_t[]){0x33, 0x33, a[12], a[13], a[14], a[15]}, FRAME_MAC_SIZE);
	else if (d->daddr.family == FAMILY_IPV4 && a[0] >= 240)
		memset(mac, 0xff, FRAME_MAC_SIZE);
	else if (d->daddr.family == FAMILY_IPV4 && a[0] >= 224)
		memcpy(mac, (uint8_t[]){1, 0, 0x5e, a[1] & 0x7f, a[2], a[3]}, FRAME_MAC_SIZE);
	else
		frame_host_mac(d->link, mac);
}

static void make_frame(const struct draft *d, size_t offset, size_t len, bool more,
		       struct frame *out)
{
	bool v4 = d->saddr.family == FAMILY_IPV4;
	uint8_t *at = out->bytes;

	set_destination(d, at);
	frame_wire_mac(d->link, at + FRAME_MAC_SIZE);
	put16(at + 12, v4 ? ETHERNET_IPV4 : ETHERNET_IPV6);
	at += FRAME_HEADER_SIZE;
	at += v4 ? put_ipv4(d, at, offset, len, more) : put_ipv6(d, at, offset, len, more);
	memcpy(at, d->body + offset, len);
	out->len = (size_t)(at - out->bytes) + len;
}

#define PIECE_SIZE 64

static size_t make_pieces(const struct draft *d, struct frame out[static FRAME_COUNT_MAX])
{
	size_t n = (d->len + PIECE_SIZE - 1) / PIECE_SIZE;

	if (d->kind == PROBE_FRAGMENT)
		n = 1;
	for (size_t i = 0; i < n; i++) {
		size_t offset = i * PIECE_SIZE, left = d->len - offset;
		bool more = left > PIECE_SIZE;

		make_frame(d, offset, more ? PIECE_SIZE : left, more,
			   &out[d->kind == PROBE_FRAGMENTS_BACK ? n - 1 - i : i]);
	}
	return n;
}

size_t frame_make(const struct probe_list *list, uint32_t idx,
		  const uint8_t mark[static FRAME_MARK_SIZE], const struct sight *about,
		  struct frame out[static FRAME_COUNT_MAX])
{
	const struct probe *probe = &list->items[idx];
	struct draft d = {
		.probe = probe,
		.link = probe->in == NO_PORT ? 0 : replica_entry(list->replica, probe->in),
		.kind = probe->kind,
		.idx = idx,
		.mark = mark,
		.about = about,
		.saddr = probe->saddr,
		.daddr = about ? about->saddr : probe->daddr,
	};

	if (probe->kind == PROBE_REPLY)
		d.kind = list->items[probe->about].kind;
	d.l4proto = probe_kind_table[d.kind].l4proto[probe->family];
	make_body(&d);
	if (d.kind == PROBE_FRAGMENTS || d.kind == PROBE_FRAGMENTS_BACK || d.kind == PROBE_FRAGMENT)
		return make_pieces(&d, out);
	make_frame(&d, 0, d.len, false, &out[0]);
	return 1;
}

/* The canary is a request of a station without an address: its own hardware address is the number. */

void frame_make_canary(const struct replica *replica, uint32_t port, uint32_t number,
		       struct frame *out)
{
	const uint8_t head[] = {0, 1, 8, 0, 6, 4, 0, 1}; /* Ethernet, IPv4, request */
	uint8_t *at = out->bytes;

	memset(at, 0, FRAME_SIZE);
	frame_host_mac(port, at);
	at[6] = 6;
	at[7] = 'c';
	put32(at + 8, number);
	put16(at + 12, ETHERNET_ARP);
	memcpy(at + 14, head, sizeof(head));
	memcpy(at + 22, at + 6, FRAME_MAC_SIZE);
	memcpy(at + 38, replica->canary.bytes, 4);
	out->len = 60;
}

bool frame_read_canary(const uint8_t *bytes, size_t len, uint32_t *number)
{
	if (len < 42 || bytes[12] != 8 || bytes[13] != 6 || bytes[0] != 6 || bytes[1] != 'c' ||
	    bytes[21] != 2)
		return false;
	*number = (uint32_t)bytes[2] << 24 | (uint32_t)bytes[3] << 16 | (uint32_t)bytes[4] << 8 |
		  bytes[5];
	return true;
}
