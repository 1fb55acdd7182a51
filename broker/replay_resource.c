/* SPDX-License-Identifier: MIT */
/*
 * Replaying registrations. Slices are put aside until the last of them comes: without it the
 * registration was never acknowledged, and nothing of it is left. Another one's first slice says
 * that it never will be; a registration in one slice stands alone and says nothing, because a
 * compacted file has such ones in between.
 */
#include "broker/replay_resource.h"

#include <errno.h>
#include <string.h>

#include "broker/slice.h"
#include "proto/limits.h"

void replayed_resources_done(struct replayed_resources *resources)
{
	resource_set_free(resources->set);
	resource_set_free(resources->staged);
	filter_list_done(&resources->filters);
	*resources = (struct replayed_resources){0};
}

static int merge(struct replayed_resources *resources)
{
	struct resource_set *from = resources->staged;
	int r = 0;

	for (int kind = 0; kind < _RESOURCE_KIND_COUNT; kind++) {
		uint32_t n = resource_count_all(from, (enum resource_kind)kind);

		for (uint32_t i = 0; r == 0 && i < n; i++) {
			uint32_t to;

			r = resource_copy(resources->set, from, (enum resource_kind)kind, i, &to);
		}
		if (resource_count_all(resources->set, (enum resource_kind)kind) > MAX_RESOURCES) {
			r = -EBADMSG;
		}
	}
	return r;
}

/* Into the set where it is to be gathered, or nowhere when a slice before it is missing. */
static int gather(struct replayed_resources *resources, const Rmrecord__Resources *record)
{
	if (record->slice == 0) {
		resource_set_free(TAKE_PTR(resources->staged));
		resources->number = record->number;
		resources->next_slice = 0;
	} else if (!resources->staged || resources->number != record->number ||
		   resources->next_slice != record->slice) {
		return -EBADMSG;
	}
	if (!resources->staged) {
		int r = resource_set_new(&resources->staged);

		if (r < 0) {
			return r;
		}
	}
	resources->next_slice++;
	return slice_read(record, resources->staged);
}

int replay_resources(struct replayed_resources *resources, const Rmrecord__Resources *record)
{
	bool stands_alone = record->slice == 0 && record->last;
	int r = resources->set ? 0 : resource_set_new(&resources->set);

	if (r < 0) {
		return r;
	}
	r = stands_alone ? slice_read(record, resources->set) : gather(resources, record);
	if (r == 0 && record->last && !stands_alone) {
		r = merge(resources);
		resource_set_free(TAKE_PTR(resources->staged));
	}
	if (r == 0 && record->last) {
		resource_publish(resources->set);
	}
	return r;
}

int replay_seen(struct replayed_resources *resources, const Rmrecord__FilesSeen *record)
{
	return slice_read_seen(record, resources->set);
}

/* The text, in `ret_text`, lives as long as the target is needed. */
static int read_target(const Rmrecord__FilterTarget *record, char ret_text[MAX_PATH_BYTES],
		       struct filter_target *ret_target)
{
	if (!record || record->kind >= _FILTER_KIND_COUNT) {
		return -EBADMSG;
	}
	*ret_target = (struct filter_target){.kind = (enum filter_kind)record->kind,
					     .pid = record->pid,
					     .start_filetime = record->start_filetime};
	if (ret_target->kind == FILTER_PROCESS) {
		return record->text.len || record->pid == 0 ? -EBADMSG : 0;
	}
	if (record->text.len == 0 || record->text.len >= MAX_PATH_BYTES ||
	    memchr(record->text.data, '\0', record->text.len)) {
		return -EBADMSG;
	}
	memcpy(ret_text, record->text.data, record->text.len);
	ret_text[record->text.len] = '\0';
	ret_target->text = ret_text;
	return 0;
}

int replay_filter_set(struct replayed_resources *resources, const Rmrecord__FilterSet *record)
{
	char text[MAX_PATH_BYTES];
	struct filter_target target;
	struct filter *filter;
	int r = read_target(record->target, text, &target);

	if (r == 0 && record->action != FILTER_NO_RESTART && record->action != FILTER_NO_SHUTDOWN) {
		r = -EBADMSG;
	}
	r = r < 0 ? r : filter_new(&target, (enum filter_action)record->action, &filter);
	if (r < 0) {
		return r;
	}
	if (filter_may_add(&resources->filters, filter)) {
		free(filter);
		return -EBADMSG;
	}
	filter_add(&resources->filters, filter);
	return 0;
}

int replay_filter_removed(struct replayed_resources *resources,
			  const Rmrecord__FilterRemoved *record)
{
	char text[MAX_PATH_BYTES];
	struct filter_target target;
	struct filter *filter;
	int r = read_target(record->target, text, &target);

	if (r < 0) {
		return r;
	}
	filter = filter_find(&resources->filters, &target);
	if (filter) {
		filter_remove(&resources->filters, filter);
	}
	return 0;
}
