/* SPDX-License-Identifier: MIT */
/*
 * The library's filters against a broker made of a script: what is sent, what is refused before,
 * and the chain of RmGetFilterList() to the byte (A39 to A41). Built for both widths of WCHAR.
 */
#include <stdio.h>
#include <string.h>

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

#define RECORD sizeof(RM_FILTER_INFO)
/* 1 January 2020, in the form of a FILETIME. */
#define FILETIME_OF_2020 UINT64_C(132223104000000000)

/* ---- the broker ---- */

static uint32_t refusal;
static struct {
	bool is_removal;
	uint32_t action;
	char executable[64];
	char service[64];
	uint32_t pid;
	uint64_t start_time;
	bool by_filetime;
} got;

static bool answer_change(const Rm__Request *request, struct frame_buffer *frames)
{
	const Rm__FilterTarget *target;

	memset(&got, 0, sizeof(got));
	got.is_removal = request->call_case == RM__REQUEST__CALL_REMOVE_FILTER;
	if (got.is_removal) {
		ck_assert_uint_eq(request->remove_filter->session, 7);
		target = request->remove_filter->target;
	} else {
		ck_assert_int_eq(request->call_case, RM__REQUEST__CALL_ADD_FILTER);
		ck_assert_uint_eq(request->add_filter->session, 7);
		target = request->add_filter->filter->target;
		got.action = request->add_filter->filter->action;
	}
	(void)snprintf(got.executable, sizeof(got.executable), "%.*s", (int)target->executable.len,
		       (const char *)target->executable.data);
	(void)snprintf(got.service, sizeof(got.service), "%.*s", (int)target->service.len,
		       (const char *)target->service.data);
	if (target->process) {
		got.pid = target->process->pid;
		got.start_time = target->process->start_time;
		got.by_filetime = target->process->by_filetime;
	}
	fake_broker_reply(request, frames, refusal);
	return true;
}

/* Some filters: by executable, process (FILETIME, ticks) and service in turn. */
static uint32_t n_filters;

static void fill_filter(uint32_t number, Rm__Filter *filter, Rm__FilterTarget *target,
			Rm__ProcessRef *process)
{
	rm__filter__init(filter);
	rm__filter_target__init(target);
	rm__process_ref__init(process);
	filter->target = target;
	filter->action = 1 + number % 2;
	switch (number % 4) {
	case 0:
		target->executable = codec_bytes("/bin/\xC3\xA4\xF0\x9F\x98\x80\xff", 12);
		break;
	case 1:
		process->pid = 10 + number;
		process->start_time = FILETIME_OF_2020 + number;
		process->by_filetime = true;
		target->process = process;
		break;
	case 2:
		target->service = codec_text("user:a@b.service");
		break;
	default:
		process->pid = 10 + number;
		process->start_time = 12345;
		target->process = process;
		break;
	}
}

static void add_filters(const Rm__Request *request, struct frame_buffer *frames, uint32_t first,
			uint32_t n, bool more)
{
	static Rm__Filter filters[MAX_FILTERS];
	static Rm__FilterTarget targets[MAX_FILTERS];
	static Rm__ProcessRef processes[MAX_FILTERS];
	static Rm__Filter *pointers[MAX_FILTERS];
	Rm__FilterList list = RM__FILTER_LIST__INIT;

	for (uint32_t i = 0; i < n; i++) {
		fill_filter(first + i, &filters[i], &targets[i], &processes[i]);
		pointers[i] = &filters[i];
	}
	list.n_filters = n;
	list.filters = pointers;
	fake_broker_filters(request, frames, more, &list);
}

/* In three parts, the last with the reply. */
static bool answer_list(const Rm__Request *request, struct frame_buffer *frames)
{
	uint32_t third = n_filters / 3;

	ck_assert_int_eq(request->call_case, RM__REQUEST__CALL_LIST_FILTERS);
	ck_assert_uint_eq(request->list_filters->session, 7);
	add_filters(request, frames, 0, third, true);
	fake_broker_progress(request, frames);
	add_filters(request, frames, third, third, true);
	add_filters(request, frames, 2 * third, n_filters - 2 * third, false);
	return true;
}

static bool answer_list_after_death(const Rm__Request *request, struct frame_buffer *frames)
{
	if (fake_broker.n_requests == 1) {
		add_filters(request, frames, 0, 3, true);
		return false;
	}
	return answer_list(request, frames);
}

static bool answer_endless_list(const Rm__Request *request, struct frame_buffer *frames)
{
	add_filters(request, frames, 0, MAX_FILTERS, true);
	add_filters(request, frames, 0, 1, false);
	return true;
}

static bool answer_refusal(const Rm__Request *request, struct frame_buffer *frames)
{
	fake_broker_reply(request, frames, refusal);
	return true;
}

static struct rm_session *session;
static DWORD handle;

static void begin(bool (*answer)(const Rm__Request *request, struct frame_buffer *frames))
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];

	fake_broker_start(answer);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
}

static void end(void)
{
	rm_session_free(session);
	fake_broker_stop();
}

/* ---- changes ---- */

START_TEST(test_native_changes)
{
	const struct rm_process_id id = {.pid = 5, .start_time = 6};
	struct rm_filter filter = {.executable = "/bin/\xff", .action = 2};

	begin(answer_change);
	ck_assert_int_eq(rm_session_add_filter(session, &filter), 0);
	ck_assert(!got.is_removal && got.action == 2);
	ck_assert_str_eq(got.executable, "/bin/\xff");
	ck_assert_str_eq(got.service, "");
	filter = (struct rm_filter){.process = &id, .action = 77};
	ck_assert_int_eq(rm_session_remove_filter(session, &filter), 0);
	ck_assert(got.is_removal && got.pid == 5 && got.start_time == 6 && !got.by_filetime);
	filter = (struct rm_filter){.service = "a", .action = 1};
	ck_assert_int_eq(rm_session_add_filter(session, &filter), 0);
	ck_assert_str_eq(got.service, "a");
	refusal = 1219;
	ck_assert_int_eq(rm_session_add_filter(session, &filter), 1219);
	refusal = 2;
	ck_assert_int_eq(rm_session_remove_filter(session, &filter), 2);
	end();
}
END_TEST

/* Both ways of changing refuse the target. */
static void refuse(const struct rm_filter *filter)
{
	ck_assert_int_eq(rm_session_add_filter(session, filter), 160);
	ck_assert_int_eq(rm_session_remove_filter(session, filter), 160);
}

START_TEST(test_native_arguments)
{
	static char path[MAX_PATH_BYTES + 1];
	const struct rm_process_id id = {.pid = 5, .start_time = 6};
	const struct rm_process_id nobody = {.pid = 0};
	const struct rm_process_id none = {.pid = UINT32_MAX};
	const struct rm_filter good = {.executable = "/a", .action = 1};

	memset(path, '/', MAX_PATH_BYTES);
	begin(answer_change);
	refuse(NULL);
	refuse(&(struct rm_filter){.action = 1});
	refuse(&(struct rm_filter){.executable = "/a", .process = &id, .action = 1});
	refuse(&(struct rm_filter){.executable = "/a", .service = "a", .action = 1});
	refuse(&(struct rm_filter){.service = "a", .process = &id, .action = 1});
	refuse(&(struct rm_filter){
		.executable = "/a", .service = "a", .process = &id, .action = 1});
	refuse(&(struct rm_filter){.executable = "", .action = 1});
	refuse(&(struct rm_filter){.executable = "a", .action = 1});
	refuse(&(struct rm_filter){.executable = path, .action = 1});
	refuse(&(struct rm_filter){.service = "", .action = 1});
	refuse(&(struct rm_filter){.service = path, .action = 1});
	refuse(&(struct rm_filter){.service = "a\tb", .action = 1});
	refuse(&(struct rm_filter){.process = &nobody, .action = 1});
	refuse(&(struct rm_filter){.process = &none, .action = 1});
	for (int action = -1; action <= 3; action++) {
		const struct rm_filter filter = {.executable = "/a", .action = action};

		ck_assert_int_eq(rm_session_add_filter(session, &filter),
				 action == 1 || action == 2 ? 0 : 160);
	}
	ck_assert_int_eq(rm_session_add_filter(NULL, &good), 160);
	ck_assert_int_eq(rm_session_remove_filter(NULL, &good), 160);
	ck_assert_int_eq(rm_session_filters(session, NULL), 160);
	ck_assert_uint_eq(fake_broker.n_requests, 2);
	end();
}
END_TEST

START_TEST(test_win32_changes)
{
	RM_UNIQUE_PROCESS process = {5, {6, 7}};

	begin(answer_change);
	ck_assert_uint_eq(RmAddFilter(handle, TEXT_OF("/\u00e4"), NULL, NULL, RmNoRestart), 0);
	ck_assert_str_eq(got.executable, "/\xC3\xA4");
	ck_assert(!got.is_removal && got.action == 1);
	ck_assert_uint_eq(RmAddFilter(handle, NULL, &process, NULL, RmNoShutdown), 0);
	ck_assert(got.pid == 5 && got.start_time == (UINT64_C(7) << 32) + 6 && got.by_filetime);
	ck_assert_uint_eq(got.action, 2);
	ck_assert_uint_eq(RmRemoveFilter(handle, NULL, NULL, TEXT_OF("system:a")), 0);
	ck_assert_str_eq(got.service, "system:a");
	ck_assert(got.is_removal);
	refusal = 2;
	ck_assert_uint_eq(RmRemoveFilter(handle, NULL, &process, NULL), 2);
	end();
}
END_TEST

START_TEST(test_win32_arguments)
{
	WCHAR lone[] = {'/', (WCHAR)0xDC00, 0};
	RM_UNIQUE_PROCESS process = {5, {6, 7}};
	RM_UNIQUE_PROCESS nobody = {0, {6, 7}};
	LPCWSTR file = TEXT_OF("/a");
	LPCWSTR unit = TEXT_OF("a");

	begin(answer_change);
	/* 160 comes before 6. */
	ck_assert_uint_eq(RmAddFilter(99, NULL, NULL, NULL, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, &process, NULL, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, NULL, unit, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, NULL, &process, unit, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, &process, unit, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, TEXT_OF(""), NULL, NULL, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, TEXT_OF("a"), NULL, NULL, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, lone, NULL, NULL, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, NULL, NULL, TEXT_OF(""), RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, NULL, &nobody, NULL, RmNoRestart), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, NULL, NULL, RmInvalidFilterAction), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, NULL, NULL, (RM_FILTER_ACTION)3), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, NULL, NULL, (RM_FILTER_ACTION)-1), 160);
	ck_assert_uint_eq(RmAddFilter(99, file, NULL, NULL, RmNoRestart), 6);
	ck_assert_uint_eq(RmRemoveFilter(99, NULL, NULL, NULL), 160);
	ck_assert_uint_eq(RmRemoveFilter(99, file, &process, NULL), 160);
	ck_assert_uint_eq(RmRemoveFilter(99, TEXT_OF(""), NULL, NULL), 160);
	ck_assert_uint_eq(RmRemoveFilter(99, file, NULL, NULL), 6);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	end();
}
END_TEST

/* ---- the list ---- */

START_TEST(test_native_list)
{
	struct rm_filters *filters = NULL;

	n_filters = (uint32_t)_i;
	begin(_i == 5 ? answer_list_after_death : answer_list);
	ck_assert_int_eq(rm_session_filters(session, &filters), 0);
	ck_assert_uint_eq(filters->n_filters, n_filters);
	for (uint32_t i = 0; i < n_filters; i++) {
		const struct rm_filter *filter = &filters->filters[i];

		ck_assert_int_eq(filter->action, 1 + (int)(i % 2));
		ck_assert_int_eq(filter->executable != NULL, i % 4 == 0);
		ck_assert_int_eq(filter->service != NULL, i % 4 == 2);
		ck_assert_int_eq(filter->process != NULL, i % 2 == 1);
		if (filter->executable) {
			ck_assert_str_eq(filter->executable, "/bin/\xC3\xA4\xF0\x9F\x98\x80\xff");
		}
		if (filter->service) {
			ck_assert_str_eq(filter->service, "user:a@b.service");
		}
		if (filter->process) {
			ck_assert_uint_eq(filter->process->pid, 10 + i);
		}
		if (i % 4 == 3) {
			ck_assert_uint_eq(filter->process->start_time, 12345);
		}
	}
	rm_filters_free(filters);
	rm_filters_free(NULL);
	end();
}
END_TEST

START_TEST(test_too_long_list)
{
	struct rm_filters *filters = NULL;

	begin(answer_endless_list);
	ck_assert_int_eq(rm_session_filters(session, &filters), 1722);
	ck_assert_ptr_null(filters);
	end();
}
END_TEST

/* Looks at the chain of the first three filters in memory that begins anywhere. */
static void check_chain(const BYTE *buffer, size_t size)
{
	static const WCHAR path[] = TEXT_OF("/bin/\u00e4\U0001F600\uFFFD");
	static const WCHAR unit[] = TEXT_OF("user:a@b.service");
	RM_FILTER_INFO info;
	size_t at = 0;

	memcpy(&info, buffer, RECORD);
	ck_assert_int_eq(info.FilterAction, RmNoRestart);
	ck_assert_int_eq(info.FilterTrigger, RmFilterTriggerFile);
	ck_assert_ptr_eq(info.strFilename, buffer + RECORD);
	ck_assert_mem_eq(buffer + RECORD, path, sizeof(path));
	ck_assert_uint_eq(info.cbNextOffset, (RECORD + sizeof(path) + 7) / 8 * 8);
	at += info.cbNextOffset;
	memcpy(&info, buffer + at, RECORD);
	ck_assert_int_eq(info.FilterAction, RmNoShutdown);
	ck_assert_int_eq(info.FilterTrigger, RmFilterTriggerProcess);
	ck_assert_uint_eq(info.Process.dwProcessId, 11);
	ck_assert_uint_eq(((uint64_t)info.Process.ProcessStartTime.dwHighDateTime << 32) +
				  info.Process.ProcessStartTime.dwLowDateTime,
			  FILETIME_OF_2020 + 1);
	ck_assert_uint_eq(info.cbNextOffset, RECORD);
	at += info.cbNextOffset;
	memcpy(&info, buffer + at, RECORD);
	ck_assert_int_eq(info.FilterAction, RmNoRestart);
	ck_assert_int_eq(info.FilterTrigger, RmFilterTriggerService);
	ck_assert_ptr_eq(info.strServiceShortName, buffer + at + RECORD);
	ck_assert_mem_eq(buffer + at + RECORD, unit, sizeof(unit));
	ck_assert_uint_eq(info.cbNextOffset, 0);
	ck_assert_uint_eq(at + RECORD + sizeof(unit), size); /* needed is exact */
}

/* Loop: buffers that begin at any byte. */
START_TEST(test_chain)
{
	BYTE memory[512];
	BYTE untouched[512];
	BYTE *buffer = memory + _i;
	DWORD needed = 4711;
	DWORD size;

	memset(memory, 0xa5, sizeof(memory));
	memset(untouched, 0xa5, sizeof(untouched));
	n_filters = 3;
	begin(answer_list);
	ck_assert_uint_eq(RmGetFilterList(handle, NULL, 0, &needed), 234);
	size = needed;
	for (DWORD short_by = 1; short_by < size; short_by += 7) {
		needed = 4711;
		ck_assert_uint_eq(RmGetFilterList(handle, buffer, size - short_by, &needed), 234);
		ck_assert_uint_eq(needed, size);
	}
	ck_assert_mem_eq(memory, untouched, sizeof(memory));
	needed = 4711;
	ck_assert_uint_eq(RmGetFilterList(handle, buffer, size, &needed), 0);
	ck_assert_uint_eq(needed, size);
	check_chain(buffer, size);
	ck_assert_mem_eq(buffer + size, untouched, sizeof(memory) - size - (size_t)_i);
	ck_assert_mem_eq(memory, untouched, (size_t)_i);
	ck_assert_uint_eq(RmGetFilterList(handle, buffer, sizeof(memory) - (DWORD)_i, &needed), 0);
	ck_assert_uint_eq(needed, size);
	end();
}
END_TEST

/* A filter that was set by ticks has a time of Windows all the same. */
START_TEST(test_ticks_in_chain)
{
	RM_FILTER_INFO *info;
	BYTE *memory = calloc(1, 4096);
	DWORD needed = 0;
	uint64_t time;

	ck_assert_ptr_nonnull(memory);
	info = (RM_FILTER_INFO *)(void *)memory;
	n_filters = 4;
	begin(answer_list);
	ck_assert_uint_eq(RmGetFilterList(handle, memory, 4096, &needed), 0);
	while (info->cbNextOffset) {
		info = (RM_FILTER_INFO *)(void *)((BYTE *)info + info->cbNextOffset);
	}
	ck_assert_uint_eq(info->Process.dwProcessId, 13);
	time = ((uint64_t)info->Process.ProcessStartTime.dwHighDateTime << 32) +
	       info->Process.ProcessStartTime.dwLowDateTime;
	ck_assert_uint_gt(time, FILETIME_OF_2020);
	free(memory);
	end();
}
END_TEST

START_TEST(test_list_arguments)
{
	BYTE buffer[8] = {0};
	DWORD needed = 4711;

	refusal = 1219;
	begin(answer_refusal);
	ck_assert_uint_eq(RmGetFilterList(99, NULL, 1, &needed), 160);
	ck_assert_uint_eq(RmGetFilterList(99, NULL, 1, NULL), 160);
	ck_assert_uint_eq(RmGetFilterList(handle, buffer, 8, NULL), 234);
	ck_assert_uint_eq(RmGetFilterList(handle, NULL, 0, NULL), 234);
	ck_assert_uint_eq(RmGetFilterList(99, NULL, 0, &needed), 6);
	ck_assert_uint_eq(RmGetFilterList(99, buffer, 8, &needed), 6);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	ck_assert_uint_eq(RmGetFilterList(handle, buffer, 8, &needed), 1219);
	ck_assert_uint_eq(needed, 4711);
	end();
}
END_TEST

START_TEST(test_no_filters)
{
	BYTE buffer[8];
	BYTE untouched[8];
	DWORD needed = 4711;

	memset(buffer, 0xa5, sizeof(buffer));
	memset(untouched, 0xa5, sizeof(untouched));
	n_filters = 0;
	begin(answer_list);
	ck_assert_uint_eq(RmGetFilterList(handle, NULL, 0, &needed), 0);
	ck_assert_uint_eq(needed, 0);
	needed = 4711;
	ck_assert_uint_eq(RmGetFilterList(handle, buffer, 8, &needed), 0);
	ck_assert_uint_eq(needed, 0);
	ck_assert_mem_eq(buffer, untouched, sizeof(buffer));
	end();
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_native_changes},
		{.test = test_native_arguments},
		{.test = test_win32_changes},
		{.test = test_win32_arguments},
		{.test = test_native_list, .n_loops = 6},
		{.test = test_too_long_list},
		{.test = test_chain, .n_loops = 9},
		{.test = test_ticks_in_chain},
		{.test = test_list_arguments},
		{.test = test_no_filters},
	};

	return testing_run("filter_calls", cases, ARRAY_SIZE(cases));
}
