/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities, the table of system calls, grants, policies and filter plans. go.mod: test_gomod.c. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy/table.h"

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
	FILE *header = fopen(UNISTD, "re"); /* what the compiler says: tests/meson.build */
	ck_assert_ptr_nonnull(header);
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
	struct mj_grant reader = mj_grant_of(MJ_CAP(FILES_READ));
	struct mj_grant unix_only = mj_grant_of(MJ_CAP(NETWORK_UNIX));
	ck_assert(mj_grant_allows(&none, (struct mj_need){ .known = true }));
	ck_assert(!mj_grant_allows(&unconfined, dumpable));
	ck_assert_int_eq(mj_grant_lacks(&unconfined, dumpable), MJ_CAP_MODIFY_DUMPABLE);
	ck_assert_int_eq(mj_grant_lacks(&reader, both), MJ_CAP_FILES_WRITE);
	ck_assert(mj_grant_allows(&unix_only, either));
	ck_assert_int_eq(mj_grant_lacks(&confined, either), MJ_CAP_NETWORK_LISTEN);
	ck_assert_int_eq(mj_grant_lacks(&unconfined, either), MJ_CAP_COUNT);
	ck_assert(!mj_grant_allows(&unconfined, (struct mj_need){ .all = UINT64_C(1) << 60 }));
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
	ck_assert_uint_eq(mj_policy_everyone(policy)->caps, MJ_CAPS_ALL & ~MJ_CAP(MODIFY_DUMPABLE));
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
	ck_assert_uint_eq(mj_policy_unattributed(policy)->grant.caps, 0);
	ck_assert_uint_eq(mj_policy_everyone(policy)->caps, 0);
	ck_assert_int_eq(mj_policy_set(policy, "main", mj_grant_confined(), origin, NULL), 0);
	ck_assert_uint_eq(mj_policy_count(policy), 3);
	ck_assert_uint_eq(mj_policy_everyone(policy)->caps, mj_grant_confined().caps);
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

/* ---- plans ---------------------------------------------------------------------------------- */

static size_t
rules_of(const struct mj_plan *plan, const char *name)
{
	size_t found = 0;
	for (size_t i = 0; i < plan->count; i++)
		found += plan->rules[i].nr == mj_call_number(name);
	return found;
}

static int
make_plan(mj_caps denied, struct mj_plan *ret)
{
	struct mj_grant everyone = mj_grant_of(MJ_CAPS_ALL & ~denied);
	return mj_plan_make(&everyone, ret, NULL);
}

START_TEST(plan_nothing_denied)
{
	struct mj_plan plan;
	ck_assert_int_eq(make_plan(0, &plan), 0);
	ck_assert(plan.allow_all);
	ck_assert_uint_eq(plan.count, 0);
	mj_plan_free(&plan);
}
END_TEST

START_TEST(plan_lineage)
{
	struct mj_plan plan;
	ck_assert_int_eq(make_plan(MJ_CAP(NETWORK_RAW), &plan), 0);
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
	ck_assert_int_eq(make_plan(MJ_CAPS_ALL, &plan), 0);
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
