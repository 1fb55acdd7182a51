/* SPDX-License-Identifier: MIT */
/* A made-up history of sessions that knows the truth: what each of its records leaves. */
#pragma once

#include "broker/journal.h"
#include "broker/replay.h"
#include "tests/unit/fixture.h"
#include "tests/unit/model_resource.h"

#define MODEL_MAX_SESSIONS 64u
#define MODEL_MAX_JOINS 5u
#define MODEL_MAX_ANSWERS 512u

struct model_session {
	bool is_live;
	struct replayed_session started; /* its list of joins is not used */
	struct replayed_join joins[MODEL_MAX_JOINS];
	unsigned int n_joins;
	struct model_resources resources;
};

struct model {
	struct random random;
	struct model_session sessions[MODEL_MAX_SESSIONS]; /* by id - 1 */
	unsigned int n_sessions;
	uint32_t next_join;
	struct replayed_answer answers[MODEL_MAX_ANSWERS];
	unsigned int n_answers;
	unsigned int n_records;
};

void model_init(struct model *model, uint64_t seed);

/* Makes the history's next record; appends it to `journal`, unless that is NULL. The same seed
 * gives the same history. */
void model_step(struct model *model, struct journal *journal);

/* Why a replay can't have come from this history's journal, where some records may be lost but
 * none may be invented; NULL: it can. What is lost has to be named. */
const char *model_judge(const struct model *model, const struct replay *replay);

/* Why a replay is not exactly what the history leaves; NULL: it is. */
const char *model_judge_exactly(const struct model *model, const struct replay *replay);
