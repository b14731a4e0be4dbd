/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table's conditions in words, and the words of people as arguments: both with the names that reports have
 * (args.c), so that "openat(O_RDONLY|O_CLOEXEC)" can be copied from a refusal.
 */
#include "cli/args.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static enum cli_kind
kind_of(int nr, unsigned index)
{
	const struct cli_arg *args = NULL;
	size_t count = cli_args_of(nr, &args);
	for (size_t i = 0; i < count; i++)
		if (args[i].index == index)
			return args[i].kind;
	return CLI_KIND_NONE;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static bool
is_whole(const struct mj_cond *cond)
{
	return cond->mask == UINT64_MAX || cond->mask == UINT32_MAX;
}

/* "O_RDONLY without O_CREAT|O_TRUNC", "with CLONE_FILES, without CLONE_THREAD" */
static void
put_flags(FILE *out, const struct mj_cond *cond, enum cli_kind kind)
{
	struct cli_names names = cli_names_of(kind);
	uint64_t set = cond->value;
	uint64_t clear = cond->mask & ~cond->value;
	const char *gap = "";
	if (kind == CLI_KIND_OPEN_FLAGS && (cond->mask & O_ACCMODE) == O_ACCMODE) {
		cli_put_arg(out, set & O_ACCMODE, kind);
		set &= ~(uint64_t)O_ACCMODE;
		clear &= ~(uint64_t)O_ACCMODE;
		gap = " ";
	}
	if (set) {
		fprintf(out, "%swith ", gap);
		cli_put_bits(out, set, names, true);
		gap = " ";
	}
	if (clear) {
		fprintf(out, "%swithout ", gap);
		cli_put_bits(out, clear, names, true);
	}
}

/* The names that fit, "AF_INET or AF_INET6". False, with nothing written, if none does. */
static bool
put_choices(FILE *out, const struct mj_cond *cond, struct cli_names names)
{
	bool any = false;
	for (size_t i = 0; i < names.count; i++) {
		if ((names.list[i].value & cond->mask) != cond->value)
			continue;
		fprintf(out, "%s%s", any ? " or " : "", names.list[i].name);
		any = true;
	}
	return any;
}

static void
put_number(FILE *out, const struct mj_cond *cond)
{
	fprintf(out, "argument %u", cond->arg + 1);
	if (!is_whole(cond))
		fprintf(out, " & 0x%" PRIx64, cond->mask);
	fprintf(out, cond->value < 10 ? " is %" PRIu64 : " is 0x%" PRIx64, cond->value);
}

static void
put_cond(FILE *out, int nr, const struct mj_cond *cond)
{
	enum cli_kind kind = kind_of(nr, cond->arg);
	struct cli_names names = cli_names_of(kind);
	if (names.bits)
		put_flags(out, cond, kind);
	else if (kind == CLI_KIND_SIGNAL && cond->value == 0 && is_whole(cond))
		fputs("signal 0", out);
	else if (kind == CLI_KIND_SIGNAL && is_whole(cond))
		cli_put_arg(out, cond->value, kind);
	else if (!names.count || !put_choices(out, cond, names))
		put_number(out, cond);
}

void
cli_put_conds(FILE *out, const struct mj_table_entry *entry)
{
	for (unsigned i = 0; i < entry->nconds; i++) {
		fputs(i ? ", " : "", out);
		put_cond(out, entry->nr, &entry->conds[i]);
	}
}

char *
cli_conds_text(const struct mj_table_entry *entry)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	cli_put_conds(out, entry);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

bool
cli_call_may_fit(const struct mj_call *call, unsigned known, const struct mj_table_entry *entry,
                 bool *ret_surely)
{
	*ret_surely = true;
	for (unsigned i = 0; i < entry->nconds; i++) {
		const struct mj_cond *cond = &entry->conds[i];
		if (!(known >> cond->arg & 1))
			*ret_surely = false;
		else if ((call->args[cond->arg] & cond->mask) != cond->value)
			return false;
	}
	return true;
}

void
cli_put_known_args(FILE *out, const struct mj_call *call, unsigned known)
{
	const struct cli_arg *args = NULL;
	size_t count = cli_args_of(call->nr, &args);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ", " : "", out);
		if (known >> args[i].index & 1)
			cli_put_arg(out, call->args[args[i].index], args[i].kind);
		else
			fputc('_', out);
	}
}

/* ---- what people write ----------------------------------------------------------------------- */

static bool
parse_number(const char *word, uint64_t *ret)
{
	char *end;
	if (!isdigit((unsigned char)word[*word == '-']))
		return false;
	errno = 0;
	*ret = *word == '-' ? (uint64_t)strtoll(word, &end, 0) : strtoull(word, &end, 0);
	return errno == 0 && !*end;
}

static bool
parse_signal(const char *word, uint64_t *ret)
{
	if (strncmp(word, "SIG", 3) != 0)
		return false;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *name = sigabbrev_np(sig);
		if (name && strcmp(name, word + 3) == 0) {
			*ret = (uint64_t)sig;
			return true;
		}
	}
	return false;
}

/* Names that are not in the kinds' own lists: access modes, nothing at all, flags of a socket's type. */
static const struct {
	enum cli_kind kind;
	struct cli_name name;
} others[] = {
	{ CLI_KIND_OPEN_FLAGS, { O_RDONLY, "O_RDONLY" } },
	{ CLI_KIND_OPEN_FLAGS, { O_WRONLY, "O_WRONLY" } },
	{ CLI_KIND_OPEN_FLAGS, { O_RDWR, "O_RDWR" } },
	{ CLI_KIND_OPEN_FLAGS, { O_ACCMODE, "O_ACCMODE" } },
	{ CLI_KIND_PROT, { 0, "PROT_NONE" } },
	{ CLI_KIND_TYPE, { SOCK_CLOEXEC, "SOCK_CLOEXEC" } },
	{ CLI_KIND_TYPE, { SOCK_NONBLOCK, "SOCK_NONBLOCK" } },
};

static bool
parse_name(const char *word, enum cli_kind kind, uint64_t *ret)
{
	struct cli_names names = cli_names_of(kind);
	for (size_t i = 0; i < names.count; i++)
		if (strcmp(names.list[i].name, word) == 0) {
			*ret = names.list[i].value;
			return true;
		}
	for (size_t i = 0; i < MJ_ARRAY_LEN(others); i++)
		if (others[i].kind == kind && strcmp(others[i].name.name, word) == 0) {
			*ret = others[i].name.value;
			return true;
		}
	/* A clone's flags end with the signal of the child's end. */
	return (kind == CLI_KIND_SIGNAL || kind == CLI_KIND_CLONE) && parse_signal(word, ret);
}

static int
no_such_name(const char *word, enum cli_kind kind, struct mj_error *err)
{
	const char *known[128];
	size_t n = 0;
	struct cli_names names = cli_names_of(kind);
	for (size_t i = 0; i < names.count && n < MJ_ARRAY_LEN(known); i++)
		known[n++] = names.list[i].name;
	for (size_t i = 0; i < MJ_ARRAY_LEN(others) && n < MJ_ARRAY_LEN(known); i++)
		if (others[i].kind == kind)
			known[n++] = others[i].name.name;
	const char *near = mj_nearest(word, known, n);
	return mj_error_set(err, MJ_ERR_USAGE, "\"%s\" is no value of this argument%s%s%s", word,
	                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* "O_WRONLY|O_CREAT"; word is cut apart in place. */
static int
parse_value(char *word, enum cli_kind kind, uint64_t *ret, struct mj_error *err)
{
	uint64_t value = 0;
	char *rest = word;
	if (kind == CLI_KIND_FD && strncmp(rest, "fd ", 3) == 0)
		rest += 3;
	for (char *part = strsep(&rest, "|"); part; part = strsep(&rest, "|")) {
		uint64_t bits;
		if (!parse_number(part, &bits) && !parse_name(part, kind, &bits))
			return no_such_name(part, kind, err);
		value |= bits;
	}
	*ret = value;
	return 0;
}

static char *
trim(char *word)
{
	word += strspn(word, " ");
	for (size_t len = strlen(word); len && word[len - 1] == ' '; len--)
		word[len - 1] = '\0';
	return word;
}

int
cli_parse_args(const char *text, struct mj_call *call, unsigned *ret_known, struct mj_error *err)
{
	const struct cli_arg *args = NULL;
	size_t count = cli_args_of(call->nr, &args);
	size_t i = 0;
	*ret_known = 0;
	MJ_AUTO_FREE char *copy = strdup(text);
	if (!copy)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	char *rest = trim(copy);
	if (!*rest)
		return 0;
	/* "openat O_WRONLY": descriptors in front of what matters need not be written. */
	for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ","), i++) {
		word = trim(word);
		while (i < count && args[i].kind == CLI_KIND_FD && i + 1 < count &&
		       !isdigit((unsigned char)*word) && strncmp(word, "fd ", 3) != 0 &&
		       strcmp(word, "_") != 0)
			i++;
		if (i >= count)
			return mj_error_set(err, MJ_ERR_USAGE,
			                    "modjail knows %zu argument%s of %s that may matter",
			                    count, count == 1 ? "" : "s", mj_call_name(call->nr));
		if (strcmp(word, "_") == 0) /* whatever it is */
			continue;
		if (parse_value(word, args[i].kind, &call->args[args[i].index], err) < 0)
			return -1;
		*ret_known |= 1U << args[i].index;
	}
	return 0;
}
