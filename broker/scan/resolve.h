/* SPDX-License-Identifier: MIT */
/*
 * From a path to the directory and the name that it leads to. Symbolic links are followed by
 * hand, so that no mount is entered that may hang, and a directory stays open for the next path
 * in it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "broker/scan/mount_table.h"
#include "proto/base.h"
#include "proto/limits.h"

struct resolver {
	const struct mount_table *mounts; /* borrowed */
	bool may_touch_remote;
	bool is_known;	     /* there is a directory: open, or with an error */
	int directory_fd;    /* owned, O_PATH */
	int directory_error; /* -errno: why it can't be had */
	size_t spelt_length;
	size_t real_length;
	char spelt[MAX_PATH_BYTES]; /* as in the path */
	char real[MAX_PATH_BYTES];  /* without symbolic links and dots, without '/' at the end */
};

/* Where a path led. */
struct place {
	int directory_fd;	   /* borrowed: the resolver's, or owned_fd */
	int owned_fd;		   /* owned; -1 */
	struct statx status;	   /* type, inode, device and mount; never of a link */
	char name[NAME_MAX + 1];   /* in that directory; "": it is the directory itself */
	char real[MAX_PATH_BYTES]; /* path without any symbolic link */
	/* The path without symbolic links above its last name; "": unknown. */
	char real_path[MAX_PATH_BYTES];
};

/* `may_touch_remote`: no mount is a barrier. */
void resolver_init(struct resolver *resolver, const struct mount_table *mounts,
		   bool may_touch_remote);
/* Forgets the directory: the table has changed, or what was true is a while ago. */
void resolver_reset(struct resolver *resolver);
void resolver_done(struct resolver *resolver);

/* Follows an absolute path. 0; -EREMOTE: the way leads into a barrier (MOUNT_BARRIERS), which was
 * not touched; -ENAMETOOLONG; -ELOOP; other -errno as stat(2). The place is to be given back in
 * any case, and its real_path is set wherever the directory is known. */
int resolver_find(struct resolver *resolver, const char *path, struct place *ret_place)
	_warn_unused_;
void place_done(struct place *place);

/* What statx(2) tells of a name that is not followed ("": of the descriptor itself), of what is in
 * memory already if that will do. 0 or -errno. */
int place_look(int directory_fd, const char *name, struct statx *ret_status) _warn_unused_;
