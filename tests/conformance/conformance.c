/* SPDX-License-Identifier: MIT */
/*
 * The Win32 face by its public header alone, against a private broker: types, constants, and the
 * codes of RmStartSession, RmJoinSession and RmEndSession. Compiled as C11 and, by
 * conformance.cpp, as C++17, each with both widths of WCHAR. Speaks TAP by itself, so that
 * nothing but the header and libc is needed.
 */
#include <dlfcn.h>
#include <restartmanager.h>
#include <rstrtmgr.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if RSTRTMGR_WCHAR_BITS == 16
#define TEXT_OF(text) u##text
#else
#define TEXT_OF(text) L##text
#endif

#define KEY_CHARACTERS (CCH_RM_SESSION_KEY + 1)

static int n_checks;
static int n_failed;

static void check(int is_good, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void check(int is_good, const char *format, ...)
{
	va_list values;

	n_checks++;
	n_failed += !is_good;
	printf("%s %d - ", is_good ? "ok" : "not ok", n_checks);
	va_start(values, format);
	vprintf(format, values);
	va_end(values);
	printf("\n");
	fflush(stdout);
}

static void check_code(DWORD code, DWORD wanted, const char *what)
{
	check(code == wanted, "%s: %u, wanted %u", what, code, wanted);
}

/* ---- the broker ---- */

static char directory[] = "/tmp/rm-XXXXXX";
static char socket_path[64];
static pid_t broker;

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void pause_ms(long ms)
{
	struct timespec pause;

	pause.tv_sec = 0;
	pause.tv_nsec = ms * 1000000;
	nanosleep(&pause, NULL); /* between two looks */
}

static void start_broker(void)
{
	const char *program = getenv("RM_BROKERD");
	char path[128], why[256];
	int tries = 0;

	if (!program || !mkdtemp(directory)) {
		die("RM_BROKERD");
	}
	snprintf(socket_path, sizeof(socket_path), "%s/b.sock", directory);
	setenv("RSTRTMGR_SOCKET", socket_path, 1);
	setenv("HOME", directory, 1); /* no configuration but the machine's */
	unsetenv("XDG_CONFIG_HOME");
	broker = fork();
	if (broker == 0) {
		execl(program, program, "--user", "--socket", socket_path, "--log", "error",
		      (char *)NULL);
		_exit(98);
	}
	while (rm_broker_locate(path, sizeof(path), why, sizeof(why)) != 0) {
		if (++tries > 3000) {
			kill(broker, SIGKILL);
			die("the broker does not come");
		}
		pause_ms(10);
	}
}

static void remove_files(void)
{
	static const char *const names[] = {"", ".lock", ".journal"};
	char path[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", socket_path, names[i]);
		unlink(path);
	}
	check(rmdir(directory) == 0, "nothing is left in the runtime directory");
}

static void stop_broker(void)
{
	int status = 0;

	kill(broker, SIGTERM);
	check(waitpid(broker, &status, 0) == broker && status == 0, "the broker ends with 0");
	remove_files();
}

/* ---- types and constants ---- */

static void check_layout(void)
{
	const size_t w = sizeof(WCHAR);
	const size_t pointer_at = sizeof(void *) == 8 ? 16 : 12;

	check(w * 8 == RSTRTMGR_WCHAR_BITS, "WCHAR has %d bits", RSTRTMGR_WCHAR_BITS);
	check(sizeof(DWORD) == 4 && sizeof(BOOL) == 4 && sizeof(UINT) == 4 && sizeof(ULONG) == 4,
	      "integers of 32 bits");
	check((DWORD)-1 > 0 && (UINT)-1 > 0 && (ULONG)-1 > 0, "that are unsigned");
	check((BOOL)-1 < 0, "but for BOOL");
	check(sizeof(FILETIME) == 8, "FILETIME");
	check(sizeof(RM_UNIQUE_PROCESS) == 12 && offsetof(RM_UNIQUE_PROCESS, dwProcessId) == 0 &&
		      offsetof(RM_UNIQUE_PROCESS, ProcessStartTime) == 4,
	      "RM_UNIQUE_PROCESS");
	check(sizeof(RM_PROCESS_INFO) == (w == 2 ? 668 : 1308), "RM_PROCESS_INFO has %zu bytes",
	      sizeof(RM_PROCESS_INFO));
	check(offsetof(RM_PROCESS_INFO, Process) == 0 &&
		      offsetof(RM_PROCESS_INFO, strAppName) == 12 &&
		      offsetof(RM_PROCESS_INFO, strServiceShortName) == 12 + 256 * w &&
		      offsetof(RM_PROCESS_INFO, ApplicationType) == 12 + 320 * w &&
		      offsetof(RM_PROCESS_INFO, AppStatus) == 16 + 320 * w &&
		      offsetof(RM_PROCESS_INFO, TSSessionId) == 20 + 320 * w &&
		      offsetof(RM_PROCESS_INFO, bRestartable) == 24 + 320 * w,
	      "offsets in RM_PROCESS_INFO");
	check(sizeof(RM_FILTER_INFO) == (sizeof(void *) == 8 ? 32 : 24), "RM_FILTER_INFO");
	check(offsetof(RM_FILTER_INFO, FilterAction) == 0 &&
		      offsetof(RM_FILTER_INFO, FilterTrigger) == 4 &&
		      offsetof(RM_FILTER_INFO, cbNextOffset) == 8 &&
		      offsetof(RM_FILTER_INFO, strFilename) == pointer_at &&
		      offsetof(RM_FILTER_INFO, Process) == pointer_at &&
		      offsetof(RM_FILTER_INFO, strServiceShortName) == pointer_at,
	      "offsets in RM_FILTER_INFO");
	check(sizeof(RM_APP_TYPE) == 4 && sizeof(RM_SHUTDOWN_TYPE) == 4 &&
		      sizeof(RM_APP_STATUS) == 4 && sizeof(RM_REBOOT_REASON) == 4 &&
		      sizeof(RM_FILTER_TRIGGER) == 4 && sizeof(RM_FILTER_ACTION) == 4,
	      "enumerations of 32 bits");
}

static void check_constants(void)
{
#define VALUE(name, value)                                                                         \
	{                                                                                          \
#name, (long)(name), value                                                         \
	}
	static const struct {
		const char *name;
		long value;
		long wanted;
	} constants[] = {
		VALUE(RM_SESSION_KEY_LEN, 16),
		VALUE(CCH_RM_SESSION_KEY, 32),
		VALUE(100 / CCH_RM_SESSION_KEY, 3), /* in parentheses */
		VALUE(CCH_RM_MAX_APP_NAME, 255),
		VALUE(CCH_RM_MAX_SVC_NAME, 63),
		VALUE(RM_INVALID_TS_SESSION, -1),
		VALUE(RM_INVALID_PROCESS, -1),
		VALUE(RmUnknownApp, 0),
		VALUE(RmMainWindow, 1),
		VALUE(RmOtherWindow, 2),
		VALUE(RmService, 3),
		VALUE(RmExplorer, 4),
		VALUE(RmConsole, 5),
		VALUE(RmCritical, 1000),
		VALUE(RmForceShutdown, 0x1),
		VALUE(RmShutdownOnlyRegistered, 0x10),
		VALUE(RmStatusUnknown, 0),
		VALUE(RmStatusRunning, 1),
		VALUE(RmStatusStopped, 2),
		VALUE(RmStatusStoppedOther, 4),
		VALUE(RmStatusRestarted, 8),
		VALUE(RmStatusErrorOnStop, 0x10),
		VALUE(RmStatusErrorOnRestart, 0x20),
		VALUE(RmStatusShutdownMasked, 0x40),
		VALUE(RmStatusRestartMasked, 0x80),
		VALUE(RmRebootReasonNone, 0),
		VALUE(RmRebootReasonPermissionDenied, 1),
		VALUE(RmRebootReasonSessionMismatch, 2),
		VALUE(RmRebootReasonCriticalProcess, 4),
		VALUE(RmRebootReasonCriticalService, 8),
		VALUE(RmRebootReasonDetectedSelf, 0x10),
		VALUE(RmFilterTriggerInvalid, 0),
		VALUE(RmFilterTriggerFile, 1),
		VALUE(RmFilterTriggerProcess, 2),
		VALUE(RmFilterTriggerService, 3),
		VALUE(RmInvalidFilterAction, 0),
		VALUE(RmNoRestart, 1),
		VALUE(RmNoShutdown, 2),
		VALUE(ERROR_SUCCESS, 0),
		VALUE(ERROR_FILE_NOT_FOUND, 2),
		VALUE(ERROR_ACCESS_DENIED, 5),
		VALUE(ERROR_INVALID_HANDLE, 6),
		VALUE(ERROR_OUTOFMEMORY, 14),
		VALUE(ERROR_WRITE_FAULT, 29),
		VALUE(ERROR_NOT_SUPPORTED, 50),
		VALUE(ERROR_SEM_TIMEOUT, 121),
		VALUE(ERROR_INSUFFICIENT_BUFFER, 122),
		VALUE(ERROR_BAD_ARGUMENTS, 160),
		VALUE(ERROR_BUSY, 170),
		VALUE(ERROR_ALREADY_EXISTS, 183),
		VALUE(ERROR_MORE_DATA, 234),
		VALUE(ERROR_DIRECTORY, 267),
		VALUE(ERROR_FAIL_NOACTION_REBOOT, 350),
		VALUE(ERROR_FAIL_SHUTDOWN, 351),
		VALUE(ERROR_FAIL_RESTART, 352),
		VALUE(ERROR_MAX_SESSIONS_REACHED, 353),
		VALUE(ERROR_REQUEST_OUT_OF_SEQUENCE, 776),
		VALUE(ERROR_NOT_FOUND, 1168),
		VALUE(ERROR_SESSION_CREDENTIAL_CONFLICT, 1219),
		VALUE(ERROR_CANCELLED, 1223),
		VALUE(RPC_S_SERVER_UNAVAILABLE, 1722),
	};

	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		check(constants[i].value == constants[i].wanted, "%s is %ld", constants[i].name,
		      constants[i].wanted);
	}
}

static void check_symbols(void)
{
	typedef DWORD start_fn(DWORD * handle, DWORD flags, WCHAR key[]);
	void *symbol = dlsym(RTLD_DEFAULT, RM_SYMBOL(RmStartSession));
	start_fn *start = NULL;

	check(symbol != NULL, "%s is exported", RM_SYMBOL(RmStartSession));
	check(dlsym(RTLD_DEFAULT, RM_SYMBOL(RmJoinSession)) != NULL, "%s is exported",
	      RM_SYMBOL(RmJoinSession));
	check(dlsym(RTLD_DEFAULT, RM_SYMBOL(RmEndSession)) != NULL, "%s is exported",
	      RM_SYMBOL(RmEndSession));
	check(strcmp(RM_SYMBOL(RmEndSession),
		     RSTRTMGR_WCHAR_BITS == 16 ? "RmEndSession" : "RmEndSession_wc32") == 0,
	      "RM_SYMBOL names the set of %d bits", RSTRTMGR_WCHAR_BITS);
	memcpy(&start, &symbol, sizeof(start));
	check_code(start ? start(NULL, 0, NULL) : 0, 160, "called by its symbol");
}

/* ---- (c) 1 to 3: starting ---- */

static void check_start_arguments(void)
{
	WCHAR key[KEY_CHARACTERS];
	WCHAR before[KEY_CHARACTERS];
	DWORD handle = 4711;

	memset(key, 0xa5, sizeof(key));
	memcpy(before, key, sizeof(key));
	check_code(RmStartSession(NULL, 0, key), 160, "start: NULL handle");
	check_code(RmStartSession(&handle, 0, NULL), 160, "start: NULL key");
	check_code(RmStartSession(NULL, 0, NULL), 160, "start: both NULL");
	check_code(RmStartSession(&handle, 1, key), 160, "start: flag 1");
	check_code(RmStartSession(&handle, 0xFFFFFFFF, key), 160, "start: all flags");
	check(handle == 4711, "start: the handle is untouched");
	check(memcmp(key, before, sizeof(key)) == 0, "start: the key is untouched");
}

static void check_handles(void)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD first = 0, second = 0, third = 0;

	check_code(RmEndSession(0), 6, "end: handle 0 before any");
	check_code(RmEndSession(1), 6, "end: handle 1 before any");
	check_code(RmStartSession(&first, 0, key), 0, "start: first");
	check(first == 1, "the first handle is 1");
	check_code(RmStartSession(&second, 0, key), 0, "start: second");
	check_code(RmJoinSession(&third, key), 0, "join: third");
	check(second == 2 && third == 3, "handles are the lowest that are free");
	check_code(RmEndSession(0), 6, "end: handle 0");
	check_code(RmEndSession(0xFFFFFFFF), 6, "end: handle 0xFFFFFFFF");
	check_code(RmEndSession(4), 6, "end: a handle that never was");
	check_code(RmEndSession(0x7FFFFFFF), 6, "end: a large handle");
	check_code(RmEndSession(first), 0, "end: first");
	check_code(RmEndSession(first), 6, "end: first, again");
	check_code(RmStartSession(&first, 0, key), 0, "start: anew");
	check(first == 1, "its number is used again");
	check_code(RmEndSession(third), 0, "end: joined");
	check_code(RmEndSession(third), 6, "end: joined, again");
	check_code(RmEndSession(second), 0, "end: second");
	check_code(RmEndSession(first), 0, "end: first");
}

/* Whether it is 32 lowercase hex digits and a NUL. */
static int is_key(const WCHAR *key)
{
	for (int i = 0; i < CCH_RM_SESSION_KEY; i++) {
		if (!(key[i] >= '0' && key[i] <= '9') && !(key[i] >= 'a' && key[i] <= 'f')) {
			return 0;
		}
	}
	return key[CCH_RM_SESSION_KEY] == 0;
}

static void check_key(void)
{
	WCHAR key[KEY_CHARACTERS + 1], other[KEY_CHARACTERS];
	unsigned char behind[sizeof(WCHAR)];
	DWORD handle = 0, second = 0;

	memset(key, 0xee, sizeof(key)); /* unterminated garbage, which is not read */
	memset(behind, 0xee, sizeof(behind));
	check_code(RmStartSession(&handle, 0, key), 0, "start over garbage");
	check(is_key(key), "the key is 32 hex digits and a NUL");
	check(memcmp(&key[KEY_CHARACTERS], behind, sizeof(behind)) == 0,
	      "behind 33 characters nothing is written");
	memcpy(other, key, sizeof(other));
	check_code(RmStartSession(&second, 0, other), 0, "start over a key in use");
	check(is_key(other) && memcmp(key, other, sizeof(other)) != 0, "another key comes");
	check_code(RmEndSession(second), 0, "end");
	check_code(RmEndSession(handle), 0, "end");
}

/* ---- (c) 4 and 5: the limit and the owner's death ---- */

static void check_limit(void)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD handles[64], handle = 4711;
	int n = 0;

	while (n < 64 && RmStartSession(&handles[n], 0, key) == 0) {
		n++;
	}
	check(n == 64, "one process may hold 64 sessions: %d", n);
	check_code(RmStartSession(&handle, 0, key), 353, "start: the 65th");
	check(handle == 4711, "the handle is untouched");
	check_code(RmJoinSession(&handle, key), 0, "a join does not count");
	check_code(RmEndSession(handle), 0, "end: the join");
	check_code(RmEndSession(handles[31]), 0, "end: one of 64");
	check_code(RmStartSession(&handles[31], 0, key), 0, "start: into the free slot");
	for (int i = 0; i < n; i++) {
		n -= RmEndSession(handles[i]) != 0;
	}
	check(n == 64, "all of them end");
}

static void hold_all(int told)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD handle;
	char n = 0;

	while (RmStartSession(&handle, 0, key) == 0) {
		n++;
	}
	if (write(told, &n, 1) != 1) {
		_exit(1);
	}
	for (;;) {
		pause();
	}
}

static void check_owner_killed(void)
{
	WCHAR key[KEY_CHARACTERS];
	DWORD handle = 0, code = 353;
	int told[2];
	char n = 0;
	pid_t pid;

	if (pipe(told) < 0) {
		die("pipe");
	}
	pid = fork();
	if (pid == 0) {
		hold_all(told[1]);
	}
	check(read(told[0], &n, 1) == 1 && n == 64, "another process holds all 64: %d", n);
	check_code(RmStartSession(&handle, 0, key), 353, "start: none is left");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 100 && code == 353; i++) {
		code = RmStartSession(&handle, 0, key);
		if (code == 353) {
			pause_ms(10);
		}
	}
	check_code(code, 0, "start: within a second of the owner's death");
	check_code(RmEndSession(handle), 0, "end");
	close(told[0]);
	close(told[1]);
}

/* ---- (c) 6: joining ---- */

static int join_in_child(const WCHAR *key, DWORD inherited)
{
	DWORD handle = 0;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int ok = RmEndSession(inherited) == 6 && RmJoinSession(&handle, key) == 0 &&
			 handle == 1 && RmEndSession(handle) == 0 && RmEndSession(handle) == 6;

		_exit(!ok);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void check_bad_keys(DWORD *handle, const WCHAR *key)
{
	WCHAR bad[CCH_RM_SESSION_KEY + 3];

	check_code(RmJoinSession(handle, TEXT_OF("")), 1219, "join: key of 0");
	memcpy(bad, key, KEY_CHARACTERS * sizeof(WCHAR));
	bad[31] = 0;
	check_code(RmJoinSession(handle, bad), 1219, "join: key of 31");
	memcpy(bad, key, KEY_CHARACTERS * sizeof(WCHAR));
	bad[32] = '0';
	bad[33] = 0;
	check_code(RmJoinSession(handle, bad), 1219, "join: key of 33");
	bad[32] = 0;
	bad[7] = 'g';
	check_code(RmJoinSession(handle, bad), 1219, "join: not hex");
	bad[7] = (WCHAR)0xd800;
	check_code(RmJoinSession(handle, bad), 1219, "join: a lone surrogate");
	bad[7] = (WCHAR)(key[7] + 0x100); /* whose low byte is right */
	check_code(RmJoinSession(handle, bad), 1219, "join: no ASCII");
	bad[7] = ' ';
	check_code(RmJoinSession(handle, bad), 1219, "join: a blank");
	check_code(RmJoinSession(handle, TEXT_OF("0123456789abcdef0123456789abcdef")), 1219,
		   "join: a key of nobody");
	check_code(RmJoinSession(handle, TEXT_OF("{123456789abcdef0123456789abcde}")), 1219,
		   "join: in braces");
}

static void check_join(void)
{
	WCHAR key[KEY_CHARACTERS], upper[KEY_CHARACTERS];
	DWORD handle = 0, joined = 0, untouched = 4711;

	check_code(RmStartSession(&handle, 0, key), 0, "start");
	check_code(RmJoinSession(NULL, key), 160, "join: NULL handle");
	check_code(RmJoinSession(&untouched, NULL), 160, "join: NULL key");
	check_bad_keys(&untouched, key);
	check(untouched == 4711, "join: the handle is untouched");
	check_code(RmJoinSession(&joined, key), 0, "join: same process");
	check(joined != handle, "it has a handle of its own");
	for (int i = 0; i < KEY_CHARACTERS; i++) {
		upper[i] = (WCHAR)(key[i] >= 'a' && key[i] <= 'f' ? key[i] - 0x20 : key[i]);
	}
	check_code(RmEndSession(joined), 0, "end: the join");
	check_code(RmJoinSession(&joined, upper), 0, "join: upper case");
	check(join_in_child(key, handle), "join: another process");
	check_code(RmEndSession(handle), 0, "end: the primary");
	check_code(RmJoinSession(&untouched, key), 1219, "join: an ended session");
	check_code(RmEndSession(joined), 0, "end: the secondary of an ended session");
	check_code(RmEndSession(joined), 6, "end: the secondary, again");
}

/* Buffers that end where memory does. */
static void check_borders(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	WCHAR *last;
	DWORD handle = 0, joined = 0, untouched = 4711;

	if (pages == (char *)MAP_FAILED || mprotect(pages + page, page, PROT_NONE) < 0) {
		die("mmap");
	}
	last = (WCHAR *)(void *)(pages + page - KEY_CHARACTERS * sizeof(WCHAR));
	check_code(RmStartSession(&handle, 0, last), 0, "start: 33 characters and no more");
	check_code(RmJoinSession(&joined, last), 0, "join: 33 characters and no more");
	for (int i = 0; i < KEY_CHARACTERS; i++) {
		last[i] = 'a';
	}
	check_code(RmJoinSession(&untouched, last), 1219, "join: 33 without an end");
	memset(last, 0xff, KEY_CHARACTERS * sizeof(WCHAR));
	check_code(RmJoinSession(&untouched, last), 1219, "join: 33 of garbage");
	check(untouched == 4711, "join: the handle is untouched");
	last[32] = 0;
	check_code(RmJoinSession(&untouched, last + 32), 1219, "join: a NUL at the end of memory");
	check_code(RmEndSession(joined), 0, "end");
	check_code(RmEndSession(handle), 0, "end");
	munmap(pages, 2 * page);
}

int main(void)
{
	printf("TAP version 13\n");
	check_layout();
	check_constants();
	start_broker();
	check_symbols();
	check_start_arguments();
	check_handles();
	check_key();
	check_limit();
	check_owner_killed();
	check_join();
	check_borders();
	stop_broker();
	printf("1..%d\n", n_checks);
	return n_failed ? 1 : 0;
}
