/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's own jail: each probe runs in a process of its own, first unconfined, where it must not fail
 * as the filter would make it fail, then confined. */
#include "supervisor/internal.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC)
#define NOT_CONFINED 99
#define NEVER_AN_ERRNO 98

/* What a probe's process is told. */
struct world {
	pid_t program, bystander; /* both stopped; killed after the probe */
	char folder[64];
	char file[80];
};

typedef int probe_fn(const struct world *world); /* 0 or an errno */

static int
outcome(long result)
{
	return result == -1 ? errno : 0;
}

/* ---- running -------------------------------------------------------------------------------- */

static pid_t
start_sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void
stop_sleeper(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static _Noreturn void
probe_main(const struct world *world, probe_fn *probe, const struct sup_confinement *how)
{
	if (how && sup_confine(how, NULL) < 0)
		_exit(NOT_CONFINED);
	_exit(probe(world));
}

static void
make_world(struct world *world)
{
	snprintf(world->folder, sizeof(world->folder), "/tmp/modjail-unit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world->folder));
	snprintf(world->file, sizeof(world->file), "%s/file", world->folder);
	int fd = open(world->file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	world->program = start_sleeper();
	world->bystander = start_sleeper();
}

static void
end_world(struct world *world)
{
	char other[96];
	stop_sleeper(world->program);
	stop_sleeper(world->bystander);
	snprintf(other, sizeof(other), "%s/new", world->folder);
	unlink(other);
	unlink(world->file);
	rmdir(world->folder);
}

/* The wait status of a probe. how: what of the confinement, but for the program; NULL: unconfined. */
static int
run(probe_fn *probe, const struct sup_confinement *how)
{
	struct world world;
	struct sup_confinement confinement = { 0 };
	int status;
	make_world(&world);
	if (how)
		confinement = *how;
	confinement.program = world.program;
	pid_t pid = fork();
	if (pid == 0)
		probe_main(&world, probe, how ? &confinement : NULL);
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	end_world(&world);
	return status;
}

static const struct sup_confinement plain = { 0 };
static const struct sup_confinement with_log = { .reopens_log = true };
static const struct sup_confinement with_files = { .writes_files = true };

static int
errno_of(probe_fn *probe, const struct sup_confinement *how)
{
	int status = run(probe, how);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	ck_assert_int_ne(WEXITSTATUS(status), NOT_CONFINED);
	return WEXITSTATUS(status);
}

/* ---- what fails ----------------------------------------------------------------------------- */

#define PROBE(name, call)                                                                          \
	static int name(const struct world *world)                                                 \
	{                                                                                          \
		(void)world;                                                                       \
		return outcome((long)(call));                                                      \
	}

PROBE(open_to_write, open(world->file, O_WRONLY | O_CLOEXEC))
PROBE(open_to_read_and_write, open(world->file, O_RDWR | O_CLOEXEC))
PROBE(open_to_truncate, open(world->file, O_RDONLY | O_TRUNC | O_CLOEXEC))
PROBE(open_to_append, open(world->file, LOG_FLAGS, 0600))
PROBE(open_old_way, syscall(SYS_open, world->file, O_WRONLY | O_CLOEXEC))
PROBE(open_nameless, open(world->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600))
PROBE(make_file, syscall(SYS_creat, world->file, 0600))
PROBE(remove_file, unlink(world->file))
PROBE(change_mode, chmod(world->file, 0644))
PROBE(make_code, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
PROBE(signal_bystander, kill(world->bystander, SIGCONT))
PROBE(signal_own_group, kill(-getpgrp(), SIGCONT))
PROBE(queue_bystander,
      syscall(SYS_rt_sigqueueinfo, world->bystander, SIGCONT, &(siginfo_t){ .si_code = SI_QUEUE }))
PROBE(signal_thread, syscall(SYS_tgkill, world->bystander, world->bystander, SIGCONT))
#ifndef __SANITIZE_ADDRESS__
PROBE(make_process, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL))
PROBE(become_dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
#endif
PROBE(limit_program,
      syscall(SYS_prlimit64, world->program, RLIMIT_NOFILE, NULL, &(struct rlimit){ 0 }))
PROBE(type_into_terminal, ioctl(-1, TIOCSTI, "x") == -1 && errno == EBADF ? 0 : -1)
PROBE(take_descriptor, syscall(SYS_pidfd_getfd, -1, 0, 0) == -1 && errno == EBADF ? 0 : -1)
PROBE(make_pair, syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }))
PROBE(send_on_socket, sendto(-1, "", 1, 0, NULL, 0) == -1 && errno == EBADF ? 0 : -1)
PROBE(receive_descriptors, recvmsg(-1, &(struct msghdr){ 0 }, 0) == -1 && errno == EBADF ? 0 : -1)
PROBE(accept_connection, accept(-1, NULL, NULL) == -1 && errno == EBADF ? 0 : -1)
PROBE(make_memory_file, syscall(SYS_memfd_create, "x", 0))

static int
make_memory_code(const struct world *world)
{
	(void)world;
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NEVER_AN_ERRNO;
	return outcome(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static const struct {
	const char *name;
	probe_fn *probe;
} refused[] = {
	{ "open to write", open_to_write },
	{ "open to read and write", open_to_read_and_write },
	{ "open with O_TRUNC", open_to_truncate },
	{ "open with O_APPEND", open_to_append },
	{ "open(2)", open_old_way },
	{ "open with O_TMPFILE", open_nameless },
	{ "creat", make_file },
	{ "unlink", remove_file },
	{ "chmod", change_mode },
	{ "mmap with PROT_EXEC", make_code },
	{ "mprotect with PROT_EXEC", make_memory_code },
	{ "kill of a bystander, other than SIGKILL", signal_bystander },
	{ "kill of a process group", signal_own_group },
	{ "rt_sigqueueinfo to a bystander", queue_bystander },
	{ "tgkill of a bystander", signal_thread },
	{ "prlimit of another process", limit_program },
	{ "ioctl(TIOCSTI)", type_into_terminal },
	{ "pidfd_getfd", take_descriptor },
	{ "socketpair", make_pair },
	{ "sendto", send_on_socket },
	{ "recvmsg", receive_descriptors },
	{ "accept", accept_connection },
	{ "memfd_create", make_memory_file },
#ifndef __SANITIZE_ADDRESS__ /* the leak checker does both */
	{ "clone of a process", make_process },
	{ "prctl(PR_SET_DUMPABLE, 1)", become_dumpable },
#endif
};

START_TEST(test_refused)
{
	ck_assert_msg(errno_of(refused[_i].probe, NULL) == 0, "%s: fails unconfined already",
	              refused[_i].name);
	int got = errno_of(refused[_i].probe, &plain);
	ck_assert_msg(got == EPERM, "%s: %s", refused[_i].name, strerror(got));
}
END_TEST

/* ---- what ends the process ------------------------------------------------------------------ */

PROBE(execute, syscall(SYS_execve, "/nonexistent", NULL, NULL))
PROBE(execute_at, syscall(SYS_execveat, -1, "nonexistent", NULL, NULL, 0))
PROBE(open_socket, socket(AF_UNIX, SOCK_STREAM, -1))
PROBE(connect_socket, connect(-1, NULL, 0))
PROBE(write_memory, syscall(SYS_process_vm_writev, world->program, NULL, 0, NULL, 0, -1))
PROBE(unshare_namespaces, syscall(SYS_unshare, ~0ul))
PROBE(enter_namespace, syscall(SYS_setns, -1, 0))
PROBE(make_ring, syscall(SYS_io_uring_setup, 0, NULL))
PROBE(load_bpf, syscall(SYS_bpf, -1, NULL, 0))
#ifndef __SANITIZE_ADDRESS__
PROBE(trace, syscall(SYS_ptrace, 9999, world->program, NULL, NULL))
#endif

static int
call_i386(const struct world *world)
{
	(void)world;
	long result;
	/* getpid of the 32-bit table; where the kernel has none, a fault. */
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
	return 0;
}

static const struct {
	const char *name;
	probe_fn *probe;
} deadly[] = {
	{ "execve", execute },
	{ "execveat", execute_at },
	{ "socket", open_socket },
	{ "connect", connect_socket },
	{ "process_vm_writev", write_memory },
	{ "unshare", unshare_namespaces },
	{ "setns", enter_namespace },
	{ "io_uring_setup", make_ring },
	{ "bpf", load_bpf },
#ifndef __SANITIZE_ADDRESS__
	{ "ptrace", trace },
#endif
};

START_TEST(test_deadly)
{
	int status = run(deadly[_i].probe, NULL);
	ck_assert_msg(WIFEXITED(status), "%s: ends the process unconfined", deadly[_i].name);
	status = run(deadly[_i].probe, &plain);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x",
	              deadly[_i].name, (unsigned)status);
}
END_TEST

START_TEST(test_foreign_architecture)
{
	if (WIFSIGNALED(run(call_i386, NULL)))
		return; /* a kernel without 32-bit programs kills it anyway */
	int status = run(call_i386, &plain);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

/* ---- what goes on working ------------------------------------------------------------------- */

PROBE(open_to_read, open(world->file, O_RDONLY | O_CLOEXEC))
PROBE(signal_program, kill(world->program, SIGCONT))
PROBE(kill_bystander, kill(world->bystander, SIGKILL))
PROBE(signal_self, kill(getpid(), SIGCONT))
PROBE(no_core, setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 }))

/* For the kernel to read another process's memory is all that a walk asks for. */
static int
read_program(const struct world *world)
{
	char path[64], byte;
	snprintf(path, sizeof(path), "/proc/%d/mem", world->program);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : outcome(pread(fd, &byte, 1, (off_t)(uintptr_t)world) - 1 ? -1 : 0);
}

static void *
wait_forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int
cancel_thread(const struct world *world)
{
	pthread_t thread;
	void *result = NULL;
	(void)world;
	int rc = pthread_create(&thread, NULL, wait_forever, NULL);
	if (rc != 0)
		return rc;
	if (pthread_cancel(thread) != 0 || pthread_join(thread, &result) != 0)
		return NEVER_AN_ERRNO;
	return result == PTHREAD_CANCELED ? 0 : NEVER_AN_ERRNO;
}

static const struct {
	const char *name;
	probe_fn *probe;
} working[] = {
	{ "open to read", open_to_read },
	{ "any signal to the program", signal_program },
	{ "SIGKILL", kill_bystander },
	{ "a signal to itself", signal_self },
	{ "setrlimit", no_core },
	{ "/proc/PID/mem", read_program },
	{ "pthread_cancel", cancel_thread },
};

START_TEST(test_working)
{
	ck_assert_int_eq(sup_check_place(NULL),
	                 0); /* loads what pthread_cancel needs, as mj_run does */
	int got = errno_of(working[_i].probe, &plain);
	ck_assert_msg(got == 0, "%s: %s", working[_i].name, strerror(got));
}
END_TEST

START_TEST(test_log)
{
	ck_assert_int_eq(errno_of(open_to_append, &with_log), 0);
	ck_assert_int_eq(errno_of(open_to_write, &with_log), EPERM);
	ck_assert_int_eq(errno_of(open_to_truncate, &with_log), EPERM);
	ck_assert_int_eq(errno_of(remove_file, &with_log), EPERM);
}
END_TEST

static int
write_new_file(const struct world *world)
{
	char temporary[96], path[96];
	snprintf(temporary, sizeof(temporary), "%s/new", world->folder);
	snprintf(path, sizeof(path), "%s", world->file);
	MJ_AUTO_FD int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fsync(fd) < 0 || fchmod(fd, 0644) < 0)
		return errno;
	return outcome(rename(temporary, path));
}

START_TEST(test_files)
{
	ck_assert_int_eq(errno_of(write_new_file, &with_files), 0);
	ck_assert_int_eq(errno_of(write_new_file, &plain), EPERM);
	ck_assert_int_eq(errno_of(open_to_write, &with_files), EPERM);
}
END_TEST

/* ---- what it is then ------------------------------------------------------------------------ */

static bool
says(const char *text, const char *line)
{
	return strstr(text, line) != NULL;
}

static int
look_at_status(const struct world *world)
{
	(void)world;
	MJ_AUTO_FREE char *text = NULL;
	size_t len;
	if (mj_read_file("/proc/self/status", 1 << 16, &text, &len, NULL) < 0)
		return NEVER_AN_ERRNO;
	return (says(text, "\nSeccomp:\t2\n") ? 1 : 0) |
	       (says(text, "\nNoNewPrivs:\t1\n") ? 2 : 0) |
	       (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 4 : 0);
}

START_TEST(test_status)
{
	ck_assert_int_eq(errno_of(look_at_status, &plain), 7);
	ck_assert_int_eq(errno_of(look_at_status, NULL) & 5, 0);
}
END_TEST

static uint64_t
capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &header, data) < 0)
		return UINT64_MAX;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static uint64_t
effective_in(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, 16) : UINT64_MAX;
}

/* As a confined process cannot ask with capget: from its status. */
static int
look_at_capabilities(const struct world *world)
{
	(void)world;
	MJ_AUTO_FREE char *text = NULL;
	size_t len;
	if (mj_read_file("/proc/self/status", 1 << 16, &text, &len, NULL) < 0)
		return NEVER_AN_ERRNO;
	uint64_t most = 1ull << CAP_SYS_PTRACE | 1ull << CAP_KILL | 1ull << CAP_DAC_READ_SEARCH;
	uint64_t permitted = effective_in(text, "\nCapPrm:\t");
	uint64_t effective = effective_in(text, "\nCapEff:\t");
	return ((permitted | effective) & ~most) == 0 && permitted >> CAP_SYS_PTRACE & 1 ? 0 : 1;
}

START_TEST(test_capabilities)
{
	/* Without this one all others stay, and unprivileged there is none. */
	if (!(capabilities() >> CAP_SYS_PTRACE & 1))
		return;
	ck_assert_int_eq(errno_of(look_at_capabilities, NULL), 1);
	ck_assert_int_eq(errno_of(look_at_capabilities, &plain), 0);
}
END_TEST

/* ---- failing -------------------------------------------------------------------------------- */

/* Under a filter that lets no other one in. */
static int
confine_in_vain(const struct world *world)
{
	const struct sup_confinement confinement = { .program = world->program };
	struct mj_error err = { 0 };
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SYS_seccomp, 0) < 0 ||
	    seccomp_load(ctx) < 0)
		return NEVER_AN_ERRNO;
	seccomp_release(ctx);
	if (sup_confine(&confinement, &err) == 0)
		return 0;
	return strstr(err.text, "seccomp filter of modjail itself") ? err.sys_errno
	                                                            : NEVER_AN_ERRNO;
}

START_TEST(test_failure)
{
	ck_assert_int_eq(errno_of(confine_in_vain, NULL), EACCES);
}
END_TEST

/* ---- /proc ---------------------------------------------------------------------------------- */

START_TEST(test_procfs_only)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sup_procfs_only(fd), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	errno = 0;
	ck_assert_int_eq(sup_procfs_only(fd), -1);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	errno = ENOENT;
	ck_assert_int_eq(sup_procfs_only(-1), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(sup_check_place(NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("confine");
	TCase *tcase = tcase_create("confine");
	tcase_add_loop_test(tcase, test_refused, 0, MJ_ARRAY_LEN(refused));
	tcase_add_loop_test(tcase, test_deadly, 0, MJ_ARRAY_LEN(deadly));
	tcase_add_loop_test(tcase, test_working, 0, MJ_ARRAY_LEN(working));
	tcase_add_test(tcase, test_foreign_architecture);
	tcase_add_test(tcase, test_log);
	tcase_add_test(tcase, test_files);
	tcase_add_test(tcase, test_status);
	tcase_add_test(tcase, test_capabilities);
	tcase_add_test(tcase, test_failure);
	tcase_add_test(tcase, test_procfs_only);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
