/* SPDX-License-Identifier: MIT */
/*
 * The order of kcmp(2), and sorting by it: a merge sort, as it compares least often. The first
 * refresh sorts all processes of the machine, so several threads sort pieces and merge them.
 */
#include "broker/scan/relatives_sort.h"

#include <linux/kcmp.h>
#include <string.h>
#include <sys/syscall.h>

/* Fewer are sorted by one thread. */
#define MIN_CHUNK 64u

static int compare_tasks(pid_t a, pid_t b, int type)
{
	return (int)syscall(SYS_kcmp, a, b, type, 0, 0);
}

static int type_of(enum relative_kind kind)
{
	return kind == RELATIVE_MEMORY ? KCMP_VM : KCMP_FILES;
}

int relative_compare(enum relative_kind kind, struct relative *a, struct relative *b)
{
	int type = type_of(kind);
	int r = compare_tasks(a->task, b->task, type);

	if (r < 0) {
		a->is_lost = compare_tasks(a->task, a->task, type) != 0;
		b->is_lost = compare_tasks(b->task, b->task, type) != 0 || !a->is_lost;
		return -1;
	}
	return r == 0 ? 0 : r == 1 ? -1 : 1;
}

bool relatives_are_known(void)
{
	return compare_tasks(getpid(), getpid(), KCMP_VM) == 0 &&
	       compare_tasks(getpid(), getpid(), KCMP_FILES) == 0;
}

static void merge(enum relative_kind kind, struct relative *left, size_t n_left,
		  struct relative *right, size_t n_right, struct relative *ret_merged)
{
	size_t l = 0;
	size_t r = 0;

	while (l < n_left && r < n_right) {
		if (relative_compare(kind, &left[l], &right[r]) <= 0) {
			*ret_merged++ = left[l++];
		} else {
			*ret_merged++ = right[r++];
		}
	}
	memcpy(ret_merged, left + l, (n_left - l) * sizeof(*left));
	memcpy(ret_merged + (n_left - l), right + r, (n_right - r) * sizeof(*right));
}

/* Merges the sorted pieces of `width` in `from` to ones of twice that in `to`. */
struct merging {
	enum relative_kind kind;
	struct relative *from;
	struct relative *to;
	size_t n;
	size_t width;
};

static size_t count_merges(const struct merging *merging)
{
	return (merging->n + 2 * merging->width - 1) / (2 * merging->width);
}

static void merge_piece(const struct merging *merging, size_t piece)
{
	size_t begin = piece * 2 * merging->width;
	size_t middle = begin + merging->width < merging->n ? begin + merging->width : merging->n;
	size_t end = middle + merging->width < merging->n ? middle + merging->width : merging->n;

	merge(merging->kind, merging->from + begin, middle - begin, merging->from + middle,
	      end - middle, merging->to + begin);
}

void relatives_sort(enum relative_kind kind, struct relative *all, struct relative *spare, size_t n)
{
	struct relative *from = all;
	struct relative *to = spare;

	for (size_t width = 1; width < n; width *= 2) {
		struct merging merging = {kind, from, to, n, width};

		for (size_t i = 0; i < count_merges(&merging); i++) {
			merge_piece(&merging, i);
		}
		from = merging.to;
		to = merging.from;
	}
	if (from != all) {
		memcpy(all, from, n * sizeof(*all));
	}
}

struct sorting {
	struct merging kinds[_RELATIVE_KIND_COUNT];
	size_t n_pieces[_RELATIVE_KIND_COUNT];
};

/* Items of both kinds in one list: which kind, and the how manieth of it. */
static size_t split_item(const struct sorting *sorting, size_t item, size_t *ret_piece)
{
	size_t kind = item < sorting->n_pieces[0] ? 0 : 1;

	*ret_piece = kind ? item - sorting->n_pieces[0] : item;
	return kind;
}

static void sort_pieces(void *userdata, size_t begin, size_t end)
{
	const struct sorting *sorting = userdata;

	for (size_t item = begin; item < end; item++) {
		size_t piece;
		const struct merging *merging = &sorting->kinds[split_item(sorting, item, &piece)];
		size_t first = piece * merging->width;
		size_t n =
			merging->n - first < merging->width ? merging->n - first : merging->width;

		relatives_sort(merging->kind, merging->from + first, merging->to + first, n);
	}
}

static void merge_pieces(void *userdata, size_t begin, size_t end)
{
	const struct sorting *sorting = userdata;

	for (size_t item = begin; item < end; item++) {
		size_t piece;
		size_t kind = split_item(sorting, item, &piece);

		merge_piece(&sorting->kinds[kind], piece);
	}
}

void relatives_sort_added(struct relatives relatives[_RELATIVE_KIND_COUNT],
			  struct relative *spare[_RELATIVE_KIND_COUNT], struct scan_pool *pool)
{
	struct sorting sorting;
	bool is_sorted = false;

	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		size_t n = relatives[kind].n_added;
		size_t width = n / (4 * (size_t)scan_pool_n_threads(pool)) + 1;

		width = width < MIN_CHUNK ? MIN_CHUNK : width;
		sorting.kinds[kind] = (struct merging){
			(enum relative_kind)kind, relatives[kind].added, spare[kind], n, width};
		sorting.n_pieces[kind] = (n + width - 1) / width;
	}
	scan_pool_run(pool, sorting.n_pieces[0] + sorting.n_pieces[1], 1, sort_pieces, &sorting);
	while (!is_sorted) {
		is_sorted = true;
		for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
			struct merging *merging = &sorting.kinds[kind];
			bool is_done = merging->width >= merging->n;

			sorting.n_pieces[kind] = is_done ? 0 : count_merges(merging);
			is_sorted &= is_done;
		}
		scan_pool_run(pool, sorting.n_pieces[0] + sorting.n_pieces[1], 1, merge_pieces,
			      &sorting);
		for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
			struct merging *merging = &sorting.kinds[kind];
			struct relative *from = merging->from;

			if (sorting.n_pieces[kind]) {
				merging->from = merging->to;
				merging->to = from;
				merging->width *= 2;
			}
		}
	}
	for (size_t kind = 0; kind < _RELATIVE_KIND_COUNT; kind++) {
		if (sorting.kinds[kind].from != relatives[kind].added) {
			memcpy(relatives[kind].added, sorting.kinds[kind].from,
			       relatives[kind].n_added * sizeof(struct relative));
		}
	}
}
