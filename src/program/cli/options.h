// SPDX-License-Identifier: GPL-2.0-or-later
// options: the one table of commands and the one of options. The command line is read with them;
// --help, the shell completions and the manual's synopsis are made from them.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum command {
	COMMAND_CHECK,
	COMMAND_PLAN,
	COMMAND_APPLY,
	COMMAND_CONFIRM,
	COMMAND_ROLLBACK,
	COMMAND_STATUS,
	COMMAND_REMOVE,
	COMMAND_EXPLAIN,
	COMMAND_PROVE,
	COMMAND_SCHEMA,
	COMMAND__COUNT
};

/** What may follow a command. */
enum operands {
	OPERANDS_NONE,
	OPERANDS_FILES,  /**< FILE... */
	OPERANDS_PACKET, /**< FILE... SRC DST */
	OPERANDS__COUNT
};

struct command_info {
	const char *name;
	enum operands operands;
	const char *help; /**< a few words for the list of commands */
	const char *more; /**< what --help of the command and the manual add; full sentences */
};

/** Indexed by enum command. */
extern const struct command_info command_table[COMMAND__COUNT];

enum option {
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_QUIET,
	OPTION_VERBOSE,
	OPTION_JSON,
	OPTION_COLOR,
	OPTION_NETNS,
	OPTION_WAIT,
	OPTION_BACKEND,
	OPTION_SYSLOG,
	OPTION_DRY_RUN,
	OPTION_CONFIRM,
	OPTION_PROVE,
	OPTION_WITH_HOST,
	OPTION_TAP,
	OPTION_FROM,
	OPTION_LIVE,
	OPTION__COUNT
};

/** Most words an option's argument can be one of. */
#define OPTION_WORDS_MAX 4

struct option_info {
	const char *name;      /**< long form without the dashes */
	const char *alias;     /**< its earlier name, which is still understood; or NULL */
	char letter;           /**< short form, or 0 */
	const char *argument;  /**< what the argument is called; NULL: takes none */
	bool optional;         /**< the argument may be left out; it follows '=' only */
	unsigned int commands; /**< bit 1 << enum command: where it is allowed; 0: everywhere */
	const char *words[OPTION_WORDS_MAX]; /**< what the argument can be; the first: default */
	const char *help;
};

/** Indexed by enum option. */
extern const struct option_info option_table[OPTION__COUNT];

/** Tells whether the option may stand with the command. */
bool option_allowed(enum option option, enum command command);

/** What an exit status means. */
enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_DESCRIPTION = 3,
	STATUS_BUSY = 4,
	STATUS_DIFFERS = 5,
	STATUS_PENDING = 10,
};

struct status_info {
	enum status status;
	const char *help;
};

/** Rows of status_table. */
#define STATUS_COUNT 7

/** Every exit status with its meaning. */
extern const struct status_info status_table[STATUS_COUNT];

/** Stable codes of the program's own diagnostics: X(name, code, meaning), as in base/diag_codes.h. */
#define PROGRAM_CODES(X) \
	X(FILE_UNREADABLE, "HG-E300", "a file or directory of the description cannot be read") \
	X(NO_DESCRIPTION, "HG-E301", "there is no description to read") \
	X(PACKET, "HG-E310", "explain: the packet on the command line cannot be followed") \
	X(TOO_LARGE, "HG-E302", "a description is too large to be proved at once") \
	X(NOT_PROVED, "HG-E303", "apply --prove found a leak or a failure, and changed nothing") \
	X(NO_RECORD, "HG-W300", "rules are installed, but no record says from which description") \
	X(BLOCKED, "HG-W301", "other programs' rules drop what the description lets pass") \
	X(SYSCTL_FILE, "HG-W302", "a file sets forwarding to another value than the description needs")

enum program_code {
#define PROGRAM_CODE_ENUM(name, code, meaning) PROGRAM_##name,
	PROGRAM_CODES(PROGRAM_CODE_ENUM)
#undef PROGRAM_CODE_ENUM
	PROGRAM_CODE__COUNT
};

/** A row of program_codes. */
struct program_code_row {
	const char *code;
	const char *meaning; /**< one line */
};

/** Indexed by enum program_code. */
extern const struct program_code_row program_codes[PROGRAM_CODE__COUNT];

/** The stable code of a condition, for diag_add(). */
#define PROGRAM_CODE(name) (program_codes[PROGRAM_##name].code)

#endif
