/* SPDX-License-Identifier: MIT */
/*
 * What is known of file systems by the name of their type, each with the reason. The table is for
 * what may be touched and what can be believed; it decides nothing about a file's identity.
 */
#include <string.h>

#include "broker/scan/mount_table.h"

struct type_kind {
	const char *name;
	uint32_t flags;
};

/* What is in none of these rows is taken for a local disk or memory. */
static const struct type_kind types[] = {
	/* Another machine has to answer. */
	{"9p", MOUNT_REMOTE | MOUNT_NO_HANDLE}, /* its inodes are made up when looked up */
	{"acfs", MOUNT_REMOTE},
	{"afs", MOUNT_REMOTE},
	{"auristorfs", MOUNT_REMOTE},
	{"beegfs", MOUNT_REMOTE},
	{"ceph", MOUNT_REMOTE},
	{"cifs", MOUNT_REMOTE},
	{"coda", MOUNT_REMOTE},
	{"gfs", MOUNT_REMOTE}, /* shared disks: another machine may hold the lock of an inode */
	{"gfs2", MOUNT_REMOTE},
	{"glusterfs", MOUNT_REMOTE},
	{"gpfs", MOUNT_REMOTE},
	{"lustre", MOUNT_REMOTE},
	{"ncp", MOUNT_REMOTE},
	{"ncpfs", MOUNT_REMOTE},
	{"nfs", MOUNT_REMOTE},
	{"nfs4", MOUNT_REMOTE},
	{"ocfs2", MOUNT_REMOTE},
	{"orangefs", MOUNT_REMOTE},
	{"panfs", MOUNT_REMOTE},
	{"prl_fs", MOUNT_REMOTE | MOUNT_NO_HANDLE}, /* the host of a virtual machine */
	{"pvfs2", MOUNT_REMOTE},
	{"smb3", MOUNT_REMOTE},
	{"smbfs", MOUNT_REMOTE},
	{"vboxsf", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"vmhgfs", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"wekafs", MOUNT_REMOTE},
	/* A process has to answer, which may hang as well or be stopped. Its numbers for files last
	 * only as long as the kernel remembers them. "fuse.NAME" is one too. */
	{"fuse", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"fuseblk", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	{"virtiofs", MOUNT_REMOTE | MOUNT_NO_HANDLE},
	/* A name in it is a mount to come. */
	{"autofs", MOUNT_AUTOMOUNT},
	/* Devices of stat(2) are those of a subvolume or a layer. A handle is a layer's, so it
	 * changes when the file is copied up while the inode stays. */
	{"btrfs", MOUNT_MAPS_DIFFER},
	{"overlay", MOUNT_OVERLAY | MOUNT_MAPS_DIFFER | MOUNT_NO_HANDLE},
	/* Nothing in these is replaced by anybody. */
	{"bdev", MOUNT_PSEUDO},
	{"binfmt_misc", MOUNT_PSEUDO},
	{"bpf", MOUNT_PSEUDO},
	{"cgroup", MOUNT_PSEUDO},
	{"cgroup2", MOUNT_PSEUDO},
	{"configfs", MOUNT_PSEUDO},
	{"cpuset", MOUNT_PSEUDO},
	{"debugfs", MOUNT_PSEUDO},
	{"devpts", MOUNT_PSEUDO},
	{"efivarfs", MOUNT_PSEUDO},
	{"fusectl", MOUNT_PSEUDO},
	{"mqueue", MOUNT_PSEUDO},
	{"nfsd", MOUNT_PSEUDO},
	{"nsfs", MOUNT_PSEUDO},
	{"proc", MOUNT_PSEUDO},
	{"pstore", MOUNT_PSEUDO},
	{"resctrl", MOUNT_PSEUDO},
	{"rpc_pipefs", MOUNT_PSEUDO},
	{"securityfs", MOUNT_PSEUDO},
	{"selinuxfs", MOUNT_PSEUDO},
	{"smackfs", MOUNT_PSEUDO},
	{"sysfs", MOUNT_PSEUDO},
	{"tracefs", MOUNT_PSEUDO},
};

uint32_t mount_type_flags(const char *type)
{
	if (strncmp(type, "fuse.", strlen("fuse.")) == 0) {
		type = "fuse";
	} else if (strncmp(type, "fuseblk.", strlen("fuseblk.")) == 0) {
		type = "fuseblk";
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, type) == 0) {
			return types[i].flags;
		}
	}
	return 0;
}
