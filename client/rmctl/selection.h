/* SPDX-License-Identifier: MIT */
/* What a command line names: files, trees, packages, processes, services. */
#pragma once

#include "client/rmctl/exit_code.h"
#include "client/rmctl/options.h"
#include "client/rmctl/path_list.h"
#include "client/rstrtmgr.h"

struct selection {
	struct path_list files;
	struct path_list trees;
	struct path_list services;
	struct rm_process_id *processes; /* owned */
	size_t n_processes;
};

/*
 * Reads the arguments as files, and --recursive, --package, --pid and --service. Tells on stderr
 * about files that are not there, which are selected all the same.
 *
 * Returns EXIT_DONE, or EXIT_USAGE or EXIT_ERROR after a message; then nothing is to be freed.
 */
enum exit_code selection_read(const char *verb, const struct options *options,
			      struct selection *ret_selection) _warn_unused_;

/* Borrowed from the selection. */
struct rm_resources selection_get_resources(const struct selection *selection);

void selection_done(struct selection *selection);

/* Makes a path of the command line absolute, with a message when that does not work. */
enum exit_code selection_make_absolute(const char *verb, const char *path, char **ret_path)
	_warn_unused_;
