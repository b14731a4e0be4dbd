/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_GO_MOD = 0x100,
	KEY_POLICY_FILE,
	KEY_POLICY,
	KEY_PLAN,
	KEY_CALLS,
	KEY_MARKDOWN,
	KEY_STRICT,
	KEY_JSON,
	KEY_BINARY,
	KEY_HELP = 'h',
};

#define MAX_WORDS 4

struct options {
	struct cli_options policies;
	const char *binary; /* of explain; NULL: none */
	bool plan, calls, markdown, strict, json;
	size_t nwords;
	const char *words[MAX_WORDS];
};

static const struct argp_option option_table[] = {
	{ "go-mod", KEY_GO_MOD, "FILE", 0, "Read policies from the comments of a go.mod", 0 },
	{ "policy-file", KEY_POLICY_FILE, "FILE", 0, "Read policies from a modjail.yaml", 0 },
	{ "policy", KEY_POLICY, "MODULE=POLICY", 0, "Set the policy of one module", 0 },
	{ "strict", KEY_STRICT, NULL, 0, "check: warnings are failures, too", 0 },
	{ "json", KEY_JSON, NULL, 0, "show, check, caps: write one JSON object", 0 },
	{ "binary", KEY_BINARY, "PROG", 0,
	  "explain: the program, to tell its main module and names that it has not", 0 },
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
	"where "
	"it is written\n"
	"  check [PROG]            errors and warnings; with PROG also what does not fit it\n"
	"  explain MODULE CALL     whether the module may make the system call, and which line "
	"says so; "
	"CALL is openat, \"openat(O_WRONLY|O_CREAT)\" as in a report, or two words\n"
	"  caps                    the capabilities\n"
	"  schema                  the JSON Schema of modjail.yaml, for editors\n\n"
	"Exit status: 0; of check 1 if a policy is wrong or does not fit PROG, or, with --strict, "
	"if there is a warning; of explain 0 if the call is allowed, 1 if it is refused, 2 if that "
	"depends on arguments that are not given; 125 if the command line or (but for check) a "
	"policy is wrong.";

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
	case KEY_JSON:
		options->json = true;
		return 0;
	case KEY_BINARY:
		options->binary = arg;
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
			fail(state, "one of show, check, explain, caps and schema is missing");
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
	char **warnings; /* of check; owned */
	size_t nwarnings;
};

/* ---- show ------------------------------------------------------------------------------------ */

static void
show_named(const struct command *c)
{
	for (size_t i = 0; i < mj_policy_count(c->policy); i++)
		cli_policy_show_rule(stdout, c->style, mj_policy_module(c->policy, i),
		                     mj_policy_rule_at(c->policy, i));
}

static void
show_program(const struct command *c, const struct mj_image *image)
{
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *m = mj_image_module(image, i);
		if (m->in_build_info)
			cli_policy_show_rule(stdout, c->style, m->path,
			                     mj_policy_rule(c->policy, m->path, m->is_main));
	}
}

static void
show_text(const struct command *c, const struct mj_image *image)
{
	if (image)
		show_program(c, image);
	else
		show_named(c);
	cli_policy_show_rule(stdout, c->style, "(every other module)",
	                     mj_policy_default(c->policy));
	cli_policy_show_rule(stdout, c->style, "(unattributed)", mj_policy_unattributed(c->policy));
	if (mj_policy_std_strict(c->policy))
		puts("std: strict");
}

static int
show(struct command *c, struct mj_error *err)
{
	const char *program = c->options->nwords > 1 ? c->options->words[1] : NULL;
	struct mj_image *image = NULL;
	if (c->options->plan)
		return cli_policy_show_plan(stdout, mj_policy_everyone(c->policy), c->options->json,
		                            err);
	if (program) {
		image = cli_open_program(program, c->policy, err);
		if (!image)
			return -1;
	}
	if (c->options->json)
		cli_json_show(stdout, c->policy, image);
	else
		show_text(c, image);
	mj_image_destroy(image);
	return 0;
}

/* ---- check ----------------------------------------------------------------------------------- */

static void
on_warning(void *ctx, const char *text)
{
	struct command *c = ctx;
	char **more = reallocarray(c->warnings, c->nwarnings + 1, sizeof(*more));
	if (more) {
		c->warnings = more;
		more[c->nwarnings] = strdup(text);
		c->nwarnings += more[c->nwarnings] != NULL;
	}
	if (!c->options->json)
		cli_text_notice(stderr, c->style, MJ_NOTICE_WARNING, text);
}

/* The errors of the policy file that could not be used, read once more for the sake of JSON. */
static void
put_json_errors(const struct command *c, const struct mj_error *err)
{
	struct mj_policy *policy = NULL;
	struct mj_error ignored = { 0 };
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	const char *name = c->options->policies.policy_file;
	const char *errors[128] = { err->text };
	size_t n = err->text[0] ? 1 : 0;
	if (n && !c->policy && name && mj_policy_create(&policy, &ignored) == 0 &&
	    mj_read_file(name, MJ_YAML_MAX, &text, &len, &ignored) == 0 &&
	    mj_policy_read_yaml(policy, name, text, len, &ignored) < 0) {
		size_t count = mj_policy_error_count(policy);
		for (size_t i = 0; i < count && i < MJ_ARRAY_LEN(errors); i++)
			errors[i] = mj_policy_error(policy, i);
		n = count > MJ_ARRAY_LEN(errors) ? MJ_ARRAY_LEN(errors) : count ? count : n;
	}
	cli_json_check(stdout, errors, n, (const char *const *)c->warnings, c->nwarnings);
	mj_policy_destroy(policy);
}

static int
check(struct command *c, struct mj_error *err)
{
	const char *program = c->options->nwords > 1 ? c->options->words[1] : NULL;
	struct cli_check sink = { on_warning, c };
	int r = c->policy ? cli_policy_check(c->policy, &c->options->policies, program, c->style,
	                                     &sink, err)
	                  : -1;
	if (c->options->json)
		put_json_errors(c, err);
	else if (r < 0)
		cli_say_error(c->style, err->text);
	*err = (struct mj_error){ 0 }; /* it is said */
	return r < 0 || (c->options->strict && c->nwarnings) ? 1 : 0;
}

/* ---- explain --------------------------------------------------------------------------------- */

static int
unknown_call(const char *call, struct mj_error *err)
{
	const char *names[1024];
	size_t n = 0;
	for (; n < mj_call_count() && n < MJ_ARRAY_LEN(names); n++)
		names[n] = mj_call_name(mj_call_at(n));
	const char *near = mj_nearest(call, names, n);
	return mj_error_set(err, MJ_ERR_USAGE, "unknown system call \"%s\"%s%s%s", call,
	                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* "openat", "openat(O_RDONLY)", or the two words "openat" and "O_RDONLY" */
static int
parse_asked(const struct options *options, struct cli_asked *ret, struct mj_error *err)
{
	MJ_AUTO_FREE char *name = strdup(options->words[2]);
	if (!name)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	char *args = strchr(name, '(');
	if (args) {
		*args++ = '\0';
		char *end = strrchr(args, ')');
		if (!end || end[1] || options->nwords > 3)
			return mj_error_set(err, MJ_ERR_USAGE, "\"%s\" is not CALL(ARGUMENTS)",
			                    options->words[2]);
		*end = '\0';
	}
	const char *text = options->nwords > 3 ? options->words[3] : args ? args : "";
	*ret = (struct cli_asked){ .call.nr = mj_call_number(name) };
	if (ret->call.nr < 0)
		return unknown_call(name, err);
	return cli_parse_args(text, &ret->call, &ret->known, err);
}

/* Whether module is the main one, by what the program or the policy files say. -1 and *err if the program has
 * no such module. */
static int
find_module(const struct command *c, const char *module, bool *ret_main, struct mj_error *err)
{
	const char *main_module = mj_policy_program(c->policy, NULL);
	if (!main_module)
		main_module = mj_policy_main_module(c->policy);
	*ret_main =
		strcmp(module, "main") == 0 || (main_module && strcmp(main_module, module) == 0);
	if (!c->options->binary || strcmp(module, "main") == 0 ||
	    strcmp(module, "unattributed") == 0)
		return 0;
	struct mj_image *image = cli_open_program(c->options->binary, c->policy, err);
	if (!image)
		return -1;
	*ret_main = strcmp(mj_image_main_module(image), module) == 0;
	const char *near = NULL;
	int r = 0;
	if (!cli_has_module(image, module, &near))
		r = mj_error_set(err, MJ_ERR_USAGE, "%s contains no module %s%s%s%s",
		                 c->options->binary, module, near ? "; did you mean " : "",
		                 near ? near : "", near ? "?" : "");
	mj_image_destroy(image);
	return r;
}

static int
explain(struct command *c, struct mj_error *err)
{
	const char *module = c->options->words[1];
	struct cli_asked asked;
	bool is_main = false;
	if (parse_asked(c->options, &asked, err) < 0 || find_module(c, module, &is_main, err) < 0)
		return -1;
	const struct mj_rule *rule = strcmp(module, "unattributed") == 0
	                                     ? mj_policy_unattributed(c->policy)
	                                     : mj_policy_rule(c->policy, module, is_main);
	asked.by_default = rule == mj_policy_default(c->policy);
	return (int)cli_policy_explain(stdout, c->style, rule, module, &asked);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int
dispatch(struct command *c, struct mj_error *err)
{
	static const char *const names[] = { "show", "check", "explain", "caps", "schema" };
	const struct options *options = c->options;
	const char *name = options->words[0];
	size_t arguments = options->nwords - 1;
	if (strcmp(name, "caps") == 0 && arguments == 0) {
		cli_policy_caps(stdout,
		                options->json       ? CLI_CAPS_JSON
		                : options->markdown ? CLI_CAPS_MARKDOWN
		                                    : CLI_CAPS_TEXT,
		                options->calls);
		return 0;
	}
	if (strcmp(name, "schema") == 0 && arguments == 0)
		return cli_policy_schema(stdout, err);
	bool checking = strcmp(name, "check") == 0 && arguments <= 1;
	if (cli_load_policy(&options->policies, c->style, &c->policy, err) < 0 && !checking)
		return -1;
	if (checking)
		return check(c, err);
	if (strcmp(name, "show") == 0 && arguments <= 1)
		return show(c, err);
	if (strcmp(name, "explain") == 0 && (arguments == 2 || arguments == 3))
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
		.args_doc = "show|check|explain|caps|schema [ARG...]",
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
	for (size_t i = 0; i < command.nwarnings; i++)
		free(command.warnings[i]);
	free(command.warnings);
	return r < 0 || err.text[0] ? CLI_EXIT_FAILED : r;
}
