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

/* ---- resources ---------------------------------------------------------------------------- */

/* A process that cannot be mistaken for a later one with the same number. */
struct rm_process_id {
	uint32_t pid;
	uint64_t start_time; /* clock ticks after boot, field 22 of /proc/PID/stat */
};

/* The identity of a living process. 160 no process has this pid, or `ret_id` is NULL. */
int rm_process_id_from_pid(uint32_t pid, struct rm_process_id *ret_id);
/* The same by a pidfd, which stays the caller's. 160 it is none, or its process has gone. */
int rm_process_id_from_pidfd(int pidfd, struct rm_process_id *ret_id);

/* A process as an administrator sees it. Texts are clean UTF-8 without control characters. */
struct rm_process {
	uint32_t pid;
	uint32_t uid;
	uint64_t start_time; /* clock ticks after boot */
	const char *name;    /* base name of the executable, else its comm */
};

/* What is about to be replaced. Arrays may be NULL where their count is 0. */
struct rm_resources {
	size_t n_files;
	const char *const *files; /* absolute paths, as bytes; need not exist */
	size_t n_trees;
	const char *const *trees; /* absolute paths of directories: everything below */
	size_t n_processes;
	const struct rm_process_id *processes;
	size_t n_services;
	const char *const *services; /* unit names; without a suffix ".service" is meant; "user:"
				      * or "system:" in front names the manager */
};

/*
 * Adds resources to the session, all or none; they stay until it ends. Duplicates collapse.
 * A file is remembered by its path and by what it is now, so that programs that run an old
 * version are found after it was replaced.
 *
 * 160 a NULL pointer, an array missing, a path that is relative, empty or not shorter than 4096
 * bytes, a service name that is empty or longer than 255 bytes, pid 0 · 6 the session has ended ·
 * 29 beyond 1,048,576 of a kind, 64 MiB a session, or what the disk takes · 50 files, by a
 * process in another mount namespace than the broker's.
 */
int rm_session_register(struct rm_session *session, const struct rm_resources *resources);

/* ---- who uses them ------------------------------------------------------------------------ */

/* How a process uses a registered file. */
enum rm_use_kind {
	RM_USE_EXECUTABLE = 1, /* it runs it */
	RM_USE_MAPPING = 2,    /* has it mapped, e.g. as a library */
	RM_USE_DESCRIPTOR = 3, /* has it open */
	RM_USE_WORKING_DIRECTORY = 4,
	RM_USE_ROOT = 5,
	RM_USE_SCRIPT = 6,     /* an interpreter whose argument it is */
	RM_USE_REGISTERED = 7, /* the process itself was registered */
	RM_USE_SERVICE = 8     /* it belongs to a registered service */
};

/* "executable", "mapping", ... Static text; "unknown" for another number. */
const char *rm_use_kind_name(int kind);

struct rm_use {
	int kind;	    /* enum rm_use_kind */
	const char *path;   /* bytes: as registered; "" in an answer about stale files */
	const char *actual; /* bytes: the path in use where it differs, else "" */
	uint32_t fd;	    /* of RM_USE_DESCRIPTOR */
	int is_deleted;	    /* an old version: deleted, or another file has its name */
	int is_claimed;	    /* only the process itself says so */
};

struct rm_application_process {
	struct rm_process process;
	const struct rm_use *uses; /* the first 64 */
	size_t n_uses_listed;
	uint32_t n_uses; /* all */
};

/* One application, service or container, as RmGetList counts them. Texts are clean UTF-8;
 * paths are bytes. What is not known is "". */
struct rm_application {
	struct rm_process process; /* its main one of those that are affected */
	const char *name;	   /* for people: unit description, desktop name, executable */
	const char *service;	   /* unit name, of a service only */
	const char *unit;	   /* the unit it belongs to, "user:" in front of a user's own */
	const char *executable;	   /* bytes: path */
	const char *container;
	uint32_t type;	     /* RM_APP_TYPE */
	uint32_t status;     /* RM_APP_STATUS bits */
	uint32_t reasons;    /* RM_REBOOT_REASON bits that it sets */
	uint32_t ts_session; /* login session, 0xFFFFFFFF: none */
	int is_restartable;
	const char *why;				/* the rule behind type and reasons */
	const char *why_not_restartable;		/* "" when it is restartable */
	const char *policy;				/* bytes: the policy file that decided */
	const struct rm_application_process *processes; /* the first 256 */
	size_t n_processes_listed;
	uint32_t n_processes; /* all that are affected */
};

/* Something that could not be looked at. */
struct rm_unchecked {
	const char *path; /* bytes: the registered file, "": about processes */
	const char *why;
	uint32_t count;
};

/* The answer, whole. Free with rm_application_list_free(). */
struct rm_application_list {
	size_t n_applications;
	const struct rm_application *applications; /* in the order in which they would be stopped */
	uint32_t reasons;			   /* RM_REBOOT_REASON bits of all */
	/* How complete it is. "Not in use" holds only when n_not_inspected, n_files_unchecked and
	 * n_unseen are 0. */
	uint32_t n_processes;	  /* looked at */
	uint32_t n_not_inspected; /* of which something could not be read */
	uint32_t n_files;	  /* registered files and trees */
	uint32_t n_files_unchecked;
	size_t n_unchecked;
	const struct rm_unchecked *unchecked; /* what and why, the first 64 */
	size_t n_unseen;
	const struct rm_unchecked *unseen; /* files in use by nobody that can be seen */
	uint32_t n_reread;		   /* processes read again for this answer */
	uint64_t took_us;
	/* Of rm_broker_stale() only, else "" and 0. */
	const char *kernel_running;
	const char *kernel_installed; /* "": unknown */
	int kernel_is_stale;
};

/* Flags of rm_session_list(). */
#define RM_LIST_ANEW 1u	   /* read every process again, trust nothing remembered */
#define RM_LIST_NO_USES 2u /* leave the uses out: shorter */

/*
 * Lists who uses the session's resources now. For the primary.
 *
 * 160 a NULL pointer or another flag · 6 the session has ended · 1219 joined, not the primary ·
 * 1223 cancelled.
 */
int rm_session_list(struct rm_session *session, unsigned int flags,
		    struct rm_application_list **ret_list);

/* Who runs a deleted or replaced file, whichever; needs no session. */
int rm_broker_stale(unsigned int flags, struct rm_application_list **ret_list);

void rm_application_list_free(struct rm_application_list *list);

/* Makes a listing of this session that another thread waits for end with 1223. 0 also when none
 * runs; the next one is not touched. 6, 1219 as above. */
int rm_session_cancel(struct rm_session *session);

/* ---- filters ------------------------------------------------------------------------------ */

/* Exactly one of executable, process and service is set. */
struct rm_filter {
	const char *executable; /* path of what the program runs; NULL: not by this */
	const struct rm_process_id *process;
	const char *service;
	int action; /* 1 RmNoRestart, 2 RmNoShutdown; not read by rm_session_remove_filter() */
};

/* Sets what may not be done with an application; replaces an earlier filter of the same target
 * and then counts as the last. For the primary. 160 not exactly one target, an empty or relative
 * one, another action · 6 · 1219 · 29 more than 4096. */
int rm_session_add_filter(struct rm_session *session, const struct rm_filter *filter);
/* 160 as above · 2 there is no such filter · 6 · 1219. */
int rm_session_remove_filter(struct rm_session *session, const struct rm_filter *filter);

/* Free with rm_filters_free(). */
struct rm_filters {
	size_t n_filters;
	const struct rm_filter *filters; /* in the order in which they were set */
};

int rm_session_filters(struct rm_session *session, struct rm_filters **ret_filters);
void rm_filters_free(struct rm_filters *filters);

/* ---- policy ------------------------------------------------------------------------------- */

/* Free with rm_policy_free(). */
struct rm_policy {
	const char *file;   /* bytes: path of the policy file that decides, "": none does */
	const char *rule;   /* as it stands there */
	const char *effect; /* "critical", "not critical"; "" when none decides */
};

/* Which policy file decides about a unit ("ssh.service"), an executable (a path) or a package.
 * 160 NULL, empty, or longer than 255 bytes. */
int rm_broker_policy(const char *name, struct rm_policy **ret_policy);
void rm_policy_free(struct rm_policy *policy);

/* ---- administration ----------------------------------------------------------------------- */

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
