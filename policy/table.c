/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/table.h"

#include <assert.h>
#include <string.h>

#include "policy/rows.h"

/* Never used as such: its offsets number the rows, one byte each, while the compiler looks on. */
struct numbering {
#define CALL(number, name, nargs, rows) char of_##name[MJ_ARRAY_LEN(rows_##rows)];
#include "policy/table.def"
#undef CALL
};

static_assert(sizeof(struct numbering) <= MJ_ROWS_MAX, "a grant has no room for all rows");

static const struct mj_table_call calls[] = {
#define CALL(number, name, nargs, rows)                                                            \
	{ number,      #name,                                                                      \
	  nargs,       MJ_ARRAY_LEN(rows_##rows),                                                  \
	  rows_##rows, offsetof(struct numbering, of_##name) },
#include "policy/table.def"
#undef CALL
};

const struct mj_table_call *
mj_table_find(int nr)
{
	size_t low = 0;
	size_t high = MJ_ARRAY_LEN(calls);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (calls[mid].nr == nr)
			return &calls[mid];
		if (calls[mid].nr < nr)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct mj_table_call *
mj_table_at(size_t index)
{
	return &calls[index];
}

static bool
row_matches(const struct mj_row *row, const uint64_t *args)
{
	for (unsigned i = 0; i < row->nconds; i++) {
		const struct mj_cond *cond = &row->conds[i];
		if ((args[cond->arg] & cond->mask) != cond->value)
			return false;
	}
	return true;
}

struct mj_need
mj_call_need(const struct mj_call *call)
{
	const struct mj_table_call *entry = mj_table_find(call->nr);
	for (size_t i = 0; entry && i < entry->nrows; i++) {
		const struct mj_row *row = &entry->rows[i];
		if (row_matches(row, call->args))
			return (struct mj_need){ .all = row->all,
				                 .any = row->any,
				                 .known = true,
				                 .row = entry->first_row + (unsigned)i + 1 };
	}
	return (struct mj_need){ .all = MJ_CAP(SYSTEM_CALLS) };
}

bool
mj_table_entry(size_t index, struct mj_table_entry *ret)
{
	/* The last call whose first row is not behind it. */
	size_t low = 0;
	size_t high = MJ_ARRAY_LEN(calls);
	if (index >= mj_table_rows())
		return false;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (calls[mid].first_row <= index)
			low = mid;
		else
			high = mid;
	}
	const struct mj_row *row = &calls[low].rows[index - calls[low].first_row];
	*ret = (struct mj_table_entry){
		.nr = calls[low].nr,
		.name = calls[low].name,
		.nconds = row->nconds,
		.conds = row->conds,
		.need = { row->all, row->any, true, (unsigned)index + 1 },
		.lineage = row->lineage,
		.inert = row->inert,
	};
	return true;
}

int
mj_need_call(struct mj_need need)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(calls); i++)
		if (need.row > calls[i].first_row &&
		    need.row - 1 - calls[i].first_row < calls[i].nrows)
			return calls[i].nr;
	return -1;
}

unsigned
mj_table_rows(void)
{
	return sizeof(struct numbering);
}

const char *
mj_call_name(int nr)
{
	const struct mj_table_call *entry = mj_table_find(nr);
	return entry ? entry->name : NULL;
}

int
mj_call_number(const char *name)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(calls); i++) {
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].nr;
	}
	return -1;
}

size_t
mj_call_count(void)
{
	return MJ_ARRAY_LEN(calls);
}

int
mj_call_at(size_t index)
{
	return index < MJ_ARRAY_LEN(calls) ? calls[index].nr : -1;
}

unsigned
mj_call_used_args(int nr)
{
	const struct mj_table_call *entry = mj_table_find(nr);
	return entry ? (1u << entry->nargs) - 1 : 0;
}
