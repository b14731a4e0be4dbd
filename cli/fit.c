/* SPDX-License-Identifier: Apache-2.0 */
/* Programs under which a policy does not do what it looks like: the go command, C programs with Go in them, programs
 * without any of the confined modules, and those that modjail deprives of their privileges. */
#include "cli/cli.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static void
warn(const struct mj_reporter *reporter, const char *text)
{
	reporter->notice(reporter->ctx, MJ_NOTICE_WARNING, text);
}

/* ---- the go command --------------------------------------------------------------------------- */

/* Its own package has been cmd/go ever since; golang.org/dl/go1.N only executes another one. */
static bool
is_go_command(const struct mj_image *image)
{
	static const char downloaded[] = "golang.org/dl/go";
	const char *package = mj_image_main_package(image);
	return strcmp(package, "cmd/go") == 0 ||
	       strncmp(package, downloaded, sizeof(downloaded) - 1) == 0;
}

/* A policy that was written for the go command itself. */
static bool
is_meant_for_go(const struct mj_policy *policy)
{
	const char *gomod = mj_policy_main_module(policy);
	return mj_policy_program(policy, NULL) || (gomod && strcmp(gomod, "cmd") == 0);
}

/* Whether a shell, and what go makes of -exec's argument, leave a word as it is. */
static bool
is_plain(const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-+=./:,@%";
	return *word && strspn(word, plain) == strlen(word);
}

/* Tests run in the folders of their packages, so that a relative name would not do. */
static void
put_file(FILE *out, const char *option, const char *file)
{
	if (file)
		fprintf(out, " --%s=%s%s", option, *file == '/' ? "" : "$PWD/",
		        is_plain(file) ? file : "FILE");
}

static void
put_modjail(FILE *out, const struct cli_options *options)
{
	if (!options->go_mod && !options->policy_file && !options->npolicies) {
		fputs("modjail learn --merge -o $PWD/modjail.yaml --", out);
		return;
	}
	fputs("modjail run", out);
	put_file(out, "go-mod", options->go_mod);
	put_file(out, "policy-file", options->policy_file);
	for (size_t i = 0; i < options->npolicies; i++)
		if (is_plain(options->policies[i]))
			fprintf(out, " --policy=%s", options->policies[i]);
	fputs(" --", out);
}

/* go run and go test start what they build through -exec. go wants -C to be its first option. */
static void
put_exec(FILE *out, const struct cli_options *options, char *const *argv)
{
	fprintf(out, "write instead: %s %s", is_plain(options->argv[0]) ? options->argv[0] : "go",
	        *argv++);
	if (argv[0] && argv[1] && strcmp(argv[0], "-C") == 0 && is_plain(argv[1])) {
		fprintf(out, " -C %s", argv[1]);
		argv += 2;
	}
	fputs(" -exec \"", out);
	put_modjail(out, options);
	fputc('"', out);
	for (; *argv; argv++) {
		if (!is_plain(*argv)) {
			fputs(" ...", out);
			break;
		}
		fprintf(out, " %s", *argv);
	}
}

static void
put_advice(FILE *out, const struct cli_options *options)
{
	char *const *argv = options && options->argv && options->argv[0] ? options->argv + 1 : NULL;
	const char *verb = argv && *argv ? *argv : "";
	if (strcmp(verb, "run") == 0 || strcmp(verb, "test") == 0) {
		put_exec(out, options, argv);
	} else if (strcmp(verb, "generate") == 0) {
		fputs("write modjail into the //go:generate lines, before the program that each "
		      "names",
		      out);
	} else if (strcmp(verb, "tool") == 0) {
		fputs("run the tool itself under modjail; \"go tool -n\" shows how it is started",
		      out);
	} else {
		fputs("build the program with it, and run that under modjail", out);
	}
}

/* These execute what they build, or what was built before. */
static bool
executes_programs(const struct cli_options *options)
{
	static const char *const verbs[] = { "run", "test", "generate", "tool" };
	const char *verb = options && options->argv && options->argv[0] ? options->argv[1] : NULL;
	for (size_t i = 0; verb && i < MJ_ARRAY_LEN(verbs); i++)
		if (strcmp(verb, verbs[i]) == 0)
			return true;
	return false;
}

/* ---- what is confined at all ------------------------------------------------------------------ */

/* Whether the policies deny anything to a module of the program. Those of the build info first: for the others the
 * names of all functions have to be gone through. */
static bool
confines_something(struct mj_image *image, const struct mj_policy *policy)
{
	struct mj_grant unconfined = mj_grant_unconfined();
	for (int listed = 1; listed >= 0; listed--) {
		for (size_t i = 0; i < mj_image_module_count(image); i++) {
			const struct mj_module *module = mj_image_module(image, i);
			const struct mj_rule *rule =
				mj_policy_rule(policy, module->path, module->is_main);
			if (module->in_build_info == (listed == 1) &&
			    !mj_grant_covers(&rule->grant, &unconfined) &&
			    (listed || mj_image_module_present(image, i)))
				return true;
		}
	}
	return false;
}

/* Whether the policies name a module that they deny anything. One with "unattributed:" alone does not, and is meant so. */
static bool
confines_by_name(const struct mj_policy *policy)
{
	struct mj_grant unconfined = mj_grant_unconfined();
	for (size_t i = 0; i < mj_policy_count(policy); i++)
		if (!mj_grant_covers(&mj_policy_rule_at(policy, i)->grant, &unconfined))
			return true;
	return false;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static void
warn_go_command(const char *path, const struct cli_options *options,
                const struct mj_reporter *reporter)
{
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (out) {
		fprintf(out,
		        "%s is the go command: what the policies say of modules holds for its own, "
		        "and not for those of the programs that it builds and executes; ",
		        path);
		put_advice(out, options);
		fclose(out);
	}
	warn(reporter, text ? text : "out of memory: a warning is lost");
}

static void
warn_c_program(const struct mj_image *image, const char *path, const struct mj_reporter *reporter)
{
	char text[1024];
	if (!mj_image_is_c_program(image))
		return;
	snprintf(
		text, sizeof(text),
		"%s is a C program with Go in it (-buildmode=c-archive): on whose behalf its C "
		"code "
		"acts, and calls Go, is not known, so that both may do only what every module may; "
		"unattributed: in a modjail.yaml says what that is",
		path);
	warn(reporter, text);
}

void
cli_warn_kind(struct mj_image *image, const char *path, const struct mj_policy *policy,
              const struct cli_options *options, bool warned, const struct mj_reporter *reporter)
{
	char text[1024];
	warn_c_program(image, path, reporter);
	bool confines = confines_something(image, policy);
	if (is_go_command(image) && !is_meant_for_go(policy) &&
	    (!confines || executes_programs(options))) {
		warn_go_command(path, options, reporter);
		return;
	}
	if (confines || warned || mj_policy_program_at(policy, 0) || !confines_by_name(policy))
		return;
	snprintf(text, sizeof(text),
	         "%s contains none of the modules that the policies confine: none of its code is",
	         path);
	warn(reporter, text);
}

/* ---- privileges --------------------------------------------------------------------------------- */

static uint64_t
own_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

/* Whether the file has capabilities besides those of own, which a process keeps (kernel: security/commoncap.c,
 * cap_bprm_creds_from_file). In the form that has been written since 2.6.25, little-endian, like this machine. */
static bool
has_more_capabilities(int fd, uint64_t own)
{
	struct vfs_ns_cap_data caps;
	ssize_t n = fgetxattr(fd, "security.capability", &caps, sizeof(caps));
	if (n < (ssize_t)sizeof(struct vfs_cap_data))
		return false;
	uint64_t permitted = caps.data[0].permitted | (uint64_t)caps.data[1].permitted << 32;
	return permitted & ~own;
}

/* What executing the file would add to the user's own privileges, or, if anybody, to somebody's; NULL: nothing. */
static const char *
privileges_of(int fd, bool anybody)
{
	struct stat st;
	struct statvfs fs;
	if (fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0 || (fs.f_flag & ST_NOSUID))
		return NULL;
	if (has_more_capabilities(fd, anybody ? 0 : own_capabilities()))
		return "has file capabilities";
	if ((st.st_mode & S_ISUID) && (anybody || st.st_uid != geteuid()))
		return "is set-user-ID";
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && (anybody || st.st_gid != getegid()))
		return "is set-group-ID";
	return NULL;
}

void
cli_warn_privileges(const char *path, bool packed, const struct mj_reporter *reporter)
{
	char text[1024];
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *what = fd >= 0 ? privileges_of(fd, packed) : NULL;
	if (!what)
		return;
	if (packed)
		snprintf(text, sizeof(text),
		         "%s %s, which does not get into the packed file, and has no effect there",
		         path, what);
	else if (!mj_has_sys_admin())
		snprintf(text, sizeof(text),
		         "%s %s, which has no effect: without CAP_SYS_ADMIN, modjail sets "
		         "no_new_privs. Start modjail with the privileges that the program needs "
		         "(AmbientCapabilities= of systemd; as that user)",
		         path, what);
	else
		return;
	warn(reporter, text);
}
