// SPDX-License-Identifier: GPL-2.0-or-later
// prove_child: builds the copy of the host, sends probes through it, and looks at what comes out.
#include "prove/prove_run.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "os/sandbox.h"

/* How many probes go between two looks at what was captured, and between two canaries. */
#define DRAIN_EVERY 8
#define SETTLE_EVERY 256

/* How many between two words about how far it got. */
#define PROGRESS_EVERY 1024

/* What was seen. */

static void report(struct prove_run *run, enum finding_kind kind, uint32_t probe,
		   const struct sight *sight)
{
	struct prove_message record = {.kind = MESSAGE_FINDING};

	if (probe != NO_PROBE) {
		if (run->found[probe])
			return;
		run->found[probe] = true;
	}
	if (++run->n_findings > FINDINGS_MAX)
		return;
	run->findings[run->n_findings - 1] = (struct found){kind, probe};
	record.finding.kind = kind;
	record.finding.probe = probe;
	if (sight)
		record.finding.sight = *sight;
	/* Without a reader there is nobody to tell. */
	if (!prove_tell(run, &record))
		_exit(1);
}

/* A kernel without IPv6 has no packets of it, so none of its probes is sent. */
static bool has_family(enum family family)
{
	static int ipv6 = -1;

	if (ipv6 < 0)
		ipv6 = access("/proc/net/if_inet6", F_OK) == 0;
	return family == FAMILY_IPV4 || ipv6;
}

static bool is_link_local(const struct addr *addr)
{
	static const uint8_t zero[16];

	return addr->family == FAMILY_IPV6 && ((addr->bytes[0] == 0xfe && addr->bytes[1] == 0x80) ||
					       memcmp(addr->bytes, zero, 16) == 0);
}

static bool is_expected_source(const struct prove_run *run, const struct probe *probe,
			       const struct addr *addr)
{
	return addr_equal(addr, &probe->seen_saddr) ||
	       (probe->any_own && replica_has(run->list->replica, addr, probe->toward));
}

static void remember(struct prove_run *run, const struct sight *sight)
{
	if (run->seen[sight->probe])
		return;
	run->seen[sight->probe] = arena_alloc(run->arena, sizeof(*sight));
	*run->seen[sight->probe] = *sight;
}

void prove_see(const struct sight *sight, void *data)
{
	struct prove_run *run = data;
	const struct probe *probe;

	if (run->tracing) {
		/* What is sent about it goes to where it is seen this time. */
		if (sight->probe != NO_PROBE && run->seen[sight->probe])
			*run->seen[sight->probe] = *sight;
		return;
	}
	if (sight->probe == NO_PROBE) {
		/* The host's own listener reports and router solicitations. */
		if (!is_link_local(&sight->saddr))
			report(run, FINDING_LEAK, NO_PROBE, sight);
		return;
	}
	probe = &run->list->items[sight->probe];
	if (prove_compares(run, sight->probe)) {
		if (!prove_same_way(run, sight->port, probe->in))
			remember(run, sight);
		return;
	}
	if (probe->passes && prove_same_way(run, sight->port, probe->toward)) {
		/* The host's own answer goes back to the source. */
		const struct addr *to = probe->toward == probe->in ? &probe->saddr : &probe->daddr;

		if (!is_expected_source(run, probe, &sight->saddr) || !addr_equal(&sight->daddr, to))
			report(run, FINDING_SOURCE, sight->probe, sight);
		else
			remember(run, sight);
		return;
	}
	/* A stranger's packet to a translated address that the host does not have goes its way. */
	if (probe->kind == PROBE_STRANGER &&
	    run->list->replica->ports[sight->port].kind != PORT_NETWORK)
		return;
	/* What the host answers on the wire that a packet came from leaks nowhere. */
	if (prove_same_way(run, sight->port, probe->in) || prove_answers_outside(run, probe, sight))
		return;
	if (prove_may_be_there(run, sight->probe, sight))
		run->elsewhere[sight->probe] = sight->port + 1;
	else
		report(run, FINDING_LEAK, sight->probe, sight);
}

/* Sending. */

static void compare(struct prove_run *run, uint32_t probe)
{
	enum finding_kind kind;

	if (!run->bare && prove_differs(run, probe, &kind))
		report(run, kind, probe, run->seen[probe]);
}

/* Without our rules only what is compared is asked. */
static bool is_sent(const struct prove_run *run, uint32_t idx, enum probe_phase phase)
{
	const struct probe *probe = &run->list->items[idx];

	return probe->phase == phase && has_family(probe->family) &&
	       (!run->bare || prove_compares(run, idx));
}

static int send_phase(struct prove_run *run, enum probe_phase phase)
{
	size_t n = 0;
	int err = 0;

	for (uint32_t i = 0; i < run->list->n && err == 0; i++) {
		if (!is_sent(run, i, phase))
			continue;
		err = prove_send(run, i);
		n++;
		if (n % PROGRESS_EVERY == 0)
			prove_tell_progress(run);
		if (err == 0 && n % SETTLE_EVERY == 0)
			err = wire_settle(&run->wire);
		else if (err == 0 && n % DRAIN_EVERY == 0)
			err = wire_drain(&run->wire);
	}
	if (err == 0)
		err = wire_settle(&run->wire);
	for (uint32_t i = 0; i < run->list->n && err == 0; i++) {
		const struct probe *probe = &run->list->items[i];

		if (!is_sent(run, i, phase))
			continue;
		if (prove_compares(run, i))
			compare(run, i);
		else if (probe->passes && !run->seen[i] &&
			 (phase != PHASE_BACK || run->seen[probe->about]) && !prove_detours(run, i))
			report(run, FINDING_MISSING, i, NULL);
	}
	if (err != 0)
		diag_add(run->diags, SEVERITY_ERROR, CODE(PROBE_FAILED), PLACE_NONE,
			 "cannot send probes: %s",
			 err == -ETIMEDOUT ? "the copy of the host does not answer"
					   : strerror(-err))
			->err = -err;
	return err;
}

/* The host. */

static const char *const forwarding[] = {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"};

/*
 * What is not in the description must not decide about the proof; a new namespace takes some values
 * from the machine. Older kernels lack some.
 */
static void quieten(void)
{
	static const char *const values[][2] = {
		{"net/ipv4/ip_forward", "0"},
		{"net/ipv4/conf/all/arp_ignore", "0"},
		{"net/ipv4/conf/default/arp_ignore", "0"},
		{"net/ipv4/conf/all/arp_filter", "0"},
		{"net/ipv4/conf/default/arp_filter", "0"},
		{"net/ipv6/conf/all/forwarding", "0"},
		{"net/ipv6/conf/all/disable_ipv6", "0"},
		{"net/ipv6/conf/default/disable_ipv6", "0"},
		{"net/ipv6/conf/all/accept_dad", "0"},
		{"net/ipv6/conf/default/accept_dad", "0"},
		{"net/ipv6/conf/default/router_solicitations", "0"},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
		{"net/ipv4/icmp_ratelimit", "0"},
		{"net/ipv4/icmp_ratemask", "0"},
		{"net/ipv6/icmp/ratelimit", "0"},
		{"net/ipv4/icmp_msgs_per_sec", "1000000"},
		{"net/ipv4/icmp_msgs_burst", "1000000"},
		{"net/ipv4/icmp_echo_ignore_broadcasts", "0"},
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		(void)sandbox_sysctl(values[i][0], values[i][1]);
}

static int forward_everywhere(struct prove_run *run)
{
	for (size_t i = 0; i < sizeof(forwarding) / sizeof(*forwarding); i++) {
		int err = sandbox_sysctl(forwarding[i], "1");

		/* A kernel without IPv6 has no packets of it. */
		if (err != 0 && !(err == -ENOENT && i == 1)) {
			diag_add(run->diags, SEVERITY_ERROR, CODE(SANDBOX_FAILED), PLACE_NONE,
				 "cannot write %s in the copy of the host: %s", forwarding[i],
				 strerror(-err))
				->err = -err;
			return err;
		}
	}
	return 0;
}

/* In the namespace of the wires: there is nobody at their other ends. */
static int prepare(void *data)
{
	struct prove_run *run = data;
	int err = sandbox_sysctl("net/ipv6/conf/default/disable_ipv6", "1");

	if (err == 0 || err == -ENOENT)
		err = links_open_wire(&run->links);
	return err ? err : wire_open(&run->wire);
}

/* What of the host lacks in the copy is told even when all the rest goes well. */
static int load_host_rules(struct prove_run *run)
{
	int err = run->input->host ? copy_load(run->diags, &run->copy) : 0;

	if (err == 0) {
		if (!run->bare)
			prove_tell_diags(run);
		run->diags->n = 0;
	}
	return err;
}

static int build(struct prove_run *run)
{
	const struct replica *r = run->list->replica;
	const struct host_copy *host = run->input->host;
	struct sandbox sandbox = {.wire = -1};
	struct changes changes;
	int err = sandbox_enter(run->diags, &sandbox, prepare, run);

	if (err != 0)
		return err;
	quieten();
	if (host) {
		/* The addresses that the kernel would make are among the host's, or not there. */
		(void)sandbox_sysctl("net/ipv6/conf/default/addr_gen_mode", "1");
		host_copy_put_sysctls(host, false);
	}
	err = links_make(run->arena, run->diags, &run->links, r, host, sandbox.wire);
	if (err == 0 && !host && r->description->settings.forwarding == FORWARDING_KEEP)
		err = forward_everywhere(run);
	if (err == 0)
		err = load_host_rules(run);
	if (err == 0 && !run->bare)
		err = kernel_apply(run->arena, run->diags, run->input->apply, &changes);
	if (err != 0)
		return err;
	err = wire_open_host(&run->wire);
	if (err != 0)
		diag_add(run->diags, SEVERITY_ERROR, CODE(PROBE_FAILED), PLACE_NONE,
			 "cannot open the host's sockets: %s", strerror(-err))
			->err = -err;
	return err;
}

/* What a host does that is not as described. A kernel without routing rules never is like this. */
static int send_astray(struct prove_run *run)
{
	const struct replica *r = run->list->replica;
	int err, back;

	if (r->astray == NO_PORT)
		return 0;
	err = links_lead(&run->links, r, true);
	if (err == -EOPNOTSUPP || err == -EAFNOSUPPORT)
		return 0;
	if (err == 0)
		err = send_phase(run, PHASE_ASTRAY);
	back = links_lead(&run->links, r, false);
	if (err == 0 && back != 0) {
		err = back;
		diag_add(run->diags, SEVERITY_ERROR, CODE(PROBE_FAILED), PLACE_NONE,
			 "cannot change the routes of the copy: %s", strerror(-err))
			->err = -err;
	}
	return err;
}

/* One processor, so that frames stay in order. */
static void pin(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

int prove_work(void *data)
{
	struct prove_run *run = data;
	struct prove_message end = {.kind = MESSAGE_END};
	struct diags diags;

	diags_init(&diags, run->arena);
	run->diags = &diags;
	pin();
	end.end.result = build(run);
	if (end.end.result == 0)
		end.end.result = send_phase(run, PHASE_OUT);
	if (end.end.result == 0)
		end.end.result = send_phase(run, PHASE_BACK);
	if (end.end.result == 0)
		end.end.result = forward_everywhere(run);
	if (end.end.result == 0)
		end.end.result = send_phase(run, PHASE_ELSE);
	if (end.end.result == 0)
		end.end.result = send_astray(run);
	if (end.end.result == 0 && run->bare)
		prove_tell_seen(run);
	else if (end.end.result == 0)
		prove_trace(run);
	if (end.end.result != 0)
		prove_tell_diags(run);
	end.end.n_sent = run->n_sent;
	(void)prove_tell(run, &end);
	return 0;
}
