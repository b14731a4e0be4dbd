/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_GO_MOD = 0x100,
	KEY_POLICY_FILE,
	KEY_POLICY,
	KEY_PLAN,
	KEY_CALLS,
	KEY_MARKDOWN,
	KEY_STRICT,
	KEY_HELP = 'h',
};

#define MAX_WORDS 3

struct options {
	struct cli_options policies;
	bool plan, calls, markdown, strict;
	size_t nwords;
	const char *words[MAX_WORDS];
};

static const struct argp_option option_table[] = {
	{ "go-mod", KEY_GO_MOD, "FILE", 0, "Read policies from the comments of a go.mod", 0 },
	{ "policy-file", KEY_POLICY_FILE, "FILE", 0, "Read policies from a modjail.yaml", 0 },
	{ "policy", KEY_POLICY, "MODULE=POLICY", 0, "Set the policy of one module", 0 },
	{ "strict", KEY_STRICT, NULL, 0, "check: warnings are failures, too", 0 },
	{ "plan", KEY_PLAN, NULL, 0, "show: which system calls are notified", 0 },
	{ "calls", KEY_CALLS, NULL, 0, "caps: with the system calls that need each", 0 },
	{ "markdown", KEY_MARKDOWN, NULL, 0, "caps: as docs/capabilities.md", 0 },
	{ NULL, KEY_HELP, NULL, OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};

static const char doc[] =
	"What the policies say, and what they come to."
	"\v"
	"  show [PROG]             the policy of each module that is named, or that PROG has, and "
	"where it is written\n"
	"  check [PROG]            errors and warnings; with PROG also what does not fit it\n"
	"  explain MODULE CALL     whether the module may make the system call, and which line "
	"says "
	"so\n"
	"  caps                    the capabilities\n\n"
	"Exit status: of check 0 if nothing is wrong, 1 otherwise; of explain 0 if the call is "
	"allowed, 1 if it is refused, 2 if that depends on its arguments; 125 if the command line "
	"or "
	"a policy is wrong.";

static void
fail(const struct argp_state *state, const char *message)
{
	fprintf(state->err_stream, "modjail: %s\n", message);
	argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
}

static int
add_policy(struct cli_options *options, const char *policy)
{
	const char **more = reallocarray(options->policies, options->npolicies + 1, sizeof(*more));
	if (!more)
		return ENOMEM;
	options->policies = more;
	more[options->npolicies++] = policy;
	return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	switch (key) {
	case KEY_GO_MOD:
		options->policies.go_mod = arg;
		return 0;
	case KEY_POLICY_FILE:
		options->policies.policy_file = arg;
		return 0;
	case KEY_POLICY:
		return add_policy(&options->policies, arg);
	case KEY_PLAN:
		options->plan = true;
		return 0;
	case KEY_CALLS:
		options->calls = true;
		return 0;
	case KEY_MARKDOWN:
		options->markdown = true;
		return 0;
	case KEY_STRICT:
		options->strict = true;
		return 0;
	case KEY_HELP:
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_ARG:
		if (options->nwords == MAX_WORDS)
			fail(state, "too many arguments");
		else
			options->words[options->nwords++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (!options->nwords)
			fail(state, "one of show, check, explain and caps is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- what they share ------------------------------------------------------------------------- */

struct command {
	struct options *options;
	struct cli_style style;
	struct mj_policy *policy;
	unsigned warnings;
};

static void
on_notice(void *ctx, enum mj_notice_level level, const char *text)
{
	struct command *c = ctx;
	c->warnings++;
	cli_text_notice(stderr, c->style, level, text);
}

static struct mj_reporter
reporter_of(struct command *c)
{
	return (struct mj_reporter){ .notice = on_notice, .ctx = c };
}

/* NULL and *err if it is no program that could be jailed. */
static struct mj_image *
open_program(const char *path, struct mj_error *err)
{
	struct mj_image *image = NULL;
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		mj_error_sys(err, errno, "cannot read %s", path);
	else if (mj_image_open(fd, path, NULL, 0, &image, err) == 0 &&
	         mj_image_kind(image) != MJ_IMAGE_GO) {
		mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s: %s", path, mj_image_why(image));
		mj_image_destroy(image);
		image = NULL;
	}
	return image;
}

/* ---- show ------------------------------------------------------------------------------------ */

static void
show_named(const struct command *c)
{
	for (size_t i = 0; i < mj_policy_count(c->policy); i++)
		cli_policy_show_rule(stdout, c->style, mj_policy_module(c->policy, i),
		                     mj_policy_rule_at(c->policy, i));
}

static int
show_program(const struct command *c, const char *path, struct mj_error *err)
{
	struct mj_image *image = open_program(path, err);
	if (!image)
		return -1;
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *m = mj_image_module(image, i);
		if (m->in_build_info)
			cli_policy_show_rule(stdout, c->style, m->path,
			                     mj_policy_rule(c->policy, m->path, m->is_main));
	}
	mj_image_destroy(image);
	return 0;
}

static int
show(struct command *c, struct mj_error *err)
{
	const char *program = c->options->nwords > 1 ? c->options->words[1] : NULL;
	if (c->options->plan)
		return cli_policy_show_plan(stdout, mj_policy_everyone(c->policy), err);
	if (!program)
		show_named(c);
	else if (show_program(c, program, err) < 0)
		return -1;
	cli_policy_show_rule(stdout, c->style, "(every other module)",
	                     mj_policy_default(c->policy));
	cli_policy_show_rule(stdout, c->style, "(unattributed)", mj_policy_unattributed(c->policy));
	return 0;
}

/* ---- check ----------------------------------------------------------------------------------- */

/* A grant by which a module that is meant to be confined may leave its jail. */
static void
warn_escapes(struct command *c)
{
	struct mj_grant unconfined = mj_grant_unconfined();
	for (size_t i = 0; i < mj_policy_count(c->policy); i++) {
		const struct mj_rule *rule = mj_policy_rule_at(c->policy, i);
		if (mj_grant_covers(&rule->grant, &unconfined))
			continue;
		for (enum mj_cap cap = mj_grant_escape(&rule->grant, 0); cap < MJ_CAP_COUNT;
		     cap = mj_grant_escape(&rule->grant, cap + 1)) {
			char text[512];
			snprintf(text, sizeof(text), "%s:%u: %s may do %s: %s",
			         rule->origin.file ? rule->origin.file : "", rule->origin.line,
			         mj_policy_module(c->policy, i), mj_cap_name(cap),
			         mj_cap_escape(cap));
			on_notice(c, MJ_NOTICE_WARNING, text);
		}
	}
}

static int
warn_uncovered(struct command *c, const char *path, struct mj_error *err)
{
	struct mj_image *image = open_program(path, err);
	if (!image)
		return -1;
	const struct mj_rule *otherwise = mj_policy_default(c->policy);
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *m = mj_image_module(image, i);
		if (m->is_main || !m->in_build_info || otherwise->origin.file ||
		    mj_policy_rule(c->policy, m->path, false) != otherwise)
			continue;
		char text[512];
		snprintf(text, sizeof(text),
		         "no policy names %.300s, so that it is unconfined; default: in a "
		         "modjail.yaml is for such modules",
		         m->path);
		on_notice(c, MJ_NOTICE_WARNING, text);
	}
	mj_image_destroy(image);
	return 0;
}

static int
check(struct command *c, struct mj_error *err)
{
	struct mj_reporter reporter = reporter_of(c);
	struct cli_programs programs = { 0 };
	const char *program = c->options->nwords > 1 ? c->options->words[1] : NULL;
	for (size_t i = 0; i < mj_policy_warning_count(c->policy); i++)
		on_notice(c, MJ_NOTICE_WARNING, mj_policy_warning(c->policy, i));
	int r = cli_load_programs(c->policy, &c->options->policies, c->style, &programs, err);
	cli_programs_finish(&programs);
	warn_escapes(c);
	if (r == 0 && program)
		r = cli_check_program(program, c->policy, &reporter, err);
	if (r == 0 && program)
		r = warn_uncovered(c, program, err);
	if (r != 0)
		return -1;
	return c->options->strict && c->warnings ? 1 : 0;
}

/* ---- explain --------------------------------------------------------------------------------- */

static int
explain(struct command *c, struct mj_error *err)
{
	const char *module = c->options->words[1];
	const char *call = c->options->words[2];
	const char *main_module = mj_policy_program(c->policy, NULL);
	int nr = mj_call_number(call);
	if (nr < 0) {
		const char *names[1024];
		size_t n = 0;
		while (n < mj_call_count() && n < MJ_ARRAY_LEN(names)) {
			names[n] = mj_call_name(mj_call_at(n));
			n++;
		}
		const char *near = mj_nearest(call, names, n);
		return mj_error_set(err, MJ_ERR_USAGE, "unknown system call \"%s\"%s%s%s", call,
		                    near ? "; did you mean \"" : "", near ? near : "",
		                    near ? "\"?" : "");
	}
	if (!main_module)
		main_module = mj_policy_main_module(c->policy);
	bool is_main = strcmp(module, "main") == 0 || (main_module && !strcmp(main_module, module));
	const struct mj_rule *rule = strcmp(module, "unattributed") == 0
	                                     ? mj_policy_unattributed(c->policy)
	                                     : mj_policy_rule(c->policy, module, is_main);
	return (int)cli_policy_explain(stdout, c->style, rule, module, nr);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int
dispatch(struct command *c, struct mj_error *err)
{
	static const char *const names[] = { "show", "check", "explain", "caps" };
	const struct options *options = c->options;
	const char *name = options->words[0];
	size_t arguments = options->nwords - 1;
	if (strcmp(name, "caps") == 0 && arguments == 0) {
		cli_policy_caps(stdout, options->calls, options->markdown);
		return 0;
	}
	if (cli_load_policy(&options->policies, c->style, &c->policy, err) < 0)
		return -1;
	if (strcmp(name, "show") == 0 && arguments <= 1)
		return show(c, err);
	if (strcmp(name, "check") == 0 && arguments <= 1)
		return check(c, err) != 0 ? (err->text[0] ? -1 : 1) : 0;
	if (strcmp(name, "explain") == 0 && arguments == 2)
		return explain(c, err);
	const char *near = mj_nearest(name, names, MJ_ARRAY_LEN(names));
	return mj_error_set(err, MJ_ERR_USAGE,
	                    "\"%s\" with %zu arguments is not known%s%s; modjail policy --help "
	                    "says what is",
	                    name, arguments, near ? ", near " : "", near ? near : "");
}

int
cli_cmd_policy(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "show|check|explain|caps [ARG...]",
		.doc = doc,
	};
	struct options options = { 0 };
	struct command command = { .options = &options };
	struct mj_error err = { 0 };
	command.style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int r = argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (r != 0)
		mj_error_sys(&err, r, "cannot parse the command line");
	else
		r = dispatch(&command, &err);
	if (err.text[0])
		cli_say_error(command.style, err.text);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_say_error(command.style, "cannot write");
		r = -1;
	}
	mj_policy_destroy(command.policy);
	cli_options_finish(&options.policies);
	if (r < 0 || err.text[0])
		return strcmp(options.words[0] ? options.words[0] : "", "check") == 0
		               ? 1
		               : CLI_EXIT_FAILED;
	return r;
}
