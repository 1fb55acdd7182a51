/* SPDX-License-Identifier: MIT */
/*
 * What the question "who uses these files?" costs: one rm_session_list(), cold and warm, against
 * fuser and lsof over the same processes and files in the same rounds; and what other clients
 * feel of it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/scan_measure.h"
#include "tests/bench/scan_pool.h"
#include "tests/bench/supervise.h"

struct options {
	size_t n_rounds;
	double seconds; /* of each measurement of other clients */
	bool populations[_SCAN_POPULATION_COUNT];
	bool others;
};

static const char *const help =
	"usage: bench scan [OPTIONS]\n"
	"\n"
	"  --rounds N       rounds, of which medians are taken (5)\n"
	"  --quick          one short round with 200 processes: does it work?\n"
	"  --only LIST      some of 200,1000,4000,others\n"
	"  --help\n";

static double parse_number(const char *text, double min, double max)
{
	char *end = NULL;
	double number = strtod(text, &end);

	if (end == text || *end || !(number >= min && number <= max)) {
		die("not a number from %g to %g: %s", min, max, text);
	}
	return number;
}

static bool choose(const char *name, struct options *options)
{
	if (strcmp(name, "others") == 0) {
		options->others = true;
		return true;
	}
	for (enum scan_population i = 0; i < _SCAN_POPULATION_COUNT; i++) {
		if (strtol(name, NULL, 10) == scan_population_size(i)) {
			options->populations[i] = true;
			return true;
		}
	}
	return false;
}

static void parse_only(char *list, struct options *options)
{
	char *save = NULL;

	memset(options->populations, 0, sizeof(options->populations));
	options->others = false;
	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (!choose(name, options)) {
			die("there is nothing named %s; see --help", name);
		}
	}
}

static void parse_options(int argc, char *argv[], struct options *options)
{
	static const struct option names[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"quick", no_argument, NULL, 'q'},
		{"only", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	*options = (struct options){5, 1.5, {true, true, true}, true};
	while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (option) {
		case 'r':
			options->n_rounds = (size_t)parse_number(optarg, 1, SCAN_MAX_ROUNDS);
			break;
		case 'q':
			*options = (struct options){1, 0.2, {true, false, false}, true};
			break;
		case 'o':
			parse_only(optarg, options);
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

static void print_heading(const struct options *options)
{
	char path[RUN_PATH_BYTES];
	double load = 0;

	(void)getloadavg(&load, 1);
	printf("CPUs: %ld, rounds: %zu; files and sockets in %s%s\nload average before: %.2f%s\n",
	       sysconf(_SC_NPROCESSORS_ONLN), options->n_rounds, run_dir_path("", path),
	       run_dir_is_tmpfs() ? " (tmpfs)" : "", load,
	       load > 0.5 ? " (others are at work: the figures will be worse)" : "");
	(void)fflush(stdout);
}

static void measure_population(const struct options *options, enum scan_population population,
			       struct scan_results *results)
{
	(void)fprintf(stderr, "bench: %ld processes\n", scan_population_size(population));
	scan_pool_start(scan_population_size(population));
	for (size_t i = 0; i < options->n_rounds; i++) {
		scan_measure_round(population, i, results);
	}
	scan_pool_stop();
}

static void measure_others(const struct options *options, struct scan_results *results)
{
	bool is_short = options->n_rounds == 1;

	(void)fprintf(stderr, "bench: other clients\n");
	scan_pool_start(scan_population_size(is_short ? SCAN_200 : SCAN_4000));
	for (size_t i = 0; i < options->n_rounds; i++) {
		scan_measure_others(i, options->seconds, results);
	}
	scan_pool_stop();
}

static void measure(const void *arg)
{
	static struct scan_results results; /* large */
	const struct options *options = arg;

	print_heading(options);
	scan_pool_make_files();
	for (enum scan_population i = 0; i < _SCAN_POPULATION_COUNT; i++) {
		if (options->populations[i]) {
			measure_population(options, i, &results);
		}
	}
	if (options->others) {
		measure_others(options, &results);
	}
	scan_report_print(&results);
	(void)fflush(stdout);
}

int main(int argc, char *argv[])
{
	struct options options;

	parse_options(argc, argv, &options);
	return supervise(measure, &options);
}
