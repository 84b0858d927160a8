// SPDX-License-Identifier: GPL-2.0-or-later
// proof: what prove found, promise by promise and network by network.
#include "report/proof.h"

#include <string.h>

#include "base/diag_codes.h"
#include "cli/options.h"
#include "hostgate/simulate.h"
#include "hostgate/ways.h"
#include "report/progress.h"

/*
 * How much is proved at once: some 500 probes go from each port of a network by, and from, each
 * port that is none, and each takes memory and time.
 */
#define WAYS_MAX 2000

static const char *const promise_texts[PROMISE__COUNT] = {
	[PROMISE_NONE] = "what may pass does pass",	     [PROMISE_P1] = "nothing leaks out",
	[PROMISE_P2] = "no private source outside",	     [PROMISE_P3] = "nothing gets in",
	[PROMISE_P4] = "no forged source, no answer to one",
};

static const char *const promise_names[PROMISE__COUNT] = {
	[PROMISE_NONE] = "--", [PROMISE_P1] = "P1", [PROMISE_P2] = "P2",
	[PROMISE_P3] = "P3",   [PROMISE_P4] = "P4",
};

static const char *const finding_names[FINDING__COUNT] = {
	[FINDING_LEAK] = "LEAK",
	[FINDING_SOURCE] = "LEAK",
	[FINDING_MISSING] = "FAIL",
};

const char *proof_promise_text(enum promise promise)
{
	return promise_texts[promise];
}

const char *proof_promise_name(enum promise promise)
{
	return promise_names[promise];
}

const char *proof_finding_name(enum finding_kind kind)
{
	return finding_names[kind];
}

const char *proof_network_name(const struct proof_report *report, uint32_t network)
{
	return network == NO_NETWORK ? "others" : report->description->networks[network].name;
}

/* Cells: for every network its uplinks and "anywhere else", leaving and entering. */
static size_t cell_index(const struct description *d, const struct matrix_cell *cell)
{
	size_t uplink = cell->uplink == NO_INDEX ? d->n_uplinks : cell->uplink;

	return (cell->network * (d->n_uplinks + 1) + uplink) * 2 + cell->enters;
}

enum matrix_result proof_cell(const struct matrix_cell *cell, const void *data)
{
	const struct proof_report *report = data;

	return report->cells[cell_index(report->description, cell)];
}

/* Uplinks that the network has no way by are of "anywhere else". */
static bool has_way(const struct description *d, uint32_t network, uint32_t uplink)
{
	struct way way = ways_between(d, way_end_network(&d->networks[network]),
				      way_end_uplink(&d->uplinks[uplink]));

	return way_is_open(&way);
}

/* A cell only ever gets worse. */
static void mark(struct proof_report *report, uint32_t network, uint32_t other_port, bool enters,
		 enum matrix_result result)
{
	const struct replica *r = report->list->replica;
	struct matrix_cell cell = {.network = network, .uplink = NO_INDEX, .enters = enters};
	enum matrix_result *at;

	if (other_port != NO_PORT && r->ports[other_port].kind == PORT_UPLINK &&
	    has_way(report->description, network, r->ports[other_port].idx))
		cell.uplink = r->ports[other_port].idx;
	at = &report->cells[cell_index(report->description, &cell)];
	if (result > *at)
		*at = result;
}

static void mark_probe(struct proof_report *report, const struct probe *probe,
		       enum matrix_result result)
{
	const struct replica_port *ports = report->list->replica->ports;
	bool from_network = probe->in == NO_PORT || ports[probe->in].kind == PORT_NETWORK;
	const struct replica_port *to = probe->toward == NO_PORT ? NULL : &ports[probe->toward];

	if (probe->network == NO_NETWORK)
		return;
	mark(report, probe->network, from_network ? probe->toward : probe->in, !from_network,
	     result);
	if (from_network && to && to->kind == PORT_NETWORK && to->idx != probe->network)
		mark(report, to->idx, probe->in, true, result);
}

static struct proof_line *line_of(struct proof_report *report, uint32_t network,
				  enum promise promise)
{
	size_t row = network == NO_NETWORK ? report->description->n_networks : network;

	return &report->lines[row * PROMISE__COUNT + promise];
}

static void count(struct proof_report *report)
{
	const struct probe_list *list = report->list;
	const struct proof *proof = report->proof;

	for (size_t i = 0; i < list->n; i++) {
		line_of(report, list->items[i].network, list->items[i].promise)->n_probes++;
		mark_probe(report, &list->items[i], MATRIX_PASS);
	}
	for (size_t i = 0; i < proof->n; i++) {
		const struct finding *finding = &proof->items[i];
		bool leak = finding->kind != FINDING_MISSING;
		struct proof_line *line;

		report->n_leaks += leak;
		report->n_failures += !leak;
		if (finding->probe == NO_PROBE) {
			report->n_unexplained++;
			continue;
		}
		line = line_of(report, list->items[finding->probe].network,
			       list->items[finding->probe].promise);
		line->n_leaks += leak;
		line->n_failures += !leak;
		mark_probe(report, &list->items[finding->probe], leak ? MATRIX_LEAK : MATRIX_FAIL);
	}
}

static void drop_empty_lines(struct proof_report *report)
{
	size_t n = 0;

	for (size_t i = 0; i < report->n_lines; i++)
		if (report->lines[i].n_probes > 0)
			report->lines[n++] = report->lines[i];
	report->n_lines = n;
}

static size_t count_ways(const struct replica *replica)
{
	size_t inside = 0;

	for (size_t i = 0; i < replica->n_ports; i++)
		inside += replica->ports[i].kind == PORT_NETWORK;
	return inside * (replica->n_ports - inside);
}

static int send_probes(struct run *run, const struct apply_input *apply,
		       const struct probe_list *list, const struct host_copy *host,
		       struct proof *out)
{
	struct progress progress = progress_start(run, "probes");
	struct prove_input input = {
		.apply = apply,
		.list = list,
		.host = host,
		.progress = progress.wanted ? progress_step : NULL,
		.progress_data = &progress,
	};
	int result = kernel_prove(run->arena, &run->diags, &input, out);

	progress_end(&progress);
	return result;
}

static int look_at_host(struct run *run, const struct host_copy **out)
{
	struct host_copy *host = arena_alloc(run->arena, sizeof(*host));

	*out = host;
	return host_copy_read(run->arena, &run->diags, host);
}

static void add_name(struct buf *out, const char *name, const char *kind)
{
	buf_printf(out, "%s%s", buf_text(out)[0] ? ", " : "", name);
	if (kind)
		buf_printf(out, " (%s)", kind);
}

/* Tells what of the copy is not as it is on the host. */
static void tell_differences(struct run *run, const struct replica *r, const struct host_copy *host)
{
	struct buf missing __attribute__((cleanup(buf_free))) = {0};
	struct buf plain __attribute__((cleanup(buf_free))) = {0};

	for (size_t i = 0; i < r->n_ports; i++)
		if (r->links[i].index == 0 &&
		    (r->ports[i].kind == PORT_NETWORK || r->ports[i].kind == PORT_UPLINK))
			add_name(&missing, r->ports[i].name, NULL);
	for (size_t i = 0; i < r->n_links; i++) {
		const struct host_link *link =
			r->links[i].index ? host_links_at(&host->links, r->links[i].index) : NULL;

		if (link && *link->kind && strcmp(link->kind, "veth") != 0 &&
		    strcmp(link->kind, "dummy") != 0 && strcmp(link->kind, "tun") != 0 &&
		    strcmp(link->kind, "bridge") != 0)
			add_name(&plain, link->name, link->kind);
	}
	if (buf_text(&missing)[0])
		diag_add(&run->diags, SEVERITY_NOTE, CODE(COPY_MADE_UP), PLACE_NONE,
			 "not on this host; made in the copy as described: %s", buf_text(&missing));
	if (buf_text(&plain)[0])
		diag_add(&run->diags, SEVERITY_NOTE, CODE(COPY_PLAIN), PLACE_NONE,
			 "in the copy these are plain interfaces, or bridges where they have "
			 "members: %s",
			 buf_text(&plain));
}

enum status proof_make(struct run *run, const struct work *work, struct proof_report *out)
{
	const struct description *d = &work->description;
	struct apply_input input = work_input(run, work);
	const struct host_copy *host = NULL;
	const struct replica *replica;
	struct proof *proof = arena_alloc(run->arena, sizeof(*proof));
	int result;

	if (run->args.given[OPTION_WITH_HOST]) {
		result = look_at_host(run, &host);
		if (result < 0)
			return run_status_of(result);
	}
	replica = replica_make(run->arena, d, host ? &host->seen : NULL);
	if (host)
		tell_differences(run, replica, host);

	if (count_ways(replica) > WAYS_MAX) {
		struct diag *diag =
			diag_add(&run->diags, SEVERITY_ERROR, PROGRAM_CODE(TOO_LARGE), PLACE_NONE,
				 "too many paths through this host to prove them all: %zu between "
				 "networks' interfaces and other interfaces, at most %d",
				 count_ways(replica), WAYS_MAX);

		diag_hint(&run->diags, diag, "prove fewer networks at a time");
		return STATUS_FAILED;
	}
	*out = (struct proof_report){
		.description = d,
		.ruleset = input.ruleset,
		.list = probe_list_make(run->arena, replica),
		.proof = proof,
		.with_host = host != NULL,
		.n_lines = (d->n_networks + 1) * PROMISE__COUNT,
	};
	out->lines = arena_calloc(run->arena, out->n_lines, sizeof(*out->lines));
	for (size_t i = 0; i < out->n_lines; i++) {
		size_t network = i / PROMISE__COUNT;

		out->lines[i].network = network == d->n_networks ? NO_NETWORK : (uint32_t)network;
		out->lines[i].promise = (enum promise)(i % PROMISE__COUNT);
	}
	out->cells = arena_calloc(run->arena, d->n_networks * (d->n_uplinks + 1) * 2,
				  sizeof(*out->cells));
	result = send_probes(run, &input, out->list, host, proof);
	if (result < 0)
		return run_status_of(result);
	count(out);
	drop_empty_lines(out);
	return proof->n == 0 ? STATUS_DONE : STATUS_DIFFERS;
}

const struct origin *proof_rule(const struct proof_report *report, const struct finding *finding)
{
	bool passed = finding->kind != FINDING_MISSING;
	const struct step *step = NULL;

	/* The kernel knows better than the simulator. */
	if (finding->by)
		return finding->by->origin == NO_INDEX
			       ? NULL
			       : &report->ruleset->origins[finding->by->origin];
	if (finding->probe == NO_PROBE)
		return NULL;

	const struct probe *probe = &report->list->items[finding->probe];
	struct packet packet = probe_packet(report->list, probe);
	struct outcome outcome = simulate_packet(report->ruleset, &packet);

	if (probe->toward == NO_PORT || passed != (outcome.verdict == VERDICT_PASS))
		return NULL;
	for (size_t i = 0; i < outcome.n_steps; i++) {
		bool decides = !passed || outcome.trace[i].stage == STAGE_FORWARD ||
			       outcome.trace[i].stage == STAGE_NAT_POSTROUTING;

		if (decides)
			step = &outcome.trace[i];
	}
	return step ? &report->ruleset->origins[report->ruleset->rules[step->rule].origin] : NULL;
}
