/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision against a slow reference, which goes by names of capabilities and calls instead of bits, and its laws: to
 * allow more never refuses more, to forge only adds suspects.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define NRULES 6
#define MAX_FRAMES 8
#define MAX_OWNERS 3
#define MAX_WORDS 6
#define CASES 3000

struct frame {
	size_t n;
	int owners[MAX_OWNERS];
	bool named, doubtful;
};

struct scene {
	size_t nwords[NRULES + 1]; /* the last rule is that of the unattributed */
	const char *words[NRULES + 1][MAX_WORDS];
	bool privileged[NRULES], logs[NRULES + 1];
	size_t nframes;
	struct frame frames[MAX_FRAMES];
	bool known;
	struct mj_table_entry entry;
};

static unsigned long seed;

static unsigned
dice(unsigned sides)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return (unsigned)(seed >> 33) % sides;
}

static const char *all_words[MJ_GRANT_WORDS_MAX];
static size_t nall;

static const char *
random_word(const struct scene *s)
{
	/* Often one that has to do with the call. */
	switch (dice(4)) {
	case 0:
		return s->entry.name;
	case 1:
	case 2: {
		mj_caps caps = s->entry.need.all | s->entry.need.any;
		return caps ? mj_cap_name(__builtin_ctzll(caps)) : "EXEC";
	}
	default:
		return all_words[2 + dice((unsigned)nall - 2)];
	}
}

static void
make_scene(struct scene *s)
{
	size_t rows = 0;
	struct mj_table_entry entry;
	memset(s, 0, sizeof(*s));
	while (mj_table_entry(rows, &entry))
		rows++;
	mj_table_entry(dice((unsigned)rows), &s->entry);
	for (size_t r = 0; r <= NRULES; r++) {
		s->nwords[r] = dice(MAX_WORDS);
		for (size_t w = 0; w < s->nwords[r]; w++)
			s->words[r][w] = random_word(s);
		s->logs[r] = dice(6) == 0;
		if (r < NRULES)
			s->privileged[r] = dice(4) == 0;
	}
	s->nframes = dice(MAX_FRAMES);
	for (size_t f = 0; f < s->nframes; f++) {
		s->frames[f].n = dice(MAX_OWNERS + 1);
		for (size_t i = 0; i < s->frames[f].n; i++)
			s->frames[f].owners[i] = (int)dice(NRULES);
		s->frames[f].named = dice(5) != 0;
		s->frames[f].doubtful = dice(10) == 0;
	}
	s->known = dice(3) != 0;
}

/* ---- the reference --------------------------------------------------------------------------- */

static bool
ref_allows(const struct scene *s, size_t rule)
{
	mj_caps caps = 0;
	bool named = false;
	for (size_t w = 0; w < s->nwords[rule]; w++) {
		mj_caps more;
		if (mj_cap_parse(s->words[rule][w], &more))
			caps |= more;
		named |= strcmp(s->words[rule][w], s->entry.name) == 0;
	}
	caps = mj_caps_included(caps);
	struct mj_need need = s->entry.need;
	return named || ((need.all & caps) == need.all && (!need.any || (need.any & caps)));
}

static bool
ref_decide(const struct scene *s)
{
	bool doubtful = false;
	bool known = s->known;
	for (size_t f = 0; f < s->nframes; f++) {
		const struct frame *frame = &s->frames[f];
		bool answers = frame->n > 0 && frame->named && !frame->doubtful;
		doubtful |= frame->doubtful;
		for (size_t i = 0; i < frame->n; i++) {
			size_t rule = (size_t)frame->owners[i];
			if (!ref_allows(s, rule) && !s->logs[rule])
				return false;
			answers &= s->privileged[rule] && ref_allows(s, rule);
		}
		if (answers) {
			known = true;
			break;
		}
	}
	return (known && !doubtful) || ref_allows(s, NRULES) || s->logs[NRULES];
}

/* ---- the thing itself ------------------------------------------------------------------------ */

static struct mj_rule
make_rule(const struct scene *s, size_t r)
{
	struct mj_rule rule = { .grant = mj_grant_of(0),
		                .origin = { .file = "t", .source = MJ_SOURCE_FILE },
		                .action = s->logs[r] ? MJ_ACTION_LOG : MJ_ACTION_ERRNO,
		                .privileged = r < NRULES && s->privileged[r] };
	for (size_t w = 0; w < s->nwords[r]; w++) {
		struct mj_grant grant;
		ck_assert(mj_grant_parse_item(s->words[r][w], &grant));
		rule.grant = mj_grant_union(rule.grant, grant);
	}
	return rule;
}

static bool
decide(const struct scene *s, struct mj_grant *ret_grant)
{
	struct mj_policy *policy = NULL;
	struct mj_rule rules[NRULES];
	struct mj_inquiry inquiry;
	struct mj_rule nobody = make_rule(s, NRULES);
	ck_assert_int_eq(mj_policy_create(&policy, NULL), 0);
	ck_assert_int_eq(mj_policy_set_unattributed(policy, &nobody, NULL), 0);
	for (size_t r = 0; r < NRULES; r++)
		rules[r] = make_rule(s, r);
	mj_inquiry_begin(&inquiry, policy, s->entry.need, ret_grant != NULL);
	enum mj_answer answer = MJ_ANSWER_NEXT;
	for (size_t f = 0; f < s->nframes && answer == MJ_ANSWER_NEXT; f++) {
		const struct mj_rule *owners[MAX_OWNERS];
		size_t who = SIZE_MAX;
		for (size_t i = 0; i < s->frames[f].n; i++)
			owners[i] = &rules[s->frames[f].owners[i]];
		answer = mj_inquiry_frame(&inquiry, owners, s->frames[f].n, s->frames[f].named,
		                          s->frames[f].doubtful, &who);
		if (answer == MJ_ANSWER_REFUSED &&
		    inquiry.refused != mj_policy_unattributed(policy))
			ck_assert_ptr_eq(inquiry.refused, owners[who]);
	}
	if (answer == MJ_ANSWER_NEXT)
		answer = mj_inquiry_end(&inquiry, s->known);
	ck_assert(answer == MJ_ANSWER_ALLOWED || answer == MJ_ANSWER_REFUSED);
	ck_assert_int_eq(answer == MJ_ANSWER_REFUSED, inquiry.refused != NULL);
	if (ret_grant)
		*ret_grant = inquiry.stack_grant;
	mj_policy_destroy(policy);
	return answer == MJ_ANSWER_ALLOWED;
}

#define AT(s) "seed %lu, %s", first, (s)->entry.name

START_TEST(same_as_reference)
{
	unsigned allowed = 0;
	for (unsigned long first = 0; first < CASES; first++) {
		struct scene s;
		seed = first;
		make_scene(&s);
		bool ours = decide(&s, NULL);
		ck_assert_msg(ours == ref_decide(&s), AT(&s));
		allowed += ours;
	}
	ck_assert_uint_gt(allowed, CASES / 10); /* both happen */
	ck_assert_uint_lt(allowed, CASES - CASES / 10);
}
END_TEST

START_TEST(more_is_never_less)
{
	for (unsigned long first = 0; first < CASES; first++) {
		struct scene s;
		seed = first;
		make_scene(&s);
		if (!decide(&s, NULL))
			continue;
		size_t rule = dice(NRULES + 1);
		if (s.nwords[rule] == MAX_WORDS)
			continue;
		s.words[rule][s.nwords[rule]++] = random_word(&s);
		ck_assert_msg(decide(&s, NULL), AT(&s));
	}
}
END_TEST

START_TEST(forging_only_adds)
{
	for (unsigned long first = 0; first < CASES; first++) {
		struct scene s;
		seed = first;
		make_scene(&s);
		if (!s.nframes || decide(&s, NULL))
			continue;
		struct frame *frame = &s.frames[dice((unsigned)s.nframes)];
		/* A suspect more, a doubt more, an end that is not known. */
		switch (dice(3)) {
		case 0:
			if (frame->n == MAX_OWNERS)
				continue;
			if (frame->n == 0)
				frame->named =
					false; /* suspects of a function of the standard library */
			frame->owners[frame->n++] = (int)dice(NRULES);
			break;
		case 1:
			frame->doubtful = true;
			break;
		default:
			s.known = false;
			break;
		}
		ck_assert_msg(!decide(&s, NULL), AT(&s));
	}
}
END_TEST

/* What is executed may do what all that were asked may do: no more, and for an allowed call no less. */
START_TEST(ceilings)
{
	for (unsigned long first = 0; first < CASES / 4; first++) {
		struct scene s;
		struct mj_grant grant;
		struct mj_table_entry entry;
		seed = first;
		make_scene(&s);
		for (size_t r = 0; r < NRULES; r++)
			s.privileged[r] = s.logs[r] = false;
		s.logs[NRULES] = false;
		if (!decide(&s, &grant))
			continue;
		bool doubtful = !s.known;
		for (size_t f = 0; f < s.nframes; f++)
			doubtful |= s.frames[f].doubtful;
		for (size_t i = 0; mj_table_entry(i, &entry); i++) {
			bool all = true;
			s.entry = entry;
			for (size_t f = 0; f < s.nframes; f++)
				for (size_t k = 0; k < s.frames[f].n; k++)
					all &= ref_allows(&s, (size_t)s.frames[f].owners[k]);
			if (doubtful)
				all &= ref_allows(&s, NRULES);
			ck_assert_msg(mj_grant_allows(&grant, entry.need) == all, AT(&s));
		}
	}
}
END_TEST

START_TEST(sets)
{
	for (unsigned long first = 0; first < CASES / 10; first++) {
		struct scene s;
		seed = first;
		make_scene(&s);
		struct mj_grant a = make_rule(&s, 0).grant;
		struct mj_grant b = make_rule(&s, 1).grant;
		struct mj_grant both = mj_grant_intersect(a, b);
		struct mj_grant either = mj_grant_union(a, b);
		ck_assert(mj_grant_covers(&a, &both) && mj_grant_covers(&b, &both));
		ck_assert(mj_grant_covers(&either, &a) && mj_grant_covers(&either, &b));
		struct mj_table_entry entry;
		for (size_t i = 0; mj_table_entry(i, &entry); i++) {
			bool in_a = mj_grant_allows(&a, entry.need);
			bool in_b = mj_grant_allows(&b, entry.need);
			ck_assert_msg(mj_grant_allows(&both, entry.need) == (in_a && in_b), AT(&s));
			if (in_a || in_b)
				ck_assert_msg(mj_grant_allows(&either, entry.need), AT(&s));
		}
	}
}
END_TEST

int
main(void)
{
	nall = mj_grant_words(all_words, MJ_GRANT_WORDS_MAX);
	Suite *suite = suite_create("inquiry");
	TCase *tcase = tcase_create("inquiry");
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, same_as_reference);
	tcase_add_test(tcase, more_is_never_less);
	tcase_add_test(tcase, forging_only_adds);
	tcase_add_test(tcase, ceilings);
	tcase_add_test(tcase, sets);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
