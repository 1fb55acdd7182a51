/* SPDX-License-Identifier: MIT */
/*
 * What one listing looks for: a picture of the session's files, processes, services and filters
 * at the moment the call came, with what is found out about the files, in the shape in which the
 * scan worker wants it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/scan.pb-c.h"
#include "broker/scan/types.h"
#include "broker/scanner.h"
#include "proto/base.h"

struct broker;
struct found_texts;
struct session;
struct list_targets;
struct listing_options;

/* `session` NULL: about everything that is stale. The session must live as long. */
int list_targets_new(struct broker *broker, struct session *session,
		     const struct listing_options *options, struct list_targets **ret_targets)
	_warn_unused_;
void list_targets_free(struct list_targets *targets);

/* The paths to look up: registered files and trees first, then the executables of filters. */
size_t list_targets_count(const struct list_targets *targets);
uint32_t list_targets_count_files(const struct list_targets *targets);
const char *list_targets_path(const struct list_targets *targets, uint32_t i);
bool list_targets_is_file(const struct list_targets *targets, uint32_t i);

/* Who a path is. What goes wrong here is told by list_targets_complete(). */
void list_targets_found(struct list_targets *targets, uint32_t i,
			const struct file_identity *identity, const struct found_texts *texts);

/* All were found, and what is new is remembered with the session. 0 or -errno. */
int list_targets_complete(struct list_targets *targets) _warn_unused_;

/* A registered file that is a directory, or NULL. */
const char *list_targets_directory(const struct list_targets *targets);

/* The first tree from `from` on that has to be walked. */
bool list_targets_find_tree(const struct list_targets *targets, uint32_t from, uint32_t *ret_tree);
bool list_targets_is_remote(const struct list_targets *targets, uint32_t i);
/* Adds what lies below it: struct file_identity each. -ENOMEM; -EPROTO; -E2BIG: a listing takes no
 * more. */
int list_targets_add_below(struct list_targets *targets, uint32_t tree,
			   const ProtobufCBinaryData *identities) _warn_unused_;

/* Those of `paths` (u32 each) whom a lease may be asked for: ordinary files of local file systems.
 * The list is the caller's to free. true: they are too many, and none is told. */
bool list_targets_find_probes(const struct list_targets *targets, const ProtobufCBinaryData *paths,
			      uint32_t **ret_probes, size_t *ret_n);

/* Sends the next message of the question; its `is_sent` is set with the last. 0 or -errno. */
int list_targets_send(struct list_targets *targets, struct question *question) _warn_unused_;
/* The next message is the first again. */
void list_targets_rewind(struct list_targets *targets);
