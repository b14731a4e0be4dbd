/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the stack and the policy: a call is allowed iff every module on the stack may make it, and
 * the process may. The verdict is a refusal until something has made it more.
 */
#include "supervisor/internal.h"

#include <string.h>
#include <sys/syscall.h>

static void
refuse(struct sup_verdict *v, enum mj_reason reason, const char *detail)
{
	v->allow = false;
	v->reason = reason;
	v->detail = detail;
}

/* ---- what is asked for ---------------------------------------------------------------------------- */

/*
 * A fork that has not executed anything yet prepares its descriptors and its directory for the
 * program that it will execute (syscall.forkAndExecInChild: dup2, dup3, chdir). Both are its own, since
 * clone(CLONE_FILES) without CLONE_THREAD is not in the base set, so this is part of EXEC.
 */
static struct mj_need
need_of(const struct sup_process *process, const struct mj_call *call)
{
	struct mj_need need = mj_call_need(call);
	const mj_caps own = MJ_CAP(MODIFY_FDS) | MJ_CAP(MODIFY_CHDIR);
	if (process->forked && need.all && (need.all & ~own) == 0 && !need.any)
		need.all = MJ_CAP(EXEC);
	return need;
}

/* ---- stacks without a module ----------------------------------------------------------------------- */

static bool
is_runtime_name(const char *function)
{
	return strncmp(function, "runtime.", 8) == 0 ||
	       strncmp(function, "runtime/internal/", 17) == 0 ||
	       strncmp(function, "internal/runtime/", 17) == 0;
}

static bool
only_runtime(const struct mj_stack *stack)
{
	for (size_t i = 0; i < stack->npcs; i++)
		for (unsigned f = 0; f < stack->pcs[i]->nframes; f++)
			if (!is_runtime_name(stack->pcs[i]->frames[f].function))
				return false;
	return true;
}

/* The program's own start-up, and the runtime's work for itself. Everything else without a module was
 * set off by one that cannot be seen. */
static bool
is_std_root(const struct mj_stack *stack)
{
	switch (stack->root) {
	case MJ_ROOT_START:
	case MJ_ROOT_MAIN:
	case MJ_ROOT_LOADER:
		return true;
	case MJ_ROOT_SCHEDULER:
	case MJ_ROOT_SIGNAL:
		return only_runtime(stack);
	case MJ_ROOT_GOROUTINE:
	case MJ_ROOT_C:
	case MJ_ROOT_NONE:
	default:
		return false;
	}
}

static void
decide_unattributed(struct supervisor *sup, struct sup_verdict *v)
{
	const struct mj_stack *stack = &sup->stack;
	bool c = stack->root == MJ_ROOT_C;
	v->subject = c ? MJ_SUBJECT_C : MJ_SUBJECT_STD;
	if (is_std_root(stack)) {
		v->allow = true;
		return;
	}
	struct mj_grant grant = c ? mj_policy_c(sup->args->policy)
	                          : mj_policy_unattributed(sup->args->policy);
	v->stack_grant = grant;
	if (mj_grant_allows(grant, v->need)) {
		v->allow = true;
		return;
	}
	v->capability = mj_grant_lacks(grant, v->need);
	refuse(v, c ? MJ_REASON_C : MJ_REASON_UNATTRIBUTED,
	       c ? "C code without a Go caller" : "no module of the program is on the stack");
}

/* ---- stacks with modules ------------------------------------------------------------------------------ */

/* Innermost first; false as soon as one module may not. *ret_modules counts frames of modules. */
static bool
ask_modules(struct supervisor *sup, struct sup_image *image, struct sup_verdict *v,
            size_t *ret_modules)
{
	const struct mj_stack *stack = &sup->stack;
	int last = MJ_SUBJECT_STD;
	for (size_t i = 0; i < stack->npcs; i++) {
		for (unsigned f = 0; f < stack->pcs[i]->nframes; f++) {
			int subject = stack->pcs[i]->frames[f].subject;
			if (subject < 0)
				continue;
			++*ret_modules;
			if (subject == last)
				continue;
			last = subject;
			struct mj_grant grant = sup_image_grant(sup, image, subject);
			v->stack_grant = mj_grant_intersect(v->stack_grant, grant);
			if (mj_grant_allows(grant, v->need))
				continue;
			v->subject = subject;
			v->blamed_pc = i;
			v->blamed_frame = f;
			v->capability = mj_grant_lacks(grant, v->need);
			return false;
		}
	}
	return true;
}

static void
decide_by_stack(struct supervisor *sup, struct sup_process *process, const struct sup_where *where,
                struct sup_verdict *v)
{
	struct mj_memory memory = { sup_process_read, sup_process_ranges, process };
	mj_walk(process->runtime, &memory, where->pc, where->sp, &sup->stack);
	sup_stats_walk(sup->stats, &sup->stack);
	v->have_stack = true;
	if (sup->stack.status != MJ_WALK_COMPLETE) {
		refuse(v, MJ_REASON_WALK, mj_walk_why_text(sup->stack.why));
		return;
	}
	size_t modules = 0;
	if (!ask_modules(sup, process->image, v, &modules))
		refuse(v, MJ_REASON_POLICY, NULL);
	else if (modules)
		v->allow = true;
	else
		decide_unattributed(sup, v);
}

static void
decide_by_ceiling(struct supervisor *sup, const struct sup_process *process, struct sup_verdict *v)
{
	if (!mj_grant_allows(process->ceiling, v->need)) {
		v->capability = mj_grant_lacks(process->ceiling, v->need);
		refuse(v, MJ_REASON_CEILING, "the program that executed this one may not do it");
		return;
	}
	if (process->kind == SUP_CEILING && sup->stats)
		sup->stats->ceiling_decisions++;
	v->allow = true;
}

void
sup_decide(struct supervisor *sup, struct sup_process *process, const struct mj_call *call,
           const struct sup_where *where, struct sup_verdict *v)
{
	memset(v, 0, sizeof(*v));
	v->subject = MJ_SUBJECT_STD;
	v->capability = MJ_CAP_COUNT;
	v->stack_grant.caps = MJ_CAPS_ALL;
	v->need = need_of(process, call);
	if (process->kind == SUP_STUB) {
		/* Between the filter and its execve the stub makes no other call. */
		v->stub = v->allow = call->nr == SYS_execve;
		if (!v->allow)
			refuse(v, MJ_REASON_UNREADABLE, "it has not started its program yet");
		return;
	}
	if (process->kind == SUP_UNKNOWN) {
		v->capability = mj_grant_lacks((struct mj_grant){ 0 }, v->need);
		bool opaque = process->image &&
		              mj_image_kind(process->image->image) != MJ_IMAGE_GO;
		refuse(v, opaque ? MJ_REASON_OPAQUE : MJ_REASON_UNREADABLE, process->unreadable);
		return;
	}
	decide_by_ceiling(sup, process, v);
	if (!v->allow || process->kind == SUP_CEILING)
		return;
	v->allow = false;
	decide_by_stack(sup, process, where, v);
	if (!v->allow && v->capability == MJ_CAP_COUNT)
		v->capability = mj_grant_lacks((struct mj_grant){ 0 }, v->need);
}
