// SPDX-License-Identifier: GPL-2.0-or-later
// diag: the queue of diagnostics and their text with caret lines.
#include "hostgate/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

/* A caret line shows at most this much of a line, for files of one long line. */
#define SHOWN_BYTES 100
#define SHOWN_BEFORE 60

/* Longest word and candidate that diag_nearest() compares. */
#define NEAREST_MAX 64

void diags_init(struct diags *diags, struct arena *arena)
{
	*diags = (struct diags){.arena = arena, .max_errors = DIAG_MAX_ERRORS};
}

uint32_t diags_add_source(struct diags *diags, const char *name, const char *text, size_t len)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";

	if (len >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
		text += 3;
		len -= 3;
	}
	diags->sources = arena_grow(diags->arena, diags->sources, diags->n_sources,
				    &diags->cap_sources, sizeof(*diags->sources));
	diags->sources[diags->n_sources] = (struct source){
		.name = arena_strdup(diags->arena, name),
		.text = arena_strndup(diags->arena, text, len),
		.len = len,
	};
	return (uint32_t)diags->n_sources++;
}

int place_compare(const struct place *a, const struct place *b)
{
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return 0;
}

/*
 * Returns the slot for a further error (or other) at place when max_errors of its sort are kept
 * already: that of the last one by place, which is given up, or NULL when place is behind it.
 */
static struct diag *slot_of_last(struct diags *diags, bool error, const struct place *place)
{
	struct diag *last = NULL;

	for (size_t i = 0; i < diags->n; i++) {
		struct diag *diag = &diags->items[i];

		if ((diag->severity == SEVERITY_ERROR) == error &&
		    (!last || place_compare(&diag->place, &last->place) >= 0))
			last = diag;
	}
	return last && place_compare(place, &last->place) < 0 ? last : NULL;
}

static size_t count_kept(const struct diags *diags, bool error)
{
	size_t n = 0;

	for (size_t i = 0; i < diags->n; i++)
		n += (diags->items[i].severity == SEVERITY_ERROR) == error;
	return n;
}

struct diag *diag_add(struct diags *diags, enum severity severity, const char *code,
		      struct place place, const char *format, ...)
{
	bool error = severity == SEVERITY_ERROR;
	struct diag *slot;
	va_list args;

	diags->n_errors += error;
	if (count_kept(diags, error) >= diags->max_errors) {
		slot = slot_of_last(diags, error, &place);
		if (!slot) {
			diags->unseen = (struct diag){.severity = severity, .code = code,
						      .place = place, .message = ""};
			return &diags->unseen;
		}
		/* Close the gap and append: the order of queueing breaks ties when sorting. */
		memmove(slot, slot + 1,
			(size_t)(diags->items + diags->n - slot - 1) * sizeof(*slot));
		diags->n--;
	}
	diags->items = arena_grow(diags->arena, diags->items, diags->n, &diags->cap,
				  sizeof(*diags->items));
	slot = &diags->items[diags->n++];
	*slot = (struct diag){.severity = severity, .code = code, .place = place};
	va_start(args, format);
	slot->message = arena_vprintf(diags->arena, format, args);
	va_end(args);
	return slot;
}

bool diag_is_kept(const struct diags *diags, const struct diag *diag)
{
	return diag != &diags->unseen;
}

void diag_hint(struct diags *diags, struct diag *diag, const char *format, ...)
{
	va_list args;

	if (!diag_is_kept(diags, diag))
		return;
	va_start(args, format);
	diag->hint = arena_vprintf(diags->arena, format, args);
	va_end(args);
}

void diag_relate(struct diags *diags, struct diag *diag, struct place place, const char *format,
		 ...)
{
	va_list args;

	if (!diag_is_kept(diags, diag) || diag->n_related == DIAG_RELATED_MAX)
		return;
	va_start(args, format);
	diag->related[diag->n_related++] = (struct diag_related){
		.place = place,
		.message = arena_vprintf(diags->arena, format, args),
	};
	va_end(args);
}

void diags_sort(struct diags *diags, size_t first)
{
	for (size_t i = first + 1; i < diags->n; i++) {
		struct diag moving = diags->items[i];
		size_t j = i;

		for (; j > first &&
		       place_compare(&diags->items[j - 1].place, &moving.place) > 0; j--)
			diags->items[j] = diags->items[j - 1];
		diags->items[j] = moving;
	}
}

/* Returns the length of the printable UTF-8 character at text, 0 when it is not to be shown. */
static size_t printable_len(const char *text, size_t len)
{
	const unsigned char *t = (const unsigned char *)text;
	size_t n = t[0] < 0x80 ? 1 : t[0] < 0xc2 ? 0 : t[0] < 0xe0 ? 2 : t[0] < 0xf0 ? 3
		 : t[0] < 0xf5 ? 4 : 0;

	if (!n || n > len || t[0] < 0x20 || t[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((t[i] & 0xc0) != 0x80)
			return 0;
	if (t[0] == 0xc2 && t[1] < 0xa0)
		return 0;
	return n;
}

/* Adds text of the user so that a terminal obeys none of it. Returns the columns it takes. */
static size_t add_shown(struct buf *out, const char *text, size_t len)
{
	size_t columns = 0;

	for (size_t i = 0; i < len; columns++) {
		size_t n = text[i] == '\t' ? 1 : printable_len(text + i, len - i);

		if (n)
			buf_add(out, text + i, n);
		else
			buf_putc(out, '?');
		i += n ? n : 1;
	}
	return columns;
}

/* Finds a line of a source. Returns its first byte and sets its length without the line's end. */
static const char *find_line(const struct source *source, uint32_t line, size_t *len)
{
	const char *at = source->text, *end = source->text + source->len, *newline;

	for (uint32_t i = 1; i < line; i++) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break;
		at = newline + 1;
	}
	newline = memchr(at, '\n', (size_t)(end - at));
	*len = (size_t)((newline ? newline : end) - at);
	if (*len && at[*len - 1] == '\r')
		--*len;
	return at;
}

/* Moves an offset of a line back to the first byte of its character. */
static size_t character_start(const char *line, size_t at)
{
	while (at && ((unsigned char)line[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static void add_caret_line(struct buf *out, const struct source *source,
			   const struct place *place, const char *caret_on, const char *caret_off)
{
	size_t len, from = 0, to, at, marked;
	const char *line = find_line(source, place->line, &len);

	at = place->column ? place->column - 1 : 0;
	if (at > len)
		at = len;
	marked = place->len ? place->len : 1;
	if (len > SHOWN_BYTES && at > SHOWN_BEFORE)
		from = character_start(line, at - SHOWN_BEFORE);
	to = len - from > SHOWN_BYTES ? character_start(line, from + SHOWN_BYTES) : len;
	if (marked > to - at)
		marked = to > at ? to - at : 1;

	buf_printf(out, "%6u | %s", place->line, from ? "..." : "");
	add_shown(out, line + from, to - from);
	buf_printf(out, "%s\n       | %s", to < len ? "..." : "", from ? "   " : "");
	/* A tab stays a tab, so that the caret stands below its character at any tab width. */
	for (size_t i = from; i < at; i++) {
		size_t n = line[i] == '\t' ? 1 : printable_len(line + i, len - i);

		buf_putc(out, line[i] == '\t' ? '\t' : ' ');
		i += n ? n - 1 : 0;
	}
	buf_printf(out, "%s^", caret_on);
	if (at < to) {
		struct buf scrap = {0};
		size_t columns = add_shown(&scrap, line + at, marked);

		buf_free(&scrap);
		while (columns-- > 1)
			buf_putc(out, '~');
	}
	buf_printf(out, "%s\n", caret_off);
}

/* Adds "file:line:column: ", the label and the message, and the line with its caret. */
static void add_at_place(const struct diags *diags, const struct place *place, const char *label,
			 const char *message, const char *code, const char *colour_on, bool colour,
			 struct buf *out)
{
	bool placed = place->line && place->source < diags->n_sources;
	const char *off = colour ? "\033[0m" : "", *bold = colour ? "\033[1m" : "";

	if (placed) {
		const char *name = diags->sources[place->source].name;

		buf_puts(out, bold);
		add_shown(out, name, strlen(name));
		buf_printf(out, ":%u:%u: %s", place->line, place->column, off);
	}
	buf_printf(out, "%s%s:%s ", colour_on, label, off);
	add_shown(out, message, strlen(message));
	if (code)
		buf_printf(out, " [%s]", code);
	buf_putc(out, '\n');
	if (placed)
		add_caret_line(out, &diags->sources[place->source], place, colour_on, off);
}

void diag_format(const struct diags *diags, const struct diag *diag, bool colour, struct buf *out)
{
	static const struct {
		const char *label, *colour;
	} severities[SEVERITY__COUNT] = {
		[SEVERITY_ERROR] = {"error", "\033[1;31m"},
		[SEVERITY_WARNING] = {"warning", "\033[1;35m"},
		[SEVERITY_NOTE] = {"note", "\033[1;36m"},
	};
	const char *colour_on = colour ? severities[diag->severity].colour : "";

	add_at_place(diags, &diag->place, severities[diag->severity].label, diag->message,
		     diag->code, colour_on, colour, out);
	for (size_t i = 0; i < diag->n_related; i++)
		add_at_place(diags, &diag->related[i].place, "note", diag->related[i].message,
			     NULL, colour ? severities[SEVERITY_NOTE].colour : "", colour, out);
	if (diag->err)
		buf_printf(out, "system: %s\n", strerror(diag->err));
	if (diag->hint) {
		buf_puts(out, "hint: ");
		/* A hint may show an example of several lines; our own line ends stay. */
		for (const char *line = diag->hint; line;) {
			const char *newline = strchr(line, '\n');

			add_shown(out, line, newline ? (size_t)(newline - line) : strlen(line));
			buf_putc(out, '\n');
			line = newline ? newline + 1 : NULL;
		}
	}
}

void diags_format(const struct diags *diags, bool colour, struct buf *out)
{
	size_t further = diags->n_errors - count_kept(diags, true);

	for (size_t i = 0; i < diags->n; i++)
		diag_format(diags, &diags->items[i], colour, out);
	if (further)
		buf_printf(out, "%zu further error%s\n", further, further == 1 ? "" : "s");
}

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Counts the insertions, deletions, changes and swaps of neighbours between two words. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *reused = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			int x = tolower((unsigned char)a[i - 1]);
			int y = tolower((unsigned char)b[j - 1]);

			row[j] = min_of(above[j - 1] + (x != y), min_of(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
			    tolower((unsigned char)a[i - 2]) == y)
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = reused;
	}
	return above[b_len];
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t word_len = strlen(word), best_distance = SIZE_MAX;
	const char *best = NULL;

	if (!word_len || word_len > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(candidates[i]), longest = len > word_len ? len : word_len;
		size_t shortest = min_of(len, word_len), near = longest < 6 ? 1 : longest / 3;
		size_t distance;

		if (len > NEAREST_MAX || longest - shortest > near)
			continue;
		distance = edit_distance(word, word_len, candidates[i], len);
		if (distance <= near && distance < longest && distance < best_distance) {
			best = candidates[i];
			best_distance = distance;
		}
	}
	return best;
}
