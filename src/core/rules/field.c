// SPDX-License-Identifier: GPL-2.0-or-later
// field: the one table of what rules look at, and the one of where base chains stand.
#include "rules/field.h"

#include <netinet/in.h> /* before the kernel's headers, which then leave its types alone */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/must.h"

/* Numbers of nft's datatypes: nftables, include/datatype.h (enum datatypes). */
enum {
	NFT_TYPE_IPV4_ADDR = 7,
	NFT_TYPE_IPV6_ADDR = 8,
	NFT_TYPE_INET_PROTOCOL = 12,
	NFT_TYPE_INET_SERVICE = 13,
	NFT_TYPE_ICMP_TYPE = 14,
	NFT_TYPE_CT_STATE = 26,
	NFT_TYPE_CT_DIR = 27,
	NFT_TYPE_CT_STATUS = 28,
	NFT_TYPE_ICMPV6_TYPE = 29,
	NFT_TYPE_IFNAME = 41,
};

/* What a value is: how long, of which packets, and what nft calls it. */
#define TYPE(type, type_name) .nft_type = NFT_TYPE_##type, .nft_type_name = (type_name)
#define OF_FAMILY(which)      .one_family = true, .family = FAMILY_##which
#define INTERFACE	      .bytes = IFNAME_SIZE, .host_order = true, TYPE(IFNAME, "ifname")
#define ADDRESS4	      .bytes = 4, OF_FAMILY(IPV4), TYPE(IPV4_ADDR, "ipv4_addr")
#define ADDRESS6	      .bytes = 16, OF_FAMILY(IPV6), TYPE(IPV6_ADDR, "ipv6_addr")
#define OF_ICMP(size)	      .bytes = (size), OF_FAMILY(IPV4), .l4proto = IPPROTO_ICMP
#define OF_ICMPV6(size)	      .bytes = (size), OF_FAMILY(IPV6), .l4proto = IPPROTO_ICMPV6
#define BITS		      .bytes = 4, .host_order = true
#define ANSWER		      .bytes = 1, .host_order = true

/* Where nf_tables finds it. */
#define LOAD(from, key)	    .load = NFT_LOAD_##from, .load_key = (key)
#define ROUTE_IS(type, key) LOAD(FIB_TYPE, key), .fib_type = RTN_##type

/* clang-format off */
const struct field_info field_table[FIELD__COUNT] = {
	[FIELD_IIFNAME] = {"iifname", XT_PLACE_IN, INTERFACE, LOAD(META, NFT_META_IIFNAME)},
	[FIELD_OIFNAME] = {"oifname", XT_PLACE_OUT, INTERFACE, LOAD(META, NFT_META_OIFNAME)},
	[FIELD_SADDR4] = {"ip saddr", XT_PLACE_SOURCE, ADDRESS4, LOAD(NETWORK, 12)},
	[FIELD_DADDR4] = {"ip daddr", XT_PLACE_DESTINATION, ADDRESS4, LOAD(NETWORK, 16)},
	[FIELD_SADDR6] = {"ip6 saddr", XT_PLACE_SOURCE, ADDRESS6, LOAD(NETWORK, 8)},
	[FIELD_DADDR6] = {"ip6 daddr", XT_PLACE_DESTINATION, ADDRESS6, LOAD(NETWORK, 24)},

	[FIELD_L4PROTO] = {"meta l4proto", XT_PLACE_PROTOCOL, .bytes = 1, .no_order = true,
			   TYPE(INET_PROTOCOL, "inet_proto"), LOAD(META, NFT_META_L4PROTO)},
	[FIELD_SERVICE] = {"service", XT_PLACE_PROTOCOL, .bytes = 3, LOAD(SERVICE, 2)},
	[FIELD_DPORT] = {"th dport", XT_PLACE_NONE, .bytes = 2,
			 TYPE(INET_SERVICE, "inet_service"), LOAD(TRANSPORT, 2)},
	[FIELD_ICMP_KIND] = {"icmp type", XT_PLACE_PROTOCOL, OF_ICMP(2), LOAD(TRANSPORT, 0)},
	[FIELD_ICMPV6_KIND] = {"icmpv6 type", XT_PLACE_PROTOCOL, OF_ICMPV6(2), LOAD(TRANSPORT, 0)},
	[FIELD_ICMP_TYPE] = {"icmp type", XT_PLACE_PROTOCOL, OF_ICMP(1),
			     TYPE(ICMP_TYPE, "icmp_type"), LOAD(TRANSPORT, 0)},
	[FIELD_ICMPV6_TYPE] = {"icmpv6 type", XT_PLACE_PROTOCOL, OF_ICMPV6(1),
			       TYPE(ICMPV6_TYPE, "icmpv6_type"), LOAD(TRANSPORT, 0)},

	[FIELD_CT_STATE] = {"ct state", XT_PLACE_STATE, BITS, TYPE(CT_STATE, "ct_state"),
			    LOAD(CT, NFT_CT_STATE)},
	[FIELD_CT_DIRECTION] = {"ct direction", XT_PLACE_DIRECTION, ANSWER, TYPE(CT_DIR, "ct_dir"),
				LOAD(CT, NFT_CT_DIRECTION)},
	[FIELD_CT_STATUS] = {"ct status", XT_PLACE_STATUS, BITS, TYPE(CT_STATUS, "ct_status"),
			     LOAD(CT, NFT_CT_STATUS)},
	[FIELD_CT_SADDR4] = {"ct original ip saddr", XT_PLACE_NONE, ADDRESS4,
			     LOAD(CT_ORIGINAL, NFT_CT_SRC_IP)},
	[FIELD_CT_SADDR6] = {"ct original ip6 saddr", XT_PLACE_NONE, ADDRESS6,
			     LOAD(CT_ORIGINAL, NFT_CT_SRC_IP6)},
	[FIELD_CT_DADDR4] = {"ct original ip daddr", XT_PLACE_ORIGINAL, ADDRESS4,
			     LOAD(CT_ORIGINAL, NFT_CT_DST_IP)},
	[FIELD_CT_DADDR6] = {"ct original ip6 daddr", XT_PLACE_ORIGINAL, ADDRESS6,
			     LOAD(CT_ORIGINAL, NFT_CT_DST_IP6)},

	[FIELD_REVERSE_PATH] = {"fib saddr . iif oif", XT_PLACE_REVERSE_PATH, ANSWER,
				LOAD(FIB_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF |
						      NFTA_FIB_F_PRESENT)},
	[FIELD_SOURCE_LOCAL] = {"fib saddr type", XT_PLACE_SOURCE_TYPE, ANSWER,
				ROUTE_IS(LOCAL, NFTA_FIB_F_SADDR)},
	[FIELD_SOURCE_BROADCAST] = {"fib saddr type", XT_PLACE_SOURCE_TYPE, ANSWER, OF_FAMILY(IPV4),
				    ROUTE_IS(BROADCAST, NFTA_FIB_F_SADDR)},
	[FIELD_SOURCE_ON_OUT] = {"fib saddr . oif type", XT_PLACE_SOURCE_TYPE, ANSWER,
				 ROUTE_IS(LOCAL, NFTA_FIB_F_SADDR | NFTA_FIB_F_OIF)},
	[FIELD_DEST_BROADCAST] = {"fib daddr type", XT_PLACE_DEST_TYPE, ANSWER, OF_FAMILY(IPV4),
				  ROUTE_IS(BROADCAST, NFTA_FIB_F_DADDR)},
	[FIELD_DEST_LOCAL] = {"fib daddr type", XT_PLACE_DEST_TYPE, ANSWER,
			      ROUTE_IS(LOCAL, NFTA_FIB_F_DADDR)},
	[FIELD_UNTRANSLATED] = {"untranslated", XT_PLACE_NONE, ANSWER, LOAD(NONE, 0)},
};
/* clang-format on */

/* By value, as nft lists them. */
const struct field_bit field_bits_table[] = {
	{FIELD_CT_STATE, CT_STATE_INVALID, "invalid", "INVALID", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_INVALID},
	{FIELD_CT_STATE, CT_STATE_ESTABLISHED, "established", "ESTABLISHED", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED)},
	{FIELD_CT_STATE, CT_STATE_RELATED, "related", "RELATED", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_BIT(IP_CT_RELATED)},
	{FIELD_CT_STATE, CT_STATE_NEW, "new", "NEW", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_BIT(IP_CT_NEW)},
	{FIELD_CT_STATE, CT_STATE_UNTRACKED, "untracked", "UNTRACKED", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_UNTRACKED},
	{FIELD_CT_STATUS, CT_STATUS_EXPECTED, "expected", "EXPECTED", XT_CONNTRACK_STATUS,
	 IPS_EXPECTED},
	{FIELD_CT_STATUS, CT_STATUS_CONFIRMED, "confirmed", "CONFIRMED", XT_CONNTRACK_STATUS,
	 IPS_CONFIRMED},
	/* To iptables a translation is a state. */
	{FIELD_CT_STATUS, CT_STATUS_SRC_NAT, "snat", "SNAT", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_SNAT},
	{FIELD_CT_STATUS, CT_STATUS_DST_NAT, "dnat", "DNAT", XT_CONNTRACK_STATE,
	 XT_CONNTRACK_STATE_DNAT},
	{0},
};

const struct field_bit *field_bit_next(const struct match *match, const struct field_bit *last)
{
	const struct field_bit *row = last ? last + 1 : field_bits_table;
	uint32_t wanted = key_number(match->fields[0], &match->key), known = 0;

	for (const struct field_bit *bit = field_bits_table; bit->bit; bit++)
		if (bit->field == match->fields[0])
			known |= bit->bit;
	must((wanted & ~known) == 0);
	while (row->bit && (row->field != match->fields[0] || !(row->bit & wanted)))
		row++;
	return row->bit ? row : NULL;
}

/*
 * The door comes before defragmentation (-400): an incomplete datagram would else wait in the
 * host's queue, and the time-exceeded that ends the wait would answer a forged source. The
 * translation comes before srcnat (100), so that it wins over others' at the usual place, and the
 * guard after the hook at 100 in which the kernel does all translation. Legacy iptables has
 * neither place: its raw table stands at -300, its last filtering table before NAT at -150.
 */
const struct stage_info stage_table[STAGE__COUNT] = {
	[STAGE_NONE] = {0},
	[STAGE_DOOR] = {"filter", "prerouting", NF_INET_PRE_ROUTING, -450, "raw", "PREROUTING"},
	[STAGE_FORWARD] = {"filter", "forward", NF_INET_FORWARD, 0, "filter", "FORWARD"},
	[STAGE_INPUT] = {"filter", "input", NF_INET_LOCAL_IN, -150, "mangle", "INPUT"},
	[STAGE_OUTPUT] = {"filter", "output", NF_INET_LOCAL_OUT, 0, "filter", "OUTPUT"},
	[STAGE_OUTBOUND] = {"filter", "postrouting", NF_INET_POST_ROUTING, -150, "mangle",
			    "POSTROUTING"},
	[STAGE_NAT_POSTROUTING] = {"nat", "postrouting", NF_INET_POST_ROUTING, 95, "nat",
				   "POSTROUTING"},
	[STAGE_GUARD] = {"filter", "postrouting", NF_INET_POST_ROUTING, 150, "mangle",
			 "POSTROUTING"},
};

unsigned int field_bits(enum field field)
{
	return field_table[field].bytes * 8u;
}

struct key key_of_interface(const struct ifpattern *pattern)
{
	struct key key = {.bits = IFNAME_SIZE * 8};

	memcpy(key.bytes, pattern->name, IFNAME_SIZE);
	if (pattern->wildcard)
		key.bits = (uint8_t)(strnlen(pattern->name, IFNAME_SIZE) * 8);
	return key;
}

struct key key_of_prefix(const struct prefix *prefix)
{
	struct key key = {.bits = prefix->len};

	memcpy(key.bytes, prefix->addr.bytes, sizeof(prefix->addr.bytes));
	return key;
}

struct key key_of_text(const char *text)
{
	struct prefix prefix = {0};

	(void)prefix_parse(text, &prefix);
	return key_of_prefix(&prefix);
}

struct key key_of_number(enum field field, uint32_t number)
{
	const struct field_info *info = &field_table[field];
	struct key key = {.bits = (uint8_t)field_bits(field)};

	if (info->host_order && info->bytes == sizeof(number)) {
		memcpy(key.bytes, &number, sizeof(number));
		return key;
	}
	for (size_t i = info->bytes; i-- > 0; number >>= 8)
		key.bytes[i] = (uint8_t)number;
	return key;
}

struct key key_of_protocol(uint8_t protocol)
{
	return (struct key){.bytes = {protocol}, .bits = SERVICE_PROTOCOL_BITS};
}

struct key key_of_service(uint8_t protocol, uint16_t port)
{
	struct key key = key_of_number(FIELD_SERVICE, (uint32_t)protocol << 16 | port);

	must(protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
	return key;
}

uint8_t key_protocol(const struct key *key)
{
	return key->bytes[0];
}

uint16_t key_port(const struct key *key)
{
	return (uint16_t)(key->bytes[1] << 8 | key->bytes[2]);
}

void key_service_text(const struct key *key, struct buf *out)
{
	if (key->bits == field_bits(FIELD_SERVICE))
		buf_printf(out, "%u/", key_port(key));
	if (key->bits == 0)
		buf_puts(out, "any");
	else if (key_protocol(key) == IPPROTO_TCP)
		buf_puts(out, "tcp");
	else if (key_protocol(key) == IPPROTO_UDP)
		buf_puts(out, "udp");
	else
		buf_printf(out, "%u", key_protocol(key));
}

uint8_t field_l4proto(enum field field, const struct key *key)
{
	return field == FIELD_SERVICE ? key_protocol(key) : field_table[field].l4proto;
}

const char *key_service_field(const struct key *key)
{
	must(key->bits == field_bits(FIELD_SERVICE));
	return key_protocol(key) == IPPROTO_TCP ? "tcp dport" : "udp dport";
}

uint32_t key_number(enum field field, const struct key *key)
{
	const struct field_info *info = &field_table[field];
	uint32_t number = 0;

	if (info->host_order && info->bytes == sizeof(number)) {
		memcpy(&number, key->bytes, sizeof(number));
		return number;
	}
	for (size_t i = 0; i < info->bytes; i++)
		number = number << 8 | key->bytes[i];
	return number;
}

bool key_matches(const struct key *key, const uint8_t *value)
{
	size_t whole = key->bits / 8u;
	unsigned int rest = key->bits % 8u;

	if (memcmp(key->bytes, value, whole) != 0)
		return false;
	return rest == 0 || (uint8_t)((key->bytes[whole] ^ value[whole]) >> (8 - rest)) == 0;
}

struct addr key_addr(enum field field, const struct key *key)
{
	struct addr addr = {.family = field_table[field].family};

	memcpy(addr.bytes, key->bytes, field_table[field].bytes);
	return addr;
}

const char *key_ifname(const struct key *key, char out[static IFNAME_SIZE], bool *wildcard)
{
	memcpy(out, key->bytes, IFNAME_SIZE);
	out[IFNAME_SIZE - 1] = '\0';
	*wildcard = key->bits < IFNAME_SIZE * 8;
	return out;
}
