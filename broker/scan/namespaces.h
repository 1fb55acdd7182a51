/* SPDX-License-Identifier: MIT */
/*
 * Paths of other mount namespaces said in this one's words. A service with PrivateTmp= has a
 * namespace of its own and runs the machine's libraries all the same; a container has the same
 * paths and other files. What counts is the place in the file system: (superblock, path in it),
 * by both mount tables, without touching anything.
 */
#pragma once

#include "broker/scan/match.h"

struct namespaces {
	struct namespace *list; /* owned: the tables read for this question */
};

void namespaces_done(struct namespaces *namespaces);

/* Calls `found` with each path of this namespace that names the place that `path` names in the
 * process's: `path` itself in our own, none when it is not mounted here. -ENOMEM. */
int namespaces_translate(struct namespaces *namespaces, const struct match_context *context,
			 const struct index_process *process, const char *path,
			 void (*found)(const char *host_path, void *userdata), void *userdata)
	_warn_unused_;

/* Whether looking at the path may touch a file system that does not answer. */
bool namespaces_is_barred(const struct match_context *context, const char *path);
