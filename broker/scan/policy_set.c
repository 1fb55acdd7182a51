/* SPDX-License-Identifier: MIT */
/*
 * Directories are given from the one that wins: a name that was seen once is not looked at in the
 * later ones, even when its file was empty, linked to /dev/null or wrong. What is left is sorted
 * by name.
 */
#include "broker/scan/policy_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/services.h"
#include "proto/text.h"

#define MAX_FILES 1024

/* ---- stamps ---- */

void policy_stamp_take(struct policy_stamp *stamp)
{
	struct stat st = {0};

	if (stat(stamp->path, &st) < 0) {
		st = (struct stat){0};
	}
	stamp->modified = st.st_mtim;
	stamp->changed = st.st_ctim;
	stamp->inode = st.st_ino;
}

bool policy_stamp_is_current(const struct policy_stamp *stamp)
{
	struct policy_stamp now = {.path = stamp->path};

	policy_stamp_take(&now);
	return now.inode == stamp->inode && now.modified.tv_sec == stamp->modified.tv_sec &&
	       now.modified.tv_nsec == stamp->modified.tv_nsec &&
	       now.changed.tv_sec == stamp->changed.tv_sec &&
	       now.changed.tv_nsec == stamp->changed.tv_nsec;
}

static int add_stamp(struct policy_set *set, const char *path)
{
	struct policy_stamp *grown = reallocarray(set->stamps, set->n_stamps + 1, sizeof(*grown));

	if (!grown) {
		return -ENOMEM;
	}
	set->stamps = grown;
	grown[set->n_stamps] = (struct policy_stamp){.path = strdup(path)};
	if (!grown[set->n_stamps].path) {
		return -ENOMEM;
	}
	policy_stamp_take(&grown[set->n_stamps++]);
	return 0;
}

/* ---- reading ---- */

static int add_string(char ***strings, size_t *n, const char *text)
{
	char **grown = reallocarray(*strings, *n + 1, sizeof(*grown));

	if (!grown) {
		return -ENOMEM;
	}
	*strings = grown;
	grown[*n] = strdup(text);
	if (!grown[*n]) {
		return -ENOMEM;
	}
	(*n)++;
	return 0;
}

static void free_strings(char **strings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(strings[i]);
	}
	free(strings);
}

void policy_set_done(struct policy_set *set)
{
	for (size_t i = 0; i < set->n_stamps; i++) {
		free(set->stamps[i].path);
	}
	for (size_t i = 0; i < set->n_rules; i++) {
		policy_rule_done(&set->rules[i]);
	}
	free(set->stamps);
	free(set->rules);
	free_strings(set->names, set->n_names);
	free_strings(set->warnings, set->n_warnings);
	*set = (struct policy_set){0};
}

static int warn(struct policy_set *set, const char *path, int error)
{
	char text[PATH_MAX + 64];
	char clean[PATH_MAX + 64];

	(void)snprintf(text, sizeof(text), "%s: %s", path, strerror(-error));
	(void)text_clean(text, strlen(text), clean, sizeof(clean));
	return add_string(&set->warnings, &set->n_warnings, clean);
}

/* 0 with *ret_text NULL: the file masks. */
static int read_file(const char *path, char **ret_text, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	size_t used = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return negative_errno();
	}
	*ret_text = NULL;
	if (S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0)) {
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	text = malloc(POLICY_MAX_FILE_BYTES + 1);
	if (!text) {
		return -ENOMEM;
	}
	while (used <= POLICY_MAX_FILE_BYTES) {
		ssize_t n = read(fd, text + used, POLICY_MAX_FILE_BYTES + 1 - used);

		if (n < 0) {
			return negative_errno();
		}
		if (n == 0) {
			break;
		}
		used += (size_t)n;
	}
	if (used > POLICY_MAX_FILE_BYTES) {
		return -EFBIG;
	}
	text[used] = '\0';
	*ret_size = used;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int add_rule(struct policy_set *set, const char *path, const char *text, size_t size)
{
	struct policy_rule *grown = reallocarray(set->rules, set->n_rules + 1, sizeof(*grown));
	struct policy_rule rule = {.path = strdup(path)};
	char error[POLICY_ERROR_BYTES];
	int r;

	if (grown) {
		set->rules = grown;
	}
	if (!grown || !rule.path) {
		free(rule.path);
		return -ENOMEM;
	}
	rule.name = strrchr(rule.path, '/') + 1;
	r = policy_file_parse(&rule, text, size, error);
	if (r == 0) {
		grown[set->n_rules++] = rule;
		return 0;
	}
	policy_rule_done(&rule);
	return r == -EINVAL ? add_string(&set->warnings, &set->n_warnings, error) : r;
}

static bool is_seen(const struct policy_set *set, const char *name)
{
	for (size_t i = 0; i < set->n_names; i++) {
		if (strcmp(set->names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static int read_entry(struct policy_set *set, const char *directory, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];
	size_t size = 0;
	int r;

	if (name[0] == '.' || !services_unit_has_suffix(name, ".conf") || is_seen(set, name) ||
	    (size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path)) {
		return 0;
	}
	if (set->n_names == MAX_FILES) {
		return warn(set, path, -EMFILE);
	}
	r = add_string(&set->names, &set->n_names, name);
	if (r == 0) {
		r = add_stamp(set, path);
	}
	if (r < 0) {
		return r;
	}
	r = read_file(path, &text, &size);
	if (r < 0) {
		return r == -ENOMEM ? r : warn(set, path, r);
	}
	return text ? add_rule(set, path, text, size) : 0;
}

static int read_directory(struct policy_set *set, const char *path)
{
	struct dirent *entry;
	int r = add_stamp(set, path);
	DIR *directory = r == 0 ? opendir(path) : NULL;

	if (!directory) {
		return r < 0 || errno == ENOENT || errno == ENOTDIR ? r : warn(set, path, -errno);
	}
	while (r == 0 && (entry = readdir(directory))) {
		r = read_entry(set, path, entry->d_name);
	}
	(void)closedir(directory);
	return r;
}

static int compare_rules(const void *left, const void *right)
{
	const struct policy_rule *a = left;
	const struct policy_rule *b = right;

	return strcmp(a->name, b->name);
}

int policy_set_read(const char *const *directories, struct policy_set *ret_set)
{
	struct policy_set set = {0};
	int r = 0;

	for (; r == 0 && *directories; directories++) {
		r = read_directory(&set, *directories);
	}
	if (r < 0) {
		policy_set_done(&set);
		return r;
	}
	if (set.n_rules) {
		qsort(set.rules, set.n_rules, sizeof(*set.rules), compare_rules);
	}
	*ret_set = set;
	return 0;
}

bool policy_set_is_current(const struct policy_set *set)
{
	for (size_t i = 0; i < set->n_stamps; i++) {
		if (!policy_stamp_is_current(&set->stamps[i])) {
			return false;
		}
	}
	return true;
}
