// SPDX-License-Identifier: GPL-2.0-or-later
// tell_path: the steps of a packet through the host in words.
#include <linux/rtnetlink.h>
#include <string.h>

#include "hostgate/buf.h"
#include "judge/blocker.h"
#include "report/report_path.h"

#define SCOPED_BUF struct buf __attribute__((cleanup(buf_free)))

static const char *keep(struct arena *arena, const struct buf *text)
{
	return arena_strdup(arena, buf_text(text));
}

static void add_who(const struct judge_finding *finding, struct buf *out)
{
	const struct vendor *who[BLOCKER_WHO_MAX];
	size_t n;

	if (foreign_is_ours(finding->base->table, finding->chain)) {
		buf_puts(out, " of hostgate");
		return;
	}
	n = blocker_who(finding, who);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", i == 0 ? " of " : ", ", who[i]->name);
}

/* The base chain, by family, table and name, as its owner finds it. */
static void add_chain(const struct judge_finding *finding, struct buf *out)
{
	const struct foreign_base *base = finding->base;

	if (base->table->ours) {
		buf_printf(out, "hostgate's chain %s (%s, priority %d)", base->chain->name,
			   foreign_hook(base->chain->hook), base->chain->priority);
		return;
	}
	buf_printf(out, "%s%s %s %s", base->table->legacy ? "iptables-legacy: " : "",
		   foreign_family(base->table), base->table->name, base->chain->name);
	add_who(finding, out);
	buf_printf(out, " (%s, priority %d)", foreign_hook(base->chain->hook),
		   base->chain->priority);
}

static void add_rule(const struct judge_finding *finding, const struct foreign_chain *chain,
		     const struct foreign_rule *rule, struct buf *out)
{
	/* Ours are found by what they are there for, also when their places change. */
	if (rule->comment && foreign_is_ours(finding->base->table, chain)) {
		buf_printf(out, "rule \"%s\" of its chain %s", rule->comment, chain->name);
		return;
	}
	buf_printf(out, "rule %u", rule->number);
	if (chain != finding->base->chain)
		buf_printf(out, " of its chain %s", chain->name);
	if (rule->comment)
		buf_printf(out, ", \"%s\",", rule->comment);
}

static void add_drop(const struct judge_finding *finding, struct buf *out)
{
	const char *may = finding->end == JUDGE_MAY_DROP ? "may " : "";
	bool sure = !*may;

	if (finding->how == JUDGE_POLICY) {
		buf_puts(out, sure ? ": no rule of it accepts the packet, and its policy is drop"
				   : ": hostgate cannot tell whether a rule of it accepts the "
				     "packet; otherwise its policy drops it");
		return;
	}
	buf_puts(out, ": ");
	add_rule(finding, finding->chain, finding->rule, out);
	switch (finding->how) {
	case JUDGE_DROP:
		buf_printf(out, " %s%s it", may, sure ? "drops" : "drop");
		break;
	case JUDGE_REJECT:
		buf_printf(out, " %s%s it, and the sender gets an error", may,
			   sure ? "rejects" : "reject");
		break;
	case JUDGE_QUEUE:
		buf_puts(out, " hands it to a program, which decides");
		break;
	case JUDGE_UNKNOWN:
		buf_puts(out, " does something that hostgate cannot evaluate");
		break;
	case JUDGE_POLICY:
	case JUDGE_HOW__COUNT:
		break;
	}
}

static void add_translation(const struct path_step *step, struct buf *out)
{
	char text[ADDR_TEXT_SIZE];

	buf_printf(out, ": ");
	add_rule(&step->finding, step->finding.nat_chain, step->finding.nat_rule, out);
	buf_printf(out, " changes its %s to %s",
		   step->translated_source ? "source" : "destination",
		   step->address_known ? addr_format(&step->addr, text)
		   : step->translated_source ? "an address of the interface that it leaves by"
					     : "another one");
}

static void tell_chain(const struct path_step *step, struct buf *out)
{
	const struct judge_finding *finding = &step->finding;

	add_chain(finding, out);
	if (finding->end != JUDGE_PASSES)
		add_drop(finding, out);
	else if (step->translated_source || step->translated_destination)
		add_translation(step, out);
	else
		buf_puts(out, " lets it pass");
	buf_putc(out, '.');
	if (finding->end == JUDGE_MAY_DROP && finding->untold)
		buf_printf(out, " That depends on something that hostgate cannot evaluate: %s.",
			   finding->untold);
}

static void tell_arrival(const struct path *live, const struct path_leg *leg,
			 const struct path_step *step, struct buf *out)
{
	char text[ADDR_TEXT_SIZE];

	buf_printf(out, "It comes in on %s", step->ifname);
	if (leg == &live->there && live->from_route)
		buf_printf(out, " (this host's route to %s)",
			   addr_format(&leg->packet.saddr, text));
	buf_putc(out, '.');
}

static void tell_return(const struct path_step *step, struct buf *out)
{
	char text[ADDR_TEXT_SIZE];

	buf_printf(out, "Conntrack knows the connection and restores its destination: %s.",
		   step->address_known ? addr_format(&step->addr, text) : "the sender's");
}

static void tell_rp_filter(const struct path_leg *leg, const struct path_step *step,
			   struct buf *out)
{
	char text[ADDR_TEXT_SIZE];

	buf_printf(out, "The reverse path filter (%s is %s) ", step->sysctl, step->value);
	if (step->end == JUDGE_PASSES)
		buf_puts(out, "finds a route back to its source.");
	else if (step->err == 0 && step->route.oifname[0])
		buf_printf(out, "drops it: the route back to %s leads through %s, not through %s.",
			   addr_format(&leg->packet.saddr, text), step->route.oifname,
			   step->ifname);
	else
		buf_printf(out, "drops it: there is no route back to %s.",
			   addr_format(&leg->packet.saddr, text));
}

static void tell_no_route(const struct path_step *step, struct buf *out)
{
	if (step->err == 0)
		buf_printf(out, "The routing table refuses it: the route there is \"%s\".",
			   step->route.type == RTN_BLACKHOLE     ? "blackhole"
			   : step->route.type == RTN_UNREACHABLE ? "unreachable"
			   : step->route.type == RTN_PROHIBIT    ? "prohibit"
			   : step->route.type == RTN_BROADCAST   ? "broadcast"
			   : step->route.type == RTN_MULTICAST   ? "multicast"
								 : "of another kind");
	else
		buf_printf(out, "The routing table has no route for it: %s.", strerror(-step->err));
}

static void tell_route(const struct path_leg *leg, const struct path_step *step, struct buf *out)
{
	char text[ADDR_TEXT_SIZE];

	if (step->end == JUDGE_DROPS) {
		tell_no_route(step, out);
		return;
	}
	if (step->end == JUDGE_MAY_DROP) {
		buf_puts(out, "Where it goes is not known: a rule has changed its destination.");
		return;
	}
	if (leg->to_host) {
		buf_puts(out, "It is for this host itself.");
		return;
	}
	buf_printf(out, "The routing table sends it out of %s", step->ifname);
	if (step->route.has_gateway)
		buf_printf(out, ", via %s", addr_format(&step->route.gateway, text));
	buf_putc(out, '.');
}

static void tell_forwarding(const struct path_step *step, struct buf *out)
{
	if (step->end == JUDGE_PASSES)
		buf_printf(out, "Forwarding is on (%s is %s).", step->sysctl, step->value);
	else
		buf_printf(out,
			   "Forwarding is off (%s is %s), so this host does not forward what comes "
			   "in on %s.",
			   step->sysctl, step->value ? step->value : "missing", step->ifname);
}

const char *path_tell_step(struct arena *arena, const struct path *live, const struct path_leg *leg,
			   const struct path_step *step)
{
	SCOPED_BUF text = {0};

	switch (step->kind) {
	case PATH_ARRIVES:
		tell_arrival(live, leg, step, &text);
		break;
	case PATH_MADE:
		buf_puts(&text, "This host itself sends it.");
		break;
	case PATH_CHAIN:
		tell_chain(step, &text);
		break;
	case PATH_RETURNS:
		tell_return(step, &text);
		break;
	case PATH_RP_FILTER:
		tell_rp_filter(leg, step, &text);
		break;
	case PATH_ROUTE:
		tell_route(leg, step, &text);
		break;
	case PATH_FORWARDING:
		tell_forwarding(step, &text);
		break;
	case PATH_KIND__COUNT:
		break;
	}
	return keep(arena, &text);
}

static void add_stopper(const struct path_step *step, struct buf *out)
{
	switch (step->kind) {
	case PATH_CHAIN:
		add_chain(&step->finding, out);
		break;
	case PATH_RP_FILTER:
		buf_puts(out, "the reverse path filter");
		break;
	case PATH_ROUTE:
		buf_puts(out, "the routing table");
		break;
	case PATH_FORWARDING:
		buf_puts(out, "the forwarding switch");
		break;
	case PATH_ARRIVES:
	case PATH_MADE:
	case PATH_RETURNS:
	case PATH_KIND__COUNT:
		break;
	}
}

static const char *advice_about(struct arena *arena, const struct path_step *step)
{
	const struct vendor *who[BLOCKER_WHO_MAX];

	switch (step->kind) {
	case PATH_CHAIN:
		if (foreign_is_ours(step->finding.base->table, step->finding.chain))
			return "That is what the description says; `hostgate explain` without "
			       "--live says what to change in it.";
		if (blocker_who(&step->finding, who) > 0)
			return arena_printf(arena, "To let it pass: %s.", who[0]->advice);
		return "No rule of hostgate's can override that: let the packet pass in that "
		       "chain.";
	case PATH_RP_FILTER:
		return arena_printf(arena,
				    "If the interface is right, write 2 (loose) or 0 to "
				    "/proc/sys/%s, or correct the route.",
				    step->sysctl);
	case PATH_ROUTE:
		return "`ip route` shows the routes of this host.";
	case PATH_FORWARDING:
		return "`hostgate apply` switches it on where the description needs it.";
	case PATH_ARRIVES:
	case PATH_MADE:
	case PATH_RETURNS:
	case PATH_KIND__COUNT:
		break;
	}
	return NULL;
}

const char *path_tell_verdict(struct arena *arena, const struct path *live,
			      const struct path_leg *leg, const char **advice)
{
	const struct path_step *step = leg->stop ? leg->stop : leg->may;
	SCOPED_BUF text = {0};

	(void)live;
	*advice = step ? advice_about(arena, step) : NULL;
	if (!step)
		return leg->to_host ? "It reaches this host." : "It gets through.";
	buf_puts(&text, leg->stop ? "Stopped by " : "It may be stopped by ");
	add_stopper(step, &text);
	buf_putc(&text, '.');
	return keep(arena, &text);
}
