/* SPDX-License-Identifier: MIT */
/*
 * Registered processes. They may be as many as a session may have entries, most of them dead, so
 * they are no `struct process`: looking at one is opening one file of /proc. While a pidfd is
 * held its pid is nobody else's; without one, a start time read from /proc tells a stranger.
 */
#include "broker/resource_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "proto/procfs.h"

static bool is_exited(int pidfd)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) != 0;
}

static int open_pidfd(uint32_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	return fd < 0 ? negative_errno() : fd;
}

/* The broker's own want, which tells nothing about the process. */
static bool is_own_failure(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/* When the living process with this pid has started. -ESRCH: there is none that can be seen. */
static int read_start_time(const struct process_resolver *resolver, uint32_t pid,
			   uint64_t *ret_start_time)
{
	struct procfs_stat stat;
	int r = pid > 0 && pid <= INT32_MAX ? procfs_read_stat(resolver->proc_fd, (pid_t)pid, &stat)
					    : -ESRCH;

	if (r < 0) {
		return is_own_failure(r) ? r : -ESRCH;
	}
	if (stat.state == 'Z' || stat.state == 'X') {
		return -ESRCH;
	}
	*ret_start_time = stat.start_time;
	return 0;
}

static void close_slot(struct pidfd_pool *pool, int32_t slot)
{
	closep(&pool->slots[slot].fd);
	pool->slots[slot].set = NULL;
	pool->n--;
}

static void let_go(struct resource_process *process, struct pidfd_pool *pool)
{
	if (process->slot >= 0) {
		close_slot(pool, process->slot);
		process->slot = -1;
	}
}

/* Closes those whose process has gone, when there is no slot left. */
static void reap(struct pidfd_pool *pool)
{
	for (int32_t i = 0; i < (int32_t)MAX_REGISTERED_PIDFDS; i++) {
		if (pool->slots[i].set && is_exited(pool->slots[i].fd)) {
			struct resource_process *process =
				resource_process_at(pool->slots[i].set, pool->slots[i].i);

			process->flags |= RESOURCE_PROCESS_DEAD;
			let_go(process, pool);
		}
	}
}

/* Keeps the pidfd, which it takes over, if there is room for it. */
static void keep(struct resource_set *set, uint32_t i, struct pidfd_pool *pool, int owned_pidfd)
{
	for (int32_t slot = 0; slot < (int32_t)MAX_REGISTERED_PIDFDS; slot++) {
		if (!pool->slots[slot].set) {
			pool->slots[slot].set = set;
			pool->slots[slot].i = i;
			pool->slots[slot].fd = owned_pidfd;
			pool->n++;
			resource_process_at(set, i)->slot = slot;
			return;
		}
	}
	closep(&owned_pidfd);
}

static bool has_room(struct pidfd_pool *pool)
{
	if (pool->n == MAX_REGISTERED_PIDFDS) {
		reap(pool);
	}
	return pool->n < MAX_REGISTERED_PIDFDS;
}

static bool is_meant(const struct resource_process *process,
		     const struct process_resolver *resolver, uint64_t started, uint64_t arrived)
{
	if (process->flags & RESOURCE_PROCESS_BY_FILETIME) {
		return clock_base_matches(resolver->clock, process->start_time, started, arrived);
	}
	return process->start_time == started;
}

int resource_process_resolve(struct resource_set *set, uint32_t i,
			     const struct process_resolver *resolver, uint64_t arrived)
{
	struct resource_process *process = resource_process_at(set, i);
	_cleanup_(closep) int pidfd = -1;
	uint64_t started = 0;
	int r;

	if (process->flags & RESOURCE_PROCESS_DEAD) {
		return 0;
	}
	if (has_room(resolver->pool) && process->pid > 0 && process->pid <= INT32_MAX) {
		pidfd = open_pidfd(process->pid); /* one too many: it goes without */
	}
	r = read_start_time(resolver, process->pid, &started);
	if (is_own_failure(r)) {
		return r;
	}
	if (r < 0 || !is_meant(process, resolver, started, arrived) ||
	    (pidfd >= 0 && is_exited(pidfd))) {
		process->flags |= RESOURCE_PROCESS_DEAD;
		return 0;
	}
	process->start_time = started;
	process->flags = 0;
	if (pidfd >= 0) {
		keep(set, i, resolver->pool, TAKE_FD(pidfd));
	}
	return 0;
}

bool resource_process_is_alive(struct resource_set *set, uint32_t i,
			       const struct process_resolver *resolver)
{
	struct resource_process *process = resource_process_at(set, i);
	uint64_t started;
	int r;

	if (process->flags & RESOURCE_PROCESS_DEAD) {
		return false;
	}
	if (process->slot >= 0) {
		r = is_exited(resolver->pool->slots[process->slot].fd) ? -ESRCH : 0;
	} else {
		r = read_start_time(resolver, process->pid, &started);
		r = r == 0 && started != process->start_time ? -ESRCH : r;
	}
	if (r == -ESRCH) {
		process->flags |= RESOURCE_PROCESS_DEAD;
		let_go(process, resolver->pool);
	}
	return r != -ESRCH; /* when nobody could look, it is as it was */
}

int resource_process_open(struct resource_set *set, uint32_t i,
			  const struct process_resolver *resolver, int *ret_pidfd)
{
	struct resource_process *process = resource_process_at(set, i);
	_cleanup_(closep) int pidfd = -1;

	if (process->flags & RESOURCE_PROCESS_DEAD) {
		return -ESRCH;
	}
	pidfd = process->slot >= 0
			? fcntl(resolver->pool->slots[process->slot].fd, F_DUPFD_CLOEXEC, 0)
			: open_pidfd(process->pid);
	if (pidfd < 0) {
		return process->slot >= 0 ? negative_errno() : TAKE_FD(pidfd);
	}
	/* Opened first, looked at then: what lives now is what the pidfd is of. */
	if (!resource_process_is_alive(set, i, resolver) || is_exited(pidfd)) {
		return -ESRCH;
	}
	*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}

void pidfd_pool_move(struct pidfd_pool *pool, struct resource_set *from, uint32_t i,
		     struct resource_set *to, uint32_t to_i)
{
	struct resource_process *source = resource_process_at(from, i);
	struct resource_process *target = resource_process_at(to, to_i);

	if (source->slot < 0 || target->slot >= 0 || target->flags & RESOURCE_PROCESS_DEAD) {
		return;
	}
	target->slot = source->slot;
	pool->slots[target->slot].set = to;
	pool->slots[target->slot].i = to_i;
	source->slot = -1;
}

void pidfd_pool_drop(struct pidfd_pool *pool, const struct resource_set *set)
{
	for (int32_t i = 0; i < (int32_t)MAX_REGISTERED_PIDFDS && pool->n > 0; i++) {
		if (pool->slots[i].set && (!set || pool->slots[i].set == set)) {
			let_go(resource_process_at(pool->slots[i].set, pool->slots[i].i), pool);
		}
	}
}
