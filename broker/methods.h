/* SPDX-License-Identifier: MIT */
/*
 * One function a request. Each returns 0 after it has replied or deferred; a positive Win32
 * code, explained by call_explain(), or -errno: dispatch() then replies.
 */
#pragma once

#include "broker/call.h"

struct broker;
struct session;

/* For the methods: the session with this id, borrowed. 0, or 6, explained. */
int method_find_session(struct call *call, uint32_t id, struct session **ret_session);

/* The same for a caller who acts as its primary, by its process or by its key. 0, 6, 1219. */
int method_find_led(struct call *call, uint32_t id, uint32_t join, const ProtobufCBinaryData *key,
		    struct session **ret_session);
/* The same for its primary or one who has joined. 0, 6, 1219. */
int method_find_entered(struct call *call, uint32_t id, uint32_t join_id,
			const ProtobufCBinaryData *key, struct session **ret_session);

/* 353 a limit (A8) · 160 no such owner · 5 not an owner to give it to · 183 the key exists. */
int method_start_session(struct call *call);
/* 1219 not a key · 353 too many joins · 160, 5 as above. */
int method_join_session(struct call *call);
/* 6 no such session · 1219 not the key, or not of the owner's family. */
int method_attach_session(struct call *call);
/* 6 no such session or join · 1219 the caller is not its primary / not the join's process. */
int method_end_session(struct call *call);

int method_list_sessions(struct call *call);
/* 6 no such session. */
int method_show_session(struct call *call);
/* 6 no such session. */
int method_close_session(struct call *call);
int method_watch_events(struct call *call);
int method_get_status(struct call *call);

/* 6 no such session or join · 1219 not the caller's · 160 an impossible service name · 50 files,
 * by a process in another mount namespace · 29 a limit (A13) · 776 a part out of order. */
int method_register(struct call *call);

/* 6 · 1219 · 5 a registered file is a directory, where the caller minds · 1223 cancelled. */
int method_list_applications(struct call *call);
int method_list_stale(struct call *call);
/* 6 · 1219. */
int method_cancel_task(struct call *call);
/* 160 an empty name. */
int method_get_policy(struct call *call);

/* 6 · 1219 · 160 not one target, an impossible action or name · 29 a limit. */
int method_add_filter(struct call *call);
/* 6 · 1219 · 160 · 2 there is no such filter. */
int method_remove_filter(struct call *call);
int method_list_filters(struct call *call);

/* At the broker's end: what method_list.c has under way. */
void method_list_close_all(struct broker *broker);
