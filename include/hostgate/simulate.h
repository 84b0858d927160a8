// SPDX-License-Identifier: GPL-2.0-or-later
// simulate: what a ruleset does to one packet, without a kernel.
#ifndef HOSTGATE_SIMULATE_H
#define HOSTGATE_SIMULATE_H

#include "hostgate/ruleset.h"

/** One packet as the forwarding host sees it, with what routing and conntrack know of it. */
struct packet {
	enum family family;
	char iifname[IFNAME_SIZE]; /**< NUL-padded; empty: the host itself sends it */
	char oifname[IFNAME_SIZE]; /**< NUL-padded; where routing sends it */
	struct addr saddr, daddr;  /**< as in FORWARD: destination translation is done already */
	uint8_t l4proto;           /**< IPPROTO_... */
	uint16_t dport;            /**< host byte order; for TCP and UDP */
	uint8_t icmp_type;         /**< for ICMP and ICMPv6 */
	uint8_t icmp_code;
	bool for_host;             /**< the host takes it; oifname means nothing */
	bool reverse_path;         /**< the source is reached through iifname */
	bool source_local;         /**< the source is an address of the host */
	bool source_broadcast;     /**< the source is a broadcast address of the host's links */
	bool source_on_out;        /**< the source is an address of oifname */
	bool dest_broadcast;       /**< the destination is a broadcast address of the host's links */
	bool dest_local;           /**< the destination is an address of the host */
	bool out_unnumbered;       /**< oifname has no address of the family: masquerade borrows one */
	uint32_t ct_state;         /**< one bit of enum ct_state */
	bool ct_reply;             /**< reply direction; unless INVALID or UNTRACKED */
	uint32_t ct_status;        /**< bits of enum ct_status; 0 for INVALID and UNTRACKED */
	struct addr ct_daddr;      /**< where the connection's first packet went; a reply comes from there */
	struct addr ct_source;     /**< what an existing translation makes of saddr */
};

enum verdict {
	VERDICT_PASS,
	VERDICT_DROP,
	VERDICT_REJECT,
	VERDICT__COUNT
};

/** One rule that matched. */
struct step {
	enum stage stage;
	uint32_t rule;   /**< index into ruleset.rules */
	uint32_t origin; /**< of the element that its last set gave, else the rule's own */
};

/** Most steps a trace keeps; chains are entered by goto, so a stage has only a few. */
#define TRACE_MAX 32

struct outcome {
	enum verdict verdict;
	enum stage stage;       /**< where it was refused; STAGE_NONE when it passes */
	bool translated;        /**< the source changes */
	bool masquerade;        /**< to an address of the out-interface */
	struct addr source;     /**< the source outside, unless masquerade */
	struct step trace[TRACE_MAX];
	size_t n_steps;
};

/**
 * Sends the packet through all stages. Works on rulesets as planned and as lowered; a refused
 * packet's later stages are not visited.
 */
struct outcome simulate_packet(const struct ruleset *ruleset, const struct packet *packet);

#endif
