// SPDX-License-Identifier: GPL-2.0-or-later
// yaml: libyaml's events become nodes; the only file that includes libyaml's header.
#include "text/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/diag_codes.h"
#include "base/exhaustion.h"

/*
 * libyaml counts characters and takes more than '\n' for the end of a line. Diagnostics count lines
 * by '\n' and columns in bytes, as editors and compilers do. So a cursor follows libyaml's index of
 * characters through the bytes; it only ever moves a little.
 */
struct cursor {
	const char *text;
	size_t len;
	size_t index; /* characters before */
	size_t at;    /* bytes before */
	size_t line;  /* from 0 */
	size_t line_start;
};

struct yaml_reading {
	struct arena *arena;
	struct diags *diags;
	uint32_t source;
	yaml_parser_t parser;
	struct cursor cursor;
	size_t n_nodes;
};

static bool is_continuation(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

static void cursor_move(struct cursor *cursor, size_t index)
{
	const char *text = cursor->text;
	size_t at = cursor->at, passed = cursor->index;

	/* The hot loop of reading: every byte of the text goes through it once. */
	while (at < cursor->len && (passed < index || is_continuation(text[at]))) {
		passed += !is_continuation(text[at]);
		if (text[at++] == '\n') {
			cursor->line++;
			cursor->line_start = at;
		}
	}
	cursor->at = at;
	cursor->index = passed;
	while (cursor->index > index && cursor->at) {
		do
			cursor->at--;
		while (cursor->at && is_continuation(cursor->text[cursor->at]));
		cursor->index--;
		if (cursor->text[cursor->at] == '\n') {
			cursor->line--;
			cursor->line_start = cursor->at;
			while (cursor->line_start && cursor->text[cursor->line_start - 1] != '\n')
				cursor->line_start--;
		}
	}
}

static struct place cursor_place(const struct yaml_reading *reading)
{
	const struct cursor *cursor = &reading->cursor;

	return (struct place){
		.source = reading->source,
		.line = (uint32_t)cursor->line + 1,
		.column = (uint32_t)(cursor->at - cursor->line_start) + 1,
	};
}

static struct place place_of_index(struct yaml_reading *reading, size_t index)
{
	cursor_move(&reading->cursor, index);
	return cursor_place(reading);
}

/* Returns the place of an event, with a length when it ends on the line it starts on. */
static struct place place_of_event(struct yaml_reading *reading, const yaml_event_t *event)
{
	struct place place = place_of_index(reading, event->start_mark.index), end;

	if (event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT) {
		end = place_of_index(reading, event->end_mark.index);
		if (end.line == place.line && end.column > place.column)
			place.len = end.column - place.column;
	}
	return place;
}

static struct place place_of_byte(struct yaml_reading *reading, size_t at)
{
	struct cursor *cursor = &reading->cursor;

	cursor_move(cursor, 0);
	while (cursor->at < at && cursor->at < cursor->len)
		cursor_move(cursor, cursor->index + 1);
	return cursor_place(reading);
}

/* What a newcomer most likely did when libyaml says so. */
static const struct {
	const char *problem, *hint;
} syntax_hints[] = {
	{"found character that cannot start any token",
	 "indent with spaces, not tabs; put a value that starts with @, ` or % in quotes"},
	{"found a tab character that violates indentation", "indent with spaces, not tabs"},
	{"mapping values are not allowed in this context",
	 "a \": \" begins a new value here; check the indentation of this line and of the one "
	 "above, and put a value that holds or ends with a colon (2001:db8::) in quotes"},
	{"could not find expected ':'", "a key needs a colon and a space after it: \"mode: nat\""},
	{"did not find expected key",
	 "keys of one map start in one column; check the indentation, and that every quote and "
	 "bracket above is closed"},
	{"did not find expected ',' or ']'", "close the list with ] or put a comma before this"},
	{"did not find expected ',' or '}'", "close the map with } or put a comma before this"},
	{"did not find expected '-' indicator",
	 "items of one list start with \"- \" in one column; check the indentation"},
	{"found unexpected end of stream", "a quote is opened and never closed"},
	{"found unexpected ':'", "put an IPv6 address in quotes"},
	{"block sequence entries are not allowed in this context",
	 "a list starts on its own line below its key, or is written [a, b]"},
	{"did not find expected alphabetic or numeric character",
	 "put a text that starts with * or & in quotes; a pattern is written tap*"},
};

static void queue_parser_error(struct yaml_reading *reading)
{
	const yaml_parser_t *parser = &reading->parser;
	const char *problem = parser->problem ? parser->problem : "unknown problem";
	struct place place;
	struct diag *diag;

	if (parser->error == YAML_MEMORY_ERROR)
		arena_exhausted();
	if (parser->error == YAML_READER_ERROR) {
		place = place_of_byte(reading, parser->problem_offset);
		diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_ENCODING), place,
				"the file is not plain UTF-8 text: %s", problem);
		diag_hint(reading->diags, diag,
			  "save the file as UTF-8 without control characters");
		return;
	}
	place = place_of_index(reading, parser->problem_mark.index);
	diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_SYNTAX), place,
			"this is not YAML: %s%s%s", parser->context ? parser->context : "",
			parser->context ? ", " : "", problem);
	for (size_t i = 0; i < sizeof(syntax_hints) / sizeof(*syntax_hints); i++)
		if (strcmp(problem, syntax_hints[i].problem) == 0)
			diag_hint(reading->diags, diag, "%s", syntax_hints[i].hint);
	if (parser->context && parser->context_mark.line != parser->problem_mark.line)
		diag_relate(reading->diags, diag,
			    place_of_index(reading, parser->context_mark.index), "it began here");
}

static bool next_event(struct yaml_reading *reading, yaml_event_t *event)
{
	if (yaml_parser_parse(&reading->parser, event))
		return true;
	queue_parser_error(reading);
	return false;
}

/* Refuses what makes one text mean another: an anchor or a tag. */
static void refuse_properties(struct yaml_reading *reading, struct place place,
			      const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct diag *diag;

	place.len = 0;
	if (anchor) {
		diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_ANCHOR), place,
				"anchors (&%.40s) are not allowed", (const char *)anchor);
		diag_hint(reading->diags, diag, "write the value out wherever it is needed");
	}
	if (tag) {
		diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_TAG), place,
				"tags (!name) are not allowed");
		diag_hint(reading->diags, diag, "leave the tag out: the key knows its type");
	}
}

/* Makes the node of an event that begins one, without its items. */
static struct node *new_node(struct yaml_reading *reading, const yaml_event_t *event,
			     struct place place)
{
	struct node *node = arena_alloc(reading->arena, sizeof(*node));
	const char *text;
	struct diag *diag;

	node->place = place;
	if (event->type == YAML_MAPPING_START_EVENT) {
		node->kind = NODE_MAP;
		refuse_properties(reading, node->place, event->data.mapping_start.anchor,
				  event->data.mapping_start.tag);
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		node->kind = NODE_LIST;
		refuse_properties(reading, node->place, event->data.sequence_start.anchor,
				  event->data.sequence_start.tag);
	} else if (event->type == YAML_SCALAR_EVENT) {
		text = (const char *)event->data.scalar.value;
		node->kind = NODE_SCALAR;
		node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		node->len = event->data.scalar.length;
		refuse_properties(reading, node->place, event->data.scalar.anchor,
				  event->data.scalar.tag);
		if (memchr(text, '\0', node->len)) {
			node->kind = NODE_BROKEN;
			diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_NUL), node->place,
				 "NUL characters are not allowed");
		}
		node->text = arena_strndup(reading->arena, text, node->len);
	} else {
		diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_ALIAS), node->place,
				"aliases (*%.40s) are not allowed",
				(const char *)event->data.alias.anchor);
		diag_hint(reading->diags, diag, "write the value out wherever it is needed; a "
			  "pattern has its * at the end");
	}
	return node;
}

/* Drops pairs whose key is no text. */
static void drop_odd_keys(struct yaml_reading *reading, struct node *map)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->n; i++) {
		struct node *key = map->items[2 * i];
		struct diag *diag;

		if (key->kind == NODE_SCALAR) {
			map->items[2 * kept] = key;
			map->items[2 * kept++ + 1] = map->items[2 * i + 1];
		} else if (key->kind != NODE_BROKEN) {
			diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_KEY), key->place,
					"a key must be a text, not a %s",
					key->kind == NODE_MAP ? "map" : "list");
			diag_hint(reading->diags, diag,
				  "put a text that starts with { or [ in quotes");
		}
	}
	map->n = kept;
}

/* A map or list whose end has not come yet. */
struct open {
	struct node *node;
	size_t n, cap; /* items */
};

static void append_item(struct yaml_reading *reading, struct open *open, struct node *item)
{
	struct node *node = open->node;

	node->items = arena_grow(reading->arena, node->items, open->n, &open->cap,
				 sizeof(*node->items));
	node->items[open->n++] = item;
}

static void close_node(struct yaml_reading *reading, struct open *open)
{
	open->node->n = open->n;
	if (open->node->kind != NODE_MAP)
		return;
	open->node->n /= 2;
	drop_odd_keys(reading, open->node);
	yaml_drop_duplicates(reading->arena, reading->diags, open->node);
}

/* Takes the event's node in. Returns false when a limit is passed. */
static bool take_node(struct yaml_reading *reading, const yaml_event_t *event, struct open *stack,
		      size_t *depth, struct node **root)
{
	struct place place = place_of_event(reading, event);
	struct node *node;

	if (++reading->n_nodes > YAML_MAX_NODES) {
		diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_NODES), place,
			 "the file holds more than %zu values", YAML_MAX_NODES);
		return false;
	}
	node = new_node(reading, event, place);
	if (*depth)
		append_item(reading, &stack[*depth - 1], node);
	else
		*root = node;
	if (node->kind != NODE_MAP && node->kind != NODE_LIST)
		return true;
	if (*depth == YAML_MAX_DEPTH) {
		diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_DEPTH), place,
			 "values are nested more than %d deep", YAML_MAX_DEPTH);
		return false;
	}
	stack[(*depth)++] = (struct open){.node = node};
	return true;
}

static bool take_document_start(struct yaml_reading *reading, const yaml_event_t *event,
				size_t *n_documents)
{
	struct place place = place_of_event(reading, event);
	struct diag *diag;

	if ((*n_documents)++) {
		diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_DOCUMENTS), place,
				"a second document begins here");
		diag_hint(reading->diags, diag,
			  "remove the \"---\", or put the documents into files of their own");
		return false;
	}
	if (event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end) {
		diag = diag_add(reading->diags, SEVERITY_ERROR, CODE(YAML_TAG), place,
				"tags (%%TAG) are not allowed");
		diag_hint(reading->diags, diag, "remove the line that starts with %%TAG");
	}
	return true;
}

static bool take_events(struct yaml_reading *reading, struct node **root)
{
	struct open stack[YAML_MAX_DEPTH];
	size_t depth = 0, n_documents = 0;
	bool good = true, more = true;

	while (good && more) {
		yaml_event_t event;

		if (!next_event(reading, &event))
			return false;
		switch (event.type) {
		case YAML_DOCUMENT_START_EVENT:
			good = take_document_start(reading, &event, &n_documents);
			break;
		case YAML_MAPPING_START_EVENT:
		case YAML_SEQUENCE_START_EVENT:
		case YAML_SCALAR_EVENT:
		case YAML_ALIAS_EVENT:
			good = take_node(reading, &event, stack, &depth, root);
			break;
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT:
			close_node(reading, &stack[--depth]);
			break;
		case YAML_STREAM_END_EVENT:
			more = false;
			break;
		case YAML_NO_EVENT:
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		}
		yaml_event_delete(&event);
	}
	return good;
}

bool yaml_read(struct arena *arena, struct diags *diags, uint32_t source, struct node **root)
{
	const struct source *src = &diags->sources[source];
	struct yaml_reading reading = {.arena = arena, .diags = diags, .source = source};
	bool good;

	*root = NULL;
	if (src->len > YAML_MAX_BYTES) {
		diag_add(diags, SEVERITY_ERROR, CODE(FILE_TOO_LARGE),
			 (struct place){.source = source, .line = 1, .column = 1},
			 "the file has %zu bytes; at most %zu are read", src->len, YAML_MAX_BYTES);
		return false;
	}
	reading.cursor = (struct cursor){.text = src->text, .len = src->len};
	if (!yaml_parser_initialize(&reading.parser))
		arena_exhausted();
	yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reading.parser, (const unsigned char *)src->text, src->len);
	good = take_events(&reading, root);
	yaml_parser_delete(&reading.parser);
	if (*root && node_is_null(*root) && (*root)->len == 0)
		*root = NULL;
	return good;
}

bool node_is_null(const struct node *node)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (node->kind != NODE_SCALAR || node->quoted)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
		if (strcmp(node->text, nulls[i]) == 0)
			return true;
	return false;
}

struct numbered_key {
	const struct node *key;
	size_t idx;
};

static int compare_keys(const void *a, const void *b)
{
	const struct numbered_key *x = a, *y = b;
	int order = strcmp(x->key->text, y->key->text);

	if (order)
		return order;
	return x->idx < y->idx ? -1 : x->idx > y->idx;
}

void yaml_drop_duplicates(struct arena *arena, struct diags *diags, struct node *map)
{
	struct numbered_key *sorted = arena_calloc(arena, map->n, sizeof(*sorted));
	const struct node *first = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < map->n; i++)
		sorted[i] = (struct numbered_key){map->items[2 * i], i};
	qsort(sorted, map->n, sizeof(*sorted), compare_keys);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = sorted[i].key;
		struct diag *diag;

		if (!first || strcmp(first->text, key->text) != 0) {
			first = key;
			continue;
		}
		diag = diag_add(diags, SEVERITY_ERROR, CODE(DUPLICATE_KEY), key->place,
				"\"%.64s\" appears twice", key->text);
		diag_relate(diags, diag, first->place, "the first one is here");
		diag_hint(diags, diag, "remove one of the two, or give it another name");
		map->items[2 * sorted[i].idx] = NULL;
	}
	for (size_t i = 0; i < map->n; i++) {
		if (!map->items[2 * i])
			continue;
		map->items[2 * kept] = map->items[2 * i];
		map->items[2 * kept++ + 1] = map->items[2 * i + 1];
	}
	map->n = kept;
}
