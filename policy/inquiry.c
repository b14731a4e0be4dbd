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

bool
mj_search_frame(struct mj_search *search, const struct mj_rule *const *rules, size_t n, bool named,
                bool doubtful, bool starts)
{
	size_t pools = 0;
	for (size_t i = 0; i < n; i++)
		pools += rules[i]->pool;
	/* A suspect more, which anybody can add, neither takes a pool away from a frame, nor makes somebody else
	 * out of code of the standard library. */
	if (!search->named)
		search->by_pool = pools > 0;
	search->any |= n > 0;
	search->named |= n > 0 && named;
	search->doubtful |= doubtful;
	search->handed_over |= starts && pools > 0 && (!search->named || search->by_pool);
	return !(starts && n > 0 && pools == n && named && !doubtful);
}

bool
mj_search_knows(const struct mj_search *search, bool known)
{
	return known && !search->doubtful && !search->handed_over;
}

enum mj_answer
mj_inquiry_frame(struct mj_inquiry *inquiry, const struct mj_rule *const *rules, size_t n,
                 bool named, bool doubtful, bool starts, size_t *ret_who)
{
	bool goes_on = mj_search_frame(&inquiry->search, rules, n, named, doubtful, starts);
	/* Code of the standard library may be run by anybody, whoever else is suspected of it. */
	bool privileged = n > 0 && named && !doubtful;
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
	if (privileged)
		return mj_inquiry_end(inquiry, true);
	return goes_on ? MJ_ANSWER_NEXT : MJ_ANSWER_SERVED;
}

enum mj_answer
mj_inquiry_end(struct mj_inquiry *inquiry, bool known)
{
	if (mj_search_knows(&inquiry->search, known))
		return MJ_ANSWER_ALLOWED;
	return ask(inquiry, mj_policy_unattributed(inquiry->policy)) ? MJ_ANSWER_ALLOWED
	                                                             : MJ_ANSWER_REFUSED;
}
