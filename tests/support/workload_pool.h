/* SPDX-License-Identifier: MIT */
/*
 * Many processes alike, as on a server: each maps some of a pool of files as the dynamic linker
 * does, and has some files, sockets and the like open. Made by forking, so that thousands of them
 * start within seconds. Both sides are here: what runs in workload_victim, and the names of the
 * files, which its starter makes.
 */
#pragma once

#include <stddef.h>

#include "proto/base.h"

#define POOL_LIBRARIES 200
#define POOL_DATA_FILES 200
#define POOL_MAPPED 38 /* libraries of each process, by four mappings each */
#define POOL_OPENED 13 /* data files of each process */
#define POOL_GROUPS                                                                                \
	10 /* process i is of group i % POOL_GROUPS and uses the library and the
			   * data file with the number of its group; no other group does */
#define POOL_PATH_BYTES 128

/* DIRECTORY/lib-N.so and DIRECTORY/data-N. */
const char *workload_pool_library(const char *directory, unsigned int number,
				  char ret_path[POOL_PATH_BYTES]);
const char *workload_pool_data(const char *directory, unsigned int number,
			       char ret_path[POOL_PATH_BYTES]);

/* Makes all of these files. 0 or -errno. */
int workload_pool_make_files(const char *directory) _warn_unused_;

/*
 * Runs `n` processes until stdin ends, then ends them all. Says "ready" on stdout when they are
 * all asleep; answers "run K", which lets every so many'th process run for a moment that K of
 * them run in all, by "ran" when they have; "quit" or the end ends it. Returns main()'s exit code.
 */
int workload_pool_run(const char *directory, long n);
