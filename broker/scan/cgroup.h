/* SPDX-License-Identifier: MIT */
/*
 * What /proc/PID/cgroup says: the unit that a process belongs to, its login session, the desktop
 * program, the container. Pure. Below a user's manager that user chooses the names, and inside a
 * container whoever runs there; so only the outermost part that root has made is believed for
 * the machine (A71).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/base.h"
#include "proto/limits.h"

enum container_kind {
	CONTAINER_NONE,
	CONTAINER_NSPAWN,
	CONTAINER_MACHINE, /* registered with machined: virtual machines, libvirt's LXC */
	CONTAINER_PODMAN,
	CONTAINER_DOCKER,
	CONTAINER_KUBERNETES,
	CONTAINER_CONTAINERD,
	CONTAINER_CRIO,
	CONTAINER_LXC,
	CONTAINER_NAMESPACE, /* told by its mount namespace alone, not by the cgroup */
	_CONTAINER_KIND_COUNT,
};

const char *container_kind_name(enum container_kind kind);

/* Programs that live in an image of their own and are stopped by their own command. */
enum sandbox_kind {
	SANDBOX_NONE,
	SANDBOX_FLATPAK,
	SANDBOX_SNAP,
	_SANDBOX_KIND_COUNT,
};

const char *sandbox_kind_name(enum sandbox_kind kind);

struct cgroup_facts {
	bool is_known; /* the text was one */
	bool is_user;  /* below a user's manager, whose uid is `manager_uid` */
	uid_t manager_uid;
	/* The unit: of the user's manager if is_user, else of the system's. At most one of the
	 * two is set. */
	char service[MAX_UNIT_BYTES + 1];
	char scope[MAX_UNIT_BYTES + 1];
	char slice[MAX_UNIT_BYTES + 1]; /* the innermost around it */
	bool is_manager;		/* in PID 1's or a user manager's own group */
	bool is_app_service;		/* app-*.service of a user's manager */
	bool is_app_scope;		/* app-*.scope, or a snap's scope, of a user's manager */
	char login_session[MAX_UNIT_BYTES + 1]; /* logind's id, e.g. "3" or "c1" */
	char desktop_id[MAX_UNIT_BYTES + 1];	/* of the desktop entry, without ".desktop" */
	enum sandbox_kind sandbox;
	enum container_kind container;
	char container_name[MAX_NAME_BYTES + 1]; /* unescaped; bytes as somebody chose them */
};

/* Never fails: what can't be understood is not known. */
void cgroup_parse(const char *text, size_t size, struct cgroup_facts *ret_facts);
