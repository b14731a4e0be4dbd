/* SPDX-License-Identifier: Apache-2.0 */
/* libmodjail_preload.so: what it is told by the environment, and what it leaves of that to the program. */
#include "preload/library.h"

#include <string.h>

#include "preload/godebug.h"

const char *
lib_value_of(const char *entry, const char *name)
{
	size_t len = strlen(name);
	return strncmp(entry, name, len) == 0 && entry[len] == '=' ? entry + len + 1 : NULL;
}

/* The first of several counts, as with getenv; an empty value is none. */
static void
set_first(const char **ret, const char *value)
{
	if (value && *value && !*ret)
		*ret = value;
}

void
lib_read_settings(char *const *envp, struct settings *ret)
{
	for (size_t i = 0; envp[i]; i++) {
		set_first(&ret->socket, lib_value_of(envp[i], "MODJAIL_SOCKET"));
		set_first(&ret->policy, lib_value_of(envp[i], "MODJAIL_POLICY"));
		set_first(&ret->bin, lib_value_of(envp[i], "MODJAIL_BIN"));
		set_first(&ret->timeout, lib_value_of(envp[i], "MODJAIL_TIMEOUT"));
		set_first(&ret->keep, lib_value_of(envp[i], "MODJAIL_KEEP_ENV"));
	}
}

static bool
is_ours(const char *entry, bool keep)
{
	return lib_value_of(entry, "MODJAIL_KEEP_ENV") ||
	       (!keep && strncmp(entry, "MODJAIL_", strlen("MODJAIL_")) == 0);
}

static bool
names_library(const char *path, size_t len)
{
	const char *slash = memrchr(path, '/', len);
	const char *base = slash ? slash + 1 : path;
	size_t base_len = len - (size_t)(base - path);
	return base_len == strlen(LIBRARY) && memcmp(base, LIBRARY, base_len) == 0;
}

/* LD_PRELOAD without this library; NULL if there is no other. Paths end at a colon or a space (ld.so(8)). */
static char *
preload_without_us(const struct start *start, const char *value)
{
	char *ret = NULL, *out = NULL;
	for (const char *at = value; *at; at += *at != '\0') {
		size_t len = strcspn(at, ": ");
		if (len && !names_library(at, len)) {
			if (!ret) {
				ret = lib_memory(start, strlen(value) + sizeof("LD_PRELOAD="));
				out = stpcpy(ret, "LD_PRELOAD=");
			} else {
				*out++ = ':';
			}
			out = mempcpy(out, at, len);
			*out = '\0';
		}
		at += len;
	}
	return ret;
}

/* GODEBUG with the creators asked for; NULL if it is to stay as it is. */
static char *
make_godebug(const struct start *start)
{
	const char *old = NULL;
	if (!start->ancestors)
		return NULL;
	for (size_t i = 0; start->envp[i]; i++)
		set_first(&old, lib_value_of(start->envp[i], "GODEBUG"));
	size_t size = mj_godebug_size(old ? old : "");
	char *ret = lib_memory(start, size);
	mj_godebug_write(ret, size, old ? old : "", start->ancestors);
	return ret;
}

/*
 * The environment that the program gets, in the place where it lies. Go's runtime finds the auxiliary vector behind the
 * first NULL (runtime/os_linux.go, sysargs), so that there must be as many entries as before: what is left over becomes
 * copies of the last one. Go's os.Environ() drops those (syscall/env_unix.go, copyenv), getenv does not see them.
 */
void
lib_change_environment(const struct start *start, char **envp)
{
	static char nothing[] = "GODEBUG=";
	size_t used = 0, count = 0;
	bool keep = start->settings.keep != NULL;
	char *godebug = make_godebug(start);
	for (; envp[count]; count++) {
		const char *preload = lib_value_of(envp[count], "LD_PRELOAD");
		char *entry = envp[count];
		if (is_ours(entry, keep) || (godebug && lib_value_of(entry, "GODEBUG")))
			continue;
		if (preload && !keep)
			entry = preload_without_us(start, preload);
		if (entry)
			envp[used++] = entry;
	}
	if (used == count && godebug)
		lib_fail(start, "there is no room for GODEBUG in its environment");
	if (godebug)
		envp[used++] = godebug;
	char *last = used ? envp[used - 1] : nothing;
	while (used < count)
		envp[used++] = last;
}
