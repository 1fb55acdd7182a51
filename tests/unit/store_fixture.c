/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_fixture.h"

#include <string.h>
#include <utlist.h>

#include "broker/log.h"

static void on_gone(struct process *process, void *userdata)
{
	(void)process;
	(void)userdata;
}

void store_fixture_open(struct store_fixture *fixture)
{
	log_init(-1);
	ck_assert_int_eq(uv_loop_init(&fixture->loop), 0);
	ck_assert_int_eq(event_log_init(&fixture->events), 0);
	ck_assert_int_eq(process_table_init(&fixture->processes, &fixture->loop, on_gone, NULL), 0);
	session_table_init(&fixture->sessions, MAX_SESSIONS_ALL);
	ck_assert_int_eq(store_open(&fixture->store, fixture_path("journal"), &fixture->sessions,
				    &fixture->processes, &fixture->events),
			 0);
}

void store_fixture_close(struct store_fixture *fixture)
{
	session_table_done(&fixture->sessions);
	process_table_close(&fixture->processes);
	ck_assert_int_eq(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&fixture->loop), 0);
	process_table_done(&fixture->processes);
	store_close(&fixture->store);
	event_log_done(&fixture->events);
}

void store_fixture_restart(struct store_fixture *fixture)
{
	store_fixture_close(fixture);
	store_fixture_open(fixture);
}

struct process *store_fixture_self(struct store_fixture *fixture)
{
	struct process *process;

	ck_assert_int_eq(process_find_or_open(&fixture->processes,
					      &(struct process_id){.pid = getpid()}, &process),
			 0);
	return process;
}

struct session *store_fixture_start(struct store_fixture *fixture)
{
	uint32_t id = fixture->sessions.next_session_id;
	struct session_key key = {{0}};
	struct session *session;

	memcpy(key.bytes, &id, sizeof(id));
	ck_assert_int_eq(session_new(id, &key, store_fixture_self(fixture), &session), 0);
	ck_assert_int_eq(store_session_started(&fixture->store, session), 0);
	session_add(&fixture->sessions, session);
	return session;
}

void store_fixture_end(struct store_fixture *fixture, struct session *session)
{
	ck_assert_int_eq(store_session_ended(&fixture->store, session, NULL, NULL), 0);
	session_remove(&fixture->sessions, session);
}

struct registration *store_fixture_begin(struct store_fixture *fixture, struct session *session,
					 uint32_t request)
{
	uint8_t request_id[REQUEST_ID_BYTES] = {0};
	struct registration *registration;

	memcpy(request_id, &request, sizeof(request));
	ck_assert_int_eq(registration_begin_part(&fixture->sessions.registrations, session,
						 &store_fixture_self(fixture)->id, request_id, 0,
						 clock_base_now(&fixture->store.clock),
						 &registration),
			 0);
	return registration;
}

void add_file(struct registration *registration, const char *path)
{
	const char *reason;

	ck_assert_int_eq(registration_add_file(registration, path, strlen(path), false, &reason),
			 0);
}

void add_service(struct registration *registration, const char *name)
{
	const char *reason;

	ck_assert_int_eq(registration_add_service(registration, name, strlen(name), &reason), 0);
}

int store_fixture_commit(struct store_fixture *fixture, struct registration *registration,
			 const char **ret_reason)
{
	bool is_done = false;
	const char *reason;
	int r = 0;

	registration_end_part(registration, true);
	while (r == 0 && !is_done) {
		r = commit_step(&fixture->store, registration, &is_done, &reason);
	}
	registration_free(registration);
	if (ret_reason) {
		*ret_reason = reason;
	}
	return r;
}

void store_fixture_replay(struct store_fixture *fixture, struct replay *ret_replay)
{
	uint8_t *data;
	size_t size;

	ck_assert_int_eq(journal_read_file(fixture->store.journal.path, &data, &size), 0);
	ck_assert_int_eq(replay_run(data, size, &fixture->store.identity, ret_replay), 0);
	free(data);
}

static const char *compare_files(const struct resource_set *memory, const struct resource_set *disk)
{
	for (uint32_t i = 0; i < resource_count(memory, RESOURCE_FILE); i++) {
		struct file_identity ours[MAX_FILE_IDENTITIES];
		struct file_identity theirs[MAX_FILE_IDENTITIES];
		const char *path = resource_file_path(memory, i);
		uint32_t k = resource_find_file(disk, path, strlen(path),
						resource_file_is_tree(memory, i));
		unsigned int n = resource_file_identities(memory, i, ours);

		if (k == TABLE_NONE) {
			return "a file is missing";
		}
		if (resource_file_identities(disk, k, theirs) != n ||
		    memcmp(ours, theirs, n * sizeof(ours[0])) != 0) {
			return "a file has other identities";
		}
	}
	return NULL;
}

/* Without changing what is in `disk`: an entry that is added to a copy would be new. */
static const char *compare_others(const struct resource_set *memory, struct resource_set *disk)
{
	static const enum resource_kind kinds[] = {RESOURCE_PROCESS, RESOURCE_SERVICE};
	uint32_t k;

	for (size_t i = 0; memory && i < ARRAY_SIZE(kinds); i++) {
		uint32_t n = resource_count(memory, kinds[i]);

		for (uint32_t at = 0; at < n; at++) {
			ck_assert_int_eq(resource_copy(disk, memory, kinds[i], at, &k), 0);
			if (k >= resource_count(disk, kinds[i])) {
				return "a process or a service is missing";
			}
		}
	}
	return NULL;
}

static const char *compare_filters(const struct filter_list *memory, const struct filter_list *disk)
{
	const struct filter *at = disk->filters;
	const struct filter *filter;

	DL_FOREACH(memory->filters, filter) {
		if (!at || filter_find(disk, &filter->target) != at ||
		    at->action != filter->action) {
			return "the filters differ, or their order";
		}
		at = at->next;
	}
	return at ? "a filter too many" : NULL;
}

static const char *compare_session(const struct session *session,
				   const struct replayed_session *replayed)
{
	struct resource_set *disk = replayed->resources.set;
	const char *why = NULL;

	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		if (resource_count(session->resources, (enum resource_kind)kind) !=
		    resource_count(disk, (enum resource_kind)kind)) {
			return "another number of resources";
		}
	}
	if (disk) {
		why = compare_files(session->resources, disk);
		why = why ? why : compare_others(session->resources, disk);
	}
	return why ? why : compare_filters(&session->filters, &replayed->resources.filters);
}

const char *store_fixture_compare(const struct store_fixture *fixture, const struct replay *replay)
{
	const struct replayed_session *replayed;
	unsigned int n = 0;

	if (replay->scan.verdict != JOURNAL_CLEAN || replay->losses) {
		return "not clean";
	}
	if (replay->boot_filetime != fixture->store.clock.boot_filetime) {
		return "another time of the boot";
	}
	DL_FOREACH(replay->sessions, replayed) {
		const struct session *session = session_find(&fixture->sessions, replayed->id);
		const char *why = session ? compare_session(session, replayed) : "a session more";

		if (why) {
			return why;
		}
		n++;
	}
	return n == fixture->sessions.n_sessions ? NULL : "a session is missing";
}
