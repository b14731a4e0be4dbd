/* SPDX-License-Identifier: Apache-2.0 */
/* The program's environment: the caller's, and GODEBUG=tracebackancestors=N in it. */
#include "supervisor/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "GODEBUG="
#define KEY "tracebackancestors="

/* Appends the settings of an old value to out, but for ours: an outer modjail's, or the user's. */
static void
keep_settings(char *out, const char *old)
{
	while (*old) {
		size_t len = strcspn(old, ",");
		if (len && strncmp(old, KEY, strlen(KEY)) != 0) {
			strncat(out, old, len);
			strcat(out, ",");
		}
		old += len;
		old += *old == ',';
	}
}

static char *
make_godebug(const char *old, unsigned ancestors)
{
	size_t size = strlen(NAME) + strlen(old) + strlen(KEY) + 32;
	char *ret = malloc(size);
	if (!ret)
		return NULL;
	strcpy(ret, NAME);
	keep_settings(ret, old);
	/* Last, for later settings override earlier ones (runtime/runtime1.go, parsegodebug). */
	size_t used = strlen(ret);
	snprintf(ret + used, size - used, KEY "%u", ancestors);
	return ret;
}

int
sup_environ_make(char *const *envp, unsigned ancestors, struct sup_environ *ret)
{
	size_t n = 0;
	while (envp[n])
		n++;
	ret->envp = calloc(n + 2, sizeof(char *));
	if (!ret->envp)
		return -1;
	const char *old = "";
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		/* getenv takes the first of several; so does Go's os.Getenv. */
		if (strncmp(envp[i], NAME, strlen(NAME)) != 0)
			ret->envp[used++] = envp[i];
		else if (!*old)
			old = envp[i] + strlen(NAME);
	}
	ret->godebug = make_godebug(old, ancestors);
	if (!ret->godebug) {
		sup_environ_finish(ret);
		return -1;
	}
	ret->envp[used] = ret->godebug;
	return 0;
}

void
sup_environ_finish(struct sup_environ *environment)
{
	free(environment->envp);
	free(environment->godebug);
	*environment = (struct sup_environ){ 0 };
}
