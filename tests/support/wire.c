/* SPDX-License-Identifier: MIT */
/* Raw connections. A reply is read to its last byte and not further, so that replies that come
 * together can be read one by one. */
#include "tests/support/wire.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define ANSWER_MS 5000

int wire_try_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	memcpy(address.sun_path, fixture.socket, strlen(fixture.socket) + 1);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		return -errno;
	}
	return TAKE_FD(fd);
}

int wire_connect(void)
{
	int fd = wire_try_connect();

	ck_assert_msg(fd >= 0, "%s: %s", fixture.socket, strerror(-fd));
	return fd;
}

bool wire_send(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
			return false;
		}
		ck_assert_msg(n > 0 || errno == EINTR, "send: %s", strerror(errno));
		at += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

struct frame_buffer wire_pack(Rm__Request *request)
{
	struct frame_buffer buffer = {0};

	request->version = request->version ? request->version : PROTOCOL_VERSION;
	request->id = request->id ? request->id : 1;
	ck_assert_int_eq(codec_pack_request(request, &buffer), 0);
	return buffer;
}

void wire_send_request(int fd, Rm__Request *request)
{
	struct frame_buffer buffer = wire_pack(request);

	ck_assert(wire_send(fd, buffer.data, buffer.size));
	frame_buffer_done(&buffer);
}

/* WIRE_REPLY: all `size` bytes are there. */
static enum wire_result read_all(int fd, void *data, size_t size, uint64_t deadline)
{
	uint8_t *at = data;

	while (size) {
		uint64_t now = testing_now_ms();
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (now >= deadline || poll(&poll_fd, 1, (int)(deadline - now)) == 0) {
			return WIRE_SILENT;
		}
		n = recv(fd, at, size, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			return WIRE_CLOSED;
		}
		ck_assert_msg(n > 0 || errno == EAGAIN || errno == EINTR, "recv: %s",
			      strerror(errno));
		at += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return WIRE_REPLY;
}

enum wire_result wire_receive(int fd, int ms, struct wire_reply *ret_reply)
{
	uint64_t deadline = testing_now_ms() + (uint64_t)testing_scale_ms(ms);
	uint8_t header[FRAME_HEADER_BYTES];
	_cleanup_(freep) uint8_t *payload = NULL;
	size_t size;
	enum wire_result result = read_all(fd, header, sizeof(header), deadline);

	ret_reply->message = NULL;
	if (result != WIRE_REPLY) {
		return result;
	}
	size = header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 |
	       (size_t)header[3] << 24;
	ck_assert_uint_ge(size, 1);
	ck_assert_uint_le(size, MAX_FRAME_BYTES);
	payload = malloc(size);
	ck_assert_ptr_nonnull(payload);
	result = read_all(fd, payload, size, deadline);
	if (result == WIRE_REPLY) {
		ck_assert_int_eq(
			codec_unpack_reply(&ret_reply->arena, payload, size, &ret_reply->message),
			0);
	}
	return result;
}

void wire_reply_done(struct wire_reply *reply)
{
	codec_free_reply(&reply->arena, reply->message);
	reply->message = NULL;
}

static void receive(int fd, struct wire_reply *ret_reply)
{
	enum wire_result result = wire_receive(fd, ANSWER_MS, ret_reply);

	ck_assert_msg(result == WIRE_REPLY, "no reply: %s",
		      result == WIRE_CLOSED ? "the connection was closed" : "nothing came");
}

uint32_t wire_receive_status(int fd, char *ret_detail)
{
	struct wire_reply reply;
	uint32_t status;

	receive(fd, &reply);
	status = reply.message->status;
	if (ret_detail) {
		codec_copy_text(&reply.message->detail, ret_detail, 256);
	}
	wire_reply_done(&reply);
	return status;
}

void wire_expect_closed(int fd)
{
	struct wire_reply reply;

	ck_assert_int_eq(wire_receive(fd, ANSWER_MS, &reply), WIRE_CLOSED);
}

uint32_t wire_get_status(int fd)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetStatus get = RM__GET_STATUS__INIT;

	request.call_case = RM__REQUEST__CALL_GET_STATUS;
	request.get_status = &get;
	wire_send_request(fd, &request);
	return wire_receive_status(fd, NULL);
}

uint32_t wire_start(int fd, uint8_t byte, uint32_t *ret_status)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__StartSession start = RM__START_SESSION__INIT;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct wire_reply reply;
	uint32_t session = 0;

	memset(request_id, byte, sizeof(request_id));
	start.request_id = codec_bytes(request_id, sizeof(request_id));
	request.call_case = RM__REQUEST__CALL_START_SESSION;
	request.start_session = &start;
	wire_send_request(fd, &request);
	receive(fd, &reply);
	if (ret_status) {
		*ret_status = reply.message->status;
	} else {
		ck_assert_uint_eq(reply.message->status, 0);
	}
	if (reply.message->status == 0) {
		ck_assert_int_eq(reply.message->result_case, RM__REPLY__RESULT_START_SESSION);
		session = reply.message->start_session->session;
	}
	wire_reply_done(&reply);
	return session;
}

uint32_t wire_join(int fd, uint8_t byte, const char *key, uint32_t *ret_join)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__JoinSession join = RM__JOIN_SESSION__INIT;
	uint8_t request_id[REQUEST_ID_BYTES];
	struct wire_reply reply;
	uint32_t session;

	memset(request_id, byte, sizeof(request_id));
	join.request_id = codec_bytes(request_id, sizeof(request_id));
	join.key = codec_text(key);
	request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
	request.join_session = &join;
	wire_send_request(fd, &request);
	receive(fd, &reply);
	ck_assert_uint_eq(reply.message->status, 0);
	ck_assert_int_eq(reply.message->result_case, RM__REPLY__RESULT_JOIN_SESSION);
	session = reply.message->join_session->session;
	*ret_join = reply.message->join_session->join;
	wire_reply_done(&reply);
	return session;
}

uint32_t wire_end(int fd, uint8_t byte, uint32_t session, uint32_t join)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__EndSession end = RM__END_SESSION__INIT;
	uint8_t request_id[REQUEST_ID_BYTES];

	memset(request_id, byte, sizeof(request_id));
	end.request_id = codec_bytes(request_id, sizeof(request_id));
	end.session = session;
	end.join = join;
	request.call_case = RM__REQUEST__CALL_END_SESSION;
	request.end_session = &end;
	wire_send_request(fd, &request);
	return wire_receive_status(fd, NULL);
}
