/* SPDX-License-Identifier: MIT */
/*
 * The journal's tests compare what a damaged file gives with this. Sessions are owned by few
 * processes whose pids come again with other start times, and keys of ended sessions come again.
 */
#include "tests/unit/model.h"

#include <string.h>
#include <utlist.h>

#include "tests/unit/records.h"

void model_init(struct model *model, uint64_t seed)
{
	*model = (struct model){.random = {.state = seed}, .next_join = 1};
}

static struct process_id choose_process(struct model *model)
{
	return (struct process_id){
		.pid = (pid_t)(100 + random_below(&model->random, 12)),
		.start_time = 1000 + random_below(&model->random, 3),
	};
}

/* A live session with at least `n_joins` joins, or NULL. */
static struct model_session *choose_live(struct model *model, unsigned int n_joins)
{
	struct model_session *found[MODEL_MAX_SESSIONS];
	unsigned int n = 0;

	for (unsigned int i = 0; i < model->n_sessions; i++) {
		struct model_session *at = &model->sessions[i];

		if (at->is_live && at->n_joins >= n_joins) {
			found[n++] = at;
		}
	}
	return n ? found[random_below(&model->random, n)] : NULL;
}

static void choose_key(struct model *model, struct session_key *ret_key)
{
	random_fill(&model->random, ret_key, sizeof(*ret_key));
	if (model->n_sessions && random_below(&model->random, 5) == 0) {
		const struct model_session *other =
			&model->sessions[random_below(&model->random, model->n_sessions)];
		bool is_used = false;

		for (unsigned int i = 0; i < model->n_sessions; i++) {
			is_used |= model->sessions[i].is_live &&
				   session_key_equal(&model->sessions[i].started.key,
						     &other->started.key);
		}
		if (!is_used) {
			*ret_key = other->started.key;
		}
	}
}

static void start(struct model *model, struct journal *journal)
{
	struct replayed_session started = {.id = model->n_sessions + 1};
	struct model_session *session = &model->sessions[model->n_sessions];

	choose_key(model, &started.key);
	random_fill(&model->random, started.request_id, REQUEST_ID_BYTES);
	started.owner = choose_process(model);
	started.started_us = random_next(&model->random);
	*session = (struct model_session){.is_live = true, .started = started};
	model->n_sessions++;
	if (journal) {
		record_append_started(journal, &started);
	}
}

static void join(struct model *model, struct journal *journal, struct model_session *session)
{
	struct replayed_join *to = &session->joins[session->n_joins];

	*to = (struct replayed_join){.id = model->next_join++};
	random_fill(&model->random, to->request_id, REQUEST_ID_BYTES);
	to->process = choose_process(model);
	to->joined_us = random_next(&model->random);
	session->n_joins++;
	if (journal) {
		record_append_joined(journal, session->started.id, to);
	}
}

/* The id of a request that asks for an end, remembered; NULL when nobody asks. */
static const struct replayed_answer *choose_answer(struct model *model)
{
	struct replayed_answer *answer;

	if (model->n_answers == MODEL_MAX_ANSWERS || random_below(&model->random, 3) == 0) {
		return NULL;
	}
	answer = &model->answers[model->n_answers++];
	answer->process = choose_process(model);
	random_fill(&model->random, answer->request_id, REQUEST_ID_BYTES);
	return answer;
}

static void leave(struct model *model, struct journal *journal, struct model_session *session)
{
	unsigned int i = random_below(&model->random, session->n_joins);
	const struct replayed_answer *answer = choose_answer(model);

	if (journal) {
		record_append_left(journal, session->started.id, session->joins[i].id,
				   answer ? &answer->process : NULL,
				   answer ? answer->request_id : NULL);
	}
	session->n_joins--;
	memmove(&session->joins[i], &session->joins[i + 1],
		(session->n_joins - i) * sizeof(session->joins[0]));
}

static void end(struct model *model, struct journal *journal, struct model_session *session)
{
	const struct replayed_answer *answer = choose_answer(model);

	session->is_live = false;
	if (journal) {
		record_append_ended(journal, session->started.id, answer ? &answer->process : NULL,
				    answer ? answer->request_id : NULL);
	}
}

/* As a compacted file has them. */
static void answer_many(struct model *model, struct journal *journal)
{
	uint8_t request_ids[MAX_ANSWERED][REQUEST_ID_BYTES];
	struct process_id process = choose_process(model);
	unsigned int n = 1 + random_below(&model->random, MAX_ANSWERED);

	if (n > MODEL_MAX_ANSWERS - model->n_answers) {
		n = MODEL_MAX_ANSWERS - model->n_answers;
	}
	for (unsigned int i = 0; i < n; i++) {
		struct replayed_answer *answer = &model->answers[model->n_answers++];

		answer->process = process;
		random_fill(&model->random, answer->request_id, REQUEST_ID_BYTES);
		memcpy(request_ids[i], answer->request_id, REQUEST_ID_BYTES);
	}
	if (journal) {
		record_append_answered(journal, &process,
				       (const uint8_t(*)[REQUEST_ID_BYTES])request_ids, n);
	}
}

static void remove_filter(struct model *model, struct journal *journal,
			  struct model_session *session)
{
	struct replayed_answer *answer = &model->answers[model->n_answers++];

	answer->process = choose_process(model);
	random_fill(&model->random, answer->request_id, REQUEST_ID_BYTES);
	model_remove_filter(&session->resources, &model->random, session->started.id,
			    &answer->process, answer->request_id, journal);
}

static void change_resources(struct model *model, struct journal *journal,
			     struct model_session *session)
{
	struct model_resources *resources = &session->resources;
	uint32_t dice = random_below(&model->random, 100);

	if (dice < 15 && model->n_answers < MODEL_MAX_ANSWERS) {
		remove_filter(model, journal, session);
	} else if (dice < 30) {
		model_set_filter(resources, &model->random, session->started.id, journal);
	} else if (dice < 55) {
		model_see(resources, &model->random, session->started.id, journal);
	} else {
		model_register(resources, &model->random, session->started.id, journal);
	}
}

void model_step(struct model *model, struct journal *journal)
{
	uint32_t dice = random_below(&model->random, 100);
	struct model_session *session;

	model->n_records++;
	session = choose_live(model, 0);
	if (session && random_below(&model->random, 100) < 40) {
		change_resources(model, journal, session);
		return;
	}
	session = choose_live(model, dice < 75 ? 0 : 1);
	if (dice < 4) {
		answer_many(model, journal);
	} else if (dice < 40 && session && session->n_joins < MODEL_MAX_JOINS) {
		join(model, journal, session);
	} else if (dice >= 75 && session) {
		leave(model, journal, session);
	} else if (dice >= 62 && session) {
		end(model, journal, session);
	} else if (model->n_sessions < MODEL_MAX_SESSIONS) {
		start(model, journal);
	} else if (journal) {
		record_append_base(journal, model->n_sessions + 1, model->next_join);
	}
}

static bool is_join(const struct replayed_join *a, const struct replayed_join *b)
{
	return a->id == b->id && process_id_equal(&a->process, &b->process) &&
	       a->joined_us == b->joined_us &&
	       memcmp(a->request_id, b->request_id, REQUEST_ID_BYTES) == 0;
}

/* Why this session is not as the history leaves it; NULL: it is. */
static const char *judge_session(const struct model *model, const struct replayed_session *session)
{
	const struct model_session *truth;
	const struct replayed_join *at;
	unsigned int n = 0;

	if (session->id == 0 || session->id > model->n_sessions) {
		return "a session that never was";
	}
	truth = &model->sessions[session->id - 1];
	if (!truth->is_live) {
		return "a session that has ended";
	}
	if (!session_key_equal(&session->key, &truth->started.key)) {
		return "a session with another key";
	}
	if (!process_id_equal(&session->owner, &truth->started.owner) ||
	    session->started_us != truth->started.started_us ||
	    memcmp(session->request_id, truth->started.request_id, REQUEST_ID_BYTES) != 0) {
		return "a session with another owner, time or request";
	}
	DL_FOREACH(session->joins, at) {
		if (n == truth->n_joins || !is_join(at, &truth->joins[n++])) {
			return "a join that never was or has left";
		}
	}
	if (n != truth->n_joins) {
		return "a session without one of its joins";
	}
	return model_judge_resources(&truth->resources, session->resources.set,
				     &session->resources.filters);
}

static bool is_answer(const struct model *model, const struct replayed_answer *answer)
{
	for (unsigned int i = 0; i < model->n_answers; i++) {
		if (process_id_equal(&answer->process, &model->answers[i].process) &&
		    memcmp(answer->request_id, model->answers[i].request_id, REQUEST_ID_BYTES) ==
			    0) {
			return true;
		}
	}
	return false;
}

static const char *judge_answers(const struct model *model, const struct replay *replay)
{
	const struct replayed_answer *answer;

	DL_FOREACH(replay->answers, answer) {
		if (!is_answer(model, answer)) {
			return "an answer that never was";
		}
	}
	return NULL;
}

/* Whether a live session is there, or named by a loss. */
static bool is_told(const struct replay *replay, uint32_t id)
{
	const struct replayed_session *session;
	const struct replayed_loss *loss;

	DL_FOREACH(replay->sessions, session) {
		if (session->id == id) {
			return true;
		}
	}
	DL_FOREACH(replay->losses, loss) {
		if (loss->session == id || loss->session == 0) {
			return true;
		}
	}
	return false;
}

const char *model_judge(const struct model *model, const struct replay *replay)
{
	const struct replayed_session *session;

	if (replay->scan.verdict == JOURNAL_FOREIGN || replay->scan.verdict == JOURNAL_OTHER_BOOT) {
		return replay->sessions || replay->answers ? "a file that should not be read"
							   : NULL;
	}
	if (replay->scan.verdict == JOURNAL_DAMAGED && !replay->losses) {
		return "a damage without a loss";
	}
	DL_FOREACH(replay->sessions, session) {
		const char *why = session->is_touched ? NULL : judge_session(model, session);

		if (why) {
			return why;
		}
	}
	for (unsigned int i = 0; i < model->n_sessions; i++) {
		if (model->sessions[i].is_live && !is_told(replay, i + 1)) {
			return "a session lost without a word";
		}
	}
	return judge_answers(model, replay);
}

const char *model_judge_exactly(const struct model *model, const struct replay *replay)
{
	const struct replayed_session *session;
	unsigned int n_live = 0;
	unsigned int n = 0;

	if (replay->scan.verdict != JOURNAL_CLEAN || replay->losses || replay->n_refused) {
		return "not clean";
	}
	for (unsigned int i = 0; i < model->n_sessions; i++) {
		n_live += model->sessions[i].is_live;
	}
	DL_FOREACH(replay->sessions, session) {
		if (session->is_touched) {
			return "a session is touched";
		}
		n++;
	}
	if (n != n_live) {
		return "another number of sessions";
	}
	if (replay->n_answers != model->n_answers) {
		return "another number of answers";
	}
	if (replay->next_session_id <= model->n_sessions ||
	    replay->next_join_id < model->next_join) {
		return "numbers that would be used again";
	}
	return model_judge(model, replay);
}
