/* SPDX-License-Identifier: MIT */
/* What a user is called. */
#pragma once

#include <stdint.h>

#define USER_NAME_SIZE 256

/* The clean name of a user, or the number when the uid has none. Asks the name service, which may
 * take its time; the last answer is remembered, as neighbours in a list are often alike. */
void user_name_find(uint32_t uid, char ret_name[USER_NAME_SIZE]);
