/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins the stack and the policy: a call is allowed iff every module on the stack may make it, and
 * the process may. The verdict is a refusal until something has made it more.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static void
refuse(struct sup_verdict *v, enum mj_reason reason, const char *detail)
{
	v->allow = false;
	v->reason = reason;
	v->detail = detail;
}

/* ---- what is asked for ---------------------------------------------------------------------- */

/* State of the process alone, which it shares with nobody whom the jail protects. */
#define OWN_STATE (MJ_CAP(MODIFY_FDS) | MJ_CAP(MODIFY_CHDIR) | MJ_CAP(ARBITRARY_EXECUTION))

/*
 * What a call needs, in the process that makes it:
 * - A signal to the own process needs nothing. It may end itself anyway, and the Go runtime raises
 *   SIGPIPE and SIGABRT so (runtime/signal_unix.go, dieFromSignal).
 * - A fork that has not executed anything yet prepares its descriptors, directory, session and limits for
 *   the program that it will execute (syscall.forkAndExecInChild). They are its own, since clone(CLONE_FILES) and
 *   clone(CLONE_FS) without CLONE_THREAD are not in the base set: part of EXEC.
 * - Another program than ours has no modules to keep apart; its descriptors, its directory and its own
 *   code are its own affair.
 */
static bool
prepares_execution(const struct mj_call *call)
{
	switch (call->nr) {
	case SYS_dup2:
	case SYS_dup3:
	case SYS_chdir:
	case SYS_fchdir:
	case SYS_setsid:
	case SYS_setpgid:
	case SYS_setrlimit:
		return true;
	case SYS_prlimit64:
		return (uint32_t)call->args[0] == 0; /* its own limits */
	default:
		return false;
	}
}

static bool
makes_program(const struct mj_call *call)
{
	return call->nr == SYS_execve || call->nr == SYS_execveat;
}

/* The needs of a call that is part of another one: those of an execve. */
static struct mj_need
need_of_exec(void)
{
	return mj_call_need(&(struct mj_call){ .nr = SYS_execve });
}

static struct mj_need
need_of(const struct sup_process *process, const struct mj_call *call)
{
	struct mj_need need = mj_call_need(call);
	if (sup_is_own_signal(process->tgid, call))
		return (struct mj_need){ .known = true };
	if (need.any || !need.all)
		return need;
	if (process->kind == SUP_CEILING)
		need.all &= ~OWN_STATE;
	else if (process->forked && prepares_execution(call))
		return need_of_exec();
	return need;
}

/* ---- stacks without a module ---------------------------------------------------------------- */

/* The runtime's monitor: a thread of its own, without a P, that runs nobody's code, but asks how many processors
 * there are, at start and about once a second (runtime/proc.go, sysmon, from Go 1.25 on). It is in every program, so
 * that the linker lets nobody define it again. */
static bool
is_monitor(const struct mj_stack *stack)
{
	static const char start[] = "runtime.mstart"; /* and mstart0, mstart1 */
	for (size_t i = stack->npcs; i-- > 0;) {
		const struct mj_pc *pc = stack->pcs[i];
		const char *name = pc->nframes ? pc->frames[pc->nframes - 1].function : "";
		if (strncmp(name, start, sizeof(start) - 1) != 0)
			return strcmp(name, "runtime.sysmon") == 0;
	}
	return false;
}

/* The program's own start-up, and the runtime's monitor. Everything else without a module was set off by one
 * that cannot be seen: on the scheduler's stacks, too, where timers run whatever they were given. */
static bool
is_std_root(const struct mj_stack *stack)
{
	switch (stack->root) {
	case MJ_ROOT_START:
	case MJ_ROOT_MAIN:
	case MJ_ROOT_LOADER:
		return true;
	case MJ_ROOT_GOROUTINE:
		/* Created by the standard library's initialisation: nobody else is in the record. */
		return stack->ancestry == MJ_ANCESTRY_COMPLETE;
	case MJ_ROOT_SCHEDULER:
		return is_monitor(stack);
	case MJ_ROOT_SIGNAL:
	case MJ_ROOT_C:
	case MJ_ROOT_NONE:
	default:
		return false;
	}
}

/* Nobody knows who it was: then the rule of the unattributed counts. */
static void
blame_nobody(struct supervisor *sup, struct sup_verdict *v, enum mj_ancestry ancestry)
{
	const struct mj_stack *stack = &sup->stack;
	bool c = stack->root == MJ_ROOT_C;
	v->subject = c ? MJ_SUBJECT_C : MJ_SUBJECT_STD;
	v->reason = c ? MJ_REASON_C : MJ_REASON_UNATTRIBUTED;
	v->detail = stack->root == MJ_ROOT_GOROUTINE ? mj_ancestry_text(ancestry) : NULL;
}

/* ---- stacks with modules -------------------------------------------------------------------- */

struct question {
	struct supervisor *sup;
	struct sup_image *image;
	struct sup_verdict *v;
	struct mj_inquiry inquiry;
	/* A frame that anybody may have written, NULL if there is none. */
	const struct mj_frame *doubtful;
	enum mj_ancestry ancestry; /* what is known of the creators that are asked */
	const struct mj_frame
		*inner; /* what the frame that is asked has called, NULL: nothing, or not known */
	bool whole;     /* all frames of the stack are there, one beside the other */
};

void
sup_frame_ask(struct sup_image *image, const struct mj_frame *frame, const struct mj_frame *inner,
              struct sup_asked *ret)
{
	ret->n = 0;
	if (frame->subject >= 0) {
		ret->who[ret->n] = frame->subject;
		ret->rules[ret->n++] = sup_image_rule(image, frame->subject);
	}
	for (unsigned s = 0; s < frame->nsuspects && ret->n < SUP_SUBJECTS_MAX; s++) {
		ret->who[ret->n] = frame->suspects[s];
		ret->rules[ret->n++] = sup_image_rule(image, frame->suspects[s]);
	}
	/* Not all of its suspects fit: then it is anybody's. */
	ret->doubtful = mj_frame_in_doubt(frame, inner) || frame->nsuspects >= SUP_SUBJECTS_MAX;
	/* A stray one is nobody's for certain, so it answers for nobody. */
	ret->named = frame->subject >= 0 && !frame->stray;
}

static enum mj_answer
ask_frame(struct question *q, const struct mj_frame *frame, size_t pc, unsigned index, bool starts)
{
	size_t blamed = SIZE_MAX;
	struct sup_asked asked;
	sup_frame_ask(q->image, frame, q->inner, &asked);
	q->inner = q->whole ? frame : NULL;
	if (asked.doubtful && !q->doubtful)
		q->doubtful = frame;
	enum mj_answer answer = mj_inquiry_frame(&q->inquiry, asked.rules, asked.n, asked.named,
	                                         asked.doubtful, starts, &blamed);
	if (blamed < asked.n) {
		q->v->subject = asked.who[blamed];
		q->v->blamed_pc = pc;
		q->v->blamed_frame = index;
	}
	return answer;
}

/* Innermost first, until somebody refuses, which is then the blamed one, or answers for all others. creator: whose frames
 * they are, NULL for the stack's own. */
static enum mj_answer
ask_frames(struct question *q, const struct mj_pc *const *pcs, size_t npcs,
           const struct mj_ancestor *creator)
{
	q->inner = NULL;
	for (size_t i = 0; i < npcs; i++) {
		for (unsigned f = 0; f < pcs[i]->nframes; f++) {
			bool starts = creator && mj_is_go_statement(creator, i, f);
			enum mj_answer answer = ask_frame(q, &pcs[i]->frames[f], i, f, starts);
			if (answer != MJ_ANSWER_NEXT)
				return answer;
		}
	}
	return MJ_ANSWER_NEXT;
}

/* The stack, then those of its creators. */
static enum mj_answer
ask_modules(struct question *q)
{
	const struct mj_stack *stack = &q->sup->stack;
	q->whole = stack->depth <= stack->npcs;
	const struct mj_rule *logged = NULL;
	enum mj_answer answer = ask_frames(q, stack->pcs, stack->npcs, NULL);
	q->ancestry = stack->ancestry;
	for (size_t i = 0; i < stack->nancestors && answer == MJ_ANSWER_NEXT; i++) {
		const struct mj_ancestor *ancestor = &stack->ancestors[i];
		logged = q->inquiry.logged;
		q->whole = true;
		answer = ask_frames(q, ancestor->pcs, ancestor->npcs, ancestor);
		if (q->inquiry.refused || q->inquiry.logged != logged)
			q->v->blamed_ancestor = i + 1;
		if (answer == MJ_ANSWER_SERVED)
			q->ancestry = mj_stack_ancestry(stack, i + 1);
	}
	return answer;
}

/* A creator that ought to be known and is not may be anybody, whoever else is on the stack. */
static bool
has_unknown_creator(const struct mj_stack *stack, enum mj_ancestry ancestry)
{
	if (stack->root != MJ_ROOT_GOROUTINE)
		return false;
	switch (ancestry) {
	case MJ_ANCESTRY_CUT:
	case MJ_ANCESTRY_MISSING:
	case MJ_ANCESTRY_UNSURE:
	case MJ_ANCESTRY_CALLBACK:
	case MJ_ANCESTRY_SERVES:
	case MJ_ANCESTRY_FOREIGN:
		return true;
	case MJ_ANCESTRY_UNKNOWN:
	case MJ_ANCESTRY_COMPLETE:
	case MJ_ANCESTRY_TIMER:
	case MJ_ANCESTRY_SHARED:
	default:
		return false;
	}
}

bool
sup_is_known(const struct mj_stack *stack, enum mj_ancestry ancestry, bool any)
{
	return any ? !has_unknown_creator(stack, ancestry) : is_std_root(stack);
}

/* What the inquiry came to, as a verdict. */
static void
conclude(struct question *q, enum mj_answer answer, bool known)
{
	struct sup_verdict *v = q->v;
	const struct mj_inquiry *inquiry = &q->inquiry;
	const struct mj_rule *rule = inquiry->refused ? inquiry->refused : inquiry->logged;
	if (inquiry->want_grant)
		v->stack_grant = inquiry->stack_grant;
	v->allow = answer == MJ_ANSWER_ALLOWED;
	v->logged = v->allow && rule;
	if (!rule)
		return;
	v->rule = rule;
	v->capability = mj_grant_lacks(&rule->grant, v->need);
	v->reason = MJ_REASON_POLICY;
	if (rule != mj_policy_unattributed(inquiry->policy))
		return;
	blame_nobody(q->sup, v, q->ancestry);
	if (known && !mj_search_knows(&inquiry->search, known))
		v->detail = "its goroutine is a pool's, and nobody recorded who handed it this job";
	if (known && q->doubtful) {
		const struct mj_frame *frame = q->doubtful;
		snprintf(q->sup->detail, sizeof(q->sup->detail), "%s%.150s (%.80s:%d)%s",
		         frame->stray ? "it is not known who wrote the closure "
		                      : "nothing confirms that the code of ",
		         frame->function, frame->file, frame->line,
		         frame->stray ? "" : " is what its name says");
		v->detail = q->sup->detail;
	}
}

static struct mj_memory
memory_of(struct sup_process *process, const struct sup_thread *thread)
{
	process->notifier = thread->tid;
	return (struct mj_memory){
		.read = sup_process_read,
		.code_ranges = sup_process_ranges,
		.ctx = process,
		.read_parts = sup_process_read_parts,
	};
}

bool
sup_predict(struct supervisor *sup, struct sup_thread *thread, const struct mj_call *call,
            uint64_t pc, struct sup_where *ret, struct sup_process **ret_process)
{
	struct sup_process *process = sup_process_find(sup, thread->tgid);
	/* An execve may have happened, and a fork has a memory like its parent's. */
	if (!process || process->kind != SUP_WALKED || process->exec_pending || process->forked ||
	    process->mem_fd < 0 || thread->fresh)
		return false;
	struct mj_memory memory = memory_of(process, thread);
	if (!mj_walk_predict(process->runtime, &memory, &thread->hint, pc, &sup->stack, &ret->sp) ||
	    !sup_thread_alive(thread))
		return false;
	ret->nr = call->nr;
	ret->pc = pc;
	memcpy(ret->args, call->args, sizeof(ret->args));
	*ret_process = process;
	return true;
}

/* Where it would stand that this stack may do what the call needs. An execve is decided on anew, for its ceiling. */
static struct sup_known *
known_slot(struct sup_process *process, const struct mj_stack *stack, const struct mj_need *need)
{
	uint64_t hash = (stack->walk_id * 31 + stack->ancestry_id) * 31 + need->row;
	return &process->known[hash & (MJ_ARRAY_LEN(process->known) - 1)];
}

static bool
is_known_allowed(const struct sup_known *known, const struct mj_stack *stack,
                 const struct mj_need *need)
{
	return stack->walk_id && known->walk_id == stack->walk_id &&
	       known->ancestry_id == stack->ancestry_id && known->ancestry == stack->ancestry &&
	       known->need.all == need->all && known->need.any == need->any &&
	       known->need.row == need->row && known->need.known == need->known;
}

static void
decide_by_stack(struct supervisor *sup, struct sup_process *process, struct sup_thread *thread,
                const struct mj_call *call, const struct sup_where *where, struct sup_verdict *v)
{
	struct mj_memory memory = memory_of(process, thread);
	/* Its number could be another process's by now; mem_fd is not. */
	if (where->other)
		memory.read_parts = NULL;
	/* A fork has another thread id than the m that it was copied, or borrowed, from. */
	struct mj_thread_hint forked = { .m = thread->hint.m };
	v->aside =
		!sup_walk(sup, process, &memory, process->forked ? &forked : &thread->hint, where);
	if (v->aside) {
		refuse(v, MJ_REASON_WALK, mj_walk_why_text(sup->stack.why));
		return;
	}
	sup_stats_walk(sup->stats, &sup->stack);
	v->have_stack = true;
	if (sup->stack.status != MJ_WALK_COMPLETE) {
		refuse(v, MJ_REASON_WALK, mj_walk_why_text(sup->stack.why));
		return;
	}
	v->broadcast = mj_stack_broadcast(&sup->stack);
	if (v->broadcast == MJ_BROADCAST_FOLLOWS && sup_broadcast_covers(process, thread, call)) {
		v->allow = true;
		return;
	}
	struct sup_known *known_allowed = known_slot(process, &sup->stack, &v->need);
	if (!makes_program(call) && is_known_allowed(known_allowed, &sup->stack, &v->need)) {
		v->allow = true;
		return;
	}
	struct question q = { .sup = sup, .image = process->image, .v = v };
	mj_inquiry_begin(&q.inquiry, process->image->policy, v->need, makes_program(call));
	enum mj_answer answer = ask_modules(&q);
	bool known = true;
	if (answer == MJ_ANSWER_NEXT || answer == MJ_ANSWER_SERVED) {
		known = sup_is_known(&sup->stack, q.ancestry, q.inquiry.search.any);
		answer = mj_inquiry_end(&q.inquiry, known);
	}
	conclude(&q, answer, known);
	if (!v->allow || v->logged)
		sup_own_act(sup, process, call, v);
	else if (sup->stack.walk_id)
		*known_allowed = (struct sup_known){ sup->stack.walk_id, sup->stack.ancestry_id,
			                             sup->stack.ancestry, v->need };
}

/* What all threads are told of a call that glibc makes on them, once one of them was refused it. */
static void
refuse_all(struct sup_verdict *v, int errnum, const char *why)
{
	v->errnum = errnum;
	refuse(v, MJ_REASON_UNATTRIBUTED, why);
}

/* As decide_by_stack, but a call that glibc makes on this thread for another one that one's stack decides; *where is the place
 * that was decided on. */
static void
decide_setxid(struct supervisor *sup, struct sup_process *process, struct sup_thread *thread,
              const struct mj_call *call, struct sup_where *where, struct sup_verdict *v)
{
	const struct sup_verdict undecided = *v;
	const struct mj_stack *stack = &sup->stack;
	struct sup_setxid setxid;
	decide_by_stack(sup, process, thread, call, where, v);
	if (stack->status != MJ_WALK_COMPLETE || stack->pcs[0]->frames[0].subject != MJ_SUBJECT_C)
		return;
	if (!sup_setxid_command(process, call, where->sp, &setxid)) {
		if (stack->root != MJ_ROOT_C || !sup_in_setxid_handler(process, where->sp))
			return;
		thread = sup_setxid_asker(sup, process, call, thread->tid, where, &setxid);
		if (!thread) {
			v->early = true;
			refuse_all(v, EPERM,
			           "glibc makes it on all threads, and who asked for it was not "
			           "found");
			return;
		}
		where->other = true;
		*v = undecided;
		decide_by_stack(sup, process, thread, call, where, v);
	}
	if (v->allow && setxid.error > 0)
		refuse_all(v, setxid.error,
		           "glibc makes it on all threads, and one of them was refused it");
}

/* For the message, while the thread still waits. Changes nothing of the verdict. */
static void
find_c_frames(struct supervisor *sup, struct sup_process *process, const struct mj_call *call,
              const struct sup_where *where, const struct sup_verdict *v)
{
	const struct mj_stack *stack = &sup->stack;
	if (!stack->npcs || stack->pcs[0]->frames[0].subject != MJ_SUBJECT_C ||
	    !sup_report_is_new(sup, call, process, v))
		return;
	struct mj_memory memory = { .read = sup_process_read,
		                    .code_ranges = sup_process_ranges,
		                    .ctx = process };
	MJ_AUTO_FREE struct mj_mapping *maps = NULL;
	MJ_AUTO_FREE char *text = NULL;
	size_t nmaps = sup_read_mappings(process->tgid, &maps, &text);
	sup->nc_frames = mj_c_frames(process->runtime, &memory, maps, nmaps, where->pc, where->sp,
	                             sup->c_frames, MJ_ARRAY_LEN(sup->c_frames));
}

static void
decide_by_ceiling(struct supervisor *sup, const struct sup_process *process, struct sup_verdict *v)
{
	if (!mj_grant_allows(&process->ceiling, v->need)) {
		v->capability = mj_grant_lacks(&process->ceiling, v->need);
		refuse(v, MJ_REASON_CEILING, "the program that executed this one may not do it");
		return;
	}
	if (process->kind == SUP_CEILING && sup->stats)
		sup->stats->ceiling_decisions++;
	v->allow = true;
}

/* While a policy is learned, no ceiling refuses anything; but who executed the program is to be allowed what it
 * needs. */
static void
learn_ceiling(const struct supervisor *sup, const struct sup_process *process,
              struct sup_verdict *v)
{
	if (!sup->args->learn || !process->executors || !v->allow || v->logged ||
	    mj_need_is_base(v->need))
		return;
	v->logged = true;
	v->reason = MJ_REASON_CEILING;
	v->capability = mj_grant_lacks(NULL, v->need);
}

static enum mj_reason
reason_of_unknown(const struct sup_process *process)
{
	const struct sup_image *image = process->image;
	/* The image may be the one before, if the process could not be read this time. */
	if (image && *image->misfit && process->unreadable == image->misfit)
		return MJ_REASON_PROGRAM;
	if (image && image->image && mj_image_kind(image->image) != MJ_IMAGE_GO)
		return MJ_REASON_OPAQUE;
	return MJ_REASON_UNREADABLE;
}

void
sup_decide(struct supervisor *sup, struct sup_process *process, struct sup_thread *thread,
           const struct mj_call *call, const struct sup_where *where, struct sup_verdict *v)
{
	memset(v, 0, sizeof(*v));
	v->subject = MJ_SUBJECT_STD;
	v->capability = MJ_CAP_COUNT;
	v->need = need_of(process, call);
	if (makes_program(call))
		v->stack_grant = mj_grant_all();
	sup->nc_frames = 0;
	if (process->kind == SUP_STUB) {
		/* Between the filter and its execve the stub makes no other call. */
		v->stub = v->allow = makes_program(call);
		if (!v->allow)
			refuse(v, MJ_REASON_UNREADABLE, "it has not started its program yet");
		return;
	}
	/* Whatever is, or is not, known of it: without its signals a runtime waits for ever. */
	if (sup_is_own_signal(process->tgid, call)) {
		v->allow = true;
		return;
	}
	if (process->kind == SUP_UNKNOWN) {
		v->capability = mj_grant_lacks(NULL, v->need);
		refuse(v, reason_of_unknown(process), process->unreadable);
		return;
	}
	decide_by_ceiling(sup, process, v);
	if (!v->allow || sup_packed_is_free(sup, call, v->need))
		return;
	struct sup_where at = *where;
	if (process->kind != SUP_CEILING) {
		v->allow = false;
		if (sup_is_setxid(call))
			decide_setxid(sup, process, thread, call, &at, v);
		else
			decide_by_stack(sup, process, thread, call, &at, v);
		if (v->allow && !sup_stays_readable(thread->tid, call))
			refuse(v, MJ_REASON_UNREADABLE,
			       "not once it has other ids, for modjail lacks CAP_SYS_PTRACE");
	}
	learn_ceiling(sup, process, v);
	if (!v->allow && v->capability == MJ_CAP_COUNT)
		v->capability = mj_grant_lacks(NULL, v->need);
	if ((!v->allow || v->logged) && !v->early)
		find_c_frames(sup, process, call, &at, v);
}
