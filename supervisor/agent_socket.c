/* SPDX-License-Identifier: Apache-2.0 */
/* Where programs find the agent. */
#include "supervisor/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

_Static_assert(sizeof(((struct mj_agent_socket *)0)->path) ==
                       sizeof(((struct sockaddr_un *)0)->sun_path),
               "a path fits into both");

/* Held while an old socket is looked at and replaced. */
static int
lock_folder(const char *path, struct mj_error *err)
{
	MJ_AUTO_FREE char *copy = strdup(path);
	if (!copy)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	const char *folder = dirname(copy);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot open the folder %s of the socket", folder);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		mj_error_sys(err, errno, "cannot lock the folder %s of the socket", folder);
		mj_close(fd);
		return -1;
	}
	return fd;
}

/* Removes a socket at which nobody listens. -1: what is there stays. */
static int
remove_stale(const struct sockaddr_un *address, struct mj_error *err)
{
	struct stat st;
	const char *path = address->sun_path;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : mj_error_sys(err, errno, "cannot look at %s", path);
	if (!S_ISSOCK(st.st_mode))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "%s exists and is no socket: it is left alone; choose another "
		                    "path, or remove it",
		                    path);
	MJ_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot create a socket");
	/* ECONNREFUSED alone says that nobody listens; EPROTOTYPE, that somebody does, for something else. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno != ECONNREFUSED)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "somebody listens at %s already: end that agent first, or "
		                    "choose another path",
		                    path);
	if (unlink(path) < 0)
		return mj_error_sys(err, errno, "cannot remove the stale socket %s", path);
	return 0;
}

/* Nobody can connect before listen(2), when mode and group are what they should be. */
static int
bind_socket(int fd, const struct sockaddr_un *address, mode_t mode, gid_t group,
            struct mj_error *err)
{
	const char *path = address->sun_path;
	mode_t old = umask(0777);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int errnum = errno;
	umask(old);
	if (rc < 0)
		return mj_error_sys(err, errnum, "cannot create the socket %s", path);
	if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
		mj_error_sys(err, errno, "cannot give %s to its group", path);
	else if (chmod(path, mode) < 0)
		mj_error_sys(err, errno, "cannot set the mode of %s", path);
	else if (listen(fd, BACKLOG) < 0)
		mj_error_sys(err, errno, "cannot listen at %s", path);
	else
		return 0;
	unlink(path);
	return -1;
}

int
mj_agent_socket_open(const char *path, mode_t mode, gid_t group, struct mj_agent_socket *ret,
                     struct mj_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "the path of a socket has 1 to %zu bytes; this one has %zu",
		                    sizeof(address.sun_path) - 1, strlen(path));
	strcpy(address.sun_path, path);
	MJ_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot create a socket");
	MJ_AUTO_FD int lock = lock_folder(path, err);
	if (lock < 0 || remove_stale(&address, err) < 0 ||
	    bind_socket(fd, &address, mode, group, err) < 0)
		return -1;
	if (lstat(path, &st) < 0)
		return mj_error_sys(err, errno, "cannot look at %s", path);
	ret->fd = mj_steal_fd(&fd);
	strcpy(ret->path, path);
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->changed = st.st_ctim;
	return 0;
}

static int
socket_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

int
mj_agent_socket_inherit(struct mj_agent_socket *ret, struct mj_error *err)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	bool ours = pid && count && strtol(pid, NULL, 10) == (long)getpid();
	bool one = ours && strcmp(count, "1") == 0;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!ours)
		return 0;
	if (!one)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "the service manager must pass exactly one socket");
	if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0 ||
	    socket_option(FIRST_FD, SO_DOMAIN) != AF_UNIX ||
	    socket_option(FIRST_FD, SO_TYPE) != SOCK_SEQPACKET ||
	    socket_option(FIRST_FD, SO_ACCEPTCONN) != 1)
		return mj_error_set(err, MJ_ERR_USAGE,
		                    "what the service manager passes is no listening "
		                    "SOCK_SEQPACKET socket: use ListenSequentialPacket=, and not "
		                    "Accept=yes");
	int flags = fcntl(FIRST_FD, F_GETFL);
	if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) < 0)
		return mj_error_sys(err, errno, "cannot use the service manager's socket");
	*ret = (struct mj_agent_socket){ .fd = FIRST_FD };
	return 1;
}

void
mj_agent_socket_close(struct mj_agent_socket *socket)
{
	struct stat st;
	if (socket->fd < 0)
		return;
	if (*socket->path && lstat(socket->path, &st) == 0 && st.st_dev == socket->dev &&
	    st.st_ino == socket->ino && st.st_ctim.tv_sec == socket->changed.tv_sec &&
	    st.st_ctim.tv_nsec == socket->changed.tv_nsec)
		unlink(socket->path);
	mj_close(socket->fd);
	*socket = (struct mj_agent_socket){ .fd = -1 };
}
