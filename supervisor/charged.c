/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has to be allowed a call: the modules of the whole stack, the unattributed where the decision asks
 * them, and those who executed the program that makes it. A decision can stop at the first who may not;
 * records name all of them, so that a policy can be learned from them.
 */
#include "supervisor/internal.h"

#include <stdlib.h>
#include <string.h>

/* A set under construction, in order of addition. */
struct builder {
	const char **names;
	size_t count, room;
	bool failed; /* out of memory */
};

static void
add(struct builder *b, const char *name)
{
	for (size_t i = 0; i < b->count; i++)
		if (strcmp(b->names[i], name) == 0)
			return;
	if (b->count == b->room) {
		size_t room = 2 * b->room + 8;
		const char **names = realloc(b->names, room * sizeof(*names));
		if (!names) {
			b->failed = true;
			return;
		}
		b->names = names;
		b->room = room;
	}
	b->names[b->count++] = name;
}

static void
add_all(struct builder *b, const struct sup_names *names)
{
	for (size_t i = 0; names && i < names->count; i++)
		add(b, names->names[i]);
}

/* NULL for an empty set, or if memory runs out. */
static struct sup_names *
finish(struct builder *b)
{
	struct sup_names *ret = NULL;
	if (b->count && !b->failed)
		ret = malloc(sizeof(*ret) + b->count * sizeof(ret->names[0]));
	if (ret) {
		ret->refs = 1;
		ret->count = b->count;
		memcpy(ret->names, b->names, b->count * sizeof(ret->names[0]));
	}
	b->failed |= b->count && !ret;
	free(b->names);
	b->names = NULL;
	return ret;
}

struct sup_names *
sup_names_ref(struct sup_names *names)
{
	if (names)
		names->refs++;
	return names;
}

void
sup_names_unref(struct sup_names *names)
{
	if (names && --names->refs == 0)
		free(names);
}

static void
add_module(struct builder *b, const struct mj_image *image, int subject)
{
	if (subject < 0 || (size_t)subject >= mj_image_module_count(image))
		return;
	const char *path = mj_image_module(image, (size_t)subject)->path;
	add(b, *path ? path : "main");
}

static void
add_frame(struct builder *b, const struct mj_image *image, const struct mj_frame *frame, int *last)
{
	/* Most frames belong to the module of the frame before. */
	if (frame->subject != *last)
		add_module(b, image, frame->subject);
	*last = frame->subject;
	for (unsigned s = 0; s < frame->nsuspects; s++)
		add_module(b, image, frame->suspects[s]);
}

/* False: nobody further outwards is to be asked. creator: whose frames they are, NULL for the stack's own. whole: no frames were
 * left out between them. */
static bool
add_frames(struct builder *b, struct sup_image *image, const struct mj_pc *const *pcs, size_t npcs,
           bool whole, const struct mj_ancestor *creator, struct mj_search *search)
{
	struct sup_asked asked;
	const struct mj_frame *inner = NULL;
	int last = MJ_SUBJECT_STD;
	for (size_t i = 0; i < npcs; i++) {
		for (unsigned f = 0; f < pcs[i]->nframes; f++) {
			const struct mj_frame *frame = &pcs[i]->frames[f];
			bool starts = creator && mj_is_go_statement(creator, i, f);
			sup_frame_ask(image, frame, inner, &asked);
			add_frame(b, image->image, frame, &last);
			inner = whole ? frame : NULL;
			if (!mj_search_frame(search, asked.rules, asked.n, asked.named,
			                     asked.doubtful, starts))
				return false;
		}
	}
	return true;
}

static void
add_stack(struct builder *b, const struct supervisor *sup, struct sup_image *image)
{
	const struct mj_stack *stack = &sup->stack;
	struct mj_search search = { 0 };
	enum mj_ancestry ancestry = stack->ancestry;
	bool goes_on = add_frames(b, image, stack->pcs, stack->npcs, stack->depth <= stack->npcs,
	                          NULL, &search);
	for (size_t i = 0; i < stack->nancestors && goes_on; i++) {
		const struct mj_ancestor *creator = &stack->ancestors[i];
		goes_on = add_frames(b, image, creator->pcs, creator->npcs, true, creator, &search);
		if (!goes_on)
			ancestry = mj_stack_ancestry(stack, i + 1);
	}
	if (!mj_search_knows(&search, sup_is_known(stack, ancestry, search.any)))
		add(b, "unattributed");
}

static struct sup_names *
made(struct supervisor *sup, struct builder *b)
{
	struct sup_names *names = finish(b);
	if (b->failed)
		sup_notice(sup, MJ_NOTICE_ERROR,
		           "out of memory: a record does not name all modules");
	return names;
}

struct sup_names *
sup_charged(struct supervisor *sup, const struct sup_process *process, const struct sup_verdict *v)
{
	struct builder b = { 0 };
	if (!process || v->reason == MJ_REASON_WALK || v->reason == MJ_REASON_UNREADABLE ||
	    v->reason == MJ_REASON_OPAQUE || v->reason == MJ_REASON_PROGRAM)
		return NULL;
	if (v->have_stack && !v->own_act)
		add_stack(&b, sup, process->image);
	add_all(&b, process->executors);
	return made(sup, &b);
}

/* ---- who executed what ---------------------------------------------------------------------- */

void
sup_executors_exec(struct supervisor *sup, struct sup_process *process, const struct sup_verdict *v)
{
	struct builder b = { 0 };
	if (v->have_stack && sup->stack.status == MJ_WALK_COMPLETE)
		add_stack(&b, sup, process->image);
	add_all(&b, process->executors);
	if (process->exec_pending)
		add_all(&b, process->pending_executors);
	sup_names_unref(process->pending_executors);
	process->pending_executors = made(sup, &b);
	if (!process->forked)
		return;
	sup_names_unref(process->executors);
	process->executors = sup_names_ref(process->pending_executors);
}

/* As sup_executors_exec leaves them, of two sets. */
static struct sup_names *
unite(struct supervisor *sup, const struct sup_names *a, const struct sup_names *b)
{
	struct builder both = { 0 };
	add_all(&both, a);
	add_all(&both, b);
	return made(sup, &both);
}

void
sup_executors_done(struct supervisor *sup, struct sup_process *process)
{
	sup_names_unref(process->executors);
	process->executors = process->pending_executors;
	process->pending_executors = NULL;
	struct sup_image *image = process->image;
	if (!image || !process->executors)
		return;
	struct sup_names *all = unite(sup, image->executors, process->executors);
	sup_names_unref(image->executors);
	image->executors = all;
}

void
sup_executors_inherit(struct supervisor *sup, struct sup_process *process,
                      const struct sup_process *parent)
{
	sup_names_unref(process->executors);
	if (!parent)
		process->executors =
			process->image ? sup_names_ref(process->image->executors) : NULL;
	else if (parent->exec_pending)
		process->executors = unite(sup, parent->executors, parent->pending_executors);
	else
		process->executors = sup_names_ref(parent->executors);
}

void
sup_executors_drop(struct sup_process *process)
{
	sup_names_unref(process->executors);
	sup_names_unref(process->pending_executors);
	process->executors = process->pending_executors = NULL;
}
