/* SPDX-License-Identifier: MIT */
/* Listing, for both faces. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/answer.h"

/* What a face wants to know. */
struct list_question {
	uint32_t capacity; /* entries; more are counted only */
	bool refuse_directories;
	bool with_uses;
	bool anew;
};

/* 0 or a Win32 code. `ret_answer` is to be freed by answer_free(). */
int list_applications(const struct rm_session *session, const struct list_question *question,
		      struct answer **ret_answer) _warn_unused_;
