// SPDX-License-Identifier: GPL-2.0-or-later
// args: the command line, read with the tables of options.h; and the help made from them.
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "hostgate/buf.h"

/** The command line, understood. Texts are those of argv. */
struct args {
	bool has_command;
	enum command command;
	bool given[OPTION__COUNT];
	const char *value[OPTION__COUNT]; /**< argument; the default of options with words */
	unsigned int confirm_seconds; /**< of --confirm; 0: without */
	double wait_seconds;
	const char **files; /**< owned; args_free() */
	size_t n_files;
	const char *src, *dst; /**< of commands with OPERANDS_PACKET */
};

/**
 * Reads the command line. Options may stand anywhere before "--". Returns false and writes what is
 * wrong with it to error when it cannot be understood.
 */
bool args_read(struct args *args, int argc, char **argv, struct buf *error);

/** Frees what args_read() allocated. */
void args_free(struct args *args);

/** Writes the help of the program, or of one command when it is given. */
void args_help(const struct args *args, struct buf *out);

/** Writes "hostgate NAME [options] [FILE...]" of a command. */
void args_synopsis(enum command command, struct buf *out);

#endif
