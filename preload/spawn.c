/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the program under the filter, and gets the listener out of it.
 *
 * The listener appears in a table of descriptors that the child shares with the supervisor
 * (CLONE_FILES), and its number travels through a shared page: a store, no system call. So nothing that
 * happens between installing the filter and execve can be notified, whatever the filter notifies.
 * execve then gives the child a table of its own (kernel: begin_new_exec, unshare_files), in which O_CLOEXEC
 * (set by seccomp(2) itself) closes the listener: the jail keeps no copy, by which it could answer
 * its own notifications, or block for ever once the supervisor has gone.
 */
#include "preload/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the child did last, so that a failure can be put into words by the parent. */
enum step { STEP_START, STEP_PARENT, STEP_NOFILE, STEP_NNP, STEP_FILTER, STEP_EXEC };

struct shared {
	_Atomic int listener_plus_one;
	_Atomic int step;
	_Atomic int errnum;
	_Atomic int killable;
};

/* ---- in the child: async-signal-safe calls only --------------------------------------------- */

static void
restore_signals(const struct mj_spawn_args *args)
{
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		struct sigaction sa = { .sa_handler = SIG_DFL };
		if (sigismember(args->sigignored, sig) == 1)
			sa.sa_handler = SIG_IGN;
		sigaction(sig, &sa, NULL); /* SIGKILL, SIGSTOP and libc's own: EINVAL, as it must */
	}
	sigprocmask(SIG_SETMASK, args->sigmask, NULL);
}

static int
install(struct shared *shared, const struct mj_filter *filter)
{
	bool killable;
	int fd = mj_filter_install(filter->insns, filter->count, &killable);
	if (fd >= 0)
		atomic_store(&shared->killable, killable);
	return fd;
}

static _Noreturn void
give_up(struct shared *shared, enum step step, int errnum)
{
	atomic_store(&shared->errnum, errnum);
	atomic_store(&shared->step, (int)step);
	_exit(127);
}

/* snprintf may allocate, and another thread of the parent may have held malloc's lock. */
static void
write_pid(char *slot, pid_t pid)
{
	char digits[MJ_PID_TEXT];
	size_t n = 0;
	for (unsigned rest = (unsigned)pid; rest; rest /= 10)
		digits[n++] = (char)('0' + rest % 10);
	while (n)
		*slot++ = digits[--n];
	*slot = '\0';
}

static _Noreturn void
child(struct shared *shared, const struct mj_spawn_args *args, pid_t parent)
{
	/* Asked for before the parent is looked at, so that its death cannot fall in between. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		give_up(shared, STEP_PARENT, errno);
	if (args->have_nofile) {
		struct rlimit nofile;
		if (getrlimit(RLIMIT_NOFILE, &nofile) < 0)
			give_up(shared, STEP_NOFILE, errno);
		nofile.rlim_cur = args->nofile_soft;
		if (setrlimit(RLIMIT_NOFILE, &nofile) < 0)
			give_up(shared, STEP_NOFILE, errno);
	}
	if (args->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		give_up(shared, STEP_NNP, errno);
	restore_signals(args);
	for (size_t i = 0; i < args->npid_slots; i++)
		write_pid(args->pid_slots[i], getpid());
	int fd = install(shared, args->filter);
	if (fd < 0)
		give_up(shared, STEP_FILTER, errno);
	atomic_store(&shared->listener_plus_one, fd + 1);
	if (args->by_fd)
		syscall(SYS_execveat, args->fd, "", args->argv, args->envp, AT_EMPTY_PATH);
	else
		execve(args->path, args->argv, args->envp);
	give_up(shared, STEP_EXEC, errno);
}

/* ---- in the parent -------------------------------------------------------------------------- */

static int
explain(const struct shared *shared, struct mj_error *err)
{
	int errnum = atomic_load(&shared->errnum);
	switch ((enum step)atomic_load(&shared->step)) {
	case STEP_NOFILE:
		return mj_error_sys(err, errnum, "cannot restore the limit of open files");
	case STEP_NNP:
		return mj_error_sys(err, errnum, "cannot set no_new_privs");
	case STEP_FILTER:
		if (mj_filter_install_why(errnum))
			return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s",
			                    mj_filter_install_why(errnum));
		return mj_error_sys(err, errnum, "cannot install the seccomp filter");
	case STEP_START:
	case STEP_PARENT:
	case STEP_EXEC:
	default:
		return mj_error_set(err, MJ_ERR_SYSTEM,
		                    "the program's process ended before it started");
	}
}

/* The child is 100 us or so away from the store. Its death is noticed too: no wait without end. */
static int
await_listener(struct shared *shared, pid_t pid, int *ret_fd, struct mj_error *err)
{
	for (unsigned round = 0;; round++) {
		int fd = atomic_load(&shared->listener_plus_one) - 1;
		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		if (round % 64 == 63) {
			siginfo_t info = { 0 };
			if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == 0 && info.si_pid)
				return explain(shared, err);
		}
		if (round < 1024)
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
}

int
mj_spawn(const struct mj_spawn_args *args, struct mj_spawned *ret, struct mj_error *err)
{
	if (args->filter->count == 0 || args->filter->count > BPF_MAXINSNS)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "the filter has %zu instructions; the kernel takes up to %d",
		                    args->filter->count, BPF_MAXINSNS);
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return mj_error_sys(err, errno,
		                    "cannot map a page to share with the program's process");
	pid_t parent = getpid();
	/* Not fork(): its table of descriptors would be a copy. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		child(shared, args, parent);
	int listener = -1;
	if (pid < 0 || await_listener(shared, pid, &listener, err) < 0) {
		if (pid < 0)
			mj_error_sys(err, errno, "cannot create the program's process");
		munmap(shared, sizeof(*shared));
		return -1;
	}
	ret->pid = pid;
	ret->listener = listener;
	ret->killable = atomic_load(&shared->killable) != 0;
	ret->shared = shared;
	return 0;
}

int
mj_spawn_exec_errno(const struct mj_spawned *spawned)
{
	const struct shared *shared = spawned->shared;
	if (atomic_load(&shared->step) != STEP_EXEC)
		return 0;
	return atomic_load(&shared->errnum);
}

void
mj_spawn_finish(struct mj_spawned *spawned)
{
	if (spawned->shared)
		munmap(spawned->shared, sizeof(struct shared));
	spawned->shared = NULL;
}
