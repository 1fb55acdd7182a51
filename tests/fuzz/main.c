/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target once over each file that is named, and over each file of the directories
 * that are; over standard input when nothing is. So its corpus is a test without a fuzzer.
 * The bytes lie in a block of their own size: valgrind and the sanitizers see a read behind them.
 */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base.h"
#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

#define READ_BYTES 65536u

static void run_stream(FILE *file, const char *name)
{
	struct frame_buffer bytes = {0};
	size_t n;
	_cleanup_(freep) uint8_t *block = NULL;

	do {
		uint8_t *to = frame_buffer_reserve(&bytes, READ_BYTES);

		require(to);
		n = fread(to, 1, READ_BYTES, file);
		bytes.size += n;
	} while (n);
	if (ferror(file)) {
		(void)fprintf(stderr, "%s: cannot be read\n", name);
		exit(1);
	}
	block = malloc(bytes.size ? bytes.size : 1);
	require(block);
	memcpy(block, bytes.data, bytes.size);
	n = bytes.size;
	frame_buffer_done(&bytes);
	printf("%s: %zu bytes\n", name, n);
	(void)fflush(stdout); /* so that the last name is the one that failed */
	require(LLVMFuzzerTestOneInput(block, n) == 0);
}

static void run_file(const char *path)
{
	FILE *file = fopen(path, "re");

	if (!file) {
		perror(path);
		exit(1);
	}
	run_stream(file, path);
	(void)fclose(file); /* only read */
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static unsigned int run_directory(const char *path)
{
	struct dirent **entries;
	unsigned int n_run = 0;
	int n = scandir(path, &entries, NULL, alphasort);

	if (n < 0) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		_cleanup_(freep) char *file = NULL;

		require(asprintf(&file, "%s/%s", path, entries[i]->d_name) >= 0);
		free(entries[i]);
		if (!is_directory(file)) {
			run_file(file);
			n_run++;
		}
	}
	free(entries);
	return n_run;
}

int main(int argc, char **argv)
{
	unsigned int n_run = 0;

	if (argc < 2) {
		run_stream(stdin, "standard input");
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		if (is_directory(argv[i])) {
			n_run += run_directory(argv[i]);
		} else {
			run_file(argv[i]);
			n_run++;
		}
	}
	printf("%u inputs\n", n_run);
	return n_run ? 0 : 1; /* an empty corpus tests nothing */
}
