/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once: the linker puts these wrappers in front of malloc() and its like
 * for all of the broker's and the protocol's code. What is wanted is always the same: the error is
 * -ENOMEM or 14, nothing has changed, and the next try succeeds. Leaks are for the sanitizer.
 *
 * Where there are hash tables, their two sizes of memory are let through: without that the broker
 * ends at once, as broker/process.h says.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/commit.h"
#include "broker/replay.h"
#include "broker/store_resource.h"
#include "proto/codec.h"
#include "proto/status.h"
#include "tests/unit/call_fixture.h"
#include "tests/unit/fixture.h"
#include "tests/unit/records.h"
#include "tests/unit/reflect.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__real_reallocarray(void *pointer, size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_reallocarray(void *pointer, size_t n, size_t size);
char *__wrap_strdup(const char *text);

static unsigned int fail_at; /* which allocation fails next, from 1 */
static unsigned int countdown;
static bool has_failed;
static bool spares_hash_tables;

static void arm(void)
{
	has_failed = false;
	countdown = fail_at;
}

static void disarm(void)
{
	countdown = 0;
}

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0) {
		return false;
	}
	has_failed = true;
	errno = ENOMEM;
	return true;
}

static bool is_hash_table(size_t size)
{
	return spares_hash_tables && (size == sizeof(UT_hash_table) ||
				      size == HASH_INITIAL_NUM_BUCKETS * sizeof(UT_hash_bucket));
}

void *__wrap_malloc(size_t size)
{
	return !is_hash_table(size) && fails() ? NULL : __real_malloc(size);
}

/* The compiler makes this of a malloc() and a memset(). */
void *__wrap_calloc(size_t n, size_t size)
{
	return !is_hash_table(n * size) && fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return fails() ? NULL : __real_realloc(pointer, size);
}

void *__wrap_reallocarray(void *pointer, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(pointer, n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* ---- the codec ---- */

static struct reflect reflect;

START_TEST(test_unpack)
{
	static Rm__SessionInfo *infos[100];
	Rm__Reply *reply = (Rm__Reply *)reflect_build(&reflect, &rm__reply__descriptor,
						      RM__REPLY__RESULT_SESSIONS);
	struct frame_buffer buffer = {0};

	for (unsigned int i = 0; i < ARRAY_SIZE(infos); i++) {
		infos[i] = reply->sessions->sessions[0];
	}
	reply->sessions->sessions = infos;
	reply->sessions->n_sessions = ARRAY_SIZE(infos);
	fail_at = 1;
	arm();
	ck_assert_int_eq(codec_pack_reply(reply, &buffer), -ENOMEM);
	disarm();
	ck_assert_uint_eq(buffer.size, 0);
	ck_assert_int_eq(codec_pack_reply(reply, &buffer), 0);
	do {
		struct codec_arena arena;
		Rm__Reply *unpacked = NULL;
		int r;

		arm();
		r = codec_unpack_reply(&arena, buffer.data + FRAME_HEADER_BYTES,
				       buffer.size - FRAME_HEADER_BYTES, &unpacked);
		disarm();
		ck_assert_int_eq(r, has_failed ? -ENOMEM : 0);
		codec_free_reply(&arena, unpacked);
		fail_at++;
	} while (has_failed);
	ck_assert_uint_gt(fail_at, 100);
	frame_buffer_done(&buffer);
}
END_TEST

/* ---- replay ---- */

START_TEST(test_replay)
{
	struct replayed_session session = {.id = 1, .owner = {.pid = 1}};
	struct replayed_join join = {.id = 1, .process = {.pid = 1}};
	uint8_t request_id[REQUEST_ID_BYTES] = {1};
	struct journal journal;
	uint8_t *data;
	size_t size;

	records_create(fixture_path("journal"), &journal);
	for (session.id = 1; session.id <= 3; session.id++) {
		session.key.bytes[0] = (uint8_t)session.id;
		record_append_started(&journal, &session);
		record_append_joined(&journal, session.id, &join);
	}
	record_append_ended(&journal, 2, &session.owner, request_id);
	record_append_bytes(&journal, 3, "nonsense", 8);
	ck_assert_int_eq(journal_read_file(journal.path, &data, &size), 0);
	journal_close(&journal);
	fail_at = 1;
	do {
		struct replay replay;
		int r;

		arm();
		r = replay_run(data, size, &record_identity, &replay);
		disarm();
		if (r == 0) {
			ck_assert_uint_eq(replay.sessions->id, 1);
			ck_assert_uint_eq(replay.sessions->next->id, 3);
			ck_assert_int_eq(replay.sessions->next->is_touched, true);
			ck_assert_int_eq(replay.losses != NULL || replay.has_unnamed_loss, true);
			replay_done(&replay);
		} else {
			ck_assert_int_eq(r, -ENOMEM);
			ck_assert_int_eq(has_failed, true);
		}
		fail_at++;
	} while (has_failed);
	ck_assert_uint_gt(fail_at, 8);
	free(data);
}
END_TEST

static void append_everything(struct journal *journal)
{
	struct filter_target target = {.kind = FILTER_EXECUTABLE, .text = "/bin/x"};
	struct file_identity identity = {.kind = FILE_REGULAR};
	struct replayed_session session = {.id = 1, .owner = {.pid = 1}};
	struct resource_set *set;
	uint32_t i;

	ck_assert_int_eq(resource_set_new(&set), 0);
	ck_assert_int_eq(resource_add_file(set, "/a", 2, false, &i), 0);
	ck_assert_int_eq(resource_add_process(set, 1, 1, 0, &i), 0);
	ck_assert_int_eq(resource_add_service(set, "a", 1, &i), 0);
	record_append_started(journal, &session);
	record_append_resources(journal, 1, 7, 0, false, set);
	record_append_resources(journal, 1, 7, 1, true, set);
	record_append_seen(journal, 1, "/a", false, &identity);
	record_append_filter_set(journal, 1, &target, 1);
	resource_set_free(set);
}

START_TEST(test_replay_resources)
{
	struct journal journal;
	uint8_t *data;
	size_t size;

	records_create(fixture_path("journal"), &journal);
	append_everything(&journal);
	ck_assert_int_eq(journal_read_file(journal.path, &data, &size), 0);
	journal_close(&journal);
	fail_at = 1;
	do {
		struct replay replay;
		int r;

		arm();
		r = replay_run(data, size, &record_identity, &replay);
		disarm();
		ck_assert_int_eq(r == 0 || (r == -ENOMEM && has_failed), true);
		if (r == 0) {
			const struct replayed_resources *resources = &replay.sessions->resources;

			ck_assert_int_eq(replay.losses != NULL || replay.has_unnamed_loss,
					 replay.sessions->is_touched);
			ck_assert_int_eq(
				replay.sessions->is_touched ||
					(resource_count(resources->set, RESOURCE_FILE) == 1 &&
					 resources->filters.n == 1),
				true);
			replay_done(&replay);
		}
		fail_at++;
	} while (has_failed);
	ck_assert_uint_gt(fail_at, 20);
	free(data);
}
END_TEST

/* ---- a broker that starts ---- */

static struct broker_fixture fixture;
static struct caller self;

static void set_up_process(void)
{
	uv_loop_t loop;

	spares_hash_tables = true;
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	fixture_count_descriptors();
}

/* store_open() with one failure; the broker's own loop and tables as they are made for it. */
static int open_once(struct store *store, struct session_table *sessions)
{
	struct process_table processes;
	struct event_log events;
	uv_loop_t loop;
	int r;

	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(event_log_init(&events), 0);
	ck_assert_int_eq(process_table_init(&processes, &loop, NULL, NULL), 0);
	session_table_init(sessions, DEFAULT_MAX_SESSIONS);
	arm();
	r = store_open(store, fixture_path("journal"), sessions, &processes, &events);
	disarm();
	if (r == 0) {
		ck_assert_uint_eq(sessions->n_sessions, 2);
		ck_assert_uint_eq(sessions->n_joins, 1);
	}
	session_table_done(sessions);
	process_table_close(&processes);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	process_table_done(&processes);
	store_close(store);
	event_log_done(&events);
	return r;
}

START_TEST(test_store_open)
{
	struct store store;
	struct session_table sessions;
	struct started started;
	uint32_t join;
	unsigned int n_failed = 0;

	set_up_process();
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
	ck_assert_uint_eq(ask_start(&self, 1, &started), 0);
	ck_assert_uint_eq(ask_join(&self, 2, started.key, &join), 0);
	ck_assert_uint_eq(ask_start(&self, 3, &started), 0);
	ck_assert_uint_eq(ask_end(&self, 4, started.session, 0, ""), 0);
	ck_assert_uint_eq(ask_start(&self, 5, &started), 0);
	caller_done(&self);
	broker_fixture_close(&fixture);
	fail_at = 1;
	do {
		int r = open_once(&store, &sessions);

		ck_assert_int_eq(r == 0 || (r == -ENOMEM && has_failed), true);
		n_failed += r != 0;
		fail_at++;
	} while (has_failed);
	ck_assert_uint_gt(n_failed, 5);
}
END_TEST

/* ---- requests ---- */

static void set_up(void)
{
	set_up_process();
	broker_fixture_open(&fixture, 0);
	caller_init(&self, &fixture, getpid());
}

static void tear_down(void)
{
	caller_done(&self);
	broker_fixture_close(&fixture);
}

/* The journal's buffer is to be allocated again, the reply's is there. */
static void prepare(void)
{
	free(fixture.broker.store.journal.scratch);
	fixture.broker.store.journal.scratch = NULL;
	fixture.broker.store.journal.scratch_size = 0;
	ck_assert_ptr_nonnull(frame_buffer_reserve(&self.sent, 65536));
	self.before = arm;
	self.after = disarm;
}

static struct started first;
static uint32_t first_join;

static uint32_t request_start(void)
{
	struct started started;

	return ask_start(&self, 10, &started);
}

/* For a process that nobody has heard of yet. */
static uint32_t request_start_owned(void)
{
	struct started started;

	return ask_start_owned(&self, 10, getppid(), 0, &started);
}

static uint32_t request_join(void)
{
	uint32_t join;

	return ask_join(&self, 10, first.key, &join);
}

static uint32_t request_leave(void)
{
	return ask_end(&self, 10, first.session, first_join, "");
}

static uint32_t request_end(void)
{
	return ask_end(&self, 10, first.session, 0, "");
}

static uint32_t request_close(void)
{
	return ask_close(&self, 10, first.session);
}

static uint32_t request_list(void)
{
	return ask_list(&self)->status;
}

static uint32_t request_show(void)
{
	return ask_show(&self, first.session)->status;
}

static const struct {
	uint32_t (*request)(void);
	int more_sessions;
	int more_joins;
} requests[] = {
	{request_start, 1, 0},	{request_start_owned, 1, 0}, {request_join, 0, 1},
	{request_leave, 0, -1}, {request_end, -1, -1},	     {request_close, -1, -1},
	{request_list, 0, 0},	{request_show, 0, 0},
};

START_TEST(test_request)
{
	const struct session_table *sessions = &fixture.broker.sessions;
	uint64_t tail;
	unsigned int n_failed = 0;

	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	ck_assert_uint_eq(ask_join(&self, 2, first.key, &first_join), 0);
	tail = fixture.broker.store.journal.tail;
	fail_at = 1;
	for (;;) {
		uint32_t status;

		prepare();
		status = requests[_i].request();
		if (!has_failed) {
			ck_assert_uint_eq(status, 0);
			break;
		}
		ck_assert_uint_eq(status, STATUS_OUTOFMEMORY);
		ck_assert_uint_eq(sessions->n_sessions, 1);
		ck_assert_uint_eq(sessions->n_joins, 1);
		ck_assert_uint_eq(fixture.broker.store.journal.tail, tail);
		ck_assert_ptr_nonnull(join_find(session_find(sessions, first.session), first_join));
		n_failed++;
		fail_at++;
	}
	ck_assert_uint_gt(n_failed, 0);
	ck_assert_int_eq((int)sessions->n_sessions, 1 + requests[_i].more_sessions);
	ck_assert_int_eq((int)sessions->n_joins, 1 + requests[_i].more_joins);
	self.before = self.after = NULL;
}
END_TEST

/* ---- resources ---- */

/* A registration of a few of each kind, in two parts, up to its end. */
static int register_some(struct session *session, const uint8_t *request_id)
{
	struct store *store = &fixture.broker.store;
	struct registration_list *list = &fixture.broker.sessions.registrations;
	struct registration *registration = NULL;
	const char *reason;
	bool is_done = false;
	int r = 0;

	for (uint32_t part = 0; r == 0 && part < 2; part++) {
		char path[32];
		int size = snprintf(path, sizeof(path), "/%u/%u", part, fail_at);

		r = registration_begin_part(list, session, &self.call.peer->id, request_id, part, 0,
					    &registration);
		r = r ? r : registration_add_file(registration, path, (size_t)size, false, &reason);
		r = r ? r : registration_add_file(registration, "/same", 5, false, &reason);
		r = r ? r : registration_add_process(registration, 1, fail_at, true, &reason);
		r = r ? r : registration_add_service(registration, path, (size_t)size, &reason);
		if (r == 0) {
			registration_end_part(registration, part == 1);
		}
	}
	if (r == 0) {
		/* The second time it is another file. */
		registration_set_identity(
			registration, 1,
			&(struct file_identity){.kind = FILE_REGULAR, .inode = fail_at});
	}
	while (r == 0 && !is_done) {
		r = commit_step(store, registration, &is_done, &reason);
	}
	registration_free(registration);
	return r;
}

START_TEST(test_register)
{
	uint8_t request_id[REQUEST_ID_BYTES] = {1};
	struct session *session;
	uint32_t n_done = 0;
	unsigned int n_failed = 0;

	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	session = session_find(&fixture.broker.sessions, first.session);
	fail_at = 1;
	do {
		int r;

		prepare();
		slice_done(&fixture.broker.store.slice);
		arm();
		r = register_some(session, request_id);
		disarm();
		ck_assert_int_eq(r == 0 || (r == -ENOMEM && has_failed), true);
		n_done += r == 0;
		n_failed += r != 0;
		ck_assert_uint_eq(resource_count(session->resources, RESOURCE_FILE),
				  2 * n_done + (n_done > 0));
		ck_assert_uint_eq(resource_count(session->resources, RESOURCE_PROCESS), n_done);
		ck_assert_uint_eq(resource_count(session->resources, RESOURCE_SERVICE), 2 * n_done);
		ck_assert_ptr_null(fixture.broker.sessions.registrations.registrations);
		ck_assert_uint_eq(fixture.broker.sessions.registrations.bytes, 0);
		fail_at++;
	} while (has_failed);
	ck_assert_uint_gt(n_failed, 20);
	self.before = self.after = NULL;
	tear_down();
	set_up();
	session = session_find(&fixture.broker.sessions, first.session);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_FILE), 2 * n_done + 1);
	ck_assert_uint_eq(resource_count(session->resources, RESOURCE_SERVICE), 2 * n_done);
}
END_TEST

static int set_filter(struct session *session)
{
	struct filter_target target = {.kind = FILTER_EXECUTABLE, .text = "/bin/x"};
	struct filter *filter;
	int r = filter_new(&target, FILTER_NO_RESTART, &filter);

	if (r < 0) {
		return r;
	}
	r = store_filter_set(&fixture.broker.store, session, filter);
	if (r < 0) {
		free(filter);
		return r;
	}
	filter_add(&session->filters, filter);
	return 0;
}

START_TEST(test_filter)
{
	struct session *session;
	unsigned int n_failed = 0;

	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	session = session_find(&fixture.broker.sessions, first.session);
	fail_at = 1;
	do {
		int r;

		prepare();
		arm();
		r = set_filter(session);
		disarm();
		ck_assert_int_eq(r, has_failed ? -ENOMEM : 0);
		ck_assert_uint_eq(session->filters.n, r == 0);
		n_failed += r != 0;
		fail_at++;
	} while (has_failed);
	ck_assert_uint_ge(n_failed, 2);
	self.before = self.after = NULL;
}
END_TEST

START_TEST(test_watch)
{
	const Rm__Reply *reply;

	prepare();
	fail_at = 1;
	send_watch(&self, 0, false);
	reply = caller_next(&self);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->status, STATUS_OUTOFMEMORY);
	ck_assert_int_eq(self.call.state, CALL_IDLE);
	ck_assert_ptr_null(fixture.broker.events.listeners);
	self.before = self.after = NULL;
}
END_TEST

/* The journal is due to be written anew and can't be: the old one goes on. */
START_TEST(test_compaction)
{
	struct started started;
	unsigned int n;

	ck_assert_uint_eq(ask_start(&self, 1, &first), 0);
	fail_at = 1;
	do {
		uint32_t status;

		n = fixture.broker.sessions.n_sessions;
		prepare();
		fixture.broker.store.compact_at = 0;
		status = ask_start(&self, 100 + fail_at, &started);
		ck_assert_int_eq(status == 0 || (has_failed && status == STATUS_OUTOFMEMORY), true);
		ck_assert_uint_eq(fixture.broker.sessions.n_sessions, n + (status == 0));
		fail_at++;
	} while (has_failed);
	ck_assert_int_eq(file_exists(fixture_path("journal.new")), false);
	n = fixture.broker.sessions.n_sessions;
	tear_down();
	set_up();
	ck_assert_uint_eq(fixture.broker.sessions.n_sessions, n);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("oom");
	TCase *tcase = fixture_case(suite, "bytes");

	tcase_add_test(tcase, test_unpack);
	tcase_add_test(tcase, test_replay);
	tcase_add_test(tcase, test_replay_resources);
	tcase_add_test(tcase, test_store_open);

	tcase = fixture_case(suite, "requests");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_request, 0, ARRAY_SIZE(requests));
	tcase_add_test(tcase, test_register);
	tcase_add_test(tcase, test_filter);
	tcase_add_test(tcase, test_watch);
	tcase_add_test(tcase, test_compaction);
	return fixture_run(suite);
}
