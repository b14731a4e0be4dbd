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

/** Adds or replaces a rule, unless one of a higher source is there, without mj_policy_set_rule's opinion on
 * names. After the last of a series, mj_policy_index must be called. */
int mj_policy_put(struct mj_policy *policy, const char *module, const struct mj_rule *rule,
                  struct mj_error *err);
int mj_policy_index(struct mj_policy *policy, struct mj_error *err);

/** Whether a module of this name may have a rule: 0, or -1 and why not. */
int mj_check_settable(const char *module, struct mj_error *err);

/** Could be a module's path: not empty, nothing in it that Go or a command line would not allow. */
bool mj_is_module_path(const char *module);

/** Appends all of *warnings, which is empty afterwards. */
int mj_policy_take_warnings(struct mj_policy *policy, struct mj_warnings *warnings,
                            struct mj_error *err);
/** Replaces the errors of the file read last by *errors, which is empty afterwards. */
void mj_policy_take_errors(struct mj_policy *policy, struct mj_warnings *errors);
/** module is taken over. */
void mj_policy_set_main_module(struct mj_policy *policy, char *module);

#endif
