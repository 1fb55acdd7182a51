/* SPDX-License-Identifier: MIT */
/*
 * Handles. The table is an array by number; a claimed entry keeps its number but is found by
 * nobody, so that of two threads that end the same handle one gets 0 and the other 6.
 */
#include "client/handle.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "client/session.h"
#include "client/state.h"
#include "proto/limits.h"

struct entry {
	struct rm_session *session; /* owned; NULL: the number is free */
	bool is_claimed;
};

/* Under the lock of state.c. */
static struct entry *entries; /* owned; handle n is entry n - 1 */
static uint32_t n_entries;

static int grow(void)
{
	uint32_t n = n_entries ? 2 * n_entries : 16;
	struct entry *grown;

	if (n > MAX_HANDLES) {
		return -ENOMEM;
	}
	grown = reallocarray(entries, n, sizeof(*entries));
	if (!grown) {
		return -ENOMEM;
	}
	memset(grown + n_entries, 0, (n - n_entries) * sizeof(*grown));
	entries = grown;
	n_entries = n;
	return 0;
}

static int add_locked(struct rm_session *session, uint32_t *ret_handle)
{
	uint32_t i = 0;

	while (i < n_entries && entries[i].session) {
		i++;
	}
	if (i == n_entries) {
		int r = grow();

		if (r < 0) {
			return r;
		}
	}
	entries[i] = (struct entry){.session = session};
	*ret_handle = i + 1;
	return 0;
}

int handle_add(struct rm_session *session, uint32_t *ret_handle)
{
	int r = state_lock();

	if (r < 0) {
		return r;
	}
	r = add_locked(session, ret_handle);
	state_unlock();
	return r;
}

static struct entry *find_entry(uint32_t handle)
{
	return handle > 0 && handle <= n_entries && entries[handle - 1].session
		       ? &entries[handle - 1]
		       : NULL;
}

struct rm_session *handle_claim(uint32_t handle)
{
	struct rm_session *session = NULL;
	struct entry *entry;

	if (state_lock() < 0) {
		return NULL;
	}
	entry = find_entry(handle);
	if (entry && !entry->is_claimed) {
		entry->is_claimed = true;
		session = entry->session;
	}
	state_unlock();
	return session;
}

bool handle_copy(uint32_t handle, struct rm_session *ret_session)
{
	struct entry *entry;
	bool is_there;

	if (state_lock() < 0) {
		return false;
	}
	entry = find_entry(handle);
	is_there = entry && !entry->is_claimed;
	if (is_there) {
		*ret_session = *entry->session;
	}
	state_unlock();
	return is_there;
}

static void set_entry(uint32_t handle, bool is_free)
{
	struct entry *entry;

	if (state_lock() < 0) {
		return;
	}
	entry = find_entry(handle);
	if (entry) {
		entry->is_claimed = false;
		if (is_free) {
			entry->session = NULL;
		}
	}
	state_unlock();
}

void handle_release(uint32_t handle)
{
	set_entry(handle, true);
}

void handle_restore(uint32_t handle)
{
	set_entry(handle, false);
}

void handle_reset(void)
{
	for (uint32_t i = 0; i < n_entries; i++) {
		/* One that another thread of the parent had claimed may be half freed. */
		if (!entries[i].is_claimed) {
			rm_session_free(entries[i].session);
		}
		entries[i] = (struct entry){0};
	}
}
