/* SPDX-License-Identifier: MIT */
/*
 * Members as owners of relatives. A member is added with all its threads that stand for a table
 * or for memory, as one round; when those change, or one of them is lost, it is added again, and
 * what is left of earlier rounds is thrown out.
 */
#include "broker/scan/member_relatives.h"

#include <string.h>

static enum relative_state state_of(const struct relative *relative, enum relative_kind kind)
{
	const struct member *member = relative->owner;

	if (member->is_gone || member->kind != PROCESS_USER) {
		return RELATIVE_GONE;
	}
	if (member->sorted[kind] != relative->round) {
		return RELATIVE_LEFT;
	}
	return member->is_unsettled ? RELATIVE_CHANGED : RELATIVE_KEPT;
}

static void on_touched(struct relative *relative)
{
	struct member *member = relative->owner;

	member->must_read |= !member->is_read;
}

static void on_shared(struct relative *relative)
{
	struct member *member = relative->owner;

	member->has_relatives = true;
}

static void on_lost(struct relative *relative, enum relative_kind kind)
{
	struct member *member = relative->owner;

	if (member->sorted[kind] == relative->round) {
		member->sorted[kind] = 0;
	}
}

const struct relatives_user member_relatives = {
	.state = state_of,
	.on_touched = on_touched,
	.on_shared = on_shared,
	.on_lost = on_lost,
};

bool member_has_same_threads(const struct process_reading *a, const struct process_reading *b)
{
	return a->task == b->task && a->n_tables == b->n_tables &&
	       (!a->n_tables ||
		memcmp(a->tables, b->tables, a->n_tables * sizeof(*a->tables)) == 0);
}

int member_add_relatives(struct member *member, struct relatives relatives[_RELATIVE_KIND_COUNT])
{
	const struct process_reading *reading = &member->reading;
	struct relatives *tables = &relatives[RELATIVE_DESCRIPTORS];
	int r;

	member->round++;
	r = relatives_add(&relatives[RELATIVE_MEMORY], member, reading->task, member->round);
	r = r < 0 ? r : relatives_add(tables, member, reading->task, member->round);
	for (uint32_t i = 0; r == 0 && i < reading->n_tables; i++) {
		r = relatives_add(tables, member, reading->tables[i], member->round);
	}
	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		member->sorted[kind] = r < 0 ? 0 : member->round;
	}
	return r;
}

bool member_lacks_relatives(const struct member *member)
{
	return member->kind == PROCESS_USER && !member->is_skipped &&
	       !(member->reading.flags & INDEX_DENIED) &&
	       (!member->sorted[RELATIVE_MEMORY] || !member->sorted[RELATIVE_DESCRIPTORS]);
}
