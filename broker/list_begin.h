/* SPDX-License-Identifier: MIT */
/* A listing's question but for its files: who asks, what else is registered, which filters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/filter.h"
#include "broker/scan/types.h"
#include "broker/scanner.h"
#include "proto/base.h"

struct broker;
struct session;
struct listing_options;

/* One filter of the moment at which the call came. */
struct listed_filter {
	enum filter_kind kind;
	uint32_t action;
	char *text; /* owned; not of a process */
	uint32_t pid;
	uint64_t start_filetime;
	struct file_identity executable; /* once it is found */
};

struct list_begin {
	struct broker *broker;	 /* borrowed */
	struct session *session; /* borrowed; NULL: about all that is stale */
	bool anew;
	bool with_uses;
	bool with_idle;
	struct listed_filter *filters; /* owned: those by executable first */
	uint32_t n_filters;
	uint32_t n_executables;
	uint32_t n_processes; /* registered ones */
	uint32_t n_services;
	bool is_begun;
	uint32_t filters_sent;
	uint32_t processes_sent;
	uint32_t services_sent;
};

/* 0, -ENOMEM. list_begin_done() in any case. */
int list_begin_init(struct list_begin *begin, struct broker *broker, struct session *session,
		    const struct listing_options *options) _warn_unused_;
void list_begin_done(struct list_begin *begin);

/* Path of executable `i` of `n_executables`, to be looked up; and who it is. */
const char *list_begin_executable(const struct list_begin *begin, uint32_t i);
void list_begin_found(struct list_begin *begin, uint32_t i, const struct file_identity *identity);

/* Sends the next message; 1: there are more, 0: that was all; -errno. */
int list_begin_send(struct list_begin *begin, struct question *question) _warn_unused_;

/* The next message is the first again. */
void list_begin_rewind(struct list_begin *begin);
