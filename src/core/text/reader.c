// SPDX-License-Identifier: GPL-2.0-or-later
// reader: from nodes to a description, key by key as the table says.
#include "text/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag_codes.h"
#include "text/ifname.h"
#include "text/values.h"

static void read_value(struct reader *reader, const struct schema_key *key,
		       const struct node *name, const struct node *value, void *entry);

static const char *const node_nouns[NODE__COUNT] = {
	[NODE_BROKEN] = "something else",
	[NODE_SCALAR] = "a single value",
	[NODE_LIST] = "a list",
	[NODE_MAP] = "a map",
};

void reader_hint_smallest(struct diags *diags, struct diag *diag)
{
	struct buf smallest = {0};

	if (!diag_is_kept(diags, diag))
		return;
	schema_add_smallest(&smallest);
	diag_hint(diags, diag, "the smallest useful description:%s", buf_text(&smallest));
	buf_free(&smallest);
}

/* Helps with a key that the section does not know. */
static void hint_known_keys(struct reader *reader, struct diag *diag, enum schema_section section,
			    const char *name)
{
	const char **known = arena_calloc(reader->arena, schema_n_keys, sizeof(*known));
	const char *nearest, *elsewhere = NULL;
	struct buf list = {0};
	size_t n = 0;

	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (key->section == section) {
			known[n++] = key->name;
			if (key->supported)
				buf_printf(&list, "%s%s", list.len ? ", " : "", key->name);
		} else if (!elsewhere && strcmp(key->name, name) == 0) {
			elsewhere = schema_sections[key->section];
		}
	}
	nearest = diag_nearest(name, known, n);
	if (nearest)
		diag_hint(reader->diags, diag, "did you mean \"%s\"?", nearest);
	else if (elsewhere)
		diag_hint(reader->diags, diag, "\"%s\" is a key of %s", name, elsewhere);
	else
		diag_hint(reader->diags, diag, "the keys here are: %s", buf_text(&list));
	buf_free(&list);
}

static void refuse_unknown_key(struct reader *reader, enum schema_section section,
			       const struct node *name)
{
	struct diag *diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(UNKNOWN_KEY), name->place,
				     "%s has no key \"%.64s\"", schema_sections[section],
				     name->text);

	if (diag_is_kept(reader->diags, diag))
		hint_known_keys(reader, diag, section, name->text);
}

/* A scalar where a map should be is often "key:value". */
static void hint_missing_space(struct reader *reader, struct diag *diag, const struct node *value)
{
	if (value->kind == NODE_SCALAR && !value->quoted && value->text[strcspn(value->text, ":")])
		diag_hint(reader->diags, diag,
			  "a key needs a space after its colon: \"mode: nat\", not \"mode:nat\"");
}

static void refuse_type(struct reader *reader, const struct schema_key *key,
			const struct node *value)
{
	const char *wanted = key->form == FORM_LIST ? "a list" : schema_kinds[key->kind].noun;
	struct diag *diag;

	if (value->kind == NODE_SCALAR)
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(WRONG_TYPE), value->place,
				"\"%s\" must be %s, not \"%.64s\"", key->name, wanted, value->text);
	else
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(WRONG_TYPE), value->place,
				"\"%s\" must be %s, not %s", key->name, wanted,
				node_nouns[value->kind]);
	/* {address: 2001:db8::} makes YAML see a map with the key "2001:db8:". */
	if (value->kind == NODE_MAP && value->n && strchr(value->items[0]->text, ':') &&
	    !strchr(value->items[0]->text, ' '))
		diag_hint(reader->diags, diag,
			  "put an IPv6 address that ends with a colon in quotes");
	if (key->kind == KIND_ENTRIES || key->kind == KIND_SECTION)
		hint_missing_space(reader, diag, value);
	value_hint_example(reader->diags, diag, key);
}

static void refuse_null(struct reader *reader, const struct schema_key *key,
			const struct node *name)
{
	struct diag *diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(NULL_VALUE), name->place,
				     "\"%.64s\" has no value", name->text);

	if (strcmp(key->name, name->text) == 0 && key->kind != KIND_ENTRIES &&
	    key->kind != KIND_SECTION)
		diag_hint(reader->diags, diag,
			  "give it one, or remove the key; for example: %s: %s", key->name,
			  key->example);
	value_hint_example(reader->diags, diag, key);
}

static const struct node *map_find(const struct node *map, const char *name)
{
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->items[2 * i]->text, name) == 0)
			return map->items[2 * i + 1];
	return NULL;
}

/* Reads the map of one entry of a section, or of a section that is there once. */
static void read_map(struct reader *reader, enum schema_section section, struct place place,
		     const struct node *map, void *entry)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct node *name = map->items[2 * i];
		const struct schema_key *key = schema_find(section, name->text);

		if (key)
			read_value(reader, key, name, map->items[2 * i + 1], entry);
		else
			refuse_unknown_key(reader, section, name);
	}
	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];
		struct diag *diag;

		if (key->section != section || !key->required || map_find(map, key->name))
			continue;
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(MISSING_KEY), place,
				"%s needs the key \"%s\"", schema_sections[section], key->name);
		value_hint_example(reader->diags, diag, key);
	}
}

static bool name_is_good(const struct node *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";

	return name->len && name->len <= NAME_MAX_LEN && strspn(name->text, letters) == name->len;
}

static void check_name(struct reader *reader, enum schema_section section, const struct node *name)
{
	struct diag *diag;

	if (name_is_good(name))
		return;
	diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(BAD_NAME), name->place,
			"\"%.64s\" cannot be the name of %s", name->text, schema_sections[section]);
	diag_hint(reader->diags, diag, "a name has 1 to %d of A-Z a-z 0-9 _ . -%s", NAME_MAX_LEN,
		  name->len <= NAME_MAX_LEN
			  ? "; the name of its interface can be given under \"interface\""
			  : "");
}

/*
 * Takes the entry's name for its interface. n_errors: how many there were before the entry; one
 * that has errors already, perhaps about its interface, gets no further one.
 */
static void default_interface(struct reader *reader, enum schema_section section,
			      const struct node *name, size_t n_errors,
			      struct ifpattern *interface)
{
	const char *problem = ifname_problem(name->text, false);
	struct diag *diag;

	if (!problem) {
		memcpy(interface->name, name->text, name->len);
		interface->place = name->place;
		return;
	}
	if (reader->diags->n_errors != n_errors)
		return;
	diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(BAD_INTERFACE), name->place,
			"without \"interface\", the name of %s is also its interface, but "
			"\"%.64s\" %s",
			schema_sections[section], name->text, problem);
	diag_hint(reader->diags, diag, "add the key \"interface\" with the interface's name");
}

static void read_uplink(struct reader *reader, const struct node *name, const struct node *map)
{
	struct description *out = reader->out;
	size_t n_errors = reader->diags->n_errors;
	struct uplink *uplink;

	check_name(reader, SECTION_UPLINK, name);
	out->uplinks = arena_grow(reader->arena, out->uplinks, out->n_uplinks,
				  &reader->cap_uplinks, sizeof(*out->uplinks));
	uplink = &out->uplinks[out->n_uplinks++];
	*uplink = (struct uplink){.name = name->text, .place = name->place};
	schema_set_defaults(SECTION_UPLINK, uplink);
	if (!map)
		return;
	read_map(reader, SECTION_UPLINK, name->place, map, uplink);
	if (!uplink->interface.place.line)
		default_interface(reader, SECTION_UPLINK, name, n_errors, &uplink->interface);
}

static int compare_indexes(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void read_network(struct reader *reader, const struct node *name, const struct node *map)
{
	struct description *out = reader->out;
	size_t n_errors = reader->diags->n_errors;
	struct network *network;

	check_name(reader, SECTION_NETWORK, name);
	out->networks = arena_grow(reader->arena, out->networks, out->n_networks,
				   &reader->cap_networks, sizeof(*out->networks));
	network = &out->networks[out->n_networks++];
	*network = (struct network){.name = name->text, .place = name->place};
	schema_set_defaults(SECTION_NETWORK, network);
	if (map)
		read_map(reader, SECTION_NETWORK, name->place, map, network);
	if (map && !network->n_interfaces) {
		network->interfaces = arena_alloc(reader->arena, sizeof(*network->interfaces));
		default_interface(reader, SECTION_NETWORK, name, n_errors, network->interfaces);
		network->n_interfaces = network->interfaces->name[0] ? 1 : 0;
	}
	if (network->n_interfaces > NETWORK_INTERFACES_MAX)
		diag_add(reader->diags, SEVERITY_ERROR, CODE(TOO_MANY_INTERFACES),
			 network->interfaces[NETWORK_INTERFACES_MAX].place,
			 "a network has at most %d interfaces; this is one more",
			 NETWORK_INTERFACES_MAX);
	if (!network->uplinks_given) {
		network->uplinks = reader->all_uplinks;
		network->n_uplinks = out->n_uplinks;
	} else if (network->n_uplinks) {
		qsort(network->uplinks, network->n_uplinks, sizeof(*network->uplinks),
		      compare_indexes);
	}
}

static int compare_names(const void *a, const void *b)
{
	const struct uplink_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void index_uplinks(struct reader *reader)
{
	const struct description *out = reader->out;

	reader->names = arena_calloc(reader->arena, out->n_uplinks, sizeof(*reader->names));
	reader->all_uplinks = arena_calloc(reader->arena, out->n_uplinks,
					   sizeof(*reader->all_uplinks));
	for (uint32_t i = 0; i < out->n_uplinks; i++) {
		reader->names[i] = (struct uplink_name){.name = out->uplinks[i].name, .idx = i};
		reader->all_uplinks[i] = i;
	}
	qsort(reader->names, out->n_uplinks, sizeof(*reader->names), compare_names);
}

/* Reads the entries of uplinks or networks. */
static void read_entries(struct reader *reader, const struct schema_key *key,
			 const struct node *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct node *name = entries->items[2 * i], *value = entries->items[2 * i + 1];
		const struct node *map = value->kind == NODE_MAP ? value : NULL;
		struct diag *diag;

		if (node_is_null(value)) {
			refuse_null(reader, key, name);
		} else if (!map && value->kind != NODE_BROKEN) {
			diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(WRONG_TYPE),
					value->place, "%s must be a map, not %s",
					schema_sections[key->child], node_nouns[value->kind]);
			hint_missing_space(reader, diag, value);
			value_hint_example(reader->diags, diag, key);
		}
		if (key->child == SECTION_UPLINK)
			read_uplink(reader, name, map);
		else
			read_network(reader, name, map);
	}
}

static void read_list(struct reader *reader, const struct schema_key *key, const struct node *name,
		      const struct node *list, void *entry)
{
	struct diag *diag;

	if (!list->n) {
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(EMPTY_LIST), list->place,
				"the list of \"%s\" is empty", key->name);
		diag_hint(reader->diags, diag, "remove the key, or list at least one value");
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct node *item = list->items[i];

		if (item->kind == NODE_SCALAR && !node_is_null(item))
			key->read(reader, key, item, entry);
		else if (item->kind == NODE_SCALAR)
			refuse_null(reader, key,
				    &(struct node){.text = name->text, .place = item->place});
		else if (item->kind != NODE_BROKEN)
			refuse_type(reader, key, item);
	}
}

static void read_value(struct reader *reader, const struct schema_key *key,
		       const struct node *name, const struct node *value, void *entry)
{
	if (!key->supported)
		diag_add(reader->diags, SEVERITY_ERROR, CODE(NOT_SUPPORTED), name->place,
			 "the key \"%s\" is not supported yet by this version", key->name);
	else if (node_is_null(value))
		refuse_null(reader, key, name);
	else if (value->kind == NODE_SCALAR && key->read)
		key->read(reader, key, value, entry);
	else if (value->kind == NODE_LIST && key->form == FORM_ONE_OR_LIST)
		read_list(reader, key, name, value, entry);
	else if (value->kind == NODE_MAP && key->kind == KIND_ENTRIES)
		read_entries(reader, key, value);
	else if (value->kind == NODE_MAP && key->kind == KIND_SECTION)
		read_map(reader, key->child, name->place, value, &reader->out->settings);
	else if (value->kind == NODE_MAP && key->form == FORM_ONE_OR_MAP)
		diag_add(reader->diags, SEVERITY_ERROR, CODE(NOT_SUPPORTED), value->place,
			 "a map as the value of \"%s\" is not supported yet by this version",
			 key->name);
	else if (value->kind != NODE_BROKEN)
		refuse_type(reader, key, value);
}

/*
 * Reads one top key from all texts: their maps as one, so that a name in two files is found like
 * one that is twice in a file.
 */
static void read_top_key(struct reader *reader, const struct schema_key *key,
			 struct node *const *roots, size_t n)
{
	struct node all = {.kind = NODE_MAP};
	const struct node *name = NULL;
	size_t n_maps = 0, cap = 0, n_items = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; roots[i] && j < roots[i]->n; j++) {
			const struct node *value = roots[i]->items[2 * j + 1];

			if (strcmp(roots[i]->items[2 * j]->text, key->name) != 0)
				continue;
			name = roots[i]->items[2 * j];
			if (value->kind != NODE_MAP) {
				reader->complete = false;
				read_value(reader, key, name, value, NULL);
				continue;
			}
			n_maps++;
			for (size_t k = 0; k < 2 * value->n; k++) {
				all.items = arena_grow(reader->arena, all.items, n_items, &cap,
						       sizeof(*all.items));
				all.items[n_items++] = value->items[k];
			}
		}
	}
	all.n = n_items / 2;
	if (n_maps > 1)
		yaml_drop_duplicates(reader->arena, reader->diags, &all);
	if (n_maps)
		read_value(reader, key, name, &all, NULL);
}

/* Takes texts out that are no map, and names top keys that the language lacks. */
static void check_roots(struct reader *reader, struct node **roots, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct diag *diag;

		if (roots[i] && roots[i]->kind != NODE_MAP) {
			reader->complete = false;
			if (roots[i]->kind != NODE_BROKEN) {
				diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(WRONG_TYPE),
						roots[i]->place, "%s is a map, not %s",
						schema_sections[SECTION_TOP],
						node_nouns[roots[i]->kind]);
				reader_hint_smallest(reader->diags, diag);
			}
			roots[i] = NULL;
		}
		for (size_t j = 0; roots[i] && j < roots[i]->n; j++) {
			if (schema_find(SECTION_TOP, roots[i]->items[2 * j]->text))
				continue;
			reader->complete = false;
			refuse_unknown_key(reader, SECTION_TOP, roots[i]->items[2 * j]);
		}
	}
}

bool reader_read(struct arena *arena, struct diags *diags, struct node *const *roots, size_t n,
		 bool complete, struct description *out)
{
	struct reader reader = {.arena = arena, .diags = diags, .out = out, .complete = complete};
	struct node **good = arena_calloc(arena, n, sizeof(*good));

	*out = (struct description){0};
	schema_set_defaults(SECTION_SETTINGS, &out->settings);
	if (n)
		memcpy(good, roots, n * sizeof(*good));
	check_roots(&reader, good, n);
	for (size_t i = 0; i < schema_n_keys; i++) {
		if (schema_keys[i].section != SECTION_TOP)
			continue;
		/* The table has uplinks before networks, which name them. */
		if (schema_keys[i].child == SECTION_NETWORK)
			index_uplinks(&reader);
		read_top_key(&reader, &schema_keys[i], good, n);
	}
	return reader.complete;
}
