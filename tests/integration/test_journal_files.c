/* SPDX-License-Identifier: MIT */
/*
 * A broker that finds something else than its journal, or a damaged one (A62): what can't be
 * read is set aside under a name that the log tells, byte for byte, and never deleted. The unit
 * tests damage journals by the hundred; here is what the real broker does about each kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define N_SESSIONS 8

static struct rm_session *sessions[N_SESSIONS];

static char journal[160];

static size_t count_sessions(void)
{
	struct rm_session_infos *infos;
	size_t n;

	ck_assert_int_eq(rm_broker_sessions(&infos), 0);
	n = infos->n_sessions;
	rm_session_infos_free(infos);
	return n;
}

/* Leaves the journal of a broker that was killed with some sessions. */
static void make_journal(void)
{
	(void)snprintf(journal, sizeof(journal), "%s.journal", fixture.socket);
	broker_start();
	for (size_t i = 0; i < N_SESSIONS; i++) {
		ck_assert_int_eq(rm_session_start(-1, &sessions[i]), 0);
	}
	broker_kill();
}

static void end_sessions(void)
{
	for (size_t i = 0; i < N_SESSIONS; i++) {
		int r = rm_session_end(sessions[i]);

		ck_assert_msg(r == 0 || r == 6, "ended with %d", r);
	}
	ck_assert_uint_eq(count_sessions(), 0);
}

static off_t size_of(const char *path)
{
	struct stat st;

	ck_assert_msg(stat(path, &st) == 0, "%s: %s", path, strerror(errno));
	return st.st_size;
}

static void overwrite(off_t at, const void *bytes, size_t size)
{
	int fd = open(journal, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, size, at), (ssize_t)size);
	ck_assert_int_eq(close(fd), 0);
}

/* Where the records end: behind it all is zero. */
static off_t find_tail(void)
{
	static uint8_t bytes[1024 * 1024];
	int fd = open(journal, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = pread(fd, bytes, sizeof(bytes), 0);
	ck_assert_int_gt(n, 0);
	while (n > 0 && !bytes[n - 1]) {
		n--;
	}
	ck_assert_int_eq(close(fd), 0);
	return n;
}

/* The broker has set the file aside for the reason, says under which name, and works. */
static void expect_aside(const char *why, off_t size)
{
	char message[256];
	char aside[200];

	(void)snprintf(aside, sizeof(aside), "%s.%s.1", journal, why);
	(void)snprintf(message, sizeof(message), "a %s journal was set aside as", why);
	ck_assert(log_has(message));
	ck_assert(log_has(aside));
	ck_assert_int_eq(size_of(aside), size);
	(void)count_sessions();
}

START_TEST(test_foreign)
{
	_cleanup_(freep) char *text = NULL;

	(void)snprintf(journal, sizeof(journal), "%s.journal", fixture.socket);
	testing_write_file(journal, "this is my diary\n");
	broker_start();
	expect_aside("foreign", (off_t)strlen("this is my diary\n"));
	text = testing_read_file(fixture_path("b.sock.journal.foreign.1"));
	ck_assert_str_eq(text, "this is my diary\n");
	/* The next one has a name of its own. */
	broker_kill();
	testing_write_file(journal, "volume two\n");
	broker_start();
	ck_assert(log_has(".foreign.2"));
	ck_assert_int_eq(size_of(fixture_path("b.sock.journal.foreign.1")), (off_t)strlen(text));
}
END_TEST

START_TEST(test_empty)
{
	(void)snprintf(journal, sizeof(journal), "%s.journal", fixture.socket);
	testing_write_file(journal, "");
	broker_start();
	ck_assert_uint_eq(count_sessions(), 0);
}
END_TEST

/* Nobody knows what the garbage stands for: any session may have ended there. */
START_TEST(test_garbage_behind_the_records)
{
	off_t size;

	make_journal();
	size = size_of(journal);
	overwrite(find_tail(), "garbage", 7);
	broker_start();
	expect_aside("damaged", size);
	ck_assert(log_has("a session ends because the journal was damaged"));
	ck_assert_uint_eq(count_sessions(), 0);
	end_sessions();
}
END_TEST

/* Loop: how many bytes of the records are left. */
START_TEST(test_truncated)
{
	static const int percents[] = {0, 10, 50, 90, 99};
	off_t tail, size;

	make_journal();
	tail = find_tail();
	size = 4096 + (tail - 4096) * percents[_i] / 100;
	ck_assert_int_eq(truncate(journal, size), 0);
	broker_start();
	ck_assert_uint_le(count_sessions(), N_SESSIONS);
	end_sessions();
}
END_TEST

/* Loop: where, in percent of the records. One record at most is lost, and those that are left
 * were acknowledged. */
START_TEST(test_flipped_bit)
{
	static const int percents[] = {5, 25, 50, 75, 95};
	uint8_t byte;
	off_t at, size;
	int fd;

	make_journal();
	size = size_of(journal);
	at = 4096 + (find_tail() - 4096) * percents[_i] / 100;
	fd = open(journal, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	ck_assert_int_eq(close(fd), 0);
	byte ^= 0x10;
	overwrite(at, &byte, 1);
	broker_start();
	expect_aside("damaged", size);
	ck_assert(log_has("journal records lost") || log_has("further journal records are lost"));
	ck_assert_uint_le(count_sessions(), N_SESSIONS);
	end_sessions();
}
END_TEST

/* Both copies of the header gone: it could be anybody's. */
START_TEST(test_header)
{
	static const char zeroes[4096];
	off_t size;

	make_journal();
	size = size_of(journal);
	overwrite(0, zeroes, sizeof(zeroes));
	broker_start();
	expect_aside("foreign", size);
	ck_assert_uint_eq(count_sessions(), 0);
	end_sessions();
}
END_TEST

/* One copy is enough. */
START_TEST(test_half_header)
{
	static const char zeroes[64];

	make_journal();
	overwrite(0, zeroes, sizeof(zeroes));
	broker_start();
	ck_assert_uint_eq(count_sessions(), N_SESSIONS);
	end_sessions();
}
END_TEST

/* Killed while it wrote the journal anew: the old one is the one that counts. */
START_TEST(test_left_over)
{
	make_journal();
	testing_write_file(fixture_path("b.sock.journal.new"), "half of a new journal");
	broker_start();
	ck_assert_uint_eq(count_sessions(), N_SESSIONS);
	ck_assert_int_lt(access(fixture_path("b.sock.journal.new"), F_OK), 0);
	end_sessions();
}
END_TEST

/* What is no file at all is not for us to move: the broker does not start, and says why. */
START_TEST(test_directory)
{
	const struct launch launch = {0};

	ck_assert_int_eq(mkdir(fixture_path("b.sock.journal"), 0700), 0);
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("b.sock.journal: can't be read"));
	ck_assert_int_eq(rmdir(fixture_path("b.sock.journal")), 0);
}
END_TEST

START_TEST(test_link)
{
	const struct launch launch = {0};
	_cleanup_(freep) char *text = NULL;

	testing_write_file(fixture_path("target"), "precious");
	ck_assert_int_eq(symlink("target", fixture_path("b.sock.journal")), 0);
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("b.sock.journal: can't be read"));
	text = testing_read_file(fixture_path("target"));
	ck_assert_str_eq(text, "precious");
}
END_TEST

START_TEST(test_fifo)
{
	const struct launch launch = {0};

	ck_assert_int_eq(mkfifo(fixture_path("b.sock.journal"), 0600), 0);
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("b.sock.journal: can't be read"));
}
END_TEST

START_TEST(test_unreadable)
{
	const struct launch launch = {0};

	if (testing_is_root()) {
		fixture_become_nobody(); /* root reads everything */
		if (testing_is_valgrind()) {
			return; /* which nobody may not be able to reach its program for */
		}
	}
	testing_write_file(fixture_path("b.sock.journal"), "secret");
	ck_assert_int_eq(chmod(fixture_path("b.sock.journal"), 0), 0);
	ck_assert_int_eq(broker_fail(&launch), 1);
	ck_assert(log_has("b.sock.journal: can't be read: Permission denied"));
	ck_assert_int_eq(size_of(fixture_path("b.sock.journal")), 6);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_foreign},
		{.test = test_empty},
		{.test = test_garbage_behind_the_records},
		{.test = test_truncated, .n_loops = 5},
		{.test = test_flipped_bit, .n_loops = 5},
		{.test = test_header},
		{.test = test_half_header},
		{.test = test_left_over},
		{.test = test_directory},
		{.test = test_link},
		{.test = test_fifo},
		{.test = test_unreadable},
	};

	return testing_run("journal_files", cases, ARRAY_SIZE(cases));
}
