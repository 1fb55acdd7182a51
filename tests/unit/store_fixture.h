/* SPDX-License-Identifier: MIT */
/* A store on a real file, with all that belongs to it, and changes as the methods make them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "broker/commit.h"
#include "broker/replay.h"
#include "broker/store.h"
#include "broker/store_resource.h"
#include "tests/unit/fixture.h"

struct store_fixture {
	uv_loop_t loop;
	struct process_table processes;
	struct session_table sessions;
	struct event_log events;
	struct store store;
};

/* On "journal" in the test's directory; the same file when it is opened again. */
void store_fixture_open(struct store_fixture *fixture);
void store_fixture_close(struct store_fixture *fixture);
void store_fixture_restart(struct store_fixture *fixture);

/* This very process. */
struct process *store_fixture_self(struct store_fixture *fixture);

/* A new session of this process. */
struct session *store_fixture_start(struct store_fixture *fixture);
void store_fixture_end(struct store_fixture *fixture, struct session *session);

/* A registration of one part to be filled; its request is made of `request`. */
struct registration *store_fixture_begin(struct store_fixture *fixture, struct session *session,
					 uint32_t request);
void add_file(struct registration *registration, const char *path);
void add_service(struct registration *registration, const char *name);

/* Ends its part as the last one and commits it to the end; frees it. What commit_step() said; the
 * reason may be NULL. Nothing is asserted in here: the disk may be full. */
int store_fixture_commit(struct store_fixture *fixture, struct registration *registration,
			 const char **ret_reason);

/* Replays the file as it is now. */
void store_fixture_replay(struct store_fixture *fixture, struct replay *ret_replay);

/* Why what was replayed is not what is in memory; NULL: it is. */
const char *store_fixture_compare(const struct store_fixture *fixture, const struct replay *replay);
