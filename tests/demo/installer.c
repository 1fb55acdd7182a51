/* SPDX-License-Identifier: MIT */
/*
 * An installer for the demonstration: an ordinary program with the public header and nothing else.
 *
 *     demo_installer primary      starts a session
 *     demo_installer secondary    joins the one whose key is in RM_SESSION_KEY
 *
 * It holds what it has until a line on standard input tells it to go on: `start` opens another
 * session, `end HANDLE` ends one, `quit` or the end of the input ends the program. Every call is
 * answered by one line: what was called, the code, and what came of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/restartmanager.h"

#define MAX_LINE 64

static void start(void)
{
	DWORD handle = 0;
	WCHAR key[CCH_RM_SESSION_KEY + 1] = {0};
	DWORD code = RmStartSession(&handle, 0, key);

	printf("start %u %u %ls\n", code, handle, key);
}

static void join(const char *text)
{
	DWORD handle = 0;
	WCHAR key[CCH_RM_SESSION_KEY + 2] = {0};
	size_t n = strnlen(text, CCH_RM_SESSION_KEY + 1);
	DWORD code;

	for (size_t i = 0; i < n; i++) {
		key[i] = (WCHAR)(unsigned char)text[i];
	}
	code = RmJoinSession(&handle, key);
	printf("join %u %u\n", code, handle);
}

static void end(const char *text)
{
	DWORD handle = (DWORD)strtoul(text, NULL, 10);

	printf("end %u %u\n", RmEndSession(handle), handle);
}

/* Returns whether to go on. */
static int obey(const char *line)
{
	if (strcmp(line, "start\n") == 0) {
		start();
	} else if (strncmp(line, "end ", 4) == 0) {
		end(line + 4);
	} else {
		return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	const char *key = getenv("RM_SESSION_KEY");
	char line[MAX_LINE];

	(void)setvbuf(stdout, NULL, _IOLBF, 0); /* a line is an answer, wanted at once */
	if (argc == 2 && strcmp(argv[1], "primary") == 0) {
		start();
	} else if (argc == 2 && strcmp(argv[1], "secondary") == 0 && key) {
		join(key);
	} else {
		(void)fprintf(stderr, "usage: %s primary|secondary\n", argv[0]);
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), stdin) && obey(line)) {
	}
	return EXIT_SUCCESS;
}
