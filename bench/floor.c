/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_floor PROG ARGS: a supervisor that answers CONTINUE at once. No notified call can cost
 * less, so modjail's own work is what it costs beyond this.
 */
#include "bench.h"

#include <err.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Linux 6.6; Debian 12 has the headers of 6.1. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

static atomic_ulong answered;

static void *
answer(void *arg)
{
	int listener = *(const int *)arg;
	for (;;) {
		/* RECV wants it zeroed: seccomp_notify_recv, kernel/seccomp.c. */
		struct seccomp_notif notif = { 0 };
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif)) {
			if (errno == ENOENT || errno == EINTR)
				continue; /* the caller died, or nobody is left: main sees that */
			bench_die("NOTIF_RECV");
		}
		struct seccomp_notif_resp resp = {
			.id = notif.id,
			.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE,
		};
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) && errno != ENOENT)
			bench_die("NOTIF_SEND");
		atomic_fetch_add_explicit(&answered, 1, memory_order_relaxed);
	}
	return NULL;
}

static int
fetch_listener(const struct bench_child *child)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (pidfd < 0)
		bench_die("pidfd_open");
	int listener = (int)syscall(SYS_pidfd_getfd, pidfd, child->listener, 0);
	if (listener < 0)
		bench_die("pidfd_getfd");
	close(pidfd);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP))
		warn("no SYNC_WAKE_UP (Linux 6.6), the floor is higher than it could be");
	return listener;
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		errx(125, "usage: bench_floor PROG [ARG...]");
	/* As modjail: without WAIT_KILLABLE_RECV, Go's preemption signals repeat notifications. */
	struct bench_child child = bench_start(SECCOMP_RET_USER_NOTIF,
	                                       SECCOMP_FILTER_FLAG_NEW_LISTENER |
	                                               SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
	                                       argv + 1);
	int listener = fetch_listener(&child);
	pthread_t thread;
	int status;

	/* A thread of its own, since before Linux 6.11 a blocking RECV outlives the program. */
	if ((errno = pthread_create(&thread, NULL, answer, &listener)))
		bench_die("pthread_create");
	bench_release(&child);
	while (waitpid(child.pid, &status, 0) < 0)
		if (errno != EINTR)
			bench_die("waitpid");
	fprintf(stderr, "{\"stops\": %lu}\n", atomic_load(&answered));
	bench_exit_as(status);
}
