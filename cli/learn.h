/* SPDX-License-Identifier: Apache-2.0 */
/* cli's own: what `modjail learn` is made of. */
#ifndef MJ_CLI_LEARN_H
#define MJ_CLI_LEARN_H

#include "cli/cli.h"

/* ---- what was needed (learn.c) -------------------------------------------------------------- */

/** One kind of call that a subject needed. */
struct learn_need {
	struct mj_need need;
	uint64_t count;
	char *example; /* of the first such call; ASCII, one line */
};

/** A module, or "unattributed", and what it needed. */
struct learn_subject {
	char *name;
	size_t nneeds;
	struct learn_need *needs;
};

/** Zero-initialised: nothing yet. */
struct learn {
	char *main_module; /* NULL: unknown */
	size_t nsubjects;
	struct learn_subject *subjects; /* ordered by name after learn_finish */
	uint64_t lost;                  /* calls that no policy can allow */
	bool no_memory;
};

/** One word for a policy. */
struct learn_word {
	char word[64];
	uint64_t count;      /* calls that it is for */
	const char *example; /* of the first one; borrowed, NULL: none */
};

/** Notes a record, or repetitions of one. -1: memory ran out, or it is about another program. */
int learn_view(struct learn *learn, const struct cli_view *view, struct mj_error *err);
/** Says which program it is about; -1 if the records so far are about another one. */
int learn_main_module(struct learn *learn, const char *module, struct mj_error *err);
/** Sorts; drops subjects that no policy can name, the first of which is returned (to be freed) or NULL. */
char *learn_sort(struct learn *learn);
void learn_free(struct learn *learn);

/** The fewest words that give the subject what it needed beyond have, sorted; how many. -1: no memory.
 * *ret is freed by the caller. */
ssize_t learn_words(const struct learn_subject *subject, const struct mj_grant *have,
                    struct learn_word **ret);
bool learn_is_unattributed(const struct learn_subject *subject);
/** What policy says of the subject. */
const struct mj_rule *learn_rule(const struct learn *learn, const struct mj_policy *policy,
                                 const struct learn_subject *subject);
/** Whether policy allows all that was needed. */
bool learn_is_allowed(const struct learn *learn, const struct mj_policy *policy);

/* ---- the file (learn_write.c) --------------------------------------------------------------- */

/** Writes a whole modjail.yaml. -1: no memory. */
int learn_write(FILE *out, const struct learn *learn);
/** "  # 12 calls, first: ..."; nothing if there is nothing to say. */
void learn_put_evidence(FILE *out, const struct learn_word *word);
/** A module path as a key of YAML, quoted if it has to be. */
void learn_put_key(FILE *out, const char *module);

/* ---- the file's text as a tree (learn_tree.c) ----------------------------------------------- */

enum learn_kind { LEARN_NULL, LEARN_SCALAR, LEARN_SEQUENCE, LEARN_MAPPING };

/** Where something stands in the text, in bytes: quotes and brackets included. */
struct learn_node {
	enum learn_kind kind;
	bool flow; /* in brackets; of a scalar: on one line */
	size_t start, end;
	size_t count;             /* elements; of a mapping: keys and values */
	struct learn_node *nodes; /* of a mapping: key, value, key, value, ... */
	char *text;               /* of a scalar */
};

int learn_tree_make(const char *text, size_t len, struct learn_node *ret, struct mj_error *err);
void learn_tree_free(struct learn_node *node);
/** The value of a mapping's key; NULL if there is none, or node is no mapping. */
const struct learn_node *learn_tree_get(const struct learn_node *node, const char *key);

/* ---- adding to a file (learn_merge.c) ------------------------------------------------------- */

/**
 * Adds to text what was needed beyond what it grants, and changes nothing else in it. *ret is the new text,
 * to be freed by the caller; it equals the old one if nothing was lacking. name stands in messages.
 */
int learn_merge(const struct learn *learn, const char *name, const char *text, size_t len,
                char **ret, size_t *ret_len, struct mj_error *err);

/* ---- records of other runs (learn_json.c) --------------------------------------------------- */

/** Bytes of one record. */
#define LEARN_LINE_MAX (4u << 20)
/** Notes the records of one file. */
int learn_read(struct learn *learn, const char *path, struct mj_error *err);

#endif
