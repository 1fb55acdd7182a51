/* SPDX-License-Identifier: MIT */
/*
 * The listening end. Who may speak is decided before a byte is read: another uid is
 * disconnected at once (A52). The limits keep enough descriptors for the broker's own work, so
 * a flood of connections costs others nothing but the wait for their turn.
 *
 * There is one timer for half frames, and it runs only while there is one: an idle broker is
 * never woken.
 */
#include "broker/server.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utlist.h>

#include "broker/connection.h"
#include "broker/log.h"
#include "broker/peer.h"
#include "proto/limits.h"
#include "proto/status.h"

#define ACCEPTS_PER_EVENT 64
/* Without descriptors or memory accepting rests this long. */
#define ACCEPT_PAUSE_MS 100

struct server {
	struct broker *broker; /* borrowed */
	int fd;		       /* borrowed: listening */
	uv_poll_t poll;
	uv_timer_t half_timer;
	uv_timer_t pause_timer;
	struct connection *connections; /* owned */
	unsigned int n_connections;
	unsigned int n_half;
	unsigned int max_connections;
	bool is_closing;
	uint64_t refusal_logged_ns; /* see log_limit() */
	struct connection_shared shared;
};

static void on_listen_poll(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
	struct server *server = timer->data;

	if (uv_poll_start(&server->poll, UV_READABLE, on_listen_poll) < 0) {
		log_error("the socket can't be listened to any more");
	}
}

static void pause_accepting(struct server *server, int error)
{
	(void)log_errno(LOG_WARNING, error, "no connection can be accepted for now");
	(void)uv_poll_stop(&server->poll);
	(void)uv_timer_start(&server->pause_timer, on_pause_over, ACCEPT_PAUSE_MS, 0);
}

/* Why a process may have no further connection. */
struct refusal {
	uint32_t status;
	const char *text;
};

static struct refusal find_refusal(const struct server *server, const struct process *peer)
{
	if (server->broker->is_system && !peer_may_use_system(peer)) {
		return (struct refusal){STATUS_ACCESS_DENIED,
					"the machine's broker serves root alone"};
	}
	if (peer->n_connections >= MAX_CONNECTIONS_PER_PROCESS) {
		return (struct refusal){STATUS_OUTOFMEMORY,
					"the process has 1024 connections already"};
	}
	if (server->n_connections >= server->max_connections) {
		return (struct refusal){STATUS_OUTOFMEMORY,
					"the broker has its maximum of connections"};
	}
	return (struct refusal){0};
}

/* Tells a peer that is not taken on why, as far as its empty socket lets us. */
static void refuse(int fd, const struct refusal *refusal)
{
	Rm__Reply reply = RM__REPLY__INIT;
	struct frame_buffer frame = {0};

	reply.version = PROTOCOL_VERSION;
	reply.status = refusal->status;
	reply.detail = codec_text(refusal->text);
	if (codec_pack_reply(&reply, &frame) == 0) {
		(void)send(fd, frame.data, frame.size, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	frame_buffer_done(&frame);
}

/* Finds the process behind the socket, if it may be served. */
static int meet(struct server *server, int fd, struct process **ret_peer)
{
	struct refusal refusal = {STATUS_ACCESS_DENIED,
				  "the broker can't tell which process this is (another pid "
				  "namespace?)"};
	struct process *peer = NULL;
	int r = process_of_peer(&server->broker->processes, fd, &peer);

	if (r == 0) {
		refusal = find_refusal(server, peer);
	}
	if (r == 0 && !refusal.status) {
		*ret_peer = peer;
		return 0;
	}
	if (r < 0 && r != -ENXIO) {
		return r; /* it has gone already */
	}
	if (log_limit(&server->refusal_logged_ns)) {
		log_warning("connection refused: %s pid=%d name=%s", refusal.text,
			    peer ? peer->id.pid : 0, peer ? peer->name : "?");
	}
	refuse(fd, &refusal);
	if (peer) {
		process_settle(peer);
	}
	return -EPERM;
}

static void welcome(struct server *server, int owned_fd)
{
	_cleanup_(closep) int fd = owned_fd;
	struct connection *connection;
	struct process *peer = NULL;
	int r;

	if (!peer_may_connect(fd)) {
		if (log_limit(&server->refusal_logged_ns)) {
			log_warning("connection of another user refused");
		}
		return;
	}
	if (meet(server, fd, &peer) < 0) {
		return;
	}
	r = connection_new(server, &server->shared, server->broker, peer, TAKE_FD(fd), &connection);
	if (r < 0) {
		(void)log_errno(LOG_WARNING, r, "connection refused pid=%d", peer->id.pid);
		process_settle(peer);
		return;
	}
	DL_APPEND(server->connections, connection);
	server->n_connections++;
}

static void on_listen_poll(uv_poll_t *poll, int status, int events)
{
	struct server *server = poll->data;

	(void)status; /* accept4() tells more */
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			welcome(server, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			pause_accepting(server, negative_errno());
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return; /* EAGAIN: all are in */
		}
	}
}

/* The soft limit goes up to the hard one; a quarter, at most DESCRIPTORS_KEPT, stays ours, and a
 * connection may cost two: itself and its process's pidfd. */
static unsigned int find_max_connections(void)
{
	struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};
	rlim_t kept;
	rlim_t max;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
			(void)getrlimit(RLIMIT_NOFILE, &limit); /* what was, stays */
		}
	}
	kept = limit.rlim_cur / 4 < DESCRIPTORS_KEPT ? limit.rlim_cur / 4 : DESCRIPTORS_KEPT;
	max = (limit.rlim_cur - kept) / 2;
	return max < MAX_CONNECTIONS ? (unsigned int)max : MAX_CONNECTIONS;
}

/* Closes what has been half for longer than CallMs and waits for the next. */
static void on_half_timer(uv_timer_t *timer)
{
	struct server *server = timer->data;
	uint64_t limit_ms = server->broker->config.call_ms;
	uint64_t now = uv_now(server->broker->loop);
	uint64_t next_ms = limit_ms;
	struct connection *connection;
	struct connection *next;

	DL_FOREACH_SAFE(server->connections, connection, next) {
		uint64_t age_ms = now - connection->half_since_ms;

		if (!connection->half_since_ms || connection->is_closing) {
			continue;
		}
		if (age_ms >= limit_ms) {
			log_info("connection closed: half a frame for too long pid=%d name=%s",
				 connection->peer->id.pid, connection->peer->name);
			connection_refuse(connection, STATUS_SEM_TIMEOUT,
					  "the rest of the frame did not come in time");
		} else if (limit_ms - age_ms < next_ms) {
			next_ms = limit_ms - age_ms;
		}
	}
	if (server->n_half && !server->is_closing) {
		(void)uv_timer_start(timer, on_half_timer, next_ms, 0);
	}
}

void server_settle_half(struct server *server, struct connection *connection, bool is_half)
{
	if (is_half && !connection->half_since_ms) {
		connection->half_since_ms = uv_now(server->broker->loop) + 1; /* never 0 */
		server->n_half++;
		if (!uv_is_active((uv_handle_t *)&server->half_timer)) {
			(void)uv_timer_start(&server->half_timer, on_half_timer,
					     server->broker->config.call_ms, 0);
		}
	} else if (!is_half && connection->half_since_ms) {
		connection->half_since_ms = 0;
		if (--server->n_half == 0) {
			(void)uv_timer_stop(&server->half_timer);
		}
	}
}

int server_new(struct broker *broker, int fd, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));
	int r;

	if (!server) {
		return -ENOMEM;
	}
	server->broker = broker;
	server->fd = fd;
	server->max_connections = find_max_connections();
	r = uv_poll_init(broker->loop, &server->poll, fd);
	if (r < 0) {
		free(server);
		return r;
	}
	(void)uv_timer_init(broker->loop, &server->half_timer); /* never fail */
	(void)uv_timer_init(broker->loop, &server->pause_timer);
	server->poll.data = server;
	server->half_timer.data = server;
	server->pause_timer.data = server;
	(void)uv_poll_start(&server->poll, UV_READABLE, on_listen_poll); /* tried by init */
	*ret_server = server;
	return 0;
}

void server_close(struct server *server)
{
	struct connection *connection;
	struct connection *next;

	server->is_closing = true;
	DL_FOREACH_SAFE(server->connections, connection, next) {
		connection_close(connection);
	}
	uv_close((uv_handle_t *)&server->poll, NULL);
	uv_close((uv_handle_t *)&server->half_timer, NULL);
	uv_close((uv_handle_t *)&server->pause_timer, NULL);
}

void server_free(struct server *server)
{
	if (server) {
		connection_shared_done(&server->shared);
		free(server);
	}
}

unsigned int server_count_connections(const struct server *server)
{
	return server->n_connections;
}

unsigned int server_max_connections(const struct server *server)
{
	return server->max_connections;
}

void server_drop_process(struct server *server, const struct process *process)
{
	struct connection *connection;
	struct connection *next;

	if (!process->n_connections) {
		return;
	}
	DL_FOREACH_SAFE(server->connections, connection, next) {
		if (connection->peer == process) {
			connection_close(connection);
		}
	}
}

void server_forget_connection(struct server *server, struct connection *connection)
{
	DL_DELETE(server->connections, connection);
	server->n_connections--;
}
