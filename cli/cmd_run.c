/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one run owns. */
struct run {
	struct cli_options options;
	struct cli_report report;
	struct cli_summary summary;
	int log_fd; /* -1: stderr */
	struct mj_policy *policy;
	struct cli_programs programs;
	char *path;                         /* of a packed program: its name */
	const struct mj_run_packed *packed; /* NULL: the program is a file */
};

static void
say_error(const struct run *run, const char *text)
{
	cli_say_error(run->report.style, text);
}

static int
open_report(struct run *run, struct mj_error *err)
{
	const struct cli_options *options = &run->options;
	if (options->log_file) {
		run->log_fd = cli_log_open(options->log_file, err);
		if (run->log_fd < 0)
			return -1;
	}
	run->report.fd = run->log_fd >= 0 ? run->log_fd : STDERR_FILENO;
	run->report.path = options->log_file;
	run->report.json = options->json;
	run->report.summary = options->summary ? &run->summary : NULL;
	run->report.quiet = options->quiet;
	return 0;
}

/* Fills run->policy; leaves it NULL if there is none and --no-policy says that this is meant. */
static int
make_policy(struct run *run, struct mj_error *err)
{
	const struct cli_options *options = &run->options;
	if (cli_load_policy(options, run->report.style, &run->policy, err) < 0)
		return -1;
	if (mj_policy_says_something(run->policy))
		return 0;
	mj_policy_destroy(run->policy);
	run->policy = NULL;
	if (options->no_policy)
		return 0;
	if (options->policy_file)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s says nothing about any module: write modules or default, "
		                    "or use --no-policy",
		                    options->policy_file);
	if (options->go_mod)
		return mj_error_set(
			err, MJ_ERR_USAGE,
			"%s sets no policy: write \"// gomodjail:confined\" behind a "
			"required module, or use --policy=MODULE=confined, or --no-policy",
			options->go_mod);
	return mj_error_set(err, MJ_ERR_USAGE,
	                    "no policy was given: use --go-mod=FILE for the comments of a go.mod, "
	                    "--policy-file=FILE for a modjail.yaml, or "
	                    "--policy=MODULE=confined; --no-policy runs the program without any");
}

static void
pass_on_warnings(struct run *run, const struct mj_reporter *reporter)
{
	for (size_t i = 0; i < mj_policy_warning_count(run->policy); i++)
		reporter->notice(reporter->ctx, MJ_NOTICE_WARNING,
		                 mj_policy_warning(run->policy, i));
}

static void
say_nothing(void *ctx, enum mj_notice_level level, const char *text)
{
	(void)ctx, (void)level, (void)text;
}

/* Warnings were for who packed the program. */
static int
check_packed(struct run *run, struct mj_error *err)
{
	const struct mj_reporter nobody = { .notice = say_nothing };
	if (!run->policy) {
		mj_error_set(err, MJ_ERR_FORMAT, "the packed file is damaged: it has no policy");
		return CLI_EXIT_FAILED;
	}
	if (cli_load_programs(run->policy, &run->options, run->report.style, &nobody,
	                      &run->programs, err) < 0)
		return CLI_EXIT_FAILED;
	return cli_check_program_fd(run->packed->program, run->path, run->policy, &run->options,
	                            &nobody, err);
}

static int
check_file(struct run *run, const struct mj_reporter *reporter, struct mj_error *err)
{
	cli_warn_privileges(run->path, false, reporter);
	if (!run->policy)
		return 0;
	pass_on_warnings(run, reporter);
	if (cli_load_programs(run->policy, &run->options, run->report.style, reporter,
	                      &run->programs, err) < 0)
		return CLI_EXIT_FAILED;
	return cli_check_program(run->path, run->policy, &run->options, reporter, err);
}

/* Everything before the program starts. 0, or an exit status and *err. */
static int
prepare(struct run *run, struct mj_error *err)
{
	if (open_report(run, err) < 0 || make_policy(run, err) < 0)
		return CLI_EXIT_FAILED;
	if (run->packed)
		return check_packed(run, err);
	int r = cli_find_program(run->options.argv[0], getenv("PATH"), &run->path, err);
	if (r != 0)
		return r;
	const struct mj_reporter warnings = cli_report_reporter(&run->report);
	struct cli_strict strict = { .on = run->options.strict,
		                     .to = run->options.strict ? NULL : &warnings,
		                     .style = run->report.style };
	const struct mj_reporter reporter = cli_strict_reporter(&strict);
	r = check_file(run, &reporter, err);
	if (r == 0 && cli_strict_end(&strict, run->path, err) < 0)
		r = CLI_EXIT_FAILED;
	return r;
}

static void
say_exec_failed(const struct run *run, int errnum)
{
	struct mj_error err;
	mj_error_sys(&err, errnum, "cannot execute %s%s", run->path,
	             errnum == ENOENT ? " (the interpreter or dynamic loader that it names)" : "");
	say_error(run, err.text);
}

static int
execute(struct run *run, struct cli_ending *ret, struct mj_error *err)
{
	struct mj_run_args args = {
		.policy = run->policy,
		.programs = run->programs.list,
		.nprograms = run->programs.count,
		.on_deny = run->options.on_deny,
		.path = run->path,
		.packed = run->packed,
		.argv = run->options.argv,
		.envp = environ,
		.reporter = cli_report_reporter(&run->report),
		.ancestors = run->options.ancestors,
		.verify_walk = run->options.verify_walk,
		.reopens_log = run->options.log_file != NULL,
		.report_fd = run->report.fd,
		.release_stdio = true,
		.no_wait = run->options.no_wait,
		.want_stats = run->options.stats != CLI_STATS_OFF,
	};
	struct mj_run_result result = { 0 };
	if (mj_run(&args, &result, err) < 0)
		return -1;
	if (result.exec_failed)
		say_exec_failed(run, result.exec_errno);
	cli_report_summary(&run->report);
	if (result.stats)
		cli_report_stats(&run->report, run->options.stats, result.stats);
	free(result.stats);
	*ret = cli_ending_of(&result);
	return 0;
}

static void
finish(struct run *run)
{
	free(run->path);
	cli_programs_finish(&run->programs);
	mj_policy_destroy(run->policy);
	mj_close(run->log_fd);
	cli_summary_finish(&run->summary);
	cli_options_finish(&run->options);
}

/* From options that were parsed to the exit status. */
static int
run_options(struct run *run)
{
	struct mj_error err = { 0 };
	struct cli_ending ending = { CLI_EXIT_FAILED, 0 };
	int r = prepare(run, &err);
	if (r != 0)
		ending.status = r;
	else
		r = execute(run, &ending, &err);
	if (r != 0)
		say_error(run, err.text);
	finish(run);
	return cli_end(ending);
}

static struct cli_style
own_style(void)
{
	return (struct cli_style){ .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 };
}

int
cli_cmd_run(int argc, char **argv)
{
	struct run run = { .log_fd = -1, .report.style = own_style() };
	int r = cli_options_parse(argc, argv, 0, &run.options);
	if (r != 0) {
		struct mj_error err = { 0 };
		mj_error_sys(&err, r, "cannot parse the command line");
		say_error(&run, err.text);
		finish(&run);
		return CLI_EXIT_FAILED;
	}
	return run_options(&run);
}

int
cli_run_packed(struct cli_options *options, int program, int self, const char *name)
{
	struct mj_run_packed packed = { .program = program, .self = self };
	struct run run = { .log_fd = -1,
		           .report.style = own_style(),
		           .options = *options,
		           .packed = &packed,
		           .path = strdup(name) };
	*options = (struct cli_options){ 0 };
	if (!run.path) {
		say_error(&run, "out of memory");
		finish(&run);
		return CLI_EXIT_FAILED;
	}
	return run_options(&run);
}
