/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the text, reading ends, and either fails with words or leaves a policy whose parts
 * agree. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mj_policy *policy = NULL;
	struct mj_error err = { 0 };
	if (mj_policy_create(&policy, &err) < 0)
		return 0;
	int result = mj_policy_read_gomod(policy, "go.mod", (const char *)data, size, &err);
	if (result < 0 && (err.code == MJ_OK || !err.text[0] || mj_policy_count(policy)))
		abort();
	if (result == 0 && !mj_policy_main_module(policy))
		abort();
	for (size_t i = 0; i < mj_policy_count(policy); i++) {
		const char *module = mj_policy_module(policy, i);
		struct mj_grant grant = mj_policy_grant(policy, module, false);
		if (grant.caps != mj_policy_grant_at(policy, i).caps)
			abort();
		if (mj_policy_unattributed(policy)->grant.caps & ~grant.caps)
			abort();
		if (i > 0 && strcmp(mj_policy_module(policy, i - 1), module) >= 0)
			abort();
	}
	mj_policy_destroy(policy);
	return 0;
}
