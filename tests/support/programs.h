/* SPDX-License-Identifier: MIT */
/* Other programs: rmctl, run to its end, and installers (installer.c), asked line by line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"

/* What a program said and how it ended. Free with program_output_done(). */
struct program_output {
	int code; /* exit code, or 128 + signal */
	char *out;
	char *err;
	int ms; /* how long it took */
};

void program_output_done(struct program_output *output);

/* Runs rmctl with up to 8 arguments, the last one NULL. */
struct program_output rmctl_run(const char *argument, ...) __attribute__((__sentinel__));

struct installer {
	pid_t pid;
	int to;	  /* its stdin */
	int from; /* its stdout */
	char line[512];
};

void installer_start(struct installer *installer);
/* Sends a command; the answer is to be fetched with installer_answer(). */
void installer_tell(struct installer *installer, const char *format, ...) _printf_(2, 3);
/* The next line it says, without the newline. */
const char *installer_answer(struct installer *installer);
/* Both; returns the code that the answer begins with. */
int installer_ask(struct installer *installer, const char *format, ...) _printf_(2, 3);
/* Asks for "start" or "start-for ..." and takes the answer apart; it must be 0. */
uint32_t installer_session(struct installer *installer, const char *command, char ret_key[33]);

/* Ends it; it must exit with 0. */
void installer_quit(struct installer *installer);
void installer_kill(struct installer *installer);
