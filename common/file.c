/* SPDX-License-Identifier: Apache-2.0 */
#include "common/common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void
mj_close(int fd)
{
	if (fd < 0)
		return;
	int saved = errno;
	close(fd);
	errno = saved;
}

void
mj_cleanup_fd(int *fd)
{
	mj_close(*fd);
}

void
mj_cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

int
mj_steal_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

int
mj_read_fd(int fd, const char *name, size_t max, char **ret, size_t *ret_len, struct mj_error *err)
{
	size_t cap = 16384;
	size_t len = 0;
	MJ_AUTO_FREE char *buf = malloc(cap + 1);
	if (!buf)
		return mj_error_set(err, MJ_ERR_MEMORY, "%s: out of memory", name);
	for (;;) {
		ssize_t n = read(fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mj_error_sys(err, errno, "cannot read %s", name);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return mj_error_set(err, MJ_ERR_USAGE,
			                    "%s is larger than %zu bytes; is it the right file?",
			                    name, max);
		if (len == cap) {
			cap *= 2;
			char *bigger = realloc(buf, cap + 1);
			if (!bigger)
				return mj_error_set(err, MJ_ERR_MEMORY, "%s: out of memory", name);
			buf = bigger;
		}
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	buf = NULL;
	return 0;
}

int
mj_read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct mj_error *err)
{
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return mj_error_sys(err, errno, "cannot open %s", path);
	return mj_read_fd(fd, path, max, ret, ret_len, err);
}
