/* SPDX-License-Identifier: MIT */
/*
 * What is special about writing to a stdout that somebody else chose: it may be closed, full, a
 * terminal without colours, or in a locale without UTF-8. An answer that could not be written is
 * an error, because a script would otherwise act on half of it.
 */
#include "client/rmctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/rmctl/report.h"

void output_secure_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0) {
			/* The lowest free descriptor is `fd`. The wrong way round: every use
			 * fails. */
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		}
	}
}

bool output_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool output_has_colors(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	if (options->color != COLOR_AUTO) {
		return options->color == COLOR_ALWAYS;
	}
	if (no_color && no_color[0]) {
		return false;
	}
	return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

enum exit_code output_flush(void)
{
	if (fflush(stdout)) {
		return report_errno(errno, "cannot write to stdout");
	}
	if (ferror(stdout)) { /* an earlier write, whose errno is gone */
		report_notice("cannot write all of the output to stdout");
		return EXIT_ERROR;
	}
	return EXIT_DONE;
}
