/* SPDX-License-Identifier: Apache-2.0 */
/* The policies of programs that the jailed one executes: "programs:" of a policy file, and of the files that
 * it names. One list for the whole jail: a program has one policy, whoever executes it. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICIES_MAX 200
#define PROGRAMS_MAX 1000

/* A policy file. The same file is loaded once, so that files may name each other. */
struct loaded {
	char *file;
	dev_t dev;
	ino_t ino;
	struct mj_policy *policy; /* NULL for the first one, which is the caller's */
};

struct cli_policies {
	size_t count;
	struct loaded loaded[POLICIES_MAX];
};

static const struct mj_policy *
policy_at(const struct cli_programs *programs, size_t i, const struct mj_policy *first)
{
	return i == 0 ? first : programs->policies->loaded[i].policy;
}

/* What loading needs besides. */
struct context {
	const struct cli_options *options;
	struct cli_style style;
	const struct mj_reporter *reporter;
};

/* ---- files ---------------------------------------------------------------------------------- */

/* name as seen from the folder of the file that mentions it. */
static char *
relative_to(const char *file, const char *name)
{
	const char *slash = strrchr(file, '/');
	char *path = NULL;
	if (name[0] == '/' || !slash)
		return strdup(name);
	return asprintf(&path, "%.*s/%s", (int)(slash - file), file, name) < 0 ? NULL : path;
}

static void
pass_on_warnings(const struct mj_policy *policy, const struct mj_reporter *reporter)
{
	for (size_t i = 0; i < mj_policy_warning_count(policy); i++)
		reporter->notice(reporter->ctx, MJ_NOTICE_WARNING, mj_policy_warning(policy, i));
}

/* Appends a file to the list. policy is taken over, if all goes well. */
static int
keep(struct cli_policies *policies, const char *file, const struct stat *st,
     struct mj_policy *policy, struct mj_error *err)
{
	char *copy = strdup(file);
	if (!copy)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	policies->loaded[policies->count++] = (struct loaded){
		.file = copy, .dev = st->st_dev, .ino = st->st_ino, .policy = policy
	};
	return 0;
}

/* Policies of a packed program are no files, so that their names have to tell, and have to do so when they are
 * packed, too. */
static bool
is_packed(const struct context *context)
{
	return context->options->pack || context->options->keep;
}

static int
identify(const char *file, const struct context *context, struct stat *ret, struct mj_error *err)
{
	memset(ret, 0, sizeof(*ret));
	if (!is_packed(context) && stat(file, ret) < 0)
		return mj_error_sys(err, errno, "cannot open %s", file);
	return 0;
}

static bool
is_loaded(const struct loaded *loaded, const char *file, const struct stat *st,
          const struct context *context)
{
	return is_packed(context) ? strcmp(loaded->file, file) == 0
	                          : loaded->dev == st->st_dev && loaded->ino == st->st_ino;
}

/* The index of a file in the list, loaded if it is not there yet; or -1. */
static ssize_t
load(struct cli_policies *policies, const char *file, const struct context *context,
     struct mj_error *err)
{
	struct stat st;
	struct mj_policy *policy = NULL;
	if (identify(file, context, &st, err) < 0)
		return -1;
	/* The first one is not packed under this name. */
	for (size_t i = is_packed(context); i < policies->count; i++)
		if (is_loaded(&policies->loaded[i], file, &st, context))
			return (ssize_t)i;
	if (policies->count == POLICIES_MAX)
		return mj_error_set(err, MJ_ERR_USAGE, "more than %d policy files", POLICIES_MAX);
	if (cli_load_yaml(context->options, MJ_PACK_PROGRAM_POLICY, policies->count - 1, file,
	                  context->style, &policy, err) < 0)
		return -1;
	if (keep(policies, file, &st, policy, err) < 0) {
		mj_policy_destroy(policy);
		return -1;
	}
	pass_on_warnings(policy, context->reporter);
	return (ssize_t)policies->count - 1;
}

/* ---- programs ------------------------------------------------------------------------------- */

/* Checks a program that is there already: stacks of it can be walked, and it is the one that its policy is
 * for. The supervisor checks again when it is executed, and then refuses. */
static int
check_image(const struct mj_image *image, const struct mj_run_program *program,
            struct mj_error *err)
{
	const char *wanted = mj_policy_program(program->policy, NULL);
	const char *is = mj_image_main_module(image);
	if (mj_image_kind(image) != MJ_IMAGE_GO)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "%s can have no policy of its own (%s); only Go programs can",
		                    program->path, mj_image_why(image));
	if (wanted && strcmp(wanted, is) != 0)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "the policy of %s is for the main module %s, but the "
		                    "program's own is %s",
		                    program->path, wanted, *is ? is : "not known");
	return 0;
}

static int
check_program(const struct mj_run_program *program, const struct mj_reporter *reporter,
              struct mj_error *err)
{
	struct mj_image *image = NULL;
	MJ_AUTO_FD int fd = open(program->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT) {
		MJ_AUTO_FREE char *text = NULL;
		if (asprintf(&text, "%s, which has a policy under \"programs\", does not exist",
		             program->path) < 0)
			return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
		reporter->notice(reporter->ctx, MJ_NOTICE_WARNING, text);
		return 0;
	}
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot read %s", program->path);
	if (mj_image_open(fd, program->path, NULL, 0, &image, err) < 0)
		return -1;
	int r = check_image(image, program, err);
	mj_image_destroy(image);
	return r;
}

static bool
is_same_file(const char *a, const char *b)
{
	struct stat first, second;
	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* Appends a program, unless it is there with this policy already. */
static int
add_program(struct cli_programs *programs, struct mj_run_program program,
            const struct context *context, struct mj_error *err)
{
	for (size_t i = 0; i < programs->count; i++) {
		const struct mj_run_program *other = &programs->list[i];
		if (!is_same_file(other->path, program.path))
			continue;
		if (other->policy == program.policy)
			return 0;
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s has another policy already (as %s): a program has one, "
		                    "whoever executes it",
		                    program.path, other->path);
	}
	if (programs->count == PROGRAMS_MAX)
		return mj_error_set(err, MJ_ERR_USAGE, "more than %d programs", PROGRAMS_MAX);
	/* A packed policy is for where the program will run. */
	if (!is_packed(context) && check_program(&program, context->reporter, err) < 0)
		return -1;
	programs->list[programs->count++] = program;
	return 0;
}

/* The programs that one file names. first: the policy of the first file. */
static int
add_programs_of(struct cli_programs *programs, size_t index, const struct mj_policy *first,
                const struct context *context, struct mj_error *err)
{
	const struct mj_policy *policy = policy_at(programs, index, first);
	const struct mj_policy_program *named;
	for (size_t i = 0; (named = mj_policy_program_at(policy, i)); i++) {
		const char *from = programs->policies->loaded[index].file;
		MJ_AUTO_FREE char *file = relative_to(from, named->policy);
		if (!file)
			return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
		ssize_t at = load(programs->policies, file, context, err);
		if (at < 0)
			return mj_error_wrap(err, "%s:%u", from, named->origin.line);
		struct mj_run_program program = { .path = named->path,
			                          .policy =
			                                  policy_at(programs, (size_t)at, first) };
		if (add_program(programs, program, context, err) < 0)
			return mj_error_wrap(err, "%s:%u", from, named->origin.line);
	}
	return 0;
}

int
cli_load_programs(const struct mj_policy *policy, const struct cli_options *options,
                  struct cli_style style, const struct mj_reporter *reporter,
                  struct cli_programs *ret, struct mj_error *err)
{
	struct stat st;
	const char *file = options->policy_file;
	const struct context context = { options, style, reporter };
	*ret = (struct cli_programs){ 0 };
	if (!file || !mj_policy_program_at(policy, 0))
		return 0;
	ret->list = calloc(PROGRAMS_MAX, sizeof(*ret->list));
	ret->policies = calloc(1, sizeof(*ret->policies));
	if (!ret->list || !ret->policies)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	if (identify(file, &context, &st, err) < 0)
		return -1;
	if (keep(ret->policies, file, &st, NULL, err) < 0)
		return -1;
	/* The list grows meanwhile. */
	for (size_t i = 0; i < ret->policies->count; i++)
		if (add_programs_of(ret, i, policy, &context, err) < 0)
			return -1;
	return 0;
}

void
cli_programs_finish(struct cli_programs *programs)
{
	for (size_t i = 0; programs->policies && i < programs->policies->count; i++) {
		mj_policy_destroy(programs->policies->loaded[i].policy);
		free(programs->policies->loaded[i].file);
	}
	free(programs->policies);
	free(programs->list);
	*programs = (struct cli_programs){ 0 };
}
