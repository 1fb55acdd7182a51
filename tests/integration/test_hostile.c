/* SPDX-License-Identifier: MIT */
/*
 * Peers that speak badly: garbage, halves, floods of bytes. Each gets a clear answer or is
 * closed, and nobody else notices: a session that is watched stays and works after each.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

static struct rm_session *watched;

static void begin(const char *config)
{
	fixture_set_config(config);
	broker_start();
	ck_assert_int_eq(rm_session_start(-1, &watched), 0);
}

/* Others are served, at once, and the watched session is as it was. */
static void check_others(void)
{
	struct rm_session_infos *infos;
	struct rm_session *join;
	uint64_t began = testing_now_ms();

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	ck_assert_uint_ge(infos->n_sessions, 1);
	ck_assert_uint_eq(infos->sessions[0].id, rm_session_id(watched));
	rm_session_infos_free(infos);
	ck_assert_int_eq(rm_session_join(rm_session_key(watched), -1, &join), 0);
	ck_assert_int_eq(rm_session_end(join), 0);
	ck_assert_uint_lt(testing_now_ms() - began, (uint64_t)testing_scale_ms(1000));
}

static void end(void)
{
	check_others();
	ck_assert_int_eq(rm_session_end(watched), 0);
}

#define ID                                                                                         \
	"\x0a\x10"                                                                                 \
	"0123456789abcdef" /* field 1: 16 bytes */

/* Frames as they stand on the wire, header included. */
static const struct {
	const char *name;
	const char *bytes;
	size_t size;
	uint32_t status;
	const char *detail;
	bool stays;
} frames[] = {
#define FRAME(text) (text), sizeof(text) - 1
	{"largest length", FRAME("\xff\xff\xff\xff"), 160, "larger than 1 MiB", false},
	{"1 MiB and a byte", FRAME("\x01\x00\x10\x00"), 160, "larger than 1 MiB", false},
	{"empty frame", FRAME("\0\0\0\0"), 160, "the frame is empty", false},
	{"no protobuf", FRAME("\x04\0\0\0\xff\xff\xff\xff"), 160, "holds no request", false},
	{"text", FRAME("GET / HTTP/1.1\r\n\r\n"), 160, "larger than 1 MiB", false},
	{"version 2", FRAME("\x04\0\0\0\x08\x02\x10\x01"), 50, "speaks version 1", false},
	{"no version", FRAME("\x02\0\0\0\x10\x01"), 50, "speaks version 1", false},
	{"id 0", FRAME("\x02\0\0\0\x08\x01"), 160, "out of its bounds", false},
	{"no call", FRAME("\x04\0\0\0\x08\x01\x10\x07"), 50, "does not know the request", true},
	{"unknown call", FRAME("\x07\0\0\0\x08\x01\x10\x07\xa2\x06\0"), 50,
	 "does not know the request", true},
	{"start without id", FRAME("\x07\0\0\0\x08\x01\x10\x01\x82\x01\0"), 160,
	 "out of its bounds", false},
	{"start with a short id", FRAME("\x0a\0\0\0\x08\x01\x10\x01\x82\x01\x03\x0a\x01x"), 160,
	 "out of its bounds", false},
	{"start for pid 0", FRAME("\x1b\0\0\0\x08\x01\x10\x01\x82\x01\x14" ID "\x12\0"), 160,
	 "out of its bounds", false},
	{"key with a NUL",
	 FRAME("\x1e\0\0\0\x08\x01\x10\x01\x8a\x01\x17" ID "\x12\x03"
	       "a\0b"),
	 160, "out of its bounds", false},
	{"key that is no UTF-8",
	 FRAME("\x1e\0\0\0\x08\x01\x10\x01\x8a\x01\x17" ID "\x12\x03"
	       "a\xff"
	       "b"),
	 160, "out of its bounds", false},
	{"key with a control",
	 FRAME("\x1e\0\0\0\x08\x01\x10\x01\x8a\x01\x17" ID "\x12\x03"
	       "a\033b"),
	 160, "out of its bounds", false},
	{"key of 3",
	 FRAME("\x1e\0\0\0\x08\x01\x10\x01\x8a\x01\x17" ID "\x12\x03"
	       "abc"),
	 1219, "no open session has this key", true},
	{"show of nothing", FRAME("\x07\0\0\0\x08\x01\x10\x01\xaa\x01\0"), 6,
	 "there is no session 0", true},
};

START_TEST(test_frame)
{
	char detail[256];
	int fd;

	begin("");
	fd = wire_connect();
	ck_assert(wire_send(fd, frames[_i].bytes, frames[_i].size));
	ck_assert_msg(wire_receive_status(fd, detail) == frames[_i].status, "%s", frames[_i].name);
	ck_assert_msg(strstr(detail, frames[_i].detail) != NULL, "%s: %s", frames[_i].name, detail);
	if (frames[_i].stays) {
		ck_assert_uint_eq(wire_get_status(fd), 0);
	} else {
		wire_expect_closed(fd);
	}
	ck_assert_int_eq(close(fd), 0);
	end();
}
END_TEST

/* The good request in front of a bad one is served; the one behind it is not. */
START_TEST(test_good_bad_good)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetStatus get = RM__GET_STATUS__INIT;
	struct frame_buffer buffer;
	int fd;

	begin("");
	request.call_case = RM__REQUEST__CALL_GET_STATUS;
	request.get_status = &get;
	buffer = wire_pack(&request);
	ck_assert_int_eq(frame_buffer_append(&buffer, "\0\0\0\0", 4), 0);
	ck_assert_int_eq(frame_buffer_append(&buffer, buffer.data, buffer.size - 4), 0);
	fd = wire_connect();
	ck_assert(wire_send(fd, buffer.data, buffer.size));
	ck_assert_uint_eq(wire_receive_status(fd, NULL), 0);
	ck_assert_uint_eq(wire_receive_status(fd, NULL), 160);
	wire_expect_closed(fd);
	frame_buffer_done(&buffer);
	ck_assert_int_eq(close(fd), 0);
	end();
}
END_TEST

/* Loop: how much of the frame comes. */
START_TEST(test_half_frame)
{
	static const size_t sizes[] = {1, 3, 4, 7};
	char detail[256];
	int fd;

	begin("[Timeouts]\nCallMs=100\n");
	fd = wire_connect();
	ck_assert(wire_send(fd, "\x04\0\0\0\x08\x01\x10", sizes[_i]));
	ck_assert_uint_eq(wire_receive_status(fd, detail), 121);
	ck_assert_str_eq(detail, "the rest of the frame did not come in time");
	wire_expect_closed(fd);
	ck_assert_int_eq(close(fd), 0);
	ck_assert(log_has("half a frame for too long"));
	end();
}
END_TEST

START_TEST(test_half_frame_and_away)
{
	begin("");
	for (int i = 0; i < 50; i++) {
		int fd = wire_connect();

		ck_assert(wire_send(fd, "\x04\0\0\0\x08\x01", 6));
		ck_assert_int_eq(close(fd), 0);
	}
	end();
}
END_TEST

START_TEST(test_byte_by_byte)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListSessions list = RM__LIST_SESSIONS__INIT;
	struct frame_buffer buffer;
	int fd;

	begin("");
	request.call_case = RM__REQUEST__CALL_LIST_SESSIONS;
	request.list_sessions = &list;
	buffer = wire_pack(&request);
	fd = wire_connect();
	for (int i = 0; i < 20; i++) {
		for (size_t j = 0; j < buffer.size; j++) {
			ck_assert(wire_send(fd, buffer.data + j, 1));
			check_others(); /* a byte may be all that the broker sees for now */
		}
		ck_assert_uint_eq(wire_receive_status(fd, NULL), 0);
	}
	frame_buffer_done(&buffer);
	ck_assert_int_eq(close(fd), 0);
	end();
}
END_TEST

/* Always a half frame behind, but each is whole in time: that is no half frame for too long. The
 * pauses are what is tested: together they are longer than CallMs. */
START_TEST(test_always_half)
{
	const struct timespec pause = {.tv_nsec = 25000000};
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetStatus get = RM__GET_STATUS__INIT;
	struct frame_buffer buffer;
	size_t half = 5;
	int fd;

	begin(testing_is_slow() ? "[Timeouts]\nCallMs=1000\n" : "[Timeouts]\nCallMs=200\n");
	request.call_case = RM__REQUEST__CALL_GET_STATUS;
	request.get_status = &get;
	buffer = wire_pack(&request);
	ck_assert_int_eq(frame_buffer_append(&buffer, buffer.data, half), 0);
	fd = wire_connect();
	ck_assert(wire_send(fd, buffer.data, half));
	for (int i = 0; i < (testing_is_slow() ? 80 : 20); i++) {
		(void)nanosleep(&pause, NULL);
		ck_assert(wire_send(fd, buffer.data + half, buffer.size - half));
		ck_assert_uint_eq(wire_receive_status(fd, NULL), 0);
	}
	frame_buffer_done(&buffer);
	ck_assert_int_eq(close(fd), 0);
	end();
}
END_TEST

/* Sends as much as the other end takes; returns how many whole frames that were. */
static size_t stuff(int fd, const struct frame_buffer *frame, size_t n_frames)
{
	size_t sent = 0, total = n_frames * frame->size;
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	/* A while without room is taken for the end of it; too short a while only sends less. */
	while (sent < total && poll(&poll_fd, 1, 300) == 1) {
		size_t at = sent % frame->size;
		ssize_t n =
			send(fd, frame->data + at, frame->size - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		ck_assert(n > 0 || errno == EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
	}
	return sent / frame->size;
}

START_TEST(test_replies_never_read)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListSessions list = RM__LIST_SESSIONS__INIT;
	struct rm_session *sessions[50];
	struct frame_buffer frame;
	unsigned long before;
	size_t n_frames;
	int fds[4];

	begin("");
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		ck_assert_int_eq(rm_session_start(-1, &sessions[i]), 0);
	}
	request.call_case = RM__REQUEST__CALL_LIST_SESSIONS;
	request.list_sessions = &list;
	frame = wire_pack(&request);
	before = testing_read_status(fixture.pid, "VmRSS:");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = wire_connect();
		n_frames = stuff(fds[i], &frame, 20000);
		check_others();
	}
	if (!testing_is_slow()) {
		ck_assert_uint_lt(testing_read_status(fixture.pid, "VmRSS:"), before + 4096);
	}
	/* Who reads at last gets all that it asked for. */
	for (size_t i = 0; i < n_frames; i++) {
		ck_assert_uint_eq(wire_receive_status(fds[3], NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		ck_assert_int_eq(close(fds[i]), 0);
	}
	frame_buffer_done(&frame);
	for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
		ck_assert_int_eq(rm_session_end(sessions[i]), 0);
	}
	end();
}
END_TEST

/* Large halves of one process: over 8 MiB it is told so, and its memory is given back. */
START_TEST(test_memory_of_a_process)
{
	static uint8_t block[1024 * 1024];
	struct pollfd fds[10];
	char detail[256];
	bool was_refused = false;

	begin("");
	memcpy(block, "\0\0\x10\0", 4); /* a frame of 1 MiB, of which the last 4 bytes miss */
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = (struct pollfd){.fd = wire_connect(), .events = POLLIN};
		(void)wire_send(fds[i].fd, block, sizeof(block));
	}
	ck_assert_int_ge(poll(fds, ARRAY_SIZE(fds), testing_scale_ms(5000)), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (fds[i].revents) {
			ck_assert_uint_eq(wire_receive_status(fds[i].fd, detail), 14);
			ck_assert_str_eq(detail, "too many bytes are waiting for this process");
			was_refused = true;
		}
		ck_assert_int_eq(close(fds[i].fd), 0);
	}
	ck_assert(was_refused);
	end();
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Random bytes, and real requests with some of their bytes changed. */
static size_t make_noise(uint64_t *random, const struct frame_buffer *frame, uint8_t *ret_bytes,
			 size_t max)
{
	size_t size = next_random(random) % max;

	for (size_t i = 0; i < size; i++) {
		ret_bytes[i] = (uint8_t)(next_random(random) >> 32);
	}
	if (next_random(random) % 2) {
		for (size = 0; size + frame->size < max / 8; size += frame->size) {
			memcpy(ret_bytes + size, frame->data, frame->size);
		}
		for (unsigned int i = 0; i < 3; i++) {
			ret_bytes[next_random(random) % size] ^=
				(uint8_t)(1u << next_random(random) % 8);
		}
	}
	return size;
}

START_TEST(test_noise)
{
	uint64_t random = UINT64_C(0x243f6a8885a308d3);
	Rm__Request request = RM__REQUEST__INIT;
	Rm__JoinSession join = RM__JOIN_SESSION__INIT;
	struct frame_buffer frame;
	uint8_t bytes[4096];

	begin("");
	join.request_id = codec_bytes("0123456789abcdef", REQUEST_ID_BYTES);
	join.key = codec_text("0123456789abcdef0123456789abcdef");
	request.call_case = RM__REQUEST__CALL_JOIN_SESSION;
	request.join_session = &join;
	frame = wire_pack(&request);
	for (int i = 0; i < 200; i++) {
		int fd = wire_connect();

		(void)wire_send(fd, bytes, make_noise(&random, &frame, bytes, sizeof(bytes)));
		ck_assert_int_eq(close(fd), 0);
		if (i % 20 == 0) {
			check_others();
		}
	}
	frame_buffer_done(&frame);
	end();
}
END_TEST

/* A second request while a watch is open on the connection. */
START_TEST(test_call_during_a_watch)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__WatchEvents watch = RM__WATCH_EVENTS__INIT;
	int fd;

	begin("");
	fd = wire_connect();
	request.call_case = RM__REQUEST__CALL_WATCH_EVENTS;
	request.watch_events = &watch;
	wire_send_request(fd, &request);
	ck_assert_uint_eq(wire_get_status(fd), 170);
	wire_expect_closed(fd);
	ck_assert_int_eq(close(fd), 0);
	end();
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_frame, .n_loops = ARRAY_SIZE(frames)},
		{.test = test_good_bad_good},
		{.test = test_half_frame, .n_loops = 4},
		{.test = test_half_frame_and_away},
		{.test = test_byte_by_byte},
		{.test = test_always_half},
		{.test = test_replies_never_read},
		{.test = test_memory_of_a_process},
		{.test = test_noise},
		{.test = test_call_during_a_watch},
	};

	return testing_run("hostile", cases, ARRAY_SIZE(cases));
}
