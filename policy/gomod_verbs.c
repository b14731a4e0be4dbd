/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/gomod_verbs.h"

#include <string.h>

static bool
no_punctuation(const struct mj_token *args, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (args[i].kind == MJ_TOKEN_PUNCT)
			return false;
	}
	return true;
}

static bool
is_go_version(const struct mj_token *args, size_t count)
{
	(void)count;
	return args[0].text[0] >= '1' && args[0].text[0] <= '9';
}

static bool
is_key_value(const struct mj_token *args, size_t count)
{
	(void)count;
	return args[0].kind == MJ_TOKEN_WORD && memchr(args[0].text, '=', args[0].len);
}

static bool
is_replacement(const struct mj_token *args, size_t count)
{
	size_t arrow = mj_token_is(&args[1], "=>") ? 1 : 2;
	return (count == arrow + 2 || count == arrow + 3) && mj_token_is(&args[arrow], "=>") &&
	       no_punctuation(args, count);
}

static bool
is_version_range(const struct mj_token *args, size_t count)
{
	if (count == 1)
		return args[0].kind != MJ_TOKEN_PUNCT;
	return count == 5 && mj_token_is(&args[0], "[") && mj_token_is(&args[2], ",") &&
	       mj_token_is(&args[4], "]");
}

/* Versions mean nothing to a policy and are not looked at. */
static const struct mj_verb verbs[] = {
	{ 0, "module", 1, 1, true, true, no_punctuation, "module PATH" },
	{ 1, "go", 1, 1, false, true, is_go_version, "go 1.23" },
	{ 2, "toolchain", 1, 1, false, true, no_punctuation, "toolchain NAME" },
	{ 3, "godebug", 1, 1, true, false, is_key_value, "godebug KEY=VALUE" },
	{ 4, "require", 2, 2, true, false, no_punctuation, "require PATH VERSION" },
	{ 5, "exclude", 2, 2, true, false, no_punctuation, "exclude PATH VERSION" },
	{ 6, "replace", 3, 5, true, false, is_replacement,
	  "replace PATH [VERSION] => PATH VERSION, or => DIRECTORY" },
	{ 7, "retract", 1, 5, true, false, is_version_range, "retract VERSION, or [LOW, HIGH]" },
	{ 8, "tool", 1, 1, true, false, no_punctuation, "tool PATH" },
	{ 9, "ignore", 1, 1, true, false, no_punctuation, "ignore PATH" },
};

const struct mj_verb *
mj_verb_find(const struct mj_token *token)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(verbs); i++) {
		if (mj_token_is(token, verbs[i].name))
			return &verbs[i];
	}
	return NULL;
}
