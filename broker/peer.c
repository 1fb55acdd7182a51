/* SPDX-License-Identifier: MIT */
/*
 * What a peer may do. The kernel tells its uid and its pidfd; nothing that it says about
 * itself counts. A key opens a session to joiners of the same user; to act as the primary one
 * has to be of the owner's family as well, since a key travels in environments.
 */
#include "broker/peer.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "proto/procfs.h"
#include "proto/status.h"

bool peer_may_connect(int socket_fd)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	return getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 &&
	       credentials.uid == geteuid();
}

bool peer_may_use_system(const struct process *peer)
{
	int proc_fd = peer->table->proc_fd;
	struct procfs_status status;
	uint64_t theirs;
	struct stat ours;

	return procfs_read_status(proc_fd, peer->id.pid, &status) == 0 && status.uid == 0 &&
	       (status.effective_capabilities >> CAP_KILL & 1) &&
	       procfs_read_namespace(proc_fd, peer->id.pid, "user", &theirs) == 0 &&
	       fstatat(proc_fd, "self/ns/user", &ours, 0) == 0 && ours.st_ino == theirs;
}

int peer_may_give(const struct process *peer, const struct process *owner)
{
	if (peer == owner || peer->uid == 0) {
		return 0;
	}
	return peer->uid == owner->uid && process_is_descendant(peer, owner) ? 0
									     : STATUS_ACCESS_DENIED;
}

static bool may_act_for(const struct process *peer, const struct process *owner,
			const struct session *session, const void *key, size_t key_size)
{
	struct session_key given;

	if (peer == owner) {
		return true;
	}
	return session_key_parse(key, key_size, &given) &&
	       session_key_equal(&given, &session->key) &&
	       (peer->uid == 0 || process_is_descendant(peer, owner));
}

int peer_may_lead(const struct process *peer, const struct session *session, const void *key,
		  size_t key_size)
{
	return may_act_for(peer, session->owner, session, key, key_size)
		       ? 0
		       : STATUS_SESSION_CREDENTIAL_CONFLICT;
}

int peer_may_leave(const struct process *peer, const struct join *join, const void *key,
		   size_t key_size)
{
	return may_act_for(peer, join->process, join->session, key, key_size)
		       ? 0
		       : STATUS_SESSION_CREDENTIAL_CONFLICT;
}
