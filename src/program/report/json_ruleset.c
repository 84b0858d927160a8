// SPDX-License-Identifier: GPL-2.0-or-later
// json_ruleset: a ruleset as one JSON document, for programs that read policy.
#include <string.h>

#include "print/xt_rule.h"
#include "report/json_ruleset.h"

#include "cli/json.h"
#include "rules/field.h"

struct writer {
	const struct ruleset *rs;
	const struct diags *diags;
};

static const char *const stage_names[STAGE__COUNT] = {
	[STAGE_NONE] = NULL,
	[STAGE_DOOR] = "before routing",
	[STAGE_FORWARD] = "forwarded",
	[STAGE_INPUT] = "for the host",
	[STAGE_OUTPUT] = "sent by the host",
	[STAGE_OUTBOUND] = "leaving, before translation",
	[STAGE_NAT_POSTROUTING] = "translation",
	[STAGE_GUARD] = "leaving, after translation",
};

static const char *const when_names[SYSCTL_WHEN__COUNT] = {
	[SYSCTL_ALWAYS] = "always",
	[SYSCTL_IF_ADVERTISED] = "router advertisements are heard there",
};

static const char *const action_names[ACTION__COUNT] = {
	[ACTION_ACCEPT] = "accept",	[ACTION_DROP] = "drop", [ACTION_REJECT] = "reject",
	[ACTION_GOTO] = "goto",		[ACTION_SNAT] = "snat", [ACTION_MASQUERADE] = "masquerade",
	[ACTION_DISPATCH] = "dispatch", [ACTION_COUNT] = "count",
};

static const char *const tally_names[TALLY__COUNT] = {
	[TALLY_NONE] = NULL,	      [TALLY_IN] = "in",	 [TALLY_OUT] = "out",
	[TALLY_REFUSED] = "refused", [TALLY_CAUGHT] = "caught",
};

static void add_why(const struct writer *w, json_t *object, uint32_t origin)
{
	json_add_why(object, w->diags, &w->rs->origins[origin]);
}

/* As the description writes it: "80/tcp", "47", "any". */
static void add_service(json_t *object, const char *name, const struct key *key)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	key_service_text(key, &text);
	json_add_text(object, name, buf_text(&text));
}

/* A number as such; all else as the text that the description and nft use. */
static void add_value(json_t *object, const char *name, enum field field, const struct key *key)
{
	const struct field_info *info = &field_table[field];
	char text[ADDR_TEXT_SIZE];
	bool wildcard;

	if (info->bytes == IFNAME_SIZE && info->load == NFT_LOAD_META) {
		struct ifpattern pattern = {0};

		key_ifname(key, pattern.name, &pattern.wildcard);
		json_add_text(object, name, ifpattern_format(&pattern, text));
	} else if (info->load == NFT_LOAD_NETWORK) {
		struct prefix prefix = {.addr = key_addr(field, key), .len = key->bits};

		wildcard = key->bits < field_bits(field);
		json_add_text(object, name,
			      wildcard ? prefix_format(&prefix, text)
				       : addr_format(&prefix.addr, text));
	} else if (field == FIELD_SERVICE) {
		add_service(object, name, key);
	} else {
		json_object_set_new(object, name, json_integer(key_number(field, key)));
	}
}

static json_t *fields_of(const enum field *fields, uint8_t n)
{
	json_t *array = json_array();

	for (uint8_t f = 0; f < n; f++)
		json_array_append_new(array, json_string(field_table[fields[f]].name));
	return array;
}

static json_t *action_of_rule(const struct writer *w, const struct action *action)
{
	json_t *object = json_object();
	char text[ADDR_TEXT_SIZE];

	json_add_text(object, "kind", action_names[action->kind]);
	if (action->kind == ACTION_GOTO)
		json_add_text(object, "chain", w->rs->chains[action->chain].name);
	if (action->kind == ACTION_SNAT)
		json_add_text(object, "address", addr_format(&action->addr, text));
	return object;
}

static json_t *element_of(const struct writer *w, const struct set *set,
			  const struct element *element)
{
	json_t *object = json_object(), *key = json_object();

	for (uint8_t f = 0; f < set->n_fields; f++)
		add_value(key, field_table[set->fields[f]].name, set->fields[f], &element->key[f]);
	json_object_set_new(object, "key", key);
	if (set->is_map)
		json_object_set_new(object, "action",
				    action_of_rule(w, &w->rs->actions[element->action]));
	add_why(w, object, element->origin);
	return object;
}

static json_t *set_of(const struct writer *w, const struct set *set)
{
	json_t *object = json_object(), *elements = json_array();

	for (size_t i = 0; i < set->n_elements; i++)
		json_array_append_new(elements, element_of(w, set, &set->elements[i]));
	json_add_text(object, "name", set->name);
	json_object_set_new(object, "map", json_boolean(set->is_map));
	json_add_text(object, "counts", tally_names[set->tally]);
	json_object_set_new(object, "fields", fields_of(set->fields, set->n_fields));
	json_object_set_new(object, "elements", elements);
	return object;
}

static json_t *chain_of(const struct chain *chain)
{
	json_t *object = json_object();

	json_add_text(object, "name", chain->name);
	json_add_text(object, "stage", stage_names[chain->stage]);
	json_add_text(object, "under", stage_names[chain->under]);
	return object;
}

static json_t *match_of(const struct writer *w, const struct match *match)
{
	json_t *object = json_object(), *bits;
	const struct field_bit *bit = NULL;

	switch (match->kind) {
	case MATCH_PREFIX:
		if (match->fields[0] == FIELD_SERVICE) {
			json_add_text(object, "field", key_service_field(&match->key));
			json_object_set_new(object, "is", json_integer(key_port(&match->key)));
			break;
		}
		json_add_text(object, "field", field_table[match->fields[0]].name);
		add_value(object, match->negated ? "not" : "is", match->fields[0], &match->key);
		break;
	case MATCH_BITS:
		bits = json_array();
		while ((bit = field_bit_next(match, bit)) != NULL)
			json_array_append_new(bits, json_string(bit->nft_name));
		json_add_text(object, "field", field_table[match->fields[0]].name);
		json_object_set_new(object, match->negated ? "none of" : "one of", bits);
		break;
	case MATCH_SET:
		json_object_set_new(object, "fields", fields_of(match->fields, match->n_fields));
		json_add_text(object, "in", w->rs->sets[match->set].name);
		break;
	case MATCH__COUNT:
		break;
	}
	return object;
}

static json_t *rule_of(const struct writer *w, const struct rule *rule)
{
	json_t *object = json_object(), *matches = json_array();

	for (uint8_t m = 0; m < rule->n_matches; m++)
		json_array_append_new(matches, match_of(w, &rule->matches[m]));
	json_add_text(object, "chain", w->rs->chains[rule->chain].name);
	json_object_set_new(object, "matches", matches);
	json_object_set_new(object, "action", action_of_rule(w, &rule->action));
	json_object_set_new(object, "counter", json_boolean(rule->counter));
	add_why(w, object, rule->origin);
	return object;
}

static json_t *sysctl_of(const struct writer *w, const struct sysctl *sysctl)
{
	json_t *object = json_object();
	char name[IFNAME_SIZE + 1];
	struct buf path __attribute__((cleanup(buf_free))) = {0};
	json_t *except = json_array();

	if (*sysctl->interface.name || sysctl->interface.wildcard)
		buf_printf(&path, "net/%s/conf/%s/",
			   sysctl->family == FAMILY_IPV4 ? "ipv4" : "ipv6",
			   ifpattern_format(&sysctl->interface, name));
	buf_puts(&path, sysctl->leaf);
	json_add_text(object, "path", buf_text(&path));
	for (size_t i = 0; i < sysctl->n_except; i++)
		json_array_append_new(except,
				      json_string(ifpattern_format(&sysctl->except[i], name)));
	if (sysctl->n_except)
		json_object_set_new(object, "except", except);
	else
		json_decref(except);
	json_object_set_new(object, "value", json_integer(sysctl->value));
	json_add_text(object, "when", when_names[sysctl->when]);
	add_why(w, object, sysctl->origin);
	return object;
}

static json_t *hole_rule_of(const struct writer *w, const struct hole_rule *hole)
{
	json_t *object = json_object(), *families = json_array(), *matches = json_array();

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		if (hole->families[f])
			json_array_append_new(families, json_string(family_name(f)));
	for (uint8_t m = 0; m < hole->rule.n_matches; m++)
		json_array_append_new(matches, match_of(w, &hole->rule.matches[m]));
	json_object_set_new(object, "families", families);
	json_object_set_new(object, "matches", matches);
	json_object_set_new(object, "action", action_of_rule(w, &hole->rule.action));
	json_add_text(object, "network", hole->network);
	add_why(w, object, hole->rule.origin);
	return object;
}

/* The chains of iptables' filter that are places, and the rules that go into each of them. */
static json_t *holes_of(const struct writer *w)
{
	json_t *holes = json_object(), *chains = json_array(), *rules = json_array();

	for (enum hole h = 0; h < HOLE__COUNT; h++) {
		const char *const *names = xt_hole_chains[h];

		for (enum family f = 0; f < FAMILY__COUNT && w->rs->hole_wanted[h]; f++)
			if (f == 0 || strcmp(names[f], names[0]) != 0)
				json_array_append_new(chains, json_string(names[f]));
	}
	for (size_t i = 0; i < w->rs->n_holes; i++)
		json_array_append_new(rules, hole_rule_of(w, &w->rs->holes[i]));
	json_object_set_new(holes, "chains", chains);
	json_object_set_new(holes, "rules", rules);
	return holes;
}

json_t *json_of_ruleset(const struct ruleset *ruleset, const struct print_header *header,
			const struct diags *diags)
{
	struct writer w = {.rs = ruleset, .diags = diags};
	json_t *document = json_object();
	json_t *sysctls = json_array(), *sets = json_array();
	json_t *chains = json_array(), *rules = json_array();

	for (size_t i = 0; i < ruleset->n_sysctls; i++)
		json_array_append_new(sysctls, sysctl_of(&w, &ruleset->sysctls[i]));
	for (size_t i = 0; i < ruleset->n_sets; i++)
		json_array_append_new(sets, set_of(&w, &ruleset->sets[i]));
	for (size_t i = 0; i < ruleset->n_chains; i++)
		json_array_append_new(chains, chain_of(&ruleset->chains[i]));
	for (size_t i = 0; i < ruleset->n_rules; i++)
		json_array_append_new(rules, rule_of(&w, &ruleset->rules[i]));
	json_object_set_new(document, "format", json_integer(JSON_FORMAT));
	json_add_text(document, "version", header->version);
	json_add_text(document, "hash", header->hash);
	json_object_set_new(document, "clean-slate", json_boolean(ruleset->clean_slate));
	json_object_set_new(document, "holes", holes_of(&w));
	json_object_set_new(document, "sysctls", sysctls);
	json_object_set_new(document, "sets", sets);
	json_object_set_new(document, "chains", chains);
	json_object_set_new(document, "rules", rules);
	return document;
}
