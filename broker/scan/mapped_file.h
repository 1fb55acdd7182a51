/* SPDX-License-Identifier: MIT */
/* What a process shows of something it holds, also where no link of /proc leads to it. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "broker/scan/index.h"
#include "broker/scan/mappings.h"
#include "broker/scan/match.h"
#include "proto/base.h"

/* Texts of maps that one question may read: a process can have as many mappings as it likes, and
 * have them all lie elsewhere when it is asked. */
#define MAX_MAPS_TEXTS 128u

/* Where the process has the file of a hold mapped now, by the hold's number. `ret_task`: the
 * thread that shows it, 0: the process itself; `ret_name`: its name, or "" where it does not fit.
 * 0; -ENOENT: it is mapped no more, or the process has gone; -EBUSY: enough was read; -errno. */
int mapped_file_find(const struct match_context *context, const struct index_process *process,
		     const struct hold *hold, struct mapping *ret_mapping, pid_t *ret_task,
		     char *ret_name, size_t size) _warn_unused_;

/* The name of what is held, as link_path_read(), also of a mapping that has been split or that
 * only a thread shows. -ENOENT: it is held no more. */
ssize_t hold_read_path(const struct match_context *context, const struct index_process *process,
		       const struct hold *hold, char *ret_path, size_t size) _warn_unused_;
