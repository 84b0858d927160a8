// SPDX-License-Identifier: GPL-2.0-or-later
// arena: the memory of one run, allocated piecewise and freed at once.
#ifndef HOSTGATE_ARENA_H
#define HOSTGATE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

/** A bump allocator. Everything taken from it lives until arena_free(). */
struct arena;

/** Returns a new, empty arena, owned by the caller. */
struct arena *arena_new(void);

/** Frees the arena and everything taken from it. NULL is allowed. */
void arena_free(struct arena *arena);

/**
 * What happens when memory runs out: the handler is called and must not return. Without one the
 * process aborts. Only main() sets it; so no caller of arena_alloc() has to check for NULL.
 */
void arena_on_exhaustion(void (*handler)(void));

/** Returns size zeroed bytes, aligned for any type; never NULL, also for size 0. */
void *arena_alloc(struct arena *arena, size_t size);

/** Returns n * size zeroed bytes; an overflow of the product counts as exhaustion. */
void *arena_calloc(struct arena *arena, size_t n, size_t size);

/** Returns a NUL-terminated copy of len bytes of text. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);

/** Returns a copy of a string. */
char *arena_strdup(struct arena *arena, const char *text);

/** Returns a formatted string. */
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Returns a formatted string from an argument list. */
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/**
 * Makes room for one more item in a growing array of the arena. array is the present memory (NULL
 * at first), n its used items, *cap its capacity, size one item. Returns the array to use from now
 * on, with at least n + 1 items, and no longer the old one; *cap is updated. An array that does
 * not come from here, or that others use too, is given with *cap 0: it is copied.
 */
void *arena_grow(struct arena *arena, void *array, size_t n, size_t *cap, size_t size);

#endif
