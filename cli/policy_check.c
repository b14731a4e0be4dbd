/* SPDX-License-Identifier: Apache-2.0 */
/* `modjail policy check`: what the user should know about a policy, and about how it fits a program. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void warn(const struct cli_check *check, const char *fmt, ...) MJ_PRINTF(2, 3);

static void
warn(const struct cli_check *check, const char *fmt, ...)
{
	MJ_AUTO_FREE char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	check->warn(check->ctx, text ? text : "out of memory: a warning is lost");
}

/* "modjail.yaml:7:5: ", "--policy: "; "" for what is written nowhere. */
static const char *
place(struct mj_origin origin, char *buf, size_t len)
{
	if (!origin.file)
		*buf = '\0';
	else if (origin.column)
		snprintf(buf, len, "%s:%u:%u: ", origin.file, origin.line, origin.column);
	else if (origin.line)
		snprintf(buf, len, "%s:%u: ", origin.file, origin.line);
	else
		snprintf(buf, len, "%s: ", origin.file);
	return buf;
}

/* ---- ways out --------------------------------------------------------------------------------- */

/* Where the capability is given: the word that does, else the rule. */
static struct mj_origin
escape_origin(const struct mj_rule *rule, enum mj_cap cap, const char **ret_word)
{
	for (size_t i = 0; i < rule->nitems; i++) {
		if (mj_grant_escape(&rule->items[i].grant, cap) != cap)
			continue;
		*ret_word = rule->items[i].word;
		return rule->items[i].origin;
	}
	return rule->origin;
}

/* A grant by which a subject that is meant to be confined may leave its jail. What is unconfined is meant to be. */
static void
check_escapes(const char *who, const struct mj_rule *rule, const struct cli_check *check)
{
	struct mj_grant unconfined = mj_grant_unconfined();
	if (mj_grant_covers(&rule->grant, &unconfined))
		return;
	for (enum mj_cap cap = mj_grant_escape(&rule->grant, 0); cap < MJ_CAP_COUNT;
	     cap = mj_grant_escape(&rule->grant, cap + 1)) {
		char where[512];
		const char *word = NULL;
		struct mj_origin origin = escape_origin(rule, cap, &word);
		bool by_name = word && strcmp(word, mj_cap_name(cap)) != 0;
		warn(check, "%s%s may do %s%s%s%s: %s", place(origin, where, sizeof(where)), who,
		     mj_cap_name(cap), by_name ? " (by " : "", by_name ? word : "",
		     by_name ? ")" : "", mj_cap_escape(cap));
	}
}

/* connect and bind do not say in their registers what kind of socket they are called on, so either of several capabilities allows
 * them; one for another kind of socket and one that gives an internet socket are together more than each. */
static void
check_sum(const char *who, const struct mj_rule *rule, const struct cli_check *check)
{
	static const struct {
		int nr;
		mj_caps caps;
		const char *word, *name;
	} sums[] = {
		{ SYS_connect, MJ_CAP(NETWORK_CONNECT), "connect over the internet",
		  "NETWORK/CONNECT" },
		{ SYS_bind, MJ_CAP(NETWORK_LISTEN), "listen to the internet", "NETWORK/LISTEN" },
	};
	struct mj_call internet = { .nr = SYS_socket, .args = { AF_INET, SOCK_STREAM } };
	struct mj_grant unconfined = mj_grant_unconfined();
	if (mj_grant_covers(&rule->grant, &unconfined) ||
	    !mj_grant_allows(&rule->grant, mj_call_need(&internet)))
		return;
	for (size_t i = 0; i < MJ_ARRAY_LEN(sums); i++) {
		struct mj_grant own = mj_grant_of(sums[i].caps);
		struct mj_call call = { .nr = sums[i].nr };
		char where[512];
		if (mj_grant_covers(&rule->grant, &own) ||
		    !mj_grant_allows(&rule->grant, mj_call_need(&call)))
			continue;
		warn(check,
		     "%s%s may %s internet sockets, too, as if it had %s: its other grants for "
		     "sockets "
		     "add up to that",
		     place(rule->origin, where, sizeof(where)), who, sums[i].word, sums[i].name);
	}
}

static void
check_all_escapes(const struct mj_policy *policy, const struct cli_check *check)
{
	const struct mj_rule *otherwise = mj_policy_default(policy);
	const struct mj_rule *nobody = mj_policy_unattributed(policy);
	for (size_t i = 0; i < mj_policy_count(policy); i++)
		check_escapes(mj_policy_module(policy, i), mj_policy_rule_at(policy, i), check);
	if (otherwise->origin.file)
		check_escapes("a module that nothing names", otherwise, check);
	if (nobody->origin.file)
		check_escapes("a stack without a module", nobody, check);
	for (size_t i = 0; i < mj_policy_count(policy); i++)
		check_sum(mj_policy_module(policy, i), mj_policy_rule_at(policy, i), check);
}

/* ---- pools ------------------------------------------------------------------------------------ */

static bool
is_main(const struct mj_policy *policy, const char *module)
{
	const char *const paths[] = { "main", mj_policy_main_module(policy),
		                      mj_policy_program(policy, NULL) };
	for (size_t i = 0; i < MJ_ARRAY_LEN(paths); i++)
		if (paths[i] && strcmp(paths[i], module) == 0)
			return true;
	return false;
}

static void
check_pools(const struct mj_policy *policy, const struct cli_check *check)
{
	static const char jobs[] =
		"on its goroutines only the code that does a job is asked, not who "
		"hands it over, as data or as a function of somebody else's";
	static const char own[] =
		"its own jobs cannot be told from functions of the standard library "
		"that others hand over; name the pool's package as a module instead";
	for (size_t i = 0; i < mj_policy_count(policy); i++) {
		const struct mj_rule *rule = mj_policy_rule_at(policy, i);
		const char *module = mj_policy_module(policy, i);
		char where[512];
		if (!rule->pool)
			continue;
		place(rule->origin, where, sizeof(where));
		warn(check, "%s%s is a pool: %s", where, module, jobs);
		if (is_main(policy, module))
			warn(check, "%s%s is a pool: %s", where, module, own);
	}
}

/* ---- the program ------------------------------------------------------------------------------ */

/* Modules that nothing names. A default that was written is meant for them. */
static void
check_uncovered(const struct mj_policy *policy, const struct mj_image *image,
                const struct cli_check *check)
{
	const struct mj_rule *otherwise = mj_policy_default(policy);
	if (otherwise->origin.file)
		return;
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *module = mj_image_module(image, i);
		if (module->is_main || !module->in_build_info ||
		    mj_policy_rule(policy, module->path, false) != otherwise)
			continue;
		warn(check,
		     "no policy names %s, so that it is unconfined; default: in a modjail.yaml is "
		     "for such modules",
		     module->path);
	}
}

/* Rules for modules that the program was built with, but of which nothing was linked in. Not those of go.mod,
 * which lists what is required by other programs and tests, too. */
static void
check_idle(const struct mj_policy *policy, struct mj_image *image, const char *program,
           const struct cli_check *check)
{
	char where[512];
	for (size_t i = 0; i < mj_image_module_count(image); i++) {
		const struct mj_module *module = mj_image_module(image, i);
		const struct mj_rule *rule = mj_policy_rule(policy, module->path, false);
		if (!module->in_build_info || rule == mj_policy_default(policy) ||
		    rule->origin.source < MJ_SOURCE_FILE || mj_image_module_present(image, i))
			continue;
		warn(check, "%s%s owns no code in %s: its rule has no effect",
		     place(rule->origin, where, sizeof(where)), module->path, program);
	}
}

#define STRAYS 3

/* Closures of which nobody knows who wrote them may do only what every module may: where a policy takes something from
 * somebody, an honest one may be refused. */
static int
check_strays(const struct mj_policy *policy, struct mj_image *image, const char *program,
             const struct cli_check *check, struct mj_error *err)
{
	struct mj_stray found[STRAYS];
	struct mj_grant unconfined = mj_grant_unconfined();
	size_t count;
	if (mj_grant_covers(&mj_policy_unattributed(policy)->grant, &unconfined))
		return 0;
	if (mj_find_strays(image, found, STRAYS, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && i < STRAYS; i++) {
		char name[512];
		warn(check,
		     "%s: nothing tells who wrote the closure %s (%s:%d): what it calls itself is "
		     "allowed only if "
		     "every module may do it, or unattributed: says so%s",
		     program, mj_function_display(found[i].function, name, sizeof(name)),
		     found[i].file, found[i].line,
		     i + 1 == STRAYS && count > STRAYS ? "; there are more of that kind" : "");
	}
	return 0;
}

static void
on_notice(void *ctx, enum mj_notice_level level, const char *text)
{
	const struct cli_check *check = ctx;
	(void)level;
	check->warn(check->ctx, text);
}

static int
check_program(const struct mj_policy *policy, const struct cli_options *options,
              const char *program, const struct cli_check *check, struct mj_error *err)
{
	struct cli_check copy = *check;
	struct mj_reporter reporter = { .notice = on_notice, .ctx = &copy };
	if (cli_check_program(program, policy, options, &reporter, err) != 0)
		return -1;
	struct mj_image *image = cli_open_program(program, policy, err);
	if (!image)
		return -1;
	check_idle(policy, image, program, check);
	check_uncovered(policy, image, check);
	int r = check_strays(policy, image, program, check, err);
	mj_image_destroy(image);
	return r;
}

int
cli_policy_check(const struct mj_policy *policy, const struct cli_options *options,
                 const char *program, struct cli_style style, const struct cli_check *check,
                 struct mj_error *err)
{
	struct cli_programs programs = { 0 };
	for (size_t i = 0; i < mj_policy_warning_count(policy); i++)
		check->warn(check->ctx, mj_policy_warning(policy, i));
	struct cli_check copy = *check;
	struct mj_reporter reporter = { .notice = on_notice, .ctx = &copy };
	int r = cli_load_programs(policy, options, style, &reporter, &programs, err);
	cli_programs_finish(&programs);
	check_all_escapes(policy, check);
	check_pools(policy, check);
	if (r == 0 && program)
		r = check_program(policy, options, program, check, err);
	return r;
}
