/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigcount wait              blocks all signals, says "ready", then prints each that it gets, as "SIGNAL CODE VALUE", until
 *                            one has the value 9999
 * sigcount send PID SIG VALUE [COUNT]
 *                            queues signal SIG with VALUE, VALUE+1, ...: COUNT of them
 * sigcount end PID           sends what ends `sigcount wait`
 * sigcount ids               prints SIGRTMIN and SIGRTMAX
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST 9999

static int
wait_for_signals(void)
{
	sigset_t all;
	siginfo_t info;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	printf("ready %d\n", getpid());
	fflush(stdout);
	alarm(60);
	for (;;) {
		if (sigwaitinfo(&all, &info) < 0)
			continue;
		bool queued = info.si_code == SI_QUEUE;
		if (queued && info.si_value.sival_int == LAST)
			return 0;
		if (info.si_signo == SIGALRM && info.si_code == SI_KERNEL)
			return 99;
		printf("%d %s %d\n", info.si_signo,
		       queued                    ? "queue"
		       : info.si_code == SI_USER ? "user"
		                                 : "other",
		       queued ? info.si_value.sival_int : 0);
		fflush(stdout);
	}
}

static int
send(pid_t pid, int sig, int value, int count)
{
	for (int i = 0; i < count; i++)
		if (sigqueue(pid, sig, (union sigval){ .sival_int = value + i }) < 0) {
			fprintf(stderr, "sigcount: signal %d: %s\n", sig, strerror(errno));
			return 1;
		}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "wait") == 0)
		return wait_for_signals();
	if (strcmp(what, "ids") == 0)
		return printf("%d %d\n", SIGRTMIN, SIGRTMAX) < 0;
	if (strcmp(what, "end") == 0 && argc == 3)
		return send(atoi(argv[2]), SIGRTMAX, LAST, 1);
	if (strcmp(what, "send") == 0 && argc >= 5)
		return send(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]),
		            argc > 5 ? atoi(argv[5]) : 1);
	return 2;
}
