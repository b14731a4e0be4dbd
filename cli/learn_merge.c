/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds to a modjail.yaml that people wrote: by inserting into its text, so that all they wrote stays as it is.
 * The result is read again and must be the policy that was meant; whatever this does not understand of a
 * file's layout ends there, with nothing written.
 */
#include "cli/learn.h"

#include <stdlib.h>
#include <string.h>

/* ---- edits ---------------------------------------------------------------------------------- */

/* At a place of the old text. */
struct edit {
	size_t at;
	size_t order;
	char *text;
};

struct merge {
	const struct learn *learn;
	const char *text;
	size_t len;
	const char *eol;
	struct learn_node root;
	struct mj_policy *old;
	struct mj_policy *wanted;
	struct edit *edits;
	size_t nedits;
	struct mj_error *err;
};

static int
out_of_memory(struct merge *m)
{
	return mj_error_set(m->err, MJ_ERR_MEMORY, "out of memory");
}

static int
cannot_edit(struct merge *m, const char *what)
{
	return mj_error_set(
		m->err, MJ_ERR_UNSUPPORTED,
		"the layout at %s is not one that modjail can add to; nothing was written", what);
}

/* Takes over text, which may be NULL: memory ran out. */
static int
insert(struct merge *m, size_t at, char *text)
{
	struct edit *more = text ? realloc(m->edits, (m->nedits + 1) * sizeof(*more)) : NULL;
	if (!more) {
		free(text);
		return out_of_memory(m);
	}
	m->edits = more;
	more[m->nedits] = (struct edit){ at, m->nedits, text };
	m->nedits++;
	return 0;
}

/* What is to be inserted is written to out; finished by insert_buffer. */
struct buffer {
	FILE *out;
	char *text;
	size_t len;
};

static bool
buffer_start(struct buffer *b)
{
	*b = (struct buffer){ 0 };
	b->out = open_memstream(&b->text, &b->len);
	return b->out != NULL;
}

static int
insert_buffer(struct merge *m, size_t at, struct buffer *b)
{
	if (fclose(b->out) != 0) {
		free(b->text);
		b->text = NULL;
	}
	return insert(m, at, b->text);
}

static int
compare_edits(const void *a, const void *b)
{
	const struct edit *left = a;
	const struct edit *right = b;
	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->order < right->order ? -1 : 1;
}

static int
apply(struct merge *m, char **ret, size_t *ret_len)
{
	struct buffer b;
	size_t done = 0;
	if (!buffer_start(&b))
		return out_of_memory(m);
	if (m->nedits)
		qsort(m->edits, m->nedits, sizeof(*m->edits), compare_edits);
	for (size_t i = 0; i < m->nedits; i++) {
		fwrite(m->text + done, 1, m->edits[i].at - done, b.out);
		fputs(m->edits[i].text, b.out);
		done = m->edits[i].at;
	}
	fwrite(m->text + done, 1, m->len - done, b.out);
	if (fclose(b.out) != 0) {
		free(b.text);
		return out_of_memory(m);
	}
	*ret = b.text;
	*ret_len = b.len;
	return 0;
}

/* ---- places --------------------------------------------------------------------------------- */

/* Where a value ends that stands in block style: behind the last thing in it. */
static size_t
last_byte(const struct learn_node *node)
{
	while (!node->flow && node->count) {
		const struct learn_node *last = &node->nodes[node->count - 1];
		/* A key without a value ends with the key. */
		node = last->kind == LEARN_NULL && node->kind == LEARN_MAPPING ? last - 1 : last;
	}
	return node->end;
}

static size_t
line_start(const struct merge *m, size_t at)
{
	while (at > 0 && m->text[at - 1] != '\n')
		at--;
	return at;
}

/* The beginning of the line behind at; *complete: the line at at has an end. */
static size_t
next_line(const struct merge *m, size_t at, bool *complete)
{
	const char *newline = memchr(m->text + at, '\n', m->len - at);
	*complete = newline != NULL;
	return newline ? (size_t)(newline - m->text) + 1 : m->len;
}

/* What stands before at on its line; NULL unless that is allowed, spaces and, if dash, a dash. */
static char *
indent_of(const struct merge *m, size_t at, bool dash)
{
	size_t start = line_start(m, at);
	char *indent = strndup(m->text + start, at - start);
	if (!indent)
		return NULL;
	char *end = indent + strspn(indent, " ");
	if (dash && *end == '-')
		end += 1 + strspn(end + 1, " ");
	else if (dash)
		end = NULL;
	if (end && !*end)
		return indent;
	free(indent);
	return NULL;
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct words {
	struct learn_word *words;
	size_t count;
};

static void
put_flow_words(FILE *out, const struct words *words, const char *before)
{
	for (size_t i = 0; i < words->count; i++) {
		fprintf(out, "%s%s", before, words->words[i].word);
		before = ", ";
	}
}

static int
add_to_block(struct merge *m, const struct learn_node *list, const char *what,
             const struct words *words)
{
	const struct learn_node *last = &list->nodes[list->count - 1];
	struct buffer b;
	bool complete;
	MJ_AUTO_FREE char *indent = indent_of(m, last->start, true);
	if (!indent || last->kind != LEARN_SCALAR || !last->flow)
		return cannot_edit(m, what);
	size_t at = next_line(m, last->end, &complete);
	if (!buffer_start(&b))
		return out_of_memory(m);
	for (size_t i = 0; i < words->count; i++) {
		fprintf(b.out, "%s%s%s", complete ? "" : m->eol, indent, words->words[i].word);
		learn_put_evidence(b.out, &words->words[i]);
		fputs(complete ? m->eol : "", b.out);
	}
	return insert_buffer(m, at, &b);
}

static int
add_to_list(struct merge *m, const struct learn_node *list, const char *what,
            const struct words *words)
{
	struct buffer b;
	if (!list->flow && list->count)
		return add_to_block(m, list, what, words);
	if (!list->flow || !buffer_start(&b))
		return cannot_edit(m, what);
	put_flow_words(b.out, words, list->count ? ", " : "");
	size_t at = list->count ? list->nodes[list->count - 1].end : list->end - 1;
	return insert_buffer(m, at, &b);
}

/* "confined" becomes "[confined, X]". */
static int
add_to_word(struct merge *m, const struct learn_node *word, const char *what,
            const struct words *words)
{
	struct buffer b;
	if (!word->flow)
		return cannot_edit(m, what);
	if (insert(m, word->start, strdup("[")) < 0)
		return -1;
	if (!buffer_start(&b))
		return out_of_memory(m);
	put_flow_words(b.out, words, ", ");
	fputc(']', b.out);
	return insert_buffer(m, word->end, &b);
}

/* ---- words for what a rule gives already ---------------------------------------------------- */

static int
push(struct words *words, const char *word)
{
	struct learn_word *more = realloc(words->words, (words->count + 1) * sizeof(*more));
	if (!more)
		return -1;
	words->words = more;
	more[words->count] = (struct learn_word){ 0 };
	snprintf(more[words->count++].word, sizeof(more->word), "%s", word);
	return 0;
}

/* Adds word if it gives something of grant that said does not, and nothing else. */
static int
push_useful(struct words *words, const struct mj_grant *grant, struct mj_grant *said,
            const char *word)
{
	struct mj_grant gives;
	if (!mj_grant_parse_item(word, &gives) || !mj_grant_covers(grant, &gives) ||
	    mj_grant_covers(said, &gives))
		return 0;
	*said = mj_grant_union(*said, gives);
	return push(words, word);
}

static int
push_grant(struct words *words, const struct mj_grant *grant)
{
	static const char *const wide[] = { "unconfined", "confined" };
	struct mj_grant said = mj_grant_of(0);
	for (size_t i = 0; i < MJ_ARRAY_LEN(wide); i++)
		if (push_useful(words, grant, &said, wide[i]) < 0)
			return -1;
	for (int i = 0; i < MJ_CAP_COUNT; i++)
		if (push_useful(words, grant, &said, mj_cap_name((enum mj_cap)i)) < 0)
			return -1;
	for (size_t i = 0; i < mj_call_count(); i++)
		if (push_useful(words, grant, &said, mj_call_name(mj_call_at(i))) < 0)
			return -1;
	return 0;
}

/* What a rule says, as a list says it; then more. *ret is freed by the caller. */
static int
list_of(const struct mj_rule *rule, const struct words *more, struct words *ret)
{
	*ret = (struct words){ 0 };
	bool ok = rule->nitems || push_grant(ret, &rule->grant) == 0;
	for (size_t i = 0; ok && i < rule->nitems; i++)
		ok = push(ret, rule->items[i].word) == 0;
	for (size_t i = 0; ok && i < more->count; i++) {
		ok = push(ret, more->words[i].word) == 0;
		if (ok)
			ret->words[ret->count - 1] = more->words[i];
	}
	if (ok)
		return 0;
	free(ret->words);
	return -1;
}

/* ---- subjects that the file names ----------------------------------------------------------- */

/* A mapping without "allow" gets one, with what it gives as it is. */
static int
add_allow(struct merge *m, const struct learn_node *mapping, const struct mj_rule *rule,
          const char *what, const struct words *words)
{
	struct words all;
	struct buffer b;
	size_t at = mapping->count ? mapping->nodes[0].start : mapping->end - 1;
	MJ_AUTO_FREE char *indent = mapping->flow ? strdup("") : indent_of(m, at, false);
	if (!indent)
		return cannot_edit(m, what);
	if (list_of(rule, words, &all) < 0 || !buffer_start(&b))
		return out_of_memory(m);
	put_flow_words(b.out, &all, "allow: [");
	fputs(!mapping->count ? "]" : mapping->flow ? "], " : "]", b.out);
	if (!mapping->flow)
		fprintf(b.out, "%s%s", m->eol, indent);
	free(all.words);
	return insert_buffer(m, at, &b);
}

static int
add_to_value(struct merge *m, const struct learn_node *value, const struct mj_rule *rule,
             const char *what, const struct words *words)
{
	const struct learn_node *allow = learn_tree_get(value, "allow");
	if (allow)
		value = allow;
	switch (value->kind) {
	case LEARN_SEQUENCE:
		return add_to_list(m, value, what, words);
	case LEARN_SCALAR:
		return add_to_word(m, value, what, words);
	case LEARN_MAPPING:
		return allow ? cannot_edit(m, what) : add_allow(m, value, rule, what, words);
	case LEARN_NULL:
	default:
		return cannot_edit(m, what);
	}
}

/* ---- subjects that it does not name --------------------------------------------------------- */

/* "KEY:" with a list below it, as learn_write has it. */
static void
put_module(FILE *out, const struct merge *m, const char *indent, const char *name,
           const struct words *words)
{
	fputs(indent, out);
	learn_put_key(out, name);
	fprintf(out, ":%s", m->eol);
	for (size_t i = 0; i < words->count; i++) {
		fprintf(out, "%s  - %s", indent, words->words[i].word);
		learn_put_evidence(out, &words->words[i]);
		fputs(m->eol, out);
	}
}

static int
add_flow_module(struct merge *m, const struct learn_node *modules, const char *name,
                const struct words *words)
{
	struct buffer b;
	if (!buffer_start(&b))
		return out_of_memory(m);
	/* An empty one gets its comma from whoever comes second. */
	bool first = !modules->count;
	size_t at = modules->end - 1;
	if (!first) {
		const struct learn_node *last = &modules->nodes[modules->count - 1];
		at = last->kind == LEARN_NULL ? (last - 1)->end : last->end;
	}
	for (size_t i = 0; first && i < m->nedits; i++)
		first = m->edits[i].at != at;
	fprintf(b.out, "%s\"%s\": ", first ? "" : ", ", name);
	put_flow_words(b.out, words, "[");
	fputs("]", b.out);
	return insert_buffer(m, at, &b);
}

/* Lines behind those of a block that ends with its byte end. */
static int
insert_lines(struct merge *m, size_t end, struct buffer *b)
{
	bool complete;
	size_t at = next_line(m, end, &complete);
	bool second = false;
	for (size_t i = 0; i < m->nedits; i++)
		second |= m->edits[i].at == at;
	if (!complete && !second && insert(m, at, strdup(m->eol)) < 0) {
		fclose(b->out);
		free(b->text);
		return -1;
	}
	return insert_buffer(m, at, b);
}

static int
add_module(struct merge *m, const char *name, const struct words *words)
{
	const struct learn_node *modules = learn_tree_get(&m->root, "modules");
	struct buffer b;
	if (modules && modules->kind == LEARN_MAPPING && modules->flow)
		return add_flow_module(m, modules, name, words);
	if (m->root.kind != LEARN_MAPPING || m->root.flow || !m->root.count)
		return cannot_edit(m, "the top of the file");
	const struct learn_node *model =
		modules && modules->count ? &modules->nodes[0] : &m->root.nodes[0];
	MJ_AUTO_FREE char *indent = indent_of(m, model->start, false);
	if (!indent || !buffer_start(&b))
		return cannot_edit(m, "\"modules\"");
	MJ_AUTO_FREE char *deeper = NULL;
	if (asprintf(&deeper, "%s  ", indent) < 0)
		deeper = NULL;
	if (!modules && m->root.count && !learn_tree_get(&m->root, "modules")) {
		bool begun = false;
		for (size_t i = 0; i < m->nedits; i++)
			begun |= strstr(m->edits[i].text, "modules:") != NULL;
		if (!begun)
			fprintf(b.out, "%smodules:%s", indent, m->eol);
	}
	bool below = !(modules && modules->count);
	put_module(b.out, m, below && deeper ? deeper : indent, name, words);
	/* An empty "modules:" ends with its key, which stands before its value. */
	const struct learn_node *block = modules && modules->count ? modules : &m->root;
	size_t end = modules && modules->kind == LEARN_NULL ? (modules - 1)->end : last_byte(block);
	return insert_lines(m, end, &b);
}

/* ---- one subject ---------------------------------------------------------------------------- */

/* The rule with what was added, for the policy that is meant. */
static struct mj_rule
with_words(const struct mj_rule *rule, const struct words *words)
{
	struct mj_rule more = *rule;
	more.items = NULL;
	more.nitems = 0;
	more.origin = (struct mj_origin){ .source = MJ_SOURCE_FILE };
	for (size_t i = 0; i < words->count; i++) {
		struct mj_grant grant = { 0 };
		if (mj_grant_parse_item(words->words[i].word, &grant))
			more.grant = mj_grant_union(more.grant, grant);
	}
	return more;
}

static int
add_unattributed(struct merge *m, const struct mj_rule *rule, const struct words *words)
{
	const struct learn_node *value = learn_tree_get(&m->root, "unattributed");
	struct mj_rule more = with_words(rule, words);
	struct words all;
	struct buffer b;
	if (mj_policy_set_unattributed(m->wanted, &more, m->err) < 0)
		return -1;
	if (value)
		return add_to_value(m, value, rule, "\"unattributed\"", words);
	if (m->root.kind != LEARN_MAPPING || m->root.flow || !m->root.count)
		return cannot_edit(m, "the top of the file");
	MJ_AUTO_FREE char *indent = indent_of(m, m->root.nodes[0].start, false);
	/* Behind the first key, which is one line in all files that anybody writes. */
	if (!indent || m->root.nodes[1].kind != LEARN_SCALAR)
		return cannot_edit(m, "the top of the file");
	if (list_of(rule, words, &all) < 0 || !buffer_start(&b))
		return out_of_memory(m);
	fputs(indent, b.out);
	put_flow_words(b.out, &all, "unattributed: [");
	fprintf(b.out, "]%s", m->eol);
	free(all.words);
	return insert_lines(m, m->root.nodes[1].end, &b);
}

static int
add_named(struct merge *m, const char *key, const struct mj_rule *rule, const struct words *words)
{
	const struct learn_node *value = learn_tree_get(learn_tree_get(&m->root, "modules"), key);
	struct mj_rule more = with_words(rule, words);
	if (!value)
		return cannot_edit(m, key);
	if (mj_policy_set_rule(m->wanted, key, &more, m->err) < 0)
		return -1;
	return add_to_value(m, value, rule, key, words);
}

/* It may no less than what the file says of those that it does not name. */
static int
add_new(struct merge *m, const struct learn_subject *subject, const struct words *words)
{
	const struct mj_rule *otherwise = mj_policy_default(m->old);
	struct mj_rule more = with_words(otherwise, words);
	struct words all;
	more.action = MJ_ACTION_DEFAULT;
	more.errnum = 0;
	if (mj_policy_set_rule(m->wanted, subject->name, &more, m->err) < 0)
		return -1;
	if (list_of(otherwise, words, &all) < 0)
		return out_of_memory(m);
	int r = add_module(m, subject->name, &all);
	free(all.words);
	return r;
}

/* The key that a rule stands under; NULL: it is the default. */
static const char *
key_of(const struct mj_policy *policy, const struct mj_rule *rule)
{
	for (size_t i = 0; i < mj_policy_count(policy); i++)
		if (mj_policy_rule_at(policy, i) == rule)
			return mj_policy_module(policy, i);
	return NULL;
}

static int
add_subject(struct merge *m, const struct learn_subject *subject)
{
	bool nobody = learn_is_unattributed(subject);
	/* What nobody knows may do what all may: that grows with the modules. */
	const struct mj_rule *rule = learn_rule(m->learn, nobody ? m->wanted : m->old, subject);
	struct words words = { 0 };
	ssize_t count = learn_words(subject, &rule->grant, &words.words);
	int r = count < 0 ? out_of_memory(m) : 0;
	words.count = count < 0 ? 0 : (size_t)count;
	if (words.count) {
		const char *key = nobody ? NULL : key_of(m->old, rule);
		if (nobody)
			r = add_unattributed(m, rule, &words);
		else
			r = key ? add_named(m, key, rule, &words) : add_new(m, subject, &words);
	}
	free(words.words);
	return r;
}

/* ---- checking ------------------------------------------------------------------------------- */

static bool
same_rule(const struct mj_rule *a, const struct mj_rule *b)
{
	return mj_grant_covers(&a->grant, &b->grant) && mj_grant_covers(&b->grant, &a->grant) &&
	       a->action == b->action && a->errnum == b->errnum && a->privileged == b->privileged &&
	       a->pool == b->pool;
}

static bool
same_policy(const struct mj_policy *a, const struct mj_policy *b)
{
	if (mj_policy_count(a) != mj_policy_count(b) ||
	    !same_rule(mj_policy_default(a), mj_policy_default(b)) ||
	    !same_rule(mj_policy_unattributed(a), mj_policy_unattributed(b)) ||
	    mj_policy_std_strict(a) != mj_policy_std_strict(b))
		return false;
	for (size_t i = 0; i < mj_policy_count(a); i++)
		if (strcmp(mj_policy_module(a, i), mj_policy_module(b, i)) != 0 ||
		    !same_rule(mj_policy_rule_at(a, i), mj_policy_rule_at(b, i)))
			return false;
	return true;
}

static int
read_policy(const char *name, const char *text, size_t len, struct mj_policy **ret,
            struct mj_error *err)
{
	if (mj_policy_create(ret, err) < 0)
		return -1;
	return mj_policy_read_yaml(*ret, name, text, len, err);
}

static int
check_result(struct merge *m, const char *name, const char *text, size_t len)
{
	struct mj_policy *made = NULL;
	struct mj_error why = { 0 };
	bool ok = read_policy(name, text, len, &made, &why) == 0 && same_policy(made, m->wanted) &&
	          learn_is_allowed(m->learn, made);
	mj_policy_destroy(made);
	if (ok)
		return 0;
	return mj_error_set(
		m->err, MJ_ERR_UNSUPPORTED,
		"%s: its layout is not one that modjail can add to; nothing was written%s%s", name,
		*why.text ? ": " : "", why.text);
}

static int
check_program(struct merge *m, const char *name)
{
	const char *program = mj_policy_program(m->old, NULL);
	const char *ours = m->learn->main_module;
	if (!program || !ours || strcmp(program, ours) == 0)
		return 0;
	return mj_error_set(m->err, MJ_ERR_USAGE, "%s is for the program %s, and not for %s", name,
	                    program, ours);
}

/* The unattributed last. */
static int
add_all(struct merge *m)
{
	for (int nobody = 0; nobody <= 1; nobody++)
		for (size_t i = 0; i < m->learn->nsubjects; i++) {
			const struct learn_subject *subject = &m->learn->subjects[i];
			if (learn_is_unattributed(subject) == (nobody == 1) &&
			    add_subject(m, subject) < 0)
				return -1;
		}
	return 0;
}

static const char *
eol_of(const char *text, size_t len)
{
	const char *newline = memchr(text, '\n', len);
	return newline && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
}

int
learn_merge(const struct learn *learn, const char *name, const char *text, size_t len, char **ret,
            size_t *ret_len, struct mj_error *err)
{
	struct merge m = { .learn = learn, .text = text, .len = len, .err = err };
	char *made = NULL;
	size_t made_len = 0;
	m.eol = eol_of(text, len);
	int r = -1;
	if (read_policy(name, text, len, &m.old, err) == 0 &&
	    read_policy(name, text, len, &m.wanted, err) == 0 && check_program(&m, name) == 0) {
		r = learn_tree_make(text, len, &m.root, err);
		if (r < 0 || add_all(&m) < 0)
			r = mj_error_wrap(err, "%s", name);
	}
	if (r == 0)
		r = apply(&m, &made, &made_len);
	if (r == 0)
		r = check_result(&m, name, made, made_len);
	if (r == 0) {
		*ret = made;
		*ret_len = made_len;
	} else {
		free(made);
	}
	for (size_t i = 0; i < m.nedits; i++)
		free(m.edits[i].text);
	free(m.edits);
	learn_tree_free(&m.root);
	mj_policy_destroy(m.old);
	mj_policy_destroy(m.wanted);
	return r;
}
