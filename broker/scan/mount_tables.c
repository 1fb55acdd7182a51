/* SPDX-License-Identifier: MIT */
/*
 * Mounts of all namespaces. An open mountinfo keeps a namespace and all its mounts alive, so only
 * that of this process's own stays open and is watched; the others are read when one of their
 * processes is read, and closed.
 */
#include "broker/scan/mount_tables.h"

#include <stdio.h>
#include <string.h>

#include "proto/procfs.h"

static void tell_careful(struct mount_tables *tables)
{
	tables->is_careful = tables->own.fd < 0 || (tables->own.table.flags & MOUNT_REMOTE);
	for (size_t i = 0; i < tables->n_others; i++) {
		tables->is_careful |= !tables->others[i].is_complete ||
				      (tables->others[i].table.flags & MOUNT_REMOTE);
	}
}

int mount_tables_init(struct mount_tables *tables, int proc_fd)
{
	int r;

	*tables = (struct mount_tables){.proc_fd = proc_fd, .own = {.fd = -1}};
	r = mount_watch_init(proc_fd, "self/mountinfo", &tables->own);
	if (r < 0) {
		tables->own = (struct mount_watch){.fd = -1};
		return r == -ENOMEM ? r : 0; /* then every mount is one that may not answer */
	}
	if (procfs_read_namespace(proc_fd, getpid(), "mnt", &tables->own_namespace) < 0) {
		tables->own_namespace = 0;
	}
	tell_careful(tables);
	return 0;
}

void mount_tables_done(struct mount_tables *tables)
{
	for (size_t i = 0; i < tables->n_others; i++) {
		mount_table_done(&tables->others[i].table);
	}
	free(tables->others);
	mount_watch_done(&tables->own);
}

void mount_tables_begin(struct mount_tables *tables)
{
	if (tables->own.fd >= 0) {
		int r = mount_watch_refresh(&tables->own, false);

		(void)r; /* a failure leaves the old one */
	}
	for (size_t i = 0; i < tables->n_others; i++) {
		tables->others[i].is_fresh = false;
	}
	tell_careful(tables);
}

static size_t find_place(const struct mount_tables *tables, uint64_t id)
{
	size_t low = 0;
	size_t high = tables->n_others;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tables->others[middle].id < id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static struct namespace_mounts *find(const struct mount_tables *tables, uint64_t id)
{
	size_t place = find_place(tables, id);

	return place < tables->n_others && tables->others[place].id == id ? &tables->others[place]
									  : NULL;
}

static struct namespace_mounts *find_or_make(struct mount_tables *tables, uint64_t id)
{
	size_t place = find_place(tables, id);

	if (place < tables->n_others && tables->others[place].id == id) {
		return &tables->others[place];
	}
	if (tables->n_others == tables->capacity) {
		size_t capacity = 2 * tables->capacity + 8;
		struct namespace_mounts *grown =
			reallocarray(tables->others, capacity, sizeof(*grown));

		if (!grown) {
			return NULL;
		}
		tables->others = grown;
		tables->capacity = capacity;
	}
	memmove(&tables->others[place + 1], &tables->others[place],
		(tables->n_others - place) * sizeof(*tables->others));
	tables->others[place] = (struct namespace_mounts){.id = id, .is_seen = true};
	tables->n_others++;
	return &tables->others[place];
}

/* Whether a process's root is that of its namespace. */
static bool is_rooted(int proc_fd, pid_t pid)
{
	char path[32];
	char root[2];

	(void)snprintf(path, sizeof(path), "%d/root", pid);
	return readlinkat(proc_fd, path, root, sizeof(root)) == 1 && root[0] == '/';
}

int mount_tables_add(struct mount_tables *tables, uint64_t namespace_id, pid_t pid)
{
	struct namespace_mounts *mounts;
	struct mount_table table;
	char path[32];
	bool is_complete;

	if (!namespace_id || namespace_id == tables->own_namespace) {
		return 0;
	}
	mounts = find_or_make(tables, namespace_id);
	if (!mounts) {
		return -ENOMEM;
	}
	if (mounts->is_fresh && mounts->is_complete) {
		return 0;
	}
	is_complete = is_rooted(tables->proc_fd, pid);
	if (mounts->is_fresh && !is_complete) {
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%d/mountinfo", pid);
	if (mount_table_read(tables->proc_fd, path, &table) == 0) {
		mount_table_done(&mounts->table);
		mounts->table = table;
		mounts->is_complete = is_complete;
		mounts->is_fresh = true;
	}
	tell_careful(tables);
	return 0;
}

void mount_tables_see(struct mount_tables *tables, uint64_t namespace_id)
{
	struct namespace_mounts *mounts = find(tables, namespace_id);

	if (mounts) {
		mounts->is_seen = true;
	}
}

void mount_tables_forget_unseen(struct mount_tables *tables)
{
	size_t n = 0;

	for (size_t i = 0; i < tables->n_others; i++) {
		if (tables->others[i].is_seen) {
			tables->others[n] = tables->others[i];
			tables->others[n++].is_seen = false;
		} else {
			mount_table_done(&tables->others[i].table);
		}
	}
	tables->n_others = n;
}

const struct mount *mount_tables_find_id(const struct mount_tables *tables, uint64_t id)
{
	const struct mount *mount = mount_table_find_id(&tables->own.table, id);

	for (size_t i = 0; !mount && i < tables->n_others; i++) {
		mount = mount_table_find_id(&tables->others[i].table, id);
	}
	return mount;
}

/* -1: it is not in this table. */
static int maps_differ(const struct mount_table *table, uint64_t device)
{
	for (size_t i = 0; i < table->n_mounts; i++) {
		if (table->mounts[i].device == device) {
			return (table->mounts[i].flags & MOUNT_MAPS_DIFFER) != 0;
		}
	}
	return -1;
}

bool mount_tables_maps_differ(const struct mount_tables *tables, uint64_t namespace_id,
			      uint64_t device)
{
	const struct namespace_mounts *mounts = find(tables, namespace_id);
	int answer = mounts ? maps_differ(&mounts->table, device) : -1;

	if (answer < 0) {
		answer = maps_differ(&tables->own.table, device);
	}
	for (size_t i = 0; answer < 0 && i < tables->n_others; i++) {
		answer = maps_differ(&tables->others[i].table, device);
	}
	return answer != 0;
}

const struct mount_table *mount_tables_of(const struct mount_tables *tables, uint64_t namespace_id)
{
	const struct namespace_mounts *mounts;

	if (namespace_id && namespace_id == tables->own_namespace) {
		return &tables->own.table;
	}
	mounts = find(tables, namespace_id);
	return mounts && mounts->is_complete ? &mounts->table : NULL;
}
