/* SPDX-License-Identifier: Apache-2.0 */
/* A modjail.yaml made of what was learned. Everything in it that comes from the program is escaped ASCII. */
#include "cli/learn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EVIDENCE_MAX 200

void
learn_put_evidence(FILE *out, const struct learn_word *word)
{
	if (!word->count)
		return;
	fprintf(out, "  # %llu call%s", (unsigned long long)word->count,
	        word->count > 1 ? "s, first" : "");
	if (!word->example)
		return;
	bool cut = strlen(word->example) > EVIDENCE_MAX;
	fprintf(out, ": %.*s%s", EVIDENCE_MAX, word->example, cut ? "..." : "");
}

/* Words that YAML takes for something else than text. */
static bool
means_something(const char *word)
{
	static const char *const special[] = { "null", "true", "false", "yes", "no",
		                               "on",   "off",  "y",     "n" };
	for (size_t i = 0; i < MJ_ARRAY_LEN(special); i++)
		if (strcasecmp(word, special[i]) == 0)
			return true;
	return false;
}

void
learn_put_key(FILE *out, const char *module)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/+";
	bool is_plain = strchr(letters, *module) && !module[strspn(module, plain)] &&
	                !means_something(module);
	/* A module path has neither quotes nor backslashes. */
	fprintf(out, is_plain ? "%s" : "\"%s\"", module);
}

static int
put_words(FILE *out, const struct learn_subject *subject, const char *indent)
{
	struct mj_grant nothing = mj_grant_of(0);
	struct learn_word *words = NULL;
	ssize_t count = learn_words(subject, &nothing, &words);
	for (ssize_t i = 0; i < count; i++) {
		fprintf(out, "%s- %s", indent, words[i].word);
		learn_put_evidence(out, &words[i]);
		fputc('\n', out);
	}
	free(words);
	return count < 0 ? -1 : 0;
}

static const struct learn_subject *
unattributed(const struct learn *learn)
{
	for (size_t i = 0; i < learn->nsubjects; i++)
		if (learn_is_unattributed(&learn->subjects[i]))
			return &learn->subjects[i];
	return NULL;
}

static void
put_program(FILE *out, const struct learn *learn)
{
	struct mj_policy *scratch = NULL;
	if (!learn->main_module || mj_policy_create(&scratch, NULL) < 0)
		return;
	if (mj_policy_set(scratch, learn->main_module, mj_grant_of(0), (struct mj_origin){ 0 },
	                  NULL) == 0) {
		fputs("program: ", out);
		learn_put_key(out, learn->main_module);
		fputc('\n', out);
	}
	mj_policy_destroy(scratch);
}

int
learn_write(FILE *out, const struct learn *learn)
{
	const struct learn_subject *nobody = unattributed(learn);
	fputs("# Written by modjail learn: what each module needed, and nothing else. A run that "
	      "does "
	      "more is refused\n"
	      "# more: read it, and learn --merge what is missing.\n"
	      "version: 1\n",
	      out);
	put_program(out, learn);
	fputs("default: []\n", out);
	fputs(nobody ? "unattributed:\n" : "unattributed: []\n", out);
	if (nobody && put_words(out, nobody, "  ") < 0)
		return -1;
	if (learn->nsubjects > (nobody ? 1 : 0))
		fputs("modules:\n", out);
	for (size_t i = 0; i < learn->nsubjects; i++) {
		const struct learn_subject *subject = &learn->subjects[i];
		if (subject == nobody)
			continue;
		fputs("  ", out);
		learn_put_key(out, subject->name);
		fputs(":\n", out);
		if (put_words(out, subject, "    ") < 0)
			return -1;
	}
	return 0;
}
