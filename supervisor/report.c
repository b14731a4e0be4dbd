/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals as records: the first of a kind in full, its repetitions counted. */
#include "supervisor/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REPEATS 4096
#define HASHED_FRAMES                                                                              \
	64 /* of a stack: enough to tell places apart; all, while a policy is learned */
#define HASH_START UINT64_C(1469598103934665603) /* FNV-1a, by words */

/* The same call for the same reason from the same stack, in the same program. */
struct repeat_key {
	uint64_t stack_hash;
	const struct sup_image *image;
	int nr;
	int reason;
	unsigned row;   /* what the arguments made of the call */
	uint64_t extra; /* what else makes the difference: see hash_rest */
};

struct sup_repeat {
	struct repeat_key key;
	uint64_t count;
	struct mj_refusal first;   /* without what was borrowed */
	struct sup_names *charged; /* of first */
	UT_hash_handle hh;
};

static const char *const reason_names[] = {
	[MJ_REASON_POLICY] = "policy",
	[MJ_REASON_UNATTRIBUTED] = "unattributed",
	[MJ_REASON_C] = "c",
	[MJ_REASON_CEILING] = "ceiling",
	[MJ_REASON_WALK] = "incomplete-walk",
	[MJ_REASON_UNREADABLE] = "unreadable",
	[MJ_REASON_OPAQUE] = "no-tables",
	[MJ_REASON_PROGRAM] = "program",
};

const char *
mj_reason_name(enum mj_reason reason)
{
	return (unsigned)reason < MJ_ARRAY_LEN(reason_names) ? reason_names[reason] : "unknown";
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * UINT64_C(1099511628211);
}

static uint64_t
hash_stack(const struct supervisor *sup, const struct sup_verdict *v)
{
	uint64_t hash = HASH_START;
	if (!v->have_stack)
		return hash;
	size_t most = sup->args->learn ? SIZE_MAX : HASHED_FRAMES;
	for (size_t i = 0; i < sup->stack.npcs && i < most; i++)
		hash = mix(hash, sup->stack.pcs[i]->pc);
	for (size_t i = 0; i < sup->stack.nancestors; i++)
		for (size_t k = 0; k < sup->stack.ancestors[i].npcs; k++)
			hash = mix(hash, sup->stack.ancestors[i].pcs[k]->pc);
	return mix(hash, sup->stack.why_pc);
}

/* What the same call from the same place can differ in: what it needs in this process, who executed the
 * program, and what is known of its creators. */
static uint64_t
hash_rest(const struct supervisor *sup, const struct sup_process *process,
          const struct sup_verdict *v)
{
	uint64_t hash = mix(mix(HASH_START, v->need.all), v->need.any);
	const struct sup_names *executors = process ? process->executors : NULL;
	for (size_t i = 0; executors && i < executors->count; i++)
		hash = mix(hash, (uintptr_t)executors->names[i]);
	if (v->have_stack)
		hash = mix(mix(hash, sup->stack.root), sup->stack.ancestry);
	return hash;
}

static struct repeat_key
make_key(const struct supervisor *sup, const struct mj_call *call,
         const struct sup_process *process, const struct sup_verdict *v)
{
	struct repeat_key key;
	memset(&key, 0, sizeof(key)); /* no padding left undefined */
	key.stack_hash = hash_stack(sup, v);
	key.image = process ? process->image : NULL;
	key.nr = call->nr;
	key.reason = (int)v->reason;
	key.row = v->need.row;
	key.extra = hash_rest(sup, process, v);
	return key;
}

bool
sup_report_is_new(struct supervisor *sup, const struct mj_call *call,
                  const struct sup_process *process, const struct sup_verdict *v)
{
	struct sup_repeat *repeat;
	struct repeat_key key = make_key(sup, call, process, v);
	HASH_FIND(hh, sup->repeats, &key, sizeof(key), repeat);
	return !repeat;
}

/* Counts a refusal; true if it is the first of its kind, which *ret then remembers, or there are too many
 * kinds to tell (*ret is NULL). */
static bool
is_first(struct supervisor *sup, const struct mj_refusal *refusal, const struct repeat_key *key,
         struct sup_repeat **ret)
{
	struct sup_repeat *repeat;
	*ret = NULL;
	HASH_FIND(hh, sup->repeats, key, sizeof(*key), repeat);
	if (repeat) {
		repeat->count++;
		repeat->first.time = refusal->time;
		return false;
	}
	if (sup->nrepeats >= MAX_REPEATS)
		return true;
	repeat = calloc(1, sizeof(*repeat));
	if (!repeat)
		return true;
	repeat->key = *key;
	repeat->count = 1;
	repeat->first = *refusal;
	repeat->first.stack = NULL;
	repeat->first.detail = NULL;
	repeat->first.nc_frames = 0;
	repeat->first.c_frames = NULL;
	HASH_ADD(hh, sup->repeats, key, sizeof(repeat->key), repeat);
	if (mj_hash_added(repeat)) {
		sup->nrepeats++;
		*ret = repeat;
	} else {
		free(repeat);
	}
	return true;
}

static void
set_charged(struct mj_refusal *refusal, const struct sup_names *charged)
{
	refusal->modules = charged ? charged->names : NULL;
	refusal->nmodules = charged ? charged->count : 0;
}

void
sup_report(struct supervisor *sup, const struct seccomp_notif *req, const struct mj_call *call,
           const struct sup_process *process, const struct sup_verdict *v, enum mj_action action,
           int errnum)
{
	const struct sup_image *image = process ? process->image : NULL;
	struct mj_refusal refusal = {
		.pid = process ? process->tgid : (pid_t)req->pid,
		.tid = (pid_t)req->pid,
		.call = *call,
		.ip = req->data.instruction_pointer,
		.reason = v->reason,
		.detail = v->detail,
		.capability = v->capability,
		.need = v->need,
		.action = action,
		.errnum = errnum,
		.rule = v->rule,
		.image = image ? image->image : NULL,
		.stack = v->have_stack ? &sup->stack : NULL,
		.subject = v->subject,
		.blamed_pc = v->blamed_pc,
		.blamed_frame = v->blamed_frame,
		.blamed_ancestor = v->blamed_ancestor,
		.nc_frames = v->have_stack ? sup->nc_frames : 0,
		.c_frames = sup->c_frames,
		.program = image && image->path ? image->path : "",
		.count = 1,
	};
	clock_gettime(CLOCK_REALTIME, &refusal.time);
	struct repeat_key key = make_key(sup, call, process, v);
	struct sup_repeat *repeat;
	if (!is_first(sup, &refusal, &key, &repeat) || !sup->args->reporter.refusal)
		return;
	struct sup_names *charged = sup_charged(sup, process, v);
	set_charged(&refusal, charged);
	if (repeat) {
		set_charged(&repeat->first, charged);
		repeat->charged = sup_names_ref(charged);
	}
	pthread_mutex_lock(&sup->report_lock);
	sup->args->reporter.refusal(sup->args->reporter.ctx, &refusal);
	pthread_mutex_unlock(&sup->report_lock);
	sup_names_unref(charged);
}

void
sup_report_repeats(struct supervisor *sup)
{
	struct sup_repeat *repeat, *next;
	HASH_ITER (hh, sup->repeats, repeat, next) {
		HASH_DEL(sup->repeats, repeat);
		repeat->first.count = repeat->count;
		if (repeat->count > 1 && sup->args->reporter.repeated)
			sup->args->reporter.repeated(sup->args->reporter.ctx, &repeat->first);
		sup_names_unref(repeat->charged);
		free(repeat);
	}
	sup->nrepeats = 0;
}

void
sup_notice(struct supervisor *sup, enum mj_notice_level level, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	if (!sup->args->reporter.notice)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&sup->report_lock);
	sup->args->reporter.notice(sup->args->reporter.ctx, level, text);
	pthread_mutex_unlock(&sup->report_lock);
}
