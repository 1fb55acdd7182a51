/* SPDX-License-Identifier: MIT */
/*
 * Calls. Exactly one reply leaves for each: call_reply() and call_fail() end the call, and a
 * second one would fail an assertion. A deferred call ends with the connection.
 */
#include "broker/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/log.h"
#include "proto/text.h"

static void send_reply(struct call *call, Rm__Reply *reply)
{
	int r;

	reply->version = PROTOCOL_VERSION;
	reply->id = call->id;
	r = call->sink->send(call->sink, reply);
	if (r < 0) {
		(void)log_errno(LOG_WARNING, r, "a reply is lost with its connection id=%llu",
				(unsigned long long)call->id);
	}
}

void call_reply(struct call *call, Rm__Reply *reply)
{
	assert(call->state == CALL_RUNNING || call->state == CALL_DEFERRED);
	/* The owner of a deferred one has done with it: it hears of nothing from here on. */
	call->state = call->state == CALL_DEFERRED ? CALL_ENDING : CALL_IDLE;
	send_reply(call, reply);
	call->state = CALL_IDLE;
}

void call_fail(struct call *call, uint32_t status, const char *detail)
{
	Rm__Reply reply = RM__REPLY__INIT;

	reply.status = status;
	if (detail) {
		reply.detail = codec_text(detail);
	}
	call_reply(call, &reply);
}

void call_explain_text(struct call *call, const char *format, ...)
{
	char raw[sizeof(call->broker->detail)];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(raw, sizeof(raw), format, arguments); /* cut if need be */
	va_end(arguments);
	(void)text_clean(raw, strlen(raw), call->broker->detail, sizeof(call->broker->detail));
}

void call_notify(struct call *call, Rm__Reply *reply)
{
	assert(call->state == CALL_RUNNING || call->state == CALL_DEFERRED);
	reply->more = true;
	send_reply(call, reply);
}

void call_defer(struct call *call, void (*on_gone)(struct call *call, void *deferred),
		void (*on_clear)(struct call *call, void *deferred), void *deferred)
{
	assert(call->state == CALL_RUNNING);
	call->state = CALL_DEFERRED;
	call->on_gone = on_gone;
	call->on_clear = on_clear;
	call->deferred = deferred;
}

void call_clear(struct call *call)
{
	if (call->state == CALL_DEFERRED) {
		call->on_clear(call, call->deferred);
	}
}

void call_gone(struct call *call)
{
	if (call->state == CALL_DEFERRED) {
		call->state = CALL_IDLE;
		call->on_gone(call, call->deferred);
	}
}
