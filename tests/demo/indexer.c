/* SPDX-License-Identifier: MIT */
/* A program that merely has the library open, as a backup or an indexer does. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0) {
		(void)fputs("usage: indexer FILE\n", stderr);
		return 1;
	}
	(void)printf("reading descriptor %d\n", fd);
	(void)fflush(stdout);
	return pause();
}
