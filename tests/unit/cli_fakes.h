/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of cli/: what it needs of symbolizer/ and supervisor/ is faked here, so that stacks and
 * programs are made by hand; policy/ is the real one.
 */
#ifndef MJ_TESTS_CLI_FAKES_H
#define MJ_TESTS_CLI_FAKES_H

#include "cli/cli.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- fakes ---------------------------------------------------------------------------------- */

struct mj_image {
	enum mj_image_kind kind;
	const char *main_module, *main_package;
	bool is_c_program;
	size_t count;
	struct mj_module modules[4];
};

static struct mj_image image = {
	.kind = MJ_IMAGE_GO,
	.main_module = "example.com/app",
	.main_package = "example.com/app/cmd/app",
	.count = 3,
	.modules = {
		{ "example.com/app", "(devel)", true, true },
		{ "example.com/poisoned", "v1.2.3", false, true },
		{ "gopkg.in/yaml.v3", "v3.0.1", false, true },
	},
};

int
mj_image_open(int fd, const char *name, const char *const *extra, size_t n_extra,
              struct mj_image **ret, struct mj_error *err)
{
	(void)fd, (void)name, (void)extra, (void)n_extra, (void)err;
	*ret = &image;
	return 0;
}

void
mj_image_destroy(struct mj_image *unused)
{
	(void)unused;
}

enum mj_image_kind
mj_image_kind(const struct mj_image *i)
{
	return i->kind;
}

const char *
mj_image_why(const struct mj_image *i)
{
	(void)i;
	return "WHY";
}

const char *
mj_image_main_module(const struct mj_image *i)
{
	return i->main_module;
}

const char *
mj_image_main_package(const struct mj_image *i)
{
	return i->main_package;
}

bool
mj_image_is_c_program(const struct mj_image *i)
{
	return i->is_c_program;
}

static bool has_sys_admin;

bool
mj_has_sys_admin(void)
{
	return has_sys_admin;
}

size_t
mj_image_module_count(const struct mj_image *i)
{
	return i->count;
}

const struct mj_module *
mj_image_module(const struct mj_image *i, size_t index)
{
	return &i->modules[index];
}

int
mj_find_strays(struct mj_image *i, struct mj_stray *ret, size_t max, size_t *ret_count,
               struct mj_error *err)
{
	(void)i, (void)ret, (void)max, (void)err;
	*ret_count = 0;
	return 0;
}

bool
mj_image_module_present(struct mj_image *i, size_t index)
{
	return i->modules[index].in_build_info;
}

char *
mj_function_display(const char *function, char *buf, size_t len)
{
	snprintf(buf, len, "%s", function);
	return buf;
}

const char *
mj_walk_why_text(enum mj_walk_why why)
{
	return why == MJ_WHY_BAD_SP ? "BAD SP" : "OTHER";
}

const char *
mj_root_name(enum mj_root root)
{
	return root == MJ_ROOT_GOROUTINE ? "goroutine" : "other";
}

const char *
mj_reason_name(enum mj_reason reason)
{
	static const char *const names[] = { "policy", "unattributed", "c",      "ceiling",
		                             "walk",   "unreadable",   "opaque", "program" };
	return names[reason];
}

double
mj_stats_percentile(const struct mj_stats *stats, double percent)
{
	return stats->notifications ? percent / 4 : NAN;
}
/* ---- helpers -------------------------------------------------------------------------------- */

static const struct cli_style utf8 = { .utf8 = true };
static const struct cli_style ascii = { .utf8 = false };

/* What a renderer writes, in a variable that frees itself. */
#define RENDERED(var, call)                                                                        \
	MJ_AUTO_FREE char *var = NULL;                                                             \
	do {                                                                                       \
		size_t len_ = 0;                                                                   \
		FILE *out = open_memstream(&var, &len_);                                           \
		ck_assert_ptr_nonnull(out);                                                        \
		call;                                                                              \
		fclose(out);                                                                       \
	} while (0)

static void
assert_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

#endif
