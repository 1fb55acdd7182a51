/* SPDX-License-Identifier: MIT */
/* The few idioms that every file uses: ownership, sizes, owners of members. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Runs `function(&variable)` when the variable goes out of scope. */
#define _cleanup_(function) __attribute__((__cleanup__(function)))

#define _warn_unused_ __attribute__((__warn_unused_result__))
#define _printf_(format, first) __attribute__((__format__(__printf__, format, first)))

/* Hands a pointer or a descriptor over: the variable no longer owns it. */
#define TAKE_PTR(pointer)                                                                          \
	({                                                                                         \
		__typeof__(pointer) *_take_from = &(pointer);                                      \
		__typeof__(pointer) _taken = *_take_from;                                          \
		*_take_from = NULL;                                                                \
		_taken;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *_take_from = &(fd);                                                           \
		int _taken = *_take_from;                                                          \
		*_take_from = -1;                                                                  \
		_taken;                                                                            \
	})

#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* What a failed system call left in errno, as a negative number in any case: compilers and
 * analysers can't know that errno is set. */
static inline int negative_errno(void)
{
	int error = -errno;

	return error < 0 ? error : -EIO;
}

static inline void freep(void *pointer)
{
	free(*(void **)pointer);
}

/* Room for one more entry of `size` bytes behind the `n` of a growing array; its capacity doubles,
 * beginning with `first`. -ENOMEM: nothing was changed. */
static inline int array_reserve(void *array_pointer, size_t *capacity, size_t n, size_t first,
				size_t size)
{
	void **array = array_pointer;
	size_t wanted = *capacity ? 2 * *capacity : first;
	void *grown;

	if (n < *capacity) {
		return 0;
	}
	grown = reallocarray(*array, wanted, size);
	if (!grown) {
		return -ENOMEM;
	}
	*array = grown;
	*capacity = wanted;
	return 0;
}

static inline void closep(const int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd); /* nothing to do about a failing close */
	}
}
