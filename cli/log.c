/* SPDX-License-Identifier: Apache-2.0 */
/* --log-file: appended to, one write(2) a record, and opened anew when it was rotated away. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int
open_log(const char *path, int flags)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0600);
}

int
cli_log_open(const char *path, struct mj_error *err)
{
	int fd = open_log(path, 0);
	return fd < 0 ? mj_error_sys(err, errno, "cannot open %s", path) : fd;
}

void
cli_log_follow(int fd, const char *path)
{
	struct stat ours, theirs;
	/* Pipes, terminals and alike are not rotated. */
	if (!path || fstat(fd, &ours) < 0 || !S_ISREG(ours.st_mode))
		return;
	/* Whoever may write into its folder could lead a log of root's anywhere by a link: so none is followed
	 * that is there in place of the file. At the start it was modjail's user who gave the path. */
	if (lstat(path, &theirs) == 0) {
		if ((theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) ||
		    !S_ISREG(theirs.st_mode))
			return;
	} else if (errno != ENOENT) {
		return;
	}
	/* Better into the old file than nowhere. */
	MJ_AUTO_FD int fresh = open_log(path, O_NOFOLLOW);
	if (fresh >= 0)
		dup3(fresh, fd, O_CLOEXEC);
}
