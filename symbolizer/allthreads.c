/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call that the runtime makes on all of its threads (syscall.AllThreadsSyscall, and Setuid and its like without cgo).
 *
 * Who asks for it is in syscall.runtime_doAllThreadsSyscall, which stops the world and makes the call itself; only if that
 * succeeds do the other threads make it, and until they have, it does not return.
 * - Go 1.18 to 1.27: each of them is sent a signal, whose handler calls runtime.runPerThreadSyscall (runtime/os_linux.go, runtime/signal_unix.go).
 * - Go 1.16 and 1.17: each calls runtime.mDoFixup when it parks, wakes, or comes by (runtime/proc.go), and both sides make
 *   the call by a function of package syscall (syscall/syscall_linux.go, allThreadsCaller.doSyscall).
 *
 * A function counts as one of these only in the runtime's own compile unit, where no directive puts another one.
 */
#include "symbolizer/image.h"

#include <string.h>

/* Frames from the system call outwards: Syscall6 and what wraps it, and in 1.16 and 1.17 the closure and its wrapper. */
#define INNERMOST 6

enum mj_broadcast
mj_broadcast_of(const struct mj_image *image, const struct mj_func *f)
{
	static const struct {
		const char *name;
		enum mj_broadcast part;
	} parts[] = {
		{ "syscall.runtime_doAllThreadsSyscall", MJ_BROADCAST_ASKS },
		{ "runtime.runPerThreadSyscall", MJ_BROADCAST_FOLLOWS },
		{ "runtime.mDoFixup", MJ_BROADCAST_FOLLOWS },
	};
	if (f->cu_offset != image->runtime_units[0])
		return MJ_BROADCAST_NONE;
	for (size_t i = 0; i < MJ_ARRAY_LEN(parts); i++)
		if (strcmp(f->name, parts[i].name) == 0)
			return parts[i].part;
	return MJ_BROADCAST_NONE;
}

static bool
is_std(const struct mj_pc *pc)
{
	for (unsigned f = 0; f < pc->nframes; f++) {
		const struct mj_frame *frame = &pc->frames[f];
		if (frame->subject != MJ_SUBJECT_STD || frame->nsuspects || frame->doubtful ||
		    frame->stray)
			return false;
	}
	return true;
}

static bool
is_goroutine(const struct mj_stack *stack)
{
	return stack->root == MJ_ROOT_GOROUTINE || stack->root == MJ_ROOT_MAIN;
}

enum mj_broadcast
mj_stack_broadcast(const struct mj_stack *stack)
{
	if (stack->status != MJ_WALK_COMPLETE)
		return MJ_BROADCAST_NONE;
	for (size_t i = 0; i < stack->npcs && i < INNERMOST && is_std(stack->pcs[i]); i++) {
		enum mj_broadcast part = stack->pcs[i]->broadcast;
		if (part == MJ_BROADCAST_FOLLOWS ||
		    (part == MJ_BROADCAST_ASKS && is_goroutine(stack)))
			return part;
	}
	return MJ_BROADCAST_NONE;
}
