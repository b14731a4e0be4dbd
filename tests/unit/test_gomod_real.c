/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_gomod_real FILE: nerdctl's go.mod, whose whole list of policies was compared with gomodjail's once. The
 * file is not part of this tree: without it the test is skipped (77), visibly.
 */
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"

#define SKIP 77
/* Counted by modfile and gomoddirectivecomments. */
#define ALL 140
#define CONFINED 101

static int
expect(const char *what, size_t got, size_t wanted)
{
	if (got == wanted)
		return 0;
	fprintf(stderr, "%s: %zu, not %zu\n", what, got, wanted);
	return 1;
}

static int
check(const struct mj_policy *policy)
{
	size_t confined = 0;
	for (size_t i = 0; i < mj_policy_count(policy); i++)
		confined += mj_policy_grant_at(policy, i).caps == mj_grant_confined().caps;
	const char *main_module = mj_policy_main_module(policy);
	bool named = main_module && !strcmp(main_module, "github.com/containerd/nerdctl/v2");
	return expect("modules", mj_policy_count(policy), ALL) +
	       expect("confined modules", confined, CONFINED) +
	       expect("warnings", mj_policy_warning_count(policy), 0) +
	       expect("right main modules", named, 1);
}

int
main(int argc, char **argv)
{
	MJ_AUTO_FREE char *text = NULL;
	size_t len = 0;
	struct mj_policy *policy = NULL;
	struct mj_error err = { 0 };
	if (argc != 2)
		return 2;
	if (mj_read_file(argv[1], MJ_GOMOD_MAX, &text, &len, &err) < 0) {
		printf("skipped: %s\n", err.text);
		return SKIP;
	}
	if (mj_policy_create(&policy, &err) < 0 ||
	    mj_policy_read_gomod(policy, "go.mod", text, len, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		mj_policy_destroy(policy);
		return 1;
	}
	int failed = check(policy);
	mj_policy_destroy(policy);
	return failed ? 1 : 0;
}
