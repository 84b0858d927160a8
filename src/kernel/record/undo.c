// SPDX-License-Identifier: GPL-2.0-or-later
// undo: what it takes to undo the last change, kept in a file beside the record.
#include "record/undo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "image/snapshot.h"

/* What the file starts with; another version of the program may write another one. */
#define MAGIC "hostgate undo 1\n"

/* Then a sum of all that follows. */
#define HEAD_SIZE (sizeof(MAGIC) - 1 + sizeof(uint64_t))

static int failed(struct diags *diags, int err, const char *doing, const char *path,
		  const char *why)
{
	diag_add(diags, SEVERITY_ERROR, CODE(UNDO_FAILED), PLACE_NONE, "cannot %s %s: %s", doing,
		 path, why)
		->err = err;
	return -err;
}

/* The file's other names: of the change before this one. */
static void aside(const struct record_place *place, struct buf *out)
{
	buf_printf(out, "%s.last", place->undo_path);
}

/* A record without the texts of a description is written as one with empty ones. */
static bool add_record(struct buf *out, const struct record *record)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	struct record whole = *record;

	whole.version = whole.version ? whole.version : "";
	whole.hash = whole.hash ? whole.hash : "";
	whole.files = whole.files ? whole.files : "";
	whole.text = whole.text ? whole.text : "";
	whole.time = whole.time ? whole.time : "";
	if (!record_print(&whole, &text))
		return false;
	snapshot_add_bytes(out, text.data, text.len);
	return true;
}

int undo_save(struct diags *diags, const struct record_place *place, const struct undo *undo)
{
	struct buf bytes __attribute__((cleanup(buf_free))) = {0};
	struct buf last __attribute__((cleanup(buf_free))) = {0};
	uint64_t sum = 0;
	int err;

	buf_puts(&bytes, MAGIC);
	buf_add(&bytes, &sum, sizeof(sum));
	snapshot_add_text(&bytes, undo->id);
	snapshot_add_text(&bytes, undo->time);
	snapshot_add_u32(&bytes, undo->had_record);
	if (!add_record(&bytes, &undo->record) || !add_record(&bytes, &undo->writes))
		return failed(diags, EILSEQ, "write", place->undo_path, strerror(EILSEQ));
	for (enum backend b = 0; b < BACKEND__COUNT; b++) {
		snapshot_add_bytes(&bytes, undo->rules[b].bytes, undo->rules[b].len);
		snapshot_add_bytes(&bytes, undo->others[b].bytes, undo->others[b].len);
	}
	sum = snapshot_sum(bytes.data + HEAD_SIZE, bytes.len - HEAD_SIZE);
	memcpy(bytes.data + HEAD_SIZE - sizeof(sum), &sum, sizeof(sum));

	aside(place, &last);
	(void)unlink(buf_text(&last));
	if (link(place->undo_path, buf_text(&last)) < 0 && errno != ENOENT) {
		err = errno;
		return failed(diags, err, "keep", place->undo_path, strerror(err));
	}
	err = record_replace(diags, place, place->undo_path, bytes.data, bytes.len);
	/* It may have come so far that the new one has the name. */
	if (err != 0) {
		undo_restore(place);
		undo_settle(place);
	}
	return err;
}

void undo_settle(const struct record_place *place)
{
	struct buf last __attribute__((cleanup(buf_free))) = {0};

	aside(place, &last);
	(void)unlink(buf_text(&last));
}

void undo_restore(const struct record_place *place)
{
	struct buf last __attribute__((cleanup(buf_free))) = {0};

	aside(place, &last);
	if (rename(buf_text(&last), place->undo_path) < 0 && errno == ENOENT)
		(void)unlink(place->undo_path);
}

static enum record_found take_record(struct arena *arena, struct snapshot *snapshot,
				   struct record *out)
{
	struct blob text = snapshot_take_bytes(snapshot);
	const char *why;

	return snapshot->bad ? RECORD_DAMAGED :
			       record_parse(arena, text.bytes, text.len, out, &why);
}

/* What is cut off, or of another version, is told before anything is made of it. */
static bool take_rules(struct arena *arena, struct snapshot *snapshot, struct blob *out)
{
	struct blob blob = snapshot_take_bytes(snapshot);
	void *copy = arena_alloc(arena, blob.len);

	if (blob.len)
		memcpy(copy, blob.bytes, blob.len);
	*out = (struct blob){copy, blob.len};
	return !snapshot->bad;
}

/* RECORD_ABSENT: it is of an earlier boot. */
static enum record_found take_undo(struct arena *arena, struct snapshot *snapshot, struct undo *out)
{
	enum record_found found;
	bool fine = true;

	out->id = snapshot_take_text(snapshot, arena);
	out->time = snapshot_take_text(snapshot, arena);
	out->had_record = snapshot_take_u32(snapshot) != 0;
	found = take_record(arena, snapshot, &out->record);
	if (found == RECORD_READ)
		found = take_record(arena, snapshot, &out->writes);
	if (found != RECORD_READ)
		return found;
	for (enum backend b = 0; fine && b < BACKEND__COUNT; b++)
		fine = take_rules(arena, snapshot, &out->rules[b]) &&
		       take_rules(arena, snapshot, &out->others[b]);
	return fine && snapshot->left == 0 ? RECORD_READ : RECORD_DAMAGED;
}

static int not_understood(struct diags *diags, const char *path, const char *why)
{
	struct diag *diag = diag_add(diags, SEVERITY_ERROR, CODE(UNDO_FAILED), PLACE_NONE,
				     "cannot read %s: %s; nothing was changed", path, why);

	diag->err = EINVAL;
	diag_hint(diags, diag,
		  "the last change cannot be undone: to go back, apply an earlier description; "
		  "`hostgate remove` removes everything");
	return -EINVAL;
}

int undo_load(struct arena *arena, struct diags *diags, const struct record_place *place,
	      struct undo *out)
{
	struct buf bytes __attribute__((cleanup(buf_free))) = {0};
	int err = record_read_file(place->undo_path, &bytes);
	struct snapshot snapshot;
	uint64_t sum;

	*out = (struct undo){0};
	if (err == -ENOENT)
		return err;
	if (err != 0)
		return failed(diags, -err, "read", place->undo_path, strerror(-err));
	if (bytes.len < HEAD_SIZE || memcmp(bytes.data, MAGIC, strlen(MAGIC)) != 0)
		return not_understood(diags, place->undo_path,
				      "it was not written by this version of hostgate");
	snapshot = (struct snapshot){(const uint8_t *)bytes.data + HEAD_SIZE, bytes.len - HEAD_SIZE,
				     false};
	memcpy(&sum, bytes.data + strlen(MAGIC), sizeof(sum));
	if (sum != snapshot_sum(snapshot.at, snapshot.left))
		return not_understood(diags, place->undo_path, "it is damaged");
	switch (take_undo(arena, &snapshot, out)) {
	case RECORD_READ:
		return 0;
	case RECORD_ABSENT:
		return -ENOENT;
	case RECORD_DAMAGED:
	case RECORD_UNREADABLE:
	case RECORD_FOUND__COUNT:
		break;
	}
	return not_understood(diags, place->undo_path, "it is damaged");
}

struct restored undo_restored(const struct undo *undo)
{
	struct restored restored = {.undone = undo->time};

	if (undo->had_record) {
		restored.time = undo->record.time;
		restored.files = undo->record.files;
		restored.hash = undo->record.hash;
	}
	return restored;
}

int undo_forget(struct diags *diags, const struct record_place *place)
{
	int err = record_discard(place->undo_path);

	undo_settle(place);
	return err ? failed(diags, -err, "remove", place->undo_path, strerror(-err)) : 0;
}
