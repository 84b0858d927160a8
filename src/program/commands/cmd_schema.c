// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_schema: the JSON Schema of the description, for editors, from the table of its keys.
#include <string.h>

#include "cli/json.h"
#include "commands/commands.h"
#include "text/schema.h"

/* What a schema says of itself: JSON Schema, draft 2020-12. */
#define DIALECT "https://json-schema.org/draft/2020-12/schema"

static json_t *section_of(enum schema_section section);

static json_t *object_of_type(const char *type)
{
	json_t *object = json_object();

	json_add_text(object, "type", type);
	return object;
}

/* The words of a key that this version knows. */
static json_t *words_of(const struct schema_key *key)
{
	json_t *object = json_object(), *words = json_array();

	for (size_t i = 0; i < key->n_words; i++)
		if (!(key->words_later & 1U << i))
			json_array_append_new(words, json_string(key->words[i]));
	json_object_set_new(object, "enum", words);
	return object;
}

static json_t *any_of(json_t *first, json_t *second)
{
	json_t *object = json_object(), *choices = json_array();

	json_array_append_new(choices, first);
	json_array_append_new(choices, second);
	json_object_set_new(object, "anyOf", choices);
	return object;
}

static json_t *text_of(enum schema_kind kind)
{
	json_t *object = object_of_type("string");

	json_add_text(object, "pattern", schema_kinds[kind].pattern);
	return object;
}

/* A map from names to what stands under them. */
static json_t *entries_of(enum schema_section section)
{
	json_t *object = object_of_type("object"), *names = json_object();

	json_add_text(names, "pattern", schema_kinds[KIND_ENTRIES].pattern);
	json_object_set_new(object, "propertyNames", names);
	json_object_set_new(object, "additionalProperties", section_of(section));
	return object;
}

static json_t *value_of(const struct schema_key *key)
{
	switch (key->kind) {
	case KIND_ENTRIES:
		return entries_of(key->child);
	case KIND_SECTION:
		return section_of(key->child);
	case KIND_TRUTH:
		return object_of_type("boolean");
	case KIND_WORD:
		return words_of(key);
	case KIND_INTERFACE:
	case KIND_PATTERN:
	case KIND_ADDRESS:
	case KIND_PREFIX:
	case KIND_UPLINK:
	case KIND_NETWORK:
	case KIND_SNAT:
	case KIND_ENDPOINT:
	case KIND_SERVICE:
	case KIND_MAC:
		return key->words ? any_of(text_of(key->kind), words_of(key)) : text_of(key->kind);
	case KIND__COUNT:
		break;
	}
	return json_object();
}

static json_t *list_of(const struct schema_key *key)
{
	json_t *object = object_of_type("array");

	json_object_set_new(object, "items", value_of(key));
	json_object_set_new(object, "minItems", json_integer(1));
	return object;
}

static json_t *form_of(const struct schema_key *key)
{
	switch (key->form) {
	case FORM_ONE_OR_LIST:
		return any_of(value_of(key), list_of(key));
	case FORM_LIST:
		return list_of(key);
	case FORM_ONE:
	case FORM_ONE_OR_MAP: /* the map is not read yet */
	case FORM__COUNT:
		break;
	}
	return value_of(key);
}

static json_t *key_of(const struct schema_key *key)
{
	json_t *object = form_of(key);

	json_add_text(object, "description", key->doc);
	if (key->fallback && key->kind == KIND_TRUTH)
		json_object_set_new(object, "default",
				    json_boolean(strcmp(key->fallback, "true") == 0));
	else if (key->fallback)
		json_add_text(object, "default", key->fallback);
	return object;
}

/* A map with the keys of a section, and no others. */
static json_t *section_of(enum schema_section section)
{
	json_t *object = object_of_type("object");
	json_t *properties = json_object(), *required = json_array();

	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (key->section != section || !key->supported)
			continue;
		json_object_set_new(properties, key->name, key_of(key));
		if (key->required)
			json_array_append_new(required, json_string(key->name));
	}
	json_object_set_new(object, "properties", properties);
	json_object_set_new(object, "required", required);
	json_object_set_new(object, "additionalProperties", json_false());
	return object;
}

enum status cmd_schema(struct run *run)
{
	json_t *document = json_object(), *top = section_of(SECTION_TOP);

	json_add_text(document, "$schema", DIALECT);
	json_add_text(document, "title", "description of a host for hostgate " HOSTGATE_VERSION);
	json_object_update(document, top);
	json_decref(top);
	if (run->json)
		json_object_set(run->json, "schema", document);
	else
		json_write(document, &run->out);
	json_decref(document);
	return STATUS_DONE;
}
