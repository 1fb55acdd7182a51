/* SPDX-License-Identifier: MIT */
/*
 * Registrations of the made-up history. One in several slices takes several steps, with others in
 * between, and may never be finished. The rules of the broker are written down here a second
 * time, in the simplest way: linear searches in small arrays.
 */
#include "tests/unit/model_resource.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/records.h"

const char *model_path(unsigned int number)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "/%0*u/lib", 1 + (int)(number % 7) * 9, number);
	return path;
}

const char *model_service(unsigned int number)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "%sunit-%u.service", number % 3 ? "" : "user:", number);
	return name;
}

/* Whether it is there: files that are missing are not remembered. */
static struct file_identity choose_identity(struct random *random)
{
	return (struct file_identity){
		.device = 1 + random_below(random, 2),
		.inode = 1 + random_below(random, 8),
		.generation = random_below(random, 3) ? 7 : 0,
		.superblock = 40 + random_below(random, 3),
		.kind = random_below(random, 5) ? FILE_REGULAR : FILE_MISSING,
		.flags = random_below(random, 2) ? FILE_MAPS_DIFFER : 0,
	};
}

static bool is_identity(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->kind == b->kind &&
	       (!a->generation || !b->generation || a->generation == b->generation);
}

static void see(struct model_file *file, const struct file_identity *identity)
{
	if (identity->kind == FILE_MISSING) {
		return;
	}
	for (unsigned int i = 0; i < file->n_identities; i++) {
		if (is_identity(&file->identities[i], identity)) {
			return;
		}
	}
	if (file->n_identities < MAX_FILE_IDENTITIES) {
		file->n_identities++;
	}
	memmove(&file->identities[2], &file->identities[1],
		(file->n_identities - 2) * sizeof(file->identities[0]));
	file->identities[1] = *identity;
}

static void add_file(struct model_entries *entries, const struct model_file *file)
{
	for (unsigned int i = 0; i < entries->n_files; i++) {
		struct model_file *at = &entries->files[i];

		if (at->path == file->path && at->is_tree == file->is_tree) {
			return;
		}
	}
	entries->files[entries->n_files++] = *file;
}

static void add_process(struct model_entries *entries, const struct model_process *process)
{
	for (unsigned int i = 0; i < entries->n_processes; i++) {
		const struct model_process *at = &entries->processes[i];

		if (at->pid == process->pid && at->start_time == process->start_time &&
		    ((at->flags ^ process->flags) & RESOURCE_PROCESS_BY_FILETIME) == 0) {
			return;
		}
	}
	entries->processes[entries->n_processes++] = *process;
}

static void add_service(struct model_entries *entries, unsigned int number)
{
	for (unsigned int i = 0; i < entries->n_services; i++) {
		if (entries->services[i] == number) {
			return;
		}
	}
	entries->services[entries->n_services++] = number;
}

static void add_all(struct model_entries *to, const struct model_entries *from)
{
	for (unsigned int i = 0; i < from->n_files; i++) {
		add_file(to, &from->files[i]);
	}
	for (unsigned int i = 0; i < from->n_processes; i++) {
		add_process(to, &from->processes[i]);
	}
	for (unsigned int i = 0; i < from->n_services; i++) {
		add_service(to, from->services[i]);
	}
}

static void make_entry(struct model_entries *entries, struct random *random)
{
	static const uint32_t flags[] = {0, RESOURCE_PROCESS_DEAD,
					 RESOURCE_PROCESS_DEAD | RESOURCE_PROCESS_BY_FILETIME};
	struct model_file file = {.n_identities = 1};
	struct model_process process;

	switch (random_below(random, 6)) {
	case 0:
		process.pid = 1 + random_below(random, 6);
		process.start_time = 1 + random_below(random, 3);
		process.flags = flags[random_below(random, ARRAY_SIZE(flags))];
		add_process(entries, &process);
		break;
	case 1:
		add_service(entries, random_below(random, 12));
		break;
	default:
		file.path = random_below(random, MODEL_PATHS);
		file.is_tree = random_below(random, 4) == 0;
		file.identities[0] = choose_identity(random);
		add_file(entries, &file);
	}
}

/* As the broker has them. */
static struct resource_set *set_of(const struct model_entries *entries)
{
	struct resource_set *set;
	uint32_t i;

	ck_assert_int_eq(resource_set_new(&set), 0);
	for (unsigned int k = 0; k < entries->n_files; k++) {
		const struct model_file *file = &entries->files[k];
		const char *path = model_path(file->path);

		ck_assert_int_eq(resource_add_file(set, path, strlen(path), file->is_tree, &i), 0);
		resource_set_identity(set, i, &file->identities[0]);
	}
	for (unsigned int k = 0; k < entries->n_processes; k++) {
		const struct model_process *process = &entries->processes[k];

		ck_assert_int_eq(resource_add_process(set, process->pid, process->start_time,
						      process->flags, &i),
				 0);
	}
	for (unsigned int k = 0; k < entries->n_services; k++) {
		const char *name = model_service(entries->services[k]);

		ck_assert_int_eq(resource_add_service(set, name, strlen(name), &i), 0);
	}
	return set;
}

void model_register(struct model_resources *model, struct random *random, uint32_t session,
		    struct journal *journal)
{
	struct model_entries slice = {0};
	bool is_last = random_below(random, 2);

	if (!model->is_staging || random_below(random, 8) == 0) {
		/* Another one; what was under way is given up, unless this one stands alone. */
		model->number = is_last ? model->number : random_next(random);
		model->next_slice = is_last ? model->next_slice : 0;
		if (!is_last) {
			model->staged = (struct model_entries){0};
			model->is_staging = true;
		}
		for (unsigned int n = 1 + random_below(random, 6); n > 0; n--) {
			make_entry(&slice, random);
		}
		add_all(is_last ? &model->visible : &model->staged, &slice);
		if (journal) {
			_cleanup_(resource_set_freep) struct resource_set *set = set_of(&slice);

			record_append_resources(journal, session, model->number, 0, is_last, set);
		}
		model->next_slice += is_last ? 0 : 1;
		return;
	}
	for (unsigned int n = 1 + random_below(random, 6); n > 0; n--) {
		make_entry(&slice, random);
	}
	add_all(&model->staged, &slice);
	if (journal) {
		_cleanup_(resource_set_freep) struct resource_set *set = set_of(&slice);

		record_append_resources(journal, session, model->number, model->next_slice, is_last,
					set);
	}
	model->next_slice++;
	if (is_last) {
		add_all(&model->visible, &model->staged);
		model->is_staging = false;
	}
}

void model_see(struct model_resources *model, struct random *random, uint32_t session,
	       struct journal *journal)
{
	unsigned int path = random_below(random, MODEL_PATHS);
	bool is_tree = random_below(random, 4) == 0;
	struct file_identity identity = choose_identity(random);

	for (unsigned int i = 0; i < model->visible.n_files; i++) {
		struct model_file *file = &model->visible.files[i];

		if (file->path == path && file->is_tree == is_tree) {
			see(file, &identity);
		}
	}
	if (journal) {
		record_append_seen(journal, session, model_path(path), is_tree, &identity);
	}
}

/* The text is static. */
static struct filter_target target_of(enum filter_kind kind, unsigned int number)
{
	struct filter_target target = {.kind = kind};

	if (kind == FILTER_PROCESS) {
		target.pid = 1 + number;
		target.start_filetime = 1000 + number;
	} else {
		target.text = kind == FILTER_SERVICE ? model_service(number) : model_path(number);
	}
	return target;
}

static void drop_filter(struct model_resources *model, enum filter_kind kind, unsigned int number)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < model->n_filters; i++) {
		if (model->filters[i].kind != kind || model->filters[i].number != number) {
			model->filters[n++] = model->filters[i];
		}
	}
	model->n_filters = n;
}

void model_set_filter(struct model_resources *model, struct random *random, uint32_t session,
		      struct journal *journal)
{
	struct model_filter filter = {
		.kind = (enum filter_kind)random_below(random, _FILTER_KIND_COUNT),
		.number = random_below(random, 8),
		.action = 1 + random_below(random, 2),
	};
	struct filter_target target = target_of(filter.kind, filter.number);

	drop_filter(model, filter.kind, filter.number);
	model->filters[model->n_filters++] = filter;
	if (journal) {
		record_append_filter_set(journal, session, &target, filter.action);
	}
}

void model_remove_filter(struct model_resources *model, struct random *random, uint32_t session,
			 const struct process_id *by, const uint8_t *request_id,
			 struct journal *journal)
{
	enum filter_kind kind = (enum filter_kind)random_below(random, _FILTER_KIND_COUNT);
	unsigned int number = random_below(random, 8);
	struct filter_target target = target_of(kind, number);

	drop_filter(model, kind, number);
	if (journal) {
		record_append_filter_removed(journal, session, &target, by, request_id);
	}
}

static const char *judge_file(const struct model_file *file, const struct resource_set *set,
			      uint32_t i)
{
	struct file_identity identities[MAX_FILE_IDENTITIES];
	unsigned int n = resource_file_identities(set, i, identities);

	if (strcmp(resource_file_path(set, i), model_path(file->path)) != 0 ||
	    resource_file_is_tree(set, i) != file->is_tree) {
		return "another path";
	}
	if (n != file->n_identities ||
	    memcmp(identities, file->identities, n * sizeof(identities[0])) != 0) {
		return "other identities of a file";
	}
	return NULL;
}

static const char *judge_entries(const struct model_entries *truth, const struct resource_set *set)
{
	if (resource_count(set, RESOURCE_FILE) != truth->n_files ||
	    resource_count(set, RESOURCE_PROCESS) != truth->n_processes ||
	    resource_count(set, RESOURCE_SERVICE) != truth->n_services) {
		return "another number of resources";
	}
	for (uint32_t i = 0; i < truth->n_files; i++) {
		const char *why = judge_file(&truth->files[i], set, i);

		if (why) {
			return why;
		}
	}
	for (uint32_t i = 0; i < truth->n_processes; i++) {
		const struct resource_process *process = resource_process_at(set, i);

		if (process->pid != truth->processes[i].pid ||
		    process->start_time != truth->processes[i].start_time ||
		    process->flags != truth->processes[i].flags) {
			return "another process";
		}
	}
	for (uint32_t i = 0; i < truth->n_services; i++) {
		if (strcmp(resource_service_name(set, i), model_service(truth->services[i])) != 0) {
			return "another service";
		}
	}
	return NULL;
}

const char *model_judge_resources(const struct model_resources *model,
				  const struct resource_set *set, const struct filter_list *filters)
{
	const struct filter *filter = filters->filters;

	if (filters->n != model->n_filters) {
		return "another number of filters";
	}
	for (unsigned int i = 0; i < model->n_filters; i++, filter = filter->next) {
		struct filter_target target =
			target_of(model->filters[i].kind, model->filters[i].number);

		if (filter_find(filters, &target) != filter ||
		    filter->action != model->filters[i].action) {
			return "another filter, or another order";
		}
	}
	return judge_entries(&model->visible, set);
}
