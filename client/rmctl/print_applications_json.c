/* SPDX-License-Identifier: MIT */
/*
 * The JSON document about applications. Fields are only ever added: docs/rmctl-json.md promises
 * that. Paths are bytes, and have a companion where they are no clean text.
 */
#include "client/rmctl/application_text.h"
#include "client/rmctl/document.h"
#include "client/rmctl/print_applications.h"

#define NO_LOGIN_SESSION 0xFFFFFFFFu

static struct json_object *build_words(uint32_t mask, unsigned int n_bits,
				       const char *(*name_of)(unsigned int bit))
{
	struct json_object *words = document_array();

	for (unsigned int bit = 0; bit < n_bits; bit++) {
		if (mask & 1u << bit) {
			document_append(words, document_text(name_of(bit)));
		}
	}
	return words;
}

static struct json_object *build_reasons(uint32_t reasons)
{
	return build_words(reasons, APPLICATION_N_REASON_BITS, application_reason_name);
}

static struct json_object *build_use(const struct rm_use *use)
{
	struct json_object *object = document_object();

	document_add_text(object, "kind", rm_use_kind_name(use->kind));
	document_add_path(object, "path", "path_bytes", use->path);
	document_add_path(object, "actual", "actual_bytes", use->actual);
	if (use->kind == RM_USE_DESCRIPTOR) {
		document_add_number(object, "fd", use->fd);
	} else {
		document_add(object, "fd", NULL);
	}
	document_add_bool(object, "deleted", use->is_deleted);
	document_add_bool(object, "claimed", use->is_claimed);
	return object;
}

static struct json_object *build_process(const struct rm_application_process *process)
{
	struct json_object *object = document_object();
	struct json_object *uses = document_array();

	document_add_process(object, &process->process);
	for (size_t i = 0; i < process->n_uses_listed; i++) {
		document_append(uses, build_use(&process->uses[i]));
	}
	document_add(object, "uses", uses);
	document_add_number(object, "uses_total", process->n_uses);
	return object;
}

static void add_identity(struct json_object *object, const struct rm_application *application)
{
	struct json_object *process = document_object();

	document_add_process(process, &application->process);
	document_add_text(object, "name", application->name);
	document_add(object, "process", process);
	document_add_text(object, "type", application_type_name(application->type));
	document_add_text_or_null(object, "service", application->service);
	document_add_text_or_null(object, "unit", application->unit);
	document_add_path(object, "executable", "executable_bytes", application->executable);
	document_add_text_or_null(object, "container", application->container);
	if (application->ts_session == NO_LOGIN_SESSION) {
		document_add(object, "login_session", NULL);
	} else {
		document_add_number(object, "login_session", application->ts_session);
	}
}

static struct json_object *build_application(const struct rm_application *application)
{
	struct json_object *object = document_object();
	struct json_object *processes = document_array();

	add_identity(object, application);
	document_add(object, "status",
		     build_words(application->status, APPLICATION_N_STATUS_BITS,
				 application_status_name));
	document_add_bool(object, "restartable", application->is_restartable);
	document_add_text(object, "why_not_restartable", application->why_not_restartable);
	document_add(object, "reasons", build_reasons(application->reasons));
	document_add_text(object, "why", application->why);
	document_add_text(object, "needs",
			  application_needs_name(application_find_needs(application)));
	document_add_path(object, "policy", "policy_bytes", application->policy);
	for (size_t i = 0; i < application->n_processes_listed; i++) {
		document_append(processes, build_process(&application->processes[i]));
	}
	document_add(object, "processes", processes);
	document_add_number(object, "processes_total", application->n_processes);
	return object;
}

static struct json_object *build_unchecked(const struct rm_unchecked *unchecked, size_t n)
{
	struct json_object *list = document_array();

	for (size_t i = 0; i < n; i++) {
		struct json_object *object = document_object();

		document_add_path(object, "path", "path_bytes", unchecked[i].path);
		document_add_text(object, "why", unchecked[i].why);
		document_add_number(object, "count", unchecked[i].count);
		document_append(list, object);
	}
	return list;
}

static struct json_object *build_inspection(const struct rm_application_list *list)
{
	struct json_object *object = document_object();

	document_add_number(object, "processes", list->n_processes);
	document_add_number(object, "processes_not_inspected", list->n_not_inspected);
	document_add_number(object, "files", list->n_files);
	document_add_number(object, "files_unchecked", list->n_files_unchecked);
	document_add(object, "unchecked", build_unchecked(list->unchecked, list->n_unchecked));
	document_add(object, "unseen", build_unchecked(list->unseen, list->n_unseen));
	document_add_number(object, "processes_read", list->n_reread);
	document_add_number(object, "took_us", list->took_us);
	return object;
}

/* null unless the answer was about stale files. */
static struct json_object *build_kernel(const struct rm_application_list *list)
{
	struct json_object *object;

	if (!list->kernel_running[0]) {
		return NULL;
	}
	object = document_object();
	document_add_text(object, "running", list->kernel_running);
	document_add_text_or_null(object, "installed", list->kernel_installed);
	document_add_bool(object, "stale", list->kernel_is_stale);
	return object;
}

void print_applications_json(const struct rm_application_list *list)
{
	struct json_object *document = document_object();
	struct json_object *applications = document_array();

	for (size_t i = 0; i < list->n_applications; i++) {
		document_append(applications, build_application(&list->applications[i]));
	}
	document_add(document, "applications", applications);
	document_add(document, "reasons", build_reasons(list->reasons));
	document_add_bool(document, "complete", application_list_is_complete(list));
	document_add(document, "inspection", build_inspection(list));
	document_add(document, "kernel", build_kernel(list));
	document_print(document);
}
