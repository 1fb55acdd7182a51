/* SPDX-License-Identifier: MIT */
/*
 * Every maximum of the system in one place, each with its reason.
 * docs/protocol.md repeats the ones that a peer can meet.
 */
#pragma once

/* The version in every Request and Reply; another one is refused (ERROR_NOT_SUPPORTED). */
#define PROTOCOL_VERSION 1u

/* Payload of one frame. A list of all 512 sessions is under 128 KiB; registering 100,000 paths is
 * split into several frames. Large enough for both, small enough to be held for every peer. */
#define MAX_FRAME_BYTES (1024u * 1024u)

/* Memory that unpacking one frame may take: protobuf-c needs up to 16 bytes for each byte of a
 * list of empty entries. */
#define MAX_UNPACKED_BYTES (16u * MAX_FRAME_BYTES)

/* A session key: 128 random bits, printed as hex (CCH_RM_SESSION_KEY). */
#define SESSION_KEY_BYTES 16u
#define SESSION_KEY_DIGITS 32u

/* The client's name for one change (A63). */
#define REQUEST_ID_BYTES 16u

/* RmStartSession's documented limit, per login session (A8); `MaxSessions=` sets it. */
#define DEFAULT_MAX_SESSIONS 64u
/* The broker's own (A8): 8 logins that use all of theirs. */
#define MAX_SESSIONS_ALL 512u
/* Of MAX_SESSIONS_ALL, kept for processes that hold none (A8). */
#define SESSIONS_KEPT_FOR_NEW 4u
/* Joins of one session (A8). */
#define MAX_JOINS 256u

/* Ends that are remembered for one process, so that a re-sent one has its answer (A63). */
#define MAX_ANSWERED 64u
/* Processes that are remembered for their answers alone: no connection, session or join. */
#define MAX_IDLE_PROCESSES 256u

/* Connections of one process: one a blocked thread; a thousand threads in a call is a fault. */
#define MAX_CONNECTIONS_PER_PROCESS 1024u
/* All connections; also bounded by RLIMIT_NOFILE less DESCRIPTORS_KEPT. */
#define MAX_CONNECTIONS 4096u
/* Descriptors the broker keeps for itself: journal, log, /proc, pidfds of owners. */
#define DESCRIPTORS_KEPT 1024u

/* Bytes of half frames and unsent replies, of one process and of all together. */
#define MAX_BUFFERED_PER_PROCESS (8u * 1024u * 1024u)
#define MAX_BUFFERED_ALL (64u * 1024u * 1024u)

/* A half frame must be whole within this, or its connection is closed. */
#define HALF_FRAME_TIMEOUT_MS 30000u

/* Texts on the wire. A program's name, a reason, a detail (a path and a sentence). */
#define MAX_NAME_BYTES 255u
#define MAX_DETAIL_BYTES 8192u
/* A veto's or a reason's text (A74), in characters. */
#define MAX_REASON_CHARACTERS 256u

/* Session events kept for `rmctl watch`: some minutes of busy installers. */
#define MAX_EVENTS 1024u

/* Depth of a search through a process's ancestors: deeper trees are not seen in practice. */
#define MAX_ANCESTORS 256u

/* Connections that a client process keeps open for its threads. */
#define MAX_KEPT_CONNECTIONS 64u
/* Handles of one client process: its sessions and joins. */
#define MAX_HANDLES 65536u

/* The client's deadline for one call, `RSTRTMGR_TIMEOUT_MS` (A50), and its bounds. */
#define DEFAULT_CALL_TIMEOUT_MS 30000u
#define MAX_CALL_TIMEOUT_MS 3600000u
/* How often a client tries to reach a broker that is restarting (A50). */
#define RECONNECT_INTERVAL_MS 20u

/* ---- registering and listing ---- */

/* Files, processes or services of one session (A13), each. */
#define MAX_RESOURCES 1048576u
/* Bytes of the paths and names that are registered in a session, and of all of one uid (A13). An
 * entry counts 32 at least, as each costs memory. */
#define MAX_RESOURCE_BYTES_SESSION (64u * 1024u * 1024u)
#define MAX_RESOURCE_BYTES_UID (128u * 1024u * 1024u)
/* A path, with its NUL: PATH_MAX. */
#define MAX_PATH_BYTES 4096u
/* A unit name (A20); systemd's own limit is 255 as well. */
#define MAX_UNIT_BYTES 255u
/* One part of a registration: what one turn of the broker's loop handles well under 2 ms. */
#define MAX_PART_ENTRIES 1024u
#define MAX_PART_BYTES (256u * 1024u)
/* Registrations that one process has begun and not ended: one a thread. */
#define MAX_STAGED_PER_PROCESS 64u
/* Registered processes of which the broker holds a pidfd; the others are opened when needed. Well
 * below the descriptors that it keeps for itself under a soft limit of 1024. */
#define MAX_REGISTERED_PIDFDS 128u
/* Filters of one session: nobody writes more by hand. */
#define MAX_FILTERS 4096u
/* What an answer tells of one entry; the totals are always there. */
#define MAX_LISTED_USES 64u
#define MAX_LISTED_PROCESSES 256u
#define MAX_LISTED_UNCHECKED 64u
/* Entries of one notification. */
#define MAX_PART_APPLICATIONS 64u
/* How long a size probe's answer serves the fetch after it (A65). */
#define SNAPSHOT_REUSE_MS 200u
/* How far a caller's idea of a start time may be off (A19). */
#define START_TIME_TOLERANCE_MS 1000u
/* Threads of the scan worker: beyond this the kernel's own locks are what is waited for. */
#define MAX_SCAN_THREADS 16u
/* Bytes of one answer, uses included; then uses are left out. Less than what a peer may have
 * unsent. */
#define MAX_ANSWER_BYTES (6u * 1024u * 1024u)
/* Bytes of one answer with entries in brief, some hundred bytes each; then they are only counted. */
#define MAX_ANSWER_BYTES_BRIEF (8u * MAX_ANSWER_BYTES)
