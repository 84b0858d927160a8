// SPDX-License-Identifier: GPL-2.0-or-later
// values: reading and printing one value of each kind; the functions that the table of keys names.
#ifndef TEXT_VALUES_H
#define TEXT_VALUES_H

#include "text/schema.h"

schema_read_fn read_truth, read_word, read_uplink_interface, read_uplink_address, read_interface,
	read_subnet, read_gateway, read_uplink_name, read_snat, read_hole;

schema_print_fn print_truth, print_word, print_uplink_interface, print_uplink_address,
	print_interfaces, print_subnets, print_gateways, print_uplink_names, print_snat,
	print_holes;

/** Adds a text as a YAML scalar, in quotes when it would not be read back as it is. */
void print_text(struct buf *out, const char *text);

/** Adds an example of the key to the hint of a diagnostic that has none. */
void value_hint_example(struct diags *diags, struct diag *diag, const struct schema_key *key);

#endif
