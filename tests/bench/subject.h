/* SPDX-License-Identifier: MIT */
/*
 * What is measured: three ways of asking another process for the same thing, each with two
 * calls. `start` asks for a number and a text of 32 digits, `end` gives the number back.
 */
#pragma once

#include <sys/types.h>

enum subject_id {
	SUBJECT_RAW,  /* AF_UNIX ping-pong with a plain epoll server: the floor */
	SUBJECT_DBUS, /* a method call through dbus-daemon, sd-bus on both sides */
	SUBJECT_RM,   /* RmStartSession and RmEndSession of the public library */
	_SUBJECT_COUNT,
};

/* All functions die on failure; every call checks its answer. */
struct subject {
	const char *name;
	/* In the benchmark, once: starts the servers (server_add()). */
	void (*start_servers)(void);
	/* In the thread that calls: makes a client, with a connection of its own. */
	void *(*open)(void);
	void (*start)(void *client);
	void (*end)(void *client);
	void (*close)(void *client);
};

extern const struct subject subject_raw, subject_dbus, subject_rm;

const struct subject *subject_get(enum subject_id id);

/* The broker that subject_rm started. */
pid_t subject_rm_broker(void);
