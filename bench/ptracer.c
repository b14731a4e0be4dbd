/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_ptrace PROG ARGS: a ptrace tracer that at each call reads the registers and 20 frames, word
 * by word along the frame pointers: what gomodjail's pkg/tracer and pkg/unwinder do, less their Go.
 */
#include "bench.h"

#include <err.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#define FRAMES 20

static unsigned long stops, frames;

static bool
peek(pid_t tid, unsigned long addr, unsigned long *ret)
{
	errno = 0;
	*ret = (unsigned long)ptrace(PTRACE_PEEKDATA, tid, addr, NULL);
	return !errno;
}

static void
walk(pid_t tid)
{
	struct user_regs_struct regs;
	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs))
		return; /* killed meanwhile */
	unsigned long fp = regs.rbp, ret_pc;
	stops++;
	for (int i = 0; i < FRAMES && fp; i++) {
		if (!peek(tid, fp + 8, &ret_pc) || !peek(tid, fp, &fp))
			return;
		frames++;
	}
}

/* What a stop (ptrace(2), "Attaching and detaching": PTRACE_SEIZE) asks for. */
static void
handle_stop(pid_t tid, int status)
{
	enum __ptrace_request resume = PTRACE_CONT;
	int sig = WSTOPSIG(status);
	int event = status >> 16;

	if (event == PTRACE_EVENT_SECCOMP)
		walk(tid);
	else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP)
		resume = PTRACE_LISTEN; /* a group stop */
	if (ptrace(resume, tid, NULL, event ? 0 : sig) && errno != ESRCH)
		bench_die("resume");
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		errx(125, "usage: bench_ptrace PROG [ARG...]");
	struct bench_child child = bench_start(SECCOMP_RET_TRACE, 0, argv + 1);
	unsigned options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE |
	                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	int status;

	if (ptrace(PTRACE_SEIZE, child.pid, NULL, options))
		bench_die("PTRACE_SEIZE");
	bench_release(&child);
	for (;;) {
		pid_t tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno != EINTR)
			bench_die("waitpid");
		if (tid > 0 && WIFSTOPPED(status))
			handle_stop(tid, status);
		else if (tid == child.pid)
			break;
	}
	fprintf(stderr, "{\"stops\": %lu, \"frames\": %lu}\n", stops, frames);
	bench_exit_as(status);
}
