/* SPDX-License-Identifier: Apache-2.0 */
/* A process that waits in a notification, made as preload/spawn.c makes the program's: its listener appears in a
 * table of descriptors that it shares with the probe. */
#include "doctor/internal.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct dr_shared {
	_Atomic int listener_plus_one; /* -1: errnum says why not */
	_Atomic int errnum;
	_Atomic int done;
	int64_t result;
};

static const uint64_t secret = DR_SECRET;

int
dr_install_listener(unsigned long flags)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = MJ_ARRAY_LEN(insns), .filter = insns };
	/* With CAP_SYS_ADMIN the filter needs no no_new_privs: whether it works is seen below. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	                    flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static _Noreturn void
child(struct dr_shared *shared, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	int fd = dr_install_listener(0);
	if (fd < 0) {
		atomic_store(&shared->errnum, errno);
		atomic_store(&shared->listener_plus_one, -1);
		_exit(1);
	}
	atomic_store(&shared->listener_plus_one, fd + 1);
	long r = syscall(SYS_getpgid, DR_ARGUMENT, 0, 0, 0, 0, 0);
	shared->result = r < 0 ? -errno : r;
	atomic_store(&shared->done, 1);
	_exit(0);
}

/* Waits until the child has stored its listener or has ended; the probe has a deadline of its own. */
static int
await_listener(struct dr_subject *subject, struct mj_examined *ret)
{
	int stored;
	while (!(stored = atomic_load(&subject->shared->listener_plus_one))) {
		siginfo_t info = { 0 };
		if (waitid(P_PID, (id_t)subject->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid && !atomic_load(&subject->shared->listener_plus_one)) {
			dr_seen(ret, "a process ended before its filter was installed");
			return -1;
		}
		sched_yield();
	}
	subject->listener = stored - 1;
	if (stored > 0)
		return 0;
	dr_failed(ret, atomic_load(&subject->shared->errnum), "no filter with a listener");
	return -1;
}

static int
start(struct dr_subject *subject, struct mj_examined *ret)
{
	pid_t parent = getpid();
	memset(subject, 0, sizeof(*subject));
	subject->shared = mmap(NULL, sizeof(*subject->shared), PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (subject->shared == MAP_FAILED) {
		dr_failed(ret, errno, "cannot map a page to share");
		return -1;
	}
	subject->pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (subject->pid == 0)
		child(subject->shared, parent);
	if (subject->pid < 0) {
		dr_failed(ret, errno, "cannot create a process that shares its descriptors");
		return -1;
	}
	if (await_listener(subject, ret) < 0)
		return -1;
	/* Not RECV at once: before Linux 6.11 it does not return if the subject has ended. */
	struct pollfd pfd = { .fd = subject->listener, .events = POLLIN };
	if (poll(&pfd, 1, -1) != 1 || !(pfd.revents & POLLIN)) {
		dr_seen(ret, "a call that should have been notified was not");
		return -1;
	}
	if (ioctl(subject->listener, SECCOMP_IOCTL_NOTIF_RECV, &subject->request) == 0)
		return 0;
	dr_failed(ret, errno, "cannot receive a notification (SECCOMP_IOCTL_NOTIF_RECV)");
	return -1;
}

int
dr_subject_answer(const struct dr_subject *subject, int error, uint32_t flags)
{
	struct seccomp_notif_resp resp = { .id = subject->request.id,
		                           .error = error,
		                           .flags = flags };
	return ioctl(subject->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static void
await_end(struct dr_subject *subject)
{
	siginfo_t info = { 0 };
	while (waitid(P_PID, (id_t)subject->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	subject->ended = true;
}

void
dr_with_subject(struct mj_examined *ret, void (*probe)(struct dr_subject *, struct mj_examined *))
{
	struct dr_subject subject;
	if (start(&subject, ret) == 0)
		probe(&subject, ret);
	if (subject.pid > 0 && !subject.ended) {
		kill(subject.pid, SIGKILL);
		await_end(&subject);
	}
}

int64_t
dr_subject_result(struct dr_subject *subject)
{
	await_end(subject);
	return atomic_load(&subject->shared->done) ? subject->shared->result : INT64_MIN;
}

uint64_t
dr_subject_secret(const struct dr_subject *subject)
{
	(void)subject; /* a fork: its address is ours */
	return (uint64_t)(uintptr_t)&secret;
}
