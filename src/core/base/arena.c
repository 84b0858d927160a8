// SPDX-License-Identifier: GPL-2.0-or-later
// arena: bump allocation in zeroed blocks that are freed together.
#include "hostgate/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/exhaustion.h"

#define BLOCK_MIN ((size_t)16 << 10)
#define BLOCK_MAX ((size_t)1 << 20)
#define ALIGNMENT alignof(max_align_t)

struct block {
	struct block *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char data[];
};

/*
 * A large growing array is a block by itself, which realloc() can extend without leaving the old
 * array behind.
 */
struct array {
	struct array *prev, *next;
	alignas(max_align_t) char data[];
};

/* Arrays of at least so many bytes. */
#define ARRAY_MIN ((size_t)32 * 1024)

struct arena {
	struct block *blocks; /* the first one is being filled */
	struct array *arrays;
	size_t next_size;
};

static void (*exhaustion_handler)(void);

void arena_on_exhaustion(void (*handler)(void))
{
	exhaustion_handler = handler;
}

_Noreturn void arena_exhausted(void)
{
	if (exhaustion_handler)
		exhaustion_handler();
	abort();
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		arena_exhausted();
	arena->next_size = BLOCK_MIN;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	while (arena->blocks) {
		struct block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	while (arena->arrays) {
		struct array *next = arena->arrays->next;

		free(arena->arrays);
		arena->arrays = next;
	}
	free(arena);
}

static struct block *block_new(size_t size)
{
	struct block *block;

	if (size > SIZE_MAX - sizeof(*block))
		arena_exhausted();
	block = calloc(1, sizeof(*block) + size);
	if (!block)
		arena_exhausted();
	block->size = size;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct block *block = arena->blocks;
	size_t rounded;
	void *memory;

	if (size > SIZE_MAX - ALIGNMENT)
		arena_exhausted();
	rounded = (size ? size + ALIGNMENT - 1 : ALIGNMENT) / ALIGNMENT * ALIGNMENT;
	if (!block || rounded > block->size - block->used) {
		if (block && rounded > arena->next_size / 4) {
			/* Its own block, behind the one being filled, which keeps its free room. */
			struct block *own = block_new(rounded);

			own->used = rounded;
			own->next = block->next;
			block->next = own;
			return own->data;
		}
		block = block_new(rounded > arena->next_size ? rounded : arena->next_size);
		block->next = arena->blocks;
		arena->blocks = block;
		if (arena->next_size < BLOCK_MAX)
			arena->next_size *= 2;
	}
	memory = block->data + block->used;
	block->used += rounded;
	return memory;
}

void *arena_calloc(struct arena *arena, size_t n, size_t size)
{
	size_t product;

	if (__builtin_mul_overflow(n, size, &product))
		arena_exhausted();
	return arena_alloc(arena, product);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		arena_exhausted();
	copy = arena_alloc(arena, len + 1);
	if (len)
		memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0)
		arena_exhausted();
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, args);
	return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

/* Gives the array, or a new one for NULL, so many bytes; those beyond used are zero. */
static void *array_resize(struct arena *arena, void *data, size_t used, size_t bytes)
{
	struct array *array = data ? (struct array *)((char *)data - offsetof(struct array, data)) :
				     NULL;

	if (bytes > SIZE_MAX - sizeof(*array))
		arena_exhausted();
	if (array) {
		array = realloc(array, sizeof(*array) + bytes);
		if (!array)
			arena_exhausted();
		memset(array->data + used, 0, bytes - used);
	} else {
		array = calloc(1, sizeof(*array) + bytes);
		if (!array)
			arena_exhausted();
		array->next = arena->arrays;
	}
	if (array->next)
		array->next->prev = array;
	if (array->prev)
		array->prev->next = array;
	else
		arena->arrays = array;
	return array->data;
}

void *arena_grow(struct arena *arena, void *array, size_t n, size_t *cap, size_t size)
{
	size_t wanted = *cap > n ? *cap : n, bytes;
	bool resizable = *cap && *cap * size >= ARRAY_MIN;
	void *bigger;

	if (n < *cap)
		return array;
	if (wanted < 2)
		wanted = 2;
	if (__builtin_mul_overflow(wanted, (size_t)2, &wanted) ||
	    __builtin_mul_overflow(wanted, size, &bytes))
		arena_exhausted();
	*cap = wanted;
	if (resizable)
		return array_resize(arena, array, n * size, bytes);
	bigger = bytes >= ARRAY_MIN ? array_resize(arena, NULL, 0, bytes) :
				      arena_alloc(arena, bytes);
	if (n)
		memcpy(bigger, array, n * size);
	return bigger;
}
