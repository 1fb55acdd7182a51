/* SPDX-License-Identifier: MIT */
/*
 * Unit names. They come from callers, from cgroup paths and from policy files; whoever wrote
 * them, a name that passed services_unit_is_valid() has no '/', no control character and no
 * byte beyond ASCII, so it may stand in a path, a message or a line of a log.
 */
#include "broker/services.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNIT_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@"

static const char *const suffixes[] = {
	".service", ".socket", ".target", ".device", ".mount", ".automount",
	".swap",    ".timer",  ".path",	  ".slice",  ".scope",
};

const char *services_manager_name(enum services_manager manager)
{
	static const char *const names[_SERVICES_MANAGER_COUNT] = {
		[SERVICES_ANY] = "",
		[SERVICES_USER] = "user",
		[SERVICES_SYSTEM] = "system",
	};

	return names[manager];
}

bool services_unit_has_suffix(const char *unit, const char *suffix)
{
	size_t length = strlen(unit);
	size_t suffix_length = strlen(suffix);

	return length > suffix_length && strcmp(unit + length - suffix_length, suffix) == 0;
}

const char *services_unit_suffix(const char *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (services_unit_has_suffix(unit, suffixes[i])) {
			return suffixes[i];
		}
	}
	return "";
}

bool services_unit_is_valid(const char *unit)
{
	size_t length = strlen(unit);

	return length <= MAX_UNIT_BYTES && *services_unit_suffix(unit) && unit[0] != '@' &&
	       strspn(unit, UNIT_CHARACTERS) == length;
}

int services_parse_name(const char *text, size_t size, struct service_name *ret_name)
{
	struct service_name name = {.manager = SERVICES_ANY};

	if (size == 0 || size > MAX_UNIT_BYTES || memchr(text, '\0', size)) {
		return -EINVAL;
	}
	for (enum services_manager manager = SERVICES_USER; manager <= SERVICES_SYSTEM; manager++) {
		const char *prefix = services_manager_name(manager);
		size_t length = strlen(prefix);

		if (size > length && memcmp(text, prefix, length) == 0 && text[length] == ':') {
			name.manager = manager;
			text += length + 1;
			size -= length + 1;
			break;
		}
	}
	if (size == 0) {
		return -EINVAL;
	}
	memcpy(name.unit, text, size);
	if (!*services_unit_suffix(name.unit)) {
		strcpy(name.unit + size, ".service"); /* the array has room for both */
	}
	name.is_possible = services_unit_is_valid(name.unit);
	*ret_name = name;
	return 0;
}

void services_format_name(const struct service_name *name, char ret_text[SERVICES_NAME_BYTES])
{
	(void)snprintf(ret_text, SERVICES_NAME_BYTES, "%s%s%s",
		       services_manager_name(name->manager),
		       name->manager == SERVICES_ANY ? "" : ":", name->unit);
}

bool services_name_matches(const struct service_name *name, const char *unit, bool is_user)
{
	enum services_manager manager = is_user ? SERVICES_USER : SERVICES_SYSTEM;

	return name->is_possible && (name->manager == SERVICES_ANY || name->manager == manager) &&
	       strcmp(name->unit, unit) == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t services_unescape(const char *text, size_t size, char *ret_text, size_t ret_size)
{
	size_t written = 0;

	for (size_t at = 0; at < size; at++) {
		char c = text[at];

		if (c == '\\') {
			int high =
				size - at > 3 && text[at + 1] == 'x' ? hex_digit(text[at + 2]) : -1;
			int low = high >= 0 ? hex_digit(text[at + 3]) : -1;

			if (low < 0) {
				return -EINVAL;
			}
			c = (char)(high << 4 | low);
			at += 3;
		}
		if (c == '\0' || written + 1 >= ret_size) {
			return -EINVAL;
		}
		ret_text[written++] = c;
	}
	if (written >= ret_size) {
		return -EINVAL;
	}
	ret_text[written] = '\0';
	return (ssize_t)written;
}
