/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test_walk.c, test_predict.c and fuzz_memory.c: a program and a process that are made by hand. A goroutine's stack, a
 * thread's system stack, the runtime's m and g's, all of them in memory that a test can change.
 *
 * Functions are 0x20 bytes long; at 0x10 each has the end of a call. Every frame holds one word below its
 * return address (pcsp is 8 everywhere).
 */
#ifndef MJ_TESTS_WALK_WORLD_H
#define MJ_TESTS_WALK_WORLD_H

#include "symbolizer/runtime.h"
#include "tests/unit/tiny_go.h"

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RT_MAIN, GOEXIT, MAIN, RT0_GO, SYSTEMSTACK, SWITCH, NFUNC };
static const char *const names[NFUNC + 1] = { "runtime.main",        "runtime.goexit",
	                                      "main.main",           "runtime.rt0_go",
	                                      "runtime.systemstack", "runtime.systemstack_switch",
	                                      "example.com/dep.F" };

/* Link addresses; the program is not a PIE. */
#define TEXT (0x400000 + TINY_TEXT)
#define FUNC(i) (TEXT + (uint64_t)(i)*0x20)
#define RET(i) (FUNC(i) + 0x10)       /* behind the call in function i */
#define RET_RT0 (FUNC(RT0_GO) + 0x1f) /* rt0_go has other code there */
#define ALLM 0x401010                 /* in .bss, which begins at 0x401000 */
#define M0 0x402000
#define G0 0x403000
#define CURG UINT64_C(0xc000001000)
#define STACK UINT64_C(0xc000010000) /* of the goroutine */
#define STACK_SIZE 0x1000
#define SYSTEM UINT64_C(0x7fff00001000) /* the system stack of the thread */
#define M_CURG 0xb8
#define M_ALLLINK 352

struct region {
	uint64_t base;
	size_t len;
	uint64_t words[STACK_SIZE / 8];
};

enum { R_BSS, R_M0, R_G0, R_CURG, R_STACK, R_SYSTEM, NREGIONS };

struct world {
	uint8_t bytes[TINY_SIZE];
	struct region regions[NREGIONS];
	bool endless; /* the stack goes on for ever */
	size_t deep;  /* not 0: so many frames, and then goexit; see make_deep */
	unsigned reads;
	struct mj_image *image;
	struct mj_runtime *runtime;
	struct mj_thread_hint hint;
	struct mj_stack stack;
};

static struct world world;

/* ---- memory --------------------------------------------------------------------------------- */

/* Frames of main.main without an end. */
static ssize_t
read_endless(uint64_t addr, void *buf, size_t len)
{
	uint64_t *words = buf;
	for (size_t i = 0; i < len / 8; i++)
		words[i] = (addr / 8 + i) % 2 ? RET(MAIN) : 0;
	return (ssize_t)len;
}

/* As many frames as world.deep, of main.main but for one of runtime.main's right in the middle. */
static uint64_t
deep_top(void)
{
	return STACK + world.deep * 16;
}

static ssize_t
read_deep(uint64_t addr, void *buf, size_t len)
{
	uint64_t *words = buf;
	len = len < deep_top() - addr ? len : deep_top() - addr;
	for (size_t i = 0; i < len / 8; i++) {
		uint64_t at = addr + i * 8, frame = (at - STACK) / 16 + 1;
		uint64_t pc = frame == world.deep       ? FUNC(GOEXIT) + 1
		              : frame == world.deep / 2 ? RET(RT_MAIN)
		                                        : RET(MAIN);
		words[i] = at % 16 ? pc : 0;
	}
	return (ssize_t)len;
}

static ssize_t
read_memory(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct world *w = ctx;
	w->reads++;
	if (w->deep && addr >= STACK && addr < deep_top())
		return read_deep(addr, buf, len);
	if (w->endless && addr >= STACK)
		return read_endless(addr, buf, len);
	for (size_t i = 0; i < NREGIONS; i++) {
		const struct region *r = &w->regions[i];
		if (addr < r->base || addr >= r->base + r->len)
			continue;
		size_t n = r->base + r->len - addr;
		n = n < len ? n : len;
		memcpy(buf, (const uint8_t *)r->words + (addr - r->base), n);
		return (ssize_t)n;
	}
	return -1;
}

static void
poke(unsigned region, uint64_t offset, uint64_t value)
{
	world.regions[region].words[offset / 8] = value;
}

/* Puts a word so many words above the bottom of the stack that is in use. */
#define BOTTOM (STACK + 0x800)
#define SYSTEM_BOTTOM (SYSTEM + 0x800)

static void
push_at(unsigned region, unsigned word, uint64_t value)
{
	poke(region, 0x800 + word * 8, value);
}

/* ---- the program ---------------------------------------------------------------------------- */

static void
put_code(void)
{
	uint8_t *text = world.bytes + TINY_TEXT;
	static const uint8_t stores[] = { 0x48, 0x89, 0x08, 0x48, 0x89, 0x41, 0x30 };
	static const uint8_t compare[] = { 0x48, 0x3b, 0x83, M_CURG, 0, 0, 0 };
	for (unsigned i = 0; i < NFUNC; i++)
		memcpy(text + i * 0x20 + 0x0b, "\xe8\0\0\0\0", 5);
	/* lea rcx,[rip+...] with g0; lea rax,[rip+...] with m0; mov [rax],rcx; mov [rcx+48],rax */
	uint8_t *rt0 = text + RT0_GO * 0x20;
	int32_t g0 = (int32_t)(G0 - (FUNC(RT0_GO) + 7)), m0 = (int32_t)(M0 - (FUNC(RT0_GO) + 14));
	memcpy(rt0, "\x48\x8d\x0d", 3);
	memcpy(rt0 + 3, &g0, 4);
	memcpy(rt0 + 7, "\x48\x8d\x05", 3);
	memcpy(rt0 + 10, &m0, 4);
	memcpy(rt0 + 14, stores, sizeof(stores));
	memcpy(rt0 + 0x1a, "\xe8\0\0\0\0", 5);
	memcpy(text + SYSTEMSTACK * 0x20, compare, sizeof(compare));
}

/* In the record of a function (struct _func). */
static void
put_pcsp(unsigned function, uint32_t offset)
{
	memcpy(world.bytes + tiny_record(MJ_PCLN_120, function) + 4 + 12, &offset, sizeof(offset));
}

static __attribute__((unused)) void
put_flag(unsigned function, uint8_t flag)
{
	world.bytes[tiny_record(MJ_PCLN_120, function) + 4 + 36 + 1] = flag;
}

/* A frame size of its own for main.main, in the free space behind the other pc-value tables. */
static __attribute__((unused)) void
put_pcsp_table(const char *table, size_t len)
{
	memcpy(world.bytes + TINY_PCLNTAB + 0x1b0 + 32, table, len);
	put_pcsp(MAIN, 32);
}

/* ---- the process ---------------------------------------------------------------------------- */

static void
put_g(unsigned region, uint64_t lo, uint64_t hi)
{
	poke(region, 0, lo);
	poke(region, 8, hi);
	poke(region, 48, M0);
}

/* One thread, whose goroutine is main.main called by main.main; no call is going on yet. */
static void
make_world(void)
{
	static const uint64_t bases[] = { 0x401000, M0, G0, CURG, STACK, SYSTEM };
	memset(&world, 0, sizeof(world));
	for (size_t i = 0; i < NREGIONS; i++)
		world.regions[i] = (struct region){ .base = bases[i], .len = STACK_SIZE };
	tiny_go_of(world.bytes, MJ_PCLN_120, false, names, NFUNC);
	put_code();
	poke(R_BSS, ALLM - 0x401000, M0);
	poke(R_M0, 0, G0);
	poke(R_M0, M_CURG, CURG);
	put_g(R_G0, SYSTEM, SYSTEM + STACK_SIZE);
	put_g(R_CURG, STACK, STACK + 0x840);
	push_at(R_STACK, 1, RET(MAIN));
	push_at(R_STACK, 3, FUNC(GOEXIT) + 1);
	mj_stack_init(&world.stack);
}

/* A goroutine with so many return addresses on its stack, which begins at STACK. */
static __attribute__((unused)) void
make_deep(size_t frames)
{
	make_world();
	world.deep = frames;
	put_g(R_CURG, STACK, deep_top() + 32);
}

static __attribute__((unused)) void
destroy_world(void)
{
	mj_stack_finish(&world.stack);
	mj_runtime_destroy(world.runtime);
	mj_image_destroy(world.image);
}

/* Makes the image and the runtime, if they are not made yet. */
static bool
open_world(void)
{
	if (world.image)
		return true;
	MJ_AUTO_FD int fd = memfd_create("tiny", MFD_CLOEXEC);
	return pwrite(fd, world.bytes, TINY_SIZE, 0) == TINY_SIZE &&
	       mj_image_open(fd, "tiny", NULL, 0, &world.image, NULL) == 0 &&
	       mj_image_kind(world.image) == MJ_IMAGE_GO &&
	       mj_runtime_create(world.image, 0, 0, &world.runtime, NULL) == 0;
}

static __attribute__((unused)) void
walk(uint64_t pc, uint64_t sp)
{
	struct mj_memory memory = { read_memory, NULL, &world };
	ck_assert(open_world());
	mj_walk(world.runtime, &memory, &world.hint, pc, sp, &world.stack);
}

static __attribute__((unused)) void
check_complete(enum mj_root root, size_t npcs)
{
	const struct mj_stack *stack = &world.stack;
	ck_assert_msg(stack->status == MJ_WALK_COMPLETE, "%s at %#lx", mj_walk_why_text(stack->why),
	              (unsigned long)stack->why_pc);
	ck_assert_str_eq(mj_root_name(stack->root), mj_root_name(root));
	ck_assert_uint_eq(stack->npcs, npcs);
}

static __attribute__((unused)) void
check_why(enum mj_walk_why why, size_t npcs)
{
	const struct mj_stack *stack = &world.stack;
	ck_assert_int_eq(stack->status, MJ_WALK_INCOMPLETE);
	ck_assert_str_eq(mj_walk_why_text(stack->why), mj_walk_why_text(why));
	ck_assert_uint_eq(stack->npcs, npcs);
	ck_assert_int_eq(stack->root, MJ_ROOT_NONE);
	ck_assert_uint_lt(world.reads, 1000);
}

/* The usual place to start: main.main at its call. */
static __attribute__((unused)) void
walk_main(void)
{
	walk(RET(MAIN), BOTTOM);
}

/* On the system stack: main.main called by systemstack, for the goroutine that stopped in
 * systemstack_switch. */
static __attribute__((unused)) void
put_switch(uint64_t sched_sp)
{
	push_at(R_SYSTEM, 1, RET(SYSTEMSTACK));
	poke(R_CURG, 56, sched_sp);
	poke(R_CURG, 64, FUNC(SWITCH) + 8);
}

#endif
