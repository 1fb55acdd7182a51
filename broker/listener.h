/* SPDX-License-Identifier: MIT */
/* The listening socket: found, checked, locked, bound; or handed over by systemd. */
#pragma once

#include <stdbool.h>

#include "proto/base.h"

struct listener {
	int fd;		/* owned: listening */
	int lock_fd;	/* owned: held as long as this broker runs */
	char *path;	/* owned: of the socket */
	bool is_passed; /* by the service manager */
};

/* Opens the socket at `path`, or, when it is NULL, at the usual place (which is made if need
 * be). A socket that systemd passed is taken instead. A failure is logged: what, where, what
 * to do. */
int listener_open(const char *path, bool is_system, struct listener *ret_listener) _warn_unused_;

/* Prepares the descriptor and the environment so that a program run in our place takes the socket
 * over that was passed to us; one of our own it binds anew. 0 or -errno. */
int listener_hand_on(struct listener *listener) _warn_unused_;

/* The socket's file stays: clients that come meanwhile wait for the next broker (A50). */
void listener_done(struct listener *listener);
