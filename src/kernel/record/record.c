// SPDX-License-Identifier: GPL-2.0-or-later
// record: what hostgate remembers of the last apply in this network namespace.
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/scope.h"

/*
 * Theory of operation
 *
 * The record is a help, never the truth: tables and sysctls are read from the kernel. What only the
 * record knows is which value a sysctl had before. So it is written before the first sysctl is
 * changed, and replaced by rename(2), so that a crash leaves the old or the new one.
 */

#define RECORD_FORMAT  1
/* The kernel's name for this boot, 36 characters; "" where it tells none. */
#define BOOT_SIZE 40

static void read_boot(char out[static BOOT_SIZE])
{
	SCOPED_FD fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, out, BOOT_SIZE - 1);

	out[len > 0 ? len : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct record_sysctl *)a)->path,
		      ((const struct record_sysctl *)b)->path);
}

void record_sort(struct record *record)
{
	if (record->n_sysctls)
		qsort(record->sysctls, record->n_sysctls, sizeof(*record->sysctls), compare_entries);
}

struct record_sysctl *record_find(const struct record *record, const char *path)
{
	const struct record_sysctl key = {.path = path};

	if (record->n_sysctls == 0)
		return NULL;
	return bsearch(&key, record->sysctls, record->n_sysctls, sizeof(key), compare_entries);
}

void record_add(struct arena *arena, struct record *record, struct record_sysctl entry)
{
	record->sysctls = arena_grow(arena, record->sysctls, record->n_sysctls, &record->cap_sysctls,
				    sizeof(*record->sysctls));
	record->sysctls[record->n_sysctls++] = entry;
}

struct record record_merge(struct arena *arena, const struct record *record, const struct record *other)
{
	struct record merged = *record;

	merged.sysctls = NULL;
	merged.n_sysctls = merged.cap_sysctls = 0;
	for (size_t i = 0; i < record->n_sysctls; i++)
		record_add(arena, &merged, record->sysctls[i]);
	for (size_t i = 0; i < other->n_sysctls; i++)
		if (!record_find(record, other->sysctls[i].path))
			record_add(arena, &merged, other->sysctls[i]);
	record_sort(&merged);
	return merged;
}

/* Reading. */

static void free_json(json_t **json)
{
	json_decref(*json);
}

#define SCOPED_JSON json_t *__attribute__((cleanup(free_json)))

static const char *take_text(struct arena *arena, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? arena_strdup(arena, text) : NULL;
}

static bool take_others(struct arena *arena, const json_t *from, struct record_sysctl *entry)
{
	for (size_t i = 0; i < json_array_size(from); i++) {
		const char *name = json_string_value(json_array_get(from, i));

		if (!name)
			return false;
		entry->others = arena_grow(arena, entry->others, entry->n_others,
					   &entry->cap_others, sizeof(*entry->others));
		entry->others[entry->n_others++] = arena_strdup(arena, name);
	}
	return true;
}

static bool take_sysctl(struct arena *arena, const char *path, const json_t *from,
			struct record *out)
{
	struct record_sysctl entry = {.path = arena_strdup(arena, path),
				     .before = take_text(arena, from, "before"),
				     .written = take_text(arena, from, "written")};
	json_t *moved = json_object_get(from, "moved"), *value;
	const char *moved_path;

	if (!entry.before || !entry.written)
		return false;
	json_object_foreach(moved, moved_path, value)
	{
		if (!json_is_string(value))
			return false;
		entry.moved = arena_grow(arena, entry.moved, entry.n_moved, &entry.cap_moved,
					 sizeof(*entry.moved));
		entry.moved[entry.n_moved++] =
			(struct record_moved){arena_strdup(arena, moved_path),
					     arena_strdup(arena, json_string_value(value))};
	}
	if (!take_others(arena, json_object_get(from, "others"), &entry))
		return false;
	record_add(arena, out, entry);
	return true;
}

static bool is_of_this_boot(const json_t *json)
{
	const char *text = json_string_value(json_object_get(json, "boot"));
	char boot[BOOT_SIZE];

	read_boot(boot);
	/* Where a name is not known, on either side, nothing speaks against it. */
	return !text || !*text || !*boot || strcmp(text, boot) == 0;
}

static void take_pending(struct arena *arena, const json_t *from, struct record_pending *out)
{
	json_int_t until;

	out->id = take_text(arena, from, "id");
	until = json_integer_value(json_object_get(from, "until"));
	out->until = until > 0 ? (uint64_t)until : 0;
}

static const char *take_record(struct arena *arena, const json_t *json, struct record *out)
{
	json_t *sysctls = json_object_get(json, "sysctls"), *value;
	const char *path;

	if (!json_is_integer(json_object_get(json, "format")))
		return "it is not a record of hostgate";
	if (json_integer_value(json_object_get(json, "format")) != RECORD_FORMAT)
		return "it was written by another version of hostgate";
	out->version = take_text(arena, json, "version");
	out->hash = take_text(arena, json, "hash");
	out->files = take_text(arena, json, "files");
	out->text = take_text(arena, json, "text");
	out->time = take_text(arena, json, "time");
	out->generation = (uint32_t)json_integer_value(json_object_get(json, "generation"));
	out->fingerprint = (uint64_t)json_integer_value(json_object_get(json, "fingerprint"));
	take_pending(arena, json_object_get(json, "pending"), &out->pending);
	out->unfinished = json_is_true(json_object_get(json, "unfinished"));
	if (!out->version || !out->hash || !out->files || !out->text || !out->time ||
	    !json_is_object(sysctls))
		return "it is incomplete";
	json_object_foreach(sysctls, path, value) if (!take_sysctl(arena, path, value,
								   out)) return "it is incomplete";
	return NULL;
}

enum record_found record_parse(struct arena *arena, const char *text, size_t len, struct record *out,
			     const char **why)
{
	SCOPED_JSON json = NULL;
	json_error_t error;

	*out = (struct record){0};
	*why = NULL;
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (json && !is_of_this_boot(json))
		return RECORD_ABSENT;
	if (!json)
		*why = arena_printf(arena, "line %d: %s", error.line, error.text);
	else
		*why = take_record(arena, json, out);
	if (*why)
		*out = (struct record){0};
	record_sort(out);
	return *why ? RECORD_DAMAGED : RECORD_READ;
}

enum record_found record_load(struct arena *arena, const char *path, struct record *out,
			    const char **why)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	int err = record_read_file(path, &text);

	*out = (struct record){0};
	*why = NULL;
	if (err == -ENOENT)
		return RECORD_ABSENT;
	if (err == 0)
		return record_parse(arena, buf_text(&text), text.len, out, why);
	*why = arena_strdup(arena, strerror(-err));
	/* A directory, or a link to somewhere, is nothing that this program made. */
	return err == -EISDIR || err == -ELOOP ? RECORD_DAMAGED : RECORD_UNREADABLE;
}

const struct description *record_description(struct arena *arena, const struct record *record)
{
	struct description *description = arena_calloc(arena, 1, sizeof(*description));
	struct diags unheard;

	if (!record->text || record->unfinished)
		return NULL;
	diags_init(&unheard, arena);
	diags_add_source(&unheard, "state", record->text, strlen(record->text));
	return description_read(arena, &unheard, description) ? description : NULL;
}

/* Writing. */

static json_t *json_of_others(const struct record_sysctl *entry)
{
	json_t *others = json_array();

	for (size_t i = 0; i < entry->n_others; i++)
		json_array_append_new(others, json_string(entry->others[i]));
	return others;
}

static json_t *json_of_sysctl(const struct record_sysctl *entry)
{
	json_t *json = json_pack("{ss, ss}", "before", entry->before, "written", entry->written);
	json_t *moved;

	if (entry->n_others)
		json_object_set_new(json, "others", json_of_others(entry));
	if (entry->n_moved == 0)
		return json;
	moved = json_object();
	for (size_t i = 0; i < entry->n_moved; i++)
		json_object_set_new(moved, entry->moved[i].path,
				    json_string(entry->moved[i].before));
	json_object_set_new(json, "moved", moved);
	return json;
}

static json_t *json_of_record(const struct record *record)
{
	json_t *sysctls = json_object(), *json;
	char boot[BOOT_SIZE];

	read_boot(boot);
	for (size_t i = 0; i < record->n_sysctls; i++)
		json_object_set_new(sysctls, record->sysctls[i].path,
				    json_of_sysctl(&record->sysctls[i]));
	json = json_pack("{si, ss, ss, ss, ss, ss, ss, sI, sI, so}", "format", RECORD_FORMAT, "boot",
			 boot, "version", record->version, "time", record->time, "hash", record->hash,
			 "files", record->files, "text", record->text, "generation",
			 (json_int_t)record->generation, "fingerprint",
			 (json_int_t)record->fingerprint, "sysctls", sysctls);
	if (json && record->pending.id)
		json_object_set_new(json, "pending",
				    json_pack("{ss, sI}", "id", record->pending.id, "until",
					      (json_int_t)record->pending.until));
	if (json && record->unfinished)
		json_object_set_new(json, "unfinished", json_true());
	return json;
}

static int add_text(const char *text, size_t len, void *out)
{
	buf_add(out, text, len);
	return 0;
}

bool record_print(const struct record *record, struct buf *out)
{
	SCOPED_JSON json = json_of_record(record);

	/* jansson's own functions for descriptors make a system call of every few bytes. */
	if (!json || json_dump_callback(json, add_text, out, JSON_INDENT(1)) != 0)
		return false;
	buf_putc(out, '\n');
	return true;
}

int record_save(struct diags *diags, const struct record_place *place, const struct record *record)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};

	if (!record_print(record, &text))
		return record_failed(diags, EILSEQ, "write", place->path);
	return record_replace(diags, place, place->path, buf_text(&text), text.len);
}

int record_forget(struct diags *diags, const struct record_place *place)
{
	int err = record_discard(place->path);

	return err ? record_failed(diags, -err, "remove", place->path) : 0;
}
