/* SPDX-License-Identifier: MIT */
/*
 * Registrations from their first part to the journal and back: all of one or nothing of it, at
 * every step and whatever fails; and compactions in between.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <utlist.h>

#include "broker/replay.h"
#include "proto/procfs.h"
#include "proto/status.h"
#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

static struct store_fixture fixture;
static struct session *session;

static void set_up(void)
{
	uv_loop_t loop;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
	store_fixture_open(&fixture);
	session = store_fixture_start(&fixture);
}

static void tear_down(void)
{
	store_fixture_close(&fixture);
}

static void restart(void)
{
	uint32_t id = session->id;

	store_fixture_restart(&fixture);
	session = session_find(&fixture.sessions, id);
	ck_assert_ptr_nonnull(session);
}

static uint32_t count(enum resource_kind kind)
{
	return resource_count(session->resources, kind);
}

static const char *numbered(const char *before, unsigned int number)
{
	static char text[256];

	(void)snprintf(text, sizeof(text), "%s%u", before, number);
	return text;
}

static void check_disk(void)
{
	struct replay replay;

	store_fixture_replay(&fixture, &replay);
	ck_assert_pstr_eq(store_fixture_compare(&fixture, &replay), NULL);
	replay_done(&replay);
}

/* ---- parts ---- */

static int part(struct session *of, uint8_t request, uint32_t number,
		struct registration **ret_registration)
{
	uint8_t request_id[REQUEST_ID_BYTES] = {request};

	return registration_begin_part(&fixture.sessions.registrations, of,
				       &store_fixture_self(&fixture)->id, request_id, number, 0,
				       ret_registration);
}

START_TEST(test_parts)
{
	struct registration *registration;
	const char *reason;

	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(part(session, 1, i, &registration), 0);
		add_file(registration, numbered("/lib/", i));
		add_file(registration, "/lib/again");
		if (i < 2) {
			registration_end_part(registration, false);
		}
		ck_assert_uint_eq(count(RESOURCE_FILE), 0);
		ck_assert_uint_gt(fixture.sessions.registrations.bytes, 0);
	}
	ck_assert_uint_eq(registration_count_files(registration), 4);
	ck_assert_str_eq(registration_file_path(registration, 1), "/lib/again");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	ck_assert_uint_eq(count(RESOURCE_FILE), 4);
	ck_assert_uint_eq(fixture.sessions.registrations.bytes, 0);
	ck_assert_ptr_null(fixture.sessions.registrations.registrations);
	check_disk();
	restart();
	ck_assert_uint_eq(count(RESOURCE_FILE), 4);
	ck_assert_uint_ne(resource_find_file(session->resources, "/lib/2", 6, false), TABLE_NONE);
	ck_assert_uint_eq(resource_find_file(session->resources, "/lib/2", 6, true), TABLE_NONE);
}
END_TEST

START_TEST(test_parts_out_of_order)
{
	struct registration *registration;

	ck_assert_int_eq(part(session, 1, 1, &registration), STATUS_REQUEST_OUT_OF_SEQUENCE);
	ck_assert_int_eq(part(session, 1, 0, &registration), 0);
	registration_end_part(registration, false);
	ck_assert_int_eq(part(session, 1, 2, &registration), STATUS_REQUEST_OUT_OF_SEQUENCE);
	/* It was dropped with that. */
	ck_assert_int_eq(part(session, 1, 1, &registration), STATUS_REQUEST_OUT_OF_SEQUENCE);
	ck_assert_ptr_null(fixture.sessions.registrations.registrations);
	/* Another request, and another session, is another registration. */
	ck_assert_int_eq(part(session, 1, 0, &registration), 0);
	registration_end_part(registration, false);
	ck_assert_int_eq(part(session, 2, 1, &registration), STATUS_REQUEST_OUT_OF_SEQUENCE);
	ck_assert_int_eq(part(store_fixture_start(&fixture), 1, 1, &registration),
			 STATUS_REQUEST_OUT_OF_SEQUENCE);
	ck_assert_int_eq(part(session, 1, 1, &registration), 0);
}
END_TEST

/* What was sent before a lost connection is forgotten when it is sent again. */
START_TEST(test_part_0_begins_anew)
{
	struct registration *registration;

	ck_assert_int_eq(part(session, 1, 0, &registration), 0);
	add_file(registration, "/old");
	registration_end_part(registration, false);
	ck_assert_int_eq(part(session, 1, 0, &registration), 0);
	add_file(registration, "/new");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	ck_assert_uint_eq(count(RESOURCE_FILE), 1);
	ck_assert_str_eq(resource_file_path(session->resources, 0), "/new");
}
END_TEST

START_TEST(test_too_many_begun)
{
	struct process_id other = {.pid = 1, .start_time = 1};
	uint8_t request_id[REQUEST_ID_BYTES] = {1};
	struct registration *registration;

	for (uint8_t i = 0; i < MAX_STAGED_PER_PROCESS; i++) {
		ck_assert_int_eq(part(session, i, 0, &registration), 0);
		registration_end_part(registration, false);
	}
	ck_assert_int_eq(part(session, 200, 0, &registration), STATUS_OUTOFMEMORY);
	ck_assert_int_eq(part(session, 3, 0, &registration), 0); /* anew */
	registration_end_part(registration, true);
	ck_assert_int_eq(part(session, 200, 0, &registration), 0);
	registration_end_part(registration, false);
	ck_assert_int_eq(registration_begin_part(&fixture.sessions.registrations, session, &other,
						 request_id, 0, 0, &registration),
			 0);
	registration_end_part(registration, false);
	registration_drop_process(&fixture.sessions.registrations,
				  &store_fixture_self(&fixture)->id);
	/* The whole one is its caller's. */
	registration = fixture.sessions.registrations.registrations;
	ck_assert_int_eq(registration->is_whole, true);
	ck_assert_int_eq(process_id_equal(&registration->next->process, &other), true);
	ck_assert_ptr_null(registration->next->next);
	registration_free(registration);
}
END_TEST

START_TEST(test_part_limits)
{
	struct registration *registration = store_fixture_begin(&fixture, session, 1);
	char path[MAX_PATH_BYTES];
	const char *reason = NULL;

	for (unsigned int i = 0; i < MAX_PART_ENTRIES; i++) {
		ck_assert_int_eq(registration_add_process(registration, 1, 1, false, &reason), 0);
	}
	ck_assert_int_eq(registration_add_process(registration, 1, 1, false, &reason),
			 STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(reason);
	registration_free(registration);

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	registration = store_fixture_begin(&fixture, session, 1);
	for (unsigned int i = 0; i < MAX_PART_BYTES / MAX_PATH_BYTES; i++) {
		path[1] = (char)('a' + i % 26);
		ck_assert_int_eq(registration_add_file(registration, path, MAX_PATH_BYTES - 1,
						       i >= 26, &reason),
				 0);
	}
	ck_assert_int_eq(registration_add_file(registration, "/", 1, false, &reason),
			 STATUS_WRITE_FAULT);
	registration_free(registration);
	ck_assert_uint_eq(fixture.sessions.registrations.bytes, 0);
}
END_TEST

/* ---- commits ---- */

START_TEST(test_nothing_new)
{
	struct registration *registration = store_fixture_begin(&fixture, session, 1);
	uint64_t tail;

	add_file(registration, "/a");
	add_service(registration, "x.service");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	tail = fixture.store.journal.tail;
	registration = store_fixture_begin(&fixture, session, 2);
	add_service(registration, "x.service");
	add_file(registration, "/a");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	registration = store_fixture_begin(&fixture, session, 3); /* all counts 0 */
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	ck_assert_uint_eq(fixture.store.journal.tail, tail);
	ck_assert_uint_eq(count(RESOURCE_FILE), 1);
	ck_assert_uint_eq(count(RESOURCE_SERVICE), 1);
}
END_TEST

static struct file_identity identity_of(uint64_t inode)
{
	return (struct file_identity){.device = 5,
				      .superblock = 6,
				      .inode = inode,
				      .generation = 7 + inode,
				      .kind = FILE_REGULAR};
}

static void register_as(uint32_t request, const char *path, uint64_t inode)
{
	struct registration *registration = store_fixture_begin(&fixture, session, request);
	struct file_identity identity = identity_of(inode);

	add_file(registration, path);
	registration_set_identity(registration, 0, &identity);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
}

/* A14: as it was registered, and as it was seen later: when it is registered again, or listed. */
START_TEST(test_identities)
{
	struct file_identity identities[MAX_FILE_IDENTITIES];
	struct file_seen seen[2] = {{.i = 0, .identity = identity_of(3)}};
	uint64_t tail;

	register_as(1, "/a", 1);
	register_as(2, "/a", 2);
	tail = fixture.store.journal.tail;
	register_as(3, "/a", 1);
	ck_assert_uint_eq(fixture.store.journal.tail, tail);
	register_as(4, "/b", 1);
	seen[1].i = 1;
	seen[1].identity.kind = FILE_MISSING;
	ck_assert_int_eq(store_files_seen(&fixture.store, session, seen, 2), 0);
	tail = fixture.store.journal.tail;
	ck_assert_int_eq(store_files_seen(&fixture.store, session, seen, 2), 0);
	ck_assert_uint_eq(fixture.store.journal.tail, tail);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(resource_file_identities(session->resources, 0, identities), 3);
		ck_assert_uint_eq(identities[0].inode, 1);
		ck_assert_uint_eq(identities[1].inode, 3);
		ck_assert_uint_eq(identities[2].inode, 2);
		ck_assert_uint_eq(identities[2].generation, 9);
		ck_assert_uint_eq(identities[2].superblock, 6);
		ck_assert_uint_eq(resource_file_identities(session->resources, 1, identities), 1);
		check_disk();
		restart();
	}
}
END_TEST

static uint64_t start_time_of(pid_t pid)
{
	struct procfs_stat stat;

	ck_assert_int_eq(procfs_read_stat(fixture.processes.proc_fd, pid, &stat), 0);
	return stat.start_time;
}

static void check_processes(const uint32_t *flags)
{
	for (uint32_t i = 0; i < count(RESOURCE_PROCESS); i++) {
		ck_assert_uint_eq(resource_process_at(session->resources, i)->flags, flags[i]);
	}
}

START_TEST(test_processes)
{
	enum {
		DEAD = RESOURCE_PROCESS_DEAD,
		BY_FILETIME = RESOURCE_PROCESS_BY_FILETIME,
	};
	static const uint32_t before[] = {0, DEAD, DEAD, DEAD | BY_FILETIME, 0};
	static const uint32_t after[] = {0, DEAD, DEAD, DEAD | BY_FILETIME, DEAD};
	struct registration *registration = store_fixture_begin(&fixture, session, 1);
	struct process_resolver resolver = {fixture.processes.proc_fd, &fixture.store.clock,
					    &fixture.sessions.registrations.pidfds};
	pid_t child = child_start(NULL);
	uint64_t ticks = start_time_of(getpid());
	uint64_t filetime = clock_base_to_filetime(&fixture.store.clock, ticks);
	const char *reason;
	int fd;

	ck_assert_int_eq(
		registration_add_process(registration, (uint32_t)getpid(), ticks, false, &reason),
		0);
	ck_assert_int_eq(registration_add_process(registration, (uint32_t)getpid(), ticks - 1,
						  false, &reason),
			 0);
	ck_assert_int_eq(registration_add_process(registration, 0x7ffffff0, 1, false, &reason), 0);
	ck_assert_int_eq(registration_add_process(registration, (uint32_t)getpid(),
						  filetime + 10000001, true, &reason),
			 0);
	ck_assert_int_eq(registration_add_process(registration, (uint32_t)child,
						  start_time_of(child), false, &reason),
			 0);
	/* The same process again, by times that are near enough. */
	ck_assert_int_eq(registration_add_process(registration, (uint32_t)getpid(),
						  filetime - 10000000, true, &reason),
			 0);
	ck_assert_int_eq(
		registration_add_process(registration, (uint32_t)getpid(), filetime, true, &reason),
		0);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, &reason), 0);
	ck_assert_uint_eq(count(RESOURCE_PROCESS), 5);
	check_processes(before);
	ck_assert_uint_eq(resolver.pool->n, 2);
	restart();
	check_processes(before);
	ck_assert_uint_eq(resolver.pool->n, 2);
	ck_assert_int_eq(resource_process_open(session->resources, 4, &resolver, &fd), 0);
	ck_assert_int_eq(close(fd), 0);

	child_end(child);
	ck_assert_int_eq(resource_process_open(session->resources, 4, &resolver, &fd), -ESRCH);
	ck_assert_int_eq(resource_process_is_alive(session->resources, 0, &resolver), true);
	ck_assert_int_eq(resource_process_is_alive(session->resources, 4, &resolver), false);
	check_processes(after);
	ck_assert_uint_eq(resolver.pool->n, 1);
	restart();
	check_processes(after);
	store_fixture_end(&fixture, session);
	ck_assert_uint_eq(resolver.pool->n, 0);
}
END_TEST

static struct registration *begin_files(uint32_t request, unsigned int n, const char *prefix)
{
	uint8_t request_id[REQUEST_ID_BYTES] = {0};
	struct registration *registration = NULL;

	memcpy(request_id, &request, sizeof(request));
	for (unsigned int i = 0; i < n; i++) {
		if (i % MAX_PART_ENTRIES == 0) {
			if (i) {
				registration_end_part(registration, false);
			}
			ck_assert_int_eq(registration_begin_part(
						 &fixture.sessions.registrations, session,
						 &store_fixture_self(&fixture)->id, request_id,
						 i / MAX_PART_ENTRIES, 0, &registration),
					 0);
		}
		add_file(registration, numbered(prefix, i));
	}
	return registration;
}

START_TEST(test_session_ends_meanwhile)
{
	struct registration *registration = begin_files(1, 5000, "/lib/");
	struct registration *half = store_fixture_begin(&fixture, session, 2);
	const char *reason;
	bool is_done;

	registration_end_part(half, false);
	registration_end_part(registration, true);
	for (int i = 0; i < _i; i++) {
		ck_assert_int_eq(commit_step(&fixture.store, registration, &is_done, &reason), 0);
		ck_assert_int_eq(is_done, false);
	}
	store_fixture_end(&fixture, session);
	ck_assert_int_eq(commit_step(&fixture.store, registration, &is_done, &reason),
			 STATUS_INVALID_HANDLE);
	ck_assert_ptr_null(registration->next);
	registration_free(registration);
	ck_assert_uint_eq(fixture.sessions.registrations.bytes, 0);
	check_disk();
}
END_TEST

/* Wherever the broker is killed: all of it is there, once it was acknowledged, or nothing. */
START_TEST(test_every_step)
{
	struct registration *registration = begin_files(1, 5000, "/usr/lib/program/module-");
	struct replay replay;
	const char *reason;
	bool is_done = false;
	unsigned int n_steps = 0;

	registration_end_part(registration, true);
	while (!is_done) {
		ck_assert_int_eq(commit_step(&fixture.store, registration, &is_done, &reason), 0);
		ck_assert_uint_eq(count(RESOURCE_FILE), is_done ? 5000 : 0);
		store_fixture_replay(&fixture, &replay);
		ck_assert_pstr_eq(store_fixture_compare(&fixture, &replay), NULL);
		replay_done(&replay);
		n_steps++;
	}
	registration_free(registration);
	ck_assert_uint_gt(n_steps, 12);
	restart();
	ck_assert_uint_eq(count(RESOURCE_FILE), 5000);
}
END_TEST

/* The first begun is the first done; the other one waits, and knows what is there by then. */
START_TEST(test_one_after_the_other)
{
	struct registration *first = begin_files(1, 3000, "/a/");
	struct registration *second = begin_files(2, 3000, "/a/");
	const char *reason;
	bool is_first_done = false;
	bool is_second_done = false;

	add_file(second, "/b");
	registration_end_part(first, true);
	registration_end_part(second, true);
	while (!is_first_done) {
		ck_assert_int_eq(commit_step(&fixture.store, first, &is_first_done, &reason), 0);
		ck_assert_int_eq(commit_step(&fixture.store, second, &is_second_done, &reason), 0);
		ck_assert_int_eq(is_second_done, false);
	}
	registration_free(first);
	while (!is_second_done) {
		ck_assert_int_eq(commit_step(&fixture.store, second, &is_second_done, &reason), 0);
	}
	registration_free(second);
	ck_assert_uint_eq(count(RESOURCE_FILE), 3001);
	check_disk();
}
END_TEST

/* The caller is gone in the middle of a commit: the next one takes out what is left of it. */
START_TEST(test_given_up)
{
	struct registration *registration = begin_files(1, 5000, "/lost/");
	const char *reason;
	bool is_done;

	registration_end_part(registration, true);
	for (int i = 0; i < _i; i++) {
		ck_assert_int_eq(commit_step(&fixture.store, registration, &is_done, &reason), 0);
	}
	registration_free(registration);
	check_disk();
	registration = begin_files(2, 3000, "/kept/");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	ck_assert_uint_eq(count(RESOURCE_FILE), 3000);
	ck_assert_uint_eq(resource_count_all(session->resources, RESOURCE_FILE), 3000);
	ck_assert_uint_eq(session->resources->bytes, UINT64_C(3000) * 32);
	check_disk();
	restart();
	ck_assert_uint_eq(count(RESOURCE_FILE), 3000);
}
END_TEST

/* ---- the full disk ---- */

START_TEST(test_full_disk)
{
	struct registration *registration = begin_files(1, 100, "/small/");
	struct session *other = store_fixture_start(&fixture);
	int r;

	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	registration = begin_files(2, 20000, "/much/too/large/for/this/disk/");
	disk_limit(4 * JOURNAL_PIECE_BYTES);
	r = store_fixture_commit(&fixture, registration, NULL);
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_uint_eq(count(RESOURCE_FILE), 100);
	check_disk();
	/* Ends are never refused. */
	disk_limit(4 * JOURNAL_PIECE_BYTES);
	r = store_session_ended(&fixture.store, other, NULL, NULL);
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, 0);
	session_remove(&fixture.sessions, other);
	check_disk();
	restart();
	ck_assert_uint_eq(count(RESOURCE_FILE), 100);
	registration = begin_files(2, 20000, "/much/too/large/for/that/disk/");
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	check_disk();
}
END_TEST

static int join_session(struct process *process)
{
	struct join *join;
	int r = join_new(session, fixture.sessions.next_join_id, process, &join);

	ck_assert_int_eq(r, 0);
	r = store_session_joined(&fixture.store, join);
	ck_assert_int_eq(r, 0);
	join_add(&fixture.sessions, join);
	return 0;
}

/* Registers until the disk is full: first much at once, then little. */
static void fill_disk(uint64_t limit)
{
	static const unsigned int amounts[] = {500, 1};
	uint32_t request = 1;

	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		int r = 0;

		while (r == 0) {
			char before[16];
			struct registration *registration;

			(void)snprintf(before, sizeof(before), "/%u/", request);
			registration = begin_files(request++, amounts[i], before);
			disk_limit(limit);
			r = store_fixture_commit(&fixture, registration, NULL);
			disk_limit(RLIM_INFINITY);
		}
		ck_assert_int_eq(r, -EFBIG);
	}
}

/* However full registrations have made it, everything that is open can end. */
START_TEST(test_ends_fit)
{
	uint64_t limit = 6 * JOURNAL_PIECE_BYTES;
	struct session *at;
	struct session *next;
	int r = 0;

	for (unsigned int i = 0; i < 8; i++) {
		session = store_fixture_start(&fixture);
		for (unsigned int n = 0; n < MAX_JOINS; n++) {
			(void)join_session(store_fixture_self(&fixture));
		}
	}
	fill_disk(limit);
	check_disk();
	disk_limit(limit);
	HASH_ITER(hh, fixture.sessions.by_id, at, next) {
		struct join *join;
		struct join *next_join;

		DL_FOREACH_SAFE(at->joins, join, next_join) {
			r = r ? r : store_session_left(&fixture.store, join, NULL, NULL);
			join_remove(&fixture.sessions, join);
		}
		r = r ? r : store_session_ended(&fixture.store, at, NULL, NULL);
		session_remove(&fixture.sessions, at);
	}
	disk_limit(RLIM_INFINITY);
	ck_assert_int_eq(r, 0);
	check_disk();
}
END_TEST

/* ---- filters ---- */

static int set_filter(const struct filter_target *target, enum filter_action action,
		      const char **ret_reason)
{
	struct filter *filter;
	int r = filter_new(target, action, &filter);

	ck_assert_int_eq(r, 0);
	r = store_may_filter(&fixture.store, session, filter, ret_reason);
	if (r) {
		free(filter);
		return r;
	}
	ck_assert_int_eq(store_filter_set(&fixture.store, session, filter), 0);
	filter_add(&session->filters, filter);
	return 0;
}

static void remove_filter(const struct filter_target *target, uint8_t request)
{
	struct filter *filter = filter_find(&session->filters, target);
	struct process *self = store_fixture_self(&fixture);
	uint8_t request_id[REQUEST_ID_BYTES] = {request};

	ck_assert_ptr_nonnull(filter);
	ck_assert_int_eq(store_filter_removed(&fixture.store, session, filter, self, request_id),
			 0);
	filter_remove(&session->filters, filter);
	ck_assert_int_eq(process_add_answered(self, request_id), 0);
}

START_TEST(test_filters)
{
	static const struct filter_target targets[] = {
		{.kind = FILTER_EXECUTABLE, .text = "/usr/bin/program"},
		{.kind = FILTER_PROCESS, .pid = 17, .start_filetime = 42},
		{.kind = FILTER_SERVICE, .text = "user:x.service"},
	};
	uint8_t request_id[REQUEST_ID_BYTES] = {9};
	const struct filter *filter;
	const char *reason;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		ck_assert_int_eq(set_filter(&targets[i], FILTER_NO_RESTART, &reason), 0);
	}
	ck_assert_int_eq(set_filter(&targets[0], FILTER_NO_SHUTDOWN, &reason), 0);
	remove_filter(&targets[2], 9);
	for (int i = 0; i < 3; i++) {
		filter = session->filters.filters;
		ck_assert_uint_eq(session->filters.n, 2);
		ck_assert_uint_eq(filter->target.pid, 17);
		ck_assert_uint_eq(filter->target.start_filetime, 42);
		ck_assert_int_eq(filter->action, FILTER_NO_RESTART);
		ck_assert_str_eq(filter->next->target.text, "/usr/bin/program");
		ck_assert_int_eq(filter->next->action, FILTER_NO_SHUTDOWN);
		ck_assert_int_eq(process_has_answered(store_fixture_self(&fixture), request_id),
				 true);
		check_disk();
		restart();
	}
}
END_TEST

START_TEST(test_too_many_filters)
{
	struct filter_target target = {.kind = FILTER_PROCESS};
	const char *reason = NULL;

	for (target.pid = 1; target.pid <= MAX_FILTERS; target.pid++) {
		ck_assert_int_eq(set_filter(&target, FILTER_NO_RESTART, &reason), 0);
	}
	ck_assert_int_eq(set_filter(&target, FILTER_NO_RESTART, &reason), STATUS_WRITE_FAULT);
	ck_assert_ptr_nonnull(reason);
	target.pid = 5;
	ck_assert_int_eq(set_filter(&target, FILTER_NO_SHUTDOWN, &reason), 0);
	restart();
	ck_assert_uint_eq(session->filters.n, MAX_FILTERS);
}
END_TEST

/* ---- the file that was replaced ---- */

/* Its space is given back, unless somebody has kept it under another name. */
START_TEST(test_replaced_file)
{
	struct registration *registration;
	char before_number[230] = "/";
	const char *copy = fixture_path("copy");
	uint8_t *before;
	uint8_t *after;
	size_t size;
	size_t size_after;

	/* Larger than what is given back at once. */
	memset(before_number + 1, 'x', sizeof(before_number) - 2);
	registration = begin_files(1, 12000, before_number);
	ck_assert_int_eq(store_fixture_commit(&fixture, registration, NULL), 0);
	ck_assert_int_eq(link(fixture_path("journal"), copy), 0);
	before = file_get(copy, &size);
	fixture.store.compact_at = 0;
	while (compaction_maintain(&fixture.store)) {
	}
	after = file_get(copy, &size_after);
	ck_assert_uint_eq(size_after, size);
	ck_assert_mem_eq(after, before, size);
	free(before);
	free(after);
	check_disk();
}
END_TEST

/* ---- the clock ---- */

START_TEST(test_clock_base_stays)
{
	uint64_t first = fixture.store.clock.boot_filetime;
	struct clock_base other;

	/* As if the wall clock had been set while no broker ran. */
	clock_base_restore(first - 36000000000, &other);
	fixture.store.clock = other;
	fixture.store.compact_at = 0;
	ck_assert_ptr_nonnull(store_fixture_start(&fixture));
	for (int i = 0; i < 3; i++) {
		restart();
		ck_assert_uint_eq(fixture.store.clock.boot_filetime, other.boot_filetime);
	}
}
END_TEST

/* ---- anything, with compactions in between, a step at a time ---- */

#define N_SESSIONS 5u

struct world {
	struct random random;
	struct registration *running[3];
	uint32_t next_request;
};

static struct session *choose_session(struct world *world)
{
	uint32_t n = random_below(&world->random, fixture.sessions.n_sessions);
	struct session *at = fixture.sessions.by_id;

	while (n-- > 0) {
		at = at->hh.next;
	}
	return at;
}

static void begin_some(struct world *world, struct registration **slot)
{
	static const char *const places[] = {"/usr/lib/", "/opt/program/lib/", "/s"};

	session = choose_session(world);
	*slot = begin_files(++world->next_request, 1 + random_below(&world->random, 2500),
			    places[random_below(&world->random, ARRAY_SIZE(places))]);
	if ((*slot)->n_part_entries < MAX_PART_ENTRIES) {
		add_service(*slot, numbered("service-", random_below(&world->random, 20)));
	}
	for (uint32_t i = 0; i < registration_count_files(*slot); i++) {
		struct file_identity identity = identity_of(random_below(&world->random, 2));

		registration_set_identity(*slot, i, &identity);
	}
	registration_end_part(*slot, true);
}

static void step_one(struct world *world)
{
	struct registration **slot = &world->running[random_below(&world->random, 3)];
	const char *reason;
	bool is_done = false;
	int r;

	if (!*slot) {
		begin_some(world, slot);
	}
	r = commit_step(&fixture.store, *slot, &is_done, &reason);
	ck_assert_int_eq(r == 0 || r == STATUS_INVALID_HANDLE, true);
	if (r || is_done || random_below(&world->random, 60) == 0) {
		registration_free(*slot);
		*slot = NULL;
	}
}

static void see_some(struct world *world)
{
	struct file_seen seen[20];
	uint32_t n;

	session = choose_session(world);
	n = count(RESOURCE_FILE);
	for (size_t i = 0; i < ARRAY_SIZE(seen) && n; i++) {
		seen[i].i = random_below(&world->random, n);
		seen[i].identity = identity_of(random_below(&world->random, 9));
	}
	ck_assert_int_eq(store_files_seen(&fixture.store, session, seen, n ? ARRAY_SIZE(seen) : 0),
			 0);
}

static void change_filter(struct world *world)
{
	struct filter_target target = {.kind = FILTER_PROCESS,
				       .pid = 1 + random_below(&world->random, 30)};
	const char *reason;

	session = choose_session(world);
	if (random_below(&world->random, 3) == 0 && filter_find(&session->filters, &target)) {
		remove_filter(&target, (uint8_t)random_below(&world->random, 256));
	} else {
		ck_assert_int_eq(set_filter(&target,
					    random_below(&world->random, 2) ? FILTER_NO_RESTART
									    : FILTER_NO_SHUTDOWN,
					    &reason),
				 0);
	}
}

static void replace_session(struct world *world)
{
	if (fixture.sessions.n_sessions == N_SESSIONS) {
		store_fixture_end(&fixture, choose_session(world));
	}
	(void)store_fixture_start(&fixture);
}

/* Some journals, each looked at as a killed broker's successor would. */
START_TEST(test_anything)
{
	struct world world = {.random = {.state = (uint64_t)_i}};
	unsigned int n_compactions = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		uint32_t dice = random_below(&world.random, 100);
		bool was_running = fixture.store.compaction.is_running;

		fixture.store.step_bytes = 1 + random_below(&world.random, 4096);
		if (dice < 70) {
			step_one(&world);
		} else if (dice < 80) {
			see_some(&world);
		} else if (dice < 97) {
			change_filter(&world);
		} else {
			replace_session(&world);
		}
		n_compactions += was_running && !fixture.store.compaction.is_running;
		if (random_below(&world.random, 30) == 0) {
			fixture.store.compact_at = 0;
		}
		if (i % 25 == 0) {
			check_disk();
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(world.running); i++) {
		registration_free(world.running[i]);
	}
	check_disk();
	ck_assert_uint_gt(n_compactions, 2);
	store_fixture_restart(&fixture);
	check_disk();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("commit");
	TCase *tcase = fixture_case(suite, "parts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_parts);
	tcase_add_test(tcase, test_parts_out_of_order);
	tcase_add_test(tcase, test_part_0_begins_anew);
	tcase_add_test(tcase, test_too_many_begun);
	tcase_add_test(tcase, test_part_limits);

	tcase = fixture_case(suite, "commits");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_nothing_new);
	tcase_add_test(tcase, test_identities);
	tcase_add_test(tcase, test_processes);
	tcase_add_loop_test(tcase, test_session_ends_meanwhile, 0, 13);
	tcase_add_test(tcase, test_every_step);
	tcase_add_test(tcase, test_one_after_the_other);
	tcase_add_loop_test(tcase, test_given_up, 0, 14);
	tcase_add_test(tcase, test_full_disk);
	tcase_add_test(tcase, test_ends_fit);

	tcase = fixture_case(suite, "filters");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_filters);
	tcase_add_test(tcase, test_too_many_filters);
	tcase_add_test(tcase, test_replaced_file);
	tcase_add_test(tcase, test_clock_base_stays);

	tcase = fixture_case(suite, "anything");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_anything, 0, 4);
	return fixture_run(suite);
}
