/* SPDX-License-Identifier: Apache-2.0 */
/* --policy of the command line. */
#include "policy/internal.h"

#include <stdlib.h>
#include <string.h>

/* One "MODULE=POLICY"; item is cut apart in place. */
static int
parse_item(char *item, struct mj_grant *ret, struct mj_error *err)
{
	char *equals = strchr(item, '=');
	if (!equals)
		return mj_error_set(err, MJ_ERR_USAGE, "\"%s\" is not MODULE=POLICY", item);
	*equals = '\0';
	if (mj_check_settable(item, err) < 0)
		return -1;
	if (!mj_grant_parse(equals + 1, ret))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "unknown policy \"%s\" for %s; known: confined, unconfined",
		                    equals + 1, item);
	return 0;
}

/* Goes through the list; sets what it says only if policy is not NULL. */
static int
walk_flag(struct mj_policy *policy, const char *flag, struct mj_error *err)
{
	MJ_AUTO_FREE char *copy = strdup(flag);
	if (!copy)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the policy");
	char *rest = copy;
	for (char *item = strsep(&rest, ","); item; item = strsep(&rest, ",")) {
		struct mj_rule rule = { .origin = { .file = "--policy",
			                            .source = MJ_SOURCE_FLAG } };
		if (parse_item(item, &rule.grant, err) < 0)
			return -1;
		if (policy && mj_policy_put(policy, item, &rule, err) < 0)
			return -1;
	}
	return policy ? mj_policy_index(policy, err) : 0;
}

int
mj_policy_set_flag(struct mj_policy *policy, const char *flag, struct mj_error *err)
{
	if (walk_flag(NULL, flag, err) < 0)
		return -1;
	return walk_flag(policy, flag, err);
}
