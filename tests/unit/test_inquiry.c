/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision against a slow reference that is obviously right, and laws that hold for whatever policy
 * and whatever stack. Random, but the same each time: a failure prints the seed of its case, and
 * MJ_SEED=N runs that case alone.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/table.h"

#define CASES 40000
#define POLICIES_EVERY 20 /* cases that one policy is used for */
#define MODULES 5
#define FRAMES_MAX 7
#define ITEMS_MAX 4
#define SUBJECTS_MAX 4

static const char *const names[MODULES] = { "main", "a.example/a", "b.example/b", "c.example/c",
	                                    "d.example/d" };

/* ---- chance --------------------------------------------------------------------------------- */

/* splitmix64 */
static uint64_t
draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned
below(uint64_t *state, unsigned limit)
{
	return (unsigned)(draw(state) % limit);
}

static bool
one_in(uint64_t *state, unsigned n)
{
	return below(state, n) == 0;
}

/* ---- a policy as it is written -------------------------------------------------------------- */

/* What a rule says, in words: the reference knows no compiled grants. */
struct ref_rule {
	mj_caps caps;
	int calls[ITEMS_MAX]; /* numbers */
	size_t ncalls;
	enum mj_action action;
	bool privileged, pool;
};

/* The last two rules: the default, and that of the unattributed. */
enum { DEFAULT = MODULES, UNATTRIBUTED, RULES };

struct ref_policy {
	struct ref_rule rules[RULES];
	bool named[RULES]; /* for UNATTRIBUTED: was set */
	enum mj_action action;
};

static mj_caps
draw_caps(uint64_t *state)
{
	switch (below(state, 4)) {
	case 0:
		return 0;
	case 1:
		return MJ_CAPS_ALL;
	case 2:
		return draw(state) & MJ_CAPS_ALL;
	default:
		return (draw(state) | draw(state)) & MJ_CAPS_ALL;
	}
}

static struct ref_rule
draw_rule(uint64_t *state, bool of_module)
{
	struct ref_rule rule = { .caps = draw_caps(state) };
	for (unsigned n = below(state, ITEMS_MAX); n > 0; n--)
		rule.calls[rule.ncalls++] = mj_call_at(below(state, (unsigned)mj_call_count()));
	if (one_in(state, 4))
		rule.action = one_in(state, 2) ? MJ_ACTION_LOG : MJ_ACTION_ERRNO;
	rule.privileged = of_module && one_in(state, 3);
	rule.pool = of_module && one_in(state, 2);
	return rule;
}

static struct ref_policy
draw_policy(uint64_t *state)
{
	struct ref_policy policy = { 0 };
	for (int i = 0; i < RULES; i++) {
		policy.rules[i] = draw_rule(state, i < MODULES);
		policy.named[i] = i == DEFAULT || !one_in(state, 4);
	}
	if (one_in(state, 6))
		policy.action = MJ_ACTION_LOG;
	return policy;
}

static struct mj_grant
grant_of_rule(const struct ref_rule *rule)
{
	struct mj_grant grant = mj_grant_of(rule->caps);
	for (size_t i = 0; i < rule->ncalls; i++) {
		struct mj_grant item;
		if (!mj_grant_parse_item(mj_call_name(rule->calls[i]), &item))
			ck_abort_msg("an item is not known");
		grant = mj_grant_union(grant, item);
	}
	return grant;
}

static struct mj_policy *
make_policy(const struct ref_policy *ref)
{
	struct mj_policy *policy;
	if (mj_policy_create(&policy, NULL) < 0)
		ck_abort_msg("no policy");
	for (int i = 0; i < RULES; i++) {
		struct mj_rule rule = { .grant = grant_of_rule(&ref->rules[i]),
			                .action = ref->rules[i].action,
			                .privileged = ref->rules[i].privileged,
			                .pool = ref->rules[i].pool,
			                .origin = { .source = MJ_SOURCE_FILE } };
		int rc = 0;
		if (i == DEFAULT)
			rc = mj_policy_set_default(policy, &rule, NULL);
		else if (i == UNATTRIBUTED && ref->named[i])
			rc = mj_policy_set_unattributed(policy, &rule, NULL);
		else if (i < MODULES && ref->named[i])
			rc = mj_policy_set_rule(policy, names[i], &rule, NULL);
		if (rc != 0)
			ck_abort_msg("a rule cannot be set");
	}
	mj_policy_set_action(policy, ref->action, 0);
	return policy;
}

/* ---- stacks --------------------------------------------------------------------------------- */

struct frame {
	int modules[SUBJECTS_MAX];
	size_t n; /* 0: the standard library's */
	bool named, doubtful;
	bool starts; /* a creator's go statement stands in it */
};

struct stack {
	struct frame frames[FRAMES_MAX];
	size_t n;
	bool known; /* how it ends */
};

static struct frame
draw_frame(uint64_t *state)
{
	struct frame frame = { .doubtful = one_in(state, 8), .starts = one_in(state, 3) };
	if (one_in(state, 4))
		return frame;
	for (size_t want = one_in(state, 2) ? 1 : 1 + below(state, SUBJECTS_MAX); frame.n < want;)
		frame.modules[frame.n++] = (int)below(state, MODULES);
	frame.named = !one_in(state, 5);
	return frame;
}

static struct stack
draw_stack(uint64_t *state)
{
	struct stack stack = { .n = below(state, FRAMES_MAX + 1), .known = !one_in(state, 4) };
	for (size_t i = 0; i < stack.n; i++)
		stack.frames[i] = draw_frame(state);
	return stack;
}

/* ---- the reference -------------------------------------------------------------------------- */

/* A call: a row of the table, or (call NULL) a number that the table lacks. */
struct asked {
	const struct mj_table_call *call;
	size_t row;
};

static struct mj_need
need_of(struct asked asked)
{
	if (!asked.call)
		return mj_call_need(&(struct mj_call){ .nr = 100000 });
	const struct mj_row *row = &asked.call->rows[asked.row];
	return (struct mj_need){ .all = row->all,
		                 .any = row->any,
		                 .known = true,
		                 .row = asked.call->first_row + (unsigned)asked.row + 1 };
}

static bool
ref_has_caps(mj_caps caps, struct mj_need need)
{
	for (int cap = 0; cap < MJ_CAP_COUNT; cap++)
		if ((need.all >> cap & 1) && !(caps >> cap & 1))
			return false;
	for (int cap = 0; cap < MJ_CAP_COUNT; cap++)
		if ((need.any >> cap & 1) && (caps >> cap & 1))
			return true;
	return !need.any;
}

static bool
ref_rule_allows(const struct ref_rule *rule, struct asked asked)
{
	for (size_t i = 0; asked.call && i < rule->ncalls; i++)
		if (rule->calls[i] == asked.call->nr)
			return true;
	mj_caps caps = rule->caps;
	if (caps & MJ_CAP(FILES_READ)) /* includes it, see docs/POLICY.md */
		caps |= MJ_CAP(FILES_STAT);
	return ref_has_caps(caps, need_of(asked));
}

static int
ref_rule_of(const struct ref_policy *policy, int module)
{
	return policy->named[module] ? module : DEFAULT;
}

/* What every module may do, if nothing is said of the unattributed. */
static bool
ref_unattributed_allows(const struct ref_policy *policy, struct asked asked)
{
	if (policy->named[UNATTRIBUTED])
		return ref_rule_allows(&policy->rules[UNATTRIBUTED], asked);
	for (int i = 0; i <= DEFAULT; i++)
		if (policy->named[i] && !ref_rule_allows(&policy->rules[i], asked))
			return false;
	return true;
}

static bool
ref_logs(const struct ref_policy *policy, int rule)
{
	enum mj_action action = policy->rules[rule].action;
	if (rule == UNATTRIBUTED && !policy->named[rule])
		action = MJ_ACTION_DEFAULT;
	if (action == MJ_ACTION_DEFAULT)
		action = policy->action;
	return action == MJ_ACTION_LOG;
}

/* Whether a subject lets the call through: because it may make it, or because it only logs. */
static bool
ref_passes(const struct ref_policy *policy, int rule, struct asked asked)
{
	bool may = rule == UNATTRIBUTED ? ref_unattributed_allows(policy, asked)
	                                : ref_rule_allows(&policy->rules[rule], asked);
	return may || ref_logs(policy, rule);
}

static bool
ref_is_privileged(const struct ref_policy *policy, const struct frame *frame, struct asked asked)
{
	for (size_t i = 0; i < frame->n; i++) {
		int rule = ref_rule_of(policy, frame->modules[i]);
		if (!policy->rules[rule].privileged ||
		    !ref_rule_allows(&policy->rules[rule], asked))
			return false;
	}
	return frame->n > 0 && frame->named && !frame->doubtful;
}

static size_t
ref_pools(const struct ref_policy *policy, const struct frame *frame)
{
	size_t pools = 0;
	for (size_t i = 0; i < frame->n; i++)
		pools += policy->rules[ref_rule_of(policy, frame->modules[i])].pool;
	return pools;
}

/* The search through the creators ends here. */
static bool
ref_is_pool(const struct ref_policy *policy, const struct frame *frame)
{
	return frame->starts && frame->n > 0 && ref_pools(policy, frame) == frame->n &&
	       frame->named && !frame->doubtful;
}

/* A pool may have started the goroutine here, and who is nearest to the call, up to here, may be a pool, or is nobody. */
static bool
ref_is_handed_over(const struct ref_policy *policy, const struct stack *stack, size_t at)
{
	size_t nearest = 0;
	while (nearest < at && !(stack->frames[nearest].n > 0 && stack->frames[nearest].named))
		nearest++;
	bool somebody = stack->frames[nearest].n > 0 && stack->frames[nearest].named &&
	                ref_pools(policy, &stack->frames[nearest]) == 0;
	return stack->frames[at].starts && ref_pools(policy, &stack->frames[at]) > 0 && !somebody;
}

/* Marks who has to be asked, all at once; whether all of them let the call through is the verdict. */
static void
ref_who(const struct ref_policy *policy, const struct stack *stack, struct asked asked,
        bool ret[RULES])
{
	size_t end =
		0; /* frames up to the innermost privileged one, or a pool's go statement, that one included */
	bool privileged = false, pool = false;
	memset(ret, 0, RULES * sizeof(*ret));
	while (end < stack->n && !privileged && !pool) {
		privileged = ref_is_privileged(policy, &stack->frames[end], asked);
		pool = ref_is_pool(policy, &stack->frames[end++]);
	}
	for (size_t i = 0; i < end; i++) {
		for (size_t m = 0; m < stack->frames[i].n; m++)
			ret[ref_rule_of(policy, stack->frames[i].modules[m])] = true;
		if (stack->frames[i].doubtful || ref_is_handed_over(policy, stack, i))
			ret[UNATTRIBUTED] = true;
	}
	if (!privileged && !stack->known)
		ret[UNATTRIBUTED] = true;
}

static bool
ref_decide(const struct ref_policy *policy, const struct stack *stack, struct asked asked)
{
	bool who[RULES];
	ref_who(policy, stack, asked, who);
	for (int i = 0; i < RULES; i++)
		if (who[i] && !ref_passes(policy, i, asked))
			return false;
	return true;
}

/* Whether the call is reported though it goes through. */
static bool
ref_reports(const struct ref_policy *policy, const struct stack *stack, struct asked asked)
{
	bool who[RULES];
	ref_who(policy, stack, asked, who);
	for (int i = 0; i < RULES; i++) {
		bool may = i == UNATTRIBUTED ? ref_unattributed_allows(policy, asked)
		                             : ref_rule_allows(&policy->rules[i], asked);
		if (who[i] && !may)
			return true;
	}
	return false;
}

/* What a program may do that is executed so: what all who are asked, and do not merely log, may. */
static bool
ref_ceiling_allows(const struct ref_policy *policy, const struct stack *stack, struct asked exec,
                   struct asked asked)
{
	bool who[RULES];
	ref_who(policy, stack, exec, who);
	for (int i = 0; i < RULES; i++) {
		bool may = i == UNATTRIBUTED ? ref_unattributed_allows(policy, asked)
		                             : ref_rule_allows(&policy->rules[i], asked);
		if (who[i] && !ref_logs(policy, i) && !may)
			return false;
	}
	return true;
}

/* ---- what is tested ------------------------------------------------------------------------- */

/* The one who is blamed is on the frame. */
static void
check_blamed(const struct mj_rule *const *rules, size_t n, size_t who, const struct mj_rule *blamed)
{
	if (who >= n || rules[who] != blamed)
		ck_abort_msg("the wrong module is blamed");
}

/* As supervisor/decide.c does it. */
static bool
decide(const struct mj_policy *policy, const struct stack *stack, struct asked asked, bool exec,
       struct mj_inquiry *inquiry)
{
	enum mj_answer answer = MJ_ANSWER_NEXT;
	mj_inquiry_begin(inquiry, policy, need_of(asked), exec);
	for (size_t i = 0; i < stack->n && answer == MJ_ANSWER_NEXT; i++) {
		const struct mj_rule *rules[SUBJECTS_MAX + 1];
		const struct frame *frame = &stack->frames[i];
		size_t who = SIZE_MAX;
		for (size_t m = 0; m < frame->n; m++) {
			bool is_main = frame->modules[m] == 0;
			rules[m] = mj_policy_rule(
				policy, is_main ? "main.example/m" : names[frame->modules[m]],
				is_main);
		}
		const struct mj_rule *logged = inquiry->logged;
		answer = mj_inquiry_frame(inquiry, rules, frame->n, frame->named, frame->doubtful,
		                          frame->starts, &who);
		if (inquiry->refused && inquiry->refused != mj_policy_unattributed(policy)) {
			check_blamed(rules, frame->n, who, inquiry->refused);
		} else if (!inquiry->refused && inquiry->logged != logged &&
		           inquiry->logged != mj_policy_unattributed(policy)) {
			check_blamed(rules, frame->n, who, inquiry->logged);
		}
	}
	if (answer == MJ_ANSWER_NEXT || answer == MJ_ANSWER_SERVED)
		answer = mj_inquiry_end(inquiry, stack->known);
	return answer == MJ_ANSWER_ALLOWED;
}

struct world {
	uint64_t seed, state;
	struct ref_policy ref;
	struct mj_policy *policy;
	struct stack stack;
	struct asked asked;
};

static bool
verdict(const struct world *w)
{
	struct mj_inquiry inquiry;
	return decide(w->policy, &w->stack, w->asked, false, &inquiry);
}

static bool
verdict_of(struct world *w, const struct ref_policy *ref)
{
	struct mj_policy *policy = w->policy;
	w->policy = make_policy(ref);
	bool allowed = verdict(w);
	mj_policy_destroy(w->policy);
	w->policy = policy;
	return allowed;
}

static struct asked
draw_asked(uint64_t *state)
{
	if (one_in(state, 100))
		return (struct asked){ 0 };
	const struct mj_table_call *call = mj_table_at(below(state, (unsigned)mj_call_count()));
	return (struct asked){ call, below(state, (unsigned)call->nrows) };
}

/* ck_assert reports each time that all is well, too: slow, a million times. */
#define SAYS(w, condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("MJ_SEED=%llu: %s", (unsigned long long)(w)->seed,            \
			             #condition);                                                  \
	} while (0)

/* Runs a property on each of CASES worlds, each made from its own seed alone. */
static void
for_all(unsigned count, void (*property)(struct world *))
{
	const char *only = getenv("MJ_SEED");
	for (uint64_t seed = 1; seed <= count; seed++) {
		struct world w = { .seed = only ? strtoull(only, NULL, 10) : seed };
		w.state = w.seed * 0x10001;
		w.ref = draw_policy(&w.state);
		w.policy = make_policy(&w.ref);
		for (int i = 0; i < POLICIES_EVERY; i++) {
			w.stack = draw_stack(&w.state);
			w.asked = draw_asked(&w.state);
			property(&w);
		}
		mj_policy_destroy(w.policy);
		if (only)
			return;
	}
}

/* ---- properties of the decision ------------------------------------------------------------- */

static void
equals_reference(struct world *w)
{
	struct mj_inquiry inquiry;
	bool allowed = decide(w->policy, &w->stack, w->asked, false, &inquiry);
	SAYS(w, allowed == ref_decide(&w->ref, &w->stack, w->asked));
	SAYS(w, allowed == !inquiry.refused);
	if (allowed)
		SAYS(w, (inquiry.logged != NULL) == ref_reports(&w->ref, &w->stack, w->asked));
}

START_TEST(inquiry_equals_reference)
{
	for_all(CASES / POLICIES_EVERY, equals_reference);
}
END_TEST

/* All rows, those of one stack. */
static void
equals_reference_everywhere(struct world *w)
{
	w->asked = (struct asked){ 0 };
	equals_reference(w);
	for (size_t i = 0; i < mj_call_count(); i++) {
		const struct mj_table_call *call = mj_table_at(i);
		for (size_t row = 0; row < call->nrows; row++) {
			w->asked = (struct asked){ call, row };
			equals_reference(w);
		}
	}
}

START_TEST(inquiry_all_rows)
{
	for_all(20, equals_reference_everywhere);
}
END_TEST

/* Adds one capability or one call to one rule. */
static void
widen(struct world *w, struct ref_policy *ref)
{
	struct ref_rule *rule = &ref->rules[below(&w->state, RULES)];
	if (one_in(&w->state, 2) && rule->ncalls < ITEMS_MAX && w->asked.call)
		rule->calls[rule->ncalls++] = w->asked.call->nr;
	else
		rule->caps |= UINT64_C(1) << below(&w->state, MJ_CAP_COUNT);
}

static void
is_monotone(struct world *w)
{
	struct ref_policy more = w->ref;
	bool before = verdict(w);
	widen(w, &more);
	SAYS(w, !before || verdict_of(w, &more));
}

START_TEST(inquiry_monotone)
{
	for_all(CASES / POLICIES_EVERY / 8, is_monotone);
}
END_TEST

/* What a forger can do to a stack: a module more on a frame, at any place of it, or doubt. */
static void
forge(struct world *w, struct stack *stack)
{
	struct frame *frame = &stack->frames[below(&w->state, (unsigned)stack->n)];
	if (one_in(&w->state, 3)) {
		frame->doubtful = true;
	} else if (frame->n < SUBJECTS_MAX) {
		unsigned at = below(&w->state, (unsigned)frame->n + 1);
		memmove(&frame->modules[at + 1], &frame->modules[at],
		        (frame->n - at) * sizeof(frame->modules[0]));
		frame->modules[at] = (int)below(&w->state, MODULES);
		frame->n++;
	}
}

static void
forging_adds_suspects(struct world *w)
{
	bool before = verdict(w);
	if (!w->stack.n)
		return;
	forge(w, &w->stack);
	SAYS(w, before || !verdict(w));
}

START_TEST(inquiry_forging)
{
	for_all(CASES / POLICIES_EVERY, forging_adds_suspects);
}
END_TEST

/* An end that is not known asks somebody more; so do frames behind the last one. */
static void
longer_is_stricter(struct world *w)
{
	bool before = verdict(w);
	struct stack longer = w->stack;
	longer.known = false;
	struct world other = *w;
	other.stack = longer;
	SAYS(w, before || !verdict(&other));
	if (w->stack.n == FRAMES_MAX || !w->stack.known)
		return;
	other.stack = w->stack;
	other.stack.frames[other.stack.n++] = draw_frame(&w->state);
	SAYS(w, before || !verdict(&other));
}

START_TEST(inquiry_longer)
{
	for_all(CASES / POLICIES_EVERY, longer_is_stricter);
}
END_TEST

/* A privileged frame whose own module may not make the call ends nothing: it is as if it were not. */
static void
powerless_privilege(struct world *w)
{
	struct ref_policy plain = w->ref;
	for (int i = 0; i < MODULES; i++)
		if (!ref_rule_allows(&w->ref.rules[i], w->asked))
			plain.rules[i].privileged = false;
	SAYS(w, verdict(w) == verdict_of(w, &plain));
}

START_TEST(inquiry_powerless)
{
	for_all(CASES / POLICIES_EVERY / 8, powerless_privilege);
}
END_TEST

/* Who stands on the stack itself, up to the first go statement, is asked whatever is a pool; so is he who stands where that
 * is. */
static void
pool_spares_nobody_before(struct world *w)
{
	size_t first = 0;
	while (first < w->stack.n && !w->stack.frames[first].starts)
		first++;
	struct world own = *w;
	own.stack.n = first < w->stack.n ? first + 1 : first;
	own.stack.known = true;
	if (first < w->stack.n)
		own.stack.frames[first].starts = false;
	SAYS(w, verdict(&own) || !verdict(w));
}

START_TEST(inquiry_pool_spares)
{
	for_all(CASES / POLICIES_EVERY, pool_spares_nobody_before);
}
END_TEST

/* Without a creator that is a pool's it is as if there were no pools. */
static void
pool_needs_creator(struct world *w)
{
	struct ref_policy plain = w->ref;
	for (int i = 0; i < MODULES; i++)
		plain.rules[i].pool = false;
	for (size_t i = 0; i < w->stack.n; i++)
		w->stack.frames[i].starts &= ref_pools(&w->ref, &w->stack.frames[i]) == 0;
	SAYS(w, verdict(w) == verdict_of(w, &plain));
}

START_TEST(inquiry_pool_creator)
{
	for_all(CASES / POLICIES_EVERY / 8, pool_needs_creator);
}
END_TEST

/* What a pool's goroutine is allowed without anybody but pools in sight, the unattributed may. */
static void
pool_alone_is_nobody(struct world *w)
{
	size_t end = 0;
	while (end < w->stack.n && !ref_is_pool(&w->ref, &w->stack.frames[end])) {
		const struct frame *frame = &w->stack.frames[end++];
		if (ref_is_privileged(&w->ref, frame, w->asked) ||
		    (frame->named && ref_pools(&w->ref, frame) < frame->n))
			return;
	}
	if (end == w->stack.n)
		return;
	SAYS(w, !verdict(w) || ref_passes(&w->ref, UNATTRIBUTED, w->asked));
}

START_TEST(inquiry_pool_alone)
{
	for_all(CASES / POLICIES_EVERY, pool_alone_is_nobody);
}
END_TEST

/* The ceiling of what is executed allows exactly what all who were asked may, whatever it is. */
static void
ceiling_is_exact(struct world *w)
{
	struct mj_inquiry inquiry;
	struct asked exec = { mj_table_find(mj_call_number("execve")), 0 };
	if (!decide(w->policy, &w->stack, exec, true, &inquiry))
		return;
	for (int i = 0; i < 16; i++) {
		struct asked asked = draw_asked(&w->state);
		bool may = mj_grant_allows(&inquiry.stack_grant, need_of(asked));
		SAYS(w, may == ref_ceiling_allows(&w->ref, &w->stack, exec, asked));
	}
	/* The filter hides nothing that the ceiling is to refuse. */
	struct mj_grant all = mj_grant_all();
	SAYS(w, mj_grant_covers(&inquiry.stack_grant, mj_policy_everyone(w->policy)));
	SAYS(w, mj_grant_covers(&all, &inquiry.stack_grant));
}

START_TEST(inquiry_ceiling)
{
	for_all(CASES / POLICIES_EVERY, ceiling_is_exact);
}
END_TEST

/* What everyone may is never refused, and is what the filter lets through unseen. */
static void
everyone_is_never_refused(struct world *w)
{
	if (mj_grant_allows(mj_policy_everyone(w->policy), need_of(w->asked))) {
		struct mj_inquiry inquiry;
		SAYS(w, decide(w->policy, &w->stack, w->asked, false, &inquiry));
		SAYS(w, !inquiry.logged);
	}
}

START_TEST(inquiry_everyone)
{
	for_all(CASES / POLICIES_EVERY, everyone_is_never_refused);
}
END_TEST

/* ---- laws of grants ------------------------------------------------------------------------- */

static bool
same(struct mj_grant a, struct mj_grant b)
{
	return mj_grant_covers(&a, &b) && mj_grant_covers(&b, &a) && a.caps == b.caps &&
	       memcmp(a.rows, b.rows, sizeof(a.rows)) == 0;
}

static void
intersection_laws(struct world *w)
{
	struct mj_grant a = grant_of_rule(&w->ref.rules[0]), b = grant_of_rule(&w->ref.rules[1]);
	struct mj_grant c = grant_of_rule(&w->ref.rules[2]), all = mj_grant_all();
	struct mj_grant ab = mj_grant_intersect(a, b);
	struct mj_need need = need_of(w->asked);
	SAYS(w, same(ab, mj_grant_intersect(b, a)));
	SAYS(w, same(mj_grant_intersect(ab, c), mj_grant_intersect(a, mj_grant_intersect(b, c))));
	SAYS(w, same(mj_grant_intersect(a, a), a));
	SAYS(w, same(mj_grant_intersect(a, all), a));
	SAYS(w, mj_grant_covers(&a, &ab) && mj_grant_covers(&b, &ab));
	SAYS(w, mj_grant_allows(&ab, need) ==
	                (mj_grant_allows(&a, need) && mj_grant_allows(&b, need)));
}

static void
union_laws(struct world *w)
{
	struct mj_grant a = grant_of_rule(&w->ref.rules[0]), b = grant_of_rule(&w->ref.rules[1]);
	struct mj_grant c = grant_of_rule(&w->ref.rules[2]), none = mj_grant_of(0);
	struct mj_grant ab = mj_grant_union(a, b);
	SAYS(w, same(ab, mj_grant_union(b, a)));
	SAYS(w, same(mj_grant_union(ab, c), mj_grant_union(a, mj_grant_union(b, c))));
	SAYS(w, same(mj_grant_union(a, a), a));
	SAYS(w, same(mj_grant_union(a, none), a));
	SAYS(w, mj_grant_covers(&ab, &a) && mj_grant_covers(&ab, &b));
	SAYS(w, same(mj_grant_of(a.caps | b.caps),
	             mj_grant_union(mj_grant_of(a.caps), mj_grant_of(b.caps))));
}

static void
covers_laws(struct world *w)
{
	struct mj_grant a = grant_of_rule(&w->ref.rules[0]), b = grant_of_rule(&w->ref.rules[1]);
	struct mj_grant ab = mj_grant_intersect(a, b);
	struct mj_need need = need_of(w->asked);
	SAYS(w, mj_grant_covers(&a, &b) == same(ab, b));
	SAYS(w,
	     !mj_grant_covers(&a, &b) || !mj_grant_allows(&b, need) || mj_grant_allows(&a, need));
	SAYS(w, ref_rule_allows(&w->ref.rules[0], w->asked) == mj_grant_allows(&a, need));
	SAYS(w, (mj_grant_lacks(&a, need) == MJ_CAP_COUNT) == mj_grant_allows(&a, need));
}

START_TEST(grant_intersection)
{
	for_all(CASES / POLICIES_EVERY, intersection_laws);
}
END_TEST

START_TEST(grant_union)
{
	for_all(CASES / POLICIES_EVERY / 8, union_laws);
}
END_TEST

START_TEST(grant_covers)
{
	for_all(CASES / POLICIES_EVERY, covers_laws);
}
END_TEST

static TCase *
case_inquiry(void)
{
	TCase *tcase = tcase_create("inquiry");
	tcase_set_timeout(tcase, 100);
	tcase_add_test(tcase, inquiry_equals_reference);
	tcase_add_test(tcase, inquiry_all_rows);
	tcase_add_test(tcase, inquiry_monotone);
	tcase_add_test(tcase, inquiry_forging);
	tcase_add_test(tcase, inquiry_longer);
	tcase_add_test(tcase, inquiry_powerless);
	tcase_add_test(tcase, inquiry_pool_spares);
	tcase_add_test(tcase, inquiry_pool_creator);
	tcase_add_test(tcase, inquiry_pool_alone);
	tcase_add_test(tcase, inquiry_ceiling);
	tcase_add_test(tcase, inquiry_everyone);
	return tcase;
}

static TCase *
case_grants(void)
{
	TCase *tcase = tcase_create("grants");
	tcase_set_timeout(tcase, 100);
	tcase_add_test(tcase, grant_intersection);
	tcase_add_test(tcase, grant_union);
	tcase_add_test(tcase, grant_covers);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("inquiry");
	suite_add_tcase(suite, case_inquiry());
	suite_add_tcase(suite, case_grants());
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
