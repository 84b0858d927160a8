// SPDX-License-Identifier: GPL-2.0-or-later
// judge: what the surveyed rules of the host do to one packet, and what can't be told.
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include "foreign/foreign.h"
#include "hostgate/description.h"

/** Yes, no, or it depends on what the foreign rules do not tell. */
enum tri {
	TRI_NO,
	TRI_YES,
	TRI_MAYBE,
	TRI__COUNT
};

/** A packet as it arrives, or as the host makes it. */
struct judge_packet {
	enum family family;
	char iifname[IFNAME_SIZE]; /**< empty: the host's own */
	char oifname[IFNAME_SIZE]; /**< where routing sends it; empty: to the host itself */
	unsigned int iif, oif;	   /**< interface numbers; 0: not known */
	struct addr saddr, daddr;
	uint8_t l4proto; /**< IPPROTO_...; 0: not known */
	uint16_t sport, dport; /**< host byte order; 0: not known */
	bool has_ports;	       /**< l4proto has ports */
	uint8_t icmp_type, icmp_code;
	uint8_t tcp_flags;	/**< as in the header: 0x02 SYN, 0x12 SYN and ACK */
	uint32_t ct_state;	/**< one bit of enum ct_state */
	bool ct_reply;
	uint32_t ct_status;	/**< bits of enum ct_status; 0 for INVALID and UNTRACKED */
	enum tri reverse_path;	/**< the source is reached through iifname */
	bool masquerade_known; /**< masquerade: to the only address that oifname has */
	struct addr masquerade;
	bool daddr_unknown;	/**< daddr is not known before it is remapped */
	bool saddr_hidden;	/**< reply: from SRCNAT on its source is another one, not known */
	bool remapped;		/**< conntrack changes an address on the way, at its usual place */
	bool remap_known;	/**< to remap, else nobody knows to which */
	struct addr remap;	/**< reply: its destination from DSTNAT on; else its source from SRCNAT on */
	/** It stands for all packets of this kind: mark, conntrack and what is 0 may be anything. */
	bool many;
	bool iif_open, oif_open; /**< many: the name may go on; lo is no such interface */
	uint8_t saddr_open, daddr_open; /**< many: so many last bits may be anything */
};

/** Bytes of which some bits are known. */
#define JUDGE_NETWORK 40
#define JUDGE_TRANSPORT 20

struct judge_bytes {
	uint8_t network[JUDGE_NETWORK], network_known[JUDGE_NETWORK];
	uint8_t transport[JUDGE_TRANSPORT], transport_known[JUDGE_TRANSPORT];
};

enum judge_end {
	JUDGE_PASSES,
	JUDGE_DROPS,
	JUDGE_MAY_DROP,
	JUDGE_END__COUNT
};

enum judge_how {
	JUDGE_DROP,
	JUDGE_REJECT,
	JUDGE_POLICY,  /**< of the base chain */
	JUDGE_QUEUE,   /**< a program decides */
	JUDGE_UNKNOWN, /**< something in the rule that this judge does not know */
	JUDGE_HOW__COUNT
};

/** What one base chain does. */
struct judge_finding {
	const struct foreign_base *base;
	enum judge_end end;
	enum judge_how how;		  /**< unless it passes */
	const struct foreign_chain *chain; /**< with the rule; the base chain for its policy */
	const struct foreign_rule *rule;	  /**< NULL for the policy */
	const char *untold;		  /**< MAY_DROP: what can't be told: "limit"; or NULL */
	const struct foreign_chain *nat_chain; /**< of the rule that translated it, or NULL */
	const struct foreign_rule *nat_rule;
};

/** A packet on its way. Start with judge_start(); it lives as long as the foreign rules. */
struct judge {
	const struct foreign *foreign;
	struct judge_packet packet;
	bool others_only;	  /**< chains of ours are left out */
	struct judge_bytes bytes; /**< as translated until now */
	uint32_t mark, mark_known;
	uint32_t ct_status, ct_status_known;
	enum tri untracked;  /**< a rule took it out of conntrack */
	enum tri translated; /**< at the present hook */
	unsigned int hook;
	const char *untold;  /* of the present base chain, latest */
	size_t budget;	     /* rules left to look at */
};

void judge_start(struct judge *judge, const struct foreign *foreign,
		 const struct judge_packet *packet, bool others_only);

/** Most base chains of one hook that are told about. */
#define JUDGE_FINDINGS_MAX 64

struct judge_findings {
	struct judge_finding items[JUDGE_FINDINGS_MAX];
	size_t n;
	bool more; /**< there are further chains, not looked at */
};

/**
 * Sends the packet through all base chains of a hook, in their order; through the later ones also
 * when one drops it. Hooks are to be asked in the order in which the packet meets them.
 */
void judge_hook(struct judge *judge, unsigned int hook, struct judge_findings *out);

/** What takes a packet away before the rules behind see it: an accept, or the way out of the chain. */
struct judge_taker {
	const struct foreign_rule *rule;	  /**< in the base chain */
	const struct foreign_chain *chain; /**< where it leads to that is accepted, or returned */
	const struct foreign_rule *by;
};

/**
 * Tells whether one of the first n rules of a base chain may take the packet away from those behind:
 * not whether it drops it. What leads to chains of ours takes nothing. *out: the first that may.
 */
bool judge_may_take(struct judge *judge, const struct foreign_base *base, size_t n,
		    struct judge_taker *out);

/** Returns the packet's present address; false when nobody knows it. */
bool judge_source(const struct judge *judge, struct addr *out);
bool judge_destination(const struct judge *judge, struct addr *out);

/** Returns the present port of the destination, 0: not known. */
uint16_t judge_port(const struct judge *judge);

#endif
