/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of system calls, as table.c and plan.c (and the tests) see it. */
#ifndef MJ_POLICY_TABLE_H
#define MJ_POLICY_TABLE_H

#include "policy/policy.h"

/**
 * What a call needs under some conditions on its register arguments. The kernel's filter can only
 * say "allow if", never "allow unless", so the conditional rows name what is known and mostly
 * harmless, and the last row, which has no condition, takes everything else. Conditional rows of
 * one call exclude each other.
 */
struct mj_row {
	unsigned nconds;
	struct mj_cond conds[MJ_PLAN_CONDS];
	mj_caps all;
	mj_caps any;
	bool lineage; /**< the supervisor must see it to know which process belongs to what */
	bool inert;   /**< by itself no way out of the jail, though its capability is */
};

struct mj_table_call {
	int nr;
	const char *name;
	unsigned nargs;
	size_t nrows;
	const struct mj_row *rows;
	unsigned first_row; /**< the table's number for rows[0]; the others follow */
};

/** The entry of a number, or NULL. */
const struct mj_table_call *mj_table_find(int nr);
/** Rows of all calls together: their numbers lie below this. */
unsigned mj_table_rows(void);
/** The entry at an index below mj_call_count(). */
const struct mj_table_call *mj_table_at(size_t index);

#endif
