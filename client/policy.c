/* SPDX-License-Identifier: MIT */
/* Which policy file decides: a question without a session. */
#include <string.h>

#include "client/arena.h"
#include "client/session.h"
#include "proto/status.h"
#include "proto/text.h"

struct policy_answer {
	struct rm_policy policy; /* first: the caller frees it by its address */
	struct arena arena;
};

static int copy_policy(const Rm__PolicyAnswer *from, struct rm_policy **ret_policy)
{
	struct policy_answer *answer = calloc(1, sizeof(*answer));

	if (!answer) {
		return STATUS_OUTOFMEMORY;
	}
	answer->policy.file = arena_text(&answer->arena, &from->file);
	answer->policy.rule = arena_text(&answer->arena, &from->rule);
	answer->policy.effect = arena_text(&answer->arena, &from->effect);
	if (!answer->policy.file || !answer->policy.rule || !answer->policy.effect) {
		rm_policy_free(&answer->policy);
		return STATUS_OUTOFMEMORY;
	}
	*ret_policy = &answer->policy;
	return 0;
}

int rm_broker_policy(const char *name, struct rm_policy **ret_policy)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__GetPolicy message = RM__GET_POLICY__INIT;
	struct transport_reply reply;
	size_t n = name ? strnlen(name, MAX_NAME_BYTES + 1) : 0;
	int r;

	if (!ret_policy || n == 0 || n > MAX_NAME_BYTES || !text_is_clean(name, n)) {
		return STATUS_BAD_ARGUMENTS;
	}
	message.name = codec_bytes(name, n);
	request.call_case = RM__REQUEST__CALL_GET_POLICY;
	request.get_policy = &message;
	r = session_call(&request, &reply);
	if (r == 0) {
		r = reply.message->result_case == RM__REPLY__RESULT_POLICY
			    ? copy_policy(reply.message->policy, ret_policy)
			    : STATUS_SERVER_UNAVAILABLE;
	}
	transport_reply_done(&reply);
	return r;
}

void rm_policy_free(struct rm_policy *policy)
{
	struct policy_answer *answer = (struct policy_answer *)policy;

	if (answer) {
		arena_done(&answer->arena);
		free(answer);
	}
}
