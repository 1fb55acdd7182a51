/* SPDX-License-Identifier: MIT */
/* Names of display servers, buses and agents, and the kernel's messages about sockets: pure. The
 * real dump is in test_machine_facts. */
#include <check.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>

#include "broker/scan/unix_sockets.h"
#include "tests/unit/fixture.h"

START_TEST(test_names)
{
	static const struct {
		const char *name;
		size_t size; /* 0: of the text */
		uint32_t role;
	} rows[] = {
		{"/tmp/.X11-unix/X0", 0, SOCKET_DISPLAY_SERVER},
		{"\0/tmp/.X11-unix/X12", 20, SOCKET_DISPLAY_SERVER},
		{"/run/user/1000/wayland-0", 0, SOCKET_DISPLAY_SERVER},
		{"/run/user/1000/wayland-0\0", 25, SOCKET_DISPLAY_SERVER},
		{"/run/user/1000/bus", 0, SOCKET_BUS_SERVER},
		{"/run/dbus/system_bus_socket", 0, SOCKET_BUS_SERVER},
		{"\0/tmp/dbus-AbC", 14, SOCKET_BUS_SERVER},
		{"/tmp/ssh-XXXX/agent.123", 0, SOCKET_AGENT_SERVER},
		{"/run/user/1000/gnupg/S.gpg-agent.ssh", 0, SOCKET_AGENT_SERVER},
		{"/run/user/1000/keyring/control", 0, SOCKET_AGENT_SERVER},
		{"/tmp/.X11-unix/Xorg", 0, 0},
		{"/tmp/bus", 0, 0},
		{"/run/user/x/bus", 0, 0},
		{"wayland-0", 0, 0},
		{"\0", 1, 0},
		{"", 0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t size = rows[i].size ? rows[i].size : strlen(rows[i].name);

		ck_assert_uint_eq(unix_sockets_role_of_name(rows[i].name, size), rows[i].role);
	}
	ck_assert_uint_eq(unix_sockets_role_of_name("/tmp/.X11-unix/X0", 109), 0);
}
END_TEST

/* A message as the kernel builds it. */
struct message {
	char bytes[512];
	size_t size;
};

static void begin(struct message *message, uint32_t inode)
{
	struct unix_diag_msg head = {.udiag_family = 1, .udiag_ino = inode};

	memcpy(message->bytes, &head, sizeof(head));
	message->size = NLMSG_ALIGN(sizeof(head));
}

static void add(struct message *message, uint16_t type, const void *bytes, size_t size)
{
	struct nlattr attribute = {(uint16_t)(sizeof(attribute) + size), type};

	memcpy(message->bytes + message->size, &attribute, sizeof(attribute));
	memcpy(message->bytes + message->size + sizeof(attribute), bytes, size);
	message->size += NLA_ALIGN(sizeof(attribute) + size);
}

START_TEST(test_messages)
{
	struct unix_sockets sockets = {0};
	struct message message;
	uint32_t peer = 77;
	uint32_t waiting[2] = {80, 81};

	begin(&message, 5); /* listens */
	add(&message, UNIX_DIAG_NAME, "/tmp/.X11-unix/X0", 17);
	add(&message, UNIX_DIAG_ICONS, waiting, sizeof(waiting));
	ck_assert_int_eq(unix_sockets_add_message(&sockets, message.bytes, message.size), 0);
	begin(&message, 6); /* was accepted */
	add(&message, UNIX_DIAG_PEER, &peer, sizeof(peer));
	add(&message, UNIX_DIAG_NAME, "/tmp/.X11-unix/X0", 17);
	ck_assert_int_eq(unix_sockets_add_message(&sockets, message.bytes, message.size), 0);
	begin(&message, 77); /* the client: no name */
	add(&message, UNIX_DIAG_PEER, &peer, sizeof(peer));
	ck_assert_int_eq(unix_sockets_add_message(&sockets, message.bytes, message.size), 0);
	begin(&message, 77); /* which is a bus as well */
	add(&message, UNIX_DIAG_NAME, "/run/user/1/bus", 15);
	ck_assert_int_eq(unix_sockets_add_message(&sockets, message.bytes, message.size), 0);
	unix_sockets_sort(&sockets);
	ck_assert_uint_eq(sockets.n_sockets, 5);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 5), SOCKET_DISPLAY_SERVER);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 6), SOCKET_DISPLAY_SERVER);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 77),
			  SOCKET_DISPLAY_CLIENT | SOCKET_BUS_SERVER);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 80), SOCKET_DISPLAY_CLIENT);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 81), SOCKET_DISPLAY_CLIENT);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 78), 0);
	ck_assert_uint_eq(unix_sockets_find(&sockets, UINT64_C(0x100000005)), 0);
	unix_sockets_done(&sockets);
	ck_assert_uint_eq(unix_sockets_find(&sockets, 5), 0);
	unix_sockets_sort(&sockets);
}
END_TEST

START_TEST(test_bad_messages)
{
	struct random random = {.state = (uint64_t)_i};
	struct unix_sockets sockets = {0};
	struct message message;
	struct nlattr attribute = {200, UNIX_DIAG_NAME};
	uint8_t bytes[64] = {0};

	ck_assert_int_eq(unix_sockets_add_message(&sockets, bytes, 3), -EBADMSG);
	begin(&message, 5);
	add(&message, UNIX_DIAG_NAME, "x", 1);
	memcpy(message.bytes + message.size, &attribute, sizeof(attribute)); /* beyond the end */
	ck_assert_int_eq(unix_sockets_add_message(&sockets, message.bytes, message.size + 4),
			 -EBADMSG);
	attribute.nla_len = 3;
	memcpy(message.bytes + message.size, &attribute, sizeof(attribute));
	ck_assert_int_eq(unix_sockets_add_message(&sockets, message.bytes, message.size + 4),
			 -EBADMSG);
	random_fill(&random, bytes, sizeof(bytes));
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		uint8_t *copy = malloc(size + 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, bytes, size);
		(void)!unix_sockets_add_message(&sockets, copy, size);
		free(copy);
	}
	unix_sockets_done(&sockets);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unix_sockets");
	TCase *tcase = fixture_case(suite, "unix_sockets");

	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_messages);
	tcase_add_loop_test(tcase, test_bad_messages, 0, 20);
	return fixture_run(suite);
}
