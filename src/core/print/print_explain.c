// SPDX-License-Identifier: GPL-2.0-or-later
// print_explain: the way of a packet as numbered steps, for people.
#include <netinet/in.h>
#include <string.h>

#include "print/print_explain.h"
#include "rules/origin.h"

/* Width of the text, and what numbered lines are indented by. */
#define COLUMNS 80
#define INDENT 4

struct explain_printer {
	const struct explanation *explanation;
	const struct diags *diags;
	struct arena *arena;
	bool colour;
	size_t number;
	struct buf *out;
};

void print_explain_wrapped(struct buf *out, const char *text, size_t indent)
{
	size_t column = indent;
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!first && column + 1 + len > COLUMNS) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			buf_putc(out, ' ');
			column++;
		}
		buf_add(out, text, len);
		column += len;
		first = false;
		text += len + strspn(text + len, " ");
	}
	buf_putc(out, '\n');
}

/* Names of files are the user's bytes: what is no text must not reach a terminal. */
static void print_place(struct explain_printer *p, const struct place *place)
{
	if (place->line == 0)
		return;
	for (const char *c = p->diags->sources[place->source].name; *c; c++) {
		bool control = (unsigned char)*c < ' ' || *c == 0x7f;

		if (control)
			buf_putc(p->out, '?');
		else
			buf_putc(p->out, *c);
	}
	buf_printf(p->out, ":%u:%u", place->line, place->column);
}

static void print_rule(struct explain_printer *p, const struct step *met)
{
	const struct ruleset *rs = p->explanation->ruleset;
	const struct origin *origin = &rs->origins[met->origin];

	buf_printf(p->out, "%*srule \"", INDENT, "");
	origin_comment(&rs->origins[rs->rules[met->rule].origin], p->out);
	buf_putc(p->out, '"');
	if (origin->place.line > 0) {
		buf_puts(p->out, ", from ");
		print_place(p, &origin->place);
	}
	buf_putc(p->out, '\n');
}

static void print_told(struct explain_printer *p, const struct told *told, bool good)
{
	const char *paint = !p->colour ? "" : good ? "\033[32m" : "\033[31m";

	for (size_t i = 0; i < told->n_steps; i++) {
		buf_printf(p->out, "%2zu. ", ++p->number);
		print_explain_wrapped(p->out, told->steps[i].text, INDENT);
		for (size_t r = 0; r < told->steps[i].n_met; r++)
			print_rule(p, &told->steps[i].met[r]);
	}
	buf_puts(p->out, paint);
	print_explain_wrapped(p->out, told->verdict, 0);
	buf_puts(p->out, *paint ? "\033[0m" : "");
	if (told->hint)
		print_explain_wrapped(p->out, told->hint, 0);
	if (told->hint && told->place.line > 0) {
		buf_puts(p->out, "See ");
		print_place(p, &told->place);
		buf_putc(p->out, '\n');
	}
}

static const char *protocol_text(const struct query *query)
{
	switch (query->l4proto) {
	case IPPROTO_TCP:
		return "TCP packet";
	case IPPROTO_UDP:
		return "UDP packet";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "ping (ICMP echo request)";
	default:
		return query->has_port ? "TCP or UDP packet" : "packet";
	}
}

void print_explain_question(const struct query *query, struct buf *out)
{
	char source[ADDR_TEXT_SIZE], destination[ADDR_TEXT_SIZE];

	buf_printf(out, "A %s from %s to %s", protocol_text(query),
		   addr_format(&query->saddr, source), addr_format(&query->daddr, destination));
	if (query->has_port)
		buf_printf(out, ", port %u", query->port);
	buf_putc(out, '\n');
}

/* Which of several ways this is. */
static void print_title(struct explain_printer *p, const struct explained_path *path)
{
	const struct explanation *e = p->explanation;
	bool in = path->in.kind == END_UPLINK;
	const struct uplink *uplink = in ? path->in.uplink : path->out.uplink;

	if (e->n_paths > 1 && uplink)
		buf_printf(p->out, "\nIf it %s through the uplink %s:\n",
			   in ? "comes in" : "goes out", uplink->name);
	else
		buf_putc(p->out, '\n');
}

static void print_path(struct explain_printer *p, const struct explained_path *path)
{
	struct told there = tell_there(p->arena, p->explanation, path);

	p->number = 0;
	print_title(p, path);
	print_told(p, &there, path->fate != FATE_REFUSED);
	if (path->has_reply) {
		struct told back = tell_back(p->arena, p->explanation, path);

		buf_puts(p->out, "\nThe reply:\n");
		print_told(p, &back, path->back.outcome.verdict == VERDICT_PASS);
	}
}

void print_explain(const struct explanation *explanation, const struct diags *diags, bool colour,
		   struct buf *out)
{
	struct explain_printer p = {
		.explanation = explanation,
		.diags = diags,
		.arena = arena_new(),
		.colour = colour,
		.out = out,
	};
	bool passes = false;

	print_explain_question(&explanation->query, out);
	for (size_t i = 0; i < explanation->n_paths; i++) {
		print_path(&p, &explanation->paths[i]);
		passes = passes || explanation->paths[i].fate != FATE_REFUSED;
	}
	buf_putc(out, '\n');
	print_explain_wrapped(
		out,
		passes ? "This follows from the description; the kernel was not asked. Rules of "
			 "other programs can still stop what passes here: `explain --live` asks the kernel."
		       : "This follows from the description; the kernel was not asked.",
		0);
	arena_free(p.arena);
}
