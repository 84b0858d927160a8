// SPDX-License-Identifier: GPL-2.0-or-later
// buf: a growing output buffer; what every printer writes into.
#ifndef HOSTGATE_BUF_H
#define HOSTGATE_BUF_H

#include <stddef.h>

/** A growing byte buffer. Initialise with {0}; data is NUL-terminated once anything was added. */
struct buf {
	char *data; /**< owned; NULL while empty; free with buf_free() */
	size_t len; /**< bytes used, the final NUL not counted */
	size_t cap; /**< bytes allocated */
};

/** Frees the memory and leaves an empty buffer. Usable as a cleanup attribute's function. */
void buf_free(struct buf *buf);

/** Appends len bytes. Running out of memory is handled as in arena_on_exhaustion(). */
void buf_add(struct buf *buf, const void *bytes, size_t len);

/** Appends a string. */
void buf_puts(struct buf *buf, const char *text);

/** Appends one byte. */
void buf_putc(struct buf *buf, char byte);

/** Appends formatted text. */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Returns the text so far, "" for an empty buffer; valid until the next change. */
const char *buf_text(const struct buf *buf);

#endif
