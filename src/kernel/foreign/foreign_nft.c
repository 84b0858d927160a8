// SPDX-License-Identifier: GPL-2.0-or-later
// foreign_nft: reads nf_tables as attributes, so that nothing is lost that a library does not know.
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "foreign/foreign.h"
#include "nft/nft_dump.h"
#include "nft/raw_rule.h"
#include "rules/ours.h"

/* The type of a rule's user data that is its comment (libnftnl's NFTNL_UDATA_RULE_COMMENT). */
#define UDATA_COMMENT 0

/* Attributes of a message by type; those beyond the largest that we know are left out. */
#define ATTRS_MAX 32

struct attrs {
	const struct nlattr *at[ATTRS_MAX];
};

struct reading {
	struct foreign *foreign;
	unsigned int what; /* SURVEY_* */
	struct foreign_table *table; /* of the last message: most often the next one's, too */
	struct foreign_chain *chain;
	struct foreign_set *set; /* whose elements are being read */
};

static struct attrs attrs_of(const struct nlmsghdr *message)
{
	const struct nlattr *attr;
	struct attrs attrs = {0};

	netlink_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) < ATTRS_MAX)
			attrs.at[mnl_attr_get_type(attr)] = attr;
	}
	return attrs;
}

static const char *text_at(const struct attrs *attrs, uint16_t type)
{
	return netlink_text(attrs->at[type]);
}

static uint32_t u32_at(const struct attrs *attrs, uint16_t type)
{
	return netlink_be32(attrs->at[type], 0);
}

static int complain(void)
{
	errno = EPROTO;
	return MNL_CB_ERROR;
}

static struct foreign_table *find_table(struct reading *r, uint8_t family, const char *name)
{
	if (r->table && r->table->family == family && strcmp(r->table->name, name) == 0)
		return r->table;
	r->chain = NULL;
	for (size_t i = 0; i < r->foreign->n_tables; i++) {
		r->table = &r->foreign->tables[i];
		if (r->table->family == family && strcmp(r->table->name, name) == 0)
			return r->table;
	}
	return r->table = NULL;
}

/* The table that a message is about; NULL also for ours where its contents are not wanted. */
static struct foreign_table *table_of(struct reading *r, const struct nlmsghdr *message,
				     const char *name)
{
	struct foreign_table *table = find_table(r, nft_family(message), name);

	return table && table->ours && !(r->what & FOREIGN_OURS) ? NULL : table;
}

static int take_table(const struct nlmsghdr *message, void *data)
{
	struct reading *r = data;
	struct attrs attrs = attrs_of(message);
	const char *name = text_at(&attrs, NFTA_TABLE_NAME);
	uint8_t family = nft_family(message);

	if (!name)
		return complain();
	foreign_add_table(r->foreign,
			 (struct foreign_table){
				 .family = family,
				 .name = arena_strdup(r->foreign->arena, name),
				 .dormant = u32_at(&attrs, NFTA_TABLE_FLAGS) & NFT_TABLE_F_DORMANT,
				 .ours = ours_table(family, name)});
	return MNL_CB_OK;
}

/* A chain of several devices: the first one stands for them. */
static const char *device_of(struct arena *arena, const struct nlattr *hook)
{
	const char *name = netlink_text(netlink_find(hook, NFTA_HOOK_DEV));

	if (!name)
		name = netlink_text(
			netlink_find(netlink_find(hook, NFTA_HOOK_DEVS), NFTA_DEVICE_NAME));
	return name ? arena_strdup(arena, name) : NULL;
}

static void take_hook(struct reading *r, const struct foreign_table *table,
		      const struct attrs *attrs, struct foreign_chain *chain)
{
	const struct nlattr *hook = attrs->at[NFTA_CHAIN_HOOK];
	const char *type = text_at(attrs, NFTA_CHAIN_TYPE);
	uint32_t value = netlink_be32(netlink_find(hook, NFTA_HOOK_HOOKNUM), 0);

	chain->base = true;
	chain->type = type && strcmp(type, "nat") == 0 ? FOREIGN_NAT : FOREIGN_FILTER;
	chain->policy_drop =
		attrs->at[NFTA_CHAIN_POLICY] && u32_at(attrs, NFTA_CHAIN_POLICY) == NF_DROP;
	chain->hook = table->family == NFPROTO_NETDEV ? FOREIGN_HOOK_INGRESS + value : value;
	chain->priority = (int)netlink_be32(netlink_find(hook, NFTA_HOOK_PRIORITY), 0);
	chain->device = device_of(r->foreign->arena, hook);
}

static int take_chain(const struct nlmsghdr *message, void *data)
{
	struct reading *r = data;
	struct attrs attrs = attrs_of(message);
	const char *table_name = text_at(&attrs, NFTA_CHAIN_TABLE);
	const char *name = text_at(&attrs, NFTA_CHAIN_NAME);
	struct foreign_chain chain = {0};
	struct foreign_table *table;

	if (!table_name || !name)
		return complain();
	table = table_of(r, message, table_name);
	if (!table)
		return MNL_CB_OK;
	chain.name = arena_strdup(r->foreign->arena, name);
	if (attrs.at[NFTA_CHAIN_HOOK])
		take_hook(r, table, &attrs, &chain);
	foreign_add_chain(r->foreign, table, chain);
	r->chain = NULL;
	return MNL_CB_OK;
}

static const struct nlattr *keep_attr(struct arena *arena, const struct nlattr *attr)
{
	return attr ? memcpy(arena_alloc(arena, attr->nla_len), attr, attr->nla_len) : NULL;
}

/* User data is a row of type, length and bytes. */
static const char *comment_of(struct arena *arena, const struct nlattr *userdata)
{
	const uint8_t *at = userdata ? mnl_attr_get_payload(userdata) : NULL;
	size_t left = userdata ? mnl_attr_get_payload_len(userdata) : 0;

	while (left >= 2 && left - 2 >= at[1]) {
		if (at[0] == UDATA_COMMENT)
			return arena_strndup(arena, (const char *)at + 2,
					     strnlen((const char *)at + 2, at[1]));
		left -= 2u + at[1];
		at += 2 + at[1];
	}
	return NULL;
}

static struct foreign_chain *find_chain(struct reading *r, struct foreign_table *table,
				       const char *name)
{
	if (r->chain && strcmp(r->chain->name, name) == 0)
		return r->chain;
	for (size_t i = 0; i < table->n_chains; i++)
		if (strcmp(table->chains[i].name, name) == 0)
			return r->chain = &table->chains[i];
	return NULL;
}

/* Marks the sets that the rule looks things up in. */
static void note_sets(struct foreign_table *table, const struct nlattr *exprs)
{
	const struct nlattr *expr;

	netlink_for_each_nested(expr, exprs)
	{
		const char *set =
			netlink_text(raw_rule_expression_attr(expr, "lookup", NFTA_LOOKUP_SET));

		for (size_t i = 0; set && i < table->n_sets; i++)
			if (strcmp(table->sets[i].name, set) == 0)
				table->sets[i].used = true;
	}
}

static int take_rule(const struct nlmsghdr *message, void *data)
{
	struct reading *r = data;
	struct attrs attrs = attrs_of(message);
	const char *table_name = text_at(&attrs, NFTA_RULE_TABLE);
	const char *chain_name = text_at(&attrs, NFTA_RULE_CHAIN);
	uint64_t handle = netlink_be64(attrs.at[NFTA_RULE_HANDLE], 0);
	struct arena *arena = r->foreign->arena;
	struct foreign_table *table;
	struct foreign_chain *chain;
	struct foreign_rule rule = {0};

	if (!table_name || !chain_name || handle == 0)
		return complain();
	table = table_of(r, message, table_name);
	chain = table ? find_chain(r, table, chain_name) : NULL;
	if (!chain)
		return MNL_CB_OK;
	rule.handle = handle;
	rule.comment = comment_of(arena, attrs.at[NFTA_RULE_USERDATA]);
	rule.exprs = keep_attr(arena, attrs.at[NFTA_RULE_EXPRESSIONS]);
	if (!rule.exprs)
		rule.exprs = memcpy(arena_alloc(arena, sizeof(struct nlattr)),
				    &(struct nlattr){.nla_len = sizeof(struct nlattr)},
				    sizeof(struct nlattr));
	rule.ours = table->ours || ours_rule_nft(table->name, chain->name, rule.exprs);
	note_sets(table, rule.exprs);
	foreign_add_rule(r->foreign, chain, rule);
	return MNL_CB_OK;
}

static void take_fields(struct foreign_set *set, const struct nlattr *description)
{
	const struct nlattr *concat = netlink_find(description, NFTA_SET_DESC_CONCAT), *field;

	if (!concat)
		return;
	netlink_for_each_nested(field, concat)
	{
		uint32_t len = netlink_be32(netlink_find(field, NFTA_SET_FIELD_LEN), UINT32_MAX);

		if (set->n_fields < FOREIGN_FIELDS_MAX && len <= 64)
			set->field_len[set->n_fields++] = (uint8_t)len;
	}
}

static int take_set(const struct nlmsghdr *message, void *data)
{
	struct reading *r = data;
	struct attrs attrs = attrs_of(message);
	const char *table_name = text_at(&attrs, NFTA_SET_TABLE);
	const char *name = text_at(&attrs, NFTA_SET_NAME);
	struct foreign_table *table;
	struct foreign_set set = {0};

	if (!table_name || !name)
		return complain();
	table = table_of(r, message, table_name);
	if (!table)
		return MNL_CB_OK;
	set.name = arena_strdup(r->foreign->arena, name);
	set.flags = u32_at(&attrs, NFTA_SET_FLAGS);
	set.key_len = u32_at(&attrs, NFTA_SET_KEY_LEN);
	set.data_len = u32_at(&attrs, NFTA_SET_DATA_LEN);
	set.verdicts = u32_at(&attrs, NFTA_SET_DATA_TYPE) == NFT_DATA_VERDICT;
	if (attrs.at[NFTA_SET_DESC])
		take_fields(&set, attrs.at[NFTA_SET_DESC]);
	table->sets = arena_grow(r->foreign->arena, table->sets, table->n_sets, &table->cap_sets,
				 sizeof(*table->sets));
	table->sets[table->n_sets++] = set;
	return MNL_CB_OK;
}

/* Returns a copy of the value of a NFTA_*_DATA attribute, len bytes, or NULL. */
static const uint8_t *take_value(struct arena *arena, const struct nlattr *data, uint32_t len)
{
	const struct nlattr *value = netlink_find(data, NFTA_DATA_VALUE);
	uint8_t *copy;

	if (!value || mnl_attr_get_payload_len(value) > len)
		return NULL;
	copy = arena_alloc(arena, len);
	memcpy(copy, mnl_attr_get_payload(value), mnl_attr_get_payload_len(value));
	return copy;
}

/* What only counts, or notes when, lets every packet through. */
static bool is_condition(const struct nlattr *expr)
{
	const char *name = netlink_text(netlink_find(expr, NFTA_EXPR_NAME));

	return !name || (strcmp(name, "counter") != 0 && strcmp(name, "last") != 0);
}

static bool is_conditional(const struct nlattr *element)
{
	const struct nlattr *one = netlink_find(element, NFTA_SET_ELEM_EXPR);
	const struct nlattr *list = netlink_find(element, NFTA_SET_ELEM_EXPRESSIONS), *expr;

	if (one && is_condition(one))
		return true;
	if (!list)
		return false;
	netlink_for_each_nested(expr, list)
	{
		if (is_condition(expr))
			return true;
	}
	return false;
}

static void take_element(struct reading *r, const struct nlattr *element)
{
	struct arena *arena = r->foreign->arena;
	struct foreign_set *set = r->set;
	const struct nlattr *data = netlink_find(element, NFTA_SET_ELEM_DATA), *verdict;
	uint32_t flags = netlink_be32(netlink_find(element, NFTA_SET_ELEM_FLAGS), 0);
	struct foreign_element e = {0};
	const char *chain;

	e.key = take_value(arena, netlink_find(element, NFTA_SET_ELEM_KEY), set->key_len);
	e.key_end = take_value(arena, netlink_find(element, NFTA_SET_ELEM_KEY_END), set->key_len);
	e.data = data ? take_value(arena, data, set->data_len) : NULL;
	e.interval_end = flags & NFT_SET_ELEM_INTERVAL_END;
	e.catchall = flags & NFT_SET_ELEM_CATCHALL;
	e.conditional = is_conditional(element);
	verdict = netlink_find(data, NFTA_DATA_VERDICT);
	e.verdict = (int32_t)netlink_be32(netlink_find(verdict, NFTA_VERDICT_CODE), 0);
	chain = netlink_text(netlink_find(verdict, NFTA_VERDICT_CHAIN));
	e.chain = chain ? arena_strdup(arena, chain) : NULL;
	if (!e.key && !e.catchall)
		return;
	set->elements = arena_grow(arena, set->elements, set->n_elements, &set->cap_elements,
				   sizeof(*set->elements));
	set->elements[set->n_elements++] = e;
}

static int take_elements(const struct nlmsghdr *message, void *data)
{
	struct attrs attrs = attrs_of(message);
	const struct nlattr *list = attrs.at[NFTA_SET_ELEM_LIST_ELEMENTS], *element;

	if (list)
		netlink_for_each_nested(element, list) take_element(data, element);
	return MNL_CB_OK;
}

static int dump(struct netlink *netlink, struct reading *r, uint16_t get, mnl_cb_t take)
{
	return nft_dump(netlink, get, NFPROTO_UNSPEC, NULL, NULL, take, r);
}

static int read_once(struct netlink *netlink, void *data)
{
	struct reading *r = data;
	int err;

	r->table = NULL;
	r->chain = NULL;
	r->foreign->tables = NULL;
	r->foreign->n_tables = r->foreign->cap_tables = 0;
	err = dump(netlink, r, NFT_MSG_GETTABLE, take_table);
	if (err == 0)
		err = dump(netlink, r, NFT_MSG_GETCHAIN, take_chain);
	if (err == 0)
		err = dump(netlink, r, NFT_MSG_GETSET, take_set);
	if (err == 0)
		err = dump(netlink, r, NFT_MSG_GETRULE, take_rule);
	if (!(r->what & FOREIGN_ELEMENTS))
		return err;
	for (size_t t = 0; err == 0 && t < r->foreign->n_tables; t++) {
		const struct foreign_table *table = &r->foreign->tables[t];

		for (size_t s = 0; err == 0 && s < table->n_sets; s++) {
			r->set = &table->sets[s];
			if (r->set->used)
				err = nft_dump(netlink, NFT_MSG_GETSETELEM, table->family,
					       table->name, r->set->name, take_elements, r);
		}
	}
	return err;
}

int foreign_read_nft(struct foreign *foreign, unsigned int what)
{
	struct netlink netlink __attribute__((cleanup(netlink_close))) = {0};
	struct reading reading = {.foreign = foreign, .what = what};
	int err = netlink_open(&netlink, NETLINK_NETFILTER);

	if (err == 0)
		err = nft_consistent(&netlink, read_once, &reading, NULL);
	return nft_is_absent(err) && foreign->n_tables == 0 ? 0 : err;
}
