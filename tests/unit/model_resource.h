/* SPDX-License-Identifier: MIT */
/* What the made-up history has registered in one session: plain arrays, looked through. */
#pragma once

#include <stdbool.h>

#include "broker/filter.h"
#include "broker/journal.h"
#include "broker/process.h"
#include "broker/replay_resource.h"
#include "broker/resource.h"
#include "tests/unit/fixture.h"

#define MODEL_MAX_ENTRIES 64u
#define MODEL_PATHS 20u

struct model_file {
	unsigned int path; /* its number */
	bool is_tree;
	struct file_identity identities[MAX_FILE_IDENTITIES]; /* as registered, then latest first */
	unsigned int n_identities;
};

struct model_process {
	uint32_t pid;
	uint64_t start_time;
	uint32_t flags;
};

struct model_entries {
	struct model_file files[MODEL_MAX_ENTRIES];
	unsigned int n_files;
	struct model_process processes[MODEL_MAX_ENTRIES];
	unsigned int n_processes;
	unsigned int services[MODEL_MAX_ENTRIES]; /* numbers */
	unsigned int n_services;
};

struct model_filter {
	enum filter_kind kind;
	unsigned int number; /* of the text or the process */
	uint32_t action;
};

struct model_resources {
	struct model_entries visible;
	struct model_entries staged;
	bool is_staging;
	uint64_t number; /* of the registration under way */
	uint32_t next_slice;
	struct model_filter filters[MODEL_MAX_ENTRIES];
	unsigned int n_filters;
};

/* Each makes one record. */
void model_register(struct model_resources *model, struct random *random, uint32_t session,
		    struct journal *journal);
void model_see(struct model_resources *model, struct random *random, uint32_t session,
	       struct journal *journal);
void model_set_filter(struct model_resources *model, struct random *random, uint32_t session,
		      struct journal *journal);
/* The request of the removal is the caller's. */
void model_remove_filter(struct model_resources *model, struct random *random, uint32_t session,
			 const struct process_id *by, const uint8_t *request_id,
			 struct journal *journal);

/* Why these are not what the history leaves; NULL: they are. */
const char *model_judge_resources(const struct model_resources *model,
				  const struct resource_set *set,
				  const struct filter_list *filters);

/* The texts that go with the numbers. Static, of the last call. */
const char *model_path(unsigned int number);
const char *model_service(unsigned int number);
