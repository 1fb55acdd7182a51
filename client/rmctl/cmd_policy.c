/* SPDX-License-Identifier: MIT */
/* The verb policy: which policy file decides about a name. */
#include <string.h>

#include "client/rmctl/attach.h"
#include "client/rmctl/cleanup.h"
#include "client/rmctl/commands.h"
#include "client/rmctl/document.h"
#include "client/rmctl/escape.h"
#include "client/rmctl/output.h"
#include "client/rmctl/report.h"
#include "client/rmctl/table.h"
#include "client/rstrtmgr.h"

/* As the library's limit. */
#define MAX_NAME_BYTES 255

static void print_json(const char *name, const struct rm_policy *policy)
{
	struct json_object *document = document_object();
	struct json_object *about = document_object();

	document_add_path(about, "name", "name_bytes", name);
	document_add_path(about, "file", "file_bytes", policy->file);
	document_add_text(about, "rule", policy->rule);
	document_add_text(about, "effect", policy->effect);
	document_add(document, "policy", about);
	document_print(document);
}

static void print_fields(const char *name, const struct rm_policy *policy, bool colors)
{
	_cleanup_(freep) char *shown = escape_path(name, output_is_utf8());
	_cleanup_(freep) char *file = escape_path(policy->file, output_is_utf8());

	table_check(shown && file);
	table_field("Name", colors, "%s", shown);
	table_field("File", colors, "%s", file[0] ? file : "none decides");
	if (file[0]) {
		table_field("Rule", colors, "%s", policy->rule);
		table_field("Effect", colors, "%s", policy->effect[0] ? policy->effect : "none");
	}
}

enum exit_code cmd_policy(const struct options *options)
{
	_cleanup_(policy_freep) struct rm_policy *policy = NULL;
	const char *name = options->arguments[0];
	enum exit_code code;
	int r;

	if (name[0] == '\0' || strlen(name) > MAX_NAME_BYTES) {
		return report_usage("policy",
				    "the name of a unit, program or package has 1 to %d "
				    "bytes",
				    MAX_NAME_BYTES);
	}
	code = attach_find_broker();
	if (code != EXIT_DONE) {
		return code;
	}
	r = rm_broker_policy(name, &policy);
	if (r) {
		return report_failure(r, NULL);
	}
	if (options->json) {
		print_json(name, policy);
	} else {
		print_fields(name, policy, output_has_colors(options));
	}
	return EXIT_DONE;
}
