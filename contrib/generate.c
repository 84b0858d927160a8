// SPDX-License-Identifier: GPL-2.0-or-later
// generate: prints a manual or a completion with what comes from the program's tables.
//
// usage: generate FILE
// A manual keeps its text; what stands between the comments "begin NAME" and "end NAME" is made
// anew. A completion is made whole. Run by `make generate`.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag_codes.h"
#include "cli/options.h"
#include "text/schema.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* --- manuals ------------------------------------------------------------------------------- */

/* Width of a manual's source lines. */
#define LINE_WIDTH 78

/* Text of a manual: no control lines, no escapes; a sentence begins a line, long ones are broken. */
static void print_text(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > LINE_WIDTH) {
			putchar('\n');
			column = 0;
		} else if (column > 0) {
			putchar(' ');
			column++;
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		for (size_t i = 0; i < len; i++)
			printf("%s", text[i] == '\\' ? "\\e" : (char[]){text[i], '\0'});
		column += len;
		if (text[len - 1] == '.') {
			putchar('\n');
			column = 0;
		}
		text += len + strspn(text + len, " ");
	}
	if (column > 0)
		putchar('\n');
}

/* Words one a line, with commas: ".Cm a ,\n.Cm b". */
static void print_words(const char *macro, const char *const *words, size_t n, unsigned int without)
{
	bool first = true;

	for (size_t i = 0; i < n && words[i]; i++) {
		if (without & 1U << i)
			continue;
		printf("%s.%s %s", first ? "" : " ,\n", macro, words[i]);
		first = false;
	}
}

static void print_option_name(const struct option_info *info)
{
	if (info->letter)
		printf("Fl %c , ", info->letter);
	printf("Fl -%s", info->name);
	if (info->argument && info->optional)
		printf(" Ns Oo = Ns Ar %s Oc", info->argument);
	else if (info->argument)
		printf(" Ns = Ns Ar %s", info->argument);
}

static void make_synopsis(void)
{
	for (size_t c = 0; c < COMMAND__COUNT; c++) {
		printf(".Nm\n.Cm %s\n.Op Ar option ...\n", command_table[c].name);
		for (size_t o = 0; o < OPTION__COUNT; o++) {
			const struct option_info *info = &option_table[o];

			if (info->commands == 0 || !option_allowed((enum option)o, (enum command)c))
				continue;
			printf(".Op ");
			print_option_name(info);
			putchar('\n');
		}
		if (command_table[c].operands != OPERANDS_NONE)
			puts(".Op Ar");
		if (command_table[c].operands == OPERANDS_PACKET)
			puts(".Ar SRC\n.Ar DST Ns Oo : Ns Ar PORT Oc Ns Oo / Ns Ar PROTO Oc");
	}
}

static void make_commands(void)
{
	puts(".Bl -tag -width remove");
	for (size_t c = 0; c < COMMAND__COUNT; c++) {
		printf(".It Cm %s\n", command_table[c].name);
		print_text(command_table[c].more);
	}
	puts(".El");
}

static void make_options(void)
{
	puts(".Bl -tag -width Ds");
	for (size_t o = 0; o < OPTION__COUNT; o++) {
		const struct option_info *info = &option_table[o];

		printf(".It ");
		print_option_name(info);
		printf("\n%c%s.\n", *info->help - ('a' - 'A'), info->help + 1);
		if (info->commands) {
			const char *names[COMMAND__COUNT];
			size_t n = 0;

			for (size_t c = 0; c < COMMAND__COUNT; c++)
				if (option_allowed((enum option)o, (enum command)c))
					names[n++] = command_table[c].name;
			puts("Only with");
			print_words("Cm", names, n, 0);
			puts(" .");
		}
		if (info->words[0]) {
			printf(".Ar %s\nis one of\n", info->argument);
			print_words("Cm", info->words, OPTION_WORDS_MAX, 0);
			printf(" ;\nby default\n.Cm %s .\n", info->words[0]);
		}
	}
	puts(".El");
}

static void make_statuses(void)
{
	puts(".Bl -tag -width 4n -compact");
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		printf(".It %d\n", (int)status_table[i].status);
		print_text(status_table[i].help);
	}
	puts(".El");
}

static void make_reader_codes(void)
{
	puts(".Bl -tag -width HG-E000 -compact");
	for (size_t i = 0; i < DIAG_CODE__COUNT; i++) {
		printf(".It %s\n", diag_codes[i].code);
		print_text(diag_codes[i].meaning);
	}
	puts(".El");
}

static void make_program_codes(void)
{
	puts(".Bl -tag -width HG-E000 -compact");
	for (size_t i = 0; i < PROGRAM_CODE__COUNT; i++) {
		printf(".It %s\n", program_codes[i].code);
		print_text(program_codes[i].meaning);
	}
	puts(".El");
}

static void print_key(const struct schema_key *key)
{
	static const char *const forms[FORM__COUNT] = {
		[FORM_ONE] = "",
		[FORM_ONE_OR_LIST] = " or a list",
		[FORM_LIST] = " list",
		[FORM_ONE_OR_MAP] = "",
	};

	printf(".It Ic %s : Ar %s%s\n", key->name, schema_kinds[key->kind].noun, forms[key->form]);
	print_text(key->doc);
	if (key->required)
		puts("Required.");
	if (key->words) {
		puts(key->kind == KIND_WORD ? "One of" : "May be");
		print_words("Cm", key->words, key->n_words, key->words_later);
		puts(" .");
	}
	if (key->fallback)
		printf("Default:\n.Cm %s .\n", key->fallback);
}

/* The keys of a section that this version knows. */
static void make_keys(enum schema_section section)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < schema_n_keys; i++)
		if (schema_keys[i].section == section && schema_keys[i].supported)
			print_key(&schema_keys[i]);
	puts(".El");
}

static void make_top_keys(void)
{
	make_keys(SECTION_TOP);
}

static void make_uplink_keys(void)
{
	make_keys(SECTION_UPLINK);
}

static void make_network_keys(void)
{
	make_keys(SECTION_NETWORK);
}

static void make_settings_keys(void)
{
	make_keys(SECTION_SETTINGS);
}

static bool kind_is_used(enum schema_kind kind)
{
	for (size_t i = 0; i < schema_n_keys; i++)
		if (schema_keys[i].supported && schema_keys[i].kind == kind)
			return true;
	return false;
}

static void make_kinds(void)
{
	puts(".Bl -tag -width Ds -compact");
	for (size_t k = 0; k < KIND__COUNT; k++) {
		if (!kind_is_used((enum schema_kind)k))
			continue;
		printf(".It %s\n", schema_kinds[k].noun);
		print_text(schema_kinds[k].doc);
	}
	puts(".El");
}

static void make_later_keys(void)
{
	const char *names[64];
	size_t n = 0;

	for (size_t i = 0; i < schema_n_keys && n < COUNT(names); i++)
		if (!schema_keys[i].supported && (schema_keys[i].section == SECTION_NETWORK ||
						  schema_keys[i].section == SECTION_SETTINGS))
			names[n++] = schema_keys[i].name;
	print_words("Ic", names, n, 0);
	puts(" .");
}

static const struct {
	const char *name;
	void (*make)(void);
} parts[] = {
	{"synopsis", make_synopsis},
	{"commands", make_commands},
	{"options", make_options},
	{"exit status", make_statuses},
	{"program codes", make_program_codes},
	{"reader codes", make_reader_codes},
	{"top keys", make_top_keys},
	{"uplink keys", make_uplink_keys},
	{"network keys", make_network_keys},
	{"settings keys", make_settings_keys},
	{"kinds", make_kinds},
	{"later keys", make_later_keys},
};

static bool make_part(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(parts); i++)
		if (strlen(parts[i].name) == len && strncmp(parts[i].name, name, len) == 0) {
			parts[i].make();
			return true;
		}
	fprintf(stderr, "generate: there is no part \"%.*s\"\n", (int)len, name);
	return false;
}

static bool make_manual(const char *path)
{
	static const char begin[] = ".\\\" begin ", end[] = ".\\\" end ";
	FILE *file = fopen(path, "r");
	char line[1024];
	bool inside = false;

	if (!file) {
		perror(path);
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, end, sizeof(end) - 1) == 0)
			inside = false;
		if (!inside)
			fputs(line, stdout);
		if (strncmp(line, begin, sizeof(begin) - 1) == 0) {
			const char *name = line + sizeof(begin) - 1;

			inside = true;
			if (!make_part(name, strcspn(name, "\n")))
				return false;
		}
	}
	fclose(file);
	return true;
}

/* --- completions --------------------------------------------------------------------------- */

static void print_head(const char *shell)
{
	printf("# SPDX-License-Identifier: GPL-2.0-or-later\n"
	       "# Completion of hostgate for %s; made by `make generate`.\n\n",
	       shell);
}

static void print_command_names(const char *between)
{
	for (size_t c = 0; c < COMMAND__COUNT; c++)
		printf("%s%s", c == 0 ? "" : between, command_table[c].name);
}

static void print_option_words(const struct option_info *info)
{
	for (size_t w = 0; w < OPTION_WORDS_MAX && info->words[w]; w++)
		printf("%s%s", w == 0 ? "" : " ", info->words[w]);
}

static void make_bash(void)
{
	print_head("bash");
	printf("_hostgate() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	       "\tlocal command='' word\n"
	       "\t# bash splits --option=word into three words\n"
	       "\tif [[ $cur == '=' ]]; then\n"
	       "\t\tcur=''\n"
	       "\telif [[ $prev == '=' ]]; then\n"
	       "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	       "\tfi\n"
	       "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\tcase $word in\n\t\t");
	print_command_names(" | ");
	printf(") command=$word && break ;;\n\t\tesac\n\tdone\n\tCOMPREPLY=()\n"
	       "\tcase $prev in\n");
	for (size_t o = 0; o < OPTION__COUNT; o++) {
		const struct option_info *info = &option_table[o];

		if (!info->argument)
			continue;
		printf("\t--%s)", info->name);
		if (info->optional)
			printf(" [[ ${COMP_WORDS[*]} == *--%s*=* ]] &&", info->name);
		if (o == OPTION_NETNS) {
			printf(" mapfile -t COMPREPLY < <(cd /run/netns 2>/dev/null && "
			       "compgen -f -- \"$cur\");");
		} else if (info->words[0]) {
			printf(" mapfile -t COMPREPLY < <(compgen -W '");
			print_option_words(info);
			printf("' -- \"$cur\")%s", info->optional ? " &&" : ";");
		}
		puts(" return ;;");
	}
	printf("\tesac\n\tif [[ $cur == -* ]]; then\n\t\tlocal options='");
	for (size_t o = 0; o < OPTION__COUNT; o++)
		if (option_table[o].commands == 0)
			printf("%s--%s", o == 0 ? "" : " ", option_table[o].name);
	printf("'\n\t\tcase $command in\n");
	for (size_t c = 0; c < COMMAND__COUNT; c++)
		for (size_t o = 0; o < OPTION__COUNT; o++)
			if (option_table[o].commands &&
			    option_allowed((enum option)o, (enum command)c))
				printf("\t\t%s) options+=' --%s' ;;\n", command_table[c].name,
				       option_table[o].name);
	printf("\t\tesac\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
	       "\telif [[ -z $command ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W '");
	print_command_names(" ");
	printf("' -- \"$cur\")\n"
	       "\telse\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	       "\tfi\n"
	       "}\n"
	       "complete -o filenames -F _hostgate hostgate\n");
}

/* Text between single quotes in which ':' and brackets mean something. */
static void print_zsh_text(const char *text)
{
	for (; *text; text++) {
		if (*text == ':' || *text == '[' || *text == ']')
			putchar('\\');
		putchar(*text);
	}
}

static void print_zsh_option(const struct option_info *info)
{
	printf("\t\t");
	if (info->letter)
		printf("'(-%c --%s)'{-%c,--%s}'", info->letter, info->name, info->letter,
		       info->name);
	else
		printf("'--%s%s", info->name, !info->argument ? "" : info->optional ? "=-" : "=");
	putchar('[');
	print_zsh_text(info->help);
	putchar(']');
	if (info->argument) {
		printf("%s%s:", info->optional ? "::" : ":", info->argument);
		if (info->words[0]) {
			putchar('(');
			print_option_words(info);
			putchar(')');
		} else if (info == &option_table[OPTION_NETNS]) {
			printf("_files -W /run/netns");
		}
	}
	puts("'");
}

static void make_zsh(void)
{
	puts("#compdef hostgate");
	print_head("zsh");
	printf("_hostgate() {\n\tlocal -a commands options\n\tlocal command\n\tcommands=(\n");
	for (size_t c = 0; c < COMMAND__COUNT; c++) {
		printf("\t\t'%s:", command_table[c].name);
		print_zsh_text(command_table[c].help);
		puts("'");
	}
	puts("\t)\n\toptions=(");
	for (size_t o = 0; o < OPTION__COUNT; o++)
		if (option_table[o].commands == 0)
			print_zsh_option(&option_table[o]);
	printf("\t)\n\tfor command in ${words[2,CURRENT-1]} ''; do\n"
	       "\t\t[[ $command == (");
	print_command_names("|");
	printf(") ]] && break\n\tdone\n\tcase $command in\n");
	for (size_t c = 0; c < COMMAND__COUNT; c++)
		for (size_t o = 0; o < OPTION__COUNT; o++)
			if (option_table[o].commands &&
			    option_allowed((enum option)o, (enum command)c)) {
				printf("\t%s) options+=(\n", command_table[c].name);
				print_zsh_option(&option_table[o]);
				puts("\t) ;;");
			}
	puts("\tesac\n"
	     "\tif [[ -n $command ]]; then\n"
	     "\t\t_arguments -S $options \"1:command:($command)\" '*:file:_files'\n"
	     "\telse\n"
	     "\t\t_arguments -S $options '1:command:{_describe command commands}'\n"
	     "\tfi\n"
	     "}\n\n"
	     "_hostgate \"$@\"");
}

/* Within quotes fish knows these two escapes only. */
static void print_fish_help(const char *text)
{
	printf(" -d '");
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	puts("'");
}

static void make_fish(void)
{
	print_head("fish");
	printf("set -l commands ");
	print_command_names(" ");
	puts("\n");
	for (size_t c = 0; c < COMMAND__COUNT; c++) {
		printf("complete -c hostgate -n \"not __fish_seen_subcommand_from $commands\" -f "
		       "-a %s",
		       command_table[c].name);
		print_fish_help(command_table[c].help);
	}
	for (size_t o = 0; o < OPTION__COUNT; o++) {
		const struct option_info *info = &option_table[o];

		printf("complete -c hostgate");
		if (info->commands) {
			printf(" -n '__fish_seen_subcommand_from");
			for (size_t c = 0; c < COMMAND__COUNT; c++)
				if (option_allowed((enum option)o, (enum command)c))
					printf(" %s", command_table[c].name);
			putchar('\'');
		}
		if (info->letter)
			printf(" -s %c", info->letter);
		printf(" -l %s", info->name);
		if (info->argument && !info->optional)
			printf(" -x");
		if (info->words[0]) {
			printf(" -a '");
			print_option_words(info);
			putchar('\'');
		} else if (o == OPTION_NETNS) {
			printf(" -a '(path basename /run/netns/* 2>/dev/null)'");
		}
		print_fish_help(info->help);
	}
}

int main(int argc, char **argv)
{
	const char *slash = argc == 2 ? strrchr(argv[1], '/') : NULL;
	const char *name = slash ? slash + 1 : argc == 2 ? argv[1] : "";

	if (argc != 2) {
		fputs("usage: generate FILE\n", stderr);
		return 2;
	}
	if (strcmp(name, "hostgate.bash") == 0)
		make_bash();
	else if (strcmp(name, "_hostgate") == 0)
		make_zsh();
	else if (strcmp(name, "hostgate.fish") == 0)
		make_fish();
	else if (!make_manual(argv[1]))
		return 1;
	return fflush(stdout) == 0 ? 0 : 1;
}
