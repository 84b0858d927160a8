// SPDX-License-Identifier: GPL-2.0-or-later
// xt_entry: one rule as iptables hands it to the kernel.
#include "xt/xt_entry.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <string.h>

#include "base/must.h"
#include "print/xt_rule.h"
#include "rules/field.h"
#include "rules/origin.h"

/*
 * Theory of operation
 *
 * An entry is a head (struct ipt_entry or struct ip6t_entry) with addresses, interfaces and the
 * protocol, then one struct xt_entry_match for each extension that matches, in the order of the
 * command line, then one struct xt_entry_target. Matches and targets begin with the same 32 bytes:
 * size, name, revision; their data follows, all padded to 8 bytes.
 *
 * Which revision of an extension is used is a choice: these are the ones that all kernels since
 * 3.x and the -save tools know.
 */

/* What a match and a target begin with. */
struct part {
	uint16_t size;
	char name[XT_EXTENSION_MAXNAMELEN];
	uint8_t revision;
};

_Static_assert(sizeof(struct part) == sizeof(struct xt_entry_match), "parts of an entry");
_Static_assert(sizeof(struct part) == sizeof(struct xt_entry_target), "parts of an entry");

struct builder {
	const struct xt_layout *layout;
	enum family family;
	struct xt_room *room;
	struct ipt_ip *ip4;   /* the one or the other */
	struct ip6t_ip6 *ip6;
};

static struct part *part_at(struct xt_room *room, size_t offset)
{
	return (struct part *)(void *)(room->bytes + offset);
}

static const struct part *part_in(struct blob entry, size_t offset)
{
	return (const struct part *)(const void *)((const uint8_t *)entry.bytes + offset);
}

static uint16_t get_u16(const void *entry, size_t offset)
{
	uint16_t value;

	memcpy(&value, (const uint8_t *)entry + offset, sizeof(value));
	return value;
}

static void put_u16(struct xt_room *room, size_t offset, size_t value)
{
	uint16_t narrow = (uint16_t)value;

	memcpy(room->bytes + offset, &narrow, sizeof(narrow));
}

static struct builder start(enum family family, struct xt_room *room)
{
	struct builder b = {.layout = &xt_libraries[family].layout, .family = family, .room = room};

	memset(room->bytes, 0, b.layout->head);
	room->len = b.layout->head;
	if (family == FAMILY_IPV4)
		b.ip4 = &((struct ipt_entry *)(void *)room->bytes)->ip;
	else
		b.ip6 = &((struct ip6t_entry *)(void *)room->bytes)->ipv6;
	return b;
}

/* Adds a match or target; returns where its data goes, all zero. */
static void *add_part(struct builder *b, const char *name, uint8_t revision, size_t data_size)
{
	struct part *part = part_at(b->room, b->room->len);
	size_t size = sizeof(*part) + XT_ALIGN(data_size);

	memset(part, 0, size);
	part->size = (uint16_t)size;
	strncpy(part->name, name, sizeof(part->name) - 1);
	part->revision = revision;
	b->room->len += size;
	return part + 1;
}

static struct blob finish(struct builder *b)
{
	put_u16(b->room, b->layout->next_offset, b->room->len);
	return (struct blob){b->room->bytes, b->room->len};
}

/* Matches. */

/* The first bits of an address, in as many bytes as they need. */
static void make_mask(unsigned int bits, uint8_t *mask)
{
	memset(mask, 0xff, bits / 8);
	if (bits % 8)
		mask[bits / 8] = (uint8_t)(0xff00u >> bits % 8);
}

static void set_prefix(struct builder *b, bool source, const struct match *match)
{
	uint8_t mask[KEY_SIZE] = {0};
	size_t size = field_table[match->fields[0]].bytes;

	make_mask(match->key.bits, mask);
	if (b->family == FAMILY_IPV4) {
		memcpy(source ? &b->ip4->src : &b->ip4->dst, match->key.bytes, size);
		memcpy(source ? &b->ip4->smsk : &b->ip4->dmsk, mask, size);
	} else {
		memcpy(source ? &b->ip6->src : &b->ip6->dst, match->key.bytes, size);
		memcpy(source ? &b->ip6->smsk : &b->ip6->dmsk, mask, size);
	}
}

/* A name is compared with its NUL; a pattern without, and with the '+' that iptables keeps. */
static void set_interface(char *to, unsigned char *mask, const struct key *key)
{
	char name[IFNAME_SIZE];
	bool wildcard;
	size_t len = strlen(key_ifname(key, name, &wildcard));

	memcpy(to, name, len);
	if (wildcard && len < IFNAME_SIZE - 1)
		to[len] = '+';
	memset(mask, 0xff, wildcard ? len : len + 1);
}

static void set_protocol(struct builder *b, uint8_t protocol)
{
	if (b->family == FAMILY_IPV4) {
		b->ip4->proto = protocol;
	} else {
		b->ip6->proto = protocol;
		b->ip6->flags |= IP6T_F_PROTO;
	}
}

static void add_conntrack_bits(struct builder *b, const struct match *match)
{
	struct xt_conntrack_mtinfo3 *info = add_part(b, "conntrack", 3, sizeof(*info));
	const struct field_bit *bit = NULL;

	while ((bit = field_bit_next(match, bit)) != NULL) {
		info->match_flags |= bit->xt_flag;
		if (match->negated)
			info->invert_flags |= bit->xt_flag;
		if (bit->xt_flag == XT_CONNTRACK_STATE)
			info->state_mask |= bit->xt_mask;
		else
			info->status_mask |= bit->xt_mask;
	}
}

static void add_conntrack_direction(struct builder *b, bool reply)
{
	struct xt_conntrack_mtinfo3 *info = add_part(b, "conntrack", 3, sizeof(*info));

	info->match_flags = XT_CONNTRACK_DIRECTION;
	if (reply)
		info->invert_flags = XT_CONNTRACK_DIRECTION;
}

/* A prefix of the address that the connection's first packet went to. */
static void add_conntrack_destination(struct builder *b, const struct match *match)
{
	struct xt_conntrack_mtinfo3 *info = add_part(b, "conntrack", 3, sizeof(*info));

	info->match_flags = XT_CONNTRACK_ORIGDST;
	memcpy(&info->origdst_addr, match->key.bytes, field_table[match->fields[0]].bytes);
	make_mask(match->key.bits, (uint8_t *)&info->origdst_mask);
}

static void add_service(struct builder *b, const struct match *match)
{
	uint16_t port = key_port(&match->key);

	set_protocol(b, key_protocol(&match->key));
	if (key_protocol(&match->key) == IPPROTO_TCP) {
		struct xt_tcp *tcp = add_part(b, "tcp", 0, sizeof(*tcp));

		*tcp = (struct xt_tcp){.spts = {0, UINT16_MAX}, .dpts = {port, port}};
	} else {
		struct xt_udp *udp = add_part(b, "udp", 0, sizeof(*udp));

		*udp = (struct xt_udp){.spts = {0, UINT16_MAX}, .dpts = {port, port}};
	}
}

/* A type with the codes from first to last. */
static void add_icmp(struct builder *b, uint8_t type, uint8_t first, uint8_t last)
{
	if (b->family == FAMILY_IPV4) {
		struct ipt_icmp *icmp = add_part(b, "icmp", 0, sizeof(*icmp));

		set_protocol(b, IPPROTO_ICMP);
		*icmp = (struct ipt_icmp){.type = type, .code = {first, last}};
	} else {
		struct ip6t_icmp *icmp = add_part(b, "icmp6", 0, sizeof(*icmp));

		set_protocol(b, IPPROTO_ICMPV6);
		*icmp = (struct ip6t_icmp){.type = type, .code = {first, last}};
	}
}

/* Is the source (or destination) an address of the host, or of the out-interface? */
static void add_addrtype(struct builder *b, enum field field, bool is_so)
{
	struct xt_addrtype_info_v1 *info = add_part(b, "addrtype", 1, sizeof(*info));
	bool broadcast = field == FIELD_SOURCE_BROADCAST || field == FIELD_DEST_BROADCAST;
	uint16_t type = broadcast ? XT_ADDRTYPE_BROADCAST : XT_ADDRTYPE_LOCAL;

	if (field == FIELD_DEST_LOCAL || field == FIELD_DEST_BROADCAST) {
		info->dest = type;
		info->flags = is_so ? 0 : XT_ADDRTYPE_INVERT_DEST;
	} else {
		info->source = type;
		info->flags = is_so ? 0 : XT_ADDRTYPE_INVERT_SOURCE;
	}
	if (field == FIELD_SOURCE_ON_OUT)
		info->flags |= XT_ADDRTYPE_LIMIT_IFACE_OUT;
}

static void add_match(struct builder *b, const struct match *match)
{
	enum field field = match->fields[0];
	struct xt_rpfilter_info *rpfilter;
	uint32_t number;

	switch (field) {
	case FIELD_SADDR4:
	case FIELD_SADDR6:
	case FIELD_DADDR4:
	case FIELD_DADDR6:
		set_prefix(b, field == FIELD_SADDR4 || field == FIELD_SADDR6, match);
		break;
	case FIELD_IIFNAME:
		if (b->family == FAMILY_IPV4)
			set_interface(b->ip4->iniface, b->ip4->iniface_mask, &match->key);
		else
			set_interface(b->ip6->iniface, b->ip6->iniface_mask, &match->key);
		break;
	case FIELD_OIFNAME:
		if (b->family == FAMILY_IPV4)
			set_interface(b->ip4->outiface, b->ip4->outiface_mask, &match->key);
		else
			set_interface(b->ip6->outiface, b->ip6->outiface_mask, &match->key);
		break;
	case FIELD_L4PROTO:
		set_protocol(b, (uint8_t)key_number(field, &match->key));
		break;
	case FIELD_SERVICE:
		add_service(b, match);
		break;
	case FIELD_ICMP_TYPE:
	case FIELD_ICMPV6_TYPE:
		add_icmp(b, (uint8_t)key_number(field, &match->key), 0, UINT8_MAX);
		break;
	case FIELD_ICMP_KIND:
	case FIELD_ICMPV6_KIND:
		number = key_number(field, &match->key);
		add_icmp(b, (uint8_t)(number >> 8), (uint8_t)number, (uint8_t)number);
		break;
	case FIELD_CT_STATE:
	case FIELD_CT_STATUS:
		add_conntrack_bits(b, match);
		break;
	case FIELD_CT_DIRECTION:
		add_conntrack_direction(b, key_number(field, &match->key) != 0);
		break;
	case FIELD_REVERSE_PATH:
		number = key_number(field, &match->key);
		rpfilter = add_part(b, "rpfilter", 0, sizeof(*rpfilter));
		rpfilter->flags = number ? 0 : XT_RPFILTER_INVERT;
		break;
	case FIELD_SOURCE_LOCAL:
	case FIELD_SOURCE_BROADCAST:
	case FIELD_SOURCE_ON_OUT:
	case FIELD_DEST_BROADCAST:
	case FIELD_DEST_LOCAL:
		add_addrtype(b, field, key_number(field, &match->key) != 0);
		break;
	case FIELD_CT_DADDR4:
	case FIELD_CT_DADDR6:
		add_conntrack_destination(b, match);
		break;
	case FIELD_DPORT:     /* lowered for nft */
	case FIELD_CT_SADDR4: /* lowered away */
	case FIELD_CT_SADDR6:
	case FIELD_UNTRANSLATED:
	case FIELD__COUNT:
		must_not_come_here("a match that iptables cannot ask for");
	}
}

static void add_comment(struct builder *b, const struct origin *origin)
{
	struct xt_comment_info *info = add_part(b, "comment", 0, sizeof(*info));
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	origin_comment(origin, &text);
	strncpy(info->comment, buf_text(&text), sizeof(info->comment) - 1);
}

/* Targets. */

static void add_standard(struct builder *b, const char *name)
{
	add_part(b, name, 0, sizeof(struct xt_standard_target) - sizeof(struct xt_entry_target));
}

static void add_reject(struct builder *b)
{
	if (b->family == FAMILY_IPV4) {
		struct ipt_reject_info *info = add_part(b, "REJECT", 0, sizeof(*info));

		info->with = IPT_ICMP_ADMIN_PROHIBITED;
	} else {
		struct ip6t_reject_info *info = add_part(b, "REJECT", 0, sizeof(*info));

		info->with = IP6T_ICMP6_ADM_PROHIBITED;
	}
}

/* To an address, or without one to what the out-interface has. */
static void add_translation(struct builder *b, const char *name, const struct addr *addr)
{
	if (b->family == FAMILY_IPV4) {
		struct nf_nat_ipv4_multi_range_compat *info = add_part(b, name, 0, sizeof(*info));

		info->rangesize = 1;
		if (!addr)
			return;
		info->range[0].flags = NF_NAT_RANGE_MAP_IPS;
		memcpy(&info->range[0].min_ip, addr->bytes, sizeof(info->range[0].min_ip));
		info->range[0].max_ip = info->range[0].min_ip;
	} else {
		struct nf_nat_range *info = add_part(b, name, addr ? 1 : 0, sizeof(*info));

		if (!addr)
			return;
		info->flags = NF_NAT_RANGE_MAP_IPS;
		memcpy(&info->min_addr, addr->bytes, sizeof(info->min_addr));
		info->max_addr = info->min_addr;
	}
}

static void add_target(struct builder *b, const struct ruleset *ruleset,
		       const struct action *action)
{
	put_u16(b->room, b->layout->target_offset, b->room->len);
	switch (action->kind) {
	case ACTION_ACCEPT:
		add_standard(b, IPTC_LABEL_RETURN);
		break;
	case ACTION_DROP:
		add_standard(b, IPTC_LABEL_DROP);
		break;
	case ACTION_REJECT:
		add_reject(b);
		break;
	case ACTION_GOTO:
		b->room->bytes[b->layout->flags] |= b->layout->flag_goto;
		add_standard(b, ruleset->chains[action->chain].name);
		break;
	case ACTION_COUNT:
		add_standard(b, ruleset->chains[action->chain].name);
		break;
	case ACTION_SNAT:
		add_translation(b, "SNAT", &action->addr);
		break;
	case ACTION_MASQUERADE:
		add_translation(b, "MASQUERADE", NULL);
		break;
	case ACTION_DISPATCH: /* lowered away */
	case ACTION__COUNT:
		must_not_come_here("an action that iptables cannot do");
	}
}

struct blob xt_entry_build(const struct ruleset *ruleset, const struct rule *rule,
			   enum family family, struct xt_room *room)
{
	struct builder b = start(family, room);
	const struct match *matches[MATCHES_MAX];
	uint8_t n = xt_matches_of(rule, matches);

	for (uint8_t i = 0; i < n; i++)
		add_match(&b, matches[i]);
	add_comment(&b, &ruleset->origins[rule->origin]);
	add_target(&b, ruleset, &rule->action);
	return finish(&b);
}

struct blob xt_entry_build_jump(enum family family, const char *chain, struct xt_room *room)
{
	struct builder b = start(family, room);

	put_u16(room, b.layout->target_offset, room->len);
	add_standard(&b, chain);
	return finish(&b);
}

/* Reading. */

/* Sets a part's name; what follows its NUL is zero (the kernel leaves it as it happens to be). */
static void set_name(struct part *part, const char *name)
{
	char text[sizeof(part->name)] = "";

	memcpy(text, name, strnlen(name, sizeof(text) - 1));
	memcpy(part->name, text, sizeof(text));
}

struct blob xt_entry_from_kernel(enum family family, const void *entry, const char *target,
				 struct xt_room *room)
{
	const struct xt_layout *layout = &xt_libraries[family].layout;
	size_t len = get_u16(entry, layout->next_offset);
	size_t target_offset = get_u16(entry, layout->target_offset);
	struct part *part;

	if (target_offset < layout->head || len < target_offset + sizeof(*part))
		return (struct blob){0};
	memcpy(room->bytes, entry, len);
	room->len = len;
	memset(room->bytes + layout->nfcache, 0, sizeof(unsigned int));
	memset(room->bytes + layout->comefrom, 0, sizeof(unsigned int));
	memset(room->bytes + layout->counters, 0, sizeof(struct xt_counters));
	for (size_t at = layout->head; at < target_offset; at += part->size) {
		part = part_at(room, at);
		if (target_offset - at < sizeof(*part) || part->size < sizeof(*part) ||
		    part->size > target_offset - at)
			return (struct blob){0};
		set_name(part, part->name);
	}
	part = part_at(room, target_offset);
	if (*part->name == '\0')
		xt_entry_set_target(family, room, target);
	else
		set_name(part, part->name);
	return (struct blob){room->bytes, len};
}

void xt_entry_set_target(enum family family, struct xt_room *room, const char *target)
{
	size_t offset = get_u16(room->bytes, xt_libraries[family].layout.target_offset);
	struct part *part = part_at(room, offset);

	set_name(part, target);
	memset(part + 1, 0, room->len - offset - sizeof(*part));
}

const char *xt_entry_target(enum family family, struct blob entry)
{
	if (entry.len == 0)
		return "";
	return part_in(entry, get_u16(entry.bytes, xt_libraries[family].layout.target_offset))->name;
}

static bool is_standard(const char *target)
{
	return strcmp(target, IPTC_LABEL_RETURN) == 0 || strcmp(target, IPTC_LABEL_DROP) == 0 ||
	       strncmp(target, XT_CHAIN_PREFIX, strlen(XT_CHAIN_PREFIX)) == 0;
}

struct xt_extension xt_entry_extension(enum family family, struct blob entry, size_t *offset)
{
	const struct xt_layout *layout = &xt_libraries[family].layout;
	size_t at = *offset ? *offset : layout->head;
	const struct part *part = at < entry.len ? part_in(entry, at) : NULL;
	bool is_target = at == get_u16(entry.bytes, layout->target_offset);

	if (!part || (is_target && is_standard(part->name)))
		return (struct xt_extension){0};
	*offset = at + part->size;
	return (struct xt_extension){part->name, part->revision, is_target};
}

const char *xt_entry_comment(enum family family, struct blob entry,
			     char out[static XT_COMMENT_SIZE])
{
	const struct xt_layout *layout = &xt_libraries[family].layout;
	size_t end = get_u16(entry.bytes, layout->target_offset);
	const struct part *part;

	memset(out, 0, XT_COMMENT_SIZE);
	for (size_t at = layout->head; at < end; at += part->size) {
		part = part_in(entry, at);
		if (strcmp(part->name, "comment") != 0)
			continue;
		size_t room = part->size - sizeof(*part);

		memcpy(out, part + 1, strnlen((const char *)(part + 1),
					      room < XT_COMMENT_SIZE ? room : XT_COMMENT_SIZE - 1));
		break;
	}
	return out;
}
