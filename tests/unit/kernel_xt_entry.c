// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_xt_entry: rules as entries of iptables, part by part.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libiptc/libip6tc.h>
#include <linux/netfilter/xt_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "print/xt_rule.h"
#include "rules/build.h"
#include "rules/field.h"
#include "rules/ours.h"
#include "xt/xt_table.h"

struct sample {
	struct arena *arena;
	struct ruleset *ruleset;
	struct rule rule;
	struct xt_room *room;
};

static struct sample start(enum action_kind kind)
{
	struct sample s = {.arena = arena_new()};

	s.ruleset = ruleset_new(s.arena);
	s.room = arena_alloc(s.arena, sizeof(*s.room));
	ruleset_add_origin(s.ruleset, PROMISE_P1, "why", "net1", PLACE_NONE);
	ruleset_add_chain(s.ruleset, "HOSTGATE-A", STAGE_NONE, STAGE_FORWARD);
	s.rule = rule_start(0, kind == ACTION_GOTO ? action_goto(0) : action_of(kind), 0);
	return s;
}

static struct key name_key(const char *name, bool wildcard)
{
	struct ifpattern pattern = {.wildcard = wildcard};

	strcpy(pattern.name, name);
	return key_of_interface(&pattern);
}

static void the_head_has_names_and_prefixes(void **state)
{
	struct sample s = start(ACTION_DROP);
	const struct ipt_entry *entry;
	struct prefix prefix;
	struct blob blob;

	(void)state;
	assert_true(prefix_parse("10.20.0.0/15", &prefix));
	rule_match_prefix(&s.rule, FIELD_IIFNAME, name_key("vmnet1", false));
	rule_match_prefix(&s.rule, FIELD_OIFNAME, name_key("tap", true));
	rule_match_prefix(&s.rule, FIELD_SADDR4, key_of_prefix(&prefix));
	blob = xt_entry_build(s.ruleset, &s.rule, FAMILY_IPV4, s.room);
	entry = blob.bytes;
	assert_string_equal(entry->ip.iniface, "vmnet1");
	assert_memory_equal(entry->ip.iniface_mask, "\xff\xff\xff\xff\xff\xff\xff\0", 8);
	assert_string_equal(entry->ip.outiface, "tap+");
	assert_memory_equal(entry->ip.outiface_mask, "\xff\xff\xff\0", 4);
	assert_int_equal(ntohl(entry->ip.src.s_addr), 0x0a140000);
	assert_int_equal(ntohl(entry->ip.smsk.s_addr), 0xfffe0000);
	assert_int_equal(entry->ip.dmsk.s_addr, 0);
	assert_int_equal(entry->next_offset, blob.len);
	assert_int_equal(entry->target_offset % 8, 0);
	assert_string_equal(xt_entry_target(FAMILY_IPV4, blob), "DROP");
	arena_free(s.arena);
}

static void extensions_come_in_the_order_of_the_line(void **state)
{
	static const struct {
		const char *name;
		uint8_t revision;
		bool is_target;
	} expected[] = {
		{"udp", 0, false},     {"conntrack", 3, false}, {"conntrack", 3, false},
		{"comment", 0, false}, {"REJECT", 0, true},
	};
	struct sample s = start(ACTION_REJECT);
	struct xt_extension extension;
	char comment[XT_COMMENT_SIZE];
	struct blob blob;
	size_t offset = 0;

	(void)state;
	rule_match_prefix(&s.rule, FIELD_CT_DIRECTION, key_of_number(FIELD_CT_DIRECTION, 1));
	rule_match_bits(&s.rule, FIELD_CT_STATUS, CT_STATUS_SRC_NAT, true);
	rule_match_prefix(&s.rule, FIELD_SERVICE, key_of_service(IPPROTO_UDP, 67));
	blob = xt_entry_build(s.ruleset, &s.rule, FAMILY_IPV6, s.room);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		extension = xt_entry_extension(FAMILY_IPV6, blob, &offset);
		assert_non_null(extension.name);
		assert_string_equal(extension.name, expected[i].name);
		assert_int_equal(extension.revision, expected[i].revision);
		assert_true(extension.is_target == expected[i].is_target);
	}
	assert_null(xt_entry_extension(FAMILY_IPV6, blob, &offset).name);
	assert_string_equal(xt_entry_comment(FAMILY_IPV6, blob, comment), "P1 net1: why");
	assert_int_equal(((const struct ip6t_entry *)blob.bytes)->ipv6.proto, IPPROTO_UDP);
	assert_int_equal(((const struct ip6t_entry *)blob.bytes)->ipv6.flags, IP6T_F_PROTO);
	arena_free(s.arena);
}

static void a_translation_is_a_state_for_iptables(void **state)
{
	struct sample s = start(ACTION_DROP);
	const struct xt_conntrack_mtinfo3 *info;
	struct blob blob;

	(void)state;
	rule_match_bits(&s.rule, FIELD_CT_STATUS, CT_STATUS_SRC_NAT, true);
	blob = xt_entry_build(s.ruleset, &s.rule, FAMILY_IPV4, s.room);
	info = (const void *)((const uint8_t *)blob.bytes + sizeof(struct ipt_entry) +
			      sizeof(struct xt_entry_match));
	assert_int_equal(info->match_flags, XT_CONNTRACK_STATE);
	assert_int_equal(info->invert_flags, XT_CONNTRACK_STATE);
	assert_int_equal(info->state_mask, XT_CONNTRACK_STATE_SNAT);
	assert_int_equal(info->status_mask, 0);
	arena_free(s.arena);
}

static void a_goto_is_a_jump_with_a_flag(void **state)
{
	struct sample s = start(ACTION_GOTO);
	struct xt_room *other = arena_alloc(s.arena, sizeof(*other));
	struct blob jump;

	(void)state;
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		const struct xt_layout *layout = &xt_libraries[f].layout;
		struct blob blob = xt_entry_build(s.ruleset, &s.rule, f, s.room);

		assert_string_equal(xt_entry_target(f, blob), "HOSTGATE-A");
		assert_int_equal(s.room->bytes[layout->flags], layout->flag_goto);
		jump = xt_entry_build_jump(f, "HOSTGATE-A", other);
		assert_string_equal(xt_entry_target(f, jump), "HOSTGATE-A");
		assert_int_equal(other->bytes[layout->flags], 0);
	}
	arena_free(s.arena);
}

/* The kernel's own form: counters, hooks, an offset instead of a name, and rubbish behind names. */
static void a_kernels_entry_is_read_as_it_was_built(void **state)
{
	struct sample s = start(ACTION_GOTO);
	struct xt_room *kernel = arena_alloc(s.arena, sizeof(*kernel));
	struct xt_room *again = arena_alloc(s.arena, sizeof(*again));

	(void)state;
	rule_match_bits(&s.rule, FIELD_CT_STATE, CT_STATE_INVALID, false);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		const struct xt_layout *layout = &xt_libraries[f].layout;
		struct blob blob = xt_entry_build(s.ruleset, &s.rule, f, s.room), read;
		uint16_t target;

		memcpy(kernel->bytes, blob.bytes, blob.len);
		memset(kernel->bytes + layout->counters, 7, sizeof(struct xt_counters));
		memset(kernel->bytes + layout->comefrom, 7, 4);
		kernel->bytes[layout->head + 2 + strlen("conntrack") + 1] = 'x';
		memcpy(&target, kernel->bytes + layout->target_offset, sizeof(target));
		memset(kernel->bytes + target + 2, 0, XT_EXTENSION_MAXNAMELEN);
		memset(kernel->bytes + target + sizeof(struct xt_entry_target), 9, 4);
		read = xt_entry_from_kernel(f, kernel->bytes, "HOSTGATE-A", again);
		assert_int_equal(read.len, blob.len);
		assert_memory_equal(read.bytes, blob.bytes, blob.len);
	}
	arena_free(s.arena);
}

static void an_entry_without_sense_is_empty(void **state)
{
	struct sample s = start(ACTION_DROP);
	struct xt_room *other = arena_alloc(s.arena, sizeof(*other));
	struct ipt_entry *entry = (void *)s.room->bytes;

	(void)state;
	xt_entry_build(s.ruleset, &s.rule, FAMILY_IPV4, s.room);
	memset(s.room->bytes + sizeof(*entry), 0, 2); /* the size of the first match */
	assert_int_equal(xt_entry_from_kernel(FAMILY_IPV4, entry, "DROP", other).len, 0);
	entry->target_offset = 8;
	assert_int_equal(xt_entry_from_kernel(FAMILY_IPV4, entry, "DROP", other).len, 0);
	assert_string_equal(xt_entry_target(FAMILY_IPV4, (struct blob){0}), "");
	arena_free(s.arena);
}

static void a_table_has_jumps_and_chains_with_rules(void **state)
{
	struct xt_content content __attribute__((cleanup(xt_table_free))) = {0};
	struct arena *arena = arena_new();
	struct description description = {0};
	const struct ruleset *ruleset = lower_xt(arena, plan_ruleset(arena, &description));
	struct xt_part part = xt_part_of(ruleset, FAMILY_IPV4);
	size_t n_jumps = 0;

	(void)state;
	for (size_t t = 0; t < XT_TABLES; t++) {
		xt_table_init(&content, FAMILY_IPV4, &xt_table_list[t]);
		xt_table_build(&content, &part);
		n_jumps += content.n_jumps;
		for (size_t i = 0; i < content.n_jumps; i++)
			assert_int_not_equal(
				image_find_chain(&content.image, content.jumps[i].chain), NO_INDEX);
		for (size_t i = 0; i < content.image.n_chains; i++)
			if (ours_chain(content.image.chains[i].name))
				assert_int_not_equal(content.image.chains[i].n_rules, 0);
		xt_table_free(&content);
	}
	assert_int_not_equal(n_jumps, 0);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_head_has_names_and_prefixes),
		cmocka_unit_test(extensions_come_in_the_order_of_the_line),
		cmocka_unit_test(a_translation_is_a_state_for_iptables),
		cmocka_unit_test(a_goto_is_a_jump_with_a_flag),
		cmocka_unit_test(a_kernels_entry_is_read_as_it_was_built),
		cmocka_unit_test(an_entry_without_sense_is_empty),
		cmocka_unit_test(a_table_has_jumps_and_chains_with_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
