// SPDX-License-Identifier: GPL-2.0-or-later
// print_values: writes one value of each kind in canonical form.
#include <string.h>

#include "text/values.h"
#include "text/yaml.h"

/* Tells whether a text stands for itself without quotes, also inside [ ]. */
static bool is_plain(const char *text)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_./*";
	const struct node node = {.kind = NODE_SCALAR, .text = text};

	if (text[0] == '*' || node_is_null(&node))
		return false;
	/* A dash is safe where it begins no list item and no document. */
	for (size_t i = 0; text[i]; i++)
		if (!strchr(safe, text[i]) && !(text[i] == '-' && i))
			return false;
	return true;
}

/* Reads one UTF-8 character; returns its number and advances *text. */
static unsigned int next_character(const char **text)
{
	const unsigned char *t = (const unsigned char *)*text;
	unsigned int n = t[0] < 0x80 ? 0 : t[0] < 0xe0 ? 1 : t[0] < 0xf0 ? 2 : 3;
	unsigned int number = n ? t[0] & (0x3fu >> n) : t[0];

	for (unsigned int i = 1; i <= n && t[i]; i++)
		number = number << 6 | (t[i] & 0x3fu);
	for (*text += 1; n && ((unsigned char)**text & 0xc0) == 0x80; n--)
		++*text;
	return number;
}

void print_text(struct buf *out, const char *text)
{
	if (is_plain(text)) {
		buf_puts(out, text);
		return;
	}
	buf_putc(out, '"');
	while (*text) {
		unsigned int number = next_character(&text);

		if (number == '"' || number == '\\')
			buf_printf(out, "\\%c", (char)number);
		else if (number >= ' ' && number < 0x7f)
			buf_putc(out, (char)number);
		else
			buf_printf(out, "\\U%08X", number);
	}
	buf_putc(out, '"');
}

/* Adds item i of a value that is printed alone or as a list: brackets and commas around it. */
static void print_item(struct buf *out, size_t i, size_t n, const char *text)
{
	if (n > 1)
		buf_puts(out, i ? ", " : "[");
	print_text(out, text);
	if (n > 1 && i == n - 1)
		buf_putc(out, ']');
}

bool print_truth(const struct description *description, const struct schema_key *key,
		 const void *entry, struct buf *out)
{
	bool truth;
	const char *text;

	(void)description;
	memcpy(&truth, (const char *)entry + key->at, sizeof(truth));
	text = truth ? "true" : "false";
	if (strcmp(text, key->fallback) == 0)
		return false;
	buf_puts(out, text);
	return true;
}

bool print_word(const struct description *description, const struct schema_key *key,
		const void *entry, struct buf *out)
{
	unsigned int word;

	(void)description;
	memcpy(&word, (const char *)entry + key->at, sizeof(word));
	if (strcmp(key->words[word], key->fallback) == 0)
		return false;
	buf_puts(out, key->words[word]);
	return true;
}

bool print_uplink_interface(const struct description *description, const struct schema_key *key,
			    const void *entry, struct buf *out)
{
	const struct uplink *uplink = entry;

	(void)description, (void)key;
	if (strcmp(uplink->interface.name, uplink->name) == 0)
		return false;
	print_text(out, uplink->interface.name);
	return true;
}

bool print_uplink_address(const struct description *description, const struct schema_key *key,
			  const void *entry, struct buf *out)
{
	const struct uplink *uplink = entry;
	char text[ADDR_TEXT_SIZE];
	size_t n = 0, i = 0;

	(void)description, (void)key;
	for (size_t f = 0; f < FAMILY__COUNT; f++)
		n += uplink->has_address[f];
	for (size_t f = 0; f < FAMILY__COUNT; f++)
		if (uplink->has_address[f])
			print_item(out, i++, n, addr_format(&uplink->address[f], text));
	return n > 0;
}

bool print_interfaces(const struct description *description, const struct schema_key *key,
		      const void *entry, struct buf *out)
{
	const struct network *network = entry;
	char text[IFNAME_SIZE + 1];

	(void)description, (void)key;
	if (network->n_interfaces == 1 && !network->interfaces[0].wildcard &&
	    strcmp(network->interfaces[0].name, network->name) == 0)
		return false;
	for (size_t i = 0; i < network->n_interfaces; i++)
		print_item(out, i, network->n_interfaces,
			   ifpattern_format(&network->interfaces[i], text));
	return true;
}

bool print_subnets(const struct description *description, const struct schema_key *key,
		   const void *entry, struct buf *out)
{
	const struct network *network = entry;
	char text[ADDR_TEXT_SIZE];

	(void)description, (void)key;
	for (size_t i = 0; i < network->n_subnets; i++)
		print_item(out, i, network->n_subnets,
			   prefix_format(&network->subnets[i].prefix, text));
	return network->n_subnets > 0;
}

bool print_gateways(const struct description *description, const struct schema_key *key,
		    const void *entry, struct buf *out)
{
	const struct network *network = entry;
	char text[ADDR_TEXT_SIZE];

	(void)description, (void)key;
	for (size_t i = 0; i < network->n_gateways; i++)
		print_item(out, i, network->n_gateways,
			   addr_format(&network->gateways[i].addr, text));
	return network->n_gateways > 0;
}

bool print_uplink_names(const struct description *description, const struct schema_key *key,
			const void *entry, struct buf *out)
{
	const struct network *network = entry;

	(void)key;
	if (!network->uplinks_given)
		return false;
	for (size_t i = 0; i < network->n_uplinks; i++)
		print_item(out, i, network->n_uplinks,
			   description->uplinks[network->uplinks[i]].name);
	return network->n_uplinks > 0;
}

bool print_snat(const struct description *description, const struct schema_key *key,
		const void *entry, struct buf *out)
{
	const struct network *network = entry;
	char text[ADDR_TEXT_SIZE];

	(void)description;
	switch (network->snat) {
	case SNAT_MASQUERADE:
		print_text(out, key->words[0]);
		return true;
	case SNAT_ADDRESS:
		print_text(out, addr_format(&network->snat_address, text));
		return true;
	case SNAT_UPLINK:
	case SNAT__COUNT:
		return false;
	}
	return false;
}

bool print_holes(const struct description *description, const struct schema_key *key,
		 const void *entry, struct buf *out)
{
	const struct settings *settings = entry;
	size_t n = 0;

	(void)description;
	for (enum hole h = 0; h < HOLE__COUNT; h++)
		if (settings->holes[h])
			buf_printf(out, "%s%s", n++ ? ", " : "[", key->words[h]);
	if (n)
		buf_putc(out, ']');
	return n > 0;
}
