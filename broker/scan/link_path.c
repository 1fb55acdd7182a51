/* SPDX-License-Identifier: MIT */
/* Names of links in /proc and what they say. */
#include "broker/scan/link_path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char deleted[] = " (deleted)";

void link_path_format(const struct index_process *process, const struct hold *hold,
		      char ret_path[LINK_PATH_BYTES])
{
	char base[48];

	if (hold->task) {
		(void)snprintf(base, sizeof(base), "%d/task/%" PRIu32, process->pid, hold->task);
	} else {
		(void)snprintf(base, sizeof(base), "%d", process->pid);
	}
	switch ((enum hold_kind)hold->kind) {
	case HOLD_MAPPING:
		/* Threads have none of their own: with `task` it leads nowhere. */
		(void)snprintf(ret_path, LINK_PATH_BYTES, "%d/map_files/%" PRIx64 "-%" PRIx64,
			       process->pid, hold->address, hold->end);
		break;
	case HOLD_EXECUTABLE:
		(void)snprintf(ret_path, LINK_PATH_BYTES, "%s/exe", base);
		break;
	case HOLD_DESCRIPTOR:
		(void)snprintf(ret_path, LINK_PATH_BYTES, "%s/fd/%" PRIu32, base, hold->where);
		break;
	case HOLD_WORKING_DIRECTORY:
		(void)snprintf(ret_path, LINK_PATH_BYTES, "%s/cwd", base);
		break;
	case HOLD_ROOT:
		(void)snprintf(ret_path, LINK_PATH_BYTES, "%s/root", base);
		break;
	case _HOLD_KIND_COUNT:
		ret_path[0] = '\0';
		break;
	}
}

ssize_t link_path_read(int proc_fd, const char *link, char *ret_path, size_t size)
{
	ssize_t n = readlinkat(proc_fd, link, ret_path, size);

	if (n < 0) {
		return negative_errno();
	}
	if ((size_t)n == size) {
		return -ENAMETOOLONG;
	}
	ret_path[n] = '\0';
	return n;
}

bool link_path_strip_deleted(char *path, size_t *length)
{
	size_t n = sizeof(deleted) - 1;

	if (*length <= n || memcmp(path + *length - n, deleted, n) != 0) {
		return false;
	}
	*length -= n;
	path[*length] = '\0';
	return true;
}
