/* SPDX-License-Identifier: Apache-2.0 */
/* What each module needed, and the fewest words of a policy that give it. */
#include "cli/learn.h"

#include <stdlib.h>
#include <string.h>

#define CALLERS_SHOWN 2

/* ---- taking notes --------------------------------------------------------------------------- */

static int
out_of_memory(struct mj_error *err)
{
	return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
}

int
learn_main_module(struct learn *learn, const char *module, struct mj_error *err)
{
	if (!*module)
		return 0;
	if (learn->main_module && strcmp(learn->main_module, module) != 0)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "records of two programs, %s and %s: a policy is for one",
		                    learn->main_module, module);
	if (!learn->main_module)
		learn->main_module = strdup(module);
	return learn->main_module ? 0 : out_of_memory(err);
}

static struct learn_subject *
subject_of(struct learn *learn, const char *name)
{
	for (size_t i = 0; i < learn->nsubjects; i++)
		if (strcmp(learn->subjects[i].name, name) == 0)
			return &learn->subjects[i];
	struct learn_subject *more =
		realloc(learn->subjects, (learn->nsubjects + 1) * sizeof(*more));
	if (!more)
		return NULL;
	learn->subjects = more;
	struct learn_subject *subject = &more[learn->nsubjects];
	*subject = (struct learn_subject){ .name = strdup(name) };
	if (!subject->name)
		return NULL;
	learn->nsubjects++;
	return subject;
}

static struct learn_need *
need_of(struct learn_subject *subject, struct mj_need need)
{
	for (size_t i = 0; i < subject->nneeds; i++) {
		const struct mj_need *n = &subject->needs[i].need;
		if (n->all == need.all && n->any == need.any && n->row == need.row)
			return &subject->needs[i];
	}
	struct learn_need *more = realloc(subject->needs, (subject->nneeds + 1) * sizeof(*more));
	if (!more)
		return NULL;
	subject->needs = more;
	more[subject->nneeds] = (struct learn_need){ .need = need };
	return &more[subject->nneeds++];
}

/* "f (file.go:12)", without the file's folder. */
static void
put_frame(FILE *out, const struct cli_frame *frame)
{
	const struct cli_style ascii = { .utf8 = false };
	const char *slash = strrchr(frame->file, '/');
	cli_put(out, ascii, *frame->function ? frame->function : "?");
	if (!*frame->file)
		return;
	fputs(" (", out);
	cli_put(out, ascii, slash ? slash + 1 : frame->file);
	fprintf(out, ":%d)", frame->line);
}

/* The subject's own frame, else the innermost one that is somebody's. */
static size_t
frame_to_show(const struct cli_view *view, const char *subject)
{
	for (size_t i = 0; i < view->nframes; i++)
		if (view->frames[i].module && strcmp(view->frames[i].module, subject) == 0)
			return i;
	for (size_t i = 0; i < view->nframes; i++)
		if (!view->frames[i].is_std)
			return i;
	return 0;
}

static void
put_frames(FILE *out, const struct cli_view *view, const char *subject)
{
	size_t first = frame_to_show(view, subject);
	fputs(" by ", out);
	put_frame(out, &view->frames[first]);
	size_t callers = 0;
	for (size_t i = first + 1; i < view->nframes && callers < CALLERS_SHOWN; i++) {
		if (view->frames[i].is_std)
			continue;
		fputs(" < ", out);
		put_frame(out, &view->frames[i]);
		callers++;
	}
}

static char *
example_of(const struct cli_view *view, const char *subject)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	if (view->call_name)
		fputs(view->call_name, out);
	else
		fprintf(out, "system call %d", view->call.nr);
	fputc('(', out);
	cli_put_args(out, &view->call);
	fputc(')', out);
	if (view->nframes) {
		put_frames(out, view, subject);
	} else if (*view->program) {
		fputs(" by the program ", out);
		cli_put(out, (struct cli_style){ .utf8 = false }, view->program);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int
learn_view(struct learn *learn, const struct cli_view *view, struct mj_error *err)
{
	bool again = view->event == CLI_REPEATED;
	/* The first one was noted when it happened. */
	uint64_t count = again && view->count ? view->count - 1 : view->count;
	if (learn_main_module(learn, view->main_module, err) < 0)
		return -1;
	if (!view->nmodules)
		learn->lost += count;
	for (size_t i = 0; i < view->nmodules; i++) {
		struct learn_subject *subject = subject_of(learn, view->modules[i]);
		struct learn_need *need = subject ? need_of(subject, view->need) : NULL;
		if (!need)
			return out_of_memory(err);
		need->count += count;
		if (!need->example && !again)
			need->example = example_of(view, subject->name);
	}
	return 0;
}

/* ---- order ---------------------------------------------------------------------------------- */

bool
learn_is_unattributed(const struct learn_subject *subject)
{
	return strcmp(subject->name, "unattributed") == 0;
}

/* As mj_policy_read_yaml takes them: Go's own paths are no others. */
static bool
is_go_path(const char *path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._~/+";
	size_t len = strlen(path);
	return len && !path[strspn(path, allowed)] && path[0] != '/' && path[len - 1] != '/' &&
	       !strstr(path, "//") && !strstr(path, "...") && strncmp(path, "./", 2) != 0 &&
	       strncmp(path, "../", 3) != 0;
}

/* Names come from the program. */
static bool
can_be_named(struct mj_policy *scratch, const struct learn_subject *subject)
{
	return learn_is_unattributed(subject) ||
	       (is_go_path(subject->name) && mj_policy_set(scratch, subject->name, mj_grant_of(0),
	                                                   (struct mj_origin){ 0 }, NULL) == 0);
}

static void
free_subject(struct learn_subject *subject)
{
	for (size_t i = 0; i < subject->nneeds; i++)
		free(subject->needs[i].example);
	free(subject->needs);
	free(subject->name);
}

static int
compare_subjects(const void *a, const void *b)
{
	const struct learn_subject *left = a;
	const struct learn_subject *right = b;
	return strcmp(left->name, right->name);
}

char *
learn_sort(struct learn *learn)
{
	struct mj_policy *scratch = NULL;
	char *first = NULL;
	size_t kept = 0;
	if (mj_policy_create(&scratch, NULL) < 0) {
		learn->no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < learn->nsubjects; i++) {
		struct learn_subject *subject = &learn->subjects[i];
		if (can_be_named(scratch, subject)) {
			learn->subjects[kept++] = *subject;
			continue;
		}
		if (!first)
			first = strdup(subject->name);
		free_subject(subject);
	}
	learn->nsubjects = kept;
	mj_policy_destroy(scratch);
	if (kept)
		qsort(learn->subjects, kept, sizeof(*learn->subjects), compare_subjects);
	return first;
}

void
learn_free(struct learn *learn)
{
	for (size_t i = 0; i < learn->nsubjects; i++)
		free_subject(&learn->subjects[i]);
	free(learn->subjects);
	free(learn->main_module);
	*learn = (struct learn){ 0 };
}

/* ---- the fewest words ----------------------------------------------------------------------- */

/* So much lies behind these two that one call of theirs is named instead. */
#define TOO_WIDE (MJ_CAP(SYSTEM_CALLS) | MJ_CAP(OPERATING_SYSTEM))
/* Capabilities that calls leave a choice of, all together: see policy/rows.h. */
#define CHOICES_MAX 16

/* The call's own name, where that is what a policy should say; else NULL. */
static const char *
own_name(const struct mj_need *need)
{
	return need->all & TOO_WIDE ? mj_call_name(mj_need_call(*need)) : NULL;
}

/* Whether some word of set is in every need's choice. */
static bool
hits_all(const struct learn_subject *subject, mj_caps set, mj_caps given, mj_caps *missed)
{
	bool all = true;
	for (size_t i = 0; i < subject->nneeds; i++) {
		const struct mj_need *need = &subject->needs[i].need;
		if (!need->any || own_name(need) || (need->any & (given | set)))
			continue;
		*missed |= need->any;
		all = false;
	}
	return all;
}

/* The smallest set that satisfies all choices, the first of several by the order of enum mj_cap. */
static mj_caps
choose(const struct learn_subject *subject, mj_caps given)
{
	mj_caps candidates = 0;
	mj_caps ignored = 0;
	if (hits_all(subject, 0, given, &candidates))
		return 0;
	int bits[CHOICES_MAX];
	int n = 0;
	for (int i = 0; i < MJ_CAP_COUNT && n < CHOICES_MAX; i++)
		if (candidates >> i & 1)
			bits[n++] = i;
	for (int size = 1; size <= n; size++) {
		for (unsigned pick = 1; pick < 1U << n; pick++) {
			if (__builtin_popcount(pick) != size)
				continue;
			mj_caps set = 0;
			for (int i = 0; i < n; i++)
				set |= (mj_caps)(pick >> i & 1) << bits[i];
			if (hits_all(subject, set, given, &ignored))
				return set;
		}
	}
	return candidates;
}

/* A subject whose needs are those that have does not satisfy; its needs array is fresh. */
static int
beyond(const struct learn_subject *subject, const struct mj_grant *have, struct learn_subject *ret)
{
	*ret = (struct learn_subject){ .needs = calloc(subject->nneeds + 1, sizeof(*ret->needs)) };
	if (!ret->needs)
		return -1;
	for (size_t i = 0; i < subject->nneeds; i++)
		if (!mj_grant_allows(have, subject->needs[i].need))
			ret->needs[ret->nneeds++] = subject->needs[i];
	return 0;
}

static size_t
add_word(struct learn_word *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i].word, word) == 0)
			return count;
	snprintf(words[count].word, sizeof(words[count].word), "%s", word);
	return count + 1;
}

/* Which calls a word is for. */
static void
count_calls(const struct learn_subject *subject, struct learn_word *word)
{
	mj_caps caps = 0;
	bool is_cap = mj_cap_parse(word->word, &caps);
	for (size_t i = 0; i < subject->nneeds; i++) {
		const struct learn_need *n = &subject->needs[i];
		const char *name = own_name(&n->need);
		bool counts = name ? !is_cap && strcmp(name, word->word) == 0
		                   : (mj_caps_included(caps) & (n->need.all | n->need.any)) != 0;
		if (!counts)
			continue;
		word->count += n->count;
		if (!word->example)
			word->example = n->example;
	}
}

static int
compare_words(const void *a, const void *b)
{
	const struct learn_word *left = a;
	const struct learn_word *right = b;
	return strcmp(left->word, right->word);
}

ssize_t
learn_words(const struct learn_subject *subject, const struct mj_grant *have,
            struct learn_word **ret)
{
	struct learn_subject rest;
	if (beyond(subject, have, &rest) < 0)
		return -1;
	mj_caps caps = 0;
	size_t count = 0;
	struct learn_word *words = calloc(rest.nneeds + MJ_CAP_COUNT, sizeof(*words));
	if (!words) {
		free(rest.needs);
		return -1;
	}
	for (size_t i = 0; i < rest.nneeds; i++) {
		const char *name = own_name(&rest.needs[i].need);
		if (name)
			count = add_word(words, count, name);
		else
			caps |= rest.needs[i].need.all & ~have->caps;
	}
	caps |= choose(&rest, caps | have->caps);
	for (int i = 0; i < MJ_CAP_COUNT; i++) {
		mj_caps others = caps & ~(UINT64_C(1) << i);
		if ((caps & ~mj_caps_included(others)) >> i & 1)
			count = add_word(words, count, mj_cap_name((enum mj_cap)i));
	}
	for (size_t i = 0; i < count; i++)
		count_calls(&rest, &words[i]);
	qsort(words, count, sizeof(*words), compare_words);
	free(rest.needs);
	*ret = words;
	return (ssize_t)count;
}

/* ---- checking ------------------------------------------------------------------------------- */

const struct mj_rule *
learn_rule(const struct learn *learn, const struct mj_policy *policy,
           const struct learn_subject *subject)
{
	if (learn_is_unattributed(subject))
		return mj_policy_unattributed(policy);
	bool is_main = strcmp(subject->name, "main") == 0 ||
	               (learn->main_module && strcmp(subject->name, learn->main_module) == 0);
	return mj_policy_rule(policy, subject->name, is_main);
}

bool
learn_is_allowed(const struct learn *learn, const struct mj_policy *policy)
{
	for (size_t i = 0; i < learn->nsubjects; i++) {
		const struct learn_subject *subject = &learn->subjects[i];
		const struct mj_rule *rule = learn_rule(learn, policy, subject);
		for (size_t k = 0; k < subject->nneeds; k++)
			if (!mj_grant_allows(&rule->grant, subject->needs[k].need))
				return false;
	}
	return true;
}
