/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the runtime's m's in a live process, in stripped binaries too.
 *
 * m0's link address and the offsets of fields are layout.c's, and so is runtime.allm where the code tells; where it does not, or where
 * the list does not lead to m0, allm.c has what may be the list. Whatever is found is checked on the live process
 * before it is believed: a thread's m has its id, and a g that has the m and whose stack has the thread's SP.
 */
#include "symbolizer/memo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SEARCHES 4
#define ASSUMED_G0 (64 * 1024)
#define MAX_BYTES (MJ_MAX_OFFSET + 16) /* of a g that are read */

bool
mj_image_bias(const struct mj_image *image, uint64_t at_phdr, uint64_t *ret)
{
	const struct mj_elf *elf = mj_image_elf(image);
	if (!elf->phdr_vaddr || at_phdr < elf->phdr_vaddr)
		return false;
	uint64_t bias = at_phdr - elf->phdr_vaddr;
	if (bias % 4096 || (!elf->is_pie && bias))
		return false;
	*ret = bias;
	return true;
}

int
mj_runtime_create(struct mj_image *image, uint64_t bias, unsigned max_ancestors,
                  struct mj_runtime **ret, struct mj_error *err)
{
	struct mj_runtime *runtime = calloc(1, sizeof(*runtime));
	if (!runtime)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	runtime->image = image;
	runtime->bias = bias;
	runtime->max_ancestors = max_ancestors;
	*ret = runtime;
	return 0;
}

void
mj_runtime_destroy(struct mj_runtime *runtime)
{
	if (!runtime)
		return;
	mj_ancestry_cache_destroy(runtime->ancestry);
	mj_memos_free(runtime);
	free(runtime);
}

bool
mj_read_exact(const struct mj_memory *memory, uint64_t addr, void *buf, size_t len)
{
	return addr && memory->read(memory->ctx, addr, buf, len) == (ssize_t)len;
}

bool
mj_read_u64(const struct mj_memory *memory, uint64_t addr, uint64_t *ret)
{
	return mj_read_exact(memory, addr, ret, sizeof(*ret));
}

int
mj_runtime_started(struct mj_runtime *runtime, const struct mj_memory *memory)
{
	if (!mj_layout_ready(runtime->image))
		return -1;
	uint64_t g0;
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	if (!mj_read_u64(memory, layout->m0 + runtime->bias + layout->at.m_g0, &g0))
		return -1;
	return g0 != 0;
}

/* rt0_go makes its own SP the top of g0's stack and then calls _cgo_init, so that call's return
 * address lies right below (runtime/asm_amd64.s). */
bool
mj_runtime_in_cgo_init(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp)
{
	uint64_t top, pc;
	if (!mj_layout_ready(runtime->image))
		return false;
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t g0 = layout->g0 + runtime->bias;
	if (!mj_read_u64(memory, g0 + layout->at.g_stack_hi, &top) || top < 4096 || sp >= top ||
	    !mj_read_u64(memory, top - 8, &pc))
		return false;
	const struct mj_pc_entry *entry = mj_image_pc(runtime->image, pc - runtime->bias, true);
	return entry && entry->special == MJ_FN_RT0_GO && entry->follows_call;
}

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* ---- stacks --------------------------------------------------------------------------------- */

/* Whether g, a goroutine of m, has sp on its stack. */
static bool
g_holds(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t g,
        uint64_t m, uint64_t sp, uint64_t *lo, uint64_t *hi)
{
	const struct mj_offsets *at = &layout->at;
	uint64_t words[MAX_BYTES / 8];
	uint32_t last = larger(at->g_m, larger(at->g_stack_lo, at->g_stack_hi));
	if (!g || g % 8 || !mj_read_exact(memory, g, words, last + 8) || words[at->g_m / 8] != m)
		return false;
	*lo = words[at->g_stack_lo / 8];
	*hi = words[at->g_stack_hi / 8];
	/* musl cannot tell runtime/cgo how large the main thread's stack is, and 0 would take in all
	 * memory below: then what rt0_go itself assumes (runtime/asm_amd64.s). */
	if (*lo == 0 && *hi > ASSUMED_G0)
		*lo = *hi - ASSUMED_G0;
	return *lo && sp >= *lo && sp < *hi;
}

static bool
m_holds(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m,
        const struct mj_m_words *words, uint64_t sp, struct mj_thread_stack *ret)
{
	const uint64_t gs[] = { words->curg, words->g0, words->gsignal };
	static const enum mj_stack_kind kinds[] = { MJ_ON_CURG, MJ_ON_G0, MJ_ON_GSIGNAL };
	for (size_t i = 0; i < MJ_ARRAY_LEN(gs); i++) {
		uint64_t lo, hi;
		if (!g_holds(layout, memory, gs[i], m, sp, &lo, &hi))
			continue;
		*ret = (struct mj_thread_stack){ kinds[i], m, words->curg, lo, hi };
		return true;
	}
	return false;
}

bool
mj_runtime_starting(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp)
{
	if (!mj_layout_ready(runtime->image))
		return false;
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t m0 = layout->m0 + runtime->bias, lo, hi;
	struct mj_m_words words;
	/* rt0_go's SP is the top itself, one past the last word of the stack. */
	return mj_read_m(layout, memory, m0, layout->at.m_alllink, &words) && !words.curg &&
	       g_holds(layout, memory, words.g0, m0, sp - 8, &lo, &hi);
}

/* An m without a thread of its own (between two callbacks of C threads) keeps the bounds of a stack that may
 * be another thread's by now, so the thread must be the m's. m.procid is 0 until the m has started. */
static bool
is_of_thread(const struct mj_m_words *words, const struct mj_thread_hint *hint)
{
	return !hint || !hint->tid || !words->procid || words->procid == hint->tid;
}

/* What stood at a hinted address may be an m no longer; its g's point back to it only if it is. */
static bool
hint_holds(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
           const struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	struct mj_m_words words;
	return hint && hint->m &&
	       mj_read_m(layout, memory, hint->m, layout->at.m_alllink, &words) &&
	       is_of_thread(&words, hint) && m_holds(layout, memory, hint->m, &words, sp, ret);
}

static struct mj_known_m *
known_m(struct mj_runtime *runtime, uint64_t tid)
{
	return &runtime->known_ms[tid & (MJ_KNOWN_MS - 1)];
}

/* The thread's m as far as it is known without the list: the first thread's always is, and others' are that were met when
 * somebody else's was looked for. */
static bool
guess_holds(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
            struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	if (!hint || !hint->tid)
		return false;
	const struct mj_known_m *known = known_m(runtime, hint->tid);
	const uint64_t ms[] = { known->tid == hint->tid ? known->m : 0,
		                layout->m0 + runtime->bias };
	for (size_t i = 0; i < MJ_ARRAY_LEN(ms); i++) {
		struct mj_thread_hint guess = { .m = ms[i], .tid = hint->tid };
		if (hint_holds(runtime, memory, sp, &guess, ret)) {
			hint->m = ms[i];
			return true;
		}
	}
	return false;
}

/* The end of a list is m0, which is never taken off it (runtime/proc.go, mexit). */
static enum mj_find
end_of_list(struct mj_runtime *runtime, uint64_t last)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	return last == layout->m0 + runtime->bias ? MJ_FIND_NONE : MJ_FIND_ERROR;
}

/* Goes through the list of m's from its newest. One without a g0 is being made (runtime/proc.go, allocm puts
 * it on the list first) and has no stack yet. ret_length: how many were met. */
static enum mj_find
search_list(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t m,
            uint32_t alllink, uint64_t sp, struct mj_thread_hint *hint, struct mj_thread_stack *ret,
            unsigned *ret_length)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t last = 0;
	for (*ret_length = 0; *ret_length < MJ_MAX_MS && m; ++*ret_length) {
		struct mj_m_words words;
		if (!mj_read_m(layout, memory, m, alllink, &words))
			return MJ_FIND_ERROR;
		if (words.procid)
			*known_m(runtime, words.procid) = (struct mj_known_m){ words.procid, m };
		if (is_of_thread(&words, hint) && m_holds(layout, memory, m, &words, sp, ret)) {
			if (hint)
				hint->m = m;
			return MJ_FIND_OK;
		}
		last = m;
		m = words.alllink;
	}
	return m ? MJ_FIND_ERROR : end_of_list(runtime, last);
}

/* In the list of which the code says where it is. It is settled when it has been seen to link an m to m0. */
static enum mj_find
search_by_code(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
               struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	unsigned length;
	uint64_t m;
	if (!layout->code.allm || !mj_read_u64(memory, layout->code.allm + runtime->bias, &m))
		return MJ_FIND_ERROR;
	enum mj_find found =
		search_list(runtime, memory, m, layout->code.alllink, sp, hint, ret, &length);
	if (found == MJ_FIND_NONE && length > 1)
		layout->code_settled = true;
	return found;
}

/* The m that has been found so far in lists of which none is known to be the one. */
struct match {
	unsigned rank; /* 2: it has the thread's id, 1: it has none */
	bool clash;    /* so has another one */
	struct mj_thread_stack at;
};

static void
take_match(struct match *match, unsigned rank, const struct mj_thread_stack *at)
{
	if (rank < match->rank || (rank == match->rank && at->m == match->at.m))
		return;
	*match = (struct match){ rank, rank == match->rank, *at };
}

/* Whoever made a list up, the thread's real m is on another. So each is searched to its end, and nothing of it is kept for
 * other threads. */
static bool
search_unsure(struct mj_runtime *runtime, const struct mj_memory *memory,
              const struct mj_allm_list *list, uint64_t sp, const struct mj_thread_hint *hint,
              struct match *match)
{
	const struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	uint64_t m = list->head, last = 0;
	for (unsigned i = 0; i < MJ_MAX_MS && m; i++) {
		struct mj_m_words words;
		struct mj_thread_stack at;
		if (!mj_read_m(layout, memory, m, list->alllink, &words))
			return false;
		if (is_of_thread(&words, hint) && m_holds(layout, memory, m, &words, sp, &at))
			take_match(match, words.procid ? 2 : 1, &at);
		last = m;
		m = words.alllink;
	}
	return !m && end_of_list(runtime, last) == MJ_FIND_NONE;
}

static enum mj_find
result_of(const struct match *match, bool searched, struct mj_thread_hint *hint,
          struct mj_thread_stack *ret)
{
	if (!match->rank)
		return searched ? MJ_FIND_NONE : MJ_FIND_ERROR;
	if (match->clash)
		return MJ_FIND_UNSURE;
	*ret = match->at;
	if (hint)
		hint->m = ret->m;
	return MJ_FIND_OK;
}

/* Where the code does not tell: in all lists that hold. */
static enum mj_find
search_by_scan(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
               struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	struct match match = { 0 };
	struct mj_allm_lists lists;
	bool searched = false;
	if (!mj_allm_scan(runtime, memory, &lists))
		return MJ_FIND_ERROR;
	if (lists.overflow)
		return MJ_FIND_UNSURE;
	for (unsigned i = 0; i < lists.count; i++)
		searched |= search_unsure(runtime, memory, &lists.found[i], sp, hint, &match);
	return result_of(&match, searched, hint, ret);
}

enum mj_find
mj_runtime_find(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp,
                struct mj_thread_hint *hint, struct mj_thread_stack *ret)
{
	enum mj_find found = MJ_FIND_ERROR, before;
	if (!mj_layout_ready(runtime->image))
		return MJ_FIND_ERROR;
	struct mj_runtime_layout *layout = mj_image_runtime_layout(runtime->image);
	if (hint_holds(runtime, memory, sp, hint, ret))
		return MJ_FIND_OK;
	if (guess_holds(runtime, memory, sp, hint, ret))
		return MJ_FIND_OK;
	/* More than once: the list changes while it is read. */
	for (unsigned i = 0; i < MAX_SEARCHES; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		before = found;
		found = search_by_code(runtime, memory, sp, hint, ret);
		if (found != MJ_FIND_OK && !layout->code_settled)
			found = search_by_scan(runtime, memory, sp, hint, ret);
		if (found == MJ_FIND_OK ||
		    (found == MJ_FIND_NONE && (layout->code_settled || before == MJ_FIND_NONE)))
			break;
	}
	return found;
}

bool
mj_runtime_sched(const struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
                 uint64_t *ret_pc, uint64_t *ret_sp)
{
	const struct mj_offsets *at = &mj_image_runtime_layout(runtime->image)->at;
	uint64_t words[MAX_BYTES / 8];
	uint32_t last = larger(at->g_sched_sp, at->g_sched_pc);
	if (!g || g % 8 || !mj_read_exact(memory, g, words, last + 8))
		return false;
	*ret_sp = words[at->g_sched_sp / 8];
	*ret_pc = words[at->g_sched_pc / 8];
	return true;
}
