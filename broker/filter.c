/* SPDX-License-Identifier: MIT */
/* The list of filters: at most MAX_FILTERS, so that going through all of it is quick enough. */
#include "broker/filter.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "proto/limits.h"
#include "proto/status.h"

void filter_list_done(struct filter_list *list)
{
	struct filter *filter;
	struct filter *next;

	DL_FOREACH_SAFE(list->filters, filter, next) {
		free(filter);
	}
	*list = (struct filter_list){0};
}

int filter_new(const struct filter_target *target, enum filter_action action,
	       struct filter **ret_filter)
{
	size_t size = target->text ? strlen(target->text) + 1 : 0;
	struct filter *filter = malloc(sizeof(*filter) + size);

	if (!filter) {
		return -ENOMEM;
	}
	*filter = (struct filter){.target = *target, .action = action};
	if (target->text) {
		filter->target.text = memcpy(filter + 1, target->text, size);
	}
	*ret_filter = filter;
	return 0;
}

uint64_t filter_cost(const struct filter *filter)
{
	return sizeof(*filter) + (filter->target.text ? strlen(filter->target.text) + 1 : 0);
}

static bool is_target(const struct filter_target *a, const struct filter_target *b)
{
	if (a->kind != b->kind) {
		return false;
	}
	if (a->kind == FILTER_PROCESS) {
		return a->pid == b->pid && a->start_filetime == b->start_filetime;
	}
	return strcmp(a->text, b->text) == 0;
}

struct filter *filter_find(const struct filter_list *list, const struct filter_target *target)
{
	struct filter *filter;

	DL_FOREACH(list->filters, filter) {
		if (is_target(&filter->target, target)) {
			return filter;
		}
	}
	return NULL;
}

int filter_may_add(const struct filter_list *list, const struct filter *filter)
{
	return list->n < MAX_FILTERS || filter_find(list, &filter->target) ? 0 : STATUS_WRITE_FAULT;
}

void filter_remove(struct filter_list *list, struct filter *filter)
{
	DL_DELETE(list->filters, filter);
	list->n--;
	list->bytes -= filter_cost(filter);
	free(filter);
}

void filter_add(struct filter_list *list, struct filter *filter)
{
	struct filter *other = filter_find(list, &filter->target);

	if (other) {
		filter_remove(list, other);
	}
	filter->number = ++list->next_number;
	DL_APPEND(list->filters, filter);
	list->n++;
	list->bytes += filter_cost(filter);
}
