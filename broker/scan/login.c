/* SPDX-License-Identifier: MIT */
/*
 * Login sessions. logind keeps what it knows in /run/systemd/users/UID, root's files of
 * KEY=VALUE lines that sd-login reads too; only DISPLAY= is looked for.
 */
#include "broker/scan/login.h"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAX_ID_BYTES 64
#define MAX_FILE_BYTES 8192

uint32_t login_parse_id(const char *id, size_t size)
{
	uint64_t number = 0;
	uint32_t hash;

	if (size == 0 || size > MAX_ID_BYTES) {
		return LOGIN_NONE;
	}
	for (size_t i = 0; i < size; i++) {
		bool is_digit = id[i] >= '0' && id[i] <= '9';
		char lower = (char)(id[i] | 0x20);

		if (!is_digit && (lower < 'a' || lower > 'z')) {
			return LOGIN_NONE;
		}
		number = is_digit && number <= INT32_MAX ? number * 10 + (uint64_t)(id[i] - '0')
							 : UINT64_MAX;
	}
	if (number && number <= INT32_MAX) {
		return (uint32_t)number;
	}
	hash = XXH32(id, size, 0) & INT32_MAX;
	return hash ? hash : 1; /* 0 is the system's */
}

uint32_t login_parse_user(const char *text, size_t size)
{
	static const char key[] = "DISPLAY=";

	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		if (length >= sizeof(key) - 1 && memcmp(text, key, sizeof(key) - 1) == 0) {
			return login_parse_id(text + sizeof(key) - 1, length - (sizeof(key) - 1));
		}
		text += end ? length + 1 : length;
		size -= end ? length + 1 : length;
	}
	return LOGIN_NONE;
}

static uint32_t find_display(uid_t uid, const char *users_directory)
{
	char path[PATH_MAX];
	char text[MAX_FILE_BYTES];
	_cleanup_(closep) int fd = -1;
	struct stat st;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%u", users_directory, uid) >= sizeof(path)) {
		return LOGIN_NONE;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return LOGIN_NONE;
	}
	n = read(fd, text, sizeof(text));
	return n > 0 ? login_parse_user(text, (size_t)n) : LOGIN_NONE;
}

uint32_t login_find(const struct process_facts *facts, const char *users_directory)
{
	const struct cgroup_facts *cgroup = &facts->cgroup;

	if (process_facts_know(facts, FACT_CGROUP)) {
		if (*cgroup->login_session) {
			return login_parse_id(cgroup->login_session, strlen(cgroup->login_session));
		}
		if (cgroup->is_user) {
			return find_display(cgroup->manager_uid, users_directory);
		}
		if (*cgroup->service) {
			return LOGIN_SYSTEM;
		}
	}
	if (process_facts_know(facts, FACT_AUDIT_SESSION) && facts->audit_session &&
	    facts->audit_session <= INT32_MAX) {
		return facts->audit_session; /* logind takes its numbers from there */
	}
	return LOGIN_NONE;
}
