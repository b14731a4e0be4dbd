/* SPDX-License-Identifier: Apache-2.0 */
/* Stack pointers that are told from the runtime's record of a system call, and walks that are not made again: on a process that
 * is made by hand, whose memory changes in all the ways in which either would be wrong. */
#include "symbolizer/snapshot.h"
#include "tests/unit/walk_world.h"

#define TID 4711
#define SYSCALLSP 104
#define MARK (BOTTOM + 16) /* the SP of the second frame, main.main's */

static bool parts_work;

static bool
read_parts(void *ctx, struct mj_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ssize_t got = read_memory(ctx, parts[i].addr, parts[i].buf, parts[i].len);
		parts[i].got = got > 0 ? (size_t)got : 0;
		if (parts[i].got < parts[i].len)
			return parts_work;
	}
	return parts_work;
}

static struct mj_memory
memory(void)
{
	return (struct mj_memory){ .read = read_memory, .ctx = &world, .read_parts = read_parts };
}

static void
walk_from(uint64_t sp)
{
	struct mj_memory m = memory();
	mj_walk(world.runtime, &m, &world.hint, RET(MAIN), sp, &world.stack);
}

static bool
predict(uint64_t *sp)
{
	struct mj_memory m = memory();
	return mj_walk_predict(world.runtime, &m, &world.hint, RET(MAIN), &world.stack, sp);
}

/* A thread that is in syscall.Syscall, called main.main here, and whose walk was made once from the kernel's SP. */
static void
make_known(void)
{
	uint64_t sp;
	make_world();
	parts_work = true;
	poke(R_M0, M_CURG - 120, TID);
	poke(R_CURG, SYSCALLSP, MARK);
	poke(R_CURG, SYSCALLSP + 8, RET(MAIN));
	walk_main(); /* makes the image */
	world.hint = (struct mj_thread_hint){ .tid = TID };
	ck_assert(mj_layout_ready(world.image));
	/* The program says of no release; this one's offsets are right. */
	mj_image_runtime_layout(world.image)->guessed = false;
	ck_assert(!predict(&sp)); /* nothing is known of the thread */
	walk_from(BOTTOM);
	check_complete(MJ_ROOT_GOROUTINE, 3);
	ck_assert(!predict(&sp)); /* the goroutine is known; how far the mark is, is not */
	walk_from(BOTTOM);
	ck_assert_uint_eq(world.hint.g, CURG);
	ck_assert(world.hint.steady);
}

/* The stack of make_known, so many words higher. */
static void
move_stack(unsigned words)
{
	for (unsigned i = 0; i < 16; i++)
		push_at(R_STACK, i, 0x1111);
	push_at(R_STACK, words + 1, RET(MAIN));
	push_at(R_STACK, words + 3, FUNC(GOEXIT) + 1);
	poke(R_CURG, SYSCALLSP, MARK + words * 8);
	poke(R_CURG, 8, STACK + 0x840 + words * 8);
}

START_TEST(test_predicted)
{
	uint64_t sp = 0;
	ck_assert(predict(&sp));
	ck_assert_uint_eq(sp, BOTTOM);
	unsigned reads = world.reads;
	walk_from(sp);
	check_complete(MJ_ROOT_GOROUTINE, 3);
	ck_assert_uint_eq(world.reads, reads); /* all of it had been read */
}
END_TEST

START_TEST(test_moved)
{
	uint64_t sp = 0;
	move_stack(2);
	ck_assert(predict(&sp));
	ck_assert_uint_eq(sp, BOTTOM + 16);
	walk_from(sp);
	check_complete(MJ_ROOT_GOROUTINE, 3);
}
END_TEST

START_TEST(test_no_record)
{
	uint64_t sp;
	poke(R_CURG, SYSCALLSP, 0); /* as syscall.RawSyscall leaves it, and exitsyscall */
	ck_assert(!predict(&sp));
	poke(R_CURG, SYSCALLSP, STACK + STACK_SIZE + 8); /* not on the goroutine's stack */
	ck_assert(!predict(&sp));
	poke(R_CURG, SYSCALLSP, MARK + 4);
	ck_assert(!predict(&sp));
	poke(R_CURG, SYSCALLSP, MARK);
	poke(R_CURG, SYSCALLSP + 8, RET(RT_MAIN)); /* nothing was learned of this one */
	ck_assert(!predict(&sp));
}
END_TEST

START_TEST(test_other_thread)
{
	uint64_t sp;
	world.hint.steady = false;
	poke(R_M0, M_CURG - 120, TID + 1);
	ck_assert(!predict(&sp));
	poke(R_M0, M_CURG - 120, 0);
	ck_assert(!predict(&sp));
	poke(R_M0, M_CURG - 120, TID);
	world.hint.tid = 0; /* a fork, or a number that cannot be told */
	ck_assert(!predict(&sp));
	world.hint.steady = true;
	ck_assert(!predict(&sp));
}
END_TEST

START_TEST(test_other_goroutine)
{
	uint64_t sp;
	world.hint.steady = false;
	poke(R_M0, M_CURG, CURG + 0x100);
	ck_assert(!predict(&sp));
	poke(R_M0, M_CURG, 0);
	ck_assert(!predict(&sp));
	poke(R_M0, M_CURG, CURG);
	poke(R_CURG, 48, G0); /* the goroutine runs on another m */
	ck_assert(!predict(&sp));
}
END_TEST

/* Met in the same goroutine twice: its word for it that the thread runs it is enough, and needed. */
START_TEST(test_steady)
{
	uint64_t sp = 0;
	unsigned reads = world.reads;
	ck_assert(predict(&sp));
	walk_from(sp);
	check_complete(MJ_ROOT_GOROUTINE, 3);
	ck_assert_uint_eq(world.reads, reads + 2); /* the goroutine and its stack, not the m */
	poke(R_CURG, 48, 0);                       /* it waits */
	ck_assert(!predict(&sp));
	walk_from(BOTTOM);
	ck_assert_int_eq(world.stack.status, MJ_WALK_INCOMPLETE);
	poke(R_CURG, 48, M0);
	ck_assert(predict(&sp));
}
END_TEST

/* What the kernel says of SP goes before what was remembered. */
START_TEST(test_steady_on_another_stack)
{
	poke(R_CURG, 0, STACK + 0x840); /* the goroutine's stack is elsewhere now */
	poke(R_CURG, 8, STACK + STACK_SIZE);
	walk_from(BOTTOM);
	ck_assert_int_eq(world.stack.status, MJ_WALK_INCOMPLETE);
	ck_assert_int_eq(world.stack.root, MJ_ROOT_NONE);
}
END_TEST

START_TEST(test_not_steady)
{
	world.hint.g = G0; /* another goroutine than the last time */
	walk_from(BOTTOM);
	check_complete(MJ_ROOT_GOROUTINE, 3);
	ck_assert(!world.hint.steady);
	walk_from(BOTTOM);
	ck_assert(world.hint.steady);
}
END_TEST

START_TEST(test_unreadable)
{
	uint64_t sp;
	parts_work = false;
	ck_assert(!predict(&sp));
	walk_from(BOTTOM); /* one piece at a time, then */
	check_complete(MJ_ROOT_GOROUTINE, 3);
	parts_work = true;
	world.hint.g = 0x7000; /* nothing is there */
	ck_assert(!predict(&sp));
	walk_from(BOTTOM);
	check_complete(MJ_ROOT_GOROUTINE, 3);
}
END_TEST

/* What the record says is not on the stack: other code than that which made it is at work. */
START_TEST(test_record_is_not_met)
{
	uint64_t sp = 0;
	push_at(R_STACK, 1, RET(RT_MAIN));
	ck_assert(predict(&sp));
	walk_from(sp);
	ck_assert_int_eq(world.stack.status, MJ_WALK_INCOMPLETE);
	ck_assert_int_eq(world.stack.why, MJ_WHY_BAD_SP);
	ck_assert_int_eq(world.stack.root, MJ_ROOT_NONE);
	walk_from(BOTTOM); /* told by the kernel, it needs no such evidence */
	check_complete(MJ_ROOT_MAIN, 3);
}
END_TEST

/* What was read for one call is not used for the next. */
START_TEST(test_forgotten)
{
	uint64_t sp = 0;
	ck_assert(predict(&sp));
	push_at(R_STACK, 1, RET(RT_MAIN));
	mj_walk_forget(&world.stack);
	walk_from(BOTTOM);
	check_complete(MJ_ROOT_MAIN, 3);
}
END_TEST

START_TEST(test_same_walk)
{
	walk_from(BOTTOM);
	uint64_t id = world.stack.walk_id;
	ck_assert_uint_ne(id, 0);
	const struct mj_pc *outer = world.stack.pcs[1];
	walk_from(BOTTOM);
	ck_assert_uint_eq(world.stack.walk_id, id);
	check_complete(MJ_ROOT_GOROUTINE, 3);
	ck_assert_ptr_eq(world.stack.pcs[1], outer);
	/* The same stack at another place is the same walk; saved words that no walk looks at do not matter. */
	move_stack(4);
	walk_from(BOTTOM + 32);
	ck_assert_uint_eq(world.stack.walk_id, id);
	check_complete(MJ_ROOT_GOROUTINE, 3);
}
END_TEST

START_TEST(test_other_walk)
{
	walk_from(BOTTOM);
	uint64_t id = world.stack.walk_id;
	push_at(R_STACK, 1, RET(RT_MAIN)); /* one return address, nothing else */
	walk_from(BOTTOM);
	check_complete(MJ_ROOT_MAIN, 3);
	ck_assert_uint_ne(world.stack.walk_id, id);
	push_at(R_STACK, 3, 0x1234);
	walk_from(BOTTOM);
	check_why(MJ_WHY_NOT_GO_TEXT, 2);
	ck_assert_uint_eq(world.stack.walk_id, 0);
	push_at(R_STACK, 3, FUNC(GOEXIT) + 1);
	poke(R_CURG, 8, STACK + STACK_SIZE); /* goexit is not where a stack begins */
	walk_from(BOTTOM);
	check_why(MJ_WHY_BAD_SP, 3);
}
END_TEST

/* The end is looked at each time: another goroutine's is not this one's. */
START_TEST(test_end_of_same_walk)
{
	walk_from(BOTTOM);
	ck_assert_uint_ne(world.stack.walk_id, 0);
	poke(R_CURG, 48, G0);
	walk_from(BOTTOM);
	ck_assert_int_eq(world.stack.status, MJ_WALK_INCOMPLETE);
}
END_TEST

/* Whatever the memory holds, a prediction that leads to a complete walk leads to the walk that the kernel's SP leads to. */
START_TEST(test_random)
{
	srandom(_i + 1);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t sp = 0, root;
		static const uint64_t values[] = { RET(MAIN), RET(RT_MAIN), FUNC(GOEXIT) + 1,
			                           0,         MARK,         CURG,
			                           M0,        TID };
		static const uint64_t fields[] = { 0, 8, 48, SYSCALLSP, SYSCALLSP + 8 };
		push_at(R_STACK, (unsigned)random() % 8,
		        values[(size_t)random() % MJ_ARRAY_LEN(values)]);
		poke(R_CURG, fields[(size_t)random() % MJ_ARRAY_LEN(fields)],
		     values[(size_t)random() % MJ_ARRAY_LEN(values)]);
		world.hint.steady = random() % 2;
		if (random() % 2) {
			put_g(R_CURG, STACK, STACK + 0x840);
			poke(R_CURG, SYSCALLSP, MARK);
			poke(R_CURG, SYSCALLSP + 8, RET(MAIN));
			push_at(R_STACK, 1, RET(MAIN));
			push_at(R_STACK, 3, FUNC(GOEXIT) + 1);
		}
		if (!predict(&sp) || sp != BOTTOM)
			continue;
		walk_from(sp);
		if (world.stack.status != MJ_WALK_COMPLETE)
			continue;
		root = world.stack.root;
		size_t npcs = world.stack.npcs;
		walk_from(BOTTOM);
		check_complete((enum mj_root)root, npcs);
	}
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
		test_predicted,
		test_moved,
		test_no_record,
		test_other_thread,
		test_other_goroutine,
		test_unreadable,
		test_record_is_not_met,
		test_forgotten,
		test_same_walk,
		test_other_walk,
		test_end_of_same_walk,
		test_steady,
		test_steady_on_another_stack,
		test_not_steady,
	};
	Suite *suite = suite_create("predict");
	TCase *predictions = tcase_create("predictions");
	tcase_set_timeout(predictions, 60);
	tcase_add_checked_fixture(predictions, make_known, destroy_world);
	for (size_t i = 0; i < MJ_ARRAY_LEN(tests); i++)
		tcase_add_test(predictions, tests[i]);
	tcase_add_loop_test(predictions, test_random, 0, 4);
	suite_add_tcase(suite, predictions);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
