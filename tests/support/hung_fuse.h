/* SPDX-License-Identifier: MIT */
/*
 * A FUSE file system that answers until it is told to be silent, made with /dev/fuse alone. Its
 * root has two files of one page: "file", of zeroes, and "deaf", which can be opened but whose
 * reading is never answered; from its second opening on, mmap(2) waits for that reading. A child of the caller serves it; when that is
 * killed, by PR_SET_PDEATHSIG at the latest, whoever waits for the file system gets ENOTCONN.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define HUNG_FUSE_FILE "file"
#define HUNG_FUSE_DEAF "deaf"

struct hung_fuse {
	pid_t server;	       /* a child */
	atomic_uint *n_unread; /* owned, shared with it: readings that it did not answer */
};

/* Puts the calling process into a mount namespace of its own, from which nothing leaves. false:
 * not permitted. */
bool mounts_unshare(void);

/* Mounts it on an existing directory and returns when it answers. Fails the test when it can't;
 * false: there is no FUSE here, or mounting is not permitted. */
bool hung_fuse_mount(struct hung_fuse *fuse, const char *directory);

/* From here on nothing is answered, ever. Returns when that holds. */
void hung_fuse_hang(struct hung_fuse *fuse);

/* Whether somebody waits for the reading of the deaf file. For testing_wait(). */
bool hung_fuse_has_reader(void *fuse);

/* Ends the server; the mount stays, and answers ENOTCONN. */
void hung_fuse_end(struct hung_fuse *fuse);
