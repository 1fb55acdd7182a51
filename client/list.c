/* SPDX-License-Identifier: MIT */
/* The native face's listings: who uses a session's resources, and who is out of date. */
#include "client/list.h"

#include <errno.h>

#include "proto/status.h"

#define ALL_FLAGS (RM_LIST_ANEW | RM_LIST_NO_USES)

const char *rm_use_kind_name(int kind)
{
	static const char *const names[] = {
		[RM_USE_EXECUTABLE] = "executable",
		[RM_USE_MAPPING] = "mapping",
		[RM_USE_DESCRIPTOR] = "descriptor",
		[RM_USE_WORKING_DIRECTORY] = "working directory",
		[RM_USE_ROOT] = "root directory",
		[RM_USE_SCRIPT] = "script",
		[RM_USE_REGISTERED] = "registered",
		[RM_USE_SERVICE] = "service",
	};

	return kind > 0 && kind < (int)ARRAY_SIZE(names) ? names[kind] : "unknown";
}

static void answer_freep(struct answer **answer)
{
	answer_free(*answer);
}

static int ask(Rm__Request *request, uint32_t capacity, struct answer **ret_answer)
{
	_cleanup_(answer_freep) struct answer *answer = answer_new(capacity);
	struct transport_reply reply;
	int r;

	if (!answer) {
		return STATUS_OUTOFMEMORY;
	}
	r = session_call_with(request, NULL, &answer->gather, &reply);
	if (r == 0) {
		r = reply.message->result_case == RM__REPLY__RESULT_APPLICATIONS
			    ? answer_finish(answer, reply.message->applications)
			    : -EPROTO;
		r = (int)status_from_errno(r);
	}
	transport_reply_done(&reply);
	if (r == 0) {
		*ret_answer = TAKE_PTR(answer);
	}
	return r;
}

int list_applications(const struct rm_session *session, const struct list_question *question,
		      struct answer **ret_answer)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListApplications message = RM__LIST_APPLICATIONS__INIT;
	int r = session_check(session);

	if (r) {
		return r;
	}
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	message.capacity = question->capacity;
	message.refuse_directories = question->refuse_directories;
	message.with_uses = question->with_uses;
	message.anew = question->anew;
	request.call_case = RM__REQUEST__CALL_LIST_APPLICATIONS;
	request.list_applications = &message;
	return ask(&request, question->capacity, ret_answer);
}

int rm_session_list(struct rm_session *session, unsigned int flags,
		    struct rm_application_list **ret_list)
{
	const struct list_question question = {
		.capacity = UINT32_MAX,
		.with_uses = !(flags & RM_LIST_NO_USES),
		.anew = (flags & RM_LIST_ANEW) != 0,
	};
	struct answer *answer;
	int r;

	if (!ret_list || (flags & ~ALL_FLAGS)) {
		return STATUS_BAD_ARGUMENTS;
	}
	r = list_applications(session, &question, &answer);
	if (r == 0) {
		*ret_list = &answer->list;
	}
	return r;
}

int rm_broker_stale(unsigned int flags, struct rm_application_list **ret_list)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListStale message = RM__LIST_STALE__INIT;
	struct answer *answer;
	int r;

	if (!ret_list || (flags & ~ALL_FLAGS)) {
		return STATUS_BAD_ARGUMENTS;
	}
	message.with_uses = !(flags & RM_LIST_NO_USES);
	message.anew = (flags & RM_LIST_ANEW) != 0;
	request.call_case = RM__REQUEST__CALL_LIST_STALE;
	request.list_stale = &message;
	r = ask(&request, UINT32_MAX, &answer);
	if (r == 0) {
		*ret_list = &answer->list;
	}
	return r;
}

void rm_application_list_free(struct rm_application_list *list)
{
	answer_free((struct answer *)list);
}

int rm_session_cancel(struct rm_session *session)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__CancelTask message = RM__CANCEL_TASK__INIT;
	struct transport_reply reply;
	int r = session_check(session);

	if (r) {
		return r;
	}
	message.session = session->id;
	message.join = session->join;
	message.key = session_key_field(session);
	request.call_case = RM__REQUEST__CALL_CANCEL_TASK;
	request.cancel_task = &message;
	r = session_call(&request, &reply);
	transport_reply_done(&reply);
	return r;
}
