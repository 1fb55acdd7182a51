/* SPDX-License-Identifier: MIT */
/* Cgroup paths of all kinds of machines, and of those who would like to be somebody else. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/scan/cgroup.h"
#include "tests/unit/fixture.h"

#define USER "/user.slice/user-1000.slice/user@1000.service/"
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static const struct {
	const char *text;
	const char *service;
	const char *scope;
	const char *slice;
	const char *login;
	const char *desktop;
	bool is_user;
	bool is_manager;
	bool is_app_service;
	bool is_app_scope;
} units[] = {
	{"0::/system.slice/ssh.service\n", .service = "ssh.service", .slice = "system.slice"},
	{"0::/system.slice/ssh.service/inner\n", .service = "ssh.service", .slice = "system.slice"},
	{"0::/system.slice/system-getty.slice/getty@tty1.service", .service = "getty@tty1.service",
	 .slice = "system-getty.slice"},
	{"0::/plain.service\n", .service = "plain.service"},
	{"0::/../../system.slice/ssh.service\n", .service = "ssh.service", .slice = "system.slice"},
	{"0::/system.slice/ssh.service (deleted)\n", .service = "ssh.service",
	 .slice = "system.slice"},
	{"0::/system.slice/_cpu.service\n", .service = "cpu.service", .slice = "system.slice"},
	{"0::/init.scope\n", .scope = "init.scope", .is_manager = true},
	{"0::/\n", .service = ""},
	{"0::/system.slice/init.scope\n", .scope = "init.scope", .slice = "system.slice"},
	{"0::/user.slice/user-1000.slice/session-3.scope\n", .scope = "session-3.scope",
	 .slice = "user-1000.slice", .login = "3"},
	{"0::/user.slice/user-0.slice/session-c12.scope\n", .scope = "session-c12.scope",
	 .slice = "user-0.slice", .login = "c12"},
	{"0::" USER "init.scope\n", .scope = "init.scope", .is_user = true, .is_manager = true},
	{"0::/user.slice/user-1000.slice/user@1000.service\n", .slice = "", .is_user = true,
	 .is_manager = true},
	{"0::" USER "app.slice/foo.service\n", .service = "foo.service", .slice = "app.slice",
	 .is_user = true},
	{"0::" USER "app.slice/app-gnome-org.gnome.Evince-4242.scope\n",
	 .scope = "app-gnome-org.gnome.Evince-4242.scope", .slice = "app.slice",
	 .desktop = "org.gnome.Evince", .is_user = true, .is_app_scope = true},
	{"0::" USER "app.slice/app-org.kde.dolphin-1a2b.scope\n",
	 .scope = "app-org.kde.dolphin-1a2b.scope", .slice = "app.slice",
	 .desktop = "org.kde.dolphin", .is_user = true, .is_app_scope = true},
	{"0::" USER "app.slice/app-KDE-code\\x2doss-9.scope\n",
	 .scope = "app-KDE-code\\x2doss-9.scope", .slice = "app.slice", .desktop = "code-oss",
	 .is_user = true, .is_app_scope = true},
	{"0::" USER "app.slice/app-firefox@autostart.service\n",
	 .service = "app-firefox@autostart.service", .slice = "app.slice", .desktop = "firefox",
	 .is_user = true, .is_app_service = true},
	{"0::" USER "app.slice/app-gnome-nautilus.service\n",
	 .service = "app-gnome-nautilus.service", .slice = "app.slice", .desktop = "nautilus",
	 .is_user = true, .is_app_service = true},
	{"0::" USER "app.slice/app-norandom.scope\n", .scope = "app-norandom.scope",
	 .slice = "app.slice", .is_user = true, .is_app_scope = true},
	{"0::" USER "app.slice/snap.firefox.firefox-" UUID ".scope\n",
	 .scope = "snap.firefox.firefox-" UUID ".scope", .slice = "app.slice",
	 .desktop = "firefox_firefox", .is_user = true, .is_app_scope = true},
	{"0::" USER "snap.foo.bar-baz." UUID ".scope\n", .scope = "snap.foo.bar-baz." UUID ".scope",
	 .desktop = "foo_bar-baz", .is_user = true, .is_app_scope = true},
	{"0::" USER "snap.a.b-c.scope\n", .scope = "snap.a.b-c.scope", .desktop = "a_b",
	 .is_user = true, .is_app_scope = true},
	/* Of the system's manager it is a service as any other. */
	{"0::/system.slice/app-x@y.service\n", .service = "app-x@y.service",
	 .slice = "system.slice"},
	/* Older machines: the unified hierarchy is empty, or not there. */
	{"4:memory:/system.slice\n1:name=systemd:/system.slice/ssh.service\n0::/\n",
	 .service = "ssh.service", .slice = "system.slice"},
	{"1:name=systemd:/system.slice/ssh.service\n", .service = "ssh.service",
	 .slice = "system.slice"},
	{"1:name=systemd:/\n0::/system.slice/ssh.service\n", .service = "ssh.service",
	 .slice = "system.slice"},
	{"12:cpu,cpuacct:/system.slice/evil.service\n0::/\n", .service = ""},
	/* Whose names are not root's to give. */
	{"0::" USER "app.slice/foo.service/system.slice/ssh.service\n", .service = "foo.service",
	 .slice = "app.slice", .is_user = true},
	{"0::" USER "user@0.service/x.service\n", .service = "user@0.service", .is_user = true},
	{"0::" USER "user.slice/user-0.slice/session-1.scope\n", .scope = "session-1.scope",
	 .slice = "user-0.slice", .is_user = true},
	{"0::/user.slice/user-1000.slice/session-3.scope/ssh.service\n", .scope = "session-3.scope",
	 .slice = "user-1000.slice", .login = "3"},
	{"0::/mine/ssh.service\n", .service = ""},
	{"0::/system.slice/user@x.service/a.service\n", .service = "user@x.service",
	 .slice = "system.slice"},
	{"0::/system.slice/user@4294967295.service/a.service\n",
	 .service = "user@4294967295.service", .slice = "system.slice"},
	{"0::/system.slice/a b.service\n", .slice = "system.slice"},
	{"0::/system.slice/a:b.service\n", .service = "a:b.service", .slice = "system.slice"},
	{"0::/system.slice/sockets.target\n", .slice = "system.slice"},
};

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

START_TEST(test_units)
{
	size_t size = strlen(units[_i].text);
	char *copy = malloc(size);
	struct cgroup_facts facts;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, units[_i].text, size);
	cgroup_parse(copy, size, &facts);
	free(copy);
	ck_assert(facts.is_known);
	ck_assert_str_eq(facts.service, text_or_empty(units[_i].service));
	ck_assert_str_eq(facts.scope, text_or_empty(units[_i].scope));
	ck_assert_str_eq(facts.slice, text_or_empty(units[_i].slice));
	ck_assert_str_eq(facts.login_session, text_or_empty(units[_i].login));
	ck_assert_str_eq(facts.desktop_id, text_or_empty(units[_i].desktop));
	ck_assert_int_eq(facts.is_user, units[_i].is_user);
	ck_assert_int_eq(facts.is_manager, units[_i].is_manager);
	ck_assert_int_eq(facts.is_app_service, units[_i].is_app_service);
	ck_assert_int_eq(facts.is_app_scope, units[_i].is_app_scope);
	ck_assert_uint_eq(facts.manager_uid, units[_i].is_user ? 1000 : 0);
	ck_assert_int_eq(facts.container, CONTAINER_NONE);
}
END_TEST

static const struct {
	const char *text;
	enum container_kind kind;
	const char *name;
} containers[] = {
	{"0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/ssh.service\n",
	 CONTAINER_NSPAWN, "web"},
	{"0::/machine.slice/machine-qemu\\x2d1\\x2dfoo.scope/libvirt/emulator\n", CONTAINER_MACHINE,
	 "qemu-1-foo"},
	{"0::/machine.slice/other.scope/x\n", CONTAINER_MACHINE, "other"},
	{"0::/machine.slice/libpod-" ID ".scope/container\n", CONTAINER_PODMAN, "0123456789ab"},
	{"0::" USER "user.slice/libpod-" ID ".scope/container\n", CONTAINER_PODMAN, "0123456789ab"},
	{"0::/machine.slice/libpod-conmon-" ID ".scope\n", CONTAINER_PODMAN, "0123456789ab"},
	{"0::/system.slice/web.service/libpod-payload-" ID "\n", CONTAINER_PODMAN, "0123456789ab"},
	{"0::/libpod_parent/libpod-" ID "\n", CONTAINER_PODMAN, "0123456789ab"},
	{"0::/system.slice/docker-" ID ".scope\n", CONTAINER_DOCKER, "0123456789ab"},
	{"0::/docker/" ID "/system.slice/ssh.service\n", CONTAINER_DOCKER, "0123456789ab"},
	{"4:memory:/docker/" ID "\n1:name=systemd:/\n0::/\n", CONTAINER_DOCKER, "0123456789ab"},
	{"0::/kubepods.slice/kubepods-besteffort.slice/cri-containerd-" ID ".scope\n",
	 CONTAINER_CONTAINERD, "0123456789ab"},
	{"0::/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope\n", CONTAINER_CRIO,
	 "0123456789ab"},
	{"0::/kubepods/burstable/pod1/" ID "\n", CONTAINER_KUBERNETES, "0123456789ab"},
	{"0::/lxc.payload.c1/system.slice/ssh.service\n", CONTAINER_LXC, "c1"},
	{"0::/lxc.payload/c2\n", CONTAINER_LXC, "c2"},
	{"0::/lxc.monitor.c1\n", CONTAINER_LXC, "c1"},
	{"1:name=systemd:/lxc/c3/init.scope\n", CONTAINER_LXC, "c3"},
	/* Services of the host that have something to do with them. */
	{"0::/system.slice/docker.service\n", CONTAINER_NONE, ""},
	{"0::/system.slice/docker-registry.service\n", CONTAINER_NONE, ""},
	{"0::/system.slice/lxc.service\n", CONTAINER_NONE, ""},
	{"0::/system.slice/libpod-.scope\n", CONTAINER_NONE, ""},
	{"0::/docker\n", CONTAINER_NONE, ""},
	{"0::/lxc.payload.\n", CONTAINER_NONE, ""},
};

START_TEST(test_containers)
{
	struct cgroup_facts facts;

	cgroup_parse(containers[_i].text, strlen(containers[_i].text), &facts);
	ck_assert_int_eq(facts.container, containers[_i].kind);
	ck_assert_str_eq(facts.container_name, containers[_i].name);
}
END_TEST

START_TEST(test_sandboxes)
{
	static const struct {
		const char *text;
		enum sandbox_kind sandbox;
	} rows[] = {
		{"0::" USER "app.slice/app-flatpak-org.mozilla.firefox-1.scope\n", SANDBOX_FLATPAK},
		{"0::" USER "app.slice/snap.vlc.vlc-" UUID ".scope\n", SANDBOX_SNAP},
		{"0::/system.slice/snap.lxd.daemon.service\n", SANDBOX_SNAP},
		{"0::" USER "app.slice/app-gnome-flatpak-1.scope\n", SANDBOX_NONE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cgroup_facts facts;

		cgroup_parse(rows[i].text, strlen(rows[i].text), &facts);
		ck_assert_int_eq(facts.sandbox, rows[i].sandbox);
	}
}
END_TEST

static const char *const nonsense[] = {
	"",	 "\n",		"0:",
	"0::",	 "0::relative", "::",
	"a:b:c", "0::/\n\n\n",	"0:/system.slice/a.service",
};

START_TEST(test_nonsense)
{
	struct cgroup_facts facts;

	cgroup_parse(nonsense[_i], strlen(nonsense[_i]), &facts);
	ck_assert_str_eq(facts.service, "");
	ck_assert_str_eq(facts.scope, "");
	ck_assert_int_eq(facts.is_user, false);
}
END_TEST

/* Names of 255 bytes are units' longest; paths of 4096 and more, and hundreds of parts, are none. */
START_TEST(test_long)
{
	char text[20000] = "0::/";
	struct cgroup_facts facts;

	memset(text + 4, 'a', 255);
	memcpy(text + 4 + 247, ".service", 8);
	cgroup_parse(text, 4 + 255, &facts);
	ck_assert_uint_eq(strlen(facts.service), 255);
	memset(text + 4, 'a', 256);
	memcpy(text + 4 + 248, ".service", 8);
	cgroup_parse(text, 4 + 256, &facts);
	ck_assert(facts.is_known);
	ck_assert_str_eq(facts.service, "");
	memset(text + 4, 'a', sizeof(text) - 4);
	cgroup_parse(text, sizeof(text), &facts);
	ck_assert(!facts.is_known);
	for (size_t i = 4; i < 4000; i++) {
		text[i] = i % 2 ? '/' : 'a';
	}
	cgroup_parse(text, 4000, &facts);
	ck_assert(!facts.is_known);
}
END_TEST

START_TEST(test_garbage)
{
	struct random random = {.state = (uint64_t)_i};
	char text[700];
	struct cgroup_facts facts;
	static const char *const pieces[] = {
		"0::",
		"/",
		"a.service",
		"user@1000.service",
		"\n",
		"1:name=systemd:",
		"app-",
		"-",
		"x.scope",
		"machine.slice",
		"docker",
		"libpod-",
		"\\x2d",
		"\\x",
		"..",
		"_",
		":",
		"\0",
		"lxc.payload",
		".",
		"snap.",
		"kubepods",
		" (deleted)",
		"session-",
		"user-1.slice",
	};
	size_t size = 0;

	while (size < 600) {
		const char *piece = pieces[random_below(&random, ARRAY_SIZE(pieces))];

		memcpy(text + size, piece, strlen(piece) + 1);
		size += strlen(piece) ? strlen(piece) : 1;
	}
	cgroup_parse(text, size, &facts);
	ck_assert_uint_le(strlen(facts.service), MAX_UNIT_BYTES);
	ck_assert_ptr_null(strchr(facts.service, '/'));
	random_fill(&random, text, sizeof(text));
	cgroup_parse(text, sizeof(text), &facts);
	ck_assert_str_eq(facts.service, "");
}
END_TEST

START_TEST(test_names)
{
	for (int i = 0; i < _CONTAINER_KIND_COUNT; i++) {
		ck_assert_ptr_nonnull(container_kind_name((enum container_kind)i));
	}
	for (int i = 0; i < _SANDBOX_KIND_COUNT; i++) {
		ck_assert_ptr_nonnull(sandbox_kind_name((enum sandbox_kind)i));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup");
	TCase *tcase = fixture_case(suite, "cgroup");

	tcase_add_loop_test(tcase, test_units, 0, ARRAY_SIZE(units));
	tcase_add_loop_test(tcase, test_containers, 0, ARRAY_SIZE(containers));
	tcase_add_test(tcase, test_sandboxes);
	tcase_add_loop_test(tcase, test_nonsense, 0, ARRAY_SIZE(nonsense));
	tcase_add_test(tcase, test_long);
	tcase_add_loop_test(tcase, test_garbage, 0, 50);
	tcase_add_test(tcase, test_names);
	return fixture_run(suite);
}
