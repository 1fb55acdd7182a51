/* SPDX-License-Identifier: MIT */
/*
 * What others feel: a client that starts and ends sessions as fast as it goes, in a process of
 * its own, while this one lets the broker scan or registers files. The longest of its calls bounds
 * the time that the broker's loop was away, from above: a client can be kept off its CPU as well.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "client/restartmanager.h"
#include "client/rstrtmgr.h"
#include "tests/bench/histogram.h"
#include "tests/bench/process.h"
#include "tests/bench/scan_broker.h"
#include "tests/bench/scan_measure.h"
#include "tests/bench/scan_pool.h"

#define WARM_UP_CALLS 50
#define REGISTRATIONS 5 /* while another client calls */

/* Shared with the client. */
struct counts {
	struct histogram starts;
	uint64_t longest_ns;
};

struct client {
	struct counts *counts;
	pid_t pid;
	int ready; /* a pipe's end: a byte comes when it calls */
	int stop;  /* closed: it ends */
};

static uint64_t call_once(void)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1];
	DWORD handle, code;
	uint64_t start = now_ns(), end;

	code = RmStartSession(&handle, 0, key);
	end = now_ns();
	if (code != ERROR_SUCCESS || RmEndSession(handle) != ERROR_SUCCESS) {
		die("a call of another client returned %u", code);
	}
	return end - start;
}

static _Noreturn void run_client(struct counts *counts, int ready, int stop)
{
	char byte = 0;
	uint64_t ns;

	for (int i = 0; i < WARM_UP_CALLS; i++) {
		(void)call_once();
	}
	if (fcntl(stop, F_SETFL, O_NONBLOCK) < 0 || write(ready, &byte, 1) != 1) {
		die_errno("another client");
	}
	while (read(stop, &byte, 1) < 0) { /* EAGAIN */
		ns = call_once();
		histogram_add(&counts->starts, ns);
		counts->longest_ns = ns > counts->longest_ns ? ns : counts->longest_ns;
	}
	_exit(0);
}

static void start_client(struct client *client)
{
	int ready[2], stop[2];
	char byte;

	client->counts = mmap(NULL, sizeof(*client->counts), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (client->counts == MAP_FAILED || pipe2(ready, O_CLOEXEC) < 0 ||
	    pipe2(stop, O_CLOEXEC) < 0) {
		die_errno("another client");
	}
	client->pid = process_fork();
	if (client->pid == 0) {
		(void)close(stop[1]);
		run_client(client->counts, ready[1], stop[0]);
	}
	(void)close(ready[1]);
	(void)close(stop[0]);
	client->ready = ready[0];
	client->stop = stop[1];
	if (read(client->ready, &byte, 1) != 1) {
		die("another client failed");
	}
}

static struct scan_latency end_client(struct client *client)
{
	struct scan_latency latency;

	(void)close(client->stop);
	(void)close(client->ready);
	process_wait(client->pid, "another client");
	latency = (struct scan_latency){
		.p50 = histogram_find_percentile(&client->counts->starts, 0.5) / 1000,
		.p99 = histogram_find_percentile(&client->counts->starts, 0.99) / 1000,
		.max = (double)client->counts->longest_ns / 1000,
	};
	(void)munmap(client->counts, sizeof(*client->counts));
	return latency;
}

static struct rm_session *start_session(const struct scan_files *files)
{
	const struct rm_resources resources = {.n_files = files->n, .files = files->paths};
	struct rm_session *session;
	int code = rm_session_start(-1, &session);

	if (code == 0) {
		code = rm_session_register(session, &resources);
	}
	if (code != 0) {
		die("a session with %zu files: %s", files->n, rm_strerror(code));
	}
	return session;
}

static struct scan_latency measure_alone(double seconds)
{
	const struct timespec duration = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
	struct client client;

	start_client(&client);
	(void)nanosleep(&duration, NULL);
	return end_client(&client);
}

static struct scan_latency measure_during_scan(double seconds)
{
	static struct scan_files files;
	struct rm_application_list *list;
	struct rm_session *session;
	struct client client;
	uint64_t end;
	int code;

	scan_files_fill(&files, 100);
	session = start_session(&files);
	start_client(&client);
	end = now_ns() + (uint64_t)(seconds * 1e9);
	do {
		code = rm_session_list(session, RM_LIST_ANEW, &list);
		if (code != 0) {
			die("rm_session_list returned %d: %s", code, rm_strerror(code));
		}
		rm_application_list_free(list);
	} while (now_ns() < end);
	(void)rm_session_end(session);
	return end_client(&client);
}

static double measure_statx(const struct scan_files *files)
{
	uint64_t start = now_ns();
	struct statx st;

	for (size_t i = 0; i < files->n; i++) {
		if (statx(AT_FDCWD, files->paths[i], AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) <
		    0) {
			die_errno("%s", files->paths[i]);
		}
	}
	return (double)(now_ns() - start) / 1e6;
}

static struct scan_latency measure_registration(double *ret_register_ms, double *ret_statx_ms)
{
	static struct scan_files files;
	struct rm_session *session;
	struct client client;
	uint64_t start;

	scan_files_fill(&files, SCAN_MAX_FILES);
	*ret_statx_ms = measure_statx(&files);
	start = now_ns();
	session = start_session(&files);
	*ret_register_ms = (double)(now_ns() - start) / 1e6;
	(void)rm_session_end(session);
	start_client(&client);
	for (int i = 0; i < REGISTRATIONS; i++) {
		session = start_session(&files);
		(void)rm_session_end(session);
	}
	return end_client(&client);
}

void scan_measure_others(size_t i_round, double seconds, struct scan_results *results)
{
	long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char config[64];

	results->n_threads = n_cpus > 1 ? (unsigned int)n_cpus - 1 : 1;
	(void)snprintf(config, sizeof(config), "[Scan]\nThreads=%u\n", results->n_threads);
	scan_broker_start(config);
	results->alone[i_round] = measure_alone(seconds);
	results->during_scan[i_round] = measure_during_scan(seconds);
	results->during_registration[i_round] =
		measure_registration(&results->register_ms[i_round], &results->statx_ms[i_round]);
	scan_broker_stop();
	results->n_others = i_round + 1;
}
