/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function names as the Go linker writes them: IMPORT/PATH.Name, where the last element of the
 * path has its dots (and '%', quotes, control and non-ASCII bytes in all of it) written as %xx
 * (cmd/internal/objabi/path.go, PathToPrefix).
 */
#include "symbolizer/internal.h"

#include <string.h>

static bool
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Functions that the compiler and linker make on nobody's behalf: equality and hashing of types,
 * methods of unnamed types. Up to Go 1.19 "go." and "type..", from 1.20 "go:" and "type:". */
static bool
is_neutral(const char *function)
{
	static const char *const prefixes[] = {
		"type:",      "type..eq.",     "type..hash.",   "type..eqfunc", "type..hashfunc",
		"go:",        "go.struct ",    "go.struct{",    "go.(*struct ", "go.(*struct{",
		"go.buildid", "go.interface ", "go.interface{",
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(prefixes); i++)
		if (starts(function, prefixes[i]))
			return true;
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Copies len bytes of s, %xx decoded, and a NUL. False if they do not fit (what fits is there) or
 * a NUL would stand among them, which would cut the name short. */
static bool
unescape(const char *s, size_t len, char *buf, size_t cap)
{
	size_t out = 0;
	bool whole = true;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		if (c == '%' && len - i > 2 && hex_digit(s[i + 1]) >= 0 &&
		    hex_digit(s[i + 2]) >= 0) {
			c = (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2]));
			i += 2;
		}
		if (out + 1 >= cap || !c) {
			whole = false;
			break;
		}
		buf[out++] = c;
	}
	if (cap)
		buf[out] = '\0';
	return whole && cap;
}

/* The length of the escaped package path, 0 if there is none. */
static size_t
package_length(const char *function)
{
	size_t end = strcspn(function, "[(");
	const char *slash = memrchr(function, '/', end);
	size_t from = slash ? (size_t)(slash - function) + 1 : 0;
	const char *dot = memchr(function + from, '.', end - from);
	return dot ? (size_t)(dot - function) : 0;
}

/* Keeps what follows the last "/vendor/": in a GOPATH build the vendored module's own path. The
 * standard library's vendored packages begin with "vendor/" and stay what they are. */
static void
strip_vendor(char *package)
{
	char *last = NULL;
	for (char *at = package; (at = strstr(at, "/vendor/")); at++)
		last = at + strlen("/vendor/");
	if (last && *last)
		memmove(package, last, strlen(last) + 1);
}

/* Whether s is a word of the compiler's and digits, or digits alone. */
static bool
is_numbered(const char *s, size_t len)
{
	static const char *const words[] = { "func", "gowrap", "deferwrap", "range", "" };
	size_t digits = 0;
	while (digits < len && s[len - 1 - digits] >= '0' && s[len - 1 - digits] <= '9')
		digits++;
	for (size_t i = 0; digits && i < MJ_ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len - digits && !memcmp(s, words[i], len - digits))
			return true;
	return false;
}

/* "init.0" is a function, not a closure of init. */
static bool
is_init(const char *function, size_t len, const char *number)
{
	size_t word = strlen("init");
	return *number >= '0' && *number <= '9' && len >= word &&
	       !memcmp(function + len - word, "init", word) &&
	       (len == word || function[len - word - 1] == '.');
}

/* cmd/compile/internal/ir, closureName: Outer.func1, nested Outer.func1.2, Outer.func1.gowrap1;
 * bodies of range-over-func loops Outer-range1. */
size_t
mj_function_outer_length(const char *function)
{
	size_t len = strlen(function);
	if (!len || function[len - 1] < '0' || function[len - 1] > '9')
		return len; /* most names: all that the compiler adds ends in a number */
	for (;;) {
		size_t from = len;
		while (from && function[from - 1] != '.' && function[from - 1] != '-' &&
		       function[from - 1] != '/')
			from--;
		if (!from || function[from - 1] == '/' ||
		    is_init(function, from - 1, function + from) ||
		    !is_numbered(function + from, len - from))
			return len;
		len = from - 1;
	}
}

bool
mj_function_plain_package(const char *function, char *buf, size_t len)
{
	size_t used = package_length(function);
	if (!used || !unescape(function, used, buf, len))
		return false;
	/* No import path has these (cmd/compile, isBadImport): "struct { a/b.C }.Method". */
	if (buf[strcspn(buf, " {}*,;")])
		return false;
	strip_vendor(buf);
	return true;
}

bool
mj_function_package(const char *function, char *buf, size_t len)
{
	return !is_neutral(function) && mj_function_plain_package(function, buf, len);
}

char *
mj_function_display(const char *function, char *buf, size_t len)
{
	/* Type arguments as in Go's own tracebacks (runtime/symtab.go, funcNamePiecesForPrint). */
	const char *open = strchr(function, '[');
	const char *close = open ? strrchr(open, ']') : NULL;
	if (!len)
		return buf;
	if (!close) {
		unescape(function, strlen(function), buf, len);
		return buf;
	}
	if (!unescape(function, (size_t)(open - function), buf, len))
		return buf;
	size_t used = strlen(buf);
	for (const char *p = "[...]"; *p && used + 1 < len; p++)
		buf[used++] = *p;
	unescape(close + 1, strlen(close + 1), buf + used, len - used);
	return buf;
}
