/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of policy/ share about struct mj_policy. */
#ifndef MJ_POLICY_INTERNAL_H
#define MJ_POLICY_INTERNAL_H

#include "policy/policy.h"

/** A growing list of warnings. Zero-initialised: empty. */
struct mj_warnings {
	char **texts;
	size_t count;
};

/** Adds one; behind the hundredth, only a last one that says so. */
int mj_warnings_add(struct mj_warnings *warnings, struct mj_error *err, const char *fmt, ...)
	MJ_PRINTF(3, 4);
void mj_warnings_finish(struct mj_warnings *warnings);

/** Adds or replaces a grant, without mj_policy_set's opinion on names. After the last of a series,
 * mj_policy_index must be called. */
int mj_policy_put(struct mj_policy *policy, const char *module, struct mj_grant grant,
                  struct mj_origin origin, struct mj_error *err);
int mj_policy_index(struct mj_policy *policy, struct mj_error *err);

/** Could be a module's path: not empty, nothing in it that Go or a command line would not allow. */
bool mj_is_module_path(const char *module);

/** Appends all of *warnings, which is empty afterwards. */
int mj_policy_take_warnings(struct mj_policy *policy, struct mj_warnings *warnings,
                            struct mj_error *err);
/** module is taken over. */
void mj_policy_set_main_module(struct mj_policy *policy, char *module);

#endif
