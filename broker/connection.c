/* SPDX-License-Identifier: MIT */
/*
 * One connection. An event reads once, serves every whole frame of what came, and sends all
 * replies with one send(2): epoll_wait, recv, the journal's pwrite and send are the four system
 * calls of a change. Frames are parsed where recv(2) put them; only a half frame is copied.
 *
 * A peer that does not read its replies is not read from either, until it has taken them: what
 * is kept for it stays bounded, and the time it wastes is its own. Memory is charged to the
 * process and to all together; over the limit the connection is closed.
 */
#include "broker/connection.h"

#include <errno.h>
#include <sys/socket.h>

#include "broker/dispatch.h"
#include "broker/log.h"
#include "broker/server.h"
#include "proto/codec.h"
#include "proto/limits.h"
#include "proto/status.h"

/* Replies kept back before a peer's further requests wait. */
#define MAX_UNSENT_BYTES (256u * 1024u)

static void update_poll(struct connection *connection);

/* Brings the counts up to what the connection holds now. */
static int charge(struct connection *connection)
{
	size_t now = connection->in.size + connection->out.size;
	size_t before = connection->buffered;

	connection->buffered = now;
	connection->shared->buffered += now - before;
	if (connection->peer) {
		connection->peer->buffered += now - before;
	}
	if (now <= before) {
		return 0;
	}
	return connection->shared->buffered > MAX_BUFFERED_ALL ||
			       (connection->peer &&
				connection->peer->buffered > MAX_BUFFERED_PER_PROCESS)
		       ? -ENOBUFS
		       : 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;

	closep(&connection->fd);
	frame_buffer_done(&connection->in);
	frame_buffer_done(&connection->out);
	server_forget_connection(connection->server, connection);
	free(connection);
}

void connection_close(struct connection *connection)
{
	struct process *peer = connection->peer;

	if (connection->is_closing) {
		return;
	}
	connection->is_closing = true;
	call_gone(&connection->call);
	connection->in.size = 0;
	connection->out.size = 0;
	(void)charge(connection); /* less than before: cannot fail */
	connection->peer = NULL;
	connection->call.peer = NULL;
	server_settle_half(connection->server, connection, false);
	(void)uv_poll_stop(&connection->poll);
	uv_close((uv_handle_t *)&connection->poll, on_closed);
	peer->n_connections--;
	process_settle(peer);
}

/* Sends bytes now. How many were taken; 0 when the peer is slow; -errno. */
static ssize_t send_now(struct connection *connection, const uint8_t *data, size_t size)
{
	ssize_t n;

	do {
		n = send(connection->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : negative_errno();
	}
	return n;
}

/* Sends what was packed; what the peer does not take now is kept for it. */
static int flush(struct connection *connection, struct frame_buffer *packed)
{
	ssize_t n = 0;
	int r = 0;

	if (packed->size == 0) {
		return 0;
	}
	if (connection->out.size == 0) {
		n = send_now(connection, packed->data, packed->size);
	}
	if (n >= 0 && (size_t)n < packed->size) {
		r = frame_buffer_append(&connection->out, packed->data + n,
					packed->size - (size_t)n);
		r = r < 0 ? r : charge(connection);
	}
	packed->size = 0;
	if (packed->capacity > MAX_UNSENT_BYTES) {
		frame_buffer_done(packed);
	}
	return n < 0 ? (int)n : r;
}

/* What belongs to a deferred call may come in the middle of another connection's event: it is
 * packed apart. */
static int notify(struct connection *connection, const Rm__Reply *reply)
{
	struct frame_buffer *notification = &connection->shared->notification;
	int r = codec_pack_reply(reply, notification);

	if (r == 0) {
		r = flush(connection, notification);
	}
	notification->size = 0;
	if (r == 0) {
		update_poll(connection);
	}
	return r;
}

/* call_sink */
static int sink_send(struct call_sink *sink, const Rm__Reply *reply)
{
	struct connection *connection = container_of(sink, struct connection, sink);
	int r = -ECONNRESET;

	if (!connection->is_closing) {
		r = connection->call.state == CALL_RUNNING || connection->call.state == CALL_IDLE
			    ? codec_pack_reply(reply, &connection->shared->replies)
			    : notify(connection, reply);
	}
	if (r < 0) {
		connection_close(connection);
	}
	return r;
}

static bool sink_is_clear(const struct call_sink *sink)
{
	const struct connection *connection = container_of(sink, struct connection, sink);

	return connection->out.size == 0 && !connection->is_closing;
}

void connection_refuse(struct connection *connection, uint32_t status, const char *detail)
{
	Rm__Reply reply = RM__REPLY__INIT;

	if (connection->is_closing) {
		return;
	}
	reply.version = PROTOCOL_VERSION;
	reply.status = status;
	reply.detail = codec_text(detail);
	if (codec_pack_reply(&reply, &connection->shared->replies) == 0) {
		(void)flush(connection, &connection->shared->replies); /* it closes anyway */
	}
	connection->shared->replies.size = 0;
	connection_close(connection);
}

static void refuse_logged(struct connection *connection, uint32_t status, const char *detail)
{
	log_info("connection closed: %s pid=%d name=%s", detail, connection->peer->id.pid,
		 connection->peer->name);
	connection_refuse(connection, status, detail);
}

/* A request that is whole but not good. */
static void refuse_request(struct connection *connection, int error)
{
	switch (error) {
	case -EPROTONOSUPPORT:
		refuse_logged(connection, STATUS_NOT_SUPPORTED,
			      "this broker (" RM_VERSION ") speaks version 1 of the protocol only");
		break;
	case -EINVAL:
		refuse_logged(connection, STATUS_BAD_ARGUMENTS,
			      "a field of the request is out of its bounds");
		break;
	case -ENOMEM:
		refuse_logged(connection, STATUS_OUTOFMEMORY, "no memory for the request");
		break;
	default:
		refuse_logged(connection, STATUS_BAD_ARGUMENTS, "the frame holds no request");
		break;
	}
}

static void serve_payload(struct connection *connection, const uint8_t *payload, size_t size)
{
	struct codec_arena *arena = &connection->shared->arena;
	Rm__Request *request = NULL;
	int r = codec_unpack_request(arena, payload, size, &request);

	if (r < 0) {
		refuse_request(connection, r);
	} else if (connection->call.state != CALL_IDLE) {
		refuse_logged(connection, STATUS_BUSY, "a call is still open on this connection");
	} else {
		dispatch(&connection->call, request);
	}
	codec_free_request(arena, request);
}

static void refuse_frame(struct connection *connection, int error)
{
	refuse_logged(connection, STATUS_BAD_ARGUMENTS,
		      error == -EMSGSIZE ? "the frame is larger than 1 MiB" : "the frame is empty");
}

static bool is_held_back(const struct connection *connection)
{
	return connection->out.size > 0 || connection->shared->replies.size > MAX_UNSENT_BYTES;
}

/* Serves whole frames at `data`; returns how many bytes they had. */
static size_t serve_frames(struct connection *connection, const uint8_t *data, size_t size)
{
	size_t served = 0;

	while (!connection->is_closing && !is_held_back(connection)) {
		const uint8_t *payload;
		size_t payload_size;
		int r = frame_next(data + served, size - served, &payload, &payload_size);

		if (r < 0) {
			refuse_frame(connection, r);
		}
		if (r <= 0) {
			break;
		}
		served += FRAME_HEADER_BYTES + payload_size;
		serve_payload(connection, payload, payload_size);
	}
	if (served) {
		/* Whatever is left is another frame: its time begins now. */
		server_settle_half(connection->server, connection, false);
	}
	return served;
}

/* What came: served in place, or behind the half frame that is waiting for it. */
static int take_bytes(struct connection *connection, const uint8_t *data, size_t size)
{
	size_t served;
	int r;

	if (connection->in.size == 0) {
		served = serve_frames(connection, data, size);
		if (served == size || connection->is_closing) {
			return 0;
		}
		r = frame_buffer_append(&connection->in, data + served, size - served);
	} else {
		r = frame_buffer_append(&connection->in, data, size);
		if (r == 0) {
			served = serve_frames(connection, connection->in.data, connection->in.size);
			frame_buffer_consume(&connection->in, served);
		}
	}
	return r < 0 || connection->is_closing ? r : charge(connection);
}

/* After an event: what is left of it decides what to wait for. */
static void update_poll(struct connection *connection)
{
	int events = connection->out.size ? UV_WRITABLE : UV_READABLE;

	if (connection->is_closing) {
		return;
	}
	if (connection->in.size == 0 && connection->in.capacity) {
		frame_buffer_done(&connection->in);
	}
	if (connection->out.size == 0 && connection->out.capacity) {
		frame_buffer_done(&connection->out);
	}
	server_settle_half(connection->server, connection,
			   connection->in.size && !connection->out.size);
	if (events != connection->events) {
		int r = uv_poll_start(&connection->poll, events, connection->poll.poll_cb);

		connection->events = events;
		if (r < 0) {
			connection_close(connection);
		}
	}
}

/* Sends the replies; and when the peer has taken them all, goes on with the frames that were
 * held back, until it is slow again or only a half one is left. */
static int flush_and_serve(struct connection *connection)
{
	size_t served;
	int r;

	do {
		served = 0;
		r = flush(connection, &connection->shared->replies);
		if (r == 0 && connection->out.size == 0 && connection->in.size) {
			served = serve_frames(connection, connection->in.data, connection->in.size);
			frame_buffer_consume(&connection->in, served);
			r = connection->is_closing ? 0 : charge(connection);
		}
	} while (served && r == 0 && !connection->is_closing);
	return r;
}

static void finish_event(struct connection *connection, int r)
{
	if (!connection->is_closing && r == 0) {
		r = flush_and_serve(connection);
	}
	connection->shared->replies.size = 0;
	if (r == -ENOBUFS) {
		refuse_logged(connection, STATUS_OUTOFMEMORY,
			      "too many bytes are waiting for this process");
	} else if (r < 0) {
		log_debug("connection lost pid=%d",
			  connection->peer ? connection->peer->id.pid : 0);
		connection_close(connection);
	}
	update_poll(connection);
}

static void on_readable(struct connection *connection)
{
	uint8_t *buffer = connection->shared->read_buffer;
	ssize_t n =
		recv(connection->fd, buffer, sizeof(connection->shared->read_buffer), MSG_DONTWAIT);

	if (n > 0) {
		finish_event(connection, take_bytes(connection, buffer, (size_t)n));
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		connection_close(connection);
	}
}

/* Sends what was kept back. */
static void on_writable(struct connection *connection)
{
	ssize_t n = send_now(connection, connection->out.data, connection->out.size);

	if (n < 0) {
		connection_close(connection);
		return;
	}
	frame_buffer_consume(&connection->out, (size_t)n);
	if (connection->out.size == 0) {
		call_clear(&connection->call);
	}
	finish_event(connection, connection->is_closing ? 0 : charge(connection));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct connection *connection = poll->data;

	if (connection->is_closing) {
		return;
	}
	if (status < 0) {
		connection_close(connection);
		return;
	}
	if (events & UV_WRITABLE) {
		on_writable(connection);
	} else if (events & UV_READABLE) {
		on_readable(connection);
	}
}

int connection_new(struct server *server, struct connection_shared *shared, struct broker *broker,
		   struct process *peer, int owned_fd, struct connection **ret_connection)
{
	_cleanup_(closep) int fd = owned_fd;
	_cleanup_(freep) struct connection *connection = calloc(1, sizeof(*connection));
	int r;

	if (!connection) {
		return -ENOMEM;
	}
	r = uv_poll_init(broker->loop, &connection->poll, fd);
	if (r < 0) {
		return r;
	}
	connection->poll.data = connection;
	connection->server = server;
	connection->shared = shared;
	connection->peer = peer;
	connection->sink = (struct call_sink){.send = sink_send, .is_clear = sink_is_clear};
	connection->call = (struct call){.broker = broker, .peer = peer, .sink = &connection->sink};
	connection->fd = TAKE_FD(fd);
	connection->events = UV_READABLE;
	peer->n_connections++;
	/* Cannot fail once uv_poll_init() has tried the descriptor with epoll. */
	(void)uv_poll_start(&connection->poll, UV_READABLE, on_poll);
	*ret_connection = TAKE_PTR(connection);
	return 0;
}

void connection_shared_done(struct connection_shared *shared)
{
	frame_buffer_done(&shared->replies);
	frame_buffer_done(&shared->notification);
}
