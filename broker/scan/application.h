/* SPDX-License-Identifier: MIT */
/*
 * What an application is to the Restart Manager: its type, whether and how it may be stopped, and
 * by which rule (A22, A23, A54, A55, A57, A58, A60, A66, A69). Pure: everything it needs has
 * been read before.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/scan/cgroup.h"
#include "broker/scan/machine_facts.h"
#include "broker/scan/policy.h"
#include "broker/scan/process_facts.h"
#include "broker/scan/self.h"
#include "proto/base.h"

enum application_type { /* = RM_APP_TYPE */
	APPLICATION_UNKNOWN = 0,
	APPLICATION_MAIN_WINDOW = 1,
	APPLICATION_OTHER_WINDOW = 2,
	APPLICATION_SERVICE = 3,
	APPLICATION_EXPLORER = 4,
	APPLICATION_CONSOLE = 5,
	APPLICATION_CRITICAL = 1000,
};

enum application_reason { /* = RM_REBOOT_REASON */
	REASON_DENIED = 0x1,
	REASON_SESSION = 0x2,
	REASON_CRITICAL_PROCESS = 0x4,
	REASON_CRITICAL_SERVICE = 0x8,
	REASON_SELF = 0x10,
};

/* How it may be stopped. */
enum application_way {
	WAY_NEVER,   /* critical */
	WAY_FORCE,   /* only by force: it cannot be asked */
	WAY_SIGTERM, /* it catches SIGTERM and nobody's work hangs on it */
	WAY_MANAGER, /* as a unit, by its service manager */
	_WAY_COUNT,
};

const char *application_way_name(enum application_way way);

struct application_context {
	bool is_system; /* the machine's broker */
	uid_t own_uid;
	/* Of this process; 0: unknown, then nothing is taken for a container by it. */
	uint64_t mount_namespace;
	uint64_t root_device; /* as in process_facts */
	uint64_t root_inode;
};

struct application_input {
	const struct process_facts *facts;
	const struct machine_view *view;      /* NULL: unknown altogether */
	const struct policy_decision *policy; /* NULL: none */
	enum self_relation self;
	uint32_t ts_session; /* login_find() */
};

#define APPLICATION_WHY_BYTES 512
#define APPLICATION_KEY_BYTES 320

struct application {
	enum application_type type;
	uint32_t reasons; /* enum application_reason */
	enum application_way way;
	bool is_restartable;
	uint32_t ts_session;
	char why[APPLICATION_WHY_BYTES]; /* clean text */
	const char *why_not_restartable; /* static; "" when it is */
	const char *policy_file;	 /* borrowed from the policy; "" none decided */
	enum container_kind container;
	char container_name[MAX_NAME_BYTES + 1]; /* clean text */
};

/* Reads what a context needs of this process. */
void application_context_init(struct application_context *context, int proc_fd, bool is_system);

void application_classify(const struct application_context *context,
			  const struct application_input *input,
			  struct application *ret_application);

/* Joins what another process of the same entry is: the entry is as critical as its worst. */
void application_merge(struct application *into, const struct application *other);

/*
 * Which entry a process belongs to: equal keys are one entry (A66). A container, a .service of
 * one manager, an app scope if `is_one_scope` (A69: its first process is affected and nobody in
 * it holds a pty's master), else the process itself.
 */
void application_format_key(const struct process_facts *facts,
			    const struct application *application, bool is_one_scope,
			    char ret_key[APPLICATION_KEY_BYTES]);

/* Place of a type in the order of stopping (A17). */
unsigned int application_order(enum application_type type);
