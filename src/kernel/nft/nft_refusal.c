// SPDX-License-Identifier: GPL-2.0-or-later
// nft_refusal: what the kernel refused, in the user's words and at the user's line.
#include "nft/nft_refusal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/diag_codes.h"
#include "nft/nft_build.h"
#include "rules/field.h"

/* Bits of one datatype in that of a concatenation, as nft has it. */
#define NFT_TYPE_BITS 6

/* The kernel's modules by the expression that needs them. */
static const struct {
	const char *expr;
	const char *module;
} modules[] = {
	{"fib", "nft_fib_inet"},       {"ct", "nft_ct"}, {"nat", "nft_nat"}, {"masq", "nft_masq"},
	{"reject", "nft_reject_inet"},
};

size_t nft_refusal_element_at(const struct nlmsghdr *message, uint32_t offset)
{
	static const uint16_t path[] = {NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_LIST_ELEM};
	size_t idx = 0;

	if (!message_attr_at(message, sizeof(struct nfgenmsg), offset, path, 2, &idx))
		return 0;
	return idx;
}

const char *nft_refusal_expr_at(const struct nlmsghdr *message, uint32_t offset)
{
	static const uint16_t path[] = {NFTA_RULE_EXPRESSIONS, NFTA_LIST_ELEM};
	const struct nlattr *expr, *attr;

	expr = message_attr_at(message, sizeof(struct nfgenmsg), offset, path, 2, NULL);
	if (expr)
		netlink_for_each_nested(attr,
					expr) if (mnl_attr_get_type(attr) == NFTA_EXPR_NAME &&
						  mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >=
							  0) return mnl_attr_get_str(attr);
	return "";
}

uint32_t nft_refusal_number(const struct image_set *set, uint16_t type)
{
	const struct nlattr *attr = set->blob.bytes;
	int left = (int)set->blob.len;

	for (; mnl_attr_ok(attr, left); attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) == type &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			return ntohl(mnl_attr_get_u32(attr));
		left -= (int)MNL_ALIGN(attr->nla_len);
	}
	return 0;
}

/* A field of the datatype; which of several that share it is all the same for writing it. */
static enum field field_of_type(uint32_t type)
{
	enum field field = 0;

	while (field < FIELD__COUNT && field_table[field].nft_type != type)
		field++;
	return field;
}

/* Those of a concatenation in six bits each, the last lowest. False: one that we do not have. */
static bool fields_of_type(uint32_t type, struct set *out)
{
	bool known = true;

	for (uint32_t rest = type; rest; rest >>= NFT_TYPE_BITS)
		out->n_fields++;
	if (out->n_fields == 0 || out->n_fields > TUPLE_MAX)
		return false;
	for (uint8_t f = out->n_fields; f-- > 0; type >>= NFT_TYPE_BITS) {
		out->fields[f] = field_of_type(type & ((1U << NFT_TYPE_BITS) - 1));
		known = known && out->fields[f] < FIELD__COUNT;
	}
	return known;
}

void nft_refusal_record(const struct image_set *set, const uint8_t *key, struct buf *out)
{
	uint32_t type = nft_refusal_number(set, NFTA_SET_KEY_TYPE);
	struct set types = {0};
	bool known = fields_of_type(type, &types);

	if (known)
		nft_refusal_key(&types, key, out);
	for (size_t i = 0; !known && i < set->key_len; i++)
		buf_printf(out, "%02x", key[i]);
}

void nft_refusal_key(const struct set *set, const uint8_t *key, struct buf *out)
{
	for (size_t i = 0; i < set->n_fields; i++) {
		const struct field_info *info = &field_table[set->fields[i]];
		struct key part = {.bits = (uint8_t)field_bits(set->fields[i])};
		char text[ADDR_TEXT_SIZE], name[IFNAME_SIZE];
		bool wildcard;

		memcpy(part.bytes, key, info->bytes);
		key += (info->bytes + 3u) / 4u * 4u;
		if (i)
			buf_puts(out, " . ");
		if (info->load == NFT_LOAD_NETWORK) {
			struct addr addr = key_addr(set->fields[i], &part);

			buf_puts(out, addr_format(&addr, text));
		} else if (info->bytes == IFNAME_SIZE) {
			buf_puts(out, key_ifname(&part, name, &wildcard));
		} else {
			buf_printf(out, "%u", key_number(set->fields[i], &part));
		}
	}
}

static const struct origin *origin_of_rules(const struct ruleset *ruleset,
					    const struct image_chain *chain, size_t rule)
{
	if (rule >= chain->n_rules || chain->rules[rule].rule == NO_INDEX)
		return NULL;
	return &ruleset->origins[ruleset->rules[chain->rules[rule].rule].origin];
}

/* The ruleset's set that the subject is or belongs to, or NULL; it may be one that goes. */
static const struct set *set_of(const struct ruleset *ruleset, const struct nft_subject *subject)
{
	const char *name = subject->image->sets[subject->idx].name;

	if (!ruleset || subject->idx >= ruleset->n_sets ||
	    strcmp(ruleset->sets[subject->idx].name, name) != 0)
		return NULL;
	return &ruleset->sets[subject->idx];
}

/* Describes the subject into what; returns its origin, or NULL. */
static const struct origin *describe(const struct ruleset *ruleset,
				     const struct nft_subject *subject,
				     const struct nlmsghdr *message, uint32_t offset,
				     struct buf *what)
{
	const struct image *image = subject->image;
	const struct image_chain *chain;
	const struct image_set *set;
	const struct set *from;
	const struct origin *origin = NULL;
	size_t idx;

	switch (subject->object) {
	case OBJECT_TABLE:
		buf_puts(what, "table inet " TABLE_NAME);
		return NULL;
	case OBJECT_CHAIN:
		chain = &image->chains[subject->idx];
		buf_printf(what, "chain %s", chain->name);
		return ruleset ? origin_of_rules(ruleset, chain, 0) : NULL;
	case OBJECT_RULE:
		chain = &image->chains[subject->idx];
		buf_printf(what, "the rule \"%s\" of chain %s",
			   chain->rules[subject->first].comment, chain->name);
		return ruleset ? origin_of_rules(ruleset, chain, subject->first) : NULL;
	case OBJECT_SET:
		set = &image->sets[subject->idx];
		buf_printf(what, "set %s", set->name);
		from = set_of(ruleset, subject);
		if (from && from->n_elements)
			origin = &ruleset->origins[from->elements[0].origin];
		return origin;
	case OBJECT_ELEMENT:
		set = &image->sets[subject->idx];
		idx = nft_refusal_element_at(message, offset);
		idx = subject->ids ? subject->ids[idx] : subject->first + idx;
		from = set_of(ruleset, subject);
		/* In the kernel's image no element has a source. */
		if (from && idx < set->n_records && image_source(set, idx) < from->n_elements) {
			buf_puts(what, "the element ");
			nft_refusal_key(from, image_key(set, idx), what);
			buf_puts(what, " of ");
			origin = &ruleset->origins[from->elements[image_source(set, idx)].origin];
		} else {
			buf_puts(what, "an element of ");
		}
		buf_printf(what, "set %s", set->name);
		return origin;
	case OBJECT__COUNT:
		break;
	}
	buf_puts(what, "the transaction");
	return NULL;
}

static const char *missing_module(const struct nft_subject *subject, const struct nlmsghdr *message,
				  const struct refusal *refusal)
{
	const char *expr;

	if (refusal->err != ENOENT && refusal->err != EOPNOTSUPP)
		return NULL;
	if (subject->object == OBJECT_CHAIN)
		return "nft_chain_nat";
	if (subject->object != OBJECT_RULE)
		return NULL;
	expr = nft_refusal_expr_at(message, refusal->offset);
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++)
		if (strcmp(expr, modules[i].expr) == 0)
			return modules[i].module;
	return NULL;
}

static void explain_not_permitted(struct diags *diags, const char *doing)
{
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(NOT_PERMITTED), PLACE_NONE,
				     "not permitted to %s", doing);

	diag->err = EPERM;
	diag_hint(diags, diag, "needs root, or CAP_NET_ADMIN in this network namespace");
}

void nft_refusal_refusal(struct diags *diags, const struct ruleset *ruleset, bool owned,
			 const struct nft_subject *subject, const struct nlmsghdr *message,
			 const struct refusal *refusal)
{
	struct buf what __attribute__((cleanup(buf_free))) = {0};
	const struct origin *origin;
	const char *module = missing_module(subject, message, refusal);
	struct diag *diag;

	if (refusal->err == EPERM && owned) {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(TABLE_OWNED), PLACE_NONE,
				"table inet " TABLE_NAME " belongs to another process");
		diag->err = EPERM;
		diag_hint(diags, diag,
			  "`nft list tables` with a recent nft shows which one; stop it");
		return;
	}
	if (refusal->err == EPERM) {
		explain_not_permitted(diags, "change nf_tables");
		return;
	}
	origin = describe(ruleset, subject, message, refusal->offset, &what);
	diag = diag_add(diags, SEVERITY_ERROR, module ? CODE(KERNEL_MODULE) : CODE(KERNEL_REFUSED),
			origin ? origin->place : PLACE_NONE, "the kernel refuses %s: %s%s%s%s",
			buf_text(&what), strerror(refusal->err), refusal->text ? " (" : "",
			refusal->text ? refusal->text : "", refusal->text ? ")" : "");
	diag->err = refusal->err;
	if (module)
		diag_hint(diags, diag, "the kernel seems to lack its module %s", module);
}

void nft_refusal_errno(struct diags *diags, int err, const char *doing)
{
	struct diag *diag;

	if (err == EPERM || err == EACCES) {
		explain_not_permitted(diags, doing);
		return;
	}
	if (err == EBUSY) {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_BUSY), PLACE_NONE,
				"cannot %s: another program keeps changing the tables", doing);
		diag_hint(diags, diag, "`nft monitor` shows what changes");
	} else if (err == EOPNOTSUPP || err == EPROTONOSUPPORT || err == EINVAL) {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_MODULE), PLACE_NONE,
				"cannot %s: %s", doing, strerror(err));
		diag_hint(diags, diag, "the kernel seems to lack its module nf_tables");
	} else if (err == EMSGSIZE) {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(BATCH_TOO_LARGE), PLACE_NONE,
				"cannot %s: the transaction is larger than this process may send",
				doing);
		diag_hint(diags, diag,
			  "raise net.core.wmem_max, or run as root outside of a user namespace");
	} else {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_FAILED), PLACE_NONE,
				"cannot %s: %s", doing, strerror(err));
	}
	diag->err = err;
}
