/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the text, reading ends, and either fails with words and changes nothing, or leaves a policy whose parts
 * agree. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mj_policy *policy = NULL;
	struct mj_error err = { 0 };
	if (mj_policy_create(&policy, &err) < 0)
		return 0;
	int result = mj_policy_read_yaml(policy, "m.yaml", (const char *)data, size, &err);
	if (result < 0 && (err.code == MJ_OK || !err.text[0] || mj_policy_says_something(policy)))
		abort();
	for (size_t i = 0; i < mj_policy_count(policy); i++) {
		const struct mj_rule *rule = mj_policy_rule_at(policy, i);
		if (!mj_grant_covers(&rule->grant, mj_policy_everyone(policy)))
			abort();
		for (size_t k = 0; k < rule->nitems; k++)
			if (!mj_grant_covers(&rule->grant, &rule->items[k].grant))
				abort();
	}
	mj_policy_destroy(policy);
	return 0;
}
