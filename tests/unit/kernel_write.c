// SPDX-License-Identifier: GPL-2.0-or-later
// kernel_write: which messages a change between two tables takes, and in which order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "nft/nft_write.h"

#define BLOB(text) ((struct blob){text, sizeof(text)})

/* A map of n elements that lead to chain "a", which has the rules; "b" is empty. */
static void make(struct image *image, const char *rules, uint32_t n)
{
	struct image_set *set;

	image_init(image);
	image->generation = 7;
	image_set_table(image, BLOB("table"));
	image_add_chain(image, "a", BLOB("chain a"));
	image_add_chain(image, "b", BLOB("chain b"));
	for (uint64_t handle = 1; *rules; rules++, handle++) {
		const char bytes[4] = {*rules, *rules, *rules, *rules};

		image_add_rule(image, &image->chains[0], (struct blob){bytes, 4}, "")->handle =
			handle;
	}
	set = image_add_set(image, "map", BLOB("set"), true, 4);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t key = htonl(i);

		memcpy(image_add_element(set, 0, i), &key, sizeof(key));
	}
	image_finish(image);
}

/* The messages between the limits, as a letter each. */
static void write_all(const struct image *old, const struct image *new, struct nft_writing *w,
		  char *kinds)
{
	static const char letters[] = {
		[NFT_MSG_NEWTABLE] = 'T',   [NFT_MSG_DELTABLE] = 't', [NFT_MSG_NEWCHAIN] = 'C',
		[NFT_MSG_DELCHAIN] = 'c',   [NFT_MSG_NEWRULE] = 'R',  [NFT_MSG_DELRULE] = 'r',
		[NFT_MSG_NEWSET] = 'S',	    [NFT_MSG_DELSET] = 's',   [NFT_MSG_NEWSETELEM] = 'E',
		[NFT_MSG_DELSETELEM] = 'e',
	};
	struct arena *arena = arena_new();
	struct diff diff;

	image_diff(arena, old, new, &diff);
	nft_write_begin(w, old->generation);
	nft_write_changes(w, old, new, &diff);
	nft_write_end(w);
	assert_int_equal(w->n_subjects, w->batch.n);
	for (size_t i = 1; i + 1 < w->batch.n; i++)
		*kinds++ = letters[batch_message(&w->batch, i)->nlmsg_type & 0xff];
	*kinds = '\0';
	arena_free(arena);
}

static void only_what_differs_is_written(void **state)
{
	struct image old, new;
	char kinds[64];

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		static const char *const expected[] = {"", "E", "rR", "CSER", "eEc", "rressc"};
		struct nft_writing w = {0};
		struct image *more = i == 5 ? &old : &new;

		make(&old, "wxyz", 1000);
		make(&new, i == 2 ? "wxaz" : "wxyz", i == 1 || i == 4 ? 1001 : 1000);
		if (i == 3 || i == 5) {
			image_add_rule(more, image_add_chain(more, "c", BLOB("chain c")),
				       BLOB("abc"), "");
			image_add_element(image_add_set(more, "c", BLOB("set c"), true, 4), 2, 0);
		}
		if (i == 4) { /* a chain of the old table that an element led to */
			image_add_chain(&old, "c", BLOB("chain c"));
			*image_add_element(&old.sets[0], 2, 0) = 9;
		}
		if (i == 5) {
			image_add_set(&old, "d", BLOB("set d"), false, 4);
			image_add_set(&old, "__set0", BLOB("set"), false, 4)->is_anonymous = true;
			image_add_rule(&old, &old.chains[0], BLOB("foreign"), "")->handle = 99;
		}
		image_finish(&old);
		image_finish(&new);
		write_all(&old, &new, &w, kinds);
		assert_string_equal(kinds, expected[i]);
		nft_writing_free(&w);
		image_free(&old);
		image_free(&new);
	}
}

static uint64_t number_in(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr;
	/* What was added follows the sample's four bytes. */
	size_t head = (message->nlmsg_type & 0xff) == NFT_MSG_NEWRULE ? 4 : 0;

	netlink_for_each(attr, message, sizeof(struct nfgenmsg) + head)
	{
		if (mnl_attr_get_type(attr) == type)
			return be64toh(mnl_attr_get_u64(attr));
	}
	return 0;
}

static void a_new_rule_comes_before_the_one_that_follows(void **state)
{
	struct nft_writing w = {0};
	struct image old, new;
	char kinds[64];

	(void)state;
	make(&old, "wxyz", 0);
	make(&new, "wabxzc", 0);
	write_all(&old, &new, &w, kinds);
	assert_string_equal(kinds, "rRRR");
	assert_int_equal(number_in(batch_message(&w.batch, 1), NFTA_RULE_HANDLE), 3);
	for (size_t i = 2; i < 4; i++) {
		assert_int_equal(number_in(batch_message(&w.batch, i), NFTA_RULE_POSITION), 2);
		assert_int_equal(batch_message(&w.batch, i)->nlmsg_flags & NLM_F_APPEND, 0);
	}
	assert_int_equal(number_in(batch_message(&w.batch, 4), NFTA_RULE_POSITION), 0);
	assert_true(batch_message(&w.batch, 4)->nlmsg_flags & NLM_F_APPEND);
	nft_writing_free(&w);
	image_free(&old);
	image_free(&new);
}

static void what_can_not_change_in_place_is_made_anew(void **state)
{
	struct nft_writing w = {0};
	struct image old, new;
	char kinds[64];

	(void)state;
	make(&old, "wxyz", 3);
	make(&new, "wxyz", 3);
	new.sets[0].blob = BLOB("other");
	write_all(&old, &new, &w, kinds);
	assert_string_equal(kinds, "tTCCSERRRR");
	nft_writing_free(&w);
	image_free(&old);
	image_free(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_differs_is_written),
		cmocka_unit_test(a_new_rule_comes_before_the_one_that_follows),
		cmocka_unit_test(what_can_not_change_in_place_is_made_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
