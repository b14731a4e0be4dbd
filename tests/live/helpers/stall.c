/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall: a program that lets whoever reads its memory wait.
 *
 *   stall probe               whether this machine has userfaultfd(2) for what the kernel reads, and FUSE
 *   stall own FILE            its own page, of which it keeps the userfaultfd, then executes FILE
 *   stall shared FILE         likewise, but a child keeps the userfaultfd too
 *   stall user FILE           likewise, with a userfaultfd that does not answer for what the kernel reads
 *   stall fuse DIR FILE       a page of DIR/file of `stall serve`
 *   stall serve DIR           in the foreground: a FUSE file system that never answers a read
 *
 * The page is the one that AT_RANDOM (getauxval(3)) points to, by which modjail tells one execution of a process from
 * the next. It looks there before it allows an execve.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define PAGE 4096ul

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "stall: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *
target(void)
{
	return (void *)(getauxval(AT_RANDOM) & ~(PAGE - 1));
}

/* Strings on that page (the path, the arguments) are read before it goes. */
static char *
copy(const char *text)
{
	char *mine = strdup(text);
	if (!mine)
		die("memory");
	return mine;
}

static int
open_uffd(int flags)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | flags);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
		die("userfaultfd");
	return fd;
}

static void
hide_page(int fd)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)target(), .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	if (ioctl(fd, UFFDIO_REGISTER, &reg) < 0)
		die("UFFDIO_REGISTER");
	if (madvise(target(), PAGE, MADV_DONTNEED) < 0)
		die("madvise");
}

/* modjail looks at the page before it answers. Without it, the program is not there: ENOENT. */
static _Noreturn void
execute(const char *path)
{
	char name[] = "program", *argv[] = { name, NULL }, *envp[] = { NULL }, text[64];
	execve(path, argv, envp);
	int n = snprintf(text, sizeof(text), "execve: %s\n", strerror(errno));
	(void)!write(1, text, (size_t)n);
	_exit(0);
}

static void
stall_with_uffd(const char *how, const char *path)
{
	int fd = open_uffd(strcmp(how, "user") == 0 ? UFFD_USER_MODE_ONLY : 0);
	if (strcmp(how, "shared") == 0 && fork() == 0) {
		alarm(60);
		pause();
		_exit(0);
	}
	hide_page(fd);
	execute(path);
}

static void
stall_with_fuse(const char *dir, const char *path)
{
	char file[512];
	snprintf(file, sizeof(file), "%s/file", dir);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(file);
	if (mmap(target(), PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		die("mmap");
	execute(path);
}

/* ---- the file system ------------------------------------------------------------------------ */

static void
answer(int fd, const struct fuse_in_header *in, int error, const void *body, size_t len)
{
	char buf[sizeof(struct fuse_out_header) + 512];
	struct fuse_out_header out = { .len = (uint32_t)(sizeof(out) + len),
		                       .error = error,
		                       .unique = in->unique };
	memcpy(buf, &out, sizeof(out));
	memcpy(buf + sizeof(out), body, len);
	(void)!write(fd, buf, sizeof(out) + len);
}

static struct fuse_attr
attributes(uint64_t node)
{
	struct fuse_attr attr = { .ino = node, .nlink = 1, .blksize = PAGE };
	attr.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0444;
	attr.size = node == FUSE_ROOT_ID ? 0 : PAGE;
	return attr;
}

static void
serve_one(int fd, const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
		                      .minor = FUSE_KERNEL_MINOR_VERSION,
		                      .max_write = PAGE };
	struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = attributes(2) };
	struct fuse_open_out opened = { 0 };
	switch (in->opcode) {
	case FUSE_INIT:
		answer(fd, in, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		answer(fd, in, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		answer(fd, in, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		answer(fd, in, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		answer(fd, in, -ENOSYS, "", 0);
		break;
	}
}

static void
serve(const char *dir)
{
	static char buf[65536];
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
	         fd);
	if (mount("stall", dir, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		die("mount");
	puts("ready");
	fflush(stdout);
	for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0 || errno == EINTR;)
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve_one(fd, (const struct fuse_in_header *)(void *)buf);
}

static void
probe(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	printf("userfaultfd %s\n", fd >= 0 ? "yes" : strerror(errno));
	printf("fuse %s\n", access("/dev/fuse", R_OK | W_OK) == 0 ? "yes" : strerror(errno));
}

struct orders {
	char *how, *first, *second;
};

/* On a stack of its own: the page may hold part of the first thread's. */
static void *
stall(void *arg)
{
	const struct orders *orders = arg;
	if (orders->second)
		stall_with_fuse(orders->first, orders->second);
	stall_with_uffd(orders->how, orders->first);
	return NULL;
}

static void
in_a_thread(int argc, char **argv)
{
	static struct orders orders;
	pthread_t thread;
	orders.how = copy(argv[1]);
	orders.first = copy(argv[2]);
	orders.second = argc == 4 ? copy(argv[3]) : NULL;
	if (pthread_create(&thread, NULL, stall, &orders) != 0)
		die("pthread_create");
	pthread_join(thread, NULL);
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	if (strcmp(how, "probe") == 0)
		probe();
	else if (strcmp(how, "serve") == 0 && argc == 3)
		serve(argv[2]);
	else if (argc == 3 || (strcmp(how, "fuse") == 0 && argc == 4))
		in_a_thread(argc, argv);
	else
		return 2;
	return 0;
}
