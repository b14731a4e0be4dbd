/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's own jail. It reads what hostile programs wrote: files, memory, names. Whoever took it over
 * by that could answer notifications, but should gain nothing else: so once the program's process exists, and
 * before its first notification is received, the supervisor gives up what it will not need.
 *
 * - A seccomp filter of its own. What is not listed fails with EPERM, so that a C library that asks for something new
 *   sees a failure that it can handle; what nothing in here could ever ask for by mistake ends the process,
 *   and with it the jail. The program has its process by then and does not inherit the filter.
 * - Capabilities, if there are any: those that reading, signalling and logging need stay.
 * - It is not dumpable: no other process of the same user may trace it, read or write its memory, or take
 *   its descriptors, the listener above all (kernel/ptrace.c, __ptrace_may_access).
 *
 * Not Landlock: a thread in a Landlock domain may read (ptrace access) only processes in the same domain or
 * one below it (security/landlock/task.c, hook_ptrace_access_check in 6.18, whatever the domain restricts and whatever
 * capabilities there are), and the program must not be in the supervisor's.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define TMPFILE_BIT 020000000 /* of O_TMPFILE, which includes O_DIRECTORY */
#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	 CLONE_NEWPID | CLONE_NEWNET)
#define CREATING (O_CREAT | O_TRUNC | O_EXCL | O_APPEND | TMPFILE_BIT)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED)
#define SANITIZED 1
#endif

/* ---- the filter ----------------------------------------------------------------------------- */

/* Whether the low half of an argument has these bits so: int arguments have nothing to say in the upper one. */
struct bits {
	unsigned arg;
	uint32_t mask, value;
};

struct row {
	int nr;
	unsigned nconds;
	struct bits conds[2];
};

/* clang-format off */
#define ANY(name)                { .nr = SYS_##name }
#define IF(name, n, m, v)        { .nr = SYS_##name, .nconds = 1, .conds = { { n, m, v } } }
#define EQ(name, n, v)           IF(name, n, UINT32_MAX, (uint32_t)(v))

static const struct row always[] = {
	/* Descriptors it has, /proc, executable files. */
	ANY(read), ANY(pread64), ANY(readv), ANY(preadv), ANY(write), ANY(writev), ANY(lseek), ANY(close),
	ANY(fstat), ANY(stat), ANY(lstat), ANY(newfstatat), ANY(statx), ANY(fstatfs), ANY(getdents64),
	ANY(readlink), ANY(readlinkat), ANY(faccessat), ANY(faccessat2), ANY(getcwd), ANY(dup3),
	EQ(fcntl, 1, F_GETFD), EQ(fcntl, 1, F_SETFD), EQ(fcntl, 1, F_GETFL), EQ(fcntl, 1, F_DUPFD_CLOEXEC),
	IF(open, 1, O_ACCMODE | CREATING, O_RDONLY),
	IF(openat, 2, O_ACCMODE | CREATING, O_RDONLY),
	ANY(poll), ANY(ppoll),
	/* Notifications, and stdio's question whether it writes to a terminal. */
	EQ(ioctl, 1, SECCOMP_IOCTL_NOTIF_RECV), EQ(ioctl, 1, SECCOMP_IOCTL_NOTIF_SEND),
	EQ(ioctl, 1, SECCOMP_IOCTL_NOTIF_ID_VALID), EQ(ioctl, 1, SECCOMP_IOCTL_NOTIF_SET_FLAGS),
	EQ(ioctl, 1, TCGETS),
	ANY(process_vm_readv), /* reads only; the kernel asks for the same right as for /proc/PID/mem */
	/* Memory without code. */
	IF(mmap, 2, PROT_EXEC, 0), IF(mprotect, 2, PROT_EXEC, 0),
	ANY(munmap), ANY(mremap), ANY(madvise), ANY(brk),
	/* Threads. */
	IF(clone, 0, CLONE_THREAD | CLONE_VM | NAMESPACES, CLONE_THREAD | CLONE_VM),
	ANY(futex), ANY(set_robust_list), ANY(rseq), ANY(sched_yield), ANY(sched_getaffinity),
	ANY(gettid), ANY(exit), ANY(exit_group), ANY(restart_syscall),
	/* Time and what the C library wants to know. */
	ANY(clock_gettime), ANY(clock_nanosleep), ANY(nanosleep), ANY(gettimeofday), ANY(time),
	ANY(getrandom), ANY(sysinfo), ANY(uname), ANY(getrusage), EQ(prlimit64, 0, 0),
	ANY(getrlimit), ANY(setrlimit), ANY(getuid), ANY(geteuid), ANY(getgid), ANY(getegid),
	EQ(prctl, 0, PR_SET_NAME), EQ(prctl, 0, PR_GET_DUMPABLE), EQ(prctl, 0, 0x53564d41 /* PR_SET_VMA */),
	/* Processes and signals; kill has rows of its own below. */
	ANY(getpid), ANY(getppid), ANY(getpgrp), ANY(getpgid), EQ(setpgid, 0, 0),
	ANY(wait4), ANY(waitid), ANY(pidfd_open),
	ANY(rt_sigaction), ANY(rt_sigprocmask), ANY(rt_sigpending), ANY(rt_sigreturn), ANY(rt_sigtimedwait),
	ANY(sigaltstack),
};

/* packed.c hands a descriptor over, and answers readlink. */
static const struct row packs[] = {
	EQ(ioctl, 1, SECCOMP_IOCTL_NOTIF_ADDFD), ANY(process_vm_writev),
};

/* cli/log.c opens the log anew when it was rotated away. */
static const struct row logs[] = {
	IF(open, 1, O_ACCMODE | CREATING, O_WRONLY | O_APPEND | O_CREAT),
	IF(openat, 2, O_ACCMODE | CREATING, O_WRONLY | O_APPEND | O_CREAT),
};

/* cli/cmd_learn.c writes its policy beside the old one and puts it in place. */
static const struct row writes[] = {
	IF(openat, 2, O_ACCMODE | CREATING, O_RDWR | O_CREAT | O_EXCL),
	ANY(fsync), ANY(fchmod), ANY(rename), ANY(renameat), ANY(renameat2), ANY(link), ANY(linkat),
	ANY(unlink), ANY(unlinkat),
};

/* Nothing in here asks for these, nor does any library. */
static const int deadly[] = {
	SYS_execve, SYS_execveat, SYS_fork, SYS_vfork, SYS_socket, SYS_connect, SYS_process_vm_writev,
	SYS_bpf, SYS_setns, SYS_unshare, SYS_io_uring_setup,
#ifndef SANITIZED
	SYS_ptrace,
#endif
};

/* The leak checker stops all threads at exit from a process that it makes for that. */
#ifdef SANITIZED
static const struct row sanitizer[] = {
	ANY(clone), ANY(ptrace), ANY(prctl), ANY(getdents), ANY(getdents64),
};
#endif
/* clang-format on */

static int
add_rows(scmp_filter_ctx ctx, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct scmp_arg_cmp cmps[MJ_ARRAY_LEN(rows[i].conds)];
		for (unsigned c = 0; c < rows[i].nconds; c++) {
			const struct bits *bits = &rows[i].conds[c];
			cmps[c] =
				SCMP_CMP64(bits->arg, SCMP_CMP_MASKED_EQ, bits->mask, bits->value);
		}
		int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rows[i].nr, rows[i].nconds,
		                                cmps);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Its own process and the program get any signal, others that it jails are only ever killed: a negative
 * number, which would mean a whole process group or everybody, is nobody's. */
static int
add_signals(scmp_filter_ctx ctx, const struct sup_confinement *args, pid_t self)
{
	const struct row rows[] = {
		EQ(kill, 0, self),
		EQ(kill, 0, args->program),
		EQ(tgkill, 0, self),
		EQ(rt_sigqueueinfo, 0, args->program),
		{ .nr = SYS_kill,
		  .nconds = 2,
		  .conds = { { 0, UINT32_C(1) << 31, 0 }, { 1, UINT32_MAX, SIGKILL } } },
		/* Only from dumpable to not. */
		{ .nr = SYS_prctl,
		  .nconds = 2,
		  .conds = { { 0, UINT32_MAX, PR_SET_DUMPABLE }, { 1, UINT32_MAX, 0 } } },
	};
	return add_rows(ctx, rows, MJ_ARRAY_LEN(rows));
}

static int
fill(scmp_filter_ctx ctx, const struct sup_confinement *args, pid_t self)
{
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary search */
	for (size_t i = 0; rc == 0 && i < MJ_ARRAY_LEN(deadly); i++)
		if (!args->packed || deadly[i] != SYS_process_vm_writev)
			rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	/* Its flags lie behind a pointer; the C library then asks for clone (pthread_create(3)). */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SYS_clone3, 0);
	if (rc == 0)
		rc = add_rows(ctx, always, MJ_ARRAY_LEN(always));
	if (rc == 0)
		rc = add_signals(ctx, args, self);
	if (rc == 0 && args->reopens_log)
		rc = add_rows(ctx, logs, MJ_ARRAY_LEN(logs));
	if (rc == 0 && args->packed)
		rc = add_rows(ctx, packs, MJ_ARRAY_LEN(packs));
	if (rc == 0 && args->writes_files)
		rc = add_rows(ctx, writes, MJ_ARRAY_LEN(writes));
#ifdef SANITIZED
	if (rc == 0)
		rc = add_rows(ctx, sanitizer, MJ_ARRAY_LEN(sanitizer));
#endif
	return rc;
}

/* Whose filter it is: a process of its own makes it. */
struct wanted {
	const struct sup_confinement *args;
	pid_t self;
};

static int
export_filter(const void *ctx_wanted, int fd, struct mj_error *err)
{
	const struct wanted *wanted = ctx_wanted;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	int rc = fill(ctx, wanted->args, wanted->self);
	if (rc == 0)
		rc = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	return rc < 0 ? mj_error_sys(err, -rc, "cannot make the seccomp filter of modjail itself")
	              : 0;
}

/* If libseccomp leaves rules out unnoticed, less is allowed. */
static int
install_filter(const struct sup_confinement *args, struct mj_error *err)
{
	struct mj_filter filter = { 0 };
	const struct wanted wanted = { args, getpid() };
	if (mj_filter_apart(export_filter, &wanted, &filter, err) < 0)
		return -1;
	struct sock_fprog program = { (unsigned short)filter.count, filter.insns };
	/* No store bypass mitigation: all of the code in here is ours. */
	int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (rc == 0)
		rc = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		                  SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
	if (rc < 0)
		mj_error_sys(err, errno, "cannot install the seccomp filter of modjail itself");
	mj_filter_free(&filter);
	return rc;
}

/* ---- capabilities --------------------------------------------------------------------------- */

#define BIT(cap) (UINT64_C(1) << (cap))

/*
 * Of root's, those stay that reading and killing other users' processes need, and opening their files; and for what is
 * written, passing by permissions as before. Without CAP_SYS_PTRACE all of them have to stay: a process may only be read
 * by one that has what it has (security/commoncap.c, cap_ptrace_access_check).
 */
static int
drop_capabilities(const struct sup_confinement *args, struct mj_error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	uint64_t keep = BIT(CAP_SYS_PTRACE) | BIT(CAP_KILL) | BIT(CAP_DAC_READ_SEARCH);
	if (args->reopens_log || args->writes_files)
		keep |= BIT(CAP_DAC_OVERRIDE);
	if (args->writes_files)
		keep |= BIT(CAP_FOWNER);
	if (syscall(SYS_capget, &header, data) < 0)
		return mj_error_sys(err, errno, "cannot read modjail's own capabilities");
	if (!(data[0].effective & BIT(CAP_SYS_PTRACE)))
		return 0;
	for (unsigned i = 0; i < MJ_ARRAY_LEN(data); i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		data[i].effective &= mask;
		data[i].permitted &= mask;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return mj_error_sys(err, errno, "cannot drop modjail's own capabilities");
	return 0;
}

void
sup_drop_all_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	(void)syscall(SYS_capset, &header, none); /* fewer are always allowed (capabilities(7)) */
}

/* ---- all of it ------------------------------------------------------------------------------ */

int
sup_confine(const struct sup_confinement *args, struct mj_error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return mj_error_sys(err, errno, "cannot keep other processes from tracing modjail");
	if (drop_capabilities(args, err) < 0)
		return -1;
	return install_filter(args, err);
}
