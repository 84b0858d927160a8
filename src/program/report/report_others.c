// SPDX-License-Identifier: GPL-2.0-or-later
// report_others: what status tells about other programs' rules and settings.
#include "report/report_others.h"

#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "os/scope.h"
#include "sysctl/sysctl.h"
#include "sysctl/sysctl_conf.h"
#include "sysctl/sysctl_file.h"

/* Ways that are named at a blocker, and interfaces at forwarding; --json has them all. */
#define NAMED_MAX      6
#define INTERFACES_MAX 256

static const char *const how_names[JUDGE_HOW__COUNT] = {
	[JUDGE_DROP] = "drop",	 [JUDGE_REJECT] = "reject",   [JUDGE_POLICY] = "policy",
	[JUDGE_QUEUE] = "queue", [JUDGE_UNKNOWN] = "unknown",
};

void others_print_place(const struct judge_finding *finding, struct buf *out)
{
	const struct foreign_table *table = finding->base->table;

	buf_printf(out, "%s %s %s", foreign_family(table), table->name, finding->chain->name);
	if (finding->chain != finding->base->chain)
		buf_printf(out, " (from %s)", finding->base->chain->name);
	if (finding->rule)
		buf_printf(out, ", rule %u", finding->rule->number);
	else
		buf_puts(out, ", policy drop");
	if (finding->rule && finding->rule->comment)
		buf_printf(out, " \"%s\"", finding->rule->comment);
	buf_printf(out, ", at %s with priority %d%s", foreign_hook(finding->base->chain->hook),
		   finding->base->chain->priority, table->legacy ? ", iptables-legacy" : "");
}

json_t *others_json_who(const struct vendor *const *who, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(who[i]->name));
	return array;
}

json_t *others_json_place(const struct judge_finding *finding)
{
	const struct foreign_base *base = finding->base;
	json_t *object = json_object();

	json_add_text(object, "family", foreign_family(base->table));
	json_add_text(object, "table", base->table->name);
	json_add_text(object, "chain", finding->chain->name);
	json_add_text(object, "base_chain", base->chain->name);
	json_object_set_new(object, "legacy", json_boolean(base->table->legacy));
	json_add_text(object, "hook", foreign_hook(base->chain->hook));
	json_object_set_new(object, "priority", json_integer(base->chain->priority));
	if (finding->rule)
		json_object_set_new(object, "rule", json_integer(finding->rule->number));
	else
		json_add_text(object, "policy", "drop");
	json_add_text(object, "comment", finding->rule ? finding->rule->comment : NULL);
	json_add_text(object, "how", how_names[finding->how]);
	json_add_text(object, "untold", finding->untold);
	return object;
}

/* Blockers. */

static json_t *json_of(const struct blocker *blocker)
{
	json_t *object = others_json_place(&blocker->finding), *pairs = json_array();

	json_object_set_new(object, "certain", json_boolean(blocker->certain));
	for (size_t i = 0; i < blocker->n_blocked; i++) {
		const struct blocked *way = &blocker->blocked[i];
		json_t *pair = json_object();

		json_add_text(pair, "network", way->network->name);
		json_add_text(pair, "uplink", way->uplink->name);
		json_add_text(pair, "family", family_name(way->family));
		json_object_set_new(pair, "reply", json_boolean(way->reply));
		json_object_set_new(pair, "certain", json_boolean(way->certain));
		json_array_append_new(pairs, pair);
	}
	json_object_set_new(object, "pairs", pairs);
	json_object_set_new(object, "further_pairs", json_integer((json_int_t)blocker->n_more));
	json_object_set_new(object, "who", others_json_who(blocker->who, blocker->n_who));
	json_add_text(object, "advice", blocker->n_who ? blocker->who[0]->advice : NULL);
	return object;
}

static void print_ways(const struct blocker *blocker, struct buf *out)
{
	size_t n = blocker->n_blocked < NAMED_MAX ? blocker->n_blocked : NAMED_MAX;
	size_t more = blocker->n_blocked - n + blocker->n_more;

	for (size_t i = 0; i < n; i++) {
		const struct blocked *way = &blocker->blocked[i];

		buf_printf(out, "%s%s %s -> %s%s", i == 0 ? "" : ", ", family_name(way->family),
			   way->reply ? way->uplink->name : way->network->name,
			   way->reply ? way->network->name : way->uplink->name,
			   way->reply ? " (replies)" : "");
	}
	if (more)
		buf_printf(out, " and %zu more", more);
	buf_putc(out, '\n');
}

static void print_blocker(const struct blocker *blocker, struct buf *out)
{
	const struct judge_finding *f = &blocker->finding;

	buf_puts(out, blocker->certain ? "  drops:   " : "  may drop: ");
	others_print_place(f, out);
	for (size_t i = 0; i < blocker->n_who; i++)
		buf_printf(out, "%s%s", i == 0 ? "; of " : ", ", blocker->who[i]->name);
	buf_puts(out, "\n    stops: ");
	print_ways(blocker, out);
	if (!blocker->certain && f->untold)
		buf_printf(out, "    depends on: %s\n", f->untold);
	for (size_t i = 0; i < blocker->n_who; i++)
		buf_printf(out, "    %s: %s\n", blocker->who[i]->name, blocker->who[i]->advice);
	if (blocker->n_who == 0)
		buf_puts(out, "    hostgate's accept cannot override it: let these packets pass in "
			      "that chain\n");
}

static enum status warn_blocked(struct run *run, const struct blockers *blockers, size_t n_certain)
{
	struct buf place __attribute__((cleanup(buf_free))) = {0};
	size_t first = 0;

	while (!blockers->items[first].certain)
		first++;
	others_print_place(&blockers->items[first].finding, &place);
	if (n_certain > 1)
		buf_printf(&place, "; and %zu more", n_certain - 1);
	diag_add(&run->diags, SEVERITY_WARNING, PROGRAM_CODE(BLOCKED), PLACE_NONE,
		 "other programs' rules drop what the description lets pass: %s", buf_text(&place));
	return STATUS_DIFFERS;
}

static enum status tell_blockers(struct run *run, const struct foreign *foreign,
				 const struct apply_input *input)
{
	json_t *array = json_array();
	struct blockers blockers;
	size_t n_certain = 0;

	blocker_find(foreign, input->description, input->links, &blockers);
	for (size_t i = 0; i < blockers.n; i++) {
		n_certain += blockers.items[i].certain;
		json_array_append_new(array, json_of(&blockers.items[i]));
	}
	if (run->json) {
		json_object_set(run->json, "blockers", array);
		json_object_set_new(run->json, "sampled_pairs",
				    json_integer((json_int_t)blockers.n_sampled));
		json_object_set_new(run->json, "pairs", json_integer((json_int_t)blockers.n_ways));
	}
	json_decref(array);
	if (run_is_talking(run)) {
		buf_printf(&run->out, "\nblockers:    %s",
			   blockers.n ? "rules of other programs" : "none");
		if (blockers.n_sampled < blockers.n_ways)
			buf_printf(&run->out, " (%zu of %zu paths checked)", blockers.n_sampled,
				   blockers.n_ways);
		buf_putc(&run->out, '\n');
		for (size_t i = 0; i < blockers.n; i++)
			print_blocker(&blockers.items[i], &run->out);
	}
	return n_certain == 0 ? STATUS_DONE : warn_blocked(run, &blockers, n_certain);
}

/* Forwarding. */

static json_t *json_of_interface(const struct run *run, int root, const char *ifname)
{
	json_t *object = json_object();

	json_add_text(object, "name", ifname);
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		json_add_text(object, f == FAMILY_IPV4 ? "ipv4" : "ipv6",
			      sysctl_file_read(run->arena, root,
					       arena_printf(run->arena, "%s/%s/forwarding",
							    sysctl_families[f].conf, ifname)));
	return object;
}

/* With forwarding on some interfaces only, each has its own word. */
static json_t *json_of_interfaces(const struct run *run, int root,
				  const struct description *description)
{
	json_t *array = json_array();

	for (size_t i = 0; i < description->n_uplinks; i++)
		json_array_append_new(
			array, json_of_interface(run, root,
						 description->uplinks[i].interface.name));
	for (size_t i = 0; i < description->n_networks; i++)
		for (size_t j = 0; j < description->networks[i].n_interfaces &&
				   json_array_size(array) < INTERFACES_MAX;
		     j++)
			if (!description->networks[i].interfaces[j].wildcard)
				json_array_append_new(
					array,
					json_of_interface(
						run, root,
						description->networks[i].interfaces[j].name));
	return array;
}

static json_t *json_of_forwarder(const struct forwarder *forwarder)
{
	json_t *object = json_object();

	json_add_text(object, "family", foreign_family(forwarder->base->table));
	json_add_text(object, "table", forwarder->base->table->name);
	json_add_text(object, "chain", forwarder->base->chain->name);
	json_object_set_new(object, "legacy", json_boolean(forwarder->base->table->legacy));
	json_add_text(object, "hook", foreign_hook(forwarder->base->chain->hook));
	json_object_set_new(object, "rules", json_integer((json_int_t)forwarder->n_rules));
	json_object_set_new(object, "who", others_json_who(forwarder->who, forwarder->n_who));
	return object;
}

static void print_forwarding(struct run *run, const char *const values[static FAMILY__COUNT],
			     const struct forwarders *forwarders)
{
	buf_puts(&run->out, "\nforwarding:  ");
	for (enum family f = 0; f < FAMILY__COUNT; f++)
		buf_printf(&run->out, "%s%s %s", f == 0 ? "" : ", ", family_name(f),
			   !values[f] ? "not in this kernel"
			   : strcmp(values[f], "0") != 0 ? "on"
							 : "off");
	buf_puts(&run->out, forwarders->n ? "; other programs use it, too:\n" : "\n");
	for (size_t i = 0; i < forwarders->n; i++) {
		const struct forwarder *forwarder = &forwarders->items[i];

		buf_printf(&run->out, "  %s, %zu rule%s", forwarder->name, forwarder->n_rules,
			   forwarder->n_rules == 1 ? "" : "s");
		for (size_t w = 0; w < forwarder->n_who; w++)
			buf_printf(&run->out, "%s%s", w == 0 ? ": " : ", ",
				   forwarder->who[w]->name);
		buf_putc(&run->out, '\n');
	}
}

static void tell_forwarding(struct run *run, int root, const struct foreign *foreign,
			    const struct description *description)
{
	const char *values[FAMILY__COUNT];
	struct forwarders forwarders;
	json_t *object, *users;

	for (enum family f = 0; f < FAMILY__COUNT; f++)
		values[f] = sysctl_file_read(run->arena, root, sysctl_families[f].path);
	blocker_forwarders(foreign, &forwarders);
	if (run_is_talking(run))
		print_forwarding(run, values, &forwarders);
	if (!run->json)
		return;
	object = json_object();
	users = json_array();
	json_add_text(object, "ipv4", values[FAMILY_IPV4]);
	json_add_text(object, "ipv6", values[FAMILY_IPV6]);
	if (description->settings.forwarding == FORWARDING_INTERFACES)
		json_object_set_new(object, "interfaces",
				    json_of_interfaces(run, root, description));
	for (size_t i = 0; i < forwarders.n; i++)
		json_array_append_new(users, json_of_forwarder(&forwarders.items[i]));
	json_object_set_new(object, "others", users);
	json_object_set_new(run->json, "forwarding", object);
}

/* Files that will set it otherwise. */

static void tell_file(struct run *run, const struct sysctl *wanted,
		      const struct sysctl_setting *setting, enum sysctl_reader reader)
{
	static const char *const when[SYSCTL_READER__COUNT] = {
		[SYSCTL_READER_D] = "at the next boot",
		[SYSCTL_READER_CONF] = "when `sysctl -p` or `sysctl --system` runs",
		[SYSCTL_READER_UFW] = "whenever ufw starts",
	};
	struct diag *diag;

	if (!setting->file || strtol(setting->value, NULL, 10) == wanted->value)
		return;
	diag = diag_add(&run->diags, SEVERITY_WARNING, PROGRAM_CODE(SYSCTL_FILE), PLACE_NONE,
			"%s:%u sets %s to %s %s, but the description needs %u", setting->file,
			setting->line, setting->key, setting->value, when[reader], wanted->value);
	diag_hint(&run->diags, diag,
		  wanted->value ? "remove the line; hostgate itself switches forwarding on, once "
				  "its rules are in place"
				: "remove the line, or set 0 there");
}

static void tell_files(struct run *run, const struct ruleset *ruleset)
{
	struct sysctl_setting settings[SYSCTL_READER__COUNT][FAMILY__COUNT];

	sysctl_conf_read(run->arena, sysctl_conf_root(), settings);
	for (size_t i = 0; i < ruleset->n_sysctls; i++) {
		const struct sysctl *wanted = &ruleset->sysctls[i];

		if (wanted->phase != SYSCTL_FORWARD || wanted->interface.name[0])
			continue;
		for (enum sysctl_reader r = 0; r < SYSCTL_READER__COUNT; r++)
			tell_file(run, wanted, &settings[r][wanted->family], r);
	}
}

enum status others_tell(struct run *run, const struct apply_input *input)
{
	struct foreign foreign;
	int err = foreign_read(run->arena, &run->diags, FOREIGN_ELEMENTS, &foreign);
	SCOPED_FD root = err == 0 ? sysctl_open_root(&run->diags) : -1;

	if (err == 0 && root < 0)
		err = root;
	if (err != 0)
		return run_status_of(err);
	tell_forwarding(run, root, &foreign, input->description);
	tell_files(run, input->ruleset);
	return tell_blockers(run, &foreign, input);
}
