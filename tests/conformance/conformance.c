/* SPDX-License-Identifier: MIT */
/*
 * The Win32 face by its public header alone, against a private broker: the codes and outputs of
 * RmStartSession, RmJoinSession and RmEndSession. Compiled as C11 and, by conformance.cpp, as
 * C++17, each with both widths of WCHAR. Nothing but the header and libc is needed.
 */
#include <dlfcn.h>
#include <sys/mman.h>

#include "tests/conformance/broker.h"

/* ---- symbols ---- */

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
	return tap_end();
}
