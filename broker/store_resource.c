/* SPDX-License-Identifier: MIT */
/*
 * Resources and filters in the journal. Like starts they must leave room for the end of
 * everything that is open; beyond that they may take what the limits say, and no more than a
 * quarter of what the file system has to give.
 */
#include "broker/store_resource.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "broker/compaction.h"
#include "broker/identity.h"
#include "broker/store_record.h"
#include "proto/status.h"

static int gather_news(struct store *store, const struct session *session,
		       const struct file_seen *seen, size_t n)
{
	const struct resource_set *set = session->resources;

	slice_reset(&store->slice);
	for (size_t i = 0; i < n; i++) {
		int r = 0;

		if (resource_file_is_news(set, seen[i].i, &seen[i].identity)) {
			r = slice_add_path(&store->slice, resource_file_path(set, seen[i].i),
					   resource_file_is_tree(set, seen[i].i),
					   &seen[i].identity);
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

int store_files_seen(struct store *store, struct session *session, const struct file_seen *seen,
		     size_t n)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__FilesSeen files = RMRECORD__FILES_SEEN__INIT;
	int r = gather_news(store, session, seen, n);

	if (r < 0 || store->slice.n == 0) {
		return r;
	}
	r = resource_reserve_seen(session->resources, store->slice.n);
	if (r < 0) {
		return r;
	}
	files.session = session->id;
	slice_fill_seen(&store->slice, &files);
	record.event_case = RMRECORD__RECORD__EVENT_SEEN;
	record.seen = &files;
	r = store_record_append(store, session, session->id, &record,
				store_record_reserve(store, 0));
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = resource_file_see(session->resources, seen[i].i, &seen[i].identity);
	}
	return r;
}

int store_slice(struct store *store, const struct session *session, uint64_t number, uint32_t i,
		bool is_last)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__Resources resources = RMRECORD__RESOURCES__INIT;

	resources.session = session->id;
	resources.number = number;
	resources.slice = i;
	resources.last = is_last;
	slice_fill(&store->slice, &resources);
	record.event_case = RMRECORD__RECORD__EVENT_RESOURCES;
	record.resources = &resources;
	return store_record_append(store, session, session->id, &record,
				   store_record_reserve(store, 0));
}

/* Whether what all have and so much more are within a quarter of the free space. What the journal
 * has is free but for them. */
static bool is_quarter(const struct store *store, uint64_t bytes)
{
	struct statvfs file_system;
	uint64_t space;

	if (fstatvfs(store->journal.fd, &file_system) < 0 || file_system.f_blocks == 0) {
		return true; /* it does not tell (a tmpfs without a limit): the writing will */
	}
	space = (uint64_t)file_system.f_bavail * file_system.f_frsize + store->journal.reserved;
	return session_table_count_bytes(store->sessions) + bytes <= space / 4;
}

int store_may_grow(const struct store *store, const struct session *session, uint64_t bytes,
		   uint64_t n_files, const char **ret_reason)
{
	uint64_t stored = bytes + n_files * KEPT_IDENTITY_BYTES;

	if (session_count_bytes(session) + bytes > MAX_RESOURCE_BYTES_SESSION) {
		*ret_reason = "a session takes 64 MiB of paths and names";
	} else if (session_table_count_bytes(store->sessions) + bytes > MAX_RESOURCE_BYTES_UID) {
		*ret_reason = "all sessions of a user take 128 MiB of paths and names";
	} else if (!is_quarter(store, stored)) {
		*ret_reason = "registrations take a quarter of the free space beside the socket";
	} else {
		return 0;
	}
	return STATUS_WRITE_FAULT;
}

int store_may_filter(const struct store *store, const struct session *session,
		     const struct filter *filter, const char **ret_reason)
{
	if (filter_may_add(&session->filters, filter)) {
		*ret_reason = "a session takes 4096 filters";
		return STATUS_WRITE_FAULT;
	}
	return store_may_grow(store, session, filter_cost(filter), 0, ret_reason);
}

int store_filter_set(struct store *store, const struct session *session,
		     const struct filter *filter)
{
	Rmrecord__Record record;
	Rmrecord__FilterSet set;
	Rmrecord__FilterTarget target;

	(void)compaction_maintain(store);
	store_record_fill_filter(session, filter, &target, &set, &record);
	return store_record_append(store, session, session->id, &record,
				   store_record_reserve(store, 0));
}

int store_filter_removed(struct store *store, const struct session *session,
			 const struct filter *filter, const struct process *by,
			 const uint8_t *request_id)
{
	Rmrecord__Record record = RMRECORD__RECORD__INIT;
	Rmrecord__FilterRemoved removed = RMRECORD__FILTER_REMOVED__INIT;
	Rmrecord__FilterTarget target = RMRECORD__FILTER_TARGET__INIT;

	(void)compaction_maintain(store);
	store_record_fill_target(&filter->target, &target);
	removed.session = session->id;
	removed.target = &target;
	removed.request_id = store_record_bytes(request_id, REQUEST_ID_BYTES);
	removed.pid = (uint32_t)by->id.pid;
	removed.start_time = by->id.start_time;
	record.event_case = RMRECORD__RECORD__EVENT_FILTER_REMOVED;
	record.filter_removed = &removed;
	return store_record_append(store, session, session->id, &record,
				   store_record_reserve(store, 0));
}
