/* SPDX-License-Identifier: MIT */
/* The supervising process has the signals blocked and waits for them and for its child alike. */
#include "tests/bench/supervise.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"

/* Waits for the end of the measuring process, or ends it when told to. Returns what this one
 * is to end with. */
static int wait_for(pid_t pid, const sigset_t *signals)
{
	int signal_number = 0, status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		signal_number = sigwaitinfo(signals, NULL);
		if (signal_number > 0 && signal_number != SIGCHLD) {
			process_end(pid, SIGKILL);
			return 128 + signal_number;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int supervise(void (*measure)(const void *options), const void *options)
{
	sigset_t signals, old_signals;
	pid_t pid;
	int code;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &signals, &old_signals);
	run_dir_make();
	pid = process_fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, &old_signals, NULL);
		measure(options);
		_exit(0);
	}
	/* What the measuring process leaves when it fails comes to us, and is being killed. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	code = wait_for(pid, &signals);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
	}
	run_dir_remove();
	return code;
}
