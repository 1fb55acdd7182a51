/* SPDX-License-Identifier: MIT */
/* Its thread ends when the test shuts the listening socket down. */
#include "tests/support/fake_broker.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/support/broker_fixture.h"

#define KEY "0123456789abcdef0123456789abcdef"

struct fake_broker fake_broker;

static int listen_fd = -1;
static int peer_fd = -1; /* the connection that is served */
static pthread_t thread;

void fake_broker_send(const Rm__Request *request, struct frame_buffer *frames, Rm__Reply *reply)
{
	reply->version = PROTOCOL_VERSION;
	reply->id = request->id;
	ck_assert_int_eq(codec_pack_reply(reply, frames), 0);
}

void fake_broker_reply(const Rm__Request *request, struct frame_buffer *frames, uint32_t status)
{
	Rm__Reply reply = RM__REPLY__INIT;

	reply.status = status;
	fake_broker_send(request, frames, &reply);
}

void fake_broker_applications(const Rm__Request *request, struct frame_buffer *frames, bool more,
			      Rm__ApplicationList *list)
{
	Rm__Reply reply = RM__REPLY__INIT;

	reply.more = more;
	reply.result_case = RM__REPLY__RESULT_APPLICATIONS;
	reply.applications = list;
	fake_broker_send(request, frames, &reply);
}

void fake_broker_filters(const Rm__Request *request, struct frame_buffer *frames, bool more,
			 Rm__FilterList *list)
{
	Rm__Reply reply = RM__REPLY__INIT;

	reply.more = more;
	reply.result_case = RM__REPLY__RESULT_FILTERS;
	reply.filters = list;
	fake_broker_send(request, frames, &reply);
}

void fake_broker_progress(const Rm__Request *request, struct frame_buffer *frames)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Progress progress = RM__PROGRESS__INIT;

	reply.more = true;
	reply.result_case = RM__REPLY__RESULT_PROGRESS;
	reply.progress = &progress;
	fake_broker_send(request, frames, &reply);
}

static bool answer_start(const Rm__Request *request, struct frame_buffer *frames)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__StartSessionReply started = RM__START_SESSION_REPLY__INIT;

	started.session = 7;
	started.key = codec_text(KEY);
	reply.result_case = RM__REPLY__RESULT_START_SESSION;
	reply.start_session = &started;
	fake_broker_send(request, frames, &reply);
	return true;
}

/* One whole request; false: the connection has ended. */
static bool receive(int fd, struct frame_buffer *in, struct codec_arena *arena,
		    Rm__Request **ret_request)
{
	const uint8_t *payload;
	size_t size;
	int r;

	while ((r = frame_next(in->data, in->size, &payload, &size)) == 0) {
		uint8_t *to = frame_buffer_reserve(in, 65536);
		ssize_t n;

		ck_assert_ptr_nonnull(to);
		n = recv(fd, to, 65536, 0);
		if (n <= 0) {
			return false;
		}
		in->size += (size_t)n;
	}
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(codec_unpack_request(arena, payload, size, ret_request), 0);
	frame_buffer_consume(in, FRAME_HEADER_BYTES + size);
	return true;
}

static void send_all(int fd, const struct frame_buffer *frames)
{
	size_t step = fake_broker.step ? fake_broker.step : frames->size;

	for (size_t at = 0; at < frames->size;) {
		size_t left = frames->size - at;
		ssize_t n = send(fd, frames->data + at, left < step ? left : step, MSG_NOSIGNAL);

		if (n <= 0) {
			return; /* the client has heard enough */
		}
		at += (size_t)n;
	}
}

static bool serve_one(int fd, struct frame_buffer *in)
{
	struct frame_buffer frames = {0};
	struct codec_arena arena;
	Rm__Request *request = NULL;
	bool goes_on;

	if (!receive(fd, in, &arena, &request)) {
		return false;
	}
	if (request->call_case == RM__REQUEST__CALL_START_SESSION) {
		goes_on = answer_start(request, &frames);
	} else {
		fake_broker.n_requests++;
		goes_on = fake_broker.answer(request, &frames);
	}
	codec_free_request(&arena, request);
	send_all(fd, &frames);
	frame_buffer_done(&frames);
	return goes_on;
}

static void *serve(void *arg)
{
	(void)arg;
	for (;;) {
		struct frame_buffer in = {0};
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			return NULL;
		}
		fake_broker.n_connections++;
		__atomic_store_n(&peer_fd, fd, __ATOMIC_SEQ_CST);
		while (serve_one(fd, &in)) {
		}
		__atomic_store_n(&peer_fd, -1, __ATOMIC_SEQ_CST);
		(void)close(fd);
		frame_buffer_done(&in);
	}
}

void fake_broker_start(bool (*answer)(const Rm__Request *request, struct frame_buffer *frames))
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask = umask(077);

	fake_broker = (struct fake_broker){.answer = answer};
	memcpy(address.sun_path, fixture.socket, strlen(fixture.socket) + 1);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listen_fd, 0);
	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listen_fd, 8), 0);
	(void)umask(mask);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

void fake_broker_stop(void)
{
	int fd;

	(void)shutdown(listen_fd, SHUT_RDWR);
	fd = __atomic_load_n(&peer_fd, __ATOMIC_SEQ_CST);
	if (fd >= 0) {
		(void)shutdown(fd, SHUT_RDWR);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	closep(&listen_fd);
	listen_fd = -1;
}
