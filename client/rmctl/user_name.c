/* SPDX-License-Identifier: MIT */
/*
 * Names of users. A name comes from a directory that may be anywhere, so it is cleaned (A74).
 * rmctl has one thread, which may keep the last answer in static memory.
 */
#include "client/rmctl/user_name.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

static void look_up(uint32_t uid, char ret_name[USER_NAME_SIZE])
{
	struct passwd entry, *user = NULL;
	char buffer[4096];

	if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &user) == 0 && user &&
	    user->pw_name[0]) {
		text_clean(user->pw_name, strlen(user->pw_name), ret_name, USER_NAME_SIZE);
	} else {
		snprintf(ret_name, USER_NAME_SIZE, "%" PRIu32, uid);
	}
}

void user_name_find(uint32_t uid, char ret_name[USER_NAME_SIZE])
{
	static char last_name[USER_NAME_SIZE];
	static uint32_t last_uid;
	static bool is_known;

	if (!is_known || last_uid != uid) {
		look_up(uid, last_name);
		last_uid = uid;
		is_known = true;
	}
	memcpy(ret_name, last_name, USER_NAME_SIZE);
}
