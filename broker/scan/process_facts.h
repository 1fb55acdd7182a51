/* SPDX-License-Identifier: MIT */
/*
 * What one process is, read once: everything that classification asks about it. What could not
 * be read is unknown, never guessed. Nothing is shared: several threads may read at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/cgroup.h"
#include "proto/base.h"

/* Bits of process_facts.known: which of its parts were read. */
enum process_fact {
	FACT_STATUS = 1 << 0,	     /* uids to capabilities */
	FACT_EXE = 1 << 1,	     /* exe */
	FACT_CMDLINE = 1 << 2,	     /* cmdline */
	FACT_CGROUP = 1 << 3,	     /* cgroup */
	FACT_AUDIT_SESSION = 1 << 4, /* audit_session */
	FACT_NAMESPACES = 1 << 5,    /* mount_namespace to network_namespace */
	FACT_ROOT = 1 << 6,	     /* root_device, root_inode */
	FACT_SIGNAL = 1 << 7,	     /* may_signal */
};

#define PROCESS_CMDLINE_BYTES 4096u /* what is kept of a command line that may have megabytes */
#define NO_AUDIT_SESSION UINT32_MAX

struct process_facts {
	pid_t pid;
	uint64_t start_time; /* clock ticks after boot */
	uint32_t known;	     /* enum process_fact */
	/* stat: always there */
	char comm[64]; /* as the process chose it, unclean */
	char state;    /* of its main thread: 'Z' also when only that has ended */
	pid_t parent;
	pid_t group;
	pid_t session;
	uint32_t terminal;    /* device number of the controlling terminal as the kernel packs it */
	pid_t terminal_group; /* its foreground group, -1: no terminal */
	uint32_t flags;	      /* PF_… of the kernel */
	/* status */
	uid_t real_uid;
	uid_t uid; /* effective */
	gid_t real_gid;
	gid_t gid;
	pid_t tracer;
	uint32_t n_pid_namespaces; /* 1: in ours */
	uint64_t signals_caught;   /* bit N-1 is signal N */
	uint64_t signals_ignored;
	uint32_t seccomp;
	uint64_t capabilities; /* effective */
	/* exe */
	char *exe; /* owned: bytes, less " (deleted)" */
	bool exe_is_deleted;
	/* cmdline */
	char *cmdline;	     /* owned: the head, arguments with their NULs, and one NUL more */
	size_t cmdline_size; /* without that; 0: it has none */
	struct cgroup_facts cgroup;
	uint32_t audit_session; /* NO_AUDIT_SESSION: none; read where the cgroup does not tell */
	uint64_t mount_namespace;
	uint64_t pid_namespace;
	uint64_t user_namespace;
	uint64_t network_namespace;
	uint64_t root_device;
	uint64_t root_inode;
	bool may_signal; /* false: EPERM */
};

#define PROCESS_IS_KERNEL_THREAD 0x00200000u /* PF_KTHREAD, of flags */

/*
 * Reads /proc/PID below `proc_fd`. `start_time` is the process's as it was seen before, 0: any.
 * A process whose main thread has ended is read through another one. 0; -ESRCH: it has gone, or
 * is another one now; -ENOMEM; -EBADMSG: its stat is garbage. Free with process_facts_done().
 */
int process_facts_read(int proc_fd, pid_t pid, uint64_t start_time, struct process_facts *ret_facts)
	_warn_unused_;
void process_facts_done(struct process_facts *facts);

/* Reads up to `size` bytes of /proc/PID/NAME below `proc_fd`. How many, or -errno. */
ssize_t process_facts_read_text(int proc_fd, pid_t pid, const char *name, char *ret_text,
				size_t size);

/* Pure parts. The fields from comm to flags, and start_time; -EBADMSG. */
int process_facts_parse_stat(const char *text, size_t size, struct process_facts *facts)
	_warn_unused_;
/* The fields from real_uid to capabilities; -EBADMSG when one is missing. */
int process_facts_parse_status(const char *text, size_t size, struct process_facts *facts)
	_warn_unused_;

static inline bool process_facts_know(const struct process_facts *facts, uint32_t parts)
{
	return (facts->known & parts) == parts;
}

/* argv[0], "" when there is none or it is not known. */
const char *process_facts_argv0(const struct process_facts *facts);
/* The base name of the executable, else the comm: bytes, never empty. */
const char *process_facts_name(const struct process_facts *facts);

/* Whether it has a controlling terminal; *ret_pty is the N of /dev/pts/N, -1 another terminal. */
bool process_facts_has_terminal(const struct process_facts *facts, int *ret_pty);
