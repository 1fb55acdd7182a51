/* SPDX-License-Identifier: MIT */
/* Registering resources, whatever the strings of the face look like. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/session.h"

/* In the order in which they are sent. */
enum resource_kind {
	RESOURCE_FILE,
	RESOURCE_TREE,
	RESOURCE_SERVICE,
	RESOURCE_PROCESS,
	_RESOURCE_KIND_COUNT,
};

/* A caller's arrays. Each entry is read twice, to be checked and to be sent. */
struct resource_source {
	size_t n[_RESOURCE_KIND_COUNT];
	/* Copies a file, tree or service with its NUL and returns its length; -ENOENT: there is
	 * none here and it is to be skipped; -EINVAL, -ENAMETOOLONG: no such text. */
	ssize_t (*read_text)(const struct resource_source *source, enum resource_kind kind,
			     size_t index, char *ret_text, size_t ret_size);
	void (*read_process)(const struct resource_source *source, size_t index,
			     Rm__ProcessRef *ret_process);
};

/* Checks all entries, then the session, then sends them. 0 or a Win32 code, as
 * rm_session_register(); `session` NULL: no handle (6). */
int resource_register(const struct rm_session *session, const struct resource_source *source)
	_warn_unused_;
