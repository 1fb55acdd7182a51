/* SPDX-License-Identifier: MIT */
/*
 * Who trusts whom (A52): the broker hears its own user alone, and the library speaks only to a
 * broker of its own user, behind a socket that nobody else could have put there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

static DWORD start(void)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle;

	return RmStartSession(&handle, 0, key);
}

/* The library refuses with the code and names the reason. */
static void expect_refusal(DWORD code, const char *reason)
{
	char path[160], why[512];

	ck_assert_uint_eq(start(), code);
	ck_assert_int_eq(rm_broker_locate(path, sizeof(path), why, sizeof(why)), (int)code);
	ck_assert_msg(strstr(why, reason) != NULL, "wanted '%s', got '%s'", reason, why);
}

/* Listens at `path` as a broker would; the file is the caller's. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 4), 0);
	return fd;
}

/* In a child: nobody connects, says something valid, and must hear nothing. */
static int ask_as_nobody(void *arg)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetStatus get = RM__GET_STATUS__INIT;
	struct wire_reply reply;
	struct frame_buffer buffer;
	int fd;

	(void)arg;
	testing_become_nobody();
	fd = wire_try_connect();
	if (fd < 0) {
		return 2;
	}
	request.call_case = RM__REQUEST__CALL_GET_STATUS;
	request.get_status = &get;
	buffer = wire_pack(&request);
	(void)wire_send(fd, buffer.data, buffer.size); /* it may be closed already */
	frame_buffer_done(&buffer);
	return wire_receive(fd, 5000, &reply) == WIRE_CLOSED ? 0 : 1;
}

START_TEST(test_peer_of_another_user)
{
	struct rm_broker_info *status;
	uint64_t n_calls;

	if (!testing_is_root()) {
		return; /* there is no other user to be */
	}
	broker_start();
	ck_assert_int_eq(rm_broker_status(&status), 0);
	n_calls = status->n_calls;
	rm_broker_status_free(status);
	/* The modes would keep it out: this is about what the broker does itself. */
	ck_assert_int_eq(chmod(fixture.directory, 0711), 0);
	ck_assert_int_eq(chmod(fixture.socket, 0666), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(testing_in_child(ask_as_nobody, NULL, 10000), 0);
	}
	ck_assert(log_has("connection of another user refused"));
	ck_assert_int_eq(chmod(fixture.directory, 0700), 0);
	ck_assert_int_eq(rm_broker_status(&status), 0);
	ck_assert_uint_eq(status->n_calls, n_calls + 1); /* ours alone */
	rm_broker_status_free(status);
}
END_TEST

START_TEST(test_open_directory)
{
	static const mode_t modes[] = {0755, 0770, 0701};
	int fd = listen_at(fixture.socket);
	char reason[64];

	(void)snprintf(reason, sizeof(reason), "has mode %04o", (unsigned int)modes[_i]);
	ck_assert_int_eq(chmod(fixture.directory, modes[_i]), 0);
	/* Root's way to the socket is asked first, and one that others may write to is none. */
	expect_refusal(5, testing_is_root() && (modes[_i] & 022) ? "only root can change" : reason);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_link)
{
	int fd = listen_at(fixture_path("real"));

	ck_assert_int_eq(symlink(fixture_path("real"), fixture.socket), 0);
	expect_refusal(5, "is a link; it is not followed");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_linked_directory)
{
	int fd;

	ck_assert_int_eq(mkdir(fixture_path("real"), 0700), 0);
	ck_assert_int_eq(symlink("real", fixture_path("linked")), 0);
	fd = listen_at(fixture_path("real/b.sock"));
	fixture_set_socket(fixture_path("linked/b.sock"));
	expect_refusal(5, testing_is_root() ? "only root can change" : "is not a directory");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_no_socket)
{
	testing_write_file(fixture.socket, "text");
	expect_refusal(1722, "is not a socket");
}
END_TEST

START_TEST(test_nothing)
{
	expect_refusal(1722, "No such file or directory");
}
END_TEST

START_TEST(test_relative_path)
{
	ck_assert_int_eq(chdir(fixture.directory), 0);
	ck_assert_int_eq(setenv("RSTRTMGR_SOCKET", "b.sock", 1), 0);
	expect_refusal(5, "is not an absolute path");
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(test_long_path)
{
	char path[200];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[108] = '\0';
	ck_assert_int_eq(setenv("RSTRTMGR_SOCKET", path, 1), 0);
	expect_refusal(1722, "too long for a socket: at most 107 bytes");
}
END_TEST

START_TEST(test_no_place)
{
	if (testing_is_root()) {
		return; /* root has the machine's */
	}
	ck_assert_int_eq(unsetenv("RSTRTMGR_SOCKET"), 0);
	expect_refusal(1722, "neither RSTRTMGR_SOCKET nor XDG_RUNTIME_DIR is set");
}
END_TEST

START_TEST(test_runtime_directory)
{
	char runtime[sizeof(fixture.directory)];

	(void)snprintf(runtime, sizeof(runtime), "%s", fixture.directory);
	ck_assert_int_eq(mkdir(fixture_path("rstrtmgr"), 0700), 0);
	fixture_set_socket(fixture_path("rstrtmgr/broker.sock"));
	broker_start();
	ck_assert_int_eq(unsetenv("RSTRTMGR_SOCKET"), 0);
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
	ck_assert_uint_eq(start(), 0);
}
END_TEST

/* ---- what root in particular must not believe: its variables may have come through sudo ---- */

/* Loop: who owns the socket's directory, and the one above it. */
START_TEST(test_root_and_a_strangers_directory)
{
	int fd;

	if (!testing_is_root()) {
		return;
	}
	ck_assert_int_eq(mkdir(fixture_path("theirs"), 0700), 0);
	ck_assert_int_eq(mkdir(fixture_path("theirs/run"), 0700), 0);
	fixture_set_socket(fixture_path("theirs/run/b.sock"));
	fd = listen_at(fixture.socket);
	ck_assert_int_eq(chown(fixture_path(_i ? "theirs" : "theirs/run"), TESTING_NOBODY, -1), 0);
	expect_refusal(5, "is not a directory that only root can change");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Loop: modes of a directory of root's above the socket's own: without the sticky bit others
 * could put another one in its place. */
START_TEST(test_root_and_a_writable_directory)
{
	static const struct {
		mode_t mode;
		bool is_good;
	} modes[] = {{0777, false}, {0775, false}, {0757, false}, {01777, true}, {0755, true}};

	if (!testing_is_root()) {
		return;
	}
	ck_assert_int_eq(mkdir(fixture_path("open"), 0700), 0);
	ck_assert_int_eq(mkdir(fixture_path("open/run"), 0700), 0);
	fixture_set_socket(fixture_path("open/run/b.sock"));
	broker_start();
	ck_assert_int_eq(chmod(fixture_path("open"), modes[_i].mode), 0);
	if (modes[_i].is_good) {
		ck_assert_uint_eq(start(), 0);
	} else {
		expect_refusal(5, "is not a directory that only root can change");
	}
	ck_assert_int_eq(chmod(fixture_path("open"), 0700), 0);
}
END_TEST

START_TEST(test_root_and_a_strangers_socket)
{
	int fd;

	if (!testing_is_root()) {
		return;
	}
	fd = listen_at(fixture.socket);
	ck_assert_int_eq(chown(fixture.socket, TESTING_NOBODY, -1), 0);
	expect_refusal(5, "belongs to uid 65534, not to 0");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Everything about the socket is root's, but who listens is not. */
START_TEST(test_root_and_a_strangers_broker)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (!testing_is_root()) {
		return;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	memcpy(address.sun_path, fixture.socket, strlen(fixture.socket) + 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(seteuid(TESTING_NOBODY), 0);
	ck_assert_int_eq(listen(fd, 4), 0); /* whose credentials peers see */
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_uint_eq(start(), 5);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* XDG_RUNTIME_DIR of a stranger is as if it were not set: the machine's broker is asked. */
START_TEST(test_root_and_a_strangers_runtime_directory)
{
	char path[160], why[512];
	int fd;

	if (!testing_is_root()) {
		return;
	}
	ck_assert_int_eq(mkdir(fixture_path("rstrtmgr"), 0700), 0);
	fd = listen_at(fixture_path("rstrtmgr/broker.sock"));
	ck_assert_int_eq(chown(fixture_path("rstrtmgr"), TESTING_NOBODY, -1), 0);
	ck_assert_int_eq(unsetenv("RSTRTMGR_SOCKET"), 0);
	ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", fixture.directory, 1), 0);
	(void)rm_broker_locate(path, sizeof(path), why, sizeof(why)); /* it may run or not */
	ck_assert_str_eq(path, "/run/rstrtmgr/broker.sock");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_peer_of_another_user},
		{.test = test_open_directory, .n_loops = 3},
		{.test = test_link},
		{.test = test_linked_directory},
		{.test = test_no_socket},
		{.test = test_nothing},
		{.test = test_relative_path},
		{.test = test_long_path},
		{.test = test_no_place},
		{.test = test_runtime_directory},
		{.test = test_root_and_a_strangers_directory, .n_loops = 2},
		{.test = test_root_and_a_writable_directory, .n_loops = 5},
		{.test = test_root_and_a_strangers_socket},
		{.test = test_root_and_a_strangers_broker},
		{.test = test_root_and_a_strangers_runtime_directory},
	};

	return testing_run("trust", cases, ARRAY_SIZE(cases));
}
