/* SPDX-License-Identifier: MIT */
/*
 * Turns words of the command line into resources that the library accepts; each mistake is told
 * here, with what to do about it, because the library can only answer 160.
 * A file that is not there is no mistake: an installer may be about to bring it, and programs that
 * run a deleted one are found by its name.
 */
#include "client/rmctl/selection.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "client/rmctl/escape.h"
#include "client/rmctl/output.h"
#include "client/rmctl/package.h"
#include "client/rmctl/path_kind.h"
#include "client/rmctl/report.h"

/* As the broker's limit (A20). */
#define MAX_SERVICE_BYTES 255

static enum exit_code out_of_memory(void)
{
	return report_errno(ENOMEM, "cannot read the command line");
}

enum exit_code selection_make_absolute(const char *verb, const char *path, char **ret_path)
{
	_cleanup_(freep) char *directory = NULL;
	int r;

	if (path[0] != '/') {
		directory = getcwd(NULL, 0);
		if (!directory || directory[0] != '/') {
			return report_errno(directory ? ENOENT : errno,
					    "cannot tell the working directory; name files from /");
		}
	}
	r = path_make_absolute(directory ? directory : "/", path, ret_path);
	if (r == -EINVAL) {
		return report_usage(verb, "the name of a file is empty");
	}
	if (r == -ENAMETOOLONG) {
		return report_usage(verb, "the name of a file is longer than %d bytes",
				    PATH_MAX - 1);
	}
	return r < 0 ? out_of_memory() : EXIT_DONE;
}

static enum exit_code add_path(const char *verb, const char *path, struct path_list *list)
{
	char *absolute;
	enum exit_code code = selection_make_absolute(verb, path, &absolute);

	if (code != EXIT_DONE) {
		return code;
	}
	return path_list_take(list, absolute) < 0 ? out_of_memory() : EXIT_DONE;
}

/* What the paths are. `ret_kinds` is freed by the caller. */
static enum exit_code ask_kinds(const struct path_list *list, uint8_t **ret_kinds)
{
	_cleanup_(freep) uint8_t *kinds = calloc(list->n + 1, 1);
	int r;

	if (!kinds) {
		return out_of_memory();
	}
	r = path_kinds_read(list->paths, list->n, kinds);
	if (r < 0) {
		return report_errno(-r, "cannot look at the files");
	}
	*ret_kinds = TAKE_PTR(kinds);
	return EXIT_DONE;
}

static void tell_missing(const char *path)
{
	_cleanup_(freep) char *shown = escape_path(path, output_is_utf8());

	report_notice("not there now: %s", shown ? shown : "a file");
}

/* A file's place taken by a directory, or the other way round. */
static enum exit_code refuse_kind(const char *verb, const char *path, bool is_directory)
{
	_cleanup_(freep) char *shown = escape_path(path, output_is_utf8());

	if (is_directory) {
		return report_usage(verb, "a directory; -r looks at everything below it: -r %s",
				    shown ? shown : "");
	}
	return report_usage(verb, "no directory, so not for -r: %s", shown ? shown : "");
}

static enum exit_code check_kinds(const char *verb, const struct path_list *list, bool are_trees)
{
	const uint8_t wrong = are_trees ? PATH_PRESENT : PATH_DIRECTORY;
	_cleanup_(freep) uint8_t *kinds = NULL;
	enum exit_code code = list->n > 0 ? ask_kinds(list, &kinds) : EXIT_DONE;

	for (size_t i = 0; code == EXIT_DONE && i < list->n; i++) {
		if (kinds[i] == wrong) {
			code = refuse_kind(verb, list->paths[i], !are_trees);
		} else if (kinds[i] == PATH_MISSING) {
			tell_missing(list->paths[i]);
		}
	}
	return code;
}

static enum exit_code add_paths(const char *verb, const struct options *options,
				struct selection *selection)
{
	enum exit_code code = EXIT_DONE;

	for (int i = 0; code == EXIT_DONE && i < options->n_arguments; i++) {
		code = add_path(verb, options->arguments[i], &selection->files);
	}
	for (size_t i = 0; code == EXIT_DONE && i < options->trees.n; i++) {
		code = add_path(verb, options->trees.values[i], &selection->trees);
	}
	if (code == EXIT_DONE) {
		code = check_kinds(verb, &selection->files, false);
	}
	if (code == EXIT_DONE) {
		code = check_kinds(verb, &selection->trees, true);
	}
	return code;
}

static enum exit_code report_package(const char *verb, const char *name, int error)
{
	switch (error) {
	case -EINVAL:
		return report_usage(verb, "'%s' is not the name of a Debian package", name);
	case -ENOENT:
		return report_usage(verb, "no package '%s' is installed; `dpkg -l` lists them",
				    name);
	case -ENOTDIR:
		return report_usage(verb, "--package reads dpkg's lists, but there are none in %s",
				    package_directory());
	case -EFBIG:
		report_notice("the list of package '%s' is larger than dpkg would write", name);
		return EXIT_ERROR;
	default:
		return report_errno(-error, "cannot read the list of package '%s'", name);
	}
}

static enum exit_code add_package(const char *verb, const char *name, struct path_list *files)
{
	_cleanup_(path_list_done) struct path_list found = {0};
	_cleanup_(freep) uint8_t *kinds = NULL;
	enum exit_code code;
	size_t n_ignored;
	int r = package_read_files(package_directory(), name, &found, &n_ignored);

	if (r < 0) {
		return report_package(verb, name, r);
	}
	if (n_ignored > 0) {
		report_notice("package '%s': %zu lines of its list are no paths", name, n_ignored);
	}
	code = ask_kinds(&found, &kinds);
	if (code != EXIT_DONE) {
		return code;
	}
	for (size_t i = 0; i < found.n; i++) {
		if (kinds[i] != PATH_DIRECTORY &&
		    path_list_take(files, TAKE_PTR(found.paths[i])) < 0) {
			return out_of_memory();
		}
	}
	return EXIT_DONE;
}

static enum exit_code add_process(const char *verb, const char *text, struct selection *selection)
{
	uint32_t pid;

	if (!number_parse(text, MAX_PID, &pid)) {
		return report_usage(verb, "--pid: '%s' is not the number of a process", text);
	}
	if (rm_process_id_from_pid(pid, &selection->processes[selection->n_processes])) {
		report_notice("--pid: there is no process %s", text);
		return EXIT_ERROR;
	}
	selection->n_processes++;
	return EXIT_DONE;
}

static enum exit_code add_processes(const char *verb, const struct option_values *pids,
				    struct selection *selection)
{
	enum exit_code code = EXIT_DONE;

	selection->processes = calloc(pids->n + 1, sizeof(*selection->processes));
	if (!selection->processes) {
		return out_of_memory();
	}
	for (size_t i = 0; code == EXIT_DONE && i < pids->n; i++) {
		code = add_process(verb, pids->values[i], selection);
	}
	return code;
}

static enum exit_code add_service(const char *verb, const char *name, struct path_list *services)
{
	size_t length = strlen(name);

	if (length == 0 || length > MAX_SERVICE_BYTES) {
		return report_usage(verb, "--service: the name of a unit has 1 to %d bytes",
				    MAX_SERVICE_BYTES);
	}
	return path_list_add(services, name, length) < 0 ? out_of_memory() : EXIT_DONE;
}

static enum exit_code read_all(const char *verb, const struct options *options,
			       struct selection *selection)
{
	enum exit_code code = add_paths(verb, options, selection);

	for (size_t i = 0; code == EXIT_DONE && i < options->packages.n; i++) {
		code = add_package(verb, options->packages.values[i], &selection->files);
	}
	for (size_t i = 0; code == EXIT_DONE && i < options->services.n; i++) {
		code = add_service(verb, options->services.values[i], &selection->services);
	}
	return code == EXIT_DONE ? add_processes(verb, &options->pids_given, selection) : code;
}

enum exit_code selection_read(const char *verb, const struct options *options,
			      struct selection *ret_selection)
{
	_cleanup_(selection_done) struct selection selection = {0};
	enum exit_code code;

	if (options->n_arguments == 0 && options->trees.n == 0 && options->packages.n == 0 &&
	    options->pids_given.n == 0 && options->services.n == 0) {
		return report_usage(verb, "%s needs FILE, -r, --package, --pid or --service", verb);
	}
	code = read_all(verb, options, &selection);
	if (code == EXIT_DONE) {
		*ret_selection = selection;
		selection = (struct selection){0};
	}
	return code;
}

struct rm_resources selection_get_resources(const struct selection *selection)
{
	return (struct rm_resources){
		.n_files = selection->files.n,
		.files = (const char *const *)selection->files.paths,
		.n_trees = selection->trees.n,
		.trees = (const char *const *)selection->trees.paths,
		.n_processes = selection->n_processes,
		.processes = selection->processes,
		.n_services = selection->services.n,
		.services = (const char *const *)selection->services.paths,
	};
}

void selection_done(struct selection *selection)
{
	path_list_done(&selection->files);
	path_list_done(&selection->trees);
	path_list_done(&selection->services);
	free(selection->processes);
	*selection = (struct selection){0};
}
