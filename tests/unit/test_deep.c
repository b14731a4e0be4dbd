/* SPDX-License-Identifier: Apache-2.0 */
/* Calls whose stacks take long to walk (supervisor/deep.c), on the process of walk_world.h. */
#include "supervisor/internal.h"
#include "symbolizer/fold.h"
#include "tests/unit/walk_world.h"

#include <check.h>

#define FRAMES 400000
#define STOPPED UINT64_C(100000000)

static struct supervisor sup;
static struct sup_process process;
static const struct sup_where where = { .pc = RET(MAIN), .sp = STACK };
static const struct seccomp_notif req = { .id = 7, .pid = 8 };

static void
setup(void)
{
	make_deep(FRAMES);
	ck_assert(open_world());
	sup = (struct supervisor){ .listener = -1 }; /* nobody else calls */
	process = (struct sup_process){ .runtime = world.runtime, .runtime_serial = 1 };
}

static void
teardown(void)
{
	sup_deep_free(&sup);
	mj_stack_finish(&sup.stack);
	destroy_world();
}

static bool
walk_on(void)
{
	struct mj_memory memory = { read_memory, NULL, &world };
	return sup_walk(&sup, &process, &memory, NULL, &where);
}

static void
check_queue(size_t count)
{
	ck_assert_uint_eq(sup.deep.count, count);
	ck_assert_ptr_null(sup.deep.rest);
	ck_assert_ptr_null(sup.deep.current);
	if (!count)
		ck_assert_uint_eq(sup.deep.bytes, 0);
}

/* Receives a call, which is put aside. */
static void
put_aside(void)
{
	ck_assert(!walk_on());
	ck_assert_int_eq(sup.stack.status, MJ_WALK_INCOMPLETE);
	ck_assert(sup_deep_keep(&sup, &req));
}

START_TEST(test_turns)
{
	put_aside();
	put_aside();
	check_queue(2);
	ck_assert_uint_le(sup.deep.bytes, 32768);
	unsigned turns = 0, done = 0;
	while (sup.deep.count) {
		ck_assert(sup_deep_turn(&sup));
		ck_assert_uint_eq(sup_deep_take(&sup)->id, 7);
		if (!walk_on()) {
			ck_assert(sup_deep_keep(&sup, &req));
		} else {
			ck_assert_int_eq(sup.stack.status, MJ_WALK_COMPLETE);
			ck_assert_uint_eq(sup.stack.depth, FRAMES + 1);
			done++;
		}
		sup_deep_leave(&sup);
		ck_assert_uint_lt(++turns, 100000);
	}
	ck_assert_uint_eq(done, 2);
	check_queue(0);
}
END_TEST

START_TEST(test_shallow)
{
	world.deep = 1000;
	put_g(R_CURG, STACK, deep_top() + 32);
	ck_assert(walk_on());
	ck_assert_int_eq(sup.stack.status, MJ_WALK_COMPLETE);
	check_queue(0);
}
END_TEST

START_TEST(test_too_long)
{
	put_aside();
	sup.deep.clock += UINT64_C(10000000000);
	sup_deep_take(&sup);
	ck_assert(walk_on());
	ck_assert_int_eq(sup.stack.status, MJ_WALK_INCOMPLETE);
	ck_assert_int_eq(sup.stack.why, MJ_WHY_TOO_LONG);
	ck_assert_str_eq(mj_walk_why_text(sup.stack.why),
	                 "the stack is too deep to be walked within 10 s");
	ck_assert_uint_ge(sup.stack.npcs, MJ_FOLD_AFTER);
	sup_deep_leave(&sup);
	check_queue(0);
}
END_TEST

/* Time in which modjail did not run is nobody's. */
START_TEST(test_stopped)
{
	put_aside();
	uint64_t before = sup.deep.clock;
	sup.deep.seen = 0; /* the machine's start */
	ck_assert(sup_deep_turn(&sup));
	ck_assert_uint_le(sup.deep.clock - before, 3 * STOPPED);
}
END_TEST

/* What was put aside belongs to one execution: in another one the walk begins anew. */
START_TEST(test_another_runtime)
{
	put_aside();
	sup_deep_take(&sup);
	world.deep = 2000; /* less than was walked before */
	put_g(R_CURG, STACK, deep_top() + 32);
	process.runtime_serial++;
	ck_assert(walk_on());
	ck_assert_int_eq(sup.stack.status, MJ_WALK_COMPLETE);
	ck_assert_uint_eq(sup.stack.depth, 2001);
	sup_deep_leave(&sup);
	check_queue(0);
}
END_TEST

/* Where there is no room left, calls wait without their walks. */
START_TEST(test_no_room)
{
	sup.deep.bytes = SIZE_MAX / 2;
	put_aside();
	check_queue(1);
	ck_assert_uint_eq(sup.deep.bytes, SIZE_MAX / 2);
	ck_assert_ptr_null(sup.deep.first->rest);
	sup.deep.bytes = 0;
	sup_deep_take(&sup);
	while (!walk_on())
		;
	ck_assert_uint_eq(sup.stack.depth, FRAMES + 1);
	sup_deep_leave(&sup);
	check_queue(0);
}
END_TEST

/* One that is put aside at a stack pointer that was predicted, and then judged by the kernel's. */
START_TEST(test_forget)
{
	ck_assert(!walk_on());
	ck_assert_ptr_nonnull(sup.deep.rest);
	sup_walk_forget(&sup);
	check_queue(0);
	put_aside();
	check_queue(1); /* and freed by the teardown */
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { test_turns,   test_shallow,         test_too_long,
		                       test_stopped, test_another_runtime, test_no_room,
		                       test_forget };
	Suite *suite = suite_create("deep");
	TCase *tc = tcase_create("turns");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < MJ_ARRAY_LEN(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
