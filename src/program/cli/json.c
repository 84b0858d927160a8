// SPDX-License-Identifier: GPL-2.0-or-later
// json: what --json prints: one document a run.
#include "cli/json.h"
#include "rules/origin.h"

/* Whether the command changes something, or tells what would be changed. */
static bool has_changes(enum command command)
{
	switch (command) {
	case COMMAND_PLAN:
	case COMMAND_APPLY:
	case COMMAND_ROLLBACK:
	case COMMAND_STATUS:
	case COMMAND_REMOVE:
		return true;
	case COMMAND_CHECK:
	case COMMAND_CONFIRM:
	case COMMAND_EXPLAIN:
	case COMMAND_PROVE:
	case COMMAND_SCHEMA:
	case COMMAND__COUNT:
		break;
	}
	return false;
}

json_t *json_document(enum command command)
{
	json_t *document = json_object();

	json_object_set_new(document, "format", json_integer(JSON_FORMAT));
	json_object_set_new(document, "command", json_string(command_table[command].name));
	json_object_set_new(document, "version", json_string(HOSTGATE_VERSION));
	if (has_changes(command))
		json_add_changes(document, &(struct changes){0});
	if (command == COMMAND_PLAN || command == COMMAND_APPLY || command == COMMAND_STATUS)
		json_object_set_new(document, "void", json_null());
	if (command == COMMAND_APPLY || command == COMMAND_ROLLBACK)
		json_add_conntrack(document, &(struct changes){0});
	return document;
}

/* A string of any bytes: what is not UTF-8 becomes '?', since JSON has no other way to say it. */
static json_t *text_or_null(const char *text)
{
	if (!text)
		return json_null();
	json_t *string = json_string(text);

	if (string)
		return string;

	struct buf ascii = {0};

	for (; *text; text++)
		buf_putc(&ascii, (unsigned char)*text < 0x80 ? *text : '?');
	string = json_string(buf_text(&ascii));
	buf_free(&ascii);
	return string;
}

void json_add_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text_or_null(text));
}

void json_add_changes(json_t *document, const struct changes *changes)
{
	json_t *array = json_array();

	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->items[i];
		json_t *object = json_object();

		json_add_text(object, "kind", change_kind_name(change->kind));
		json_add_text(object, "what", change->what);
		json_add_text(object, "name", change->name);
		json_add_text(object, "before", change->before);
		json_add_text(object, "after", change->after);
		json_add_text(object, "network", change->network);
		json_array_append_new(array, object);
	}
	json_object_set_new(document, "changed", json_boolean(changes->n > 0));
	json_object_set_new(document, "changes", array);
}

void json_add_conntrack(json_t *document, const struct changes *changes)
{
	json_t *networks = json_object();
	size_t deleted = 0;

	for (size_t i = 0; i < changes->n_conntrack; i++) {
		const struct conntrack_count *count = &changes->conntrack[i];

		json_object_set_new(networks, count->network, json_integer((json_int_t)count->n));
		deleted += count->n;
	}
	json_object_set_new(document, "conntrack",
			    json_pack("{s:I, s:o}", "deleted", (json_int_t)deleted, "networks",
				      networks));
}

void json_add_restored(json_t *document, const char *key, const struct restored *restored)
{
	json_t *object = json_object();

	json_add_text(object, "undone", restored->undone);
	json_add_text(object, "time", restored->time);
	json_add_text(object, "files", restored->files);
	json_add_text(object, "hash", restored->hash);
	json_object_set_new(document, key, object);
}

void json_add_place(json_t *object, const struct diags *diags, const struct place *place)
{
	if (place->line == 0)
		return;
	json_add_text(object, "file", diags->sources[place->source].name);
	json_object_set_new(object, "line", json_integer(place->line));
	json_object_set_new(object, "column", json_integer(place->column));
}

void json_add_why(json_t *object, const struct diags *diags, const struct origin *origin)
{
	const char *promise = promise_name(origin->promise);
	json_t *why = json_object();

	json_add_text(why, "promise", *promise ? promise : NULL);
	json_add_text(why, "text", origin->text);
	json_add_text(why, "network", origin->network);
	json_object_set_new(object, "why", why);
	json_add_place(object, diags, &origin->place);
}

static json_t *diagnostic(const struct diags *diags, const struct diag *diag)
{
	static const char *const severity[SEVERITY__COUNT] = {
		[SEVERITY_ERROR] = "error",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_NOTE] = "note",
	};
	json_t *object = json_object();
	json_t *related = json_array();

	json_add_text(object, "severity", severity[diag->severity]);
	json_add_text(object, "code", diag->code);
	json_add_place(object, diags, &diag->place);
	json_add_text(object, "message", diag->message);
	json_add_text(object, "hint", diag->hint);
	for (size_t i = 0; i < diag->n_related; i++) {
		json_t *other = json_object();

		json_add_place(other, diags, &diag->related[i].place);
		json_add_text(other, "message", diag->related[i].message);
		json_array_append_new(related, other);
	}
	json_object_set_new(object, "related", related);
	return object;
}

static int add_to_buf(const char *bytes, size_t len, void *data)
{
	buf_add(data, bytes, len);
	return 0;
}

void json_write(const json_t *document, struct buf *out)
{
	json_dump_callback(document, add_to_buf, out, JSON_INDENT(2));
	buf_putc(out, '\n');
}

void json_finish(json_t *document, const struct diags *diags, struct buf *out)
{
	json_t *array = json_array();

	for (size_t i = 0; i < diags->n; i++)
		json_array_append_new(array, diagnostic(diags, &diags->items[i]));
	json_object_set_new(document, "errors", json_integer((json_int_t)diags->n_errors));
	json_object_set_new(document, "diagnostics", array);
	json_write(document, out);
}
