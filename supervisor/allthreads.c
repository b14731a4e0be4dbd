/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call that is made on all threads of a process, on behalf of one of them. Whoever asked for it is asked, once for
 * each thread: the others make it where nobody's code is on their stacks, and the runtime, or glibc, ends the program if
 * one of them gets another answer than the rest.
 *
 * The Go runtime (symbolizer/allthreads.c) makes the call on the caller's own thread first. If that is let through, the same
 * call is let through once for each other thread that is in the runtime's function for it, until the caller makes
 * another call.
 *
 * glibc (nptl/nptl_setxid.c, __nptl_setxid; 2.36) makes it on the caller's thread last. That one sends SIGSETXID to the
 * others and sleeps in a futex until all are done. The call, and the word of the futex, are in a structure on its stack:
 *     struct xid_command { int syscall_no; long id[3]; int cntr; int error; }
 * So it is found by where it waits, and its stack is walked; as long as a thread is in the handler it stays there. On its
 * way from one tgkill to the next it runs, and is not found: then the call is put off (notify.c). What a module can gain by
 * looking like either side:
 * - Whoever waits so is charged himself, with his own creators.
 * - Whoever makes a call that somebody else is just having made on all threads, from a stack that looks like the handler's and has
 *   no Go code on it, makes one that his thread was going to make.
 * The structure also says what the first of the calls came to (error: -1 none was made, 0 success), so that all
 * of them can be refused if one was.
 */
#include "supervisor/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGSETXID 33      /* __SIGRTMIN + 1 (sysdeps/unix/sysv/linux/internal-signals.h) */
#define HANDLER_ROOM 256  /* above SP, what the handler keeps there */
#define INFO_OFFSET 312   /* from its return address to the siginfo (asm/sigframe.h, rt_sigframe) */
#define COMMAND_ROOM 1024 /* above SP, where setuid keeps the structure */

/* ---- the Go runtime ------------------------------------------------------------------------- */

bool
sup_is_own_signal(pid_t tgid, const struct mj_call *call)
{
	return call->nr == SYS_tgkill && (pid_t)call->args[0] == tgid;
}

/* Up to Go 1.17 the registers of arguments that a call does not have are left as they were (RawSyscall). */
static bool
is_same_call(const struct mj_call *a, const struct mj_call *b)
{
	unsigned used = mj_call_used_args(a->nr);
	if (a->nr != b->nr)
		return false;
	for (unsigned i = 0; i < MJ_ARRAY_LEN(a->args); i++)
		if ((!used || used >> i & 1) && a->args[i] != b->args[i])
			return false;
	return true;
}

bool
sup_broadcast_covers(const struct sup_process *process, const struct sup_thread *thread,
                     const struct mj_call *call)
{
	const struct sup_broadcast *broadcast = &process->broadcast;
	return broadcast->serial && broadcast->tid != thread->tid &&
	       thread->served != broadcast->serial && is_same_call(&broadcast->call, call);
}

void
sup_broadcast_note(struct supervisor *sup, struct sup_process *process, pid_t tid,
                   const struct mj_call *call, enum mj_broadcast part)
{
	struct sup_broadcast *broadcast = &process->broadcast;
	struct sup_thread *thread;
	bool asks = part == MJ_BROADCAST_ASKS;
	if (part == MJ_BROADCAST_FOLLOWS && (thread = sup_thread_find(sup, tid)))
		thread->served = broadcast->serial;
	/* Who asks wakes the others by signals meanwhile. */
	if ((!asks && broadcast->tid != tid) || sup_is_own_signal(process->tgid, call))
		return;
	broadcast->serial = asks ? ++sup->last_broadcast : 0;
	broadcast->tid = tid;
	broadcast->call = *call;
}

/* ---- glibc ---------------------------------------------------------------------------------- */

struct xid_command {
	int32_t syscall_no;
	uint64_t id[3];
	int32_t cntr, error;
};

bool
sup_is_setxid(const struct mj_call *call)
{
	switch (call->nr) {
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setgroups:
		return true;
	default:
		return false;
	}
}

bool
sup_in_setxid_handler(struct sup_process *process, uint64_t sp)
{
	uint8_t stack[HANDLER_ROOM + INFO_OFFSET + sizeof(siginfo_t)];
	siginfo_t info;
	ssize_t len = sp % 8 ? -1 : sup_process_read(process, sp, stack, sizeof(stack));
	for (size_t at = 0; len > 0 && at + INFO_OFFSET + sizeof(info) <= (size_t)len; at += 8) {
		memcpy(&info, stack + at + INFO_OFFSET, sizeof(info));
		if (info.si_signo == SIGSETXID && info.si_code == SI_TKILL)
			return true;
	}
	return false;
}

bool
sup_setxid_command(struct sup_process *process, const struct mj_call *call, uint64_t sp,
                   struct sup_setxid *ret)
{
	uint8_t stack[COMMAND_ROOM];
	struct xid_command command;
	ssize_t len = sp % 8 ? -1 : sup_process_read(process, sp, stack, sizeof(stack));
	for (size_t at = 0; len > 0 && at + sizeof(command) <= (size_t)len; at += 8) {
		memcpy(&command, stack + at, sizeof(command));
		if (command.syscall_no != call->nr ||
		    memcmp(command.id, call->args, sizeof(command.id)) != 0)
			continue;
		ret->futex = sp + at + offsetof(struct xid_command, cntr);
		ret->error = command.error;
		return true;
	}
	return false;
}

/* Whether a thread that waits there is within __nptl_setxid, for this call. */
static bool
asks(struct sup_process *process, const struct mj_call *call, const struct sup_where *where,
     struct sup_setxid *ret)
{
	if (where->nr == SYS_futex)
		return ((uint32_t)where->args[1] & (uint32_t)FUTEX_CMD_MASK) == FUTEX_WAIT &&
		       sup_setxid_command(process, call, where->sp, ret) &&
		       ret->futex == where->args[0];
	return where->nr == SYS_tgkill && (uint32_t)where->args[2] == SIGSETXID &&
	       sup_setxid_command(process, call, where->sp, ret);
}

static bool
is_asker(struct sup_process *process, const struct mj_call *call, pid_t tid)
{
	struct sup_where where;
	struct sup_setxid found;
	return sup_thread_peek(tid, &where) == 0 && asks(process, call, &where, &found);
}

/* Among all threads of the process; 0: none of them. */
static pid_t
search(struct sup_process *process, const struct mj_call *call, pid_t caller)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", process->tgid);
	int fd = sup_procfs_only(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	pid_t found = 0;
	if (!dir) {
		mj_close(fd);
		return 0;
	}
	while (!found && (entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (tid > 0 && tid != caller && is_asker(process, call, tid))
			found = tid;
	}
	closedir(dir);
	return found;
}

struct sup_thread *
sup_setxid_asker(struct supervisor *sup, struct sup_process *process, const struct mj_call *call,
                 pid_t caller, struct sup_where *where, struct sup_setxid *ret)
{
	const char *why;
	pid_t tid = process->broadcast.asker; /* for the thread before, or the last time */
	if (!tid || !is_asker(process, call, tid))
		tid = search(process, call, caller);
	struct sup_thread *thread = tid ? sup_thread_get(sup, tid, where, &why) : NULL;
	if (!thread || thread->tgid != process->tgid || !asks(process, call, where, ret))
		return NULL;
	process->broadcast.asker = tid;
	return thread;
}

/* ---- what is left to read afterwards -------------------------------------------------------- */

/* The effective user or group id that a call would give its thread; false: it gives none. */
static bool
new_id(const struct mj_call *call, bool *ret_group, uint32_t *ret)
{
	switch (call->nr) {
	case SYS_setuid:
	case SYS_setfsuid:
		*ret_group = false;
		*ret = (uint32_t)call->args[0];
		break;
	case SYS_setgid:
	case SYS_setfsgid:
		*ret_group = true;
		*ret = (uint32_t)call->args[0];
		break;
	case SYS_setreuid:
	case SYS_setresuid:
		*ret_group = false;
		*ret = (uint32_t)call->args[1];
		break;
	case SYS_setregid:
	case SYS_setresgid:
		*ret_group = true;
		*ret = (uint32_t)call->args[1];
		break;
	default:
		return false;
	}
	return *ret != UINT32_MAX; /* -1: as it is */
}

static bool
shares_user_namespace(pid_t tid)
{
	char path[64];
	struct stat ours, theirs;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", tid);
	return stat("/proc/self/ns/user", &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/*
 * A change of the effective ids makes the memory of the whole process one that only CAP_SYS_PTRACE may read (kernel/cred.c,
 * commit_creds; kernel/ptrace.c, __ptrace_may_access). Whoever made its user namespace has that there.
 */
bool
sup_stays_readable(pid_t tid, const struct mj_call *call)
{
	struct sup_ids ids;
	bool group;
	uint32_t id;
	if (!new_id(call, &group, &id) || sup_may_trace_all() || !sup_read_ids(tid, &ids))
		return true;
	const uint32_t *has = group ? ids.gid : ids.uid;
	return (id == has[1] && id == has[3]) || !shares_user_namespace(tid);
}
