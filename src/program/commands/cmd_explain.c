// SPDX-License-Identifier: GPL-2.0-or-later
// cmd_explain: the way of one packet, step by step.
#include <netinet/in.h>

#include "cli/json.h"
#include "cli/work.h"
#include "commands/commands.h"
#include "print/print_explain.h"
#include "report/report_path.h"

static const char *const end_names[END__COUNT] = {
	[END_HOST] = "host",
	[END_NETWORK] = "network",
	[END_UPLINK] = "uplink",
	[END_ELSEWHERE] = "elsewhere",
};

static const char *const verdict_names[VERDICT__COUNT] = {
	[VERDICT_PASS] = "pass",
	[VERDICT_DROP] = "drop",
	[VERDICT_REJECT] = "reject",
};

static const char *protocol_name(uint8_t l4proto)
{
	switch (l4proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	default:
		return NULL;
	}
}

static void add_addr(json_t *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	json_add_text(object, key, addr_format(addr, text));
}

static json_t *packet_of(const struct query *query)
{
	json_t *object = json_object();

	add_addr(object, "source", &query->saddr);
	add_addr(object, "destination", &query->daddr);
	json_object_set_new(object, "port",
			    query->has_port ? json_integer(query->port) : json_null());
	json_add_text(object, "protocol", protocol_name(query->l4proto));
	json_add_text(object, "from", query->from);
	return object;
}

static json_t *end_of(const struct end *end)
{
	json_t *object = json_object();

	json_add_text(object, "kind", end_names[end->kind]);
	json_add_text(object, "network", end->network ? end->network->name : NULL);
	json_add_text(object, "uplink", end->uplink ? end->uplink->name : NULL);
	return object;
}

static json_t *rule_of(const struct run *run, const struct ruleset *ruleset, const struct step *met)
{
	const struct rule *rule = &ruleset->rules[met->rule];
	json_t *object = json_object();

	json_add_text(object, "chain", ruleset->chains[rule->chain].name);
	json_add_why(object, &run->diags, &ruleset->origins[rule->origin]);
	if (met->origin != rule->origin) {
		json_t *element = json_object();

		json_add_why(element, &run->diags, &ruleset->origins[met->origin]);
		json_object_set_new(object, "element", element);
	}
	return object;
}

static json_t *leg_of(const struct run *run, const struct ruleset *ruleset, const struct leg *leg,
		      const struct told *told)
{
	json_t *object = json_object(), *steps = json_array();

	for (size_t i = 0; i < told->n_steps; i++) {
		json_t *step = json_object(), *rules = json_array();

		for (size_t r = 0; r < told->steps[i].n_met; r++)
			json_array_append_new(rules, rule_of(run, ruleset, &told->steps[i].met[r]));
		json_add_text(step, "text", told->steps[i].text);
		json_object_set_new(step, "rules", rules);
		json_array_append_new(steps, step);
	}
	json_add_text(object, "verdict", verdict_names[leg->outcome.verdict]);
	json_add_text(object, "text", told->verdict);
	json_object_set_new(object, "steps", steps);
	return object;
}

/* What the outside sees as the source: an address, or null for the uplink's own. */
static void add_source(json_t *object, const struct outcome *outcome)
{
	json_object_set_new(object, "translated", json_boolean(outcome->translated));
	json_object_set_new(object, "masquerade", json_boolean(outcome->masquerade));
	if (outcome->masquerade)
		json_add_text(object, "source", NULL);
	else
		add_addr(object, "source", &outcome->source);
}

static json_t *hint_of(const struct run *run, const struct told *told)
{
	if (!told->hint)
		return json_null();

	json_t *object = json_object();

	json_add_text(object, "text", told->hint);
	json_add_place(object, &run->diags, &told->place);
	return object;
}

static json_t *path_of(const struct run *run, const struct explanation *explanation,
		       const struct explained_path *path)
{
	struct told told = tell_there(run->arena, explanation, path);
	json_t *object = leg_of(run, explanation->ruleset, &path->there, &told);

	json_add_text(object, "fate", fate_name(path->fate));
	json_object_set_new(object, "in", end_of(&path->in));
	json_object_set_new(object, "out", end_of(&path->out));
	add_source(object, &path->there.outcome);
	json_object_set_new(object, "hint", hint_of(run, &told));
	if (path->has_reply) {
		told = tell_back(run->arena, explanation, path);
		json_object_set_new(object, "reply",
				    leg_of(run, explanation->ruleset, &path->back, &told));
	} else {
		json_object_set_new(object, "reply", json_null());
	}
	return object;
}

static enum status complain(struct run *run, struct buf *error)
{
	diag_add(&run->diags, SEVERITY_ERROR, PROGRAM_CODE(PACKET), PLACE_NONE, "%s",
		 buf_text(error));
	return STATUS_USAGE;
}

enum status cmd_explain(struct run *run)
{
	struct buf error __attribute__((cleanup(buf_free))) = {0};
	struct explanation explanation;
	struct query query;
	struct work work;

	if (run->args.given[OPTION_LIVE])
		return path_explain(run);
	if (!query_read(run->args.src, run->args.dst, &query, &error))
		return complain(run, &error);
	query.from = run->args.value[OPTION_FROM];
	if (!work_load(run, &work))
		return STATUS_DESCRIPTION;
	if (!explain_packet(run->arena, &work.description,
			    plan_ruleset(run->arena, &work.description), &query, &explanation,
			    &error))
		return complain(run, &error);

	if (run->json) {
		json_t *ways = json_array();

		for (size_t i = 0; i < explanation.n_paths; i++)
			json_array_append_new(ways,
					      path_of(run, &explanation, &explanation.paths[i]));
		json_object_set_new(run->json, "packet", packet_of(&query));
		json_object_set_new(run->json, "ways", ways);
	}
	if (run_is_talking(run))
		print_explain(&explanation, &run->diags, run->colour, &run->out);
	return STATUS_DONE;
}
