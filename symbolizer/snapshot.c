/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack pointer of a thread that waits in a system call, from the runtime's own record.
 *
 * syscall.Syscall calls runtime.entersyscall, which stores the SP and the PC of its caller in g.syscallsp and
 * g.syscallpc; runtime.exitsyscall sets the first to 0 (runtime/proc.go, reentersyscall, exitsyscall; Go 1.16 to 1.27).
 * While it is set, the goroutine's stack from there outwards does not move (runtime/stack.go,
 * isShrinkStackSafe). Between that frame and the SYSCALL instruction lie a few frames of fixed size, the same ones for
 * the same pair of addresses: their size is learned from a walk whose SP the kernel told.
 *
 * A predicted SP is believed only if
 * - the m that the thread had last is still its own (m.procid) and runs the same goroutine (m.curg, g.m; or see below),
 * - g.syscallsp is set and lies on that goroutine's stack,
 * - and the walk from there goes through that very frame, in the function that g.syscallpc lies in.
 * So whoever called that function is on the stack that is walked, wherever SP really is. A call that the runtime makes
 * on a system stack meanwhile is charged to the goroutine that it works for, as it is by a walk from its own SP.
 *
 * A thread that was met twice in the same goroutine is likely to be met there again, and then its m is not read: g.m says
 * the same as m.curg. The runtime sets both when an m begins to run a goroutine, and clears both when it ceases
 * (runtime/proc.go: execute, dropg, gdestroy, coroswitch_m; Go 1.16 to 1.27). An m changes threads only if it is one of those that wait
 * for calls from C (needm, dropm), and these run no goroutine but their own, below runtime.cgocallback (they are locked
 * to it: cgocallbackg). All other m's end with their thread; that this one lives is the caller's to know.
 */
#include "symbolizer/snapshot.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BELOW 128 /* read below the last SP, for calls from a frame deeper */
#define ABOVE 128 /* and above what the last walk used */
#define MOST 4096 /* in all; deeper stacks are read on demand */

/* Until it was seen in the live process (gfields.c), what releases have: it follows g.sched, a gobuf at 56 of seven words, of six
 * from 1.25 on, where "ret" is gone (runtime/runtime2.go). */
static uint32_t
syscallsp_of_release(unsigned minor)
{
	return minor && minor < 125 ? 112 : 104;
}

bool
mj_snapshot_syscallsp(const struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
                      uint64_t *ret)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint32_t at = layout->g_syscallsp ? layout->g_syscallsp
	                                  : syscallsp_of_release(mj_image_go_minor(runtime->image));
	return !layout->guessed && mj_read_u64(memory, g + at, ret);
}

static size_t
end_of(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t last = a > b ? a : b;
	return (size_t)(last > c ? last : c) + 8;
}

static bool
holds(uint64_t start, size_t len, uint64_t addr, size_t want)
{
	return len && addr >= start && addr - start <= len && want <= len - (addr - start);
}

/* All but the words, which nobody reads unless the lengths say that they are there. */
static void
clear(struct mj_snapshot *snap)
{
	memset(snap, 0, offsetof(struct mj_snapshot, m_words));
}

/* ---- taking one ----------------------------------------------------------------------------- */

static bool
make_room(struct mj_stack *stack)
{
	if (stack->bytes_cap >= MOST)
		return true;
	uint8_t *bytes = realloc(stack->bytes, MOST);
	if (!bytes)
		return false;
	stack->bytes = bytes;
	stack->bytes_cap = MOST;
	return true;
}

/* All or nothing: words of half a structure are of no use. */
static size_t
length_of(const struct mj_part *part)
{
	return part->got == part->len ? part->len : 0;
}

static void
take(struct mj_runtime *runtime, const struct mj_memory *memory, const struct mj_thread_hint *hint,
     uint64_t sp, struct mj_stack *stack)
{
	struct mj_snapshot *snap = &stack->snapshot;
	const struct mj_offsets *at = &mj_image_runtime_layout(runtime->image)->at;
	struct mj_part parts[3];
	size_t n = 0, want = hint->used + BELOW + ABOVE;
	clear(snap);
	snap->m = hint->m;
	snap->g = hint->g;
	snap->steady = hint->steady && hint->g;
	if (!snap->steady)
		parts[n++] =
			(struct mj_part){ snap->m, snap->m_words,
			                  end_of(at->m_curg, at->m_alllink, at->m_gsignal), 0 };
	if (snap->g)
		parts[n++] = (struct mj_part){ snap->g, snap->g_words,
			                       end_of(at->g_gopc, at->g_ancestors, at->g_goid), 0 };
	if (sp > 2 * BELOW && sp % 8 == 0 && make_room(stack)) {
		snap->base = sp - BELOW;
		parts[n++] = (struct mj_part){ snap->base, stack->bytes,
			                       (want < MOST ? want : MOST) & ~(size_t)7, 0 };
	}
	if (!memory->read_parts(memory->ctx, parts, n))
		return;
	snap->taken = true;
	const struct mj_part *part = parts;
	if (!snap->steady)
		snap->m_len = length_of(part++);
	if (snap->g)
		snap->g_len = length_of(part++);
	if (snap->base)
		snap->have = part->got & ~(size_t)7;
}

/* Whether the words of m and g say that the thread's m runs g. */
static bool
runs_goroutine(const struct mj_offsets *at, const struct mj_thread_hint *hint,
               const struct mj_snapshot *snap)
{
	if (!hint->tid || !snap->g_len || snap->g_words[at->g_m / 8] != snap->m)
		return false;
	return snap->steady || (snap->m_len && snap->m_words[at->m_curg / 8] == snap->g &&
	                        snap->m_words[at->m_procid / 8] == hint->tid);
}

/* What the runtime says of the system call that the goroutine is in: 0 if it says nothing. */
static void
set_mark(struct mj_runtime *runtime, const struct mj_thread_hint *hint, struct mj_snapshot *snap)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	const struct mj_offsets *at = &layout->at;
	if (layout->guessed || !runs_goroutine(at, hint, snap))
		return;
	uint32_t record = mj_gfields_syscallsp(runtime, snap->g_words, snap->g_len);
	if (!record || record + 16 > snap->g_len)
		return;
	uint64_t sp = snap->g_words[record / 8];
	if (sp % 8 || sp <= snap->g_words[at->g_stack_lo / 8] ||
	    sp >= snap->g_words[at->g_stack_hi / 8])
		return;
	snap->mark_sp = sp;
	snap->mark_pc = snap->g_words[record / 8 + 1];
}

void
mj_snapshot_prepare(struct mj_runtime *runtime, const struct mj_memory *memory,
                    const struct mj_thread_hint *hint, uint64_t sp, struct mj_stack *stack)
{
	struct mj_snapshot *snap = &stack->snapshot;
	if (snap->taken)
		return;
	clear(snap);
	if (!memory->read_parts || !hint || !hint->m || !mj_layout_ready(runtime->image))
		return;
	take(runtime, memory, hint, sp, stack);
	set_mark(runtime, hint, snap);
}

void
mj_snapshot_clear(struct mj_stack *stack)
{
	clear(&stack->snapshot);
}

void
mj_snapshot_drop(struct mj_stack *stack)
{
	stack->snapshot.taken = false;
	stack->snapshot.predicted = false;
}

bool
mj_snapshot_find(const struct mj_runtime *runtime, const struct mj_snapshot *snap, uint64_t sp,
                 struct mj_thread_stack *ret)
{
	const struct mj_offsets *at = &mj_image_runtime_layout(runtime->image)->at;
	if (!snap->taken || !snap->steady || !snap->g_len || snap->g_words[at->g_m / 8] != snap->m)
		return false;
	uint64_t lo = snap->g_words[at->g_stack_lo / 8], hi = snap->g_words[at->g_stack_hi / 8];
	*ret = (struct mj_thread_stack){ MJ_ON_CURG, snap->m, snap->g, lo, hi };
	return lo && sp >= lo && sp < hi;
}

/* ---- reading from one ----------------------------------------------------------------------- */

static ssize_t
read_through(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct mj_snapshot_memory *over = ctx;
	const struct mj_snapshot *snap = over->snapshot;
	if (holds(snap->m, snap->m_len, addr, len))
		memcpy(buf, (const uint8_t *)snap->m_words + (addr - snap->m), len);
	else if (holds(snap->g, snap->g_len, addr, len))
		memcpy(buf, (const uint8_t *)snap->g_words + (addr - snap->g), len);
	else
		return over->below->read(over->below->ctx, addr, buf, len);
	return (ssize_t)len;
}

static ssize_t
ranges_through(void *ctx, struct mj_range *ret, size_t max)
{
	const struct mj_snapshot_memory *over = ctx;
	return over->below->code_ranges(over->below->ctx, ret, max);
}

void
mj_snapshot_memory_init(struct mj_snapshot_memory *ret, const struct mj_memory *below,
                        const struct mj_snapshot *snapshot)
{
	*ret = (struct mj_snapshot_memory){
		.memory = { .read = read_through, .code_ranges = ranges_through, .ctx = ret },
		.below = below,
		.snapshot = snapshot,
	};
	if (!below->code_ranges)
		ret->memory.code_ranges = NULL;
}

/* ---- prediction ----------------------------------------------------------------------------- */

static struct mj_site *
site_of(struct mj_runtime *runtime, uint64_t pc, uint64_t mark_pc)
{
	uint64_t hash = (pc * 31 + mark_pc) * UINT64_C(0x9e3779b97f4a7c15);
	return &runtime->sites[hash >> 32 & (MJ_ARRAY_LEN(runtime->sites) - 1)];
}

void
mj_snapshot_learn(struct mj_runtime *runtime, const struct mj_snapshot *snap, uint64_t pc,
                  uint64_t sp)
{
	if (snap->mark_sp < sp)
		return;
	*site_of(runtime, pc, snap->mark_pc) =
		(struct mj_site){ pc, snap->mark_pc, snap->mark_sp - sp };
}

bool
mj_walk_predict(struct mj_runtime *runtime, const struct mj_memory *memory,
                const struct mj_thread_hint *hint, uint64_t pc, struct mj_stack *stack,
                uint64_t *ret_sp)
{
	struct mj_snapshot *snap = &stack->snapshot;
	mj_snapshot_drop(stack);
	if (!hint->g || !hint->sp)
		return false;
	mj_snapshot_prepare(runtime, memory, hint, hint->sp, stack);
	if (!snap->taken || !snap->mark_sp)
		return false;
	const struct mj_site *site = site_of(runtime, pc, snap->mark_pc);
	if (site->pc != pc || site->mark_pc != snap->mark_pc || site->distance > snap->mark_sp)
		return false;
	const struct mj_offsets *at = &mj_image_runtime_layout(runtime->image)->at;
	uint64_t sp = snap->mark_sp - site->distance;
	if (sp <= snap->g_words[at->g_stack_lo / 8])
		return false;
	snap->predicted = true;
	*ret_sp = sp;
	return true;
}
