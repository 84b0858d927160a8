// SPDX-License-Identifier: GPL-2.0-or-later
// xt_refusal: what the kernel lacks or refuses of iptables, in the user's words.
#include "xt/xt_refusal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/diag_codes.h"
#include "os/scope.h"

/* The kernel's modules by what they bring. */
static const struct {
	const char *extension;
	const char *module[FAMILY__COUNT];
} modules[] = {
	{"comment", {"xt_comment", "xt_comment"}},
	{"conntrack", {"xt_conntrack", "xt_conntrack"}},
	{"tcp", {"xt_tcpudp", "xt_tcpudp"}},
	{"udp", {"xt_tcpudp", "xt_tcpudp"}},
	{"icmp", {"ip_tables", "ip_tables"}},
	{"icmp6", {"ip6_tables", "ip6_tables"}},
	{"rpfilter", {"ipt_rpfilter", "ip6t_rpfilter"}},
	{"REJECT", {"ipt_REJECT", "ip6t_REJECT"}},
	{"SNAT", {"xt_nat", "xt_nat"}},
	{"MASQUERADE", {"xt_MASQUERADE", "xt_MASQUERADE"}},
};

#define MODULES (sizeof(modules) / sizeof(*modules))

static int ask(enum family family, const struct xt_extension *extension)
{
	const struct xt_library *library = &xt_libraries[family];
	SCOPED_FD fd = socket(library->socket_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct xt_get_revision question = {.revision = extension->revision};
	socklen_t size = sizeof(question);

	if (fd < 0)
		return -errno;
	strncpy(question.name, extension->name, sizeof(question.name) - 1);
	if (getsockopt(fd, library->level,
		       extension->is_target ? library->get_target_revision :
					      library->get_match_revision,
		       &question, &size) < 0)
		return -errno;
	return 0;
}

int xt_refusal_probe(enum family family)
{
	/* Every kernel's iptables has this one itself. */
	const struct xt_extension standard = {.name = XT_STANDARD_TARGET, .is_target = true};

	return ask(family, &standard);
}

/* The kernel says that it has not that one; other errors are about none of them. */
static bool is_answer(int err)
{
	return err == -ENOENT || err == -EPROTONOSUPPORT;
}

static int explain_extension(struct diags *diags, const struct ruleset *ruleset,
			     const struct xt_content *content, const struct image_rule *rule,
			     const struct xt_extension *extension)
{
	int err = ask(content->family, extension);
	const char *what = extension->is_target ? "target" : "match";
	struct diag *diag;

	if (err == 0)
		return 0;
	if (!is_answer(err)) {
		xt_refusal_table(diags, content, -err, "ask for extensions of");
		return err;
	}
	diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_MODULE),
			rule->rule == NO_INDEX ?
				PLACE_NONE :
				ruleset->origins[ruleset->rules[rule->rule].origin].place,
			"the kernel's %s has no %s \"%s\" of revision %u, which the rule \"%s\" needs",
			xt_libraries[content->family].command, what, extension->name,
			extension->revision, rule->comment);
	diag->err = -err;
	for (size_t i = 0; i < MODULES; i++)
		if (strcmp(extension->name, modules[i].extension) == 0)
			diag_hint(diags, diag, "the kernel seems to lack its module %s",
				  modules[i].module[content->family]);
	return err;
}

/* Asks once for each extension. */
static bool is_new(struct xt_asked *asked, const struct xt_extension *extension)
{
	for (size_t i = 0; i < asked->n; i++)
		if (asked->items[i].is_target == extension->is_target &&
		    asked->items[i].revision == extension->revision &&
		    strcmp(asked->items[i].name, extension->name) == 0)
			return false;
	if (asked->n < XT_EXTENSIONS_MAX) {
		/* The name is part of an entry, which does not live as long. */
		strncpy(asked->names[asked->n], extension->name, XT_EXTENSION_MAXNAMELEN - 1);
		asked->items[asked->n] = *extension;
		asked->items[asked->n].name = asked->names[asked->n];
		asked->n++;
	}
	return true;
}

static int check_rule(struct diags *diags, const struct ruleset *ruleset,
		      const struct xt_content *wanted, const struct image_rule *rule,
		      struct xt_asked *asked)
{
	size_t offset = 0;
	int result = 0;

	for (;;) {
		struct xt_extension extension =
			xt_entry_extension(wanted->family, rule->blob, &offset);
		int err = 0;

		if (!extension.name)
			return result;
		if (is_new(asked, &extension))
			err = explain_extension(diags, ruleset, wanted, rule, &extension);
		if (err != 0)
			result = err;
		if (err != 0 && !is_answer(err))
			return err;
	}
}

int xt_refusal_missing(struct diags *diags, const struct ruleset *ruleset,
		       const struct xt_content *wanted, struct xt_asked *asked)
{
	int result = 0;

	for (size_t c = 0; c < wanted->image.n_chains; c++)
		for (size_t r = 0; r < wanted->image.chains[c].n_rules; r++) {
			int err = check_rule(diags, ruleset, wanted,
					     &wanted->image.chains[c].rules[r], asked);

			if (err != 0)
				result = err;
			if (err != 0 && !is_answer(err))
				return err;
		}
	return result;
}

static void explain_not_there(struct diags *diags, const struct xt_content *content, int err)
{
	const struct xt_library *library = &xt_libraries[content->family];
	struct diag *diag;

	if (err == ENOENT) {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_MODULE), PLACE_NONE,
				"the kernel's %s has no table %s", library->command,
				content->table->name);
		diag_hint(diags, diag, "the kernel seems to lack its module %s_%s",
			  content->family == FAMILY_IPV4 ? "iptable" : "ip6table",
			  content->table->name);
	} else {
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_MODULE), PLACE_NONE,
				"the kernel has no %s", library->command);
		diag_hint(diags, diag,
			  "the kernel seems to lack its module %s; --backend nftables needs none "
			  "of this",
			  library->module);
	}
	diag->err = err;
}

void xt_refusal_table(struct diags *diags, const struct xt_content *content, int err,
		      const char *doing)
{
	const char *name = content->image.name;
	struct diag *diag;

	switch (err) {
	case EPERM:
	case EACCES:
		diag = diag_add(diags, SEVERITY_ERROR, CODE(NOT_PERMITTED), PLACE_NONE,
				"not permitted to %s the table \"%s\"", doing, name);
		diag_hint(diags, diag,
			  "needs root, or CAP_NET_ADMIN and CAP_NET_RAW in this network namespace");
		break;
	case ENOENT:
	case ENOPROTOOPT:
		explain_not_there(diags, content, err);
		return;
	case EAGAIN:
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_BUSY), PLACE_NONE,
				"cannot %s the table \"%s\": another program keeps changing it",
				doing, name);
		diag_hint(diags, diag,
			  "that program does not take the lock of iptables (/run/xtables.lock)");
		break;
	case EMLINK:
		diag = diag_add(diags, SEVERITY_ERROR, CODE(XT_USED), PLACE_NONE,
				"cannot %s the table \"%s\": %s %s jumps to a chain of hostgate",
				doing, name, content->user ? "chain" : "another program's chain",
				content->user ? content->user : "");
		diag_hint(diags, diag, "delete that rule first");
		break;
	default:
		diag = diag_add(diags, SEVERITY_ERROR, CODE(KERNEL_FAILED), PLACE_NONE,
				"cannot %s the table \"%s\": %s", doing, name, strerror(err));
		break;
	}
	diag->err = err;
}
