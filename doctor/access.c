/* SPDX-License-Identifier: Apache-2.0 */
/* Access to a jailed process: what the supervisor reads of one that waits in a notification, and a program that is
 * started as modjail starts one. */
#include "doctor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/preload.h"

#define PTRACE_ACCESS                                                                              \
	"use a user that may trace its own children: Yama's ptrace_scope below 2 or "              \
	"CAP_SYS_PTRACE, and "                                                                     \
	"a profile of the container, AppArmor or SELinux that allows it"

/* ---- a waiting process ------------------------------------------------------------------------- */

static void
probe_syscall(struct dr_subject *subject, struct mj_examined *ret)
{
	char path[64], text[256];
	long nr = -1;
	uint64_t argument = 0;
	snprintf(path, sizeof(path), "/proc/%d/syscall", subject->pid);
	/* It can read "running" for a moment after the notification. */
	for (int i = 0; i < 1000 && nr < 0; i++) {
		if (dr_read_text(path, text, sizeof(text)) < 0) {
			dr_failed(ret, errno, "cannot be read");
			dr_follows(ret, "modjail cannot find the stack of a call and would refuse "
			                "all that it is "
			                "asked about");
			dr_remedy(ret,
			          errno == ENOENT
			                  ? "use a kernel with CONFIG_HAVE_ARCH_TRACEHOOK; gVisor "
			                    "has no such file"
			                  : PTRACE_ACCESS);
			return;
		}
		if (sscanf(text, "%ld %" SCNx64, &nr, &argument) != 2)
			nr = -1;
	}
	if (nr != SYS_getpgid || argument != DR_ARGUMENT) {
		dr_seen(ret, "does not tell the call that is waiting: \"%.100s\"", text);
		return;
	}
	dr_seen(ret, "tells where a waiting call is");
	ret->health = MJ_HEALTH_OK;
}

void
dr_proc_syscall(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_syscall);
}

static void
probe_mem(struct dr_subject *subject, struct mj_examined *ret)
{
	char path[64];
	uint64_t value = 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", subject->pid);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	errno = fd < 0 ? errno : 0;
	if (fd < 0 || pread(fd, &value, sizeof(value), (off_t)dr_subject_secret(subject)) !=
	                      (ssize_t)sizeof(value)) {
		dr_failed(ret, errno ? errno : EIO, "the memory of a child cannot be read");
		dr_follows(
			ret,
			"modjail cannot walk a stack and would refuse all that it is asked about");
		dr_remedy(ret, PTRACE_ACCESS);
		return;
	}
	if (value != DR_SECRET) {
		dr_seen(ret, "the memory of a child reads as something else");
		return;
	}
	dr_seen(ret, "the memory of a child can be read");
	ret->health = MJ_HEALTH_OK;
}

void
dr_proc_mem(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_mem);
}

static bool
readable(pid_t pid, const char *name, struct mj_examined *ret)
{
	char path[64], text[64], what[80];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	snprintf(what, sizeof(what), "/proc/PID/%s", name);
	ssize_t n = dr_read_text(path, text, sizeof(text));
	if (n > 0)
		return true;
	dr_failed(ret, n < 0 ? errno : ENODATA, what);
	dr_follows(ret, "modjail cannot tell which program a process runs, or where");
	dr_remedy(ret, PTRACE_ACCESS);
	return false;
}

static void
probe_files(struct dr_subject *subject, struct mj_examined *ret)
{
	struct stat own, theirs;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", subject->pid);
	if (!readable(subject->pid, "exe", ret) || !readable(subject->pid, "maps", ret) ||
	    !readable(subject->pid, "auxv", ret) || !readable(subject->pid, "status", ret) ||
	    !readable(subject->pid, "stat", ret))
		return;
	if (stat("/proc/self/exe", &own) < 0 || stat(path, &theirs) < 0 ||
	    own.st_ino != theirs.st_ino || own.st_dev != theirs.st_dev) {
		dr_seen(ret, "/proc/PID/exe of a child is another file");
		return;
	}
	dr_seen(ret, "those of a child can be read");
	ret->health = MJ_HEALTH_OK;
}

void
dr_proc_files(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_files);
}

static void
probe_vm_readv(struct dr_subject *subject, struct mj_examined *ret)
{
	uint64_t value = 0;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { (void *)(uintptr_t)dr_subject_secret(subject), sizeof(value) };
	ssize_t n = process_vm_readv(subject->pid, &local, 1, &remote, 1, 0);
	if (n == (ssize_t)sizeof(value) && value == DR_SECRET) {
		dr_seen(ret, "reads the memory of a child");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	ret->health = MJ_HEALTH_DEGRADED;
	dr_failed(ret, n < 0 ? errno : EIO, "does not read the memory of a child");
	dr_follows(ret, "memory is read through /proc/PID/mem alone");
}

void
dr_vm_readv(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_vm_readv);
}

static void
probe_pidfd_open(struct dr_subject *subject, struct mj_examined *ret)
{
	MJ_AUTO_FD int fd = (int)syscall(SYS_pidfd_open, subject->pid, 0);
	if (fd >= 0) {
		dr_seen(ret, "works");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	dr_failed(ret, errno, "no descriptor for a process");
	dr_follows(ret, "modjail run does without");
}

void
dr_pidfd_open(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_pidfd_open);
}

static void
probe_pidfd_getfd(struct dr_subject *subject, struct mj_examined *ret)
{
	MJ_AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, subject->pid, 0);
	MJ_AUTO_FD int fd =
		pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, subject->listener, 0);
	if (fd >= 0) {
		dr_seen(ret, "works");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	dr_failed(ret, errno, "no copy of a child's descriptor");
	dr_follows(ret, "modjail run does without");
}

void
dr_pidfd_getfd(struct mj_examined *ret)
{
	dr_with_subject(ret, probe_pidfd_getfd);
}

/* ---- all of it: this very program, started as `modjail run` starts one ----------------------------- */

#define MAX_CALLS 100000

/* Lets every call go on until the program has ended; how many there were, or -1 and errno. */
static long
let_go_on(const struct mj_spawned *spawned, int *ret_status)
{
	long calls = 0;
	for (;;) {
		struct pollfd pfd = { .fd = spawned->listener, .events = POLLIN };
		struct seccomp_notif req = { 0 };
		if (waitpid(spawned->pid, ret_status, WNOHANG) == spawned->pid)
			return calls;
		if (poll(&pfd, 1, 20) < 1 || !(pfd.revents & POLLIN))
			continue;
		if (calls++ == MAX_CALLS)
			return -1;
		if (ioctl(spawned->listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0) {
			if (errno == ENOENT || errno == EINTR)
				continue;
			return -1;
		}
		struct seccomp_notif_resp resp = { .id = req.id,
			                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		if (ioctl(spawned->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 &&
		    errno != ENOENT)
			return -1;
	}
}

static int
confined_filter(struct mj_filter *ret, struct mj_error *err)
{
	struct mj_grant confined = mj_grant_confined();
	struct mj_plan plan;
	if (mj_plan_make(&confined, &plan, err) < 0)
		return -1;
	int rc = mj_filter_build(&plan, ret, err);
	mj_plan_free(&plan);
	return rc;
}

static int
spawn_self(struct mj_spawned *ret, struct mj_error *err)
{
	static char name[] = "modjail", version[] = "--version";
	char *argv[] = { name, version, NULL };
	sigset_t none;
	sigemptyset(&none);
	struct mj_filter filter = { 0 };
	struct mj_spawn_args args = { .path = "/proc/self/exe",
		                      .argv = argv,
		                      .envp = environ,
		                      .filter = &filter,
		                      .sigmask = &none,
		                      .sigignored = &none,
		                      .no_new_privs = !dr_has_capability(CAP_SYS_ADMIN) };
	if (confined_filter(&filter, err) < 0)
		return -1;
	/* Its output is nobody's business. The table of descriptors is shared until it executes. */
	MJ_AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc = null < 0 || dup2(null, STDOUT_FILENO) < 0
	                 ? mj_error_sys(err, errno, "cannot open /dev/null")
	                 : mj_spawn(&args, ret, err);
	mj_filter_free(&filter);
	return rc;
}

void
dr_start(struct mj_examined *ret)
{
	struct mj_error err = { 0 };
	struct mj_spawned spawned = { 0 };
	int status = 0;
	if (spawn_self(&spawned, &err) < 0) {
		dr_seen(ret, "%.300s", err.text);
		return;
	}
	long calls = let_go_on(&spawned, &status);
	if (calls < 0) {
		kill(spawned.pid, SIGKILL);
		waitpid(spawned.pid, NULL, 0);
		dr_seen(ret, "its calls cannot be answered: %s", strerror(errno));
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		dr_seen(ret, "modjail --version ended with wait status 0x%x under one",
		        (unsigned)status);
	} else {
		dr_seen(ret, "modjail --version ran under one; %ld of its calls were asked about",
		        calls);
		ret->health = MJ_HEALTH_OK;
	}
	mj_spawn_finish(&spawned);
}
