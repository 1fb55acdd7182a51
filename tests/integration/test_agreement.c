/* SPDX-License-Identifier: MIT */
/*
 * Listing some hundred real processes: the answer is the truth that the workload knows, to the
 * last process, file and kind of use, and has all that fuser and lsof find. Whatever these miss
 * has its reason in the workload's table; a difference without one fails the test.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/broker_fixture.h"
#include "tests/support/hung_fuse.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"
#include "tests/support/workload.h"

#define N_EACH 8
#define MIN_PROCESSES 300
#define MAX_TOOL_PIDS 4096
#define TOOL_MS 60000

static struct workload workload; /* large */

/* ---- the answer against the truth ----------------------------------------------------------- */

/* A descriptor that is named is really one of this file. */
static void check_descriptor(uint32_t pid, const struct rm_use *use, const char *path)
{
	char link_path[64];
	struct stat held, named;

	(void)snprintf(link_path, sizeof(link_path), "/proc/%u/fd/%u", pid, use->fd);
	if (stat(link_path, &held) < 0 || stat(path, &named) < 0 || use->is_deleted) {
		return; /* of one thread only, or an old version: nothing to compare with */
	}
	ck_assert_msg(held.st_ino == named.st_ino || S_ISDIR(named.st_mode),
		      "descriptor %u of process %u is not %s", use->fd, pid, path);
}

static void check_use(const struct workload_kind *kind, uint32_t pid, const struct rm_use *use,
		      const char *path)
{
	ck_assert_msg(strcmp(use->path, path) == 0, "process %u (%s) is said to use %s", pid,
		      kind->name, use->path);
	ck_assert_msg((kind->uses | kind->may) >> use->kind & 1,
		      "process %u (%s) is said to use its file as %s", pid, kind->name,
		      rm_use_kind_name(use->kind));
	ck_assert_msg(!use->is_deleted == !kind->is_deleted || !(kind->uses >> use->kind & 1),
		      "process %u (%s): an old version: %d", pid, kind->name, use->is_deleted);
	ck_assert_msg(!use->is_claimed == !kind->is_claimed, "process %u (%s): claimed: %d", pid,
		      kind->name, use->is_claimed);
	if (use->kind == RM_USE_DESCRIPTOR) {
		check_descriptor(pid, use, path);
	}
}

static void check_process(const struct rm_application_process *listed)
{
	const struct rm_process_id id = {listed->process.pid, listed->process.start_time};
	const struct workload_kind *kind = workload_find_user(&workload, &id);
	char path[WORKLOAD_PATH_BYTES];
	unsigned int told = 0;

	ck_assert_msg(kind != NULL, "process %u (%s) is listed and uses nothing, as %s of %s",
		      id.pid, listed->process.name,
		      listed->n_uses_listed ? rm_use_kind_name(listed->uses[0].kind) : "-",
		      listed->n_uses_listed ? listed->uses[0].path : "-");
	(void)workload_path(&workload, kind, path);
	for (size_t i = 0; i < listed->n_uses_listed; i++) {
		check_use(kind, id.pid, &listed->uses[i], path);
		told |= 1u << listed->uses[i].kind;
	}
	ck_assert_msg((told & kind->uses) == kind->uses, "process %u (%s): uses %#x, told %#x",
		      id.pid, kind->name, kind->uses, told);
}

/* Everything that has to be there. */
static void check_complete(const struct rm_application_list *list)
{
	for (size_t i = 0; i < workload.n_processes; i++) {
		const struct workload_process *process = &workload.processes[i];
		const struct workload_kind *kind = process->kind;

		if (kind->uses && workload_leader_uses(kind)) {
			ck_assert_msg(listed_has(list, &process->leader),
				      "process %u is not listed: %s", process->leader.pid,
				      kind->name);
		}
		if (kind->uses && workload_child_uses(kind)) {
			ck_assert_msg(listed_has(list, &process->child),
				      "process %u is not listed: %s", process->child.pid,
				      kind->name);
		}
	}
}

static bool is_unseen(const struct rm_application_list *list, const char *path)
{
	for (size_t i = 0; i < list->n_unseen; i++) {
		if (strcmp(list->unseen[i].path, path) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_kind_listed(const struct rm_application_list *list, const struct workload_kind *kind)
{
	for (size_t i = 0; i < workload.n_processes; i++) {
		if (workload.processes[i].kind == kind &&
		    listed_has(list, &workload.processes[i].leader)) {
			return true;
		}
	}
	return false;
}

static void check_unseen(const struct rm_application_list *list)
{
	char path[WORKLOAD_PATH_BYTES];

	for (size_t i = 0; i < workload_n_kinds; i++) {
		const struct workload_kind *kind = &workload_kinds[i];
		bool is;

		if (!workload.is_possible[i]) {
			continue;
		}
		is = is_unseen(list, workload_path(&workload, kind, path));
		ck_assert_msg(!is || kind->unseen != UNSEEN_NO, "nobody is seen who uses it: %s",
			      kind->name);
		ck_assert_msg(is || kind->unseen != UNSEEN_YES || !testing_is_root(),
			      "it is used by somebody unseen, and not said: %s", kind->name);
		ck_assert_msg(is || kind->unseen != UNSEEN_MAYBE || is_kind_listed(list, kind),
			      "neither listed nor unseen: %s", kind->name);
	}
}

static void check_answer(const struct rm_application_list *list)
{
	for (size_t i = 0; i < list->n_applications; i++) {
		const struct rm_application *application = &list->applications[i];

		/* A service or container that all belong to would be told in part only. */
		ck_assert_uint_eq(application->n_processes, application->n_processes_listed);
		for (size_t j = 0; j < application->n_processes_listed; j++) {
			check_process(&application->processes[j]);
		}
	}
	check_complete(list);
	check_unseen(list);
	ck_assert_uint_ge(list->n_processes, workload.n_processes);
}

static void list_and_check(struct rm_session *session, unsigned int flags)
{
	struct rm_application_list *list;

	ck_assert_int_eq(rm_session_list(session, flags, &list), 0);
	check_answer(list);
	rm_application_list_free(list);
}

/* ---- other tools ---------------------------------------------------------------------------- */

struct tool {
	const char *program;
	size_t reason; /* offset in struct workload_kind */
	/* The pids that it finds for the path. */
	size_t (*find)(const char *path, pid_t *pids);
};

static const char *get_reason(const struct tool *tool, const struct workload_kind *kind)
{
	return *(const char *const *)(const void *)((const char *)kind + tool->reason);
}

static _Noreturn void exec_tool(const char *const *arguments, int out)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (dup2(out, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0) {
		_exit(98);
	}
	(void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(99);
}

/* What the program says. Free it. */
static char *run_tool(const char *const *arguments)
{
	const char *out_path = fixture_path("tool");
	int out = open(out_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid;

	ck_assert_int_ge(out, 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		exec_tool(arguments, out);
	}
	ck_assert_int_eq(close(out), 0);
	ck_assert_int_lt(testing_wait_child(pid, TOOL_MS), 98); /* 1: it found nobody */
	return testing_read_file(out_path);
}

static size_t find_by_fuser(const char *path, pid_t *pids)
{
	const char *const arguments[] = {"fuser", path, NULL};
	_cleanup_(freep) char *text = run_tool(arguments);
	size_t n = 0;

	for (char *at = text, *end; n < MAX_TOOL_PIDS; at = end) {
		pids[n] = (pid_t)strtol(at, &end, 10);
		if (end == at) {
			break;
		}
		n++;
	}
	return n;
}

/* Asked once for all paths, which takes it as long as one; its fields are told apart by their
 * first letter. The text is the last one's, kept for all paths. */
static char *ask_lsof(void)
{
	static char paths[128][WORKLOAD_PATH_BYTES];
	const char *arguments[128 + 4] = {"lsof", "-FpDi"};
	size_t n = 2;

	ck_assert_uint_le(workload_n_kinds, 128);
	for (size_t i = 0; i < workload_n_kinds; i++) {
		arguments[n++] = workload_path(&workload, &workload_kinds[i], paths[i]);
	}
	return run_tool(arguments);
}

static size_t find_by_lsof(const char *path, pid_t *pids)
{
	static char *text;
	struct stat st;
	pid_t pid = 0;
	unsigned long device = 0;
	size_t n = 0;

	if (!text) {
		text = ask_lsof();
	}
	if (stat(path, &st) < 0) {
		return 0;
	}
	for (const char *line = text; *line && n < MAX_TOOL_PIDS; line++) {
		if (*line == 'p') {
			pid = atoi(line + 1);
		} else if (*line == 'D') {
			device = strtoul(line + 1, NULL, 16);
		} else if (*line == 'i' && device == st.st_dev &&
			   strtoul(line + 1, NULL, 10) == st.st_ino) {
			pids[n++] = pid; /* once a descriptor or mapping */
		}
		line += strcspn(line, "\n");
	}
	return n;
}

static const struct tool tools[] = {
	{"fuser", offsetof(struct workload_kind, fuser_misses), find_by_fuser},
	{"lsof", offsetof(struct workload_kind, lsof_misses), find_by_lsof},
};

static bool has_pid(const pid_t *pids, size_t n, uint32_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == (pid_t)pid) {
			return true;
		}
	}
	return false;
}

/* What the tool finds, we find. */
static void check_superset(const struct tool *tool, const char *path, const pid_t *pids, size_t n,
			   const struct rm_application_list *list)
{
	for (size_t i = 0; i < n; i++) {
		const struct workload_process *process = workload_find(&workload, pids[i]);
		bool is_child = process && process->child.pid == (uint32_t)pids[i];

		ck_assert_msg(
			process && listed_has(list, is_child ? &process->child : &process->leader),
			"%s finds process %d for %s, which is not listed", tool->program, pids[i],
			path);
	}
}

/* What the tool does not find has its reason. Returns how many it misses. */
static unsigned int check_explained(const struct tool *tool, const struct workload_kind *kind,
				    const pid_t *pids, size_t n)
{
	unsigned int n_missed = 0;

	for (size_t i = 0; i < workload.n_processes; i++) {
		const struct workload_process *process = &workload.processes[i];
		bool is_missed;

		if (process->kind != kind || !kind->uses) {
			continue;
		}
		is_missed =
			(workload_leader_uses(kind) && !has_pid(pids, n, process->leader.pid)) ||
			(workload_child_uses(kind) && !has_pid(pids, n, process->child.pid));
		n_missed += is_missed;
		ck_assert_msg(!is_missed || get_reason(tool, kind) != NULL,
			      "%s misses process %u for no known reason: %s", tool->program,
			      process->leader.pid, kind->name);
	}
	return n_missed;
}

static void compare_with(const struct tool *tool, const struct rm_application_list *list)
{
	static pid_t pids[MAX_TOOL_PIDS];
	char path[WORKLOAD_PATH_BYTES];
	unsigned int n_missed = 0;

	for (size_t i = 0; i < workload_n_kinds; i++) {
		size_t n;

		if (!workload.is_possible[i]) {
			continue;
		}
		n = tool->find(workload_path(&workload, &workload_kinds[i], path), pids);
		check_superset(tool, path, pids, n, list);
		n_missed += check_explained(tool, &workload_kinds[i], pids, n);
	}
	(void)fprintf(stderr, "# %s misses %u of %zu processes, all explained\n", tool->program,
		      n_missed, workload.n_processes);
}

/* ---- the cases ------------------------------------------------------------------------------ */

static struct rm_session *begin(const char *config)
{
	struct rm_session *session;
	bool has_mounts = testing_is_root() && mounts_unshare();

	fixture_set_config(config);
	broker_start();
	workload_start(&workload, has_mounts, N_EACH);
	ck_assert_uint_ge(workload.n_processes, MIN_PROCESSES);
	workload_change_before(&workload);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	workload_register(&workload, session);
	return session;
}

static void finish(struct rm_session *session)
{
	ck_assert_int_eq(rm_session_end(session), 0);
	workload_stop(&workload);
}

START_TEST(test_tools)
{
	struct rm_session *session = begin("");
	struct rm_application_list *list;

	ck_assert_int_eq(rm_session_list(session, 0, &list), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		/* Before the files change, what can be found by path is found. */
		compare_with(&tools[i], list);
	}
	rm_application_list_free(list);
	finish(session);
}
END_TEST

START_TEST(test_truth)
{
	static const char *const configs[] = {
		"",
		"[Scan]\nMaps=text\n",
		"[Scan]\nThreads=1\n",
	};
	struct rm_session *session = begin(configs[_i]);

	workload_change_after(&workload);
	list_and_check(session, 0); /* cold */
	list_and_check(session, 0); /* warm */
	list_and_check(session, RM_LIST_ANEW);
	broker_restart();
	list_and_check(session, 0); /* from the journal */
	finish(session);
}
END_TEST

static bool is_replaced(const struct workload_kind *kind)
{
	return kind->is_deleted && kind->before != CHANGE_DELETE && kind->after != CHANGE_DELETE &&
	       kind->uses & (1u << RM_USE_EXECUTABLE | 1u << RM_USE_MAPPING);
}

/* Who is asked about without a path: replaced files, and nothing that merely looks like one. What
 * was only deleted is no answer here, since all of this lies below /tmp. */
START_TEST(test_stale)
{
	static const char *const current[] = {
		"mapped",
		"memfd",
		"SYSV memory",
		"shared zeroes",
		"loaded by dlopen",
		"in a root of its own",
		"run",
		"a living file whose name looks deleted",
	};
	struct rm_session *session = begin("");
	struct rm_application_list *list;

	workload_change_after(&workload);
	ck_assert_int_eq(rm_broker_stale(0, &list), 0);
	for (size_t i = 0; i < workload.n_processes; i++) {
		const struct workload_process *process = &workload.processes[i];
		bool is_listed = listed_has(list, &process->leader);

		ck_assert_msg(is_listed || !is_replaced(process->kind), "not stale: %s",
			      process->kind->name);
		for (size_t j = 0; j < ARRAY_SIZE(current); j++) {
			ck_assert_msg(!is_listed || strcmp(process->kind->name, current[j]) != 0,
				      "stale: %s", current[j]);
		}
	}
	rm_application_list_free(list);
	finish(session);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_truth, 120, 3},
		{test_tools, 180, 0},
		{test_stale, 60, 0},
	};

	return testing_run("agreement", cases, ARRAY_SIZE(cases));
}
