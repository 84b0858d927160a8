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

const struct field_info field_table[FIELD__COUNT] = {
	[FIELD_IIFNAME] = {.name = "iifname",
			   .xt_place = XT_PLACE_IN,
			   .bytes = IFNAME_SIZE,
			   .host_order = true,
			   .nft_type = NFT_TYPE_IFNAME,
			   .nft_type_name = "ifname",
			   .load = NFT_LOAD_META,
			   .load_key = NFT_META_IIFNAME},
	[FIELD_OIFNAME] = {.name = "oifname",
			   .xt_place = XT_PLACE_OUT,
			   .bytes = IFNAME_SIZE,
			   .host_order = true,
			   .nft_type = NFT_TYPE_IFNAME,
			   .nft_type_name = "ifname",
			   .load = NFT_LOAD_META,
			   .load_key = NFT_META_OIFNAME},
	[FIELD_SADDR4] = {.name = "ip saddr",
			  .xt_place = XT_PLACE_SOURCE,
			  .bytes = 4,
			  .one_family = true,
			  .family = FAMILY_IPV4,
			  .nft_type = NFT_TYPE_IPV4_ADDR,
			  .nft_type_name = "ipv4_addr",
			  .load = NFT_LOAD_NETWORK,
			  .load_key = 12},
	[FIELD_DADDR4] = {.name = "ip daddr",
			  .xt_place = XT_PLACE_DESTINATION,
			  .bytes = 4,
			  .one_family = true,
			  .family = FAMILY_IPV4,
			  .nft_type = NFT_TYPE_IPV4_ADDR,
			  .nft_type_name = "ipv4_addr",
			  .load = NFT_LOAD_NETWORK,
			  .load_key = 16},
	[FIELD_SADDR6] = {.name = "ip6 saddr",
			  .xt_place = XT_PLACE_SOURCE,
			  .bytes = 16,
			  .one_family = true,
			  .family = FAMILY_IPV6,
			  .nft_type = NFT_TYPE_IPV6_ADDR,
			  .nft_type_name = "ipv6_addr",
			  .load = NFT_LOAD_NETWORK,
			  .load_key = 8},
	[FIELD_DADDR6] = {.name = "ip6 daddr",
			  .xt_place = XT_PLACE_DESTINATION,
			  .bytes = 16,
			  .one_family = true,
			  .family = FAMILY_IPV6,
			  .nft_type = NFT_TYPE_IPV6_ADDR,
			  .nft_type_name = "ipv6_addr",
			  .load = NFT_LOAD_NETWORK,
			  .load_key = 24},
	[FIELD_L4PROTO] = {.name = "meta l4proto",
			   .xt_place = XT_PLACE_PROTOCOL,
			   .bytes = 1,
			   .nft_type = NFT_TYPE_INET_PROTOCOL,
			   .nft_type_name = "inet_proto",
			   .load = NFT_LOAD_META,
			   .load_key = NFT_META_L4PROTO},
	[FIELD_UDP_DPORT] = {.name = "udp dport",
			     .xt_place = XT_PLACE_PROTOCOL,
			     .bytes = 2,
			     .l4proto = IPPROTO_UDP,
			     .nft_type = NFT_TYPE_INET_SERVICE,
			     .nft_type_name = "inet_service",
			     .load = NFT_LOAD_TRANSPORT,
			     .load_key = 2},
	[FIELD_ICMP_KIND] = {.name = "icmp type",
			     .xt_place = XT_PLACE_PROTOCOL,
			     .bytes = 2,
			     .one_family = true,
			     .family = FAMILY_IPV4,
			     .l4proto = IPPROTO_ICMP,
			     .load = NFT_LOAD_TRANSPORT,
			     .load_key = 0},
	[FIELD_ICMPV6_KIND] = {.name = "icmpv6 type",
			       .xt_place = XT_PLACE_PROTOCOL,
			       .bytes = 2,
			       .one_family = true,
			       .family = FAMILY_IPV6,
			       .l4proto = IPPROTO_ICMPV6,
			       .load = NFT_LOAD_TRANSPORT,
			       .load_key = 0},
	[FIELD_ICMP_TYPE] = {.name = "icmp type",
			     .xt_place = XT_PLACE_PROTOCOL,
			     .bytes = 1,
			     .one_family = true,
			     .family = FAMILY_IPV4,
			     .l4proto = IPPROTO_ICMP,
			     .nft_type = NFT_TYPE_ICMP_TYPE,
			     .nft_type_name = "icmp_type",
			     .load = NFT_LOAD_TRANSPORT,
			     .load_key = 0},
	[FIELD_ICMPV6_TYPE] = {.name = "icmpv6 type",
			       .xt_place = XT_PLACE_PROTOCOL,
			       .bytes = 1,
			       .one_family = true,
			       .family = FAMILY_IPV6,
			       .l4proto = IPPROTO_ICMPV6,
			       .nft_type = NFT_TYPE_ICMPV6_TYPE,
			       .nft_type_name = "icmpv6_type",
			       .load = NFT_LOAD_TRANSPORT,
			       .load_key = 0},
	[FIELD_CT_STATE] = {.name = "ct state",
			    .xt_place = XT_PLACE_STATE,
			    .bytes = 4,
			    .host_order = true,
			    .nft_type = NFT_TYPE_CT_STATE,
			    .nft_type_name = "ct_state",
			    .load = NFT_LOAD_CT,
			    .load_key = NFT_CT_STATE},
	[FIELD_CT_DIRECTION] = {.name = "ct direction",
				.xt_place = XT_PLACE_DIRECTION,
				.bytes = 1,
				.host_order = true,
				.nft_type = NFT_TYPE_CT_DIR,
				.nft_type_name = "ct_dir",
				.load = NFT_LOAD_CT,
				.load_key = NFT_CT_DIRECTION},
	[FIELD_CT_STATUS] = {.name = "ct status",
			     .xt_place = XT_PLACE_STATUS,
			     .bytes = 4,
			     .host_order = true,
			     .nft_type = NFT_TYPE_CT_STATUS,
			     .nft_type_name = "ct_status",
			     .load = NFT_LOAD_CT,
			     .load_key = NFT_CT_STATUS},
	[FIELD_CT_SADDR4] = {.name = "ct original ip saddr",
			     .xt_place = XT_PLACE_NONE,
			     .bytes = 4,
			     .one_family = true,
			     .family = FAMILY_IPV4,
			     .nft_type = NFT_TYPE_IPV4_ADDR,
			     .nft_type_name = "ipv4_addr",
			     .load = NFT_LOAD_CT_ORIGINAL,
			     .load_key = NFT_CT_SRC_IP},
	[FIELD_CT_SADDR6] = {.name = "ct original ip6 saddr",
			     .xt_place = XT_PLACE_NONE,
			     .bytes = 16,
			     .one_family = true,
			     .family = FAMILY_IPV6,
			     .nft_type = NFT_TYPE_IPV6_ADDR,
			     .nft_type_name = "ipv6_addr",
			     .load = NFT_LOAD_CT_ORIGINAL,
			     .load_key = NFT_CT_SRC_IP6},
	[FIELD_CT_DADDR4] = {.name = "ct original ip daddr",
			     .xt_place = XT_PLACE_ORIGINAL,
			     .bytes = 4,
			     .one_family = true,
			     .family = FAMILY_IPV4,
			     .nft_type = NFT_TYPE_IPV4_ADDR,
			     .nft_type_name = "ipv4_addr",
			     .load = NFT_LOAD_CT_ORIGINAL,
			     .load_key = NFT_CT_DST_IP},
	[FIELD_CT_DADDR6] = {.name = "ct original ip6 daddr",
			     .xt_place = XT_PLACE_ORIGINAL,
			     .bytes = 16,
			     .one_family = true,
			     .family = FAMILY_IPV6,
			     .nft_type = NFT_TYPE_IPV6_ADDR,
			     .nft_type_name = "ipv6_addr",
			     .load = NFT_LOAD_CT_ORIGINAL,
			     .load_key = NFT_CT_DST_IP6},
	[FIELD_REVERSE_PATH] = {.name = "fib saddr . iif oif",
				.xt_place = XT_PLACE_REVERSE_PATH,
				.bytes = 1,
				.host_order = true,
				.load = NFT_LOAD_FIB_OIF,
				.load_key = NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT},
	[FIELD_SOURCE_LOCAL] = {.name = "fib saddr type",
				.xt_place = XT_PLACE_SOURCE_TYPE,
				.bytes = 1,
				.host_order = true,
				.load = NFT_LOAD_FIB_TYPE,
				.fib_type = RTN_LOCAL,
				.load_key = NFTA_FIB_F_SADDR},
	[FIELD_SOURCE_BROADCAST] = {.name = "fib saddr type",
				    .xt_place = XT_PLACE_SOURCE_TYPE,
				    .bytes = 1,
				    .one_family = true,
				    .family = FAMILY_IPV4,
				    .host_order = true,
				    .load = NFT_LOAD_FIB_TYPE,
				    .fib_type = RTN_BROADCAST,
				    .load_key = NFTA_FIB_F_SADDR},
	[FIELD_SOURCE_ON_OUT] = {.name = "fib saddr . oif type",
				 .xt_place = XT_PLACE_SOURCE_TYPE,
				 .bytes = 1,
				 .host_order = true,
				 .load = NFT_LOAD_FIB_TYPE,
				 .fib_type = RTN_LOCAL,
				 .load_key = NFTA_FIB_F_SADDR | NFTA_FIB_F_OIF},
	[FIELD_DEST_BROADCAST] = {.name = "fib daddr type",
				  .xt_place = XT_PLACE_DEST_TYPE,
				  .bytes = 1,
				  .one_family = true,
				  .family = FAMILY_IPV4,
				  .host_order = true,
				  .load = NFT_LOAD_FIB_TYPE,
				  .fib_type = RTN_BROADCAST,
				  .load_key = NFTA_FIB_F_DADDR},
	[FIELD_DEST_LOCAL] = {.name = "fib daddr type",
			      .xt_place = XT_PLACE_DEST_TYPE,
			      .bytes = 1,
			      .host_order = true,
			      .load = NFT_LOAD_FIB_TYPE,
			      .fib_type = RTN_LOCAL,
			      .load_key = NFTA_FIB_F_DADDR},
	[FIELD_UNTRANSLATED] = {.name = "untranslated",
				.xt_place = XT_PLACE_NONE,
				.bytes = 1,
				.host_order = true,
				.load = NFT_LOAD_NONE},
};

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
