/* SPDX-License-Identifier: MIT */
/* Capabilities by the system calls themselves: nothing else of a library for them is needed. */
#include "broker/privileges.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>

#define KEPT ((uint32_t)1 << CAP_KILL | (uint32_t)1 << CAP_SYS_PTRACE)

int privileges_lower(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0) {
		return negative_errno();
	}
	data[0].effective &= KEPT;
	data[1].effective = 0;
	return syscall(SYS_capset, &header, data) < 0 ? negative_errno() : 0;
}
