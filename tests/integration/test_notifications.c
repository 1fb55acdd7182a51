/* SPDX-License-Identifier: MIT */
/*
 * The library against a broker made of a few frames: notifications before the reply, apart and
 * in one piece with it, and what no broker may send. No real broker runs here.
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "client/rstrtmgr.h"
#include "proto/codec.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define KEY "0123456789abcdef0123456789abcdef"

static int listen_fd = -1;

/* What the broker sends after the request. */
static struct frame_buffer answer;

static void add_progress(uint32_t percent)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__Progress progress = RM__PROGRESS__INIT;

	reply.version = PROTOCOL_VERSION;
	reply.id = 1;
	reply.more = true;
	progress.percent = percent;
	reply.result_case = RM__REPLY__RESULT_PROGRESS;
	reply.progress = &progress;
	ck_assert_int_eq(codec_pack_reply(&reply, &answer), 0);
}

static void add_started(uint64_t id)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__StartSessionReply started = RM__START_SESSION_REPLY__INIT;

	reply.version = PROTOCOL_VERSION;
	reply.id = id;
	started.session = 7;
	started.key = codec_text(KEY);
	reply.result_case = RM__REPLY__RESULT_START_SESSION;
	reply.start_session = &started;
	ck_assert_int_eq(codec_pack_reply(&reply, &answer), 0);
}

static void listen_here(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask = umask(077);

	memcpy(address.sun_path, fixture.socket, strlen(fixture.socket) + 1);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listen_fd, 0);
	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listen_fd, 8), 0);
	(void)umask(mask);
}

/* Takes one request and sends the answer: whole, or byte by byte. */
static void *serve(void *arg)
{
	size_t step = *(size_t *)arg;
	char request[512];
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0) {
		for (size_t at = 0; at < answer.size; at += step) {
			size_t left = answer.size - at;

			(void)send(fd, answer.data + at, left < step ? left : step, MSG_NOSIGNAL);
		}
	}
	closep(&fd);
	return NULL;
}

static int start_against(size_t step, struct rm_session **ret_session)
{
	pthread_t thread;
	int r;

	listen_here();
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &step), 0);
	r = rm_session_start(-1, ret_session);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	closep(&listen_fd);
	frame_buffer_done(&answer);
	return r;
}

/* Loop: all in one piece, byte by byte, in pieces that cut every frame. */
START_TEST(test_progress_before_the_reply)
{
	static const size_t steps[] = {SIZE_MAX / 2, 1, 7};
	struct rm_session *session;

	add_progress(0);
	add_progress(50);
	add_progress(100);
	add_started(1);
	ck_assert_int_eq(start_against(steps[_i], &session), 0);
	ck_assert_uint_eq(rm_session_id(session), 7);
	ck_assert_str_eq(rm_session_key(session), KEY);
	rm_session_free(session);
}
END_TEST

/* Loop: each is no answer to the one call that was made. */
START_TEST(test_no_answer)
{
	struct rm_session *session = NULL;

	switch (_i) {
	case 0: /* to another call */
		add_started(2);
		break;
	case 1: /* one reply too many */
		add_started(1);
		add_started(1);
		break;
	case 2: /* progress beyond its end */
		add_progress(101);
		break;
	default: /* no protobuf */
		ck_assert_int_eq(frame_buffer_append(&answer, "\x02\x00\x00\x00\xff\xff", 6), 0);
		break;
	}
	ck_assert_int_eq(start_against(SIZE_MAX / 2, &session), 1722);
	ck_assert_ptr_null(session);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_progress_before_the_reply, .n_loops = 3},
		{.test = test_no_answer, .n_loops = 4},
	};

	return testing_run("notifications", cases, ARRAY_SIZE(cases));
}
