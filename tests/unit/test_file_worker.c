/* SPDX-License-Identifier: MIT */
/*
 * The file worker as a process of its own at the other end of a socketpair: questions about files,
 * leases and trees, questions that are none, and trees that change or hang while they are walked.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "broker/scan/file_identity.h"
#include "broker/scan/file_worker.h"
#include "broker/scan/tree_walk.h"
#include "proto/limits.h"
#include "tests/support/hung_fuse.h"
#include "tests/unit/fixture.h"

#define NOBODY 65534

/* ---- the worker ---- */

static int worker_fd; /* the broker's end */
static pid_t worker_pid;
static uint64_t last_token;

static void start_worker(bool may_touch_remote, bool is_nobody)
{
	pid_t parent = getpid();
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	worker_pid = fork();
	ck_assert_int_ge(worker_pid, 0);
	if (worker_pid == 0) {
		(void)close(fds[0]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
		    (is_nobody &&
		     (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))) {
			_exit(2);
		}
		_exit(file_worker_run(fds[1], may_touch_remote) == -EPIPE ? 0 : 1);
	}
	(void)close(fds[1]);
	worker_fd = fds[0];
}

/* Closes our end; the worker's exit code. */
static int end_worker(void)
{
	int status;

	(void)close(worker_fd);
	ck_assert_int_eq(waitpid(worker_pid, &status, 0), worker_pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void send_request(Rmscan__WorkerRequest *request)
{
	struct frame_buffer out = {0};
	size_t size = rmscan__worker_request__get_packed_size(request);
	uint8_t *frame = frame_buffer_reserve(&out, FRAME_HEADER_BYTES + size);

	frame_write_header(frame, (uint32_t)size);
	(void)rmscan__worker_request__pack(request, frame + FRAME_HEADER_BYTES);
	ck_assert_int_eq(send(worker_fd, frame, FRAME_HEADER_BYTES + size, MSG_NOSIGNAL),
			 (ssize_t)(FRAME_HEADER_BYTES + size));
	frame_buffer_done(&out);
}

static Rmscan__WorkerReply *receive_reply(void)
{
	Rmscan__WorkerReply *reply;
	uint8_t header[FRAME_HEADER_BYTES];
	uint8_t *payload;
	uint32_t size;

	ck_assert_int_eq(recv(worker_fd, header, sizeof(header), MSG_WAITALL), sizeof(header));
	size = header[0] | (uint32_t)header[1] << 8 | (uint32_t)header[2] << 16;
	ck_assert_uint_le(size, MAX_FRAME_BYTES);
	payload = malloc(size);
	ck_assert_ptr_nonnull(payload);
	ck_assert_int_eq(recv(worker_fd, payload, size, MSG_WAITALL), size);
	reply = rmscan__worker_reply__unpack(NULL, size, payload);
	free(payload);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->token, last_token);
	return reply;
}

/* An answer put together from its pieces. */
struct answer {
	uint32_t error;
	unsigned int n_pieces;
	struct file_identity *found;
	size_t n_found;
	struct frame_buffer real_paths;
	struct frame_buffer final_paths;
	uint32_t n_unchecked;
	bool truncated;
};

static void answer_done(struct answer *answer)
{
	free(answer->found);
	frame_buffer_done(&answer->real_paths);
	frame_buffer_done(&answer->final_paths);
}

static void add_found(struct answer *answer, const ProtobufCBinaryData *identities)
{
	size_t n = identities->len / sizeof(struct file_identity);

	ck_assert_uint_eq(identities->len % sizeof(struct file_identity), 0);
	answer->n_pieces++;
	answer->found = realloc(answer->found, (answer->n_found + n + 1) * sizeof(*answer->found));
	ck_assert_ptr_nonnull(answer->found);
	if (n) {
		memcpy(answer->found + answer->n_found, identities->data, identities->len);
	}
	answer->n_found += n;
}

static void add_texts(struct frame_buffer *texts, const ProtobufCBinaryData *more)
{
	ck_assert_int_eq(frame_buffer_append(texts, more->data, more->len), 0);
}

static void send_query(const void *paths, size_t size, bool with_real_paths, bool with_lease)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__FileQuery query = RMSCAN__FILE_QUERY__INIT;

	query.paths = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)paths};
	query.with_real_paths = with_real_paths;
	query.with_lease = with_lease;
	request.token = ++last_token;
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_FILES;
	request.files = &query;
	send_request(&request);
}

static struct answer receive_files(size_t n_paths)
{
	struct answer answer = {0};

	while (answer.n_found < n_paths && !answer.error) {
		Rmscan__WorkerReply *reply = receive_reply();

		answer.error = reply->error;
		if (!reply->error) {
			ck_assert_int_eq(reply->result_case, RMSCAN__WORKER_REPLY__RESULT_FILES);
			add_found(&answer, &reply->files->identities);
			add_texts(&answer.real_paths, &reply->files->real_paths);
			add_texts(&answer.final_paths, &reply->files->final_paths);
		}
		rmscan__worker_reply__free_unpacked(reply, NULL);
	}
	return answer;
}

static struct file_identity ask_file(const char *path, bool with_lease)
{
	struct answer answer;
	struct file_identity identity;

	send_query(path, strlen(path) + 1, false, with_lease);
	answer = receive_files(1);
	ck_assert_uint_eq(answer.error, 0);
	ck_assert_uint_eq(answer.n_found, 1);
	identity = answer.found[0];
	answer_done(&answer);
	return identity;
}

static void send_tree_query(const char *path, size_t size)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__TreeQuery query = RMSCAN__TREE_QUERY__INIT;

	query.path = (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)path};
	request.token = ++last_token;
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_TREE;
	request.tree = &query;
	send_request(&request);
}

static struct answer receive_tree(void)
{
	struct answer answer = {0};
	bool last = false;

	while (!last && !answer.error) {
		Rmscan__WorkerReply *reply = receive_reply();

		answer.error = reply->error;
		if (!reply->error) {
			ck_assert_int_eq(reply->result_case, RMSCAN__WORKER_REPLY__RESULT_TREE);
			add_found(&answer, &reply->tree->identities);
			last = reply->tree->last;
			answer.n_unchecked = reply->tree->n_unchecked;
			answer.truncated = reply->tree->truncated;
		}
		rmscan__worker_reply__free_unpacked(reply, NULL);
	}
	return answer;
}

static struct answer ask_tree(const char *path)
{
	send_tree_query(path, strlen(path));
	return receive_tree();
}

static bool has_inode(const struct answer *answer, const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	for (size_t i = 0; i < answer->n_found; i++) {
		if (answer->found[i].inode == st.st_ino && answer->found[i].device == st.st_dev) {
			return true;
		}
	}
	return false;
}

/* ---- files ---- */

static void make_file(const char *path)
{
	file_put(path, "x", 1);
}

static void make_directory(const char *path)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

START_TEST(test_files)
{
	char paths[3 * PATH_MAX];
	struct answer answer;
	struct stat st;
	size_t n = 0;

	make_directory(fixture_path("d"));
	make_file(fixture_path("d/f"));
	ck_assert_int_eq(symlink("d", fixture_path("l")), 0);
	n += (size_t)sprintf(paths + n, "%s", fixture_path("l/f")) + 1;
	n += (size_t)sprintf(paths + n, "%s", fixture_path("d/none")) + 1;
	n += (size_t)sprintf(paths + n, "%s", fixture_path("d")) + 1;
	start_worker(false, false);
	send_query(paths, n, true, false);
	answer = receive_files(3);
	ck_assert_uint_eq(answer.error, 0);
	ck_assert_int_eq(stat(fixture_path("d/f"), &st), 0);
	ck_assert_uint_eq(answer.found[0].inode, st.st_ino);
	ck_assert_uint_eq(answer.found[0].kind, FILE_REGULAR);
	ck_assert_uint_eq(answer.found[1].kind, FILE_MISSING);
	ck_assert_uint_eq(answer.found[2].kind, FILE_DIRECTORY);
	n = strlen(fixture_path("d/f"));
	ck_assert_uint_eq(answer.real_paths.size, n + 3);
	ck_assert_str_eq((char *)answer.real_paths.data, fixture_path("d/f"));
	ck_assert_mem_eq(answer.real_paths.data + n + 1, "\0", 2); /* the others are the same */
	answer_done(&answer);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* Where a path leads that is a symbolic link itself: while it leads somewhere. */
START_TEST(test_final_paths)
{
	char paths[5 * PATH_MAX];
	char expected[2 * PATH_MAX];
	struct answer answer;
	size_t n = 0;

	make_directory(fixture_path("d"));
	make_file(fixture_path("d/lib.1.2"));
	ck_assert_int_eq(symlink("lib.1.2", fixture_path("d/lib.1")), 0);
	ck_assert_int_eq(symlink("lib.3", fixture_path("d/lib")), 0);
	ck_assert_int_eq(symlink("d", fixture_path("l")), 0);
	n += (size_t)sprintf(paths + n, "%s", fixture_path("l/lib.1.2")) + 1;
	n += (size_t)sprintf(paths + n, "%s", fixture_path("l/lib.1")) + 1;
	n += (size_t)sprintf(paths + n, "%s", fixture_path("d/lib")) + 1;
	n += (size_t)sprintf(paths + n, "%s", fixture_path("d/none")) + 1;
	n += (size_t)sprintf(paths + n, "%s", fixture_path("l")) + 1;
	start_worker(false, false);
	send_query(paths, n, true, false);
	answer = receive_files(5);
	ck_assert_uint_eq(answer.error, 0);
	n = 1; /* the first one is no link */
	expected[0] = '\0';
	n += (size_t)sprintf(expected + n, "%s", fixture_path("d/lib.1.2")) + 1;
	expected[n++] = '\0';
	expected[n++] = '\0';
	n += (size_t)sprintf(expected + n, "%s", fixture_path("d")) + 1;
	ck_assert_uint_eq(answer.final_paths.size, n);
	ck_assert_mem_eq(answer.final_paths.data, expected, n);
	answer_done(&answer);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* More than one answer holds; each is a frame that the broker takes. */
START_TEST(test_many_files)
{
	enum {
		N = 2500
	};
	struct frame_buffer paths = {0};
	struct answer answer;
	char name[300];

	memset(name, 'n', sizeof(name));
	for (unsigned int i = 0; i < N; i++) {
		const char *path;

		(void)snprintf(name + 240, sizeof(name) - 240, "%u", i);
		path = fixture_path(name);
		ck_assert_int_eq(frame_buffer_append(&paths, path, strlen(path) + 1), 0);
	}
	start_worker(false, false);
	ck_assert_uint_lt(paths.size, MAX_FRAME_BYTES);
	send_query(paths.data, paths.size, true, false);
	answer = receive_files(N);
	ck_assert_uint_eq(answer.error, 0);
	ck_assert_uint_eq(answer.n_found, N);
	ck_assert_uint_gt(answer.n_pieces, 1);
	for (unsigned int i = 0; i < N; i++) {
		ck_assert_uint_eq(answer.found[i].kind, FILE_MISSING);
	}
	answer_done(&answer);
	frame_buffer_done(&paths);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* Short names whose real ones are long: 300 KiB become more than a frame. */
START_TEST(test_long_real_paths)
{
	enum {
		N = 600
	};
	static char deep[MAX_PATH_BYTES];
	struct frame_buffer paths = {0};
	struct answer answer;
	size_t n = (size_t)snprintf(deep, sizeof(deep), "%s", fixture_path("deep"));
	unsigned int n_nuls = 0;
	char name[32];

	make_directory(deep);
	for (; n < 3800; n += 201) {
		memset(deep + n, 'p', 201);
		deep[n] = '/';
		deep[n + 201] = '\0';
		make_directory(deep);
	}
	ck_assert_int_eq(symlink(deep, fixture_path("l")), 0);
	for (unsigned int i = 0; i < N; i++) {
		const char *path;

		(void)snprintf(name, sizeof(name), "l/%u", i);
		path = fixture_path(name);
		ck_assert_int_eq(frame_buffer_append(&paths, path, strlen(path) + 1), 0);
	}
	start_worker(false, false);
	send_query(paths.data, paths.size, true, false);
	answer = receive_files(N);
	ck_assert_uint_eq(answer.n_found, N);
	ck_assert_uint_gt(answer.n_pieces, 2);
	ck_assert_uint_gt(answer.real_paths.size, 2 * MAX_FRAME_BYTES);
	for (size_t i = 0; i < answer.real_paths.size; i++) {
		n_nuls += answer.real_paths.data[i] == '\0';
	}
	ck_assert_uint_eq(n_nuls, N);
	answer_done(&answer);
	frame_buffer_done(&paths);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

static const struct {
	const char *bytes;
	size_t size;
} no_paths[] = {
	{"", 0},	{"\0", 1},  {"/a", 2},	       {"/a\0b", 4},
	{"/a\0b\0", 5}, {"a\0", 2}, {"/a\0\0/b\0", 7}, {"/a\0/b", 5},
};

START_TEST(test_no_paths)
{
	struct answer answer;

	start_worker(false, false);
	send_query(no_paths[_i].bytes, no_paths[_i].size, true, true);
	answer = receive_files(1);
	ck_assert_uint_eq(answer.error, EBADMSG);
	answer_done(&answer);
	ck_assert_uint_eq(ask_file("/", false).kind, FILE_DIRECTORY); /* and goes on */
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

START_TEST(test_too_long)
{
	static char path[5000];

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	start_worker(false, false);
	ck_assert_int_eq(ask_file(path, true).error, ENAMETOOLONG);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* A mount made after the worker has read its table. */
START_TEST(test_new_mounts)
{
	struct file_identity identity;
	struct stat st;

	if (!mounts_unshare()) {
		(void)fputs("skipped: no mount namespace may be made\n", stderr);
		return;
	}
	make_directory(fixture_path("m"));
	start_worker(false, false);
	ck_assert_uint_eq(ask_file(fixture_path("m"), false).kind, FILE_DIRECTORY);
	ck_assert_int_eq(mount("none", fixture_path("m"), "tmpfs", 0, NULL), 0);
	make_file(fixture_path("m/f"));
	ck_assert_int_eq(stat(fixture_path("m/f"), &st), 0);
	identity = ask_file(fixture_path("m/f"), false);
	ck_assert_uint_eq(identity.superblock, st.st_dev);
	ck_assert_uint_eq(identity.flags, 0);
	/* Nothing that was asked keeps the mount busy. */
	ck_assert_int_eq(umount2(fixture_path("m"), 0), 0);
	ck_assert_uint_eq(ask_file(fixture_path("m/f"), false).kind, FILE_MISSING);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

static void copy_mounts(const char *path)
{
	static char text[65536];
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, text + size, sizeof(text) - size)) > 0) {
		size += (size_t)n;
	}
	(void)close(fd);
	file_put(path, text, size);
}

/* A mount that comes after the look whether there is a new one: its id is not in the table. The
 * worker reads a copy of the table here, which never says that it has changed. */
START_TEST(test_mount_in_between)
{
	Rmscan__FileQuery query = RMSCAN__FILE_QUERY__INIT;
	struct worker_link link = {.fd = -1};
	struct file_worker *worker;
	struct answer answer;
	struct stat st;
	int fds[2];
	int fd;

	if (!mounts_unshare()) {
		(void)fputs("skipped: no mount namespace may be made\n", stderr);
		return;
	}
	make_directory(fixture_path("m"));
	copy_mounts(fixture_path("mountinfo"));
	ck_assert_int_eq(file_worker_new(false, &worker), 0);
	mount_watch_done(&worker->mounts);
	fd = open(fixture_path(""), O_PATH | O_CLOEXEC);
	ck_assert_int_eq(mount_watch_init(fd, "mountinfo", &worker->mounts), 0);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(mount("none", fixture_path("m"), "tmpfs", 0, NULL), 0);
	make_file(fixture_path("m/f"));
	ck_assert_int_eq(mount("none", fixture_path("m"), "ramfs", 0, NULL), 0);
	make_file(fixture_path("m/f"));
	ck_assert_int_eq(stat(fixture_path("m/f"), &st), 0);
	copy_mounts(fixture_path("mountinfo"));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	worker_fd = fds[0];
	link.fd = fds[1];
	query.paths.data = (uint8_t *)(uintptr_t)fixture_path("m/f");
	query.paths.len = strlen((char *)query.paths.data) + 1;
	ck_assert_int_eq(file_worker_answer_files(worker, &link, ++last_token, &query), 0);
	answer = receive_files(1);
	ck_assert_uint_eq(answer.found[0].inode, st.st_ino);
	ck_assert_uint_eq(answer.found[0].superblock, st.st_dev);
	ck_assert(worker->has_reread);
	ck_assert_ptr_nonnull(mount_table_find_path(&worker->mounts.table, fixture_path("m/f")));
	ck_assert_str_eq(mount_table_find_path(&worker->mounts.table, fixture_path("m/f"))->type,
			 "ramfs");
	answer_done(&answer);
	worker_link_done(&link);
	ck_assert_int_eq(close(worker_fd), 0);
	worker = file_worker_free(worker);
	ck_assert_int_eq(umount2(fixture_path("m"), 0), 0);
	ck_assert_int_eq(umount2(fixture_path("m"), 0), 0);
}
END_TEST

/* ---- leases ---- */

static uint32_t ask_lease(const char *path)
{
	return ask_file(path, true).flags & (FILE_LEASE_BUSY | FILE_LEASE_IDLE);
}

START_TEST(test_leases)
{
	const char *path = fixture_path("f");
	void *page;
	int fd;

	make_file(path);
	start_worker(false, false);
	ck_assert_uint_eq(ask_lease(path), FILE_LEASE_IDLE);
	ck_assert_uint_eq(ask_lease(path), FILE_LEASE_IDLE); /* it has given the first one back */
	ck_assert_uint_eq(ask_file(path, false).flags, 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_uint_eq(ask_lease(path), FILE_LEASE_BUSY);
	page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_uint_eq(ask_lease(path), FILE_LEASE_BUSY);
	ck_assert_int_eq(munmap(page, 1), 0);
	ck_assert_uint_eq(ask_lease(path), FILE_LEASE_IDLE);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* Nobody opens what opening changes, or waits for. */
START_TEST(test_no_lease)
{
	static const char *const paths[] = {"/dev/null", "/", "/proc/self/exe"};

	int opens = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct inotify_event event;

	ck_assert_int_eq(mkfifo(fixture_path("fifo"), 0666), 0);
	ck_assert_int_ge(inotify_add_watch(opens, fixture_path("fifo"), IN_OPEN), 0);
	start_worker(false, geteuid() == 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		ck_assert_uint_eq(ask_lease(paths[i]) & FILE_LEASE_IDLE, 0);
	}
	ck_assert_uint_eq(ask_lease(fixture_path("fifo")), 0);
	ck_assert_uint_eq(ask_lease(fixture_path("none")), 0);
	if (geteuid() == 0) {
		make_file(fixture_path("f"));
		ck_assert_int_eq(chmod(fixture_path("f"), 0644), 0);
		ck_assert_uint_eq(ask_lease(fixture_path("f")), 0); /* not its own file */
		ck_assert_int_eq(end_worker(), 0);
		start_worker(false, false);
		ck_assert_uint_eq(ask_lease(fixture_path("fifo")), 0);
	}
	ck_assert_int_eq(read(opens, &event, sizeof(event)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(close(opens), 0);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* Others open it all the time: their open may break the probe's lease, never the worker. */
START_TEST(test_contended_leases)
{
	const char *path = fixture_path("f");
	pid_t opener;

	make_file(path);
	opener = fork();
	ck_assert_int_ge(opener, 0);
	if (opener == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)close(open(path, O_RDONLY | O_CLOEXEC));
		}
	}
	start_worker(false, false);
	for (unsigned int i = 0; i < 3000; i++) {
		ck_assert_uint_ne(ask_lease(path), 0);
	}
	ck_assert_int_eq(end_worker(), 0);
	child_end(opener);
}
END_TEST

/* ---- trees ---- */

static const char *const tree_members[] = {
	"t",	  "t/a",       "t/a/b",	      "t/a/b/c", "t/a/b/c/f", "t/a/f",
	"t/fifo", "t/.hidden", "t/new\nline", "t/m",	 "t/m/in",
};

static void make_tree(void)
{
	make_directory(fixture_path("t"));
	make_directory(fixture_path("t/a"));
	make_directory(fixture_path("t/a/b"));
	make_directory(fixture_path("t/a/b/c"));
	make_directory(fixture_path("t/m"));
	make_directory(fixture_path("out"));
	make_file(fixture_path("t/a/b/c/f"));
	make_file(fixture_path("t/a/f"));
	make_file(fixture_path("t/.hidden"));
	make_file(fixture_path("t/new\nline"));
	make_file(fixture_path("out/f"));
	ck_assert_int_eq(mkfifo(fixture_path("t/fifo"), 0600), 0);
	ck_assert_int_eq(symlink("../out", fixture_path("t/to_out")), 0);
	ck_assert_int_eq(symlink("../out/f", fixture_path("t/to_f")), 0);
	ck_assert_int_eq(symlink(".", fixture_path("t/loop")), 0);
}

static void check_tree(const struct answer *answer)
{
	for (size_t i = 0; i < ARRAY_SIZE(tree_members); i++) {
		ck_assert_msg(has_inode(answer, fixture_path(tree_members[i])), "%s",
			      tree_members[i]);
	}
	ck_assert(!has_inode(answer, fixture_path("out")));
	ck_assert(!has_inode(answer, fixture_path("out/f")));
	ck_assert_uint_eq(answer->n_found, ARRAY_SIZE(tree_members));
	ck_assert(!answer->truncated);
}

START_TEST(test_tree)
{
	struct answer answer;

	make_tree();
	make_file(fixture_path("t/m/in"));
	ck_assert_int_eq(symlink("t", fixture_path("to_t")), 0);
	start_worker(false, false);
	answer = ask_tree(fixture_path("t"));
	ck_assert_uint_eq(answer.error, 0);
	check_tree(&answer);
	ck_assert_uint_eq(answer.n_unchecked, 0);
	ck_assert_uint_eq(answer.found[0].kind, FILE_DIRECTORY);
	answer_done(&answer);
	answer = ask_tree(fixture_path("to_t/a/..")); /* the way to it is followed */
	check_tree(&answer);
	answer_done(&answer);
	answer = ask_tree(fixture_path("t/a/f"));
	ck_assert_uint_eq(answer.n_found, 1);
	ck_assert_uint_eq(answer.found[0].kind, FILE_REGULAR);
	answer_done(&answer);
	answer = ask_tree(fixture_path("t/none"));
	ck_assert_uint_eq(answer.error, 0);
	ck_assert_uint_eq(answer.n_found, 0);
	ck_assert_uint_eq(answer.n_unchecked, 0);
	answer_done(&answer);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

START_TEST(test_no_tree)
{
	static char path[MAX_PATH_BYTES];
	struct answer answer;

	memset(path, '/', sizeof(path));
	start_worker(false, false);
	for (unsigned int i = 0; i < 4; i++) {
		static const char *const paths[] = {"", "a", "/a\0b", path};
		static const size_t sizes[] = {0, 1, 4, sizeof(path)};

		send_tree_query(paths[i], sizes[i]);
		answer = receive_tree();
		ck_assert_uint_eq(answer.error, EBADMSG);
		answer_done(&answer);
	}
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

START_TEST(test_unreadable_directories)
{
	struct answer answer;

	if (geteuid() != 0) {
		(void)fputs("skipped: only root can become somebody else\n", stderr);
		return;
	}
	make_directory(fixture_path("t"));
	ck_assert_int_eq(chmod(fixture_path(""), 0755), 0);
	make_directory(fixture_path("t/closed"));
	make_file(fixture_path("t/closed/f"));
	make_file(fixture_path("t/f"));
	ck_assert_int_eq(chmod(fixture_path("t/closed"), 0700), 0);
	/* The directory of the whole case is root's alone: the worker gets this one by a mount. */
	if (!mounts_unshare() || mount(fixture_path("t"), "/mnt", "none", MS_BIND, NULL) < 0) {
		(void)fputs("skipped: no mount namespace may be made\n", stderr);
		return;
	}
	start_worker(false, true);
	answer = ask_tree("/mnt");
	ck_assert_uint_eq(answer.error, 0);
	ck_assert_uint_eq(answer.n_found, 3);
	ck_assert_uint_eq(answer.n_unchecked, 1);
	ck_assert(has_inode(&answer, "/mnt/closed"));
	ck_assert(!has_inode(&answer, "/mnt/closed/f"));
	answer_done(&answer);
	answer = ask_tree("/mnt/closed/f");
	ck_assert_uint_eq(answer.n_found, 0);
	ck_assert_uint_eq(answer.n_unchecked, 1);
	answer_done(&answer);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* A tmpfs is walked, /proc is left out, what may hang is counted and not touched. */
START_TEST(test_mounts_in_a_tree)
{
	struct hung_fuse fuse;
	struct answer answer;

	if (!mounts_unshare()) {
		(void)fputs("skipped: no mount namespace may be made\n", stderr);
		return;
	}
	make_tree();
	ck_assert_int_eq(mount("none", fixture_path("t/m"), "tmpfs", 0, NULL), 0);
	make_file(fixture_path("t/m/in"));
	start_worker(false, false);
	answer = ask_tree(fixture_path("t"));
	check_tree(&answer);
	answer_done(&answer);
	make_directory(fixture_path("t/a/proc"));
	ck_assert_int_eq(mount("none", fixture_path("t/a/proc"), "proc", 0, NULL), 0);
	answer = ask_tree(fixture_path("t"));
	check_tree(&answer);
	ck_assert_uint_eq(answer.n_unchecked, 0);
	answer_done(&answer);
	make_directory(fixture_path("t/a/b/hung"));
	if (hung_fuse_mount(&fuse, fixture_path("t/a/b/hung"))) {
		hung_fuse_hang(&fuse);
		answer = ask_tree(fixture_path("t"));
		check_tree(&answer);
		ck_assert_uint_eq(answer.n_unchecked, 1);
		answer_done(&answer);
		answer = ask_tree(fixture_path("t/a/b/hung"));
		ck_assert_uint_eq(answer.error, EREMOTE);
		answer_done(&answer);
		ck_assert_int_eq(ask_file(fixture_path("t/a/b/hung/x"), true).error, EREMOTE);
		hung_fuse_end(&fuse);
	} else {
		(void)fputs("skipped: FUSE can't be mounted\n", stderr);
	}
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

START_TEST(test_wide_tree)
{
	enum {
		N = 10000
	};
	struct answer answer;
	char name[32];

	make_directory(fixture_path("t"));
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "t/%u", i);
		ck_assert_int_eq(mknod(fixture_path(name), S_IFREG | 0600, 0), 0);
	}
	start_worker(false, false);
	answer = ask_tree(fixture_path("t"));
	ck_assert_uint_eq(answer.n_found, N + 1);
	ck_assert_uint_gt(answer.n_pieces, 2);
	answer_done(&answer);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

/* A directory that changes places with a link out of the tree, again and again. */
START_TEST(test_swapped_directories)
{
	struct answer answer;
	pid_t swapper;

	make_tree();
	make_file(fixture_path("t/m/in"));
	ck_assert_int_eq(symlink("../../out", fixture_path("link")), 0);
	swapper = fork();
	ck_assert_int_ge(swapper, 0);
	if (swapper == 0) {
		const char *directory = fixture_path("t/a/b");
		const char *link = fixture_path("link");

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			(void)renameat2(AT_FDCWD, directory, AT_FDCWD, link, RENAME_EXCHANGE);
		}
	}
	start_worker(false, false);
	for (unsigned int i = 0; i < 500; i++) {
		answer = ask_tree(fixture_path("t"));
		ck_assert_uint_eq(answer.error, 0);
		ck_assert(!has_inode(&answer, fixture_path("out")));
		ck_assert(!has_inode(&answer, fixture_path("out/f")));
		ck_assert(has_inode(&answer, fixture_path("t/a/f")));
		answer_done(&answer);
	}
	ck_assert_int_eq(end_worker(), 0);
	child_end(swapper);
}
END_TEST

/* ---- walks by hand ---- */

struct hand {
	size_t n_found;
	unsigned int n_calls;
	unsigned int cancel_after;
	int answer;
	void (*on_call)(void);
};

static int on_found(const struct file_identity *found, size_t n, void *userdata)
{
	struct hand *hand = userdata;

	(void)found;
	hand->n_found += n;
	ck_assert_uint_le(n, TREE_WALK_CHUNK);
	return hand->answer;
}

static bool is_cancelled(void *userdata)
{
	struct hand *hand = userdata;

	if (hand->on_call) {
		hand->on_call();
	}
	return hand->cancel_after && hand->n_calls++ >= hand->cancel_after;
}

static int walk_with(const struct mount_table *mounts, const char *path, uint32_t max_files,
		     struct hand *hand, struct tree_walk_result *ret_result)
{
	struct tree_walk_options options = {
		.mounts = mounts,
		.max_files = max_files,
		.on_found = on_found,
		.is_cancelled = is_cancelled,
		.userdata = hand,
	};
	static struct resolver resolver;
	static struct place place;
	struct file_identity root;
	int r;

	resolver_init(&resolver, mounts, false);
	(void)!file_identity_read(&resolver, path, &root, &place);
	r = tree_walk(&options, &place, &root, ret_result);
	place_done(&place);
	resolver_done(&resolver);
	return r;
}

static int walk_by_hand(const char *path, uint32_t max_files, struct hand *hand,
			struct tree_walk_result *ret_result)
{
	struct mount_table mounts;
	int fd = open("/proc", O_PATH | O_CLOEXEC);
	int r;

	ck_assert_int_eq(mount_table_read(fd, "self/mountinfo", &mounts), 0);
	(void)close(fd);
	r = walk_with(&mounts, path, max_files, hand, ret_result);
	mount_table_done(&mounts);
	return r;
}

/* A directory that the table has for a remote mount is not even looked at; its neighbours are. */
START_TEST(test_barriers_by_name)
{
	struct tree_walk_result result;
	struct mount_table mounts;
	struct hand hand = {0};
	char text[2 * PATH_MAX];
	int n;

	make_tree();
	make_directory(fixture_path("t/a/b-c"));
	n = snprintf(text, sizeof(text),
		     "2000000000 1 0:1 / / rw - ext4 x rw\n"
		     "2000000001 2000000000 0:2 / %s rw - nfs x rw\n",
		     fixture_path("t/a/b"));
	ck_assert_int_eq(mount_table_parse(text, (size_t)n, &mounts), 0);
	ck_assert_int_eq(walk_with(&mounts, fixture_path("t"), 0, &hand, &result), 0);
	ck_assert_uint_eq(result.n_unchecked, 1);
	/* t/m/in is not there, t/a/b-c is; b, c and f are behind the mount. */
	ck_assert_uint_eq(hand.n_found, ARRAY_SIZE(tree_members) - 3);
	mount_table_done(&mounts);
}
END_TEST

START_TEST(test_truncated)
{
	struct tree_walk_result result;
	uint32_t n = (uint32_t)ARRAY_SIZE(tree_members);

	make_tree();
	make_file(fixture_path("t/m/in"));
	for (uint32_t max = 1; max <= n + 1; max++) {
		struct hand hand = {0};

		ck_assert_int_eq(walk_by_hand(fixture_path("t"), max, &hand, &result), 0);
		ck_assert_uint_eq(hand.n_found, max < n ? max : n);
		ck_assert_int_eq(result.truncated, max < n);
	}
}
END_TEST

START_TEST(test_stopped)
{
	struct hand cancelled = {.cancel_after = 2};
	struct hand refused = {.answer = -EXDEV};
	struct tree_walk_result result;

	make_tree();
	make_file(fixture_path("t/m/in"));
	ck_assert_int_eq(walk_by_hand(fixture_path("t"), 0, &cancelled, &result), -ECANCELED);
	ck_assert_uint_eq(cancelled.n_found, 0);
	ck_assert_int_eq(walk_by_hand(fixture_path("t"), 0, &refused, &result), -EXDEV);
}
END_TEST

static unsigned int max_descriptors;

static void count_descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 1000; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	max_descriptors = n > max_descriptors ? n : max_descriptors;
}

/* Deeper than descriptors are kept open, and than a path can say. */
START_TEST(test_deep_tree)
{
	enum {
		N = 300
	};
	struct hand hand = {.on_call = count_descriptors};
	struct tree_walk_result result;
	char name[100];
	int fd;
	int r;

	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	make_directory(fixture_path("t"));
	fd = open(fixture_path("t"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned int i = 0; i < N; i++) {
		int below;

		ck_assert_int_eq(mkdirat(fd, name, 0755), 0);
		ck_assert_int_eq(mkdirat(fd, "side", 0755), 0); /* some are walked on the way up */
		ck_assert_int_eq(mkdirat(fd, "zside", 0755), 0);
		below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(below, 0);
		(void)close(fd);
		fd = below;
	}
	r = walk_by_hand(fixture_path("t"), 0, &hand, &result);
	for (unsigned int i = 0; i < N; i++) { /* paths that nobody else can remove */
		int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		(void)close(fd);
		fd = above;
		(void)unlinkat(fd, name, AT_REMOVEDIR);
		(void)unlinkat(fd, "side", AT_REMOVEDIR);
		(void)unlinkat(fd, "zside", AT_REMOVEDIR);
	}
	(void)close(fd);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(hand.n_found, 1 + 3 * N);
	ck_assert_uint_eq(result.n_unchecked, 0);
	ck_assert_uint_gt(max_descriptors, 60);
	ck_assert_uint_lt(max_descriptors, 90);
}
END_TEST

#define DEPTH 100
#define N_SIDES 8

static char deepest[PATH_MAX];
static char moving[PATH_MAX];

/* Moves a branch away while the walk is at its end. */
static void move_away(void)
{
	char target[PATH_MAX];
	char link[32];

	for (int fd = 0; fd < 100 && *moving; fd++) {
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target));
		if (n == (ssize_t)strlen(deepest) && memcmp(target, deepest, (size_t)n) == 0) {
			ck_assert_int_eq(rename(moving, fixture_path("elsewhere/moved")), 0);
			moving[0] = '\0';
		}
	}
}

/* What is above a directory that has moved can't be found from there: it is counted, and what is
 * above it now is not taken for it. */
START_TEST(test_moved_away)
{
	struct hand hand = {.on_call = move_away};
	struct tree_walk_result result;
	size_t n;

	make_directory(fixture_path("elsewhere"));
	make_directory(fixture_path("elsewhere/trap"));
	make_file(fixture_path("elsewhere/trap/f"));
	make_directory(fixture_path("t"));
	(void)strcpy(deepest, fixture_path("t"));
	n = strlen(deepest);
	for (unsigned int i = 0; i < DEPTH; i++) {
		for (unsigned int j = 0; j < N_SIDES; j++) {
			(void)sprintf(deepest + n, "/side%u", j);
			make_directory(deepest);
		}
		(void)strcpy(deepest + n, "/a");
		make_directory(deepest);
		n += 2;
		if (i == 10) {
			(void)strcpy(moving, deepest);
		}
	}
	ck_assert_int_eq(walk_by_hand(fixture_path("t"), 0, &hand, &result), 0);
	ck_assert_str_eq(moving, "");
	ck_assert_uint_eq(hand.n_found, 1 + DEPTH * (N_SIDES + 1));
	/* Which of the sides had been walked before is up to the file system. */
	ck_assert_uint_ge(result.n_unchecked, 1);
	ck_assert_uint_le(result.n_unchecked, 11 * N_SIDES);
}
END_TEST

/* ---- the link ---- */

/* The broker gives the question up while the worker walks. */
START_TEST(test_cancelled)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__Cancel cancel = RMSCAN__CANCEL__INIT;
	struct answer answer;

	start_worker(false, false);
	ck_assert_uint_eq(ask_file("/", false).kind, FILE_DIRECTORY);
	ck_assert_int_eq(kill(worker_pid, SIGSTOP), 0);
	send_tree_query("/usr", strlen("/usr"));
	request.token = last_token;
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_CANCEL;
	request.cancel = &cancel;
	send_request(&request);
	ck_assert_int_eq(kill(worker_pid, SIGCONT), 0);
	answer = receive_tree();
	ck_assert_uint_eq(answer.error, ECANCELED);
	ck_assert_uint_eq(answer.n_found, 0);
	answer_done(&answer);
	ck_assert_uint_eq(ask_file("/", false).kind, FILE_DIRECTORY); /* and goes on */
	/* A cancel of something else stops nothing. */
	ck_assert_int_eq(kill(worker_pid, SIGSTOP), 0);
	send_tree_query("/usr/share/misc", strlen("/usr/share/misc"));
	request.token = last_token + 7;
	send_request(&request);
	ck_assert_int_eq(kill(worker_pid, SIGCONT), 0);
	answer = receive_tree();
	ck_assert_uint_eq(answer.error, 0);
	answer_done(&answer);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

START_TEST(test_other_calls)
{
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__ScanRun run = RMSCAN__SCAN_RUN__INIT;
	Rmscan__WorkerReply *reply;

	start_worker(false, false);
	request.token = ++last_token;
	send_request(&request);
	reply = receive_reply();
	ck_assert_uint_eq(reply->error, ENOSYS);
	rmscan__worker_reply__free_unpacked(reply, NULL);
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_RUN;
	request.run = &run;
	send_request(&request);
	reply = receive_reply();
	ck_assert_uint_eq(reply->error, ENOSYS);
	rmscan__worker_reply__free_unpacked(reply, NULL);
	ck_assert_int_eq(end_worker(), 0);
}
END_TEST

static const struct {
	uint8_t bytes[8];
	size_t size;
	int exit_code; /* 0: the end came in the middle, 1: no message */
} broken[] = {
	{{3}, 1, 0},
	{{3, 0, 0, 0, 8}, 5, 0},
	{{0, 0, 0, 0}, 4, 1},
	{{255, 255, 255, 255}, 4, 1},
	{{3, 0, 0, 0, 255, 255, 255}, 7, 1},
};

START_TEST(test_broken_frames)
{
	start_worker(false, false);
	ck_assert_int_eq(send(worker_fd, broken[_i].bytes, broken[_i].size, MSG_NOSIGNAL),
			 (ssize_t)broken[_i].size);
	ck_assert_int_eq(shutdown(worker_fd, SHUT_WR), 0);
	ck_assert_int_eq(end_worker(), broken[_i].exit_code);
}
END_TEST

START_TEST(test_reply_too_large)
{
	static uint8_t bytes[MAX_FRAME_BYTES];
	Rmscan__WorkerReply reply = RMSCAN__WORKER_REPLY__INIT;
	Rmscan__FileAnswer files = RMSCAN__FILE_ANSWER__INIT;
	struct worker_link link = {.fd = -1};

	files.identities = (ProtobufCBinaryData){.len = sizeof(bytes), .data = bytes};
	reply.result_case = RMSCAN__WORKER_REPLY__RESULT_FILES;
	reply.files = &files;
	ck_assert_int_eq(worker_link_send(&link, &reply), -EMSGSIZE);
	worker_link_done(&link);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file_worker");
	TCase *tcase = fixture_case(suite, "files");

	tcase_add_test(tcase, test_files);
	tcase_add_test(tcase, test_many_files);
	tcase_add_test(tcase, test_long_real_paths);
	tcase_add_test(tcase, test_final_paths);
	tcase_add_loop_test(tcase, test_no_paths, 0, ARRAY_SIZE(no_paths));
	tcase_add_test(tcase, test_too_long);
	tcase_add_test(tcase, test_new_mounts);
	tcase_add_test(tcase, test_mount_in_between);
	tcase_add_test(tcase, test_leases);
	tcase_add_test(tcase, test_no_lease);
	tcase_add_test(tcase, test_contended_leases);

	tcase = fixture_case(suite, "trees");
	tcase_add_test(tcase, test_tree);
	tcase_add_test(tcase, test_no_tree);
	tcase_add_test(tcase, test_unreadable_directories);
	tcase_add_test(tcase, test_mounts_in_a_tree);
	tcase_add_test(tcase, test_deep_tree);
	tcase_add_test(tcase, test_wide_tree);
	tcase_add_test(tcase, test_swapped_directories);
	tcase_add_test(tcase, test_barriers_by_name);
	tcase_add_test(tcase, test_truncated);
	tcase_add_test(tcase, test_stopped);
	tcase_add_test(tcase, test_moved_away);

	tcase = fixture_case(suite, "link");
	tcase_add_test(tcase, test_cancelled);
	tcase_add_test(tcase, test_other_calls);
	tcase_add_loop_test(tcase, test_broken_frames, 0, ARRAY_SIZE(broken));
	tcase_add_test(tcase, test_reply_too_large);
	return fixture_run(suite);
}
