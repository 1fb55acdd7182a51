/* SPDX-License-Identifier: MIT */
/*
 * What one call costs: RmStartSession and RmEndSession against a bare ping-pong and against
 * D-Bus, all in the same rounds; then system calls, memory and wake-ups of the broker.
 */
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/bench/report.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/supervise.h"

#define MAX_SECONDS 60.0
#define RARE_ROUNDS 3 /* in each of the others */

struct options {
	int n_rounds;
	double seconds;	     /* of one measurement */
	double idle_seconds; /* of watching for wake-ups */
	bool placements[_PLACEMENT_COUNT];
	unsigned n_clients; /* the one number of clients to measure; 0: all */
	bool syscalls;
	bool memory;
	unsigned n_pairs; /* not 0: be the traced client */
};

static const char *const help =
	"usage: bench call [OPTIONS]\n"
	"\n"
	"  --rounds N      rounds, of which medians are taken (5)\n"
	"  --seconds S     of each measurement, of which a round has 54 (0.8)\n"
	"  --quick         one short round: does it work?\n"
	"  --clients N     1, 8 or 64 clients only\n"
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

static unsigned parse_clients(const char *text)
{
	double number = parse_number(text, 1, MAX_CLIENTS);

	for (enum shape shape = 0; shape < _SHAPE_COUNT; shape++) {
		if (number == shape_get(shape)->n_clients) {
			return shape_get(shape)->n_clients;
		}
	}
	die("1, 8 or 64 clients, not %s", text);
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
		{"clients", required_argument, NULL, 'c'},
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
			options->n_rounds = (int)parse_number(optarg, 1, MAX_ROUNDS / RARE_ROUNDS);
			break;
		case 's':
			options->seconds = parse_number(optarg, 0.01, MAX_SECONDS);
			break;
		case 'c':
			options->n_clients = parse_clients(optarg);
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

static void measure_placement(const struct options *options, enum placement placement,
			      struct results *results)
{
	int i_round = results->n_rounds[placement];

	placement_move_servers(placement);
	for (enum shape shape = 0; shape < _SHAPE_COUNT; shape++) {
		if (results_has(results, placement, shape)) {
			measure_shape(options, placement, shape, i_round,
				      &results->rounds[i_round][placement]);
		}
	}
	results->n_rounds[placement]++;
}

/* Client and server of a rare call meet on one core or on two, as it happens, for as long as
 * they live; so there are more and shorter rounds of it. */
static void measure_round(const struct options *options, int i_round, struct results *results)
{
	for (enum placement placement = 0; placement < _PLACEMENT_COUNT; placement++) {
		if (!results->has[placement]) {
			continue;
		}
		(void)fprintf(stderr, "bench: round %d of %d, %s\n", i_round + 1, options->n_rounds,
			      placement_name(placement));
		for (int i = 0; i < (placement == PLACEMENT_RARE ? RARE_ROUNDS : 1); i++) {
			measure_placement(options, placement, results);
		}
	}
}

static void choose_cells(const struct options *options, int n_cpus, struct results *results)
{
	memcpy(results->has, options->placements, sizeof(results->has));
	for (enum shape shape = 0; shape < _SHAPE_COUNT; shape++) {
		results->has_shape[shape] = options->n_clients == 0 ||
					    options->n_clients == shape_get(shape)->n_clients;
	}
	if (n_cpus < 2) {
		results->has[PLACEMENT_TWO_CORES] = false;
	}
	if (!results->has_shape[SHAPE_1]) {
		results->has[PLACEMENT_RARE] = false;
	}
}

static void start_servers(struct report *report)
{
	for (enum subject_id subject = 0; subject < _SUBJECT_COUNT; subject++) {
		subject_get(subject)->start_servers();
	}
	report->fresh = memory_read();
}

static void print_heading(const struct options *options, int n_cpus)
{
	char path[RUN_PATH_BYTES];
	double load = 0;

	(void)getloadavg(&load, 1);
	printf("CPUs: %d, rounds: %d, %g s a measurement; sockets and journal in %s%s\n"
	       "load average before: %.2f%s\n",
	       n_cpus, options->n_rounds, options->seconds, run_dir_path("", path),
	       run_dir_is_tmpfs() ? " (tmpfs)" : " (no tmpfs: the journal may cost more)", load,
	       load > 0.5 ? " (others are at work: the figures will be worse)" : "");
}

static void measure(const void *arg)
{
	const struct options *options = arg;
	static struct report report; /* large */
	int n_cpus = placement_init();

	report.has_syscalls = options->syscalls;
	report.has_memory = options->memory;
	choose_cells(options, n_cpus, &report.results);
	print_heading(options, n_cpus);
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

int main(int argc, char *argv[])
{
	struct options options;

	parse_options(argc, argv, &options);
	if (options.n_pairs > 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* strace does not take it along */
		syscalls_run_pairs(options.n_pairs);
		return 0;
	}
	return supervise(measure, &options);
}
