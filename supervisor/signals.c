/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals reach the program exactly once.
 *
 * Program and supervisor share a process group, so that job control, pipelines and terminals work
 * as without modjail. What the terminal sends (SI_KERNEL) goes to the whole group: the program has it
 * already. What a process sends goes to the supervisor alone (kill PID: passed on) or to the group
 * (kill -PGID: the program has it already), and the two look alike. The sentinel tells them apart: a
 * process in the same group that blocks everything and takes nothing. If the signal is pending
 * there too, it was sent to the group.
 *
 * kill(2) holds tasklist_lock for reading while it goes through a group (kernel/signal.c,
 * kill_something_info), and setpgid(2) takes it for writing (kernel/sys.c). So once a setpgid that changes nothing
 * has returned, a kill of the group whose signal was already seen here has reached the sentinel too.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_WORDS_SECONDS 2

/* In the sentinel: closes all descriptors but two. Where there is no close_range those stay that are higher than both. */
static void
close_others(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	for (int other = 0; other < high; other++)
		if (other != low)
			close(other);
	syscall(SYS_close_range, (unsigned)high + 1, ~0u, 0);
}

/* The supervisor is gone without having stopped the sentinel: killed, or by a fault of its own. Nobody else is left to
 * say so. If whatever the record goes to takes nothing, SIGALRM ends the wait. */
static void
say_last_words(const struct mj_run_args *args)
{
	sigset_t alarms;
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigtimedwait(&alarms, NULL, &(struct timespec){ 0 }); /* one for the process group */
	alarm(LAST_WORDS_SECONDS);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	args->reporter.notice(args->reporter.ctx, MJ_NOTICE_ERROR,
	                      args->policy ? "modjail itself has been killed, or crashed: the "
	                                     "program is killed with it, and "
	                                     "supervised system calls of what it leaves behind "
	                                     "fail from now on (ENOSYS)"
	                                   : "modjail itself has been killed, or crashed: the "
	                                     "program is killed with it");
}

/* In the sentinel: takes the signals that it is told to take, until the supervisor is gone. The signal of its parent's death
 * only continues it, should it be stopped. */
static _Noreturn void
sentinel_main(int fd, const struct mj_run_args *args)
{
	uint8_t sig;
	bool speaks = args->report_fd > 0 && args->reporter.notice;
	prctl(PR_SET_PDEATHSIG, SIGCONT);
	prctl(PR_SET_NAME, "modjail-signals");
	sup_drop_all_capabilities();
	close_others(fd, speaks ? args->report_fd : fd);
	while (read(fd, &sig, 1) == 1) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, sig);
		sigtimedwait(&set, NULL, &(struct timespec){ 0 });
		if (write(fd, &sig, 1) != 1)
			break;
	}
	if (speaks)
		say_last_words(args);
	_exit(0);
}

int
sup_sentinel_start(const struct mj_run_args *args, struct sup_sentinel *ret, struct mj_error *err)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return mj_error_sys(err, errno, "cannot create a socket pair");
	/* From its first moment on nobody of the same user may trace it: it is not in the jail. The program's own process
	 * is not made like that, for then it could not be read. */
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	pid_t pid = fork(); /* all signals are blocked, and stay so in the child */
	if (pid == 0)
		sentinel_main(fds[1], args);
	if (dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	mj_close(fds[1]);
	if (pid < 0) {
		mj_close(fds[0]);
		return mj_error_sys(err, errno,
		                    "cannot create the process that watches for signals");
	}
	ret->pid = pid;
	ret->fd = fds[0];
	return 0;
}

void
sup_sentinel_stop(struct sup_sentinel *sentinel)
{
	if (sentinel->pid <= 0)
		return;
	kill(sentinel->pid, SIGKILL);
	waitpid(sentinel->pid, NULL, 0);
	mj_close(sentinel->fd);
	sentinel->pid = 0;
	sentinel->fd = -1;
}

static bool
pending_at(pid_t pid, int sig)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *at = strstr(text, "\nShdPnd:\t");
	return at && (strtoull(at + 9, NULL, 16) >> (sig - 1)) & 1;
}

/* Whether the signal went to the whole process group; takes it from the sentinel if so. */
static bool
sent_to_group(struct sup_sentinel *sentinel, int sig)
{
	uint8_t byte = (uint8_t)sig;
	if (sentinel->pid <= 0)
		return false;
	(void)setpgid(0, getpgrp());
	if (!pending_at(sentinel->pid, sig))
		return false;
	if (write(sentinel->fd, &byte, 1) != 1 || read(sentinel->fd, &byte, 1) != 1)
		return false;
	return true;
}

void
sup_signal_forward(struct sup_sentinel *sentinel, pid_t program,
                   const struct signalfd_siginfo *info)
{
	int sig = (int)info->ssi_signo;
	/* Ours by our own doing (SIGPIPE of a record that nobody reads), or the terminal's. */
	if (info->ssi_code > 0 || (pid_t)info->ssi_pid == getpid()) {
		(void)sent_to_group(sentinel, sig);
		return;
	}
	if (sent_to_group(sentinel, sig))
		return;
	if (info->ssi_code != SI_QUEUE) {
		kill(program, sig);
		return;
	}
	siginfo_t queued;
	memset(&queued, 0, sizeof(queued));
	queued.si_signo = sig;
	queued.si_code = SI_QUEUE;
	queued.si_pid = (pid_t)info->ssi_pid;
	queued.si_uid = info->ssi_uid;
	queued.si_value.sival_ptr = (void *)(uintptr_t)info->ssi_ptr;
	syscall(SYS_rt_sigqueueinfo, program, sig, &queued);
}

void
sup_stop_self(int sig)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL }, old;
	sigset_t set;
	if (sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
		sig = SIGSTOP;
	if (sig == SIGSTOP) {
		kill(getpid(), SIGSTOP);
		return;
	}
	/* The very signal, so that whoever waits for modjail sees the same status. */
	sigaction(sig, &dfl, &old);
	sigemptyset(&set);
	sigaddset(&set, sig);
	kill(getpid(), sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(sig, &old, NULL);
}
