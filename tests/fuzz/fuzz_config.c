/* SPDX-License-Identifier: MIT */
/*
 * A configuration file of any bytes. What is read is within its bounds, and the file can be read
 * over itself; what is wrong is told with a place that the file has.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/config.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "tests/fuzz/fuzz.h"

#define MAX_MS 3600000u

/* A file of these bytes without a directory; its path is /proc's. */
static int make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("config", MFD_CLOEXEC);

	require(fd >= 0);
	while (size) {
		ssize_t n = write(fd, data, size);

		require(n > 0);
		data += n;
		size -= (size_t)n;
	}
	return fd;
}

static bool is_timeout(uint32_t ms)
{
	return ms >= 1 && ms <= MAX_MS;
}

static void check_values(const struct config *config)
{
	require(is_timeout(config->query_ms) && is_timeout(config->end_ms));
	require(is_timeout(config->exit_ms) && is_timeout(config->service_ms));
	require(is_timeout(config->call_ms));
	require(config->restart_on_orphan < _RESTART_ON_ORPHAN_COUNT);
	require(restart_on_orphan_name(config->restart_on_orphan));
	require(config->max_sessions >= 1 && config->max_sessions <= MAX_SESSIONS_ALL);
	for (char **word = config->never_stop; word && *word; word++) {
		require(**word && !strpbrk(*word, " \t\n"));
	}
}

static void check_error(const struct config_error *error, const char *path, const uint8_t *data,
			size_t size)
{
	const uint8_t *end = data + size;
	char start[128];
	int length;

	require(error->line >= 1 && error->column >= 1);
	for (unsigned int line = 1; line < error->line; line++) {
		data = memchr(data, '\n', (size_t)(end - data));
		require(data);
		data++;
	}
	require(data + error->column - 1 <= end);
	require(!memchr(data, '\n', error->column - 1));
	length = snprintf(start, sizeof(start), "%s:%u:%u: ", path, error->line, error->column);
	require(length > 0 && (size_t)length < sizeof(start));
	require(strncmp(error->text, start, (size_t)length) == 0 && error->text[length]);
	require(text_is_clean(error->text, strlen(error->text)));
}

static int read_config(const char *path, struct config *ret_config, struct config_error *ret_error)
{
	memset(ret_error, 0, sizeof(*ret_error));
	config_init(ret_config);
	return config_read(ret_config, path, ret_error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(closep) int fd = make_file(data, size);
	struct config config;
	struct config_error error;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = read_config(path, &config, &error);
	if (r == 0) {
		check_values(&config);
		require(config.path && strcmp(config.path, path) == 0);
		/* A second file is read over the first. */
		require(config_read(&config, path, &error) == 0);
		check_values(&config);
	} else if (r == -EINVAL) {
		check_error(&error, path, data, size);
	} else {
		require(r == -EFBIG && error.line == 0 && error.column == 0 && error.text[0]);
	}
	config_done(&config);
	return 0;
}
