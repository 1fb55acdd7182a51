/* SPDX-License-Identifier: MIT */
/* The magic link in /proc that leads to something a process holds. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "broker/scan/index.h"

/* "PID/exe", "PID/task/TID/fd/7", "PID/map_files/START-END", relative to /proc. */
#define LINK_PATH_BYTES 96u
void link_path_format(const struct index_process *process, const struct hold *hold,
		      char ret_path[LINK_PATH_BYTES]);

/* What the link says, with its NUL; " (deleted)" included. The length or -errno; -ENAMETOOLONG:
 * `size` does not suffice. */
ssize_t link_path_read(int proc_fd, const char *link, char *ret_path, size_t size);

/* Takes " (deleted)" off the end. Whether it was there. */
bool link_path_strip_deleted(char *path, size_t *length);
