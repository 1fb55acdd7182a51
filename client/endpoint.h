/* SPDX-License-Identifier: MIT */
/* Where the broker is, and whether what is there can be trusted (A50, A52). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "proto/base.h"

#define ENDPOINT_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

struct endpoint {
	char path[ENDPOINT_PATH_BYTES]; /* of the socket, "" when there is no place to look */
	uid_t uid;			/* whom the broker must run as */
};

/* Finds the socket: RSTRTMGR_SOCKET; else $XDG_RUNTIME_DIR/rstrtmgr/broker.sock; else, for root,
 * /run/rstrtmgr/broker.sock. Checks its directory and itself. 0; -ENOENT: there is none;
 * -EPERM: it is not safe; -ENAMETOOLONG, -ENOTSOCK; other -errno. `ret_endpoint` is the place
 * that was looked at also after a failure. With `why` (may be NULL) goes one sentence. */
int endpoint_find(struct endpoint *ret_endpoint, char *why, size_t why_size) _warn_unused_;

/* Connects without blocking longer than `timeout_ms`, and checks who answers. */
int endpoint_connect(const struct endpoint *endpoint, int timeout_ms, int *ret_fd) _warn_unused_;
