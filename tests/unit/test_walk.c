/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mj_walk on a program and a process that are made by hand (walk_world.h) and that each test damages in its
 * own way. A walk that does not end at a root that it knows is incomplete, says why, and ends.
 */
#include "symbolizer/fold.h"
#include "tests/unit/walk_world.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>

/* ---- walks that are complete: without damage everything works -------------------------------- */

START_TEST(test_goroutine)
{
	walk_main();
	check_complete(MJ_ROOT_GOROUTINE, 3);
	ck_assert_str_eq(world.stack.pcs[1]->frames[1].function, "main.main");
	ck_assert_uint_eq(world.hint.m, M0);
	walk_main(); /* with what was remembered, and the same stack again */
	check_complete(MJ_ROOT_GOROUTINE, 3);
	world.hint.m = CURG + 8; /* nonsense */
	walk_main();
	check_complete(MJ_ROOT_GOROUTINE, 3);
}
END_TEST

START_TEST(test_main_goroutine)
{
	push_at(R_STACK, 1, RET(RT_MAIN));
	walk_main();
	check_complete(MJ_ROOT_MAIN, 3);
}
END_TEST

START_TEST(test_system_stack)
{
	put_switch(BOTTOM);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	/* main.main, systemstack; systemstack_switch, main.main, goexit */
	check_complete(MJ_ROOT_GOROUTINE, 5);
	ck_assert_str_eq(world.stack.pcs[2]->frames[0].function, "runtime.systemstack_switch");
}
END_TEST

START_TEST(test_start)
{
	poke(R_M0, M_CURG, 0);
	push_at(R_SYSTEM, 1, RET_RT0);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_complete(MJ_ROOT_START, 2);
	poke(R_M0, M_CURG, CURG); /* a goroutine runs: start-up is over */
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_BAD_SP, 2);
}
END_TEST

/* Before the first walk: there is no room for one function more, so another one takes the name. */
static void
have_mstart(void)
{
	char *name = memmem(world.bytes, TINY_SIZE, names[SWITCH], strlen(names[SWITCH]) + 1);
	ck_assert_ptr_nonnull(name);
	strcpy(name, "runtime.mstart");
}
#define MSTART SWITCH

START_TEST(test_scheduler)
{
	have_mstart();
	push_at(R_SYSTEM, 1, RET(MSTART));
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_complete(MJ_ROOT_SCHEDULER, 2);
	/* A stack that C made: its top is said to be in mstart0's frame. */
	poke(R_G0, 8, SYSTEM + 0x808);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_complete(MJ_ROOT_SCHEDULER, 2);
}
END_TEST

/* ---- the stack's memory --------------------------------------------------------------------- */

START_TEST(test_truncated)
{
	/* At every length but the full one. */
	for (size_t len = 0; len < 0x800 + 4 * 8; len++) {
		destroy_world();
		make_world();
		world.regions[R_STACK].len = len;
		walk_main();
		check_why(MJ_WHY_STACK_UNREADABLE, len < 0x800 + 2 * 8 ? 1 : 2);
	}
	destroy_world();
	make_world();
	world.regions[R_STACK].len = 0x800 + 4 * 8;
	walk_main();
	check_complete(MJ_ROOT_GOROUTINE, 3);
}
END_TEST

START_TEST(test_bad_sp)
{
	static const uint64_t sps[] = { BOTTOM + 1, BOTTOM + 4, BOTTOM - 1, 0, 8, 4088 };
	for (size_t i = 0; i < MJ_ARRAY_LEN(sps); i++) {
		walk(RET(MAIN), sps[i]);
		ck_assert_int_eq(world.stack.status, MJ_WALK_INCOMPLETE);
		ck_assert_int_eq(world.stack.why, MJ_WHY_BAD_SP);
	}
	walk(RET(MAIN), UINT64_MAX - 7); /* the frame ends at address 0 */
	check_why(MJ_WHY_BAD_SP, 1);
	walk(RET(MAIN), UINT64_MAX - 15);
	check_why(MJ_WHY_STACK_UNREADABLE, 1);
}
END_TEST

/* The physical function of a frame. */
static const char *
outer(size_t i)
{
	const struct mj_pc *pc = world.stack.pcs[i];
	return pc->frames[pc->nframes - 1].function;
}

START_TEST(test_deep)
{
	make_deep(1000000);
	walk(RET(MAIN), STACK);
	const struct mj_stack *stack = &world.stack;
	check_complete(MJ_ROOT_GOROUTINE, MJ_FOLD_AFTER + 1 + MJ_FOLD_LAST);
	ck_assert_uint_eq(stack->depth, 1000001);
	/* The one frame of the middle that is not like the others, between them; and the end as it is. */
	ck_assert_str_eq(outer(MJ_FOLD_AFTER - 1), "main.main");
	ck_assert_str_eq(outer(MJ_FOLD_AFTER), "runtime.main");
	ck_assert_str_eq(outer(stack->npcs - 2), "main.main");
	ck_assert_str_eq(outer(stack->npcs - 1), "runtime.goexit");
	/* Read once, and not kept. */
	ck_assert_uint_le(world.reads, 1000000 * 16 / 65536 + 64);
	ck_assert_uint_le(stack->bytes_cap, 65536);
}
END_TEST

/* Short of the depth from which on frames are left out, and beyond it: all of them. */
START_TEST(test_deep_kept)
{
	make_deep(MJ_FOLD_AFTER + MJ_FOLD_LAST - 1);
	walk(RET(MAIN), STACK);
	check_complete(MJ_ROOT_GOROUTINE, MJ_FOLD_AFTER + MJ_FOLD_LAST);
	ck_assert_uint_eq(world.stack.depth, world.stack.npcs);
	for (size_t i = 0; i < world.stack.npcs - 1; i++)
		ck_assert_str_eq(outer(i), i == world.deep / 2 ? "runtime.main" : "main.main");
}
END_TEST

static bool
stop_at(void *ctx)
{
	unsigned *left = ctx;
	return (*left)-- == 0;
}

static void
walk_pieces(uint64_t sp, unsigned strides, struct mj_walk_rest **rest)
{
	struct mj_memory memory = { read_memory, NULL, &world };
	const struct mj_pace pace = { stop_at, &strides };
	ck_assert(open_world());
	mj_walk_paced(world.runtime, &memory, &world.hint, RET(MAIN), sp, &pace, rest,
	              &world.stack);
}

static void
check_aside(const struct mj_walk_rest *rest)
{
	check_why(MJ_WHY_ASIDE, 0);
	ck_assert_ptr_nonnull(rest);
	ck_assert_uint_le(mj_walk_rest_size(rest), 16384);
}

START_TEST(test_pieces)
{
	struct mj_walk_rest *rest = NULL;
	unsigned pieces = 0;
	make_deep(100000);
	do {
		walk_pieces(STACK, 3, &rest);
		world.reads = 0;
		pieces++;
		if (rest)
			check_aside(rest);
	} while (rest);
	ck_assert_uint_ge(pieces, 100000 / MJ_WALK_STRIDE / 4);
	check_complete(MJ_ROOT_GOROUTINE, MJ_FOLD_AFTER + 1 + MJ_FOLD_LAST);
	ck_assert_uint_eq(world.stack.depth, 100001);
	ck_assert_str_eq(outer(MJ_FOLD_AFTER), "runtime.main");
}
END_TEST

/* Other walks with the same stack, while one is put aside; and one that has been waited for long enough. */
START_TEST(test_pieces_aside)
{
	struct mj_walk_rest *rest = NULL;
	make_deep(100000);
	walk_pieces(STACK, 20, &rest);
	check_aside(rest);
	walk(RET(MAIN), deep_top() - 64);
	check_complete(MJ_ROOT_GOROUTINE, 5);
	walk_pieces(STACK, 0, &rest);
	check_aside(rest);
	mj_walk_give_up(&rest, MJ_WHY_TOO_LONG, &world.stack);
	ck_assert_ptr_null(rest);
	check_why(MJ_WHY_TOO_LONG, MJ_FOLD_AFTER + MJ_FOLD_LAST);
	/* Two addresses were new. */
	ck_assert_uint_eq(world.stack.depth, 22 * MJ_WALK_STRIDE - 2 * 16);
	mj_walk_give_up(&rest, MJ_WHY_TOO_LONG, &world.stack);
	check_why(MJ_WHY_TOO_LONG, 0);
	walk(RET(MAIN), deep_top() - 64);
	check_complete(MJ_ROOT_GOROUTINE, 5);
}
END_TEST

/* What was put aside is of no use to a walk that begins elsewhere. */
START_TEST(test_pieces_of_another)
{
	struct mj_walk_rest *rest = NULL;
	make_deep(100000);
	walk_pieces(STACK, 20, &rest);
	check_aside(rest);
	walk_pieces(deep_top() - 64, 1, &rest);
	check_complete(MJ_ROOT_GOROUTINE, 5);
	ck_assert_ptr_null(rest);
}
END_TEST

/* A stack that changes while its walk is put aside: it is still walked as what it is. */
START_TEST(test_pieces_changed)
{
	struct mj_walk_rest *rest = NULL;
	make_deep(100000);
	walk_pieces(STACK, 20, &rest);
	check_aside(rest);
	put_g(R_CURG, STACK,
	      deep_top() + 4096); /* goexit is not where the goroutine's stack begins */
	walk_pieces(STACK, 1000, &rest);
	check_why(MJ_WHY_BAD_SP, MJ_FOLD_AFTER + 1 + MJ_FOLD_LAST);
	world.deep = 50000;
	walk_pieces(STACK, 20, &rest);
	world.deep = 0;
	walk_pieces(STACK, 20, &rest);
	ck_assert_int_eq(world.stack.status, MJ_WALK_INCOMPLETE);
	ck_assert_int_eq(world.stack.why, MJ_WHY_STACK_UNREADABLE);
}
END_TEST

START_TEST(test_enormous_frame)
{
	/* 48 MiB and a word, until the stack is larger than any can be. */
	static const char table[] = "\x92\x80\x80\x30\x20"; /* 9 + 48 Mi, since it starts at -1 */
	put_pcsp_table(table, sizeof(table));
	world.endless = true;
	walk(RET(MAIN), BOTTOM);
	check_why(MJ_WHY_TOO_DEEP, 342);
}
END_TEST

/* ---- frame pointers ------------------------------------------------------------------------- */

/* main.main, called by itself, saves its frame pointer: PUSHQ BP; MOVQ SP, BP. */
static void
put_frame_pointers(uint64_t saved)
{
	put_pcsp_table("\x02\x01\x10\x1f", 5); /* 0 for a byte, then 8 */
	memcpy(world.bytes + TINY_TEXT + MAIN * 0x20, "\x55\x48\x89\xe5", 4);
	push_at(R_STACK, 0, saved);
}

START_TEST(test_frame_pointer)
{
	static const uint64_t wrong[] = { 0, 1, BOTTOM, BOTTOM + 8, BOTTOM + 24, SYSTEM };
	put_frame_pointers(BOTTOM + 16);
	walk_main();
	check_complete(MJ_ROOT_GOROUTINE, 3);
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++) {
		push_at(R_STACK, 0, wrong[i]);
		walk_main();
		check_why(MJ_WHY_FRAME_POINTER, 2);
	}
}
END_TEST

/* The function saves something else, or nothing. */
START_TEST(test_no_frame_pointer)
{
	for (unsigned i = 0; i < 4; i++) {
		destroy_world();
		make_world();
		put_frame_pointers(1);
		world.bytes[TINY_TEXT + MAIN * 0x20 + i] ^= 0x10;
		walk_main();
		check_complete(MJ_ROOT_GOROUTINE, 3);
	}
}
END_TEST

START_TEST(test_old_frame_pointer)
{
	put_frame_pointers(1);
	memcpy(world.bytes + TINY_BUILDINFO + 33, "go1.22.9", 8);
	walk_main();
	check_complete(MJ_ROOT_GOROUTINE, 3);
}
END_TEST

/* Two stacks, two chains. */
START_TEST(test_frame_pointer_switch)
{
	put_frame_pointers(BOTTOM + 16);
	put_switch(BOTTOM);
	push_at(R_SYSTEM, 0, 1);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_complete(MJ_ROOT_GOROUTINE, 5);
}
END_TEST

/* ---- C frames ------------------------------------------------------------------------------- */

/* The test itself is the process: its libraries, and a stack of its own of which no frame is Go's. */
static struct mj_mapping own_maps[512];
static char own_text[1 << 18];
static size_t nown_maps;
static struct mj_c_frame c_frames[MJ_MAX_C_FRAMES];
static size_t nc_frames;
static int damage; /* of every so many bytes that are read, one is changed; 0: none */

static void
read_own_maps(void)
{
	MJ_AUTO_FD int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char *rest = own_text, *line;
	size_t len = 0;
	for (ssize_t n; (n = read(fd, own_text + len, sizeof(own_text) - 1 - len)) > 0;)
		len += (size_t)n;
	own_text[len] = '\0';
	nown_maps = 0;
	while (nown_maps < 512 && (line = strsep(&rest, "\n")) && *line) {
		struct mj_mapping *map = &own_maps[nown_maps++];
		char perms[5];
		unsigned major, minor;
		int path = 0;
		ck_assert_int_eq(sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &map->start,
		                        &map->end, perms, &map->offset, &major, &minor, &map->ino,
		                        &path),
		                 7);
		map->dev = major;
		map->exec = perms[2] == 'x';
		map->path = path ? line + path : "";
	}
}

static ssize_t
read_self(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	for (ssize_t i = 0; damage && i < n; i++)
		if (rand() % damage == 0)
			((uint8_t *)buf)[i] = (uint8_t)rand();
	return n;
}

/* Called by qsort, whose frame has registers that the C library's tables must account for. */
static int
walk_c(const void *a, const void *b)
{
	(void)a;
	(void)b;
	uint64_t pc, sp;
	struct mj_memory memory = { read_self, NULL, NULL };
	/* Here a frame may hang on RBP, which nobody knows: as in qsort itself, where this returns to. */
	pc = (uint64_t)(uintptr_t)__builtin_return_address(0);
	sp = (uint64_t)(uintptr_t)__builtin_dwarf_cfa();
	nc_frames = mj_c_frames(world.runtime, &memory, own_maps, nown_maps, pc, sp, c_frames,
	                        MJ_MAX_C_FRAMES);
	return 0;
}

START_TEST(test_c_frames)
{
	int two[2] = { 2, 1 };
	walk_main(); /* makes the image */
	read_own_maps();
	damage = 0;
	qsort(two, 2, sizeof(two[0]), walk_c);
	ck_assert_uint_ge(nc_frames, 2);
	bool named = false;
	for (size_t i = 0; i < nc_frames; i++)
		named |= !strncmp(c_frames[i].text, "qsort", 5);
	ck_assert_msg(named, "%s, %s", c_frames[0].text, c_frames[1].text);
	ck_assert_ptr_nonnull(strstr(c_frames[0].text, " in lib"));
}
END_TEST

/* Whatever the tables say, it ends, and within bounds (sanitizers see to that). */
START_TEST(test_c_frames_damaged)
{
	int two[2] = { 2, 1 };
	walk_main();
	read_own_maps();
	srand(1);
	for (int i = 0; i < 300; i++) {
		damage = 8 << i % 8;
		qsort(two, 2, sizeof(two[0]), walk_c);
		ck_assert_uint_le(nc_frames, MJ_MAX_C_FRAMES);
	}
}
END_TEST

/* ---- code addresses ------------------------------------------------------------------------- */

START_TEST(test_not_a_call)
{
	for (uint64_t off = 1; off <= 0x20; off++) {
		if (off == 0x10)
			continue;
		push_at(R_STACK, 1, FUNC(MAIN) + off);
		walk_main();
		check_why(MJ_WHY_NOT_A_CALL, 1);
		ck_assert_uint_eq(world.stack.why_pc, FUNC(MAIN) + off);
	}
}
END_TEST

START_TEST(test_return_outside_text)
{
	static const uint64_t pcs[] = {
		0, 1, 0x1234, TEXT, TEXT - 1, FUNC(NFUNC) + 1, CURG, UINT64_MAX, UINT64_C(1) << 63,
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(pcs); i++) {
		push_at(R_STACK, 1, pcs[i]);
		walk_main();
		check_why(MJ_WHY_NOT_GO_TEXT, 1);
		ck_assert_uint_eq(world.stack.why_pc, pcs[i]);
	}
}
END_TEST

/* C code on a goroutine's own stack: nothing that Go does. */
START_TEST(test_foreign_code)
{
	walk(0x1234, BOTTOM);
	check_why(MJ_WHY_NOT_GO_TEXT, 1);
	/* On no stack that the runtime knows: a thread of C's own. */
	walk(0x1234, UINT64_C(0x7ffe00000000));
	check_complete(MJ_ROOT_C, 1);
	poke(R_M0, 0, 0x404000); /* the list of threads leads nowhere */
	world.hint.m = 0;
	walk(0x1234, BOTTOM);
	check_why(MJ_WHY_NO_THREADS, 1);
}
END_TEST

/* C code on an m's system stack was called by its goroutine, unless that has never run. */
START_TEST(test_foreign_code_on_system_stack)
{
	uint64_t sp = SYSTEM + 0x100;
	poke(R_CURG, 64, FUNC(GOEXIT) + 1);
	walk(0x1234, sp);
	check_complete(MJ_ROOT_C, 1);
	poke(R_CURG, 64, RET(MAIN));
	walk(0x1234, sp);
	check_why(MJ_WHY_NO_GOROUTINE, 1);
	poke(R_CURG, 64, 0x1234);
	walk(0x1234, sp);
	check_why(MJ_WHY_NO_GOROUTINE, 1);
}
END_TEST

/* ---- tables --------------------------------------------------------------------------------- */

START_TEST(test_bad_pcsp)
{
	static const struct {
		const char *table;
		size_t len;
	} tables[] = {
		{ "\x14\x20", 3 }, /* 9: not a multiple of the word size */
		{ "\x03\x20", 3 }, /* -3 */
		{ "\x0f\x20", 3 }, /* -9 */
		{ "\x12\x08", 3 }, /* ends before the address */
		{ "\x00", 1 },     /* empty */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x20", 12 }, /* overlong */
		{ "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x20", 12 },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(tables); i++) {
		destroy_world();
		make_world();
		put_pcsp_table(tables[i].table, tables[i].len);
		walk_main();
		check_why(MJ_WHY_BAD_PCSP, 1);
	}
}
END_TEST

START_TEST(test_pcsp_outside)
{
	static const uint32_t offsets[] = { 0x40, 0x41, 0x1000, INT32_MAX, UINT32_MAX };
	for (size_t i = 0; i < MJ_ARRAY_LEN(offsets); i++) {
		destroy_world();
		make_world();
		put_pcsp(MAIN, offsets[i]);
		walk_main();
		check_why(MJ_WHY_BAD_PCSP, 1);
	}
}
END_TEST

START_TEST(test_sp_write)
{
	put_flag(MAIN, MJ_FUNC_SPWRITE);
	walk_main();
	check_why(MJ_WHY_SPWRITE, 1);
}
END_TEST

START_TEST(test_unknown_root)
{
	put_flag(MAIN, MJ_FUNC_TOPFRAME);
	walk_main();
	check_why(MJ_WHY_NOT_GO_TEXT, 1);
}
END_TEST

/* ---- roots that are forged ------------------------------------------------------------------ */

START_TEST(test_goexit_elsewhere)
{
	poke(R_CURG, 8, STACK + 0x1000); /* not at the top of its stack */
	walk_main();
	check_why(MJ_WHY_BAD_SP, 3);
	poke(R_CURG, 8, STACK + 0x800); /* above it */
	walk_main();
	check_why(MJ_WHY_BAD_SP, 3);
	poke(R_CURG, 8, STACK + 0x840);
	poke(R_CURG, 48, M0 + 8); /* of a goroutine that another thread runs */
	walk_main();
	check_why(MJ_WHY_BAD_SP, 3);
}
END_TEST

START_TEST(test_goexit_on_system_stack)
{
	push_at(R_SYSTEM, 1, FUNC(GOEXIT) + 1);
	poke(R_G0, 8, SYSTEM + 0x820);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_BAD_SP, 2);
}
END_TEST

START_TEST(test_scheduler_elsewhere)
{
	have_mstart();
	push_at(R_STACK, 1, RET(MSTART)); /* on a goroutine's stack */
	walk_main();
	check_why(MJ_WHY_BAD_SP, 2);
	for (unsigned word = 1; word < 79; word += 2)
		push_at(R_SYSTEM, word, RET(MAIN));
	push_at(R_SYSTEM, 79, RET(MSTART)); /* far above the top */
	poke(R_G0, 8, SYSTEM + 0x808);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_BAD_SP, 41);
	poke(R_G0, 8, SYSTEM + 0x7f8); /* on a stack of nobody's */
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_NO_GOROUTINE, 41);
}
END_TEST

START_TEST(test_start_elsewhere)
{
	poke(R_M0, M_CURG, 0);
	push_at(R_STACK, 1, RET_RT0);
	walk_main();
	check_why(MJ_WHY_BAD_SP, 2);
}
END_TEST

/* ---- threads that cannot be found ----------------------------------------------------------- */

START_TEST(test_no_runtime)
{
	for (unsigned i = R_BSS; i <= R_G0; i++) {
		destroy_world();
		make_world();
		world.regions[i].len = 0;
		walk_main();
		check_why(MJ_WHY_NO_THREADS, 3);
	}
}
END_TEST

START_TEST(test_endless_thread_list)
{
	for (unsigned link = 320; link <= 360; link += 8)
		poke(R_M0, link, M0); /* the last thread's link is itself */
	walk_main();
	check_why(MJ_WHY_NO_THREADS, 3);
}
END_TEST

/* A second m, which lies in .bss as the first one's list does, and whose link to the next is at an offset. */
#define M1 0x401400
#define M1_G0 0x401800

static void
put_m(uint64_t m, uint64_t g0, uint64_t curg, uint64_t procid, uint32_t link)
{
	poke(R_BSS, m - 0x401000, g0);
	poke(R_BSS, m - 0x401000 + M_CURG, curg);
	poke(R_BSS, m - 0x401000 + M_CURG - 120, procid);
	poke(R_BSS, m - 0x401000 + link, M0);
	poke(R_BSS, g0 - 0x401000 + 48, m);
}

/* Wherever the field has been, the thread's m is found behind it. */
START_TEST(test_thread_list_by_any_link)
{
	put_m(M1, M1_G0, 0, 8, 304);
	poke(R_BSS, ALLM - 0x401000, M1);
	walk_main();
	check_why(MJ_WHY_NO_THREADS, 3);
	for (uint32_t link = 320; link <= 360; link += 8) {
		destroy_world();
		make_world();
		put_m(M1, M1_G0, 0, 8, link);
		poke(R_BSS, ALLM - 0x401000, M1);
		walk_main();
		ck_assert_int_eq(world.stack.status, MJ_WALK_COMPLETE);
		ck_assert_uint_eq(world.hint.m, M0);
	}
}
END_TEST

/* Two m's on two lists have the same stack: nothing tells which one is made up, unless one is the thread's. */
START_TEST(test_thread_lists_that_differ)
{
	const uint64_t g = 0x401c00;
	put_m(M1, M1_G0, g, 0, 344);
	poke(R_BSS, g - 0x401000, STACK);
	poke(R_BSS, g - 0x401000 + 8, STACK + STACK_SIZE);
	poke(R_BSS, g - 0x401000 + 48, M1);
	poke(R_BSS, ALLM + 8 - 0x401000, M1);
	walk_main();
	check_why(MJ_WHY_UNSURE, 3);
	poke(R_M0, M_CURG - 120, 7);
	world.hint = (struct mj_thread_hint){ .tid = 7 };
	walk_main();
	ck_assert_int_eq(world.stack.status, MJ_WALK_COMPLETE);
	ck_assert_uint_eq(world.hint.m, M0);
}
END_TEST

START_TEST(test_switch_without_goroutine)
{
	put_switch(BOTTOM);
	poke(R_M0, M_CURG, 0);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_NO_GOROUTINE, 2);
	poke(R_M0, M_CURG, CURG);
	poke(R_CURG, 64, RET(MAIN)); /* it did not leave its stack in systemstack_switch */
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_NO_GOROUTINE, 2);
	walk(RET(SYSTEMSTACK), BOTTOM); /* systemstack, on the goroutine's stack */
	check_why(MJ_WHY_NO_GOROUTINE, 1);
}
END_TEST

START_TEST(test_switch_to_bad_sp)
{
	put_switch(BOTTOM + 1);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_BAD_SP, 2);
}
END_TEST

/* The goroutine's stack is said to be the system stack, where systemstack comes again. */
START_TEST(test_switch_loop)
{
	put_switch(SYSTEM_BOTTOM);
	walk(RET(MAIN), SYSTEM_BOTTOM);
	check_why(MJ_WHY_LOOP, world.stack.npcs);
	ck_assert_uint_lt(world.stack.npcs, 1000);
}
END_TEST

/* ---- whatever else -------------------------------------------------------------------------- */

/* Values that lead somewhere, mostly. */
static uint64_t
random_value(void)
{
	static const uint64_t bases[] = { TEXT, ALLM, M0, G0, CURG, STACK, SYSTEM, UINT64_MAX, 0 };
	uint64_t value = bases[(size_t)random() % MJ_ARRAY_LEN(bases)];
	return random() % 4 ? value + (uint64_t)random() % 0x840 / 8 * 8
	                    : value + (uint64_t)random();
}

START_TEST(test_random)
{
	srandom((unsigned)_i + 1);
	for (unsigned round = 0; round < 3000; round++) {
		destroy_world();
		make_world();
		for (unsigned i = 0; i < 0x80; i += 1 + (unsigned)random() % 3) {
			push_at(R_STACK, i, random() % 2 ? RET(random() % NFUNC) : random_value());
			push_at(R_SYSTEM, i, random() % 2 ? RET(random() % NFUNC) : random_value());
		}
		static const unsigned fields[] = { 0, 8, 48, 56, 64, M_CURG, M_ALLLINK };
		for (long n = random() % 3; n > 0; n--)
			poke((unsigned)(random() % R_STACK),
			     fields[(size_t)random() % MJ_ARRAY_LEN(fields)], random_value());
		put_switch(random() % 2 ? BOTTOM : random_value());
		walk(RET(random() % NFUNC), random() % 2 ? BOTTOM : SYSTEM_BOTTOM);
		const struct mj_stack *stack = &world.stack;
		ck_assert((stack->status == MJ_WALK_COMPLETE) == (stack->root != MJ_ROOT_NONE));
		ck_assert((stack->status == MJ_WALK_COMPLETE) == (stack->why == MJ_WHY_NONE));
		ck_assert_uint_le(stack->npcs, 2 * STACK_SIZE / 8 * 64);
	}
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

int
main(void)
{
	const TTest *const tests[] = {
		test_goroutine,
		test_main_goroutine,
		test_system_stack,
		test_start,
		test_scheduler,
		test_truncated,
		test_bad_sp,
		test_deep,
		test_deep_kept,
		test_pieces,
		test_pieces_aside,
		test_pieces_of_another,
		test_pieces_changed,
		test_enormous_frame,
		test_frame_pointer,
		test_no_frame_pointer,
		test_old_frame_pointer,
		test_frame_pointer_switch,
		test_c_frames,
		test_c_frames_damaged,
		test_not_a_call,
		test_return_outside_text,
		test_foreign_code,
		test_foreign_code_on_system_stack,
		test_bad_pcsp,
		test_pcsp_outside,
		test_sp_write,
		test_unknown_root,
		test_goexit_elsewhere,
		test_goexit_on_system_stack,
		test_start_elsewhere,
		test_scheduler_elsewhere,
		test_no_runtime,
		test_endless_thread_list,
		test_thread_list_by_any_link,
		test_thread_lists_that_differ,
		test_switch_without_goroutine,
		test_switch_to_bad_sp,
		test_switch_loop,
	};
	Suite *suite = suite_create("walk");
	TCase *walks = tcase_create("walks");
	tcase_set_timeout(walks, 30); /* a walk that hangs */
	tcase_add_checked_fixture(walks, make_world, destroy_world);
	for (size_t i = 0; i < MJ_ARRAY_LEN(tests); i++)
		tcase_add_test(walks, tests[i]);
	tcase_add_loop_test(walks, test_random, 0, 4);
	suite_add_tcase(suite, walks);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
