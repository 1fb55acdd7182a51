/* SPDX-License-Identifier: MIT */
/*
 * The library's registering against a broker made of a script: what is refused before anything is
 * sent, how it is split, and a broker that forgets. And who a process is. Built for both widths of
 * WCHAR.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/fake_broker.h"
#include "tests/support/testing.h"

#if RSTRTMGR_WCHAR_BITS == 16
#define TEXT_OF(text) u##text
#else
#define TEXT_OF(text) L##text
#endif

/* What was committed: the texts of each kind, one after another with a newline behind. */
static struct {
	struct frame_buffer files, trees, services;
	size_t n_processes;
	uint32_t last_pid;
	uint64_t last_start_time;
	bool by_filetime;
	uint32_t n_parts, skipped, n_commits;
	uint8_t request_id[REQUEST_ID_BYTES];
} got;

static uint32_t forget_at;   /* the part that is answered 776 */
static uint32_t n_to_forget; /* how often */
static uint32_t refuse_with; /* the last part's status */

static void forget_all(void)
{
	got.files.size = 0;
	got.trees.size = 0;
	got.services.size = 0;
	got.n_processes = 0;
	got.n_parts = 0;
}

static void done_with_all(void)
{
	frame_buffer_done(&got.files);
	frame_buffer_done(&got.trees);
	frame_buffer_done(&got.services);
}

static void take_texts(struct frame_buffer *to, size_t n, const ProtobufCBinaryData *texts)
{
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(frame_buffer_append(to, texts[i].data, texts[i].len), 0);
		ck_assert_int_eq(frame_buffer_append(to, "\n", 1), 0);
	}
}

static void take_processes(const Rm__Register *part)
{
	for (size_t i = 0; i < part->n_processes; i++) {
		got.last_pid = part->processes[i]->pid;
		got.last_start_time = part->processes[i]->start_time;
		got.by_filetime = part->processes[i]->by_filetime;
	}
	got.n_processes += part->n_processes;
}

/* As a broker should; what a part may hold is the codec's to check. */
static bool answer(const Rm__Request *request, struct frame_buffer *frames)
{
	const Rm__Register *part = request->register_resources;

	ck_assert_int_eq(request->call_case, RM__REQUEST__CALL_REGISTER_RESOURCES);
	ck_assert_uint_eq(part->session, 7);
	ck_assert_uint_eq(part->key.len, 0);
	if (part->part == 0) {
		forget_all();
		memcpy(got.request_id, part->request_id.data, REQUEST_ID_BYTES);
	}
	if (n_to_forget && part->part == forget_at) {
		n_to_forget--;
		fake_broker_reply(request, frames, 776);
		return false;
	}
	ck_assert_uint_eq(part->part, got.n_parts);
	ck_assert_mem_eq(part->request_id.data, got.request_id, REQUEST_ID_BYTES);
	got.n_parts++;
	take_texts(&got.files, part->n_files, part->files);
	take_texts(&got.trees, part->n_trees, part->trees);
	take_texts(&got.services, part->n_services, part->services);
	take_processes(part);
	got.n_commits += part->last;
	got.skipped = part->skipped;
	fake_broker_reply(request, frames, part->last ? refuse_with : 0);
	return true;
}

static struct rm_session *session;

static void begin(void)
{
	fake_broker_start(answer);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
}

static void end(void)
{
	rm_session_free(session);
	fake_broker_stop();
	done_with_all();
}

static void check_texts(struct frame_buffer *texts, const char *wanted)
{
	ck_assert_int_eq(frame_buffer_append(texts, "", 1), 0);
	ck_assert_str_eq((const char *)texts->data, wanted);
	texts->size--;
}

/* ---- parts ---- */

#define N_MANY 2500u

static char many[N_MANY][16];
static const char *many_pointers[N_MANY];
static struct rm_process_id many_ids[N_MANY];

static void fill_many(void)
{
	for (uint32_t i = 0; i < N_MANY; i++) {
		(void)snprintf(many[i], sizeof(many[i]), "/f/%u", i);
		many_pointers[i] = many[i];
		many_ids[i] = (struct rm_process_id){.pid = 1 + i, .start_time = 100 + i};
	}
}

static void check_many(const struct frame_buffer *texts)
{
	const char *at = (const char *)texts->data;

	for (uint32_t i = 0; i < N_MANY; i++) {
		size_t n = strlen(many[i]);

		ck_assert(strncmp(at, many[i], n) == 0 && at[n] == '\n');
		at += n + 1;
	}
	ck_assert_uint_eq((size_t)(at - (const char *)texts->data), texts->size);
}

static const struct rm_resources all_of_many = {
	.n_files = N_MANY,
	.files = many_pointers,
	.n_trees = N_MANY,
	.trees = many_pointers,
	.n_services = N_MANY,
	.services = many_pointers,
	.n_processes = N_MANY,
	.processes = many_ids,
};

/* Loop: a broker that remembers, and ones that are restarted before one of the later parts. */
START_TEST(test_parts)
{
	fill_many();
	begin();
	forget_at = (uint32_t)_i;
	n_to_forget = _i ? 2 : 0;
	ck_assert_int_eq(rm_session_register(session, &all_of_many), 0);
	ck_assert_uint_eq(got.n_commits, 1);
	ck_assert_uint_eq(got.n_parts, 10); /* of 1024 entries */
	check_many(&got.files);
	check_many(&got.trees);
	check_many(&got.services);
	ck_assert_uint_eq(got.n_processes, N_MANY);
	ck_assert_uint_eq(got.last_pid, N_MANY);
	ck_assert_uint_eq(got.last_start_time, 99 + N_MANY);
	ck_assert(!got.by_filetime);
	ck_assert_uint_eq(got.skipped, 0);
	end();
}
END_TEST

/* Paths of the greatest length: 64 fit into a part. */
START_TEST(test_long_paths)
{
	static char path[MAX_PATH_BYTES];
	const char *paths[200];
	const struct rm_resources resources = {.n_files = 200, .files = paths};

	memset(path, '/', sizeof(path) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		paths[i] = path;
	}
	begin();
	ck_assert_int_eq(rm_session_register(session, &resources), 0);
	ck_assert_uint_eq(got.n_parts, 4);
	ck_assert_uint_eq(got.files.size, 200 * sizeof(path));
	end();
}
END_TEST

/* 776 to the first part is an answer; 776 for ever is no answer at all. */
START_TEST(test_out_of_sequence)
{
	fill_many();
	begin();
	forget_at = 0;
	n_to_forget = 1;
	ck_assert_int_eq(rm_session_register(session, &all_of_many), 776);
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "300", 1), 0);
	forget_at = 3;
	n_to_forget = UINT32_MAX;
	ck_assert_int_eq(rm_session_register(session, &all_of_many), 121);
	ck_assert_uint_eq(got.n_commits, 0);
	end();
}
END_TEST

START_TEST(test_refused)
{
	static const uint32_t codes[] = {6, 29, 50, 14};
	const char *file = "/a";
	const struct rm_resources resources = {.n_files = 1, .files = &file};

	begin();
	refuse_with = codes[_i];
	ck_assert_int_eq(rm_session_register(session, &resources), (int)codes[_i]);
	ck_assert_uint_eq(fake_broker.n_requests, 1);
	end();
}
END_TEST

/* ---- arguments: the native face ---- */

START_TEST(test_nothing)
{
	const struct rm_resources nothing = {0};

	begin();
	ck_assert_int_eq(rm_session_register(session, &nothing), 0);
	ck_assert_uint_eq(got.n_commits, 1); /* the broker knows whether the session lives */
	ck_assert_uint_eq(got.n_parts, 1);
	end();
}
END_TEST

static int register_files(size_t n, const char *const *files)
{
	const struct rm_resources resources = {.n_files = n, .files = files};

	return rm_session_register(session, &resources);
}

static int register_trees(size_t n, const char *const *trees)
{
	const struct rm_resources resources = {.n_trees = n, .trees = trees};

	return rm_session_register(session, &resources);
}

static int register_services(size_t n, const char *const *services)
{
	const struct rm_resources resources = {.n_services = n, .services = services};

	return rm_session_register(session, &resources);
}

static int register_process(size_t n, const struct rm_process_id *id)
{
	const struct rm_resources resources = {.n_processes = n, .processes = id};

	return rm_session_register(session, &resources);
}

static void refuse_texts(void)
{
	static char long_path[MAX_PATH_BYTES + 1];
	static char long_unit[MAX_UNIT_BYTES + 2];
	const char *const bad_paths[] = {NULL, "", "a", "./a", "~/a", long_path};
	const char *const bad_units[] = {NULL, "", long_unit, "a\n.service", "\xff.service"};

	memset(long_path, '/', MAX_PATH_BYTES);
	memset(long_unit, 'u', MAX_UNIT_BYTES + 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad_paths); i++) {
		const char *paths[] = {"/good", bad_paths[i]};

		ck_assert_int_eq(register_files(2, paths), 160);
		ck_assert_int_eq(register_trees(2, paths), 160);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_units); i++) {
		const char *units[] = {"good", bad_units[i]};

		ck_assert_int_eq(register_services(2, units), 160);
	}
}

START_TEST(test_native_arguments)
{
	const struct rm_resources nothing = {0};
	const char *good = "/a";
	struct rm_process_id id = {.pid = 0, .start_time = 1};

	begin();
	ck_assert_int_eq(rm_session_register(NULL, &nothing), 160);
	ck_assert_int_eq(rm_session_register(session, NULL), 160);
	ck_assert_int_eq(register_files(1, NULL), 160);
	ck_assert_int_eq(register_trees(1, NULL), 160);
	ck_assert_int_eq(register_services(1, NULL), 160);
	ck_assert_int_eq(register_process(1, NULL), 160);
	ck_assert_int_eq(register_files(SIZE_MAX, NULL), 160);
	/* Counts beyond all reason: the one entry that there is is not even looked at. */
	ck_assert_int_eq(register_files(SIZE_MAX, &good), 29);
	ck_assert_int_eq(register_files(MAX_RESOURCES + 1, &good), 29);
	ck_assert_int_eq(register_trees(UINT32_MAX, &good), 29);
	ck_assert_int_eq(register_services(UINT32_MAX, &good), 29);
	ck_assert_int_eq(register_process(UINT32_MAX, &id), 29);
	refuse_texts();
	ck_assert_int_eq(register_process(1, &id), 160);
	id.pid = UINT32_MAX;
	ck_assert_int_eq(register_process(1, &id), 160);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	id.pid = UINT32_MAX - 1;
	ck_assert_int_eq(register_process(1, &id), 0);
	good = "/\xff\n\x80";
	ck_assert_int_eq(register_files(1, &good), 0);
	check_texts(&got.files, "/\xff\n\x80\n");
	end();
}
END_TEST

/* ---- the Win32 face ---- */

static DWORD handle;

static void begin_win32(void)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];

	fake_broker_start(answer);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
}

static void end_win32(void)
{
	fake_broker_stop();
	done_with_all();
}

START_TEST(test_win32)
{
	LPCWSTR files[] = {NULL, TEXT_OF("/a"), NULL, TEXT_OF("/\u00e4\u20ac\U0001F600"), NULL};
	LPCWSTR services[] = {TEXT_OF("b.service"), NULL, TEXT_OF("user:c@\u00e4")};
	RM_UNIQUE_PROCESS processes[] = {{1, {2, 3}}, {0xFFFFFFFE, {0xFFFFFFFF, 0x80000001}}};

	begin_win32();
	ck_assert_uint_eq(RmRegisterResources(handle, 5, files, 2, processes, 3, services), 0);
	check_texts(&got.files, "/a\n/\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\n");
	check_texts(&got.services, "b.service\nuser:c@\xC3\xA4\n");
	ck_assert_uint_eq(got.trees.size, 0);
	ck_assert_uint_eq(got.n_processes, 2);
	ck_assert_uint_eq(got.last_pid, 0xFFFFFFFE);
	ck_assert_uint_eq(got.last_start_time, UINT64_C(0x80000001FFFFFFFF));
	ck_assert(got.by_filetime);
	ck_assert_uint_eq(got.skipped, 4); /* the broker logs it */
	/* Nothing, and nothing but NULLs. */
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 0, NULL, 0, NULL), 0);
	ck_assert_uint_eq(RmRegisterResources(handle, 1, files, 0, processes, 0, services), 0);
	ck_assert_uint_eq(got.files.size, 0);
	ck_assert_uint_eq(got.skipped, 1);
	ck_assert_uint_eq(got.n_commits, 3);
	end_win32();
}
END_TEST

static void fill_wide(WCHAR *text, size_t n, char c)
{
	for (size_t i = 0; i < n; i++) {
		text[i] = (WCHAR)c;
	}
	text[n] = 0;
}

static void refuse_file(const WCHAR *file)
{
	LPCWSTR files[] = {TEXT_OF("/good"), file};

	ck_assert_uint_eq(RmRegisterResources(handle, 2, files, 0, NULL, 0, NULL), 160);
	ck_assert_uint_eq(RmRegisterResources(99, 2, files, 0, NULL, 0, NULL), 160);
}

START_TEST(test_win32_texts)
{
	static WCHAR text[MAX_PATH_BYTES + 1];
	LPCWSTR pointer = text;

	begin_win32();
	refuse_file(TEXT_OF(""));
	refuse_file(TEXT_OF("a"));
	refuse_file(TEXT_OF("C:\\a.dll"));
	refuse_file(TEXT_OF("\\\\server\\a"));
	fill_wide(text, 3, '/');
	text[1] = (WCHAR)0xD800;
	refuse_file(text);
	text[1] = (WCHAR)0xDFFF;
	refuse_file(text);
	fill_wide(text, MAX_PATH_BYTES, '/');
	refuse_file(text);
	fill_wide(text, MAX_UNIT_BYTES + 1, 'u');
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 0, NULL, 1, &pointer), 160);
	fill_wide(text, 0, 'u');
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 0, NULL, 1, &pointer), 160);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	fill_wide(text, MAX_PATH_BYTES - 1, '/');
	ck_assert_uint_eq(RmRegisterResources(handle, 1, &pointer, 0, NULL, 0, NULL), 0);
	fill_wide(text, MAX_UNIT_BYTES, 'u');
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 0, NULL, 1, &pointer), 0);
	end_win32();
}
END_TEST

START_TEST(test_win32_counts)
{
	LPCWSTR file = TEXT_OF("/a");
	RM_UNIQUE_PROCESS process = {0, {0, 0}};

	begin_win32();
	ck_assert_uint_eq(RmRegisterResources(handle, 1, NULL, 0, NULL, 0, NULL), 160);
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 1, NULL, 0, NULL), 160);
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 0, NULL, 1, NULL), 160);
	ck_assert_uint_eq(RmRegisterResources(99, UINT32_MAX, NULL, 0, NULL, 0, NULL), 160);
	ck_assert_uint_eq(RmRegisterResources(99, 0, NULL, 0, NULL, 0, NULL), 6);
	ck_assert_uint_eq(RmRegisterResources(99, 1, &file, 0, NULL, 0, NULL), 6);
	ck_assert_uint_eq(RmRegisterResources(99, UINT32_MAX, &file, 0, NULL, 0, NULL), 6);
	ck_assert_uint_eq(RmRegisterResources(handle, UINT32_MAX, &file, 0, NULL, 0, NULL), 29);
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 0, NULL, UINT32_MAX, &file), 29);
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, UINT32_MAX, &process, 0, NULL), 29);
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 1, &process, 0, NULL), 160);
	process.dwProcessId = UINT32_MAX;
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 1, &process, 0, NULL), 160);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	process.dwProcessId = 1;
	ck_assert_uint_eq(RmRegisterResources(handle, 0, NULL, 1, &process, 0, NULL), 0);
	ck_assert_uint_eq(got.last_start_time, 0); /* no wildcard: the broker compares it */
	end_win32();
}
END_TEST

/* ---- who a process is ---- */

static void *wait_in_thread(void *arg)
{
	pid_t *tid = arg;

	__atomic_store_n(tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	for (;;) {
		(void)pause();
	}
	return NULL;
}

static bool is_set(void *arg)
{
	return __atomic_load_n((pid_t *)arg, __ATOMIC_SEQ_CST) != 0;
}

START_TEST(test_process_id)
{
	struct rm_process_id id = {0};
	struct rm_process_id again = {0};
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pthread_t thread;
	pid_t tid = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(rm_process_id_from_pid((uint32_t)getpid(), &id), 0);
	ck_assert_uint_eq(id.pid, (uint32_t)getpid());
	ck_assert_uint_gt(id.start_time, 0);
	ck_assert_int_eq(rm_process_id_from_pidfd(fd, &again), 0);
	ck_assert_uint_eq(again.pid, id.pid);
	ck_assert_uint_eq(again.start_time, id.start_time);
	ck_assert_int_eq(rm_process_id_from_pid(id.pid, NULL), 160);
	ck_assert_int_eq(rm_process_id_from_pidfd(fd, NULL), 160);
	ck_assert_int_eq(rm_process_id_from_pidfd(-1, &id), 160);
	ck_assert_int_eq(rm_process_id_from_pidfd(0, &id), 160);
	ck_assert_int_eq(rm_process_id_from_pid(0, &id), 160);
	ck_assert_int_eq(rm_process_id_from_pid(UINT32_MAX, &id), 160);
	ck_assert_int_eq(rm_process_id_from_pid(0x80000000, &id), 160);
	ck_assert_int_eq(rm_process_id_from_pid(INT32_MAX, &id), 160);
	/* A thread's number is no process's. */
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_in_thread, &tid), 0);
	ck_assert(testing_wait(is_set, &tid, 5000));
	ck_assert_int_eq(rm_process_id_from_pid((uint32_t)tid, &id), 160);
	ck_assert_int_eq(pthread_cancel(thread), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(id.pid, again.pid); /* untouched */
	closep(&fd);
}
END_TEST

START_TEST(test_process_id_of_the_dead)
{
	struct rm_process_id id = {.pid = 4711};
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(rm_process_id_from_pidfd(fd, &id), 160);
	ck_assert_int_eq(rm_process_id_from_pid((uint32_t)pid, &id), 160);
	ck_assert_uint_eq(id.pid, 4711);
	closep(&fd);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_parts, .n_loops = 10},
		{.test = test_long_paths},
		{.test = test_out_of_sequence},
		{.test = test_refused, .n_loops = 4},
		{.test = test_nothing},
		{.test = test_native_arguments},
		{.test = test_win32},
		{.test = test_win32_texts},
		{.test = test_win32_counts},
		{.test = test_process_id},
		{.test = test_process_id_of_the_dead},
	};

	return testing_run("register_calls", cases, ARRAY_SIZE(cases));
}
