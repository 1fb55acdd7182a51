/* SPDX-License-Identifier: MIT */
/*
 * Who a process is. The start time is read while a pidfd still names the process, and the pidfd
 * is looked at again afterwards: so the number cannot have been given to another in between.
 */
#include "client/process_id.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include "client/session.h"
#include "proto/procfs.h"
#include "proto/status.h"

/* 100 ns from 1601 to 1970. */
#define FILETIME_OF_1970 UINT64_C(116444736000000000)
#define FILETIME_HZ UINT64_C(10000000)

/* The pid of a pidfd's process, while it lives. */
static int read_pid(int pidfd, pid_t *ret_pid)
{
	char path[64];
	char text[1024];
	_cleanup_(closep) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return STATUS_BAD_ARGUMENTS;
	}
	n = read(fd, text, sizeof(text));
	if (n < 0 || procfs_parse_fdinfo_pid(text, (size_t)n, ret_pid) < 0) {
		return STATUS_BAD_ARGUMENTS;
	}
	return 0;
}

int rm_process_id_from_pidfd(int pidfd, struct rm_process_id *ret_id)
{
	_cleanup_(closep) int proc_fd = -1;
	struct procfs_stat stat;
	pid_t pid;
	int r;

	if (!ret_id) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = read_pid(pidfd, &pid);
	if (r) {
		return r;
	}
	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0 || procfs_read_stat(proc_fd, pid, &stat) < 0) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = read_pid(pidfd, &pid);
	if (r) {
		return r;
	}
	*ret_id = (struct rm_process_id){.pid = (uint32_t)pid, .start_time = stat.start_time};
	return 0;
}

int rm_process_id_from_pid(uint32_t pid, struct rm_process_id *ret_id)
{
	_cleanup_(closep) int fd = -1;

	if (!ret_id || pid == 0 || pid > INT32_MAX) {
		return STATUS_BAD_ARGUMENTS;
	}
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0); /* glibc has it since 2.36 */
	if (fd < 0) {
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? STATUS_OUTOFMEMORY
									     : STATUS_BAD_ARGUMENTS;
	}
	return rm_process_id_from_pidfd(fd, ret_id);
}

/* When the machine was booted, as FILETIME, by the clock as it is set now. */
static uint64_t read_boot(void)
{
	struct timespec now;
	struct timespec since_boot;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* both clocks always exist */
	(void)clock_gettime(CLOCK_BOOTTIME, &since_boot);
	return FILETIME_OF_1970 + (uint64_t)(now.tv_sec - since_boot.tv_sec) * FILETIME_HZ +
	       (uint64_t)((now.tv_nsec - since_boot.tv_nsec) / 100);
}

static uint64_t read_tick(void)
{
	long hz = sysconf(_SC_CLK_TCK);

	return hz > 0 ? FILETIME_HZ / (uint64_t)hz : FILETIME_HZ / 100;
}

uint64_t process_id_ticks_to_filetime(uint64_t ticks)
{
	return read_boot() + ticks * read_tick();
}

uint64_t process_id_filetime_to_ticks(uint64_t filetime)
{
	uint64_t boot = read_boot();
	uint64_t tick = read_tick();

	return filetime > boot ? (filetime - boot + tick / 2) / tick : 0;
}
