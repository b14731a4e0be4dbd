/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Everybody may, and nobody has to see it pass. */
static bool
row_is_free(const struct mj_table_call *call, size_t index, const struct mj_grant *everyone)
{
	const struct mj_row *row = &call->rows[index];
	struct mj_need need = { .all = row->all,
		                .any = row->any,
		                .known = true,
		                .row = call->first_row + (unsigned)index + 1 };
	return !row->lineage && mj_grant_allows(everyone, need);
}

static struct mj_plan_rule *
add_rule(struct mj_plan *plan, int nr)
{
	struct mj_plan_rule *rule = &plan->rules[plan->count++];
	rule->nr = nr;
	return rule;
}

/* The last row of a call stands for "everything else", which a filter of allowances cannot say. So
 * it is allowed only together with all others, as the whole call. */
static void
plan_call(struct mj_plan *plan, const struct mj_table_call *call, const struct mj_grant *everyone)
{
	size_t nfree = 0;
	for (size_t i = 0; i < call->nrows; i++)
		nfree += row_is_free(call, i, everyone);
	if (nfree == call->nrows) {
		add_rule(plan, call->nr);
		return;
	}
	for (size_t i = 0; i < call->nrows; i++) {
		const struct mj_row *row = &call->rows[i];
		if (row->nconds == 0 || !row_is_free(call, i, everyone))
			continue;
		struct mj_plan_rule *rule = add_rule(plan, call->nr);
		rule->nconds = row->nconds;
		memcpy(rule->conds, row->conds, sizeof(rule->conds));
	}
}

int
mj_plan_make(const struct mj_grant *everyone, struct mj_plan *ret, struct mj_error *err)
{
	struct mj_grant all = mj_grant_all();
	if (mj_grant_covers(everyone, &all)) {
		*ret = (struct mj_plan){ .allow_all = true };
		return 0;
	}
	size_t most = 0;
	for (size_t i = 0; i < mj_call_count(); i++)
		most += mj_table_at(i)->nrows;
	struct mj_plan plan = { .rules = calloc(most, sizeof(*plan.rules)) };
	if (!plan.rules)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory for the filter plan");
	for (size_t i = 0; i < mj_call_count(); i++) {
		const struct mj_table_call *call = mj_table_at(i);
		if (strcmp(call->name, "clone3") == 0)
			add_rule(&plan, call->nr)->errnum = ENOSYS;
		else
			plan_call(&plan, call, everyone);
	}
	*ret = plan;
	return 0;
}

void
mj_plan_free(struct mj_plan *plan)
{
	free(plan->rules);
	*plan = (struct mj_plan){ 0 };
}
