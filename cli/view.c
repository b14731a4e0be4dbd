/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static const char *
subject_name(const struct mj_image *image, int subject)
{
	if (subject == MJ_SUBJECT_STD)
		return "std";
	if (subject < 0 || !image || (size_t)subject >= mj_image_module_count(image))
		return "c";
	const char *path = mj_image_module(image, (size_t)subject)->path;
	return *path ? path : "main";
}

/* Who is blamed, by the reason: only a policy's refusal has one module to name. */
static void
set_blame(const struct mj_refusal *refusal, struct cli_view *view)
{
	switch (refusal->reason) {
	case MJ_REASON_POLICY:
		view->module = subject_name(refusal->image, refusal->subject);
		if (refusal->subject >= 0 && refusal->image &&
		    (size_t)refusal->subject < mj_image_module_count(refusal->image))
			view->version =
				mj_image_module(refusal->image, (size_t)refusal->subject)->version;
		break;
	case MJ_REASON_UNATTRIBUTED:
		view->module = "unattributed";
		break;
	case MJ_REASON_C:
		view->module = "c";
		break;
	default:
		break;
	}
}

static int
set_frame(const struct mj_image *image, const struct mj_frame *frame, struct cli_frame *ret)
{
	const char *name = frame->function;
	if (!*name && frame->subject == MJ_SUBJECT_C)
		name = "(C code)";
	size_t len = strlen(name) + 8; /* unescaping shortens, type arguments become [...] */
	char *function = calloc(1, len);
	if (!function)
		return -1;
	mj_function_display(name, function, len);
	*ret = (struct cli_frame){
		.function = function,
		.file = frame->file,
		.line = frame->line,
		.module = subject_name(image, frame->subject),
		.is_std = frame->subject == MJ_SUBJECT_STD,
		.is_c = frame->subject == MJ_SUBJECT_C,
		.inlined = frame->inlined,
	};
	return 0;
}

/* What set_frames goes through: the stack itself, then each creator. */
struct part {
	const struct mj_pc *const *pcs;
	size_t npcs;
	uint64_t goid;
};

static struct part
get_part(const struct mj_stack *stack, size_t ancestor)
{
	if (ancestor == 0)
		return (struct part){ stack->pcs, stack->npcs, stack->goid };
	const struct mj_ancestor *a = &stack->ancestors[ancestor - 1];
	return (struct part){ a->pcs, a->npcs, a->goid };
}

/* The C code that the stack begins with, in as many frames as are known of it. */
static int
add_c_frames(const struct mj_refusal *refusal, const struct part *part, struct cli_view *view)
{
	for (size_t i = 0; i < refusal->nc_frames; i++) {
		char *text = strdup(refusal->c_frames[i].text);
		if (!text)
			return -1;
		view->frames[view->nframes++] = (struct cli_frame){ .function = text,
			                                            .file = "",
			                                            .module = "c",
			                                            .is_c = true,
			                                            .goid = part->goid };
	}
	return 0;
}

static int
add_part(const struct mj_refusal *refusal, size_t ancestor, struct cli_view *view)
{
	struct part part = get_part(refusal->stack, ancestor);
	bool blame = refusal->reason == MJ_REASON_POLICY && ancestor == refusal->blamed_ancestor;
	for (size_t i = 0; i < part.npcs; i++) {
		const struct mj_pc *pc = part.pcs[i];
		if (blame && i == refusal->blamed_pc && refusal->blamed_frame < pc->nframes)
			view->blamed = view->nframes + refusal->blamed_frame;
		if (ancestor == 0 && i == 0 && refusal->nc_frames) {
			if (add_c_frames(refusal, &part, view) < 0)
				return -1;
			continue;
		}
		for (unsigned j = 0; j < pc->nframes; j++) {
			struct cli_frame *frame = &view->frames[view->nframes];
			if (set_frame(refusal->image, &pc->frames[j], frame) < 0)
				return -1;
			frame->ancestor = ancestor;
			frame->goid = part.goid;
			view->nframes++;
		}
	}
	return 0;
}

static int
set_frames(const struct mj_refusal *refusal, struct cli_view *view)
{
	const struct mj_stack *stack = refusal->stack;
	size_t total = refusal->nc_frames;
	for (size_t a = 0; a <= stack->nancestors; a++) {
		struct part part = get_part(stack, a);
		for (size_t i = 0; i < part.npcs; i++)
			total += part.pcs[i]->nframes;
	}
	view->frames = calloc(total + 1, sizeof(*view->frames));
	if (!view->frames)
		return -1;
	for (size_t a = 0; a <= stack->nancestors; a++) {
		if (add_part(refusal, a, view) < 0)
			return -1;
		if (a == 0)
			view->nstack = view->nframes;
	}
	return 0;
}

int
cli_view_make(const struct mj_refusal *refusal, bool repeated, struct cli_view *ret)
{
	static const enum cli_event events[] = {
		[MJ_ACTION_DEFAULT] = CLI_REFUSED,
		[MJ_ACTION_ERRNO] = CLI_REFUSED,
		[MJ_ACTION_KILL] = CLI_KILLED,
		[MJ_ACTION_LOG] = CLI_ALLOWED,
	};
	const char *capability = mj_cap_name(refusal->capability);
	struct cli_view view = {
		.event = repeated ? CLI_REPEATED : events[refusal->action],
		.time = refusal->time,
		.pid = refusal->pid,
		.tid = refusal->tid,
		.call = refusal->call,
		.call_name = mj_call_name(refusal->call.nr),
		.capability = capability ? capability : "",
		.reason = refusal->reason,
		.detail = refusal->detail ? refusal->detail : "",
		.program = refusal->program ? refusal->program : "",
		.version = "",
		.rule = refusal->rule,
		.count = refusal->count,
		.blamed = CLI_NO_FRAME,
		.through = refusal->action == MJ_ACTION_LOG,
		.need = refusal->need,
		.main_module = refusal->image ? mj_image_main_module(refusal->image) : "",
		.nmodules = refusal->nmodules,
		.modules = refusal->modules,
	};
	if (refusal->action == MJ_ACTION_ERRNO && refusal->errnum)
		view.errno_name = strerrorname_np(refusal->errnum);
	set_blame(refusal, &view);
	if (refusal->stack) {
		if (refusal->stack->depth > refusal->stack->npcs)
			view.nfolded = refusal->stack->depth - refusal->stack->npcs;
		view.too_deep = refusal->stack->why == MJ_WHY_TOO_LONG;
		view.walk_failed = refusal->stack->status != MJ_WALK_COMPLETE;
		view.why_pc = refusal->stack->why_pc;
		if (set_frames(refusal, &view) < 0) {
			cli_view_finish(&view);
			return -1;
		}
	}
	*ret = view;
	return 0;
}

void
cli_view_finish(struct cli_view *view)
{
	for (size_t i = 0; i < view->nframes; i++)
		free(view->frames[i].function);
	free(view->frames);
	view->frames = NULL;
	view->nframes = 0;
}
