/* SPDX-License-Identifier: MIT */
/*
 * Relatives. kcmp(2) does not only tell whether two threads share, it orders them; so threads
 * that share stand side by side in a sorted array, and n of them are found in n log n system
 * calls, at a microsecond each.
 *
 * The order is that of the kernel's objects. A thread's objects change only while it runs, so a
 * pair of neighbours that did not run since they were compared is still in order. One that ran is
 * compared with its neighbours again; if it does not stand between them any more, it is taken out
 * and sorted in anew. What changes while it is being sorted has run, and is looked at again by the
 * next update; at the latest that puts it right.
 */
#include "broker/scan/relatives.h"

#include <string.h>

#include "broker/scan/relatives_sort.h"

/* Times that what does not fit is sorted in anew before the rest is given up for this update. */
#define MAX_ROUNDS 3u

void relatives_init(struct relatives *relatives, enum relative_kind kind)
{
	*relatives = (struct relatives){.kind = kind};
}

void relatives_done(struct relatives *relatives)
{
	free(relatives->sorted);
	free(relatives->added);
	relatives_init(relatives, relatives->kind);
}

int relatives_add(struct relatives *relatives, void *owner, pid_t task, uint32_t round)
{
	if (relatives->n_added == relatives->capacity_added) {
		size_t capacity = 2 * relatives->capacity_added + 64;
		struct relative *grown = reallocarray(relatives->added, capacity, sizeof(*grown));

		if (!grown) {
			return -ENOMEM;
		}
		relatives->added = grown;
		relatives->capacity_added = capacity;
	}
	relatives->added[relatives->n_added++] =
		(struct relative){.owner = owner, .task = task, .round = round, .is_new = true};
	return 0;
}

/* The end of the run of sharers that begins at `begin`. */
static size_t find_run_end(const struct relatives *relatives, size_t begin)
{
	size_t end = begin + 1;

	while (end < relatives->n_sorted && relatives->sorted[end].is_as_previous) {
		end++;
	}
	return end;
}

void relatives_tell_touched(const struct relatives *relatives, const struct relatives_user *user)
{
	size_t end;

	if (!relatives->n_shared) {
		return;
	}
	for (size_t begin = 0; begin < relatives->n_sorted; begin = end) {
		bool is_touched = false;

		end = find_run_end(relatives, begin);
		for (size_t i = begin; end - begin > 1 && i < end; i++) {
			is_touched |= user->state(&relatives->sorted[i], relatives->kind) !=
				      RELATIVE_KEPT;
		}
		for (size_t i = begin; is_touched && i < end; i++) {
			user->on_touched(&relatives->sorted[i]);
		}
	}
}

/* ---- sorting in ---- */

/* One kind's update. All arrays have room for everything. */
struct update {
	struct relatives *relatives;
	const struct relatives_user *user;
	struct relative *spare;
	struct relative *loose; /* fell out of their place */
	size_t n_loose;
};

static bool is_there(const struct update *update, const struct relative *relative,
		     enum relative_state *ret_state)
{
	*ret_state = update->user->state(relative, update->relatives->kind);
	return *ret_state == RELATIVE_KEPT || *ret_state == RELATIVE_CHANGED;
}

/* Takes out what is there no more. What follows a gap has a new neighbour. */
static void remove_gone(struct update *update)
{
	struct relatives *relatives = update->relatives;
	enum relative_state state;
	bool is_gap = false;
	size_t n = 0;

	for (size_t i = 0; i < relatives->n_sorted; i++) {
		struct relative *relative = &relatives->sorted[i];

		if (is_there(update, relative, &state)) {
			relative->is_new = is_gap || state == RELATIVE_CHANGED;
			relatives->sorted[n++] = *relative;
			is_gap = false;
		} else {
			is_gap = true;
		}
	}
	relatives->n_sorted = n;
	n = 0;
	for (size_t i = 0; i < relatives->n_added; i++) {
		if (is_there(update, &relatives->added[i], &state)) {
			relatives->added[n++] = relatives->added[i];
		}
	}
	relatives->n_added = n;
}

/* Whether `next` may follow what stands last; else one of them is loose now. */
static bool find_neighbour(struct update *update, struct relative *next)
{
	struct relatives *relatives = update->relatives;

	while (relatives->n_sorted) {
		struct relative *last = &relatives->sorted[relatives->n_sorted - 1];
		int r;

		if (!last->is_new && !next->is_new) {
			return true;
		}
		r = relative_compare(relatives->kind, last, next);
		next->is_as_previous = r == 0;
		if (r <= 0) {
			return true;
		}
		if (next->is_new) {
			update->loose[update->n_loose++] = *next;
			return false;
		}
		update->loose[update->n_loose++] = *last;
		relatives->n_sorted--;
		next->is_new = true; /* it has another neighbour */
	}
	next->is_as_previous = false;
	return true;
}

/* Compares neighbours of which one is new; what is out of place becomes loose. */
static void check_places(struct update *update)
{
	struct relatives *relatives = update->relatives;
	size_t n = relatives->n_sorted;
	bool is_gap = false;

	relatives->n_sorted = 0;
	for (size_t i = 0; i < n; i++) {
		struct relative next = relatives->sorted[i];

		next.is_new |= is_gap;
		is_gap = !find_neighbour(update, &next);
		if (!is_gap) {
			relatives->sorted[relatives->n_sorted++] = next;
		}
	}
	for (size_t i = 0; i < relatives->n_sorted; i++) {
		relatives->sorted[i].is_new = false;
	}
}

/* The first place of `sorted` from `low` on that is not before `relative`. */
static size_t find_place(enum relative_kind kind, struct relative *sorted, size_t low, size_t n,
			 struct relative *relative)
{
	size_t high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (relative_compare(kind, &sorted[middle], relative) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* Sorts `n` sorted ones in. */
static void insert(struct update *update, struct relative *added, size_t n)
{
	struct relatives *relatives = update->relatives;
	struct relative *sorted = relatives->sorted;
	size_t n_out = 0;
	size_t taken = 0;

	for (size_t i = 0; i < n; i++) {
		size_t place =
			find_place(relatives->kind, sorted, taken, relatives->n_sorted, &added[i]);

		memcpy(update->spare + n_out, sorted + taken, (place - taken) * sizeof(*sorted));
		n_out += place - taken;
		taken = place;
		added[i].is_new = true;
		update->spare[n_out++] = added[i];
	}
	memcpy(update->spare + n_out, sorted + taken,
	       (relatives->n_sorted - taken) * sizeof(*sorted));
	n_out += relatives->n_sorted - taken;
	memcpy(sorted, update->spare, n_out * sizeof(*sorted));
	relatives->n_sorted = n_out;
}

/* Takes out what could not be compared. */
static size_t remove_lost(struct update *update, struct relative *all, size_t n_all)
{
	bool is_gap = false;
	size_t n = 0;

	for (size_t i = 0; i < n_all; i++) {
		if (all[i].is_lost) {
			update->user->on_lost(&all[i], update->relatives->kind);
			is_gap = true;
			continue;
		}
		all[i].is_new |= is_gap;
		is_gap = false;
		all[n++] = all[i];
	}
	return n;
}

/* Sorts in what was added and what fell out, until all stand in order. */
static void settle(struct update *update)
{
	struct relatives *relatives = update->relatives;

	check_places(update);
	relatives->n_added = remove_lost(update, relatives->added, relatives->n_added);
	insert(update, relatives->added, relatives->n_added);
	relatives->n_added = 0;
	for (unsigned int i = 0; i < MAX_ROUNDS; i++) {
		size_t n_loose = remove_lost(update, update->loose, update->n_loose);

		relatives_sort(relatives->kind, update->loose, update->spare, n_loose);
		insert(update, update->loose, n_loose);
		relatives->n_sorted = remove_lost(update, relatives->sorted, relatives->n_sorted);
		update->n_loose = 0;
		check_places(update);
		if (!update->n_loose) {
			return;
		}
	}
	for (size_t i = 0; i < update->n_loose; i++) {
		update->user->on_lost(&update->loose[i], relatives->kind);
	}
	update->n_loose = 0;
}

static void tell_shared(struct relatives *relatives, const struct relatives_user *user)
{
	size_t end;

	relatives->n_shared = 0;
	for (size_t begin = 0; begin < relatives->n_sorted; begin = end) {
		end = find_run_end(relatives, begin);
		relatives->n_shared += end - begin - 1;
		for (size_t i = begin; end - begin > 1 && i < end; i++) {
			user->on_shared(&relatives->sorted[i]);
		}
	}
}

static void update_kinds(void *userdata, size_t begin, size_t end)
{
	struct update *updates = userdata;

	for (size_t kind = begin; kind < end; kind++) {
		settle(&updates[kind]);
	}
}

static int make_room(struct update *update)
{
	struct relatives *relatives = update->relatives;
	size_t n = relatives->n_sorted + relatives->n_added + 1;
	struct relative *grown = reallocarray(relatives->sorted, n, sizeof(*grown));

	if (!grown) {
		return -ENOMEM;
	}
	relatives->sorted = grown;
	update->spare = calloc(n, sizeof(*update->spare));
	update->loose = calloc(n, sizeof(*update->loose));
	return update->spare && update->loose ? 0 : -ENOMEM;
}

static void lose_all(struct update *update)
{
	struct relatives *relatives = update->relatives;

	for (size_t i = 0; i < relatives->n_sorted; i++) {
		update->user->on_lost(&relatives->sorted[i], relatives->kind);
	}
	for (size_t i = 0; i < relatives->n_added; i++) {
		update->user->on_lost(&relatives->added[i], relatives->kind);
	}
	relatives->n_sorted = 0;
	relatives->n_added = 0;
	relatives->n_shared = 0;
}

int relatives_update(struct relatives relatives[_RELATIVE_KIND_COUNT], struct scan_pool *pool,
		     const struct relatives_user *user)
{
	struct update updates[_RELATIVE_KIND_COUNT];
	struct relative *spare[_RELATIVE_KIND_COUNT];
	int r = 0;

	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		updates[kind] = (struct update){.relatives = &relatives[kind], .user = user};
		remove_gone(&updates[kind]);
		r = make_room(&updates[kind]) < 0 ? -ENOMEM : r;
		spare[kind] = updates[kind].spare;
	}
	if (r == 0) {
		relatives_sort_added(relatives, spare, pool);
		scan_pool_run(pool, _RELATIVE_KIND_COUNT, 1, update_kinds, updates);
	}
	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		if (r < 0) {
			lose_all(&updates[kind]);
		}
		tell_shared(&relatives[kind], user);
		free(updates[kind].spare);
		free(updates[kind].loose);
	}
	return r;
}
