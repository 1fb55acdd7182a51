/* SPDX-License-Identifier: MIT */
/*
 * One round: every tool and every state, one after another, so that a ratio is made of two
 * neighbours in time. Each answer's number of processes is compared with what the pool must give.
 */
#include "tests/bench/scan_measure.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "client/rstrtmgr.h"
#include "tests/bench/process.h"
#include "tests/bench/scan_broker.h"
#include "tests/bench/scan_pool.h"

#define TEXT_MAPS "[Scan]\nMaps=text\n"

static double ms_since(uint64_t start_ns)
{
	return (double)(now_ns() - start_ns) / 1e6;
}

/* ---- commands ------------------------------------------------------------------------------- */

/* From the start to the end; what it says goes nowhere, and so does its exit code, which is 1 of
 * tools that found some of the files unused. */
static double run_command(const char *program, const char *verb, const struct scan_files *files)
{
	_cleanup_(freep) const char **argv = calloc(files->n + 3, sizeof(*argv));
	_cleanup_(closep) int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint64_t start;
	size_t n = 0;
	pid_t pid;

	if (!argv || nowhere < 0) {
		die_errno("%s", program);
	}
	argv[n++] = program;
	if (verb) {
		argv[n++] = verb;
	}
	memcpy(argv + n, files->paths, files->n * sizeof(*argv));
	start = now_ns();
	pid = process_start(argv, nowhere, nowhere);
	(void)waitpid(pid, NULL, 0);
	return ms_since(start);
}

/* ---- questions ------------------------------------------------------------------------------ */

static size_t count_processes(const struct rm_application_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_applications; i++) {
		n += list->applications[i].n_processes;
	}
	return n;
}

static double ask(struct rm_session *session, size_t n_expected)
{
	struct rm_application_list *list;
	uint64_t start = now_ns();
	int code = rm_session_list(session, 0, &list);
	double ms = ms_since(start);

	if (code != 0) {
		die("rm_session_list returned %d: %s", code, rm_strerror(code));
	}
	if (count_processes(list) != n_expected) {
		die("%zu processes are listed, not %zu", count_processes(list), n_expected);
	}
	rm_application_list_free(list);
	return ms;
}

static struct rm_session *start_session(void)
{
	struct rm_session *session;
	int code = rm_session_start(-1, &session);

	if (code != 0) {
		die("rm_session_start returned %d: %s", code, rm_strerror(code));
	}
	return session;
}

static double register_files(struct rm_session *session, const struct scan_files *files)
{
	const struct rm_resources resources = {.n_files = files->n, .files = files->paths};
	uint64_t start = now_ns();
	int code = rm_session_register(session, &resources);
	double ms = ms_since(start);

	if (code != 0) {
		die("rm_session_register returned %d: %s", code, rm_strerror(code));
	}
	return ms;
}

/* A fresh broker, which has looked at nothing yet. */
static struct rm_session *begin_cold(const char *config, const struct scan_files *files,
				     double *ret_register_ms)
{
	struct rm_session *session;

	scan_broker_start(config);
	session = start_session();
	*ret_register_ms = register_files(session, files);
	return session;
}

static void end_cold(struct rm_session *session)
{
	int code = rm_session_end(session);

	if (code != 0) {
		die("rm_session_end returned %d: %s", code, rm_strerror(code));
	}
	scan_broker_stop();
}

/* ---- a round -------------------------------------------------------------------------------- */

static void measure_set(enum scan_population population, enum scan_set set, size_t i_round,
			struct scan_results *results)
{
	static struct scan_files files; /* large */
	double(*ms)[SCAN_MAX_ROUNDS] = results->ms[population][set];
	long n_processes = scan_population_size(population);
	struct rm_session *session;
	size_t n_expected;
	double unused;

	scan_files_fill(&files, scan_set_size(set));
	n_expected = (size_t)n_processes * files.n_tenths_using / 10;
	ms[SCAN_FUSER][i_round] = run_command("fuser", NULL, &files);
	session = begin_cold("", &files, &ms[SCAN_REGISTER][i_round]);
	ms[SCAN_COLD][i_round] = ask(session, n_expected);
	ms[SCAN_IDLE][i_round] = ask(session, n_expected);
	scan_pool_run(n_processes / 10);
	ms[SCAN_TENTH][i_round] = ask(session, n_expected);
	ms[SCAN_WHO][i_round] = run_command(getenv("RM_RMCTL"), "who", &files);
	end_cold(session);
	session = begin_cold(TEXT_MAPS, &files, &unused);
	ms[SCAN_COLD_TEXT][i_round] = ask(session, n_expected);
	end_cold(session);
	ms[SCAN_LSOF][i_round] = run_command("lsof", NULL, &files);
}

void scan_measure_round(enum scan_population population, size_t i_round,
			struct scan_results *results)
{
	for (enum scan_set set = 0; set < _SCAN_SET_COUNT; set++) {
		measure_set(population, set, i_round, results);
	}
	results->n_rounds[population] = i_round + 1;
}
