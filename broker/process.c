/* SPDX-License-Identifier: MIT */
/*
 * Process identity. A process is known by pid, start time and pidfd: the pidfd tells its exit
 * and is the only thing that is ever signalled. While the pidfd has not fired, its pid belongs
 * to it and to nobody else, so a living entry of the table is found again by its number.
 *
 * The surprise: an entry outlives its exit until libuv has closed its poll handle, so the
 * table forgets it first (is_gone) and frees it in the close callback.
 */
#include "broker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <systemd/sd-login.h>
#include <utlist.h>

#include "broker/log.h"
#include "proto/procfs.h"
#include "proto/text.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* since Linux 6.5 */
#endif

bool process_id_equal(const struct process_id *a, const struct process_id *b)
{
	return a->pid == b->pid && a->start_time == b->start_time;
}

int process_table_init(struct process_table *table, uv_loop_t *loop, process_gone_fn on_gone,
		       void *userdata)
{
	*table = (struct process_table){.loop = loop, .on_gone = on_gone, .userdata = userdata};
	table->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return table->proc_fd < 0 ? negative_errno() : 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct process *process = handle->data;

	free(process->answered);
	closep(&process->pidfd);
	free(process);
}

static void leave_idle(struct process *process)
{
	if (process->is_idle) {
		DL_DELETE2(process->table->idle, process, idle_prev, idle_next);
		process->table->n_idle--;
		process->is_idle = false;
	}
}

/* Takes the process out of the table; its exit is still to be told by its pidfd. */
static void unlist(struct process *process)
{
	if (!process->is_gone) {
		leave_idle(process);
		HASH_DEL(process->table->by_pid, process);
		process->is_gone = true;
	}
}

/* Lets go of it; it is freed once its handle is closed. */
static void forget(struct process *process)
{
	unlist(process);
	if (!uv_is_closing((uv_handle_t *)&process->exit_poll)) {
		uv_close((uv_handle_t *)&process->exit_poll, on_poll_closed);
	}
}

static void on_exit_poll(uv_poll_t *poll, int status, int events)
{
	struct process *process = poll->data;

	(void)status; /* an error of the descriptor means the same: nothing more will come */
	(void)events;
	forget(process);
	process->table->on_gone(process, process->table->userdata);
}

static bool is_alive(int pidfd)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 0;
}

static int open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? negative_errno() : fd;
}

/* "Everything under one user manager counts as one login session; without logind, the uid." */
static void read_login(struct process *process)
{
	char *session = NULL;

	if (sd_pid_get_session(process->id.pid, &session) >= 0) {
		char name[MAX_NAME_BYTES + 1];

		(void)snprintf(name, sizeof(name), "session %s", session);
		(void)text_clean(name, strlen(name), process->login, sizeof(process->login));
		free(session);
		return;
	}
	(void)snprintf(process->login, sizeof(process->login), "uid %u", process->uid);
}

/* Fills in what /proc tells while the pidfd proves that the pid still is this process's. */
static int describe(struct process *process, int proc_fd, pid_t pid)
{
	struct procfs_stat stat;
	struct procfs_status status;
	int r;

	r = procfs_read_stat(proc_fd, pid, &stat);
	if (r < 0) {
		return r;
	}
	r = procfs_read_status(proc_fd, pid, &status);
	if (r < 0) {
		return r;
	}
	process->id = (struct process_id){.pid = pid, .start_time = stat.start_time};
	process->uid = status.uid;
	procfs_read_name(proc_fd, pid, &stat, process->name);
	read_login(process);
	return is_alive(process->pidfd) && stat.state != 'Z' ? 0 : -ESRCH;
}

/* Takes the pidfd over. */
static int add(struct process_table *table, pid_t pid, int owned_pidfd,
	       struct process **ret_process)
{
	_cleanup_(closep) int pidfd = owned_pidfd;
	_cleanup_(freep) struct process *process = calloc(1, sizeof(*process));
	int r;

	if (!process) {
		return -ENOMEM;
	}
	process->table = table;
	process->pidfd = pidfd;
	r = describe(process, table->proc_fd, pid);
	if (r < 0) {
		return r;
	}
	r = uv_poll_init(table->loop, &process->exit_poll, pidfd);
	if (r < 0) {
		return r;
	}
	process->exit_poll.data = process;
	r = uv_poll_start(&process->exit_poll, UV_READABLE, on_exit_poll);
	if (r < 0) {
		/* Only a full epoll set: let the close callback free it. */
		process->is_gone = true;
		(void)TAKE_FD(pidfd);
		uv_close((uv_handle_t *)&TAKE_PTR(process)->exit_poll, on_poll_closed);
		return r;
	}
	(void)TAKE_FD(pidfd);
	HASH_ADD(hh, table->by_pid, id.pid, sizeof(process->id.pid), process);
	*ret_process = TAKE_PTR(process);
	return 0;
}

/* An entry whose process is alive. One that has died leaves the table at once, as its pid may be
 * a stranger's by now; what hangs on it goes when its pidfd is served. */
static struct process *find_alive(struct process_table *table, pid_t pid)
{
	struct process *process;

	HASH_FIND(hh, table->by_pid, &pid, sizeof(pid), process);
	if (process && !is_alive(process->pidfd)) {
		unlist(process);
		process = NULL;
	}
	return process;
}

/* Kernels before 6.5 have no SO_PEERPIDFD: the pid was the peer's when it connected. A peer
 * that has gone since shows as a hung-up socket; with that ruled out the pid is still its. */
static int open_peer_by_pid(int socket_fd, pid_t pid)
{
	_cleanup_(closep) int pidfd = open_pidfd(pid);
	struct pollfd poll_fd = {.fd = socket_fd, .events = POLLRDHUP};

	if (pidfd < 0) {
		return TAKE_FD(pidfd) == -ESRCH ? -ESRCH : -EIO;
	}
	if (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLRDHUP | POLLERR))) {
		return -ESRCH;
	}
	return TAKE_FD(pidfd);
}

static int open_peer(int socket_fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);

	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
		return pidfd;
	}
	return errno == ENOPROTOOPT ? open_peer_by_pid(socket_fd, pid) : negative_errno();
}

int process_of_peer(struct process_table *table, int socket_fd, struct process **ret_process)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	struct process *process;
	int pidfd;

	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
		return negative_errno();
	}
	if (credentials.pid <= 0) {
		return -ENXIO; /* of a pid namespace that we cannot see into */
	}
	pidfd = open_peer(socket_fd, credentials.pid);
	if (pidfd < 0) {
		return pidfd;
	}
	if (!is_alive(pidfd)) {
		closep(&pidfd);
		return -ESRCH;
	}
	/* Both are alive and have the same pid: they are the same process. */
	process = find_alive(table, credentials.pid);
	if (process) {
		closep(&pidfd);
		leave_idle(process);
		*ret_process = process;
		return 0;
	}
	return add(table, credentials.pid, pidfd, ret_process);
}

int process_find_or_open(struct process_table *table, const struct process_id *id,
			 struct process **ret_process)
{
	struct process *process = find_alive(table, id->pid);
	int r = 0;

	if (!process) {
		int pidfd = open_pidfd(id->pid);

		if (pidfd < 0) {
			return pidfd == -EINVAL ? -ESRCH : pidfd;
		}
		r = add(table, id->pid, pidfd, &process);
	}
	if (r < 0) {
		return r;
	}
	if (id->start_time && process->id.start_time != id->start_time) {
		process_settle(process);
		return -ESRCH;
	}
	leave_idle(process);
	*ret_process = process;
	return 0;
}

bool process_is_descendant(const struct process *process, const struct process *ancestor)
{
	pid_t pid = process->id.pid;

	for (unsigned int i = 0; i < MAX_ANCESTORS && pid > 0; i++) {
		struct procfs_stat stat;

		if (pid == ancestor->id.pid) {
			return is_alive(ancestor->pidfd);
		}
		if (procfs_read_stat(process->table->proc_fd, pid, &stat) < 0) {
			return false;
		}
		pid = stat.parent;
	}
	return false;
}

int process_prepare_answered(struct process *process)
{
	if (!process->answered) {
		process->answered = calloc(MAX_ANSWERED, sizeof(*process->answered));
	}
	return process->answered ? 0 : -ENOMEM;
}

int process_add_answered(struct process *process, const uint8_t request_id[REQUEST_ID_BYTES])
{
	int r = process_prepare_answered(process);

	if (r < 0) {
		return r;
	}
	memcpy(process->answered[process->next_answered].id, request_id, REQUEST_ID_BYTES);
	process->next_answered = (process->next_answered + 1) % MAX_ANSWERED;
	if (process->n_answered < MAX_ANSWERED) {
		process->n_answered++;
	}
	return 0;
}

bool process_has_answered(const struct process *process, const uint8_t request_id[REQUEST_ID_BYTES])
{
	uint64_t id[2];
	bool is_there = false;

	memcpy(id, request_id, sizeof(id));
	for (unsigned int i = 0; i < process->n_answered; i++) {
		is_there |=
			process->answered[i].id[0] == id[0] && process->answered[i].id[1] == id[1];
	}
	return is_there;
}

void process_settle(struct process *process)
{
	struct process_table *table = process->table;

	if (process->is_gone || process->is_idle || process->n_sessions || process->n_joins ||
	    process->n_connections) {
		return;
	}
	if (!process->n_answered) {
		forget(process);
		return;
	}
	if (table->n_idle == MAX_IDLE_PROCESSES) {
		forget(table->idle); /* the one that has been idle longest */
	}
	DL_APPEND2(table->idle, process, idle_prev, idle_next);
	table->n_idle++;
	process->is_idle = true;
}

void process_table_close(struct process_table *table)
{
	struct process *process;
	struct process *next;

	HASH_ITER(hh, table->by_pid, process, next) {
		forget(process);
	}
}

void process_table_done(struct process_table *table)
{
	closep(&table->proc_fd);
	table->proc_fd = -1;
}
