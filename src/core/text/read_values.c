// SPDX-License-Identifier: GPL-2.0-or-later
// read_values: reads one value of each kind, with an error that says what to write instead.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag_codes.h"
#include "text/ifname.h"
#include "text/reader.h"
#include "text/values.h"

/* Words and truths are written through their offset as unsigned int and bool. */
_Static_assert(sizeof(enum mode) == sizeof(unsigned int), "enums are unsigned int");

/* Appends room for one item to an array that only ever grew through here. */
static void *append(struct reader *reader, void *array, size_t n, size_t size)
{
	size_t cap = n ? 4 : 0;

	while (cap && cap < n)
		cap *= 2;
	return arena_grow(reader->arena, array, n, &cap, size);
}

static struct diag *refuse(struct reader *reader, const char *code, const struct node *value,
			   const char *why)
{
	return diag_add(reader->diags, SEVERITY_ERROR, code, value->place, "\"%.64s\" %s",
			value->text, why);
}

void value_hint_example(struct diags *diags, struct diag *diag, const struct schema_key *key)
{
	if (!diag->hint)
		diag_hint(diags, diag, "for example:%s%s:%s%s",
			  key->example[0] == '\n' ? "\n" : " ", key->name,
			  key->example[0] == '\n' ? "" : " ", key->example);
}

static void set_place(const struct schema_key *key, const struct node *value, void *entry)
{
	if (key->place_at)
		memcpy((char *)entry + key->place_at, &value->place, sizeof(value->place));
}

void read_truth(struct reader *reader, const struct schema_key *key, const struct node *value,
		void *entry)
{
	static const struct {
		const char *text;
		bool truth;
	} words[] = {
		{"true", true},   {"yes", true}, {"on", true},   {"y", true}, {"1", true},
		{"false", false}, {"no", false}, {"off", false}, {"n", false}, {"0", false},
	};
	const char *meant = "true or false";
	struct diag *diag;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(value->text, words[i].text) != 0)
			continue;
		meant = words[i].truth ? "true" : "false";
		if (!value->quoted && strcmp(value->text, meant) == 0) {
			memcpy((char *)entry + key->at, &words[i].truth, sizeof(words[i].truth));
			set_place(key, value, entry);
			return;
		}
	}
	diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(BAD_TRUTH), value->place,
			"\"%s\" must be true or false, not %s\"%.64s\"", key->name,
			value->quoted ? "the text " : "", value->text);
	diag_hint(reader->diags, diag, "write %s%s", meant,
		  value->quoted ? ", without quotes" : "");
}

static void hint_words(struct reader *reader, struct diag *diag, const struct schema_key *key,
		       const char *text)
{
	const char *nearest = diag_nearest(text, key->words, key->n_words);
	struct buf list = {0};

	for (size_t i = 0; i < key->n_words; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", key->words[i]);
	if (nearest && key->n_words == 1)
		diag_hint(reader->diags, diag, "did you mean \"%s\"?", nearest);
	else if (nearest)
		diag_hint(reader->diags, diag, "did you mean \"%s\"? The values are: %s", nearest,
			  buf_text(&list));
	else
		diag_hint(reader->diags, diag, "the values are: %s", buf_text(&list));
	buf_free(&list);
}

static void refuse_word(struct reader *reader, const struct schema_key *key,
			const struct node *value)
{
	struct diag *diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(BAD_WORD), value->place,
				     "\"%s\" cannot be \"%.64s\"", key->name, value->text);

	hint_words(reader, diag, key, value->text);
}

void read_word(struct reader *reader, const struct schema_key *key, const struct node *value,
	       void *entry)
{
	for (unsigned int i = 0; i < key->n_words; i++) {
		if (strcmp(value->text, key->words[i]) != 0)
			continue;
		if (key->words_later >> i & 1)
			diag_add(reader->diags, SEVERITY_ERROR, CODE(NOT_SUPPORTED), value->place,
				 "the %s \"%s\" is not supported yet by this version", key->name,
				 value->text);
		memcpy((char *)entry + key->at, &i, sizeof(i));
		set_place(key, value, entry);
		return;
	}
	refuse_word(reader, key, value);
}

void read_hole(struct reader *reader, const struct schema_key *key, const struct node *value,
	       void *entry)
{
	struct settings *settings = entry;
	struct diag *diag;

	for (enum hole h = 0; h < HOLE__COUNT; h++) {
		if (strcmp(value->text, key->words[h]) != 0)
			continue;
		if (settings->holes[h]) {
			diag = refuse(reader, CODE(HOLE_TWICE), value, "is listed twice");
			diag_relate(reader->diags, diag, settings->hole_places[h],
				    "listed here first");
			return;
		}
		settings->holes[h] = true;
		settings->hole_places[h] = value->place;
		return;
	}
	refuse_word(reader, key, value);
}

static void refuse_interface(struct reader *reader, const struct node *value, const char *problem)
{
	struct diag *diag = refuse(reader, CODE(BAD_INTERFACE), value, problem);
	int stem = (int)strcspn(value->text, ":+*");

	if (stem > 15)
		stem = 15;
	if (stem && value->text[stem] == ':')
		diag_hint(reader->diags, diag, "an address label is not an interface: write %.*s",
			  stem, value->text);
	else if (stem && (value->text[stem] == '+' || value->text[stem] == '*'))
		diag_hint(reader->diags, diag,
			  "write %.*s* for all interfaces whose names start with it", stem,
			  value->text);
	else
		diag_hint(reader->diags, diag, "`ip link` lists the names of the interfaces");
}

/* Reads "tap*" or "eth0"; leaves the name empty when it is wrong. */
static struct ifpattern read_pattern(struct reader *reader, const struct node *value)
{
	struct ifpattern pattern = {.place = value->place};
	bool wildcard = value->len && value->text[value->len - 1] == '*';
	size_t len = value->len - wildcard;
	const char *stem = arena_strndup(reader->arena, value->text, len);
	const char *problem = ifname_problem(stem, wildcard);

	if (problem) {
		refuse_interface(reader, value, problem);
		return pattern;
	}
	memcpy(pattern.name, value->text, len);
	pattern.wildcard = wildcard;
	return pattern;
}

void read_uplink_interface(struct reader *reader, const struct schema_key *key,
			   const struct node *value, void *entry)
{
	struct uplink *uplink = entry;
	struct diag *diag;

	(void)key;
	uplink->interface = read_pattern(reader, value);
	if (!uplink->interface.wildcard)
		return;
	diag = refuse(reader, CODE(UPLINK_PATTERN), value,
		      "is a pattern; an uplink is one interface");
	diag_hint(reader->diags, diag, "describe one uplink for each interface");
}

void read_interface(struct reader *reader, const struct schema_key *key, const struct node *value,
		    void *entry)
{
	struct network *network = entry;
	struct ifpattern pattern = read_pattern(reader, value);

	(void)key;
	if (!pattern.name[0])
		return;
	network->interfaces = append(reader, network->interfaces, network->n_interfaces,
				     sizeof(*network->interfaces));
	network->interfaces[network->n_interfaces++] = pattern;
}

/* Turns "192.168.56.0/255.255.255.0" into a prefix. */
static bool netmask_parse(struct reader *reader, const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	struct addr mask;
	struct prefix prefix = {.len = 0};
	uint32_t bits;

	if (!slash || !addr_parse(slash + 1, &mask) || mask.family != FAMILY_IPV4 ||
	    !addr_parse(arena_strndup(reader->arena, text, (size_t)(slash - text)), &prefix.addr) ||
	    prefix.addr.family != FAMILY_IPV4)
		return false;
	bits = (uint32_t)mask.bytes[0] << 24 | (uint32_t)mask.bytes[1] << 16 |
	       (uint32_t)mask.bytes[2] << 8 | mask.bytes[3];
	if ((~bits & (~bits + 1)) != 0)
		return false;
	prefix.len = (uint8_t)__builtin_popcount(bits);
	*out = prefix_truncate(&prefix);
	return true;
}

/* Tells whether a number of the text starts with a zero that does not stand alone. */
static bool has_leading_zero(const char *text)
{
	bool in_number = false;

	for (; *text; text++) {
		if (*text == '0' && !in_number && isdigit((unsigned char)text[1]))
			return true;
		in_number = isdigit((unsigned char)*text);
	}
	return false;
}

/* Says what may be meant by a text that should be an address or a subnet. */
static void hint_address(struct reader *reader, struct diag *diag, const struct schema_key *key,
			 const char *text)
{
	char shown[ADDR_TEXT_SIZE];
	size_t stem = strcspn(text, "/");
	struct prefix prefix;
	struct addr addr;

	if (diag->hint || !diag_is_kept(reader->diags, diag))
		return;
	if (addr_parse(text, &addr)) {
		prefix = (struct prefix){addr, addr.family == FAMILY_IPV4 ? 24 : 64};
		prefix = prefix_truncate(&prefix);
		diag_hint(reader->diags, diag,
			  "the prefix length is missing: write %s, for example",
			  prefix_format(&prefix, shown));
	} else if (prefix_parse(text, &prefix)) {
		diag_hint(reader->diags, diag,
			  "an address is written without a length here: write %s",
			  addr_format(&prefix.addr, shown));
	} else if (netmask_parse(reader, text, &prefix)) {
		diag_hint(reader->diags, diag, "write the netmask as a length: %s",
			  prefix_format(&prefix, shown));
	} else if (text[stem] && addr_parse(arena_strndup(reader->arena, text, stem), &addr)) {
		diag_hint(reader->diags, diag, "the length of an %s subnet is a number up to %u",
			  family_name(addr.family), family_bits(addr.family));
	} else if (!strchr(text, ':') && has_leading_zero(text)) {
		diag_hint(reader->diags, diag, "leave out leading zeros, which some programs read "
			  "as octal");
	} else if (strchr(text, '%')) {
		diag_hint(reader->diags, diag, "leave out the %% and the interface after it");
	} else if (strpbrk(text, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ")) {
		diag_hint(reader->diags, diag,
			  "write it in digits: names are not looked up; for example: %s: %s",
			  key->name, key->example);
	}
	value_hint_example(reader->diags, diag, key);
}

static bool read_address(struct reader *reader, const struct schema_key *key,
			 const struct node *value, struct addr *out)
{
	if (addr_parse(value->text, out))
		return true;
	hint_address(reader,
		     refuse(reader, CODE(BAD_ADDRESS), value, "is not an IPv4 or IPv6 address"),
		     key, value->text);
	return false;
}

void read_uplink_address(struct reader *reader, const struct schema_key *key,
			 const struct node *value, void *entry)
{
	struct uplink *uplink = entry;
	struct addr addr;
	struct diag *diag;

	if (!read_address(reader, key, value, &addr))
		return;
	if (uplink->has_address[addr.family]) {
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(TWO_ADDRESSES), value->place,
				"a second %s address for this uplink", family_name(addr.family));
		diag_relate(reader->diags, diag, uplink->address_place[addr.family],
			    "the first one is here");
		diag_hint(reader->diags, diag,
			  "keep one of them; a network that needs the other can name it under "
			  "\"snat\"");
		return;
	}
	uplink->has_address[addr.family] = true;
	uplink->address[addr.family] = addr;
	uplink->address_place[addr.family] = value->place;
}

void read_subnet(struct reader *reader, const struct schema_key *key, const struct node *value,
		 void *entry)
{
	struct network *network = entry;
	struct prefix prefix, truncated;
	char shown[ADDR_TEXT_SIZE];
	struct diag *diag;

	if (!prefix_parse(value->text, &prefix)) {
		diag = refuse(reader, CODE(BAD_PREFIX), value,
			      "is not a subnet in the form address/length");
		hint_address(reader, diag, key, value->text);
		return;
	}
	truncated = prefix_truncate(&prefix);
	if (prefix_has_host_bits(&prefix)) {
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(HOST_BITS), value->place,
				"\"%.64s\" has address bits set beyond the first %u", value->text,
				(unsigned int)prefix.len);
		diag_hint(reader->diags, diag, "write %s", prefix_format(&truncated, shown));
	}
	network->subnets = append(reader, network->subnets, network->n_subnets,
				  sizeof(*network->subnets));
	network->subnets[network->n_subnets++] = (struct subnet){truncated, value->place};
}

void read_gateway(struct reader *reader, const struct schema_key *key, const struct node *value,
		  void *entry)
{
	struct network *network = entry;
	struct addr addr;

	if (!read_address(reader, key, value, &addr))
		return;
	network->gateways = append(reader, network->gateways, network->n_gateways,
				   sizeof(*network->gateways));
	network->gateways[network->n_gateways++] = (struct gateway){addr, value->place};
}

static int compare_name(const void *name, const void *item)
{
	const struct uplink_name *candidate = item;

	return strcmp(name, candidate->name);
}

static void refuse_uplink(struct reader *reader, const struct node *value)
{
	size_t n = reader->out->n_uplinks;
	const char **names, *nearest;
	struct diag *diag;

	if (!reader->complete)
		return;
	diag = refuse(reader, CODE(UNKNOWN_UPLINK), value, "is not an uplink of this description");
	if (!diag_is_kept(reader->diags, diag))
		return;
	names = arena_calloc(reader->arena, n, sizeof(*names));
	for (size_t i = 0; i < n; i++)
		names[i] = reader->names[i].name;
	nearest = diag_nearest(value->text, names, n);
	if (nearest)
		diag_hint(reader->diags, diag, "did you mean \"%s\"?", nearest);
	else if (n == 1)
		diag_hint(reader->diags, diag, "the only uplink is \"%s\"", names[0]);
	else
		diag_hint(reader->diags, diag, "add it under \"uplinks\"");
}

void read_uplink_name(struct reader *reader, const struct schema_key *key,
		      const struct node *value, void *entry)
{
	struct network *network = entry;
	uint32_t self = (uint32_t)reader->out->n_networks;
	struct uplink_name *found = NULL;
	struct diag *diag;

	(void)key;
	network->uplinks_given = true;
	if (reader->out->n_uplinks)
		found = bsearch(value->text, reader->names, reader->out->n_uplinks,
				sizeof(*reader->names), compare_name);
	if (!found) {
		refuse_uplink(reader, value);
	} else if (found->listed_by == self) {
		diag = refuse(reader, CODE(UPLINK_TWICE), value, "is listed twice");
		diag_relate(reader->diags, diag, found->listed_at, "the first one is here");
		diag_hint(reader->diags, diag, "remove one of the two");
	} else {
		found->listed_by = self;
		found->listed_at = value->place;
		network->uplinks = append(reader, network->uplinks, network->n_uplinks,
					  sizeof(*network->uplinks));
		network->uplinks[network->n_uplinks++] = found->idx;
	}
}

/* Tells whether the text begins like the forms that are part of the language but not read yet. */
static bool is_later_snat(struct reader *reader, const char *text)
{
	size_t stem = text[0] == '[' ? 1 + strcspn(text + 1, "]-") : strcspn(text, "-:");
	const char *begin = text + (text[0] == '[');
	struct addr addr;

	if (!text[stem])
		return false;
	if (addr_parse(arena_strndup(reader->arena, begin, (size_t)(text + stem - begin)), &addr))
		return true;
	/* A range of IPv6 addresses has colons before its dash. */
	stem = strcspn(text, "-");
	return text[stem] && addr_parse(arena_strndup(reader->arena, text, stem), &addr);
}

void read_snat(struct reader *reader, const struct schema_key *key, const struct node *value,
	       void *entry)
{
	struct network *network = entry;
	struct diag *diag;

	network->snat_place = value->place;
	if (strcmp(value->text, key->words[0]) == 0) {
		network->snat = SNAT_MASQUERADE;
	} else if (addr_parse(value->text, &network->snat_address)) {
		network->snat = SNAT_ADDRESS;
	} else if (is_later_snat(reader, value->text)) {
		diag = diag_add(reader->diags, SEVERITY_ERROR, CODE(NOT_SUPPORTED), value->place,
				"a range or ports as the value of \"%s\" are not supported yet by "
				"this version", key->name);
		diag_hint(reader->diags, diag, "one address, or %s", key->words[0]);
	} else {
		diag = refuse(reader, CODE(BAD_ADDRESS), value,
			      "is not an IPv4 or IPv6 address, nor masquerade");
		if (diag_nearest(value->text, key->words, key->n_words))
			hint_words(reader, diag, key, value->text);
		hint_address(reader, diag, key, value->text);
	}
}
