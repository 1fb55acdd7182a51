/* SPDX-License-Identifier: MIT */
/*
 * The least that a FUSE server has to answer, see linux/fuse.h. The server hangs by being stopped:
 * requests are then taken by nobody. It holds the only descriptor of /dev/fuse, so the kernel ends
 * the connection, and with it every process that waits, when the server dies.
 */
#include "tests/support/hung_fuse.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base.h"

#define FILE_NODE 2u
#define DEAF_NODE 3u
#define FILE_BYTES 4096u

bool mounts_unshare(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

/* ---- the server ---- */

static void reply(int fd, uint64_t unique, int error, const void *data, size_t size)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.error = error,
		.unique = unique,
	};
	struct iovec parts[] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)data, .iov_len = size},
	};

	(void)!writev(fd, parts, size ? 2 : 1); /* who was asking may have gone */
}

static struct fuse_attr attributes(uint64_t node)
{
	bool is_file = node == FILE_NODE || node == DEAF_NODE;

	return (struct fuse_attr){
		.ino = node,
		.size = is_file ? FILE_BYTES : 0,
		.mode = is_file ? S_IFREG | 0755 : S_IFDIR | 0755,
		.nlink = 1,
		.blksize = FILE_BYTES,
	};
}

static void answer_lookup(int fd, uint64_t unique, const char *name)
{
	uint64_t node = strcmp(name, HUNG_FUSE_DEAF) == 0 ? DEAF_NODE : FILE_NODE;
	struct fuse_entry_out out = {.nodeid = node, .attr = attributes(node)};

	if (node == DEAF_NODE || strcmp(name, HUNG_FUSE_FILE) == 0) {
		reply(fd, unique, 0, &out, sizeof(out));
	} else {
		reply(fd, unique, -ENOENT, NULL, 0);
	}
}

static void answer_init(int fd, uint64_t unique)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_write = FILE_BYTES,
		.max_background = 4,
	};

	reply(fd, unique, 0, &out, sizeof(out));
}

/* In the server: as in struct hung_fuse. */
static atomic_uint *n_unread;

/* Without a cache of its own the second one wants the pages gone that the first one waits for. */
static void answer_open(int fd, const struct fuse_in_header *in)
{
	static unsigned int n_deaf;
	struct fuse_open_out out = {0};

	if (in->nodeid == DEAF_NODE && n_deaf++) {
		out.open_flags = FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE;
	}
	reply(fd, in->unique, 0, &out, sizeof(out));
}

static void answer_read(int fd, const struct fuse_in_header *in, const struct fuse_read_in *read_in)
{
	static const char zeroes[FILE_BYTES];
	size_t left = read_in->offset < FILE_BYTES ? FILE_BYTES - read_in->offset : 0;

	if (in->nodeid == DEAF_NODE) {
		(void)atomic_fetch_add(n_unread, 1);
	} else {
		reply(fd, in->unique, 0, zeroes, read_in->size < left ? read_in->size : left);
	}
}

static void answer(int fd, const struct fuse_in_header *in, const void *body)
{
	struct fuse_attr_out attr = {.attr = attributes(in->nodeid)};
	struct fuse_statfs_out statfs = {0};

	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(fd, in->unique);
		break;
	case FUSE_LOOKUP:
		answer_lookup(fd, in->unique, body);
		break;
	case FUSE_GETATTR:
		reply(fd, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer_open(fd, in);
		break;
	case FUSE_READ:
		answer_read(fd, in, body);
		break;
	case FUSE_STATFS:
		reply(fd, in->unique, 0, &statfs, sizeof(statfs));
		break;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		reply(fd, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* have no answer */
	default:
		reply(fd, in->unique, -ENOSYS, NULL, 0);
		break;
	}
}

static void serve(int fd, int ready_fd)
{
	static _Alignas(8) char request[FUSE_MIN_READ_BUFFER + FILE_BYTES];

	for (;;) {
		ssize_t n = read(fd, request, sizeof(request));
		const struct fuse_in_header *in = (const void *)request;

		if (n < (ssize_t)sizeof(*in)) {
			if (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) {
				continue; /* ENOENT: it was given up before we read it */
			}
			_exit(0); /* unmounted */
		}
		answer(fd, in, request + sizeof(*in));
		if (in->opcode == FUSE_INIT) {
			(void)!write(ready_fd, "", 1);
		}
	}
}

/* In the child: says "" when the file system answers, or nothing when there is none. */
static void run_server(const char *directory, int ready_fd)
{
	char data[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		_exit(1);
	}
	(void)snprintf(data, sizeof(data), "fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other",
		       fd);
	if (mount("hung", directory, "fuse.hung", MS_NOSUID | MS_NODEV, data) < 0) {
		_exit(1);
	}
	serve(fd, ready_fd);
}

/* ---- the caller's side ---- */

bool hung_fuse_mount(struct hung_fuse *fuse, const char *directory)
{
	pid_t parent = getpid();
	int ready[2];
	char byte;
	ssize_t n;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	fuse->n_unread = mmap(NULL, sizeof(*fuse->n_unread), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(fuse->n_unread, MAP_FAILED);
	n_unread = fuse->n_unread;
	fuse->server = fork();
	ck_assert_int_ge(fuse->server, 0);
	if (fuse->server == 0) {
		(void)close(ready[0]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
			run_server(directory, ready[1]);
		}
		_exit(1);
	}
	(void)close(ready[1]);
	n = read(ready[0], &byte, 1);
	(void)close(ready[0]);
	if (n != 1) {
		hung_fuse_end(fuse);
		return false;
	}
	return true;
}

void hung_fuse_hang(struct hung_fuse *fuse)
{
	int status;

	ck_assert_int_eq(kill(fuse->server, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(fuse->server, &status, WUNTRACED), fuse->server);
	ck_assert(WIFSTOPPED(status));
}

bool hung_fuse_has_reader(void *fuse)
{
	return atomic_load(((struct hung_fuse *)fuse)->n_unread) > 0;
}

void hung_fuse_end(struct hung_fuse *fuse)
{
	if (fuse->n_unread) {
		(void)munmap(fuse->n_unread, sizeof(*fuse->n_unread));
		fuse->n_unread = NULL;
	}
	if (fuse->server > 0) {
		(void)kill(fuse->server, SIGKILL);
		(void)waitpid(fuse->server, NULL, 0);
		fuse->server = 0;
	}
}
