/* SPDX-License-Identifier: Apache-2.0 */
/* The decision: an intersection over the stack, innermost first, that a privileged module may end. */
#include "policy/policy.h"

#include <string.h>

void
mj_inquiry_begin(struct mj_inquiry *inquiry, const struct mj_policy *policy, struct mj_need need,
                 bool want_grant)
{
	memset(inquiry, 0, sizeof(*inquiry));
	inquiry->policy = policy;
	inquiry->need = need;
	inquiry->want_grant = want_grant;
	if (want_grant)
		inquiry->stack_grant = mj_grant_all();
}

static bool
only_logs(const struct mj_inquiry *inquiry, const struct mj_rule *rule)
{
	int errnum;
	return mj_policy_action(inquiry->policy, rule, &errnum) == MJ_ACTION_LOG;
}

/* False: the rule refuses the call. */
static bool
ask(struct mj_inquiry *inquiry, const struct mj_rule *rule)
{
	bool logs = only_logs(inquiry, rule);
	inquiry->last = rule;
	if (inquiry->want_grant && !logs)
		inquiry->stack_grant = mj_grant_intersect(inquiry->stack_grant, rule->grant);
	if (mj_grant_allows(&rule->grant, inquiry->need))
		return true;
	if (logs && !inquiry->logged)
		inquiry->logged = rule;
	else if (!logs)
		inquiry->refused = rule;
	return logs;
}

enum mj_answer
mj_inquiry_frame(struct mj_inquiry *inquiry, const struct mj_rule *const *rules, size_t n,
                 bool named, bool doubtful, size_t *ret_who)
{
	/* Code of the standard library may be run by anybody, whoever else is suspected of it. */
	bool privileged = n > 0 && named && !doubtful;
	inquiry->any |= n > 0;
	inquiry->doubtful |= doubtful;
	for (size_t i = 0; i < n; i++) {
		const struct mj_rule *logged = inquiry->logged;
		/* One that may not itself answers for nobody else. */
		privileged = privileged && rules[i]->privileged &&
		             mj_grant_allows(&rules[i]->grant, inquiry->need);
		/* Most frames belong to the module of the frame before. */
		if (rules[i] == inquiry->last)
			continue;
		bool ok = ask(inquiry, rules[i]);
		if (!ok || inquiry->logged != logged)
			*ret_who = i;
		if (!ok)
			return MJ_ANSWER_REFUSED;
	}
	return privileged ? mj_inquiry_end(inquiry, true) : MJ_ANSWER_NEXT;
}

enum mj_answer
mj_inquiry_end(struct mj_inquiry *inquiry, bool known)
{
	if (known && !inquiry->doubtful)
		return MJ_ANSWER_ALLOWED;
	return ask(inquiry, mj_policy_unattributed(inquiry->policy)) ? MJ_ANSWER_ALLOWED
	                                                             : MJ_ANSWER_REFUSED;
}
