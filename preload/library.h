/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of libmodjail_preload.so share. Not for other folders, nor for this folder's other files. */
#ifndef MJ_PRELOAD_LIBRARY_H
#define MJ_PRELOAD_LIBRARY_H

#include <time.h>

#include "preload/wire.h"

#define LIBRARY "libmodjail_preload.so"

/* What the environment says; strings are the program's. */
struct settings {
	const char *socket, *policy, *bin, *timeout, *keep;
};

/* One start of one program. */
struct start {
	const char *name; /* argv[0], for messages */
	char **envp; /* on the stack, where Go's runtime finds it (runtime/runtime1.go, goenvs_unix) */
	struct settings settings;
	struct timespec deadline;
	const char *where; /* the agent, for messages */
	int fd;            /* the connection */
	struct mj_wire_page *page;
	struct sock_filter *insns;
	size_t count;
	uint32_t ancestors;
};

/* libmodjail_preload.c */
/** Says on standard error why the program does not start, and ends the process with 125. */
_Noreturn void lib_fail(const struct start *start, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** What an errno means. Without libc's translations, which are not set up yet. Static. */
const char *lib_words(int errnum);
/** Zeroed memory for good: the program's environment points into it. */
void *lib_memory(const struct start *start, size_t size);
/** Has the kernel say with each message of the connection who sent it. */
void lib_pass_credentials(const struct start *start);

/* library_environment.c */
/** The value of a variable if entry ("NAME=VALUE") sets it, else NULL. */
const char *lib_value_of(const char *entry, const char *name);
void lib_read_settings(char *const *envp, struct settings *ret);
/** Makes of envp, in its place, what the program gets: see there. */
void lib_change_environment(const struct start *start, char **envp);

/* library_helper.c */
/** MODJAIL_POLICY: starts modjail agent for this program alone; start->fd is the connection to it. */
void lib_start_helper(struct start *start);

#endif
