/* SPDX-License-Identifier: MIT */
/*
 * The text of mountinfo (proc_pid_mountinfo(5)) as a table. Names in it are anybody's who may
 * mount, so each line is checked and one bad line refuses the text: a mount left out could be the
 * one that hangs. Looked up by paths, the table errs to the safe side: a mount that is hidden
 * below another directory's mount still counts as a barrier, one covered at its own mount point
 * does not. The truth about one file is its mount id.
 */
#include "broker/scan/mount_table.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

/* ---- parsing ---- */

static bool is_octal(char c, char max)
{
	return c >= '0' && c <= max;
}

void mount_table_unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && is_octal(text[1], '3') && is_octal(text[2], '7') &&
		    is_octal(text[3], '7')) {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
			to += *to != '\0'; /* no name has a NUL */
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* The next field of a line, ended in place; NULL: there is none. Fields are divided by one
 * blank. */
static char *next_field(char **rest)
{
	char *field = *rest;
	char *blank;

	if (!field || !*field) {
		return NULL;
	}
	blank = strchr(field, ' ');
	if (blank) {
		*blank = '\0';
		*rest = blank + 1;
	} else {
		*rest = NULL;
	}
	return field;
}

/* A decimal number that ends at `end`. */
static bool read_number(const char *text, char end, uint32_t *ret_number, const char **ret_next)
{
	uint64_t number = 0;
	const char *at = text;

	while (*at >= '0' && *at <= '9' && number <= INT_MAX) {
		number = number * 10 + (uint64_t)(*at++ - '0');
	}
	if (at == text || *at != end || number > INT_MAX) {
		return false;
	}
	*ret_number = (uint32_t)number;
	*ret_next = at + 1;
	return true;
}

static bool read_field(char **rest, uint32_t *ret_number)
{
	const char *field = next_field(rest);
	const char *next;

	return field && read_number(field, '\0', ret_number, &next);
}

static bool read_device(char **rest, uint64_t *ret_device)
{
	const char *field = next_field(rest);
	uint32_t major;
	uint32_t minor;

	if (!field || !read_number(field, ':', &major, &field) ||
	    !read_number(field, '\0', &minor, &field)) {
		return false;
	}
	*ret_device = makedev(major, minor);
	return true;
}

/* Skips the optional fields and the hyphen behind them. */
static bool skip_optional(char **rest)
{
	const char *field;

	do {
		field = next_field(rest);
	} while (field && strcmp(field, "-") != 0);
	return field != NULL;
}

/* "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw" */
static bool parse_line(char *line, struct mount *ret_mount)
{
	struct mount mount = {0};
	char *rest = line;
	char *root;
	char *point;
	char *type;

	if (!read_field(&rest, &mount.id) || !read_field(&rest, &mount.parent) ||
	    !read_device(&rest, &mount.device)) {
		return false;
	}
	root = next_field(&rest);
	point = next_field(&rest);
	if (!point || point[0] != '/' || !next_field(&rest) || !skip_optional(&rest)) {
		return false;
	}
	type = next_field(&rest);
	if (!type || !*type) {
		return false;
	}
	mount_table_unescape(root);
	mount_table_unescape(point);
	mount_table_unescape(type);
	mount.root = root;
	mount.point = point;
	mount.type = type;
	mount.flags = mount_type_flags(type);
	*ret_mount = mount;
	return true;
}

static int parse_lines(struct mount_table *table)
{
	char *line = table->text;

	while (*line) {
		char *end = strchr(line, '\n');

		if (end) {
			*end = '\0';
		}
		if (!parse_line(line, &table->mounts[table->n_mounts])) {
			return -EBADMSG;
		}
		table->n_mounts++;
		line = end ? end + 1 : line + strlen(line);
	}
	return table->n_mounts ? 0 : -EBADMSG;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

/* ---- order ---- */

static int compare_ids(const void *a, const void *b)
{
	const struct mount *first = a;
	const struct mount *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

/* Components in order, so that what lies below a path follows it at once: '/' is the least. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++) {
	}
	if (!*a || !*b) {
		return (*a != '\0') - (*b != '\0');
	}
	if (*a == '/' || *b == '/') {
		return *a == '/' ? -1 : 1;
	}
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int compare_points(const void *a, const void *b)
{
	const struct mount *const *first = a;
	const struct mount *const *second = b;
	int order = compare_paths((*first)->point, (*second)->point);

	return order ? order : compare_ids(*first, *second);
}

static void mark_covered(struct mount_table *table)
{
	for (size_t i = 0; i < table->n_mounts; i++) {
		const struct mount *mount = &table->mounts[i];
		const struct mount *parent = mount_table_find_id(table, mount->parent);

		if (parent && parent != mount && strcmp(parent->point, mount->point) == 0) {
			table->mounts[parent - table->mounts].flags |= MOUNT_COVERED;
		}
	}
}

static void sort_mounts(struct mount_table *table)
{
	qsort(table->mounts, table->n_mounts, sizeof(table->mounts[0]), compare_ids);
	mark_covered(table);
	for (size_t i = 0; i < table->n_mounts; i++) {
		table->by_point[i] = &table->mounts[i];
		table->flags |= table->mounts[i].flags;
	}
	qsort(table->by_point, table->n_mounts, sizeof(*table->by_point), compare_points);
	for (size_t i = 0; i < table->n_mounts; i++) {
		const struct mount *mount = table->by_point[i];

		if ((mount->flags & MOUNT_BARRIERS) && !(mount->flags & MOUNT_COVERED)) {
			table->barriers[table->n_barriers++] = mount;
		}
	}
}

int mount_table_parse(const void *text, size_t size, struct mount_table *ret_table)
{
	_cleanup_(mount_table_done) struct mount_table table = {0};
	size_t capacity;
	int r;

	if (size && memchr(text, '\0', size)) {
		return -EBADMSG;
	}
	table.text = malloc(size + 1);
	if (!table.text) {
		return -ENOMEM;
	}
	if (size) {
		memcpy(table.text, text, size);
	}
	table.text[size] = '\0';
	capacity = count_lines(table.text);
	table.mounts = calloc(capacity, sizeof(*table.mounts));
	table.by_point = calloc(capacity, sizeof(*table.by_point));
	table.barriers = calloc(capacity, sizeof(*table.barriers));
	if (!table.mounts || !table.by_point || !table.barriers) {
		return -ENOMEM;
	}
	r = parse_lines(&table);
	if (r < 0) {
		return r;
	}
	sort_mounts(&table);
	*ret_table = table;
	table = (struct mount_table){0};
	return 0;
}

void mount_table_done(struct mount_table *table)
{
	free(table->barriers);
	free(table->by_point);
	free(table->mounts);
	free(table->text);
	*table = (struct mount_table){0};
}

/* ---- looking up ---- */

const struct mount *mount_table_find_id(const struct mount_table *table, uint64_t id)
{
	struct mount key = {.id = (uint32_t)id};

	if (id > INT_MAX || !table->n_mounts) {
		return NULL;
	}
	return bsearch(&key, table->mounts, table->n_mounts, sizeof(key), compare_ids);
}

/* The first of a list, sorted by mount point, that is not before the first `length` bytes of the
 * path; "" is before everything. */
static size_t find_point(const struct mount *const *list, size_t n, const char *path, size_t length)
{
	char key[PATH_MAX];
	size_t low = 0;

	if (length >= sizeof(key)) {
		return n; /* no mount point is as long */
	}
	memcpy(key, path, length);
	key[length] = '\0';
	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (compare_paths(list[middle]->point, key) < 0) {
			low = middle + 1;
		} else {
			n = middle;
		}
	}
	return low;
}

/* The last mount of a list whose point is the first `length` bytes of the path. */
static const struct mount *find_at(const struct mount *const *list, size_t n, const char *path,
				   size_t length)
{
	const struct mount *found = NULL;

	for (size_t i = find_point(list, n, path, length); i < n; i++) {
		if (strncmp(list[i]->point, path, length) != 0 || list[i]->point[length]) {
			break;
		}
		if (!found || !(list[i]->flags & MOUNT_COVERED)) {
			found = list[i];
		}
	}
	return found;
}

/* Bytes of the next longer prefix of a path that ends at a component; 0: there is none. "/" is
 * the first. */
static size_t longer_prefix(const char *path, size_t length)
{
	size_t next = length;

	if (length == 0) {
		return 1;
	}
	while (path[next] == '/') {
		next++;
	}
	if (!path[next]) {
		return 0;
	}
	return next + strcspn(path + next, "/");
}

const struct mount *mount_table_find_path(const struct mount_table *table, const char *path)
{
	const struct mount *found = NULL;
	const struct mount *mount;

	for (size_t n = longer_prefix(path, 0); n; n = longer_prefix(path, n)) {
		mount = find_at(table->by_point, table->n_mounts, path, n);
		found = mount ? mount : found;
	}
	return found;
}

const struct mount *mount_table_find_barrier(const struct mount_table *table, const char *path)
{
	const struct mount *found = NULL;

	if (!table->n_barriers) {
		return NULL;
	}
	for (size_t n = longer_prefix(path, 0); n && !found; n = longer_prefix(path, n)) {
		found = find_at(table->barriers, table->n_barriers, path, n);
	}
	return found;
}

const struct mount *mount_table_find_barrier_at(const struct mount_table *table, const char *path)
{
	if (!table->n_barriers) {
		return NULL;
	}
	return find_at(table->barriers, table->n_barriers, path, strlen(path));
}

bool mount_table_has_barrier_below(const struct mount_table *table, const char *path)
{
	size_t length = strcmp(path, "/") == 0 ? 0 : strlen(path);

	/* What is below a path follows the mounts at the path itself. */
	for (size_t i = find_point(table->barriers, table->n_barriers, path, length);
	     i < table->n_barriers; i++) {
		const char *point = table->barriers[i]->point;

		if (strncmp(point, path, length) != 0 || (point[length] && point[length] != '/')) {
			return false;
		}
		if (point[length] && point[1]) {
			return true;
		}
	}
	return false;
}
