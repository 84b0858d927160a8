// SPDX-License-Identifier: GPL-2.0-or-later
// diag_codes: every stable code of a diagnostic with its meaning; the manual lists this table.
#ifndef BASE_DIAG_CODES_H
#define BASE_DIAG_CODES_H

#include <stddef.h>

/*
 * One row a condition: X(name, code, meaning). A code is never used for another condition, also
 * not after its row is gone. E0: reading a file, E1: checking a description, E2: the kernel,
 * W: warnings, N: notes.
 */
#define DIAG_CODES(X) \
	X(FILE_TOO_LARGE, "HG-E001", "the file is larger than 64 MiB") \
	X(YAML_ENCODING, "HG-E002", "the file is not UTF-8 or holds control characters") \
	X(YAML_SYNTAX, "HG-E003", "the file is not YAML") \
	X(YAML_DEPTH, "HG-E004", "values are nested more than 32 deep") \
	X(YAML_NODES, "HG-E005", "the file holds more than 4,194,304 values") \
	X(YAML_ALIAS, "HG-E006", "an alias (*name) is used") \
	X(YAML_ANCHOR, "HG-E007", "an anchor (&name) is used") \
	X(YAML_TAG, "HG-E008", "a tag (!name) is used") \
	X(YAML_DOCUMENTS, "HG-E009", "the file holds a second document") \
	X(YAML_KEY, "HG-E010", "the key of a map is itself a map or a list") \
	X(YAML_NUL, "HG-E011", "a value contains a NUL character") \
	X(DUPLICATE_KEY, "HG-E012", "a key or name appears twice") \
	X(EMPTY, "HG-E013", "the description is empty") \
	X(UNKNOWN_KEY, "HG-E020", "an unknown key") \
	X(NOT_SUPPORTED, "HG-E021", "a key or value that this version does not support yet") \
	X(MISSING_KEY, "HG-E022", "a required key is missing") \
	X(WRONG_TYPE, "HG-E023", "a value, a list or a map where something else is expected") \
	X(NULL_VALUE, "HG-E024", "a key without a value") \
	X(EMPTY_LIST, "HG-E025", "an empty list") \
	X(BAD_WORD, "HG-E026", "a value that is not one of the words the key accepts") \
	X(BAD_TRUTH, "HG-E027", "neither true nor false, where one of them is needed") \
	X(BAD_ADDRESS, "HG-E028", "not an IPv4 or IPv6 address") \
	X(BAD_PREFIX, "HG-E029", "not a subnet in the form address/length") \
	X(HOST_BITS, "HG-E030", "a subnet with address bits beyond its length") \
	X(BAD_INTERFACE, "HG-E031", "not a valid interface name") \
	X(BAD_NAME, "HG-E032", "not a valid name for a network or an uplink") \
	X(UPLINK_PATTERN, "HG-E033", "an uplink whose interface is a pattern") \
	X(TWO_ADDRESSES, "HG-E034", "an uplink with two addresses of one family") \
	X(UNKNOWN_UPLINK, "HG-E035", "a network names an uplink that does not exist") \
	X(UPLINK_TWICE, "HG-E036", "a network lists an uplink twice") \
	X(TOO_MANY_INTERFACES, "HG-E037", "a network with more than 64 interface entries") \
	X(HOLE_TWICE, "HG-E038", "holes lists a firewall twice") \
	X(NO_NETWORKS, "HG-E100", "the description has no networks") \
	X(NO_UPLINK, "HG-E101", "a nat or routed network, but no uplink") \
	X(SUBNETS_OVERLAP, "HG-E102", "two subnets overlap") \
	X(NETWORKS_SHARE_INTERFACE, "HG-E103", "one interface belongs to two networks") \
	X(UPLINKS_SHARE_INTERFACE, "HG-E104", "one interface belongs to two uplinks") \
	X(UPLINK_IS_NETWORK, "HG-E105", "one interface belongs to an uplink and to a network") \
	X(INTERFACE_TWICE, "HG-E106", "a network lists an interface twice") \
	X(SENSELESS_SUBNET, "HG-E107", "a subnet that no network can have") \
	X(SENSELESS_ADDRESS, "HG-E108", "an address that no packet can be translated to") \
	X(PRIVATE_OUTSIDE, "HG-E109", "an outside address that is in a network's subnet") \
	X(GATEWAY_OUTSIDE, "HG-E110", "a gateway outside its network's subnets") \
	X(GATEWAY_TWICE, "HG-E111", "a network lists a gateway twice") \
	X(SNAT_WITHOUT_NAT, "HG-E112", "snat on a network whose mode is not nat") \
	X(SNAT_FAMILY, "HG-E113", "an snat address of a family that the network has no subnet of") \
	X(FORWARDING_DISABLED, "HG-E114", "forwarding is disabled, but a network needs it") \
	X(NFT_NAME, "HG-E115", "an interface name that cannot be written in nft syntax") \
	X(NOT_PERMITTED, "HG-E200", "not permitted: needs root, or CAP_NET_ADMIN in the network namespace") \
	X(KERNEL_REFUSED, "HG-E201", "the kernel refuses a table, chain, set, element or rule") \
	X(KERNEL_MODULE, "HG-E202", "the kernel lacks something that the rules need") \
	X(TABLE_OWNED, "HG-E203", "another process owns table inet hostgate") \
	X(BATCH_TOO_LARGE, "HG-E204", "the transaction is larger than the process may send") \
	X(KERNEL_BUSY, "HG-E205", "another program keeps changing the tables") \
	X(KERNEL_FAILED, "HG-E206", "communication with the kernel failed") \
	X(READ_BACK, "HG-E207", "what the kernel has is not what was installed") \
	X(XT_USED, "HG-E208", "another program's chain jumps to one that hostgate has to delete") \
	X(NO_BACKEND, "HG-E209", "the kernel has neither nf_tables nor iptables") \
	X(SYSCTL_MISSING, "HG-E210", "the kernel has no such sysctl") \
	X(SYSCTL_FAILED, "HG-E211", "a sysctl cannot be read or written") \
	X(RA_UNGUARDED, "HG-E212", "with IPv6 forwarding the host would ignore router advertisements") \
	X(STATE_FAILED, "HG-E220", "the record of the last apply cannot be read or written") \
	X(LOCK_FAILED, "HG-E221", "the lock file cannot be opened") \
	X(LOCK_HELD, "HG-E222", "another hostgate is running in this network namespace") \
	X(NETNS_FAILED, "HG-E223", "the network namespace cannot be entered") \
	X(SANDBOX_FAILED, "HG-E230", "the copy of the host that prove needs cannot be made") \
	X(PROBE_FAILED, "HG-E231", "the probes cannot be sent, so nothing is proved") \
	X(COPY_FAILED, "HG-E232", "the host's rules cannot be read, or cannot be loaded into the copy") \
	X(UNDO_FAILED, "HG-E240", "the file that rollback needs cannot be read or written") \
	X(UNDO_NOTHING, "HG-E241", "rollback: there is no change to undo") \
	X(PENDING, "HG-E242", "an apply awaits confirmation; nothing else can be changed until then") \
	X(NOT_PENDING, "HG-E243", "confirm: no apply awaits confirmation") \
	X(GUARD_FAILED, "HG-E244", "the process that would undo an unconfirmed apply cannot be started") \
	X(INTERFACE_IS_PORT, "HG-E250", "a described interface is a port of another one, where its packets come in") \
	X(INTERFACE_ALTNAME, "HG-E251", "a described name is only an alternative name (altname) of an interface") \
	X(INTERFACE_RENAMED, "HG-E252", "a described interface does not exist, but its address is on another one") \
	X(HEARD_ELSEWHERE, "HG-E253", "packets of a network's guests come in on an interface that is not the network's") \
	X(SUBNET_ELSEWHERE, "HG-E254", "the host has an address of a network's subnet on another interface") \
	X(UPLINK_INSIDE, "HG-E255", "an uplink's own address is in a network's subnet") \
	X(MAYBE_HEARD, "HG-W250", "packets of guests may come in on an interface that is not their network's") \
	X(SUBNET_ROUTED, "HG-W251", "a route leads to a network's subnet through another interface") \
	X(NO_ADDRESS, "HG-W252", "an uplink has no address that a network's packets could leave with") \
	X(NO_ADDRESS_YET, "HG-N250", "an uplink has no address of a family, nor a default route of it") \
	X(OPEN_TUNNEL, "HG-N251", "a tunnel of the host accepts packets from any peer") \
	X(BRIDGED_FRAMES, "HG-N300", "frames between guests on one bridge pass through the rules (br_netfilter)") \
	X(IN_FRONT, "HG-E270", "another program's rules in front of hostgate's jumps in iptables may take packets from its rules") \
	X(UNDO_PARTLY, "HG-W207", "rollback cannot restore what another program added to table inet hostgate") \
	X(UNFINISHED, "HG-W208", "the last change was not completed") \
	X(RECORD_DAMAGED, "HG-W200", "the record of the last apply is damaged") \
	X(SYSCTL_FOREIGN, "HG-W201", "another program changed a sysctl after hostgate wrote it") \
	X(SYSCTL_LEFT, "HG-W202", "a sysctl stays as it is now") \
	X(TABLE_LEFT, "HG-W203", "the rules of a failed apply or remove stay as they are now") \
	X(COPY_LEFT_OUT, "HG-W205", "a rule of the host is missing in prove's copy") \
	X(RULE_LOST, "HG-W206", "a rule that clean-slate deleted cannot be restored") \
	X(CONNTRACK_FAILED, "HG-W220", "connections that no longer fit the description cannot be deleted") \
	X(HOLE_MISSING, "HG-N220", "the chain to make a hole in does not exist") \
	X(INTERFACE_MISSING, "HG-N200", "an interface of the description does not exist yet") \
	X(ROLLED_BACK, "HG-N201", "a failed apply or remove has changed nothing") \
	X(COPY_DEVICES, "HG-N202", "a chain for devices that are not described is missing in prove's copy") \
	X(FORWARDING_USED, "HG-N203", "forwarding stays on, because other programs need it now") \
	X(COPY_MADE_UP, "HG-N204", "an interface of prove's copy does not exist on the host") \
	X(COPY_PLAIN, "HG-N205", "an interface of the host is of another kind in prove's copy") \
	X(UPLINK_UNUSED, "HG-W001", "an isolated network lists uplinks, which it never uses")

enum diag_code {
#define DIAG_CODE_ENUM(name, code, meaning) DIAG_##name,
	DIAG_CODES(DIAG_CODE_ENUM)
#undef DIAG_CODE_ENUM
	DIAG_CODE__COUNT
};

/** One row of the table of codes. */
struct diag_code_row {
	const char *code;    /**< "HG-E012" */
	const char *meaning; /**< one line */
};

/** The table, DIAG_CODE__COUNT rows, indexed by enum diag_code. */
extern const struct diag_code_row diag_codes[DIAG_CODE__COUNT];

/** The stable code of a condition, for diag_add(). */
#define CODE(name) (diag_codes[DIAG_##name].code)

#endif
