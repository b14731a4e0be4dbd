/* SPDX-License-Identifier: Apache-2.0 */
/* A filter that is not the one that was asked for is noticed, whatever is wrong with it. */
#include <check.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "preload/preload.h"

static struct mj_plan plan;
static struct mj_filter filter;

static void
setup(void)
{
	struct mj_error err = { 0 };
	struct mj_policy *policy = NULL;
	ck_assert_int_eq(mj_policy_create(&policy, &err), 0);
	ck_assert_int_eq(mj_policy_set_flag(policy, "example.com/conf=confined", &err), 0);
	ck_assert_int_eq(mj_plan_make(mj_policy_everyone(policy), &plan, &err), 0);
	mj_policy_destroy(policy);
	ck_assert_msg(mj_filter_build(&plan, &filter, &err) == 0, "%s", err.text);
	ck_assert_uint_gt(filter.count, 100);
}

static void
teardown(void)
{
	mj_filter_free(&filter);
	mj_plan_free(&plan);
}

static bool
is_noticed(void)
{
	struct mj_error err = { 0 };
	if (mj_filter_verify(&plan, &filter, &err) == 0)
		return false;
	ck_assert_int_eq(err.code, MJ_ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(err.text, "libseccomp"));
	return true;
}

START_TEST(test_right_one)
{
	ck_assert_int_eq(mj_filter_verify(&plan, &filter, NULL), 0);
}
END_TEST

/* Each verdict of the program, turned into another one. But for the last: libseccomp puts a KILL_PROCESS there that
 * nothing leads to when an x32 call has one of its own. */
START_TEST(test_verdicts)
{
	static const uint32_t others[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF,
		                           SECCOMP_RET_ERRNO | 1, SECCOMP_RET_KILL_PROCESS };
	size_t tried = 0;
	for (size_t i = 0; i < filter.count - 1; i++) {
		uint32_t was = filter.insns[i].k;
		if (filter.insns[i].code != (BPF_RET | BPF_K))
			continue;
		for (size_t o = 0; o < MJ_ARRAY_LEN(others); o++) {
			if (others[o] == was)
				continue;
			filter.insns[i].k = others[o];
			ck_assert_msg(is_noticed(), "verdict %#x at %zu instead of %#x", others[o],
			              i, was);
			tried++;
		}
		filter.insns[i].k = was;
	}
	ck_assert_uint_ge(tried, 9);
	ck_assert_uint_eq(filter.insns[filter.count - 1].k, SECCOMP_RET_KILL_PROCESS);
}
END_TEST

/* Each number that something is compared with, another one. */
START_TEST(test_numbers)
{
	size_t tried = 0, same = 0;
	for (size_t i = 0; i < filter.count; i++) {
		if (filter.insns[i].code != (BPF_JMP | BPF_JEQ | BPF_K))
			continue;
		filter.insns[i].k ^= 0x200;
		same += !is_noticed();
		filter.insns[i].k ^= 0x200;
		tried++;
	}
	ck_assert_uint_gt(tried, 100);
	ck_assert_msg(same == 0, "%zu of %zu comparisons can be changed unnoticed", same, tried);
}
END_TEST

/* Cut off anywhere, or without its beginning. */
START_TEST(test_parts)
{
	size_t count = filter.count;
	for (filter.count = 0; filter.count < count - 1; filter.count++)
		ck_assert_msg(is_noticed(), "cut off after %zu instructions", filter.count);
	struct mj_filter whole = { filter.insns, count };
	for (size_t i = 1; i < count; i++) {
		filter = (struct mj_filter){ whole.insns + i, count - i };
		ck_assert_msg(is_noticed(), "without its first %zu instructions", i);
	}
	filter = whole;
}
END_TEST

/* Instructions that it does not know, and loads from outside what the kernel shows. */
START_TEST(test_unknown)
{
	struct sock_filter first = filter.insns[0];
	filter.insns[0] = (struct sock_filter){ .code = BPF_LD | BPF_W | BPF_LEN };
	ck_assert(is_noticed());
	filter.insns[0] = (struct sock_filter){ .code = BPF_LD | BPF_W | BPF_ABS,
		                                .k = sizeof(struct seccomp_data) };
	ck_assert(is_noticed());
	filter.insns[0] = (struct sock_filter){ .code = BPF_LD | BPF_W | BPF_ABS, .k = 0xfffffffc };
	ck_assert(is_noticed());
	filter.insns[0] = (struct sock_filter){ .code = BPF_JMP | BPF_JA, .k = 0xffffffff };
	ck_assert(is_noticed());
	filter.insns[0] = first;
	ck_assert(!is_noticed());
}
END_TEST

/* A rule of the plan that the filter does not have, and the other way round. */
START_TEST(test_rules)
{
	struct mj_plan whole = plan;
	for (size_t i = 0; i < whole.count; i++) {
		struct mj_plan_rule was = plan.rules[i];
		plan.rules[i].errnum = was.errnum ? 0 : 1;
		ck_assert_msg(is_noticed(), "rule %zu, of system call %d", i, was.nr);
		plan.rules[i] = was;
	}
	plan.count--;
	ck_assert(is_noticed());
	plan.count++;
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("verify");
	TCase *tcase = tcase_create("verify");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_right_one);
	tcase_add_test(tcase, test_verdicts);
	tcase_add_test(tcase, test_numbers);
	tcase_add_test(tcase, test_parts);
	tcase_add_test(tcase, test_unknown);
	tcase_add_test(tcase, test_rules);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
