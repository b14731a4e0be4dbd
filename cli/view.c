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
	size_t len = strlen(frame->function) + 1; /* unescaping only shortens */
	char *function = calloc(1, len);
	if (!function)
		return -1;
	mj_function_display(frame->function, function, len);
	*ret = (struct cli_frame){
		.function = function,
		.file = frame->file,
		.line = frame->line,
		.module = subject_name(image, frame->subject),
		.is_std = frame->subject == MJ_SUBJECT_STD,
		.inlined = frame->inlined,
	};
	return 0;
}

static int
set_frames(const struct mj_refusal *refusal, struct cli_view *view)
{
	const struct mj_stack *stack = refusal->stack;
	size_t total = 0;
	for (size_t i = 0; i < stack->npcs; i++)
		total += stack->pcs[i]->nframes;
	view->frames = calloc(total + 1, sizeof(*view->frames));
	if (!view->frames)
		return -1;
	for (size_t i = 0; i < stack->npcs; i++) {
		const struct mj_pc *pc = stack->pcs[i];
		if (refusal->reason == MJ_REASON_POLICY && i == refusal->blamed_pc &&
		    refusal->blamed_frame < pc->nframes)
			view->blamed = view->nframes + refusal->blamed_frame;
		for (unsigned j = 0; j < pc->nframes; j++) {
			if (set_frame(refusal->image, &pc->frames[j],
			              &view->frames[view->nframes]) < 0)
				return -1;
			view->nframes++;
		}
	}
	return 0;
}

int
cli_view_make(const struct mj_refusal *refusal, enum mj_on_deny on_deny, bool repeated,
              struct cli_view *ret)
{
	static const enum cli_event events[] = {
		[MJ_ON_DENY_ERRNO] = CLI_REFUSED,
		[MJ_ON_DENY_KILL] = CLI_KILLED,
		[MJ_ON_DENY_LOG] = CLI_ALLOWED,
	};
	const char *capability = mj_cap_name(refusal->capability);
	struct cli_view view = {
		.event = repeated ? CLI_REPEATED : events[on_deny],
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
		.count = refusal->count,
		.blamed = CLI_NO_FRAME,
	};
	if (on_deny == MJ_ON_DENY_ERRNO && refusal->errnum)
		view.errno_name = strerrorname_np(refusal->errnum);
	set_blame(refusal, &view);
	if (refusal->stack) {
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
