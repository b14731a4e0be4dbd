/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a frame keeps its caller's frame pointer, for the walk's second opinion (walk.c).
 *
 * A function with a frame begins with PUSHQ BP; MOVQ SP, BP (cmd/internal/obj/x86/obj6.go, preprocess),
 * NOFRAME functions and leaves without locals excepted, which leave BP alone. So BP, while a function is in
 * a call, is the address of the word where it, or the next outer function that has one, saved its caller's;
 * that word stands right below the return address. Checked against Go 1.26's source, and against stacks.
 *
 * Not before Go 1.23. The runtime itself relies on the chain since 1.21 (runtime/tracefpunwind.go), and only
 * that made it true of every goroutine. Go 1.19, say:
 * - recovery() resumes the recovering function with BP still in the dead frame of gopanic, which the deferred
 *   calls that are left then save (runtime/panic.go; 1.21 restored another word, golang/go#61766);
 * - adjustframe() leaves systemstack_switch's BP as it was when the stack is moved, and its caller
 *   goes on with it (runtime/stack.go; golang/go#59692).
 *
 * Since then these are left:
 * - sigpanic, asyncPreempt: BP is whatever the interrupted code had in it. Up to 1.24 that is another
 *   one around DUFFCOPY (golang/go#73748), and the frame of a function that faulted and has no defer
 *   keeps its word when the stack moves (golang/go#73664): so that frame is passed over.
 * - cgocallback opens a frame on the goroutine's stack without writing to it, and calls with the BP
 *   of its frame on g0; the frame beneath is systemstack_switch's, which nobody calls through either.
 * - systemstack: the collector may move the goroutine's stack while g0 works for it (mgcmark.go,
 *   markroot), and does not look at g0. Each stack's chain is compared by itself.
 * - Goexit: if it supersedes a panic that was recovered, recovery() resumes it with the BP of the
 *   function that recovered (runtime/panic.go: p.goexit changes sp, not fp). Its own word is right.
 * - Assembly of modules may have something else in BP when it calls. (That of the standard library
 *   does not.) Its own word, where it has one, is right, and it is itself on the stack.
 */
#include "symbolizer/image.h"
#include "symbolizer/pclntab.h"

#include <string.h>

#define FIRST_MINOR 123

/* Whether f's first change of SP is the PUSHQ BP of a frame, done before pc. */
static bool
pushes_first(const struct mj_image *image, const struct mj_func *f, uint64_t pc)
{
	static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5 }; /* PUSHQ BP; MOVQ SP, BP */
	struct mj_steps s;
	struct mj_span at;
	if (!mj_pclntab_steps(&image->tab, f, f->pcsp, &s) || mj_pclntab_step(&s) != 1 ||
	    s.value != 0)
		return false;
	uint64_t pushed = s.pc;
	return mj_pclntab_step(&s) == 1 && s.value == 8 && pushed > f->entry && pc >= pushed &&
	       pushed < f->end && mj_elf_at(&image->elf, pushed - 1, &at) &&
	       mj_span_sub(at, 0, sizeof(code), &at) && memcmp(at.data, code, sizeof(code)) == 0;
}

static bool
is_foreign_assembly(const struct mj_pc_entry *entry)
{
	const struct mj_frame *frame = &entry->pub.frames[entry->pub.nframes - 1];
	return (entry->flag & MJ_FUNC_ASM) && frame->subject != MJ_SUBJECT_STD;
}

void
mj_frame_pointer(const struct mj_image *image, const struct mj_func *f, uint64_t pc,
                 struct mj_pc_entry *entry)
{
	if (image->go_minor < FIRST_MINOR)
		return;
	bool callback = entry->special == MJ_FN_CGOCALLBACK;
	entry->saves_fp =
		!callback && entry->pcsp_ok && entry->spdelta >= 8 && pushes_first(image, f, pc);
	entry->loses_fp =
		callback || !strcmp(f->name, "runtime.Goexit") || is_foreign_assembly(entry);
}
