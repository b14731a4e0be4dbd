/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modjail doctor`: whether `modjail run` can work here, and why not.
 *
 * --json writes one object; its fields are an interface: add, do not change.
 *   version, can_run
 *   findings   [{id, name, needed, health: "ok", "degraded" or "missing", seen, follows: or null, remedy: or null}]
 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doctor.h"

#define EXIT_CANNOT_RUN 1

enum { KEY_JSON = 0x100, KEY_HELP = 'h' };

struct options {
	bool json;
};

static const struct argp_option option_table[] = {
	{ "json", KEY_JSON, NULL, 0, "Write one JSON object", 0 },
	{ NULL, KEY_HELP, NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};

static const char doc[] =
	"Find out whether modjail run can work here: try everything that it needs of the kernel, "
	"of "
	"the container around it and of this user, and say what is missing, what follows, and what "
	"to do."
	"\v"
	"Each thing is tried in a process of its own; nothing is changed. ok: it works. degraded: "
	"it "
	"does not, and modjail does without at a price. missing: it does not; modjail run cannot "
	"work without those marked with *.\n\n"
	"Exit status: 0 if modjail run can work, 1 if it cannot, 125 if that could not be found "
	"out.";

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	(void)arg;
	switch (key) {
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_HELP:
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_ARG:
		fputs("modjail: doctor takes no arguments\n", state->err_stream);
		argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
put_more(struct cli_style style, const char *label, const char *text)
{
	if (!*text)
		return;
	printf("%11s%-9s", "", label);
	cli_put(stdout, style, text);
	putchar('\n');
}

static void
put_finding(struct cli_style style, const struct mj_examined *e)
{
	printf("%-9s%c %-27s ", mj_health_name(e->health), e->needed ? '*' : ' ', e->name);
	cli_put(stdout, style, e->seen);
	putchar('\n');
	put_more(style, "so:", e->follows);
	put_more(style, "do:", e->remedy);
}

static void
put_text(struct cli_style style, const struct mj_examined *all, size_t count)
{
	size_t missing = 0, degraded = 0;
	for (size_t i = 0; i < count; i++) {
		put_finding(style, &all[i]);
		missing += all[i].needed && all[i].health == MJ_HEALTH_MISSING;
		degraded += all[i].health == MJ_HEALTH_DEGRADED;
	}
	if (missing)
		printf("\nmodjail run cannot work here: %zu of the things that it needs (*) %s "
		       "missing\n",
		       missing, missing == 1 ? "is" : "are");
	else if (degraded)
		printf("\nmodjail run can work here; %zu %s degraded\n", degraded,
		       degraded == 1 ? "thing is" : "things are");
	else
		puts("\nmodjail run can work here");
}

static json_t *
text_or_null(const char *s)
{
	MJ_AUTO_FREE char *valid = *s ? cli_valid_utf8(s) : NULL;
	return valid ? json_string(valid) : json_null();
}

static int
put_json(const struct mj_examined *all, size_t count, struct mj_error *err)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *object = json_object();
		json_object_set_new(object, "id", json_string(all[i].id));
		json_object_set_new(object, "name", json_string(all[i].name));
		json_object_set_new(object, "needed", json_boolean(all[i].needed));
		json_object_set_new(object, "health", json_string(mj_health_name(all[i].health)));
		json_object_set_new(object, "seen", text_or_null(all[i].seen));
		json_object_set_new(object, "follows", text_or_null(all[i].follows));
		json_object_set_new(object, "remedy", text_or_null(all[i].remedy));
		json_array_append_new(list, object);
	}
	json_t *all_of_it = json_object();
	json_object_set_new(all_of_it, "version", json_string(MJ_VERSION));
	json_object_set_new(all_of_it, "can_run", json_boolean(mj_doctor_can_run(all, count)));
	json_object_set_new(all_of_it, "findings", list);
	int rc = json_dumpf(all_of_it, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all_of_it);
	return rc == 0 ? 0 : mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
}

/* 0, EXIT_CANNOT_RUN, or -1 and *err. */
static int
examine(const struct options *options, struct cli_style style, struct mj_error *err)
{
	size_t count = mj_doctor_count();
	MJ_AUTO_FREE struct mj_examined *all = calloc(count, sizeof(*all));
	if (!all)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (mj_doctor_examine(i, &all[i], err) < 0)
			return -1;
	if (!options->json)
		put_text(style, all, count);
	else if (put_json(all, count, err) < 0)
		return -1;
	if (fflush(stdout) != 0 || ferror(stdout))
		return mj_error_sys(err, errno, "cannot write");
	return mj_doctor_can_run(all, count) ? 0 : EXIT_CANNOT_RUN;
}

int
cli_cmd_doctor(int argc, char **argv)
{
	static const struct argp argp = { .options = option_table, .parser = parse, .doc = doc };
	struct cli_style style = { .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 };
	struct options options = { 0 };
	struct mj_error err = { 0 };
	if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
		return CLI_EXIT_FAILED;
	signal(SIGCHLD, SIG_DFL); /* who started us may have ignored it */
	int r = examine(&options, style, &err);
	if (r < 0)
		cli_say_error(style, err.text);
	return r < 0 ? CLI_EXIT_FAILED : r;
}
