/* SPDX-License-Identifier: MIT */
/*
 * The run directory: 0700 and made for this run alone, as the broker wants it. A session bus
 * and a broker keep theirs in $XDG_RUNTIME_DIR, which is a tmpfs, and what the journal costs
 * depends on that.
 */
#include "tests/bench/run_dir.h"

#include <errno.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/bench/process.h"

static char run_dir[RUN_PATH_BYTES];

static bool is_tmpfs(const char *path)
{
	struct statfs info;

	return path && statfs(path, &info) == 0 && info.f_type == TMPFS_MAGIC &&
	       access(path, W_OK) == 0;
}

void run_dir_make(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *parent = getenv("TMPDIR");

	if (!parent || !*parent) {
		parent = is_tmpfs(runtime) ? runtime : is_tmpfs("/dev/shm") ? "/dev/shm" : "/tmp";
	}
	/* Names of files in it have up to 30 bytes. */
	if (snprintf(run_dir, sizeof(run_dir), "%s/rm-bench-XXXXXX", parent) >
	    (int)sizeof(run_dir) - 32) {
		die("TMPDIR is too long for the name of a socket: %s", parent);
	}
	if (!mkdtemp(run_dir)) {
		die_errno("%s", run_dir);
	}
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

void run_dir_remove(void)
{
	if (nftw(run_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) {
		(void)fprintf(stderr, "bench: could not remove %s: %s\n", run_dir, strerror(errno));
	}
}

bool run_dir_is_tmpfs(void)
{
	return is_tmpfs(run_dir);
}

const char *run_dir_path(const char *name, char ret_path[RUN_PATH_BYTES])
{
	if (snprintf(ret_path, RUN_PATH_BYTES, "%s/%s", run_dir, name) >= RUN_PATH_BYTES) {
		die("too long: %s/%s", run_dir, name);
	}
	return ret_path;
}
