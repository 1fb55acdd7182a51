/* SPDX-License-Identifier: MIT */
/*
 * The name that a person knows (A56): a unit's Description=, a desktop entry's Name=, else the
 * executable's base name, else the comm. Read from files of the machine, and from a user's own
 * files only for that very user (A71).
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "broker/scan/process_facts.h"
#include "proto/base.h"
#include "proto/limits.h"

/* Where names are looked for; "" or NULL: there is no such place. */
struct display_places {
	const char *root; /* in front of the machine's directories; "" but for tests */
	uid_t own_uid;	  /* whose own files the next ones are */
	char config_home[PATH_MAX];
	char data_home[PATH_MAX];
	const char *runtime_directory; /* borrowed, as the next one */
	const char *data_directories;  /* between colons */
};

/* Of this process, by its environment; a `is_system` broker has no files of its own and trusts
 * no environment. */
void display_places_init(struct display_places *places, bool is_system);

/* Clean text, never empty. */
void display_name_find(const struct display_places *places, const struct process_facts *facts,
		       char ret_name[MAX_NAME_BYTES + 1]);

/* Pure: the Description= of a unit's file, specifiers expanded for `unit`. False: it has none. */
bool display_name_parse_unit(const char *text, size_t size, const char *unit,
			     char ret_name[MAX_NAME_BYTES + 1]);
/* Pure: the Name= of a desktop entry, without locale. */
bool display_name_parse_entry(const char *text, size_t size, char ret_name[MAX_NAME_BYTES + 1]);
