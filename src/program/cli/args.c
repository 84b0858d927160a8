// SPDX-License-Identifier: GPL-2.0-or-later
// args: the command line, read with the tables of options.h; and the help made from them.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "hostgate/diag.h"

#define WAIT_DEFAULT 10.0

/* A day. */
#define CONFIRM_MAX 86400

/* Adds "; did you mean X?" when there is a near word. */
static void add_nearest(const char *word, const char *const *candidates, size_t n,
			const char *dashes, struct buf *error)
{
	const char *nearest = diag_nearest(word, candidates, n);

	if (nearest)
		buf_printf(error, "; did you mean %s%s?", dashes, nearest);
}

/* Looks the word up in the words of an option; NULL-terminated lists. */
static bool is_one_of(const char *word, const char *const words[OPTION_WORDS_MAX])
{
	for (size_t i = 0; i < OPTION_WORDS_MAX && words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static void add_words(const char *const words[OPTION_WORDS_MAX], const char *between,
		      struct buf *out)
{
	for (size_t i = 0; i < OPTION_WORDS_MAX && words[i]; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : between, words[i]);
}

static bool read_confirm(struct args *args, const char *value, struct buf *error)
{
	char *end;
	unsigned long seconds = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end != '\0' || seconds < 1 ||
	    seconds > CONFIRM_MAX) {
		buf_printf(error, "--confirm: \"%s\" is not a whole number of seconds from 1 to %d",
			   value, CONFIRM_MAX);
		return false;
	}
	args->confirm_seconds = (unsigned int)seconds;
	return true;
}

static bool set_option(struct args *args, enum option option, const char *value, struct buf *error)
{
	const struct option_info *info = &option_table[option];
	char *end;

	args->given[option] = true;
	if (!value)
		return true;
	args->value[option] = value;
	if (info->words[0] && !is_one_of(value, info->words)) {
		buf_printf(error, "--%s: \"%s\" is not one of ", info->name, value);
		add_words(info->words, ", ", error);
		return false;
	}
	if (option == OPTION_CONFIRM && !read_confirm(args, value, error))
		return false;
	if (option == OPTION_WAIT) {
		args->wait_seconds = strtod(value, &end);
		if (end == value || *end != '\0' || !isfinite(args->wait_seconds) ||
		    args->wait_seconds < 0) {
			buf_printf(error, "--wait: \"%s\" is not a number of seconds", value);
			return false;
		}
	}
	return true;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(word, text, len) == 0;
}

/* Reads "name" or "name=value" behind two dashes; *next is the argument behind it or NULL. */
static bool read_long(struct args *args, const char *text, const char *next, bool *took_next,
		      struct buf *error)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] == '=' ? text + len + 1 : NULL;
	const char *names[OPTION__COUNT];

	for (size_t i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *info = &option_table[i];

		names[i] = info->name;
		if (!is_word(text, len, info->name) &&
		    !(info->alias && is_word(text, len, info->alias)))
			continue;
		if (value && !info->argument) {
			buf_printf(error, "--%s takes no argument", info->name);
			return false;
		}
		if (!value && info->argument && !info->optional) {
			if (!next) {
				buf_printf(error, "--%s needs its argument %s", info->name,
					   info->argument);
				return false;
			}
			value = next;
			*took_next = true;
		}
		return set_option(args, (enum option)i, value, error);
	}

	char word[64];

	snprintf(word, sizeof(word), "%.*s", (int)(len < 60 ? len : 60), text);
	buf_printf(error, "unknown option --%s", word);
	add_nearest(word, names, OPTION__COUNT, "--", error);
	return false;
}

/* Reads the letters behind one dash. None of them takes an argument. */
static bool read_short(struct args *args, const char *letters, struct buf *error)
{
	for (; *letters; letters++) {
		size_t i = 0;

		while (i < OPTION__COUNT && option_table[i].letter != *letters)
			i++;
		if (i == OPTION__COUNT) {
			buf_printf(error, "unknown option -%c", *letters);
			return false;
		}
		args->given[i] = true;
	}
	return true;
}

static bool read_command(struct args *args, const char *word, struct buf *error)
{
	const char *names[COMMAND__COUNT];

	for (size_t i = 0; i < COMMAND__COUNT; i++) {
		names[i] = command_table[i].name;
		if (strcmp(word, names[i]) == 0) {
			args->command = (enum command)i;
			args->has_command = true;
			return true;
		}
	}
	buf_printf(error, "unknown command \"%s\"", word);
	add_nearest(word, names, COMMAND__COUNT, "", error);
	return false;
}

/* What no single argument shows. */
static bool check_together(struct args *args, struct buf *error)
{
	if (args->given[OPTION_HELP] || args->given[OPTION_VERSION])
		return true;
	if (!args->has_command) {
		buf_puts(error, "no command");
		return false;
	}
	const struct command_info *info = &command_table[args->command];

	for (size_t i = 0; i < OPTION__COUNT; i++) {
		if (args->given[i] && !option_allowed((enum option)i, args->command)) {
			buf_printf(error, "%s has no option --%s", info->name,
				   option_table[i].name);
			return false;
		}
	}
	if (args->command == COMMAND_REMOVE && args->n_files > 0 &&
	    (!args->given[OPTION_DRY_RUN] || strcmp(args->value[OPTION_DRY_RUN], "restore") != 0)) {
		buf_puts(error, "remove takes a file only with --dry-run=restore");
		return false;
	}
	if (args->n_files > 0 && info->operands == OPERANDS_NONE) {
		buf_printf(error, "%s takes no file: \"%s\"", info->name, args->files[0]);
		return false;
	}
	if (info->operands == OPERANDS_PACKET) {
		if (args->n_files < 2) {
			buf_printf(error, "%s needs SRC and DST", info->name);
			return false;
		}
		args->dst = args->files[--args->n_files];
		args->src = args->files[--args->n_files];
	}
	if (args->given[OPTION_DRY_RUN] && args->given[OPTION_CONFIRM]) {
		buf_puts(error, "--confirm cannot go with --dry-run: a dry run changes nothing");
		return false;
	}
	if (args->given[OPTION_DRY_RUN] && args->given[OPTION_JSON]) {
		buf_puts(error, "--dry-run cannot go with --json; --dry-run=json prints the rules");
		return false;
	}
	if (args->command == COMMAND_APPLY && args->given[OPTION_WITH_HOST] &&
	    !args->given[OPTION_PROVE]) {
		buf_puts(error, "apply takes --with-host only with --prove");
		return false;
	}
	return true;
}

bool args_read(struct args *args, int argc, char **argv, struct buf *error)
{
	bool only_operands = false;

	*args = (struct args){.wait_seconds = WAIT_DEFAULT};
	args->files = calloc((size_t)argc + 1, sizeof(*args->files));
	if (!args->files) {
		buf_puts(error, "out of memory");
		return false;
	}
	for (size_t i = 0; i < OPTION__COUNT; i++)
		args->value[i] = option_table[i].words[0];

	for (int i = 1; i < argc; i++) {
		const char *text = argv[i];
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		bool took_next = false, fine = true;

		if (only_operands || text[0] != '-' || text[1] == '\0') {
			if (args->has_command)
				args->files[args->n_files++] = text;
			else
				fine = read_command(args, text, error);
		} else if (strcmp(text, "--") == 0) {
			only_operands = true;
		} else if (text[1] == '-') {
			fine = read_long(args, text + 2, next, &took_next, error);
		} else {
			fine = read_short(args, text + 1, error);
		}
		if (!fine)
			return false;
		if (took_next)
			i++;
	}
	return check_together(args, error);
}

void args_free(struct args *args)
{
	free(args->files);
	args->files = NULL;
	args->n_files = 0;
}

void args_synopsis(enum command command, struct buf *out)
{
	const struct command_info *info = &command_table[command];

	buf_printf(out, "hostgate %s [OPTION...]", info->name);
	for (size_t i = 0; i < OPTION__COUNT; i++) {
		const struct option_info *option = &option_table[i];

		if (option->commands == 0 || !option_allowed((enum option)i, command))
			continue;
		buf_printf(out, " [--%s", option->name);
		if (option->argument)
			buf_printf(out, option->optional ? "[=%s]" : "=%s", option->argument);
		buf_puts(out, "]");
	}
	if (info->operands != OPERANDS_NONE)
		buf_puts(out, " [FILE...]");
	if (info->operands == OPERANDS_PACKET)
		buf_puts(out, " SRC DST[:PORT][/PROTO]");
}

static void add_option(const struct option_info *info, struct buf *out)
{
	struct buf left = {0};

	if (info->letter)
		buf_printf(&left, "-%c, ", info->letter);
	buf_printf(&left, "--%s", info->name);
	if (info->argument) {
		buf_puts(&left, info->optional ? "[=" : "=");
		if (info->words[0])
			add_words(info->words, "|", &left);
		else
			buf_puts(&left, info->argument);
		if (info->optional)
			buf_puts(&left, "]");
	}
	buf_printf(out, "  %-28s %s\n", buf_text(&left), info->help);
	buf_free(&left);
}

/* Text in lines of at most 80 columns. */
static void add_wrapped(const char *text, int indent, struct buf *out)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > 80) {
			buf_printf(out, "\n%*s", indent, "");
			column = (size_t)indent;
		} else if (column > 0) {
			buf_putc(out, ' ');
			column++;
		}
		column += len;
		buf_add(out, text, len);
		text += len + strspn(text + len, " ");
	}
	buf_putc(out, '\n');
}

void args_help(const struct args *args, struct buf *out)
{
	struct buf usage __attribute__((cleanup(buf_free))) = {0};

	if (args->has_command) {
		const struct command_info *info = &command_table[args->command];

		buf_puts(&usage, "usage: ");
		args_synopsis(args->command, &usage);
		add_wrapped(buf_text(&usage), 7, out);
		buf_putc(out, '\n');
		add_wrapped(info->more, 0, out);
		if (info->operands != OPERANDS_NONE)
			buf_puts(
				out,
				"\nFILE is a description, a directory of *.yaml, or - for standard "
				"input; by default\n/etc/hostgate.yaml and /etc/hostgate.d/.\n");
	} else {
		buf_puts(out, "usage: hostgate COMMAND [OPTION...] [FILE...]\n\n"
			      "Connects host-only networks to the outside, and keeps private what "
			      "must stay private.\n\n"
			      "commands:\n");
		for (size_t i = 0; i < COMMAND__COUNT; i++)
			buf_printf(out, "  %-28s %s\n", command_table[i].name,
				   command_table[i].help);
	}
	buf_puts(out, "\noptions:\n");
	for (size_t i = 0; i < OPTION__COUNT; i++)
		if (!args->has_command || option_allowed((enum option)i, args->command))
			add_option(&option_table[i], out);
	if (!args->has_command) {
		buf_puts(out, "\nexit status:\n");
		for (size_t i = 0; i < STATUS_COUNT; i++)
			buf_printf(out, "  %-28d %s\n", (int)status_table[i].status,
				   status_table[i].help);
	}
	buf_puts(out, "\nManuals: hostgate(8), hostgate.yaml(5)\n");
}
