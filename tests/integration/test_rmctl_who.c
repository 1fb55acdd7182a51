/* SPDX-License-Identifier: MIT */
/*
 * `rmctl who` and its kin with the real broker: victims that map, open and run files of the case,
 * who are found in every form of output; sessions of one's own; and what is wrong on the command
 * line. Every JSON document is also read by Python, whose parser is not the printer's.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client/rstrtmgr.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/hung_fuse.h"
#include "tests/support/programs.h"
#include "tests/support/testing.h"

/* ---- victims ---- */

enum deed {
	DEED_MAP,
	DEED_OPEN,
	DEED_RUN,
	DEED_WORK_IN,
};

/* In the child: does it, tells by closing `ready`, and waits for its end. */
static _Noreturn void run_victim(enum deed deed, const char *path, int ready)
{
	int fd = deed == DEED_RUN ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (deed == DEED_RUN) {
		int pipe_fds[2];

		/* It reads what never comes; the end of `ready` that is ours closes with exec. */
		if (pipe2(pipe_fds, 0) == 0 && dup2(pipe_fds[0], STDIN_FILENO) == 0) {
			(void)execl(path, path, (char *)NULL);
		}
		_exit(99);
	}
	if (fd < 0 || (deed == DEED_WORK_IN && fchdir(fd))) {
		_exit(99);
	}
	if (deed == DEED_MAP && mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
		_exit(99);
	}
	if (deed != DEED_OPEN) {
		(void)close(fd);
	}
	(void)close(ready);
	for (;;) {
		(void)pause();
	}
}

static pid_t victim_start(enum deed deed, const char *path)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)close(ready[0]);
		run_victim(deed, path, ready[1]);
	}
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert_int_eq(read(ready[0], &byte, 1), 0);
	ck_assert_int_eq(close(ready[0]), 0);
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0); /* it lives */
	return pid;
}

static void victim_end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void make_file(const char *path)
{
	testing_write_file(path, "what is used\n");
}

static void copy_program(const char *from, const char *to)
{
	char buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	ssize_t n;

	ck_assert_int_ge(in, 0);
	ck_assert_int_ge(out, 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0) {
		ck_assert_int_eq(write(out, buffer, (size_t)n), n);
	}
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(close(in), 0);
	ck_assert_int_eq(close(out), 0);
}

/* ---- answers ---- */

static void expect_code(struct program_output output, int code, const char *error)
{
	ck_assert_msg(output.code == code, "ended with %d, not %d: %s%s", output.code, code,
		      output.out, output.err);
	ck_assert_msg(strstr(output.err, error) != NULL, "does not say '%s': %s", error,
		      output.err);
	ck_assert_ptr_null(strchr(output.err, '\033'));
	program_output_done(&output);
}

static int run_python(void *arg)
{
	(void)arg;
	(void)execlp("python3", "python3", "-c",
		     "import json, sys\n"
		     "text = open(sys.argv[1], 'rb').read().decode('utf-8')\n"
		     "assert text.count('\\n') == 1 and text.endswith('\\n')\n"
		     "json.loads(text)\n",
		     fixture_path("out"), (char *)NULL);
	return 98;
}

/* The document of a run that must have worked. */
static struct json_object *take_json(struct program_output output)
{
	struct json_object *document;

	ck_assert_msg(output.code == 0, "ended with %d: %s", output.code, output.err);
	ck_assert_int_eq(testing_in_child(run_python, NULL, 20000), 0);
	document = json_tokener_parse(output.out);
	ck_assert_msg(document != NULL, "no JSON: %s", output.out);
	program_output_done(&output);
	return document;
}

static struct json_object *member(struct json_object *object, const char *path)
{
	struct json_object *found = NULL;

	ck_assert_msg(json_pointer_get(object, path, &found) == 0, "there is no %s in %s", path,
		      json_object_to_json_string(object));
	return found;
}

static int64_t number_at(struct json_object *object, const char *path)
{
	return json_object_get_int64(member(object, path));
}

/* The process's entry below "processes" of any application, or NULL. */
static struct json_object *find_process(struct json_object *document, pid_t pid)
{
	struct json_object *applications = member(document, "/applications");

	for (size_t i = 0; i < json_object_array_length(applications); i++) {
		struct json_object *processes =
			member(json_object_array_get_idx(applications, i), "/processes");

		for (size_t j = 0; j < json_object_array_length(processes); j++) {
			struct json_object *process = json_object_array_get_idx(processes, j);

			if (number_at(process, "/pid") == pid) {
				return process;
			}
		}
	}
	return NULL;
}

/* The process's use of this kind, or NULL. */
static struct json_object *find_use(struct json_object *document, pid_t pid, const char *kind)
{
	struct json_object *process = find_process(document, pid);
	struct json_object *uses = process ? member(process, "/uses") : NULL;

	for (size_t i = 0; uses && i < json_object_array_length(uses); i++) {
		struct json_object *use = json_object_array_get_idx(uses, i);

		if (strcmp(json_object_get_string(member(use, "/kind")), kind) == 0) {
			return use;
		}
	}
	return NULL;
}

static bool has_pid(const char *text, pid_t pid)
{
	char line[32];
	const char *at;

	(void)snprintf(line, sizeof(line), "%d\n", (int)pid);
	at = strstr(text, line);
	return at && (at == text || at[-1] == '\n');
}

/* ---- who ---- */

START_TEST(test_json)
{
	static const char *const kinds[] = {"mapping", "descriptor", "executable"};
	struct json_object *document, *use;
	pid_t victim, other;

	broker_start();
	make_file(fixture_path("other"));
	if (_i == DEED_RUN) {
		copy_program("/bin/cat", fixture_path("used"));
	} else {
		make_file(fixture_path("used"));
	}
	victim = victim_start((enum deed)_i, fixture_path("used"));
	other = victim_start(DEED_MAP, fixture_path("other"));
	document = take_json(rmctl_run("who", "--json", fixture_path("used"), NULL));
	use = find_use(document, victim, kinds[_i]);
	ck_assert_ptr_nonnull(use);
	ck_assert_str_eq(json_object_get_string(member(use, "/path")), fixture_path("used"));
	ck_assert(!json_object_get_boolean(member(use, "/deleted")));
	ck_assert(!json_object_get_boolean(member(use, "/claimed")));
	ck_assert_int_eq(json_object_is_type(member(use, "/fd"), json_type_int), _i == DEED_OPEN);
	ck_assert_ptr_null(find_process(document, other));
	ck_assert_int_gt(number_at(document, "/inspection/processes"), 2);
	ck_assert_int_eq(number_at(document, "/inspection/files"), 1);
	ck_assert_ptr_null(member(document, "/kernel"));
	ck_assert_int_eq(json_object_put(document), 1);
	victim_end(victim);
	victim_end(other);
}
END_TEST

START_TEST(test_table)
{
	struct program_output output;
	char pid[32];
	pid_t victim;

	broker_start();
	make_file(fixture_path("used"));
	victim = victim_start(DEED_OPEN, fixture_path("used"));
	(void)snprintf(pid, sizeof(pid), " %d ", (int)victim);
	output = rmctl_run("who", fixture_path("used"), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_ptr_nonnull(strstr(output.out, "APPLICATION"));
	ck_assert_ptr_nonnull(strstr(output.out, pid));
	ck_assert_ptr_nonnull(strstr(output.out, " used "));
	ck_assert_ptr_null(strstr(output.out, "Nobody"));
	ck_assert_ptr_null(strchr(output.out, '\033'));
	ck_assert_str_eq(output.err, "");
	program_output_done(&output);
	output = rmctl_run("who", "--long", fixture_path("used"), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_ptr_nonnull(strstr(output.out, fixture_path("used")));
	ck_assert_ptr_nonnull(strstr(output.out, "fd "));
	program_output_done(&output);
	victim_end(victim);
}
END_TEST

START_TEST(test_pids)
{
	struct program_output output;
	char with_nul[32];
	pid_t a, b;
	int n;

	broker_start();
	make_file(fixture_path("used"));
	a = victim_start(DEED_MAP, fixture_path("used"));
	b = victim_start(DEED_OPEN, fixture_path("used"));
	output = rmctl_run("who", "--pids", fixture_path("used"), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert(has_pid(output.out, a));
	ck_assert(has_pid(output.out, b));
	ck_assert_uint_eq(strspn(output.out, "0123456789\n"), strlen(output.out));
	program_output_done(&output);
	victim_end(b);
	output = rmctl_run("who", "--pids", "-0", fixture_path("used"), NULL);
	n = snprintf(with_nul, sizeof(with_nul), "%d", (int)a);
	ck_assert_int_eq(output.code, 0);
	ck_assert_mem_eq(output.out, with_nul, n + 1);
	program_output_done(&output);
	victim_end(a);
	output = rmctl_run("who", "--pids", fixture_path("used"), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_str_eq(output.out, "");
	program_output_done(&output);
}
END_TEST

/* The file was replaced by rename, or deleted, since the victim mapped it. */
START_TEST(test_old_version)
{
	struct json_object *document, *use;
	pid_t victim;

	broker_start();
	make_file(fixture_path("used"));
	make_file(fixture_path("new"));
	victim = victim_start(DEED_MAP, fixture_path("used"));
	if (_i) {
		ck_assert_int_eq(unlink(fixture_path("used")), 0);
	} else {
		ck_assert_int_eq(rename(fixture_path("new"), fixture_path("used")), 0);
	}
	document = take_json(rmctl_run("who", "--json", fixture_path("used"), NULL));
	use = find_use(document, victim, "mapping");
	ck_assert_ptr_nonnull(use);
	ck_assert(json_object_get_boolean(member(use, "/deleted")));
	ck_assert_int_eq(json_object_put(document), 1);
	victim_end(victim);
}
END_TEST

START_TEST(test_stale)
{
	struct program_output output;
	struct json_object *document, *use;
	pid_t victim, other;

	broker_start();
	make_file(fixture_path("other"));
	copy_program("/bin/cat", fixture_path("used"));
	copy_program("/bin/cat", fixture_path("new"));
	victim = victim_start(DEED_RUN, fixture_path("used"));
	other = victim_start(DEED_MAP, fixture_path("other"));
	ck_assert_int_eq(rename(fixture_path("new"), fixture_path("used")), 0);
	document = take_json(rmctl_run("stale", "--json", NULL));
	use = find_use(document, victim, "executable");
	ck_assert_ptr_nonnull(use);
	ck_assert(json_object_get_boolean(member(use, "/deleted")));
	ck_assert_ptr_null(find_process(document, other));
	ck_assert_str_ne(json_object_get_string(member(document, "/kernel/running")), "");
	ck_assert_int_eq(json_object_put(document), 1);
	output = rmctl_run("stale", NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_ptr_nonnull(strstr(output.out, "Kernel\n"));
	ck_assert_ptr_nonnull(strstr(output.out, " used"));
	program_output_done(&output);
	output = rmctl_run("stale", "--pids", NULL);
	ck_assert(has_pid(output.out, victim));
	ck_assert(!has_pid(output.out, other));
	program_output_done(&output);
	victim_end(victim);
	victim_end(other);
}
END_TEST

/* A relative name, below a link that the text must not resolve; a name that is no UTF-8. */
START_TEST(test_names)
{
	struct json_object *document, *use;
	pid_t victim;

	broker_start();
	ck_assert_int_eq(mkdir(fixture_path("d"), 0700), 0);
	ck_assert_int_eq(symlink("d", fixture_path("link")), 0);
	make_file(fixture_path("d/\xff\n"));
	victim = victim_start(DEED_MAP, fixture_path("d/\xff\n"));
	ck_assert_int_eq(chdir(fixture_path("link")), 0);
	document = take_json(rmctl_run("who", "--json", "./\xff\n", NULL));
	use = find_use(document, victim, "mapping");
	ck_assert_ptr_nonnull(use);
	(void)member(use, "/path_bytes");
	ck_assert_int_eq(json_object_put(document), 1);
	expect_code(rmctl_run("who", "\xff\n", NULL), 0, "");
	expect_code(rmctl_run("who", "gone\033", NULL), 0, "gone\\x1b");
	ck_assert_int_eq(chdir("/"), 0);
	victim_end(victim);
}
END_TEST

START_TEST(test_tree)
{
	struct json_object *document;
	pid_t maps, works;

	broker_start();
	ck_assert_int_eq(mkdir(fixture_path("d"), 0700), 0);
	ck_assert_int_eq(mkdir(fixture_path("d/below"), 0700), 0);
	make_file(fixture_path("d/below/used"));
	maps = victim_start(DEED_MAP, fixture_path("d/below/used"));
	works = victim_start(DEED_WORK_IN, fixture_path("d/below"));
	expect_code(rmctl_run("who", fixture_path("d"), NULL), 1, "-r looks at everything below");
	document = take_json(rmctl_run("who", "--json", "-r", fixture_path("d"), NULL));
	ck_assert_ptr_nonnull(find_use(document, maps, "mapping"));
	ck_assert_ptr_nonnull(find_use(document, works, "working directory"));
	ck_assert_int_eq(number_at(document, "/inspection/files_unchecked"), 0);
	ck_assert_int_eq(json_object_put(document), 1);
	victim_end(maps);
	victim_end(works);
}
END_TEST

/* dpkg's list, made here: with a diverted file, and a directory that is not meant. */
START_TEST(test_package)
{
	char text[1024];
	struct json_object *document;
	pid_t victim, diverted;

	broker_start();
	ck_assert_int_eq(mkdir(fixture_path("info"), 0700), 0);
	make_file(fixture_path("used"));
	make_file(fixture_path("moved"));
	(void)snprintf(text, sizeof(text), "/.\n%s\n%s\n%s\n", fixture.directory,
		       fixture_path("used"), fixture_path("named"));
	testing_write_file(fixture_path("info/tool.list"), text);
	(void)snprintf(text, sizeof(text), "%s\n%s\nother\n", fixture_path("named"),
		       fixture_path("moved"));
	testing_write_file(fixture_path("diversions"), text);
	ck_assert_int_eq(setenv("DPKG_ADMINDIR", fixture.directory, 1), 0);
	victim = victim_start(DEED_MAP, fixture_path("used"));
	diverted = victim_start(DEED_MAP, fixture_path("moved"));
	document = take_json(rmctl_run("who", "--json", "--package=tool", NULL));
	ck_assert_ptr_nonnull(find_use(document, victim, "mapping"));
	ck_assert_ptr_nonnull(find_use(document, diverted, "mapping"));
	ck_assert_int_eq(number_at(document, "/inspection/files"), 2);
	ck_assert_int_eq(json_object_put(document), 1);
	expect_code(rmctl_run("who", "--package=tools", NULL), 1, "no package 'tools'");
	victim_end(victim);
	victim_end(diverted);
}
END_TEST

START_TEST(test_process)
{
	struct json_object *document;
	char pid[32];
	pid_t victim;

	broker_start();
	make_file(fixture_path("used"));
	victim = victim_start(DEED_MAP, fixture_path("used"));
	(void)snprintf(pid, sizeof(pid), "%d", (int)victim);
	document = take_json(rmctl_run("who", "--json", "--pid", pid, NULL));
	ck_assert_ptr_nonnull(find_use(document, victim, "registered"));
	ck_assert_int_eq(json_object_put(document), 1);
	document = take_json(rmctl_run("who", "--json", "--service=no-such-unit", NULL));
	ck_assert_uint_eq(json_object_array_length(member(document, "/applications")), 0);
	ck_assert_int_eq(json_object_put(document), 1);
	victim_end(victim);
}
END_TEST

/* rmctl uses its own program and libraries only as long as it asks. */
START_TEST(test_not_itself)
{
	struct program_output output;

	broker_start();
	output = rmctl_run("who", "--pids", testing_rmctl(), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_str_eq(output.out, "");
	program_output_done(&output);
	output = rmctl_run("who", testing_rmctl(), NULL);
	ck_assert_ptr_null(strstr(output.out, "A reboot is needed"));
	program_output_done(&output);
}
END_TEST

/* "Nobody" only with a complete answer. */
START_TEST(test_nobody)
{
	struct program_output output;

	broker_start();
	make_file(fixture_path("used"));
	output = rmctl_run("who", fixture_path("used"), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_msg(strcmp(output.out, "Nobody uses these files.\n") == 0 ||
			      strncmp(output.out, "No use was found, but not everything", 36) == 0,
		      "%s", output.out);
	program_output_done(&output);
	expect_code(rmctl_run("who", fixture_path("gone"), NULL), 0, "not there now");
}
END_TEST

/* A file system that does not answer holds up neither the answer nor what is known of others. */
START_TEST(test_hung_file)
{
	struct hung_fuse fuse;
	struct json_object *document;
	struct program_output output;
	pid_t victim;

	ck_assert_int_eq(mkdir(fixture_path("hung"), 0700), 0);
	if (!testing_is_root() || !mounts_unshare() ||
	    !hung_fuse_mount(&fuse, fixture_path("hung"))) {
		return; /* not permitted here */
	}
	broker_start();
	make_file(fixture_path("used"));
	victim = victim_start(DEED_MAP, fixture_path("used"));
	hung_fuse_hang(&fuse);
	output = rmctl_run("who", "--json", fixture_path("hung/file"), fixture_path("used"), NULL);
	ck_assert_str_eq(output.err, "");
	document = take_json(output);
	ck_assert_ptr_nonnull(find_use(document, victim, "mapping"));
	ck_assert_int_eq(number_at(document, "/inspection/files_unchecked"), 1);
	ck_assert(!json_object_get_boolean(member(document, "/complete")));
	ck_assert_int_eq(json_object_put(document), 1);
	output = rmctl_run("who", fixture_path("hung/file"), NULL);
	ck_assert_int_eq(output.code, 0);
	ck_assert_ptr_nonnull(strstr(output.out, "hung/file was not checked: "));
	ck_assert_ptr_null(strstr(output.out, "Nobody"));
	program_output_done(&output);
	victim_end(victim);
	hung_fuse_end(&fuse);
	ck_assert_int_eq(umount2(fixture_path("hung"), MNT_DETACH), 0);
}
END_TEST

/* ---- no session is left ---- */

static bool has_no_sessions(void *arg)
{
	struct rm_session_infos *infos;
	bool has_none;

	(void)arg;
	if (rm_broker_sessions(&infos)) {
		return false;
	}
	has_none = infos->n_sessions == 0;
	rm_session_infos_free(infos);
	return has_none;
}

/* Starts `rmctl who PATH` and waits until it runs: before, signals are Check's. */
static pid_t start_who(const char *path)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)execl(testing_rmctl(), "rmctl", "who", path, (char *)NULL);
		_exit(98);
	}
	ck_assert_int_eq(close(ready[1]), 0);
	ck_assert_int_eq(read(ready[0], &byte, 1), 0);
	ck_assert_int_eq(close(ready[0]), 0);
	return pid;
}

START_TEST(test_session_ends)
{
	broker_start();
	make_file(fixture_path("used"));
	expect_code(rmctl_run("who", fixture_path("used"), NULL), 0, "");
	ck_assert(has_no_sessions(NULL));
}
END_TEST

/* Ctrl-C while the broker has not answered yet. */
START_TEST(test_interrupt)
{
	int status;
	pid_t pid;

	broker_start();
	make_file(fixture_path("used"));
	broker_signal(SIGSTOP);
	pid = start_who(fixture_path("used"));
	ck_assert_int_eq(kill(pid, SIGINT), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	broker_signal(SIGCONT);
	ck_assert(testing_wait(has_no_sessions, NULL, 10000));
}
END_TEST

/* ---- a session of one's own ---- */

static uint32_t start_session(void)
{
	struct json_object *document = take_json(rmctl_run("start", "--json", NULL));
	uint32_t id = (uint32_t)number_at(document, "/id");
	char text[16];

	(void)snprintf(text, sizeof(text), "%" PRIu32, id);
	ck_assert_int_eq(setenv("RM_SESSION", text, 1), 0);
	ck_assert_int_eq(
		setenv("RM_SESSION_KEY", json_object_get_string(member(document, "/key")), 1), 0);
	ck_assert_int_eq(json_object_put(document), 1);
	return id;
}

START_TEST(test_session)
{
	struct json_object *document;
	struct program_output output;
	pid_t victim, other;
	uint32_t id;

	broker_start();
	make_file(fixture_path("used"));
	make_file(fixture_path("other"));
	victim = victim_start(DEED_OPEN, fixture_path("used"));
	other = victim_start(DEED_OPEN, fixture_path("other"));
	id = start_session();
	document = take_json(rmctl_run("register", fixture_path("used"), "--json", NULL));
	ck_assert_int_eq(number_at(document, "/id"), id);
	ck_assert_int_eq(number_at(document, "/files"), 1);
	ck_assert_int_eq(json_object_put(document), 1);
	output = rmctl_run("list", "--pids", NULL);
	ck_assert(has_pid(output.out, victim));
	ck_assert(!has_pid(output.out, other));
	program_output_done(&output);
	/* By a secondary, which has the key alone. */
	ck_assert_int_eq(unsetenv("RM_SESSION"), 0);
	expect_code(rmctl_run("register", "--join", fixture_path("other"), NULL), 0, "");
	document = take_json(rmctl_run("show", "1", "--json", NULL));
	ck_assert_int_eq(number_at(document, "/sessions/0/joined"), 0);
	ck_assert_int_eq(json_object_put(document), 1);
	output = rmctl_run("list", "--session=1", "--pids", NULL);
	ck_assert(has_pid(output.out, victim));
	ck_assert(has_pid(output.out, other));
	program_output_done(&output);
	ck_assert_int_eq(unsetenv("RM_SESSION_KEY"), 0);
	expect_code(rmctl_run("list", "1", NULL), 1, "needs $RM_SESSION_KEY");
	ck_assert_int_eq(setenv("RM_SESSION", "1", 1), 0);
	ck_assert_int_eq(setenv("RM_SESSION_KEY", "0123456789abcdef0123456789abcdef", 1), 0);
	expect_code(rmctl_run("list", NULL), 8, "RM_SESSION_KEY must be its key");
	victim_end(victim);
	victim_end(other);
}
END_TEST

START_TEST(test_filters)
{
	struct json_object *document;
	struct program_output output;
	char pid[32];

	broker_start();
	(void)start_session();
	(void)snprintf(pid, sizeof(pid), "--pid=%d", (int)getpid());
	expect_code(rmctl_run("filter", "add", "--no-restart", "--service=ssh", NULL), 0, "");
	expect_code(rmctl_run("filter", "add", "--no-shutdown", pid, NULL), 0, "");
	expect_code(rmctl_run("filter", "add", "--no-shutdown", "--executable=/x", NULL), 0, "");
	document = take_json(rmctl_run("filter", "list", "--json", NULL));
	ck_assert_uint_eq(json_object_array_length(member(document, "/filters")), 3);
	ck_assert_str_eq(json_object_get_string(member(document, "/filters/0/service")),
			 "ssh.service");
	ck_assert_str_eq(json_object_get_string(member(document, "/filters/0/action")),
			 "no-restart");
	ck_assert_int_eq(number_at(document, "/filters/1/process/pid"), getpid());
	ck_assert_str_eq(json_object_get_string(member(document, "/filters/2/executable")), "/x");
	ck_assert_int_eq(json_object_put(document), 1);
	expect_code(rmctl_run("filter", "remove", "--service=ssh", NULL), 0, "");
	expect_code(rmctl_run("filter", "remove", "--service=ssh", NULL), 8, "no such filter");
	output = rmctl_run("filter", "list", NULL);
	ck_assert_ptr_null(strstr(output.out, "ssh"));
	ck_assert_ptr_nonnull(strstr(output.out, "executable"));
	program_output_done(&output);
}
END_TEST

START_TEST(test_policy)
{
	struct json_object *document;

	broker_start();
	document = take_json(rmctl_run("policy", "no-such-unit.service", "--json", NULL));
	ck_assert_str_eq(json_object_get_string(member(document, "/policy/name")),
			 "no-such-unit.service");
	ck_assert_ptr_null(member(document, "/policy/file"));
	ck_assert_int_eq(json_object_put(document), 1);
	expect_code(rmctl_run("policy", "no-such-unit.service", NULL), 0, "");
}
END_TEST

/* ---- what goes wrong ---- */

static const struct {
	const char *arguments[6];
	int code;
	const char *error;
} wrong[] = {
	{{"who", "/dev/null"}, 3, "start one with `rmbrokerd --user --socket"},
	{{"stale"}, 3, "start one with"},
	{{"policy", "x"}, 3, "start one with"},
	{{"who"}, 1, "who needs FILE"},
	{{"who", ""}, 1, "is empty"},
	{{"who", "-r", ""}, 1, "is empty"},
	{{"who", "/"}, 1, "-r looks at everything below it: -r /"},
	{{"who", "-r", "/dev/null"}, 1, "no directory"},
	{{"who", "--pid=0"}, 1, "is not the number of a process"},
	{{"who", "--pid=x"}, 1, "is not the number of a process"},
	{{"who", "--pid=2147483647"}, 8, "there is no process 2147483647"},
	{{"who", "--service="}, 1, "has 1 to 255 bytes"},
	{{"who", "--package="}, 1, "is not the name of a Debian package"},
	{{"who", "--package=../../etc"}, 1, "is not the name of a Debian package"},
	{{"who", "--package=no-such-package"}, 1, "--package reads dpkg's lists"},
	{{"who", "-0", "/dev/null"}, 1, "-0 is for --pids only"},
	{{"who", "--pids", "--json", "/dev/null"}, 1, "three forms"},
	{{"stale", "/dev/null"}, 1, "takes no more than 0 arguments"},
	{{"register"}, 1, "register needs FILE"},
	{{"register", "/dev/null"}, 1, "needs --session or $RM_SESSION"},
	{{"register", "--session=1", "/dev/null"}, 1, "needs $RM_SESSION_KEY"},
	{{"register", "--join", "/dev/null"}, 1, "needs $RM_SESSION_KEY"},
	{{"list"}, 1, "list needs ID"},
	{{"list", "x"}, 1, "is not the number of a session"},
	{{"filter"}, 1, "filter needs add|remove|list"},
	{{"filter", "set"}, 1, "is none of add, remove, list"},
	{{"filter", "add", "--pid=1"}, 1, "needs one of --no-restart"},
	{{"filter", "add", "--no-restart"}, 1, "needs one of --executable"},
	{{"filter", "add", "--no-restart", "--pid=1", "--service=x"}, 1, "needs one of"},
	{{"filter", "add", "--no-restart", "--no-shutdown", "--pid=1"}, 1, "needs one of"},
	{{"filter", "remove", "--no-restart", "--pid=1"}, 1, "are for filter add"},
	{{"filter", "list", "--pid=1"}, 1, "lists all"},
	{{"policy"}, 1, "policy needs NAME"},
	{{"policy", ""}, 1, "has 1 to 255 bytes"},
};

START_TEST(test_wrong)
{
	const char *const *arguments = wrong[_i].arguments;
	struct program_output output;

	ck_assert_int_eq(setenv("DPKG_ADMINDIR", fixture_path("none"), 1), 0);
	output = rmctl_run(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
			   arguments[5], NULL);
	ck_assert_str_eq(output.out, "");
	ck_assert_int_lt(output.ms, testing_scale_ms(1500));
	expect_code(output, wrong[_i].code, wrong[_i].error);
}
END_TEST

START_TEST(test_long_name)
{
	char name[5000];

	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	expect_code(rmctl_run("who", name, NULL), 1, "longer than 4095 bytes");
	expect_code(rmctl_run("policy", name, NULL), 1, "has 1 to 255 bytes");
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{.test = test_json, .n_loops = 3},
		{.test = test_table},
		{.test = test_pids},
		{.test = test_old_version, .n_loops = 2},
		{.test = test_stale},
		{.test = test_names},
		{.test = test_tree},
		{.test = test_package},
		{.test = test_process},
		{.test = test_not_itself},
		{.test = test_nobody},
		{.test = test_hung_file},
		{.test = test_session_ends},
		{.test = test_interrupt},
		{.test = test_session},
		{.test = test_filters},
		{.test = test_policy},
		{.test = test_wrong, .n_loops = ARRAY_SIZE(wrong)},
		{.test = test_long_name},
	};

	return testing_run("rmctl_who", cases, ARRAY_SIZE(cases));
}
