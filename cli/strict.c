/* SPDX-License-Identifier: Apache-2.0 */
/* --strict: what is a warning otherwise keeps the program from starting. */
#include "cli/cli.h"

static void
on_notice(void *ctx, enum mj_notice_level level, const char *text)
{
	struct cli_strict *strict = ctx;
	strict->count += level == MJ_NOTICE_WARNING;
	if (strict->on)
		level = MJ_NOTICE_ERROR;
	if (strict->on && !strict->to)
		cli_say_error(strict->style, text);
	else if (strict->to)
		strict->to->notice(strict->to->ctx, level, text);
}

struct mj_reporter
cli_strict_reporter(struct cli_strict *strict)
{
	return (struct mj_reporter){ .notice = on_notice, .ctx = strict };
}

int
cli_strict_end(const struct cli_strict *strict, const char *program, struct mj_error *err)
{
	if (!strict->on || !strict->count)
		return 0;
	mj_error_set(err, MJ_ERR_USAGE,
	             "--strict: %s is not started, because of what is said above", program);
	return -1;
}
