/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register arguments in words: flags, families, signals. For reports only; nothing is decided here.
 */
#include "cli/cli.h"

#include <fcntl.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

struct name {
	uint64_t value;
	const char *name;
};
#define NAME(constant)                                                                             \
	{                                                                                          \
		(uint64_t)(constant), #constant                                                    \
	}

/* Wider ones first: O_SYNC contains O_DSYNC, O_TMPFILE contains O_DIRECTORY. O_LARGEFILE as in the
 * kernel: glibc defines it as 0 on x86-64. */
static const struct name open_flags[] = {
	NAME(O_CREAT),
	NAME(O_EXCL),
	NAME(O_NOCTTY),
	NAME(O_TRUNC),
	NAME(O_APPEND),
	NAME(O_NONBLOCK),
	NAME(O_SYNC),
	NAME(O_DSYNC),
	NAME(O_ASYNC),
	NAME(O_DIRECT),
	NAME(O_TMPFILE),
	NAME(O_DIRECTORY),
	NAME(O_NOFOLLOW),
	NAME(O_NOATIME),
	NAME(O_CLOEXEC),
	NAME(O_PATH),
	{ 0100000, "O_LARGEFILE" },
};
static const struct name socket_domains[] = {
	NAME(AF_UNIX),  NAME(AF_INET),      NAME(AF_INET6), NAME(AF_NETLINK), NAME(AF_PACKET),
	NAME(AF_VSOCK), NAME(AF_BLUETOOTH), NAME(AF_ALG),   NAME(AF_XDP),     NAME(AF_CAN),
};
static const struct name socket_types[] = {
	NAME(SOCK_STREAM), NAME(SOCK_DGRAM),     NAME(SOCK_RAW),
	NAME(SOCK_RDM),    NAME(SOCK_SEQPACKET), NAME(SOCK_PACKET),
};
static const struct name socket_flags[] = { NAME(SOCK_CLOEXEC), NAME(SOCK_NONBLOCK) };
static const struct name protections[] = {
	NAME(PROT_READ),
	NAME(PROT_WRITE),
	NAME(PROT_EXEC),
	NAME(PROT_GROWSDOWN),
};
static const struct name clone_flags[] = {
	NAME(CLONE_VM),     NAME(CLONE_FS),       NAME(CLONE_FILES),   NAME(CLONE_SIGHAND),
	NAME(CLONE_PIDFD),  NAME(CLONE_PTRACE),   NAME(CLONE_VFORK),   NAME(CLONE_PARENT),
	NAME(CLONE_THREAD), NAME(CLONE_NEWNS),    NAME(CLONE_SYSVSEM), NAME(CLONE_NEWCGROUP),
	NAME(CLONE_NEWUTS), NAME(CLONE_NEWIPC),   NAME(CLONE_NEWUSER), NAME(CLONE_NEWPID),
	NAME(CLONE_NEWNET), NAME(CLONE_UNTRACED), NAME(CLONE_IO),
};
/* Bits that say nothing about what a clone is for. */
#define CLONE_BORING                                                                               \
	(CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID |          \
	 CLONE_DETACHED)
static const struct name prctls[] = {
	NAME(PR_SET_PDEATHSIG),    NAME(PR_SET_DUMPABLE),    NAME(PR_SET_NAME),
	NAME(PR_SET_SECCOMP),      NAME(PR_CAPBSET_DROP),    NAME(PR_SET_SECUREBITS),
	NAME(PR_SET_TIMERSLACK),   NAME(PR_SET_MM),          NAME(PR_SET_CHILD_SUBREAPER),
	NAME(PR_SET_NO_NEW_PRIVS), NAME(PR_SET_KEEPCAPS),    NAME(PR_CAP_AMBIENT),
	NAME(PR_SET_PTRACER),      NAME(PR_SET_VMA),         NAME(PR_SET_SPECULATION_CTRL),
	NAME(PR_SET_TSC),          NAME(PR_SET_THP_DISABLE), NAME(PR_SET_SYSCALL_USER_DISPATCH),
};
static const struct name seccomps[] = {
	NAME(SECCOMP_SET_MODE_STRICT),
	NAME(SECCOMP_SET_MODE_FILTER),
	NAME(SECCOMP_GET_ACTION_AVAIL),
	NAME(SECCOMP_GET_NOTIF_SIZES),
};
static const struct name ptraces[] = {
	NAME(PTRACE_TRACEME),  NAME(PTRACE_PEEKTEXT), NAME(PTRACE_PEEKDATA), NAME(PTRACE_POKETEXT),
	NAME(PTRACE_POKEDATA), NAME(PTRACE_CONT),     NAME(PTRACE_KILL),     NAME(PTRACE_GETREGS),
	NAME(PTRACE_SETREGS),  NAME(PTRACE_ATTACH),   NAME(PTRACE_SEIZE),    NAME(PTRACE_DETACH),
};

enum kind {
	OPEN_FLAGS,
	DOMAIN,
	TYPE,
	PROT,
	CLONE,
	SIGNAL,
	NUMBER,
	FD,
	HEX,
	PRCTL,
	SECCOMP,
	PTRACE
};

struct arg {
	unsigned index;
	enum kind kind;
};

#define ARGS_MAX 3
static const struct call {
	int nr;
	unsigned count;
	struct arg args[ARGS_MAX];
} calls[] = {
	{ SYS_open, 1, { { 1, OPEN_FLAGS } } },
	{ SYS_openat, 1, { { 2, OPEN_FLAGS } } },
	{ SYS_open_by_handle_at, 1, { { 2, OPEN_FLAGS } } },
	{ SYS_socket, 2, { { 0, DOMAIN }, { 1, TYPE } } },
	{ SYS_socketpair, 2, { { 0, DOMAIN }, { 1, TYPE } } },
	{ SYS_mmap, 1, { { 2, PROT } } },
	{ SYS_mprotect, 1, { { 2, PROT } } },
	{ SYS_pkey_mprotect, 1, { { 2, PROT } } },
	{ SYS_clone, 1, { { 0, CLONE } } },
	{ SYS_unshare, 1, { { 0, CLONE } } },
	{ SYS_setns, 1, { { 1, CLONE } } },
	{ SYS_kill, 2, { { 0, NUMBER }, { 1, SIGNAL } } },
	{ SYS_tkill, 2, { { 0, NUMBER }, { 1, SIGNAL } } },
	{ SYS_tgkill, 3, { { 0, NUMBER }, { 1, NUMBER }, { 2, SIGNAL } } },
	{ SYS_rt_sigqueueinfo, 2, { { 0, NUMBER }, { 1, SIGNAL } } },
	{ SYS_rt_tgsigqueueinfo, 3, { { 0, NUMBER }, { 1, NUMBER }, { 2, SIGNAL } } },
	{ SYS_pidfd_send_signal, 2, { { 0, FD }, { 1, SIGNAL } } },
	{ SYS_pidfd_open, 1, { { 0, NUMBER } } },
	{ SYS_prctl, 1, { { 0, PRCTL } } },
	{ SYS_seccomp, 1, { { 0, SECCOMP } } },
	{ SYS_ptrace, 2, { { 0, PTRACE }, { 1, NUMBER } } },
	{ SYS_ioctl, 2, { { 0, FD }, { 1, HEX } } },
	{ SYS_setuid, 1, { { 0, NUMBER } } },
	{ SYS_setgid, 1, { { 0, NUMBER } } },
	{ SYS_setreuid, 2, { { 0, NUMBER }, { 1, NUMBER } } },
	{ SYS_setregid, 2, { { 0, NUMBER }, { 1, NUMBER } } },
	{ SYS_setresuid, 3, { { 0, NUMBER }, { 1, NUMBER }, { 2, NUMBER } } },
	{ SYS_setresgid, 3, { { 0, NUMBER }, { 1, NUMBER }, { 2, NUMBER } } },
	{ SYS_setpgid, 2, { { 0, NUMBER }, { 1, NUMBER } } },
	{ SYS_dup2, 2, { { 0, FD }, { 1, FD } } },
	{ SYS_dup3, 2, { { 0, FD }, { 1, FD } } },
};

static void
put_one(FILE *out, uint64_t value, const struct name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].value == value) {
			fputs(names[i].name, out);
			return;
		}
	fprintf(out, "%lld", (long long)value);
}
#define PUT_ONE(out, value, names) put_one(out, value, names, MJ_ARRAY_LEN(names))

/* Writes the names of the bits set and the rest in hex, joined by '|' (also before the first one,
 * unless first). Returns whether anything was written. */
static bool
put_bits(FILE *out, uint64_t value, const struct name *names, size_t count, bool first)
{
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		if (!names[i].value || (value & names[i].value) != names[i].value)
			continue;
		fprintf(out, "%s%s", first && !any ? "" : "|", names[i].name);
		any = true;
		value &= ~names[i].value;
	}
	if (value) {
		fprintf(out, "%s0x%llx", first && !any ? "" : "|", (unsigned long long)value);
		any = true;
	}
	return any;
}
#define PUT_BITS(out, value, names, first) put_bits(out, value, names, MJ_ARRAY_LEN(names), first)

static void
put_open_flags(FILE *out, uint64_t flags)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	fputs(modes[flags & O_ACCMODE], out);
	PUT_BITS(out, flags & ~(uint64_t)O_ACCMODE, open_flags, false);
}

static void
put_clone_flags(FILE *out, uint64_t flags)
{
	bool any = PUT_BITS(out, flags & ~(uint64_t)(CLONE_BORING | CSIGNAL), clone_flags, true);
	if (flags & CSIGNAL || !any) {
		fputs(any ? "|" : "", out);
		const char *name = sigabbrev_np((int)(flags & CSIGNAL));
		if (name)
			fprintf(out, "SIG%s", name);
		else
			fprintf(out, "%u", (unsigned)(flags & CSIGNAL));
	}
}

static void
put_signal(FILE *out, int sig)
{
	const char *name = sigabbrev_np(sig);
	if (name)
		fprintf(out, "SIG%s", name);
	else if (sig >= SIGRTMIN && sig <= SIGRTMAX)
		fprintf(out, "SIGRTMIN+%d", sig - SIGRTMIN);
	else
		fprintf(out, "%d", sig);
}

static void
put_arg(FILE *out, uint64_t value, enum kind kind)
{
	switch (kind) {
	case OPEN_FLAGS:
		put_open_flags(out, (uint32_t)value);
		break;
	case DOMAIN:
		PUT_ONE(out, (uint32_t)value, socket_domains);
		break;
	case TYPE:
		PUT_ONE(out, value & 0xf, socket_types);
		PUT_BITS(out, (uint32_t)value & ~0xfU, socket_flags, false);
		break;
	case PROT:
		if (!PUT_BITS(out, value, protections, true))
			fputs("PROT_NONE", out);
		break;
	case CLONE:
		put_clone_flags(out, value);
		break;
	case SIGNAL:
		put_signal(out, (int)value);
		break;
	case NUMBER:
		fprintf(out, "%d", (int)value);
		break;
	case FD:
		fprintf(out, "fd %d", (int)value);
		break;
	case HEX:
		fprintf(out, "0x%x", (unsigned)value);
		break;
	case PRCTL:
		PUT_ONE(out, (uint32_t)value, prctls);
		break;
	case SECCOMP:
		PUT_ONE(out, (uint32_t)value, seccomps);
		break;
	case PTRACE:
		PUT_ONE(out, value, ptraces);
		break;
	}
}

void
cli_put_args(FILE *out, const struct mj_call *call)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(calls); i++) {
		if (calls[i].nr != call->nr)
			continue;
		for (unsigned j = 0; j < calls[i].count; j++) {
			struct arg arg = calls[i].args[j];
			fputs(j ? ", " : "", out);
			put_arg(out, call->args[arg.index], arg.kind);
		}
		return;
	}
}
