// SPDX-License-Identifier: GPL-2.0-or-later
// sysctl_conf: which files will set forwarding at the next boot, and to what.
#include "sysctl/sysctl_conf.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/*
 * Theory of operation
 *
 * sysctl.d(5): files of all directories are taken in the order of their names; of two with one name
 * that of the earlier directory counts and hides the other (also an empty one, or a link to
 * /dev/null). The last line for a key wins.
 */

static const char *const directories[] = {"/etc/sysctl.d", "/run/sysctl.d",
					  "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d",
					  "/lib/sysctl.d"};

static const struct {
	const char *key;
	enum family family;
} switches[] = {
	{"net/ipv4/ip_forward", FAMILY_IPV4},
	{"net/ipv4/conf/all/forwarding", FAMILY_IPV4},
	{"net/ipv6/conf/all/forwarding", FAMILY_IPV6},
};

/* Longest line of such a file that is read; a longer one sets nothing of ours. */
#define LINE_SIZE 1024

struct conf_file {
	const char *name; /* in its directory */
	const char *path; /* without the root */
};

struct conf_files {
	struct conf_file *items;
	size_t n, cap;
};

struct conf_reading {
	struct arena *arena;
	const char *root;
	struct sysctl_setting (*out)[FAMILY__COUNT];
};

const char *sysctl_conf_root(void)
{
	const char *root = getenv("HOSTGATE_SYSCONFROOT");

	return root ? root : "";
}

static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* The first separator decides which of the two it is; the other one is then part of a name. */
static void to_path(char *key)
{
	char *first = strpbrk(key, "./");

	if (!first || *first == '/')
		return;
	for (char *c = first; *c; c++) {
		if (*c == '.')
			*c = '/';
		else if (*c == '/')
			*c = '.';
	}
}

/* A line "key = value", "-key = value"; with ufw's "net/ipv4/ip_forward=1" the same. */
static void take_line(struct conf_reading *r, enum sysctl_reader reader, const char *file,
		      unsigned int number, char *line)
{
	char *key = trim(line), *value = strchr(key, '=');
	const char *written;

	if (*key == '#' || *key == ';' || !value)
		return;
	*value++ = '\0';
	key = trim(key);
	if (*key == '-')
		key = trim(key + 1);
	value = trim(value);
	written = arena_strdup(r->arena, key);
	to_path(key);
	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		if (strcmp(key, switches[i].key) == 0)
			r->out[reader][switches[i].family] =
				(struct sysctl_setting){.file = file,
							.line = number,
							.key = written,
							.value = arena_strdup(r->arena, value)};
}

static FILE *open_file(struct conf_reading *r, const char *path)
{
	return fopen(arena_printf(r->arena, "%s%s", r->root, path), "re");
}

static void read_file(struct conf_reading *r, enum sysctl_reader reader, const char *path)
{
	FILE *file = open_file(r, path);
	char line[LINE_SIZE];
	unsigned int number = 0;
	bool whole = true;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		bool begins = whole;

		whole = strchr(line, '\n') != NULL;
		number += begins;
		if (begins)
			take_line(r, reader, path, number, line);
	}
	fclose(file);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct conf_file *)a)->name, ((const struct conf_file *)b)->name);
}

static bool has_name(const struct conf_files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->items[i].name, name) == 0)
			return true;
	return false;
}

static void list_directory(struct conf_reading *r, const char *path, struct conf_files *files)
{
	DIR *dir = opendir(arena_printf(r->arena, "%s%s", r->root, path));
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len < 6 || strcmp(entry->d_name + len - 5, ".conf") != 0 ||
		    has_name(files, entry->d_name))
			continue;
		files->items = arena_grow(r->arena, files->items, files->n, &files->cap,
					  sizeof(*files->items));
		files->items[files->n++] = (struct conf_file){
			.name = arena_strdup(r->arena, entry->d_name),
			.path = arena_printf(r->arena, "%s/%s", path, entry->d_name)};
	}
	if (dir)
		closedir(dir);
}

static bool is_same(struct conf_reading *r, const char *a, const char *b)
{
	struct stat x, y;

	return stat(arena_printf(r->arena, "%s%s", r->root, a), &x) == 0 &&
	       stat(arena_printf(r->arena, "%s%s", r->root, b), &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static bool ufw_is_on(struct conf_reading *r)
{
	FILE *file = open_file(r, "/etc/ufw/ufw.conf");
	char line[LINE_SIZE];
	bool on = false;

	while (file && fgets(line, sizeof(line), file)) {
		const char *text = trim(line);

		if (strncasecmp(text, "ENABLED=", 8) == 0)
			on = strcasecmp(text + 8, "yes") == 0;
	}
	if (file)
		fclose(file);
	return on;
}

void sysctl_conf_read(struct arena *arena, const char *root,
		      struct sysctl_setting out[static SYSCTL_READER__COUNT][FAMILY__COUNT])
{
	struct conf_reading r = {.arena = arena, .root = root, .out = out};
	struct conf_files files = {0};
	bool linked = false;

	memset(out, 0, sizeof(*out) * SYSCTL_READER__COUNT);
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		list_directory(&r, directories[i], &files);
	if (files.n)
		qsort(files.items, files.n, sizeof(*files.items), by_name);
	for (size_t i = 0; i < files.n; i++) {
		read_file(&r, SYSCTL_READER_D, files.items[i].path);
		linked = linked || is_same(&r, files.items[i].path, "/etc/sysctl.conf");
	}
	/* Debian links it into sysctl.d: there it has its place in the order already. */
	if (!linked)
		read_file(&r, SYSCTL_READER_CONF, "/etc/sysctl.conf");
	if (ufw_is_on(&r))
		read_file(&r, SYSCTL_READER_UFW, "/etc/ufw/sysctl.conf");
}
