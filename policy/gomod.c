/* SPDX-License-Identifier: Apache-2.0 */
/*
 * go.mod files and gomodjail's comments in them. Which comment belongs to what follows
 * golang.org/x/mod/modfile (parseFile, parseLineBlock and assignComments in read.go): at top level
 * a blank line separates a comment from what follows, within a block it does not; a comment behind
 * "require (" or ")" belongs to the parenthesis, where gomodjail does not look.
 */
#include "policy/gomod_verbs.h"
#include "policy/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "gomodjail:"

enum note_kind { NOTE_NONE, NOTE_CONFINED, NOTE_UNCONFINED };

/* A directive, and where it stands. */
struct note {
	enum note_kind kind;
	unsigned line;
};

/* What the comments at one place say. */
struct notes {
	struct note first, last;
	unsigned bad_line; /* of the first unknown word; 0 if there is none */
	char bad_word[64];
	bool covered; /* a comment without a directive follows the last one with */
};

/* Tokens of one line, as many as any known line has; count goes on. */
struct words {
	struct mj_token token[8];
	size_t count;
};

struct requirement {
	char *path;
	struct note note; /* its own or its block's */
	unsigned line;
	size_t order;
};

struct parser {
	struct mj_lexer lexer;
	const char *name;
	struct mj_error *err;
	struct mj_warnings warnings;
	char *module;
	struct note module_note;
	bool seen[MJ_VERBS_MAX];
	struct requirement *requirements;
	size_t count, capacity;
};

/* ---- comments ------------------------------------------------------------------------------- */

static int
warn(struct parser *p, unsigned line, const char *what)
{
	return mj_warnings_add(&p->warnings, p->err, "%s:%u: %s", p->name, line, what);
}

static bool
drop_prefix(const char **text, size_t *len, const char *prefix)
{
	size_t n = strlen(prefix);
	if (*len < n || memcmp(*text, prefix, n) != 0)
		return false;
	*text += n;
	*len -= n;
	return true;
}

static bool
bytes_are(const char *bytes, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(bytes, text, len) == 0;
}

/* Enters the policy word behind PREFIX. */
static int
note_word(struct parser *p, unsigned line, const char *word, size_t len, struct notes *notes)
{
	if (len == 0) {
		notes->covered = notes->last.kind != NOTE_NONE;
		return warn(p, line, "no policy behind \"" PREFIX "\"; ignored");
	}
	struct note note = { .line = line };
	if (bytes_are(word, len, "confined")) {
		note.kind = NOTE_CONFINED;
	} else if (bytes_are(word, len, "unconfined")) {
		note.kind = NOTE_UNCONFINED;
	} else if (notes->bad_line) {
		return 0;
	} else {
		notes->bad_line = line;
		snprintf(notes->bad_word, sizeof(notes->bad_word), "%.*s",
		         (int)(len < 200 ? len : 200), word);
		return 0;
	}
	if (!notes->first.kind)
		notes->first = note;
	notes->last = note;
	notes->covered = false;
	return 0;
}

/* Reads one comment. Its first directive counts. */
static int
note_comment(struct parser *p, const struct mj_token *comment, struct notes *notes)
{
	const char *text = comment->text;
	size_t len = comment->len;
	const char *field = NULL;
	size_t field_len = 0;
	drop_prefix(&text, &len, "//");
	while (mj_next_field(&text, &len, &field, &field_len)) {
		drop_prefix(&field, &field_len, "//");
		if (!drop_prefix(&field, &field_len, PREFIX))
			continue;
		if (memmem(text, len, PREFIX, strlen(PREFIX)) &&
		    warn(p, comment->line, "only the first directive of a comment counts") < 0)
			return -1;
		return note_word(p, comment->line, field, field_len, notes);
	}
	notes->covered = notes->last.kind != NOTE_NONE;
	if (memmem(comment->text, comment->len, PREFIX "confined", strlen(PREFIX "confined")) ||
	    memmem(comment->text, comment->len, PREFIX "unconfined", strlen(PREFIX "unconfined")))
		return warn(p, comment->line,
		            "ignored: \"" PREFIX "\" must begin a word of its own");
	return 0;
}

/* For comments that are attached to something that a policy could be for. */
static int
check_notes(struct parser *p, const struct notes *notes)
{
	if (!notes->bad_line)
		return 0;
	return mj_error_set(p->err, MJ_ERR_FORMAT,
	                    "%s:%u: unknown policy \"%s\"; known: confined, unconfined", p->name,
	                    notes->bad_line, notes->bad_word);
}

/* For comments that are not. */
static int
warn_notes(struct parser *p, const struct notes *notes)
{
	unsigned line = notes->first.kind ? notes->first.line : notes->bad_line;
	if (!line)
		return 0;
	return warn(p, line,
	            "ignored: a directive belongs on or directly above the module line, a line"
	            " with a required module, or directly above \"require (\"");
}

static int
warn_comment(struct parser *p, const struct mj_token *token)
{
	struct notes notes = { 0 };
	if (token->kind != MJ_TOKEN_SUFFIX)
		return 0;
	return note_comment(p, token, &notes) < 0 ? -1 : warn_notes(p, &notes);
}

static bool
verb_is(const struct mj_verb *verb, const char *name)
{
	return strcmp(verb->name, name) == 0;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static int
take(struct parser *p, struct mj_token *ret)
{
	*ret = p->lexer.token;
	return mj_lex_next(&p->lexer, p->err);
}

static void
add_word(struct words *words, const struct mj_token *token)
{
	if (words->count < MJ_ARRAY_LEN(words->token))
		words->token[words->count] = *token;
	words->count++;
}

static int
bad_line(struct parser *p, unsigned line, const char *what, const struct mj_token *token)
{
	return mj_error_set(p->err, MJ_ERR_FORMAT, "%s:%u: %s: %.*s", p->name, line, what,
	                    (int)(token->len < 200 ? token->len : 200), token->text);
}

static char *
module_path(struct parser *p, const struct mj_token *token)
{
	char *path = mj_token_value(token, p->name, p->err);
	/* "main" is how policies name the main module whatever its path. */
	if (path && (!mj_is_module_path(path) || strcmp(path, "main") == 0)) {
		bad_line(p, token->line, "not a module path", token);
		free(path);
		return NULL;
	}
	return path;
}

static int
add_module(struct parser *p, const struct mj_token *path, const struct notes *notes)
{
	if (check_notes(p, notes) < 0)
		return -1;
	p->module = mj_token_value(path, p->name, p->err);
	if (!p->module)
		return -1;
	p->module_note = notes->last;
	if (!notes->covered)
		return 0;
	return warn(p, notes->last.line,
	            "in force here, but gomodjail overlooks a module's directive that is not in its"
	            " last comment");
}

static int
add_requirement(struct parser *p, const struct mj_token *path, const struct notes *notes,
                const struct notes *block)
{
	if (check_notes(p, notes) < 0)
		return -1;
	if (p->count == p->capacity) {
		size_t capacity = p->capacity ? p->capacity * 2 : 64;
		struct requirement *bigger = realloc(p->requirements, capacity * sizeof(*bigger));
		if (!bigger)
			return mj_error_set(p->err, MJ_ERR_MEMORY, "%s: out of memory", p->name);
		p->requirements = bigger;
		p->capacity = capacity;
	}
	char *value = module_path(p, path);
	if (!value)
		return -1;
	p->requirements[p->count] = (struct requirement){
		.path = value,
		.note = notes->last.kind ? notes->last : block->first,
		.line = path->line,
		.order = p->count,
	};
	p->count++;
	return 0;
}

/* Number and quotation of the arguments. */
static int
check_arguments(struct parser *p, const struct mj_verb *verb, unsigned line,
                const struct mj_token *args, size_t count)
{
	if (count < verb->min_args || count > verb->max_args || !verb->check(args, count))
		return mj_error_set(p->err, MJ_ERR_FORMAT, "%s:%u: usage: %s", p->name, line,
		                    verb->usage);
	for (size_t i = 0; i < count; i++) {
		MJ_AUTO_FREE char *value = mj_token_value(&args[i], p->name, p->err);
		if (!value)
			return -1;
	}
	bool *seen = &p->seen[verb->id];
	if (*seen && verb->once)
		return mj_error_set(p->err, MJ_ERR_FORMAT, "%s:%u: repeated %s line", p->name, line,
		                    verb->name);
	*seen = true;
	return 0;
}

static int
do_line(struct parser *p, const struct mj_verb *verb, unsigned line, const struct mj_token *args,
        size_t count, const struct notes *notes, const struct notes *block)
{
	if (check_arguments(p, verb, line, args, count) < 0)
		return -1;
	if (verb_is(verb, "module"))
		return add_module(p, &args[0], notes);
	if (verb_is(verb, "require"))
		return add_requirement(p, &args[0], notes, block);
	if (verb_is(verb, "go") && (notes->first.kind || notes->bad_line))
		return mj_error_set(p->err, MJ_ERR_FORMAT,
		                    "%s:%u: a policy cannot be given at the go line", p->name,
		                    notes->first.kind ? notes->first.line : notes->bad_line);
	return warn_notes(p, notes);
}

/* Reads to the end of the line, its comment included. */
static int
read_words(struct parser *p, struct words *words, struct notes *notes)
{
	struct mj_token token;
	for (;;) {
		if (take(p, &token) < 0)
			return -1;
		if (mj_token_ends_line(&token))
			break;
		add_word(words, &token);
	}
	return token.kind == MJ_TOKEN_SUFFIX ? note_comment(p, &token, notes) : 0;
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Behind ")": nothing but the end of the line. */
static int
end_block(struct parser *p)
{
	struct mj_token token;
	if (take(p, &token) < 0)
		return -1;
	if (!mj_token_ends_line(&token))
		return bad_line(p, token.line, "expected a new line behind \")\"", &token);
	return warn_comment(p, &token);
}

/* One token or line of a block. pending: comments since its last line. Sets *ret_done at ")". */
static int
block_step(struct parser *p, const struct mj_verb *verb, const struct notes *block,
           struct notes *pending, bool *ret_done)
{
	struct mj_token token = p->lexer.token;
	if (token.kind == MJ_TOKEN_NEWLINE || token.kind == MJ_TOKEN_SUFFIX)
		return take(p, &token) < 0 ? -1 : warn_comment(p, &token);
	if (token.kind == MJ_TOKEN_COMMENT)
		return take(p, &token) < 0 ? -1 : note_comment(p, &token, pending);
	if (mj_token_is(&token, ")")) {
		*ret_done = true;
		if (warn_notes(p, pending) < 0 || take(p, &token) < 0)
			return -1;
		return end_block(p);
	}
	struct words words = { 0 };
	if (read_words(p, &words, pending) < 0 ||
	    do_line(p, verb, token.line, words.token, words.count, pending, block) < 0)
		return -1;
	*pending = (struct notes){ 0 };
	return 0;
}

/* From behind "VERB (" to the end of the line with its ")". */
static int
parse_block(struct parser *p, const struct words *head, const struct notes *above)
{
	const struct mj_token *first = &head->token[0];
	const struct mj_verb *verb = mj_verb_find(first);
	if (head->count != 1 || !verb || !verb->block)
		return bad_line(p, first->line, "unknown block", first);
	if (verb_is(verb, "require") ? check_notes(p, above) < 0 : warn_notes(p, above) < 0)
		return -1;
	struct notes pending = { 0 };
	bool done = false;
	while (!done) {
		if (p->lexer.token.kind == MJ_TOKEN_EOF)
			return mj_error_set(p->err, MJ_ERR_FORMAT,
			                    "%s:%u: block without end, begun in line %u", p->name,
			                    p->lexer.token.line, first->line);
		if (block_step(p, verb, above, &pending, &done) < 0)
			return -1;
	}
	return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A "(" opens a block only at the end of its line, or as "()" there. */
static int
parse_statement(struct parser *p, struct notes *above)
{
	struct words words = { 0 };
	struct mj_token token;
	while (!mj_token_ends_line(&p->lexer.token)) {
		if (take(p, &token) < 0)
			return -1;
		bool paren = mj_token_is(&token, "(") && words.count > 0;
		if (paren && mj_token_ends_line(&p->lexer.token))
			return parse_block(p, &words, above);
		if (paren && mj_token_is(&p->lexer.token, ")")) {
			struct mj_lexer before = p->lexer;
			if (mj_lex_next(&p->lexer, p->err) < 0)
				return -1;
			bool empty_block = mj_token_ends_line(&p->lexer.token);
			p->lexer = before;
			if (empty_block)
				return parse_block(p, &words, above);
		}
		add_word(&words, &token);
	}
	if (read_words(p, &words, above) < 0)
		return -1;
	const struct mj_verb *verb = mj_verb_find(&words.token[0]);
	if (!verb)
		return bad_line(p, words.token[0].line, "unknown directive", &words.token[0]);
	static const struct notes no_block;
	return do_line(p, verb, words.token[0].line, words.token + 1, words.count - 1, above,
	               &no_block);
}

static int
parse_file(struct parser *p)
{
	struct notes above = { 0 };
	struct mj_token token;
	while (p->lexer.token.kind != MJ_TOKEN_EOF) {
		if (p->lexer.token.kind == MJ_TOKEN_COMMENT) {
			if (take(p, &token) < 0 || note_comment(p, &token, &above) < 0)
				return -1;
			continue;
		}
		if (p->lexer.token.kind == MJ_TOKEN_NEWLINE) {
			if (take(p, &token) < 0 || warn_notes(p, &above) < 0)
				return -1;
		} else if (parse_statement(p, &above) < 0) {
			return -1;
		}
		above = (struct notes){ 0 };
	}
	if (!p->module)
		return mj_error_set(p->err, MJ_ERR_FORMAT, "%s: no module line", p->name);
	return warn_notes(p, &above);
}

static int
compare_requirements(const void *a, const void *b)
{
	const struct requirement *left = a;
	const struct requirement *right = b;
	int order = strcmp(left->path, right->path);
	return order ? order : (left->order > right->order) - (left->order < right->order);
}

static struct note
effective(const struct parser *p, const struct requirement *requirement)
{
	return requirement->note.kind ? requirement->note : p->module_note;
}

static bool
is_confined(struct note note)
{
	return note.kind == NOTE_CONFINED;
}

/* Of several lines for one module the last one counts. */
static int
commit(struct parser *p, struct mj_policy *policy)
{
	if (p->count > 0)
		qsort(p->requirements, p->count, sizeof(*p->requirements), compare_requirements);
	for (size_t i = 0; i < p->count; i++) {
		const struct requirement *this = &p->requirements[i];
		const struct requirement *next = i + 1 < p->count ? this + 1 : NULL;
		struct note note = effective(p, this);
		if (next && strcmp(this->path, next->path) == 0) {
			if (is_confined(note) != is_confined(effective(p, next)) &&
			    warn(p, next->line, "another policy than before for the same module") <
			            0)
				return -1;
			continue;
		}
		if (note.kind == NOTE_NONE)
			continue;
		struct mj_rule rule = {
			.grant = is_confined(note) ? mj_grant_confined() : mj_grant_unconfined(),
			.origin = { .file = p->name, .line = note.line, .source = MJ_SOURCE_GOMOD },
		};
		if (mj_policy_put(policy, this->path, &rule, p->err) < 0)
			return -1;
	}
	if (mj_policy_index(policy, p->err) < 0 ||
	    mj_policy_take_warnings(policy, &p->warnings, p->err) < 0)
		return -1;
	mj_policy_set_main_module(policy, p->module);
	p->module = NULL;
	return 0;
}

int
mj_policy_read_gomod(struct mj_policy *policy, const char *name, const char *text, size_t len,
                     struct mj_error *err)
{
	if (len > MJ_GOMOD_MAX)
		return mj_error_set(err, MJ_ERR_USAGE, "%s is larger than %u bytes", name,
		                    MJ_GOMOD_MAX);
	struct parser p = { .name = name, .err = err };
	int result = mj_lex_start(&p.lexer, name, text, len, err);
	if (result == 0)
		result = parse_file(&p);
	if (result == 0)
		result = commit(&p, policy);
	for (size_t i = 0; i < p.count; i++)
		free(p.requirements[i].path);
	free(p.requirements);
	free(p.module);
	mj_warnings_finish(&p.warnings);
	return result;
}
