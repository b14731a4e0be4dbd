/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failalloc: to be preloaded. The allocation FAILALLOC_N, counted from the start of the program and over all its
 * threads, fails; with FAILALLOC_AFTER set, so do all after it. With FAILALLOC_COUNT=FILE their number is written
 * there at the end. The processes that the program executes are left alone: its variables leave the environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* glibc exports its allocator under these names for exactly this (malloc/malloc.c). */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_ulong calls;
static unsigned long fail_at;
static bool fail_after;
static int count_fd = -1; /* opened while the program may still open files */
static pid_t self;

__attribute__((constructor)) static void
begin(void)
{
	const char *n = getenv("FAILALLOC_N"), *file = getenv("FAILALLOC_COUNT");
	fail_after = getenv("FAILALLOC_AFTER") != NULL;
	if (file)
		count_fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fail_at = n ? strtoul(n, NULL, 10) : 0;
	self = getpid();
	unsetenv("LD_PRELOAD");
	unsetenv("FAILALLOC_N");
	unsetenv("FAILALLOC_AFTER");
	unsetenv("FAILALLOC_COUNT");
	atomic_store(&calls, 0);
}

__attribute__((destructor)) static void
end(void)
{
	if (count_fd < 0 || getpid() != self)
		return;
	dprintf(count_fd, "%lu\n", atomic_load(&calls));
	close(count_fd);
}

static bool
fails(void)
{
	unsigned long n = atomic_fetch_add(&calls, 1) + 1;
	if (fail_at == 0 || n < fail_at || (n > fail_at && !fail_after))
		return false;
	errno = ENOMEM;
	return true;
}

/* The rest takes libc's place, which the build's -fvisibility=hidden would prevent. */
#pragma GCC visibility push(default)

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *
reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return fails() ? NULL : __libc_realloc(old, bytes);
}

void *
memalign(size_t alignment, size_t size)
{
	return fails() ? NULL : __libc_memalign(alignment, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __libc_memalign(alignment, size);
}

int
posix_memalign(void **ret, size_t alignment, size_t size)
{
	if (fails())
		return ENOMEM;
	*ret = __libc_memalign(alignment, size);
	return *ret ? 0 : ENOMEM;
}

#pragma GCC visibility pop
