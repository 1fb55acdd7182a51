/* SPDX-License-Identifier: MIT */
/*
 * The configuration, read by inih. inih tells the line of an error; the column is found by
 * looking the offending word up in that line again. A file is all right or refused: a misspelt
 * key would otherwise be a rule that silently does not hold.
 * The machine's file is read last, so that it wins over the user's (A76).
 */
#include "broker/config.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "proto/limits.h"
#include "proto/text.h"

#define MACHINE_FILE "/etc/rstrtmgr/rmbrokerd.conf"
#define USER_FILE "rstrtmgr/rmbrokerd.conf" /* below $XDG_CONFIG_HOME */
#define MAX_FILE_BYTES (1024 * 1024)
#define MAX_TIMEOUT_MS 3600000u

struct key {
	const char *section;
	const char *name;
	int (*parse)(const char *value, void *ret_field);
	size_t offset; /* of the field in struct config */
	const char *expected;
};

struct reader {
	struct config *config;
	const char *text; /* the whole file */
	struct config_error *error;
	const char *path;
	/* what the handler found wrong; inih adds the line */
	bool is_wrong;
	char word[128];
	char why[256];
};

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

static void strings_free(char **strings)
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
		strings_free(TAKE_PTR(*strings));
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

static const struct key keys[] = {
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
};

/* Unknown keys and sections get the names that would be right. */
static void list_names(const char *section, char *ret_text, size_t size)
{
	size_t used = 0;
	const char *last = "";

	ret_text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys) && used < size; i++) {
		const char *name = section ? keys[i].name : keys[i].section;

		if ((section && strcmp(keys[i].section, section) != 0) || strcmp(name, last) == 0) {
			continue;
		}
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "",
					 name);
		last = name;
	}
}

static int refuse(struct reader *reader, const char *word, const char *what, const char *expected)
{
	reader->is_wrong = true;
	(void)snprintf(reader->word, sizeof(reader->word), "%s", word);
	(void)snprintf(reader->why, sizeof(reader->why), "%s; expected %s", what, expected);
	return 0; /* inih: stop here */
}

static bool is_section(const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].section, section) == 0) {
			return true;
		}
	}
	return false;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	char names[200];

	if (reader->is_wrong) {
		return 0; /* the first error is the one to tell */
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0) {
			void *field = (char *)reader->config + keys[i].offset;

			return keys[i].parse(value, field) == 0
				       ? 1
				       : refuse(reader, *value ? value : name,
						"this value is not possible", keys[i].expected);
		}
	}
	list_names(is_section(section) ? section : NULL, names, sizeof(names));
	return is_section(section) ? refuse(reader, name, "this key is unknown", names)
				   : refuse(reader, section, "this section is unknown", names);
}

/* Where `word` stands in line number `line` of the text, counted in bytes from 1. */
static unsigned int find_column(const char *text, unsigned int line, const char *word)
{
	const char *end;
	const char *found;

	while (--line && (text = strchr(text, '\n'))) {
		text++;
	}
	if (!text) {
		return 1;
	}
	end = strchrnul(text, '\n');
	found = *word ? strstr(text, word) : NULL;
	if (found && found < end) {
		return (unsigned int)(found - text) + 1;
	}
	return (unsigned int)strspn(text, " \t") + 1;
}

/* The section's header is some lines above the key that inih stopped at. */
static unsigned int find_section_line(const char *text, unsigned int line, const char *section)
{
	unsigned int found = line;
	char header[sizeof(((struct reader *)0)->word) + 2];

	(void)snprintf(header, sizeof(header), "[%s]", section);
	for (unsigned int at = 1; at <= line && text; at++) {
		const char *next = strchr(text, '\n');

		if (strncmp(text + strspn(text, " \t"), header, strlen(header)) == 0) {
			found = at;
		}
		text = next ? next + 1 : NULL;
	}
	return found;
}

static int describe(struct reader *reader, unsigned int line)
{
	struct config_error *error = reader->error;
	char clean[sizeof(reader->why)];

	if (reader->is_wrong && strstr(reader->why, "section is unknown")) {
		line = find_section_line(reader->text, line, reader->word);
	}
	if (!reader->is_wrong) {
		(void)snprintf(reader->why, sizeof(reader->why),
			       "this line is neither a [Section] nor Key=value");
	}
	error->line = line;
	error->column = find_column(reader->text, line, reader->word);
	(void)text_clean(reader->why, strlen(reader->why), clean, sizeof(clean));
	(void)snprintf(error->text, sizeof(error->text), "%.200s:%u:%u: %s", reader->path, line,
		       error->column, clean);
	return -EINVAL;
}

static int read_file(const char *path, char **ret_text, size_t *ret_size)
{
	_cleanup_(freep) char *text = NULL;
	FILE *file = fopen(path, "re");
	struct stat st;
	size_t size = 0;
	int r = 0;

	if (!file) {
		return negative_errno();
	}
	if (fstat(fileno(file), &st) < 0) {
		r = negative_errno();
	} else if (S_ISDIR(st.st_mode)) {
		r = -EISDIR;
	} else if (!(text = malloc(MAX_FILE_BYTES + 1))) {
		r = -ENOMEM;
	}
	if (r == 0) {
		size = fread(text, 1, MAX_FILE_BYTES + 1, file);
		r = ferror(file) ? -EIO : size > MAX_FILE_BYTES ? -EFBIG : 0;
	}
	(void)fclose(file); /* only read */
	if (r < 0 || !text) {
		return r < 0 ? r : -ENOMEM;
	}
	text[size] = '\0';
	*ret_size = size;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int remember_path(struct config *config, const char *path)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", config->path ? config->path : "", config->path ? ", " : "",
		     path) < 0) {
		return -ENOMEM;
	}
	free(config->path);
	config->path = joined;
	return 0;
}

int config_read(struct config *config, const char *path, struct config_error *ret_error)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	struct reader reader = {.config = config, .error = ret_error, .path = path};
	int r;

	r = read_file(path, &text, &size);
	if (r || !text) {
		(void)snprintf(ret_error->text, sizeof(ret_error->text), "%.200s: %s", path,
			       strerror(-r));
		ret_error->line = ret_error->column = 0;
		return r;
	}
	reader.text = text;
	r = strlen(text) == size ? ini_parse_string(text, on_pair, &reader) : 1;
	if (r < 0) {
		return -ENOMEM;
	}
	return r > 0 ? describe(&reader, (unsigned int)r) : remember_path(config, path);
}

void config_init(struct config *config)
{
	*config = (struct config){
		.query_ms = 5000,
		.end_ms = 5000,
		.exit_ms = 30000,
		.service_ms = 20000,
		.call_ms = HALF_FRAME_TIMEOUT_MS,
		.restart_on_orphan = RESTART_ON_ORPHAN_SERVICES,
		.allow_shutdown = true,
		.max_sessions = DEFAULT_MAX_SESSIONS,
	};
}

void config_done(struct config *config)
{
	strings_free(TAKE_PTR(config->never_stop));
	free(TAKE_PTR(config->path));
}

static int read_if_there(struct config *config, const char *path, struct config_error *ret_error)
{
	return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR)
		       ? 0
		       : config_read(config, path, ret_error);
}

static int read_users(struct config *config, struct config_error *ret_error)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	int n;

	if (base && *base == '/') {
		n = snprintf(path, sizeof(path), "%s/" USER_FILE, base);
	} else if (home && *home == '/') {
		n = snprintf(path, sizeof(path), "%s/.config/" USER_FILE, home);
	} else {
		return 0;
	}
	return (size_t)n < sizeof(path) ? read_if_there(config, path, ret_error) : 0;
}

int config_load(const char *path, bool is_user, struct config *ret_config,
		struct config_error *ret_error)
{
	struct config config;
	int r = 0;

	config_init(&config);
	if (path) {
		r = config_read(&config, path, ret_error);
	} else {
		if (is_user) {
			r = read_users(&config, ret_error);
		}
		if (r == 0) {
			r = read_if_there(&config, MACHINE_FILE, ret_error);
		}
	}
	if (r < 0) {
		config_done(&config);
		return r;
	}
	*ret_config = config;
	return 0;
}
