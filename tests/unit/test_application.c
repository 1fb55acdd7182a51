/* SPDX-License-Identifier: MIT */
/* The rules of classification, one row each: type, reasons, way, and the rule that is told. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/scan/application.h"
#include "broker/scan/login.h"
#include "tests/unit/fixture.h"

#define TERM (UINT64_C(1) << (SIGTERM - 1))
#define USER "0::/user.slice/user-1000.slice/user@1000.service/"
#define LOGIN "0::/user.slice/user-1000.slice/session-3.scope\n"
#define SYSTEM "0::/system.slice/"
#define ALL                                                                                        \
	(FACT_STATUS | FACT_EXE | FACT_CMDLINE | FACT_CGROUP | FACT_NAMESPACES | FACT_ROOT |       \
	 FACT_SIGNAL)
#define OWN 1000

/* A process as it is in most rows: own, signalable, of a login, with nothing special. */
struct row {
	const char *cgroup;
	uint32_t known; /* less these */
	uint32_t is;	/* enum machine_property */
	uint32_t unknown;
	uint64_t caught;
	uint32_t terminal;
	pid_t pid; /* 0: 500 */
	pid_t session;
	pid_t tracer;
	uid_t uid;	/* 0: own; 1: root */
	bool is_setuid; /* its effective one is root's */
	const char *argv0;
	const char *exe;
	uint64_t mount_namespace; /* 0: own */
	uint64_t root_inode;	  /* 0: own */
	bool denied;
	bool no_view;
	bool is_system; /* the machine's broker asks */
	enum self_relation self;
	const char *policy_file;
	bool policy_critical;
	/* expected */
	enum application_type type;
	uint32_t reasons;
	enum application_way way;
	const char *why;
};

#define UNKNOWN .type = APPLICATION_UNKNOWN, .way = WAY_FORCE
#define CRITICAL(bits) .type = APPLICATION_CRITICAL, .way = WAY_NEVER, .reasons = (bits)
#define SERVICE .type = APPLICATION_SERVICE, .way = WAY_MANAGER
#define ENDED .type = APPLICATION_OTHER_WINDOW, .way = WAY_SIGTERM

static const struct row rows[] = {
	/* Programs of a login. */
	{.cgroup = LOGIN, .caught = TERM, ENDED, .why = "neither window nor terminal"},
	{.cgroup = LOGIN, UNKNOWN, .why = "cannot be asked: it does not catch SIGTERM"},
	{.cgroup = LOGIN,
	 .caught = TERM,
	 .is = MACHINE_DISPLAY_CLIENT,
	 UNKNOWN,
	 .why = "cannot be asked: it has a connection to the display"},
	{.cgroup = LOGIN,
	 .caught = TERM,
	 .terminal = 34819,
	 UNKNOWN,
	 .why = "cannot be asked: it has a terminal"},
	{.cgroup = LOGIN,
	 .caught = TERM,
	 .unknown = MACHINE_DISPLAY_CLIENT,
	 UNKNOWN,
	 .why = "whether it has a window is not known"},
	{.cgroup = LOGIN, .caught = TERM, .no_view = true, UNKNOWN, .why = "is not known"},
	{.cgroup = LOGIN, .caught = TERM, .known = FACT_STATUS, UNKNOWN, .why = "is not known"},
	{.known = ALL, UNKNOWN, .why = "is not known"},
	{.cgroup = USER "app.slice/app-flatpak-org.x.Y-1.scope\n",
	 .caught = TERM,
	 UNKNOWN,
	 .why = "flatpak"},
	{.cgroup = USER "app.slice/app-gnome-org.x.Y-1.scope\n",
	 .caught = TERM,
	 ENDED,
	 .why = "catches SIGTERM"},
	{.cgroup = USER "app.slice/app-x@autostart.service\n",
	 .is = MACHINE_DISPLAY_CLIENT,
	 .caught = TERM,
	 UNKNOWN,
	 .why = "display"},
	/* Services. */
	{.cgroup = USER "app.slice/foo.service\n", SERVICE, .why = "the user service foo.service"},
	{.cgroup = USER "app.slice/foo.service\n",
	 .is = MACHINE_DISPLAY_CLIENT,
	 SERVICE,
	 .why = "foo.service"},
	{.cgroup = SYSTEM "ssh.service\n",
	 .uid = 1,
	 .is_system = true,
	 SERVICE,
	 .why = "the system service ssh.service"},
	{.cgroup = SYSTEM "app-x@y.service\n",
	 .uid = 1,
	 .is_system = true,
	 SERVICE,
	 .why = "app-x@y.service"},
	{.cgroup = SYSTEM "web.service\n", .uid = 33, .is_system = true, SERVICE, .why = "web"},
	{.cgroup = USER "session.slice/plasma-plasmashell.service\n",
	 .type = APPLICATION_EXPLORER,
	 .way = WAY_MANAGER,
	 .why = "plasma-plasmashell.service"},
	{.cgroup = USER "app.slice/app-org.kde.plasmashell@1.service\n",
	 .type = APPLICATION_EXPLORER,
	 .way = WAY_MANAGER,
	 .why = "plasmashell"},
	{.cgroup = SYSTEM "plasma-plasmashell.service\n",
	 .uid = 1,
	 .is_system = true,
	 SERVICE,
	 .why = "system service"},
	/* Self. */
	{.cgroup = LOGIN, .self = SELF_PRIMARY, CRITICAL(REASON_SELF), .why = "installer itself"},
	{.cgroup = LOGIN, .self = SELF_JOINED, CRITICAL(REASON_CRITICAL_PROCESS), .why = "joined"},
	{.cgroup = LOGIN,
	 .self = SELF_ANCESTOR,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "runs under it"},
	{.cgroup = LOGIN,
	 .self = SELF_TERMINAL,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "terminal of the installer"},
	{.cgroup = SYSTEM "update.service\n",
	 .uid = 1,
	 .is_system = true,
	 .self = SELF_PRIMARY,
	 CRITICAL(REASON_SELF),
	 .why = "installer itself"},
	/* Not ours. */
	{.cgroup = SYSTEM "ssh.service\n",
	 .uid = 1,
	 .denied = true,
	 CRITICAL(REASON_DENIED),
	 .why = "not permitted to signal it"},
	{.cgroup = LOGIN, .uid = 1001, CRITICAL(REASON_DENIED), .why = "another user (uid 1001)"},
	{.cgroup = LOGIN,
	 .uid = 1001,
	 .known = FACT_SIGNAL,
	 CRITICAL(REASON_DENIED),
	 .why = "another user"},
	{.cgroup = LOGIN,
	 .uid = 1001,
	 .is_system = true,
	 .caught = TERM,
	 ENDED,
	 .reasons = REASON_SESSION,
	 .why = "catches SIGTERM"},
	{.cgroup = USER "app.slice/foo.service\n",
	 .uid = 1000,
	 .is_system = true,
	 SERVICE,
	 .reasons = REASON_SESSION,
	 .why = "user service"},
	{.cgroup = LOGIN, .uid = 1, .is_system = true, .caught = TERM, ENDED, .why = "SIGTERM"},
	{.cgroup = LOGIN, .is_setuid = true, .caught = TERM, ENDED, .why = "catches SIGTERM"},
	{.cgroup = LOGIN, .argv0 = "@fake", .known = FACT_STATUS, UNKNOWN, .why = "is not known"},
	/* Critical by property. */
	{.cgroup = "0::/init.scope\n",
	 .pid = 1,
	 .uid = 1,
	 .is_system = true,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "it is PID 1"},
	{.cgroup = USER "init.scope\n",
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "a user's service manager"},
	{.cgroup = "0::/init.scope\n",
	 .uid = 1,
	 .is_system = true,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "the system's service manager"},
	{.cgroup = SYSTEM "systemd-logind.service\n",
	 .uid = 1,
	 .is_system = true,
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "it is logind"},
	{.cgroup = SYSTEM "polkit.service\n",
	 .uid = 33,
	 .is_system = true,
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "it is polkit"},
	{.cgroup = USER "session.slice/dbus.service\n",
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "message bus"},
	{.cgroup = USER "app.slice/polkit.service\n", SERVICE, .why = "user service"},
	{.cgroup = SYSTEM "x.service\n",
	 .uid = 1,
	 .is_system = true,
	 .argv0 = "@storage",
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "storage daemon"},
	{.cgroup = LOGIN, .argv0 = "@fake", .caught = TERM, ENDED, .why = "SIGTERM"},
	{.cgroup = LOGIN,
	 .tracer = 77,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "traced by process 77"},
	{.cgroup = LOGIN,
	 .session = 500,
	 .terminal = 34819,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "leads the session of terminal pts/3"},
	{.cgroup = SYSTEM "getty@tty1.service\n",
	 .uid = 1,
	 .is_system = true,
	 .session = 500,
	 .terminal = 1025,
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "leads the session of a terminal"},
	{.cgroup = LOGIN, .session = 500, .caught = TERM, ENDED, .why = "SIGTERM"},
	{.cgroup = LOGIN,
	 .exe = "/opt/wine/bin/wineserver64",
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "wineserver"},
	{.cgroup = LOGIN,
	 .is = MACHINE_DISPLAY_SERVER,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "display server"},
	{.cgroup = LOGIN,
	 .is = MACHINE_BUS,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "message bus"},
	{.cgroup = LOGIN,
	 .is = MACHINE_KEY_AGENT,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "key agent"},
	{.cgroup = LOGIN,
	 .is = MACHINE_FUSE_SERVER,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "FUSE"},
	{.cgroup = SYSTEM "x.service\n",
	 .uid = 1,
	 .is_system = true,
	 .is = MACHINE_BLOCK_DEVICE,
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "block device nbd7"},
	{.cgroup = LOGIN,
	 .is = MACHINE_PTY_MASTER | MACHINE_LIVE_PTY,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "terminal pts/9"},
	{.cgroup = LOGIN,
	 .is = MACHINE_PTY_MASTER,
	 .unknown = MACHINE_LIVE_PTY,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "not known"},
	{.cgroup = LOGIN, .is = MACHINE_PTY_MASTER, .caught = TERM, ENDED, .why = "SIGTERM"},
	{.cgroup = LOGIN,
	 .is = MACHINE_PACKAGE_LOCK,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "lock /var/lib/dpkg/lock"},
	/* Several: all reasons, the first rule. */
	{.cgroup = SYSTEM "systemd-logind.service\n",
	 .uid = 1,
	 .denied = true,
	 CRITICAL(REASON_DENIED | REASON_CRITICAL_SERVICE),
	 .why = "it is logind"},
	/* Policies. */
	{.cgroup = SYSTEM "x.service\n",
	 .uid = 1,
	 .is_system = true,
	 .policy_file = "/etc/p/a.conf",
	 .policy_critical = true,
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "policy a.conf: because"},
	{.cgroup = LOGIN,
	 .policy_file = "/etc/p/a.conf",
	 .policy_critical = true,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "policy a.conf: because"},
	{.cgroup = SYSTEM "x.service\n",
	 .uid = 1,
	 .is_system = true,
	 .policy_file = "/etc/p/a.conf",
	 SERVICE,
	 .why = "system service"},
	{.cgroup = SYSTEM "systemd-logind.service\n",
	 .uid = 1,
	 .is_system = true,
	 .policy_file = "/etc/p/a.conf",
	 CRITICAL(REASON_CRITICAL_SERVICE),
	 .why = "logind"},
	/* Containers. */
	{.cgroup = "0::/machine.slice/systemd-nspawn@web.service/payload\n",
	 .uid = 1,
	 .is_system = true,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "in container web"},
	{.cgroup = LOGIN,
	 .mount_namespace = 99,
	 .root_inode = 98,
	 CRITICAL(REASON_CRITICAL_PROCESS),
	 .why = "in container mnt:[99]"},
	{.cgroup = LOGIN, .mount_namespace = 99, .caught = TERM, ENDED, .why = "SIGTERM"},
	{.cgroup = LOGIN, .root_inode = 98, .caught = TERM, ENDED, .why = "SIGTERM"},
	{.cgroup = SYSTEM "x.service\n",
	 .uid = 1,
	 .is_system = true,
	 .mount_namespace = 99,
	 .root_inode = 98,
	 SERVICE,
	 .why = "system service"},
};

static const struct application_context context = {
	.own_uid = OWN, .mount_namespace = 10, .root_device = 20, .root_inode = 30};

static struct application classify(const struct row *row)
{
	struct application_context asker = context;
	struct process_facts facts = {.comm = "prog", .audit_session = NO_AUDIT_SESSION};
	struct machine_view view = {.is = row->is,
				    .unknown = row->unknown,
				    .live_pty = 9,
				    .device = "nbd7",
				    .lock = "/var/lib/dpkg/lock"};
	struct policy_decision policy = {.file = row->policy_file,
					 .name = "a.conf",
					 .reason = "because",
					 .is_critical = row->policy_critical};
	struct application_input input = {.facts = &facts,
					  .view = row->no_view ? NULL : &view,
					  .policy = &policy,
					  .self = row->self,
					  .ts_session = 3};
	struct application application;

	asker.is_system = row->is_system;
	asker.own_uid = row->is_system ? 0 : OWN;
	facts.pid = row->pid ? row->pid : 500;
	facts.known = ALL & ~row->known;
	facts.session = row->session ? row->session : 400;
	facts.terminal = row->terminal;
	facts.real_uid = facts.uid = row->uid == 1 ? 0 : row->uid ? row->uid : OWN;
	facts.uid = row->is_setuid ? 0 : facts.uid;
	if (row->known & FACT_STATUS) {
		facts.real_uid = facts.uid = 0; /* as it is when nothing was read */
	}
	facts.tracer = row->tracer;
	facts.signals_caught = row->caught;
	facts.exe = row->exe ? (char *)row->exe : "/usr/bin/prog";
	facts.cmdline = row->argv0 ? (char *)row->argv0 : "prog";
	facts.cmdline_size = strlen(facts.cmdline) + 1;
	facts.mount_namespace = row->mount_namespace ? row->mount_namespace : 10;
	facts.root_device = 20;
	facts.root_inode = row->root_inode ? row->root_inode : 30;
	facts.may_signal = !row->denied;
	if (row->cgroup) {
		cgroup_parse(row->cgroup, strlen(row->cgroup), &facts.cgroup);
	}
	application_classify(&asker, &input, &application);
	return application;
}

START_TEST(test_rules)
{
	const struct row *row = &rows[_i];
	struct application application = classify(row);
	bool is_unit = row->way == WAY_MANAGER;

	ck_assert_ptr_nonnull(strstr(application.why, row->why));
	ck_assert_int_eq(application.type, row->type);
	ck_assert_uint_eq(application.reasons, row->reasons);
	ck_assert_int_eq(application.way, row->way);
	ck_assert_uint_eq(application.ts_session, 3);
	/* Nobody can register yet: services alone come back. */
	ck_assert_int_eq(application.is_restartable, is_unit);
	ck_assert_int_eq(*application.why_not_restartable == '\0', is_unit);
	ck_assert_str_eq(application.policy_file, row->policy_file ? row->policy_file : "");
}
END_TEST

START_TEST(test_why_is_clean)
{
	struct row row = {.cgroup = "0::/lxc.payload.a\x1B[2J\n"};
	struct application application = classify(&row);

	ck_assert_ptr_null(strchr(application.why, '\x1B'));
	ck_assert_ptr_null(strchr(application.container_name, '\x1B'));
	ck_assert_int_eq(application.container, CONTAINER_LXC);
}
END_TEST

START_TEST(test_keys)
{
	static const struct {
		const char *cgroup;
		bool is_one_scope;
		const char *key;
	} keys[] = {
		{SYSTEM "ssh.service\n", false, "system:ssh.service"},
		{USER "app.slice/ssh.service\n", false, "user-1000:ssh.service"},
		{USER "app.slice/app-x@1.service\n", false, "user-1000:app-x@1.service"},
		{USER "app.slice/app-x-1.scope\n", true, "user-1000:app-x-1.scope"},
		{USER "app.slice/app-x-1.scope\n", false, "process:500:7"},
		{LOGIN, true, "process:500:7"},
		{"0::/init.scope\n", true, "process:500:7"},
		{"0::/lxc.payload.c1/system.slice/ssh.service\n", false, "container:lxc:c1"},
		{NULL, true, "process:500:7"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct row row = {.cgroup = keys[i].cgroup};
		struct application application = classify(&row);
		struct process_facts facts = {.pid = 500, .start_time = 7, .known = FACT_CGROUP};
		char key[APPLICATION_KEY_BYTES];

		if (keys[i].cgroup) {
			cgroup_parse(keys[i].cgroup, strlen(keys[i].cgroup), &facts.cgroup);
		}
		application_format_key(&facts, &application, keys[i].is_one_scope, key);
		ck_assert_str_eq(key, keys[i].key);
	}
}
END_TEST

/* The entry is what its worst process is. */
START_TEST(test_merge)
{
	struct row plain = {.cgroup = SYSTEM "x.service\n", .uid = 1, .is_system = true};
	struct row traced = {
		.cgroup = SYSTEM "x.service\n", .uid = 1, .is_system = true, .tracer = 7};
	struct row locked = {.cgroup = SYSTEM "x.service\n",
			     .uid = 1,
			     .is_system = true,
			     .is = MACHINE_PACKAGE_LOCK,
			     .self = SELF_PRIMARY};
	struct application into = classify(&plain);
	struct application other = classify(&traced);

	application_merge(&into, &other);
	ck_assert_int_eq(into.type, APPLICATION_CRITICAL);
	ck_assert_int_eq(into.is_restartable, false);
	ck_assert_ptr_nonnull(strstr(into.why, "traced"));
	other = classify(&locked);
	application_merge(&into, &other);
	ck_assert_ptr_nonnull(strstr(into.why, "traced")); /* the first one is told */
	ck_assert_uint_eq(into.reasons, REASON_CRITICAL_SERVICE | REASON_SELF);
	other = classify(&plain);
	application_merge(&into, &other);
	ck_assert_int_eq(into.type, APPLICATION_CRITICAL);
	plain.cgroup = LOGIN;
	plain.caught = TERM;
	into = classify(&plain);
	plain.caught = 0;
	other = classify(&plain);
	application_merge(&into, &other);
	ck_assert_int_eq(into.way, WAY_FORCE);
	ck_assert_int_eq(into.type, APPLICATION_UNKNOWN);
}
END_TEST

START_TEST(test_order)
{
	static const enum application_type order[] = {
		APPLICATION_MAIN_WINDOW, APPLICATION_CONSOLE, APPLICATION_SERVICE,
		APPLICATION_EXPLORER,	 APPLICATION_UNKNOWN, APPLICATION_CRITICAL,
	};

	for (size_t i = 1; i < ARRAY_SIZE(order); i++) {
		ck_assert_uint_lt(application_order(order[i - 1]), application_order(order[i]));
	}
	ck_assert_uint_eq(application_order(APPLICATION_OTHER_WINDOW),
			  application_order(APPLICATION_MAIN_WINDOW));
	for (int i = 0; i < _WAY_COUNT; i++) {
		ck_assert_ptr_nonnull(application_way_name((enum application_way)i));
	}
}
END_TEST

START_TEST(test_context)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct application_context own;
	struct process_facts facts;

	application_context_init(&own, proc_fd, true);
	ck_assert(own.is_system);
	ck_assert_uint_eq(own.own_uid, geteuid());
	ck_assert_int_eq(process_facts_read(proc_fd, getpid(), 0, &facts), 0);
	ck_assert_uint_eq(own.mount_namespace, facts.mount_namespace);
	ck_assert_uint_eq(own.root_device, facts.root_device);
	ck_assert_uint_eq(own.root_inode, facts.root_inode);
	process_facts_done(&facts);
	ck_assert_int_eq(close(proc_fd), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("application");
	TCase *tcase = fixture_case(suite, "application");

	tcase_add_loop_test(tcase, test_rules, 0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, test_why_is_clean);
	tcase_add_test(tcase, test_keys);
	tcase_add_test(tcase, test_merge);
	tcase_add_test(tcase, test_order);
	tcase_add_test(tcase, test_context);
	return fixture_run(suite);
}
