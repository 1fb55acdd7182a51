/* SPDX-License-Identifier: MIT */
/*
 * The neighbour to be compared with: a private dbus-daemon with an open policy, a service and
 * its clients by sd-bus, StartSession(u) -> (us) and EndSession(u).
 *
 * The service does no work but to count, so what is seen is the way there and back alone.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "tests/bench/process.h"
#include "tests/bench/run_dir.h"
#include "tests/bench/subject.h"

#define BUS_NAME "test.Bench"
#define BUS_PATH "/test/Bench"
#define KEY_DIGITS 32

static const char bus_config[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig>\n"
	"  <listen>unix:path=%s</listen>\n"
	"  <auth>EXTERNAL</auth>\n"
	"  <policy context=\"default\">\n"
	"    <allow own=\"*\"/>\n"
	"    <allow send_destination=\"*\"/>\n"
	"    <allow receive_sender=\"*\"/>\n"
	"  </policy>\n"
	"</busconfig>\n";

struct dbus_client {
	sd_bus *bus; /* owned */
	uint32_t session;
};

static void check(int r, const char *what)
{
	if (r < 0) {
		die("D-Bus: %s: %s", what, strerror(-r));
	}
}

static sd_bus *connect_bus(void)
{
	char path[RUN_PATH_BYTES], address[RUN_PATH_BYTES + 16];
	sd_bus *bus = NULL;

	(void)snprintf(address, sizeof(address), "unix:path=%s", run_dir_path("bus.sock", path));
	check(sd_bus_new(&bus), "new");
	check(sd_bus_set_address(bus, address), "address");
	check(sd_bus_set_bus_client(bus, true), "bus client");
	check(sd_bus_start(bus), "connect");
	return bus;
}

/* ---- the service ---------------------------------------------------------------------------- */

static int on_start_session(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	static uint32_t last;
	char key[KEY_DIGITS + 1];
	uint32_t flags;
	int r;

	(void)userdata;
	(void)error;
	r = sd_bus_message_read(call, "u", &flags);
	if (r < 0) {
		return r;
	}
	last++;
	(void)snprintf(key, sizeof(key), "%032x", last);
	return sd_bus_reply_method_return(call, "us", last, key);
}

static int on_end_session(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	uint32_t session;
	int r;

	(void)userdata;
	(void)error;
	r = sd_bus_message_read(call, "u", &session);
	if (r < 0) {
		return r;
	}
	return sd_bus_reply_method_return(call, "");
}

static const sd_bus_vtable service_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("StartSession", "u", "us", on_start_session, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("EndSession", "u", "", on_end_session, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static _Noreturn void serve(int ready_fd)
{
	sd_bus *bus = connect_bus();
	int r;

	check(sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_NAME, service_vtable, NULL),
	      "object");
	check(sd_bus_request_name(bus, BUS_NAME, 0), "name");
	if (write(ready_fd, "r", 1) != 1) {
		die_errno("D-Bus: ready");
	}
	for (;;) {
		r = sd_bus_process(bus, NULL);
		check(r, "process");
		if (r == 0) {
			check(sd_bus_wait(bus, UINT64_MAX), "wait");
		}
	}
}

/* ---- its servers ---------------------------------------------------------------------------- */

static void write_config(void)
{
	char path[RUN_PATH_BYTES];
	FILE *file = fopen(run_dir_path("bus.conf", path), "we");

	if (!file || fprintf(file, bus_config, run_dir_path("bus.sock", path)) < 0 ||
	    fclose(file) != 0) {
		die_errno("writing the configuration of dbus-daemon");
	}
}

/* Waits until a server says something, or has ended without. */
static void wait_ready(int fd, const char *program)
{
	char byte;

	if (read(fd, &byte, 1) != 1) {
		process_show_log(program);
		die("%s did not start", program);
	}
	(void)close(fd);
}

static void start_daemon(void)
{
	char path[RUN_PATH_BYTES], config[RUN_PATH_BYTES + 16];
	const char *const argv[] = {"dbus-daemon",     config, "--nofork", "--nopidfile",
				    "--print-address", NULL};
	int ready[2];

	write_config();
	(void)snprintf(config, sizeof(config), "--config-file=%s", run_dir_path("bus.conf", path));
	if (pipe2(ready, O_CLOEXEC) < 0) {
		die_errno("pipe");
	}
	server_add(process_start(argv, ready[1], -1));
	(void)close(ready[1]);
	wait_ready(ready[0], argv[0]); /* it prints its address once it listens */
}

static void dbus_start_servers(void)
{
	int ready[2];
	pid_t pid;

	start_daemon();
	if (pipe2(ready, O_CLOEXEC) < 0) {
		die_errno("pipe");
	}
	pid = process_fork();
	if (pid == 0) {
		serve(ready[1]);
	}
	server_add(pid);
	(void)close(ready[1]);
	wait_ready(ready[0], "the D-Bus service");
}

/* ---- a client ------------------------------------------------------------------------------- */

static void *dbus_open(void)
{
	struct dbus_client *client = calloc(1, sizeof(*client));

	if (!client) {
		die("no memory");
	}
	client->bus = connect_bus();
	return client;
}

static void dbus_start(void *arg)
{
	struct dbus_client *client = arg;
	sd_bus_message *reply = NULL;
	const char *key = NULL;

	check(sd_bus_call_method(client->bus, BUS_NAME, BUS_PATH, BUS_NAME, "StartSession", NULL,
				 &reply, "u", 0),
	      "StartSession");
	check(sd_bus_message_read(reply, "us", &client->session, &key), "reply");
	if (strlen(key) != KEY_DIGITS) {
		die("D-Bus: wrong reply");
	}
	(void)sd_bus_message_unref(reply);
}

static void dbus_end(void *arg)
{
	struct dbus_client *client = arg;
	sd_bus_message *reply = NULL;

	check(sd_bus_call_method(client->bus, BUS_NAME, BUS_PATH, BUS_NAME, "EndSession", NULL,
				 &reply, "u", client->session),
	      "EndSession");
	(void)sd_bus_message_unref(reply);
}

static void dbus_close(void *arg)
{
	struct dbus_client *client = arg;

	(void)sd_bus_flush_close_unref(client->bus);
	free(client);
}

const struct subject subject_dbus = {
	.name = "dbus",
	.start_servers = dbus_start_servers,
	.open = dbus_open,
	.start = dbus_start,
	.end = dbus_end,
	.close = dbus_close,
};
