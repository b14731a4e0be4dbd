/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of go.mod text. The grammar is golang.org/x/mod/modfile's (read.go): a line ends at a
 * newline or at a comment behind something, a comment alone on its line is a token by itself. */
#ifndef MJ_POLICY_GOMOD_LEX_H
#define MJ_POLICY_GOMOD_LEX_H

#include "common/common.h"

enum mj_token_kind {
	MJ_TOKEN_EOF,
	MJ_TOKEN_NEWLINE,
	MJ_TOKEN_COMMENT, /**< alone on its line; takes the newline with it */
	MJ_TOKEN_SUFFIX,  /**< a comment behind something; takes the newline with it */
	MJ_TOKEN_PUNCT,   /**< one of ( ) [ ] { } , */
	MJ_TOKEN_WORD,
	MJ_TOKEN_STRING, /**< with its quotes */
};

/** text is borrowed from the input and not terminated; a comment's starts with its slashes and
 * ends before the newline. */
struct mj_token {
	enum mj_token_kind kind;
	unsigned line;
	const char *text;
	size_t len;
};

struct mj_lexer {
	const char *name; /**< for messages */
	const char *text;
	size_t len;
	size_t pos;
	unsigned line;
	bool line_used;        /**< something other than white space was on this line already */
	struct mj_token token; /**< the next token */
};

/** Starts at the beginning (behind a byte order mark) and reads the first token. */
int mj_lex_start(struct mj_lexer *lexer, const char *name, const char *text, size_t len,
                 struct mj_error *err);
/** Reads the token behind lexer->token into it. */
int mj_lex_next(struct mj_lexer *lexer, struct mj_error *err);

static inline bool
mj_token_ends_line(const struct mj_token *token)
{
	return token->kind == MJ_TOKEN_EOF || token->kind == MJ_TOKEN_NEWLINE ||
	       token->kind == MJ_TOKEN_SUFFIX;
}

bool mj_token_is(const struct mj_token *token, const char *text);

/** The value of a word or string token, terminated, to be freed; NULL with err set if its quotes or
 * escapes are malformed. It contains no NUL. */
char *mj_token_value(const struct mj_token *token, const char *name, struct mj_error *err);

/** Takes the first field (as Go's strings.Fields) off *text; false if there is none left. */
bool mj_next_field(const char **text, size_t *len, const char **field, size_t *field_len);

#endif
