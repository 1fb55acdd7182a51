/* SPDX-License-Identifier: MIT */
/*
 * Whether there is a broker is not worth waiting longer for than a moment; a listing that reads
 * thousands of processes, or waits for a disk, is. So the deadline is short until the first answer.
 */
#include "client/rmctl/patience.h"

#define VARIABLE "RSTRTMGR_TIMEOUT_MS"
/* Under a second in all. */
#define LIMIT_MS "900"

static bool is_limited;

int patience_limit(const struct options *options)
{
	if (options->wait || getenv(VARIABLE)) {
		return 0;
	}
	if (setenv(VARIABLE, LIMIT_MS, 0)) {
		return negative_errno();
	}
	is_limited = true;
	return 0;
}

void patience_restore(void)
{
	if (is_limited) {
		(void)unsetenv(VARIABLE); /* fails for bad names only */
		is_limited = false;
	}
}
