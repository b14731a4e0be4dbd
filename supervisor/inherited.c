/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that are meant for the program: sockets of a service manager, pipes of whoever started modjail. */
#include "supervisor/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whatever modjail opens itself is closed by an execve. */
static bool
is_inherited(int fd)
{
	int flags = fcntl(fd, F_GETFD);
	return fd > STDERR_FILENO && flags >= 0 && !(flags & FD_CLOEXEC);
}

int
sup_inherited_find(struct sup_inherited *ret)
{
	DIR *dir = opendir("/proc/self/fd");
	int rc = 0;
	for (struct dirent *entry; dir && rc == 0 && (entry = readdir(dir));) {
		int fd = atoi(entry->d_name);
		if (!is_inherited(fd))
			continue;
		int *more = realloc(ret->fds, (ret->count + 1) * sizeof(*more));
		if (!more) {
			rc = -1;
			continue;
		}
		ret->fds = more;
		ret->fds[ret->count++] = fd;
	}
	if (dir)
		closedir(dir);
	return rc;
}

void
sup_inherited_close(struct sup_inherited *inherited)
{
	for (size_t i = 0; i < inherited->count; i++)
		close(inherited->fds[i]);
	sup_inherited_finish(inherited);
}

void
sup_inherited_finish(struct sup_inherited *inherited)
{
	free(inherited->fds);
	*inherited = (struct sup_inherited){ 0 };
}
