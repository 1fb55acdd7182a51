/* SPDX-License-Identifier: MIT */
/* The process: start-up in order, signals, the loop, the clean end. */
#pragma once

#include <stdbool.h>

#include "proto/base.h"

struct daemon_options {
	bool is_system;
	const char *socket_path; /* NULL: the usual place */
	const char *config_path; /* NULL: the usual places */
	char **argv;		 /* of this program: to run it anew */
};

/* Runs until SIGTERM or SIGINT. 0; -errno, logged: it could not start. */
int daemon_run(const struct daemon_options *options) _warn_unused_;
