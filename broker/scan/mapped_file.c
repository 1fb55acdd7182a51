/* SPDX-License-Identifier: MIT */
/*
 * The links of map_files are named by ranges, which change when a mapping is split, and there are
 * none at all when the main thread has exited. maps has ranges and names then: by PROCMAP_QUERY at
 * the known address, else from the text, in which the file is looked for by its number.
 */
#include "broker/scan/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "broker/scan/link_path.h"
#include "broker/scan/reader.h"

static void close_text(FILE **text)
{
	if (*text) {
		(void)fclose(*text);
	}
}

/* The name in a line of maps, whose only escape is that of a newline. */
static void copy_name(const char *line, char *ret_name, size_t size)
{
	size_t n = 0;

	for (unsigned int i = 0; i < 5; i++) {
		line += strcspn(line, " \n");
		line += strspn(line, " ");
	}
	while (*line && *line != '\n' && n < size) {
		bool is_newline = strncmp(line, "\\012", 4) == 0;

		ret_name[n++] = is_newline ? '\n' : *line;
		line += is_newline ? 4 : 1;
	}
	ret_name[n < size ? n : 0] = '\0';
}

static bool is_file(const struct mapping *mapping, const struct index_file *file)
{
	return mapping->inode == file->inode && mapping->device == file->device;
}

/* What was there is taken first, else what comes first. -ENODATA: there are no mappings at all. */
static int find_in_text(FILE *text, const struct index_file *file, uint64_t address,
			struct mapping *ret_mapping, char *ret_name, size_t size)
{
	_cleanup_(freep) char *line = NULL;
	size_t capacity = 0;
	int r = -ENODATA;

	while (getline(&line, &capacity, text) > 0) {
		struct mapping mapping;
		bool is_there;

		if (mapping_parse(line, &mapping) < 0) {
			return -EBADMSG;
		}
		is_there = mapping.address <= address && address < mapping.end;
		r = r == -ENODATA ? -ENOENT : r;
		if (is_file(&mapping, file) && (is_there || r < 0)) {
			*ret_mapping = mapping;
			copy_name(line, ret_name, size);
			r = 0;
			if (is_there) {
				break;
			}
		}
	}
	return r < 0 && ferror(text) ? -EIO : r;
}

static int find_in_maps(const struct match_context *context, const char *path,
			const struct index_file *file, uint64_t address,
			struct mapping *ret_mapping, char *ret_name, size_t size)
{
	_cleanup_(closep) int fd = openat(context->proc_fd, path, O_RDONLY | O_CLOEXEC);
	_cleanup_(close_text) FILE *text = NULL;

	if (fd < 0) {
		return errno == ESRCH ? -ENODATA
				      : negative_errno(); /* newer kernels' word for it */
	}
	if (mapping_query(fd, address, ret_mapping, ret_name, size) == 0 &&
	    is_file(ret_mapping, file)) {
		return 0;
	}
	if (context->n_maps_texts_left) {
		if (*context->n_maps_texts_left == 0) {
			return -EBUSY;
		}
		--*context->n_maps_texts_left;
	}
	text = fdopen(fd, "r");
	if (!text) {
		return -ENOMEM;
	}
	(void)TAKE_FD(fd);
	return find_in_text(text, file, address, ret_mapping, ret_name, size);
}

static pid_t find_thread(const struct match_context *context, pid_t pid)
{
	_cleanup_(closep) int fd = -1;
	char path[16];

	(void)snprintf(path, sizeof(path), "%d", pid);
	fd = openat(context->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? 0 : process_find_living_thread(fd);
}

int mapped_file_find(const struct match_context *context, const struct index_process *process,
		     const struct hold *hold, struct mapping *ret_mapping, pid_t *ret_task,
		     char *ret_name, size_t size)
{
	size_t n_files;
	const struct index_file *file = &scan_index_files(context->index, &n_files)[hold->file];
	char path[64];
	int r = -ENODATA;

	*ret_task = 0;
	if (!hold->task) {
		(void)snprintf(path, sizeof(path), "%d/maps", process->pid);
		r = find_in_maps(context, path, file, hold->address, ret_mapping, ret_name, size);
	}
	if (r == -ENODATA) {
		*ret_task = hold->task ? (pid_t)hold->task : find_thread(context, process->pid);
		if (!*ret_task) {
			return -ENOENT;
		}
		(void)snprintf(path, sizeof(path), "%d/task/%d/maps", process->pid, *ret_task);
		r = find_in_maps(context, path, file, hold->address, ret_mapping, ret_name, size);
	}
	return r == -ENODATA ? -ENOENT : r;
}

static ssize_t read_mapped_name(const struct match_context *context,
				const struct index_process *process, const struct hold *hold,
				char *ret_path, size_t size)
{
	struct mapping mapping;
	pid_t task;
	int r = mapped_file_find(context, process, hold, &mapping, &task, ret_path, size);

	if (r < 0) {
		return r;
	}
	return *ret_path ? (ssize_t)strlen(ret_path) : -ENAMETOOLONG;
}

ssize_t hold_read_path(const struct match_context *context, const struct index_process *process,
		       const struct hold *hold, char *ret_path, size_t size)
{
	char link[LINK_PATH_BYTES];
	ssize_t n = -ENOENT;

	if (hold->kind != HOLD_MAPPING || !hold->task) {
		link_path_format(process, hold, link);
		n = link_path_read(context->proc_fd, link, ret_path, size);
	}
	n = n == -ESRCH ? -ENOENT : n; /* of a main thread that has exited */
	return n == -ENOENT && hold->kind == HOLD_MAPPING
		       ? read_mapped_name(context, process, hold, ret_path, size)
		       : n;
}
