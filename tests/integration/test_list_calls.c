/* SPDX-License-Identifier: MIT */
/*
 * The library's listings against a broker made of a script: answers in several notifications, cut
 * everywhere, of any size, and brokers that die or lie. Built for both widths of WCHAR.
 */
#include <stdio.h>
#include <string.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/fake_broker.h"
#include "tests/support/testing.h"

/* ---- entries ---- */

/* One entry of everything, numbered. */
struct entry {
	Rm__Application application;
	Rm__ApplicationProcess process;
	Rm__ApplicationProcess *processes[1];
	Rm__ProcessInfo info;
	Rm__ProcessId id;
	Rm__Use use;
	Rm__Use *uses[1];
	char name[32];
	char path[32];
};

static void fill_entry(struct entry *entry, uint32_t number)
{
	(void)snprintf(entry->name, sizeof(entry->name), "program %u", number);
	(void)snprintf(entry->path, sizeof(entry->path), "/lib/%u.so", number % 100);
	rm__process_id__init(&entry->id);
	entry->id.pid = 1000 + number;
	entry->id.start_time = 5000 + number;
	rm__process_info__init(&entry->info);
	entry->info.id = &entry->id;
	entry->info.uid = 33;
	entry->info.name = codec_text("comm");
	rm__use__init(&entry->use);
	entry->use.kind = RM_USE_DESCRIPTOR;
	entry->use.path = codec_text(entry->path);
	entry->use.fd = number;
	entry->use.deleted = true;
	entry->uses[0] = &entry->use;
	rm__application_process__init(&entry->process);
	entry->process.process = &entry->info;
	entry->process.n_uses = 1;
	entry->process.uses = entry->uses;
	entry->process.total_uses = 99;
	entry->processes[0] = &entry->process;
	rm__application__init(&entry->application);
	entry->application.process = &entry->info;
	entry->application.start_filetime = (UINT64_C(7) << 32) + number;
	entry->application.name = codec_text(entry->name);
	entry->application.service = codec_text("a.service");
	entry->application.type = RmService;
	entry->application.status = RmStatusRunning;
	entry->application.ts_session = 5;
	entry->application.restartable = true;
	entry->application.reasons = 4;
	entry->application.unit = codec_text("user:a.service");
	entry->application.executable = codec_bytes("/bin/\xff", 6);
	entry->application.why = codec_text("because");
	entry->application.container = codec_text("box");
	entry->application.policy = codec_text("/etc/p");
	entry->application.n_processes = 1;
	entry->application.processes = entry->processes;
	entry->application.total_processes = 1234;
}

/* A part with the entries from `first` on. */
static void add_part(const Rm__Request *request, struct frame_buffer *frames, uint32_t first,
		     uint32_t n)
{
	static struct entry entries[MAX_PART_APPLICATIONS];
	Rm__Application *applications[MAX_PART_APPLICATIONS];
	Rm__ApplicationList list = RM__APPLICATION_LIST__INIT;

	for (uint32_t i = 0; i < n; i++) {
		fill_entry(&entries[i], first + i);
		applications[i] = &entries[i].application;
	}
	list.n_applications = n;
	list.applications = applications;
	fake_broker_applications(request, frames, true, &list);
}

static void add_totals(const Rm__Request *request, struct frame_buffer *frames, uint32_t n_needed)
{
	Rm__ApplicationList list = RM__APPLICATION_LIST__INIT;
	Rm__Inspection inspection = RM__INSPECTION__INIT;
	Rm__KernelState kernel = RM__KERNEL_STATE__INIT;
	Rm__Unchecked unchecked = RM__UNCHECKED__INIT;
	Rm__Unchecked *rows[] = {&unchecked};

	unchecked.path = codec_bytes("/mnt/\xfe", 6);
	unchecked.why = codec_text("it does not answer");
	unchecked.count = 3;
	inspection.n_processes = 400;
	inspection.n_not_inspected = 2;
	inspection.n_files = 17;
	inspection.n_files_unchecked = 1;
	inspection.n_unchecked = 1;
	inspection.unchecked = rows;
	inspection.n_unseen = 1;
	inspection.unseen = rows;
	inspection.n_reread = 9;
	inspection.took_us = 1234567;
	kernel.running = codec_text("6.1.0");
	kernel.installed = codec_text("6.1.1");
	kernel.is_stale = true;
	list.n_needed = n_needed;
	list.reasons = 0x14;
	list.inspection = &inspection;
	list.kernel = &kernel;
	fake_broker_applications(request, frames, false, &list);
}

static uint32_t n_entries;	/* that there are */
static uint32_t asked_capacity; /* what came */
static bool asked_refuse, asked_uses, asked_anew;

static void note_question(const Rm__Request *request)
{
	ck_assert_int_eq(request->call_case, RM__REQUEST__CALL_LIST_APPLICATIONS);
	ck_assert_uint_eq(request->list_applications->session, 7);
	ck_assert_uint_eq(request->list_applications->join, 0);
	ck_assert_uint_eq(request->list_applications->key.len, 0);
	asked_capacity = request->list_applications->capacity;
	asked_refuse = request->list_applications->refuse_directories;
	asked_uses = request->list_applications->with_uses;
	asked_anew = request->list_applications->anew;
}

/* As a broker should: as many entries as are wanted, with progress in between. */
static bool answer_well(const Rm__Request *request, struct frame_buffer *frames)
{
	uint32_t n;

	note_question(request);
	n = n_entries < asked_capacity ? n_entries : asked_capacity;
	for (uint32_t at = 0; at < n;) {
		uint32_t size = n - at < MAX_PART_APPLICATIONS ? n - at : MAX_PART_APPLICATIONS;

		fake_broker_progress(request, frames);
		add_part(request, frames, at, size);
		at += size;
	}
	add_totals(request, frames, n_entries);
	return true;
}

static void check_entry(const struct rm_application *application, uint32_t number)
{
	struct entry wanted;
	const struct rm_application_process *process = &application->processes[0];

	fill_entry(&wanted, number);
	ck_assert_uint_eq(application->process.pid, 1000 + number);
	ck_assert_uint_eq(application->process.start_time, 5000 + number);
	ck_assert_uint_eq(application->process.uid, 33);
	ck_assert_str_eq(application->process.name, "comm");
	ck_assert_str_eq(application->name, wanted.name);
	ck_assert_str_eq(application->service, "a.service");
	ck_assert_str_eq(application->unit, "user:a.service");
	ck_assert_str_eq(application->executable, "/bin/\xff");
	ck_assert_str_eq(application->container, "box");
	ck_assert_str_eq(application->why, "because");
	ck_assert_str_eq(application->why_not_restartable, "");
	ck_assert_str_eq(application->policy, "/etc/p");
	ck_assert_uint_eq(application->type, RmService);
	ck_assert_uint_eq(application->status, 1);
	ck_assert_uint_eq(application->reasons, 4);
	ck_assert_uint_eq(application->ts_session, 5);
	ck_assert_int_eq(application->is_restartable, 1);
	ck_assert_uint_eq(application->n_processes, 1234);
	ck_assert_uint_eq(application->n_processes_listed, 1);
	ck_assert_uint_eq(process->process.pid, 1000 + number);
	ck_assert_uint_eq(process->n_uses, 99);
	ck_assert_uint_eq(process->n_uses_listed, 1);
	ck_assert_int_eq(process->uses[0].kind, RM_USE_DESCRIPTOR);
	ck_assert_str_eq(process->uses[0].path, wanted.path);
	ck_assert_str_eq(process->uses[0].actual, "");
	ck_assert_uint_eq(process->uses[0].fd, number);
	ck_assert_int_eq(process->uses[0].is_deleted, 1);
	ck_assert_int_eq(process->uses[0].is_claimed, 0);
}

static void check_totals(const struct rm_application_list *list)
{
	ck_assert_uint_eq(list->reasons, 0x14);
	ck_assert_uint_eq(list->n_processes, 400);
	ck_assert_uint_eq(list->n_not_inspected, 2);
	ck_assert_uint_eq(list->n_files, 17);
	ck_assert_uint_eq(list->n_files_unchecked, 1);
	ck_assert_uint_eq(list->n_unchecked, 1);
	ck_assert_str_eq(list->unchecked[0].path, "/mnt/\xfe");
	ck_assert_str_eq(list->unchecked[0].why, "it does not answer");
	ck_assert_uint_eq(list->unchecked[0].count, 3);
	ck_assert_uint_eq(list->n_unseen, 1);
	ck_assert_str_eq(list->unseen[0].path, "/mnt/\xfe");
	ck_assert_uint_eq(list->n_reread, 9);
	ck_assert_uint_eq(list->took_us, 1234567);
	ck_assert_str_eq(list->kernel_running, "6.1.0");
	ck_assert_str_eq(list->kernel_installed, "6.1.1");
	ck_assert_int_eq(list->kernel_is_stale, 1);
}

static struct rm_session *session;

static void begin(bool (*answer)(const Rm__Request *request, struct frame_buffer *frames))
{
	fake_broker_start(answer);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
}

static void end(void)
{
	rm_session_free(session);
	fake_broker_stop();
}

/* ---- the native face ---- */

/* Loop: whole, byte by byte, in pieces that cut every frame and every buffer. */
START_TEST(test_cut_everywhere)
{
	static const size_t steps[] = {0, 1, 7, 511, 513, 65537};
	struct rm_application_list *list = NULL;

	n_entries = 130;
	begin(answer_well);
	fake_broker.step = steps[_i];
	ck_assert_int_eq(rm_session_list(session, RM_LIST_ANEW, &list), 0);
	ck_assert_uint_eq(asked_capacity, UINT32_MAX);
	ck_assert(!asked_refuse && asked_uses && asked_anew);
	ck_assert_uint_eq(list->n_applications, 130);
	for (uint32_t i = 0; i < 130; i++) {
		check_entry(&list->applications[i], i);
	}
	check_totals(list);
	rm_application_list_free(list);
	end();
}
END_TEST

/* Loop: nobody, few, many. */
START_TEST(test_sizes)
{
	static const uint32_t sizes[] = {0, 1, 63, 64, 65, 4000, 50000};
	struct rm_application_list *list = NULL;

	n_entries = sizes[_i];
	begin(answer_well);
	ck_assert_int_eq(rm_session_list(session, RM_LIST_NO_USES, &list), 0);
	ck_assert(!asked_uses && !asked_anew);
	ck_assert_uint_eq(list->n_applications, n_entries);
	for (uint32_t i = 0; i < n_entries; i += 1 + n_entries / 70) {
		check_entry(&list->applications[i], i);
	}
	check_totals(list);
	rm_application_list_free(list);
	rm_application_list_free(NULL);
	end();
}
END_TEST

/* Two parts of one answer, then the connection breaks; on the next one all comes anew. */
static bool answer_after_death(const Rm__Request *request, struct frame_buffer *frames)
{
	if (fake_broker.n_requests < 3) {
		note_question(request);
		add_part(request, frames, 700, 64);
		add_part(request, frames, 800, 64);
		return false;
	}
	return answer_well(request, frames);
}

START_TEST(test_broker_dies)
{
	struct rm_application_list *list = NULL;

	n_entries = 100;
	begin(answer_after_death);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	ck_assert_uint_eq(fake_broker.n_requests, 3);
	ck_assert_uint_eq(list->n_applications, 100);
	for (uint32_t i = 0; i < 100; i++) {
		check_entry(&list->applications[i], i);
	}
	rm_application_list_free(list);
	end();
}
END_TEST

static bool answer_half(const Rm__Request *request, struct frame_buffer *frames)
{
	add_part(request, frames, 0, 64);
	return false;
}

START_TEST(test_broker_stays_dead)
{
	struct rm_application_list *list = NULL;

	begin(answer_half);
	ck_assert_int_eq(setenv("RSTRTMGR_TIMEOUT_MS", "300", 1), 0);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 121);
	ck_assert_ptr_null(list);
	ck_assert_uint_gt(fake_broker.n_requests, 2);
	end();
}
END_TEST

static int lie;

/* What no broker may say. */
static bool answer_with_lie(const Rm__Request *request, struct frame_buffer *frames)
{
	Rm__FilterList filters = RM__FILTER_LIST__INIT;

	switch (lie) {
	case 0: /* fewer than it says */
		add_part(request, frames, 0, 3);
		add_totals(request, frames, 4);
		break;
	case 1: /* more than it says */
		add_part(request, frames, 0, 3);
		add_totals(request, frames, 2);
		break;
	case 2: /* something else */
		fake_broker_filters(request, frames, true, &filters);
		add_totals(request, frames, 0);
		break;
	case 3: /* something else in the end */
		add_part(request, frames, 0, 3);
		fake_broker_filters(request, frames, false, &filters);
		break;
	case 4: /* nothing in the end */
		add_part(request, frames, 0, 3);
		fake_broker_reply(request, frames, 0);
		break;
	default: /* something behind the end */
		add_totals(request, frames, 0);
		add_totals(request, frames, 0);
		break;
	}
	return true;
}

START_TEST(test_broker_lies)
{
	struct rm_application_list *list = NULL;

	lie = _i;
	begin(answer_with_lie);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 1722);
	ck_assert_ptr_null(list);
	end();
}
END_TEST

static uint32_t refusal;

static bool answer_refusal(const Rm__Request *request, struct frame_buffer *frames)
{
	add_part(request, frames, 0, 3); /* of no account then */
	fake_broker_reply(request, frames, refusal);
	return true;
}

START_TEST(test_arguments)
{
	struct rm_application_list *list = NULL;

	refusal = 1223;
	begin(answer_refusal);
	ck_assert_int_eq(rm_session_list(NULL, 0, &list), 160);
	ck_assert_int_eq(rm_session_list(session, 0, NULL), 160);
	ck_assert_int_eq(rm_session_list(session, 4, &list), 160);
	ck_assert_int_eq(rm_broker_stale(0, NULL), 160);
	ck_assert_int_eq(rm_broker_stale(0x80000000, &list), 160);
	ck_assert_int_eq(rm_session_cancel(NULL), 160);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 1223);
	ck_assert_ptr_null(list);
	end();
}
END_TEST

static int call_in_child(void *arg)
{
	struct rm_application_list *list = NULL;
	struct rm_filters *filters = NULL;
	const struct rm_resources nothing = {0};
	const struct rm_filter filter = {.executable = "/bin/a", .action = 1};

	(void)arg;
	return rm_session_list(session, 0, &list) == 6 && rm_session_cancel(session) == 6 &&
			       rm_session_register(session, &nothing) == 6 &&
			       rm_session_add_filter(session, &filter) == 6 &&
			       rm_session_remove_filter(session, &filter) == 6 &&
			       rm_session_filters(session, &filters) == 6
		       ? 0
		       : 1;
}

START_TEST(test_forked)
{
	begin(answer_well);
	ck_assert_int_eq(testing_in_child(call_in_child, NULL, 5000), 0);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	end();
}
END_TEST

static bool answer_other(const Rm__Request *request, struct frame_buffer *frames)
{
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__PolicyAnswer policy = RM__POLICY_ANSWER__INIT;

	if (request->call_case == RM__REQUEST__CALL_LIST_STALE) {
		asked_uses = request->list_stale->with_uses;
		asked_anew = request->list_stale->anew;
		add_part(request, frames, 0, 2);
		add_totals(request, frames, 2);
	} else if (request->call_case == RM__REQUEST__CALL_CANCEL_TASK) {
		ck_assert_uint_eq(request->cancel_task->session, 7);
		fake_broker_reply(request, frames, refusal);
	} else {
		ck_assert_int_eq(request->call_case, RM__REQUEST__CALL_GET_POLICY);
		ck_assert_uint_eq(request->get_policy->name.len, 11);
		policy.file = codec_text("/etc/rstrtmgr/policy.d/\xfe");
		policy.rule = codec_text("unit = ssh.service");
		policy.effect = codec_text("critical");
		reply.result_case = RM__REPLY__RESULT_POLICY;
		reply.policy = &policy;
		fake_broker_send(request, frames, &reply);
	}
	return true;
}

START_TEST(test_other_questions)
{
	static const char *const bad_names[] = {NULL, "", "a\nb", "\xff"};
	struct rm_application_list *list = NULL;
	struct rm_policy *policy = NULL;
	char name[MAX_NAME_BYTES + 2];

	begin(answer_other);
	ck_assert_int_eq(rm_broker_stale(0, &list), 0);
	ck_assert(asked_uses && !asked_anew);
	ck_assert_uint_eq(list->n_applications, 2);
	check_entry(&list->applications[1], 1);
	check_totals(list);
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_cancel(session), 0);
	refusal = 1219;
	ck_assert_int_eq(rm_session_cancel(session), 1219);
	ck_assert_int_eq(rm_broker_policy("ssh.service", &policy), 0);
	ck_assert_str_eq(policy->file, "/etc/rstrtmgr/policy.d/\xfe");
	ck_assert_str_eq(policy->rule, "unit = ssh.service");
	ck_assert_str_eq(policy->effect, "critical");
	rm_policy_free(policy);
	rm_policy_free(NULL);
	policy = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		ck_assert_int_eq(rm_broker_policy(bad_names[i], &policy), 160);
	}
	memset(name, 'a', sizeof(name));
	name[MAX_NAME_BYTES + 1] = '\0';
	ck_assert_int_eq(rm_broker_policy(name, &policy), 160);
	ck_assert_int_eq(rm_broker_policy("a", NULL), 160);
	ck_assert_ptr_null(policy);
	end();
}
END_TEST

START_TEST(test_kind_names)
{
	ck_assert_str_eq(rm_use_kind_name(RM_USE_EXECUTABLE), "executable");
	ck_assert_str_eq(rm_use_kind_name(RM_USE_SERVICE), "service");
	ck_assert_str_eq(rm_use_kind_name(0), "unknown");
	ck_assert_str_eq(rm_use_kind_name(RM_USE_SERVICE + 1), "unknown");
	ck_assert_str_eq(rm_use_kind_name(-1), "unknown");
}
END_TEST

/* ---- the Win32 face ---- */

static DWORD handle;

static void begin_win32(bool (*answer)(const Rm__Request *request, struct frame_buffer *frames))
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];

	fake_broker_start(answer);
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
}

/* Loop over the capacity: 3 are there (A15). */
START_TEST(test_arithmetic)
{
	RM_PROCESS_INFO infos[6];
	RM_PROCESS_INFO untouched;
	UINT needed = 4711;
	UINT count = (UINT)_i;
	DWORD reasons = 4711;
	UINT n = count < 3 ? count : 3;

	memset(infos, 0xa5, sizeof(infos));
	memset(&untouched, 0xa5, sizeof(untouched));
	n_entries = 3;
	begin_win32(answer_well);
	ck_assert_uint_eq(RmGetList(handle, &needed, &count, count ? infos : NULL, &reasons),
			  _i < 3 ? 234 : 0);
	ck_assert_uint_eq(asked_capacity, _i);
	ck_assert(asked_refuse && !asked_uses && !asked_anew);
	ck_assert_uint_eq(needed, 3);
	ck_assert_uint_eq(count, n);
	ck_assert_uint_eq(reasons, 0x14);
	for (UINT i = 0; i < n; i++) {
		ck_assert_uint_eq(infos[i].Process.dwProcessId, 1000 + i);
		ck_assert_uint_eq(infos[i].Process.ProcessStartTime.dwHighDateTime, 7);
		ck_assert_uint_eq(infos[i].Process.ProcessStartTime.dwLowDateTime, i);
		ck_assert_uint_eq(infos[i].strAppName[8], '0' + i);
		ck_assert_uint_eq(infos[i].strAppName[9], 0);
		ck_assert_uint_eq(infos[i].strAppName[255], 0);
		ck_assert_uint_eq(infos[i].strServiceShortName[0], 'a');
		ck_assert_uint_eq(infos[i].strServiceShortName[9], 0);
		ck_assert_int_eq(infos[i].ApplicationType, RmService);
		ck_assert_uint_eq(infos[i].AppStatus, RmStatusRunning);
		ck_assert_uint_eq(infos[i].TSSessionId, 5);
		ck_assert_int_eq(infos[i].bRestartable, TRUE);
	}
	ck_assert_mem_eq(&infos[n], &untouched, sizeof(untouched));
	fake_broker_stop();
}
END_TEST

/* Loop: every code of the broker's leaves the outputs as they were (A7). */
START_TEST(test_refused)
{
	static const uint32_t codes[] = {5, 6, 14, 29, 50, 1219, 1223};
	RM_PROCESS_INFO info;
	RM_PROCESS_INFO untouched;
	UINT needed = 4711;
	UINT count = 1;
	DWORD reasons = 4711;

	memset(&info, 0xa5, sizeof(info));
	memset(&untouched, 0xa5, sizeof(untouched));
	refusal = codes[_i];
	begin_win32(answer_refusal);
	count = 5;
	ck_assert_uint_eq(RmGetList(handle, &needed, &count, &info, &reasons), codes[_i]);
	ck_assert_uint_eq(needed, 4711);
	ck_assert_uint_eq(count, 5);
	ck_assert_uint_eq(reasons, 4711);
	ck_assert_mem_eq(&info, &untouched, sizeof(info));
	fake_broker_stop();
}
END_TEST

static bool answer_too_many(const Rm__Request *request, struct frame_buffer *frames)
{
	add_part(request, frames, 0, 3);
	add_totals(request, frames, 3);
	return true;
}

START_TEST(test_list_arguments)
{
	RM_PROCESS_INFO info;
	UINT needed = 4711;
	UINT count = 1;
	DWORD reasons = 4711;

	begin_win32(answer_too_many);
	ck_assert_uint_eq(RmGetList(handle, NULL, &count, &info, &reasons), 160);
	ck_assert_uint_eq(RmGetList(handle, &needed, NULL, &info, &reasons), 160);
	ck_assert_uint_eq(RmGetList(handle, &needed, &count, &info, NULL), 160);
	ck_assert_uint_eq(RmGetList(handle, &needed, &count, NULL, &reasons), 160);
	ck_assert_uint_eq(RmGetList(99, NULL, &count, &info, &reasons), 160);
	ck_assert_uint_eq(RmGetList(99, &needed, &count, &info, &reasons), 6);
	ck_assert_uint_eq(RmCancelCurrentTask(99), 6);
	ck_assert_uint_eq(RmCancelCurrentTask(0), 6);
	ck_assert_uint_eq(fake_broker.n_requests, 0);
	/* Three where there is room for one: they are not written anywhere. */
	ck_assert_uint_eq(RmGetList(handle, &needed, &count, &info, &reasons), 1722);
	ck_assert_uint_eq(needed, 4711);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(reasons, 4711);
	fake_broker_stop();
}
END_TEST

static char long_name[1024];
static char long_unit[MAX_UNIT_BYTES + 1];

static bool answer_long_names(const Rm__Request *request, struct frame_buffer *frames)
{
	static struct entry entry;
	Rm__Application *applications[] = {&entry.application};
	Rm__ApplicationList list = RM__APPLICATION_LIST__INIT;

	fill_entry(&entry, 0);
	entry.application.name = codec_text(long_name);
	entry.application.service = codec_text(long_unit);
	entry.application.restartable = false;
	list.n_applications = 1;
	list.applications = applications;
	list.n_needed = 1;
	fake_broker_applications(request, frames, false, &list);
	return true;
}

/* Names are cut at 255 and 63 units, never within a pair (A20, A56). */
START_TEST(test_long_names)
{
	RM_PROCESS_INFO info;
	UINT needed = 0;
	UINT count = 1;
	DWORD reasons = 0;

	memset(long_name, 'n', 254);
	memcpy(long_name + 254, "\xF0\x9F\x98\x80zzzz", 9);
	memset(long_unit, 'u', 100);
	begin_win32(answer_long_names);
	ck_assert_uint_eq(RmGetList(handle, &needed, &count, &info, &reasons), 0);
	ck_assert_uint_eq(info.strAppName[253], 'n');
#if RSTRTMGR_WCHAR_BITS == 16
	ck_assert_uint_eq(info.strAppName[254], 0);
#else
	ck_assert_uint_eq(info.strAppName[254], 0x1F600);
#endif
	ck_assert_uint_eq(info.strAppName[255], 0);
	ck_assert_uint_eq(info.strServiceShortName[62], 'u');
	ck_assert_uint_eq(info.strServiceShortName[63], 0);
	ck_assert_int_eq(info.bRestartable, FALSE);
	ck_assert_uint_eq(reasons, 0);
	fake_broker_stop();
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_cut_everywhere, .n_loops = 6},
		{.test = test_sizes, .n_loops = 7},
		{.test = test_broker_dies},
		{.test = test_broker_stays_dead},
		{.test = test_broker_lies, .n_loops = 6},
		{.test = test_arguments},
		{.test = test_forked},
		{.test = test_other_questions},
		{.test = test_kind_names},
		{.test = test_arithmetic, .n_loops = 6},
		{.test = test_refused, .n_loops = 7},
		{.test = test_list_arguments},
		{.test = test_long_names},
	};

	return testing_run("list_calls", cases, ARRAY_SIZE(cases));
}
