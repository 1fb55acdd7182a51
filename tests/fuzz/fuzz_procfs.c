/* SPDX-License-Identifier: MIT */
/* The parsers of /proc, each over the same bytes: a process chooses some of them. */
#include <stdbool.h>
#include <string.h>

#include "proto/base.h"
#include "proto/procfs.h"
#include "tests/fuzz/fuzz.h"

#define UNTOUCHED 0x55

static bool is_untouched(const void *object, size_t size)
{
	const uint8_t *bytes = object;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != UNTOUCHED) {
			return false;
		}
	}
	return true;
}

static void check_stat(const char *text, size_t size)
{
	struct procfs_stat stat;
	int r;

	memset(&stat, UNTOUCHED, sizeof(stat));
	r = procfs_parse_stat(text, size, &stat);
	if (r) {
		require(r == -EBADMSG && is_untouched(&stat, sizeof(stat)));
		return;
	}
	require(memchr(stat.comm, '\0', sizeof(stat.comm)));
	require(memmem(text, size, stat.comm, strlen(stat.comm)));
	require(stat.state != '\0' && memchr(text, stat.state, size));
	require(stat.parent >= 0);
}

static void check_status(const char *text, size_t size)
{
	struct procfs_status status;
	int r;

	memset(&status, UNTOUCHED, sizeof(status));
	r = procfs_parse_status(text, size, &status);
	if (r) {
		require(r == -EBADMSG && is_untouched(&status, sizeof(status)));
		return;
	}
	require(memmem(text, size, "Uid:", 4) && memmem(text, size, "CapEff:", 7));
}

static void check_fdinfo(const char *text, size_t size)
{
	pid_t pid;
	int r;

	memset(&pid, UNTOUCHED, sizeof(pid));
	r = procfs_parse_fdinfo_pid(text, size, &pid);
	if (r) {
		require(r == -EBADMSG || r == -ESRCH);
		require(is_untouched(&pid, sizeof(pid)));
		return;
	}
	require(pid > 0 && memmem(text, size, "Pid:", 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size ? (const char *)data : "";

	check_stat(text, size);
	check_status(text, size);
	check_fdinfo(text, size);
	return 0;
}
