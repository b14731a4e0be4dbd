/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where modjail runs: whether it can see there what it has to see. Asked before the program starts, so that the user
 * gets one message that says what is wrong, not a refusal of each call.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In a PID namespace of its own without a /proc of its own, modjail would read of other processes than those that
 * it is told of. Seen from there, it has several numbers (NSpid in proc_pid_status(5)). */
static bool
is_proc_ours(void)
{
	struct sup_status status;
	char link[32];
	MJ_AUTO_FD int fd = sup_procfs_only(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return false;
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = '\0';
	return strtol(link, NULL, 10) == getpid() && sup_read_status(getpid(), &status) &&
	       status.tgid == getpid() && status.ns_tid == getpid();
}

int
sup_check_place(struct mj_error *err)
{
	void *frame[1];
	if (access("/proc/self/status", R_OK) < 0)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "/proc cannot be read (%s): modjail needs it to see the "
		                    "program; mount it (mount -t proc proc /proc)",
		                    strerror(errno));
	if (!is_proc_ours())
		return mj_error_set(
			err, MJ_ERR_UNSUPPORTED,
			"/proc belongs to another PID namespace than modjail, or is no proc file "
			"system: mount one of its own (unshare --mount-proc, mount -t proc proc "
			"/proc)");
	/* pthread_cancel needs libgcc_s, which glibc loads when it is first wanted, and aborts if it cannot.
	 * backtrace(3) loads it the same way, and only returns 0 then (debug/backtrace.c in 2.36). */
	if (backtrace(frame, 1) < 1)
		return mj_error_set(err, MJ_ERR_SYSTEM,
		                    "libgcc_s.so.1 cannot be loaded: it is missing, or memory or "
		                    "descriptors have run out");
	return 0;
}

static int
yama_scope(void)
{
	char text[16];
	MJ_AUTO_FD int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return (int)strtol(text, NULL, 10);
}

static bool
may_open(pid_t pid, const char *name)
{
	char path[64], byte;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* mem is asked for its permission when it is opened, syscall when it is read. */
	bool refused = fd < 0 || (strcmp(name, "syscall") == 0 && pread(fd, &byte, 1, 0) < 0);
	return !refused || (errno != EACCES && errno != EPERM);
}

int
sup_check_child(pid_t pid, struct mj_error *err)
{
	if (may_open(pid, "mem") && may_open(pid, "syscall"))
		return 0;
	int scope = yama_scope();
	if (scope >= 2)
		return mj_error_set(
			err, MJ_ERR_UNSUPPORTED,
			"modjail may not look at its own child, so that it could only "
			"refuse everything: kernel.yama.ptrace_scope is %d; set it to 1 "
			"or 0, or run modjail with CAP_SYS_PTRACE",
			scope);
	return mj_error_set(err, MJ_ERR_UNSUPPORTED,
	                    "modjail may not look at its own child, so that it could only refuse "
	                    "everything: ptrace access is denied here (by a security module, a "
	                    "seccomp filter, a masked /proc, or because modjail's own file is not "
	                    "readable)");
}
