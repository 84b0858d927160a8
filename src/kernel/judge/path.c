// SPDX-License-Identifier: GPL-2.0-or-later
// path: the way of one packet, and of its reply, through this host as it is now.
#include "judge/path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "hostgate/ruleset.h"
#include "nft/nft_refusal.h"
#include "os/address.h"
#include "os/scope.h"
#include "sysctl/sysctl.h"
#include "sysctl/sysctl_file.h"

/*
 * Theory of operation
 *
 * The packet meets what the kernel has in the kernel's order: the rules in front of routing, the
 * reverse path filter and the routing decision, the forwarding sysctl, and the rules behind it. It
 * goes on as long as nothing stops it for sure. A translation changes what comes later: the
 * destination's is followed by the routing decision, the source's by the reply's destination.
 */

#define TCP_SYN	    0x02
#define TCP_SYN_ACK 0x12

/* Types of echo request and reply: RFC 792, RFC 4443. */
static const uint8_t echo[FAMILY__COUNT][2] = {{8, 0}, {128, 129}};

struct following {
	struct arena *arena;
	struct path *out;
	struct netlink netlink; /* of routes */
	struct host_links links; /* with addresses; none when they can't be read */
	int root;		/* of sysctls */
	struct path_leg *leg;
	struct judge judge;
	struct judge_findings *findings;
	bool source_moved, destination_moved; /* by translation */
};

static void free_following(struct following *f)
{
	netlink_close(&f->netlink);
	scope_close(&f->root);
}

/* Returns false when the packet ends there. */
static bool add_step(struct following *f, struct path_step step)
{
	struct path_leg *leg = f->leg;

	leg->steps =
		arena_grow(f->arena, leg->steps, leg->n, &leg->cap, sizeof(*leg->steps));
	leg->steps[leg->n++] = step;
	return step.end != JUDGE_DROPS;
}

static void set_name(char out[static IFNAME_SIZE], const char *name)
{
	memset(out, 0, IFNAME_SIZE);
	memcpy(out, name, strnlen(name, IFNAME_SIZE - 1));
}

static const struct judge_packet *packet_of(const struct following *f)
{
	return &f->judge.packet;
}

/* Routes. */

static int ask_route(struct following *f, const struct addr *daddr, const struct addr *saddr,
		     unsigned int iif, struct route_answer *out)
{
	struct route_query query = {.daddr = *daddr,
				    .saddr = saddr,
				    .iif = iif,
				    .l4proto = f->out->query.l4proto,
				    .dport = judge_port(&f->judge)};

	return route_get(&f->netlink, &query, out);
}

static void set_out(struct following *f, const struct route_answer *route, bool local)
{
	struct judge_packet *packet = &f->judge.packet;

	if (!local && strcmp(packet->oifname, route->oifname) != 0)
		packet->masquerade_known = address_only(&f->links, route->oifname, packet->family,
							&packet->masquerade);
	set_name(packet->oifname, local ? "" : route->oifname);
	packet->oif = local ? 0 : route->oif;
	f->leg->to_host = local;
}

/* Where it would go if nothing in front of routing changed it; the rules there may ask. */
static void foresee_route(struct following *f, const struct addr *daddr)
{
	struct route_answer route;

	if (ask_route(f, daddr, NULL, 0, &route) == 0)
		set_out(f, &route, route.type == RTN_LOCAL);
}

static const char *keep_name(struct following *f, const char *name)
{
	return *name ? arena_strdup(f->arena, name) : NULL;
}

/* Rules. */

static void note_translation(struct following *f, struct path_step *step,
			     const struct judge *before)
{
	bool was, is;
	struct addr old, new;

	if (!step->finding.nat_rule)
		return;
	was = judge_source(before, &old);
	is = judge_source(&f->judge, &new);
	step->translated_source = was != is || !addr_equal(&old, &new);
	if (step->translated_source) {
		step->address_known = is;
		step->addr = new;
		f->source_moved = true;
		return;
	}
	step->address_known = judge_destination(&f->judge, &step->addr);
	step->translated_destination = true;
	f->destination_moved = true;
}

/* Chains that say nothing are left out; so is the one behind the one that drops it. */
static bool pass_hook(struct following *f, unsigned int hook)
{
	struct judge before = f->judge;

	judge_hook(&f->judge, hook, f->findings);
	for (size_t i = 0; i < f->findings->n; i++) {
		struct path_step step = {.kind = PATH_CHAIN, .finding = f->findings->items[i]};

		step.end = step.finding.end;
		if (step.finding.base->chain->n_rules == 0 && step.end == JUDGE_PASSES)
			continue;
		note_translation(f, &step, &before);
		if (!add_step(f, step))
			return false;
	}
	return true;
}

/* Sysctls. */

static const char *read_sysctl(struct following *f, const char *path)
{
	return sysctl_file_read(f->arena, f->root, path);
}

static const char *conf_path(struct following *f, const char *ifname, const char *leaf)
{
	return arena_printf(f->arena, "%s/%s/%s", sysctl_families[packet_of(f)->family].conf,
			    ifname, leaf);
}

static bool check_forwarding(struct following *f)
{
	const char *ifname = packet_of(f)->iifname;
	struct path_step step = {.kind = PATH_FORWARDING, .ifname = keep_name(f, ifname)};
	const char *force;

	if (packet_of(f)->family == FAMILY_IPV4) {
		step.sysctl = conf_path(f, ifname, "forwarding");
		step.value = read_sysctl(f, step.sysctl);
	} else {
		step.sysctl = sysctl_families[FAMILY_IPV6].path;
		step.value = read_sysctl(f, step.sysctl);
		force = conf_path(f, ifname, "force_forwarding");
		if (step.value && strcmp(step.value, "0") == 0 && read_sysctl(f, force) &&
		    strcmp(read_sysctl(f, force), "0") != 0) {
			step.sysctl = force;
			step.value = read_sysctl(f, force);
		}
	}
	if (!step.value || strcmp(step.value, "0") == 0)
		step.end = JUDGE_DROPS;
	return add_step(f, step);
}

/* IPv4 only; the larger one of "all" and the interface counts. 1: strict, 2: loose. */
static bool check_rp_filter(struct following *f)
{
	const struct judge_packet *packet = packet_of(f);
	const char *all = "net/ipv4/conf/all/rp_filter", *own;
	struct path_step step = {.kind = PATH_RP_FILTER, .ifname = keep_name(f, packet->iifname)};
	struct addr source;

	if (packet->family != FAMILY_IPV4)
		return true;
	own = conf_path(f, packet->iifname, "rp_filter");
	step.sysctl = own;
	step.value = read_sysctl(f, own);
	if (!step.value || (read_sysctl(f, all) && strcmp(read_sysctl(f, all), step.value) > 0)) {
		step.sysctl = all;
		step.value = read_sysctl(f, all);
	}
	if (!step.value || strcmp(step.value, "0") == 0 || !judge_source(&f->judge, &source))
		return true;
	step.err = ask_route(f, &source, NULL, 0, &step.route);
	if (step.err != 0 || step.route.type != RTN_UNICAST ||
	    (strcmp(step.value, "1") == 0 && strcmp(step.route.oifname, packet->iifname) != 0))
		step.end = JUDGE_DROPS;
	return add_step(f, step);
}

/* The decision for a packet that came in; forwarding and rp_filter are told by themselves. */
static bool decide_route(struct following *f)
{
	struct path_step step = {.kind = PATH_ROUTE};
	struct addr daddr, saddr;
	bool known = judge_destination(&f->judge, &daddr);

	if (!known) {
		step.end = JUDGE_MAY_DROP;
		return add_step(f, step);
	}
	if (!judge_source(&f->judge, &saddr))
		saddr = packet_of(f)->saddr;
	step.err = ask_route(f, &daddr, &saddr, packet_of(f)->iif, &step.route);
	/* With forwarding off the kernel says no more than that. */
	if (step.err == -EHOSTUNREACH || step.err == -ENETUNREACH)
		step.err = ask_route(f, &daddr, NULL, 0, &step.route);
	if (step.err != 0 || (step.route.type != RTN_UNICAST && step.route.type != RTN_LOCAL))
		step.end = JUDGE_DROPS;
	set_out(f, &step.route, step.route.type == RTN_LOCAL);
	step.ifname = keep_name(f, packet_of(f)->oifname);
	return add_step(f, step);
}

static void pass_out(struct following *f)
{
	if (pass_hook(f, NF_INET_POST_ROUTING))
		(void)pass_hook(f, FOREIGN_HOOK_EGRESS);
}

static void follow_arrival(struct following *f)
{
	struct path_step step = {.kind = PATH_ARRIVES,
				 .ifname = keep_name(f, packet_of(f)->iifname)};

	add_step(f, step);
	if (!pass_hook(f, FOREIGN_HOOK_INGRESS) || !pass_hook(f, NF_INET_PRE_ROUTING))
		return;
	if (packet_of(f)->ct_reply && packet_of(f)->remapped)
		add_step(f, (struct path_step){.kind = PATH_RETURNS,
					       .address_known = packet_of(f)->remap_known,
					       .addr = packet_of(f)->remap});
	if (!check_rp_filter(f) || !decide_route(f))
		return;
	if (f->leg->to_host)
		(void)pass_hook(f, NF_INET_LOCAL_IN);
	else if (check_forwarding(f) && pass_hook(f, NF_INET_FORWARD))
		pass_out(f);
}

static void follow_own(struct following *f)
{
	struct path_step made = {.kind = PATH_MADE}, route = {.kind = PATH_ROUTE};
	const struct judge_packet *packet = packet_of(f);

	add_step(f, made);
	route.err = ask_route(f, &packet->daddr, &packet->saddr, 0, &route.route);
	if (route.err != 0 || route.route.type != RTN_UNICAST) {
		route.end = JUDGE_DROPS;
		f->leg->to_host = route.err == 0 && route.route.type == RTN_LOCAL;
		/* From the host to the host: over lo, where no rule of these hooks is left out. */
		if (f->leg->to_host)
			route.end = JUDGE_PASSES;
		if (!add_step(f, route))
			return;
		set_out(f, &(struct route_answer){.oifname = "lo", .oif = 1}, false);
		f->leg->to_host = true;
		if (pass_hook(f, NF_INET_LOCAL_OUT))
			pass_out(f);
		return;
	}
	set_out(f, &route.route, false);
	route.ifname = keep_name(f, packet->oifname);
	if (!add_step(f, route) || !pass_hook(f, NF_INET_LOCAL_OUT))
		return;
	pass_out(f);
}

static void follow_leg(struct following *f, struct path_leg *leg, const struct judge_packet *packet)
{
	*leg = (struct path_leg){.packet = *packet};
	f->leg = leg;
	f->source_moved = f->destination_moved = false;
	judge_start(&f->judge, &f->out->foreign, packet, false);
	if (packet->iifname[0]) {
		foresee_route(f, packet->remapped && packet->ct_reply ? &packet->remap
								      : &packet->daddr);
		follow_arrival(f);
	} else {
		follow_own(f);
	}
	for (size_t i = 0; i < leg->n; i++) {
		if (leg->steps[i].end == JUDGE_DROPS && !leg->stop)
			leg->stop = &leg->steps[i];
		if (leg->steps[i].end == JUDGE_MAY_DROP && !leg->may)
			leg->may = &leg->steps[i];
	}
}

static enum tri path_back(struct following *f, const struct addr *addr, const char *ifname)
{
	struct route_answer route;

	if (ask_route(f, addr, NULL, 0, &route) != 0)
		return TRI_NO;
	return route.type == RTN_UNICAST && strcmp(route.oifname, ifname) == 0 ? TRI_YES : TRI_NO;
}

static struct judge_packet first_packet(const struct query *query)
{
	struct judge_packet p = {.family = query->saddr.family,
				 .saddr = query->saddr,
				 .daddr = query->daddr,
				 .l4proto = query->l4proto,
				 .has_ports = query->l4proto == IPPROTO_TCP ||
					      query->l4proto == IPPROTO_UDP,
				 .dport = query->has_port ? query->port : 0,
				 .icmp_type = echo[query->saddr.family][0],
				 .tcp_flags = TCP_SYN,
				 .ct_state = CT_STATE_NEW,
				 .reverse_path = TRI_MAYBE};
	return p;
}

/* The answer to the packet that got through: from where it went, to where it seemed to come from. */
static struct judge_packet answer_to(struct following *f, const struct judge_packet *out)
{
	struct judge_packet p = *out;
	bool known = judge_source(&f->judge, &p.daddr);

	p.remapped = f->source_moved;
	p.remap_known = true;
	p.remap = out->saddr;
	p.daddr_unknown = !known;
	if (!judge_destination(&f->judge, &p.saddr))
		p.saddr = out->daddr;
	p.saddr_hidden = f->destination_moved;
	p.dport = 0;
	p.sport = judge_port(&f->judge);
	p.icmp_type = echo[p.family][1];
	p.tcp_flags = TCP_SYN_ACK;
	p.ct_state = CT_STATE_ESTABLISHED;
	p.ct_reply = true;
	p.ct_status = CT_STATUS_CONFIRMED | (f->source_moved ? CT_STATUS_SRC_NAT : 0u) |
		      (f->destination_moved ? CT_STATUS_DST_NAT : 0u);
	set_name(p.iifname, f->leg->to_host ? "" : f->judge.packet.oifname);
	p.iif = f->leg->to_host ? 0 : f->judge.packet.oif;
	set_name(p.oifname, "");
	p.oif = 0;
	p.reverse_path = p.iifname[0] ? path_back(f, &p.saddr, p.iifname) : TRI_MAYBE;
	return p;
}

/* Where the packet comes in: as asked, or where the kernel would send its answer. */
static int find_arrival(struct following *f, struct judge_packet *packet, struct buf *error)
{
	const struct query *query = &f->out->query;
	char text[ADDR_TEXT_SIZE];
	struct route_answer route;

	if (query->from) {
		packet->iif = strlen(query->from) < IFNAME_SIZE ? if_nametoindex(query->from) : 0;
		if (packet->iif == 0) {
			buf_printf(error, "--from: this host has no interface \"%.64s\"",
				   query->from);
			return -EINVAL;
		}
		set_name(packet->iifname, query->from);
	} else if (ask_route(f, &query->saddr, NULL, 0, &route) != 0) {
		buf_printf(error,
			   "SRC: this host has no route to %s, so it is not known where the packet "
			   "comes in; name the interface with --from",
			   addr_format(&query->saddr, text));
		return -EINVAL;
	} else if (route.type != RTN_LOCAL) {
		f->out->from_route = true;
		set_name(packet->iifname, route.oifname);
		packet->iif = route.oif;
	}
	if (packet->iifname[0])
		packet->reverse_path = path_back(f, &packet->saddr, packet->iifname);
	return 0;
}

static int follow(struct following *f, struct buf *error)
{
	struct path *out = f->out;
	struct judge_packet packet = first_packet(&out->query);
	int err = find_arrival(f, &packet, error);

	if (err != 0)
		return err;
	follow_leg(f, &out->there, &packet);
	if (out->there.stop)
		return 0;
	out->has_reply = true;
	packet = answer_to(f, &out->there.packet);
	follow_leg(f, &out->back, &packet);
	return 0;
}

int path_follow(struct arena *arena, struct diags *diags, const struct query *query,
		struct path *out, struct buf *error)
{
	struct following f __attribute__((cleanup(free_following))) = {
		.arena = arena, .out = out, .root = -1};
	int err;

	*out = (struct path){.query = *query};
	err = foreign_read(arena, diags, FOREIGN_ELEMENTS | FOREIGN_OURS, &out->foreign);
	if (err == 0) {
		f.root = sysctl_open_root(diags);
		err = f.root < 0 ? f.root : 0;
	}
	if (err != 0)
		return err;
	err = netlink_open(&f.netlink, NETLINK_ROUTE);
	if (err != 0) {
		nft_refusal_errno(diags, -err, "read the routes");
		return err;
	}
	(void)host_links_read(arena, HOST_LINKS_LINKS | HOST_LINKS_ADDRESSES, &f.links);
	f.findings = arena_alloc(arena, sizeof(*f.findings));
	return follow(&f, error);
}
