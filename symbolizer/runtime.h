/* SPDX-License-Identifier: Apache-2.0 */
/* The Go runtime of one process: which m runs on a stack, and what its goroutine was doing. */
#ifndef MJ_SYMBOLIZER_RUNTIME_H
#define MJ_SYMBOLIZER_RUNTIME_H

#include "symbolizer/internal.h"

/** Which of an m's three stacks an address lies in. */
enum mj_stack_kind { MJ_ON_G0, MJ_ON_CURG, MJ_ON_GSIGNAL };

struct mj_thread_stack {
	enum mj_stack_kind kind;
	uint64_t m;    /* live address of the runtime.m */
	uint64_t curg; /* its current goroutine, 0 if none */
	uint64_t lo, hi;
};

enum mj_find { MJ_FIND_ERROR = -1, MJ_FIND_NONE = 0, MJ_FIND_OK = 1 };

/** The m one of whose stacks holds sp. NONE: no m's stack does. ERROR: the list of m's could not
 * be found or read. Works for vfork children too, since it goes by SP and not by thread id. */
enum mj_find mj_runtime_find(struct mj_runtime *runtime, const struct mj_memory *memory,
                             uint64_t sp, struct mj_thread_stack *ret);

/** g.sched.{sp,pc} of a goroutine: where it left its stack. */
bool mj_runtime_sched(const struct mj_memory *memory, uint64_t g, uint64_t *ret_pc,
                      uint64_t *ret_sp);

/** 1: runtime.rt0_go has run, 0: not yet, -1: cannot be told. */
int mj_runtime_started(struct mj_runtime *runtime, const struct mj_memory *memory);

struct mj_image *mj_runtime_image(const struct mj_runtime *runtime);
uint64_t mj_runtime_bias(const struct mj_runtime *runtime);

/** Whether only the dynamic loader is active on the stack from sp upwards: pc lies in the loader,
 * and no word of the stack is a return address into other executable memory. See loader.c. */
bool mj_loader_only(const struct mj_runtime *runtime, const struct mj_memory *memory, uint64_t pc,
                    uint64_t sp);

#endif
