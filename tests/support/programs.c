/* SPDX-License-Identifier: MIT */
/* Running other programs. What they say is read until they close it, with a deadline. */
#include "tests/support/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/testing.h"

#define PROGRAM_MS 10000
#define ANSWER_MS 10000
#define MAX_ARGUMENTS 8

/* Starts a program with its standard descriptors; -1: as ours. */
static pid_t spawn(const char *program, char *const *arguments, int in, int out, int err)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0) {
		return pid;
	}
	if ((in >= 0 && dup2(in, STDIN_FILENO) < 0) || (out >= 0 && dup2(out, STDOUT_FILENO) < 0) ||
	    (err >= 0 && dup2(err, STDERR_FILENO) < 0)) {
		_exit(98);
	}
	(void)execv(program, arguments);
	perror(program);
	_exit(98);
}

void program_output_done(struct program_output *output)
{
	free(output->out);
	free(output->err);
	*output = (struct program_output){0};
}

static int open_output(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

struct program_output rmctl_run(const char *argument, ...)
{
	const char *command[MAX_ARGUMENTS + 2] = {"rmctl", argument};
	const char *out_path = fixture_path("out");
	const char *err_path = fixture_path("err");
	struct program_output output;
	uint64_t began = testing_now_ms();
	int out, err;
	pid_t pid;
	va_list rest;

	va_start(rest, argument);
	for (size_t n = 2; argument && n <= MAX_ARGUMENTS; n++) {
		command[n] = argument = va_arg(rest, const char *);
	}
	va_end(rest);
	out = open_output(out_path);
	err = open_output(err_path);
	pid = spawn(testing_rmctl(), (char *const *)(uintptr_t)command, -1, out, err);
	output.code = testing_wait_child(pid, PROGRAM_MS);
	output.ms = (int)(testing_now_ms() - began);
	ck_assert_int_eq(close(out), 0);
	ck_assert_int_eq(close(err), 0);
	output.out = testing_read_file(out_path);
	output.err = testing_read_file(err_path);
	return output;
}

void installer_start(struct installer *installer)
{
	char *const command[] = {(char *)(uintptr_t) "installer", NULL};
	int to[2], from[2];

	ck_assert_int_eq(pipe2(to, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(from, O_CLOEXEC), 0);
	installer->pid = spawn(testing_installer(), command, to[0], from[1], -1);
	ck_assert_int_eq(close(to[0]), 0);
	ck_assert_int_eq(close(from[1]), 0);
	installer->to = to[1];
	installer->from = from[0];
	ck_assert_str_eq(installer_answer(installer), "ready");
}

static void tell(struct installer *installer, const char *format, va_list values) _printf_(2, 0);

static void tell(struct installer *installer, const char *format, va_list values)
{
	char line[512];
	int n = vsnprintf(line, sizeof(line) - 1, format, values);

	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, (int)sizeof(line) - 1);
	line[n++] = '\n';
	ck_assert_int_eq(write(installer->to, line, (size_t)n), n);
}

void installer_tell(struct installer *installer, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	tell(installer, format, values);
	va_end(values);
}

const char *installer_answer(struct installer *installer)
{
	uint64_t deadline = testing_now_ms() + (uint64_t)testing_scale_ms(ANSWER_MS);
	size_t size = 0;

	for (;;) {
		struct pollfd poll_fd = {.fd = installer->from, .events = POLLIN};
		uint64_t now = testing_now_ms();

		ck_assert_msg(now < deadline, "the installer does not answer");
		if (poll(&poll_fd, 1, (int)(deadline - now)) != 1) {
			continue;
		}
		ck_assert_int_eq(read(installer->from, installer->line + size, 1), 1);
		if (installer->line[size] == '\n') {
			installer->line[size] = '\0';
			return installer->line;
		}
		size++;
		ck_assert_uint_lt(size, sizeof(installer->line) - 1);
	}
}

int installer_ask(struct installer *installer, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	tell(installer, format, values);
	va_end(values);
	return atoi(installer_answer(installer));
}

uint32_t installer_session(struct installer *installer, const char *command, char ret_key[33])
{
	uint32_t number = 0;
	int code = -1;

	installer_tell(installer, "%s", command);
	ck_assert_int_eq(
		sscanf(installer_answer(installer), "%d %" SCNu32 " %32s", &code, &number, ret_key),
		3);
	ck_assert_int_eq(code, 0);
	return number;
}

static int end(struct installer *installer)
{
	int code = testing_wait_child(installer->pid, ANSWER_MS);

	ck_assert_int_eq(close(installer->to), 0);
	ck_assert_int_eq(close(installer->from), 0);
	return code;
}

void installer_quit(struct installer *installer)
{
	installer_tell(installer, "quit");
	ck_assert_int_eq(end(installer), 0);
}

void installer_kill(struct installer *installer)
{
	ck_assert_int_eq(kill(installer->pid, SIGKILL), 0);
	ck_assert_int_eq(end(installer), 128 + SIGKILL);
}
