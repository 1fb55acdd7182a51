/* SPDX-License-Identifier: MIT */
/* The table of the configuration's keys, and how each value is read. */
#include "broker/config_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/config.h"
#include "proto/limits.h"

#define MAX_TIMEOUT_MS 3600000u

const char *restart_on_orphan_name(enum restart_on_orphan value)
{
	static const char *const names[_RESTART_ON_ORPHAN_COUNT] = {
		[RESTART_ON_ORPHAN_SERVICES] = "services",
		[RESTART_ON_ORPHAN_ALL] = "all",
		[RESTART_ON_ORPHAN_NO] = "no",
	};

	return names[value];
}

static int parse_number(const char *value, uint32_t max, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (!*value) {
		return -EINVAL;
	}
	for (; *value; value++) {
		if (*value < '0' || *value > '9') {
			return -EINVAL;
		}
		number = number * 10 + (uint32_t)(*value - '0');
		if (number > max) {
			return -EINVAL;
		}
	}
	if (!number) {
		return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

static int parse_timeout(const char *value, void *ret_field)
{
	return parse_number(value, MAX_TIMEOUT_MS, ret_field);
}

static int parse_sessions(const char *value, void *ret_field)
{
	return parse_number(value, MAX_SESSIONS_ALL, ret_field);
}

static int parse_threads(const char *value, void *ret_field)
{
	if (strcmp(value, "auto") == 0) {
		*(uint32_t *)ret_field = 0;
		return 0;
	}
	return parse_number(value, MAX_SCAN_THREADS, ret_field);
}

static int parse_maps(const char *value, void *ret_field)
{
	bool is_text = strcmp(value, "text") == 0;

	if (!is_text && strcmp(value, "auto") != 0) {
		return -EINVAL;
	}
	*(bool *)ret_field = is_text;
	return 0;
}

static int parse_orphan(const char *value, void *ret_field)
{
	for (int i = 0; i < _RESTART_ON_ORPHAN_COUNT; i++) {
		if (strcmp(value, restart_on_orphan_name((enum restart_on_orphan)i)) == 0) {
			*(enum restart_on_orphan *)ret_field = (enum restart_on_orphan)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_bool(const char *value, void *ret_field)
{
	static const char *const words[] = {"no", "false", "off", "0", "yes", "true", "on", "1"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(value, words[i]) == 0) {
			*(bool *)ret_field = i >= ARRAY_SIZE(words) / 2;
			return 0;
		}
	}
	return -EINVAL;
}

void config_free_words(char **strings)
{
	for (char **at = strings; at && *at; at++) {
		free(*at);
	}
	free(strings);
}

static int strings_add(char ***strings, const char *word)
{
	size_t n = 0;
	char **grown;

	while (*strings && (*strings)[n]) {
		n++;
	}
	grown = reallocarray(*strings, n + 2, sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	*strings = grown;
	grown[n + 1] = NULL;
	grown[n] = strdup(word);
	return grown[n] ? 0 : -ENOMEM;
}

/* Words between blanks are added to the list; an empty value empties it (as systemd does). */
static int parse_words(const char *value, void *ret_field)
{
	char ***strings = ret_field;
	_cleanup_(freep) char *copy = strdup(value);
	char *rest = copy;
	char *word;

	if (!copy) {
		return -ENOMEM;
	}
	if (!*value) {
		config_free_words(TAKE_PTR(*strings));
	}
	while ((word = strsep(&rest, " \t"))) {
		int r = *word ? strings_add(strings, word) : 0;

		if (r < 0) {
			return r;
		}
	}
	return 0;
}

#define EXPECT_MS "milliseconds, 1 to 3600000"

const struct config_key config_keys[] = {
	{"Timeouts", "QueryMs", parse_timeout, offsetof(struct config, query_ms), EXPECT_MS},
	{"Timeouts", "EndMs", parse_timeout, offsetof(struct config, end_ms), EXPECT_MS},
	{"Timeouts", "ExitMs", parse_timeout, offsetof(struct config, exit_ms), EXPECT_MS},
	{"Timeouts", "ServiceMs", parse_timeout, offsetof(struct config, service_ms), EXPECT_MS},
	{"Timeouts", "CallMs", parse_timeout, offsetof(struct config, call_ms), EXPECT_MS},
	{"Policy", "RestartOnOrphan", parse_orphan, offsetof(struct config, restart_on_orphan),
	 "services, all or no"},
	{"Policy", "NeverStop", parse_words, offsetof(struct config, never_stop),
	 "names between blanks"},
	{"Policy", "AllowShutdown", parse_bool, offsetof(struct config, allow_shutdown),
	 "yes or no"},
	{"Limits", "MaxSessions", parse_sessions, offsetof(struct config, max_sessions),
	 "a number, 1 to 512"},
	{"Scan", "Threads", parse_threads, offsetof(struct config, scan.threads),
	 "auto, or a number, 1 to 16"},
	{"Scan", "Maps", parse_maps, offsetof(struct config, scan.text_maps), "auto or text"},
};

const size_t config_n_keys = ARRAY_SIZE(config_keys);
