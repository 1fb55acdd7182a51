/* SPDX-License-Identifier: MIT */
/*
 * The configuration, read by inih. It gets its lines from here, so that the line of an error is
 * known and no line is longer than its buffer (it would take the rest for a line of its own);
 * the column is found by looking the offending word up in that line again. A file is all right
 * or refused: a misspelt key would otherwise be a rule that silently does not hold.
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

#include "broker/config_keys.h"
#include "broker/ini_lines.h"
#include "proto/limits.h"
#include "proto/text.h"

#define MACHINE_FILE "/etc/rstrtmgr/rmbrokerd.conf"
#define USER_FILE "rstrtmgr/rmbrokerd.conf" /* below $XDG_CONFIG_HOME */
#define MAX_FILE_BYTES (1024 * 1024)

struct reader {
	struct config *config;
	struct ini_lines lines;
	struct config_error *error;
	const char *path;
	/* what is wrong in this last line */
	bool is_wrong;
	bool is_out_of_memory;
	bool is_section;  /* not in it, but in the header above */
	const char *name; /* the key whose value `word` is, or NULL */
	char word[128];
	char why[256];
};

/* Unknown keys and sections get the names that would be right. */
static void list_names(const char *section, char *ret_text, size_t size)
{
	size_t used = 0;
	const char *last = "";

	ret_text[0] = '\0';
	for (size_t i = 0; i < config_n_keys && used < size; i++) {
		const char *name = section ? config_keys[i].name : config_keys[i].section;

		if ((section && strcmp(config_keys[i].section, section) != 0) ||
		    strcmp(name, last) == 0) {
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
	for (size_t i = 0; i < config_n_keys; i++) {
		if (strcmp(config_keys[i].section, section) == 0) {
			return true;
		}
	}
	return false;
}

/* `key` has no field for this value, or there is no memory for it. */
static int refuse_value(struct reader *reader, const struct config_key *key, const char *value,
			int error)
{
	if (error == -ENOMEM) {
		reader->is_out_of_memory = true;
	}
	reader->name = *value ? key->name : NULL;
	return refuse(reader, *value ? value : key->name, "this value is not possible",
		      key->expected);
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	char names[200];

	for (size_t i = 0; i < config_n_keys; i++) {
		if (strcmp(config_keys[i].section, section) == 0 &&
		    strcmp(config_keys[i].name, name) == 0) {
			void *field = (char *)reader->config + config_keys[i].offset;
			int r = config_keys[i].parse(value, field);

			return r == 0 ? 1 : refuse_value(reader, &config_keys[i], value, r);
		}
	}
	reader->is_section = !is_section(section);
	list_names(reader->is_section ? NULL : section, names, sizeof(names));
	return reader->is_section ? refuse(reader, section, "this section is unknown", names)
				  : refuse(reader, name, "this key is unknown", names);
}

/* inih's reader of lines. It stops at the first error, which is the one to tell. */
static char *next_line(char *ret_line, int size, void *stream)
{
	struct reader *reader = stream;
	char *line = reader->is_wrong ? NULL : ini_lines_next(&reader->lines, ret_line, size);

	if (!reader->is_wrong && reader->lines.is_too_long) {
		(void)refuse(reader, "", "this line is too long", "at most 199 bytes");
	}
	return line;
}

/* Where `word` stands in line number `line` of the text, counted in bytes from 1. It is the value
 * of the key `name`, unless that is NULL: then it stands behind the key, or alone in a line that
 * goes on with the value. */
static unsigned int find_column(const char *text, unsigned int line, const char *word,
				const char *name)
{
	const char *start;
	const char *end;
	const char *found = NULL;

	while (--line) {
		text = strchr(text, '\n') + 1;
	}
	start = text + strspn(text, " \t");
	end = strchrnul(text, '\n');
	if (name && strncmp(start, name, strlen(name)) == 0) {
		found = start + strlen(name);
		found += strspn(found, " \t");
		found = *found == '=' || *found == ':' ? strstr(found + 1, word) : NULL;
	}
	if (*word && (!found || found >= end)) {
		found = strstr(start, word);
	}
	return (unsigned int)((found && found < end ? found : start) - text) + 1;
}

/* `line` is the first that inih could not read, or 0. */
static int describe(struct reader *reader, unsigned int line)
{
	struct config_error *error = reader->error;
	char clean[sizeof(reader->why)];

	if (!reader->is_wrong || (line && line < reader->lines.line)) {
		reader->word[0] = '\0';
		reader->name = NULL;
		(void)snprintf(reader->why, sizeof(reader->why),
			       "this line is neither a [Section] nor Key=value");
	} else {
		line = reader->is_section && reader->lines.section_line ? reader->lines.section_line
									: reader->lines.line;
	}
	error->line = line;
	error->column = find_column(reader->lines.text, line, reader->word, reader->name);
	(void)text_clean(reader->why, strlen(reader->why), clean, sizeof(clean));
	(void)snprintf(error->text, sizeof(error->text), "%.200s:%u:%u: %s", reader->path, line,
		       error->column, clean);
	return -EINVAL;
}

/* inih ends at a NUL, so the lines behind it would not be read. */
static int refuse_nul(struct reader *reader)
{
	struct config_error *error = reader->error;
	const char *line = reader->lines.text;

	for (error->line = 1; strchr(line, '\n'); error->line++) {
		line = strchr(line, '\n') + 1;
	}
	error->column = (unsigned int)strlen(line) + 1;
	(void)snprintf(error->text, sizeof(error->text), "%.200s:%u:%u: %s", reader->path,
		       error->line, error->column, "a NUL byte; expected text");
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

/* There is no line to blame. */
static int refuse_file(const char *path, int error, struct config_error *ret_error)
{
	(void)snprintf(ret_error->text, sizeof(ret_error->text), "%.200s: %s", path,
		       strerror(-error));
	ret_error->line = ret_error->column = 0;
	return error;
}

int config_read(struct config *config, const char *path, struct config_error *ret_error)
{
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	struct reader reader = {.config = config, .error = ret_error, .path = path};
	int r;

	r = read_file(path, &text, &size);
	if (r == 0 && !text) {
		r = -ENOMEM;
	}
	if (r < 0) {
		return refuse_file(path, r, ret_error);
	}
	reader.lines = (struct ini_lines){.text = text, .rest = text};
	if (strlen(text) != size) {
		return refuse_nul(&reader);
	}
	r = ini_parse_stream(next_line, &reader, on_pair, &reader);
	if (r < 0 || reader.is_out_of_memory) {
		return refuse_file(path, -ENOMEM, ret_error);
	}
	if (r > 0 || reader.is_wrong) {
		return describe(&reader, (unsigned int)r);
	}
	r = remember_path(config, path);
	return r < 0 ? refuse_file(path, r, ret_error) : 0;
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
	config_free_words(TAKE_PTR(config->never_stop));
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
