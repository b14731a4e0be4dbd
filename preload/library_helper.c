/* SPDX-License-Identifier: Apache-2.0 */
/* libmodjail_preload.so: a supervisor of the program's own (MODJAIL_POLICY). */
#include "preload/library.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER_FD 3 /* of the connection, in a helper */
#define HELPER_ENVIRONMENT_MAX 16

/* The helper is not preloaded into, and gets nothing of the program's but its language. */
static void
helper_environment(char *const *envp, char **ret)
{
	size_t n = 0;
	for (size_t i = 0; envp[i] && n + 1 < HELPER_ENVIRONMENT_MAX; i++)
		if (strncmp(envp[i], "LC_", 3) == 0 || lib_value_of(envp[i], "LANG") ||
		    lib_value_of(envp[i], "TZ"))
			ret[n++] = envp[i];
	ret[n] = NULL;
}

static bool
is_go_mod(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strcmp(slash ? slash + 1 : path, "go.mod") == 0;
}

/* In the grandchild, which nobody waits for: it becomes the helper. Standard error stays: records go there. */
static _Noreturn void
become_helper(const struct start *start, const char *bin, int fd)
{
	char option[PATH_MAX + 32], connection[32], text[MJ_WIRE_TEXT_MAX];
	char *environment[HELPER_ENVIRONMENT_MAX];
	uint8_t buf[MJ_WIRE_SMALL];
	snprintf(option, sizeof(option), "--%s=%s",
	         is_go_mod(start->settings.policy) ? "go-mod" : "policy-file",
	         start->settings.policy);
	snprintf(connection, sizeof(connection), "--once=%d", HELPER_FD);
	helper_environment(start->envp, environment);
	/* Out of the way of the numbers that are set next. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, HELPER_FD + 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(null, STDOUT_FILENO) >= 0 && dup2(fd, HELPER_FD) >= 0 && fcntl(fd, F_GETFD) >= 0) {
		char name[] = "modjail", command[] = "agent";
		char *argv[] = { name, command, connection, option, NULL };
		/* All others of the program's: CLOSE_RANGE_CLOEXEC, Linux 5.11 */
		if (syscall(SYS_close_range, HELPER_FD + 1, ~0u, 1u << 2) < 0)
			for (int other = HELPER_FD + 1; other < 1024; other++)
				fcntl(other, F_SETFD, FD_CLOEXEC);
		execve(bin, argv, environment);
	}
	snprintf(text, sizeof(text), "cannot execute %s: %s; MODJAIL_BIN can name another modjail",
	         bin, lib_words(errno));
	size_t len = mj_wire_put_refuse(buf, sizeof(buf), text);
	(void)!send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (;;)
		syscall(SYS_exit_group, 127);
}

/* fork(2) without what libc would do besides, and without a SIGCHLD at the end. */
static pid_t
plain_fork(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

void
lib_start_helper(struct start *start)
{
	const char *bin = start->settings.bin ? start->settings.bin : MJ_BIN;
	int fds[2];
	start->where = start->settings.policy;
	if (*bin != '/')
		lib_fail(start, "MODJAIL_BIN=%s is not an absolute path", bin);
	if (*start->settings.policy != '/')
		lib_fail(start, "MODJAIL_POLICY=%s is not an absolute path",
		         start->settings.policy);
	if (strlen(start->settings.policy) >= PATH_MAX)
		lib_fail(start, "MODJAIL_POLICY is longer than a path can be");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		lib_fail(start, "cannot create a socket pair: %s", lib_words(errno));
	start->fd = fds[0];
	lib_pass_credentials(start);
	pid_t pid = plain_fork();
	if (pid == 0) {
		setsid(); /* signals to the program's group are not for the helper */
		pid_t helper = plain_fork();
		if (helper == 0)
			become_helper(start, bin, fds[1]);
		for (;;)
			syscall(SYS_exit_group, helper < 0 ? 1 : 0);
	}
	close(fds[1]);
	int status = 0;
	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	if (pid < 0 || status != 0)
		lib_fail(start, "cannot create a process for the supervisor");
}
