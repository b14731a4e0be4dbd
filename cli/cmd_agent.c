/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail agent`: supervises programs that others start with libmodjail_preload.so. */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <langinfo.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	KEY_SOCKET = 0x300,
	KEY_SOCKET_MODE,
	KEY_SOCKET_GROUP,
	KEY_POLICY_DIR,
	KEY_ALLOW_USER,
	KEY_MAX_PROGRAMS,
	KEY_VERBOSE,
	KEY_ONCE,
};

#define OPTIONS_MAX 32
#define USERS_MAX 64
#define DEFAULT_MAX_PROGRAMS 256
#define MOST_PROGRAMS 65536

struct agent_options {
	struct cli_options run;
	const char *socket;
	mode_t mode;
	gid_t group; /* -1: as it comes */
	const char *policy_dir;
	size_t nusers;
	uid_t users[USERS_MAX];
	unsigned max_programs;
	bool verbose;
	int once; /* a connection: -1: none */
};

/* What an agent owns; in a program's supervisor, also what that has. */
struct agent {
	struct agent_options options;
	struct cli_report report;
	struct cli_summary summary;
	int log_fd;
	struct mj_policy *policy; /* the program's, once chosen */
	struct cli_programs programs;
	char *policy_file;
	char label[256], json_label[64];
};

/* ---- options -------------------------------------------------------------------------------- */

static const struct argp_option own_options[] = {
	{ "socket", KEY_SOCKET, "PATH", 0,
	  "Listen at PATH. Not needed if a service manager passes a socket", 1 },
	{ "socket-mode", KEY_SOCKET_MODE, "MODE", 0,
	  "Permissions of the socket, octal (default 0600): who may write to it may have programs "
	  "supervised",
	  1 },
	{ "socket-group", KEY_SOCKET_GROUP, "GROUP", 0, "Group of the socket", 1 },
	{ "allow-user", KEY_ALLOW_USER, "USER", 0,
	  "Take programs of this user (name or number) and of no others but those that are named "
	  "as "
	  "well. Default: of whoever can connect, if the agent is root; else of its own user",
	  1 },
	{ "max-programs", KEY_MAX_PROGRAMS, "N", 0,
	  "Supervise up to N programs at once (default 256)", 1 },
	{ "policy-dir", KEY_POLICY_DIR, "DIR", 0,
	  "Take a program's policy from DIR/paths/PATH.yaml, PATH being its executable's, else "
	  "from DIR/modules/MODULE.yaml, MODULE being its main module's; else those of the next "
	  "options",
	  2 },
	{ "once", KEY_ONCE, "FD", OPTION_HIDDEN, NULL, -1 },
	{ "verbose", KEY_VERBOSE, NULL, 0, "Also write when a program starts and ends", 3 },
};

static const char *const run_policy_options[] = { "go-mod",   "policy-file", "policy",
	                                          "ancestry", "verify-walk", "on-deny",
	                                          "strict" };
static const char *const run_log_options[] = { "log-format", "log-file", "quiet", "stats",
	                                       "summary" };

static const char doc[] =
	"Supervise programs that others start: a program that is started with "
	"LD_PRELOAD=.../libmodjail_preload.so and MODJAIL_SOCKET=PATH puts itself under the filter "
	"that the agent gives it, and does not start if it cannot. \"modjail env\" says for a "
	"program whether that is possible, and what to set."
	"\v"
	"SIGTERM or SIGINT: no more programs are taken, and the agent ends when those that run "
	"have "
	"ended; a second one ends it at once, and kills the programs.\n\n"
	"Examples:\n"
	"  modjail agent --socket=/run/modjail.sock --policy-dir=/etc/modjail\n"
	"  modjail agent --socket=$HOME/.modjail.sock --go-mod=go.mod";

/* A number from least to most, or -1. */
static long
parse_number(const char *text, int base, long least, long most)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, base);
	return errno == 0 && end != text && !*end && value >= least && value <= most ? value : -1;
}

static void
parse_group(struct agent_options *options, const char *arg, const struct argp_state *state)
{
	const struct group *group = getgrnam(arg);
	long number = group ? (long)group->gr_gid : parse_number(arg, 10, 0, UINT32_MAX - 1);
	if (number < 0)
		cli_options_fail(state, "--socket-group: there is no such group");
	options->group = (gid_t)number;
}

static void
parse_user(struct agent_options *options, const char *arg, const struct argp_state *state)
{
	const struct passwd *user = getpwnam(arg);
	long number = user ? (long)user->pw_uid : parse_number(arg, 10, 0, UINT32_MAX - 1);
	if (number < 0)
		cli_options_fail(state, "--allow-user: there is no such user");
	else if (options->nusers == USERS_MAX)
		cli_options_fail(state, "--allow-user can be given %d times", USERS_MAX);
	else
		options->users[options->nusers++] = (uid_t)number;
}

/* As cli_options_fail, for a number that is none or out of range. */
static long
need_number(const struct argp_state *state, long number, const char *what)
{
	if (number < 0)
		cli_options_fail(state, "%s", what);
	return number;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct agent_options *options = state->input;
	switch (key) {
	case KEY_SOCKET:
		options->socket = arg;
		return 0;
	case KEY_SOCKET_MODE:
		options->mode = (mode_t)need_number(state, parse_number(arg, 8, 0, 0777),
		                                    "--socket-mode takes an octal number up to "
		                                    "0777");
		return 0;
	case KEY_SOCKET_GROUP:
		parse_group(options, arg, state);
		return 0;
	case KEY_ALLOW_USER:
		parse_user(options, arg, state);
		return 0;
	case KEY_MAX_PROGRAMS:
		options->max_programs =
			(unsigned)need_number(state, parse_number(arg, 10, 1, MOST_PROGRAMS),
		                              "--max-programs takes a number from 1 to 65536");
		return 0;
	case KEY_POLICY_DIR:
		options->policy_dir = arg;
		return 0;
	case KEY_VERBOSE:
		options->verbose = true;
		return 0;
	case KEY_ONCE:
		options->once = (int)need_number(state, parse_number(arg, 10, 3, INT32_MAX),
		                                 "--once takes the number of a connection");
		return 0;
	case ARGP_KEY_ARG:
		cli_options_fail(state, "the agent starts no programs: modjail run does");
		return EINVAL;
	case ARGP_KEY_END:
		return 0;
	default:
		break;
	}
	return cli_options_pass(&options->run, key, arg, state);
}

static int
parse_options(int argc, char **argv, struct agent_options *ret)
{
	struct argp_option table[OPTIONS_MAX] = { 0 };
	size_t count = MJ_ARRAY_LEN(own_options);
	memcpy(table, own_options, sizeof(own_options));
	count += cli_options_some(run_policy_options, MJ_ARRAY_LEN(run_policy_options), 2,
	                          table + count, OPTIONS_MAX - 1 - count);
	count += cli_options_some(run_log_options, MJ_ARRAY_LEN(run_log_options), 3, table + count,
	                          OPTIONS_MAX - 1 - count);
	const struct argp argp = { .options = table, .parser = parse, .doc = doc };
	*ret = (struct agent_options){
		.run.ancestors = CLI_ANCESTRY,
		.mode = 0600,
		.group = (gid_t)-1,
		.max_programs = DEFAULT_MAX_PROGRAMS,
		.once = -1,
	};
	return argp_parse(&argp, argc, argv, 0, NULL, ret);
}

/* ---- one program ---------------------------------------------------------------------------- */

/* Which jail a record is of: there are several writers. */
static void
set_label(struct agent *agent, const struct mj_client *client)
{
	const char *slash = strrchr(client->path, '/');
	char *name = cli_escape(agent->report.style, slash ? slash + 1 : client->path, NULL);
	snprintf(agent->label, sizeof(agent->label), "[%d %.200s] ", (int)client->pid,
	         name ? name : "?");
	snprintf(agent->json_label, sizeof(agent->json_label), "\"jail\":%d", (int)client->pid);
	agent->report.label = agent->label;
	agent->report.json_label = agent->json_label;
	free(name);
}

/* The options with which this program's policy is read. */
static int
find_policy(struct agent *agent, const struct mj_client *client, struct cli_options *ret,
            struct mj_error *err)
{
	struct mj_image *image = NULL;
	const struct agent_options *options = &agent->options;
	*ret = options->run;
	if (!options->policy_dir)
		return 0;
	if (mj_image_open(client->exe, client->path, NULL, 0, &image, err) < 0)
		return -1;
	const char *module = mj_image_main_module(image);
	int rc = cli_policy_file_for(options->policy_dir, client->path, module, &agent->policy_file,
	                             err);
	if (rc == 0 && agent->policy_file) {
		ret->go_mod = NULL;
		ret->policy_file = agent->policy_file;
	} else if (rc == 0 && !ret->go_mod && !ret->policy_file && !ret->npolicies) {
		rc = mj_error_set(err, MJ_ERR_USAGE,
		                  "the agent has no policy for %s: it would be %s/paths%s.yaml%s%s"
		                  "%s%s%s",
		                  client->path, options->policy_dir, client->path,
		                  *module ? " or " : "", *module ? options->policy_dir : "",
		                  *module ? "/modules/" : "", module, *module ? ".yaml" : "");
	}
	mj_image_destroy(image);
	return rc;
}

static int
load(struct agent *agent, const struct mj_client *client, struct mj_error *err)
{
	struct cli_options options;
	const struct cli_style style = agent->report.style;
	const struct mj_reporter warnings = cli_report_reporter(&agent->report);
	struct cli_strict strict = { .on = agent->options.run.strict, .to = &warnings };
	const struct mj_reporter reporter = cli_strict_reporter(&strict);
	if (find_policy(agent, client, &options, err) < 0 ||
	    cli_load_policy(&options, style, &agent->policy, err) < 0 ||
	    cli_load_programs(agent->policy, &options, style, &reporter, &agent->programs, err) < 0)
		return -1;
	if (!mj_policy_says_something(agent->policy))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "the agent's policy for %s says nothing about any module",
		                    client->path);
	for (size_t i = 0; i < mj_policy_warning_count(agent->policy); i++)
		reporter.notice(reporter.ctx, MJ_NOTICE_WARNING,
		                mj_policy_warning(agent->policy, i));
	if (cli_check_program_fd(client->exe, client->path, agent->policy, &options, &reporter,
	                         err) != 0)
		return -1;
	return cli_strict_end(&strict, client->path, err);
}

static int
choose(void *ctx, const struct mj_client *client, struct mj_run_args *ret, struct mj_error *err)
{
	struct agent *agent = ctx;
	set_label(agent, client);
	if (load(agent, client, err) < 0)
		return -1;
	*ret = (struct mj_run_args){
		.policy = agent->policy,
		.programs = agent->programs.list,
		.nprograms = agent->programs.count,
		.on_deny = agent->options.run.on_deny,
		.ancestors = agent->options.run.ancestors,
		.reporter = cli_report_reporter(&agent->report),
		.verify_walk = agent->options.run.verify_walk,
		.reopens_log = agent->options.run.log_file != NULL,
		.want_stats = agent->options.run.stats != CLI_STATS_OFF,
	};
	return 0;
}

static void
say(const struct agent *agent, const char *text)
{
	if (agent->options.verbose)
		cli_report_event(&agent->report, text);
}

static void
started(void *ctx, const struct mj_client *client)
{
	struct agent *agent = ctx;
	char text[1024];
	const char *file = agent->policy_file               ? agent->policy_file
	                   : agent->options.run.policy_file ? agent->options.run.policy_file
	                                                    : agent->options.run.go_mod;
	snprintf(text, sizeof(text), "%.400s starts in its jail: user %u, policy %.400s",
	         client->path, (unsigned)client->uid, file ? file : "of the command line");
	say(agent, text);
}

/* In a process of its own. */
static int
serve(void *ctx, int fd)
{
	struct agent *agent = ctx;
	struct mj_run_result result = { 0 };
	struct mj_error err = { 0 };
	struct mj_session_args args = {
		.users = { agent->options.nusers > 0, agent->options.users, agent->options.nusers },
		.choose = choose,
		.started = started,
		.ctx = agent,
	};
	agent->report.summary = agent->options.run.summary ? &agent->summary : NULL;
	if (mj_session_run(fd, &args, &result, &err) < 0) {
		struct mj_reporter reporter = cli_report_reporter(&agent->report);
		mj_error_wrap(&err, "a program was not started");
		reporter.notice(reporter.ctx, MJ_NOTICE_ERROR, err.text);
		return MJ_AGENT_REFUSED;
	}
	cli_report_summary(&agent->report);
	if (result.stats)
		cli_report_stats(&agent->report, agent->options.run.stats, result.stats);
	free(result.stats);
	say(agent, "has ended, and all that it started");
	return MJ_AGENT_DONE;
}

/* ---- the agent ------------------------------------------------------------------------------ */

static int
open_report(struct agent *agent, struct mj_error *err)
{
	const struct cli_options *options = &agent->options.run;
	if (options->log_file) {
		agent->log_fd = cli_log_open(options->log_file, err);
		if (agent->log_fd < 0)
			return -1;
	}
	agent->report.fd = agent->log_fd >= 0 ? agent->log_fd : STDERR_FILENO;
	agent->report.path = options->log_file;
	agent->report.json = options->json;
	agent->report.quiet = options->quiet;
	return 0;
}

/* What is wrong with the policies that all programs get is said before the first of them comes. */
static int
check_policies(struct agent *agent, struct mj_error *err)
{
	struct mj_policy *policy = NULL;
	struct stat st;
	const struct agent_options *options = &agent->options;
	const struct cli_options *run = &options->run;
	if (options->policy_dir && (stat(options->policy_dir, &st) < 0 || !S_ISDIR(st.st_mode)))
		return mj_error_set(err, MJ_ERR_USAGE, "--policy-dir: %s is no folder",
		                    options->policy_dir);
	if (!run->go_mod && !run->policy_file && !run->npolicies) {
		if (options->policy_dir)
			return 0;
		return mj_error_set(
			err, MJ_ERR_USAGE,
			"no policy was given: use --policy-dir=DIR, --policy-file=FILE, "
			"--go-mod=FILE or --policy=MODULE=confined");
	}
	struct cli_programs programs = { 0 };
	const struct mj_reporter warnings = cli_report_reporter(&agent->report);
	struct cli_strict strict = { .on = run->strict, .to = &warnings };
	const struct mj_reporter reporter = cli_strict_reporter(&strict);
	int rc = cli_load_policy(run, agent->report.style, &policy, err);
	if (rc == 0)
		rc = cli_load_programs(policy, run, agent->report.style, &reporter, &programs, err);
	if (rc == 0 && !mj_policy_says_something(policy))
		rc = mj_error_set(err, MJ_ERR_USAGE, "the policy says nothing about any module");
	if (rc == 0)
		rc = cli_strict_end(&strict, "the agent", err);
	cli_programs_finish(&programs);
	mj_policy_destroy(policy);
	return rc;
}

/* Yama's scope 1: the library lets the agent read its process, which its children do not inherit (PR_SET_PTRACER). */
static void
warn_of_yama(const struct mj_reporter *reporter)
{
	MJ_AUTO_FREE char *scope = NULL;
	size_t len = 0;
	if (geteuid() == 0 ||
	    mj_read_file("/proc/sys/kernel/yama/ptrace_scope", 64, &scope, &len, NULL) < 0 ||
	    strcmp(scope, "0\n") == 0)
		return;
	reporter->notice(reporter->ctx, MJ_NOTICE_WARNING,
	                 "/proc/sys/kernel/yama/ptrace_scope is not 0: without CAP_SYS_PTRACE the "
	                 "agent cannot read what its programs start, whose supervised calls are "
	                 "refused; run it as root, or with that capability");
}

static int
serve_many(struct agent *agent, struct mj_error *err)
{
	const struct agent_options *options = &agent->options;
	struct mj_agent_socket listener = { .fd = -1 };
	struct mj_reporter reporter = cli_report_reporter(&agent->report);
	int inherited = mj_agent_socket_inherit(&listener, err);
	if (inherited < 0)
		return -1;
	if (!inherited && !options->socket)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "no socket was given: use --socket=PATH, for which programs "
		                    "have MODJAIL_SOCKET=PATH");
	if (!inherited && mj_agent_socket_open(options->socket, options->mode, options->group,
	                                       &listener, err) < 0)
		return -1;
	warn_of_yama(&reporter);
	struct mj_agent_args args = {
		.socket = &listener,
		.max_programs = options->max_programs,
		.users = { options->nusers > 0, options->users, options->nusers },
		.serve = serve,
		.ctx = agent,
		.reporter = &reporter,
	};
	int rc = mj_agent_run(&args, err);
	mj_agent_socket_close(&listener);
	return rc;
}

/* For libmodjail_preload.so, which has started this process for its program: MODJAIL_POLICY. */
static int
serve_one(struct agent *agent)
{
	sigset_t all;
	sigfillset(&all);
	/* It ends with the program, not by what is sent to everybody around it. */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	if (fcntl(agent->options.once, F_SETFD, FD_CLOEXEC) < 0)
		return CLI_EXIT_FAILED;
	return serve(agent, agent->options.once) == MJ_AGENT_DONE ? 0 : CLI_EXIT_FAILED;
}

static void
finish(struct agent *agent)
{
	cli_programs_finish(&agent->programs);
	mj_policy_destroy(agent->policy);
	free(agent->policy_file);
	mj_close(agent->log_fd);
	cli_summary_finish(&agent->summary);
	cli_options_finish(&agent->options.run);
}

int
cli_cmd_agent(int argc, char **argv)
{
	struct agent agent = { .log_fd = -1 };
	struct mj_error err = { 0 };
	agent.report.style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int status = CLI_EXIT_FAILED;
	int rc = parse_options(argc, argv, &agent.options);
	if (rc != 0)
		mj_error_sys(&err, rc, "cannot parse the command line");
	else if ((rc = open_report(&agent, &err)) < 0)
		;
	else if (agent.options.once >= 0)
		status = serve_one(&agent);
	else if ((rc = check_policies(&agent, &err)) == 0 && (rc = serve_many(&agent, &err)) == 0)
		status = 0;
	if (rc != 0)
		cli_say_error(agent.report.style, err.text);
	finish(&agent);
	return status;
}
