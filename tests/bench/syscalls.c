/* SPDX-License-Identifier: MIT */
/*
 * strace counts while a client does some pairs, and again while it does more; the difference
 * is what the calls cost, without starting up and connecting.
 *
 * The sides are traced one after the other, so that neither is slowed down while the other is
 * counted. The traced client is this program again, with --pairs.
 */
#include "tests/bench/syscalls.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/subject.h"

#define FEW_PAIRS 1000u
#define MANY_PAIRS 3000u
/* A pair is two calls. */
#define CALLS_BETWEEN (2.0 * (MANY_PAIRS - FEW_PAIRS))

struct counted {
	char name[32];
	long n;
};

struct summary {
	size_t n;
	struct counted of[MAX_SYSCALLS];
};

void syscalls_run_pairs(unsigned n_pairs)
{
	void *client = subject_rm.open();

	while (n_pairs-- > 0) {
		subject_rm.start(client);
		subject_rm.end(client);
	}
	subject_rm.close(client);
}

/* Reads what `strace -c -U name,calls` wrote. Returns whether it counted anything. */
static bool read_summary(const char *path, struct summary *ret_summary)
{
	FILE *file = fopen(path, "re");
	struct counted one;
	char line[256];

	*ret_summary = (struct summary){0};
	while (file && fgets(line, sizeof(line), file) && ret_summary->n < MAX_SYSCALLS) {
		if (sscanf(line, "%31s %ld", one.name, &one.n) == 2 && strcmp(one.name, "total")) {
			ret_summary->of[ret_summary->n++] = one;
		}
	}
	if (file) {
		(void)fclose(file);
	}
	return ret_summary->n > 0;
}

/* Waits until strace says that it has attached, or ends without. */
static bool wait_attached(int fd)
{
	char text[256];
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, text + size, sizeof(text) - 1 - size)) > 0) {
		size += (size_t)n;
		text[size] = '\0';
		if (strstr(text, "attached")) {
			return true;
		}
	}
	return false;
}

static bool count_server(unsigned n_pairs, const char *output, struct summary *ret_summary)
{
	char pid[16];
	const char *const argv[] = {"strace", "-f",   "-c", "-U", "name,calls",
				    "-o",     output, "-p", pid,  NULL};
	bool attached;
	int errors[2];
	pid_t strace, client;

	(void)snprintf(pid, sizeof(pid), "%d", subject_rm_broker());
	if (pipe2(errors, O_CLOEXEC) < 0) {
		die_errno("pipe");
	}
	strace = process_start(argv, -1, errors[1]);
	(void)close(errors[1]);
	attached = wait_attached(errors[0]);
	if (attached) {
		client = process_fork();
		if (client == 0) {
			syscalls_run_pairs(n_pairs);
			_exit(0);
		}
		process_wait(client, "a client");
	}
	process_end(strace, SIGINT);
	(void)close(errors[0]);
	return attached && read_summary(output, ret_summary);
}

static bool count_client(unsigned n_pairs, const char *output, struct summary *ret_summary)
{
	char self[4096], pairs[16];
	const char *const argv[] = {"strace", "-f", "-c", "-U",	     "name,calls", "-o",
				    output,   "--", self, "--pairs", pairs,	   NULL};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t pid;
	int status = 0;

	if (n < 0) {
		die_errno("/proc/self/exe");
	}
	self[n] = '\0';
	(void)snprintf(pairs, sizeof(pairs), "%u", n_pairs);
	pid = process_start(argv, -1, -1);
	return waitpid(pid, &status, 0) == pid && status == 0 && read_summary(output, ret_summary);
}

static long find(const struct summary *summary, const char *name)
{
	for (size_t i = 0; i < summary->n; i++) {
		if (strcmp(summary->of[i].name, name) == 0) {
			return summary->of[i].n;
		}
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = ((const struct syscall_count *)a)->per_call;
	double y = ((const struct syscall_count *)b)->per_call;

	return (x < y) - (x > y);
}

typedef bool count_fn(unsigned n_pairs, const char *output, struct summary *ret_summary);

static void measure_side(count_fn *count, const char *side, struct syscall_counts *ret_counts)
{
	struct summary few, many;
	struct syscall_count *one;
	char output[RUN_PATH_BYTES];

	*ret_counts = (struct syscall_counts){.per_call = NAN};
	(void)run_dir_path("strace.txt", output);
	if (!count(FEW_PAIRS, output, &few) || !count(MANY_PAIRS, output, &many)) {
		(void)fprintf(stderr,
			      "bench: the system calls of the %s are not counted: strace "
			      "is missing or may not trace here\n",
			      side);
		return;
	}
	ret_counts->per_call = 0;
	for (size_t i = 0; i < many.n; i++) {
		one = &ret_counts->of[ret_counts->n++];
		memcpy(one->name, many.of[i].name, sizeof(one->name));
		one->per_call = (double)(many.of[i].n - find(&few, one->name)) / CALLS_BETWEEN;
		ret_counts->per_call += one->per_call;
	}
	qsort(ret_counts->of, ret_counts->n, sizeof(*ret_counts->of), compare);
}

void syscalls_measure(struct syscall_counts *ret_server, struct syscall_counts *ret_client)
{
	measure_side(count_server, "server", ret_server);
	measure_side(count_client, "client", ret_client);
}
