/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard library's own acts: what it does once for the whole program is not refused because
 * the module that happened to ask first may not do it.
 *
 * This is the one place where memory behind a pointer of a call decides. It may, since the frames
 * have been confirmed first: the path is the copy that the standard library itself has made of a Go
 * string, with a NUL behind it, for this call (syscall/syscall.go, BytePtrFromString), and the
 * address is the one that probe has made (net/ipsock_posix.go). Code without unsafe, assembly or
 * cgo has no pointer to either, so neither can change before the kernel reads it again. os/user by
 * way of libc passes libc's own strings. And it only narrows: what does not match is charged to the
 * callers.
 */
#include "supervisor/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel takes 6 MiB at most (fs/exec.c, bprm_stack_limits). */
#define ENVIRONMENT_MAX ((size_t)8 << 20)

static const char remembered[] = "the outcome is remembered for the whole program";

void
sup_environment_forget(struct sup_environment *environment)
{
	free(environment->text);
	*environment = (struct sup_environment){ 0 };
}

/* All of a file into memory of its own; NULL if it cannot be read, or is too long. */
static char *
read_all(struct sup_process *process, int fd, size_t *ret_len)
{
	size_t len = 0, room = 16384;
	MJ_AUTO_FREE char *text = malloc(room);
	while (text) {
		ssize_t n = sup_watch_pread(process->watch, process->tgid, fd, text + len,
		                            room - len, (off_t)len);
		if (n < 0)
			return NULL;
		if (n == 0) {
			char *all = realloc(text, len + 1);
			if (all)
				text = NULL;
			*ret_len = len;
			return all;
		}
		len += (size_t)n;
		if (len < room)
			continue;
		char *more = room < ENVIRONMENT_MAX ? realloc(text, 2 * room) : NULL;
		if (!more)
			return NULL;
		text = more;
		room *= 2;
	}
	return NULL;
}

/* What the program was started with. setenv(3), which os.Setenv calls in programs with cgo, does
 * not write there. */
static const struct sup_environment *
environment_of(struct supervisor *sup, struct sup_process *process)
{
	struct sup_environment *environment = &process->environment;
	if (environment->tried)
		return environment;
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/environ", process->tgid);
	MJ_AUTO_FD int fd = sup_procfs_only(sup_open(sup, name, O_RDONLY | O_NOFOLLOW));
	if (fd < 0)
		return environment;
	environment->tried = true;
	environment->text = read_all(process, fd, &environment->len);
	return environment;
}

/* Whether the path at addr, which ends in the memory of the caller, is one of the act's. */
static bool
opens_own(struct supervisor *sup, struct sup_process *process, const struct mj_own_act *act,
          uint64_t addr)
{
	char path[PATH_MAX];
	size_t goroot_len;
	ssize_t n = sup_process_read(process, addr, path, sizeof(path));
	if (n <= 0 || !memchr(path, '\0', (size_t)n))
		return false;
	const struct sup_environment *environment = environment_of(sup, process);
	const char *goroot = mj_image_goroot(process->image->image, &goroot_len);
	return environment->text &&
	       mj_own_act_opens(act, environment->text, environment->len, goroot, goroot_len, path);
}

static bool
probes(struct sup_process *process, const struct mj_call *call)
{
	struct sockaddr_in6 address;
	unsigned at;
	if (!mj_call_only_probes(call, &at))
		return false;
	return at == 0 || (sup_process_read(process, call->args[at], &address, sizeof(address)) ==
	                           sizeof(address) &&
	                   mj_is_probe_address(&address));
}

static bool
is_own(struct supervisor *sup, struct sup_process *process, const struct mj_call *call)
{
	unsigned path;
	if (process->forked || mj_policy_std_strict(process->image->policy))
		return false;
	const struct mj_own_act *act = mj_own_act(&sup->stack);
	if (!act)
		return false;
	if (mj_own_act_probes(act))
		return probes(process, call);
	return mj_call_only_reads(call, &path) && opens_own(sup, process, act, call->args[path]);
}

/* What libc asks besides reading, nscd for one, it does without. */
static bool
is_remembered(const struct mj_stack *stack, const struct mj_call *call)
{
	unsigned unused;
	return mj_is_remembered(stack) && (stack->pcs[0]->frames[0].subject != MJ_SUBJECT_C ||
	                                   mj_call_only_reads(call, &unused));
}

void
sup_own_act(struct supervisor *sup, struct sup_process *process, const struct mj_call *call,
            struct sup_verdict *v)
{
	if (is_own(sup, process, call)) {
		struct sup_verdict allowed = { .allow = true,
			                       .own_act = true,
			                       .need = v->need,
			                       .subject = MJ_SUBJECT_STD,
			                       .capability = MJ_CAP_COUNT,
			                       .have_stack = true };
		*v = allowed;
	} else if (!v->allow && !v->detail && is_remembered(&sup->stack, call)) {
		v->detail = remembered;
	}
}
