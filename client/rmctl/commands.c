/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs, and the help, which is printed from it.
 * A new verb is one row here, one prototype in commands.h and one function in a cmd_ file.
 */
#include "client/rmctl/commands.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "client/rmctl/suggest.h"

#define MANY INT_MAX

static const struct command commands[] = {
	{"who", "[FILE]...", "tell who uses files, how, and whether it may be restarted",
	 "Also of everything below a directory (-r DIR), of a Debian package (--package NAME), and\n"
	 "of processes and services. -r, --package, --pid and --service may be given many times.\n"
	 "Nothing is changed. Ends with 0 whether or not somebody uses them; --pids and --json are\n"
	 "for scripts.\n",
	 OPTIONS_RESOURCES | OPTIONS_LISTING | OPTION_ANEW, 0, MANY, cmd_who},
	{"stale", "", "tell who runs a deleted or replaced file",
	 "By who renews it: the kernel, services and applications to restart, and what only a\n"
	 "logout, a reboot or the like renews.\n",
	 OPTIONS_LISTING | OPTION_ANEW, 0, 0, cmd_stale},
	{"start", "", "start a session and print its id and key",
	 "The session belongs to the parent of rmctl, usually the shell, or to PID, and ends\n"
	 "when that process does. The id and the key come on one line:\n"
	 "  read -r RM_SESSION RM_SESSION_KEY < <(rmctl start)\n"
	 "The key is printed only here; whoever has it may join.\n",
	 OPTION_OWNER, 0, 0, cmd_start},
	{"join", "[KEY]", "join a session and print its id",
	 "KEY is what `rmctl start` printed. Without it $RM_SESSION_KEY is used, which does not\n"
	 "show in the list of processes. The join lasts as long as its owner.\n",
	 OPTION_OWNER, 0, 1, cmd_join},
	{"register", "[FILE]...", "add files, processes and services to a session",
	 "The session is that of --session or $RM_SESSION, and $RM_SESSION_KEY its key. What is\n"
	 "registered stays until the session ends. With --join the key is enough: rmctl takes part\n"
	 "as a secondary installer and leaves again.\n",
	 OPTIONS_RESOURCES | OPTION_SESSION | OPTION_JOIN, 0, MANY, cmd_register},
	{"list", "[ID]", "tell who uses what a session has registered",
	 "Without ID the session is that of --session or $RM_SESSION; $RM_SESSION_KEY is its key.\n",
	 OPTIONS_LISTING | OPTION_ANEW | OPTION_SESSION, 0, 1, cmd_list},
	{"filter", "add|remove|list", "set what a session may not do with an application",
	 "The application is named by --executable, --pid or --service, the session by --session\n"
	 "or $RM_SESSION, and $RM_SESSION_KEY is its key.\n"
	 "  rmctl filter add --no-shutdown --service ssh\n",
	 OPTION_SESSION | OPTION_EXECUTABLE | OPTION_PID | OPTION_SERVICE | OPTION_NO_RESTART |
		 OPTION_NO_SHUTDOWN,
	 1, 1, cmd_filter},
	{"policy", "NAME", "tell which policy file decides about NAME",
	 "NAME is a unit, the path of a program, or a package.\n", 0, 1, 1, cmd_policy},
	{"sessions", "", "list the sessions", "", 0, 0, 0, cmd_sessions},
	{"show", "[ID]", "show one session and who has joined it",
	 "Without ID the session is that of --session or $RM_SESSION.\n", OPTION_SESSION, 0, 1,
	 cmd_show},
	{"end", "[ID]", "end a session",
	 "Without ID the session is that of --session or $RM_SESSION. When $RM_SESSION_KEY is\n"
	 "set for that session, rmctl ends it as its primary installer; otherwise as the\n"
	 "administrator, who may end every session of the user.\n",
	 OPTION_SESSION, 0, 1, cmd_end},
	{"watch", "", "print what happens, as it happens",
	 "One event a line. Ends when the broker goes away, unless told to --follow.\n",
	 OPTION_HISTORY | OPTION_COUNT | OPTION_FOLLOW, 0, 0, cmd_watch},
	{"status", "", "show the broker, its limits and its journal",
	 "Ends with 0 only when a broker answered, and with 3 when there is none.\n", 0, 0, 0,
	 cmd_status},
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

const char *command_suggest(const char *name)
{
	const char *names[ARRAY_SIZE(commands)];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		names[i] = commands[i].name;
	}
	return suggest_name(name, names, ARRAY_SIZE(names));
}

static void print_general_help(FILE *file)
{
	fputs("Usage: rmctl [OPTION]... VERB [ARGUMENT]...\n"
	      "Tells who uses files, and administers the Restart Manager's sessions.\n\nVerbs:\n",
	      file);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fprintf(file, "  %-18s %s\n", commands[i].name, commands[i].summary);
	}
	fputs("\nOptions of every verb:\n", file);
	options_print_help(OPTIONS_COMMON, file);
	fputs("\nExit status: 0 done, 1 usage, 3 no broker, 4 refused, 5 reboot needed,\n"
	      "6 restart failed, 7 cancelled, 8 other error.\n"
	      "`rmctl VERB --help` tells more about a verb, rmctl(1) about everything.\n",
	      file);
}

void command_print_help(const struct command *command, FILE *file)
{
	if (!command) {
		print_general_help(file);
		return;
	}
	fprintf(file, "Usage: rmctl %s%s%s [OPTION]...\n%c%s.\n%s%s\nOptions:\n", command->name,
		command->usage[0] ? " " : "", command->usage, toupper(command->summary[0]),
		command->summary + 1, command->explanation[0] ? "\n" : "", command->explanation);
	options_print_help(command->options | OPTIONS_COMMON, file);
}
