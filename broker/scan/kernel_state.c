/* SPDX-License-Identifier: MIT */
/*
 * Kernels. The newest release by version order among the images of the running one's sort counts as
 * what the next boot takes. An update may keep the release and change the build (Debian's ABI names): the image of
 * the running release then tells another "#1 SMP …" than uname(2).
 */
#include "broker/scan/kernel_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "proto/text.h"

/* The boot protocol's header: "HdrS" at 0x202, kernel_version at 0x20E, counted from 0x200. */
#define MAGIC_OFFSET 0x202u
#define VERSION_OFFSET 0x20Eu
#define VERSION_BASE 0x200u
#define IMAGE_HEAD_BYTES 65536u

const char *kernel_state_find_version(const uint8_t *image, size_t size)
{
	size_t at;

	if (size < VERSION_OFFSET + 2 || memcmp(image + MAGIC_OFFSET, "HdrS", 4) != 0) {
		return NULL;
	}
	at = VERSION_BASE + image[VERSION_OFFSET] + 256u * image[VERSION_OFFSET + 1];
	if (at == VERSION_BASE || at >= size || !memchr(image + at, '\0', size - at)) {
		return NULL;
	}
	return (const char *)image + at;
}

static const char *release_of_image(const char *name)
{
	static const char *const prefixes[] = {"vmlinuz-", "vmlinux-", "kernel-", "Image-"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], n) == 0 && name[n] >= '0' && name[n] <= '9') {
			return name + n;
		}
	}
	return NULL;
}

/* Whether the image of the running release is another build. */
static bool is_other_build(int boot_fd, const char *name, const char *build)
{
	_cleanup_(freep) uint8_t *head = malloc(IMAGE_HEAD_BYTES);
	_cleanup_(closep) int fd =
		openat(boot_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *version;
	ssize_t n;

	if (!head || fd < 0) {
		return false;
	}
	n = read(fd, head, IMAGE_HEAD_BYTES);
	version = n > 0 ? kernel_state_find_version(head, (size_t)n) : NULL;
	return version && !strstr(version, build);
}

static void closedirp(DIR **directory)
{
	if (*directory) {
		(void)closedir(*directory);
	}
}

/* A build for other purposes stands beside, not behind: "6.1.0-18-rt-amd64" does not make
 * "6.1.0-18-amd64" out of date. What tells them apart are the parts that begin with a letter,
 * without the numbers at their end ("arch1", "arch2"). */
static const char *next_part(const char *release, size_t *ret_length)
{
	while ((release = strchr(release, '-'))) {
		release++;
		if ((*release | 0x20) >= 'a' && (*release | 0x20) <= 'z') {
			*ret_length = strcspn(release, "-.");
			while (release[*ret_length - 1] >= '0' && release[*ret_length - 1] <= '9') {
				(*ret_length)--;
			}
			return release;
		}
	}
	return NULL;
}

bool kernel_state_is_same_sort(const char *a, const char *b)
{
	size_t n;
	size_t m;

	for (;;) {
		a = next_part(a, &n);
		b = next_part(b, &m);
		if (!a || !b) {
			return a == b;
		}
		if (n != m || memcmp(a, b, n) != 0) {
			return false;
		}
	}
}

static void look_at_image(int boot_fd, const char *name, const struct utsname *names, char *newest,
			  size_t size, bool *is_stale)
{
	const char *release = release_of_image(name);

	if (!release || strlen(release) >= size || strstr(release, ".dpkg-") ||
	    strstr(release, "rescue") || !kernel_state_is_same_sort(release, names->release)) {
		return;
	}
	if (!*newest || strverscmp(release, newest) > 0) {
		(void)strcpy(newest, release);
	}
	if (strcmp(release, names->release) == 0) {
		*is_stale |= is_other_build(boot_fd, name, names->version);
	}
}

void kernel_state_read(const char *boot, struct kernel_state *ret_state)
{
	_cleanup_(closedirp) DIR *directory = opendir(boot);
	struct utsname names;
	char newest[sizeof(ret_state->installed)] = "";
	const struct dirent *entry;

	*ret_state = (struct kernel_state){0};
	if (uname(&names) < 0) {
		return;
	}
	while (directory && (entry = readdir(directory))) {
		look_at_image(dirfd(directory), entry->d_name, &names, newest, sizeof(newest),
			      &ret_state->is_stale);
	}
	ret_state->is_stale |= *newest && strverscmp(newest, names.release) > 0;
	(void)text_clean(names.release, strlen(names.release), ret_state->running,
			 sizeof(ret_state->running));
	(void)text_clean(newest, strlen(newest), ret_state->installed,
			 sizeof(ret_state->installed));
}
