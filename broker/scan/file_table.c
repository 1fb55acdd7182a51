/* SPDX-License-Identifier: MIT */
/*
 * The table of files: a number for each (kind of device, device, inode) that is held, so that a
 * question marks numbers once and then passes over small arrays. A file is counted by its holds;
 * at none its number is free for another. The hash table is of open addresses, linear, at most
 * half full; what is taken out closes its gap.
 */
#include "broker/scan/file_table.h"

#include <string.h>

#define NO_FILE UINT32_MAX
#define FIRST_SLOTS 1024u
#define MAX_FILES (UINT32_C(1) << 30)

int file_table_init(struct file_table *table)
{
	*table = (struct file_table){.first_free = NO_FILE, .n_slots = FIRST_SLOTS};
	table->slots = calloc(table->n_slots, sizeof(*table->slots));
	if (!table->slots) {
		return -ENOMEM;
	}
	(void)pthread_mutex_init(&table->lock, NULL); /* without attributes it can't fail */
	return 0;
}

void file_table_done(struct file_table *table)
{
	if (table->slots) {
		(void)pthread_mutex_destroy(&table->lock);
	}
	free(table->slots);
	free(table->files);
	*table = (struct file_table){0};
}

static uint32_t slot_of(const struct file_table *table, uint64_t device, uint64_t inode,
			bool by_maps)
{
	uint64_t hash = (inode ^ (device << 40 | device >> 24) ^ (by_maps ? 1 : 0)) *
			UINT64_C(0x9e3779b97f4a7c15);

	hash ^= hash >> 29;
	hash *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(hash >> 32) & (table->n_slots - 1);
}

static uint32_t home_of(const struct file_table *table, uint32_t number)
{
	const struct index_file *file = &table->files[number];

	return slot_of(table, file->device, file->inode, file->by_maps);
}

static int grow_slots(struct file_table *table)
{
	struct file_table grown = *table;

	if (table->n_used < table->n_slots / 2) {
		return 0;
	}
	grown.n_slots = 2 * table->n_slots;
	grown.slots = calloc(grown.n_slots, sizeof(*grown.slots));
	if (!grown.slots) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->n_slots; i++) {
		if (table->slots[i]) {
			uint32_t at = home_of(&grown, table->slots[i] - 1);

			while (grown.slots[at]) {
				at = (at + 1) & (grown.n_slots - 1);
			}
			grown.slots[at] = table->slots[i];
		}
	}
	free(table->slots);
	table->slots = grown.slots;
	table->n_slots = grown.n_slots;
	return 0;
}

static int grow_files(struct file_table *table)
{
	struct index_file *grown;
	uint32_t capacity = table->capacity ? table->capacity + table->capacity / 2 : 512;

	if (table->first_free != NO_FILE || table->n_files < table->capacity) {
		return 0;
	}
	grown = capacity <= MAX_FILES ? reallocarray(table->files, capacity, sizeof(*grown)) : NULL;
	if (!grown) {
		return -ENOMEM;
	}
	table->files = grown;
	table->capacity = capacity;
	return 0;
}

static uint32_t take_number(struct file_table *table)
{
	uint32_t number = table->first_free;

	if (number == NO_FILE) {
		return table->n_files++;
	}
	table->first_free = (uint32_t)table->files[number].inode;
	return number;
}

/* Under the lock. The number, with one holder more; -ENOMEM. */
static int64_t hold_file(struct file_table *table, const struct found_hold *found)
{
	uint32_t at = slot_of(table, found->device, found->inode, found->by_maps);
	uint32_t number;

	for (; table->slots[at]; at = (at + 1) & (table->n_slots - 1)) {
		struct index_file *file = &table->files[table->slots[at] - 1];

		if (file->inode == found->inode && file->device == found->device &&
		    file->by_maps == found->by_maps) {
			file->n_holders++;
			file->is_ambiguous |= found->is_ambiguous;
			file->mode = found->mode ? found->mode : file->mode;
			file->rdev = found->mode ? found->rdev : file->rdev;
			return table->slots[at] - 1;
		}
	}
	if (grow_slots(table) < 0 || grow_files(table) < 0) {
		return -ENOMEM;
	}
	number = take_number(table);
	table->files[number] = (struct index_file){
		.device = found->device,
		.inode = found->inode,
		.by_maps = found->by_maps,
		.is_ambiguous = found->is_ambiguous,
		.mode = found->mode,
		.rdev = found->rdev,
		.n_holders = 1,
	};
	at = home_of(table, number); /* the slots may have moved */
	while (table->slots[at]) {
		at = (at + 1) & (table->n_slots - 1);
	}
	table->slots[at] = number + 1;
	table->n_used++;
	return number;
}

static void remove_slot(struct file_table *table, uint32_t number)
{
	uint32_t mask = table->n_slots - 1;
	uint32_t gap = home_of(table, number);

	while (table->slots[gap] != number + 1) {
		gap = (gap + 1) & mask;
	}
	for (uint32_t at = (gap + 1) & mask; table->slots[at]; at = (at + 1) & mask) {
		uint32_t home = home_of(table, table->slots[at] - 1);

		/* It may stand in the gap unless its home lies after that. */
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			table->slots[gap] = table->slots[at];
			gap = at;
		}
	}
	table->slots[gap] = 0;
	table->n_used--;
}

/* Under the lock. */
static void release_file(struct file_table *table, uint32_t number)
{
	struct index_file *file = &table->files[number];

	if (--file->n_holders) {
		return;
	}
	remove_slot(table, number);
	*file = (struct index_file){.inode = table->first_free};
	table->first_free = number;
}

void hold_list_init(struct hold_list *list, struct file_table *table)
{
	list->table = table;
	list->holds = NULL;
	list->n_holds = 0;
	list->capacity = 0;
	list->n_found = 0;
}

static int give_numbers(struct hold_list *list)
{
	int r = 0;

	if (list->n_holds + list->n_found > list->capacity) {
		size_t capacity = 2 * list->capacity + ARRAY_SIZE(list->found);
		struct hold *grown = reallocarray(list->holds, capacity, sizeof(*grown));

		if (!grown) {
			return -ENOMEM;
		}
		list->holds = grown;
		list->capacity = capacity;
	}
	(void)pthread_mutex_lock(&list->table->lock);
	for (size_t i = 0; i < list->n_found; i++) {
		int64_t number = hold_file(list->table, &list->found[i]);

		if (number < 0) {
			r = (int)number;
			break;
		}
		list->holds[list->n_holds] = list->found[i].hold;
		list->holds[list->n_holds++].file = (uint32_t)number;
	}
	(void)pthread_mutex_unlock(&list->table->lock);
	list->n_found = 0;
	return r;
}

int hold_list_add(struct hold_list *list, const struct found_hold *found)
{
	list->found[list->n_found++] = *found;
	return list->n_found == ARRAY_SIZE(list->found) ? give_numbers(list) : 0;
}

void hold_list_done(struct hold_list *list)
{
	holds_free(list->table, list->holds, list->n_holds);
	hold_list_init(list, list->table);
}

static uint64_t place_of(const struct hold *hold)
{
	return hold->kind == HOLD_MAPPING ? hold->address : hold->where;
}

static int compare_holds(const void *a, const void *b)
{
	const struct hold *left = a;
	const struct hold *right = b;

	if (left->file != right->file) {
		return left->file < right->file ? -1 : 1;
	}
	if (left->kind != right->kind) {
		return left->kind < right->kind ? -1 : 1;
	}
	if (left->task != right->task) {
		return left->task < right->task ? -1 : 1;
	}
	if (place_of(left) != place_of(right)) {
		return place_of(left) < place_of(right) ? -1 : 1;
	}
	return 0;
}

/* How many holds of one file and kind are kept. */
static size_t max_alike(const struct hold_list *list, const struct hold *hold)
{
	switch (hold->kind) {
	case HOLD_DESCRIPTOR:
		return MAX_DESCRIPTORS_A_FILE;
	case HOLD_MAPPING:
		return list->table->files[hold->file].is_ambiguous ? MAX_MAPPINGS_A_NUMBER + 1 : 1;
	default:
		return 1;
	}
}

/* Drops what tells nothing more. */
static void thin_out(struct hold_list *list)
{
	size_t n = 0;
	size_t n_same = 0;

	(void)pthread_mutex_lock(&list->table->lock);
	for (size_t i = 0; i < list->n_holds; i++) {
		const struct hold *hold = &list->holds[i];
		bool is_same = n > 0 && list->holds[n - 1].file == hold->file &&
			       list->holds[n - 1].kind == hold->kind;
		size_t max = max_alike(list, hold);

		n_same = is_same ? n_same + 1 : 1;
		if (n_same > max) {
			release_file(list->table, hold->file);
		} else {
			list->holds[n++] = *hold;
			if (hold->kind == HOLD_MAPPING && n_same > MAX_MAPPINGS_A_NUMBER) {
				list->holds[n - 1].address = 0;
				list->holds[n - 1].end = 0;
			}
		}
	}
	(void)pthread_mutex_unlock(&list->table->lock);
	list->n_holds = n;
}

int hold_list_finish(struct hold_list *list, struct hold **ret_holds, size_t *ret_n)
{
	int r = give_numbers(list);

	if (r < 0) {
		return r;
	}
	if (list->n_holds) {
		struct hold *fitting;

		qsort(list->holds, list->n_holds, sizeof(*list->holds), compare_holds);
		thin_out(list);
		fitting = realloc(list->holds, list->n_holds * sizeof(*fitting));
		list->holds = fitting ? fitting : list->holds;
	}
	*ret_n = list->n_holds;
	list->n_holds = 0;
	list->capacity = 0;
	*ret_holds = TAKE_PTR(list->holds);
	return 0;
}

void holds_free(struct file_table *table, struct hold *holds, size_t n)
{
	if (n) {
		(void)pthread_mutex_lock(&table->lock);
		for (size_t i = 0; i < n; i++) {
			release_file(table, holds[i].file);
		}
		(void)pthread_mutex_unlock(&table->lock);
	}
	free(holds);
}
