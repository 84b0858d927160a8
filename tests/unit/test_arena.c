// SPDX-License-Identifier: GPL-2.0-or-later
// test_arena: alignment, zeroing, growth and exhaustion.
#include "reading.h"

#include <stdalign.h>

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
	struct arena *arena = arena_new();
	unsigned char *before = NULL;

	(void)state;
	for (size_t size = 0; size < 5000; size = size * 3 / 2 + 1) {
		for (int round = 0; round < 50; round++) {
			unsigned char *memory = arena_alloc(arena, size);

			assert_non_null(memory);
			assert_ptr_not_equal(memory, before);
			assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(memory[i], 0);
			memset(memory, 0xee, size);
			before = memory;
		}
	}
	memset(arena_alloc(arena, (size_t)8 << 20), 1, (size_t)8 << 20);
	arena_free(arena);
	arena_free(NULL);
}

static void texts_are_copied(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(arena, "", 0), "");
	assert_string_equal(arena_strdup(arena, "abc"), "abc");
	assert_string_equal(arena_printf(arena, "%s-%d", "x", 7), "x-7");
	assert_int_equal(strlen(arena_printf(arena, "%70000d", 1)), 70000);
	arena_free(arena);
}

static void arrays_grow_and_keep_their_items(void **state)
{
	struct arena *arena = arena_new();
	size_t cap = 0;
	int *items = NULL;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		items = arena_grow(arena, items, (size_t)i, &cap, sizeof(*items));
		assert_true(cap > (size_t)i);
		items[i] = i;
	}
	for (int i = 0; i < 10000; i++)
		assert_int_equal(items[i], i);
	arena_free(arena);
}

static jmp_buf exhausted;

static void on_exhaustion(void)
{
	longjmp(exhausted, 1);
}

static void exhaustion_is_told(void **state)
{
	static struct arena *arena;

	(void)state;
	arena = arena_new();
	arena_on_exhaustion(on_exhaustion);
	if (setjmp(exhausted) == 0) {
		arena_calloc(arena, SIZE_MAX / 2, 3);
		fail();
	}
	if (setjmp(exhausted) == 0) {
		arena_alloc(arena, SIZE_MAX - 3);
		fail();
	}
	arena_on_exhaustion(NULL);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(arrays_grow_and_keep_their_items),
		cmocka_unit_test(exhaustion_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
