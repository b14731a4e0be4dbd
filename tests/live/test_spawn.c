/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mj_spawn under a filter that notifies every system call but those that end a process: whatever the
 * stub did between the filter and its execve would show as a notification, or hang. The supervisor
 * here lets everything through, but for one call that a test may name.
 *
 * The program is mostly this one again ("--helper WHAT"): its exit status says what it saw.
 */
#include "preload/preload.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CALLS 600
#define YES 42 /* a helper's answers: no program says so by chance */
#define NO 43

extern char **environ;

/* ---- the helper ----------------------------------------------------------------------------- */

static int
answer(bool yes)
{
	return yes ? YES : NO;
}

static bool
has_signals(void)
{
	sigset_t mask;
	struct sigaction usr2, hup;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigaction(SIGUSR2, NULL, &usr2);
	sigaction(SIGHUP, NULL, &hup);
	return sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGTERM) == 0 &&
	       usr2.sa_handler == SIG_IGN && hup.sa_handler == SIG_DFL;
}

static int
helper(const char *what)
{
	struct rlimit nofile;
	if (!strcmp(what, "refused")) {
		errno = 0;
		return answer(syscall(SYS_getpriority, 0, 0) == -1 && errno == EPERM);
	}
	if (!strcmp(what, "signals"))
		return answer(has_signals());
	if (!strcmp(what, "nofile"))
		return answer(getrlimit(RLIMIT_NOFILE, &nofile) == 0 && nofile.rlim_cur == 77);
	if (!strcmp(what, "nnp"))
		return answer(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	if (!strcmp(what, "sleep")) {
		for (;;)
			pause();
	}
	return 1;
}

/* ---- the filter ----------------------------------------------------------------------------- */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

static struct sock_filter insns[] = {
	LOAD(arch),
	IF_EQUAL(AUDIT_ARCH_X86_64, 1, 0),
	RETURN(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	IF_EQUAL(SYS_exit, 4, 0),
	IF_EQUAL(SYS_exit_group, 3, 0),
	IF_EQUAL(SYS_rt_sigreturn, 2, 0),
	IF_EQUAL(SYS_restart_syscall, 1, 0),
	RETURN(SECCOMP_RET_USER_NOTIF),
	RETURN(SECCOMP_RET_ALLOW),
};
static const struct mj_filter notify_all = { insns, MJ_ARRAY_LEN(insns) };

/* ---- the supervisor ------------------------------------------------------------------------- */

struct watch {
	struct mj_spawned spawned;
	int refuse;                /* the number of the call that is refused, or -1 */
	int until;                 /* where to stop looking, or -1: at the end of the program */
	unsigned count;            /* of notifications */
	unsigned seen[MAX_CALLS];  /* by number */
	int first;                 /* number of the first */
	bool stub_saw_listener;    /* the first caller shares our descriptors */
	bool program_saw_listener; /* any later one has a listener */
	bool foreign;              /* the first call was not the child's own */
};

/* Whether a process has a descriptor of a listener; asserts that its descriptors can be read. */
static bool
has_listener(pid_t pid)
{
	char path[64], target[256];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s: %s", path, strerror(errno));
	bool found = false;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = found || strstr(target, "seccomp notify") != NULL;
	}
	closedir(dir);
	return found;
}

static void
note(struct watch *w, const struct seccomp_notif *req)
{
	ck_assert_int_ge(req->data.nr, 0);
	ck_assert_int_lt(req->data.nr, MAX_CALLS);
	bool listener = has_listener((pid_t)req->pid);
	if (w->count++ == 0) {
		w->first = req->data.nr;
		w->foreign = (pid_t)req->pid != w->spawned.pid;
		w->stub_saw_listener = listener;
	} else {
		w->program_saw_listener = w->program_saw_listener || listener;
	}
	w->seen[req->data.nr]++;
}

static void
reply(const struct watch *w, const struct seccomp_notif *req)
{
	struct seccomp_notif_resp resp = { .id = req->id };
	if (req->data.nr == w->refuse)
		resp.error = -EPERM;
	else
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (ioctl(w->spawned.listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0)
		ck_assert_int_eq(errno, ENOENT); /* the caller has been killed meanwhile */
}

/* Answers until nobody is left under the filter, or until the call is made that ends it. */
static void
supervise(struct watch *w)
{
	for (;;) {
		struct pollfd pfd = { .fd = w->spawned.listener, .events = POLLIN };
		struct seccomp_notif req = { 0 };
		ck_assert_int_eq(poll(&pfd, 1, -1), 1);
		if (!(pfd.revents & POLLIN))
			return;
		if (ioctl(w->spawned.listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0) {
			ck_assert_int_eq(errno, ENOENT);
			continue;
		}
		note(w, &req);
		reply(w, &req);
		if (req.data.nr == w->until)
			return;
	}
}

/* Starts a program; standard output goes to the pipe that is returned if want_pipe. */
static int
start(struct watch *w, struct mj_spawn_args args, bool want_pipe)
{
	struct mj_error err = { 0 };
	sigset_t none;
	int fds[2] = { -1, -1 }, saved = -1;
	sigemptyset(&none);
	args.envp = environ;
	args.filter = args.filter ? args.filter : &notify_all;
	args.sigmask = args.sigmask ? args.sigmask : &none;
	args.sigignored = args.sigignored ? args.sigignored : &none;
	args.no_new_privs = true;
	if (want_pipe) {
		ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
		saved = fcntl(1, F_DUPFD_CLOEXEC, 3);
		ck_assert_int_eq(dup2(fds[1], 1), 1);
	}
	int rc = mj_spawn(&args, &w->spawned, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	supervise(w);
	if (want_pipe) {
		dup2(saved, 1);
		close(saved);
		close(fds[1]);
	}
	return fds[0];
}

static int
end(struct watch *w)
{
	int status = -1;
	ck_assert_int_eq(waitpid(w->spawned.pid, &status, 0), w->spawned.pid);
	close(w->spawned.listener);
	return status;
}

/* Runs the helper to its end; returns its exit status. */
static int
run_helper(struct watch *w, const char *what, struct mj_spawn_args args)
{
	char *argv[] = { (char *)(uintptr_t) "test_spawn", (char *)(uintptr_t) "--helper",
		         (char *)(uintptr_t)what, NULL };
	args.path = "/proc/self/exe";
	args.argv = argv;
	start(w, args, false);
	int status = end(w);
	ck_assert_int_eq(mj_spawn_exec_errno(&w->spawned), 0);
	mj_spawn_finish(&w->spawned);
	ck_assert_msg(WIFEXITED(status), "status %#x", (unsigned)status);
	return WEXITSTATUS(status);
}

static void
check_output(int fd, const char *wanted)
{
	char got[256] = "";
	ssize_t n = read(fd, got, sizeof(got) - 1);
	ck_assert_int_ge(n, 0);
	ck_assert_str_eq(got, wanted);
	close(fd);
}

static void
check_stub(const struct watch *w)
{
	ck_assert_msg(w->first == SYS_execve, "the first call was %d", w->first);
	ck_assert(!w->foreign);
	ck_assert_msg(w->stub_saw_listener, "has_listener() sees no listener where there is one");
	ck_assert(!w->program_saw_listener);
}

static void
check_seen(const struct watch *w, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(w->seen[calls[i]] > 0, "call %d was not notified", calls[i]);
}

/* ---- programs that run ---------------------------------------------------------------------- */

START_TEST(test_echo)
{
	static const int calls[] = { SYS_execve, SYS_close, SYS_mmap, SYS_write };
	char *argv[] = { (char *)(uintptr_t) "echo", (char *)(uintptr_t) "hello", NULL };
	struct watch w = { .refuse = -1, .until = -1 };
	int out = start(&w, (struct mj_spawn_args){ .path = "/bin/echo", .argv = argv }, true);
	ck_assert_int_eq(end(&w), 0);
	check_output(out, "hello\n");
	check_stub(&w);
	check_seen(&w, calls, MJ_ARRAY_LEN(calls));
	ck_assert_uint_eq(w.seen[SYS_execve], 1);
	ck_assert_uint_eq(w.seen[SYS_exit_group], 0);
	ck_assert_int_eq(mj_spawn_exec_errno(&w.spawned), 0);
	mj_spawn_finish(&w.spawned);
}
END_TEST

START_TEST(test_shell)
{
	static const int calls[] = { SYS_execve, SYS_close, SYS_read,  SYS_write,
		                     SYS_fcntl,  SYS_dup2,  SYS_wait4, SYS_rt_sigaction };
	static const char script[] = "exec 4>&1; /bin/echo one >&4; read x < /dev/null; echo two";
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
		         (char *)(uintptr_t)script, NULL };
	struct watch w = { .refuse = -1, .until = -1 };
	int out = start(&w, (struct mj_spawn_args){ .path = "/bin/sh", .argv = argv }, true);
	ck_assert_int_eq(end(&w), 0);
	check_output(out, "one\ntwo\n");
	check_stub(&w);
	check_seen(&w, calls, MJ_ARRAY_LEN(calls));
	ck_assert_uint_eq(w.seen[SYS_execve], 2);
	mj_spawn_finish(&w.spawned);
}
END_TEST

START_TEST(test_refused)
{
	struct watch w = { .refuse = -1, .until = -1 };
	struct mj_spawn_args args = { 0 };
	ck_assert_int_eq(run_helper(&w, "refused", args), NO); /* the control */
	ck_assert_uint_eq(w.seen[SYS_getpriority], 1);
	w = (struct watch){ .refuse = SYS_getpriority, .until = -1 };
	ck_assert_int_eq(run_helper(&w, "refused", args), YES);
	ck_assert_uint_eq(w.seen[SYS_getpriority], 1);
}
END_TEST

START_TEST(test_signals)
{
	struct watch w = { .refuse = -1, .until = -1 };
	sigset_t mask, ignored, usr1;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGUSR2);
	/* Ours are others: SIGHUP ignored, SIGTERM blocked. */
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGTERM);
	sigprocmask(SIG_SETMASK, &usr1, NULL);
	struct mj_spawn_args args = { .sigmask = &mask, .sigignored = &ignored };
	ck_assert_int_eq(run_helper(&w, "signals", args), YES);
	args.sigignored = &mask;
	w = (struct watch){ .refuse = -1, .until = -1 };
	ck_assert_int_eq(run_helper(&w, "signals", args), NO); /* the control */
}
END_TEST

START_TEST(test_limits)
{
	struct watch w = { .refuse = -1, .until = -1 };
	struct mj_spawn_args args = { .have_nofile = true, .nofile_soft = 77 };
	ck_assert_int_eq(run_helper(&w, "nofile", args), YES);
	args.have_nofile = false;
	w = (struct watch){ .refuse = -1, .until = -1 };
	ck_assert_int_eq(run_helper(&w, "nofile", args), NO); /* the control */
	w = (struct watch){ .refuse = -1, .until = -1 };
	ck_assert_int_eq(run_helper(&w, "nnp", args), YES);
}
END_TEST

/* Starts a program that sleeps, as a process of its own that then ends. */
static void
abandon_sleeper(void)
{
	struct watch w = { .refuse = -1, .until = SYS_pause };
	char *argv[] = { (char *)(uintptr_t) "test_spawn", (char *)(uintptr_t) "--helper",
		         (char *)(uintptr_t) "sleep", NULL };
	start(&w, (struct mj_spawn_args){ .path = "/proc/self/exe", .argv = argv }, false);
	_exit(w.seen[SYS_pause] == 1 ? YES : NO);
}

START_TEST(test_dies_with_supervisor)
{
	int fds[2], status = -1;
	char byte;
	ck_assert_int_eq(pipe(fds), 0); /* inherited: at its end when nobody is left */
	pid_t pid = fork();
	if (pid == 0)
		abandon_sleeper();
	close(fds[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), YES);
	struct pollfd pfd = { .fd = fds[0], .events = POLLIN };
	ck_assert_msg(poll(&pfd, 1, 10000) == 1, "the program outlives its supervisor");
	ck_assert_int_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}
END_TEST

/* ---- programs that do not run --------------------------------------------------------------- */

static void
check_exec_errno(const char *path, int wanted)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	struct watch w = { .refuse = -1, .until = -1 };
	start(&w, (struct mj_spawn_args){ .path = path, .argv = argv }, false);
	int status = end(&w);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 127);
#ifndef __SANITIZE_ADDRESS__           /* whose runtime makes calls of its own at the end */
	ck_assert_uint_eq(w.count, 1); /* its execve, and nothing about the failure */
#endif
	ck_assert_int_eq(w.first, SYS_execve);
	ck_assert_int_eq(mj_spawn_exec_errno(&w.spawned), wanted);
	mj_spawn_finish(&w.spawned);
}

START_TEST(test_exec_fails)
{
	check_exec_errno("/nonexistent/program", ENOENT);
	check_exec_errno("/etc", EACCES);
	check_exec_errno("/etc/passwd", EACCES);
}
END_TEST

START_TEST(test_exec_refused)
{
	char *argv[] = { (char *)(uintptr_t) "echo", NULL };
	struct watch w = { .refuse = SYS_execve, .until = -1 };
	start(&w, (struct mj_spawn_args){ .path = "/bin/echo", .argv = argv }, false);
	end(&w);
	ck_assert_int_eq(mj_spawn_exec_errno(&w.spawned), EPERM);
	mj_spawn_finish(&w.spawned);
}
END_TEST

/* mj_spawn itself fails: says why, leaves no process and no descriptor. */
static void
check_no_spawn(const struct mj_filter *filter, enum mj_code code, const char *message)
{
	char *argv[] = { (char *)(uintptr_t) "echo", NULL };
	sigset_t none;
	sigemptyset(&none);
	struct mj_spawn_args args = { "/bin/echo", argv, environ, filter, &none,
		                      &none,       true, false,   0 };
	struct mj_spawned spawned = { .pid = -7 };
	struct mj_error err = { 0 };
	int before = dup(0);
	close(before);
	ck_assert_int_eq(mj_spawn(&args, &spawned, &err), -1);
	ck_assert_int_eq(err.code, code);
	ck_assert_msg(strstr(err.text, message) != NULL, "%s", err.text);
	ck_assert_int_eq(spawned.pid, -7);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	int after = dup(0);
	close(after);
	ck_assert_int_eq(after, before);
}

START_TEST(test_bad_filter)
{
	struct sock_filter endless[] = { LOAD(nr) };
	struct mj_filter bad = { endless, 1 };
	struct mj_filter empty = { endless, 0 };
	struct mj_filter large = { endless, BPF_MAXINSNS + 1 };
	check_no_spawn(&bad, MJ_ERR_UNSUPPORTED, "seccomp user notification");
	check_no_spawn(&empty, MJ_ERR_UNSUPPORTED, "0 instructions");
	check_no_spawn(&large, MJ_ERR_UNSUPPORTED, "4097 instructions");
}
END_TEST

START_TEST(test_second_listener)
{
	struct sock_filter allow[] = { RETURN(SECCOMP_RET_ALLOW) };
	struct sock_fprog prog = { 1, allow };
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
	                  &prog);
	ck_assert_int_ge(fd, 0);
	check_no_spawn(&notify_all, MJ_ERR_UNSUPPORTED, "another supervisor");
}
END_TEST

/* ---- the suite ------------------------------------------------------------------------------ */

int
main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--helper"))
		return helper(argv[2]);
	Suite *suite = suite_create("spawn");
	TCase *runs = tcase_create("runs");
	TCase *fails = tcase_create("fails");
	tcase_set_timeout(runs, 10); /* whatever hangs */
	tcase_set_timeout(fails, 10);
	tcase_add_test(runs, test_echo);
	tcase_add_test(runs, test_shell);
	tcase_add_test(runs, test_refused);
	tcase_add_test(runs, test_signals);
	tcase_add_test(runs, test_limits);
	tcase_add_test(runs, test_dies_with_supervisor);
	tcase_add_test(fails, test_exec_fails);
	tcase_add_test(fails, test_exec_refused);
	tcase_add_test(fails, test_bad_filter);
	tcase_add_test(fails, test_second_listener);
	suite_add_tcase(suite, runs);
	suite_add_tcase(suite, fails);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
