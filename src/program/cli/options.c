// SPDX-License-Identifier: GPL-2.0-or-later
// options: the one table of commands and the one of options.
#include "cli/options.h"

const struct command_info command_table[COMMAND__COUNT] = {
	[COMMAND_CHECK] = {"check", OPERANDS_FILES, "tell whether the description is right",
			   "Reads the description and reports every mistake in it. Needs no privileges "
			   "and does not look at the kernel."},
	[COMMAND_PLAN] = {"plan", OPERANDS_FILES, "show what may pass and what apply would change",
			  "Prints what may pass where, and what differs from the kernel. Changes "
			  "nothing. Exits with 10 when changes are pending, and else with 5 when a promise "
			  "does not hold on this host."},
	[COMMAND_APPLY] = {"apply", OPERANDS_FILES, "make the kernel match the description",
			   "Installs the rules in one transaction, then sets sysctls, forwarding last. "
			   "With nf_tables only what differs is sent: what stays goes on counting. "
			   "Does nothing when nothing is to be done. Where the host is not as described, "
			   "so that a promise does not hold, it says so, installs the rules and exits "
			   "with 5; where they would cut the host off, it refuses. With --dry-run it "
			   "prints a script that does the work, and needs no privileges."},
	[COMMAND_CONFIRM] = {"confirm", OPERANDS_NONE, "keep what apply --confirm did",
			     "Keeps the change of the last apply --confirm, which would be undone "
			     "otherwise when its time is over."},
	[COMMAND_ROLLBACK] = {"rollback", OPERANDS_NONE, "undo what the last apply did",
			      "Makes rules and sysctls again what they were before the last apply "
			      "that changed something, whether it waits to be confirmed or not. That "
			      "is the very state that was there then, not what its description would "
			      "make. It goes back one step: there is no rollback of a rollback, and "
			      "none over a remove or a restart of the machine."},
	[COMMAND_STATUS] = {"status", OPERANDS_NONE, "show what is installed, and whether it still matches",
			    "Compares the kernel with what the last apply installed, and tells what was "
			    "counted for each network. Tells who else uses forwarding, and names the "
			    "chains of other programs that drop what the description lets pass, with what "
			    "to do about it. Begins with what makes a promise void on this host. Exits with "
			    "5 then, and when the kernel differs, nothing is installed, or such a chain "
			    "drops for sure."},
	[COMMAND_REMOVE] = {"remove", OPERANDS_FILES, "take everything out again",
			    "Puts sysctls back, forwarding first, and deletes the rules. Forwarding stays "
			    "on when others have come since that need it, which it says. With --dry-run "
			    "it prints the script that takes out what the script of apply put in. Only "
			    "--dry-run=restore reads a description: the file names its chains."},
	[COMMAND_EXPLAIN] = {"explain", OPERANDS_PACKET, "tell the way of one packet, step by step",
			     "Tells what happens to the first packet of a connection from SRC to DST, "
			     "rule by rule, and to its reply; of a refused one, what would let it pass. "
			     "SRC is an address, DST is ADDRESS[:PORT][/PROTO] with tcp, udp or icmp, an "
			     "IPv6 address with a port in brackets. Reads the description only. Needs no "
			     "privileges. With --live it asks the kernel of this host instead, needs "
			     "root, and names the first thing that stops the packet, also when that is "
			     "a rule of another program; without FILE it then knows what the last "
			     "apply has recorded."},
	[COMMAND_PROVE] = {"prove", OPERANDS_FILES,
			   "send real packets through it, in a copy of the host",
			   "Builds the described host in namespaces of its own, installs the rules "
			   "there, sends packets of every kind over every wire, and compares what "
			   "comes out with what the description says. Needs no root where users may "
			   "make namespaces; this machine is not touched. Exits with 5 when a packet "
			   "leaked, or did not pass that should."},
	[COMMAND_SCHEMA] = {"schema", OPERANDS_NONE, "print the JSON Schema of the description",
			    "Prints what an editor needs to complete and check a description, in JSON "
			    "Schema, draft 2020-12: every key that this version knows."},
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
			 .help = "wait so long when another hostgate is at work; default 10"},
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
			    .help = "print a script or data instead of working"},
	[OPTION_CONFIRM] = {.name = "confirm",
			    .argument = "SECONDS",
			    .commands = ON(APPLY),
			    .help = "undo it after SECONDS unless `hostgate confirm` comes"},
	[OPTION_PROVE] = {.name = "prove",
			  .commands = ON(APPLY),
			  .help = "prove it first, and change nothing unless that succeeds"},
	[OPTION_WITH_HOST] = {.name = "with-host",
			      .alias = "with-host-rules",
			      .commands = ON(APPLY) | ON(PROVE),
			      .help = "prove it with this host's own rules, addresses, routes"},
	[OPTION_TAP] = {.name = "tap",
			.commands = ON(PROVE),
			.help = "print the Test Anything Protocol, version 13"},
	[OPTION_FROM] = {.name = "from",
			 .argument = "NAME",
			 .commands = ON(EXPLAIN),
			 .help = "the packet comes in on this interface, network or uplink"},
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
	{STATUS_BUSY, "another hostgate is at work, or not permitted"},
	{STATUS_DIFFERS, "a leak, a promise that is void here, or not as applied"},
	{STATUS_PENDING, "plan: changes are pending"},
};

const struct program_code_row program_codes[PROGRAM_CODE__COUNT] = {
#define PROGRAM_CODE_ROW(name, code, meaning) [PROGRAM_##name] = {code, meaning},
	PROGRAM_CODES(PROGRAM_CODE_ROW)
#undef PROGRAM_CODE_ROW
};
