/* SPDX-License-Identifier: MIT */
/*
 * Which Unix sockets belong to a display server, a bus or a key agent, and which are connected
 * to a display server. The kernel tells the name of every socket and the number of its peer; a
 * socket that was accepted has the name of the one that listened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

enum socket_role {
	SOCKET_DISPLAY_CLIENT = 1 << 0, /* its peer is a display server's */
	SOCKET_DISPLAY_SERVER = 1 << 1, /* X11 or Wayland: listens, or was accepted */
	SOCKET_BUS_SERVER = 1 << 2,
	SOCKET_AGENT_SERVER = 1 << 3, /* keys and passwords */
};

struct unix_socket {
	uint32_t inode; /* of the socket, the N of "socket:[N]" */
	uint32_t roles; /* enum socket_role */
};

struct unix_sockets {
	struct unix_socket *sockets; /* owned, by inode; those without a role are left out */
	size_t n_sockets;
	size_t n_allocated;
};

/* Asks the kernel for those of this network namespace. 0; -EPROTONOSUPPORT, -EAFNOSUPPORT,
 * -ENOENT, -EPERM: it does not tell; other -errno. */
int unix_sockets_read(struct unix_sockets *ret_sockets) _warn_unused_;
void unix_sockets_done(struct unix_sockets *sockets);

/* The roles of a socket by its inode, 0: none. */
uint32_t unix_sockets_find(const struct unix_sockets *sockets, uint64_t inode);

/* The role of whoever has bound this name, as the kernel gives it (an abstract one begins with
 * NUL): SOCKET_DISPLAY_SERVER, _BUS_SERVER, _AGENT_SERVER or 0. Pure. */
uint32_t unix_sockets_role_of_name(const char *name, size_t size);

/* Adds what one netlink message of a dump says (its payload, a unix_diag_msg with attributes).
 * 0, -EBADMSG, -ENOMEM. unix_sockets_sort() ends a series. */
int unix_sockets_add_message(struct unix_sockets *sockets, const void *payload, size_t size)
	_warn_unused_;
void unix_sockets_sort(struct unix_sockets *sockets);
