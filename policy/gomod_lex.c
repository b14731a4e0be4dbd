/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/gomod_lex.h"

#include <stdlib.h>
#include <string.h>

/* Decodes one code point; returns its length, 0 if it is not valid UTF-8 (overlong forms,
 * surrogates and what lies beyond U+10FFFF included). */
static size_t
decode_rune(const char *text, size_t len, uint32_t *ret)
{
	const unsigned char *s = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (len == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	size_t size = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc0 || s[0] > 0xf7 || size > len)
		return 0;
	uint32_t rune = s[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (s[i] & 0x3fu);
	}
	if (rune < least[size] || (rune >= 0xd800 && rune < 0xe000) || rune > 0x10ffff)
		return 0;
	*ret = rune;
	return size;
}

/* Go's unicode.IsSpace. */
static bool
is_space(uint32_t rune)
{
	if (rune < 0x80)
		return rune == ' ' || (rune >= '\t' && rune <= '\r');
	return rune == 0x85 || rune == 0xa0 || rune == 0x1680 ||
	       (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 || rune == 0x2029 ||
	       rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

/* What a word is made of. modfile asks unicode.IsPrint; without its tables, this refuses what makes
 * a word look like another one: controls, invisible and direction-changing characters. */
static bool
is_word_rune(uint32_t rune)
{
	if (rune < 0x80)
		return rune > ' ' && rune < 0x7f && !strchr("()[]{},", (int)rune);
	return rune >= 0xa0 && !is_space(rune) && rune != 0xad && rune != 0xfeff &&
	       !(rune >= 0x200b && rune <= 0x200f) && !(rune >= 0x202a && rune <= 0x202e) &&
	       !(rune >= 0x2060 && rune <= 0x206f);
}

static bool
looking_at(const struct mj_lexer *lexer, const char *prefix)
{
	size_t len = strlen(prefix);
	return lexer->len - lexer->pos >= len && memcmp(lexer->text + lexer->pos, prefix, len) == 0;
}

static int
fail(const struct mj_lexer *lexer, struct mj_error *err, const char *what)
{
	return mj_error_set(err, MJ_ERR_FORMAT, "%s:%u: %s", lexer->name, lexer->line, what);
}

static int
fail_block_comment(const struct mj_lexer *lexer, struct mj_error *err)
{
	return fail(lexer, err, "go.mod has // comments only, no /* */");
}

/* Ends the token that began at start. */
static int
finish(struct mj_lexer *lexer, enum mj_token_kind kind, size_t start)
{
	lexer->token = (struct mj_token){
		.kind = kind,
		.line = lexer->line,
		.text = lexer->text + start,
		.len = lexer->pos - start,
	};
	lexer->line_used = true;
	return 0;
}

static void
end_line(struct mj_lexer *lexer)
{
	lexer->line++;
	lexer->line_used = false;
}

static int
lex_comment(struct mj_lexer *lexer)
{
	size_t start = lexer->pos;
	const char *newline = memchr(lexer->text + start, '\n', lexer->len - start);
	lexer->pos = newline ? (size_t)(newline - lexer->text) : lexer->len;
	finish(lexer, lexer->line_used ? MJ_TOKEN_SUFFIX : MJ_TOKEN_COMMENT, start);
	if (newline) {
		if (lexer->text[lexer->pos - 1] == '\r')
			lexer->token.len--;
		lexer->pos++;
		end_line(lexer);
	}
	return 0;
}

static int
lex_string(struct mj_lexer *lexer, struct mj_error *err)
{
	size_t start = lexer->pos;
	char quote = lexer->text[lexer->pos++];
	while (lexer->pos < lexer->len) {
		char c = lexer->text[lexer->pos++];
		if (c == '\\' && quote == '"' && lexer->pos < lexer->len)
			c = lexer->text[lexer->pos++] == '\n' ? '\n' : '\\';
		if (c == '\n')
			return fail(lexer, err, "newline in string");
		if (c == quote)
			return finish(lexer, MJ_TOKEN_STRING, start);
	}
	return fail(lexer, err, "string without end");
}

static int
lex_word(struct mj_lexer *lexer, struct mj_error *err)
{
	size_t start = lexer->pos;
	while (lexer->pos < lexer->len && !looking_at(lexer, "//")) {
		uint32_t rune = 0;
		size_t size = decode_rune(lexer->text + lexer->pos, lexer->len - lexer->pos, &rune);
		if (size == 0)
			return fail(lexer, err, "invalid UTF-8");
		if (looking_at(lexer, "/*"))
			return fail_block_comment(lexer, err);
		if (!is_word_rune(rune))
			break;
		lexer->pos += size;
	}
	if (lexer->pos == start)
		return fail(lexer, err, "unexpected character");
	return finish(lexer, MJ_TOKEN_WORD, start);
}

int
mj_lex_next(struct mj_lexer *lexer, struct mj_error *err)
{
	while (lexer->pos < lexer->len && strchr(" \t\r", lexer->text[lexer->pos]) &&
	       lexer->text[lexer->pos] != '\0')
		lexer->pos++;
	if (lexer->pos == lexer->len)
		return finish(lexer, MJ_TOKEN_EOF, lexer->pos);
	if (looking_at(lexer, "//"))
		return lex_comment(lexer);
	switch (lexer->text[lexer->pos]) {
	case '\n':
		lexer->pos++;
		finish(lexer, MJ_TOKEN_NEWLINE, lexer->pos - 1);
		end_line(lexer);
		return 0;
	case '(':
	case ')':
	case '[':
	case ']':
	case '{':
	case '}':
	case ',':
		lexer->pos++;
		return finish(lexer, MJ_TOKEN_PUNCT, lexer->pos - 1);
	case '"':
	case '`':
		return lex_string(lexer, err);
	default:
		return lex_word(lexer, err);
	}
}

int
mj_lex_start(struct mj_lexer *lexer, const char *name, const char *text, size_t len,
             struct mj_error *err)
{
	*lexer = (struct mj_lexer){ .name = name, .text = text, .len = len, .line = 1 };
	if (looking_at(lexer, "\xef\xbb\xbf"))
		lexer->pos = 3;
	return mj_lex_next(lexer, err);
}

bool
mj_token_is(const struct mj_token *token, const char *text)
{
	return token->len == strlen(text) && memcmp(token->text, text, token->len) == 0;
}

/* Appends a code point as UTF-8; at most 4 bytes, never more than its escape was long. */
static char *
put_rune(char *out, uint32_t rune)
{
	if (rune < 0x80) {
		*out++ = (char)rune;
		return out;
	}
	if (rune >= 0x10000) {
		*out++ = (char)(0xf0 | rune >> 18);
		*out++ = (char)(0x80 | (rune >> 12 & 0x3f));
	} else if (rune >= 0x800) {
		*out++ = (char)(0xe0 | rune >> 12);
	} else {
		*out++ = (char)(0xc0 | rune >> 6);
		*out++ = (char)(0x80 | (rune & 0x3f));
		return out;
	}
	*out++ = (char)(0x80 | (rune >> 6 & 0x3f));
	*out++ = (char)(0x80 | (rune & 0x3f));
	return out;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Reads the escape behind a backslash at *pos and appends its value; NULL if it is none. \x and
 * octal ones stand for bytes, \u and \U for code points (Go specification, "Rune literals"). */
static char *
put_escape(char *out, const char **pos, const char *end)
{
	static const char simple[] = "abfnrtv\\\"";
	static const char values[] = "\a\b\f\n\r\t\v\\\"";
	char kind = *(*pos)++;
	const char *found = strchr(simple, kind);
	if (kind != '\0' && found) {
		*out = values[found - simple];
		return out + 1;
	}
	unsigned base = kind >= '0' && kind <= '7' ? 8 : 16;
	unsigned digits = base == 8 ? 3 : kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
	if (base == 8)
		(*pos)--;
	if (digits == 0 || (size_t)(end - *pos) < digits)
		return NULL;
	uint32_t value = 0;
	for (; digits > 0; digits--) {
		unsigned digit = (unsigned)digit_value(*(*pos)++);
		if (digit >= base)
			return NULL;
		value = value * base + digit;
	}
	if (kind == 'u' || kind == 'U') {
		bool valid = value <= 0x10ffff && !(value >= 0xd800 && value < 0xe000);
		return valid ? put_rune(out, value) : NULL;
	}
	if (value > 0xff)
		return NULL;
	*out = (char)value;
	return out + 1;
}

/* Writes the value behind quotes to out; its end, or NULL if it is malformed. */
static char *
unquote(const struct mj_token *token, char *out)
{
	const char *pos = token->text + 1;
	const char *end = token->text + token->len - 1;
	bool raw = token->text[0] == '`';
	while (pos < end && out) {
		if (*pos == '\\' && !raw) {
			pos++;
			out = pos < end ? put_escape(out, &pos, end) : NULL;
		} else if (*pos == '\r' && raw) {
			pos++; /* Go drops it from raw strings. */
		} else {
			*out++ = *pos++;
		}
	}
	return out;
}

char *
mj_token_value(const struct mj_token *token, const char *name, struct mj_error *err)
{
	MJ_AUTO_FREE char *value = malloc(token->len + 1);
	if (!value) {
		mj_error_set(err, MJ_ERR_MEMORY, "%s: out of memory", name);
		return NULL;
	}
	char *end = value;
	if (token->kind == MJ_TOKEN_STRING) {
		end = unquote(token, value);
	} else {
		memcpy(value, token->text, token->len);
		end += token->len;
		/* modfile keeps quotes inside words for later use. */
		for (const char *c = value; c < end; c++) {
			if (strchr("\"'`", *c))
				end = value;
		}
		end = end == value ? NULL : end;
	}
	if (!end || memchr(value, '\0', (size_t)(end - value))) {
		mj_error_set(err, MJ_ERR_FORMAT, "%s:%u: malformed string %.*s", name, token->line,
		             (int)(token->len < 200 ? token->len : 200), token->text);
		return NULL;
	}
	*end = '\0';
	char *taken = value;
	value = NULL;
	return taken;
}

/* Length of the white space (or of anything else) that text begins with. */
static size_t
run_length(const char *text, size_t len, bool space)
{
	size_t used = 0;
	while (used < len) {
		uint32_t rune = 'x';
		size_t size = decode_rune(text + used, len - used, &rune);
		if (is_space(rune) != space)
			break;
		used += size ? size : 1; /* a byte that is no text belongs to no space */
	}
	return used;
}

bool
mj_next_field(const char **text, size_t *len, const char **field, size_t *field_len)
{
	size_t skipped = run_length(*text, *len, true);
	*text += skipped;
	*len -= skipped;
	*field = *text;
	*field_len = run_length(*text, *len, false);
	*text += *field_len;
	*len -= *field_len;
	return *field_len > 0;
}
