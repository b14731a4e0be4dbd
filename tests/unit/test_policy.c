/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/table.h"

/* Counted by modfile and gomoddirectivecomments. */
#define NERDCTL_ALL 140
#define NERDCTL_CONFINED 101

#define UNISTD "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"

/* ---- capabilities --------------------------------------------------------------------------- */

START_TEST(caps_names)
{
	for (int i = 0; i < MJ_CAP_COUNT; i++) {
		mj_caps caps = 0;
		ck_assert_ptr_nonnull(mj_cap_name(i));
		ck_assert(mj_cap_parse(mj_cap_name(i), &caps));
		ck_assert_uint_eq(caps, UINT64_C(1) << i);
	}
	ck_assert_ptr_null(mj_cap_name(MJ_CAP_COUNT));
	ck_assert_ptr_null(mj_cap_name((enum mj_cap) - 1));
}
END_TEST

START_TEST(caps_families)
{
	mj_caps caps = 7;
	ck_assert(mj_cap_parse("FILES", &caps));
	ck_assert_uint_eq(caps, MJ_CAP(FILES_READ) | MJ_CAP(FILES_WRITE) | MJ_CAP(FILES_STAT));
	ck_assert(mj_cap_parse("NETWORK", &caps));
	ck_assert_int_eq(__builtin_popcountll(caps), 5);
	static const char *const wrong[] = { "",     "/",      "FILES/",      "files/read",
		                             "FILE", "FILESX", "FILES/READ ", "READ",
		                             "ALL",  "EXEC/" };
	caps = 7;
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++)
		ck_assert_msg(!mj_cap_parse(wrong[i], &caps), "%s", wrong[i]);
	ck_assert_uint_eq(caps, 7);
}
END_TEST

START_TEST(caps_format)
{
	char buf[512];
	ck_assert_str_eq(mj_caps_format(0, buf, sizeof(buf)), "");
	ck_assert_str_eq(mj_caps_format(mj_grant_confined().caps, buf, sizeof(buf)),
	                 "FILES/STAT,READ_SYSTEM_STATE");
	ck_assert_str_eq(mj_caps_format(MJ_CAPS_ALL, buf, sizeof(buf)),
	                 "FILES,NETWORK,EXEC,MODIFY_SYSTEM_STATE,READ_SYSTEM_STATE,"
	                 "OPERATING_SYSTEM,ARBITRARY_EXECUTION,SYSTEM_CALLS");
	ck_assert_str_eq(mj_caps_format(MJ_CAPS_ALL, buf, 16), "FILES,NETWORK");
	ck_assert_str_eq(mj_caps_format(MJ_CAPS_ALL, buf, 1), "");
	/* The longest: one missing of each family. */
	mj_caps most =
		MJ_CAPS_ALL & ~(MJ_CAP(FILES_STAT) | MJ_CAP(NETWORK_RAW) | MJ_CAP(MODIFY_FDS));
	ck_assert_uint_lt(strlen(mj_caps_format(most, buf, sizeof(buf))), sizeof(buf) - 32);
	ck_assert_ptr_nonnull(strstr(buf, "SYSTEM_CALLS"));
}
END_TEST

/* ---- table ---------------------------------------------------------------------------------- */

START_TEST(table_is_complete)
{
	FILE *header = fopen(UNISTD, "re");
	if (!header)
		return;
	char line[256];
	char name[128];
	int nr;
	int seen = 0;
	while (fgets(line, sizeof(line), header)) {
		if (sscanf(line, "#define __NR_%127s %d", name, &nr) != 2)
			continue;
		seen++;
		const char *ours = mj_call_name(nr);
		ck_assert_msg(ours && strcmp(ours, name) == 0, "%d is %s, not %s", nr, name, ours);
		ck_assert_int_eq(mj_call_number(name), nr);
	}
	fclose(header);
	ck_assert_int_gt(seen, 300);
}
END_TEST

START_TEST(table_has_newer_calls)
{
	static const char *const names[] = {
		"cachestat",         "fchmodat2",         "map_shadow_stack", "futex_wake",
		"futex_wait",        "futex_requeue",     "statmount",        "listmount",
		"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal",
		"setxattrat",        "getxattrat",        "listxattrat",      "removexattrat",
		"open_tree_attr",    "file_getattr",      "file_setattr",
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		ck_assert_str_eq(mj_call_name(451 + (int)i), names[i]);
	ck_assert_str_eq(mj_call_name(335), "uretprobe");
	ck_assert_str_eq(mj_call_name(336), "uprobe");
	ck_assert_ptr_null(mj_call_name(337));
	ck_assert_ptr_null(mj_call_name(-1));
	ck_assert_int_eq(mj_call_number("no_such_call"), -1);
}
END_TEST

START_TEST(table_is_sorted)
{
	for (size_t i = 0; i < mj_call_count(); i++) {
		ck_assert_int_gt(mj_call_at(i), i ? mj_call_at(i - 1) : -1);
		ck_assert_uint_le(mj_table_at(i)->nargs, 6);
	}
	ck_assert_int_eq(mj_call_at(mj_call_count()), -1);
	ck_assert_uint_eq(mj_call_used_args(mj_call_number("openat")), 0xf);
	ck_assert_uint_eq(mj_call_used_args(mj_call_number("getpid")), 0);
	ck_assert_uint_eq(mj_call_used_args(mj_call_number("mmap")), 0x3f);
	ck_assert_uint_eq(mj_call_used_args(-5), 0);
}
END_TEST

static bool
disjoint(const struct mj_row *a, const struct mj_row *b)
{
	for (unsigned i = 0; i < a->nconds; i++) {
		for (unsigned j = 0; j < b->nconds; j++) {
			const struct mj_cond *c = &a->conds[i];
			const struct mj_cond *d = &b->conds[j];
			if (c->arg == d->arg && ((c->value ^ d->value) & c->mask & d->mask))
				return true;
		}
	}
	return false;
}

static void
check_row(const struct mj_table_call *entry, size_t index)
{
	const struct mj_row *row = &entry->rows[index];
	bool last = index + 1 == entry->nrows;
	ck_assert_msg((row->nconds == 0) == last, "%s row %zu", entry->name, index);
	ck_assert_uint_eq((row->all | row->any) & ~MJ_CAPS_ALL, 0);
	for (unsigned i = 0; i < row->nconds; i++) {
		const struct mj_cond *cond = &row->conds[i];
		ck_assert_uint_lt(cond->arg, entry->nargs);
		ck_assert_uint_eq(cond->value & ~cond->mask, 0);
		ck_assert_uint_ne(cond->mask, 0);
		for (unsigned j = 0; j < i; j++) /* libseccomp takes each argument once */
			ck_assert_uint_ne(cond->arg, row->conds[j].arg);
	}
	for (size_t j = 0; j < index && !last; j++)
		ck_assert_msg(disjoint(row, &entry->rows[j]), "%s rows %zu and %zu", entry->name, j,
		              index);
}

START_TEST(table_rows)
{
	mj_caps used = 0;
	for (size_t i = 0; i < mj_call_count(); i++) {
		const struct mj_table_call *entry = mj_table_at(i);
		ck_assert_uint_gt(entry->nrows, 0);
		for (size_t j = 0; j < entry->nrows; j++) {
			check_row(entry, j);
			used |= entry->rows[j].all | entry->rows[j].any;
		}
	}
	ck_assert_uint_eq(used, MJ_CAPS_ALL);
}
END_TEST

static struct mj_need
need_of(const char *name, uint64_t a, uint64_t b, uint64_t c)
{
	struct mj_call call = { .nr = mj_call_number(name), .args = { a, b, c } };
	return mj_call_need(&call);
}

#define RW (MJ_CAP(FILES_READ) | MJ_CAP(FILES_WRITE))

START_TEST(needs)
{
	ck_assert(mj_need_is_base(need_of("read", 0, 0, 0)));
	ck_assert(need_of("read", 0, 0, 0).known);
	ck_assert_uint_eq(need_of("open", 0, 0, 0).all, MJ_CAP(FILES_READ));
	ck_assert_uint_eq(need_of("open", 0, 01, 0).all, MJ_CAP(FILES_WRITE));
	ck_assert_uint_eq(need_of("open", 0, 01 | 0100 | 01000, 0).all, MJ_CAP(FILES_WRITE));
	ck_assert_uint_eq(need_of("open", 0, 02, 0).all, RW);
	ck_assert_uint_eq(need_of("open", 0, 03, 0).all, RW);
	ck_assert_uint_eq(need_of("open", 0, 0100, 0).all, RW);
	ck_assert_uint_eq(need_of("open", 0, 01000, 0).all, RW);
	ck_assert_uint_eq(need_of("open", 0, 020200000, 0).all, RW); /* O_RDONLY | O_TMPFILE */
	ck_assert_uint_eq(need_of("openat", 0, 0, 010000000 | 03).all, MJ_CAP(FILES_STAT));
	ck_assert_uint_eq(need_of("openat2", 0, 0, 0).all, RW);
	/* Upper halves of int arguments do not count. */
	ck_assert_uint_eq(need_of("open", 0, UINT64_C(0xffffffff00000001), 0).all,
	                  MJ_CAP(FILES_WRITE));
	ck_assert_uint_eq(need_of("socket", 2, 1, 0).any,
	                  MJ_CAP(NETWORK_CONNECT) | MJ_CAP(NETWORK_LISTEN));
	ck_assert_uint_eq(need_of("socket", 10, 02004001, 6).any,
	                  MJ_CAP(NETWORK_CONNECT) | MJ_CAP(NETWORK_LISTEN));
	ck_assert_uint_eq(need_of("socket", 2, 1, 132).all, MJ_CAP(NETWORK_RAW)); /* SCTP */
	ck_assert_uint_eq(need_of("socket", 10, 2, 17).all, MJ_CAP(NETWORK_CONNECT));
	ck_assert_uint_eq(need_of("socket", 2, 3, 0).all, MJ_CAP(NETWORK_RAW));
	ck_assert_uint_eq(need_of("socket", 1, 2, 0).all, MJ_CAP(NETWORK_UNIX));
	ck_assert_uint_eq(need_of("socket", 16, 3, 0).all, MJ_CAP(NETWORK_NETLINK));
	ck_assert_uint_eq(need_of("socket", 17, 3, 0).all, MJ_CAP(NETWORK_RAW));
	ck_assert_uint_eq(need_of("clone", 0x10000000 | 17, 0, 0).all, MJ_CAP(OPERATING_SYSTEM));
	ck_assert_uint_eq(need_of("clone", 0x10000000 | 0x8000, 0, 0).all,
	                  MJ_CAP(OPERATING_SYSTEM) | MJ_CAP(SYSTEM_CALLS));
	ck_assert_uint_eq(need_of("clone", 0x8000 | 17, 0, 0).all, MJ_CAP(SYSTEM_CALLS));
	ck_assert_uint_eq(need_of("prctl", 4, 0, 0).all, MJ_CAP(MODIFY_DUMPABLE));
	struct mj_call unknown = { .nr = 9999 };
	ck_assert(!mj_call_need(&unknown).known);
	ck_assert_uint_eq(mj_call_need(&unknown).all, MJ_CAP(SYSTEM_CALLS));
}
END_TEST

/* ---- grants --------------------------------------------------------------------------------- */

START_TEST(grants)
{
	struct mj_grant none = { 0 };
	struct mj_grant confined = mj_grant_confined();
	struct mj_grant unconfined = mj_grant_unconfined();
	struct mj_need dumpable = { .all = MJ_CAP(MODIFY_DUMPABLE) };
	struct mj_need either = { .any = MJ_CAP(NETWORK_LISTEN) | MJ_CAP(NETWORK_UNIX) };
	struct mj_need both = { .all = RW };
	struct mj_grant reader = { .caps = MJ_CAP(FILES_READ) };
	struct mj_grant unix_only = { .caps = MJ_CAP(NETWORK_UNIX) };
	ck_assert(mj_grant_allows(none, (struct mj_need){ .known = true }));
	ck_assert(!mj_grant_allows(unconfined, dumpable));
	ck_assert_int_eq(mj_grant_lacks(unconfined, dumpable), MJ_CAP_MODIFY_DUMPABLE);
	ck_assert_int_eq(mj_grant_lacks(reader, both), MJ_CAP_FILES_WRITE);
	ck_assert(mj_grant_allows(unix_only, either));
	ck_assert_int_eq(mj_grant_lacks(confined, either), MJ_CAP_NETWORK_LISTEN);
	ck_assert_int_eq(mj_grant_lacks(unconfined, either), MJ_CAP_COUNT);
	ck_assert(!mj_grant_allows(unconfined, (struct mj_need){ .all = UINT64_C(1) << 60 }));
	ck_assert_uint_eq(mj_grant_intersect(confined, unconfined).caps, confined.caps);
	struct mj_grant parsed;
	ck_assert(mj_grant_parse("confined", &parsed) && parsed.caps == confined.caps);
	ck_assert(mj_grant_parse("unconfined", &parsed) && parsed.caps == unconfined.caps);
	ck_assert(!mj_grant_parse("Confined", &parsed) && !mj_grant_parse("", &parsed));
}
END_TEST

/* ---- policies ------------------------------------------------------------------------------- */

static struct mj_policy *
new_policy(void)
{
	struct mj_policy *policy = NULL;
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	return policy;
}

START_TEST(policy_defaults)
{
	struct mj_policy *policy = new_policy();
	ck_assert_uint_eq(mj_policy_count(policy), 0);
	ck_assert_ptr_null(mj_policy_module(policy, 0));
	ck_assert_ptr_null(mj_policy_main_module(policy));
	ck_assert_ptr_null(mj_policy_warning(policy, 0));
	ck_assert_uint_eq(mj_policy_grant(policy, "a.b/c", true).caps, mj_grant_unconfined().caps);
	ck_assert_uint_eq(mj_policy_denied(policy), MJ_CAP(MODIFY_DUMPABLE));
	mj_policy_destroy(policy);
	mj_policy_destroy(NULL);
}
END_TEST

START_TEST(policy_set)
{
	struct mj_policy *policy = new_policy();
	char file[] = "x.mod";
	struct mj_origin origin = { .file = file, .line = 7 };
	ck_assert_int_eq(mj_policy_set(policy, "b.org/x", mj_grant_confined(), origin, NULL), 0);
	ck_assert_int_eq(mj_policy_set(policy, "a.org/x", mj_grant_unconfined(), origin, NULL), 0);
	ck_assert_int_eq(mj_policy_set(policy, "main", (struct mj_grant){ 0 }, origin, NULL), 0);
	file[0] = 'y';
	ck_assert_uint_eq(mj_policy_count(policy), 3);
	ck_assert_str_eq(mj_policy_module(policy, 0), "a.org/x");
	ck_assert_str_eq(mj_policy_module(policy, 1), "b.org/x");
	ck_assert_str_eq(mj_policy_origin(policy, 1).file, "x.mod");
	ck_assert_uint_eq(mj_policy_origin(policy, 1).line, 7);
	ck_assert_uint_eq(mj_policy_grant_at(policy, 1).caps, mj_grant_confined().caps);
	ck_assert_uint_eq(mj_policy_grant(policy, "c.org", true).caps, 0);
	ck_assert_uint_eq(mj_policy_grant(policy, "c.org", false).caps, mj_grant_unconfined().caps);
	ck_assert_uint_eq(mj_policy_grant(policy, "b.org/x", true).caps, mj_grant_confined().caps);
	ck_assert_uint_eq(mj_policy_grant(policy, "b.org/x/y", false).caps,
	                  mj_grant_unconfined().caps);
	ck_assert_uint_eq(mj_policy_unattributed(policy).caps, 0);
	ck_assert_uint_eq(mj_policy_c(policy).caps, 0);
	ck_assert_uint_eq(mj_policy_denied(policy), MJ_CAPS_ALL);
	ck_assert_int_eq(mj_policy_set(policy, "main", mj_grant_confined(), origin, NULL), 0);
	ck_assert_uint_eq(mj_policy_count(policy), 3);
	ck_assert_uint_eq(mj_policy_denied(policy), MJ_CAPS_ALL & ~mj_grant_confined().caps);
	static const char *const refused[] = {
		"std", "c", "unattributed", "", "a b", "a\"", "a=b"
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(refused); i++)
		ck_assert_int_eq(
			mj_policy_set(policy, refused[i], mj_grant_confined(), origin, NULL), -1);
	mj_policy_destroy(policy);
}
END_TEST

START_TEST(policy_flags)
{
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	ck_assert_int_eq(mj_policy_set_flag(policy, "a.org/x=confined", &err), 0);
	ck_assert_int_eq(mj_policy_set_flag(policy, "b.org=confined,a.org/x=unconfined", &err), 0);
	ck_assert_uint_eq(mj_policy_count(policy), 2);
	ck_assert_uint_eq(mj_policy_grant(policy, "a.org/x", false).caps,
	                  mj_grant_unconfined().caps);
	ck_assert_str_eq(mj_policy_origin(policy, 0).file, "--policy");
	static const char *const wrong[] = { "",
		                             "a.org",
		                             "a.org=",
		                             "=confined",
		                             "a=loose",
		                             "std=confined",
		                             "a=confined,",
		                             ",a=confined",
		                             "n=confined,b=x",
		                             "a=confined=confined" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++) {
		ck_assert_msg(mj_policy_set_flag(policy, wrong[i], &err) == -1, "%s", wrong[i]);
		ck_assert_int_eq(err.code, MJ_ERR_USAGE);
	}
	ck_assert_uint_eq(mj_policy_count(policy), 2);
	mj_policy_destroy(policy);
}
END_TEST

/* ---- go.mod --------------------------------------------------------------------------------- */

#define C "// gomodjail:confined"
#define U "// gomodjail:unconfined"

/* want: "path=c" or "path=u" in order, separated by blanks. warnings: how many. */
static const struct {
	const char *text;
	const char *want;
	size_t warnings;
} gomods[] = {
	{ "module m", "", 0 },
	{ "module m\nrequire a v1", "", 0 },
	{ "module m\nrequire a v1 " C "\n", "a=c", 0 },
	{ "module m\nrequire a v1 //gomodjail:confined", "a=c", 0 },
	{ C "\nmodule m\nrequire a v1\n", "a=c", 0 },
	{ "module m " C "\nrequire a v1\n", "a=c", 0 },
	{ "require a v1\nmodule m " C, "a=c", 0 },
	{ "module (\n\tm " C "\n)\nrequire a v1\n", "a=c", 0 },
	{ "module (\n" C "\n\n\tm\n)\nrequire a v1\n", "a=c", 0 },
	{ C "\nmodule (\n\tm\n)\nrequire a v1\n", "", 1 },
	/* inner beats outer */
	{ C "\nmodule m\n" U "\nrequire (\na v1\nb v1 " C "\n)\nrequire c v1", "a=u b=c c=c", 0 },
	{ U "\nmodule m\n" C "\nrequire (\na v1\nb v1 " U "\n)\nrequire c v1", "a=c b=u c=u", 0 },
	/* the line above; blank lines matter at top level only */
	{ "module m\n" C "\nrequire a v1", "a=c", 0 },
	{ "module m\n" C "\n\nrequire a v1", "", 1 },
	{ "module m\n" C "\n \t\r\nrequire a v1", "", 1 },
	{ "module m\n" C "\n// more\nrequire a v1", "a=c", 0 },
	{ "module m\nrequire (\n" C "\n\n\n// more\n\na v1\nb v1\n)", "a=c", 0 },
	{ "module m\n\n" C "\n\nrequire (\na v1\n)", "", 1 },
	{ C "\n\nmodule m\nrequire a v1", "", 1 },
	/* the parentheses are not the block */
	{ "module m\nrequire ( " C "\na v1\n)", "", 1 },
	{ "module m\nrequire (\na v1\n) " C, "", 1 },
	{ "module m\nrequire (\na v1\n" C "\n)", "", 1 },
	{ "module m\n" C "\nrequire ()\nrequire a v1", "", 0 },
	{ "module m\nrequire ( ) " C "\nrequire a v1", "", 1 },
	{ "module m\nrequire a v1\n" C, "", 1 },
	/* several: a line's last counts, a block's first */
	{ "module m\n" C "\nrequire a v1 " U, "a=u", 0 },
	{ "module m\n" C "\n" U "\nrequire a v1", "a=u", 0 },
	{ "module m\n" C "\n" U "\nrequire (\na v1\n)", "a=c", 0 },
	{ C "\n" U "\nmodule m\nrequire a v1", "a=u", 0 },
	{ C "\n// words\nmodule m\nrequire a v1", "a=c", 1 },
	{ C "\nmodule m // words\nrequire a v1", "a=c", 1 },
	{ C "\nmodule m // gomodjail:\nrequire a v1", "a=c", 2 },
	/* fields of a comment */
	{ "module m\nrequire a v1 // indirect; gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 // indirect // gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 // indirect //gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 ////gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire a v1 //////gomodjail:confined", "", 1 },
	{ "module m\nrequire a v1 //\tgomodjail:confined\tx", "a=c", 0 },
	{ "module m\nrequire a v1 //\302\240gomodjail:confined\342\200\203x", "a=c", 0 },
	{ "module m\nrequire a v1 // indirect;gomodjail:confined", "", 1 },
	{ "module m\nrequire a v1 // gomodjail: confined", "", 1 },
	{ "module m\nrequire a v1 // Gomodjail:confined", "", 0 },
	{ "module m\nrequire a v1 " C " gomodjail:unconfined", "a=c", 1 },
	{ "module m\nrequire a v1 // see github.com/x/gomodjail: why", "", 0 },
	/* duplicates: the last counts */
	{ "module m\nrequire a v1 " C "\nrequire a v2 " U, "a=u", 1 },
	{ "module m\nrequire a v1 " C "\nrequire a v2", "", 1 },
	{ "module m\nrequire a v1\nrequire a v2 " C, "a=c", 1 },
	{ "module m\nrequire a v1 " C "\nrequire a v2 " C, "a=c", 0 },
	/* elsewhere */
	{ "module m\nreplace a => ../a " C "\nrequire a v1", "", 1 },
	{ "module m\n" C "\nexclude (\n" C "\na v1 " C "\n)\nrequire a v1", "", 2 },
	{ "module m\nreplace a => ../a // gomodjail:bogus", "", 1 },
	{ "module m\ntoolchain go1.2 " C, "", 1 },
	/* syntax */
	{ "\357\273\277module m\r\nrequire (\r\n\ta v1 " C "\r\n)\r\n", "a=c", 0 },
	{ "module \"m\"\nrequire \"a\" \"v1\" " C, "a=c", 0 },
	{ "module `m`\nrequire `a` v1 " C, "a=c", 0 },
	{ "module \"\\x6d\"\nrequire \"\\141\\u0062\\U00000063\" v1 " C, "abc=c", 0 },
	{ "module m\nrequire a v1//x" C, "a=c", 0 },
	{ "module m\nrequire a v1//gomodjail:confined", "a=c", 0 },
	{ "module m\nrequire\ta\rv1 " C, "a=c", 0 },
	{ "module m\nrequire(\na v1 " C "\n)", "a=c", 0 },
	{ "module m\ngo 1.23\ntoolchain default\ngodebug (\nx=1\n)\nretract [v1, v2] // why\n"
	  "retract (\nv1\n)\nexclude a v1\nreplace a v1 => b v2\nreplace a => ./x\ntool a/b\n"
	  "ignore (\n./x\n)\nrequire a v1 " C,
	  "a=c", 0 },
	{ "module m\n// plain words\ngo 1.23 // more\nrequire a v1 " C, "a=c", 0 },
	{ "module m\nreplace a => \"./\\\"x\" // y\nrequire std v1 " C, "std=c", 0 },
};

static void
describe(const struct mj_policy *policy, char *buf, size_t size)
{
	size_t used = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < mj_policy_count(policy); i++) {
		bool confined = mj_policy_grant_at(policy, i).caps == mj_grant_confined().caps;
		used += (size_t)snprintf(buf + used, size - used, "%s%s=%c", used ? " " : "",
		                         mj_policy_module(policy, i), confined ? 'c' : 'u');
	}
}

START_TEST(gomod_matrix)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(gomods); i++) {
		struct mj_policy *policy = new_policy();
		struct mj_error err = { 0 };
		char got[256];
		ck_assert_msg(mj_policy_read_gomod(policy, "go.mod", gomods[i].text,
		                                   strlen(gomods[i].text), &err) == 0,
		              "%zu: %s", i, err.text);
		describe(policy, got, sizeof(got));
		ck_assert_msg(strcmp(got, gomods[i].want) == 0, "%zu: \"%s\", not \"%s\"", i, got,
		              gomods[i].want);
		ck_assert_msg(mj_policy_warning_count(policy) == gomods[i].warnings, "%zu: %s", i,
		              mj_policy_warning(policy, 0));
		ck_assert_str_eq(mj_policy_main_module(policy), "m");
		mj_policy_destroy(policy);
	}
}
END_TEST

/* Malformed: text, and how the message begins. */
static const struct {
	const char *text;
	const char *message;
} broken[] = {
	{ "", "go.mod: no module line" },
	{ "require a v1\n", "go.mod: no module line" },
	{ "module m\nmodule n\n", "go.mod:2: repeated module line" },
	{ "module m\n\ngo 1.2\ngo 1.3\n", "go.mod:4: repeated go line" },
	{ "module m\n\nfrob x\n", "go.mod:3: unknown directive: frob" },
	{ "module m\n\"require\" a v1\n", "go.mod:2: unknown directive: \"require\"" },
	{ "module m\nfrob (\nx\n)\n", "go.mod:2: unknown block: frob" },
	{ "module m\ngo (\n1.2\n)\n", "go.mod:2: unknown block: go" },
	{ "module m\nrequire x (\n)\n", "go.mod:2: unknown block: require" },
	{ "module m\n)\n", "go.mod:2: unknown directive: )" },
	{ "module m\n(\na\n", "go.mod:2: unknown directive: (" },
	{ "module m\nrequire (\na v1\n", "go.mod:4: block without end, begun in line 2" },
	{ "module m\nrequire (\na v1\n) x\n", "go.mod:4: expected a new line behind \")\": x" },
	{ "module m\nrequire (\na v1 )\n", "go.mod:3: usage: require PATH VERSION" },
	{ "module m\nrequire (\na\n)\n", "go.mod:3: usage: require PATH VERSION" },
	{ "module m\nrequire a\n", "go.mod:2: usage: require PATH VERSION" },
	{ "module m\nrequire ( a v1 )\n", "go.mod:2: usage: require PATH VERSION" },
	{ "module\n", "go.mod:1: usage: module PATH" },
	{ "module a b\n", "go.mod:1: usage: module PATH" },
	{ "module m\nrequire (\nrequire (\na v1\n)\n", "go.mod:3: usage: require PATH VERSION" },
	{ "module m\nreplace a => ( v1\n", "go.mod:2: usage: replace" },
	{ "module m\nreplace a b c\n", "go.mod:2: usage: replace" },
	{ "module m\nreplace a => b c d\n", "go.mod:2: usage: replace" },
	{ "module m\nretract [v1\n", "go.mod:2: usage: retract" },
	{ "module m\ngodebug x\n", "go.mod:2: usage: godebug" },
	{ "module m\n/* x */\n", "go.mod:2: go.mod has // comments only" },
	{ "module m\nrequire a/*x*/ v1\n", "go.mod:2: go.mod has // comments only" },
	{ "module m\nrequire \"a\nv1\n", "go.mod:2: newline in string" },
	{ "module m\nrequire \"a\\\nb\" v1\n", "go.mod:2: newline in string" },
	{ "module m\nrequire \"a", "go.mod:2: string without end" },
	{ "module m\nrequire \"a\\", "go.mod:2: string without end" },
	{ "module m\nrequire `a\n` v1\n", "go.mod:2: newline in string" },
	{ "module m\nrequire \"\\q\" v1\n", "go.mod:2: malformed string \"\\q\"" },
	{ "module m\nrequire \"\\x4\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire \"\\ud800\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire \"\\400\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire \"a\\x00\" v1\n", "go.mod:2: malformed string" },
	{ "module m\nrequire a'b v1\n", "go.mod:2: malformed string a'b" },
	{ "module m\nrequire \"\" v1\n", "go.mod:2: not a module path: \"\"" },
	{ "module m\nrequire main v1\n", "go.mod:2: not a module path: main" },
	{ "module m\nrequire \"a b\" v1\n", "go.mod:2: not a module path" },
	{ "module m\n\001\n", "go.mod:2: unexpected character" },
	{ "module m\nrequire \302\240a v1\n", "go.mod:2: unexpected character" },
	{ "module m\nrequire a\377 v1\n", "go.mod:2: invalid UTF-8" },
	{ "module m\nrequire a\355\240\200 v1\n", "go.mod:2: invalid UTF-8" },
	{ "module m\nrequire a\300\257 v1\n", "go.mod:2: invalid UTF-8" },
	{ "module m\nrequire a v1 // gomodjail:loose\n",
	  "go.mod:2: unknown policy \"loose\"; known: confined, unconfined" },
	{ "module m\nrequire (\n\n// gomodjail:confined;\na v1 " U "\n)\n",
	  "go.mod:4: unknown policy \"confined;\"" },
	{ "// gomodjail:x\nmodule m\n", "go.mod:1: unknown policy \"x\"" },
	{ "module m\n// gomodjail:x\nrequire (\na v1\n)\n", "go.mod:2: unknown policy \"x\"" },
	{ "module m\n" C "\ngo 1.23\n", "go.mod:2: a policy cannot be given at the go line" },
	{ "module m\ngo 1.23 " C "\n", "go.mod:2: a policy cannot be given at the go line" },
	{ "module m\r\n\r\nx\r\n", "go.mod:3: unknown directive: x" },
};

START_TEST(gomod_broken)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(broken); i++) {
		struct mj_policy *policy = new_policy();
		struct mj_error err = { 0 };
		int result = mj_policy_read_gomod(policy, "go.mod", broken[i].text,
		                                  strlen(broken[i].text), &err);
		ck_assert_msg(result == -1, "%zu was accepted", i);
		ck_assert_int_eq(err.code, MJ_ERR_FORMAT);
		ck_assert_msg(strncmp(err.text, broken[i].message, strlen(broken[i].message)) == 0,
		              "%zu: \"%s\", not \"%s\"", i, err.text, broken[i].message);
		ck_assert_uint_eq(mj_policy_count(policy), 0);
		ck_assert_ptr_null(mj_policy_main_module(policy));
		mj_policy_destroy(policy);
	}
}
END_TEST

START_TEST(gomod_limits)
{
	size_t len = MJ_GOMOD_MAX + 1;
	char *text = malloc(len);
	memset(text, '(', len);
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", text, len, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_USAGE);
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", text, len - 1, &err), -1);
	ck_assert_int_eq(err.code, MJ_ERR_FORMAT);
	/* Embedded NUL bytes end nothing: a word must not pass for its beginning. */
	static const char nul[] = "module m\nrequire a v1 // gomodjail:confined\0x\n";
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", nul, sizeof(nul) - 1, &err), -1);
	static const char nul2[] = "module m\nrequire a\0b v1\n";
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", nul2, sizeof(nul2) - 1, &err), -1);
	mj_policy_destroy(policy);
	free(text);
}
END_TEST

START_TEST(gomod_many_warnings)
{
	char text[16384] = "module m\n";
	for (int i = 0; i < 300; i++)
		strcat(text, "// gomodjail:confined\n\n");
	struct mj_policy *policy = new_policy();
	ck_assert_int_eq(mj_policy_read_gomod(policy, "x/go.mod", text, strlen(text), NULL), 0);
	ck_assert_uint_eq(mj_policy_warning_count(policy), 101);
	ck_assert_msg(strncmp(mj_policy_warning(policy, 1), "x/go.mod:4: ", 12) == 0, "%s",
	              mj_policy_warning(policy, 1));
	ck_assert_ptr_null(mj_policy_warning(policy, 101));
	mj_policy_destroy(policy);
}
END_TEST

START_TEST(gomod_origin)
{
	static const char text[] = "module m\n\n" C "\nrequire (\na v1\nb v1 " U "\n)\n";
	struct mj_policy *policy = new_policy();
	ck_assert_int_eq(mj_policy_read_gomod(policy, "go.mod", text, strlen(text), NULL), 0);
	ck_assert_uint_eq(mj_policy_origin(policy, 0).line, 3);
	ck_assert_uint_eq(mj_policy_origin(policy, 1).line, 6);
	ck_assert_str_eq(mj_policy_origin(policy, 1).file, "go.mod");
	mj_policy_destroy(policy);
}
END_TEST

/* A real file, where the tree has it beside it: its whole list was compared with gomodjail's. */
START_TEST(gomod_nerdctl)
{
	static const char *const places[] = { "../shared/data/nerdctl.go.mod",
		                              "/work/shared/data/nerdctl.go.mod" };
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	for (size_t i = 0; i < MJ_ARRAY_LEN(places) && !text; i++)
		mj_read_file(places[i], MJ_GOMOD_MAX, &text, &len, NULL);
	if (!text)
		return;
	struct mj_policy *policy = new_policy();
	struct mj_error err = { 0 };
	ck_assert_msg(mj_policy_read_gomod(policy, "go.mod", text, len, &err) == 0, "%s", err.text);
	size_t confined = 0;
	for (size_t i = 0; i < mj_policy_count(policy); i++)
		confined += mj_policy_grant_at(policy, i).caps == mj_grant_confined().caps;
	ck_assert_str_eq(mj_policy_main_module(policy), "github.com/containerd/nerdctl/v2");
	ck_assert_uint_eq(mj_policy_warning_count(policy), 0);
	ck_assert_uint_eq(mj_policy_count(policy), NERDCTL_ALL);
	ck_assert_uint_eq(confined, NERDCTL_CONFINED);
	mj_policy_destroy(policy);
}
END_TEST

/* ---- plans ---------------------------------------------------------------------------------- */

static size_t
rules_of(const struct mj_plan *plan, const char *name)
{
	size_t found = 0;
	for (size_t i = 0; i < plan->count; i++)
		found += plan->rules[i].nr == mj_call_number(name);
	return found;
}

START_TEST(plan_nothing_denied)
{
	struct mj_plan plan;
	ck_assert_int_eq(mj_plan_make(0, &plan, NULL), 0);
	ck_assert(plan.allow_all);
	ck_assert_uint_eq(plan.count, 0);
	mj_plan_free(&plan);
}
END_TEST

START_TEST(plan_lineage)
{
	struct mj_plan plan;
	ck_assert_int_eq(mj_plan_make(MJ_CAP(NETWORK_RAW), &plan, NULL), 0);
	ck_assert(!plan.allow_all);
	static const char *const never[] = { "execve", "execveat", "unshare", "setns" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(never); i++)
		ck_assert_uint_eq(rules_of(&plan, never[i]), 0);
	ck_assert_uint_eq(rules_of(&plan, "clone"), 2);
	ck_assert_uint_eq(rules_of(&plan, "openat"), 1);
	ck_assert_uint_eq(rules_of(&plan, "clone3"), 1);
	mj_plan_free(&plan);
}
END_TEST

START_TEST(plan_rules)
{
	struct mj_plan plan;
	ck_assert_int_eq(mj_plan_make(MJ_CAPS_ALL, &plan, NULL), 0);
	for (size_t i = 0; i < plan.count; i++) {
		const struct mj_plan_rule *rule = &plan.rules[i];
		ck_assert_int_eq(rule->errnum, rule->nr == 435 ? ENOSYS : 0);
		if (rule->nconds == 0)
			ck_assert_uint_eq(rules_of(&plan, mj_call_name(rule->nr)), 1);
	}
	ck_assert_uint_eq(rules_of(&plan, "read"), 1);
	ck_assert_uint_eq(rules_of(&plan, "openat"), 0);
	mj_plan_free(&plan);
}
END_TEST

static TCase *
case_table(void)
{
	TCase *tcase = tcase_create("table");
	tcase_add_test(tcase, caps_names);
	tcase_add_test(tcase, caps_families);
	tcase_add_test(tcase, caps_format);
	tcase_add_test(tcase, table_is_complete);
	tcase_add_test(tcase, table_has_newer_calls);
	tcase_add_test(tcase, table_is_sorted);
	tcase_add_test(tcase, table_rows);
	tcase_add_test(tcase, needs);
	tcase_add_test(tcase, grants);
	tcase_add_test(tcase, plan_nothing_denied);
	tcase_add_test(tcase, plan_lineage);
	tcase_add_test(tcase, plan_rules);
	return tcase;
}

static TCase *
case_policy(void)
{
	TCase *tcase = tcase_create("policy");
	tcase_add_test(tcase, policy_defaults);
	tcase_add_test(tcase, policy_set);
	tcase_add_test(tcase, policy_flags);
	tcase_add_test(tcase, gomod_matrix);
	tcase_add_test(tcase, gomod_broken);
	tcase_add_test(tcase, gomod_limits);
	tcase_add_test(tcase, gomod_many_warnings);
	tcase_add_test(tcase, gomod_origin);
	tcase_add_test(tcase, gomod_nerdctl);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("policy");
	suite_add_tcase(suite, case_table());
	suite_add_tcase(suite, case_policy());
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
