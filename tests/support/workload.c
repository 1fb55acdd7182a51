/* SPDX-License-Identifier: MIT */
/*
 * Starting, changing and ending the processes. All of them are started before the first is waited
 * for; each says in one pipe that it is ready. Relatives that outlive who started them become
 * ours (PR_SET_CHILD_SUBREAPER), so that a pid is nobody else's until it is waited for here.
 */
#include "tests/support/workload.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/testing.h"

#define READY_MS 30000
#define STATUS_FD 3
#define LIFE_FD 4
#define FILE_BYTES 8192
#define PAD_BYTES 100000 /* of one argument, which may have 128 KiB */
#define MAX_PADS 32
#define STACK_BYTES (64u << 20) /* of which arguments may take a quarter */

static const char *get_path(const char *variable, const char *built)
{
	const char *path = getenv(variable);

	return path && *path ? path : built;
}

const char *workload_victim_program(void)
{
	return get_path("RM_VICTIM", BUILT_VICTIM);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static const char *in_directory(const struct workload *workload, const char *name,
				char ret_path[WORKLOAD_PATH_BYTES])
{
	if (*name == '/') {
		(void)snprintf(ret_path, WORKLOAD_PATH_BYTES, "%s", name);
	} else {
		(void)snprintf(ret_path, WORKLOAD_PATH_BYTES, "%s/%s", workload->directory, name);
	}
	return ret_path;
}

const char *workload_path(const struct workload *workload, const struct workload_kind *kind,
			  char ret_path[WORKLOAD_PATH_BYTES])
{
	return in_directory(workload, kind->path, ret_path);
}

const char *workload_expand(const struct workload *workload, const struct workload_kind *kind,
			    const char *text, char ret_text[WORKLOAD_PATH_BYTES])
{
	char path[WORKLOAD_PATH_BYTES];
	size_t size = 0;

	(void)workload_path(workload, kind, path);
	for (; *text; text++) {
		const char *piece = *text == '@'   ? path
				    : *text == '^' ? workload->directory
						   : (const char[]){*text, '\0'};
		size_t length = strlen(piece);

		ck_assert_uint_lt(size + length, WORKLOAD_PATH_BYTES);
		memcpy(ret_text + size, piece, length);
		size += length;
	}
	ret_text[size] = '\0';
	return ret_text;
}

/* ---- files ---------------------------------------------------------------------------------- */

static void make_parents(const char *path)
{
	char parent[WORKLOAD_PATH_BYTES];

	(void)snprintf(parent, sizeof(parent), "%s", path);
	for (char *at = strchr(parent + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		ck_assert_msg(mkdir(parent, 0755) == 0 || errno == EEXIST, "%s: %s", parent,
			      strerror(errno));
		*at = '/';
	}
}

static void copy_file(int to, const char *from_path)
{
	int from = open(from_path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t offset = 0;

	ck_assert_msg(from >= 0, "%s: %s", from_path, strerror(errno));
	ck_assert_int_eq(fstat(from, &st), 0);
	while (offset < st.st_size) {
		ck_assert_int_gt(sendfile(to, from, &offset, (size_t)(st.st_size - offset)), 0);
	}
	ck_assert_int_eq(close(from), 0);
}

static void write_content(int fd, const struct workload_kind *kind)
{
	char content[FILE_BYTES];

	if (kind->is_program) {
		copy_file(fd, workload_victim_program());
	} else if (kind->is_library) {
		copy_file(fd, get_path("RM_VICTIM_LIBRARY", BUILT_VICTIM_LIBRARY));
	} else if (kind->script) {
		ck_assert_int_gt(
			dprintf(fd, "%s\n%s", kind->shebang ? kind->shebang : "", kind->script), 0);
	} else {
		memset(content, 'f', sizeof(content));
		ck_assert_int_eq(write(fd, content, sizeof(content)), sizeof(content));
	}
}

static void make_file(const char *path, const struct workload_kind *kind)
{
	int fd;

	make_parents(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	write_content(fd, kind);
	ck_assert_int_eq(close(fd), 0);
}

static void make_files(const struct workload *workload)
{
	char path[WORKLOAD_PATH_BYTES];
	const char *name;

	for (size_t i = 0; i < workload_n_kinds; i++) {
		name = workload_kinds[i].file ? workload_kinds[i].file : workload_kinds[i].path;
		if (*name) {
			make_file(in_directory(workload, name, path), &workload_kinds[i]);
		}
	}
}

/* By rename, as package managers do it. */
static void replace(const char *path)
{
	static const struct workload_kind plain = {0};
	char fresh[WORKLOAD_PATH_BYTES + 8];

	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	make_file(fresh, &plain);
	ck_assert_int_eq(rename(fresh, path), 0);
}

static void change(const char *path, enum workload_change how)
{
	char kept[WORKLOAD_PATH_BYTES + 8];

	switch (how) {
	case CHANGE_DELETE:
		ck_assert_int_eq(unlink(path), 0);
		break;
	case CHANGE_KEEP_REPLACE:
		(void)snprintf(kept, sizeof(kept), "%s.kept", path);
		ck_assert_int_eq(link(path, kept), 0);
		replace(path);
		break;
	case CHANGE_REPLACE:
		replace(path);
		break;
	case CHANGE_NONE:
		break;
	}
}

void workload_change_before(const struct workload *workload)
{
	char path[WORKLOAD_PATH_BYTES];

	for (size_t i = 0; i < workload_n_kinds; i++) {
		change(workload_path(workload, &workload_kinds[i], path), workload_kinds[i].before);
	}
}

void workload_change_after(const struct workload *workload)
{
	char path[WORKLOAD_PATH_BYTES];

	for (size_t i = 0; i < workload_n_kinds; i++) {
		change(workload_path(workload, &workload_kinds[i], path), workload_kinds[i].after);
	}
}

/* ---- processes ------------------------------------------------------------------------------ */

void workload_open(struct workload *workload)
{
	*workload = (struct workload){0};
	ck_assert_int_eq(pipe2(workload->life, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(workload->status, O_CLOEXEC), 0);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

void workload_close(struct workload *workload)
{
	ck_assert_int_eq(close(workload->life[0]), 0);
	ck_assert_int_eq(close(workload->life[1]), 0);
	ck_assert_int_eq(close(workload->status[0]), 0);
	ck_assert_int_eq(close(workload->status[1]), 0);
}

/* In the child: both descriptors are above 4 before they get their places. */
static void place_descriptors(const struct workload *workload)
{
	int status = fcntl(workload->status[1], F_DUPFD_CLOEXEC, 10);
	int life = fcntl(workload->life[0], F_DUPFD_CLOEXEC, 10);

	if (status < 0 || life < 0 || dup2(status, STATUS_FD) < 0 || dup2(life, LIFE_FD) < 0) {
		_exit(98);
	}
}

static void become(uid_t uid)
{
	if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0)) {
		_exit(98);
	}
}

/* A long command line has to fit on the stack. */
static void make_room(size_t bytes)
{
	struct rlimit limit;

	if (!bytes) {
		return;
	}
	(void)getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = limit.rlim_max < STACK_BYTES ? limit.rlim_max : STACK_BYTES;
	if (setrlimit(RLIMIT_STACK, &limit) < 0) {
		_exit(98);
	}
}

static pid_t start_program(const struct workload *workload, const char *program,
			   const char *const *arguments, uid_t uid, size_t pad_bytes)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0) {
		return pid;
	}
	place_descriptors(workload);
	become(uid);
	make_room(pad_bytes);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
		_exit(98);
	}
	(void)execv(program, (char *const *)(uintptr_t)arguments);
	perror(program);
	_exit(98);
}

pid_t workload_spawn(const struct workload *workload, const char *program, const char *const *words)
{
	const char *arguments[WORKLOAD_MAX_WORDS + 2] = {"victim"};

	for (size_t i = 0; words[i]; i++) {
		ck_assert_uint_lt(i, WORKLOAD_MAX_WORDS);
		arguments[i + 1] = words[i];
	}
	return start_program(workload, program, arguments, 0, 0);
}

struct rm_process_id workload_start_victim(const struct workload *workload, const char *verb,
					   const char *path)
{
	char word[WORKLOAD_PATH_BYTES];
	const char *words[] = {word, NULL};
	struct rm_process_id id;
	pid_t pid;

	(void)snprintf(word, sizeof(word), "%s=%s", verb, path);
	pid = workload_spawn(workload, workload_victim_program(), words);
	ck_assert_int_eq(workload_wait_ready(workload, NULL), pid);
	ck_assert_int_eq(rm_process_id_from_pid((uint32_t)pid, &id), 0);
	return id;
}

void workload_end_victim(const struct rm_process_id *id)
{
	ck_assert_int_eq(kill((pid_t)id->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid((pid_t)id->pid, NULL, 0), (pid_t)id->pid);
}

/* Its argument that makes the command line long. */
static const char *get_pad(void)
{
	static char pad[PAD_BYTES];

	if (!*pad) {
		memset(pad, 'p', sizeof(pad) - 1);
		memcpy(pad, "pad=", 4);
	}
	return pad;
}

static pid_t start_one(const struct workload *workload, const struct workload_kind *kind)
{
	char words[WORKLOAD_MAX_WORDS][WORKLOAD_PATH_BYTES], path[WORKLOAD_PATH_BYTES];
	const char *arguments[WORKLOAD_MAX_WORDS + MAX_PADS + 3] = {"victim"};
	const char *program = workload_victim_program();
	size_t n = 1;

	(void)workload_path(workload, kind, path);
	if (kind->interpreter) {
		arguments[0] = program = kind->interpreter;
		arguments[n++] = path;
	} else if (kind->is_program || kind->shebang) {
		arguments[0] = program = path;
	}
	for (size_t i = 0; i < WORKLOAD_MAX_WORDS && kind->words[i]; i++) {
		arguments[n++] = workload_expand(workload, kind, kind->words[i], words[i]);
	}
	for (size_t bytes = 0; bytes < kind->pad_bytes; bytes += PAD_BYTES) {
		arguments[n++] = get_pad();
	}
	ck_assert_uint_lt(n, ARRAY_SIZE(arguments));
	return start_program(workload, program, arguments, kind->uid, kind->pad_bytes);
}

/* Lines come whole: they are shorter than what a pipe takes at once. */
static void read_line(const struct workload *workload, char *ret_line, size_t size)
{
	struct pollfd poll_fd = {.fd = workload->status[0], .events = POLLIN};

	for (size_t n = 0; n + 1 < size; n++) {
		ck_assert_msg(poll(&poll_fd, 1, testing_scale_ms(READY_MS)) == 1,
			      "a process of the workload does not get ready");
		ck_assert_int_eq(read(workload->status[0], ret_line + n, 1), 1);
		if (ret_line[n] == '\n') {
			ret_line[n] = '\0';
			return;
		}
	}
	ck_abort_msg("a process of the workload says too much");
}

pid_t workload_wait_ready(const struct workload *workload, pid_t *ret_child)
{
	char line[256];
	pid_t pid = 0, child = 0;

	read_line(workload, line, sizeof(line));
	ck_assert_msg(sscanf(line, "%d ready %d", &pid, &child) == 2, "a process says: %s", line);
	if (ret_child) {
		*ret_child = child;
	}
	return pid;
}

static struct workload_process *find_process(struct workload *workload, pid_t pid)
{
	for (size_t i = 0; i < workload->n_processes; i++) {
		if ((pid_t)workload->processes[i].leader.pid == pid) {
			return &workload->processes[i];
		}
	}
	ck_abort_msg("process %d is not one of the workload", pid);
}

static void wait_all_ready(struct workload *workload)
{
	for (size_t i = 0; i < workload->n_processes; i++) {
		pid_t child;
		struct workload_process *process =
			find_process(workload, workload_wait_ready(workload, &child));

		ck_assert_int_eq(rm_process_id_from_pid(process->leader.pid, &process->leader), 0);
		if (child) {
			ck_assert_int_eq(rm_process_id_from_pid((uint32_t)child, &process->child),
					 0);
		}
	}
}

static bool is_possible(const struct workload *workload, const struct workload_kind *kind)
{
	bool is = (!kind->needs_mounts || workload->has_mounts) &&
		  (!(kind->needs_root || kind->needs_mounts) || testing_is_root()) &&
		  (!kind->prepare || kind->prepare(workload));

	if (!is) {
		(void)fprintf(stderr, "# left out, not possible here: %s\n", kind->name);
	}
	return is;
}

static void start_kind(struct workload *workload, const struct workload_kind *kind,
		       unsigned int n_each)
{
	unsigned int n = kind->n && kind->n < n_each ? kind->n : n_each;
	bool has_process = kind->words[0] || kind->script || kind->is_program;

	for (unsigned int i = 0; has_process && i < n; i++) {
		ck_assert_uint_lt(workload->n_processes, WORKLOAD_MAX_PROCESSES);
		workload->processes[workload->n_processes++] = (struct workload_process){
			.kind = kind,
			.leader = {.pid = (uint32_t)start_one(workload, kind)},
		};
	}
}

void workload_start(struct workload *workload, bool has_mounts, unsigned int n_each)
{
	const char *base = getenv("RM_TEST_DIRECTORY");

	ck_assert_ptr_nonnull(base);
	ck_assert_uint_le(workload_n_kinds, ARRAY_SIZE(workload->is_possible));
	workload_open(workload);
	workload->has_mounts = has_mounts;
	/* Beside the case's own directory, which other users may not enter. */
	(void)snprintf(workload->directory, sizeof(workload->directory), "%s/w%d", base, getpid());
	ck_assert_int_eq(mkdir(workload->directory, 0755), 0);
	make_files(workload);
	for (size_t i = 0; i < workload_n_kinds; i++) {
		workload->is_possible[i] = is_possible(workload, &workload_kinds[i]);
	}
	for (size_t i = 0; i < workload_n_kinds; i++) {
		if (workload->is_possible[i]) {
			start_kind(workload, &workload_kinds[i], n_each);
		}
	}
	wait_all_ready(workload);
}

/* ---- the truth ------------------------------------------------------------------------------ */

void workload_register(const struct workload *workload, struct rm_session *session)
{
	static char paths[128][WORKLOAD_PATH_BYTES];
	const char *files[128], *trees[128];
	struct rm_resources resources = {.files = files, .trees = trees};

	for (size_t i = 0; i < workload_n_kinds; i++) {
		const char *path = workload_path(workload, &workload_kinds[i], paths[i]);

		if (workload_kinds[i].is_tree) {
			trees[resources.n_trees++] = path;
		} else {
			files[resources.n_files++] = path;
		}
	}
	ck_assert_int_eq(rm_session_register(session, &resources), 0);
}

bool workload_leader_uses(const struct workload_kind *kind)
{
	return kind->who == WHO_LEADER || kind->who == WHO_BOTH;
}

bool workload_child_uses(const struct workload_kind *kind)
{
	return kind->who == WHO_CHILD || kind->who == WHO_BOTH;
}

static bool is_same(const struct rm_process_id *a, const struct rm_process_id *b)
{
	return a->pid == b->pid && a->start_time == b->start_time;
}

const struct workload_kind *workload_find_user(const struct workload *workload,
					       const struct rm_process_id *id)
{
	for (size_t i = 0; i < workload->n_processes; i++) {
		const struct workload_process *process = &workload->processes[i];

		if ((is_same(&process->leader, id) && workload_leader_uses(process->kind)) ||
		    (is_same(&process->child, id) && workload_child_uses(process->kind))) {
			return process->kind;
		}
	}
	return NULL;
}

const struct workload_process *workload_find(const struct workload *workload, pid_t pid)
{
	for (size_t i = 0; i < workload->n_processes; i++) {
		if (workload->processes[i].leader.pid == (uint32_t)pid ||
		    workload->processes[i].child.pid == (uint32_t)pid) {
			return &workload->processes[i];
		}
	}
	return NULL;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void end_process(uint32_t pid)
{
	if (pid) {
		/* It may have been reaped by its parent, or be nobody's child of ours yet. */
		(void)kill((pid_t)pid, SIGKILL);
		while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void unmount(const struct workload *workload, const char *name)
{
	char path[WORKLOAD_PATH_BYTES];

	(void)umount2(in_directory(workload, name, path), MNT_DETACH); /* is it mounted? */
}

void workload_stop(struct workload *workload)
{
	for (size_t i = 0; i < workload->n_processes; i++) {
		end_process(workload->processes[i].leader.pid);
		end_process(workload->processes[i].child.pid);
	}
	workload_close(workload);
	if (workload->has_mounts) {
		unmount(workload, "one/merged");
		unmount(workload, "two/merged");
		unmount(workload, "two/memory");
	}
	ck_assert_int_eq(nftw(workload->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}
