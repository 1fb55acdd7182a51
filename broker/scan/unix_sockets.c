/* SPDX-License-Identifier: MIT */
/*
 * The kernel's dump of Unix sockets (NETLINK_SOCK_DIAG). A client of a display server has no name
 * of its own, so it is found from the other end: each accepted socket has the server's name and
 * the client as its peer, and the one that listens knows who waits.
 *
 * Anybody may bind a name that looks like a display's; it makes their own program a display
 * server and is of no use to anybody else.
 */
#include "broker/scan/unix_sockets.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define MAX_NAME_LENGTH sizeof(((struct sockaddr_un *)NULL)->sun_path)
#define MAX_SOCKETS (1024u * 1024u)
#define RECEIVE_BYTES (32 * 1024)
#define RECEIVE_TIMEOUT_S 2
#define MAX_ATTEMPTS 3 /* of a dump that the kernel calls inconsistent */

/* An abstract name has '@' for its NUL. */
static const struct {
	const char *pattern;
	uint32_t role;
} names[] = {
	{"*/.X11-unix/X[0-9]*", SOCKET_DISPLAY_SERVER},
	{"*/wayland-[0-9]*", SOCKET_DISPLAY_SERVER},
	{"/run/dbus/system_bus_socket", SOCKET_BUS_SERVER},
	{"/var/run/dbus/system_bus_socket", SOCKET_BUS_SERVER},
	{"/run/user/[0-9]*/bus", SOCKET_BUS_SERVER},
	{"/run/user/[0-9]*/at-spi/bus*", SOCKET_BUS_SERVER},
	{"/tmp/dbus-*", SOCKET_BUS_SERVER},
	{"@/tmp/dbus-*", SOCKET_BUS_SERVER},
	{"*/ssh-*/agent.*", SOCKET_AGENT_SERVER},
	{"*/.ssh/agent/*", SOCKET_AGENT_SERVER},
	{"*/S.gpg-agent*", SOCKET_AGENT_SERVER},
	{"/run/user/[0-9]*/ssh-agent*", SOCKET_AGENT_SERVER},
	{"/run/user/[0-9]*/openssh_agent", SOCKET_AGENT_SERVER},
	{"/run/user/[0-9]*/keyring/*", SOCKET_AGENT_SERVER},
	{"/run/user/[0-9]*/gcr/ssh", SOCKET_AGENT_SERVER},
};

uint32_t unix_sockets_role_of_name(const char *name, size_t size)
{
	char text[MAX_NAME_LENGTH + 1];

	if (size == 0 || size > MAX_NAME_LENGTH) {
		return 0;
	}
	memcpy(text, name, size);
	text[size] = '\0';
	if (text[0] == '\0') {
		text[0] = '@';
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (fnmatch(names[i].pattern, text, 0) == 0) {
			return names[i].role;
		}
	}
	return 0;
}

static int add_socket(struct unix_sockets *sockets, uint32_t inode, uint32_t role)
{
	if (sockets->n_sockets == sockets->n_allocated) {
		size_t n = sockets->n_allocated ? sockets->n_allocated * 2 : 64;
		struct unix_socket *grown;

		if (n > MAX_SOCKETS) {
			return -ENOBUFS;
		}
		grown = reallocarray(sockets->sockets, n, sizeof(*grown));
		if (!grown) {
			return -ENOMEM;
		}
		sockets->sockets = grown;
		sockets->n_allocated = n;
	}
	sockets->sockets[sockets->n_sockets++] = (struct unix_socket){inode, role};
	return 0;
}

/* What one message says of a socket. */
struct description {
	uint32_t role;
	uint32_t peer;
	const char *waiting; /* inodes of those that it has not accepted yet */
	size_t n_waiting;
};

static void read_attribute(uint16_t type, const char *bytes, size_t size,
			   struct description *description)
{
	if (type == UNIX_DIAG_NAME) {
		description->role = unix_sockets_role_of_name(bytes, size);
	} else if (type == UNIX_DIAG_PEER && size == sizeof(description->peer)) {
		memcpy(&description->peer, bytes, sizeof(description->peer));
	} else if (type == UNIX_DIAG_ICONS) {
		description->waiting = bytes;
		description->n_waiting = size / sizeof(uint32_t);
	}
}

static int add_described(struct unix_sockets *sockets, uint32_t inode,
			 const struct description *description)
{
	int r = description->role ? add_socket(sockets, inode, description->role) : 0;

	if (description->role != SOCKET_DISPLAY_SERVER) {
		return r;
	}
	if (r == 0 && description->peer) {
		r = add_socket(sockets, description->peer, SOCKET_DISPLAY_CLIENT);
	}
	for (size_t i = 0; r == 0 && i < description->n_waiting; i++) {
		uint32_t client;

		memcpy(&client, description->waiting + i * sizeof(client), sizeof(client));
		r = client ? add_socket(sockets, client, SOCKET_DISPLAY_CLIENT) : 0;
	}
	return r;
}

int unix_sockets_add_message(struct unix_sockets *sockets, const void *payload, size_t size)
{
	const char *at = payload;
	struct description description = {0};
	struct unix_diag_msg message;
	size_t length = NLMSG_ALIGN(sizeof(message));

	if (size < sizeof(message)) {
		return -EBADMSG;
	}
	memcpy(&message, at, sizeof(message));
	for (;;) {
		struct nlattr attribute;

		length = length < size ? length : size;
		at += length;
		size -= length;
		if (size < sizeof(attribute)) {
			return add_described(sockets, message.udiag_ino, &description);
		}
		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > size) {
			return -EBADMSG;
		}
		read_attribute(attribute.nla_type, at + sizeof(attribute),
			       attribute.nla_len - sizeof(attribute), &description);
		length = NLA_ALIGN(attribute.nla_len);
	}
}

static int compare_sockets(const void *left, const void *right)
{
	const struct unix_socket *a = left;
	const struct unix_socket *b = right;

	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

void unix_sockets_sort(struct unix_sockets *sockets)
{
	size_t kept = 0;

	if (!sockets->n_sockets) {
		return;
	}
	qsort(sockets->sockets, sockets->n_sockets, sizeof(*sockets->sockets), compare_sockets);
	for (size_t i = 1; i < sockets->n_sockets; i++) {
		if (sockets->sockets[i].inode == sockets->sockets[kept].inode) {
			sockets->sockets[kept].roles |= sockets->sockets[i].roles;
		} else {
			sockets->sockets[++kept] = sockets->sockets[i];
		}
	}
	sockets->n_sockets = kept + 1;
}

uint32_t unix_sockets_find(const struct unix_sockets *sockets, uint64_t inode)
{
	struct unix_socket key = {.inode = (uint32_t)inode};
	const struct unix_socket *found;

	if (inode > UINT32_MAX || !sockets->n_sockets) {
		return 0;
	}
	found = bsearch(&key, sockets->sockets, sockets->n_sockets, sizeof(key), compare_sockets);
	return found ? found->roles : 0;
}

static int send_request(int fd)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = AF_UNIX,
			    .udiag_states = UINT32_MAX,
			    .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS},
	};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	return sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&kernel,
		      sizeof(kernel)) < 0
		       ? negative_errno()
		       : 0;
}

/* 1 when the dump has ended. */
static int take_messages(struct unix_sockets *sockets, const char *bytes, size_t size,
			 bool *is_inconsistent)
{
	while (size >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr header;
		size_t length;
		int r = 0;

		memcpy(&header, bytes, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size) {
			return -EBADMSG;
		}
		*is_inconsistent |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		length = header.nlmsg_len - sizeof(header);
		if (header.nlmsg_type == NLMSG_DONE) {
			return 1;
		}
		if (header.nlmsg_type == NLMSG_ERROR) {
			struct nlmsgerr error = {.error = -EPROTO};

			memcpy(&error, bytes + sizeof(header),
			       length < sizeof(error) ? length : sizeof(error));
			return error.error < 0 ? error.error : -EPROTO;
		}
		if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
			r = unix_sockets_add_message(sockets, bytes + sizeof(header), length);
		}
		if (r < 0) {
			return r;
		}
		length = NLMSG_ALIGN(header.nlmsg_len);
		length = length < size ? length : size;
		bytes += length;
		size -= length;
	}
	return 0;
}

static int dump(int fd, struct unix_sockets *sockets, bool *ret_inconsistent)
{
	_cleanup_(freep) char *bytes = malloc(RECEIVE_BYTES);
	int r = bytes ? send_request(fd) : -ENOMEM;

	*ret_inconsistent = false;
	while (r == 0) {
		struct sockaddr_nl from = {0};
		socklen_t from_size = sizeof(from);
		ssize_t n =
			recvfrom(fd, bytes, RECEIVE_BYTES, 0, (struct sockaddr *)&from, &from_size);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? negative_errno() : -EPROTO;
		}
		if (from.nl_pid != 0) {
			continue; /* not from the kernel */
		}
		r = take_messages(sockets, bytes, (size_t)n, ret_inconsistent);
	}
	return r < 0 ? r : 0;
}

int unix_sockets_read(struct unix_sockets *ret_sockets)
{
	struct timeval timeout = {.tv_sec = RECEIVE_TIMEOUT_S};
	struct unix_sockets sockets = {0};
	_cleanup_(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	bool is_inconsistent = true;
	int r = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		return negative_errno();
	}
	for (int i = 0; r == 0 && is_inconsistent && i < MAX_ATTEMPTS; i++) {
		sockets.n_sockets = 0;
		r = dump(fd, &sockets, &is_inconsistent);
	}
	if (r < 0) {
		unix_sockets_done(&sockets);
		return r;
	}
	unix_sockets_sort(&sockets);
	*ret_sockets = sockets;
	return 0;
}

void unix_sockets_done(struct unix_sockets *sockets)
{
	free(TAKE_PTR(sockets->sockets));
	sockets->n_sockets = sockets->n_allocated = 0;
}
