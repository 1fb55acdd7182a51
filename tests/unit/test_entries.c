/* SPDX-License-Identifier: MIT */
/*
 * From hits to entries, over real processes in cgroups that the test makes: what is one entry and
 * who is its main process, which filters it meets, the order; and the entry as it is sent.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/scan/entries.h"
#include "broker/scan/entry_pack.h"
#include "broker/scan/notes.h"
#include "proto/codec.h"
#include "tests/unit/fixture.h"
#include "tests/unit/scan_victim.h"

#define MAX_VICTIMS 6u
#define SHUTDOWN_MASKED 0x40u
#define RESTART_MASKED 0x80u

/* ---- cgroups ---- */

static char cgroup_root[PATH_MAX]; /* of the cgroup2 hierarchy; "": none may be made */
static char cgroup_made[8][PATH_MAX];
static size_t n_cgroups;

static void find_cgroups(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;

	ck_assert_ptr_nonnull(mounts);
	while ((mount = getmntent(mounts))) {
		if (strcmp(mount->mnt_type, "cgroup2") == 0) {
			(void)snprintf(cgroup_root, sizeof(cgroup_root), "%s", mount->mnt_dir);
		}
	}
	(void)endmntent(mounts);
}

/* Makes what is missing of it; what it made is removed at the end. */
static bool make_cgroup(const char *path, char ret_full[PATH_MAX])
{
	char *at;

	if (!*cgroup_root || snprintf(ret_full, PATH_MAX, "%s%s", cgroup_root, path) >= PATH_MAX) {
		return false;
	}
	at = ret_full + strlen(cgroup_root) + 1;
	do {
		at = strchrnul(at, '/');
		char kept = *at;

		*at = '\0';
		if (mkdir(ret_full, 0755) == 0) {
			ck_assert_uint_lt(n_cgroups, ARRAY_SIZE(cgroup_made));
			(void)strcpy(cgroup_made[n_cgroups++], ret_full);
		} else if (errno != EEXIST) {
			return false;
		}
		*at = kept;
	} while (*at++);
	return true;
}

static bool enter_cgroup(pid_t pid, const char *path)
{
	char full[PATH_MAX], procs[PATH_MAX + 16], number[16];
	int fd;
	bool is_there;

	if (!make_cgroup(path, full)) {
		return false;
	}
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", full);
	(void)snprintf(number, sizeof(number), "%d", pid);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	is_there = fd >= 0 && write(fd, number, strlen(number)) == (ssize_t)strlen(number);
	(void)close(fd);
	return is_there;
}

/* A killed process leaves its cgroup when it is reaped. */
static void remove_cgroups(void)
{
	while (n_cgroups) {
		(void)rmdir(cgroup_made[--n_cgroups]);
	}
}

/* ---- the question ---- */

static struct scan_index *index_;
static int proc_fd;
static struct machine_facts *machine;
static struct scan_pool *pool;
static struct policy *policy;
static struct application_context application;
static struct self_set self;
static Rmscan__ScanBegin begin_message;
static const Rmscan__FilterRule *filters[8];
static size_t n_filters;
static atomic_bool cancelled;
static struct hits hits;
static struct entries entries;
static struct victim victims[MAX_VICTIMS];
static size_t n_victims;

static void set_up(void)
{
	static const char *directories[] = {NULL, NULL};
	const struct policy_options policy_options = {.directories = directories,
						      .dpkg_info = "/nonexistent"};
	const struct self_member nobody = {0};
	struct machine_options machine_options = {.root = ""};

	find_cgroups();
	directories[0] = "/nonexistent";
	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(proc_fd, 0);
	machine_options.proc_fd = proc_fd;
	ck_assert_int_eq(machine_facts_new(&machine_options, &machine), 0);
	ck_assert_int_eq(scan_pool_new(2, &pool), 0);
	ck_assert_int_eq(policy_new(&policy_options, &policy), 0);
	ck_assert_int_eq(self_set_build(proc_fd, &nobody, 1, &self), 0);
	application_context_init(&application, proc_fd, geteuid() == 0);
	index_ = index_make((struct index_options){.free_cached = notes_free});
	rmscan__scan_begin__init(&begin_message);
}

static void tear_down(void)
{
	for (size_t i = 0; i < n_victims; i++) {
		victim_end(&victims[i]);
	}
	remove_cgroups();
	entries_done(&entries);
	hits_done(&hits);
	index_end(index_);
	self_set_done(&self);
	policy = policy_free(policy);
	machine = machine_facts_free(machine);
	pool = scan_pool_free(pool);
	ck_assert_int_eq(close(proc_fd), 0);
}

/* The next of the victims; its number. */
static size_t start(void)
{
	ck_assert_uint_lt(n_victims, MAX_VICTIMS);
	victims[n_victims] = victim_start();
	return n_victims++;
}

static pid_t pid_of(size_t victim)
{
	return victims[victim].pid;
}

/* All victims are hits. */
static void hit_all(void)
{
	(void)index_refresh(index_);
	for (size_t i = 0; i < n_victims; i++) {
		struct index_process *process = scan_index_find(index_, pid_of(i));
		const struct use use = {.kind = USE_MAPPING, .path = 0};

		ck_assert_ptr_nonnull(process);
		ck_assert_int_eq(hits_add_use(&hits, process, &use), 0);
	}
}

static int build(void)
{
	const struct entries_context context = {
		.policy_reading = 1,
		.pool = pool,
		.index = index_,
		.proc_fd = proc_fd,
		.machine = machine,
		.policy = policy,
		.application = &application,
		.self = &self,
		.begin = &begin_message,
		.filters = filters,
		.n_filters = n_filters,
		.cancelled = &cancelled,
	};

	entries_done(&entries);
	machine_facts_reset(machine);
	return entries_build(&context, &hits, &entries);
}

/* The entry that has this victim. */
static const struct entry *entry_of(size_t victim)
{
	for (size_t i = 0; i < entries.n_entries; i++) {
		for (size_t m = 0; m < entries.entries[i].n_members; m++) {
			if (entries.entries[i].members[m]->facts->pid == pid_of(victim)) {
				return &entries.entries[i];
			}
		}
	}
	ck_abort_msg("no entry has victim %zu", victim);
	return NULL;
}

static bool has_cgroups(void)
{
	if (!*cgroup_root || geteuid() != 0) {
		(void)fprintf(stderr, "# no cgroups can be made here\n");
		return false;
	}
	return true;
}

static const char *unit_path(const char *slice, const char *name, const char *suffix)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s%d.%s", slice, name, getpid(), suffix);
	return path;
}

#define SYSTEM_SLICE "/system.slice"
#define USER_SLICE "/user.slice/user-7.slice/user@7.service/app.slice"

/* ---- what is one entry ---- */

START_TEST(test_processes)
{
	for (size_t i = 0; i < 3; i++) {
		(void)start();
	}
	hit_all();
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entries.n_entries, 3);
	ck_assert_uint_eq(entries.n_members, 3);
	ck_assert_uint_eq(entries.n_gone, 0);
	for (size_t i = 0; i < 3; i++) {
		const struct entry *entry = entry_of(i);

		ck_assert_uint_eq(entry->n_members, 1);
		ck_assert_ptr_eq(entry->main, entry->members[0]);
		ck_assert_uint_eq(entry->status, 1);
		/* In order of age, which is that of the pids: all have the same type. */
		ck_assert_ptr_eq(entry, &entries.entries[i]);
	}
}
END_TEST

/* Each service of each manager is one; its oldest affected process is the one to show. */
START_TEST(test_services)
{
	const char *system = unit_path(SYSTEM_SLICE, "rm-test", "service");
	const char *user = unit_path(USER_SLICE, "rm-test", "service");
	const struct entry *entry;

	if (!has_cgroups()) {
		return;
	}
	for (size_t i = 0; i < 6; i++) {
		(void)start();
	}
	ck_assert(enter_cgroup(pid_of(1), system));
	ck_assert(enter_cgroup(pid_of(3), system));
	ck_assert(enter_cgroup(pid_of(4), system));
	ck_assert(enter_cgroup(pid_of(2), user));
	ck_assert(enter_cgroup(pid_of(5), user));
	hit_all();
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entries.n_entries, 3);
	ck_assert_uint_eq(entry_of(0)->n_members, 1);
	entry = entry_of(1);
	ck_assert_uint_eq(entry->n_members, 3);
	ck_assert_ptr_eq(entry_of(3), entry);
	ck_assert_ptr_eq(entry_of(4), entry);
	ck_assert_int_eq(entry->main->facts->pid, pid_of(1));
	ck_assert_int_eq(entry->members[2]->facts->pid, pid_of(4));
	ck_assert_int_eq(entry->application.type, APPLICATION_SERVICE);
	entry = entry_of(2);
	ck_assert_uint_eq(entry->n_members, 2);
	ck_assert_ptr_eq(entry_of(5), entry);
	ck_assert_int_eq(entry->application.type, APPLICATION_SERVICE);
}
END_TEST

/* An application's scope is one when its first process is affected, and else a terminal's. */
START_TEST(test_app_scope)
{
	const char *scope = unit_path(USER_SLICE, "app-gnome-rm.test-", "scope");
	bool first_is_hit = _i == 0;
	struct victim other = {.pid = 0};

	if (!has_cgroups()) {
		return;
	}
	if (!first_is_hit) {
		other = victim_start();
		ck_assert(enter_cgroup(other.pid, scope));
	}
	(void)start();
	(void)start();
	ck_assert(enter_cgroup(pid_of(0), scope));
	ck_assert(enter_cgroup(pid_of(1), scope));
	hit_all();
	ck_assert_int_eq(build(), 0);
	if (first_is_hit) {
		ck_assert_uint_eq(entries.n_entries, 1);
		ck_assert_uint_eq(entries.entries[0].n_members, 2);
		ck_assert_int_eq(entries.entries[0].main->facts->pid, pid_of(0));
	} else {
		ck_assert_uint_eq(entries.n_entries, 2);
		victim_end(&other);
	}
}
END_TEST

/* Those that are to be stopped first come first, the critical ones last (A17). */
START_TEST(test_order)
{
	unsigned int before = 0;

	if (!has_cgroups()) {
		return;
	}
	for (size_t i = 0; i < 4; i++) {
		(void)start();
	}
	ck_assert(enter_cgroup(pid_of(0), SYSTEM_SLICE "/dbus.service")); /* critical */
	ck_assert(enter_cgroup(pid_of(1), unit_path(SYSTEM_SLICE, "rm-test", "service")));
	ck_assert(enter_cgroup(pid_of(3), unit_path(SYSTEM_SLICE, "rm-other", "service")));
	hit_all();
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entries.n_entries, 4);
	for (size_t i = 0; i < 4; i++) {
		unsigned int order = application_order(entries.entries[i].application.type);

		ck_assert_uint_ge(order, before);
		before = order;
	}
	ck_assert(entry_of(1) < entry_of(3)); /* older */
	ck_assert_int_eq(entry_of(0)->application.type, APPLICATION_CRITICAL);
	ck_assert_ptr_eq(entry_of(0), &entries.entries[3]);
}
END_TEST

/* ---- who is left out ---- */

START_TEST(test_hidden)
{
	Rmscan__Identity identities[] = {RMSCAN__IDENTITY__INIT, RMSCAN__IDENTITY__INIT};
	Rmscan__Identity *list[] = {&identities[0], &identities[1]};

	for (size_t i = 0; i < 3; i++) {
		(void)start();
	}
	hit_all();
	identities[0].pid = (uint32_t)pid_of(0);
	identities[1].pid = (uint32_t)pid_of(2);
	identities[1].start_time = 1; /* another process had this pid */
	begin_message.n_hidden = 2;
	begin_message.hidden = list;
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entries.n_entries, 2);
	(void)entry_of(1);
	(void)entry_of(2);
}
END_TEST

/* Read by the index, gone before its facts were read. */
START_TEST(test_gone)
{
	(void)start();
	(void)start();
	hit_all();
	victim_end(&victims[1]);
	n_victims--;
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entries.n_entries, 1);
	ck_assert_uint_eq(entries.n_gone, 1);
	(void)entry_of(0);
}
END_TEST

START_TEST(test_nobody)
{
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entries.n_entries, 0);
	ck_assert_uint_eq(entries.reasons, 0);
	(void)start();
	hit_all();
	atomic_store(&cancelled, true);
	ck_assert_int_eq(build(), -ECANCELED);
}
END_TEST

/* ---- filters ---- */

static Rmscan__FilterRule rules[3];
static Rmscan__Identity rule_identity;

/* What the entry of a victim is masked by, with one rule. */
static uint32_t masked(size_t victim, const Rmscan__FilterRule *rule)
{
	filters[0] = rule;
	n_filters = 1;
	ck_assert_int_eq(build(), 0);
	return entry_of(victim)->status & ~1u;
}

static void set_rules(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		rmscan__filter_rule__init(&rules[i]);
		rules[i].action = 2;
	}
	rmscan__identity__init(&rule_identity);
}

START_TEST(test_filter_by_executable)
{
	char exe[PATH_MAX];
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ck_assert_int_gt(n, 0);
	exe[n] = '\0';
	ck_assert_int_eq(stat("/proc/self/exe", &st), 0);
	(void)start();
	hit_all();
	set_rules();
	rules[0].executable = codec_text("/somewhere/else");
	rules[0].device = st.st_dev;
	rules[0].inode = st.st_ino;
	ck_assert_uint_eq(masked(0, &rules[0]), SHUTDOWN_MASKED);
	rules[0].action = 1;
	ck_assert_uint_eq(masked(0, &rules[0]), RESTART_MASKED);
	rules[0].action = 3; /* unheard of */
	ck_assert_uint_eq(masked(0, &rules[0]), 0);
	rules[0].action = 2;
	rules[0].device++;
	ck_assert_uint_eq(masked(0, &rules[0]), 0);
	rules[0].inode = 0;
	ck_assert_uint_eq(masked(0, &rules[0]), 0);

	rules[1].executable = codec_text(exe); /* it is not there any more, so by its path */
	ck_assert_uint_eq(masked(0, &rules[1]), SHUTDOWN_MASKED);
	rules[1].executable.len--;
	ck_assert_uint_eq(masked(0, &rules[1]), 0);
	ck_assert_uint_eq(masked(0, &rules[2]), 0); /* about nothing at all */
}
END_TEST

START_TEST(test_filter_by_process)
{
	(void)start();
	(void)start();
	hit_all();
	set_rules();
	rules[0].process = &rule_identity;
	rule_identity.pid = (uint32_t)pid_of(1);
	rule_identity.start_time = scan_index_find(index_, pid_of(1))->start_time;
	ck_assert_uint_eq(masked(0, &rules[0]), 0);
	ck_assert_uint_eq(masked(1, &rules[0]), SHUTDOWN_MASKED);
	rule_identity.start_time++;
	ck_assert_uint_eq(masked(1, &rules[0]), 0);
}
END_TEST

/* Of an entry with several processes one is enough, and several filters add up. */
START_TEST(test_filter_by_service)
{
	char name[64];

	if (!has_cgroups()) {
		return;
	}
	(void)snprintf(name, sizeof(name), "rm-test%d.service", getpid());
	for (size_t i = 0; i < 3; i++) {
		(void)start();
	}
	ck_assert(enter_cgroup(pid_of(0), unit_path(SYSTEM_SLICE, "rm-test", "service")));
	ck_assert(enter_cgroup(pid_of(1), unit_path(SYSTEM_SLICE, "rm-test", "service")));
	hit_all();
	set_rules();
	rules[0].service = codec_text(name);
	ck_assert_uint_eq(masked(0, &rules[0]), SHUTDOWN_MASKED);
	ck_assert_uint_eq(masked(2, &rules[0]), 0);
	rules[0].service = codec_text("rm-another.service");
	ck_assert_uint_eq(masked(0, &rules[0]), 0);

	rules[0].service = codec_text(name);
	rules[0].action = 1;
	rules[1].process = &rule_identity;
	rule_identity.pid = (uint32_t)pid_of(1);
	rule_identity.start_time = scan_index_find(index_, pid_of(1))->start_time;
	filters[1] = &rules[1];
	n_filters = 2;
	filters[0] = &rules[0];
	ck_assert_int_eq(build(), 0);
	ck_assert_uint_eq(entry_of(0)->status, 1 | RESTART_MASKED | SHUTDOWN_MASKED);
	ck_assert_uint_eq(entry_of(2)->status, 1);
}
END_TEST

/* ---- messages ---- */

static const char *const paths[] = {"/registered"};

static Rm__Application *pack(const struct entry *entry, bool with_uses, bool is_brief)
{
	static struct display_places places;
	const struct entry_pack_options options = {
		.places = &places, .paths = paths, .with_uses = with_uses, .is_brief = is_brief};
	struct frame_buffer buffer = {0};
	struct codec_arena arena;
	Rm__Application *checked = NULL, *message;

	display_places_init(&places, true);
	ck_assert_int_eq(entry_pack(entry, &options, &buffer), 0);
	ck_assert_int_eq(codec_unpack_application(&arena, buffer.data, buffer.size, &checked), 0);
	codec_free_lone(&arena, checked);
	message = rm__application__unpack(NULL, buffer.size, buffer.data);
	ck_assert_ptr_nonnull(message);
	frame_buffer_done(&buffer);
	return message;
}

static bool is_text(const ProtobufCBinaryData *data, const char *text)
{
	return data->len == strlen(text) && memcmp(data->data, text, data->len) == 0;
}

START_TEST(test_pack)
{
	struct use use = {.kind = USE_DESCRIPTOR, .path = 0, .fd = 7, .is_deleted = true};
	Rm__Application *message;
	const Rm__Use *told;

	(void)start();
	hit_all();
	use.actual = strdup("/elsewhere");
	ck_assert_int_eq(hits_add_use(&hits, hits.hits[0].process, &use), 0);
	use = (struct use){.kind = USE_SCRIPT, .path = USE_NO_PATH, .is_claimed = true};
	ck_assert_int_eq(hits_add_use(&hits, hits.hits[0].process, &use), 0);
	ck_assert_int_eq(build(), 0);

	message = pack(&entries.entries[0], true, false);
	ck_assert_uint_eq(message->process->id->pid, (uint32_t)pid_of(0));
	ck_assert_uint_eq(message->process->id->start_time, hits.hits[0].process->start_time);
	ck_assert_uint_eq(message->status, 1);
	ck_assert_uint_gt(message->name.len, 0);
	ck_assert_uint_gt(message->executable.len, 0);
	ck_assert_uint_eq(message->total_processes, 1);
	ck_assert_uint_eq(message->n_processes, 1);
	ck_assert_uint_eq(message->processes[0]->total_uses, 3);
	ck_assert_uint_eq(message->processes[0]->n_uses, 3);
	told = message->processes[0]->uses[1];
	ck_assert_uint_eq(told->kind, USE_DESCRIPTOR);
	ck_assert_uint_eq(told->fd, 7);
	ck_assert_int_eq(told->deleted, true);
	ck_assert(is_text(&told->path, "/registered"));
	ck_assert(is_text(&told->actual, "/elsewhere"));
	told = message->processes[0]->uses[2];
	ck_assert_int_eq(told->claimed, true);
	ck_assert_uint_eq(told->path.len, 0);
	rm__application__free_unpacked(message, NULL);

	message = pack(&entries.entries[0], false, false);
	ck_assert_uint_eq(message->processes[0]->n_uses, 0);
	ck_assert_uint_eq(message->processes[0]->total_uses, 3);
	rm__application__free_unpacked(message, NULL);

	message = pack(&entries.entries[0], false, true);
	ck_assert_uint_eq(message->n_processes, 0);
	ck_assert_uint_eq(message->total_processes, 1);
	ck_assert_uint_eq(message->executable.len, 0);
	ck_assert_uint_gt(message->name.len, 0);
	rm__application__free_unpacked(message, NULL);
}
END_TEST

static int set_name(const char *name)
{
	return prctl(PR_SET_NAME, name);
}

/* What is too much to tell is counted; and a name may be anything. */
START_TEST(test_pack_much)
{
	Rm__Application *message;

	(void)start();
	ck_assert_int_eq(victim_do(&victims[0], set_name, "\x1b[31m\xff)\n("), 0);
	hit_all();
	for (uint32_t fd = 0; fd < 100; fd++) {
		const struct use use = {.kind = USE_DESCRIPTOR, .fd = fd};

		ck_assert_int_eq(hits_add_use(&hits, hits.hits[0].process, &use), 0);
	}
	ck_assert_int_eq(build(), 0);
	message = pack(&entries.entries[0], true, false);
	ck_assert_uint_eq(message->processes[0]->n_uses, MAX_LISTED_USES);
	ck_assert_uint_eq(message->processes[0]->total_uses, 101);
	ck_assert_ptr_null(memchr(message->process->name.data, 0x1b, message->process->name.len));
	rm__application__free_unpacked(message, NULL);
}
END_TEST

START_TEST(test_pack_units)
{
	char name[64], unit[80];
	Rm__Application *message;

	if (!has_cgroups()) {
		return;
	}
	(void)snprintf(name, sizeof(name), "rm-test%d.service", getpid());
	(void)snprintf(unit, sizeof(unit), "user:%s", name);
	(void)start();
	(void)start();
	(void)start();
	ck_assert(enter_cgroup(pid_of(0), unit_path(SYSTEM_SLICE, "rm-test", "service")));
	ck_assert(enter_cgroup(pid_of(1), unit_path(USER_SLICE, "rm-test", "service")));
	hit_all();
	ck_assert_int_eq(build(), 0);
	message = pack(entry_of(0), true, false);
	ck_assert(is_text(&message->unit, name));
	ck_assert(is_text(&message->service, name));
	rm__application__free_unpacked(message, NULL);
	message = pack(entry_of(1), true, false);
	ck_assert(is_text(&message->unit, unit));
	ck_assert(is_text(&message->service, name));
	rm__application__free_unpacked(message, NULL);
	message = pack(entry_of(2), true, false);
	ck_assert_uint_eq(message->service.len, 0);
	rm__application__free_unpacked(message, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("entries");
	TCase *tcase = fixture_case(suite, "entries");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, test_processes);
	tcase_add_test(tcase, test_services);
	tcase_add_loop_test(tcase, test_app_scope, 0, 2);
	tcase_add_test(tcase, test_order);
	tcase_add_test(tcase, test_hidden);
	tcase_add_test(tcase, test_gone);
	tcase_add_test(tcase, test_nobody);
	tcase_add_test(tcase, test_filter_by_executable);
	tcase_add_test(tcase, test_filter_by_process);
	tcase_add_test(tcase, test_filter_by_service);
	tcase_add_test(tcase, test_pack);
	tcase_add_test(tcase, test_pack_much);
	tcase_add_test(tcase, test_pack_units);
	return fixture_run(suite);
}
