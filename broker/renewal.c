/* SPDX-License-Identifier: MIT */
/*
 * Which program comes next. In the middle of an upgrade there may be none of that name, or one
 * that is being written; then the old one begins anew and sees at the next question that it is
 * stale.
 */
#include "broker/renewal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char deleted[] = " (deleted)";

/* Ours or root's, and nobody else may write to it. */
static bool is_runnable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	       (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
	       access(path, X_OK) == 0;
}

int renewal_find_program(char *ret_path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret_path, size);
	size_t suffix = sizeof(deleted) - 1;

	if (n < 0) {
		return negative_errno();
	}
	if ((size_t)n == size) {
		return -ENAMETOOLONG;
	}
	ret_path[n] = '\0';
	if ((size_t)n > suffix && strcmp(ret_path + n - suffix, deleted) == 0) {
		ret_path[(size_t)n - suffix] = '\0';
	}
	if (!is_runnable(ret_path)) {
		(void)snprintf(ret_path, size, "/proc/self/exe");
	}
	return 0;
}
