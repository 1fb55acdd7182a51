/* SPDX-License-Identifier: MIT */
/* The configuration: INI files, every key with its bounds; unknown ones are errors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

enum restart_on_orphan {
	RESTART_ON_ORPHAN_SERVICES, /* the default (A9) */
	RESTART_ON_ORPHAN_ALL,
	RESTART_ON_ORPHAN_NO,
	_RESTART_ON_ORPHAN_COUNT,
};

const char *restart_on_orphan_name(enum restart_on_orphan value);

/* [Scan]: how the workers look at processes. */
struct config_scan {
	uint32_t threads; /* Threads, 0: one a CPU */
	bool text_maps;	  /* Maps=text: as on kernels before 6.11 */
};

struct config {
	/* [Timeouts], milliseconds */
	uint32_t query_ms;   /* QueryMs: for an answer to "may you be stopped?" */
	uint32_t end_ms;     /* EndMs: for an answer to "you will be stopped" */
	uint32_t exit_ms;    /* ExitMs: for the exit of an application */
	uint32_t service_ms; /* ServiceMs: for the stop of a service */
	uint32_t call_ms;    /* CallMs: for a client's frame to become whole */
	/* [Policy] */
	enum restart_on_orphan restart_on_orphan;
	bool allow_shutdown;
	char **never_stop; /* owned: units, executables, users; NULL-terminated, NULL when none */
	/* [Limits] */
	uint32_t max_sessions; /* of one login session */
	struct config_scan scan;
	char *path; /* owned: the files that were read, comma-separated; NULL: none */
};

/* What is wrong with a file, and where; columns count bytes from 1. */
struct config_error {
	unsigned int line;
	unsigned int column;
	char text[512]; /* "PATH:LINE:COLUMN: what, and what to do" */
};

/* The values that hold without any file. */
void config_init(struct config *config);
void config_done(struct config *config);

/* Reads one file over what `config` holds already. 0; -ENOMEM; -EINVAL: the text is wrong;
 * another -errno: it could not be read. `ret_error` says what is wrong after any failure, and
 * `config` is then half changed: throw it away. */
int config_read(struct config *config, const char *path, struct config_error *ret_error)
	_warn_unused_;

/* The built-in values, then `path`; or, when it is NULL, the user's file (with `is_user`) and
 * over it the machine's, as far as they exist. Errors as config_read(). */
int config_load(const char *path, bool is_user, struct config *ret_config,
		struct config_error *ret_error) _warn_unused_;
