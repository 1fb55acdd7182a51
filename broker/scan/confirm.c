/* SPDX-License-Identifier: MIT */
/*
 * A mark that can lie is confirmed at the link through which this very process holds the file. A
 * link that is not there says nothing of a mapping, which may have been split: only when the
 * process's maps do not show the number any more it has let go.
 */
#include "broker/scan/confirm.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "broker/scan/file_identity.h"
#include "broker/scan/link_path.h"
#include "broker/scan/mapped_file.h"
#include "broker/scan/path_table.h"

/* Without a look behind the link (it takes CAP_CHECKPOINT_RESTORE, and a main thread) its text is
 * left: the registered path itself is a yes, another one may be a hard link. */
static enum answer confirm_by_text(const struct match_context *context,
				   const struct match_targets *targets,
				   const struct index_process *process, const struct hold *hold,
				   uint32_t path)
{
	char text[PATH_MAX];
	size_t length;
	ssize_t n = hold_read_path(context, process, hold, text, sizeof(text));

	if (n < 0) {
		return n == -ENOENT ? ANSWER_NO : ANSWER_UNKNOWN;
	}
	length = (size_t)n;
	(void)link_path_strip_deleted(text, &length);
	for (unsigned int form = 0; form < PATH_FORMS; form++) {
		const char *registered = path_table_text(targets, path, form);

		if (registered && strcmp(text, registered) == 0) {
			return ANSWER_YES;
		}
	}
	return ANSWER_UNKNOWN;
}

static void read_identity(const struct match_context *context, const struct index_process *process,
			  const struct hold *hold, struct file_identity *ret_identity)
{
	char link[LINK_PATH_BYTES];

	link_path_format(process, hold, link);
	/* What it can't tell is part of the identity. */
	(void)!file_identity_read_at(context->mounts, context->proc_fd, link, ret_identity);
	if (ret_identity->kind == FILE_UNCHECKED && ret_identity->error == ESRCH) {
		*ret_identity = (struct file_identity){.kind = FILE_MISSING};
	}
}

/* Who is behind the hold. */
static void identify(const struct match_context *context, const struct index_process *process,
		     const struct hold *hold, struct file_identity *ret_identity)
{
	struct hold moved = *hold;
	struct mapping mapping;
	char name[2];
	pid_t task;
	int r;

	if (hold->kind != HOLD_MAPPING) {
		read_identity(context, process, hold, ret_identity);
		return;
	}
	*ret_identity = (struct file_identity){.kind = FILE_UNCHECKED, .error = ENODATA};
	if (hold->task) {
		return; /* map_files are empty */
	}
	read_identity(context, process, hold, ret_identity);
	if (ret_identity->kind != FILE_MISSING) {
		return;
	}
	r = mapped_file_find(context, process, hold, &mapping, &task, name, sizeof(name));
	if (r == -ENOENT) {
		return;
	}
	if (r == 0 && !task) {
		moved.address = mapping.address;
		moved.end = mapping.end;
		read_identity(context, process, &moved, ret_identity);
	}
	if (ret_identity->kind == FILE_MISSING) {
		*ret_identity = (struct file_identity){.kind = FILE_UNCHECKED, .error = ENODATA};
	}
}

static enum answer compare(const struct file_identity *held, const struct file_identity *wanted)
{
	if (held->device != wanted->device || held->inode != wanted->inode) {
		return ANSWER_NO;
	}
	return held->generation == wanted->generation || !held->generation || !wanted->generation
		       ? ANSWER_YES
		       : ANSWER_NO;
}

enum answer mark_confirm(const struct match_context *context, const struct match_targets *targets,
			 const struct index_process *process, const struct hold *hold,
			 const struct mark *mark)
{
	const struct scan_target *target;
	struct file_identity identity;
	bool is_ambiguous;

	if (mark->target == MARK_BY_NAME) {
		return ANSWER_YES; /* its own name said so, and it is this very file */
	}
	target = &targets->targets[mark->target];
	is_ambiguous = hold->kind == HOLD_MAPPING && (target->file.flags & FILE_MAPS_DIFFER);
	if (!is_ambiguous && !(target->flags & TARGET_VERIFY)) {
		return ANSWER_YES;
	}
	if (target->file.flags & FILE_ON_REMOTE) {
		return ANSWER_YES; /* its numbers are all there is: it must not be touched */
	}
	if (hold_is_rest(hold)) {
		return ANSWER_UNKNOWN;
	}
	identify(context, process, hold, &identity);
	if (identity.kind == FILE_MISSING) {
		return ANSWER_NO; /* it holds it no more */
	}
	if (identity.kind == FILE_UNCHECKED) {
		return confirm_by_text(context, targets, process, hold, mark->path);
	}
	return compare(&identity, &target->file);
}
