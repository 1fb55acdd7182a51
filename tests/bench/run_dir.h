/* SPDX-License-Identifier: MIT */
/* Where all sockets, the journal and the logs of one run are. */
#pragma once

#include <stdbool.h>

/* Makes the directory, 0700, where all sockets of this run are; on tmpfs if there is one, as
 * $XDG_RUNTIME_DIR is. */
void run_dir_make(void);
void run_dir_remove(void);
bool run_dir_is_tmpfs(void);

/* Writes the path of a file in it. */
#define RUN_PATH_BYTES 100 /* fits sun_path */
const char *run_dir_path(const char *name, char ret_path[RUN_PATH_BYTES]);
