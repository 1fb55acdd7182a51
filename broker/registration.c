/* SPDX-License-Identifier: MIT */
/*
 * Registrations under way, all of the broker in one list: there are few. A set is never freed at
 * once when it is large, because that would hold up the loop; what is let go waits in a list of
 * its own, from which every further change frees a little.
 */
#include "broker/registration.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "proto/status.h"

/* Pieces freed by one sweep: less than 0.1 ms. */
#define SWEPT_PIECES 512u

void registration_list_init(struct registration_list *list)
{
	*list = (struct registration_list){0};
}

void registration_list_done(struct registration_list *list)
{
	struct registration *registration;
	struct registration *next;

	list->is_closing = true;
	DL_FOREACH_SAFE(list->registrations, registration, next) {
		if (registration->is_whole) {
			registration->session = NULL;
			registration->target = NULL;
			continue; /* its caller's, who frees it before the list's memory goes */
		}
		registration_free(registration);
	}
	while (registration_sweep(list)) {
	}
	pidfd_pool_drop(&list->pidfds, NULL);
}

static struct registration *find(const struct registration_list *list,
				 const struct session *session, const struct process_id *process,
				 const uint8_t request_id[REQUEST_ID_BYTES])
{
	struct registration *at;

	DL_FOREACH(list->registrations, at) {
		if (!at->is_whole && at->session == session &&
		    process_id_equal(&at->process, process) &&
		    memcmp(at->request_id, request_id, REQUEST_ID_BYTES) == 0) {
			return at;
		}
	}
	return NULL;
}

static unsigned int count(const struct registration_list *list, const struct process_id *process)
{
	const struct registration *at;
	unsigned int n = 0;

	DL_FOREACH(list->registrations, at) {
		n += !at->is_whole && process_id_equal(&at->process, process);
	}
	return n;
}

static int begin(struct registration_list *list, struct session *session,
		 const struct process_id *process, const uint8_t request_id[REQUEST_ID_BYTES],
		 uint64_t now, struct registration **ret_registration)
{
	_cleanup_(freep) struct registration *registration = NULL;
	int r;

	if (count(list, process) >= MAX_STAGED_PER_PROCESS) {
		return STATUS_OUTOFMEMORY;
	}
	registration = malloc(sizeof(*registration));
	if (!registration) {
		return -ENOMEM;
	}
	*registration = (struct registration){
		.list = list, .session = session, .process = *process, .arrived = now};
	memcpy(registration->request_id, request_id, REQUEST_ID_BYTES);
	r = resource_set_new(&registration->set);
	if (r < 0) {
		return r;
	}
	DL_APPEND(list->registrations, registration);
	*ret_registration = TAKE_PTR(registration);
	return 0;
}

int registration_begin_part(struct registration_list *list, struct session *session,
			    const struct process_id *process,
			    const uint8_t request_id[REQUEST_ID_BYTES], uint32_t part, uint64_t now,
			    struct registration **ret_registration)
{
	struct registration *registration = find(list, session, process, request_id);

	if (part == 0) {
		registration_free(registration);
		return begin(list, session, process, request_id, now, ret_registration);
	}
	if (!registration || registration->next_part != part) {
		registration_free(registration);
		return STATUS_REQUEST_OUT_OF_SEQUENCE;
	}
	registration->n_part_entries = 0;
	registration->n_part_bytes = 0;
	*ret_registration = registration;
	return 0;
}

/* Whether one more fits into the part and into what may be staged. */
static int may_add(struct registration *registration, enum resource_kind kind, size_t size,
		   const char **ret_reason)
{
	const struct resource_set *set = registration->set;
	uint64_t cost = resource_cost(size);

	registration->n_part_entries++;
	registration->n_part_bytes += (uint32_t)size + 1;
	if (registration->n_part_entries > MAX_PART_ENTRIES ||
	    registration->n_part_bytes > MAX_PART_BYTES) {
		*ret_reason = "one part of a registration is larger than a part may be";
	} else if (resource_count_all(set, kind) >= MAX_RESOURCES) {
		*ret_reason = "a session takes 1048576 files, processes or services, each";
	} else if (set->bytes_pending + cost > MAX_RESOURCE_BYTES_SESSION) {
		*ret_reason = "a session takes 64 MiB of paths and names";
	} else if (registration->list->bytes + cost > MAX_RESOURCE_BYTES_UID) {
		*ret_reason = "a user's registrations under way take 128 MiB of paths and names";
	} else {
		return 0;
	}
	return STATUS_WRITE_FAULT;
}

/* Sees to the sum of all after something was, perhaps, added. */
static int account(struct registration *registration, uint64_t before, int r)
{
	registration->list->bytes += registration->set->bytes_pending - before;
	return r;
}

int registration_add_file(struct registration *registration, const char *path, size_t size,
			  bool is_tree, const char **ret_reason)
{
	uint64_t before = registration->set->bytes_pending;
	uint32_t i;
	int r = may_add(registration, RESOURCE_FILE, size, ret_reason);

	return r ? r
		 : account(registration, before,
			   resource_add_file(registration->set, path, size, is_tree, &i));
}

int registration_add_process(struct registration *registration, uint32_t pid, uint64_t start_time,
			     bool by_filetime, const char **ret_reason)
{
	uint64_t before = registration->set->bytes_pending;
	uint32_t flags = by_filetime ? RESOURCE_PROCESS_BY_FILETIME : 0;
	uint32_t i;
	int r = may_add(registration, RESOURCE_PROCESS, 0, ret_reason);

	return r ? r
		 : account(registration, before,
			   resource_add_process(registration->set, pid, start_time, flags, &i));
}

int registration_add_service(struct registration *registration, const char *name, size_t size,
			     const char **ret_reason)
{
	uint64_t before = registration->set->bytes_pending;
	uint32_t i;
	int r = may_add(registration, RESOURCE_SERVICE, size, ret_reason);

	return r ? r
		 : account(registration, before,
			   resource_add_service(registration->set, name, size, &i));
}

void registration_end_part(struct registration *registration, bool is_last)
{
	registration->next_part++;
	registration->is_whole = is_last;
}

uint32_t registration_count_files(const struct registration *registration)
{
	return resource_count_all(registration->set, RESOURCE_FILE);
}

const char *registration_file_path(const struct registration *registration, uint32_t i)
{
	return resource_file_path(registration->set, i);
}

bool registration_file_is_tree(const struct registration *registration, uint32_t i)
{
	return resource_file_is_tree(registration->set, i);
}

void registration_set_identity(struct registration *registration, uint32_t i,
			       const struct file_identity *identity)
{
	resource_set_identity(registration->set, i, identity);
}

void registration_free(struct registration *registration)
{
	if (!registration) {
		return;
	}
	if (registration->target) {
		registration->target->writer = NULL;
		registration->target->is_writing = false;
	}
	DL_DELETE(registration->list->registrations, registration);
	registration->list->bytes -= registration->set->bytes_pending;
	registration_retire(registration->list, registration->set);
	free(registration);
}

void registration_drop_session(struct registration_list *list, const struct session *session)
{
	struct registration *registration;
	struct registration *next;

	DL_FOREACH_SAFE(list->registrations, registration, next) {
		if (registration->session != session) {
			continue;
		}
		registration->session = NULL;
		registration->target = NULL; /* goes with the session */
		if (!registration->is_whole) {
			registration_free(registration);
		}
	}
}

void registration_drop_process(struct registration_list *list, const struct process_id *process)
{
	struct registration *registration;
	struct registration *next;

	DL_FOREACH_SAFE(list->registrations, registration, next) {
		if (!registration->is_whole && process_id_equal(&registration->process, process)) {
			registration_free(registration);
		}
	}
}

void registration_retire(struct registration_list *list, struct resource_set *owned_set)
{
	if (!owned_set) {
		return;
	}
	pidfd_pool_drop(&list->pidfds, owned_set);
	if (list->is_closing || resource_set_clear(owned_set, SWEPT_PIECES) < SWEPT_PIECES) {
		resource_set_free(owned_set);
		return;
	}
	owned_set->next = list->retired;
	list->retired = owned_set;
}

bool registration_sweep(struct registration_list *list)
{
	struct resource_set *set = list->retired;

	if (set && resource_set_clear(set, SWEPT_PIECES) < SWEPT_PIECES) {
		list->retired = set->next;
		resource_set_free(set);
	}
	return list->retired != NULL;
}
