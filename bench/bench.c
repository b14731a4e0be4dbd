/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define BENCH_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define BENCH_ARCH AUDIT_ARCH_AARCH64
#else
#error "bench: which AUDIT_ARCH_* is this machine?"
#endif

#define EXIT_MODJAIL_FAILED 125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127

void
bench_die(const char *what)
{
	err(EXIT_MODJAIL_FAILED, "%s", what);
}

static int
install_filter(uint32_t action, unsigned flags)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BENCH_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BENCH_NR, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
		.len = sizeof(insns) / sizeof(insns[0]),
		.filter = insns,
	};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		bench_die("no_new_privs");
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (fd < 0)
		bench_die("seccomp");
	return fd;
}

static _Noreturn void
run_child(uint32_t action, unsigned flags, int sock, char *const *argv)
{
	char go;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		bench_die("PR_SET_PDEATHSIG");
	int fd = install_filter(action, flags);
	if (write(sock, &fd, sizeof(fd)) != sizeof(fd) || read(sock, &go, 1) != 1)
		_exit(EXIT_MODJAIL_FAILED);
	/* The listener is O_CLOEXEC (seccomp(2)), so the program does not get it. */
	execvp(argv[0], argv);
	err(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE, "%s", argv[0]);
}

struct bench_child
bench_start(uint32_t action, unsigned flags, char *const *argv)
{
	int pair[2];
	struct bench_child child;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		bench_die("socketpair");
	child.pid = fork();
	if (child.pid < 0)
		bench_die("fork");
	if (!child.pid) {
		close(pair[0]);
		run_child(action, flags, pair[1], argv);
	}
	close(pair[1]);
	child.sock = pair[0];
	if (read(child.sock, &child.listener, sizeof(int)) != sizeof(int))
		errx(EXIT_MODJAIL_FAILED, "the child did not get as far as its filter");
	return child;
}

void
bench_release(struct bench_child *child)
{
	if (send(child->sock, "", 1, MSG_NOSIGNAL) != 1)
		bench_die("release");
	close(child->sock);
	child->sock = -1;
}

void
bench_exit_as(int status)
{
	if (WIFSIGNALED(status)) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_CORE, &none);
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_MODJAIL_FAILED);
}
