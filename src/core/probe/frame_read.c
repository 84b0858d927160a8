// SPDX-License-Identifier: GPL-2.0-or-later
// frame_read: captured frames understood, and told to people.
#include <netinet/in.h>
#include <string.h>

#include "probe/frame.h"

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint32_t find_mark(const struct probe_list *list, const uint8_t *mark, const uint8_t *bytes,
			  size_t len)
{
	const uint8_t *found = memmem(bytes, len, mark, FRAME_MARK_SIZE);
	uint32_t idx;

	if (!found || (size_t)(bytes + len - found) < FRAME_MARK_SIZE + 4)
		return NO_PROBE;
	idx = get32(found + FRAME_MARK_SIZE);
	return idx < list->n ? idx : NO_PROBE;
}

/* TCP's own answers: an acknowledgement, or a reset with the number that was acknowledged. */
static uint32_t find_sequence(const struct probe_list *list, const uint8_t *tcp)
{
	uint32_t number = tcp[13] & 16 ? get32(tcp + 8) : get32(tcp + 4);
	uint32_t idx = (number >> 8) - 1;

	return idx < list->n ? idx : NO_PROBE;
}

static void read_transport(const struct probe_list *list, const uint8_t *at, size_t len,
			   struct sight *out)
{
	if (len < 8)
		return;
	switch (out->l4proto) {
	case IPPROTO_TCP:
		if (len >= 20)
			out->tcp_seq = get32(at + 4);
		if (len >= 20 && out->probe == NO_PROBE)
			out->probe = find_sequence(list, at);
		out->sport = get16(at);
		out->dport = get16(at + 2);
		break;
	case IPPROTO_UDP:
		out->sport = get16(at);
		out->dport = get16(at + 2);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		out->icmp_type = at[0];
		out->icmp_code = at[1];
		out->sport = get16(at + 4);
		break;
	default:
		break;
	}
}

/* Skips IPv6 extension headers; returns the length with them. */
static size_t skip_extensions(const uint8_t *packet, size_t len, uint8_t *l4proto)
{
	size_t at = 40;

	while ((*l4proto == IPPROTO_HOPOPTS || *l4proto == IPPROTO_DSTOPTS ||
		*l4proto == IPPROTO_FRAGMENT) &&
	       at + 8 <= len) {
		size_t size = *l4proto == IPPROTO_FRAGMENT ? 8 : 8 + (size_t)packet[at + 1] * 8;

		*l4proto = packet[at];
		at += size;
	}
	return at < len ? at : len;
}

bool frame_read(const struct probe_list *list, const uint8_t mark[static FRAME_MARK_SIZE],
		const uint8_t *bytes, size_t len, struct sight *out)
{
	const uint8_t *packet = bytes + FRAME_HEADER_SIZE;
	bool v4;

	if (len < FRAME_HEADER_SIZE + 20)
		return false;
	v4 = packet[0] >> 4 == 4;
	len -= FRAME_HEADER_SIZE;
	if (get16(bytes + 12) != (v4 ? 0x0800 : 0x86dd) || (!v4 && len < 40))
		return false;
	*out = (struct sight){.probe = find_mark(list, mark, packet, len)};
	out->saddr.family = out->daddr.family = v4 ? FAMILY_IPV4 : FAMILY_IPV6;
	memcpy(out->saddr.bytes, packet + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(out->daddr.bytes, packet + (v4 ? 16 : 24), v4 ? 4 : 16);
	out->l4proto = packet[v4 ? 9 : 6];
	out->header_len = (uint16_t)(v4 ? (packet[0] & 15u) * 4u
					: skip_extensions(packet, len, &out->l4proto));
	if (out->header_len < len && !(v4 && (get16(packet + 6) & 0x1fff)))
		read_transport(list, packet + out->header_len, len - out->header_len, out);
	out->len = (uint16_t)(len < SIGHT_SIZE ? len : SIGHT_SIZE);
	memcpy(out->packet, packet, out->len);
	return true;
}

void frame_format(const struct sight *sight, struct buf *out)
{
	char from[ADDR_TEXT_SIZE], to[ADDR_TEXT_SIZE];

	buf_printf(out, "%s > %s ", addr_format(&sight->saddr, from),
		   addr_format(&sight->daddr, to));
	switch (sight->l4proto) {
	case IPPROTO_TCP:
		buf_printf(out, "tcp %u > %u", sight->sport, sight->dport);
		break;
	case IPPROTO_UDP:
		buf_printf(out, "udp %u > %u", sight->sport, sight->dport);
		break;
	case IPPROTO_ICMP:
		buf_printf(out, "icmp %u/%u", sight->icmp_type, sight->icmp_code);
		break;
	case IPPROTO_ICMPV6:
		buf_printf(out, "icmpv6 %u/%u", sight->icmp_type, sight->icmp_code);
		break;
	default:
		buf_printf(out, "protocol %u", sight->l4proto);
		break;
	}
}
