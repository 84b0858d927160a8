// SPDX-License-Identifier: GPL-2.0-or-later
// frame: probes as Ethernet frames, and captured frames understood.
#ifndef PROBE_FRAME_H
#define PROBE_FRAME_H

#include "probe/probe.h"

/** Bytes by which the frames of a run are told from all others. */
#define FRAME_MARK_SIZE 8

/** Longest frame that is made. */
#define FRAME_SIZE 192

/** Most frames of one probe. */
#define FRAME_COUNT_MAX 4

#define FRAME_MAC_SIZE 6
#define FRAME_HEADER_SIZE 14

struct frame {
	size_t len;
	uint8_t bytes[FRAME_SIZE];
};

/** Bytes of a captured packet that are kept. */
#define SIGHT_SIZE 128

/** A captured IP packet. */
struct sight {
	uint32_t probe; /**< index of the probe that it comes from, or NO_PROBE */
	uint32_t port;	/**< where it left the host */
	struct addr saddr, daddr;
	uint8_t l4proto;
	uint16_t sport, dport; /**< TCP, UDP; an echo's number in sport */
	uint8_t icmp_type, icmp_code;
	uint32_t tcp_seq;
	uint16_t header_len; /**< of IP with its extensions */
	uint16_t len;	     /**< bytes of packet */
	uint8_t packet[SIGHT_SIZE];
};

/** The hardware address of a link of the copy, and of its wire's other end. */
void frame_host_mac(uint32_t link, uint8_t out[static FRAME_MAC_SIZE]);
void frame_wire_mac(uint32_t link, uint8_t out[static FRAME_MAC_SIZE]);

/**
 * Makes the frames of probe idx; returns how many. about: how the probe that it is about was seen,
 * or NULL. Packets of the host itself have an Ethernet header, too, which is to be left out.
 */
size_t frame_make(const struct probe_list *list, uint32_t idx,
		  const uint8_t mark[static FRAME_MARK_SIZE], const struct sight *about,
		  struct frame out[static FRAME_COUNT_MAX]);

/** Makes the ARP request that is the canary: number comes back in the answer. */
void frame_make_canary(const struct replica *replica, uint32_t port, uint32_t number,
		       struct frame *out);

/** Reads the number of a canary's answer. Returns false when the frame is none. */
bool frame_read_canary(const uint8_t *bytes, size_t len, uint32_t *number);

/** Understands a captured frame. Returns false when it is not IP. */
bool frame_read(const struct probe_list *list, const uint8_t mark[static FRAME_MARK_SIZE],
		const uint8_t *bytes, size_t len, struct sight *out);

/** Writes "203.0.113.11 > 192.0.2.7 udp 1024 > 7" for people. */
void frame_format(const struct sight *sight, struct buf *out);

/** Adds to an internet checksum; start with 0. len is even but for the last piece. */
uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t len);

/** Ends it: the checksum to write, in host byte order. */
uint16_t checksum_end(uint32_t sum);

#endif
