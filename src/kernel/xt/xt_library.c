// SPDX-License-Identifier: GPL-2.0-or-later
// xt_library: libip4tc and libip6tc as one table of functions, and what differs between the two.
#include "xt/xt_library.h"

#include <libiptc/libip6tc.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* The two libraries have the same functions for two types of entry. */
#define FUNCTIONS(prefix, type)                                                                \
	static const void *prefix##_first(const char *chain, struct xtc_handle *handle)        \
	{                                                                                      \
		return prefix##_first_rule(chain, handle);                                     \
	}                                                                                      \
	static const void *prefix##_next(const void *previous, struct xtc_handle *handle)      \
	{                                                                                      \
		return prefix##_next_rule(previous, handle);                                   \
	}                                                                                      \
	static const char *prefix##_target(const void *entry, struct xtc_handle *handle)       \
	{                                                                                      \
		return prefix##_get_target(entry, handle);                                     \
	}                                                                                      \
	static int prefix##_append(const char *chain, const void *entry,                       \
				   struct xtc_handle *handle)                                  \
	{                                                                                      \
		return prefix##_append_entry(chain, entry, handle);                            \
	}                                                                                      \
	static int prefix##_insert(const char *chain, const void *entry,                       \
				   unsigned int position, struct xtc_handle *handle)           \
	{                                                                                      \
		return prefix##_insert_entry(chain, entry, position, handle);                  \
	}

FUNCTIONS(iptc, struct ipt_entry)
FUNCTIONS(ip6tc, struct ip6t_entry)

#define LAYOUT(type, flags_member)                                                             \
	.head = sizeof(type), .target_offset = offsetof(type, target_offset),                  \
	.next_offset = offsetof(type, next_offset), .comefrom = offsetof(type, comefrom),      \
	.nfcache = offsetof(type, nfcache), .counters = offsetof(type, counters),              \
	.flags = offsetof(type, flags_member)

#define LIBRARY(prefix)                                                                        \
	.init = prefix##_init, .free = prefix##_free, .first_chain = prefix##_first_chain,     \
	.next_chain = prefix##_next_chain, .is_builtin = prefix##_builtin,                     \
	.first_rule = prefix##_first, .next_rule = prefix##_next,                              \
	.get_target = prefix##_target, .get_policy = prefix##_get_policy,                      \
	.set_policy = prefix##_set_policy, .create_chain = prefix##_create_chain,                  \
	.rename_chain = prefix##_rename_chain, .flush_chain = prefix##_flush_entries,          \
	.delete_chain = prefix##_delete_chain, .append = prefix##_append,                      \
	.insert = prefix##_insert, .delete = prefix##_delete_num_entry,                        \
	.commit = prefix##_commit, .strerror = prefix##_strerror

const struct xt_library xt_libraries[FAMILY__COUNT] = {
	[FAMILY_IPV4] = {.command = "iptables",
			 .module = "ip_tables",
			 .names_path = "/proc/net/ip_tables_names",
			 .socket_family = AF_INET,
			 .level = IPPROTO_IP,
			 .get_match_revision = IPT_SO_GET_REVISION_MATCH,
			 .get_target_revision = IPT_SO_GET_REVISION_TARGET,
			 .layout = {LAYOUT(struct ipt_entry, ip.flags), .flag_goto = IPT_F_GOTO},
			 LIBRARY(iptc)},
	[FAMILY_IPV6] = {.command = "ip6tables",
			 .module = "ip6_tables",
			 .names_path = "/proc/net/ip6_tables_names",
			 .socket_family = AF_INET6,
			 .level = IPPROTO_IPV6,
			 .get_match_revision = IP6T_SO_GET_REVISION_MATCH,
			 .get_target_revision = IP6T_SO_GET_REVISION_TARGET,
			 .layout = {LAYOUT(struct ip6t_entry, ipv6.flags),
				    .flag_goto = IP6T_F_GOTO},
			 LIBRARY(ip6tc)},
};
