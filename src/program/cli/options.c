// SPDX-License-Identifier: GPL-2.0-or-later
// options: the one table of commands and the one of options.
#include "cli/options.h"

const struct command_info command_table[COMMAND__COUNT] = {
	[COMMAND_CHECK] = {"check", OPERANDS_FILES, "check the description for mistakes",
			   "Reads the description and reports every mistake in it. Needs no privileges "
			   "and does not look at the kernel."},
	[COMMAND_PLAN] = {"plan", OPERANDS_FILES, "show what may pass and what apply would change",
			  "Prints what may pass where, and what differs from the kernel. Changes "
			  "nothing. Exits with 10 when changes are pending, otherwise with 5 when "
			  "a promise does not hold on this host."},
	[COMMAND_APPLY] = {"apply", OPERANDS_FILES, "make the kernel match the description",
			   "Installs the rules in one transaction, then sets sysctls, forwarding "
			   "last. With nf_tables only the differences are sent, and the counters "
			   "of what stays keep their values. When there is nothing to do, it "
			   "writes nothing. Where the host differs from the description, so that a "
			   "promise does not hold, it says so, installs the rules and exits with "
			   "5; where the rules would cut the host off, it refuses. With --dry-run "
			   "it prints a script that does the same, and needs no privileges."},
	[COMMAND_CONFIRM] = {"confirm", OPERANDS_NONE, "keep what apply --confirm did",
			     "Keeps the change of the last apply --confirm, which is otherwise "
			     "undone when its time is over."},
	[COMMAND_ROLLBACK] = {"rollback", OPERANDS_NONE, "undo what the last apply did",
			      "Restores rules and sysctls to what they were before the last apply "
			      "that changed something, whether or not it awaits confirmation. It "
			      "restores what the kernel had then, not what the description of that "
			      "time would make. It goes back one step: it cannot be repeated, nor "
			      "reach back past a remove or a reboot."},
	[COMMAND_STATUS] = {"status", OPERANDS_NONE, "show what is installed, and whether it still matches",
			    "Begins with what makes a promise void on this host. Compares the "
			    "kernel with what the last apply installed, and shows the counters of "
			    "each network. Lists the other programs that use forwarding, and the "
			    "chains of other programs that drop what the description lets pass, "
			    "with a remedy for each. Exits with 5 when a promise is void, the "
			    "kernel differs, nothing is installed, or such a chain certainly drops "
			    "packets."},
	[COMMAND_REMOVE] = {"remove", OPERANDS_FILES, "remove everything again",
			    "Puts sysctls back, forwarding first, and deletes the rules. "
			    "Forwarding stays on if other programs have come to need it; remove "
			    "then says so. With --dry-run it prints the script that removes what "
			    "the script of apply installed. Only --dry-run=restore reads a "
			    "description, because the file has to name its chains."},
	[COMMAND_EXPLAIN] = {"explain", OPERANDS_PACKET, "explain what happens to a packet, step "
							 "by step",
			     "Says what happens to the first packet of a connection from SRC to "
			     "DST, rule by rule, and to its reply; for a refused packet, it says "
			     "what would let it through. SRC is an address, DST is "
			     "ADDRESS[:PORT][/PROTO] with tcp, udp or icmp; an IPv6 address with a "
			     "port stands in brackets. Reads the description only, and needs no "
			     "privileges. With --live it asks the kernel of this host instead, "
			     "needs root, and names the first thing that stops the packet, even a "
			     "rule of another program; without FILE it then uses the description "
			     "that the last apply recorded."},
	[COMMAND_PROVE] = {"prove", OPERANDS_FILES,
			   "test the rules with real packets in a copy of the host",
			   "Builds the described host in namespaces of its own, installs the rules "
			   "there, sends packets of every kind over every link, and compares what "
			   "comes out with what the description says. Needs no root where users "
			   "may create namespaces; this machine is not touched. Exits with 5 when "
			   "a packet leaked, or one that should have passed did not."},
	[COMMAND_SCHEMA] = {"schema", OPERANDS_NONE, "print the JSON Schema of the description",
			    "Prints what an editor needs to complete and check a description, as a "
			    "JSON Schema (draft 2020-12): every key that this version knows."},
};

#define ON(command) (1U << COMMAND_##command)

const struct option_info option_table[OPTION__COUNT] = {
	[OPTION_HELP] = {.name = "help", .letter = 'h', .help = "print this help"},
	[OPTION_VERSION] = {.name = "version", .letter = 'V', .help = "print the version"},
	[OPTION_QUIET] = {.name = "quiet", .letter = 'q', .help = "print errors only"},
	[OPTION_VERBOSE] = {.name = "verbose", .letter = 'v', .help = "print every change"},
	[OPTION_JSON] = {.name = "json", .help = "print one JSON document instead of text"},
	[OPTION_COLOR] = {.name = "color",
			  .argument = "WHEN",
			  .words = {"auto", "always", "never"},
			  .help = "colour the text"},
	[OPTION_NETNS] = {.name = "netns",
			  .argument = "NAME",
			  .help = "work in the network namespace NAME of ip-netns(8)"},
	[OPTION_WAIT] = {.name = "wait",
			 .argument = "SECONDS",
			 .help = "seconds to wait for another hostgate; default 10"},
	[OPTION_BACKEND] = {.name = "backend",
			    .argument = "NAME",
			    .words = {"auto", "nftables", "iptables"},
			    .help = "install through NAME, whatever the description says"},
	[OPTION_SYSLOG] = {.name = "syslog", .help = "send messages to syslog, too"},
	[OPTION_DRY_RUN] = {.name = "dry-run",
			    .argument = "FORMAT",
			    .optional = true,
			    .commands = ON(APPLY) | ON(REMOVE),
			    .words = {"iptables", "restore", "nft", "json"},
			    .help = "print a script or data, and change nothing"},
	[OPTION_CONFIRM] = {.name = "confirm",
			    .argument = "SECONDS",
			    .commands = ON(APPLY),
			    .help = "undo the change after SECONDS unless confirmed"},
	[OPTION_PROVE] = {.name = "prove",
			  .commands = ON(APPLY),
			  .help = "prove first, and change nothing unless that succeeds"},
	[OPTION_WITH_HOST] = {.name = "with-host",
			      .alias = "with-host-rules",
			      .commands = ON(APPLY) | ON(PROVE),
			      .help = "prove with this host's own rules, addresses and routes"},
	[OPTION_TAP] = {.name = "tap",
			.commands = ON(PROVE),
			.help = "print the Test Anything Protocol, version 13"},
	[OPTION_FROM] = {.name = "from",
			 .argument = "NAME",
			 .commands = ON(EXPLAIN),
			 .help = "interface, network or uplink that the packet comes in on"},
	[OPTION_LIVE] = {.name = "live",
			 .commands = ON(EXPLAIN),
			 .help = "ask the kernel: routes, sysctls, and all rules"},
};

bool option_allowed(enum option option, enum command command)
{
	unsigned int commands = option_table[option].commands;

	return commands == 0 || (commands & 1U << command) != 0;
}

const struct status_info status_table[STATUS_COUNT] = {
	{STATUS_DONE, "done, or nothing to do"},
	{STATUS_FAILED, "failed; the message says whether anything changed"},
	{STATUS_USAGE, "wrong command line"},
	{STATUS_DESCRIPTION, "the description is wrong, or would do harm here; no change"},
	{STATUS_BUSY, "another hostgate is running, or not permitted"},
	{STATUS_DIFFERS, "a leak, a void promise, or the kernel is not as applied"},
	{STATUS_PENDING, "plan: changes are pending"},
};

const struct program_code_row program_codes[PROGRAM_CODE__COUNT] = {
#define PROGRAM_CODE_ROW(name, code, meaning) [PROGRAM_##name] = {code, meaning},
	PROGRAM_CODES(PROGRAM_CODE_ROW)
#undef PROGRAM_CODE_ROW
};
