/* SPDX-License-Identifier: MIT */
/* Listings as tests read them: which processes, whatever applications they are grouped into. */
#include "tests/support/listed.h"

#include <check.h>
#include <fcntl.h>

#include "tests/support/broker_fixture.h"

void listed_start_broker(void)
{
	const char *const arguments[] = {"--user",	 "--socket", fixture.socket, "--config",
					 fixture.config, "--log",    "debug",	     NULL};
	const struct launch launch = {.arguments = arguments};

	broker_start_as(&launch);
}

void listed_check_workers(void)
{
	ck_assert(!log_has("status=1 signal=0"));
	ck_assert(!log_has("signal=6"));
	ck_assert(!log_has("signal=11"));
}

const char *listed_make_file(const char *name)
{
	static const char page[4096];
	const char *path = fixture_path(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, page, sizeof(page)), sizeof(page));
	ck_assert_int_eq(close(fd), 0);
	return path;
}

struct rm_session *listed_session(const char *path)
{
	const struct rm_resources resources = {.n_files = 1, .files = &path};
	struct rm_session *session;

	ck_assert_int_eq(rm_session_start(-1, &session), 0);
	ck_assert_int_eq(rm_session_register(session, &resources), 0);
	return session;
}

struct rm_application_list *listed_now(struct rm_session *session, unsigned int flags)
{
	struct rm_application_list *list;

	ck_assert_int_eq(rm_session_list(session, flags, &list), 0);
	return list;
}

static bool has_here(const struct rm_application *application, const struct rm_process_id *id)
{
	for (size_t i = 0; i < application->n_processes_listed; i++) {
		const struct rm_process *process = &application->processes[i].process;

		if (process->pid == id->pid && process->start_time == id->start_time) {
			return true;
		}
	}
	return false;
}

const struct rm_application *listed_find(const struct rm_application_list *list, uint32_t pid)
{
	for (size_t i = 0; i < list->n_applications; i++) {
		for (size_t k = 0; k < list->applications[i].n_processes_listed; k++) {
			if (list->applications[i].processes[k].process.pid == pid) {
				return &list->applications[i];
			}
		}
	}
	return NULL;
}

bool listed_has(const struct rm_application_list *list, const struct rm_process_id *id)
{
	for (size_t i = 0; i < list->n_applications; i++) {
		if (has_here(&list->applications[i], id)) {
			return true;
		}
	}
	return false;
}

size_t listed_count(const struct rm_application_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n_applications; i++) {
		n += list->applications[i].n_processes;
	}
	return n;
}

bool listed_is_user(struct rm_session *session, const struct rm_process_id *id)
{
	struct rm_application_list *list = listed_now(session, 0);
	bool is = listed_has(list, id);

	rm_application_list_free(list);
	return is;
}
