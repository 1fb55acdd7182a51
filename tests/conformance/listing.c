/* SPDX-License-Identifier: MIT */
/*
 * The Win32 face by its public header alone, against a private broker: registering, listing and
 * filters. Compiled as C11 and, by listing.cpp, as C++17, each with both widths of WCHAR. Nothing
 * but the header and libc is needed.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/conformance/broker.h"

#define MAX_PATH_CHARACTERS 4096
#define MAX_APPS 8

/* 100 ns from 1601 to 1970. */
#define FILETIME_OF_1970 116444736000000000ull

static WCHAR key[KEY_CHARACTERS];

/* ---- what is used, and who uses it ---- */

static char work[] = "/tmp/rm-used-XXXXXX";
static char used_file[64], other_file[64], missing_file[64];
static WCHAR used[64], other[64], missing[64], folder[64];

static void widen(const char *text, WCHAR *ret_text)
{
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < n; i++) {
		ret_text[i] = (WCHAR)(unsigned char)text[i];
	}
}

static int is_text(const WCHAR *text, const WCHAR *wanted)
{
	size_t i = 0;

	while (wanted[i] && text[i] == wanted[i]) {
		i++;
	}
	return text[i] == wanted[i];
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		die(path);
	}
	close(fd);
}

static void make_files(void)
{
	if (!mkdtemp(work)) {
		die("mkdtemp");
	}
	snprintf(used_file, sizeof(used_file), "%s/used", work);
	snprintf(other_file, sizeof(other_file), "%s/other", work);
	snprintf(missing_file, sizeof(missing_file), "%s/missing", work);
	make_file(used_file);
	make_file(other_file);
	widen(used_file, used);
	widen(other_file, other);
	widen(missing_file, missing);
	widen(work, folder);
}

static void remove_used_files(void)
{
	unlink(used_file);
	unlink(other_file);
	check(rmdir(work) == 0, "nothing is left of the files");
}

/* A program that has the file open until it is killed. */
static pid_t start_user(const char *path)
{
	int told[2];
	char byte = 0;
	pid_t pid;

	if (pipe(told) < 0) {
		die("pipe");
	}
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (open(path, O_RDONLY) < 0 || write(told[1], "x", 1) != 1) {
			_exit(1);
		}
		for (;;) {
			pause();
		}
	}
	close(told[1]);
	check(pid > 0 && read(told[0], &byte, 1) == 1, "a program has the file open");
	close(told[0]);
	return pid;
}

static void stop_user(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- calls ---- */

static DWORD add_file(DWORD handle, const WCHAR *path)
{
	const WCHAR *files[1];

	files[0] = path;
	return RmRegisterResources(handle, 1, files, 0, NULL, 0, NULL);
}

static DWORD add_service(DWORD handle, const WCHAR *name)
{
	const WCHAR *services[1];

	services[0] = name;
	return RmRegisterResources(handle, 0, NULL, 0, NULL, 1, services);
}

static DWORD start_session(void)
{
	DWORD handle = 0;

	check_code(RmStartSession(&handle, 0, key), 0, "start");
	return handle;
}

/* The whole list; its length, or -1. */
static int get_list(DWORD handle, RM_PROCESS_INFO *apps, DWORD *reasons)
{
	UINT needed = 0;
	UINT n = MAX_APPS;
	DWORD code = RmGetList(handle, &needed, &n, apps, reasons);

	if (code != 0 || needed != n) {
		printf("# RmGetList: %u, needed %u, written %u\n", code, needed, n);
		return -1;
	}
	return (int)n;
}

static int find_pid(const RM_PROCESS_INFO *apps, int n, pid_t pid)
{
	for (int i = 0; i < n; i++) {
		if (apps[i].Process.dwProcessId == (DWORD)pid) {
			return i;
		}
	}
	return -1;
}

static unsigned long long start_time_of(const RM_PROCESS_INFO *app)
{
	return (unsigned long long)app->Process.ProcessStartTime.dwHighDateTime << 32 |
	       app->Process.ProcessStartTime.dwLowDateTime;
}

static void check_symbols(void)
{
	static const char *const names[] = {
		RM_SYMBOL(RmRegisterResources), RM_SYMBOL(RmGetList),
		RM_SYMBOL(RmCancelCurrentTask), RM_SYMBOL(RmAddFilter),
		RM_SYMBOL(RmRemoveFilter),	RM_SYMBOL(RmGetFilterList),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		check(dlsym(RTLD_DEFAULT, names[i]) != NULL, "%s is exported", names[i]);
	}
}

/* ---- (c) 8: registering ---- */

static void check_bad_paths(DWORD handle)
{
	static WCHAR text[MAX_PATH_CHARACTERS + 1];
	const WCHAR *files[3];

	check_code(add_file(handle, TEXT_OF("")), 160, "register: empty path");
	check_code(add_file(handle, TEXT_OF("usr/lib")), 160, "register: relative path");
	check_code(add_file(handle, TEXT_OF("C:\\Windows")), 160, "register: another system's");
	for (int i = 0; i < MAX_PATH_CHARACTERS; i++) {
		text[i] = '/';
	}
	check_code(add_file(handle, text), 160, "register: a path of 4096");
	text[1] = (WCHAR)0xd800;
	text[2] = 0;
	check_code(add_file(handle, text), 160, "register: a lone surrogate");
	check_code(add_service(handle, TEXT_OF("")), 160, "register: empty service");
	for (int i = 0; i < 256; i++) {
		text[i] = 'u';
	}
	text[256] = 0;
	check_code(add_service(handle, text), 160, "register: a service of 256");
	files[0] = used;
	files[1] = TEXT_OF("");
	files[2] = used;
	check_code(RmRegisterResources(handle, 3, files, 0, NULL, 0, NULL), 160,
		   "register: one empty among good ones");
}

static void check_counts(DWORD handle)
{
	RM_UNIQUE_PROCESS process;
	const WCHAR *files[1];

	memset(&process, 0, sizeof(process));
	files[0] = used;
	check_code(RmRegisterResources(handle, 0, NULL, 0, NULL, 0, NULL), 0, "register: nothing");
	check_code(RmRegisterResources(99, 0, NULL, 0, NULL, 0, NULL), 6, "nothing: bad handle");
	check_code(RmRegisterResources(0, 0, NULL, 0, NULL, 0, NULL), 6, "nothing: handle 0");
	check_code(RmRegisterResources(handle, 1, NULL, 0, NULL, 0, NULL), 160,
		   "register: files missing");
	check_code(RmRegisterResources(handle, 0, NULL, 1, NULL, 0, NULL), 160,
		   "register: processes missing");
	check_code(RmRegisterResources(handle, 0, NULL, 0, NULL, 1, NULL), 160,
		   "register: services missing");
	check_code(RmRegisterResources(handle, UINT_MAX, files, 0, NULL, 0, NULL), 29,
		   "register: UINT_MAX files");
	check_code(RmRegisterResources(handle, 0, NULL, UINT_MAX, &process, 0, NULL), 29,
		   "register: UINT_MAX processes");
	check_code(RmRegisterResources(handle, 0, NULL, 1, &process, 0, NULL), 160,
		   "register: process 0");
	process.dwProcessId = (DWORD)RM_INVALID_PROCESS;
	check_code(RmRegisterResources(handle, 0, NULL, 1, &process, 0, NULL), 160,
		   "register: RM_INVALID_PROCESS");
	check_code(RmRegisterResources(99, 1, files, 0, NULL, 0, NULL), 6, "register: bad handle");
	check_code(RmRegisterResources(99, 1, NULL, 0, NULL, 0, NULL), 160,
		   "register: 160 comes before 6");
}

static void check_nothing_listed(DWORD handle, const char *what)
{
	UINT needed = 4711;
	UINT n = 0;
	DWORD reasons = 4711;

	check_code(RmGetList(handle, &needed, &n, NULL, &reasons), 0, what);
	check(needed == 0 && n == 0 && reasons == 0, "%s: 0, 0, 0", what);
}

static void check_register(void)
{
	RM_PROCESS_INFO apps[MAX_APPS];
	RM_UNIQUE_PROCESS dead;
	const WCHAR *files[3];
	DWORD handle = start_session();
	DWORD reasons = 0;
	pid_t user = start_user(used_file);

	check_counts(handle);
	check_bad_paths(handle);
	check_nothing_listed(handle, "after what was refused");
	check_code(add_file(handle, missing), 0, "register: a file that is missing");
	check_code(add_service(handle, TEXT_OF("rm-no-such-unit.service")), 0,
		   "register: an unknown service");
	dead.dwProcessId = (DWORD)user;
	dead.ProcessStartTime.dwLowDateTime = 1;
	dead.ProcessStartTime.dwHighDateTime = 2;
	check_code(RmRegisterResources(handle, 0, NULL, 1, &dead, 0, NULL), 0,
		   "register: a stale process");
	check_nothing_listed(handle, "missing, unknown and stale");
	files[0] = NULL;
	files[1] = used;
	files[2] = NULL;
	check_code(RmRegisterResources(handle, 3, files, 0, NULL, 0, NULL), 0,
		   "register: NULL among the files");
	check_code(RmRegisterResources(handle, 2, files, 0, NULL, 0, NULL), 0,
		   "register: a duplicate");
	check(get_list(handle, apps, &reasons) == 1, "the file between the NULLs has its user");
	stop_user(user);
	check_nothing_listed(handle, "after its end");
	check_code(RmEndSession(handle), 0, "end");
	check_code(add_file(handle, used), 6, "register: after the end");
}

/* ---- (c) 9: listing ---- */

static void check_list_arguments(DWORD handle)
{
	RM_PROCESS_INFO app;
	UINT needed = 4711;
	UINT n = 1;
	DWORD reasons = 4711;

	check_code(RmGetList(handle, NULL, &n, &app, &reasons), 160, "list: NULL needed");
	check_code(RmGetList(handle, &needed, NULL, &app, &reasons), 160, "list: NULL count");
	check_code(RmGetList(handle, &needed, &n, &app, NULL), 160, "list: NULL reasons");
	check_code(RmGetList(handle, &needed, &n, NULL, &reasons), 160, "list: room but no array");
	check_code(RmGetList(99, &needed, &n, NULL, &reasons), 160, "list: 160 comes before 6");
	check_code(RmGetList(99, &needed, &n, &app, &reasons), 6, "list: bad handle");
	check_code(RmGetList(0, &needed, &n, &app, &reasons), 6, "list: handle 0");
	check(needed == 4711 && n == 1 && reasons == 4711, "list: the outputs are untouched");
}

/* Two programs use the file. In a service or a container they may be one application. */
static void check_arithmetic(DWORD handle, pid_t first, pid_t second)
{
	RM_PROCESS_INFO apps[MAX_APPS], untouched;
	UINT needed = 0, again = 0;
	UINT n = 0;
	DWORD reasons = 4711;
	unsigned long long now = (unsigned long long)time(NULL) * 10000000 + FILETIME_OF_1970;
	int i;

	memset(apps, 0xa5, sizeof(apps));
	memset(&untouched, 0xa5, sizeof(untouched));
	check_code(RmGetList(handle, &needed, &n, NULL, &reasons), 234, "list: size probe");
	check(needed >= 1 && needed <= 2 && n == 0 && reasons != 4711, "needed %u", needed);
	if (needed < 1 || needed > 2) {
		return;
	}
	n = needed - 1;
	check_code(RmGetList(handle, &again, &n, apps, &reasons), 234, "list: one too few");
	check(again == needed && n == needed - 1, "as many as fit are counted");
	check(memcmp(&apps[n], &untouched, sizeof(untouched)) == 0, "and no more are written");
	n = MAX_APPS;
	check_code(RmGetList(handle, &again, &n, apps, &reasons), 0, "list: more than enough");
	check(again == needed && n == needed, "all are counted");
	check(memcmp(&apps[n], &untouched, sizeof(untouched)) == 0, "and no more are written");
	if (needed == 2) {
		check(find_pid(apps, 2, first) >= 0 && find_pid(apps, 2, second) >= 0,
		      "both programs are listed");
	}
	i = find_pid(apps, (int)n, first);
	i = i < 0 ? find_pid(apps, (int)n, second) : i;
	check(i >= 0, "one of the programs is listed");
	if (i >= 0) {
		check(start_time_of(&apps[i]) + 100000000 > now &&
			      start_time_of(&apps[i]) < now + 30000000,
		      "with the time of its start");
		check(apps[i].strAppName[0] != 0, "with a name");
		check(apps[i].AppStatus == RmStatusRunning, "as running");
	}
}

static void check_registered_process(pid_t pid, const RM_UNIQUE_PROCESS *process)
{
	RM_PROCESS_INFO apps[MAX_APPS];
	RM_UNIQUE_PROCESS copy = *process;
	DWORD handle = start_session();
	DWORD reasons = 0;

	check_code(RmRegisterResources(handle, 0, NULL, 1, &copy, 0, NULL), 0,
		   "register: a process as it was listed");
	check(get_list(handle, apps, &reasons) == 1 && find_pid(apps, 1, pid) == 0,
	      "it is listed again");
	check_code(RmEndSession(handle), 0, "end");
}

static void check_list(void)
{
	RM_PROCESS_INFO apps[MAX_APPS];
	DWORD handle = start_session();
	DWORD reasons = 0;
	pid_t first, second;
	int n;

	check_nothing_listed(handle, "list: an empty session");
	check_list_arguments(handle);
	check_code(add_file(handle, used), 0, "register");
	check_nothing_listed(handle, "list: nobody uses it");
	first = start_user(used_file);
	second = start_user(used_file);
	check_arithmetic(handle, first, second);
	/* A newer file takes its name: those who have the old one are still listed (A14). */
	make_file(other_file);
	check(rename(other_file, used_file) == 0, "the file is replaced");
	n = get_list(handle, apps, &reasons);
	check(n >= 1 && n <= 2, "list: the old version's users");
	if (n >= 1) {
		check_registered_process((pid_t)apps[0].Process.dwProcessId, &apps[0].Process);
	}
	stop_user(first);
	stop_user(second);
	check_nothing_listed(handle, "list: after their end");
	check_code(RmEndSession(handle), 0, "end");
}

static void check_directory(void)
{
	DWORD handle = start_session();
	UINT needed = 4711;
	UINT n = 0;
	DWORD reasons = 4711;

	check_code(add_file(handle, folder), 0, "register: a directory");
	check_code(RmGetList(handle, &needed, &n, NULL, &reasons), 5, "list: a directory");
	check(needed == 4711 && n == 0 && reasons == 4711, "list: the outputs are untouched");
	check_code(RmEndSession(handle), 0, "end");
}

/* (c) 11, as far as nothing is stopped. */
static void check_self(void)
{
	RM_PROCESS_INFO apps[MAX_APPS];
	DWORD handle = start_session();
	DWORD reasons = 0;
	int fd = open(used_file, O_RDONLY | O_CLOEXEC);
	int n, i;

	check_code(add_file(handle, used), 0, "register");
	n = get_list(handle, apps, &reasons);
	i = n > 0 ? find_pid(apps, n, getpid()) : -1;
	check(i >= 0 && apps[i].ApplicationType == RmCritical, "the caller itself is critical");
	check((reasons & RmRebootReasonDetectedSelf) != 0, "and a reason: %u", reasons);
	check(i < 0 || apps[i].bRestartable == FALSE, "and not restartable");
	close(fd);
	check_nothing_listed(handle, "list: after the file was closed");
	check_code(RmEndSession(handle), 0, "end");
}

/* ---- (c) 7: the secondary ---- */

static void check_secondary(void)
{
	RM_PROCESS_INFO apps[MAX_APPS];
	DWORD primary = start_session();
	DWORD secondary = 0;
	DWORD reasons = 4711;
	DWORD bytes = 4711;
	UINT needed = 4711;
	UINT n = 0;
	pid_t user = start_user(used_file);

	check_code(RmJoinSession(&secondary, key), 0, "join");
	check_code(add_file(secondary, used), 0, "secondary: register");
	check_code(RmGetList(secondary, &needed, &n, NULL, &reasons), 1219, "secondary: list");
	check_code(RmCancelCurrentTask(secondary), 1219, "secondary: cancel");
	check_code(RmAddFilter(secondary, used, NULL, NULL, RmNoShutdown), 1219,
		   "secondary: add filter");
	check_code(RmRemoveFilter(secondary, used, NULL, NULL), 1219, "secondary: remove filter");
	check_code(RmGetFilterList(secondary, NULL, 0, &bytes), 1219, "secondary: list filters");
	check(needed == 4711 && reasons == 4711 && bytes == 4711, "the outputs are untouched");
	check_code(RmEndSession(secondary), 0, "secondary: end");
	check(get_list(primary, apps, &reasons) == 1, "the primary has what it registered");
	check_code(RmJoinSession(&secondary, key), 0, "join");
	stop_user(user);
	check_code(RmEndSession(primary), 0, "end");
	check_code(add_file(secondary, used), 6, "secondary: register after the end");
	check_code(RmEndSession(secondary), 0, "secondary: end");
}

/* ---- (c) 18, as far as nothing is stopped ---- */

static void check_cancel(void)
{
	DWORD handle = start_session();

	check_code(RmCancelCurrentTask(handle), 0, "cancel: nothing runs");
	check_nothing_listed(handle, "list: not cancelled beforehand");
	check_code(RmCancelCurrentTask(99), 6, "cancel: bad handle");
	check_code(RmEndSession(handle), 0, "end");
	check_code(RmCancelCurrentTask(handle), 6, "cancel: after the end");
}

/* ---- (c) 19: filters ---- */

static void check_filter_arguments(DWORD handle)
{
	RM_UNIQUE_PROCESS process;
	const WCHAR *unit = TEXT_OF("a");

	memset(&process, 0, sizeof(process));
	process.dwProcessId = 1;
	check_code(RmAddFilter(handle, NULL, NULL, NULL, RmNoRestart), 160, "filter: no target");
	check_code(RmAddFilter(handle, used, &process, NULL, RmNoRestart), 160,
		   "filter: two targets");
	check_code(RmAddFilter(handle, used, NULL, unit, RmNoRestart), 160, "filter: two others");
	check_code(RmAddFilter(handle, used, &process, unit, RmNoRestart), 160,
		   "filter: three targets");
	check_code(RmAddFilter(handle, TEXT_OF(""), NULL, NULL, RmNoRestart), 160,
		   "filter: empty file");
	check_code(RmAddFilter(handle, NULL, NULL, TEXT_OF(""), RmNoRestart), 160,
		   "filter: empty service");
	check_code(RmAddFilter(handle, TEXT_OF("a"), NULL, NULL, RmNoRestart), 160,
		   "filter: relative file");
	check_code(RmAddFilter(handle, used, NULL, NULL, RmInvalidFilterAction), 160,
		   "filter: action 0");
	check_code(RmAddFilter(handle, used, NULL, NULL, (RM_FILTER_ACTION)3), 160,
		   "filter: action 3");
	check_code(RmAddFilter(99, used, NULL, NULL, RmNoRestart), 6, "filter: bad handle");
	check_code(RmRemoveFilter(handle, NULL, NULL, NULL), 160, "remove filter: no target");
	check_code(RmRemoveFilter(handle, used, &process, NULL), 160, "remove filter: two targets");
	check_code(RmRemoveFilter(handle, used, NULL, NULL), 2, "remove filter: there is none");
	check_code(RmRemoveFilter(99, used, NULL, NULL), 6, "remove filter: bad handle");
}

static void check_filter_list_arguments(DWORD handle)
{
	BYTE buffer[16];
	DWORD needed = 4711;

	check_code(RmGetFilterList(handle, NULL, 16, &needed), 160, "filters: room but no buffer");
	check_code(RmGetFilterList(handle, buffer, 16, NULL), 234, "filters: NULL needed");
	check_code(RmGetFilterList(99, buffer, 16, &needed), 6, "filters: bad handle");
	check(needed == 4711, "filters: needed is untouched");
	check_code(RmGetFilterList(handle, NULL, 0, &needed), 0, "filters: none");
	check(needed == 0, "filters: none need nothing");
}

/* The record at `at`, wherever that is. */
static RM_FILTER_INFO read_record(const BYTE *at)
{
	RM_FILTER_INFO info;

	memcpy(&info, at, sizeof(info));
	return info;
}

static void check_three_kinds(DWORD handle, const RM_UNIQUE_PROCESS *process)
{
	RM_UNIQUE_PROCESS copy = *process;
	BYTE buffer[1024];
	RM_FILTER_INFO info;
	DWORD needed = 0;
	DWORD again = 0;
	size_t at = 0;

	check_code(RmAddFilter(handle, NULL, NULL, TEXT_OF("rm-no-such"), RmNoRestart), 0,
		   "filter: by service");
	check_code(RmAddFilter(handle, missing, NULL, NULL, RmNoShutdown), 0, "filter: by file");
	check_code(RmAddFilter(handle, NULL, &copy, NULL, RmNoRestart), 0, "filter: by process");
	/* The same again: it is replaced and then the last. */
	check_code(RmAddFilter(handle, NULL, NULL, TEXT_OF("rm-no-such"), RmNoShutdown), 0,
		   "filter: by service, again");
	check_code(RmGetFilterList(handle, NULL, 0, &needed), 234, "filters: size probe");
	memset(buffer, 0xa5, sizeof(buffer));
	check_code(RmGetFilterList(handle, buffer, needed - 1, &again), 234, "filters: one short");
	check(again == needed && buffer[0] == 0xa5, "the buffer is untouched");
	check_code(RmGetFilterList(handle, buffer, needed, &again), 0, "filters");
	check(again == needed && buffer[needed] == 0xa5, "needed is exact");
	info = read_record(buffer);
	check(info.FilterTrigger == RmFilterTriggerFile && info.FilterAction == RmNoShutdown &&
		      is_text(info.strFilename, missing),
	      "the first is by file");
	check(info.cbNextOffset % 8 == 0, "the next one is aligned");
	at += info.cbNextOffset;
	info = read_record(buffer + at);
	check(info.FilterTrigger == RmFilterTriggerProcess && info.FilterAction == RmNoRestart &&
		      memcmp(&info.Process, process, sizeof(*process)) == 0,
	      "the second is by process");
	at += info.cbNextOffset;
	info = read_record(buffer + at);
	check(info.FilterTrigger == RmFilterTriggerService && info.FilterAction == RmNoShutdown &&
		      info.cbNextOffset == 0,
	      "the last is by service");
	check((const BYTE *)info.strServiceShortName >= buffer + at + sizeof(info) &&
		      (const BYTE *)info.strServiceShortName < buffer + needed,
	      "its string is in the buffer");
	check_code(RmRemoveFilter(handle, NULL, NULL, TEXT_OF("rm-no-such")), 0,
		   "remove filter: by service");
	check_code(RmRemoveFilter(handle, NULL, NULL, TEXT_OF("rm-no-such")), 2,
		   "remove filter: again");
	check_code(RmRemoveFilter(handle, missing, NULL, NULL), 0, "remove filter: by file");
	check_code(RmRemoveFilter(handle, NULL, &copy, NULL), 0, "remove filter: by process");
	check_code(RmGetFilterList(handle, NULL, 0, &needed), 0, "filters: none");
	check(needed == 0, "filters: none are left");
}

static void check_masks(DWORD handle, const RM_UNIQUE_PROCESS *process)
{
	static const struct {
		RM_FILTER_ACTION action;
		ULONG status;
	} rows[] = {
		{RmNoShutdown, RmStatusRunning | RmStatusShutdownMasked},
		{RmNoRestart, RmStatusRunning | RmStatusRestartMasked},
	};
	RM_UNIQUE_PROCESS copy = *process;
	RM_PROCESS_INFO apps[MAX_APPS];
	DWORD reasons = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_code(RmAddFilter(handle, NULL, &copy, NULL, rows[i].action), 0,
			   "filter: by process");
		check(get_list(handle, apps, &reasons) == 1 && apps[0].AppStatus == rows[i].status,
		      "its status is 0x%x: 0x%x", rows[i].status, apps[0].AppStatus);
	}
	check_code(RmRemoveFilter(handle, NULL, &copy, NULL), 0, "remove filter");
	check(get_list(handle, apps, &reasons) == 1 && apps[0].AppStatus == RmStatusRunning,
	      "its status is as before");
}

static void check_filters(void)
{
	RM_PROCESS_INFO apps[MAX_APPS];
	DWORD handle = start_session();
	DWORD reasons = 0;
	pid_t user = start_user(used_file);

	check_filter_arguments(handle);
	check_filter_list_arguments(handle);
	check_code(add_file(handle, used), 0, "register");
	memset(apps, 0, sizeof(apps));
	if (get_list(handle, apps, &reasons) == 1) {
		check_three_kinds(handle, &apps[0].Process);
		check_masks(handle, &apps[0].Process);
	} else {
		check(0, "one program is listed");
	}
	stop_user(user);
	check_code(RmEndSession(handle), 0, "end");
}

int main(void)
{
	start_broker();
	make_files();
	check_symbols();
	check_register();
	check_list();
	check_directory();
	check_self();
	check_secondary();
	check_cancel();
	check_filters();
	stop_broker();
	remove_used_files();
	return tap_end();
}
