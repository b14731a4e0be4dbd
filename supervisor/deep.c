/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls whose stacks take long to walk. The thread that answers notifications is one for all, so such a walk is put aside
 * and done piece by piece, while nobody else waits; its caller waits as for any other answer.
 *
 * - A call that was just received is walked for FIRST_STRIDES: nearly all stacks end there.
 * - Those put aside take turns of SLICE_NS. A turn ends as soon as another call waits.
 * - Who has just been answered is likely to call again at once, so no turn begins within QUIET_NS of that.
 * - Where others call without a pause, the walks get SHARE_NS of every SHARE_NS + OTHERS_NS, so that they come to their end.
 * - A call that has waited LIMIT_NS is refused.
 *
 * Each turn judges the call anew, by the records as they are then: the thread or the process may have been dropped
 * meanwhile, or its memory closed. What a walk keeps are frames of an image, which stays as long as the run, and where it
 * goes on. It belongs to one struct mj_runtime, which its serial tells from all others. That the caller still waits,
 * so that its stack is the same, the notification's id says, before a turn and when the answer is sent.
 */
#include "supervisor/internal.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_STRIDES 4
#define SLICE_NS UINT64_C(1000000)
#define MANY 8 /* beyond that, turns are shorter: each call is to have one in time */
#define QUIET_NS UINT64_C(100000)
#define SHARE_NS UINT64_C(100000)
#define OTHERS_NS UINT64_C(700000)
#define LIMIT_NS UINT64_C(10000000000)
#define STOPPED_NS UINT64_C(100000000) /* between two looks at the clock: modjail did not run */
#define MAX_BYTES ((size_t)64 << 20)   /* of all walks that were put aside */

/* Nanoseconds in which modjail ran. A stopped modjail (Ctrl-Z) walks nothing, and that is no caller's fault. */
static uint64_t
tick(struct sup_deep *deep)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	uint64_t now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	uint64_t passed = now - deep->seen;
	deep->seen = now;
	return deep->clock += passed < STOPPED_NS ? passed : STOPPED_NS;
}

/* Whether a call is to be received, or comes within ns. */
static bool
others_wait(const struct supervisor *sup, uint64_t ns)
{
	struct pollfd pfd = { .fd = sup->listener, .events = POLLIN };
	struct timespec wait = { .tv_nsec = (long)ns };
	return ppoll(&pfd, 1, &wait, NULL) == 1 && (pfd.revents & POLLIN);
}

/* ---- walks ---------------------------------------------------------------------------------- */

static bool
stop(void *ctx)
{
	struct supervisor *sup = ctx;
	struct sup_deep *deep = &sup->deep;
	if (!deep->current)
		return ++deep->strides >= FIRST_STRIDES;
	uint64_t taken = tick(deep) - deep->began;
	if (deep->contended)
		return taken >= SHARE_NS;
	return taken >= (deep->count < MANY ? SLICE_NS : SHARE_NS) || others_wait(sup, 0);
}

bool
sup_walk(struct supervisor *sup, struct sup_process *process, const struct mj_memory *memory,
         struct mj_thread_hint *hint, const struct sup_where *where)
{
	struct sup_deep *deep = &sup->deep;
	struct sup_deep_call *call = deep->current;
	const struct mj_pace pace = { stop, sup };
	if (deep->rest && deep->runtime_serial != process->runtime_serial)
		sup_walk_forget(sup);
	if (call && deep->clock - call->since >= LIMIT_NS) {
		mj_walk_give_up(&deep->rest, MJ_WHY_TOO_LONG, &sup->stack);
		return true;
	}
	deep->strides = 0;
	deep->runtime_serial = process->runtime_serial;
	mj_walk_paced(process->runtime, memory, hint, where->pc, where->sp, &pace, &deep->rest,
	              &sup->stack);
	return !deep->rest;
}

void
sup_walk_forget(struct supervisor *sup)
{
	mj_walk_rest_free(sup->deep.rest);
	sup->deep.rest = NULL;
}

/* ---- the queue ------------------------------------------------------------------------------ */

static void
append(struct sup_deep *deep, struct sup_deep_call *call)
{
	call->next = NULL;
	*(deep->first ? &deep->last->next : &deep->first) = call;
	deep->last = call;
	deep->count++;
}

bool
sup_deep_keep(struct supervisor *sup, const struct seccomp_notif *req)
{
	struct sup_deep *deep = &sup->deep;
	struct sup_deep_call *call = deep->current;
	if (!call) {
		call = calloc(1, sizeof(*call));
		if (!call)
			return false;
		call->req = *req;
		call->since = tick(deep);
		if (!deep->count && deep->others)
			deep->served = deep->clock;
		if (sup->stats)
			sup->stats->deep_walks++;
	}
	deep->current = NULL;
	deep->others = false;
	size_t bytes = mj_walk_rest_size(deep->rest);
	/* Where there is no room for it, the walk begins once more when there is. */
	if (deep->bytes + bytes > MAX_BYTES) {
		sup_walk_forget(sup);
		bytes = 0;
	}
	deep->bytes += call->bytes = bytes;
	call->rest = deep->rest;
	call->runtime_serial = deep->runtime_serial;
	deep->rest = NULL;
	append(deep, call);
	return true;
}

bool
sup_deep_turn(struct supervisor *sup)
{
	struct sup_deep *deep = &sup->deep;
	uint64_t quiet = tick(deep) - deep->served;
	deep->contended = others_wait(sup, quiet < QUIET_NS ? QUIET_NS - quiet : 0);
	return !deep->contended || tick(deep) >= deep->due;
}

const struct seccomp_notif *
sup_deep_take(struct supervisor *sup)
{
	struct sup_deep *deep = &sup->deep;
	struct sup_deep_call *call = deep->first;
	deep->first = call->next;
	deep->count--;
	deep->bytes -= call->bytes;
	deep->rest = call->rest;
	deep->runtime_serial = call->runtime_serial;
	call->rest = NULL;
	call->bytes = 0;
	deep->current = call;
	deep->began = tick(deep);
	return &call->req;
}

void
sup_deep_leave(struct supervisor *sup)
{
	struct sup_deep *deep = &sup->deep;
	sup_walk_forget(sup);
	free(deep->current); /* unless it was put aside once more */
	deep->current = NULL;
	deep->due = tick(deep) + OTHERS_NS;
}

void
sup_deep_served(struct supervisor *sup)
{
	struct sup_deep *deep = &sup->deep;
	if (deep->current)
		return;
	deep->others = true;
	if (deep->count)
		deep->served = tick(deep);
}

void
sup_deep_free(struct supervisor *sup)
{
	struct sup_deep *deep = &sup->deep;
	while (deep->first) {
		struct sup_deep_call *call = deep->first;
		deep->first = call->next;
		mj_walk_rest_free(call->rest);
		free(call);
	}
	sup_walk_forget(sup);
	free(deep->current);
	*deep = (struct sup_deep){ 0 };
}
