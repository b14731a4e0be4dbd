/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/table.h"

#include <string.h>

#define WORDS (MJ_ROWS_MAX / 64)

/* ---- rows ----------------------------------------------------------------------------------- */

static void
set_row(struct mj_grant *grant, unsigned row)
{
	grant->rows[row / 64] |= UINT64_C(1) << row % 64;
}

static bool
has_row(const struct mj_grant *grant, unsigned row)
{
	return row < MJ_ROWS_MAX && (grant->rows[row / 64] >> row % 64 & 1);
}

static bool
caps_allow(mj_caps caps, mj_caps all, mj_caps any)
{
	return !(all & ~caps) && (!any || (any & caps));
}

/* ---- making grants -------------------------------------------------------------------------- */

struct mj_grant
mj_grant_of(mj_caps caps)
{
	caps = mj_caps_included(caps);
	struct mj_grant grant = { .caps = caps };
	for (size_t i = 0; i < mj_call_count(); i++) {
		const struct mj_table_call *call = mj_table_at(i);
		for (size_t r = 0; r < call->nrows; r++)
			if (caps_allow(caps, call->rows[r].all, call->rows[r].any))
				set_row(&grant, call->first_row + (unsigned)r);
	}
	return grant;
}

/* One system call, whatever its arguments, and what everybody may. */
static struct mj_grant
grant_of_call(const struct mj_table_call *call)
{
	struct mj_grant grant = mj_grant_of(0);
	for (size_t r = 0; r < call->nrows; r++)
		set_row(&grant, call->first_row + (unsigned)r);
	return grant;
}

struct mj_grant
mj_grant_all(void)
{
	return mj_grant_of(MJ_CAPS_ALL);
}

struct mj_grant
mj_grant_unconfined(void)
{
	return mj_grant_of(MJ_CAPS_ALL & ~MJ_CAP(MODIFY_DUMPABLE));
}

struct mj_grant
mj_grant_confined(void)
{
	return mj_grant_of(MJ_CAP(FILES_STAT) | MJ_CAP(READ_SYSTEM_STATE));
}

bool
mj_grant_parse(const char *word, struct mj_grant *ret)
{
	if (strcmp(word, "confined") == 0)
		*ret = mj_grant_confined();
	else if (strcmp(word, "unconfined") == 0)
		*ret = mj_grant_unconfined();
	else
		return false;
	return true;
}

bool
mj_grant_parse_item(const char *word, struct mj_grant *ret)
{
	mj_caps caps;
	if (mj_grant_parse(word, ret))
		return true;
	if (mj_cap_parse(word, &caps)) {
		*ret = mj_grant_of(caps);
		return true;
	}
	const struct mj_table_call *call = mj_table_find(mj_call_number(word));
	if (!call)
		return false;
	*ret = grant_of_call(call);
	return true;
}

enum mj_cap
mj_grant_escape(const struct mj_grant *grant, enum mj_cap from)
{
	mj_caps caps = grant->caps;
	struct mj_table_entry entry;
	for (size_t i = 0; mj_table_entry(i, &entry); i++)
		if (has_row(grant, (unsigned)i) && !entry.inert &&
		    !caps_allow(grant->caps, entry.need.all, entry.need.any))
			caps |= entry.need.all | entry.need.any;
	for (; from < MJ_CAP_COUNT; from++)
		if ((caps >> from & 1) && mj_cap_escape(from))
			return from;
	return MJ_CAP_COUNT;
}

size_t
mj_grant_words(const char **ret, size_t max)
{
	size_t n = 0;
	const char *family;
	static const char *const words[] = { "confined", "unconfined" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(words) && n < max; i++)
		ret[n++] = words[i];
	for (size_t i = 0; (family = mj_cap_family(i)) && n < max; i++)
		ret[n++] = family;
	for (int i = 0; i < MJ_CAP_COUNT && n < max; i++)
		ret[n++] = mj_cap_name(i);
	for (size_t i = 0; i < mj_call_count() && n < max; i++)
		ret[n++] = mj_table_at(i)->name;
	return n;
}

/* ---- sets ----------------------------------------------------------------------------------- */

struct mj_grant
mj_grant_intersect(struct mj_grant a, struct mj_grant b)
{
	a.caps &= b.caps;
	for (size_t i = 0; i < WORDS; i++)
		a.rows[i] &= b.rows[i];
	return a;
}

struct mj_grant
mj_grant_union(struct mj_grant a, struct mj_grant b)
{
	/* Two capabilities may allow together what neither does alone. */
	struct mj_grant both = mj_grant_of(a.caps | b.caps);
	for (size_t i = 0; i < WORDS; i++)
		both.rows[i] |= a.rows[i] | b.rows[i];
	return both;
}

bool
mj_grant_covers(const struct mj_grant *a, const struct mj_grant *b)
{
	uint64_t beyond = b->caps & ~a->caps;
	for (size_t i = 0; i < WORDS; i++)
		beyond |= b->rows[i] & ~a->rows[i];
	return !beyond;
}

/* ---- verdicts ------------------------------------------------------------------------------- */

bool
mj_grant_allows(const struct mj_grant *grant, struct mj_need need)
{
	return (need.row && has_row(grant, need.row - 1)) ||
	       caps_allow(grant->caps, need.all, need.any);
}

enum mj_cap
mj_grant_lacks(const struct mj_grant *grant, struct mj_need need)
{
	if (grant && mj_grant_allows(grant, need))
		return MJ_CAP_COUNT;
	mj_caps caps = grant ? grant->caps : 0;
	mj_caps lacking = need.all & ~caps;
	if (!lacking && need.any && !(need.any & caps))
		lacking = need.any;
	/* A bit beyond the known ones must not turn into "nothing is lacking". */
	if (lacking && !(lacking & MJ_CAPS_ALL))
		return MJ_CAP_SYSTEM_CALLS;
	return lacking ? (enum mj_cap)__builtin_ctzll(lacking) : MJ_CAP_COUNT;
}
