/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_GO_MOD = 0x100,
	KEY_POLICY_FILE,
	KEY_POLICY,
	KEY_NO_POLICY,
	KEY_ON_DENY,
	KEY_LOG_FORMAT,
	KEY_LOG_FILE,
	KEY_QUIET,
	KEY_STATS,
	KEY_SUMMARY,
	KEY_ANCESTRY,
	KEY_VERIFY_WALK,
	KEY_NO_WAIT,
	KEY_STRICT,
	KEY_DEBUG,
	KEY_HELP = 'h',
};

#define ON_DENY_CHOICES "errno|kill|log"
#define FORMAT_CHOICES "text|json"

static const struct argp_option option_table[] = {
	{ NULL, 0, NULL, 0, "What modules may do:", 1 },
	{ "go-mod", KEY_GO_MOD, "FILE", 0,
	  "Read policies from the comments of a go.mod, such as // gomodjail:confined", 1 },
	{ "policy-file", KEY_POLICY_FILE, "FILE", 0,
	  "Read policies from a modjail.yaml (docs/POLICY.md). Overrides go.mod", 1 },
	{ "policy", KEY_POLICY, "MODULE=POLICY", 0,
	  "Set the policy of one module: confined or unconfined. Overrides both; can be given "
	  "several "
	  "times, or as a list A=confined,B=unconfined",
	  1 },
	{ "no-policy", KEY_NO_POLICY, NULL, 0, "Run even if there is no policy at all", 1 },
	{ "strict", KEY_STRICT, NULL, 0,
	  "Where there would be a warning about the policy or PROG, do not start it (exit status "
	  "125): a module that PROG does not contain, the go.mod of another program, the go "
	  "command",
	  1 },
	{ "ancestry", KEY_ANCESTRY, "N|off", 0,
	  "Charge calls of a goroutine to the modules that created it too, up to N goroutines "
	  "back (default " CLI_ANCESTRY_TEXT "; N at most " CLI_ANCESTRY_MAX_TEXT ")",
	  1 },
	{ "verify-walk", KEY_VERIFY_WALK, NULL, 0,
	  "Where the program has debugging information, use it too: check every stack against "
	  "it and refuse where the two disagree, and charge code to the package that it names",
	  1 },
	{ NULL, 0, NULL, 0, "What happens to a refused call:", 2 },
	{ "on-deny", KEY_ON_DENY, ON_DENY_CHOICES, 0,
	  "It fails with EPERM (errno, the default), its process is killed (kill), or it goes "
	  "through "
	  "and is only reported (log)",
	  2 },
	{ "no-wait", KEY_NO_WAIT, NULL, 0,
	  "End when PROG ends, even if processes that it started still run; supervised calls of "
	  "those then fail with ENOSYS. Otherwise modjail stays until the last of them has ended",
	  2 },
	{ NULL, 0, NULL, 0, "What is written:", 3 },
	{ "log-format", KEY_LOG_FORMAT, FORMAT_CHOICES, 0,
	  "Write for people (text, the default) or one JSON object a line", 3 },
	{ "log-file", KEY_LOG_FILE, "FILE", 0, "Append to FILE instead of writing to stderr", 3 },
	{ "quiet", KEY_QUIET, NULL, 0,
	  "Write nothing about refused calls, and no warnings; only why modjail cannot go on", 3 },
	{ "summary", KEY_SUMMARY, NULL, 0,
	  "At the end, write how many calls of which module were refused, and what to do next", 3 },
	{ "stats", KEY_STATS, FORMAT_CHOICES, OPTION_ARG_OPTIONAL,
	  "At the end, write how many calls were checked, how, and how fast", 3 },
	/* gomodjail has these two; what --debug would show is reported anyway. */
	{ "debug", KEY_DEBUG, NULL, OPTION_HIDDEN, NULL, -1 },
	{ NULL, KEY_HELP, NULL, OPTION_HIDDEN, NULL, -1 },
	{ 0 },
};

static const char doc[] =
	"Run a Go program so that each system call is made only if every module on whose behalf it "
	"is "
	"made may make it. The program needs no rebuild and no debug information; modjail needs no "
	"root."
	"\v"
	"A confined module may use what is already open, memory, time and threads, and may look at "
	"file attributes; it may not open files, connect, execute programs or send signals. A "
	"module "
	"that no policy names is unconfined.\n\n"
	"Exit status: that of PROG; if a signal killed PROG, modjail dies of the same signal; 125 "
	"if "
	"modjail itself failed; 126 if PROG cannot be executed; 127 if it was not found.\n\n"
	"Examples:\n"
	"  modjail run --go-mod=go.mod -- ./prog -v\n"
	"  modjail run --policy=gopkg.in/yaml.v3=confined -- ./prog\n"
	"  modjail run --go-mod=go.mod --on-deny=log -- ./prog";

void
cli_options_fail(const struct argp_state *state, const char *fmt, ...)
{
	va_list ap;
	if (state->flags & ARGP_NO_ERRS)
		return;
	fputs("modjail: ", state->err_stream);
	va_start(ap, fmt);
	vfprintf(state->err_stream, fmt, ap);
	va_end(ap);
	fputc('\n', state->err_stream);
	argp_state_help(state, state->err_stream, ARGP_HELP_STD_ERR);
}

/* The index of word among choices ("errno|kill|log"), or -1 and a message with the choices. */
static int
choose(struct argp_state *state, const char *option, const char *word, const char *choices)
{
	int index = 0;
	for (const char *choice = choices;; choice++, index++) {
		size_t len = strcspn(choice, "|");
		if (strlen(word) == len && strncmp(word, choice, len) == 0)
			return index;
		choice += len;
		if (!*choice)
			break;
	}
	char *shown = cli_escape((struct cli_style){ .utf8 = false }, word, NULL);
	cli_options_fail(state, "--%s: \"%s\" is none of %s", option, shown ? shown : "", choices);
	free(shown);
	return -1;
}

static int
add_policy(struct cli_options *options, const char *policy)
{
	const char **more = realloc(options->policies, (options->npolicies + 1) * sizeof(*more));
	if (!more)
		return ENOMEM;
	options->policies = more;
	more[options->npolicies++] = policy;
	return 0;
}

/* --ancestry=N|off */
static unsigned
parse_ancestry(struct argp_state *state, const char *arg)
{
	char *end;
	if (strcmp(arg, "off") == 0)
		return 0;
	errno = 0;
	unsigned long n = strtoul(arg, &end, 10);
	if (errno == 0 && end != arg && !*end && *arg != '-' && n >= 1 && n <= CLI_ANCESTRY_MAX)
		return (unsigned)n;
	cli_options_fail(state,
	                 "--ancestry takes off, or a number from 1 to " CLI_ANCESTRY_MAX_TEXT);
	return CLI_ANCESTRY;
}

static int
parse_choice(int key, const char *arg, struct argp_state *state)
{
	static const enum mj_action actions[] = { MJ_ACTION_ERRNO, MJ_ACTION_KILL, MJ_ACTION_LOG };
	struct cli_options *options = state->input;
	int i = 0;
	switch (key) {
	case KEY_ON_DENY:
		i = choose(state, "on-deny", arg, ON_DENY_CHOICES);
		options->on_deny = actions[i >= 0 ? i : 0];
		break;
	case KEY_LOG_FORMAT:
		i = choose(state, "log-format", arg, FORMAT_CHOICES);
		options->json = i == 1;
		break;
	default:
		i = arg ? choose(state, "stats", arg, FORMAT_CHOICES) : 0;
		options->stats = i == 1 ? CLI_STATS_JSON : CLI_STATS_TEXT;
		break;
	}
	return i >= 0 ? 0 : EINVAL;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct cli_options *options = state->input;
	switch (key) {
	case KEY_GO_MOD:
		options->go_mod = arg;
		return 0;
	case KEY_POLICY_FILE:
		options->policy_file = arg;
		return 0;
	case KEY_POLICY:
		return add_policy(options, arg);
	case KEY_NO_POLICY:
		options->no_policy = true;
		return 0;
	case KEY_ON_DENY:
	case KEY_LOG_FORMAT:
	case KEY_STATS:
		return parse_choice(key, arg, state);
	case KEY_LOG_FILE:
		options->log_file = arg;
		return 0;
	case KEY_VERIFY_WALK:
		options->verify_walk = true;
		return 0;
	case KEY_ANCESTRY:
		options->ancestors = parse_ancestry(state, arg);
		return 0;
	case KEY_QUIET:
		options->quiet = true;
		return 0;
	case KEY_SUMMARY:
		options->summary = true;
		return 0;
	case KEY_NO_WAIT:
		options->no_wait = true;
		return 0;
	case KEY_STRICT:
		options->strict = true;
		return 0;
	case KEY_DEBUG:
		return 0;
	case KEY_HELP:
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_ARG: /* PROG: whatever follows is its own */
		options->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (options->argv)
			return 0;
		cli_options_fail(state, "no program was given");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp *
cli_options_argp(void)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "[--] PROG [ARG...]",
		.doc = doc,
	};
	return &argp;
}

int
cli_options_pass(struct cli_options *run, int key, char *arg, struct argp_state *state)
{
	void *input = state->input;
	state->input = run;
	int r = parse(key, arg, state);
	state->input = input;
	return r;
}

size_t
cli_options_some(const char *const *names, size_t count, int group, struct argp_option *out,
                 size_t max)
{
	size_t used = 0;
	for (const struct argp_option *o = option_table; o->name || o->key || o->doc; o++)
		for (size_t i = 0; o->name && i < count && used < max; i++)
			if (strcmp(o->name, names[i]) == 0) {
				out[used] = *o;
				out[used++].group = group;
			}
	return used;
}

int
cli_options_parse(int argc, char **argv, unsigned flags, struct cli_options *ret)
{
	*ret = (struct cli_options){ .ancestors = CLI_ANCESTRY };
	return argp_parse(cli_options_argp(), argc, argv, flags | ARGP_IN_ORDER, NULL, ret);
}

void
cli_options_finish(struct cli_options *options)
{
	free(options->policies);
	options->policies = NULL;
	options->npolicies = 0;
}
