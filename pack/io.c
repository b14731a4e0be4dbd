/* SPDX-License-Identifier: Apache-2.0 */
#include "pack/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK (256u * 1024)

int
pack_read(int fd, const char *name, void *buf, size_t len, uint64_t offset, struct mj_error *err)
{
	uint8_t *at = buf;
	if (offset > INT64_MAX - (uint64_t)len)
		return mj_error_set(err, MJ_ERR_FORMAT, "%s is cut off or damaged", name);
	while (len > 0) {
		ssize_t n = pread(fd, at, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mj_error_sys(err, errno, "cannot read %s", name);
		if (n == 0)
			return mj_error_set(err, MJ_ERR_FORMAT, "%s is cut off or damaged", name);
		at += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int
pack_put(int out, const void *buf, size_t len, struct mj_error *err)
{
	const uint8_t *at = buf;
	while (len > 0) {
		ssize_t n = write(out, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mj_error_sys(err, errno, "cannot write the packed file");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
pack_pass(int fd, const char *name, uint64_t offset, uint64_t len, struct sha256_ctx *hash, int out,
          struct mj_error *err)
{
	MJ_AUTO_FREE uint8_t *block = malloc(BLOCK);
	if (!block)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	while (len > 0) {
		size_t n = len < BLOCK ? (size_t)len : BLOCK;
		if (pack_read(fd, name, block, n, offset, err) < 0)
			return -1;
		sha256_update(hash, n, block);
		if (out >= 0 && pack_put(out, block, n, err) < 0)
			return -1;
		offset += n;
		len -= n;
	}
	return 0;
}
