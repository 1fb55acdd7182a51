/* SPDX-License-Identifier: MIT */
/* Capabilities by the system calls themselves: nothing else of a library for them is needed. */
#include "broker/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int sets_get(struct sets *sets)
{
	*sets = (struct sets){.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
	return syscall(SYS_capget, &sets->header, sets->data) < 0 ? negative_errno() : 0;
}

static int sets_apply(struct sets *sets)
{
	return syscall(SYS_capset, &sets->header, sets->data) < 0 ? negative_errno() : 0;
}

int privileges_lower(uint64_t kept)
{
	struct sets sets;
	int r = sets_get(&sets);

	if (r < 0) {
		return r;
	}
	sets.data[0].effective &= (uint32_t)kept;
	sets.data[1].effective &= (uint32_t)(kept >> 32);
	return sets_apply(&sets);
}

int privileges_drop(uint64_t kept)
{
	struct sets sets;
	int r = sets_get(&sets);

	if (r < 0) {
		return r;
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0,
		    0); /* fails where there are none */
	for (size_t i = 0; i < ARRAY_SIZE(sets.data); i++) {
		sets.data[i].permitted &= (uint32_t)(kept >> (32 * i));
		sets.data[i].effective = sets.data[i].permitted;
		sets.data[i].inheritable = 0;
	}
	return sets_apply(&sets);
}
