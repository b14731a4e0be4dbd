/* SPDX-License-Identifier: Apache-2.0 */
/*
 * old_kernel PROGRAM ARG...: runs a program, and all that it starts, as if the kernel were Linux 5.9 with nothing but what
 * modjail cannot do without. To be installed under modjail it must come before it: a filter is inherited.
 *
 * - System calls that came after 5.9 (close_range is the last that 5.9 has): ENOSYS.
 * - pidfd_open, pidfd_getfd, pidfd_send_signal, clone3, openat2, faccessat2, close_range: ENOSYS, though 5.9 has them.
 * - process_vm_readv, process_vm_writev, kcmp: ENOSYS, as without CONFIG_CROSS_MEMORY_ATTACH and CONFIG_KCMP; ptrace: EPERM.
 * - seccomp(2) with SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (5.19): EINVAL, as an unknown flag.
 * - ioctl SECCOMP_IOCTL_NOTIF_SET_FLAGS (6.6): EINVAL, as an unknown request.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAIT_KILLABLE_RECV 32u
#define NOTIF_SET_FLAGS _IOW('!', 4, __u64)
#define FIRST_AFTER_5_9 440u
#define NEVER_A_CALL                                                                               \
	1024u /* what tests call that no kernel has; as there, the program's own filter decides first */
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))

/* A call that always fails so: two instructions. */
#define FAILS(nr, e)                                                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, ERRNO(e))
#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))

static struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	LOAD(nr),
	FAILS(SYS_process_vm_readv, ENOSYS),
	FAILS(SYS_process_vm_writev, ENOSYS),
	FAILS(SYS_ptrace, EPERM),
	FAILS(SYS_kcmp, ENOSYS),
	FAILS(SYS_pidfd_open, ENOSYS),
	FAILS(SYS_pidfd_getfd, ENOSYS),
	FAILS(SYS_pidfd_send_signal, ENOSYS),
	FAILS(SYS_clone3, ENOSYS),
	FAILS(SYS_openat2, ENOSYS),
	FAILS(SYS_faccessat2, ENOSYS),
	FAILS(SYS_close_range, ENOSYS),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NEVER_A_CALL, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_AFTER_5_9, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, ERRNO(ENOSYS)),
	/* seccomp(SET_MODE_FILTER, flags with the bit) */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 3),
	LOAD(args[1]),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, WAIT_KILLABLE_RECV, 0, 4),
	BPF_STMT(BPF_RET | BPF_K, ERRNO(EINVAL)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 2),
	LOAD(args[1]),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)NOTIF_SET_FLAGS, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, ERRNO(EINVAL)),
};

/* That the filter is at work, told by what has to fail. */
static int
works(void)
{
	errno = 0;
	return syscall(SYS_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS;
}

int
main(int argc, char **argv)
{
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	if (argc < 2)
		return 2;
	/* Root installs it without no_new_privs, which would change what modjail does. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)) {
		perror("old_kernel: seccomp");
		return 99;
	}
	if (!works()) {
		fputs("old_kernel: the filter does not do its work\n", stderr);
		return 99;
	}
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
