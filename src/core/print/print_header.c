// SPDX-License-Identifier: GPL-2.0-or-later
// print_header: the comment that opens every printed dialect.
#include "print/print_header.h"

#include "hostgate/ways.h"

static void print_interfaces(const struct network *network, struct buf *out)
{
	char text[IFNAME_SIZE + 1];

	for (size_t i = 0; i < network->n_interfaces; i++)
		buf_printf(out, "%s%s", i ? ", " : "",
			   ifpattern_format(&network->interfaces[i], text));
}

static void print_translations(const struct way *way, struct buf *out)
{
	char text[ADDR_TEXT_SIZE];
	const char *between = " as ";

	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		const struct translation *translation = &way->of[f].translation;

		if (!way->of[f].translated)
			continue;
		if (translation->masquerade)
			buf_printf(out, "%s%s's own %s address", between,
				   way->to.uplink->interface.name, family_name(f));
		else
			buf_printf(out, "%s%s", between, addr_format(&translation->address, text));
		between = " and ";
	}
}

static void print_ways(const struct description *description, const struct network *network,
		       struct buf *out)
{
	struct ways ways = ways_of(description, network);
	const char *between = " through ";
	struct way way;

	buf_puts(out, mode_name(network->mode));
	while (ways_next(&ways, &way)) {
		if (way.to.kind != END_UPLINK)
			continue;
		buf_printf(out, "%s%s", between, way.to.uplink->interface.name);
		print_translations(&way, out);
		between = ", ";
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
		print_ways(d, network, out);
		buf_putc(out, '\n');
	}
}
