/* SPDX-License-Identifier: MIT */
/*
 * The store on real files with real processes as owners: what a restart brings back, what it does
 * with damaged and foreign files, compaction, and the full disk.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "broker/journal_format.h"
#include "broker/log.h"
#include "broker/store.h"
#include "tests/unit/fixture.h"
#include "tests/unit/records.h"

static uv_loop_t loop;
static struct process_table processes;
static struct session_table sessions;
static struct event_log events;
static struct store store;

static void on_gone(struct process *process, void *userdata)
{
	(void)process;
	(void)userdata;
}

static int try_open(void)
{
	log_init(-1);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(event_log_init(&events), 0);
	ck_assert_int_eq(process_table_init(&processes, &loop, on_gone, NULL), 0);
	session_table_init(&sessions, MAX_SESSIONS_ALL);
	return store_open(&store, fixture_path("journal"), &sessions, &processes, &events);
}

static void open_store(void)
{
	ck_assert_int_eq(try_open(), 0);
}

static void close_store(void)
{
	session_table_done(&sessions);
	process_table_close(&processes);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	process_table_done(&processes);
	store_close(&store);
	event_log_done(&events);
}

static void restart(void)
{
	close_store();
	open_store();
}

static void set_up(void)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
	open_store();
}

/* ---- the changes, as the methods make them ---- */

static struct process *process_of(pid_t pid)
{
	struct process *process;

	ck_assert_int_eq(
		process_find_or_open(&processes, &(struct process_id){.pid = pid}, &process), 0);
	return process;
}

/* A session whose key and request are made of its number; -errno when it was refused. Nothing
 * is asserted in here: the disk may be full. */
static int start(struct process *owner)
{
	struct session_key key = {{0}};
	uint32_t id = sessions.next_session_id;
	struct session *session;
	int r;

	memcpy(key.bytes, &id, sizeof(id));
	r = session_new(id, &key, owner, &session);
	if (r < 0) {
		return r;
	}
	memcpy(session->request_id, &id, sizeof(id));
	session->started_us = 1000 + id;
	r = store_session_started(&store, session);
	if (r < 0) {
		session_free(session);
		return r;
	}
	session_add(&sessions, session);
	return 0;
}

static int join(uint32_t session, struct process *process)
{
	struct join *made;
	int r = join_new(session_find(&sessions, session), sessions.next_join_id, process, &made);

	if (r) {
		return r;
	}
	memcpy(made->request_id, &made->id, sizeof(made->id));
	made->joined_us = 2000 + made->id;
	r = store_session_joined(&store, made);
	if (r < 0) {
		free(made);
		return r;
	}
	join_add(&sessions, made);
	return 0;
}

static int leave(uint32_t session, uint32_t id)
{
	struct join *gone = join_find(session_find(&sessions, session), id);
	int r = store_session_left(&store, gone, NULL, NULL);

	if (r == 0) {
		join_remove(&sessions, gone);
	}
	return r;
}

static void make_request_id(uint32_t number, uint8_t ret_id[REQUEST_ID_BYTES])
{
	memset(ret_id, 0xee, REQUEST_ID_BYTES);
	memcpy(ret_id, &number, sizeof(number));
}

static int end(uint32_t id, struct process *by, uint32_t request)
{
	struct session *session = session_find(&sessions, id);
	uint8_t request_id[REQUEST_ID_BYTES];
	int r;

	make_request_id(request, request_id);
	r = store_session_ended(&store, session, by, by ? request_id : NULL);
	if (r == 0) {
		session_remove(&sessions, session);
	}
	if (r == 0 && by) {
		r = process_add_answered(by, request_id);
	}
	return r;
}

static bool has_answer(struct process *process, uint32_t request)
{
	uint8_t request_id[REQUEST_ID_BYTES];

	make_request_id(request, request_id);
	return process_has_answered(process, request_id);
}

static unsigned int count_events(enum event_kind kind)
{
	const struct event *event = NULL;
	unsigned int n = 0;

	while ((event = event_log_next(&events, event ? event->number : 0))) {
		n += event->kind == kind;
	}
	return n;
}

/* ---- restarts ---- */

START_TEST(test_fresh)
{
	struct stat st;

	ck_assert_int_eq(stat(fixture_path("journal"), &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(st.st_size, JOURNAL_PIECE_BYTES);
	ck_assert_uint_eq(store.n_restored, 0);
	ck_assert_uint_eq(sessions.next_session_id, 1);
	restart();
	ck_assert_uint_eq(store.n_restored, 0);
}
END_TEST

START_TEST(test_restart_brings_back)
{
	pid_t pid = child_start(NULL);
	const struct session *session;

	ck_assert_int_eq(start(process_of(getpid())), 0);
	ck_assert_int_eq(start(process_of(pid)), 0);
	ck_assert_int_eq(join(2, process_of(getpid())), 0);
	ck_assert_int_eq(join(2, process_of(pid)), 0);
	ck_assert_int_eq(leave(2, 1), 0);
	ck_assert_int_eq(start(process_of(pid)), 0);
	ck_assert_int_eq(end(3, NULL, 0), 0);

	for (int i = 0; i < 3; i++) {
		restart();
		ck_assert_uint_eq(store.n_restored, 2);
		ck_assert_uint_eq(sessions.n_sessions, 2);
		ck_assert_uint_eq(sessions.n_joins, 1);
		ck_assert_uint_eq(sessions.next_session_id, 4);
		ck_assert_uint_eq(sessions.next_join_id, 3);
		session = session_find(&sessions, 2);
		ck_assert_ptr_nonnull(session);
		ck_assert_uint_eq(session->key.bytes[0], 2);
		ck_assert_uint_eq(session->request_id[0], 2);
		ck_assert_uint_eq(session->started_us, 1002);
		ck_assert_int_eq(session->owner->id.pid, pid);
		ck_assert_uint_eq(session->joins->id, 2);
		ck_assert_uint_eq(session->joins->request_id[0], 2);
		ck_assert_uint_eq(session->joins->joined_us, 2002);
		ck_assert_int_eq(session->joins->process->id.pid, pid);
		ck_assert_uint_eq(count_events(EVENT_SESSION_RESTORED), 2);
		ck_assert_uint_eq(count_events(EVENT_SESSION_LOST), 0);
	}
	child_end(pid);
}
END_TEST

/* The owner died while no broker ran: its sessions end; who had joined has left. */
START_TEST(test_restart_without_the_owner)
{
	pid_t pid = child_start(NULL);

	ck_assert_int_eq(start(process_of(getpid())), 0);
	ck_assert_int_eq(start(process_of(pid)), 0);
	ck_assert_int_eq(join(1, process_of(pid)), 0);
	close_store();
	child_end(pid);
	open_store();
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_uint_eq(sessions.n_joins, 0);
	ck_assert_ptr_nonnull(session_find(&sessions, 1));
	ck_assert_uint_eq(count_events(EVENT_SESSION_ENDED), 1);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_uint_eq(count_events(EVENT_SESSION_ENDED), 0);
	ck_assert_uint_eq(sessions.next_session_id, 3);
}
END_TEST

/* Whoever has the owner's pid by now is a stranger: the start time tells. */
START_TEST(test_restart_with_a_stranger)
{
	struct process *owner = process_of(getpid());

	ck_assert_int_eq(start(owner), 0);
	owner->id.start_time--;
	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(join(1, owner), 0);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_ptr_nonnull(session_find(&sessions, 1));
	ck_assert_uint_eq(sessions.n_joins, 0);
}
END_TEST

/* The last 64 answers of a living process come through any number of compactions. */
START_TEST(test_answers_come_back)
{
	enum {
		N = MAX_ANSWERED + 6
	};
	struct process *owner = process_of(getpid());

	for (uint32_t i = 1; i <= N; i++) {
		ck_assert_int_eq(start(owner), 0);
		owner->n_connections++; /* that asks, so that it is not idle */
		ck_assert_int_eq(end(i, owner, 100 + i), 0);
		owner->n_connections--;
	}
	process_settle(owner);
	for (int i = 0; i < 3; i++) {
		restart();
		owner = process_of(getpid());
		ck_assert_uint_eq(owner->n_answered, MAX_ANSWERED);
		ck_assert_int_eq(has_answer(owner, 100 + N - MAX_ANSWERED), false);
		for (uint32_t k = N - MAX_ANSWERED + 1; k <= N; k++) {
			ck_assert_int_eq(has_answer(owner, 100 + k), true);
		}
		process_settle(owner);
	}
	/* The oldest is the next to go. */
	owner = process_of(getpid());
	owner->n_connections++;
	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(end(N + 1, owner, 5000), 0);
	ck_assert_int_eq(has_answer(owner, 100 + N - MAX_ANSWERED + 1), false);
	ck_assert_int_eq(has_answer(owner, 100 + N - MAX_ANSWERED + 2), true);
	owner->n_connections--;
	process_settle(owner);
}
END_TEST

START_TEST(test_answers_of_the_dead)
{
	pid_t pid = child_start(NULL);
	struct process *owner = process_of(pid);

	owner->n_connections++;
	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(end(1, owner, 1), 0);
	child_end(pid);
	close_store();
	open_store();
	ck_assert_ptr_null(processes.by_pid);
}
END_TEST

/* ---- compaction ---- */

START_TEST(test_compaction)
{
	struct process *owner = process_of(getpid());
	struct stat before;
	struct stat after;
	uint64_t largest = 0;
	uint32_t id = 1;

	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(join(1, owner), 0);
	ck_assert_int_eq(stat(fixture_path("journal"), &before), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		ck_assert_int_eq(start(owner), 0);
		id = sessions.next_session_id - 1;
		ck_assert_int_eq(end(id, NULL, 0), 0);
		largest = store.journal.tail > largest ? store.journal.tail : largest;
	}
	ck_assert_uint_lt(largest, 512 * 1024);
	ck_assert_int_eq(stat(fixture_path("journal"), &after), 0);
	ck_assert_uint_ne(after.st_ino, before.st_ino);
	ck_assert_int_le(after.st_size, 5 * JOURNAL_PIECE_BYTES);
	ck_assert_int_eq(file_exists(fixture_path("journal.new")), false);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_uint_eq(sessions.n_joins, 1);
	ck_assert_uint_eq(sessions.next_session_id, id + 1);
}
END_TEST

/* A compaction that can't be done leaves the old file, which goes on. */
START_TEST(test_compaction_fails)
{
	struct process *owner = process_of(getpid());
	struct stat before;
	struct stat after;

	ck_assert_int_eq(stat(fixture_path("journal"), &before), 0);
	ck_assert_int_eq(mkdir(fixture_path("journal.new"), 0700), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		ck_assert_int_eq(start(owner), 0);
		ck_assert_int_eq(end(sessions.next_session_id - 1, NULL, 0), 0);
	}
	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(stat(fixture_path("journal"), &after), 0);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	restart(); /* which can't compact either */
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_int_eq(stat(fixture_path("journal"), &after), 0);
	ck_assert_uint_eq(after.st_ino, before.st_ino);
	ck_assert_int_eq(end(sessions.next_session_id - 1, NULL, 0), 0);
	ck_assert_int_eq(rmdir(fixture_path("journal.new")), 0);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, 0);
	ck_assert_int_eq(stat(fixture_path("journal"), &after), 0);
	ck_assert_uint_ne(after.st_ino, before.st_ino);
}
END_TEST

/* ---- the full disk ---- */

/* Starts are refused when the ends of all would no longer fit; then all ends do. */
START_TEST(test_full_disk)
{
	struct process *owner = process_of(getpid());
	uint32_t n_started = 0;
	uint32_t n_joined = 0;
	uint32_t n_kept;
	int r = 0;
	int first_refusal;

	disk_limit(JOURNAL_PIECE_BYTES);
	while (n_started < 400 && r == 0) {
		r = start(owner);
		n_started += r == 0;
	}
	while (n_joined < 2000 && r == 0) {
		r = join(1 + n_joined / 4, owner);
		n_joined += r == 0;
	}
	first_refusal = r;
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(first_refusal, -EFBIG);
	ck_assert_uint_gt(n_joined, 100);
	ck_assert_uint_eq(sessions.n_sessions, n_started);
	ck_assert_uint_eq(sessions.n_joins, n_joined);

	/* Another broker on the same full disk finds the same. */
	disk_limit(JOURNAL_PIECE_BYTES);
	close_store();
	r = try_open();
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(sessions.n_sessions, n_started);
	ck_assert_uint_eq(sessions.n_joins, n_joined);

	disk_limit(JOURNAL_PIECE_BYTES);
	for (uint32_t i = 1; i <= n_joined && r == 0; i++) {
		r = leave(1 + (i - 1) / 4, i);
	}
	for (uint32_t i = 1; i <= n_started - 1 && r == 0; i++) {
		r = end(i, NULL, 0);
	}
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, 0);
	n_kept = sessions.n_sessions;
	ck_assert_uint_eq(n_kept, 1);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_ptr_nonnull(session_find(&sessions, n_started));
}
END_TEST

/* ---- files that are no good ---- */

/* Of the last record, which is about session 1. */
static void damage_payload(uint8_t *data)
{
	size_t at = JOURNAL_PIECE_BYTES;

	while (data[at - 1] == 0) {
		at--;
	}
	data[at - 10] ^= 1; /* its padding has at most 8 bytes */
}

static void damage_both_headers(uint8_t *data)
{
	data[20] ^= 1;
	data[JOURNAL_FILE_HEADER_COPY + 20] ^= 1;
}

static void damage_magic(uint8_t *data)
{
	data[0] = 'X';
	data[JOURNAL_FILE_HEADER_COPY] = 'X';
}

static void rewrite_headers(uint8_t *data, const struct journal_file_header *changed)
{
	struct journal_file_header header = *changed;

	header.checksum = journal_file_header_sum(&header);
	memcpy(data, &header, sizeof(header));
	memcpy(data + JOURNAL_FILE_HEADER_COPY, &header, sizeof(header));
}

static void change_version(uint8_t *data)
{
	struct journal_file_header header;

	memcpy(&header, data, sizeof(header));
	header.version++;
	rewrite_headers(data, &header);
}

static void change_boot(uint8_t *data)
{
	struct journal_file_header header;

	memcpy(&header, data, sizeof(header));
	header.boot_id[0] ^= 1;
	rewrite_headers(data, &header);
}

static void change_namespace(uint8_t *data)
{
	struct journal_file_header header;

	memcpy(&header, data, sizeof(header));
	header.pid_namespace++;
	rewrite_headers(data, &header);
}

static const struct {
	const char *name;
	void (*damage)(uint8_t *data);
	const char *aside;
	unsigned int n_restored; /* of the two sessions */
	unsigned int n_lost;	 /* ended by name */
} bad_files[] = {
	{"payload", damage_payload, "journal.damaged.1", 1, 1},
	{"both headers", damage_both_headers, "journal.damaged.1", 0, 0},
	{"magic", damage_magic, "journal.foreign.1", 0, 0},
	{"version", change_version, "journal.foreign.1", 0, 0},
	{"boot", change_boot, "journal.other-boot.1", 0, 0},
	{"namespace", change_namespace, "journal.other-boot.1", 0, 0},
};

START_TEST(test_bad_file)
{
	const char *path = fixture_path("journal");
	struct process *owner = process_of(getpid());
	uint8_t *data;
	uint8_t *aside;
	size_t size;
	size_t aside_size;

	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(join(1, owner), 0);
	close_store();
	data = file_get(path, &size);
	bad_files[_i].damage(data);
	file_put(path, data, size);

	open_store();
	ck_assert_uint_eq(store.n_restored, bad_files[_i].n_restored);
	ck_assert_uint_eq(count_events(EVENT_SESSION_LOST), bad_files[_i].n_lost);
	aside = file_get(fixture_path(bad_files[_i].aside), &aside_size);
	ck_assert_uint_eq(aside_size, size);
	ck_assert_mem_eq(aside, data, size);
	free(aside);
	free(data);

	/* The new file works, and its numbers are nobody's. */
	if (bad_files[_i].n_restored) {
		ck_assert_uint_gt(sessions.next_session_id, 1000);
	}
	ck_assert_int_eq(start(process_of(getpid())), 0);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, bad_files[_i].n_restored + 1);
	ck_assert_uint_eq(count_events(EVENT_SESSION_LOST), 0);
	ck_assert_int_eq(file_exists(fixture_path(bad_files[_i].aside)), true);
}
END_TEST

/* Not even a set-aside file of earlier is written over. */
START_TEST(test_names_aside_are_not_reused)
{
	const char *path = fixture_path("journal");
	uint8_t *data;
	size_t size;

	file_put(fixture_path("journal.foreign.1"), "precious", 8);
	close_store();
	file_put(path, "a shopping list", 15);
	open_store();
	data = file_get(fixture_path("journal.foreign.1"), &size);
	ck_assert_uint_eq(size, 8);
	free(data);
	data = file_get(fixture_path("journal.foreign.2"), &size);
	ck_assert_mem_eq(data, "a shopping list", 15);
	free(data);
}
END_TEST

/* What is no file, or can't be read, is refused and left alone. */
START_TEST(test_no_file)
{
	const char *path = fixture_path("journal");

	close_store();
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(try_open(), -EINVAL);
	close_store();
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(try_open(), -ELOOP);
	close_store();
	ck_assert_int_eq(unlink(path), 0);
	open_store();
}
END_TEST

/* A2: two living sessions with one key are refused at replay too; the first one stays. */
START_TEST(test_duplicate_key)
{
	struct process *owner = process_of(getpid());
	struct session *session;
	struct session_key key = {{1}};

	ck_assert_int_eq(start(owner), 0);
	ck_assert_int_eq(session_new(2, &key, owner, &session), 0);
	session->request_id[0] = 2;
	ck_assert_int_eq(store_session_started(&store, session), 0);
	session_free(session);
	restart();
	ck_assert_uint_eq(sessions.n_sessions, 1);
	ck_assert_ptr_nonnull(session_find(&sessions, 1));
	ck_assert_uint_ge(sessions.next_session_id, 3);
}
END_TEST

/* A write that SIGKILL cut short: nothing is lost and nothing is set aside. */
START_TEST(test_torn_tail)
{
	const char *path = fixture_path("journal");
	struct process *owner = process_of(getpid());
	uint8_t *data;
	size_t size;
	uint64_t tail;
	uint64_t border;

	do {
		ck_assert_int_eq(start(owner), 0);
		tail = store.journal.tail;
		ck_assert_int_eq(start(owner), 0);
		border = (tail / 4096 + 1) * 4096;
	} while (store.journal.tail <= border);
	close_store();
	data = file_get(path, &size);
	memset(data + border, 0, size - border);
	file_put(path, data, size);
	free(data);
	open_store();
	ck_assert_uint_eq(sessions.n_sessions, sessions.next_session_id - 1);
	ck_assert_uint_eq(sessions.n_sessions % 2, 1);
	ck_assert_uint_eq(count_events(EVENT_SESSION_LOST), 0);
	ck_assert_int_eq(file_exists(fixture_path("journal.damaged.1")), false);
}
END_TEST

/* ---- 300 damages of each kind, with files, processes and a second restart ---- */

static void flip(uint8_t *data, size_t *size, uint64_t used, struct random *random)
{
	(void)size;
	data[random_below(random, (uint32_t)used)] ^= (uint8_t)(1u << random_below(random, 8));
}

static void cut(uint8_t *data, size_t *size, uint64_t used, struct random *random)
{
	(void)data;
	*size = random_below(random, (uint32_t)used + 40);
}

static void overwrite(uint8_t *data, size_t *size, uint64_t used, struct random *random)
{
	uint32_t at = random_below(random, (uint32_t)used);

	random_fill(random, data + at, *size - at < 512 ? *size - at : 512);
}

static void (*const damages[])(uint8_t *data, size_t *size, uint64_t used,
			       struct random *random) = {flip, cut, overwrite};

START_TEST(test_damages)
{
	const char *path = fixture_path("journal");
	struct process *owner = process_of(getpid());
	struct random random = {.state = (uint64_t)_i};
	uint8_t *data;
	size_t size;
	uint64_t used;
	bool is_live[61] = {false};

	for (uint32_t i = 1; i <= 60; i++) {
		ck_assert_int_eq(start(owner), 0);
		is_live[i] = true;
		if (random_below(&random, 2)) {
			uint32_t ended = 1 + random_below(&random, i);

			if (is_live[ended]) {
				ck_assert_int_eq(end(ended, NULL, 0), 0);
				is_live[ended] = false;
			}
		}
	}
	used = store.journal.tail;
	close_store();
	data = file_get(path, &size);
	for (unsigned int i = 0; i < 100; i++) {
		size_t damaged_size = size;
		uint8_t *damaged = malloc(size);
		unsigned int n_restored;

		ck_assert_ptr_nonnull(damaged);
		memcpy(damaged, data, size);
		damages[_i](damaged, &damaged_size, used, &random);
		file_put(path, damaged, damaged_size);
		free(damaged);
		open_store();
		for (const struct session *s = sessions.by_id; s; s = s->hh.next) {
			ck_assert_uint_le(s->id, 60);
			ck_assert_int_eq(is_live[s->id], true);
			ck_assert_mem_eq(s->key.bytes, &s->id, sizeof(s->id));
		}
		n_restored = sessions.n_sessions;
		restart();
		ck_assert_uint_eq(sessions.n_sessions, n_restored);
		ck_assert_uint_eq(count_events(EVENT_SESSION_LOST), 0);
		close_store();
	}
	free(data);
	open_store();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = fixture_case(suite, "restart");

	tcase_add_checked_fixture(tcase, set_up, close_store);
	tcase_add_test(tcase, test_fresh);
	tcase_add_test(tcase, test_restart_brings_back);
	tcase_add_test(tcase, test_restart_without_the_owner);
	tcase_add_test(tcase, test_restart_with_a_stranger);
	tcase_add_test(tcase, test_answers_come_back);
	tcase_add_test(tcase, test_answers_of_the_dead);

	tcase = fixture_case(suite, "room");
	tcase_add_checked_fixture(tcase, set_up, close_store);
	tcase_add_test(tcase, test_compaction);
	tcase_add_test(tcase, test_compaction_fails);
	tcase_add_test(tcase, test_full_disk);

	tcase = fixture_case(suite, "damage");
	tcase_add_checked_fixture(tcase, set_up, close_store);
	tcase_add_loop_test(tcase, test_bad_file, 0, ARRAY_SIZE(bad_files));
	tcase_add_test(tcase, test_names_aside_are_not_reused);
	tcase_add_test(tcase, test_no_file);
	tcase_add_test(tcase, test_duplicate_key);
	tcase_add_test(tcase, test_torn_tail);
	tcase_add_loop_test(tcase, test_damages, 0, ARRAY_SIZE(damages));
	return fixture_run(suite);
}
