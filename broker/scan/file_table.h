/* SPDX-License-Identifier: MIT */
/* The files that somebody holds, each once, by number; and the holds of one process. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan/index.h"
#include "proto/base.h"

struct file_table {
	pthread_mutex_t lock;
	struct index_file *files; /* owned */
	uint32_t n_files;
	uint32_t capacity;
	uint32_t first_free; /* a chain through `inode`; NO_FILE ends it */
	uint32_t n_used;
	uint32_t *slots; /* owned: hash table of numbers plus 1, 0: empty */
	uint32_t n_slots;
};

int file_table_init(struct file_table *table) _warn_unused_;
void file_table_done(struct file_table *table);

/* A hold before its file has a number. */
struct found_hold {
	uint64_t device;
	uint64_t inode;
	uint64_t rdev;
	uint32_t mode;
	bool by_maps;
	bool is_ambiguous; /* several files may have this number in maps */
	struct hold hold;
};

/* The holds of one process while it is read. Numbers are given in batches: one lock a batch. */
struct hold_list {
	struct file_table *table; /* borrowed */
	struct hold *holds;	  /* owned, each with its share in n_holders */
	size_t n_holds;
	size_t capacity;
	size_t n_found;
	struct found_hold found[128];
};

/* Descriptors of one file and one process beyond these are not remembered: they tell nothing
 * more, and a process can make a million of them for nothing. */
#define MAX_DESCRIPTORS_A_FILE 64u
/* Mappings of an ambiguous number and one process; one more stands for the rest. */
#define MAX_MAPPINGS_A_NUMBER 64u

void hold_list_init(struct hold_list *list, struct file_table *table);
/* 0 or -ENOMEM. */
int hold_list_add(struct hold_list *list, const struct found_hold *found) _warn_unused_;
/* Gives back all that the list has. */
void hold_list_done(struct hold_list *list);

/* What was found, sorted by file, a mapped file once unless it is ambiguous. The caller owns it; holds_free() it.
 * 0 or -ENOMEM: it stays in the list. */
int hold_list_finish(struct hold_list *list, struct hold **ret_holds, size_t *ret_n) _warn_unused_;

/* Gives holds back. NULL is allowed. */
void holds_free(struct file_table *table, struct hold *holds, size_t n);
