/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <string.h>

struct mj_grant
mj_grant_unconfined(void)
{
	return (struct mj_grant){ .caps = MJ_CAPS_ALL & ~MJ_CAP(MODIFY_DUMPABLE) };
}

struct mj_grant
mj_grant_confined(void)
{
	return (struct mj_grant){ .caps = MJ_CAP(FILES_STAT) | MJ_CAP(READ_SYSTEM_STATE) };
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

struct mj_grant
mj_grant_intersect(struct mj_grant a, struct mj_grant b)
{
	return (struct mj_grant){ .caps = a.caps & b.caps };
}

bool
mj_grant_allows(struct mj_grant grant, struct mj_need need)
{
	return mj_grant_lacks(grant, need) == MJ_CAP_COUNT;
}

enum mj_cap
mj_grant_lacks(struct mj_grant grant, struct mj_need need)
{
	mj_caps lacking = need.all & ~grant.caps;
	if (!lacking && need.any && !(need.any & grant.caps))
		lacking = need.any;
	/* A bit beyond the known ones must not turn into "nothing is lacking". */
	if (lacking && !(lacking & MJ_CAPS_ALL))
		return MJ_CAP_SYSTEM_CALLS;
	return lacking ? (enum mj_cap)__builtin_ctzll(lacking) : MJ_CAP_COUNT;
}
