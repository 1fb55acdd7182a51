/* SPDX-License-Identifier: MIT */
/*
 * rmbrokerd: options, then the daemon. It stays in the foreground; who starts it supervises it.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "broker/daemon.h"
#include "broker/log.h"
#include "broker/scan/worker.h"
#include "proto/base.h"

static const char usage[] =
	"Usage: rmbrokerd --user|--system [--socket PATH] [--config FILE] [--log LEVEL]\n"
	"The Restart Manager's broker: keeps the update sessions of one user or of the machine.\n"
	"\n"
	"      --user          serve the user that runs it\n"
	"      --system        serve the machine's administrator (root only)\n"
	"      --socket PATH   listen there; default $XDG_RUNTIME_DIR/rstrtmgr/broker.sock,\n"
	"                      with --system /run/rstrtmgr/broker.sock\n"
	"      --config FILE   read this configuration and no other\n"
	"      --log LEVEL     error, warning, info (default) or debug\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"The journal of sessions is kept beside the socket. SIGHUP reads the configuration again.\n";

enum option_value {
	OPTION_USER = 256,
	OPTION_SYSTEM,
	OPTION_SOCKET,
	OPTION_CONFIG,
	OPTION_LOG
};

static const struct option options[] = {
	{"user", no_argument, NULL, OPTION_USER},
	{"system", no_argument, NULL, OPTION_SYSTEM},
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"config", required_argument, NULL, OPTION_CONFIG},
	{"log", required_argument, NULL, OPTION_LOG},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static int fail_usage(const char *why)
{
	(void)fprintf(stderr, "rmbrokerd: %s; try 'rmbrokerd --help'\n", why);
	return EXIT_FAILURE;
}

static int parse_level(const char *name)
{
	static const char *const names[] = {[LOG_ERR] = "error",
					    [LOG_WARNING] = "warning",
					    [LOG_INFO] = "info",
					    [LOG_DEBUG] = "debug"};

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
		if (names[i] && strcmp(name, names[i]) == 0) {
			return i;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct daemon_options daemon = {.argv = argv};
	bool is_user = false;
	int level = LOG_INFO;
	int option;

	if (argc > 1 && strcmp(argv[1], "--worker") == 0) {
		return worker_main(argc, argv); /* started by a broker, not by people */
	}
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (option) {
		case OPTION_USER:
			is_user = true;
			break;
		case OPTION_SYSTEM:
			daemon.is_system = true;
			break;
		case OPTION_SOCKET:
			daemon.socket_path = optarg;
			break;
		case OPTION_CONFIG:
			daemon.config_path = optarg;
			break;
		case OPTION_LOG:
			level = parse_level(optarg);
			break;
		case 'h':
			return fputs(usage, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
		case 'V':
			return puts("rmbrokerd " RM_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
		default:
			return EXIT_FAILURE; /* getopt_long() has said why */
		}
	}
	if (optind < argc) {
		return fail_usage("there are arguments that are no options");
	}
	if (level < 0) {
		return fail_usage("--log takes error, warning, info or debug");
	}
	if (is_user == daemon.is_system) {
		return fail_usage("give one of --user and --system");
	}
	log_init(level);
	return daemon_run(&daemon) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
