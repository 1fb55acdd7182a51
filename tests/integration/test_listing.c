/* SPDX-License-Identifier: MIT */
/*
 * Registering and listing with the real broker, by both faces: what is answered, when an answer
 * is given again, what survives, what is refused.
 */
#include <fcntl.h>
#include <linux/loop.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client/restartmanager.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/hung_fuse.h"
#include "tests/support/listed.h"
#include "tests/support/testing.h"
#include "tests/support/wire.h"
#include "tests/support/workload.h"

static struct workload workload; /* large; its pipes only */

static void start(void)
{
	listed_start_broker();
	workload_open(&workload);
}

static void end(struct rm_session *session)
{
	listed_check_workers();
	ck_assert_int_eq(rm_session_end(session), 0);
	workload_close(&workload);
}

static int register_files(struct rm_session *session, size_t n, const char *const *files)
{
	const struct rm_resources resources = {.n_files = n, .files = files};

	return rm_session_register(session, &resources);
}

static int register_tree(struct rm_session *session, const char *tree)
{
	const struct rm_resources resources = {.n_trees = 1, .trees = &tree};

	return rm_session_register(session, &resources);
}

static int register_process(struct rm_session *session, const struct rm_process_id *id)
{
	const struct rm_resources resources = {.n_processes = 1, .processes = id};

	return rm_session_register(session, &resources);
}

static const struct rm_application *get_application(const struct rm_application_list *list,
						    uint32_t pid)
{
	const struct rm_application *application = listed_find(list, pid);

	ck_assert_msg(application, "process %u is not listed", pid);
	return application;
}

/* ---- the answer ------------------------------------------------------------------------------ */

START_TEST(test_uses)
{
	char path[160];
	struct rm_process_id mapped, opened, bystander;
	struct rm_application_list *list;
	const struct rm_application *application;
	struct rm_session *session;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	mapped = workload_start_victim(&workload, "map", path);
	opened = workload_start_victim(&workload, "open", path);
	bystander = workload_start_victim(&workload, "open", listed_make_file("another"));
	session = listed_session(path);
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_applications, 2);
	ck_assert_uint_eq(list->n_files, 1);
	ck_assert_uint_eq(list->n_files_unchecked, 0);
	ck_assert_uint_eq(list->n_unseen, 0);
	ck_assert_uint_gt(list->n_processes, 2);
	application = get_application(list, mapped.pid);
	ck_assert_uint_eq(application->status, RmStatusRunning);
	ck_assert_uint_eq(application->n_processes, 1);
	ck_assert_uint_eq(application->processes[0].n_uses, 1);
	ck_assert_int_eq(application->processes[0].uses[0].kind, RM_USE_MAPPING);
	ck_assert_str_eq(application->processes[0].uses[0].path, path);
	ck_assert_str_eq(application->processes[0].uses[0].actual, "");
	application = get_application(list, opened.pid);
	ck_assert_int_eq(application->processes[0].uses[0].kind, RM_USE_DESCRIPTOR);
	ck_assert_ptr_null(listed_find(list, bystander.pid));
	rm_application_list_free(list);

	list = listed_now(session, RM_LIST_NO_USES | RM_LIST_ANEW);
	application = get_application(list, mapped.pid);
	ck_assert_uint_eq(application->processes[0].n_uses, 1);
	ck_assert_uint_eq(application->processes[0].n_uses_listed, 0);
	ck_assert_uint_eq(list->n_reread, list->n_processes);
	rm_application_list_free(list);
	workload_end_victim(&mapped);
	workload_end_victim(&opened);
	workload_end_victim(&bystander);
	end(session);
}
END_TEST

/* Its file, itself and its old version: it is listed once. */
START_TEST(test_registered_process)
{
	char path[160];
	struct rm_process_id id, other, gone = {1, 1};
	struct rm_application_list *list;
	const struct rm_application *application;
	struct rm_session *session;
	bool is_registered = false;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	other = workload_start_victim(&workload, "map", path);
	id = workload_start_victim(&workload, "map", path);
	session = listed_session(path);
	ck_assert_int_eq(register_process(session, &other), 0);
	ck_assert_int_eq(register_process(session, &id), 0);
	ck_assert_int_eq(register_process(session, &gone), 0); /* PID 1 began at another time */
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_applications, 2);
	application = get_application(list, other.pid);
	ck_assert_uint_eq(application->n_processes, 1);
	ck_assert_uint_eq(application->processes[0].n_uses, 2);
	for (size_t i = 0; i < 2; i++) {
		is_registered |= application->processes[0].uses[i].kind == RM_USE_REGISTERED;
	}
	ck_assert(is_registered);
	rm_application_list_free(list);
	workload_end_victim(&id);
	workload_end_victim(&other);
	end(session);
}
END_TEST

/* Who asks must not be stopped, nor must what the machine stands on; and it is said why. */
START_TEST(test_self_and_critical)
{
	const char *path;
	struct rm_process_id first;
	struct rm_application_list *list;
	const struct rm_application *application;
	struct rm_session *session;
	int fd;

	start();
	path = listed_make_file("file");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	session = listed_session(path);
	ck_assert_int_eq(rm_process_id_from_pid(1, &first), 0);
	ck_assert_int_eq(register_process(session, &first), 0);
	list = listed_now(session, 0);
	application = get_application(list, (uint32_t)getpid());
	ck_assert_uint_eq(application->reasons & RmRebootReasonDetectedSelf,
			  RmRebootReasonDetectedSelf);
	ck_assert_str_ne(application->why, "");
	application = get_application(list, 1);
	ck_assert_int_eq(application->type, RmCritical);
	ck_assert_uint_ne(application->reasons &
				  (RmRebootReasonCriticalProcess | RmRebootReasonCriticalService |
				   RmRebootReasonDetectedSelf),
			  0);
	ck_assert_str_ne(application->why, "");
	ck_assert_int_eq(application->is_restartable, 0);
	ck_assert_str_ne(application->why_not_restartable, "");
	ck_assert_uint_eq(list->reasons & RmRebootReasonDetectedSelf, RmRebootReasonDetectedSelf);
	rm_application_list_free(list);
	ck_assert_int_eq(close(fd), 0);
	end(session);
}
END_TEST

/* ---- the Win32 face -------------------------------------------------------------------------- */

static DWORD start_win32(const char *path)
{
	WCHAR key[CCH_RM_SESSION_KEY + 1], wide[160];
	LPCWSTR files[] = {wide};
	DWORD handle = 0;

	for (size_t i = 0; i <= strlen(path); i++) {
		wide[i] = (WCHAR)path[i];
	}
	ck_assert_uint_eq(RmStartSession(&handle, 0, key), 0);
	ck_assert_uint_eq(RmRegisterResources(handle, 1, files, 0, NULL, 0, NULL), 0);
	return handle;
}

#define MANY 70u /* more than one notification takes */

START_TEST(test_arithmetic)
{
	static RM_PROCESS_INFO infos[MANY + 5];
	struct rm_process_id ids[MANY];
	const UINT capacities[] = {0, 1, MANY - 1, MANY, MANY + 5};
	char path[160];
	DWORD handle, reasons;
	UINT needed, n;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	for (size_t i = 0; i < MANY; i++) {
		ids[i] = workload_start_victim(&workload, i % 2 ? "map" : "open", path);
	}
	handle = start_win32(path);
	for (size_t i = 0; i < ARRAY_SIZE(capacities); i++) {
		UINT filled = capacities[i] < MANY ? capacities[i] : MANY;

		needed = 0;
		reasons = 77;
		n = capacities[i];
		ck_assert_uint_eq(RmGetList(handle, &needed, &n, n ? infos : NULL, &reasons),
				  n < MANY ? ERROR_MORE_DATA : 0);
		ck_assert_uint_eq(needed, MANY);
		ck_assert_uint_eq(n, filled);
		ck_assert_uint_eq(reasons, 0);
		for (UINT k = 0; k < filled; k++) {
			ck_assert_uint_eq(infos[k].Process.dwProcessId, ids[k].pid); /* by age */
			ck_assert_uint_eq(infos[k].AppStatus, RmStatusRunning);
		}
	}
	ck_assert_uint_eq(RmEndSession(handle), 0);
	for (size_t i = 0; i < MANY; i++) {
		workload_end_victim(&ids[i]);
	}
	workload_close(&workload);
}
END_TEST

/* A directory is for the native face. */
START_TEST(test_directory)
{
	char directory[160], path[200];
	struct rm_process_id id;
	struct rm_session *session;
	struct rm_application_list *list;
	DWORD handle, reasons;
	UINT needed, n = 0;

	start();
	(void)snprintf(directory, sizeof(directory), "%s", fixture_path("directory"));
	handle = start_win32(directory);
	ck_assert_uint_eq(RmGetList(handle, &needed, &n, NULL, &reasons), 0);
	ck_assert_int_eq(mkdir(directory, 0755), 0);
	ck_assert_uint_eq(RmGetList(handle, &needed, &n, NULL, &reasons), ERROR_ACCESS_DENIED);
	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert_uint_eq(RmGetList(handle, &needed, &n, NULL, &reasons), 0);
	ck_assert_uint_eq(RmEndSession(handle), 0);

	ck_assert_int_eq(mkdir(directory, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("directory/file"));
	id = workload_start_victim(&workload, "open", path);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_int_eq(register_tree(session, directory), 0);
	list = listed_now(session, 0);
	ck_assert_str_eq(get_application(list, id.pid)->processes[0].uses[0].actual, path);
	rm_application_list_free(list);
	workload_end_victim(&id);
	end(session);
}
END_TEST

/* ---- an answer given again (A65) ------------------------------------------------------------- */

static unsigned int count_in_log(const char *text)
{
	_cleanup_(freep) char *log = log_read();
	unsigned int n = 0;

	for (const char *at = log; (at = strstr(at, text)); at++) {
		n++;
	}
	return n;
}

/* How often processes were looked at, and how often the answer before did. */
struct counts {
	unsigned int n_scans;
	unsigned int n_again;
};

static struct counts read_counts(void)
{
	return (struct counts){count_in_log("again=no"), count_in_log("again=yes")};
}

/* What happens between the probe and the fetch. */
enum between {
	BETWEEN_NOTHING,
	BETWEEN_REGISTER,
	BETWEEN_FILTER,
	BETWEEN_UNFILTER,
	BETWEEN_EXIT,
	BETWEEN_OTHER_EXIT, /* of somebody who is not listed */
	BETWEEN_USES,	    /* the fetch wants to know more than the probe did */
	_BETWEEN_COUNT,
};

static void happen(enum between between, struct rm_session *session, struct rm_process_id *listed,
		   struct rm_process_id *other)
{
	const struct rm_filter filter = {.executable = "/bin/x", .action = 1};
	const char *path = "/x";

	switch (between) {
	case BETWEEN_REGISTER:
		ck_assert_int_eq(register_files(session, 1, &path), 0);
		break;
	case BETWEEN_FILTER:
		ck_assert_int_eq(rm_session_add_filter(session, &filter), 0);
		break;
	case BETWEEN_UNFILTER:
		ck_assert_int_eq(rm_session_remove_filter(session, &filter), 0);
		break;
	case BETWEEN_EXIT:
		workload_end_victim(listed);
		listed->pid = 0;
		break;
	case BETWEEN_OTHER_EXIT:
		workload_end_victim(other);
		other->pid = 0;
		break;
	case BETWEEN_NOTHING:
	case BETWEEN_USES:
	case _BETWEEN_COUNT:
		break;
	}
}

/* One listing on the wire with room for `capacity`; its entries, and the totals. */
static size_t ask(int fd, uint32_t session, uint32_t capacity, bool with_uses, uint32_t *ret_needed)
{
	Rm__Request request = RM__REQUEST__INIT;
	Rm__ListApplications list = RM__LIST_APPLICATIONS__INIT;
	size_t n = 0;
	bool is_more = true;

	list.session = session;
	list.capacity = capacity;
	list.with_uses = with_uses;
	request.call_case = RM__REQUEST__CALL_LIST_APPLICATIONS;
	request.list_applications = &list;
	wire_send_request(fd, &request);
	while (is_more) {
		struct wire_reply reply;

		ck_assert_int_eq(wire_receive(fd, 10000, &reply), WIRE_REPLY);
		ck_assert_uint_eq(reply.message->status, 0);
		is_more = reply.message->more;
		if (reply.message->result_case == RM__REPLY__RESULT_APPLICATIONS) {
			n += reply.message->applications->n_applications;
			*ret_needed = reply.message->applications->n_needed;
		}
		wire_reply_done(&reply);
	}
	return n;
}

/* Asks twice within SNAPSHOT_REUSE_MS, or tries again. Whether the answer was given again. */
static bool probe_and_fetch(int fd, struct rm_session *session, enum between between,
			    const char *path)
{
	struct rm_process_id ids[2];
	struct rm_process_id other = workload_start_victim(&workload, "open", "/dev/null");
	struct counts before, after;
	uint32_t needed = 0;
	size_t n;

	ids[0] = workload_start_victim(&workload, "open", path);
	ids[1] = workload_start_victim(&workload, "map", path);
	before = read_counts();
	ck_assert_uint_eq(ask(fd, rm_session_id(session), 0, false, &needed), 0);
	ck_assert_uint_eq(needed, 2);
	happen(between, session, &ids[1], &other);
	n = ask(fd, rm_session_id(session), 2, between == BETWEEN_USES, &needed);
	ck_assert_uint_eq(n, between == BETWEEN_EXIT ? 1 : 2);
	ck_assert_uint_eq(needed, n);
	after = read_counts();
	ck_assert_uint_eq(after.n_scans + after.n_again, before.n_scans + before.n_again + 2);
	workload_end_victim(&ids[0]);
	if (ids[1].pid) {
		workload_end_victim(&ids[1]);
	}
	if (other.pid) {
		workload_end_victim(&other);
	}
	return after.n_again > before.n_again;
}

START_TEST(test_given_again)
{
	const struct rm_filter filter = {.executable = "/bin/x", .action = 1};
	enum between between = (enum between)_i;
	bool may_be = between == BETWEEN_NOTHING || between == BETWEEN_OTHER_EXIT;
	bool was = false;
	char path[160];
	struct rm_session *session;
	int fd;

	start();
	fd = wire_connect();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	session = listed_session(path);
	/* On a busy machine the second question may be late. */
	for (unsigned int i = 0; i < (may_be ? 50 : 3) && !(may_be && was); i++) {
		if (between == BETWEEN_UNFILTER) {
			ck_assert_int_eq(rm_session_add_filter(session, &filter), 0);
		}
		was |= probe_and_fetch(fd, session, between, path);
	}
	ck_assert_int_eq(was, may_be);
	ck_assert_int_eq(close(fd), 0);
	end(session);
}
END_TEST

/* It is given again once, to the same process, and when it fits. */
START_TEST(test_given_again_once)
{
	char path[160];
	struct rm_process_id ids[2];
	struct rm_session *session;
	struct counts counts;
	uint32_t needed;
	int fd;

	start();
	fd = wire_connect();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	ids[0] = workload_start_victim(&workload, "open", path);
	ids[1] = workload_start_victim(&workload, "map", path);
	session = listed_session(path);
	(void)ask(fd, rm_session_id(session), 2, false, &needed); /* was no probe: it did fit */
	(void)ask(fd, rm_session_id(session), 2, false, &needed);
	(void)ask(fd, rm_session_id(session), 0, false, &needed);
	ck_assert_uint_eq(ask(fd, rm_session_id(session), 1, false, &needed), 1); /* too short */
	counts = read_counts();
	ck_assert_uint_eq(counts.n_scans, 4);
	ck_assert_uint_eq(counts.n_again, 0);
	(void)ask(fd, rm_session_id(session), 2, false, &needed); /* perhaps again */
	counts = read_counts();
	ck_assert_uint_eq(ask(fd, rm_session_id(session), 2, false, &needed), 2);
	ck_assert_uint_eq(read_counts().n_scans, counts.n_scans + 1);
	ck_assert_int_eq(close(fd), 0);
	workload_end_victim(&ids[0]);
	workload_end_victim(&ids[1]);
	end(session);
}
END_TEST

/* A session that goes takes the kept answer with it, and one that nobody fetches goes by itself. */
START_TEST(test_given_to_nobody)
{
	struct rm_process_id id;
	unsigned int n_pidfds;
	char path[160];
	uint32_t needed;
	int fd;

	start();
	fd = wire_connect();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	id = workload_start_victim(&workload, "open", path);
	for (unsigned int i = 0; i < 20; i++) {
		struct rm_session *session = listed_session(path);

		(void)ask(fd, rm_session_id(session), 0, false, &needed);
		ck_assert_int_eq(rm_session_end(session), 0);
	}
	n_pidfds = testing_count_pidfds_of(fixture.pid);
	ck_assert_uint_le(n_pidfds, 2); /* ours, and perhaps the victim's for a moment */
	ck_assert_int_eq(close(fd), 0);
	workload_end_victim(&id);
	workload_close(&workload);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

START_TEST(test_refused)
{
	struct rm_session *session, *joined, *attached;
	struct rm_application_list *list;
	const char *path = "/x";

	start();
	session = listed_session(path);
	ck_assert_int_eq(rm_session_join(rm_session_key(session), -1, &joined), 0);
	ck_assert_int_eq(register_files(joined, 1, &path), 0);
	ck_assert_int_eq(rm_session_list(joined, 0, &list), 1219);
	ck_assert_int_eq(rm_session_cancel(joined), 1219);
	ck_assert_int_eq(
		rm_session_attach(rm_session_id(session), rm_session_key(session), &attached), 0);
	list = listed_now(attached, 0);
	ck_assert_uint_eq(list->n_files, 1);
	rm_application_list_free(list);
	ck_assert_int_eq(rm_broker_end_session(rm_session_id(session)), 0);
	ck_assert_int_eq(rm_session_list(attached, 0, &list), 6);
	ck_assert_int_eq(rm_session_list(session, 0, &list), 6);
	ck_assert_int_eq(rm_session_cancel(session), 6);
	ck_assert_int_eq(register_files(session, 1, &path), 6);
	ck_assert_int_eq(register_files(joined, 1, &path), 6);
	rm_session_free(attached);
	ck_assert_int_eq(rm_session_end(joined), 0); /* its end was the primary's to say */
	ck_assert_int_eq(rm_session_end(session), 6);
	workload_close(&workload);
}
END_TEST

static int register_elsewhere(void *key)
{
	const char *path = "/x";
	const struct rm_process_id id = {1, 1};
	struct rm_session *session;

	if (!mounts_unshare() || rm_session_join(key, -1, &session) != 0) {
		return 99;
	}
	if (register_files(session, 1, &path) != 50 || register_tree(session, "/") != 50) {
		return 1;
	}
	return register_process(session, &id);
}

/* Paths of another mount namespace may be other files. */
START_TEST(test_other_namespace)
{
	struct rm_application_list *list;
	struct rm_session *session;

	if (!testing_is_root()) {
		return;
	}
	start();
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_int_eq(testing_in_child(register_elsewhere,
					  (void *)(uintptr_t)rm_session_key(session), 10000),
			 0);
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_files, 0);
	rm_application_list_free(list);
	end(session);
}
END_TEST

/* ---- what survives --------------------------------------------------------------------------- */

START_TEST(test_restart)
{
	const struct rm_filter filter = {.executable = workload_victim_program(), .action = 2};
	char path[160];
	struct rm_process_id user, registered;
	struct rm_application_list *list;
	struct rm_session *session;
	struct rm_filters *filters;

	start();
	(void)snprintf(path, sizeof(path), "%s", listed_make_file("file"));
	user = workload_start_victim(&workload, "map", path);
	registered = workload_start_victim(&workload, "open", "/dev/null");
	session = listed_session(path);
	ck_assert_int_eq(register_process(session, &registered), 0);
	ck_assert_int_eq(rm_session_add_filter(session, &filter), 0);
	ck_assert_int_eq(rename(listed_make_file("new"), path), 0); /* replaced, then the broker */
	broker_restart();
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_applications, 2);
	ck_assert_uint_eq(get_application(list, user.pid)->status,
			  RmStatusRunning | RmStatusShutdownMasked);
	ck_assert_int_eq(get_application(list, user.pid)->processes[0].uses[0].is_deleted, 1);
	ck_assert_uint_eq(get_application(list, registered.pid)->status,
			  RmStatusRunning | RmStatusShutdownMasked);
	rm_application_list_free(list);
	ck_assert_int_eq(rm_session_filters(session, &filters), 0);
	ck_assert_uint_eq(filters->n_filters, 1);
	rm_filters_free(filters);
	workload_end_victim(&user);
	workload_end_victim(&registered);
	end(session);
}
END_TEST

/* ---- many files, several threads ------------------------------------------------------------- */

#define MANY_PATHS 100000u

/* Free with free_paths(). */
static char **make_paths(size_t n, const char *name)
{
	char **paths = calloc(n, sizeof(*paths));

	ck_assert_ptr_nonnull(paths);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_gt(asprintf(&paths[i], "%s/%s-%zu", fixture.directory, name, i), 0);
	}
	return paths;
}

static void free_paths(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(paths[i]);
	}
	free(paths);
}

START_TEST(test_many_paths)
{
	size_t n = testing_is_slow() ? MANY_PATHS / 4 : MANY_PATHS;
	char **paths = make_paths(n, "file");
	struct rm_process_id id;
	struct rm_application_list *list;
	struct rm_session *session;
	const struct rm_use *use;

	start();
	testing_write_file(paths[n - 1], "x");
	id = workload_start_victim(&workload, "open", paths[n - 1]);
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	for (int i = 0; i < 2; i++) { /* the second time there is nothing new */
		ck_assert_int_eq(register_files(session, n, (const char *const *)paths), 0);
	}
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_files, n);
	ck_assert_uint_eq(list->n_files_unchecked, 0);
	ck_assert_uint_eq(list->n_applications, 1);
	use = &get_application(list, id.pid)->processes[0].uses[0];
	ck_assert_str_eq(use->path, paths[n - 1]);
	rm_application_list_free(list);
	broker_restart();
	list = listed_now(session, RM_LIST_NO_USES);
	ck_assert_uint_eq(list->n_files, n);
	rm_application_list_free(list);
	workload_end_victim(&id);
	free_paths(paths, n);
	end(session);
}
END_TEST

#define THREAD_PATHS 5000u

struct registrant {
	struct rm_session *session;
	char **paths;
	pthread_t thread;
	int code;
};

static void *register_there(void *arg)
{
	struct registrant *registrant = arg;

	registrant->code = register_files(registrant->session, THREAD_PATHS,
					  (const char *const *)registrant->paths);
	return NULL;
}

START_TEST(test_threads)
{
	struct registrant registrants[4] = {0};
	struct rm_application_list *list;
	struct rm_session *session;

	start();
	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	for (size_t i = 0; i < ARRAY_SIZE(registrants); i++) {
		char name[16];

		/* Two of each set: they collapse. */
		(void)snprintf(name, sizeof(name), "set%zu", i / 2);
		registrants[i].session = session;
		registrants[i].paths = make_paths(THREAD_PATHS, name);
		ck_assert_int_eq(pthread_create(&registrants[i].thread, NULL, register_there,
						&registrants[i]),
				 0);
	}
	list = listed_now(session, RM_LIST_NO_USES); /* in the middle: all of a set or nothing */
	ck_assert_uint_eq(list->n_files % THREAD_PATHS, 0);
	rm_application_list_free(list);
	for (size_t i = 0; i < ARRAY_SIZE(registrants); i++) {
		ck_assert_int_eq(pthread_join(registrants[i].thread, NULL), 0);
		ck_assert_int_eq(registrants[i].code, 0);
		free_paths(registrants[i].paths, THREAD_PATHS);
	}
	list = listed_now(session, RM_LIST_NO_USES);
	ck_assert_uint_eq(list->n_files, 2 * THREAD_PATHS);
	rm_application_list_free(list);
	end(session);
}
END_TEST

/* ---- half a registration --------------------------------------------------------------------- */

static void send_part(int fd, uint32_t session, uint32_t join, uint32_t part, bool is_last)
{
	static uint8_t request_id[REQUEST_ID_BYTES] = {7};
	Rm__Request request = RM__REQUEST__INIT;
	Rm__Register message = RM__REGISTER__INIT;
	ProtobufCBinaryData files[64];
	char paths[64][32];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "/half-%u-%zu", part, i);
		files[i] = codec_text(paths[i]);
	}
	message.request_id = codec_bytes(request_id, sizeof(request_id));
	message.session = session;
	message.join = join;
	message.part = part;
	message.last = is_last;
	message.n_files = ARRAY_SIZE(files);
	message.files = files;
	request.call_case = RM__REQUEST__CALL_REGISTER_RESOURCES;
	request.register_resources = &message;
	wire_send_request(fd, &request);
}

/* Sends two parts of three and dies; or all, and dies before the answer. */
static int register_half(void *arg)
{
	struct rm_session *const *session = arg;
	bool is_whole = session[1];
	int fd = wire_connect();
	uint32_t join, id = wire_join(fd, 3, rm_session_key(session[0]), &join);

	send_part(fd, id, join, 0, false);
	ck_assert_uint_eq(wire_receive_status(fd, NULL), 0);
	send_part(fd, id, join, 1, is_whole);
	if (!is_whole) {
		ck_assert_uint_eq(wire_receive_status(fd, NULL), 0);
	}
	return 0;
}

static bool has_no_joins(void *arg)
{
	struct rm_session *const *session = arg;
	struct rm_session_infos *infos;
	bool is;

	ck_assert_int_eq(rm_broker_session(rm_session_id(session[0]), &infos), 0);
	is = infos->sessions[0].n_joined == 0;
	rm_session_infos_free(infos);
	return is;
}

START_TEST(test_half_registration)
{
	struct rm_session *session[2] = {NULL, NULL};
	struct rm_application_list *list;

	start();
	ck_assert_int_eq(rm_session_start(-1, &session[0]), 0);
	ck_assert_int_eq(testing_in_child(register_half, session, 10000), 0);
	ck_assert(testing_wait(has_no_joins, session, 5000));
	list = listed_now(session[0], 0);
	ck_assert_uint_eq(list->n_files, 0);
	rm_application_list_free(list);

	session[1] = session[0];
	ck_assert_int_eq(testing_in_child(register_half, session, 10000), 0);
	ck_assert(testing_wait(has_no_joins, session, 5000));
	list = listed_now(session[0], 0);
	ck_assert(list->n_files == 0 || list->n_files == 128); /* all or nothing */
	rm_application_list_free(list);
	end(session[0]);
}
END_TEST

/* ---- in use by nobody that can be seen -------------------------------------------------------- */

static bool is_unseen(const struct rm_application_list *list, const char *path, const char *why)
{
	for (size_t i = 0; i < list->n_unseen; i++) {
		if (strcmp(list->unseen[i].path, path) == 0 && strstr(list->unseen[i].why, why)) {
			return true;
		}
	}
	return false;
}

/* A descriptor that is on its way between two processes. */
START_TEST(test_descriptor_in_flight)
{
	const char *path;
	struct rm_application_list *list;
	struct rm_session *session;
	int ends[2], fd;
	char byte = 'x';
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	start();
	path = listed_make_file("file");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(ends[0], &message, 0), 1);
	ck_assert_int_eq(close(fd), 0);
	session = listed_session(path);
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_applications, 0);
	ck_assert(is_unseen(list, path, "passed on"));
	rm_application_list_free(list);
	ck_assert_int_eq(close(ends[0]), 0);
	ck_assert_int_eq(close(ends[1]), 0); /* and the descriptor with them */
	list = listed_now(session, 0);
	ck_assert_uint_eq(list->n_unseen, 0);
	rm_application_list_free(list);
	end(session);
}
END_TEST

/* -1: there are no loop devices here. */
static int attach_loop(const char *path)
{
	_cleanup_(closep) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	_cleanup_(closep) int file = open(path, O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	char device[32];
	int fd;

	(void)snprintf(device, sizeof(device), "/dev/loop%d", number);
	fd = number < 0 ? -1 : open(device, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, LOOP_SET_FD, file) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

START_TEST(test_loop_device)
{
	const char *path;
	struct rm_application_list *list;
	struct rm_session *session;
	int fd;

	start();
	path = listed_make_file("image");
	fd = attach_loop(path);
	session = listed_session(path);
	list = listed_now(session, 0);
	if (fd >= 0) {
		ck_assert(is_unseen(list, path, "loop"));
		ck_assert_int_eq(ioctl(fd, LOOP_CLR_FD), 0);
		ck_assert_int_eq(close(fd), 0);
	} else {
		(void)fprintf(stderr, "# there are no loop devices here\n");
	}
	rm_application_list_free(list);
	end(session);
}
END_TEST

int main(void)
{
	const struct test_case cases[] = {
		{test_uses, 0, 0},
		{test_registered_process, 0, 0},
		{test_self_and_critical, 0, 0},
		{test_arithmetic, 60, 0},
		{test_directory, 0, 0},
		{test_given_again, 120, _BETWEEN_COUNT},
		{test_given_again_once, 0, 0},
		{test_given_to_nobody, 60, 0},
		{test_refused, 0, 0},
		{test_other_namespace, 0, 0},
		{test_restart, 0, 0},
		{test_many_paths, 120, 0},
		{test_threads, 60, 0},
		{test_half_registration, 60, 0},
		{test_descriptor_in_flight, 0, 0},
		{test_loop_device, 0, 0},
	};

	return testing_run("listings", cases, ARRAY_SIZE(cases));
}
