/* SPDX-License-Identifier: MIT */
/*
 * The free list of connections, last in first out, so that few stay warm. A caller may close
 * every descriptor it does not know, or use the number again for a file of its own: so a
 * connection is known by device and inode, is looked at with fstat(2) before each use, and is
 * never closed when it is no longer itself.
 *
 * Connections that are in a thread's hands stand in the list of all too: a forked child closes
 * those as well, since its parent's broker must not see them kept alive.
 */
#include "client/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client/state.h"

#define MAX_PENDING 128u

struct slot {
	struct pooled connection;
	bool is_set;
};

/* Under the lock of state.c. */
static struct slot slots[MAX_KEPT_CONNECTIONS];
static int idle[MAX_KEPT_CONNECTIONS]; /* slots in nobody's hands, the last used last */
static unsigned int n_idle;
static struct pending pendings[MAX_PENDING]; /* a ring */
static unsigned int first_pending;
static _Atomic unsigned int n_pending; /* read without the lock as well */

static bool is_itself(const struct pooled *connection)
{
	struct stat st;

	return fstat(connection->fd, &st) == 0 && st.st_dev == connection->device &&
	       st.st_ino == connection->inode;
}

int pool_identify(int fd, struct pooled *ret_connection)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return negative_errno();
	}
	*ret_connection =
		(struct pooled){.fd = fd, .device = st.st_dev, .inode = st.st_ino, .slot = -1};
	return 0;
}

static void forget(const struct pooled *connection)
{
	if (connection->slot >= 0 && state_lock() == 0) {
		slots[connection->slot].is_set = false;
		state_unlock();
	}
}

int pool_take(struct pooled *ret_connection)
{
	struct pooled connection;
	int r;

	for (;;) {
		r = state_lock();
		if (r < 0) {
			return r;
		}
		connection = n_idle ? slots[idle[--n_idle]].connection : (struct pooled){.fd = -1};
		state_unlock();
		if (connection.fd < 0 || is_itself(&connection)) {
			*ret_connection = connection;
			return 0;
		}
		forget(&connection);
	}
}

static int find_free_slot(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		if (!slots[i].is_set) {
			return (int)i;
		}
	}
	return -1;
}

void pool_add(struct pooled *connection)
{
	if (state_lock() < 0) {
		return;
	}
	connection->slot = find_free_slot();
	if (connection->slot >= 0) {
		slots[connection->slot] = (struct slot){.connection = *connection, .is_set = true};
	}
	state_unlock();
}

void pool_put(const struct pooled *connection)
{
	if (connection->slot < 0 || state_lock() < 0) {
		pool_close(connection);
		return;
	}
	slots[connection->slot].connection = *connection;
	idle[n_idle++] = connection->slot;
	state_unlock();
}

void pool_close(const struct pooled *connection)
{
	forget(connection);
	if (is_itself(connection)) {
		(void)close(connection->fd); /* nothing to do about a failing close */
	}
}

void pool_add_pending(const struct pending *pending)
{
	if (state_lock() < 0) {
		return;
	}
	if (n_pending == MAX_PENDING) {
		first_pending = (first_pending + 1) % MAX_PENDING;
		n_pending--;
	}
	pendings[(first_pending + n_pending) % MAX_PENDING] = *pending;
	n_pending++;
	state_unlock();
}

bool pool_take_pending(struct pending *ret_pending)
{
	bool is_there = false;

	/* Mostly there is none; a thread that adds one just now sends it on its own next call. */
	if (!n_pending || state_lock() < 0) {
		return false;
	}
	if (n_pending) {
		is_there = true;
		*ret_pending = pendings[first_pending];
		first_pending = (first_pending + 1) % MAX_PENDING;
		n_pending--;
	}
	state_unlock();
	return is_there;
}

void pool_reset(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
		if (slots[i].is_set && is_itself(&slots[i].connection)) {
			(void)close(slots[i].connection.fd); /* as above */
		}
		slots[i] = (struct slot){0};
	}
	n_idle = 0;
	n_pending = 0;
}
