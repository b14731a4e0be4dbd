/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

/* How long a record may wait for a reader of a non-blocking stderr before it is lost. */
#define WRITE_PATIENCE_MS 1000

/* Decodes one code point at s (not the NUL). Returns its length, or 0 if the bytes are not UTF-8:
 * overlong forms, surrogates and what lies beyond U+10FFFF included (RFC 3629, section 4). */
static size_t
decode(const unsigned char *s, uint32_t *ret)
{
	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	uint32_t code = s[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the final NUL stops here as well */
			return 0;
		code = code << 6 | (s[i] & 0x3fU);
	}
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret = code;
	return len;
}

/* Whether a code point merely shows up: no control, no direction, no width games, no line break
 * (Unicode 15: categories Cc, Cf, Zl, Zp, and private and unassigned planes). */
static bool
is_harmless(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} harmful[] = {
		{ 0, 0x1f },          { 0x7f, 0x9f },       { 0xad, 0xad },
		{ 0x34f, 0x34f },     { 0x600, 0x605 },     { 0x61c, 0x61c },
		{ 0x6dd, 0x6dd },     { 0x70f, 0x70f },     { 0x8e2, 0x8e2 },
		{ 0x115f, 0x1160 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },
		{ 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },
		{ 0xe000, 0xf8ff },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },   { 0xfffe, 0xffff },
		{ 0x110bd, 0x110bd }, { 0x110cd, 0x110cd }, { 0x13430, 0x1345f },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0x10ffff },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(harmful); i++)
		if (c >= harmful[i].first && c <= harmful[i].last)
			return false;
	return true;
}

/* Writes s escaped; returns the columns, a code point being one (an approximation, for padding). */
static size_t
put(FILE *out, struct cli_style style, const char *s)
{
	size_t width = 0;
	const unsigned char *p = (const unsigned char *)s;
	while (*p) {
		uint32_t code = 0;
		size_t len = decode(p, &code);
		int n = 1;
		if (len == 0)
			n = fprintf(out, "\\x%02x", *p);
		else if (code == '\\')
			n = fprintf(out, "\\\\");
		else if (is_harmless(code) && (style.utf8 || code < 0x80))
			fwrite(p, 1, len, out);
		else if (code < 0x80)
			n = fprintf(out, "\\x%02x", code);
		else
			n = fprintf(out, "\\u{%x}", code);
		width += n > 0 ? (size_t)n : 0;
		p += len ? len : 1;
	}
	return width;
}

void
cli_put(FILE *out, struct cli_style style, const char *s)
{
	put(out, style, s);
}

char *
cli_escape(struct cli_style style, const char *s, size_t *width)
{
	char *buf = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&buf, &len);
	if (!out)
		return NULL;
	size_t columns = put(out, style, s);
	if (fclose(out) != 0) {
		free(buf);
		return NULL;
	}
	if (width)
		*width = columns;
	return buf;
}

char *
cli_valid_utf8(const char *s)
{
	char *buf = malloc(3 * strlen(s) + 1); /* U+FFFD takes three bytes */
	if (!buf)
		return NULL;
	char *to = buf;
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		uint32_t code = 0;
		size_t len = decode(p, &code);
		if (len)
			memcpy(to, p, len);
		else
			memcpy(to, "\xef\xbf\xbd", 3);
		to += len ? len : 3;
		p += len ? len : 1;
	}
	*to = '\0';
	return buf;
}

/* Nobody reads the pipe, or the terminal is stopped: a record is not worth more waiting than this. Meanwhile
 * no call is decided, and the program shares the descriptor: it could fill it on purpose. */
static bool
is_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	return poll(&pfd, 1, WRITE_PATIENCE_MS) > 0;
}

static void
write_all(int fd, const char *buf, size_t len)
{
	struct stat st;
	/* A file takes a record whole, with O_APPEND in one piece. A pipe that is writable takes so much without
	 * blocking (pipe(7)). */
	size_t piece = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? len : PIPE_BUF;
	while (len > 0 && is_writable(fd)) {
		ssize_t n = write(fd, buf, len < piece ? len : piece);
		if (n >= 0) {
			buf += n;
			len -= (size_t)n;
		} else if (errno != EINTR && errno != EAGAIN) {
			return;
		}
	}
}

void
cli_write(int fd, const char *buf, size_t len)
{
	/* A closed pipe (SIGPIPE), a file at its limit (SIGXFSZ) and a terminal that belongs to
	 * another job (SIGTTOU) must not end or stop the jail. Ignoring them would change what PROG
	 * inherits, so they are blocked for this write, and the ones that it raised are eaten. */
	sigset_t block, before, pending, raised;
	sigemptyset(&block);
	sigaddset(&block, SIGPIPE);
	sigaddset(&block, SIGXFSZ);
	sigaddset(&block, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &block, &before);
	sigpending(&pending);
	write_all(fd, buf, len);
	sigpending(&raised);
	for (int sig = 1; sig < NSIG; sig++) {
		if (sigismember(&block, sig) != 1 || sigismember(&raised, sig) != 1 ||
		    sigismember(&pending, sig) == 1)
			continue;
		sigset_t one;
		sigemptyset(&one);
		sigaddset(&one, sig);
		sigtimedwait(&one, NULL, &(struct timespec){ 0 });
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
