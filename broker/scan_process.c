/* SPDX-License-Identifier: MIT */
/*
 * A worker process: the broker's own program again, with a socketpair as its descriptor 3. It is
 * run through a descriptor opened when the broker started, so an upgrade of the package can't
 * give a worker of another version. SIGKILL may not end one that hangs in a dead file system; it
 * is then left to the kernel and another takes its place.
 */
#include "broker/scan_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "broker/log.h"
#include "broker/scanner.h"
#include "proto/frame.h"
#include "proto/limits.h"

/* What is read at a time: handling it takes well under a millisecond. */
#define READ_BYTES 65536u

struct worker {
	struct scan_process_options options;
	uv_process_t process;
	uv_poll_t poll;
	int fd;			     /* owned */
	struct reading_board *board; /* owned; NULL: it has none */
	struct frame_buffer in;
	struct frame_buffer out;
	bool is_abandoned; /* nobody listens any more */
	bool is_spawned;   /* the process handle is to be closed */
	bool has_exited;
	unsigned int n_open; /* handles not closed yet */
	struct worker **list;
	struct worker *prev;
	struct worker *next;
};

static void worker_free(struct worker *worker)
{
	closep(&worker->fd);
	if (worker->board) {
		(void)munmap(worker->board, sizeof(*worker->board));
	}
	frame_buffer_done(&worker->in);
	frame_buffer_done(&worker->out);
	free(worker);
}

static void on_closed(uv_handle_t *handle)
{
	struct worker *worker = handle->data;

	worker->n_open--;
	if (worker->n_open == 0) {
		DL_DELETE(*worker->list, worker);
		worker_free(worker);
	}
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle)) {
		uv_close(handle, on_closed);
	}
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
	struct worker *worker = process->data;

	log_debug("a worker has ended pid=%d status=%d signal=%d", process->pid, (int)status,
		  signal);
	worker->has_exited = true;
	close_handle((uv_handle_t *)&worker->process);
	if (!worker->is_abandoned) {
		worker->options.on_gone(-EPIPE, worker->options.userdata);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events);

static int listen_for(struct worker *worker)
{
	int events = UV_READABLE | (worker->out.size ? UV_WRITABLE : 0);

	return uv_poll_start(&worker->poll, events, on_poll);
}

static int flush(struct worker *worker)
{
	ssize_t n;

	while (worker->out.size) {
		n = send(worker->fd, worker->out.data, worker->out.size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return errno == EAGAIN ? 0 : negative_errno();
		}
		frame_buffer_consume(&worker->out, (size_t)n);
	}
	return 0;
}

static int deliver(struct worker *worker, const uint8_t *payload, size_t size)
{
	Rmscan__WorkerReply *reply = rmscan__worker_reply__unpack(NULL, size, payload);

	if (!reply) {
		return -EPROTO;
	}
	worker->options.on_message(reply, worker->options.userdata);
	rmscan__worker_reply__free_unpacked(reply, NULL);
	return 0;
}

static int deliver_frames(struct worker *worker)
{
	const uint8_t *payload;
	size_t size;
	size_t used = 0;
	int r;

	while ((r = frame_next(worker->in.data + used, worker->in.size - used, &payload, &size)) >
	       0) {
		used += FRAME_HEADER_BYTES + size;
		r = deliver(worker, payload, size);
		if (r < 0 || worker->is_abandoned) {
			break;
		}
	}
	frame_buffer_consume(&worker->in, used);
	return r < 0 ? r : 0;
}

static int receive(struct worker *worker)
{
	uint8_t *place = frame_buffer_reserve(&worker->in, READ_BYTES);
	ssize_t n;

	if (!place) {
		return -ENOMEM;
	}
	n = recv(worker->fd, place, READ_BYTES, 0);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
	}
	if (n == 0) {
		return -EPIPE;
	}
	worker->in.size += (size_t)n;
	return deliver_frames(worker);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct worker *worker = poll->data;
	int r = status;

	if (r == 0 && (events & UV_WRITABLE)) {
		r = flush(worker);
		if (r == 0 && worker->out.size == 0) {
			worker->options.on_drained(worker->options.userdata);
		}
	}
	if (r == 0 && (events & UV_READABLE) && !worker->is_abandoned) {
		r = receive(worker);
	}
	if (worker->is_abandoned) {
		return;
	}
	if (r == 0) {
		r = listen_for(worker);
	}
	if (r < 0) {
		/* However a dead peer shows: libuv says EBADF for what epoll calls an error. */
		bool is_dead = status < 0 || r == -ECONNRESET;

		worker->options.on_gone(is_dead ? -EPIPE : r, worker->options.userdata);
	}
}

int scan_process_send(struct worker *worker, const Rmscan__WorkerRequest *request)
{
	size_t size = rmscan__worker_request__get_packed_size(request);
	uint8_t *frame;

	if (size > MAX_FRAME_BYTES) {
		return -EMSGSIZE;
	}
	frame = frame_buffer_reserve(&worker->out, FRAME_HEADER_BYTES + size);
	if (!frame) {
		return -ENOMEM;
	}
	frame_write_header(frame, (uint32_t)size);
	worker->out.size += FRAME_HEADER_BYTES +
			    rmscan__worker_request__pack(request, frame + FRAME_HEADER_BYTES);
	return listen_for(worker);
}

/* Sealed: nobody can take the memory away from below the broker. */
static int make_board(struct worker *worker, int *ret_fd)
{
	_cleanup_(closep) int fd = memfd_create("rm-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *place;

	if (fd < 0 || ftruncate(fd, sizeof(*worker->board)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		return negative_errno();
	}
	place = mmap(NULL, sizeof(*worker->board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (place == MAP_FAILED) {
		return negative_errno();
	}
	worker->board = place;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

#define SKIP_BYTES 40
/* What a worker is started with besides those. */
#define MAX_OPTIONS 8u

/* "--skip PID:START" for each, behind what is there. */
static void add_skipped(const struct hung_watch *hung, char (*texts)[SKIP_BYTES], char **arguments,
			size_t n)
{
	static char option[] = "--skip";

	for (size_t i = 0; hung && i < hung->n_processes; i++) {
		const struct skipped_process *process = &hung->processes[i].process;

		(void)snprintf(texts[i], SKIP_BYTES, "%d:%" PRIu64, process->pid,
			       process->start_time);
		arguments[n++] = option;
		arguments[n++] = texts[i];
	}
}

static int spawn(struct worker *worker, int peer_fd, int board_fd)
{
	char skipped[MAX_SKIPPED_PROCESSES][SKIP_BYTES];
	char exe[64];
	char threads[16];
	char kind[16];
	char *arguments[MAX_OPTIONS + 2 * MAX_SKIPPED_PROCESSES] = {"rmbrokerd", "--worker", kind,
								    "--threads", threads};
	size_t n = 5;
	uv_stdio_container_t stdio[] = {
		{.flags = UV_IGNORE},
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
		{.flags = UV_INHERIT_FD, .data.fd = peer_fd},
		{.flags = UV_INHERIT_FD, .data.fd = board_fd},
	};
	uv_process_options_t options = {
		.exit_cb = on_process_exit,
		.file = exe,
		.args = arguments,
		.stdio = stdio,
		.stdio_count = ARRAY_SIZE(stdio) - (board_fd < 0),
	};

	(void)snprintf(exe, sizeof(exe), "/proc/self/fd/%d", worker->options.exe_fd);
	(void)snprintf(kind, sizeof(kind), "%s", lane_name((enum lane_kind)worker->options.kind));
	(void)snprintf(threads, sizeof(threads), "%u", worker->options.config->threads);
	if (worker->options.config->text_maps) {
		arguments[n++] = "--text-maps";
	}
	if (worker->options.is_system) {
		arguments[n++] = "--system";
	}
	add_skipped(worker->options.hung, skipped, arguments, n);
	return uv_spawn(worker->options.loop, &worker->process, &options);
}

static int start(struct worker *worker, int peer_fd)
{
	_cleanup_(closep) int board_fd = -1;
	int r = worker->options.kind == LANE_SCAN ? make_board(worker, &board_fd) : 0;

	r = r < 0 ? r : spawn(worker, peer_fd, board_fd);
	worker->process.data = worker;
	worker->n_open++; /* the handle is to be closed even after a failed spawn */
	if (r < 0) {
		return r;
	}
	worker->is_spawned = true;
	r = uv_poll_init(worker->options.loop, &worker->poll, worker->fd);
	if (r < 0) {
		return r;
	}
	worker->poll.data = worker;
	worker->n_open++;
	uv_unref((uv_handle_t *)&worker->process);
	return listen_for(worker);
}

int scan_process_start(const struct scan_process_options *options, struct worker **list,
		       struct worker **ret_worker)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int fds[2];
	int r;

	if (!worker) {
		return -ENOMEM;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		free(worker);
		return negative_errno();
	}
	worker->options = *options;
	worker->fd = fds[0];
	worker->list = list;
	DL_APPEND(*list, worker);
	r = start(worker, fds[1]);
	(void)close(fds[1]);
	if (r < 0) {
		scan_process_abandon(worker);
		return r;
	}
	log_debug("worker started worker=%s pid=%d", lane_name((enum lane_kind)options->kind),
		  worker->process.pid);
	*ret_worker = worker;
	return 0;
}

void scan_process_abandon(struct worker *worker)
{
	worker->is_abandoned = true;
	if (worker->n_open > 1) {
		close_handle((uv_handle_t *)&worker->poll);
	}
	if (!worker->is_spawned) {
		close_handle((uv_handle_t *)&worker->process);
	} else if (!worker->has_exited) {
		(void)uv_process_kill(&worker->process, SIGKILL); /* it is our child, so it is it */
	}
}

void scan_process_close_all(struct worker *list)
{
	struct worker *worker;
	struct worker *next;

	DL_FOREACH_SAFE(list, worker, next) {
		scan_process_abandon(worker);
		close_handle((uv_handle_t *)&worker->process);
	}
}

struct reading_board *scan_process_board(const struct worker *worker)
{
	return worker->board;
}

bool scan_process_is_stopped(const struct worker *worker)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)worker->process.pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

pid_t scan_process_pid(const struct worker *worker)
{
	return worker ? worker->process.pid : 0;
}

const struct worker *scan_process_next(const struct worker *worker)
{
	return worker->next;
}

unsigned int scan_process_count_abandoned(const struct worker *list)
{
	unsigned int n = 0;

	for (const struct worker *worker = list; worker; worker = worker->next) {
		n += worker->is_abandoned;
	}
	return n;
}
