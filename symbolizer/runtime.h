/* SPDX-License-Identifier: Apache-2.0 */
/* The Go runtime of one process: which m runs on a stack, and what its goroutine was doing. */
#ifndef MJ_SYMBOLIZER_RUNTIME_H
#define MJ_SYMBOLIZER_RUNTIME_H

#include "symbolizer/internal.h"

/** Which of an m's three stacks an address lies in. */
enum mj_stack_kind { MJ_ON_G0, MJ_ON_CURG, MJ_ON_GSIGNAL };

struct mj_thread_stack {
	enum mj_stack_kind kind;
	uint64_t m;      /* live address of the runtime.m */
	uint64_t curg;   /* its current goroutine, 0 if none */
	uint64_t lo, hi; /* bounds of the stack that holds the address */
};

enum mj_find { MJ_FIND_UNSURE = -2, MJ_FIND_ERROR = -1, MJ_FIND_NONE = 0, MJ_FIND_OK = 1 };

/** The m one of whose stacks holds sp; the one of hint is asked first. NONE: no m's stack does.
 * ERROR: the list of m's could not be found or read. UNSURE: there are several that may be it, and they differ. Works for vfork children too, since it goes
 * by SP and not by thread id. */
enum mj_find mj_runtime_find(struct mj_runtime *runtime, const struct mj_memory *memory,
                             uint64_t sp, struct mj_thread_hint *hint, struct mj_thread_stack *ret);

/** g.sched.{sp,pc} of a goroutine: where it left its stack. */
bool mj_runtime_sched(const struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
                      uint64_t *ret_pc, uint64_t *ret_sp);

/** 1: runtime.rt0_go has run, 0: not yet, -1: cannot be told. */
int mj_runtime_started(struct mj_runtime *runtime, const struct mj_memory *memory);

/** Whether runtime.rt0_go is in its call of _cgo_init, which asks libc for the bounds of the stack
 * before the runtime has started. */
bool mj_runtime_in_cgo_init(struct mj_runtime *runtime, const struct mj_memory *memory,
                            uint64_t sp);

/** Whether m0 has not run a goroutine yet and sp lies on its g0 stack. m0 is known before allm is. */
bool mj_runtime_starting(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t sp);

/** Fills the stack's goid, ancestry and ancestors for goroutine g, whose walk has ended (ancestry.c). */
void mj_runtime_ancestry(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g,
                         bool shared_runner, struct mj_stack *stack);

/** Finds the frames for mj_is_go_statement of a creator whose go statement returned to gopc, a link address (servers.c). */
void mj_find_go_statement(struct mj_ancestor *ancestor, uint64_t gopc);
/** Whether a creator executed its go statement for somebody else, who waited in a queue of the standard
 * library's (servers.c). */
bool mj_serves_others(const struct mj_ancestor *ancestor);

/* ---- fields of g (gfields.c) ---------------------------------------------------------------- */

/** Whether pc is the return address of a call that creates goroutines (ancestry.c). */
bool mj_runtime_creates_at(struct mj_runtime *runtime, uint64_t pc);
/** Finds out where goid, gopc and ancestors lie, if goroutine g tells. False: more than one offset may be
 * the one. */
bool mj_gfields_ready(struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t g);
/** The offset of g.syscallsp, from the first len bytes of a goroutine's g that is in a system call. 0: not known yet. */
uint32_t mj_gfields_syscallsp(struct mj_runtime *runtime, const uint64_t *words, size_t len);

/* ---- the list of m's ------------------------------------------------------------------------ */

#define MJ_MAX_MS 65536

/** The fields of an m that are looked at. */
struct mj_m_words {
	uint64_t g0, curg, gsignal, procid, alllink;
};
/** Reads them. alllink: the offset of that field. */
bool mj_read_m(const struct mj_runtime_layout *layout, const struct mj_memory *memory, uint64_t m,
               uint32_t alllink, struct mj_m_words *ret);

/** A list from an m to m0, linked by the field at alllink. */
struct mj_allm_list {
	uint64_t head;
	uint32_t alllink;
};
#define MJ_ALLM_LISTS 64
struct mj_allm_lists {
	unsigned count;
	bool overflow; /* there are more than there is room, or time, for */
	struct mj_allm_list found[MJ_ALLM_LISTS];
};
/** All that may be the list (allm.c). False: none is, or memory could not be read. */
bool mj_allm_scan(struct mj_runtime *runtime, const struct mj_memory *memory,
                  struct mj_allm_lists *ret);

/* Reads that fail unless all of len was read, and addr is not NULL. */
bool mj_read_exact(const struct mj_memory *memory, uint64_t addr, void *buf, size_t len);
bool mj_read_u64(const struct mj_memory *memory, uint64_t addr, uint64_t *ret);

struct mj_ancestry_cache;
void mj_ancestry_cache_destroy(struct mj_ancestry_cache *cache);

/** How far g.syscallsp lies above SP while a thread waits at pc, entersyscall having been called at mark_pc. */
struct mj_site {
	uint64_t pc, mark_pc; /* live addresses; 0: empty */
	uint64_t distance;
};

/** An m that was met in the list, for when its thread calls. */
struct mj_known_m {
	uint64_t tid, m; /* tid 0: empty */
};
#define MJ_KNOWN_MS 256 /* a power of two; a collision replaces */
#define MJ_MEMOS 128    /* a power of two; at most 3 KB each */
struct mj_memo;

struct mj_runtime {
	struct mj_image *image;
	uint64_t bias;
	unsigned max_ancestors;
	struct mj_ancestry_cache *ancestry;
	struct mj_site sites[32]; /* see snapshot.c; a collision replaces */
	struct mj_memo *memos[MJ_MEMOS];
	uint64_t last_memo;
	struct mj_known_m known_ms[MJ_KNOWN_MS];
};

/** Whether only the dynamic loader is active on the stack from sp upwards: pc lies in the loader,
 * and no word of the stack is a return address into other executable memory. See loader.c. */
bool mj_loader_only(const struct mj_memory *memory, uint64_t pc, uint64_t sp);

#endif
