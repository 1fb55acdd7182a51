/* SPDX-License-Identifier: MIT */
/* For _cleanup_(): how the library's objects are freed. */
#pragma once

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
