// SPDX-License-Identifier: GPL-2.0-or-later
// proof_print: what prove found, as text, JSON and TAP.
#include <string.h>

#include "cli/json.h"
#include "report/proof.h"
#include "report/proof_decider.h"

/* Findings that are shown without --verbose. */
#define SHOWN_FINDINGS 10

void proof_describe_probe(const struct proof_report *report, const struct probe *probe,
			  struct buf *out)
{
	char from[ADDR_TEXT_SIZE], to[ADDR_TEXT_SIZE];

	buf_printf(out, "%s, %s > %s, %s %s: %s", probe_kind_table[probe->kind].name,
		   addr_format(&probe->saddr, from), addr_format(&probe->daddr, to),
		   probe->in == NO_PORT ? "of" : "in by",
		   probe->in == NO_PORT ? "the host itself"
					: report->list->replica->ports[probe->in].name,
		   probe->what);
}

static const char *port_name(const struct proof_report *report, uint32_t port)
{
	return report->list->replica->ports[port].name;
}

/* Tells whether what leaked is the answer of a rule that refused the packet. */
static bool is_answer(const struct finding *finding)
{
	return finding->kind != FINDING_MISSING && finding->by &&
	       strcmp(finding->by->verdict, "accept") != 0;
}

/* Writes a finding as lines with a prefix: what it is, what was sent, what was seen, why. */
static void print_finding(const struct proof_report *report, const struct finding *finding,
			  const char *prefix, struct buf *out)
{
	const struct origin *rule = proof_rule(report, finding);
	char text[ADDR_TEXT_SIZE];

	if (finding->probe == NO_PROBE) {
		buf_printf(out, "%s%s a packet that no probe explains\n", prefix,
			   proof_finding_name(finding->kind));
	} else {
		const struct probe *probe = &report->list->items[finding->probe];

		buf_printf(out, "%s%s %s %s: ", prefix, proof_finding_name(finding->kind),
			   proof_promise_name(probe->promise),
			   proof_network_name(report, probe->network));
		proof_describe_probe(report, probe, out);
		buf_printf(out, "\n%s     ", prefix);
		if (report->with_host && probe->network == NO_NETWORK)
			buf_puts(out, "expected to fare as without hostgate's rules\n");
		else if (probe->passes)
			buf_printf(out, "expected on %s from %s\n",
				   port_name(report, probe->toward),
				   addr_format(&probe->seen_saddr, text));
		else
			buf_puts(out, "expected nowhere\n");
	}
	if (finding->kind == FINDING_MISSING) {
		buf_printf(out, "%s     not seen there\n", prefix);
	} else {
		buf_printf(out, "%s     seen on %s: ", prefix,
			   port_name(report, finding->sight.port));
		frame_format(&finding->sight, out);
		buf_putc(out, '\n');
	}
	if (!rule && finding->by) {
		buf_printf(out, "%s     %s: ", prefix, finding->by->verdict);
		proof_describe_decider(finding->by, out);
		buf_putc(out, '\n');
	}
	if (rule)
		buf_printf(out, "%s     %s: %s%s%s\n", prefix, is_answer(finding) ? "answered by" : "rule",
			   rule->text,
			   rule->promise == PROMISE_NONE ? "" : ", ",
			   rule->promise == PROMISE_NONE ? "" : proof_promise_name(rule->promise));
}

/* Detours that are alike: of packets of one network, or to it, that should take one way. */
static bool is_alike(const struct proof_report *report, const struct detour *a,
		     const struct detour *b)
{
	const struct probe *x = &report->list->items[a->probe], *y = &report->list->items[b->probe];

	return x->network == y->network && x->in == y->in && x->toward == y->toward &&
	       x->family == y->family && a->port == b->port;
}

/* How many are like this one, from it on; 0: one before it is, too. */
static size_t count_alike(const struct proof_report *report, size_t idx)
{
	const struct proof *proof = report->proof;
	size_t n = 0;

	for (size_t i = 0; i < idx; i++)
		if (is_alike(report, &proof->detours[i], &proof->detours[idx]))
			return 0;
	for (size_t i = idx; i < proof->n_detours; i++)
		n += is_alike(report, &proof->detours[i], &proof->detours[idx]);
	return n;
}

static void print_detours(const struct proof_report *report, const char *prefix, struct buf *out)
{
	const struct proof *proof = report->proof;

	for (size_t i = 0; i < proof->n_detours; i++) {
		const struct detour *detour = &proof->detours[i];
		const struct probe *probe = &report->list->items[detour->probe];
		size_t n = count_alike(report, i);

		if (n == 0)
			continue;
		buf_printf(out, "%snote: %s of %s from %s ", prefix,
			   probe->family == FAMILY_IPV4 ? "IPv4" : "IPv6",
			   proof_network_name(report, probe->network),
			   probe->in == NO_PORT ? "the host" : port_name(report, probe->in));
		if (detour->port == NO_PORT)
			buf_printf(out, "has no route on this host; expected: through %s",
				   port_name(report, probe->toward));
		else
			buf_printf(out, "goes through %s on this host; expected: through %s",
				   port_name(report, detour->port),
				   port_name(report, probe->toward));
		buf_printf(out, " (%zu %s)\n", n, n == 1 ? "probe" : "probes");
	}
}

static json_t *detours_of(const struct proof_report *report)
{
	const struct proof *proof = report->proof;
	json_t *array = json_array();

	for (size_t i = 0; i < proof->n_detours; i++) {
		const struct detour *detour = &proof->detours[i];
		const struct probe *probe = &report->list->items[detour->probe];
		size_t n = count_alike(report, i);
		json_t *object;

		if (n == 0)
			continue;
		object = json_object();
		json_add_text(object, "network", proof_network_name(report, probe->network));
		json_add_text(object, "family", probe->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
		json_add_text(object, "in",
			      probe->in == NO_PORT ? NULL : port_name(report, probe->in));
		json_add_text(object, "expected_on", port_name(report, probe->toward));
		json_add_text(object, "goes_by",
			      detour->port == NO_PORT ? NULL : port_name(report, detour->port));
		json_object_set_new(object, "probes", json_integer((json_int_t)n));
		json_array_append_new(array, object);
	}
	return array;
}

static void print_findings(const struct run *run, const struct proof_report *report,
			   const char *prefix, struct buf *out)
{
	const struct proof *proof = report->proof;
	size_t limit = run->args.given[OPTION_VERBOSE] ? proof->n : SHOWN_FINDINGS;

	proof_print_deciders(report, prefix, out);
	for (size_t i = 0; i < proof->n && i < limit; i++)
		print_finding(report, &proof->items[i], prefix, out);
	if (proof->n > limit)
		buf_printf(out, "%sand %zu more; --verbose shows all\n", prefix, proof->n - limit);
}

static void print_end(const struct proof_report *report, struct buf *out)
{
	const struct proof *proof = report->proof;
	const char *beside = report->with_host ? "; in a copy of this host as it is" : "";

	if (report->list->sampled)
		buf_printf(out,
			   "more than %d networks: each was tested against a sample of the "
			   "others\n",
			   PROBE_ALL_PAIRS_MAX);
	if (proof->n == 0)
		buf_printf(out, "proved: %zu probes, each did what the description says%s\n",
			   proof->n_sent, beside);
	else
		buf_printf(out, "not proved: %zu %s, %zu %s, of %zu probes%s\n", report->n_leaks,
			   report->n_leaks == 1 ? "leak" : "leaks", report->n_failures,
			   report->n_failures == 1 ? "failure" : "failures", proof->n_sent, beside);
}

void proof_print_findings(const struct run *run, const struct proof_report *report, struct buf *out)
{
	print_findings(run, report, "", out);
	print_end(report, out);
}

static const char *line_result(const struct proof_line *line)
{
	if (line->n_leaks)
		return "LEAK";
	return line->n_failures ? "FAIL" : "PASS";
}

static void print_line(const struct proof_report *report, const struct proof_line *line, int width,
		       bool colour, struct buf *out)
{
	bool fine = line->n_leaks + line->n_failures == 0;
	const char *paint = fine ? "\033[32m" : "\033[1;31m";

	buf_printf(out, "%s %-*s  %-34s  %5zu probes  %s%s%s\n", proof_promise_name(line->promise),
		   width, proof_network_name(report, line->network),
		   proof_promise_text(line->promise), line->n_probes, colour ? paint : "",
		   line_result(line), colour ? "\033[0m" : "");
}

void proof_print(const struct run *run, const struct proof_report *report, struct buf *out)
{
	int width = 0;

	for (size_t i = 0; i < report->n_lines; i++) {
		int len = (int)strlen(proof_network_name(report, report->lines[i].network));

		width = len > width ? len : width;
	}
	for (size_t i = 0; i < report->n_lines; i++)
		print_line(report, &report->lines[i], width, run->colour, out);
	if (report->proof->n > 0) {
		buf_putc(out, '\n');
		print_findings(run, report, "", out);
	}
	buf_putc(out, '\n');
	print_matrix_judged(report->description, proof_cell, report, run->colour, out);
	buf_putc(out, '\n');
	print_detours(report, "", out);
	print_end(report, out);
}

/* TAP. */

void proof_print_tap(const struct run *run, const struct proof_report *report, struct buf *out)
{
	size_t n = 0;

	buf_printf(out, "TAP version 13\n1..%zu\n", report->n_lines + 1);
	for (size_t i = 0; i < report->n_lines; i++) {
		const struct proof_line *line = &report->lines[i];
		bool fine = line->n_leaks + line->n_failures == 0;

		buf_printf(out, "%sok %zu - %s %s: %s, %zu probes\n", fine ? "" : "not ", ++n,
			   proof_promise_name(line->promise),
			   proof_network_name(report, line->network),
			   proof_promise_text(line->promise), line->n_probes);
	}
	buf_printf(out, "%sok %zu - no packet that no probe explains\n",
		   report->n_unexplained ? "not " : "", ++n);
	print_findings(run, report, "# ", out);
	print_detours(report, "# ", out);
}

/* JSON. */

static void add_addr(json_t *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	json_add_text(object, key, addr_format(addr, text));
}

static json_t *promises_of(const struct proof_report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->n_lines; i++) {
		const struct proof_line *line = &report->lines[i];
		json_t *object = json_object();

		json_add_text(object, "promise",
			      line->promise == PROMISE_NONE ? NULL
							    : proof_promise_name(line->promise));
		json_add_text(object, "network",
			      line->network == NO_NETWORK
				      ? NULL
				      : proof_network_name(report, line->network));
		json_add_text(object, "text", proof_promise_text(line->promise));
		json_object_set_new(object, "probes", json_integer((json_int_t)line->n_probes));
		json_object_set_new(object, "leaks", json_integer((json_int_t)line->n_leaks));
		json_object_set_new(object, "failures", json_integer((json_int_t)line->n_failures));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *matrix_of(const struct proof_report *report)
{
	static const char *const results[MATRIX__COUNT] = {NULL, "pass", "fail", "leak"};
	const struct description *d = report->description;
	json_t *array = json_array();

	for (uint32_t n = 0; n < d->n_networks; n++)
		for (uint32_t u = 0; u <= d->n_uplinks; u++)
			for (int enters = 0; enters < 2; enters++) {
				struct matrix_cell cell = {n, u == d->n_uplinks ? NO_INDEX : u,
							   enters};
				enum matrix_result result = proof_cell(&cell, report);
				json_t *object;

				if (result == MATRIX_UNTESTED)
					continue;
				object = json_object();
				json_add_text(object, "network", d->networks[n].name);
				json_add_text(object, "uplink",
					      u == d->n_uplinks ? NULL : d->uplinks[u].name);
				json_add_text(object, "direction", enters ? "in" : "out");
				json_add_text(object, "result", results[result]);
				json_array_append_new(array, object);
			}
	return array;
}

static json_t *probe_of(const struct proof_report *report, const struct probe *probe)
{
	json_t *object = json_object();

	json_add_text(object, "packet", probe_kind_table[probe->kind].name);
	json_add_text(object, "text", probe->what);
	add_addr(object, "source", &probe->saddr);
	add_addr(object, "destination", &probe->daddr);
	json_add_text(object, "in", probe->in == NO_PORT ? NULL : port_name(report, probe->in));
	json_add_text(object, "expected_on",
		      probe->passes ? port_name(report, probe->toward) : NULL);
	return object;
}

static json_t *seen_of(const struct proof_report *report, const struct finding *finding)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	json_t *object;

	if (finding->kind == FINDING_MISSING)
		return json_null();
	object = json_object();
	frame_format(&finding->sight, &text);
	json_add_text(object, "on", port_name(report, finding->sight.port));
	json_add_text(object, "text", buf_text(&text));
	add_addr(object, "source", &finding->sight.saddr);
	add_addr(object, "destination", &finding->sight.daddr);
	return object;
}

static json_t *finding_of(const struct run *run, const struct proof_report *report,
			  const struct finding *finding)
{
	const struct origin *rule = proof_rule(report, finding);
	const struct probe *probe =
		finding->probe == NO_PROBE ? NULL : &report->list->items[finding->probe];
	json_t *object = json_object();
	json_t *decider = rule ? NULL : proof_json_decider(finding);

	json_add_text(object, "kind", finding->kind == FINDING_MISSING ? "failure" : "leak");
	json_add_text(object, "promise",
		      probe && probe->promise != PROMISE_NONE ? proof_promise_name(probe->promise)
							      : NULL);
	json_add_text(object, "network",
		      probe && probe->network != NO_NETWORK
			      ? proof_network_name(report, probe->network)
			      : NULL);
	json_object_set_new(object, "sent", probe ? probe_of(report, probe) : json_null());
	json_object_set_new(object, "seen", seen_of(report, finding));
	if (rule)
		json_add_why(object, &run->diags, rule);
	else
		json_object_set_new(object, "decided_by", decider ? decider : json_null());
	return object;
}

void proof_add_json(const struct run *run, const struct proof_report *report, json_t *document)
{
	const struct proof *proof = report->proof;
	json_t *array = json_array();

	for (size_t i = 0; i < proof->n; i++)
		json_array_append_new(array, finding_of(run, report, &proof->items[i]));
	json_object_set_new(document, "proved", json_boolean(proof->n == 0));
	json_object_set_new(document, "probes", json_integer((json_int_t)proof->n_sent));
	json_object_set_new(document, "host_rules", json_boolean(report->with_host));
	json_object_set_new(document, "sampled", json_boolean(report->list->sampled));
	json_object_set_new(document, "promises", promises_of(report));
	json_object_set_new(document, "matrix", matrix_of(report));
	json_object_set_new(document, "obstacles", proof_json_deciders(report));
	json_object_set_new(document, "detours", detours_of(report));
	json_object_set_new(document, "findings", array);
}
