/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- finding -------------------------------------------------------------------------------- */

/* 0 if path can be executed as far as its mode says, else an errno value. */
static int
probe(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? EISDIR : EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static int
cannot_execute(const char *path, int errnum, struct mj_error *err)
{
	bool absent = errnum == ENOENT || errnum == ENOTDIR;
	mj_error_sys(err, errnum, "cannot execute %s", path);
	return absent ? CLI_EXIT_NOT_FOUND : CLI_EXIT_NOT_EXEC;
}

static int
out_of_memory(struct mj_error *err)
{
	mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	return CLI_EXIT_FAILED;
}

int
cli_find_program(const char *name, const char *path, char **ret, struct mj_error *err)
{
	if (strchr(name, '/') || !*name) {
		int r = *name ? probe(name) : ENOENT;
		if (r != 0)
			return cannot_execute(*name ? name : "\"\"", r, err);
		*ret = strdup(name);
		return *ret ? 0 : out_of_memory(err);
	}
	bool seen_one = false; /* one that cannot be executed: execvp(3) then reports EACCES */
	for (const char *dir = path ? path : "/bin:/usr/bin";; dir++) {
		size_t len = strcspn(dir, ":");
		char *candidate = NULL;
		/* An empty element is the working directory. */
		if (asprintf(&candidate, "%.*s/%s", len ? (int)len : 1, len ? dir : ".", name) < 0)
			return out_of_memory(err);
		int r = probe(candidate);
		if (r == 0) {
			*ret = candidate;
			return 0;
		}
		free(candidate);
		seen_one |= r == EACCES || r == EISDIR;
		dir += len;
		if (!*dir)
			break;
	}
	if (seen_one)
		return cannot_execute(name, EACCES, err);
	mj_error_set(err, MJ_ERR_NOT_FOUND, "%s was not found in PATH%s", name,
	             probe(name) == 0 ? "; the one in this directory is called ./ before its name"
	                              : "");
	return CLI_EXIT_NOT_FOUND;
}

/* ---- checking ------------------------------------------------------------------------------- */

static void warn(const struct mj_reporter *reporter, const char *fmt, ...) MJ_PRINTF(2, 3);

static void
warn(const struct mj_reporter *reporter, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reporter->notice(reporter->ctx, MJ_NOTICE_WARNING, text);
}

/* A file that is no ELF: a script is worth its own words. */
static void
explain_not_elf(int fd, const char *path, const char *why, struct mj_error *err)
{
	char line[128] = "";
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	line[n > 0 ? n : 0] = '\0';
	if (strncmp(line, "#!", 2) != 0) {
		mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s is not an executable file (%s)", path,
		             why);
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	mj_error_set(
		err, MJ_ERR_UNSUPPORTED,
		"%s is a script (%s), and policies are for the modules of a Go program; give "
		"modjail the Go program that the script starts, or put modjail into the script",
		path, line);
}

/* Refuses what is no Go program whose stacks can be walked. */
static int
check_kind(int fd, const char *path, const struct mj_image *image, struct mj_error *err)
{
	const char *why = mj_image_why(image);
	char loader[256];
	switch (mj_image_kind(image)) {
	case MJ_IMAGE_GO:
		return 0;
	case MJ_IMAGE_NOT_ELF:
		explain_not_elf(fd, path, why, err);
		break;
	case MJ_IMAGE_FOREIGN:
		mj_error_set(err, MJ_ERR_UNSUPPORTED,
		             "%s is for another machine (%s); modjail runs 64-bit x86 programs: "
		             "build it "
		             "with GOARCH=amd64",
		             path, why);
		break;
	case MJ_IMAGE_NOT_GO:
		mj_error_set(
			err, MJ_ERR_UNSUPPORTED,
			"%s is not a Go program (%s), so it has no modules that a policy could be "
			"for; modjail run --no-policy runs it without any%s",
			path, why,
			cli_read_interpreter(fd, loader, sizeof(loader)) > 0
				? ". Go in a shared library that it loads (-buildmode=c-shared) "
				  "cannot be confined"
				: "");
		break;
	case MJ_IMAGE_GO_OPAQUE:
		mj_error_set(
			err, MJ_ERR_UNSUPPORTED,
			"%s is a Go program whose function tables modjail cannot read (%s), so no "
			"call could be attributed to a module; use the file as \"go build\" made "
			"it, from Go 1.16 or later: neither packed nor obfuscated",
			path, why);
		break;
	}
	return CLI_EXIT_NOT_EXEC;
}

/* The module of the program with the closest name, for a hint; or NULL. */
static const char *
nearest_module(const struct mj_image *image, const char *name)
{
	size_t n = 0;
	size_t count = mj_image_module_count(image);
	MJ_AUTO_FREE const char **paths = calloc(count + 1, sizeof(*paths));
	if (!paths)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const struct mj_module *module = mj_image_module(image, i);
		if (module->in_build_info)
			paths[n++] = module->path;
	}
	return mj_nearest(name, paths, n);
}

static bool
has_module(struct mj_image *image, const char *name)
{
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *module = mj_image_module(image, i);
		if (strcmp(module->path, name) == 0)
			return module->in_build_info || mj_image_module_present(image, i);
	}
	return false;
}

bool
cli_has_module(struct mj_image *image, const char *name, const char **ret_nearest)
{
	*ret_nearest = nearest_module(image, name);
	return has_module(image, name);
}

/* Not rules of go.mod: that rightly requires modules that a program does not contain (for tests, other
 * systems, other programs), and cannot misspell those that it does. */
static void
warn_absent_modules(struct mj_image *image, const char *path, const struct mj_policy *policy,
                    const struct mj_reporter *reporter)
{
	for (size_t i = 0; i < mj_policy_count(policy); i++) {
		const char *name = mj_policy_module(policy, i);
		struct mj_origin origin = mj_policy_origin(policy, i);
		if (origin.source < MJ_SOURCE_FILE || strcmp(name, "main") == 0 ||
		    has_module(image, name))
			continue;
		char line[32] = "";
		if (origin.line)
			snprintf(line, sizeof(line), ":%u", origin.line);
		const char *near = nearest_module(image, name);
		warn(reporter, "%s contains no module %s, which %s%s names%s%s%s", path, name,
		     origin.file, line, near ? "; did you mean " : "", near ? near : "",
		     near ? "?" : "");
	}
}

static void
warn_other_main(const struct mj_image *image, const char *path, const struct mj_policy *policy,
                const struct mj_reporter *reporter)
{
	const char *theirs = mj_image_main_module(image);
	const char *ours = mj_policy_main_module(policy);
	if (ours && *ours && *theirs && strcmp(ours, theirs) != 0)
		warn(reporter,
		     "the go.mod is for module %s, but the main module of %s is %s: IS IT THE "
		     "RIGHT "
		     "go.mod? Its policies are applied all the same",
		     ours, path, theirs);
}

/* The program: key of modjail.yaml says which program it was written for. */
static int
check_main(const struct mj_image *image, const char *path, const struct mj_policy *policy,
           struct mj_error *err)
{
	struct mj_origin origin;
	const char *theirs = mj_image_main_module(image);
	const char *ours = mj_policy_program(policy, &origin);
	if (!ours || strcmp(ours, theirs) == 0)
		return 0;
	mj_error_set(err, MJ_ERR_USAGE,
	             "%s:%u: this policy is for program %s, but the main module of %s is %s",
	             origin.file, origin.line, ours, path, *theirs ? theirs : "not known");
	return CLI_EXIT_FAILED;
}

static void
warn_powerless(const struct mj_policy *policy, const struct mj_reporter *reporter)
{
	struct mj_grant unconfined = mj_grant_unconfined();
	if (!mj_grant_covers(mj_policy_everyone(policy), &unconfined) ||
	    mj_policy_program_at(policy, 0))
		return;
	warn(reporter, "the policies confine no module: nothing will be refused");
}

static int
open_image(int fd, const char *path, const struct mj_policy *policy, struct mj_image **ret,
           struct mj_error *err)
{
	size_t n = 0;
	size_t count = mj_policy_count(policy);
	MJ_AUTO_FREE const char **extra = calloc(count + 1, sizeof(*extra));
	if (!extra)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (strcmp(mj_policy_module(policy, i), "main") != 0)
			extra[n++] = mj_policy_module(policy, i);
	return mj_image_open(fd, path, extra, n, ret, err);
}

struct mj_image *
cli_open_program(const char *path, const struct mj_policy *policy, struct mj_error *err)
{
	struct mj_image *image = NULL;
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		mj_error_sys(err, errno, "cannot read %s", path);
		return NULL;
	}
	if (open_image(fd, path, policy, &image, err) < 0)
		return NULL;
	if (check_kind(fd, path, image, err) == 0)
		return image;
	mj_image_destroy(image);
	return NULL;
}

int
cli_check_program(const char *path, const struct mj_policy *policy,
                  const struct cli_options *options, const struct mj_reporter *reporter,
                  struct mj_error *err)
{
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		mj_error_sys(err, errno,
		             "cannot read %s, which modjail must to attribute its calls", path);
		return CLI_EXIT_NOT_EXEC;
	}
	return cli_check_program_fd(fd, path, policy, options, reporter, err);
}

static void
warn_all(struct mj_image *image, const char *path, const struct mj_policy *policy,
         const struct cli_options *options, const struct mj_reporter *reporter)
{
	struct cli_strict counted = { .to = reporter };
	const struct mj_reporter counter = cli_strict_reporter(&counted);
	warn_powerless(policy, &counter);
	warn_other_main(image, path, policy, &counter);
	warn_absent_modules(image, path, policy, &counter);
	cli_warn_kind(image, path, policy, options, counted.count > 0, reporter);
}

int
cli_check_program_fd(int fd, const char *path, const struct mj_policy *policy,
                     const struct cli_options *options, const struct mj_reporter *reporter,
                     struct mj_error *err)
{
	struct mj_image *image = NULL;
	if (open_image(fd, path, policy, &image, err) < 0)
		return CLI_EXIT_FAILED;
	int r = check_kind(fd, path, image, err);
	if (r == 0)
		r = check_main(image, path, policy, err);
	if (r == 0)
		warn_all(image, path, policy, options, reporter);
	mj_image_destroy(image);
	return r;
}
