// SPDX-License-Identifier: GPL-2.0-or-later
// report_path: tells the way of a packet through the host as it is, as text and as JSON.
#include "report/report_path.h"

#include <errno.h>
#include <string.h>

#include "cli/json.h"
#include "print/print_explain.h"
#include "report/report_others.h"
#include "rules/origin.h"

/* Width of a step's number. */
#define INDENT 4

static const char *const kind_names[PATH_KIND__COUNT] = {
	[PATH_ARRIVES] = "arrives",	[PATH_MADE] = "made",	      [PATH_CHAIN] = "chain",
	[PATH_RETURNS] = "returns",	[PATH_RP_FILTER] = "rp_filter", [PATH_ROUTE] = "route",
	[PATH_FORWARDING] = "forwarding",
};

static const char *const end_names[JUDGE_END__COUNT] = {
	[JUDGE_PASSES] = "passes",
	[JUDGE_DROPS] = "stops",
	[JUDGE_MAY_DROP] = "may stop",
};

/* Where our own rules come from. */

struct place path_place(const struct path_sources *sources, const struct judge_finding *finding,
			const struct foreign_rule *rule)
{
	const struct ruleset *rs = sources->lowered[finding->base->table->ours ? 0 : 1];
	struct place place = PLACE_NONE;

	if (!rs || !rule || !rule->comment ||
	    !foreign_is_ours(finding->base->table, finding->chain))
		return place;
	for (size_t i = 0; i < rs->n_rules; i++) {
		const struct rule *ours = &rs->rules[i];
		struct buf comment __attribute__((cleanup(buf_free))) = {0};

		if (strcmp(rs->chains[ours->chain].name, finding->chain->name) != 0)
			continue;
		origin_comment(&rs->origins[ours->origin], &comment);
		if (strcmp(buf_text(&comment), rule->comment) != 0)
			continue;
		/* Of two with one comment nobody knows which one it is. */
		if (place.line && place_compare(&place, &rs->origins[ours->origin].place) != 0)
			return PLACE_NONE;
		place = rs->origins[ours->origin].place;
	}
	return place;
}

static struct place place_of(const struct path_sources *sources, const struct path_step *step)
{
	struct judge_finding finding = step->finding;

	if (step->kind != PATH_CHAIN)
		return PLACE_NONE;
	if (finding.rule || !finding.nat_rule)
		return path_place(sources, &finding, finding.rule);
	finding.chain = finding.nat_chain;
	return path_place(sources, &finding, finding.nat_rule);
}

/* What in the description would let a packet pass that a rule of ours stops. */
struct path_hint {
	const char *text; /* NULL: nothing is known */
	struct place place;
};

static bool is_the_path(const struct explained_path *path, const struct path_leg *leg)
{
	const char *out = NULL;

	for (size_t i = 0; i < leg->n; i++)
		if (leg->steps[i].kind == PATH_ROUTE)
			out = leg->steps[i].ifname;
	return path->fate == FATE_REFUSED && (!out || strcmp(path->out.ifname, out) == 0);
}

static struct path_hint hint_of(struct run *run, const struct path *live,
				const struct path_leg *leg, const struct path_sources *sources)
{
	struct buf error __attribute__((cleanup(buf_free))) = {0};
	struct explanation explanation;
	struct query query = live->query;
	struct path_hint hint = {0};

	if (!sources->work || leg != &live->there || !leg->stop ||
	    leg->stop->kind != PATH_CHAIN ||
	    !foreign_is_ours(leg->stop->finding.base->table, leg->stop->finding.chain))
		return hint;
	query.from = leg->packet.iifname[0] ? leg->packet.iifname : NULL;
	if (!explain_packet(run->arena, &sources->work->description,
			    plan_ruleset(run->arena, &sources->work->description), &query,
			    &explanation, &error))
		return hint;
	for (size_t i = 0; i < explanation.n_paths && !hint.text; i++) {
		struct told told;

		if (!is_the_path(&explanation.paths[i], leg))
			continue;
		told = tell_there(run->arena, &explanation, &explanation.paths[i]);
		hint = (struct path_hint){told.hint, told.place};
	}
	return hint;
}

/* JSON. */

static json_t *json_of_step(const struct run *run, const struct path *live,
			    const struct path_leg *leg, const struct path_sources *sources,
			    const struct path_step *step)
{
	json_t *object = json_object();
	struct place place = place_of(sources, step);
	char text[ADDR_TEXT_SIZE];

	json_add_text(object, "kind", kind_names[step->kind]);
	json_add_text(object, "verdict", end_names[step->end]);
	json_add_text(object, "text", path_tell_step(run->arena, live, leg, step));
	json_add_text(object, "interface", step->ifname);
	if (step->sysctl) {
		json_add_text(object, "sysctl", step->sysctl);
		json_add_text(object, "value", step->value);
	}
	if (step->kind == PATH_CHAIN) {
		json_t *chain = others_json_place(&step->finding);

		json_object_set_new(chain, "ours",
				    json_boolean(foreign_is_ours(step->finding.base->table,
								step->finding.chain)));
		json_object_set_new(object, "chain", chain);
	}
	if (step->translated_source || step->translated_destination)
		json_add_text(object, step->translated_source ? "source" : "destination",
			      step->address_known ? addr_format(&step->addr, text) : NULL);
	json_add_place(object, &run->diags, &place);
	return object;
}

static json_t *json_of_leg(struct run *run, const struct path *live,
			   const struct path_leg *leg, const struct path_sources *sources)
{
	json_t *object = json_object(), *steps = json_array();
	struct path_hint hint;
	const char *advice;

	json_add_text(object, "verdict",
		      end_names[leg->stop  ? JUDGE_DROPS
				: leg->may ? JUDGE_MAY_DROP
					   : JUDGE_PASSES]);
	json_add_text(object, "text", path_tell_verdict(run->arena, live, leg, &advice));
	hint = hint_of(run, live, leg, sources);
	json_add_text(object, "advice", hint.text ? hint.text : advice);
	json_add_place(object, &run->diags, &hint.place);
	json_object_set_new(object, "to_host", json_boolean(leg->to_host));
	for (size_t i = 0; i < leg->n; i++)
		json_array_append_new(steps,
				      json_of_step(run, live, leg, sources, &leg->steps[i]));
	json_object_set_new(object, "steps", steps);
	json_object_set_new(object, "stopped_by",
			    leg->stop ? json_integer(leg->stop - leg->steps) : json_null());
	return object;
}

/* Text. */

static void print_leg(struct run *run, const struct path *live, const struct path_leg *leg,
		      const struct path_sources *sources)
{
	struct buf *out = &run->out;
	const char *advice;
	const char *verdict = path_tell_verdict(run->arena, live, leg, &advice);
	const char *paint = !run->colour ? "" : leg->stop ? "\033[31m" : "\033[32m";
	struct path_hint hint = hint_of(run, live, leg, sources);

	for (size_t i = 0; i < leg->n; i++) {
		struct place place = place_of(sources, &leg->steps[i]);

		buf_printf(out, "%2zu. ", i + 1);
		print_explain_wrapped(out, path_tell_step(run->arena, live, leg, &leg->steps[i]),
				      INDENT);
		if (place.line)
			buf_printf(out, "%*sfrom %s:%u:%u\n", INDENT, "",
				   run->diags.sources[place.source].name, place.line,
				   place.column);
	}
	buf_puts(out, paint);
	print_explain_wrapped(out, verdict, 0);
	buf_puts(out, *paint ? "\033[0m" : "");
	if (hint.text || advice)
		print_explain_wrapped(out, hint.text ? hint.text : advice, 0);
	if (hint.text && hint.place.line)
		buf_printf(out, "See %s:%u:%u\n", run->diags.sources[hint.place.source].name,
			   hint.place.line, hint.place.column);
}

static void print_live(struct run *run, const struct path *live,
		       const struct path_sources *sources)
{
	print_explain_question(&live->query, &run->out);
	buf_putc(&run->out, '\n');
	print_leg(run, live, &live->there, sources);
	if (live->has_reply) {
		buf_puts(&run->out, "\nThe reply:\n");
		print_leg(run, live, &live->back, sources);
	}
	buf_putc(&run->out, '\n');
	print_explain_wrapped(&run->out,
			      "This is what the kernel has now: routes, sysctls, and the rules of "
			      "all programs. Nothing was sent.",
			      0);
}

/* The description: what is given, else what was recorded, else none. */
static enum status find_sources(struct run *run, struct work *work, struct path_sources *out)
{
	struct installed installed;
	int err;

	*out = (struct path_sources){0};
	if (run->args.n_files > 0) {
		if (!work_load(run, work))
			return STATUS_DESCRIPTION;
	} else {
		err = kernel_installed(run->arena, &run->diags, &installed);
		if (err != 0)
			return run_status_of(err);
		if (!installed.recorded || !installed.text)
			return STATUS_DONE;
		diags_add_source(&run->diags, "<recorded description>", installed.text,
				 strlen(installed.text));
		if (!work_read(run, work))
			return STATUS_DESCRIPTION;
	}
	out->work = work;
	out->lowered[0] = lower_nft(run->arena, plan_ruleset(run->arena, &work->description));
	out->lowered[1] = lower_xt(run->arena, plan_ruleset(run->arena, &work->description));
	return STATUS_DONE;
}

/* A network's or an uplink's name stands for its interface, unless there is one of that name. */
static const char *interface_of(struct run *run, const struct path_sources *sources,
				const char *from)
{
	const struct description *d = sources->work ? &sources->work->description : NULL;

	for (size_t i = 0; from && d && i < d->n_networks; i++)
		if (strcmp(d->networks[i].name, from) == 0 &&
		    !d->networks[i].interfaces[0].wildcard)
			return arena_strndup(run->arena, d->networks[i].interfaces[0].name,
					     IFNAME_SIZE - 1);
	for (size_t i = 0; from && d && i < d->n_uplinks; i++)
		if (strcmp(d->uplinks[i].name, from) == 0)
			return arena_strndup(run->arena, d->uplinks[i].interface.name,
					     IFNAME_SIZE - 1);
	return from;
}

enum status path_explain(struct run *run)
{
	struct buf error __attribute__((cleanup(buf_free))) = {0};
	struct path_sources sources;
	struct query query;
	struct work work;
	struct path live;
	enum status status;
	int err = 0;

	if (!query_read(run->args.src, run->args.dst, &query, &error)) {
		err = -EINVAL;
	} else if (query.dhcp) {
		buf_puts(&error, "SRC: --live cannot follow a packet without a source; explain "
				 "without --live can");
		err = -EINVAL;
	}
	status = err == 0 ? find_sources(run, &work, &sources) : STATUS_DONE;
	if (status != STATUS_DONE)
		return status;
	if (err == 0) {
		query.from = interface_of(run, &sources, run->args.value[OPTION_FROM]);
		err = path_follow(run->arena, &run->diags, &query, &live, &error);
	}
	if (error.len) {
		diag_add(&run->diags, SEVERITY_ERROR, PROGRAM_CODE(PACKET), PLACE_NONE, "%s",
			 buf_text(&error));
		return STATUS_USAGE;
	}
	if (err != 0)
		return run_status_of(err);
	if (run->json) {
		json_object_set_new(run->json, "live",
				    json_of_leg(run, &live, &live.there, &sources));
		json_object_set_new(run->json, "reply",
				    live.has_reply ? json_of_leg(run, &live, &live.back, &sources)
						   : json_null());
	}
	if (run_is_talking(run))
		print_live(run, &live, &sources);
	return STATUS_DONE;
}
