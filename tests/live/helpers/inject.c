/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject: runs a program and makes one of its system calls go wrong, or kills it there.
 *
 *   inject [-s NAME[,NAME...]] [-p PATH-PART] [-n N] [-a] [-e ERRNO | -k] [-o FILE] -- PROGRAM ARG...
 *   inject -y SCOPE -- PROGRAM ARG...
 *
 *   -s, -p   count only these calls, or only those whose path (openat's) contains PATH-PART
 *   -n N     the Nth of them, over all threads; 0, the default: only count
 *   -a       and all that come after it
 *   -e       the call is not made and fails with ERRNO, a number
 *   -k       the program is killed (SIGKILL) as it enters the call
 *   -y       as if Yama's ptrace_scope were SCOPE (security/yama/yama_lsm.c, yama_ptrace_access_check, for a process without
 *            CAP_SYS_PTRACE): opening /proc/PID/mem, reading /proc/PID/syscall and process_vm_readv fail for other
 *            processes than, 1, itself and its descendants; 2, itself
 *   -o FILE  at the end, write "CALLS INJECTED NAME": how many there were, how many went wrong, the last of those
 *
 * Ends as the program ends; if a signal killed that, with 128 and the signal.
 *
 * Only the program's own threads are traced, not the processes that it makes: those that die with SIGCHLD are reported
 * as PTRACE_EVENT_FORK, which is not asked for (kernel/fork.c, kernel_clone). So a supervisor can be made to
 * fail without its jailed program being touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* <linux/ptrace.h> cannot be included next to <sys/ptrace.h> everywhere. */
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define MAX_WANTED 32
#define MAX_THREADS 256

static const struct name {
	const char *name;
	long nr;
} names[] = {
	{ "brk", SYS_brk },
	{ "clone", SYS_clone },
	{ "clone3", SYS_clone3 },
	{ "dup", SYS_dup },
	{ "dup2", SYS_dup2 },
	{ "dup3", SYS_dup3 },
	{ "fcntl", SYS_fcntl },
	{ "ioctl", SYS_ioctl },
	{ "kill", SYS_kill },
	{ "memfd_create", SYS_memfd_create },
	{ "mmap", SYS_mmap },
	{ "mprotect", SYS_mprotect },
	{ "mremap", SYS_mremap },
	{ "newfstatat", SYS_newfstatat },
	{ "openat", SYS_openat },
	{ "poll", SYS_poll },
	{ "pread64", SYS_pread64 },
	{ "prctl", SYS_prctl },
	{ "prlimit64", SYS_prlimit64 },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "read", SYS_read },
	{ "readlink", SYS_readlink },
	{ "rt_sigaction", SYS_rt_sigaction },
	{ "rt_sigprocmask", SYS_rt_sigprocmask },
	{ "signalfd4", SYS_signalfd4 },
	{ "socketpair", SYS_socketpair },
	{ "waitid", SYS_waitid },
	{ "write", SYS_write },
};

struct options {
	long wanted[MAX_WANTED];
	size_t nwanted;
	const char *path_part;
	unsigned long at;
	bool after, kill;
	int errnum;
	int yama; /* 0: as it is */
	const char *output;
	char **argv;
};

struct thread {
	pid_t tid; /* 0: not used */
	bool in_call, fail;
	int errnum; /* it fails with */
};

struct trace {
	const struct options *options;
	pid_t pid;
	struct thread threads[MAX_THREADS];
	unsigned long calls, injected;
	long last;
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(99);
}

static _Noreturn void
usage(void)
{
	fputs("usage: inject [-s NAME,...] [-p PATH-PART] [-n N] [-a] [-e ERRNO | -k] [-y SCOPE] "
	      "[-o FILE] -- PROGRAM ARG...\n",
	      stderr);
	exit(99);
}

static void
add_wanted(struct options *options, char *list)
{
	for (char *word; (word = strsep(&list, ","));) {
		size_t i = 0;
		while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i].name, word) != 0)
			i++;
		if (i == sizeof(names) / sizeof(names[0]) || options->nwanted == MAX_WANTED) {
			fprintf(stderr, "inject: unknown system call %s\n", word);
			exit(99);
		}
		options->wanted[options->nwanted++] = names[i].nr;
	}
}

static struct options
parse(int argc, char **argv)
{
	struct options options = { .errnum = EPERM };
	for (int c; (c = getopt(argc, argv, "+s:p:n:ae:ky:o:")) >= 0;) {
		switch (c) {
		case 's':
			add_wanted(&options, optarg);
			break;
		case 'p':
			options.path_part = optarg;
			break;
		case 'n':
			options.at = strtoul(optarg, NULL, 10);
			break;
		case 'a':
			options.after = true;
			break;
		case 'e':
			options.errnum = atoi(optarg);
			break;
		case 'k':
			options.kill = true;
			break;
		case 'y':
			options.yama = atoi(optarg);
			break;
		case 'o':
			options.output = optarg;
			break;
		default:
			usage();
		}
	}
	options.argv = argv + optind;
	if (!options.argv[0])
		usage();
	return options;
}

/* ---- one call ------------------------------------------------------------------------------- */

static struct thread *
thread_of(struct trace *trace, pid_t tid)
{
	struct thread *unused = NULL;
	for (size_t i = 0; i < MAX_THREADS; i++) {
		if (trace->threads[i].tid == tid)
			return &trace->threads[i];
		if (!unused && trace->threads[i].tid == 0)
			unused = &trace->threads[i];
	}
	if (!unused) {
		fputs("inject: too many threads\n", stderr);
		exit(99);
	}
	*unused = (struct thread){ .tid = tid };
	return unused;
}

static void
read_path(pid_t tid, uint64_t at, char *ret, size_t size)
{
	memset(ret, 0, size);
	struct iovec local = { ret, size - 1 }, remote = { (void *)at, size - 1 };
	ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);
	if (n < 0) /* it may lie near the end of a page */
		for (n = 0; n < (ssize_t)size - 1; n++) {
			local = (struct iovec){ ret + n, 1 };
			remote = (struct iovec){ (char *)at + n, 1 };
			if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != 1 || !ret[n])
				break;
		}
}

static bool
path_matches(const struct trace *trace, pid_t tid, uint64_t at)
{
	char path[256];
	read_path(tid, at, path, sizeof(path));
	return strstr(path, trace->options->path_part) != NULL;
}

static bool
is_wanted(const struct trace *trace, pid_t tid, const struct user_regs_struct *regs)
{
	const struct options *options = trace->options;
	bool wanted = options->nwanted == 0;
	for (size_t i = 0; i < options->nwanted; i++)
		wanted |= options->wanted[i] == (long)regs->orig_rax;
	if (!options->path_part || !wanted)
		return wanted;
	return regs->orig_rax == SYS_openat && path_matches(trace, tid, regs->rsi);
}

/* ---- Yama ----------------------------------------------------------------------------------- */

static pid_t
status_number(pid_t pid, const char *key)
{
	char path[64], line[256];
	pid_t number = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			number = atoi(line + strlen(key));
	if (file)
		fclose(file);
	return number;
}

/* pid may be the number of a thread. */
static bool
yama_denies(const struct trace *trace, pid_t pid)
{
	pid_t at = status_number(pid, "Tgid:");
	if (at == trace->pid || at <= 0) /* what does not exist fails by itself */
		return false;
	if (trace->options->yama > 1)
		return true;
	while (at > 1 && at != trace->pid)
		at = status_number(at, "PPid:");
	return at != trace->pid;
}

/* The process of "/proc/PID/NAME", or 0. */
static pid_t
pid_of_path(const char *path, const char *name)
{
	int pid = 0, end = 0;
	if (sscanf(path, "/proc/%d/%n", &pid, &end) != 1 || end == 0)
		return 0;
	const char *last = strrchr(path, '/');
	return strcmp(last + 1, name) == 0 ? pid : 0;
}

/* What the call fails with by Yama's word, or 0. */
static int
yama_errno(const struct trace *trace, pid_t tid, const struct user_regs_struct *regs)
{
	char link[64], path[256] = "";
	pid_t pid = 0;
	int errnum = EPERM;
	switch ((long)regs->orig_rax) {
	case SYS_openat:
		read_path(tid, regs->rsi, path, sizeof(path));
		pid = pid_of_path(path, "mem");
		errnum = EACCES; /* kernel/fork.c, mm_access */
		break;
	case SYS_read:
	case SYS_pread64:
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", tid, (int)regs->rdi);
		if (readlink(link, path, sizeof(path) - 1) > 0)
			pid = pid_of_path(path, "syscall");
		break;
	case SYS_process_vm_readv:
		pid = (pid_t)regs->rdi;
		break;
	default:
		break;
	}
	return pid && yama_denies(trace, pid) ? errnum : 0;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void
fail_call(struct thread *thread, struct user_regs_struct *regs, int errnum)
{
	regs->orig_rax = (unsigned long long)-1;
	thread->errnum = errnum;
	thread->fail = ptrace(PTRACE_SETREGS, thread->tid, NULL, regs) == 0;
}

static void
on_entry(struct trace *trace, struct thread *thread)
{
	const struct options *options = trace->options;
	struct user_regs_struct regs;
	if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &regs) < 0)
		return;
	if (options->yama) {
		int errnum = yama_errno(trace, thread->tid, &regs);
		if (errnum)
			fail_call(thread, &regs, errnum);
		return;
	}
	if (!is_wanted(trace, thread->tid, &regs))
		return;
	trace->calls++;
	if (options->at == 0 || trace->calls < options->at ||
	    (trace->calls > options->at && !options->after))
		return;
	trace->injected++;
	trace->last = (long)regs.orig_rax;
	if (options->kill) {
		kill(trace->pid, SIGKILL);
		return;
	}
	fail_call(thread, &regs, options->errnum);
}

static void
on_exit_of_call(struct thread *thread)
{
	struct user_regs_struct regs;
	if (!thread->fail || ptrace(PTRACE_GETREGS, thread->tid, NULL, &regs) < 0)
		return;
	regs.rax = (unsigned long long)-thread->errnum;
	ptrace(PTRACE_SETREGS, thread->tid, NULL, &regs);
	thread->fail = false;
}

/* ---- the tracer ----------------------------------------------------------------------------- */

static void
start(struct trace *trace)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
	                     PTRACE_O_EXITKILL;
	int status;
	trace->pid = fork();
	if (trace->pid == 0) {
		raise(SIGSTOP);
		execv(trace->options->argv[0], trace->options->argv);
		die(trace->options->argv[0]);
	}
	if (trace->pid < 0 || waitpid(trace->pid, &status, WUNTRACED) < 0)
		die("cannot start");
	if (ptrace(PTRACE_SEIZE, trace->pid, NULL, options) < 0)
		die("cannot trace");
	kill(trace->pid, SIGCONT);
}

/* What a stop was for, and the signal to go on with. */
static int
on_stop(struct trace *trace, pid_t tid, int status)
{
	struct thread *thread = thread_of(trace, tid);
	int sig = WSTOPSIG(status), event = status >> 16;
	if (sig == (SIGTRAP | 0x80)) {
		if (thread->in_call)
			on_exit_of_call(thread);
		else
			on_entry(trace, thread);
		thread->in_call = !thread->in_call;
		return 0;
	}
	if (event ==
	    PTRACE_EVENT_EXEC) /* counts start with the program: execve's own exit follows */
		trace->calls = 0, thread->in_call = true;
	return event ? 0 : sig;
}

static int
follow(struct trace *trace)
{
	int status, result = 99;
	for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
		if (WIFSTOPPED(status)) {
			int sig = on_stop(trace, tid, status);
			bool listen = status >> 16 == PTRACE_EVENT_STOP &&
			              WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGCONT;
			ptrace(listen ? PTRACE_LISTEN : PTRACE_SYSCALL, tid, NULL,
			       (void *)(intptr_t)sig);
			continue;
		}
		if (tid == trace->pid)
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		else
			thread_of(trace, tid)->tid = 0;
		if (tid == trace->pid)
			break;
	}
	return result;
}

static const char *
name_of(long nr)
{
	static char number[32];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].nr == nr)
			return names[i].name;
	snprintf(number, sizeof(number), "%ld", nr);
	return number;
}

int
main(int argc, char **argv)
{
	struct options options = parse(argc, argv);
	static struct trace trace;
	trace.options = &options;
	start(&trace);
	int result = follow(&trace);
	if (options.output) {
		FILE *out = fopen(options.output, "we");
		if (!out)
			die(options.output);
		fprintf(out, "%lu %lu %s\n", trace.calls, trace.injected,
		        trace.injected ? name_of(trace.last) : "-");
		fclose(out);
	}
	return result;
}
