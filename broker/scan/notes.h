/* SPDX-License-Identifier: MIT */
/* What is kept with a process of the index until it is read again: things that only change when
 * it runs. */
#pragma once

#include <stdbool.h>

#include "broker/scan/index.h"
#include "broker/scan/machine_facts.h"
#include "broker/scan/policy.h"
#include "broker/scan/process_facts.h"

struct notes {
	bool has_script; /* `script` was looked for */
	char *script;	 /* owned: absolute path of the script it says it runs, NULL: none */
	struct process_facts *facts; /* owned, NULL: not read yet */
	struct machine_view *view;   /* owned, NULL: not read yet */
	char *name;		     /* owned: for people, NULL: not looked for yet */
	struct policy_decision decision;
	uint64_t decided_by; /* which reading of the policy files; 0: none yet */
};

/* The process's notes, made if need be; NULL without memory. */
struct notes *notes_of(struct index_process *process);

/* Its facts, read if need be. 0; -ESRCH: it has gone; -ENOMEM; -EBADMSG. */
int notes_read_facts(struct index_process *process, int proc_fd,
		     const struct process_facts **ret_facts) _warn_unused_;

/* What it is to the machine: by its holds in the index, so no descriptor is looked at again. What
 * depends on others, the terminals', is as of now. -ENOMEM. */
int notes_read_view(struct scan_index *index, struct index_process *process,
		    struct machine_facts *machine, const struct machine_view **ret_view)
	_warn_unused_;

/* For struct index_options. */
void notes_free(void *cached);
