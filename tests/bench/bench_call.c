/* SPDX-License-Identifier: MIT */
/*
 * What one call costs: RmStartSession and RmEndSession against a bare ping-pong and against
 * D-Bus, all in the same rounds; then system calls, memory and wake-ups of the broker.
 *
 * The first process only supervises: it makes the run directory, forks the one that measures,
 * and removes the directory when that one and all it started are gone, also after ctrl-C.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/bench/report.h"
#include "tests/bench/run_dir.h"

#define MAX_SECONDS 60.0

struct options {
	int n_rounds;
	double seconds;	     /* of one measurement */
	double idle_seconds; /* of watching for wake-ups */
	bool placements[_PLACEMENT_COUNT];
	bool syscalls;
	bool memory;
	unsigned n_pairs; /* not 0: be the traced client */
};

static const char *const help =
	"usage: bench call [OPTIONS]\n"
	"\n"
	"  --rounds N      rounds, of which medians are taken (5)\n"
	"  --seconds S     of each measurement, 45 and 3 in a round (0.8)\n"
	"  --quick         one short round: does it work?\n"
	"  --only LIST     some of one-core,two-cores,free,rare,syscalls,memory\n"
	"  --help\n";

/* ---- options -------------------------------------------------------------------------------- */

static double parse_number(const char *text, double min, double max)
{
	char *end = NULL;
	double number = strtod(text, &end);

	if (end == text || *end || !(number >= min && number <= max)) {
		die("not a number from %g to %g: %s", min, max, text);
	}
	return number;
}

static void choose(struct options *options, bool value)
{
	for (size_t i = 0; i < _PLACEMENT_COUNT; i++) {
		options->placements[i] = value;
	}
	options->syscalls = value;
	options->memory = value;
}

static void parse_only(char *list, struct options *options)
{
	bool known;
	char *save = NULL;

	choose(options, false);
	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		known = true;
		if (strcmp(name, "syscalls") == 0) {
			options->syscalls = true;
		} else if (strcmp(name, "memory") == 0) {
			options->memory = true;
		} else {
			known = false;
		}
		for (enum placement i = 0; i < _PLACEMENT_COUNT; i++) {
			if (strcmp(name, placement_name(i)) == 0) {
				options->placements[i] = known = true;
			}
		}
		if (!known) {
			die("there is nothing named %s; see --help", name);
		}
	}
}

static void parse_options(int argc, char *argv[], struct options *options)
{
	static const struct option names[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{"quick", no_argument, NULL, 'q'},
		{"only", required_argument, NULL, 'o'},
		{"pairs", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	*options = (struct options){.n_rounds = 5, .seconds = 0.8, .idle_seconds = 3};
	choose(options, true);
	while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (option) {
		case 'r':
			options->n_rounds = (int)parse_number(optarg, 1, MAX_ROUNDS);
			break;
		case 's':
			options->seconds = parse_number(optarg, 0.01, MAX_SECONDS);
			break;
		case 'q':
			options->n_rounds = 1;
			options->seconds = 0.1;
			options->idle_seconds = 0.5;
			break;
		case 'o':
			parse_only(optarg, options);
			break;
		case 'p':
			options->n_pairs = (unsigned)parse_number(optarg, 1, 1e6);
			break;
		case 'h':
			(void)fputs(help, stdout);
			exit(0);
		default:
			(void)fputs(help, stderr);
			exit(1);
		}
	}
	if (optind < argc) {
		die("too many arguments; see --help");
	}
}

/* ---- measuring ------------------------------------------------------------------------------ */

/* All subjects one after another, each time beginning with another one: what comes first finds
 * the machine in another state. */
static void measure_shape(const struct options *options, enum placement placement, enum shape shape,
			  int i_round, struct round *round)
{
	const struct shape_info *info = shape_get(shape);
	struct load load = {
		.placement = placement,
		.n_clients = info->n_clients,
		.threads = info->threads,
		/* 200 calls a second are few to make a percentile of. */
		.seconds = options->seconds * (placement == PLACEMENT_RARE ? 2 : 1),
	};

	for (int i = 0; i < _SUBJECT_COUNT; i++) {
		load.subject = (enum subject_id)((i_round + i) % _SUBJECT_COUNT);
		clients_run(&load, &round->of[shape][load.subject]);
	}
}

static void measure_round(const struct options *options, int i_round, struct results *results)
{
	enum shape last;

	for (enum placement placement = 0; placement < _PLACEMENT_COUNT; placement++) {
		if (!results->has[placement]) {
			continue;
		}
		(void)fprintf(stderr, "bench: round %d of %d, %s\n", i_round + 1, options->n_rounds,
			      placement_name(placement));
		placement_move_servers(placement);
		last = placement == PLACEMENT_RARE ? SHAPE_1 : SHAPE_64_THREADS;
		for (enum shape shape = 0; shape <= last; shape++) {
			measure_shape(options, placement, shape, i_round,
				      &results->rounds[i_round][placement]);
		}
	}
	results->n_rounds = i_round + 1;
}

static void start_servers(struct report *report)
{
	for (enum subject_id subject = 0; subject < _SUBJECT_COUNT; subject++) {
		subject_get(subject)->start_servers();
	}
	report->fresh = memory_read();
}

static void measure(const struct options *options)
{
	static struct report report; /* large */
	int n_cpus = placement_init();
	char path[RUN_PATH_BYTES];

	report.has_syscalls = options->syscalls;
	report.has_memory = options->memory;
	memcpy(report.results.has, options->placements, sizeof(report.results.has));
	if (n_cpus < 2) {
		report.results.has[PLACEMENT_TWO_CORES] = false;
	}
	printf("CPUs: %d, rounds: %d, %g s a measurement; sockets and journal in %s%s\n", n_cpus,
	       options->n_rounds, options->seconds, run_dir_path("", path),
	       run_dir_is_tmpfs() ? " (tmpfs)" : " (no tmpfs: the journal may cost more)");
	start_servers(&report);
	for (int i = 0; i < options->n_rounds; i++) {
		measure_round(options, i, &report.results);
	}
	placement_move_servers(PLACEMENT_FREE);
	if (options->syscalls) {
		syscalls_measure(&report.server, &report.client);
	}
	if (options->memory) {
		report.used = memory_read();
		memory_measure_idle(options->idle_seconds, &report.idle);
	}
	server_end_all();
	report_print_tables(&report);
	report_print_syscalls(&report);
	report_print_memory(&report);
	report_print_targets(&report);
	(void)fflush(stdout);
}

/* ---- supervising ---------------------------------------------------------------------------- */

/* Waits for the end of the measuring process, or ends it when told to. Returns what this one
 * is to end with. */
static int supervise(pid_t pid, const sigset_t *signals)
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

int main(int argc, char *argv[])
{
	struct options options;
	sigset_t signals, old_signals;
	pid_t pid;
	int code;

	parse_options(argc, argv, &options);
	if (options.n_pairs > 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* strace does not take it along */
		syscalls_run_pairs(options.n_pairs);
		return 0;
	}
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
		measure(&options);
		_exit(0);
	}
	/* What the measuring process leaves when it fails comes to us, and is being killed. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	code = supervise(pid, &signals);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
	}
	run_dir_remove();
	return code;
}
