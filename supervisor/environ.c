/* SPDX-License-Identifier: Apache-2.0 */
/* The program's environment: the caller's, and in it GODEBUG=tracebackancestors=N, and the program's number for this process's
 * own. */
#include "supervisor/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "GODEBUG="

static char *
make_godebug(const char *old, unsigned ancestors)
{
	size_t size = mj_godebug_size(old);
	char *ret = malloc(size);
	if (ret)
		mj_godebug_write(ret, size, old, ancestors);
	return ret;
}

/* Whether entry is NAME=N with the number of this process. */
static bool
names_us(const char *entry, const char *name)
{
	size_t len = strlen(name);
	char *end;
	if (strncmp(entry, name, len) != 0 || entry[len] != '=')
		return false;
	long pid = strtol(entry + len + 1, &end, 10);
	return end != entry + len + 1 && !*end && pid == getpid();
}

/* NAME= in place of an entry that names this process; the entry itself if it does not; NULL: out of memory. */
static char *
pid_text(char *entry, struct sup_environ *ret)
{
	static const char *const names[SUP_PID_NAMES] = { "LISTEN_PID", "WATCHDOG_PID",
		                                          "SYSTEMD_EXEC_PID" };
	for (size_t i = 0; i < SUP_PID_NAMES && ret->npids < SUP_PID_NAMES; i++) {
		if (!names_us(entry, names[i]))
			continue;
		size_t len = strlen(names[i]) + 1;
		char *text = calloc(1, len + MJ_PID_TEXT);
		if (!text)
			return NULL;
		memcpy(text, entry, len);
		ret->pid_slots[ret->npids] = text + len;
		return ret->pid_texts[ret->npids++] = text;
	}
	return entry;
}

/* Numbers this process was called by become slots. */
static int
make_slots(struct sup_environ *ret)
{
	bool listens = false;
	for (char **entry = ret->envp; *entry; entry++) {
		listens |= names_us(*entry, "LISTEN_PID");
		*entry = pid_text(*entry, ret);
		if (!*entry)
			return -1;
	}
	char **to = ret->envp;
	for (char **from = ret->envp; *from; from++)
		if (!listens || strncmp(*from, "LISTEN_PIDFDID=", 15) != 0)
			*to++ = *from;
	*to = NULL;
	return 0;
}

int
sup_environ_make(char *const *envp, unsigned ancestors, struct sup_environ *ret)
{
	size_t n = 0;
	*ret = (struct sup_environ){ 0 };
	while (envp[n])
		n++;
	ret->envp = calloc(n + 2, sizeof(char *));
	if (!ret->envp)
		return -1;
	const char *old = "";
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		/* getenv takes the first of several; so does Go's os.Getenv. */
		if (!ancestors || strncmp(envp[i], NAME, strlen(NAME)) != 0)
			ret->envp[used++] = envp[i];
		else if (!*old)
			old = envp[i] + strlen(NAME);
	}
	if (ancestors)
		ret->envp[used] = ret->godebug = make_godebug(old, ancestors);
	if ((ancestors && !ret->godebug) || make_slots(ret) < 0) {
		sup_environ_finish(ret);
		return -1;
	}
	return 0;
}

void
sup_environ_finish(struct sup_environ *environment)
{
	free(environment->envp);
	free(environment->godebug);
	for (size_t i = 0; i < environment->npids; i++)
		free(environment->pid_texts[i]);
	*environment = (struct sup_environ){ 0 };
}
