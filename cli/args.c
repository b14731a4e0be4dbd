/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register arguments in words: flags, families, signals. For reports only; nothing is decided here.
 */
#include "cli/args.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>

#define NAME(constant)                                                                             \
	{                                                                                          \
		(uint64_t)(constant), #constant                                                    \
	}

/* Wider ones first: O_SYNC contains O_DSYNC, O_TMPFILE contains O_DIRECTORY. O_LARGEFILE as in the
 * kernel: glibc defines it as 0 on x86-64. */
static const struct cli_name open_flags[] = {
	NAME(O_CREAT),     NAME(O_EXCL),     NAME(O_NOCTTY),
	NAME(O_TRUNC),     NAME(O_APPEND),   NAME(O_NONBLOCK),
	NAME(O_SYNC),      NAME(O_DSYNC),    NAME(O_ASYNC),
	NAME(O_DIRECT),    NAME(O_TMPFILE),  { 020000000, "__O_TMPFILE" },
	NAME(O_DIRECTORY), NAME(O_NOFOLLOW), NAME(O_NOATIME),
	NAME(O_CLOEXEC),   NAME(O_PATH),     { 0100000, "O_LARGEFILE" },
};
static const struct cli_name socket_domains[] = {
	NAME(AF_UNIX),  NAME(AF_INET),      NAME(AF_INET6), NAME(AF_NETLINK), NAME(AF_PACKET),
	NAME(AF_VSOCK), NAME(AF_BLUETOOTH), NAME(AF_ALG),   NAME(AF_XDP),     NAME(AF_CAN),
};
static const struct cli_name socket_types[] = {
	NAME(SOCK_STREAM), NAME(SOCK_DGRAM),     NAME(SOCK_RAW),
	NAME(SOCK_RDM),    NAME(SOCK_SEQPACKET), NAME(SOCK_PACKET),
};
static const struct cli_name socket_flags[] = { NAME(SOCK_CLOEXEC), NAME(SOCK_NONBLOCK) };
static const struct cli_name protections[] = {
	NAME(PROT_READ),
	NAME(PROT_WRITE),
	NAME(PROT_EXEC),
	NAME(PROT_GROWSDOWN),
};
static const struct cli_name clone_flags[] = {
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
static const struct cli_name prctls[] = {
	NAME(PR_SET_PDEATHSIG),
	NAME(PR_SET_DUMPABLE),
	NAME(PR_SET_NAME),
	NAME(PR_SET_SECCOMP),
	NAME(PR_CAPBSET_DROP),
	NAME(PR_SET_SECUREBITS),
	NAME(PR_SET_TIMERSLACK),
	NAME(PR_SET_MM),
	NAME(PR_SET_CHILD_SUBREAPER),
	NAME(PR_SET_NO_NEW_PRIVS),
	NAME(PR_SET_KEEPCAPS),
	NAME(PR_CAP_AMBIENT),
	NAME(PR_SET_PTRACER),
	NAME(PR_SET_VMA),
	NAME(PR_SET_SPECULATION_CTRL),
	NAME(PR_SET_TSC),
	NAME(PR_SET_THP_DISABLE),
	NAME(PR_SET_SYSCALL_USER_DISPATCH),
	NAME(PR_GET_PDEATHSIG),
	NAME(PR_GET_NAME),
	NAME(PR_GET_DUMPABLE),
	NAME(PR_GET_KEEPCAPS),
	NAME(PR_GET_SECCOMP),
	NAME(PR_CAPBSET_READ),
	NAME(PR_GET_TSC),
	NAME(PR_GET_SECUREBITS),
	NAME(PR_GET_TIMERSLACK),
	NAME(PR_MCE_KILL),
	NAME(PR_MCE_KILL_GET),
	NAME(PR_GET_CHILD_SUBREAPER),
	NAME(PR_GET_NO_NEW_PRIVS),
	NAME(PR_GET_TID_ADDRESS),
	NAME(PR_GET_THP_DISABLE),
	NAME(PR_GET_SPECULATION_CTRL),
	NAME(PR_GET_IO_FLUSHER),
	NAME(PR_SET_IO_FLUSHER),
	/* Newer than the headers of older systems. */
	{ 65, "PR_SET_MDWE" },
	{ 66, "PR_GET_MDWE" },
	{ 67, "PR_SET_MEMORY_MERGE" },
	{ 68, "PR_GET_MEMORY_MERGE" },
	{ 0x41555856, "PR_GET_AUXV" },
};
static const struct cli_name fcntls[] = {
	NAME(F_DUPFD),
	NAME(F_GETFD),
	NAME(F_SETFD),
	NAME(F_GETFL),
	NAME(F_SETFL),
	NAME(F_GETLK),
	NAME(F_SETLK),
	NAME(F_SETLKW),
	NAME(F_SETOWN),
	NAME(F_GETOWN),
	NAME(F_SETSIG),
	NAME(F_GETSIG),
	NAME(F_SETOWN_EX),
	NAME(F_GETOWN_EX),
	{ 17, "F_GETOWNER_UIDS" },
	NAME(F_OFD_GETLK),
	NAME(F_OFD_SETLK),
	NAME(F_OFD_SETLKW),
	NAME(F_SETLEASE),
	NAME(F_GETLEASE),
	NAME(F_NOTIFY),
	{ 1027, "F_DUPFD_QUERY" },
	{ 1028, "F_CREATED_QUERY" },
	NAME(F_DUPFD_CLOEXEC),
	NAME(F_SETPIPE_SZ),
	NAME(F_GETPIPE_SZ),
	NAME(F_ADD_SEALS),
	NAME(F_GET_SEALS),
	NAME(F_GET_RW_HINT),
	NAME(F_SET_RW_HINT),
	NAME(F_GET_FILE_RW_HINT),
	NAME(F_SET_FILE_RW_HINT),
};
static const struct cli_name ioctls[] = {
	NAME(TCGETS),
	NAME(TCSETS),
	NAME(TCSETSW),
	NAME(TCSETSF),
	{ 0x802c542a, "TCGETS2" },
	{ 0x402c542b, "TCSETS2" },
	{ 0x402c542c, "TCSETSW2" },
	{ 0x402c542d, "TCSETSF2" },
	NAME(TCSBRK),
	NAME(TCSBRKP),
	NAME(TCXONC),
	NAME(TCFLSH),
	NAME(TIOCGPGRP),
	NAME(TIOCSPGRP),
	NAME(TIOCGSID),
	NAME(TIOCOUTQ),
	NAME(TIOCGWINSZ),
	NAME(TIOCSWINSZ),
	NAME(TIOCGPTN),
	NAME(TIOCSPTLCK),
	NAME(TIOCSTI),
	NAME(TIOCLINUX),
	NAME(TIOCSCTTY),
	NAME(TIOCNOTTY),
	NAME(FIONREAD),
	NAME(FIONBIO),
	NAME(FIOCLEX),
	NAME(FIONCLEX),
	NAME(FIOASYNC),
	NAME(FIOQSIZE),
	NAME(FICLONE),
	NAME(FICLONERANGE),
	NAME(FIDEDUPERANGE),
	NAME(FS_IOC_FIEMAP),
	NAME(FS_IOC_GETFLAGS),
	NAME(FIGETBSZ),
	NAME(BLKGETSIZE64),
	NAME(BLKSSZGET),
	NAME(SIOCATMARK),
	NAME(SIOCGIFCONF),
	NAME(SIOCGIFNAME),
	NAME(SIOCGIFFLAGS),
	NAME(SIOCGIFADDR),
	NAME(SIOCGIFDSTADDR),
	NAME(SIOCGIFBRDADDR),
	NAME(SIOCGIFNETMASK),
	NAME(SIOCGIFMETRIC),
	NAME(SIOCGIFMTU),
	NAME(SIOCGIFHWADDR),
	NAME(SIOCGIFINDEX),
	NAME(SIOCGIFTXQLEN),
	NAME(FIOSETOWN),
	NAME(SIOCSPGRP),
};
static const struct cli_name messages[] = {
	NAME(MSG_OOB),  NAME(MSG_DONTROUTE), NAME(MSG_DONTWAIT),
	NAME(MSG_EOR),  NAME(MSG_CONFIRM),   NAME(MSG_NOSIGNAL),
	NAME(MSG_MORE), NAME(MSG_ZEROCOPY),  NAME(MSG_FASTOPEN),
};
static const struct cli_name seccomps[] = {
	NAME(SECCOMP_SET_MODE_STRICT),
	NAME(SECCOMP_SET_MODE_FILTER),
	NAME(SECCOMP_GET_ACTION_AVAIL),
	NAME(SECCOMP_GET_NOTIF_SIZES),
};
static const struct cli_name ptraces[] = {
	NAME(PTRACE_TRACEME),  NAME(PTRACE_PEEKTEXT), NAME(PTRACE_PEEKDATA), NAME(PTRACE_POKETEXT),
	NAME(PTRACE_POKEDATA), NAME(PTRACE_CONT),     NAME(PTRACE_KILL),     NAME(PTRACE_GETREGS),
	NAME(PTRACE_SETREGS),  NAME(PTRACE_ATTACH),   NAME(PTRACE_SEIZE),    NAME(PTRACE_DETACH),
};

#define ARGS_MAX 3
static const struct call {
	int nr;
	unsigned count;
	struct cli_arg args[ARGS_MAX];
} calls[] = {
	{ SYS_open, 1, { { 1, CLI_KIND_OPEN_FLAGS } } },
	{ SYS_openat, 1, { { 2, CLI_KIND_OPEN_FLAGS } } },
	{ SYS_open_by_handle_at, 1, { { 2, CLI_KIND_OPEN_FLAGS } } },
	{ SYS_socket, 2, { { 0, CLI_KIND_DOMAIN }, { 1, CLI_KIND_TYPE } } },
	{ SYS_socketpair, 2, { { 0, CLI_KIND_DOMAIN }, { 1, CLI_KIND_TYPE } } },
	{ SYS_mmap, 1, { { 2, CLI_KIND_PROT } } },
	{ SYS_mprotect, 1, { { 2, CLI_KIND_PROT } } },
	{ SYS_pkey_mprotect, 1, { { 2, CLI_KIND_PROT } } },
	{ SYS_clone, 1, { { 0, CLI_KIND_CLONE } } },
	{ SYS_unshare, 1, { { 0, CLI_KIND_CLONE } } },
	{ SYS_setns, 1, { { 1, CLI_KIND_CLONE } } },
	{ SYS_kill, 2, { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_SIGNAL } } },
	{ SYS_tkill, 2, { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_SIGNAL } } },
	{ SYS_tgkill,
	  3,
	  { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER }, { 2, CLI_KIND_SIGNAL } } },
	{ SYS_rt_sigqueueinfo, 2, { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_SIGNAL } } },
	{ SYS_rt_tgsigqueueinfo,
	  3,
	  { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER }, { 2, CLI_KIND_SIGNAL } } },
	{ SYS_pidfd_send_signal, 2, { { 0, CLI_KIND_FD }, { 1, CLI_KIND_SIGNAL } } },
	{ SYS_pidfd_open, 1, { { 0, CLI_KIND_NUMBER } } },
	{ SYS_prctl, 1, { { 0, CLI_KIND_PRCTL } } },
	{ SYS_seccomp, 1, { { 0, CLI_KIND_SECCOMP } } },
	{ SYS_ptrace, 2, { { 0, CLI_KIND_PTRACE }, { 1, CLI_KIND_NUMBER } } },
	{ SYS_ioctl, 2, { { 0, CLI_KIND_FD }, { 1, CLI_KIND_IOCTL } } },
	{ SYS_setuid, 1, { { 0, CLI_KIND_NUMBER } } },
	{ SYS_setgid, 1, { { 0, CLI_KIND_NUMBER } } },
	{ SYS_setreuid, 2, { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER } } },
	{ SYS_setregid, 2, { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER } } },
	{ SYS_setresuid,
	  3,
	  { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER }, { 2, CLI_KIND_NUMBER } } },
	{ SYS_setresgid,
	  3,
	  { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER }, { 2, CLI_KIND_NUMBER } } },
	{ SYS_setpgid, 2, { { 0, CLI_KIND_NUMBER }, { 1, CLI_KIND_NUMBER } } },
	{ SYS_dup2, 2, { { 0, CLI_KIND_FD }, { 1, CLI_KIND_FD } } },
	{ SYS_dup3, 2, { { 0, CLI_KIND_FD }, { 1, CLI_KIND_FD } } },
	{ SYS_fcntl, 2, { { 0, CLI_KIND_FD }, { 1, CLI_KIND_FCNTL } } },
	{ SYS_sendto, 2, { { 0, CLI_KIND_FD }, { 3, CLI_KIND_MSG } } },
	{ SYS_sendmsg, 2, { { 0, CLI_KIND_FD }, { 2, CLI_KIND_MSG } } },
	{ SYS_sendmmsg, 2, { { 0, CLI_KIND_FD }, { 3, CLI_KIND_MSG } } },
};

#define LIST(names, are_bits)                                                                      \
	{                                                                                          \
		names, MJ_ARRAY_LEN(names), are_bits                                               \
	}
static const struct cli_names kinds[CLI_KIND_COUNT] = {
	[CLI_KIND_OPEN_FLAGS] = LIST(open_flags, true),
	[CLI_KIND_DOMAIN] = LIST(socket_domains, false),
	[CLI_KIND_TYPE] = LIST(socket_types, false),
	[CLI_KIND_PROT] = LIST(protections, true),
	[CLI_KIND_CLONE] = LIST(clone_flags, true),
	[CLI_KIND_IOCTL] = LIST(ioctls, false),
	[CLI_KIND_FCNTL] = LIST(fcntls, false),
	[CLI_KIND_MSG] = LIST(messages, true),
	[CLI_KIND_PRCTL] = LIST(prctls, false),
	[CLI_KIND_SECCOMP] = LIST(seccomps, false),
	[CLI_KIND_PTRACE] = LIST(ptraces, false),
};

struct cli_names
cli_names_of(enum cli_kind kind)
{
	return kinds[kind];
}

size_t
cli_args_of(int nr, const struct cli_arg **ret)
{
	for (size_t i = 0; i < MJ_ARRAY_LEN(calls); i++) {
		if (calls[i].nr != nr)
			continue;
		*ret = calls[i].args;
		return calls[i].count;
	}
	return 0;
}

static void
put_one(FILE *out, uint64_t value, struct cli_names names, bool hex)
{
	for (size_t i = 0; i < names.count; i++)
		if (names.list[i].value == value) {
			fputs(names.list[i].name, out);
			return;
		}
	if (hex)
		fprintf(out, "0x%llx", (unsigned long long)value);
	else
		fprintf(out, "%lld", (long long)value);
}

bool
cli_put_bits(FILE *out, uint64_t value, struct cli_names names, bool first)
{
	bool any = false;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t bits = names.list[i].value;
		if (!bits || (value & bits) != bits)
			continue;
		fprintf(out, "%s%s", first && !any ? "" : "|", names.list[i].name);
		any = true;
		value &= ~bits;
	}
	if (value) {
		fprintf(out, "%s0x%llx", first && !any ? "" : "|", (unsigned long long)value);
		any = true;
	}
	return any;
}

static void
put_open_flags(FILE *out, uint64_t flags)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	fputs(modes[flags & O_ACCMODE], out);
	cli_put_bits(out, flags & ~(uint64_t)O_ACCMODE, kinds[CLI_KIND_OPEN_FLAGS], false);
}

static void
put_clone_flags(FILE *out, uint64_t flags)
{
	bool any = cli_put_bits(out, flags & ~(uint64_t)(CLONE_BORING | CSIGNAL),
	                        kinds[CLI_KIND_CLONE], true);
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
put_type(FILE *out, uint32_t type)
{
	static const struct cli_names flags = LIST(socket_flags, true);
	put_one(out, type & 0xf, kinds[CLI_KIND_TYPE], false);
	cli_put_bits(out, type & ~0xfU, flags, false);
}

void
cli_put_arg(FILE *out, uint64_t value, enum cli_kind kind)
{
	switch (kind) {
	case CLI_KIND_OPEN_FLAGS:
		put_open_flags(out, (uint32_t)value);
		break;
	case CLI_KIND_TYPE:
		put_type(out, (uint32_t)value);
		break;
	case CLI_KIND_PROT:
		if (!cli_put_bits(out, value, kinds[kind], true))
			fputs("PROT_NONE", out);
		break;
	case CLI_KIND_MSG:
		if (!cli_put_bits(out, (uint32_t)value, kinds[kind], true))
			fputs("0", out);
		break;
	case CLI_KIND_CLONE:
		put_clone_flags(out, value);
		break;
	case CLI_KIND_SIGNAL:
		put_signal(out, (int)value);
		break;
	case CLI_KIND_FD:
		fprintf(out, "fd %d", (int)value);
		break;
	case CLI_KIND_NONE:
	case CLI_KIND_NUMBER:
	case CLI_KIND_COUNT:
		fprintf(out, "%d", (int)value);
		break;
	case CLI_KIND_PTRACE: /* a long */
		put_one(out, value, kinds[kind], false);
		break;
	default:
		put_one(out, (uint32_t)value, kinds[kind], kind == CLI_KIND_IOCTL);
		break;
	}
}

void
cli_put_args(FILE *out, const struct mj_call *call)
{
	const struct cli_arg *args = NULL;
	size_t count = cli_args_of(call->nr, &args);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ", " : "", out);
		cli_put_arg(out, call->args[args[i].index], args[i].kind);
	}
}
