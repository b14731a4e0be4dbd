/* SPDX-License-Identifier: Apache-2.0 */
/* The program's environment: the caller's, and GODEBUG=tracebackancestors=N in it. */
#include "supervisor/internal.h"

#include <stdlib.h>
#include <string.h>

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
