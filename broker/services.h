/* SPDX-License-Identifier: MIT */
/* Names of services as callers write them and as the managers know them (A20). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/base.h"
#include "proto/limits.h"

enum services_manager {
	SERVICES_ANY, /* the user's manager first, then the system's */
	SERVICES_USER,
	SERVICES_SYSTEM,
	_SERVICES_MANAGER_COUNT,
};

/* "user", "system", or "" for any. */
const char *services_manager_name(enum services_manager manager);

/* A caller's text, normalised. */
struct service_name {
	enum services_manager manager;
	bool is_possible; /* a unit can have this name; else it is accepted and never found */
	char unit[MAX_UNIT_BYTES + sizeof(".service")]; /* with its suffix */
};

/* "user:" or "system:" in front names the manager; without a known suffix ".service" is meant.
 * 0; -EINVAL: empty, also behind the prefix, longer than MAX_UNIT_BYTES, or with a NUL. */
int services_parse_name(const char *text, size_t size, struct service_name *ret_name) _warn_unused_;

/* The normal form: "user:x.service", "system:x.service" or "x.service". */
#define SERVICES_NAME_BYTES (MAX_UNIT_BYTES + sizeof("system:.service"))
void services_format_name(const struct service_name *name, char ret_text[SERVICES_NAME_BYTES]);

/* Whether the name means this unit of this manager. */
bool services_name_matches(const struct service_name *name, const char *unit, bool is_user);

/* Whether systemd would take it for a whole unit name: its characters, a suffix, the length. An
 * "a@.service" without instance is one, of a template. */
bool services_unit_is_valid(const char *unit);
/* Whether it ends in `suffix`, e.g. ".service", with something before it. */
bool services_unit_has_suffix(const char *unit, const char *suffix);
/* The suffix with its dot, "" when it has none that systemd knows. */
const char *services_unit_suffix(const char *unit);

/* Takes "\x2d" and the like back, as systemd escapes them. The length written to `ret_text`
 * (always with NUL); a result with a NUL or one that does not fit is -EINVAL. */
ssize_t services_unescape(const char *text, size_t size, char *ret_text, size_t ret_size);
