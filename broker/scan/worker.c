/* SPDX-License-Identifier: MIT */
/*
 * A worker process. It is the broker's program run again, so it begins with nothing of the
 * broker's memory: no keys, no sessions. It lives as long as the broker.
 */
#include "broker/scan/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/privileges.h"
#include "broker/scan/file_worker.h"
#include "broker/scan/link.h"
#include "broker/scan/reading_board.h"
#include "broker/scan/scan_loop.h"

#define LINK_FD 3
#define BOARD_FD 4

struct worker_options {
	const char *kind;
	struct scan_loop_options scan;
};

static const struct option options[] = {
	{"worker", required_argument, NULL, 'w'}, {"threads", required_argument, NULL, 't'},
	{"text-maps", no_argument, NULL, 'm'},	  {"system", no_argument, NULL, 's'},
	{"skip", required_argument, NULL, 'p'},	  {NULL, 0, NULL, 0},
};

/* No more power than it came with, no core dump of what it read, and not without the broker. */
static void confine(const char *kind)
{
	struct rlimit no_core = {0, 0};
	char name[16] = "rm-";

	(void)prctl(PR_SET_PDEATHSIG,
		    SIGKILL); /* these may be missing; the link's end ends it too */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)strncat(name, kind, sizeof(name) - strlen(name) - 1);
	(void)prctl(PR_SET_NAME, name);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN); /* the terminal's is for the broker, which then ends us */
}

static int serve_scans(struct scan_loop_options *scan)
{
	_cleanup_(closep) int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(worker_link_done) struct worker_link link = {.fd = LINK_FD};
	int r;

	if (proc_fd < 0) {
		return negative_errno();
	}
	scan->proc_fd = proc_fd;
	r = reading_board_open(BOARD_FD);
	if (r < 0) {
		return r;
	}
	(void)close(BOARD_FD); /* the mapping stays */
	return scan_loop_run(&link, scan);
}

/* What this kind of worker needs of the machine's power, and no more (A72). */
static int drop_privileges(const char *kind)
{
	uint64_t kept = PRIVILEGE(CAP_DAC_READ_SEARCH);

	if (strcmp(kind, "scan") == 0) {
		kept |= PRIVILEGE(CAP_SYS_PTRACE) | PRIVILEGE(CAP_CHECKPOINT_RESTORE) |
			PRIVILEGE(CAP_KILL);
	} else {
		kept |= PRIVILEGE(CAP_LEASE);
	}
	return privileges_drop(kept);
}

static int serve(struct worker_options *worker)
{
	if (worker->scan.is_system && drop_privileges(worker->kind) < 0) {
		return -EPERM;
	}
	if (strcmp(worker->kind, "files") == 0) {
		return file_worker_run(LINK_FD, false);
	}
	if (strcmp(worker->kind, "remote") == 0) {
		return file_worker_run(LINK_FD, true);
	}
	return strcmp(worker->kind, "scan") == 0 ? serve_scans(&worker->scan) : -EINVAL;
}

/* "PID:START" */
static int add_skipped(struct scan_loop_options *scan, const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (*end != ':' || scan->n_skipped == MAX_SKIPPED_PROCESSES) {
		return -EINVAL;
	}
	scan->skipped[scan->n_skipped++] = (struct skipped_process){
		.pid = (pid_t)pid, .start_time = strtoull(end + 1, NULL, 10)};
	return 0;
}

int worker_main(int argc, char **argv)
{
	struct worker_options worker = {.kind = ""};
	int option;
	int r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'w':
			worker.kind = optarg;
			break;
		case 't':
			worker.scan.n_threads = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			worker.scan.text_maps = true;
			break;
		case 'p':
			if (add_skipped(&worker.scan, optarg) < 0) {
				return EXIT_FAILURE;
			}
			break;
		case 's':
			worker.scan.is_system = true;
			break;
		default:
			return EXIT_FAILURE;
		}
	}
	confine(worker.kind);
	if (fcntl(LINK_FD, F_SETFD, FD_CLOEXEC) < 0) {
		return EXIT_FAILURE; /* not started by the broker */
	}
	r = serve(&worker);
	return r == -EPIPE || r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
