// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_netlink: where in a message the kernel's offset points.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "nft/nft_refusal.h"

static const struct nlmsghdr *make_elements(struct batch *batch, size_t n)
{
	struct nlmsghdr *message = batch_start(batch, NFT_MSG_NEWSETELEM, 0, AF_UNSPEC, 0, 4096);
	struct nlattr *list, *element;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, "t");
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < n; i++) {
		element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
		mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, (uint32_t)i);
		mnl_attr_nest_end(message, element);
	}
	mnl_attr_nest_end(message, list);
	batch_commit(batch);
	return batch_message(batch, batch->n - 1);
}

static void an_offset_finds_its_element(void **state)
{
	struct batch batch = {0};
	const struct nlmsghdr *message = make_elements(&batch, 9);
	/* header 16, family header 4, table's name 8, head of the list 4; 12 an element */
	const uint32_t first = 32, size = 12;

	(void)state;
	assert_int_equal(message->nlmsg_len, first + 9 * size);
	for (uint32_t offset = first; offset < message->nlmsg_len; offset++)
		assert_int_equal(nft_refusal_element_at(message, offset), (offset - first) / size);
	/* Outside of the elements there is none: the first one is as good as any. */
	assert_int_equal(nft_refusal_element_at(message, 0), 0);
	assert_int_equal(nft_refusal_element_at(message, 20), 0);
	assert_int_equal(nft_refusal_element_at(message, message->nlmsg_len), 0);
	assert_int_equal(nft_refusal_element_at(message, UINT32_MAX), 0);
	batch_free(&batch);
}

static void an_offset_finds_its_expression(void **state)
{
	static const char *const names[] = {"meta", "cmp", "fib"};
	struct batch batch = {0};
	struct nlmsghdr *message = batch_start(&batch, NFT_MSG_NEWRULE, 0, AF_UNSPEC, 0, 4096);
	struct nlattr *list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS), *expr;
	uint32_t offsets[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		offsets[i] = message->nlmsg_len;
		expr = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
		mnl_attr_put_strz(message, NFTA_EXPR_NAME, names[i]);
		mnl_attr_nest_end(message, expr);
	}
	mnl_attr_nest_end(message, list);
	batch_commit(&batch);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(nft_refusal_expr_at(batch_message(&batch, 0), offsets[i]),
				    names[i]);
	assert_string_equal(nft_refusal_expr_at(batch_message(&batch, 0), 4), "");
	batch_free(&batch);
}

static void messages_stay_apart_while_the_buffer_grows(void **state)
{
	struct batch batch = {0};

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		make_elements(&batch, i % 50);
	assert_int_equal(batch.n, 1000);
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(batch_message(&batch, i)->nlmsg_type, NFT_MSG_NEWSETELEM);
		assert_int_equal(batch_message(&batch, i)->nlmsg_len, 32 + i % 50 * 12);
	}
	batch_free(&batch);
}

static void keys_are_text_for_people(void **state)
{
	static const struct set pair = {.n_fields = 2, .fields = {FIELD_IIFNAME, FIELD_SADDR4}};
	static const struct set type = {.n_fields = 1, .fields = {FIELD_ICMPV6_TYPE}};
	static const uint8_t key[28] = {'v', 'm', 'n',	    'e',       't', '1', [16] = 192, 168,
					56,  0,	  [20] = 6, [24] = 10, 0,   0,	 7};
	/* ifname . ipv4_addr . inet_proto . ipv4_addr */
	struct set four = {.n_fields = 4,
			   .fields = {FIELD_IIFNAME, FIELD_SADDR4, FIELD_L4PROTO, FIELD_DADDR4}};
	static const char words[] = "vmnet1 . 192.168.56.0 . 6 . 10.0.0.7";
	uint32_t concatenation[] = {8 | NFTA_SET_KEY_TYPE << 16,
				    htonl(((41u << 6 | 7) << 6 | 12) << 6 | 7)};
	const struct image_set kept = {.key_len = sizeof(key), .blob = {concatenation, 8}};
	struct buf text = {0};

	(void)state;
	nft_refusal_key(&pair, key, &text);
	assert_string_equal(buf_text(&text), "vmnet1 . 192.168.56.0");
	buf_free(&text);
	nft_refusal_key(&type, (const uint8_t[]){135}, &text);
	assert_string_equal(buf_text(&text), "135");
	buf_free(&text);
	nft_refusal_key(&four, key, &text);
	assert_string_equal(buf_text(&text), words);
	buf_free(&text);
	nft_refusal_record(&kept, key, &text);
	assert_string_equal(buf_text(&text), words);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offset_finds_its_element),
		cmocka_unit_test(an_offset_finds_its_expression),
		cmocka_unit_test(messages_stay_apart_while_the_buffer_grows),
		cmocka_unit_test(keys_are_text_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
