/* SPDX-License-Identifier: MIT */
/* TAP by hand, in C and C++, so that the public headers and libc are all that is needed. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

static int n_checks;
static int n_failed;

static void check(int is_good, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void check(int is_good, const char *format, ...)
{
	va_list values;

	n_checks++;
	n_failed += !is_good;
	printf("%s %d - ", is_good ? "ok" : "not ok", n_checks);
	va_start(values, format);
	vprintf(format, values);
	va_end(values);
	printf("\n");
	fflush(stdout);
}

/* The plan, and main()'s exit code. */
static int tap_end(void)
{
	printf("1..%d\n", n_checks);
	return n_failed ? 1 : 0;
}
