/* SPDX-License-Identifier: MIT */
/* The mapped files of a process, by PROCMAP_QUERY (Linux 6.11) or from the text of its maps. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

/* A mapping of a file. */
struct mapping {
	uint64_t address;
	uint64_t end;
	uint64_t device; /* the superblock's, by makedev(3) */
	uint64_t inode;
	uint64_t offset; /* in the file */
};

/* Whatever is not 0 ends the reading and is its result. */
typedef int (*mapping_fn)(const struct mapping *mapping, void *userdata);

/* The text of a maps file, fed in pieces of any size. Zero-initialise it. Pure. */
struct maps_parser {
	char line[128]; /* the beginning of one: all the numbers, and as much of the name as fits */
	size_t n_line;
};

/* 0, -EBADMSG: not such a text, or what the callback returned. Mappings without a file are
 * passed over. */
int maps_parser_feed(struct maps_parser *parser, const char *text, size_t size,
		     mapping_fn on_mapping, void *userdata) _warn_unused_;

/* Whether the kernel answers PROCMAP_QUERY: asks it for this process. */
bool mappings_have_query(int proc_fd);

/* A line of a maps file: "START-END PERM OFFSET MAJOR:MINOR INODE", then a blank or the end. 0 or
 * -EBADMSG. Pure. */
int mapping_parse(const char *line, struct mapping *ret_mapping) _warn_unused_;

/* The mapping at an address, and its name; "": it does not fit. 0; -ENOENT: no file is mapped
 * there; -ENOTTY: no PROCMAP_QUERY; other -errno. */
int mapping_query(int maps_fd, uint64_t address, struct mapping *ret_mapping, char *ret_name,
		  size_t size) _warn_unused_;

/* Reads the mapped files of an open maps file, each mapping once. 0; -ESRCH: the memory has gone
 * (an exit, an exec) or never was; -ECANCELED; other -errno; or what the callback returned. */
int mappings_read(int maps_fd, bool by_text, const atomic_bool *cancelled, mapping_fn on_mapping,
		  void *userdata) _warn_unused_;

/* Whether the memory behind an open maps file is still that of somebody. */
bool mappings_are_alive(int maps_fd, bool by_text);
