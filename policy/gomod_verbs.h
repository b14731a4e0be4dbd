/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of lines in go.mod, as golang.org/x/mod/modfile knows them (rule.go). */
#ifndef MJ_POLICY_GOMOD_VERBS_H
#define MJ_POLICY_GOMOD_VERBS_H

#include "policy/gomod_lex.h"

#define MJ_VERBS_MAX 16

struct mj_verb {
	unsigned id; /**< its own index, below MJ_VERBS_MAX */
	const char *name;
	size_t min_args, max_args;
	bool block; /**< may have a block */
	bool once;
	/** Whether the arguments, their number being right, are of the right form. */
	bool (*check)(const struct mj_token *args, size_t count);
	const char *usage;
};

/** The verb that a line begins with, or NULL. */
const struct mj_verb *mj_verb_find(const struct mj_token *token);

#endif
