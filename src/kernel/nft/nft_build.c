// SPDX-License-Identifier: GPL-2.0-or-later
// nft_build: a lowered ruleset as the image of a table.
#include "nft/nft_build.h"

#include <netinet/in.h> /* before the kernel's headers, which then leave its types alone */

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "base/exhaustion.h"
#include "nft/nft_expr.h"
#include "rules/field.h"
#include "rules/origin.h"

/* nft's number of a concatenated type: six bits a field (nftables, include/datatype.h). */
#define NFT_TYPE_BITS 6

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* The buffer is zeroed when new. What was in it must not show where attributes are padded. */
static struct nlmsghdr *blob_start(uint8_t *buffer)
{
	const struct nlmsghdr *earlier = (const struct nlmsghdr *)(const void *)buffer;

	memset(buffer, 0, padded(earlier->nlmsg_len));
	return mnl_nlmsg_put_header(buffer);
}

static struct blob blob_end(const struct nlmsghdr *message)
{
	return (struct blob){mnl_nlmsg_get_payload(message), mnl_nlmsg_get_payload_len(message)};
}

struct blob nft_table_blob(struct nftnl_table *table, uint8_t buffer[static NFT_BLOB_SIZE])
{
	struct nlmsghdr *message = blob_start(buffer);

	nftnl_table_unset(table, NFTNL_TABLE_USE);
	nftnl_table_unset(table, NFTNL_TABLE_HANDLE);
	nftnl_table_unset(table, NFTNL_TABLE_OWNER);
	nftnl_table_nlmsg_build_payload(message, table);
	return blob_end(message);
}

struct blob nft_chain_blob(struct nftnl_chain *chain, uint8_t buffer[static NFT_BLOB_SIZE])
{
	struct nlmsghdr *message = blob_start(buffer);

	nftnl_chain_unset(chain, NFTNL_CHAIN_USE);
	nftnl_chain_unset(chain, NFTNL_CHAIN_HANDLE);
	nftnl_chain_unset(chain, NFTNL_CHAIN_BYTES);
	nftnl_chain_unset(chain, NFTNL_CHAIN_PACKETS);
	/* The kernel says here that a base chain is one, which its hook says already. */
	nftnl_chain_unset(chain, NFTNL_CHAIN_FLAGS);
	nftnl_chain_nlmsg_build_payload(message, chain);
	return blob_end(message);
}

static int clear_counter(struct nftnl_expr *expr, void *data)
{
	(void)data;
	if (strcmp(nftnl_expr_get_str(expr, NFTNL_EXPR_NAME), "counter") == 0) {
		nftnl_expr_set_u64(expr, NFTNL_EXPR_CTR_PACKETS, 0);
		nftnl_expr_set_u64(expr, NFTNL_EXPR_CTR_BYTES, 0);
	}
	return 0;
}

struct blob nft_set_blob(struct nftnl_set *set, uint8_t buffer[static NFT_BLOB_SIZE])
{
	struct nlmsghdr *message = blob_start(buffer);

	nftnl_set_unset(set, NFTNL_SET_HANDLE);
	nftnl_set_unset(set, NFTNL_SET_ID);
	/* The kernel has its own idea of a verdict's length; nft(8) writes 0. */
	if (nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) == NFT_DATA_VERDICT)
		nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, 0);
	nftnl_set_expr_foreach(set, clear_counter, NULL);
	nftnl_set_nlmsg_build_payload(message, set);
	return blob_end(message);
}

struct blob nft_rule_blob(struct nftnl_rule *rule, uint8_t buffer[static NFT_BLOB_SIZE])
{
	struct nlmsghdr *message = blob_start(buffer);

	nftnl_rule_unset(rule, NFTNL_RULE_HANDLE);
	nftnl_rule_unset(rule, NFTNL_RULE_POSITION);
	nftnl_rule_unset(rule, NFTNL_RULE_ID);
	nftnl_expr_foreach(rule, clear_counter, NULL);
	nftnl_rule_nlmsg_build_payload(message, rule);
	return blob_end(message);
}

static void *checked(void *object)
{
	if (!object)
		arena_exhausted();
	return object;
}

static void build_table(struct image *image, uint8_t *buffer)
{
	struct nftnl_table *table = checked(nftnl_table_alloc());
	struct blob blob;

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, TABLE_NAME);
	nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, 0);
	blob = nft_table_blob(table, buffer);
	image_set_table(image, blob);
	nftnl_table_free(table);
}

static void build_chain(struct image *image, const struct chain *from, uint8_t *buffer)
{
	struct nftnl_chain *chain = checked(nftnl_chain_alloc());

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, TABLE_NAME);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, from->name);
	if (from->stage != STAGE_NONE) {
		const struct stage_info *stage = &stage_table[from->stage];

		nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, stage->nft_type);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, stage->nft_hooknum);
		nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, stage->nft_priority);
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	image_add_chain(image, from->name, nft_chain_blob(chain, buffer));
	nftnl_chain_free(chain);
}

/* nft(8) keeps the byte order of keys and data here, to print and sort them right. */
static void set_userdata(struct nftnl_set *out, const struct set *set)
{
	enum { BYTEORDER_INVALID, BYTEORDER_HOST, BYTEORDER_BIG };
	struct nftnl_udata_buf *userdata = checked(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
	uint32_t order = BYTEORDER_INVALID;

	if (set->n_fields == 1 && !field_table[set->fields[0]].no_order)
		order = field_table[set->fields[0]].host_order ? BYTEORDER_HOST : BYTEORDER_BIG;
	nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_KEYBYTEORDER, order);
	if (set->is_map)
		nftnl_udata_put_u32(userdata, NFTNL_UDATA_SET_DATABYTEORDER, BYTEORDER_INVALID);
	nftnl_set_set_data(out, NFTNL_SET_USERDATA, nftnl_udata_buf_data(userdata),
			   nftnl_udata_buf_len(userdata));
	nftnl_udata_buf_free(userdata);
}

static void add_elements(struct image_set *out, const struct ruleset *ruleset,
			 const struct set *set)
{
	for (size_t i = 0; i < set->n_elements; i++) {
		const struct element *element = &set->elements[i];
		uint32_t verdict = VERDICT_NONE;
		uint8_t *key;

		if (set->is_map)
			verdict = ruleset->actions[element->action].chain;
		key = image_add_element(out, verdict, (uint32_t)i);
		for (size_t j = 0; j < set->n_fields; j++) {
			size_t len = field_table[set->fields[j]].bytes;

			memcpy(key, element->key[j].bytes, len);
			key += padded(len);
		}
	}
}

static void build_set(struct image *image, const struct ruleset *ruleset, const struct set *set,
		      uint8_t *buffer)
{
	struct nftnl_set *out = checked(nftnl_set_alloc());
	struct image_set *image_set;
	uint32_t type = 0;
	size_t key_len = 0;

	for (size_t i = 0; i < set->n_fields; i++) {
		type = type << NFT_TYPE_BITS | field_table[set->fields[i]].nft_type;
		key_len += padded(field_table[set->fields[i]].bytes);
	}
	if (set->n_fields == 1)
		key_len = field_table[set->fields[0]].bytes;
	nftnl_set_set_str(out, NFTNL_SET_TABLE, TABLE_NAME);
	nftnl_set_set_str(out, NFTNL_SET_NAME, set->name);
	nftnl_set_set_u32(out, NFTNL_SET_KEY_TYPE, type);
	nftnl_set_set_u32(out, NFTNL_SET_KEY_LEN, (uint32_t)key_len);
	if (set->is_map) {
		nftnl_set_set_u32(out, NFTNL_SET_FLAGS, NFT_SET_MAP);
		nftnl_set_set_u32(out, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
	}
	set_userdata(out, set);
	if (set->tally != TALLY_NONE)
		nftnl_set_add_expr(out, checked(nftnl_expr_alloc("counter")));
	image_set =
		image_add_set(image, set->name, nft_set_blob(out, buffer), set->is_map, key_len);
	image_set->counts = set->tally != TALLY_NONE;
	nftnl_set_free(out);
	add_elements(image_set, ruleset, set);
}

static void build_rule(struct image *image, const struct ruleset *ruleset, size_t idx,
		       uint8_t *buffer)
{
	const struct rule *rule = &ruleset->rules[idx];
	struct nftnl_rule *out = checked(nftnl_rule_alloc());
	struct nftnl_udata_buf *userdata = checked(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
	struct buf comment __attribute__((cleanup(buf_free))) = {0};

	nftnl_rule_set_str(out, NFTNL_RULE_TABLE, TABLE_NAME);
	nftnl_rule_set_str(out, NFTNL_RULE_CHAIN, ruleset->chains[rule->chain].name);
	nft_expr_add_rule(out, ruleset, rule);
	origin_comment(&ruleset->origins[rule->origin], &comment);
	nftnl_udata_put_strz(userdata, NFTNL_UDATA_RULE_COMMENT, buf_text(&comment));
	nftnl_rule_set_data(out, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(userdata),
			    nftnl_udata_buf_len(userdata));
	image_add_rule(image, &image->chains[rule->chain], nft_rule_blob(out, buffer),
		       buf_text(&comment))
		->rule = (uint32_t)idx;
	nftnl_udata_buf_free(userdata);
	nftnl_rule_free(out);
}

void nft_build(const struct ruleset *ruleset, struct image *image)
{
	uint8_t *buffer = arena_alloc(image->arena, NFT_BLOB_SIZE);

	build_table(image, buffer);
	for (size_t i = 0; i < ruleset->n_chains; i++)
		build_chain(image, &ruleset->chains[i], buffer);
	for (size_t i = 0; i < ruleset->n_sets; i++)
		build_set(image, ruleset, &ruleset->sets[i], buffer);
	for (size_t i = 0; i < ruleset->n_rules; i++)
		build_rule(image, ruleset, i, buffer);
	image_finish(image);
}
