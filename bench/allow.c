/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_allow PROG ARGS: executes PROG under the smallest of all filters, one instruction that allows everything. What
 * modjail's filter costs the calls that it allows by itself is measured against this.
 */
#include "bench.h"

#include <err.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };

	if (argc < 2)
		errx(125, "usage: bench_allow PROG [ARG...]");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		bench_die("no_new_privs");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		bench_die("seccomp");
	execvp(argv[1], argv + 1);
	err(126, "%s", argv[1]);
}
