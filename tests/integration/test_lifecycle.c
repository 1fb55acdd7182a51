/* SPDX-License-Identifier: MIT */
/*
 * The broker as its supervisor sees it: started by hand or through a passed socket, told when it
 * is ready, signalled, and idle.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"

static int make_socket(const char *path, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static uint32_t count_sessions(void)
{
	struct rm_session_infos *infos;
	uint32_t n;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = (uint32_t)infos->n_sessions;
	rm_session_infos_free(infos);
	return n;
}

static uint32_t find_max_sessions(void)
{
	struct rm_broker_info *status;
	uint32_t max;

	ck_assert_int_eq(rm_broker_status(&status), 0);
	max = status->max_sessions;
	rm_broker_status_free(status);
	return max;
}

START_TEST(test_activation)
{
	int fd = make_socket(fixture.socket, SOCK_STREAM);
	const struct launch launch = {.listen_fd = fd};
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle;
	int early;

	ck_assert_int_eq(listen(fd, 16), 0);
	early = wire_connect(); /* before there is a broker */
	broker_start_as(&launch);
	ck_assert_uint_eq(wire_get_status(early), 0);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	broker_stop();
	broker_start_as(&launch); /* the supervisor keeps the socket */
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_int_eq(close(early), 0);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_activation_of_another_path)
{
	const char *other = fixture_path("other");
	int fd = make_socket(other, SOCK_STREAM);
	const struct launch launch = {.listen_fd = fd};

	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("was passed, but --socket names another path"));
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_activation_with_a_wrong_descriptor)
{
	int fd = make_socket(fixture.socket, SOCK_DGRAM);
	const struct launch launch = {.listen_fd = fd};

	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("is no listening Unix stream socket"));
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Waits for a notification that has the text. */
static void expect_notification(int fd, const char *text)
{
	const struct timeval timeout = {.tv_sec = testing_scale_ms(5000) / 1000};
	char message[512];

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	do {
		ssize_t n = recv(fd, message, sizeof(message) - 1, 0);

		ck_assert_msg(n > 0, "no notification '%s': %s", text, strerror(errno));
		message[n] = '\0';
	} while (!strstr(message, text));
}

START_TEST(test_notifications)
{
	char notify[160];
	int fd = make_socket(fixture_path("notify"), SOCK_DGRAM);
	const char *const environment[] = {notify, NULL};
	const struct launch launch = {.environment = environment};

	(void)snprintf(notify, sizeof(notify), "NOTIFY_SOCKET=%s", fixture_path("notify"));
	broker_start_as(&launch);
	expect_notification(fd, "READY=1");
	broker_signal(SIGHUP);
	expect_notification(fd, "RELOADING=1");
	expect_notification(fd, "READY=1");
	ck_assert_int_eq(broker_end(SIGTERM), 0);
	expect_notification(fd, "STOPPING=1");
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(test_second_instance)
{
	const struct launch launch = {0};
	struct fixture first;
	int fd;

	broker_start();
	fd = wire_connect();
	(void)wire_start(fd, 1, NULL);
	first = fixture;
	fixture.pid = 0;
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("another broker runs on this socket"));
	fixture = first;
	ck_assert_uint_eq(wire_get_status(fd), 0);
	ck_assert_uint_eq(count_sessions(), 1);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

/* Loop: the two signals that end it. What it answered is there when the next one starts. */
START_TEST(test_clean_end)
{
	static const int signals[] = {SIGTERM, SIGINT};
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle, joined;

	broker_start();
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	ck_assert_uint_eq(RmJoinSession(&joined, key), 0);
	ck_assert_int_eq(broker_end(signals[_i]), 0);
	ck_assert(log_has("ending signal="));
	ck_assert(log_has("sessions=1"));
	broker_start();
	ck_assert(log_has("sessions=1"));
	ck_assert_uint_eq(RmEndSession(joined), 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

START_TEST(test_reload)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle;

	fixture_set_config("[Limits]\nMaxSessions=1\n");
	broker_start();
	ck_assert_uint_eq(find_max_sessions(), 1);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), ERROR_MAX_SESSIONS_REACHED);

	fixture_set_config("[Limits]\nMaxSessions=2\n");
	broker_signal(SIGHUP);
	log_wait("configuration read");
	ck_assert_uint_eq(find_max_sessions(), 2);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), ERROR_MAX_SESSIONS_REACHED);

	fixture_set_config("[Limits]\n\n  MaxSession=3\n");
	broker_signal(SIGHUP);
	log_wait("b.conf:3:3: this key is unknown");
	ck_assert(log_has("the configuration stays as it was"));
	ck_assert_uint_eq(find_max_sessions(), 2);
}
END_TEST

static const struct {
	const char *text; /* NULL: no such file */
	const char *message;
} bad_configs[] = {
	{NULL, "b.conf: No such file or directory"},
	{"[Limits]\nMaxSessions=64\nMaxSesions=64\n", "b.conf:3:1: this key is unknown"},
	{"[Policy]\n  AllowShutdown=maybe\n", "b.conf:2:17: this value is not possible"},
	{"; a comment\n\n[Limit]\nMaxSessions=64\n", "b.conf:3:2: this section is unknown"},
	{"[Limits]\nMaxSessions=0\n", "b.conf:2:13: this value is not possible"},
	{"[Timeouts]\nCallMs=1 second\n", "b.conf:2:8: this value is not possible"},
	{"[Limits]\nMaxSessions\n", "b.conf:2:1: this line is neither"},
};

START_TEST(test_bad_config)
{
	const struct launch launch = {0};

	if (bad_configs[_i].text) {
		fixture_set_config(bad_configs[_i].text);
	} else {
		ck_assert_int_eq(unlink(fixture.config), 0);
	}
	ck_assert_int_eq(broker_fail(&launch), 1);
	if (!log_has(bad_configs[_i].message)) {
		_cleanup_(freep) char *log = log_read();

		ck_abort_msg("wanted '%s', got: %s", bad_configs[_i].message, log);
	}
}
END_TEST

START_TEST(test_config_is_a_directory)
{
	const char *const arguments[] = {"--user",   "--socket",	fixture.socket,
					 "--config", fixture.directory, NULL};
	const struct launch launch = {.arguments = arguments};

	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("Is a directory"));
}
END_TEST

/* Loop: what is wrong with the command line. */
START_TEST(test_usage)
{
	static const char *const bad[][5] = {
		{NULL},
		{"--user", "--system", NULL},
		{"--user", "--log", "loud", NULL},
		{"--user", "extra", NULL},
		{"--usr", NULL},
	};
	const struct launch launch = {.arguments = bad[_i]};

	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("rmbrokerd") || log_has("/fd/"));
}
END_TEST

START_TEST(test_system_is_for_root)
{
	const char *const arguments[] = {"--system", "--socket", fixture.socket, NULL};
	const struct launch launch = {.arguments = arguments};

	if (testing_is_root()) {
		fixture_become_nobody();
	}
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("--system is for root"));
}
END_TEST

static unsigned long count_switches(void)
{
	return testing_read_status(fixture.pid, "\nvoluntary_ctxt_switches:") +
	       testing_read_status(fixture.pid, "\nnonvoluntary_ctxt_switches:");
}

static bool is_asleep(void *arg)
{
	_cleanup_(freep) char *text = NULL;
	char path[64];

	(void)arg;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", fixture.pid);
	text = testing_read_file(path);
	return strstr(text, "\nState:\tS") != NULL;
}

/* The wait is the measurement: nothing may happen while a second goes by. */
START_TEST(test_idle_is_never_woken)
{
	const struct timespec second = {.tv_sec = 1};
	int fd;
	uint32_t session;
	unsigned long before;

	if (testing_is_slow()) {
		return; /* their run-time wakes it */
	}
	broker_start();
	fd = wire_connect();
	session = wire_start(fd, 1, NULL);
	ck_assert_uint_ne(session, 0);
	ck_assert(testing_wait(is_asleep, NULL, 1000));
	before = count_switches();
	ck_assert_int_eq(nanosleep(&second, NULL), 0);
	ck_assert_uint_eq(count_switches(), before);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_activation},
		{.test = test_activation_of_another_path},
		{.test = test_activation_with_a_wrong_descriptor},
		{.test = test_notifications},
		{.test = test_second_instance},
		{.test = test_clean_end, .n_loops = 2},
		{.test = test_reload},
		{.test = test_bad_config, .n_loops = ARRAY_SIZE(bad_configs)},
		{.test = test_config_is_a_directory},
		{.test = test_usage, .n_loops = 5},
		{.test = test_system_is_for_root},
		{.test = test_idle_is_never_woken},
	};

	return testing_run("lifecycle", cases, ARRAY_SIZE(cases));
}
