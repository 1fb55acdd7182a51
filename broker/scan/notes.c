/* SPDX-License-Identifier: MIT */
/* Notes: made when first asked for, freed by the index with what they are about. */
#include "broker/scan/notes.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/scan/reading_board.h"

struct notes *notes_of(struct index_process *process)
{
	if (!process->cached) {
		process->cached = calloc(1, sizeof(struct notes));
	}
	return process->cached;
}

static void facts_freep(struct process_facts **facts)
{
	if (*facts) {
		process_facts_done(*facts);
		free(*facts);
	}
}

int notes_read_facts(struct index_process *process, int proc_fd,
		     const struct process_facts **ret_facts)
{
	_cleanup_(facts_freep) struct process_facts *facts = NULL;
	struct notes *notes;
	int r;

	if (process->flags & INDEX_SKIPPED) {
		return -ETIMEDOUT;
	}
	notes = notes_of(process);
	if (!notes) {
		return -ENOMEM;
	}
	if (!notes->facts) {
		facts = calloc(1, sizeof(*facts));
		if (!facts) {
			return -ENOMEM;
		}
		reading_begin(process->pid, process->start_time);
		r = process_facts_read(proc_fd, process->pid, process->start_time, facts);
		reading_end();
		if (r < 0) {
			return r;
		}
		notes->facts = TAKE_PTR(facts);
	}
	*ret_facts = notes->facts;
	return 0;
}

static void read_view(struct scan_index *index, const struct index_process *process,
		      const struct process_facts *facts, struct machine_facts *machine,
		      struct machine_view *view)
{
	size_t n_files;
	const struct index_file *files = scan_index_files(index, &n_files);

	machine_view_begin(machine, facts, view);
	if (process->flags & INDEX_DENIED) {
		machine_view_deny(view);
	}
	for (size_t i = 0; i < process->n_holds; i++) {
		const struct hold *hold = &process->holds[i];
		const struct index_file *file = &files[hold->file];
		struct machine_descriptor descriptor = {
			.fd = (int)hold->where,
			.mode = file->mode,
			.device = file->device,
			.inode = file->inode,
			.rdev = file->rdev,
		};

		if (hold->kind == HOLD_DESCRIPTOR && hold->task == 0) {
			machine_view_add(machine, facts, &descriptor, view);
		}
	}
}

/* Who has the terminal that it feeds is for others to change. */
static void refresh_terminals(struct machine_facts *machine, struct machine_view *view)
{
	if (view->n_ptys == 0 || view->n_ptys > MACHINE_MAX_PTYS) {
		return;
	}
	view->is &= ~(uint32_t)MACHINE_LIVE_PTY;
	for (uint32_t i = 0; i < view->n_ptys; i++) {
		if (machine_pty_is_live(machine, view->ptys[i])) {
			view->is |= MACHINE_LIVE_PTY;
			view->live_pty = view->ptys[i];
			return;
		}
	}
}

int notes_read_view(struct scan_index *index, struct index_process *process,
		    struct machine_facts *machine, const struct machine_view **ret_view)
{
	struct notes *notes = notes_of(process);

	if (!notes || !notes->facts) {
		return -ENOMEM; /* the facts come first */
	}
	if (notes->view) {
		refresh_terminals(machine, notes->view);
		*ret_view = notes->view;
		return 0;
	}
	notes->view = calloc(1, sizeof(*notes->view));
	if (!notes->view) {
		return -ENOMEM;
	}
	read_view(index, process, notes->facts, machine, notes->view);
	*ret_view = notes->view;
	return 0;
}

void notes_free(void *cached)
{
	struct notes *notes = cached;

	if (notes) {
		free(notes->script);
		free(notes->view);
		free(notes->name);
		facts_freep(&notes->facts);
		free(notes);
	}
}
