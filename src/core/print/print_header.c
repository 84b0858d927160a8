// SPDX-License-Identifier: GPL-2.0-or-later
// print_header: the comment that opens every printed dialect.
#include "print/print_header.h"

static void print_interfaces(const struct network *network, struct buf *out)
{
	char text[IFNAME_SIZE + 1];

	for (size_t i = 0; i < network->n_interfaces; i++)
		buf_printf(out, "%s%s", i ? ", " : "",
			   ifpattern_format(&network->interfaces[i], text));
}

static void print_translations(const struct network *network, const struct uplink *uplink,
			       struct buf *out)
{
	char text[ADDR_TEXT_SIZE];
	const char *between = " as ";

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		if (!network_has_family(network, f))
			continue;
		struct translation translation = network_translation(network, uplink, f);

		if (translation.masquerade)
			buf_printf(out, "%s%s's own %s address", between, uplink->interface.name,
				   family_name(f));
		else
			buf_printf(out, "%s%s", between, addr_format(&translation.address, text));
		between = " and ";
	}
}

void print_way(const struct description *description, const struct network *network,
	       struct buf *out)
{
	buf_puts(out, mode_name(network->mode));
	if (network->mode == MODE_ISOLATED)
		return;
	for (size_t u = 0; u < network->n_uplinks; u++) {
		const struct uplink *uplink = &description->uplinks[network->uplinks[u]];

		buf_printf(out, "%s%s", u ? ", " : " through ", uplink->interface.name);
		if (network->mode == MODE_NAT)
			print_translations(network, uplink, out);
	}
}

void print_header_comment(const struct print_header *header, struct buf *out)
{
	const struct description *d = header->description;
	char text[ADDR_TEXT_SIZE];

	buf_printf(out, "# Made by hostgate %s from the description with hash\n# %s\n#\n",
		   header->version, header->hash);
	for (size_t u = 0; u < d->n_uplinks; u++) {
		const struct uplink *uplink = &d->uplinks[u];

		buf_printf(out, "# public interface %s", uplink->interface.name);
		for (enum family f = 0; f < FAMILY__COUNT; f++)
			if (uplink->has_address[f])
				buf_printf(out, ", address %s",
					   addr_format(&uplink->address[f], text));
		buf_putc(out, '\n');
	}
	for (size_t n = 0; n < d->n_networks; n++) {
		const struct network *network = &d->networks[n];

		buf_printf(out, "# private network %s:", network->name);
		for (size_t s = 0; s < network->n_subnets; s++)
			buf_printf(out, "%s %s", s ? "," : "",
				   prefix_format(&network->subnets[s].prefix, text));
		buf_puts(out, " on ");
		print_interfaces(network, out);
		buf_puts(out, ", ");
		print_way(d, network, out);
		buf_putc(out, '\n');
	}
}
