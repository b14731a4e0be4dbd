/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail learn`: a run in which nothing is refused, and the policy that would have allowed it. */
#include "cli/learn.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_OUTPUT "modjail.yaml"
#define OPTIONS_MAX 32

enum { KEY_OUTPUT = 'o', KEY_MERGE = 0x200, KEY_FROM };

struct learn_options {
	struct cli_options run;
	const char *output;
	bool merge;
	size_t nfrom;
	const char **from; /* the array is owned */
};

/* What one `modjail learn` owns. */
struct session {
	struct learn_options options;
	struct learn learn;
	struct cli_report report;
	struct mj_reporter records; /* of report */
	bool records_wanted;
	int log_fd;
	struct mj_policy *policy;
	char *path;
	struct mj_error failure; /* of a callback; code 0: none */
};

/* ---- options -------------------------------------------------------------------------------- */

static const struct argp_option own_options[] = {
	{ "output", KEY_OUTPUT, "FILE", 0,
	  "Write the policy to FILE (default " DEFAULT_OUTPUT "), which must not exist", 1 },
	{ "merge", KEY_MERGE, NULL, 0,
	  "Add what is missing to FILE, and leave all else in it as it is", 1 },
	{ "from", KEY_FROM, "RECORDS", 0,
	  "Learn from records of --log-format=json as well; without PROG, from them alone. Can be "
	  "given several times",
	  1 },
};

static const char doc[] =
	"Run a Go program without refusing anything, and write the smallest policy file under "
	"which "
	"all "
	"of it would have been allowed: for each module what it needed, as evidence with the first "
	"call "
	"of each kind.\v"
	"Only what the run did is learned: use the program as it will be used. A program that was "
	"learned from while it did harm is allowed to do it again: read the file.\n\n"
	"Records are written only with --log-file or --log-format.\n\n"
	"Examples:\n"
	"  modjail learn -- ./prog\n"
	"  modjail learn --merge -- ./prog --another-way\n"
	"  modjail learn --merge --from=refused.jsonl";

/* Those of run's that mean something here. */
static const char *const run_options[] = { "ancestry", "verify-walk", "log-format", "log-file",
	                                   "quiet",    "stats",       "strict" };

static int
add_from(struct learn_options *options, const char *path)
{
	const char **more = realloc(options->from, (options->nfrom + 1) * sizeof(*more));
	if (!more)
		return ENOMEM;
	options->from = more;
	more[options->nfrom++] = path;
	return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct learn_options *options = state->input;
	switch (key) {
	case KEY_OUTPUT:
		options->output = arg;
		return 0;
	case KEY_MERGE:
		options->merge = true;
		return 0;
	case KEY_FROM:
		return add_from(options, arg);
	case ARGP_KEY_END:
		if (options->run.argv || options->nfrom)
			return 0;
		cli_options_fail(state, "no program was given, and no records (--from)");
		return EINVAL;
	default:
		break;
	}
	return cli_options_pass(&options->run, key, arg, state);
}

static int
parse_options(int argc, char **argv, struct learn_options *ret)
{
	struct argp_option table[OPTIONS_MAX] = { 0 };
	size_t count = MJ_ARRAY_LEN(own_options);
	memcpy(table, own_options, sizeof(own_options));
	cli_options_some(run_options, MJ_ARRAY_LEN(run_options), 2, table + count,
	                 OPTIONS_MAX - 1 - count);
	const struct argp argp = {
		.options = table,
		.parser = parse,
		.args_doc = "[--] PROG [ARG...]\n--from=RECORDS",
		.doc = doc,
	};
	*ret = (struct learn_options){ .run.ancestors = CLI_ANCESTRY, .output = DEFAULT_OUTPUT };
	return argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, ret);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void
say(const struct session *s, enum mj_notice_level level, const char *text)
{
	struct cli_report report = { .fd = STDERR_FILENO,
		                     .style = s->report.style,
		                     .quiet = s->options.run.quiet };
	struct mj_reporter reporter = cli_report_reporter(&report);
	reporter.notice(reporter.ctx, level, text);
}

static void
note(struct session *s, const struct mj_refusal *refusal, bool repeated)
{
	struct cli_view view;
	if (s->failure.code)
		return;
	if (cli_view_make(refusal, repeated, &view) < 0) {
		mj_error_set(&s->failure, MJ_ERR_MEMORY, "out of memory");
		return;
	}
	learn_view(&s->learn, &view, &s->failure);
	cli_view_finish(&view);
}

static void
on_refusal(void *ctx, const struct mj_refusal *refusal)
{
	struct session *s = ctx;
	note(s, refusal, false);
	if (s->records_wanted)
		s->records.refusal(s->records.ctx, refusal);
}

static void
on_repeated(void *ctx, const struct mj_refusal *refusal)
{
	struct session *s = ctx;
	note(s, refusal, true);
	if (s->records_wanted)
		s->records.repeated(s->records.ctx, refusal);
}

static void
on_notice(void *ctx, enum mj_notice_level level, const char *text)
{
	struct session *s = ctx;
	s->records.notice(s->records.ctx, level, text);
}

static struct mj_reporter
reporter_of(struct session *s)
{
	return (struct mj_reporter){ on_refusal, on_repeated, on_notice, s };
}

/* ---- the run -------------------------------------------------------------------------------- */

static bool
exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

/* What the file that is added to says of who is charged stays so: its pools, and std: strict. */
static int
keep_charges(struct session *s, struct mj_rule rule, struct mj_error *err)
{
	struct mj_policy *old = NULL;
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	if (mj_read_file(s->options.output, MJ_YAML_MAX, &text, &len, err) < 0 ||
	    mj_policy_create(&old, err) < 0)
		return -1;
	int r = mj_policy_read_yaml(old, s->options.output, text, len, err);
	rule.pool = true;
	for (size_t i = 0; r == 0 && i < mj_policy_count(old); i++)
		if (mj_policy_rule_at(old, i)->pool)
			r = mj_policy_set_rule(s->policy, mj_policy_module(old, i), &rule, err);
	mj_policy_set_std_strict(s->policy, r == 0 && mj_policy_std_strict(old));
	mj_policy_destroy(old);
	return r;
}

/* Nothing is allowed, so that everything is seen, and everything goes through. */
static int
make_policy(struct session *s, struct mj_error *err)
{
	struct mj_rule nothing = { .grant = mj_grant_of(0),
		                   .origin = { .source = MJ_SOURCE_FLAG } };
	if (mj_policy_create(&s->policy, err) < 0 ||
	    mj_policy_set_default(s->policy, &nothing, err) < 0 ||
	    mj_policy_set_unattributed(s->policy, &nothing, err) < 0)
		return -1;
	mj_policy_set_action(s->policy, MJ_ACTION_LOG, 0);
	return s->options.merge && exists(s->options.output) ? keep_charges(s, nothing, err) : 0;
}

static int
open_report(struct session *s, struct mj_error *err)
{
	const struct cli_options *options = &s->options.run;
	s->report.fd = STDERR_FILENO;
	if (options->log_file) {
		s->log_fd = s->report.fd = cli_log_open(options->log_file, err);
		if (s->log_fd < 0)
			return -1;
	}
	s->report.path = options->log_file;
	s->report.json = options->json;
	s->report.quiet = options->quiet;
	s->records_wanted = options->log_file || options->json;
	s->records = cli_report_reporter(&s->report);
	return 0;
}

/* A run in which nothing is needed has no record to name the program. */
static int
learn_program(struct session *s, struct mj_error *err)
{
	struct mj_image *image = NULL;
	MJ_AUTO_FD int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot read %s", s->path);
	if (mj_image_open(fd, s->path, NULL, 0, &image, err) < 0)
		return -1;
	int r = learn_main_module(&s->learn, mj_image_main_module(image), err);
	mj_image_destroy(image);
	return r;
}

static int
prepare_run(struct session *s, struct mj_error *err)
{
	const struct mj_reporter warnings = reporter_of(s);
	const bool on = s->options.run.strict;
	struct cli_strict strict = { on, on ? NULL : &warnings, s->report.style, 0 };
	const struct mj_reporter reporter = cli_strict_reporter(&strict);
	if (open_report(s, err) < 0 || make_policy(s, err) < 0)
		return CLI_EXIT_FAILED;
	int r = cli_find_program(s->options.run.argv[0], getenv("PATH"), &s->path, err);
	if (r == 0) {
		cli_warn_privileges(s->path, false, &reporter);
		r = cli_check_program(s->path, s->policy, &s->options.run, &reporter, err);
	}
	if (r == 0 && (cli_strict_end(&strict, s->path, err) < 0 || learn_program(s, err) < 0))
		r = CLI_EXIT_FAILED;
	return r;
}

static int
execute(struct session *s, struct cli_ending *ret, struct mj_error *err)
{
	struct mj_run_args args = {
		.policy = s->policy,
		.path = s->path,
		.argv = s->options.run.argv,
		.envp = environ,
		.reporter = reporter_of(s),
		.ancestors = s->options.run.ancestors,
		.verify_walk = s->options.run.verify_walk,
		.reopens_log = s->options.run.log_file != NULL,
		.writes_files = true,
		.report_fd = s->report.fd,
		.release_stdio = true,
		.no_wait = s->options.run.no_wait,
		.want_stats = s->options.run.stats != CLI_STATS_OFF,
		.learn = true,
	};
	struct mj_run_result result = { 0 };
	if (mj_run(&args, &result, err) < 0)
		return -1;
	if (result.stats)
		cli_report_stats(&s->report, s->options.run.stats, result.stats);
	free(result.stats);
	*ret = cli_ending_of(&result);
	if (result.exec_failed)
		return mj_error_sys(err, result.exec_errno, "cannot execute %s", s->path);
	if (s->failure.code) {
		*err = s->failure;
		return -1;
	}
	return 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

/* Before the run: work is not to be lost for want of an option. */
static int
check_output(const struct learn_options *options, struct mj_error *err)
{
	struct learn nothing = { 0 };
	MJ_AUTO_FREE char *text = NULL;
	MJ_AUTO_FREE char *same = NULL;
	size_t len = 0;
	if (!exists(options->output))
		return 0;
	if (!options->merge)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s exists already: --merge adds to it, -o FILE writes another "
		                    "one",
		                    options->output);
	if (mj_read_file(options->output, MJ_YAML_MAX, &text, &len, err) < 0)
		return -1;
	return learn_merge(&nothing, options->output, text, len, &same, &len, err);
}

static int
write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd);
}

/* replace: another file may be there, and is to go. */
static int
put_in_place(const char *temporary, const char *path, bool replace)
{
	if (replace)
		return rename(temporary, path);
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* File systems without it. */
	if (link(temporary, path) < 0)
		return -1;
	unlink(temporary);
	return 0;
}

static int
write_file(const char *path, const char *text, size_t len, bool replace, struct mj_error *err)
{
	struct stat st;
	/* A link stays one: what it leads to is replaced. */
	MJ_AUTO_FREE char *real = replace ? realpath(path, NULL) : NULL;
	const char *target = real ? real : path;
	mode_t mode = replace && stat(target, &st) == 0 ? st.st_mode & 07777 : 0644;
	MJ_AUTO_FREE char *temporary = NULL;
	if (asprintf(&temporary, "%s.XXXXXX", target) < 0) {
		temporary = NULL;
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	}
	MJ_AUTO_FD int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot write next to %s", target);
	if (write_all(fd, text, len) == 0 && fchmod(fd, mode) == 0 &&
	    put_in_place(temporary, target, replace) == 0)
		return 0;
	mj_error_sys(err, errno, "cannot write %s", target);
	unlink(temporary);
	return -1;
}

/* What was written must be what was meant. */
static int
check_text(const struct learn *learn, const char *name, const char *text, size_t len,
           struct mj_error *err)
{
	struct mj_policy *policy = NULL;
	if (mj_policy_create(&policy, err) < 0)
		return -1;
	int r = mj_policy_read_yaml(policy, name, text, len, err);
	if (r == 0 && !learn_is_allowed(learn, policy))
		r = mj_error_set(err, MJ_ERR_FORMAT, "%s would not allow what was learned", name);
	mj_policy_destroy(policy);
	return r;
}

static int
write_fresh(const struct session *s, struct mj_error *err)
{
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	int r = learn_write(out, &s->learn);
	if (fclose(out) != 0 || r < 0)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (check_text(&s->learn, s->options.output, text, len, err) < 0)
		return -1;
	return write_file(s->options.output, text, len, false, err);
}

static int
write_merged(const struct session *s, struct mj_error *err)
{
	MJ_AUTO_FREE char *text = NULL;
	MJ_AUTO_FREE char *merged = NULL;
	size_t len = 0;
	size_t merged_len = 0;
	const char *path = s->options.output;
	if (mj_read_file(path, MJ_YAML_MAX, &text, &len, err) < 0 ||
	    learn_merge(&s->learn, path, text, len, &merged, &merged_len, err) < 0)
		return -1;
	if (merged_len == len && memcmp(merged, text, len) == 0)
		return 0;
	return write_file(path, merged, merged_len, true, err);
}

static int
write_policy(struct session *s, struct mj_error *err)
{
	char text[1024];
	MJ_AUTO_FREE char *unnamed = learn_sort(&s->learn);
	if (s->learn.no_memory)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (unnamed) {
		snprintf(text, sizeof(text),
		         "\"%.300s\" is no module path: no policy can be about it", unnamed);
		say(s, MJ_NOTICE_WARNING, text);
	}
	if (s->learn.lost) {
		snprintf(text, sizeof(text),
		         "%llu calls could not be attributed: no policy allows them, and a run "
		         "refuses them; records (--log-format=json) say why",
		         (unsigned long long)s->learn.lost);
		say(s, MJ_NOTICE_WARNING, text);
	}
	return s->options.merge && exists(s->options.output) ? write_merged(s, err)
	                                                     : write_fresh(s, err);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int
learn_all(struct session *s, struct cli_ending *ret, struct mj_error *err)
{
	ret->status = CLI_EXIT_FAILED;
	if (check_output(&s->options, err) < 0)
		return -1;
	for (size_t i = 0; i < s->options.nfrom; i++)
		if (learn_read(&s->learn, s->options.from[i], err) < 0)
			return -1;
	struct cli_ending ending = { 0, 0 };
	if (s->options.run.argv) {
		int r = prepare_run(s, err);
		if (r != 0) {
			ret->status = r;
			return -1;
		}
		if (execute(s, &ending, err) < 0) {
			if (ending.status == CLI_EXIT_NOT_EXEC ||
			    ending.status == CLI_EXIT_NOT_FOUND)
				*ret = ending;
			return -1;
		}
	}
	if (write_policy(s, err) < 0)
		return -1;
	*ret = ending;
	return 0;
}

static void
finish(struct session *s)
{
	free(s->path);
	mj_policy_destroy(s->policy);
	mj_close(s->log_fd);
	learn_free(&s->learn);
	free(s->options.from);
	cli_options_finish(&s->options.run);
}

int
cli_cmd_learn(int argc, char **argv)
{
	struct session s = { .log_fd = -1 };
	struct mj_error err = { 0 };
	struct cli_ending ending = { CLI_EXIT_FAILED, 0 };
	s.report.style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int r = parse_options(argc, argv, &s.options);
	if (r != 0)
		mj_error_sys(&err, r, "cannot parse the command line");
	else
		r = learn_all(&s, &ending, &err);
	if (r != 0)
		say(&s, MJ_NOTICE_ERROR, err.text);
	finish(&s);
	return cli_end(ending);
}
