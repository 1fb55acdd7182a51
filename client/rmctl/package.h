/* SPDX-License-Identifier: MIT */
/* The files of a Debian package, as dpkg's own lists tell. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/rmctl/path_list.h"

/* $DPKG_ADMINDIR, else /var/lib/dpkg. */
const char *package_directory(void);

/* Whether it is NAME or NAME:ARCHITECTURE as Debian writes them; only such become file names. */
bool package_name_is_valid(const char *name);

/*
 * Adds the package's files to `files`, directories too, as the list does not tell them apart.
 * Without an architecture, those of all that are installed. Diverted files are named as they are
 * called on the disk.
 *
 * ret_n_ignored   lines that are no paths
 *
 * -EINVAL the name is not valid · -ENOENT no such package is installed · -ENOTDIR there is no
 * such directory · -EFBIG a list is larger than any that dpkg writes · other -errno
 */
int package_read_files(const char *directory, const char *name, struct path_list *files,
		       size_t *ret_n_ignored) _warn_unused_;

/* ---- pure parts ---- */

/* The diversions that are not the package's own: each file and what it is called instead. */
struct diversions {
	struct path_list from;
	struct path_list to;
};

/* Reads /var/lib/dpkg/diversions: three lines each, of which the last is the package that diverts,
 * ":" for the administrator. `package` has no architecture. */
int diversions_parse(const char *text, size_t size, const char *package,
		     struct diversions *ret_diversions) _warn_unused_;
void diversions_done(struct diversions *diversions);

/* Adds each line that is a path; "/." and the like are left out. Counts the lines that are not. */
int package_list_parse(const char *text, size_t size, const struct diversions *diversions,
		       struct path_list *files, size_t *n_ignored) _warn_unused_;

/* Whether dpkg's status says that the package is of this architecture, or of all. */
bool package_status_has(const char *text, size_t size, const char *package,
			const char *architecture);
