// SPDX-License-Identifier: GPL-2.0-or-later
// buf: a growing output buffer on the heap.
#include "hostgate/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exhaustion.h"

/* Makes room for len more bytes and the final NUL. */
static void buf_reserve(struct buf *buf, size_t len)
{
	size_t need, cap = buf->cap ? buf->cap : 256;
	char *data;

	if (len >= SIZE_MAX / 2 - buf->len)
		arena_exhausted();
	need = buf->len + len + 1;
	if (need <= buf->cap)
		return;
	while (cap < need)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (!data)
		arena_exhausted();
	buf->data = data;
	buf->cap = cap;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (!len)
		return;
	buf_reserve(buf, len);
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char byte)
{
	buf_add(buf, &byte, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		arena_exhausted();
	buf_reserve(buf, (size_t)len);
	va_start(args, format);
	vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

const char *buf_text(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}
