/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text as a tree with positions, and complaints about it. policy's own. */
#ifndef MJ_POLICY_YAML_H
#define MJ_POLICY_YAML_H

#include "policy/internal.h"

enum mj_yaml_kind { MJ_YAML_SCALAR, MJ_YAML_SEQUENCE, MJ_YAML_MAPPING };

struct mj_yaml_node {
	enum mj_yaml_kind kind;
	bool quoted;               /* a scalar in quotes: text, whatever it looks like */
	bool is_null;              /* a plain scalar without any text, ~ or null */
	unsigned line, column;     /* from 1 */
	const char *text;          /* of a scalar; no NUL within */
	struct mj_yaml_node *next; /* of the same parent; in a mapping keys and values take turns */
	struct mj_yaml_node *first; /* child */
};

/** What is wrong with a file, at which places. Zero-initialised: nothing. */
struct mj_complaints {
	size_t count;
	bool out_of_memory;
	struct mj_complaint {
		unsigned line, column;
		char *text;
	} * list;
};

/** Adds one; behind the hundredth, none. Memory that is lacking is remembered. */
void mj_complain(struct mj_complaints *complaints, unsigned line, unsigned column, const char *fmt,
                 ...) MJ_PRINTF(4, 5);
/** Those of *complaints in order of their places as "NAME:LINE:COLUMN: TEXT", and empties it. -1: no memory. */
int mj_complaints_finish(struct mj_complaints *complaints, const char *name,
                         struct mj_warnings *ret, struct mj_error *err);

struct mj_yaml; /* owns the nodes */

/**
 * Parses one document. *ret_root is NULL for an empty one. What is not YAML, or YAML that is refused here
 * (anchors, aliases, tags, a second document, too deep), is complained of and leaves *ret NULL.
 */
void mj_yaml_parse(const char *text, size_t len, struct mj_complaints *complaints,
                   struct mj_yaml **ret, const struct mj_yaml_node **ret_root);
void mj_yaml_free(struct mj_yaml *yaml); /* accepts NULL */

#endif
