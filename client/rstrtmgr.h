/* SPDX-License-Identifier: MIT */
/*
 * The native face of the Restart Manager for Linux: UTF-8 texts, int results.
 *
 * Every function returns 0 or a Win32 code (rm_code_name() gives its name, rm_strerror() a
 * sentence); outputs are written on success only. All functions are thread-safe, unless one says
 * otherwise; a session may be used from several threads at once, but is freed once. None of them
 * writes to stderr, raises a signal or installs a handler. A call takes at most the deadline:
 * 30 s, or RSTRTMGR_TIMEOUT_MS milliseconds.
 *
 * Codes that any call to the broker may return, not repeated below:
 *   14    no memory, or no descriptor left        29    the broker could not write its journal
 *   50    the broker is too old for this call     121   no answer within the deadline
 *   1722  no broker is running                    5     the broker's socket is not safe to use
 */
#ifndef RSTRTMGR_RSTRTMGR_H
#define RSTRTMGR_RSTRTMGR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "ERROR_MAX_SESSIONS_REACHED"; "UNKNOWN" for a number that is not one of ours. Static text. */
const char *rm_code_name(int code);

/* One English sentence about the code, without a full stop. Static text. */
const char *rm_strerror(int code);

/* ---- sessions ----------------------------------------------------------------------------- */

/* Digits of a key, without the NUL. */
#define RM_KEY_DIGITS 32

struct rm_session; /* opaque */

/*
 * Starts a session.
 *
 * owner_pidfd  -1: this process owns the session, which ends with it. Else a pidfd of a living
 *              ancestor of this process with the same uid (root: any process): the session lives
 *              as long as that process. Stays the caller's.
 * ret_session  receives the session, to be given to rm_session_end() or rm_session_free()
 *
 * 160 `ret_session` is NULL or `owner_pidfd` is no pidfd of a living process · 5 the owner is
 * none of this process's ancestors, or another user's · 353 the limit of sessions is reached ·
 * 183 the new key already exists.
 */
int rm_session_start(int owner_pidfd, struct rm_session **ret_session);

/*
 * Joins the session that the key names, as a secondary installer (registers and leaves).
 *
 * key          32 hex digits of either case
 * owner_pidfd  as in rm_session_start(): whose join it is
 *
 * 160 a NULL pointer or no such process · 1219 the key is not valid · 353 too many have joined ·
 * 5 as rm_session_start().
 */
int rm_session_join(const char *key, int owner_pidfd, struct rm_session **ret_session);

/*
 * Acts as the primary of a session that another process opened: for the owner itself and its
 * descendants (a command line's verbs, a package manager's hooks).
 *
 * id, key      as rm_session_id() and rm_session_key() gave them
 *
 * 160 a NULL pointer · 6 there is no session with this id · 1219 the key is not this session's,
 * or the caller is not of the owner's family.
 */
int rm_session_attach(uint32_t id, const char *key, struct rm_session **ret_session);

/*
 * Ends the session (started or attached) or leaves it (joined), and frees it in any case but
 * failure. NULL: 0.
 *
 * 0 also when the broker stays away until the deadline; the end is then said first on this
 * process's next call. 6 the session has ended already (freed as well) · 29, 14: nothing was
 * changed and the session is still valid.
 */
int rm_session_end(struct rm_session *session);

/* Frees the local part only; the session goes on as long as its owner. NULL is fine. */
void rm_session_free(struct rm_session *session);

/* The broker's number of the session, as `rmctl sessions` shows it. Never 0. */
uint32_t rm_session_id(const struct rm_session *session);

/* The key, 32 lowercase hex digits; lives as long as `session`. Whoever has it may join. */
const char *rm_session_key(const struct rm_session *session);

/* ---- administration ----------------------------------------------------------------------- */

/* A process as an administrator sees it. Texts are clean UTF-8 without control characters. */
struct rm_process {
	uint32_t pid;
	uint32_t uid;
	uint64_t start_time; /* clock ticks after boot */
	const char *name;    /* base name of the executable, else its comm */
};

struct rm_join_info {
	uint32_t id;
	struct rm_process process;
	uint64_t joined_us; /* microseconds since 1970 */
};

struct rm_session_info {
	uint32_t id;
	const char *key_prefix; /* the first four digits of the key */
	struct rm_process owner;
	const char *login;   /* the login session that the limit counts */
	const char *state;   /* "open" */
	uint64_t started_us; /* microseconds since 1970 */
	uint64_t age_us;
	uint32_t n_joined;		  /* how many have joined */
	const struct rm_join_info *joins; /* in rm_broker_session() only, else NULL */
};

/* Free with rm_session_infos_free(). */
struct rm_session_infos {
	size_t n_sessions;
	const struct rm_session_info *sessions; /* by id */
};

/* Lists the sessions of this user's broker. 160 `ret_infos` is NULL. */
int rm_broker_sessions(struct rm_session_infos **ret_infos);

/* One session with its joins; `n_sessions` is 1. 6 there is no session with this id. */
int rm_broker_session(uint32_t id, struct rm_session_infos **ret_infos);

void rm_session_infos_free(struct rm_session_infos *infos);

/* Ends a session of this user, whoever owns it. 6 there is no session with this id. */
int rm_broker_end_session(uint32_t id);

struct rm_broker_info {
	const char *version;
	const char *mode; /* "user" or "system" */
	uint32_t pid;
	uint64_t uptime_us;
	uint32_t n_sessions;
	uint32_t n_joins;
	uint32_t n_processes;	/* that the broker watches */
	uint32_t n_connections; /* this one included */
	uint32_t max_sessions;	/* of one login session */
	uint32_t max_sessions_all;
	uint32_t max_joins;	  /* of one session */
	uint32_t max_connections; /* of the broker */
	uint64_t n_calls;	  /* answered since the broker started */
	uint64_t journal_bytes;	  /* in use */
	uint64_t journal_reserved;
	const char *journal; /* path */
	const char *config;  /* path, "" when none was read */
	uint32_t n_restored; /* sessions read back when the broker started */
};

/* Asks the broker about itself. Free with rm_broker_status_free(). */
int rm_broker_status(struct rm_broker_info **ret_status);
void rm_broker_status_free(struct rm_broker_info *status);

/* Something that happened to a session. */
struct rm_event {
	uint64_t number;    /* counts up by one; a gap means that the broker's ring ran over */
	uint64_t time_us;   /* microseconds since 1970 */
	const char *kind;   /* "started", "joined", "left", "ended", "restored", "lost", ... */
	uint32_t session;   /* 0: about the broker */
	uint32_t pid;	    /* the process it is about, 0: none */
	const char *name;   /* that process's name */
	const char *detail; /* why, "" when the kind says it all */
};

struct rm_watch; /* opaque; not thread-safe */

/*
 * Opens a stream of events, on a connection of its own.
 *
 * history  non-zero: begin with the events that the broker still holds (up to 1024)
 */
int rm_watch_open(int history, struct rm_watch **ret_watch);

/*
 * The next event. Its texts live until the next call on `watch`.
 *
 * timeout_ms  how long to wait; -1: for ever; 0: do not wait
 *
 * 121 none came in time · 1722 the broker went away; rm_watch_open() starts anew.
 */
int rm_watch_next(struct rm_watch *watch, int timeout_ms, struct rm_event *ret_event);

/* The descriptor to poll for reading before rm_watch_next(); stays the watch's. */
int rm_watch_fd(const struct rm_watch *watch);

void rm_watch_close(struct rm_watch *watch);

/*
 * Where the library looks for its broker, and what is wrong there. Writes the socket's path
 * (empty when there is none to look at) and one sentence, "" when a broker listens there.
 * Texts that do not fit are cut. Returns 0, or what a call would now return: 1722, 5.
 */
int rm_broker_locate(char *path, size_t path_size, char *why, size_t why_size);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RSTRTMGR_RSTRTMGR_H */
