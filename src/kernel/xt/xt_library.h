// SPDX-License-Identifier: GPL-2.0-or-later
// xt_library: libip4tc and libip6tc as one table of functions, and what differs between the two.
#ifndef XT_XT_LIBRARY_H
#define XT_XT_LIBRARY_H

#include <libiptc/libiptc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/addr.h"

/** Where the parts of a rule's entry are: struct ipt_entry or struct ip6t_entry. */
struct xt_layout {
	size_t head;          /**< bytes before the first match */
	size_t target_offset; /**< where the uint16_t of that name is */
	size_t next_offset;
	size_t comefrom;
	size_t nfcache;
	size_t counters;
	size_t flags;      /**< the byte with IPT_F_* or IP6T_F_* */
	uint8_t flag_goto; /**< its bit for "go on there and do not come back" */
};

/** As in libiptc.h; entries are struct ipt_entry or struct ip6t_entry. */
struct xt_library {
	const char *command;    /**< name of the family's program: "iptables" */
	const char *module;     /**< of the kernel: "ip_tables" */
	const char *names_path; /**< lists the tables that are there */
	int socket_family;
	int level;
	int get_match_revision; /**< getsockopt options */
	int get_target_revision;
	struct xt_layout layout;
	struct xtc_handle *(*init)(const char *table);
	void (*free)(struct xtc_handle *handle);
	const char *(*first_chain)(struct xtc_handle *handle);
	const char *(*next_chain)(struct xtc_handle *handle);
	int (*is_builtin)(const char *chain, struct xtc_handle *handle);
	const void *(*first_rule)(const char *chain, struct xtc_handle *handle);
	const void *(*next_rule)(const void *previous, struct xtc_handle *handle);
	const char *(*get_target)(const void *entry, struct xtc_handle *handle);
	const char *(*get_policy)(const char *chain, struct xt_counters *counters,
				  struct xtc_handle *handle);
	int (*set_policy)(const char *chain, const char *policy, struct xt_counters *counters,
			  struct xtc_handle *handle);
	int (*create_chain)(const char *chain, struct xtc_handle *handle);
	int (*rename_chain)(const char *from, const char *to, struct xtc_handle *handle);
	int (*flush_chain)(const char *chain, struct xtc_handle *handle);
	int (*delete_chain)(const char *chain, struct xtc_handle *handle);
	int (*append)(const char *chain, const void *entry, struct xtc_handle *handle);
	int (*insert)(const char *chain, const void *entry, unsigned int position,
		      struct xtc_handle *handle);
	int (*delete)(const char *chain, unsigned int position, struct xtc_handle *handle);
	int (*commit)(struct xtc_handle *handle);
	const char *(*strerror)(int err);
};

/** Indexed by enum family. */
extern const struct xt_library xt_libraries[FAMILY__COUNT];

#endif
