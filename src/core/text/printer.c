// SPDX-License-Identifier: GPL-2.0-or-later
// printer: from a description to its canonical text, key by key as the table says.
#include "text/schema.h"
#include "text/values.h"

static size_t print_keys(const struct description *description, enum schema_section section,
			 const void *entry, unsigned int depth, struct buf *out);

/* Adds "NAME:" and the keys of an entry below it. */
static void print_entry(const struct description *description, enum schema_section section,
			const char *name, const void *entry, struct buf *out)
{
	struct buf keys = {0};

	buf_puts(out, "  ");
	print_text(out, name);
	if (print_keys(description, section, entry, 2, &keys))
		buf_printf(out, ":\n%s", buf_text(&keys));
	else
		buf_puts(out, ": {}\n");
	buf_free(&keys);
}

/* Adds the entries of uplinks or networks; returns false when there are none. */
static bool print_entries(const struct description *description, enum schema_section section,
			  struct buf *out)
{
	bool uplinks = section == SECTION_UPLINK;
	size_t n = uplinks ? description->n_uplinks : description->n_networks;

	if (!n)
		return false;
	buf_putc(out, '\n');
	for (size_t i = 0; i < n; i++)
		if (uplinks)
			print_entry(description, section, description->uplinks[i].name,
				    &description->uplinks[i], out);
		else
			print_entry(description, section, description->networks[i].name,
				    &description->networks[i], out);
	return true;
}

/* Adds the settings; returns false when each has its default. */
static bool print_settings(const struct description *description, struct buf *out)
{
	struct buf keys = {0};
	size_t n = print_keys(description, SECTION_SETTINGS, &description->settings, 1, &keys);

	if (n)
		buf_printf(out, "\n%s", buf_text(&keys));
	buf_free(&keys);
	return n > 0;
}

/* Adds the value of a key; returns false, with nothing added, for the default. */
static bool print_value(const struct description *description, const struct schema_key *key,
			const void *entry, struct buf *out)
{
	if (!key->supported)
		return false;
	if (key->kind == KIND_ENTRIES)
		return print_entries(description, key->child, out);
	if (key->kind == KIND_SECTION)
		return print_settings(description, out);
	return key->print(description, key, entry, out);
}

/*
 * Adds "name: value" for every key of the section whose value differs from the default, on lines
 * indented by depth steps. Returns how many there were.
 */
static size_t print_keys(const struct description *description, enum schema_section section,
			 const void *entry, unsigned int depth, struct buf *out)
{
	struct buf value = {0};
	size_t n = 0;

	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *key = &schema_keys[i];

		value.len = 0;
		if (key->section != section || !print_value(description, key, entry, &value))
			continue;
		buf_printf(out, "%*s%s:%s", (int)(2 * depth), "", key->name,
			   value.data[0] == '\n' ? "" : " ");
		buf_add(out, value.data, value.len);
		if (value.data[value.len - 1] != '\n')
			buf_putc(out, '\n');
		n++;
	}
	buf_free(&value);
	return n;
}

void description_print(const struct description *description, struct buf *out)
{
	print_keys(description, SECTION_TOP, description, 0, out);
}
