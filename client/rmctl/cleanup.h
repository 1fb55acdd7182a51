/* SPDX-License-Identifier: MIT */
/* For _cleanup_(): how the library's objects are freed. */
#pragma once

#include "client/rmctl/exit_code.h"
#include "client/rstrtmgr.h"

static inline void session_freep(struct rm_session **session)
{
	rm_session_free(*session);
}

static inline void infos_freep(struct rm_session_infos **infos)
{
	rm_session_infos_free(*infos);
}

static inline void status_freep(struct rm_broker_info **status)
{
	rm_broker_status_free(*status);
}

/* Ends the session. Where that fails the broker does it, when the owner has gone. */
static inline void session_endp(struct rm_session **session)
{
	int r = rm_session_end(*session);

	if (r != CODE_SUCCESS && r != CODE_INVALID_HANDLE) {
		rm_session_free(*session);
	}
}

static inline void list_freep(struct rm_application_list **list)
{
	rm_application_list_free(*list);
}

static inline void filters_freep(struct rm_filters **filters)
{
	rm_filters_free(*filters);
}

static inline void policy_freep(struct rm_policy **policy)
{
	rm_policy_free(*policy);
}
