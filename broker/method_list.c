/* SPDX-License-Identifier: MIT */
/* Questions for the scan worker: who uses the session's resources, who runs what is stale, which
 * policy file decides. */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "broker/broker.h"
#include "broker/listing.h"
#include "broker/methods.h"
#include "broker/scanner.h"
#include "proto/status.h"

#define POLICY_TIMEOUT_MS 20000u

int method_list_applications(struct call *call)
{
	const Rm__ListApplications *request = call->request->list_applications;
	struct listing_options options = {
		.capacity = request->capacity,
		.refuse_directories = request->refuse_directories,
		.with_uses = request->with_uses,
		.anew = request->anew,
	};
	struct session *session = NULL;
	int r = method_find_led(call, request->session, request->join, &request->key, &session);

	return r ? r : listing_start(call, session, &options);
}

int method_list_stale(struct call *call)
{
	struct listing_options options = {
		.capacity = UINT32_MAX,
		.with_uses = call->request->list_stale->with_uses,
		.anew = call->request->list_stale->anew,
	};

	return listing_start(call, NULL, &options);
}

int method_cancel_task(struct call *call)
{
	const Rm__CancelTask *request = call->request->cancel_task;
	struct session *session = NULL;
	int r = method_find_led(call, request->session, request->join, &request->key, &session);

	if (r) {
		return r;
	}
	(void)listing_cancel(call->broker, session, STATUS_CANCELLED); /* none is fine, too */
	call_fail(call, STATUS_SUCCESS, NULL);
	return 0;
}

/* ---- policy ---- */

struct policy_query {
	struct question question;
	struct broker *broker; /* borrowed */
	struct call *call;     /* borrowed: deferred */
	char name[MAX_NAME_BYTES + 1];
	struct policy_query *prev;
	struct policy_query *next;
};

static void policy_query_end(struct policy_query *query)
{
	scanner_drop(&query->question);
	DL_DELETE(query->broker->policy_queries, query);
	broker_settle(query->broker);
	free(query);
}

static void fail(struct policy_query *query, int error)
{
	call_fail(query->call, status_from_errno(error),
		  "the policy files can't be read: the broker's worker does not answer");
	policy_query_end(query);
}

static void on_turn(struct question *question)
{
	struct policy_query *query = container_of(question, struct policy_query, question);
	Rmscan__WorkerRequest request = RMSCAN__WORKER_REQUEST__INIT;
	Rmscan__PolicyQuery message = RMSCAN__POLICY_QUERY__INIT;
	int r;

	message.name = codec_text(query->name);
	request.call_case = RMSCAN__WORKER_REQUEST__CALL_POLICY;
	request.policy = &message;
	question->is_sent = true;
	r = scanner_send(question, &request);
	if (r < 0) {
		fail(query, r);
	}
}

static void on_reply(struct question *question, const Rmscan__WorkerReply *worker_reply)
{
	struct policy_query *query = container_of(question, struct policy_query, question);
	Rm__Reply reply = RM__REPLY__INIT;
	Rm__PolicyAnswer answer = RM__POLICY_ANSWER__INIT;

	if (worker_reply->result_case != RMSCAN__WORKER_REPLY__RESULT_POLICY) {
		fail(query, -EPROTO);
		return;
	}
	answer.file = worker_reply->policy->file;
	answer.rule = worker_reply->policy->rule;
	answer.effect = worker_reply->policy->effect;
	reply.result_case = RM__REPLY__RESULT_POLICY;
	reply.policy = &answer;
	scanner_finish(question);
	call_reply(query->call, &reply);
	policy_query_end(query);
}

static void on_failed(struct question *question, int error)
{
	fail(container_of(question, struct policy_query, question), error);
}

static void on_call_gone(struct call *call, void *deferred)
{
	(void)call;
	policy_query_end(deferred);
}

static void on_call_clear(struct call *call, void *deferred)
{
	(void)call;
	(void)deferred;
}

int method_get_policy(struct call *call)
{
	const ProtobufCBinaryData *name = &call->request->get_policy->name;
	struct policy_query *query;

	if (name->len == 0) {
		return call_explain(call, STATUS_BAD_ARGUMENTS, "a name is missing");
	}
	query = calloc(1, sizeof(*query));
	if (!query) {
		return -ENOMEM;
	}
	codec_copy_text(name, query->name, sizeof(query->name));
	query->broker = call->broker;
	query->call = call;
	query->question = (struct question){
		.lane = LANE_SCAN,
		.timeout_ms = POLICY_TIMEOUT_MS,
		.on_turn = on_turn,
		.on_reply = on_reply,
		.on_failed = on_failed,
	};
	DL_APPEND(call->broker->policy_queries, query);
	call_defer(call, on_call_gone, on_call_clear, query);
	scanner_add(&call->broker->scanner, &query->question);
	return 0;
}

void method_list_close_all(struct broker *broker)
{
	while (broker->policy_queries) {
		policy_query_end(broker->policy_queries);
	}
}
