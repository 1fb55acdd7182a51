/* SPDX-License-Identifier: MIT */
/* Whether a process really holds what its number says. */
#pragma once

#include "broker/scan/index.h"
#include "broker/scan/marks.h"
#include "broker/scan/match.h"

enum answer {
	ANSWER_NO,
	ANSWER_YES,
	ANSWER_UNKNOWN,
};

enum answer mark_confirm(const struct match_context *context, const struct match_targets *targets,
			 const struct index_process *process, const struct hold *hold,
			 const struct mark *mark);
