/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail env`: what to set so that a program that somebody else starts is jailed, or why that does not work. */
#include "cli/cli.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libmodjail_preload.so"
#define VARIABLES_MAX 4
#define DOES_NOT_WORK 1 /* exit status */

enum { KEY_SOCKET = 0x400, KEY_GO_MOD, KEY_POLICY_FILE, KEY_FORMAT, KEY_LIBRARY };
enum format { FORMAT_SHELL = 0, FORMAT_SYSTEMD, FORMAT_JSON };

struct env_options {
	const char *socket, *policy, *library, *program;
	enum format format;
};

struct variable {
	const char *name;
	char *value; /* owned */
};

struct env {
	struct env_options options;
	struct cli_style style;
	size_t count;
	struct variable variables[VARIABLES_MAX];
};

/* ---- options -------------------------------------------------------------------------------- */

static const struct argp_option option_table[] = {
	{ "socket", KEY_SOCKET, "PATH", 0, "The program is to come to the agent at PATH", 1 },
	{ "policy-file", KEY_POLICY_FILE, "FILE", 0,
	  "There is no agent: the program starts a supervisor of its own, with this modjail.yaml",
	  1 },
	{ "go-mod", KEY_GO_MOD, "FILE", 0, "The same with this go.mod", 1 },
	{ "format", KEY_FORMAT, "shell|systemd|json", 0,
	  "Write export lines (shell, the default), lines of a [Service] section (systemd), or an "
	  "object that also says why it does not work (json)",
	  2 },
	{ "library", KEY_LIBRARY, "FILE", 0,
	  "Where " LIBRARY " is, if neither beside modjail nor where it was to be installed", 2 },
	{ 0 },
};

static const char doc[] =
	"Write the environment with which a program that somebody else starts (a service manager, "
	"a "
	"launcher) puts itself into its jail, by LD_PRELOAD; or say why that cannot work for it, "
	"and "
	"what does."
	"\v"
	"Exit status: 0; 1 if it cannot work for this program; 125 if modjail failed.\n\n"
	"Set it for the program alone. What is no Go program does not start with it.\n\n"
	"Examples:\n"
	"  (eval \"$(modjail env --socket=/run/modjail.sock ./prog)\"; exec ./prog)\n"
	"  modjail env --format=systemd --socket=/run/modjail.sock /usr/bin/prog";

static error_t
parse_format(struct env_options *options, const char *arg, const struct argp_state *state)
{
	static const char *const names[] = { "shell", "systemd", "json" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		if (strcmp(arg, names[i]) == 0) {
			options->format = (enum format)i;
			return 0;
		}
	cli_options_fail(state, "--format takes shell, systemd or json");
	return EINVAL;
}

static error_t
check_options(const struct env_options *options, const struct argp_state *state)
{
	if (!options->program)
		cli_options_fail(state, "no program was given");
	else if (!options->socket == !options->policy)
		cli_options_fail(state, "one of --socket, --policy-file and --go-mod says who "
		                        "supervises the program");
	else
		return 0;
	return EINVAL;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct env_options *options = state->input;
	switch (key) {
	case KEY_SOCKET:
		options->socket = arg;
		return 0;
	case KEY_POLICY_FILE:
	case KEY_GO_MOD:
		options->policy = arg;
		return 0;
	case KEY_LIBRARY:
		options->library = arg;
		return 0;
	case KEY_FORMAT:
		return parse_format(options, arg, state);
	case ARGP_KEY_ARG:
		if (options->program)
			return ARGP_ERR_UNKNOWN;
		options->program = arg;
		return 0;
	case ARGP_KEY_END:
		return check_options(options, state);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- paths ---------------------------------------------------------------------------------- */

/* Absolute, for the program may be started in another folder. What need not exist yet (a socket) is taken as it is. */
static char *
absolute(const char *path, struct mj_error *err)
{
	char *ret = NULL;
	char *folder = *path == '/' ? NULL : realpath(".", NULL);
	if (*path == '/')
		ret = strdup(path);
	else if (folder && asprintf(&ret, "%s/%s", folder, path) < 0)
		ret = NULL;
	free(folder);
	if (!ret)
		mj_error_sys(err, errno, "cannot find out where %s is", path);
	return ret;
}

static bool
is_file(const char *path)
{
	return access(path, R_OK) == 0;
}

/* The folder that this very program is in, and then the one that it was built for. */
static char *
find_library(struct mj_error *err)
{
	char self[PATH_MAX], *path = NULL;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash && asprintf(&path, "%.*s/" LIBRARY, (int)(slash - self), self) >= 0) {
		if (is_file(path))
			return path;
		free(path);
	}
	if (is_file(MJ_LIBDIR "/" LIBRARY))
		return strdup(MJ_LIBDIR "/" LIBRARY);
	mj_error_set(err, MJ_ERR_NOT_FOUND,
	             LIBRARY " is neither in modjail's own folder nor in " MJ_LIBDIR
	                     ": install it, or name it with --library=FILE");
	return NULL;
}

/* LD_PRELOAD is a list: neither a colon nor a space can be in a name (ld.so(8)). */
static int
check_library(const char *path, struct mj_error *err)
{
	if (strpbrk(path, ": "))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s has a space or a colon in its name, which LD_PRELOAD "
		                    "cannot express: copy it elsewhere",
		                    path);
	if (!is_file(path))
		return mj_error_sys(err, errno, "cannot read the library %s", path);
	return 0;
}

/* ---- variables ------------------------------------------------------------------------------ */

static int
add(struct env *env, const char *name, char *value)
{
	if (!value)
		return -1;
	env->variables[env->count++] = (struct variable){ name, value };
	for (const char *at = value; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return -2;
	return 0;
}

static int
make_variables(struct env *env, struct mj_error *err)
{
	const struct env_options *options = &env->options;
	char *library = options->library ? absolute(options->library, err) : find_library(err);
	int rc = add(env, "LD_PRELOAD", library);
	if (rc == 0)
		rc = check_library(library, err);
	if (rc == 0 && options->socket)
		rc = add(env, "MODJAIL_SOCKET", absolute(options->socket, err));
	if (rc == 0 && options->policy) {
		rc = add(env, "MODJAIL_POLICY", absolute(options->policy, err));
		if (rc == 0 && !is_file(env->variables[1].value))
			rc = mj_error_sys(err, errno, "cannot read %s", env->variables[1].value);
		if (rc == 0)
			rc = add(env, "MODJAIL_BIN", realpath("/proc/self/exe", NULL));
	}
	if (rc == -2)
		return mj_error_set(err, MJ_ERR_USAGE, "a path has a control character in it");
	return rc;
}

/* 'value', each ' in it as '\'' (POSIX, Shell Command Language, 2.2.2) */
static void
put_shell(const char *value)
{
	putchar('\'');
	for (; *value; value++)
		if (*value == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*value);
	putchar('\'');
}

/* For one item of Environment= in double quotes (systemd.syntax(7), systemd.unit(5) on '%', systemd.exec(5) on '$', which
 * is not special there). */
static void
put_systemd(const struct variable *variable)
{
	printf("Environment=\"%s=", variable->name);
	for (const char *at = variable->value; *at; at++) {
		if (*at == '"' || *at == '\\')
			putchar('\\');
		if (*at == '%')
			putchar('%');
		putchar(*at);
	}
	fputs("\"\n", stdout);
}

static void
put_variables(const struct env *env)
{
	for (size_t i = 0; i < env->count; i++) {
		const struct variable *variable = &env->variables[i];
		if (env->options.format == FORMAT_SYSTEMD) {
			put_systemd(variable);
			continue;
		}
		printf("export %s=", variable->name);
		put_shell(variable->value);
		putchar('\n');
	}
}

static json_t *
json_text(const char *text)
{
	MJ_AUTO_FREE char *valid = cli_valid_utf8(text);
	return valid ? json_string(valid) : json_null();
}

static void
put_json(const struct env *env, const struct cli_preloadable *found)
{
	json_t *object = json_object(), *variables = json_object();
	for (size_t i = 0; found->works && i < env->count; i++)
		json_object_set_new(variables, env->variables[i].name,
		                    json_text(env->variables[i].value));
	json_object_set_new(object, "program", json_text(env->options.program));
	json_object_set_new(object, "main_module", json_text(found->main_module));
	json_object_set_new(object, "works", json_boolean(found->works));
	json_object_set_new(object, "environment", variables);
	json_object_set_new(object, "reason",
	                    found->works ? json_null() : json_text(found->reason));
	json_object_set_new(object, "instead",
	                    found->works ? json_null() : json_text(found->instead));
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(object);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int
examine(const struct env *env, struct cli_preloadable *ret, struct mj_error *err)
{
	MJ_AUTO_FREE char *path = NULL;
	int r = cli_find_program(env->options.program, getenv("PATH"), &path, err);
	if (r != 0)
		return -1;
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot read %s", path);
	return cli_preloadable(fd, path, ret, err);
}

static int
say(const struct env *env, const struct cli_preloadable *found)
{
	char text[1024];
	if (env->options.format == FORMAT_JSON)
		put_json(env, found);
	else if (found->works)
		put_variables(env);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_say_error(env->style, "cannot write to standard output");
		return CLI_EXIT_FAILED;
	}
	if (found->works)
		return 0;
	if (env->options.format != FORMAT_JSON) {
		snprintf(text, sizeof(text), "LD_PRELOAD cannot work for %s: %s; instead: %s",
		         env->options.program, found->reason, found->instead);
		cli_say_error(env->style, text);
	}
	return DOES_NOT_WORK;
}

int
cli_cmd_env(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_table,
		.parser = parse,
		.args_doc = "PROGRAM",
		.doc = doc,
	};
	struct env env = { 0 };
	struct mj_error err = { 0 };
	struct cli_preloadable found = { 0 };
	int status = CLI_EXIT_FAILED;
	env.style.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int rc = argp_parse(&argp, argc, argv, 0, NULL, &env.options);
	if (rc != 0)
		mj_error_sys(&err, rc, "cannot parse the command line");
	else if ((rc = examine(&env, &found, &err)) == 0 &&
	         (!found.works || (rc = make_variables(&env, &err)) == 0))
		status = say(&env, &found);
	if (rc != 0)
		cli_say_error(env.style, err.text);
	for (size_t i = 0; i < env.count; i++)
		free(env.variables[i].value);
	return status;
}
