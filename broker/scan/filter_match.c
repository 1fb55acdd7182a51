/* SPDX-License-Identifier: MIT */
/*
 * Filters. One by executable is about what the program runs, by device and inode or, where that
 * is replaced or gone, by its path; not about the registered file. Of an entry with several
 * processes one that matches is enough.
 */
#include "broker/scan/filter_match.h"

#include <string.h>

#include "broker/services.h"

#define STATUS_SHUTDOWN_MASKED 0x40u
#define STATUS_RESTART_MASKED 0x80u
#define ACTION_NO_RESTART 1u
#define ACTION_NO_SHUTDOWN 2u

static bool runs(const struct entries_context *context, const struct member *member,
		 const Rmscan__FilterRule *rule)
{
	size_t n_files;
	const struct index_file *files = scan_index_files(context->index, &n_files);
	const struct index_process *process = member->hit->process;

	for (size_t i = 0; i < process->n_holds; i++) {
		const struct index_file *file = &files[process->holds[i].file];

		if (process->holds[i].kind == HOLD_EXECUTABLE && rule->inode &&
		    file->inode == rule->inode && file->device == rule->device) {
			return true;
		}
	}
	/* Elsewhere the same path is another file (A60). */
	if (context->application->mount_namespace &&
	    member->facts->mount_namespace != context->application->mount_namespace) {
		return false;
	}
	return member->facts->exe && strlen(member->facts->exe) == rule->executable.len &&
	       memcmp(member->facts->exe, rule->executable.data, rule->executable.len) == 0;
}

static bool is_process(const struct member *member, const Rmscan__Identity *identity)
{
	return (uint32_t)member->facts->pid == identity->pid &&
	       member->facts->start_time == identity->start_time;
}

static bool is_service(const struct member *member, const ProtobufCBinaryData *service)
{
	struct service_name name;

	return services_parse_name((const char *)service->data, service->len, &name) == 0 &&
	       services_name_matches(&name, member->facts->cgroup.service,
				     member->facts->cgroup.is_user);
}

static bool matches(const struct entries_context *context, const struct member *member,
		    const Rmscan__FilterRule *rule)
{
	if (rule->process) {
		return is_process(member, rule->process);
	}
	if (rule->service.len) {
		return is_service(member, &rule->service);
	}
	return rule->executable.len && runs(context, member, rule);
}

static uint32_t mask_of(uint32_t action)
{
	switch (action) {
	case ACTION_NO_RESTART:
		return STATUS_RESTART_MASKED;
	case ACTION_NO_SHUTDOWN:
		return STATUS_SHUTDOWN_MASKED;
	default:
		return 0;
	}
}

uint32_t filter_match_status(const struct entries_context *context, const struct entry *entry)
{
	uint32_t status = 0;

	for (size_t i = 0; i < context->n_filters; i++) {
		uint32_t mask = mask_of(context->filters[i]->action);

		for (size_t m = 0; !(status & mask) && m < entry->n_members; m++) {
			if (matches(context, entry->members[m], context->filters[i])) {
				status |= mask;
			}
		}
	}
	return status;
}
