// SPDX-License-Identifier: GPL-2.0-or-later
// sources: the files of a description, loaded into memory.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag_codes.h"
#include "cli/run.h"
#include "cli/sources.h"
#include "text/yaml.h"

/* Bytes asked for at once. */
#define CHUNK 65536

static bool fail(struct diags *diags, const char *what, const char *name, int err)
{
	diag_add(diags, SEVERITY_ERROR, PROGRAM_CODE(FILE_UNREADABLE), PLACE_NONE,
		 "cannot %s %s: %s", what, name, strerror(err));
	return false;
}

/* Reads to the end, or one byte past the limit: then there is more than is allowed. */
static int read_all(int fd, struct buf *text)
{
	char chunk[CHUNK];

	while (text->len <= YAML_MAX_BYTES) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_add(text, chunk, (size_t)n);
	}
	return -EFBIG;
}

static bool load_fd(struct diags *diags, int fd, const char *name)
{
	struct buf text __attribute__((cleanup(buf_free))) = {0};
	int result = read_all(fd, &text);

	if (result == -EFBIG) {
		diag_add(diags, SEVERITY_ERROR, CODE(FILE_TOO_LARGE), PLACE_NONE,
			 "%s is larger than 64 MiB", name);
		return false;
	}
	if (result < 0)
		return fail(diags, "read", name, -result);
	diags_add_source(diags, name, buf_text(&text), text.len);
	return true;
}

static bool load_file(struct diags *diags, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail(diags, "open", path, errno);

	bool fine = load_fd(diags, fd, path);

	close(fd);
	return fine;
}

static int is_description(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".yaml") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Loads every *.yaml; *n counts them. */
static bool load_directory(struct arena *arena, struct diags *diags, const char *path, size_t *n)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_description, by_bytes);
	size_t len = strlen(path);
	bool fine = true;

	if (count < 0)
		return fail(diags, "read the directory", path, errno);
	for (int i = 0; i < count; i++) {
		const char *slash = len > 0 && path[len - 1] == '/' ? "" : "/";

		if (!load_file(diags,
			       arena_printf(arena, "%s%s%s", path, slash, entries[i]->d_name)))
			fine = false;
		free(entries[i]);
	}
	free(entries);
	*n += (size_t)count;
	return fine;
}

static bool load(struct arena *arena, struct diags *diags, const char *path)
{
	struct stat info;
	size_t n = 0;

	if (strcmp(path, "-") == 0)
		return load_fd(diags, STDIN_FILENO, "<stdin>");
	if (stat(path, &info) < 0)
		return fail(diags, "open", path, errno);
	if (!S_ISDIR(info.st_mode))
		return load_file(diags, path);
	if (!load_directory(arena, diags, path, &n))
		return false;
	if (n > 0)
		return true;
	diag_add(diags, SEVERITY_ERROR, PROGRAM_CODE(NO_DESCRIPTION), PLACE_NONE,
		 "there is no *.yaml in the directory %s", path);
	return false;
}

/* Either of the two default places may be missing, not both. */
static bool load_default(struct arena *arena, struct diags *diags)
{
	bool fine = true;
	size_t n = 0;

	if (access(DEFAULT_FILE, F_OK) == 0 || errno != ENOENT) {
		fine = load_file(diags, DEFAULT_FILE);
		n++;
	}
	if (access(DEFAULT_DIR, F_OK) == 0 || errno != ENOENT)
		fine &= load_directory(arena, diags, DEFAULT_DIR, &n);
	if (!fine || n > 0)
		return fine;

	struct diag *diag =
		diag_add(diags, SEVERITY_ERROR, PROGRAM_CODE(NO_DESCRIPTION), PLACE_NONE,
			 "there is no description: neither %s nor a *.yaml in %s", DEFAULT_FILE,
			 DEFAULT_DIR);

	diag_hint(diags, diag, "write %s, see hostgate.yaml(5), or name a file on the command line",
		  DEFAULT_FILE);
	return false;
}

bool sources_load(struct arena *arena, struct diags *diags, const char *const *files,
		  size_t n_files)
{
	bool fine = true;

	if (n_files == 0)
		return load_default(arena, diags);
	for (size_t i = 0; i < n_files; i++)
		if (!load(arena, diags, files[i]))
			fine = false;
	return fine;
}
