/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows that table.def refers to: which arguments make a call need what. Included by table.c
 * only. Sources for how the kernel reads an argument are the SYSCALL_DEFINEs of Linux 6.18.
 */
#ifndef MJ_POLICY_ROWS_H
#define MJ_POLICY_ROWS_H

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "policy/table.h"

/* clang-format off */

/* The kernel declares most of these arguments int or unsigned int and so drops the upper half of
 * the register: comparing it would let (1 << 32 | x) pass for something else than x. */
#define LOW32 UINT64_C(0xffffffff)
#define EQ(n, v)      { .arg = (n), .mask = LOW32, .value = LOW32 & (uint64_t)(v) }
#define BITS(n, m, v) { .arg = (n), .mask = LOW32 & (uint64_t)(m), .value = LOW32 & (uint64_t)(v) }
/* For arguments that are unsigned long or pointers. */
#define EQ64(n, v)    { .arg = (n), .mask = UINT64_MAX, .value = (uint64_t)(v) }

#define BASE .all = 0, .any = 0
#define ALL(caps) .all = (caps)
#define ANY(caps) .any = (caps)
#define LINEAGE .lineage = true
#define INERT .inert = true

#define WHEN(c, ...)          { .nconds = 1, .conds = { c }, __VA_ARGS__ }
#define WHEN2(c, d, ...)      { .nconds = 2, .conds = { c, d }, __VA_ARGS__ }
#define WHEN3(c, d, e, ...)   { .nconds = 3, .conds = { c, d, e }, __VA_ARGS__ }
#define ELSE(...)             { .nconds = 0, __VA_ARGS__ }

#define ROWS(name) static const struct mj_row rows_##name[]

/* ---- one need whatever the arguments -------------------------------------------------------- */

ROWS(base)    = { ELSE(BASE) };
ROWS(read)    = { ELSE(ALL(MJ_CAP(FILES_READ))) };
ROWS(write)   = { ELSE(ALL(MJ_CAP(FILES_WRITE))) };
ROWS(rdwr)    = { ELSE(ALL(MJ_CAP(FILES_READ) | MJ_CAP(FILES_WRITE))) };
ROWS(stat)    = { ELSE(ALL(MJ_CAP(FILES_STAT))) };
ROWS(exec)    = { ELSE(ALL(MJ_CAP(EXEC)), LINEAGE) };
ROWS(chdir)   = { ELSE(ALL(MJ_CAP(MODIFY_CHDIR))) };
ROWS(ids)     = { ELSE(ALL(MJ_CAP(MODIFY_IDS))) };
ROWS(limits)  = { ELSE(ALL(MJ_CAP(MODIFY_LIMITS))) };
ROWS(fds)     = { ELSE(ALL(MJ_CAP(MODIFY_FDS))) };
ROWS(signals) = { ELSE(ALL(MJ_CAP(MODIFY_SIGNALS))) };
ROWS(info)    = { ELSE(ALL(MJ_CAP(READ_SYSTEM_STATE))) };
ROWS(os)      = { ELSE(ALL(MJ_CAP(OPERATING_SYSTEM))) };
ROWS(other)   = { ELSE(ALL(MJ_CAP(SYSTEM_CALLS))) };
ROWS(inert)   = { ELSE(ALL(MJ_CAP(SYSTEM_CALLS)), INERT) };

/* Entering a namespace can take a process out of the supervisor's sight (pid namespaces). */
ROWS(namespace) = { ELSE(ALL(MJ_CAP(OPERATING_SYSTEM)), LINEAGE) };
/* Opens by inode, past every directory's permissions. */
ROWS(handle) = { ELSE(ALL(MJ_CAP(FILES_READ) | MJ_CAP(FILES_WRITE) | MJ_CAP(OPERATING_SYSTEM))) };
/* Its flags lie behind a pointer, so the filter answers ENOSYS (plan.c) and callers use clone. */
ROWS(clone3) = { ELSE(ALL(MJ_CAP(SYSTEM_CALLS) | MJ_CAP(OPERATING_SYSTEM)), LINEAGE) };

/* ---- files ---------------------------------------------------------------------------------- */

/* O_PATH beats everything else (fs/open.c, build_open_how). The last row takes O_RDWR, the access
 * mode 3, and O_RDONLY that creates or truncates. */
#define OPEN_TMPFILE 020000000
#define OPEN_ROWS(n) { \
	WHEN(BITS(n, O_PATH, O_PATH), ALL(MJ_CAP(FILES_STAT))), \
	WHEN(BITS(n, O_PATH | O_ACCMODE | O_CREAT | O_TRUNC | OPEN_TMPFILE, O_RDONLY), \
	     ALL(MJ_CAP(FILES_READ))), \
	WHEN(BITS(n, O_PATH | O_ACCMODE, O_WRONLY), ALL(MJ_CAP(FILES_WRITE))), \
	ELSE(ALL(MJ_CAP(FILES_READ) | MJ_CAP(FILES_WRITE))) }
ROWS(open) = OPEN_ROWS(1);
ROWS(openat) = OPEN_ROWS(2);

ROWS(fcntl) = {
	/* F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW: 0 to 7 */
	WHEN(BITS(1, ~7u, 0), BASE),
	WHEN(EQ(1, F_GETOWN), BASE),
	WHEN(EQ(1, F_GETSIG), BASE),
	WHEN(EQ(1, F_GETOWN_EX), BASE),
	WHEN(EQ(1, 17 /* F_GETOWNER_UIDS */), BASE),
	WHEN(EQ(1, F_OFD_GETLK), BASE),
	WHEN(EQ(1, F_OFD_SETLK), BASE),
	WHEN(EQ(1, F_OFD_SETLKW), BASE),
	WHEN(EQ(1, F_GETLEASE), BASE),
	WHEN(EQ(1, 1027 /* F_DUPFD_QUERY, 6.10 */), BASE),
	WHEN(EQ(1, 1028 /* F_CREATED_QUERY, 6.12 */), BASE),
	WHEN(EQ(1, F_DUPFD_CLOEXEC), BASE),
	WHEN(EQ(1, F_SETPIPE_SZ), BASE),
	WHEN(EQ(1, F_GETPIPE_SZ), BASE),
	WHEN(EQ(1, F_ADD_SEALS), BASE),
	WHEN(EQ(1, F_GET_SEALS), BASE),
	/* F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT, F_SET_FILE_RW_HINT: 1035 to 1038 */
	WHEN(EQ(1, F_GET_RW_HINT), BASE),
	WHEN(EQ(1, F_SET_RW_HINT), BASE),
	WHEN(EQ(1, F_GET_FILE_RW_HINT), BASE),
	WHEN(EQ(1, F_SET_FILE_RW_HINT), BASE),
	/* These make the kernel signal any process of the same user. */
	WHEN(EQ(1, F_SETOWN), ALL(MJ_CAP(MODIFY_SIGNALS))),
	WHEN(EQ(1, F_SETSIG), ALL(MJ_CAP(MODIFY_SIGNALS))),
	WHEN(EQ(1, F_SETOWN_EX), ALL(MJ_CAP(MODIFY_SIGNALS))),
	ELSE(ALL(MJ_CAP(SYSTEM_CALLS))), /* leases, F_NOTIFY, what is yet to come */
};

/* Requests that Go programs make on descriptors they hold. TIOCSTI and TIOCLINUX (typing into the
 * terminal, and so into the shell behind it) are only two of what the last row is there for. */
ROWS(ioctl) = {
	WHEN(EQ(1, TCGETS), BASE),          WHEN(EQ(1, TCSETS), BASE),
	WHEN(EQ(1, TCSETSW), BASE),         WHEN(EQ(1, TCSETSF), BASE),
	WHEN(EQ(1, 0x802c542a /* TCGETS2 */), BASE),
	WHEN(EQ(1, 0x402c542b /* TCSETS2 */), BASE),
	WHEN(EQ(1, 0x402c542c /* TCSETSW2 */), BASE),
	WHEN(EQ(1, 0x402c542d /* TCSETSF2 */), BASE),
	WHEN(EQ(1, TCSBRK), BASE),          WHEN(EQ(1, TCSBRKP), BASE),
	WHEN(EQ(1, TCXONC), BASE),          WHEN(EQ(1, TCFLSH), BASE),
	WHEN(EQ(1, TIOCGPGRP), BASE),       WHEN(EQ(1, TIOCSPGRP), BASE),
	WHEN(EQ(1, TIOCGSID), BASE),        WHEN(EQ(1, TIOCOUTQ), BASE),
	WHEN(EQ(1, TIOCGWINSZ), BASE),      WHEN(EQ(1, TIOCSWINSZ), BASE),
	WHEN(EQ(1, TIOCGPTN), BASE),        WHEN(EQ(1, TIOCSPTLCK), BASE),
	WHEN(EQ(1, FIONREAD), BASE),        WHEN(EQ(1, FIONBIO), BASE),
	WHEN(EQ(1, FIOCLEX), BASE),         WHEN(EQ(1, FIONCLEX), BASE),
	WHEN(EQ(1, FIOASYNC), BASE),        WHEN(EQ(1, FIOQSIZE), BASE),
	/* FIDEDUPERANGE too: all three are I/O on two descriptors already held. */
	WHEN(EQ(1, FICLONE), BASE),         WHEN(EQ(1, FICLONERANGE), BASE),
	WHEN(EQ(1, FIDEDUPERANGE), BASE),   WHEN(EQ(1, FS_IOC_FIEMAP), BASE),
	WHEN(EQ(1, FS_IOC_GETFLAGS), BASE), WHEN(EQ(1, FIGETBSZ), BASE),
	WHEN(EQ(1, BLKGETSIZE64), BASE),    WHEN(EQ(1, BLKSSZGET), BASE),
	WHEN(EQ(1, SIOCATMARK), BASE),      WHEN(EQ(1, SIOCGIFCONF), BASE),
	WHEN(EQ(1, SIOCGIFNAME), BASE),     WHEN(EQ(1, SIOCGIFFLAGS), BASE),
	WHEN(EQ(1, SIOCGIFADDR), BASE),     WHEN(EQ(1, SIOCGIFDSTADDR), BASE),
	WHEN(EQ(1, SIOCGIFBRDADDR), BASE),  WHEN(EQ(1, SIOCGIFNETMASK), BASE),
	WHEN(EQ(1, SIOCGIFMETRIC), BASE),   WHEN(EQ(1, SIOCGIFMTU), BASE),
	WHEN(EQ(1, SIOCGIFHWADDR), BASE),   WHEN(EQ(1, SIOCGIFINDEX), BASE),
	WHEN(EQ(1, SIOCGIFTXQLEN), BASE),
	WHEN(EQ(1, FIOSETOWN), ALL(MJ_CAP(MODIFY_SIGNALS))), /* as fcntl(F_SETOWN) */
	WHEN(EQ(1, SIOCSPGRP), ALL(MJ_CAP(MODIFY_SIGNALS))),
	WHEN(EQ(1, TIOCSCTTY), ALL(MJ_CAP(MODIFY_IDS))), /* the session's terminal */
	WHEN(EQ(1, TIOCNOTTY), ALL(MJ_CAP(MODIFY_IDS))),
	ELSE(ALL(MJ_CAP(SYSTEM_CALLS))),
};

/* ---- memory --------------------------------------------------------------------------------- */

/* prot is an unsigned long, but the bit is in its lower half, and no other one makes code. */
#define PROT_ROWS { WHEN(BITS(2, PROT_EXEC, 0), BASE), ELSE(ALL(MJ_CAP(ARBITRARY_EXECUTION))) }
ROWS(prot) = PROT_ROWS;

/* READ_IMPLIES_EXEC would make every later mapping executable without PROT_EXEC. */
ROWS(personality) = {
	WHEN(EQ(0, 0xffffffff), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	ELSE(ALL(MJ_CAP(MODIFY_PROCESS) | MJ_CAP(ARBITRARY_EXECUTION))),
};

/* ---- network -------------------------------------------------------------------------------- */

#define SOCK_TYPE 0xf /* include/linux/net.h, SOCK_TYPE_MASK: the rest of type is flags */
/* AF_INET is 2, AF_INET6 is 10: they differ in this bit only, and nothing else has both others. */
#define ANY_INET(n) BITS(n, ~8u, AF_INET)

/* Stream sockets may end up either way; connect and listen tell. But not SCTP's: there sendto and
 * setsockopt connect as well, so that only TCP (0, 6) and MPTCP (262) are told apart from RAW. An
 * unconnected datagram socket sends anywhere. */
#define STREAM_OF(proto) \
	WHEN3(ANY_INET(0), BITS(1, SOCK_TYPE, SOCK_STREAM), EQ(2, proto), \
	      ANY(MJ_CAP(NETWORK_CONNECT) | MJ_CAP(NETWORK_LISTEN)))
ROWS(socket) = {
	WHEN(EQ(0, AF_UNIX), ALL(MJ_CAP(NETWORK_UNIX))),
	STREAM_OF(0),
	STREAM_OF(6),
	STREAM_OF(262),
	WHEN2(ANY_INET(0), BITS(1, SOCK_TYPE, SOCK_DGRAM), ALL(MJ_CAP(NETWORK_CONNECT))),
	WHEN(EQ(0, AF_NETLINK), ALL(MJ_CAP(NETWORK_NETLINK))),
	ELSE(ALL(MJ_CAP(NETWORK_RAW))),
};

/* A pair of streams is closed to the world. A pair of datagram sockets is not: each can sendto any
 * bound address, /dev/log for one (net/unix/af_unix.c, unix_dgram_sendmsg). SOCK_RAW means
 * SOCK_DGRAM there. */
ROWS(socketpair) = {
	WHEN2(EQ(0, AF_UNIX), BITS(1, SOCK_TYPE, SOCK_STREAM), BASE),
	WHEN2(EQ(0, AF_UNIX), BITS(1, SOCK_TYPE, SOCK_SEQPACKET), BASE),
	WHEN2(EQ(0, AF_UNIX), BITS(1, SOCK_TYPE, SOCK_DGRAM), ALL(MJ_CAP(NETWORK_UNIX))),
	WHEN2(EQ(0, AF_UNIX), BITS(1, SOCK_TYPE, SOCK_RAW), ALL(MJ_CAP(NETWORK_UNIX))),
	ELSE(ALL(MJ_CAP(NETWORK_RAW))),
};

/* The address lies behind a pointer, the family with it: whoever could make such a socket. */
ROWS(connect) = {
	ELSE(ANY(MJ_CAP(NETWORK_CONNECT) | MJ_CAP(NETWORK_UNIX) | MJ_CAP(NETWORK_RAW))),
};
ROWS(bind) = {
	ELSE(ANY(MJ_CAP(NETWORK_LISTEN) | MJ_CAP(NETWORK_UNIX) | MJ_CAP(NETWORK_NETLINK) |
	         MJ_CAP(NETWORK_RAW))),
};
ROWS(listen) = { ELSE(ANY(MJ_CAP(NETWORK_LISTEN) | MJ_CAP(NETWORK_UNIX))) };

/* MSG_FASTOPEN connects. */
#define SEND_ROWS(n) { \
	WHEN(BITS(n, MSG_FASTOPEN, 0), BASE), ELSE(ALL(MJ_CAP(NETWORK_CONNECT))) }
ROWS(send2) = SEND_ROWS(2);
ROWS(send3) = SEND_ROWS(3);

/* ---- processes ------------------------------------------------------------------------------ */

/* clone() takes the lower half of its flags only (kernel/fork.c). A thread, or a process of its own
 * (fork, vfork, posix_spawn, Go's forkAndExecInChild). Not: a sibling instead of a child
 * (CLONE_PARENT), a tracee (CLONE_PTRACE), a process that shares descriptors or the working directory (CLONE_FILES, CLONE_FS without
 * CLONE_THREAD), namespaces. The rows of the namespaces form a chain so that they exclude each
 * other: each has its own flag set and those of the rows before it clear. */
#define CLONE_ODD (CLONE_PARENT | CLONE_PTRACE)
#define NS_1 CLONE_NEWNS
#define NS_2 (NS_1 | CLONE_NEWCGROUP)
#define NS_3 (NS_2 | CLONE_NEWUTS)
#define NS_4 (NS_3 | CLONE_NEWIPC)
#define NS_5 (NS_4 | CLONE_NEWUSER)
#define NS_6 (NS_5 | CLONE_NEWPID)
#define NS_ALL (NS_6 | CLONE_NEWNET)
#define CLONE_NS(upto, flag) \
	WHEN(BITS(0, CLONE_ODD | CLONE_FILES | (upto), flag), ALL(MJ_CAP(OPERATING_SYSTEM)), LINEAGE)
ROWS(clone) = {
	WHEN(BITS(0, NS_ALL | CLONE_ODD | CLONE_THREAD, CLONE_THREAD), BASE),
	WHEN(BITS(0, NS_ALL | CLONE_ODD | CLONE_THREAD | CLONE_FILES | CLONE_FS, 0), BASE),
	WHEN(BITS(0, NS_ALL | CLONE_ODD | CLONE_THREAD | CLONE_FILES, CLONE_FILES),
	     ALL(MJ_CAP(SYSTEM_CALLS)), LINEAGE),
	WHEN(BITS(0, NS_ALL | CLONE_ODD | CLONE_THREAD | CLONE_FILES | CLONE_FS, CLONE_FS),
	     ALL(MJ_CAP(SYSTEM_CALLS)), LINEAGE),
	WHEN(BITS(0, NS_ALL | CLONE_PARENT, CLONE_PARENT), ALL(MJ_CAP(SYSTEM_CALLS)), LINEAGE),
	WHEN(BITS(0, NS_ALL | CLONE_ODD, CLONE_PTRACE), ALL(MJ_CAP(SYSTEM_CALLS)), LINEAGE),
	CLONE_NS(NS_1, CLONE_NEWNS),
	CLONE_NS(NS_2, CLONE_NEWCGROUP),
	CLONE_NS(NS_3, CLONE_NEWUTS),
	CLONE_NS(NS_4, CLONE_NEWIPC),
	CLONE_NS(NS_5, CLONE_NEWUSER),
	CLONE_NS(NS_6, CLONE_NEWPID),
	CLONE_NS(NS_ALL, CLONE_NEWNET),
	ELSE(ALL(MJ_CAP(OPERATING_SYSTEM) | MJ_CAP(SYSTEM_CALLS)), LINEAGE),
};

/* SIGURG is how Go preempts its own threads, and it is ignored where nobody asked for it. */
#define THREAD_KILL_ROWS(n) { \
	WHEN(EQ(n, 0), BASE), WHEN(EQ(n, SIGURG), BASE), ELSE(ALL(MJ_CAP(MODIFY_SIGNALS))) }
ROWS(tkill) = THREAD_KILL_ROWS(1);
ROWS(tgkill) = THREAD_KILL_ROWS(2);
/* Signal 0 asks whether the process exists. */
ROWS(kill) = {
	WHEN(EQ(1, 0), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	ELSE(ALL(MJ_CAP(MODIFY_SIGNALS))),
};

/* Process group and session: one's own, else another's. */
ROWS(of_pid) = { WHEN(EQ(0, 0), BASE), ELSE(ALL(MJ_CAP(READ_SYSTEM_STATE))) };

/* Reading one's own is what C libraries do before anything of the program runs. */
ROWS(prlimit64) = {
	WHEN2(EQ(0, 0), EQ64(2, 0), BASE),
	/* Another process's, no new ones; the pids are split so that rows exclude each other. */
	WHEN2(BITS(0, 1, 1), EQ64(2, 0), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	ELSE(ALL(MJ_CAP(MODIFY_LIMITS))),
};

/* SYSLOG_ACTION_READ, _READ_ALL, _SIZE_UNREAD, _SIZE_BUFFER; the others clear or configure. */
ROWS(syslog) = {
	WHEN(EQ(0, 2), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	WHEN(EQ(0, 3), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	WHEN(EQ(0, 9), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	WHEN(EQ(0, 10), ALL(MJ_CAP(READ_SYSTEM_STATE))),
	ELSE(ALL(MJ_CAP(OPERATING_SYSTEM))),
};

#define PR_BASE(option) WHEN(EQ(0, option), BASE)
#define PR_NEEDS(option, leaf) WHEN(EQ(0, option), ALL(MJ_CAP(leaf)))
ROWS(prctl) = {
	PR_BASE(PR_SET_PDEATHSIG),        PR_BASE(PR_GET_PDEATHSIG),
	PR_BASE(PR_SET_NAME),             PR_BASE(PR_GET_NAME),
	PR_BASE(PR_GET_DUMPABLE),         PR_BASE(PR_GET_KEEPCAPS),
	PR_BASE(PR_GET_SECCOMP),          PR_BASE(PR_CAPBSET_READ),
	PR_BASE(PR_GET_TSC),              PR_BASE(PR_GET_SECUREBITS),
	PR_BASE(PR_SET_TIMERSLACK),       PR_BASE(PR_GET_TIMERSLACK),
	PR_BASE(PR_MCE_KILL_GET),         PR_BASE(PR_GET_CHILD_SUBREAPER),
	PR_BASE(PR_SET_NO_NEW_PRIVS),     PR_BASE(PR_GET_NO_NEW_PRIVS),
	PR_BASE(PR_GET_TID_ADDRESS),      PR_BASE(PR_GET_THP_DISABLE),
	PR_BASE(PR_GET_SPECULATION_CTRL), PR_BASE(PR_GET_IO_FLUSHER),
	PR_BASE(0x53564d41 /* PR_SET_VMA: names for mappings */),
	PR_BASE(0x41555856 /* PR_GET_AUXV */),
	PR_BASE(66 /* PR_GET_MDWE */),
	PR_BASE(68 /* PR_GET_MEMORY_MERGE */),
	/* arg2 is compared as unsigned long; what is neither 0 nor 1 fails with EINVAL. */
	WHEN2(EQ(0, PR_SET_DUMPABLE), EQ64(1, 1), BASE),
	WHEN2(EQ(0, PR_SET_DUMPABLE), EQ64(1, 0), ALL(MJ_CAP(MODIFY_DUMPABLE)), LINEAGE),
	PR_NEEDS(PR_SET_KEEPCAPS, MODIFY_IDS),
	PR_NEEDS(PR_SET_SECUREBITS, MODIFY_IDS),
	PR_NEEDS(PR_CAPBSET_DROP, MODIFY_IDS),
	PR_NEEDS(PR_CAP_AMBIENT, MODIFY_IDS),
	PR_NEEDS(PR_SET_TSC, MODIFY_PROCESS),
	PR_NEEDS(PR_MCE_KILL, MODIFY_PROCESS),
	PR_NEEDS(PR_SET_THP_DISABLE, MODIFY_PROCESS),
	PR_NEEDS(PR_SET_SPECULATION_CTRL, MODIFY_PROCESS),
	PR_NEEDS(PR_SET_IO_FLUSHER, MODIFY_PROCESS),
	PR_NEEDS(65 /* PR_SET_MDWE */, MODIFY_PROCESS),
	PR_NEEDS(67 /* PR_SET_MEMORY_MERGE */, MODIFY_PROCESS),
	/* Orphans are re-parented to it, so that a process's parent says less than it did. */
	WHEN(EQ(0, PR_SET_CHILD_SUBREAPER), ALL(MJ_CAP(MODIFY_PROCESS)), LINEAGE),
	/* Opens the process to any tracer of the same user. */
	WHEN(EQ(0, PR_SET_PTRACER), ALL(MJ_CAP(SYSTEM_CALLS)), LINEAGE),
	/* PR_SET_MM (can exchange /proc/PID/exe), PR_SET_SECCOMP, PR_SET_SYSCALL_USER_DISPATCH, ... */
	ELSE(ALL(MJ_CAP(SYSTEM_CALLS)), LINEAGE),
};

#endif
