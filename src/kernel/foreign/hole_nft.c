// SPDX-License-Identifier: GPL-2.0-or-later
// hole_nft: holes in chains that iptables-nft keeps in nf_tables.
/* libiptc can't be included after the kernel's headers. */
#include "xt/xt_entry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/x_tables.h>
#include <string.h>
#include <sys/socket.h>

#include "foreign/hole_chain.h"
#include "foreign/kept_nft.h"
#include "nft/nft_dump.h"
#include "nft/nft_refusal.h"
#include "nft/nft_write.h"
#include "nft/raw_rule.h"
#include "print/xt_rule.h"
#include "rules/field.h"
#include "rules/ours.h"

/*
 * Theory of operation
 *
 * A rule is written as iptables-nft 1.8 writes it: names of interfaces compared, extensions of
 * iptables as "match" expressions with the very data that legacy iptables has, then a counter and
 * the verdict. So iptables-nft lists it, and finds it again by its words.
 *
 * Its form, to compare by, is a text of these expressions without what the kernel counts. A rule
 * that has anything else in it has another form, and is not the same.
 */

#define TABLE "filter"

/* How often somebody else may change something before our transaction. */
#define ATTEMPTS 10

/* Most bytes of a rule's expressions: two names, two extensions, counter and verdict. */
#define RULE_MAX 2048

static const uint8_t families[FAMILY__COUNT] = {AF_INET, AF_INET6};

/* A name of an interface with its NUL, or the beginning of one without. */
struct name {
	char text[IFNAME_SIZE];
	size_t len;
	enum nft_meta_keys key;
};

static void names_of(const struct rule *rule, struct name names[static 2])
{
	for (size_t i = 0; i < 2; i++) {
		bool wildcard;

		memset(&names[i], 0, sizeof(names[i]));
		key_ifname(&rule->matches[i].key, names[i].text, &wildcard);
		names[i].len = strlen(names[i].text) + !wildcard;
		names[i].key = rule->matches[i].fields[0] == FIELD_IIFNAME ? NFT_META_IIFNAME :
									      NFT_META_OIFNAME;
	}
}

/* Forms. */

static void form_bytes(struct buf *form, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(form, "%02x", ((const uint8_t *)bytes)[i]);
	buf_putc(form, ' ');
}

static void form_name(struct buf *form, uint32_t key, const void *bytes, size_t len)
{
	buf_printf(form, "meta %u cmp %u ", key, (unsigned int)NFT_CMP_EQ);
	form_bytes(form, bytes, len);
}

static void form_match(struct buf *form, const char *name, uint32_t revision, const void *data,
		       size_t len)
{
	buf_printf(form, "match %s %u ", name, revision);
	form_bytes(form, data, len);
}

static void form_end(struct buf *form)
{
	buf_printf(form, "counter verdict %u ", (unsigned int)NF_ACCEPT);
}

/* Calls put for each extension of a legacy entry, in its order. */
static void each_match(enum family family, struct blob entry, void *to,
		       void (*put)(void *to, const struct xt_entry_match *match))
{
	const struct xt_layout *layout = &xt_libraries[family].layout;
	const uint8_t *bytes = entry.bytes;
	uint16_t end;

	memcpy(&end, bytes + layout->target_offset, sizeof(end));
	for (size_t at = layout->head; at < end;) {
		const struct xt_entry_match *match = (const void *)(bytes + at);

		put(to, match);
		at += match->u.match_size;
	}
}

static void put_form(void *to, const struct xt_entry_match *match)
{
	form_match(to, match->u.user.name, match->u.user.revision, match->data,
		   match->u.match_size - sizeof(*match));
}

void hole_nft_want(struct holes *holes, uint32_t idx, enum family family)
{
	struct buf form __attribute__((cleanup(buf_free))) = {0};
	struct hole_item item = hole_xt_wanted(holes, idx, family);
	struct name names[2];

	names_of(&holes->ruleset->holes[idx].rule, names);
	for (size_t i = 0; i < 2; i++)
		form_name(&form, names[i].key, names[i].text, names[i].len);
	each_match(family, item.form, &form, put_form);
	form_end(&form);
	item.form = (struct blob){form.data, form.len};
	hole_items_add(holes->arena, &holes->wanted[HOLE_NFT][family], item);
}

/* Reading. */

static uint32_t number_of(const struct nlattr *nest, uint16_t type)
{
	return netlink_be32(netlink_find(nest, type), UINT32_MAX);
}

static const char *text_of(const struct nlattr *nest, uint16_t type)
{
	const char *text = netlink_find_text(nest, type);

	return text ? text : "";
}

static void read_cmp(struct buf *form, const struct nlattr *data)
{
	const struct nlattr *value =
		netlink_find(netlink_find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);

	buf_printf(form, "cmp %u ", number_of(data, NFTA_CMP_OP));
	if (value)
		form_bytes(form, mnl_attr_get_payload(value), mnl_attr_get_payload_len(value));
}

static void read_match(struct buf *form, const struct nlattr *data)
{
	const struct nlattr *info = netlink_find(data, NFTA_MATCH_INFO);

	if (info)
		form_match(form, text_of(data, NFTA_MATCH_NAME), number_of(data, NFTA_MATCH_REV),
			   mnl_attr_get_payload(info), mnl_attr_get_payload_len(info));
}

static void read_expression(struct buf *form, const struct nlattr *expression)
{
	const char *name = text_of(expression, NFTA_EXPR_NAME);
	const struct nlattr *data = netlink_find(expression, NFTA_EXPR_DATA), *verdict;

	if (strcmp(name, "meta") == 0) {
		buf_printf(form, "meta %u ", number_of(data, NFTA_META_KEY));
	} else if (strcmp(name, "cmp") == 0) {
		read_cmp(form, data);
	} else if (strcmp(name, "match") == 0) {
		read_match(form, data);
	} else if (strcmp(name, "immediate") == 0) {
		verdict = netlink_find(netlink_find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
		buf_printf(form, "verdict %u ", number_of(verdict, NFTA_VERDICT_CODE));
	} else {
		buf_printf(form, "%s ", name);
	}
}

/* Writes the form of a rule and its comment, "" for none. */
static void read_expressions(struct buf *form, const struct nlattr *expressions,
			     char comment[static XT_COMMENT_SIZE])
{
	const struct nlattr *expression;

	*comment = '\0';
	netlink_for_each_nested(expression, expressions)
	{
		read_expression(form, expression);
		raw_rule_comment(expression, comment);
	}
}

struct reading {
	struct holes *holes;
	struct hole_chain *chain;
};

static void take_rule(struct reading *reading, uint64_t handle, const struct nlattr *expressions)
{
	struct buf form __attribute__((cleanup(buf_free))) = {0};
	char comment[XT_COMMENT_SIZE];

	if (ours_is_led_to(expressions)) {
		reading->chain->has_jump = true;
		reading->chain->jump = handle;
		return;
	}
	read_expressions(&form, expressions, comment);
	if (ours_tag(comment))
		hole_items_add(reading->holes->arena, &reading->chain->present,
			       (struct hole_item){.form = {form.data, form.len},
						  .comment = comment,
						  .handle = handle});
}

static int take_rule_message(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *expressions = nft_attr(message, NFTA_RULE_EXPRESSIONS);
	uint64_t handle = netlink_be64(nft_attr(message, NFTA_RULE_HANDLE), 0);

	if (expressions && handle)
		take_rule(data, handle, expressions);
	return MNL_CB_OK;
}

/* A chain FORWARD that is somebody's own and no base chain is not iptables'. */
static int take_chain_message(const struct nlmsghdr *message, void *data)
{
	const char *table = nft_text(message, NFTA_CHAIN_TABLE);
	const char *name = nft_text(message, NFTA_CHAIN_NAME);
	bool is_base = nft_attr(message, NFTA_CHAIN_HOOK);
	struct holes *holes = data;

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (enum hole h = 0; h < HOLE__COUNT; h++)
			if (families[f] == nft_family(message) && table && name &&
			    strcmp(table, TABLE) == 0 && strcmp(name, xt_hole_chains[h][f]) == 0)
				holes->chains[HOLE_NFT][f][h].exists =
					is_base == (h == HOLE_IPTABLES);
	return MNL_CB_OK;
}

static int read_once(struct netlink *netlink, void *data)
{
	struct holes *holes = data;
	int err;

	hole_reset(holes, HOLE_NFT);
	err = nft_dump(netlink, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NULL, NULL, take_chain_message,
		       holes);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (enum hole h = 0; h < HOLE__COUNT && err == 0; h++) {
			struct reading reading = {holes, &holes->chains[HOLE_NFT][f][h]};

			if (!reading.chain->exists)
				continue;
			err = nft_dump(netlink, NFT_MSG_GETRULE, families[f], TABLE,
				       xt_hole_chains[h][f], take_rule_message, &reading);
			hole_compare(holes, reading.chain);
		}
	return err;
}

int hole_nft_read(struct holes *holes, struct diags *diags)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	hole_reset(holes, HOLE_NFT);
	if (err == 0)
		err = nft_consistent(&netlink, read_once, holes, NULL);
	/* Then there is no iptables-nft either. */
	if (nft_is_absent(err))
		return 0;
	if (err != 0)
		nft_refusal_errno(diags, -err, "read nf_tables");
	return err;
}

/* Writing. */

static struct nlattr *start_expression(struct nlmsghdr *message, const char *name,
				       struct nlattr **data)
{
	struct nlattr *nest = mnl_attr_nest_start(message, NFTA_LIST_ELEM);

	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	*data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return nest;
}

static void end_expression(struct nlmsghdr *message, struct nlattr *nest, struct nlattr *data)
{
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, nest);
}

static void put_name(struct nlmsghdr *message, const struct name *name)
{
	struct nlattr *data, *value, *nest = start_expression(message, "meta", &data);

	mnl_attr_put_u32(message, NFTA_META_KEY, htonl(name->key));
	mnl_attr_put_u32(message, NFTA_META_DREG, htonl(NFT_REG_1));
	end_expression(message, nest, data);
	nest = start_expression(message, "cmp", &data);
	mnl_attr_put_u32(message, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(message, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	value = mnl_attr_nest_start(message, NFTA_CMP_DATA);
	mnl_attr_put(message, NFTA_DATA_VALUE, name->len, name->text);
	mnl_attr_nest_end(message, value);
	end_expression(message, nest, data);
}

static void put_match(void *to, const struct xt_entry_match *match)
{
	struct nlmsghdr *message = to;
	struct nlattr *data, *nest = start_expression(message, "match", &data);

	mnl_attr_put_strz(message, NFTA_MATCH_NAME, match->u.user.name);
	mnl_attr_put_u32(message, NFTA_MATCH_REV, htonl(match->u.user.revision));
	mnl_attr_put(message, NFTA_MATCH_INFO, match->u.match_size - sizeof(*match), match->data);
	end_expression(message, nest, data);
}

static void put_accept(struct nlmsghdr *message)
{
	struct nlattr *data, *value, *verdict, *nest = start_expression(message, "counter", &data);

	mnl_attr_put_u64(message, NFTA_COUNTER_BYTES, 0);
	mnl_attr_put_u64(message, NFTA_COUNTER_PACKETS, 0);
	end_expression(message, nest, data);
	nest = start_expression(message, "immediate", &data);
	mnl_attr_put_u32(message, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
	value = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl(NF_ACCEPT));
	mnl_attr_nest_end(message, verdict);
	mnl_attr_nest_end(message, value);
	end_expression(message, nest, data);
}

/* Comes to the head of the chain, or right behind our jump in it. */
static void put_rule(struct batch *batch, const struct holes *holes,
		     const struct hole_chain *chain, uint32_t idx)
{
	struct hole_item entry = hole_xt_wanted(holes, idx, chain->family);
	struct nlmsghdr *message = batch_start(
		batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE),
		(uint16_t)(NLM_F_CREATE | (chain->has_jump ? NLM_F_APPEND : 0)),
		families[chain->family], 0, RULE_MAX);
	struct name names[2];
	struct nlattr *list;

	names_of(&holes->ruleset->holes[idx].rule, names);
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, TABLE);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, xt_hole_chains[chain->place][chain->family]);
	list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	for (size_t i = 0; i < 2; i++)
		put_name(message, &names[i]);
	each_match(chain->family, entry.form, message, put_match);
	put_accept(message);
	mnl_attr_nest_end(message, list);
	/* The extensions are told that the rule is for any protocol. */
	list = mnl_attr_nest_start(message, NFTA_RULE_COMPAT);
	mnl_attr_put_u32(message, NFTA_RULE_COMPAT_PROTO, 0);
	mnl_attr_put_u32(message, NFTA_RULE_COMPAT_FLAGS, 0);
	mnl_attr_nest_end(message, list);
	if (chain->has_jump)
		mnl_attr_put_u64(message, NFTA_RULE_POSITION, htobe64(chain->jump));
	batch_commit(batch);
}

static void write_chain(struct nft_writing *w, const struct holes *holes,
			const struct hole_chain *chain, enum hole_step step)
{
	struct kept_nft gone = {0};

	for (size_t i = 0; i < chain->surplus.n && step == HOLE_CLOSE; i++) {
		struct kept_nft_rule rule = {
			.family = families[chain->family],
			.table = TABLE,
			.chain = xt_hole_chains[chain->place][chain->family],
			.handle = chain->surplus.items[i].handle,
		};

		gone.rules = arena_grow(holes->arena, gone.rules, gone.n, &gone.cap, sizeof(rule));
		gone.rules[gone.n++] = rule;
	}
	kept_nft_write(w, &gone);
	/* Each is put in front of those that came before it. */
	for (size_t i = chain->missing.n; i-- > 0 && step == HOLE_OPEN;)
		put_rule(&w->batch, holes, chain, chain->missing.items[i].hole);
}

struct refused {
	struct diags *diags;
	int err; /* of the first; 0: none */
};

static void refused(const struct refusal *refusal, void *data)
{
	struct refused *first = data;

	if (first->err == 0)
		first->err = refusal->err;
}

static int send_once(struct netlink *netlink, const struct holes *holes, enum hole_step step,
		     uint32_t generation, bool *changed)
{
	struct nft_writing w __attribute__((cleanup(nft_writing_free))) = {0};
	struct refused first = {0};
	bool differs = false;
	int err;

	nft_write_begin(&w, generation);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		for (enum hole h = 0; h < HOLE__COUNT; h++) {
			const struct hole_chain *chain = &holes->chains[HOLE_NFT][f][h];

			differs |= hole_differs(chain, step);
			write_chain(&w, holes, chain, step);
		}
	nft_write_end(&w);
	err = differs ? batch_send(netlink, &w.batch, refused, &first) : 0;
	*changed = *changed || (err == 0 && differs);
	return first.err ? -first.err : err;
}

int hole_nft_commit(struct holes *holes, struct diags *diags, enum hole_step step, bool *changed)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	for (int attempt = 0; attempt < ATTEMPTS && err == 0; attempt++) {
		uint32_t generation = 0;

		err = nft_consistent(&netlink, read_once, holes, &generation);
		if (err == 0)
			err = send_once(&netlink, holes, step, generation, changed);
		if (err == 0)
			return 0;
		/* Somebody was faster, or the answer was lost: read again and see. */
		if (err == -ERESTART || err == -ENOBUFS)
			err = 0;
	}
	nft_refusal_errno(diags, err ? -err : EBUSY, "change the holes in iptables-nft's chains");
	return err ? err : -EBUSY;
}
