/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a jailed process. The files' contents are partly the process's to choose
 * (its name, its mappings), so every field is found by position from a safe end, and bounded. */
#include "supervisor/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

int
sup_procfs_only(int fd)
{
	struct statfs fs;
	if (fd < 0)
		return -1;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)
		return fd;
	mj_close(fd);
	errno = EBADMSG;
	return -1;
}

/* Reads the beginning of /proc/pid/name into a string; its length, or -1. */
static ssize_t
slurp(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	MJ_AUTO_FD int fd = sup_procfs_only(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (fd < 0)
		return -1;
	size_t len = 0;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

static bool
status_field(const char *text, const char *key, long *ret)
{
	const char *at = strstr(text, key);
	if (!at)
		return false;
	*ret = strtol(at + strlen(key), NULL, 10);
	return true;
}

/* The last of several numbers of a line, that of the innermost namespace; 0 if there is none. */
static long
last_number(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	if (!at)
		return 0;
	at++;
	const char *tab = memrchr(at, '\t', strcspn(at, "\n"));
	return tab ? strtol(tab + 1, NULL, 10) : 0;
}

bool
sup_read_status(pid_t tid, struct sup_status *ret)
{
	char text[4096];
	long tgid, ppid;
	/* "\nTgid:" cannot stand in the Name line: the kernel escapes newlines there
	 * (fs/proc/array.c, proc_task_name). */
	errno = 0;
	if (slurp(tid, "status", text, sizeof(text)) <= 0 ||
	    !status_field(text, "\nTgid:\t", &tgid) || !status_field(text, "\nPPid:\t", &ppid) ||
	    tgid <= 0)
		return false;
	ret->tgid = (pid_t)tgid;
	ret->ppid = (pid_t)ppid;
	ret->ns_tid = (pid_t)last_number(text, "\nNSpid:\t");
	return true;
}

/* Four numbers: real, effective, saved, of the file system (proc_pid_status(5)). */
static bool
read_four(const char *text, const char *key, uint32_t *ret)
{
	const char *at = strstr(text, key);
	return at &&
	       sscanf(at + strlen(key), "%u %u %u %u", &ret[0], &ret[1], &ret[2], &ret[3]) == 4;
}

bool
sup_read_ids(pid_t tid, struct sup_ids *ret)
{
	char text[4096];
	return slurp(tid, "status", text, sizeof(text)) > 0 &&
	       read_four(text, "\nUid:\t", ret->uid) && read_four(text, "\nGid:\t", ret->gid);
}

bool
sup_may_trace_all(void)
{
	static const char key[] = "\nCapEff:\t";
	char text[4096];
	if (slurp(getpid(), "status", text, sizeof(text)) <= 0)
		return false;
	const char *at = strstr(text, key);
	return at && strtoull(at + sizeof(key) - 1, NULL, 16) >> CAP_SYS_PTRACE & 1;
}

bool
sup_read_start_time(pid_t pid, uint64_t *ret)
{
	char text[2048];
	if (slurp(pid, "stat", text, sizeof(text)) <= 0)
		return false;
	/* The name may hold anything, ')' included; the last ')' ends it (proc_pid_stat(5)). */
	char *at = strrchr(text, ')');
	if (!at)
		return false;
	at++;
	for (int field = 3; field <= 22; field++) {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
	}
	*ret = strtoull(at, NULL, 10);
	return true;
}

bool
sup_is_randomised(pid_t pid)
{
	char text[32], byte;
	if (slurp(pid, "personality", text, sizeof(text)) <= 0 ||
	    strtoul(text, NULL, 16) & ADDR_NO_RANDOMIZE)
		return false;
	MJ_AUTO_FD int fd =
		sup_procfs_only(open("/proc/sys/kernel/randomize_va_space", O_RDONLY | O_CLOEXEC));
	return fd >= 0 && read(fd, &byte, 1) == 1 && byte >= '1' && byte <= '9';
}

bool
sup_read_auxv(pid_t pid, struct sup_auxv *ret)
{
	char bytes[1024];
	ssize_t len = slurp(pid, "auxv", bytes, sizeof(bytes));
	if (len < 16)
		return false;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i + 16 <= (size_t)len; i += 16) {
		uint64_t pair[2];
		memcpy(pair, bytes + i, sizeof(pair));
		if (pair[0] == AT_NULL)
			return ret->phdr != 0;
		if (pair[0] == AT_PHDR)
			ret->phdr = pair[1];
		else if (pair[0] == AT_BASE)
			ret->base = pair[1];
		else if (pair[0] == AT_RANDOM)
			ret->random = pair[1];
		else if (pair[0] == AT_SYSINFO_EHDR)
			ret->vdso = pair[1];
		else if (pair[0] == AT_EXECFN)
			ret->execfn = pair[1];
		else if (pair[0] == AT_ENTRY)
			ret->entry = pair[1];
	}
	return false;
}

static bool
parse_mapping(const char *line, struct mj_mapping *ret, int *ret_path)
{
	char perms[5];
	unsigned dev_major, dev_minor;
	unsigned long long start, end, offset, ino;
	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, perms, &offset,
	           &dev_major, &dev_minor, &ino, ret_path) != 7)
		return false;
	*ret = (struct mj_mapping){ .start = start,
		                    .end = end,
		                    .offset = offset,
		                    .dev = (uint64_t)dev_major << 32 | dev_minor,
		                    .ino = ino,
		                    .exec = perms[2] == 'x',
		                    .path = "" };
	return true;
}

ssize_t
sup_read_ranges(pid_t pid, uint64_t at_base, struct mj_range *ret, size_t max)
{
	enum { SIZE = 256 * 1024 };
	MJ_AUTO_FREE char *text = malloc(SIZE);
	if (!text)
		return -1;
	ssize_t len = slurp(pid, "maps", text, SIZE);
	if (len <= 0 || len == SIZE - 1)
		return -1;
	struct mj_mapping loader = { 0 };
	int path;
	size_t n = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (const char *line = text; line && *line; line = strchr(line, '\n')) {
			struct mj_mapping map;
			line += *line == '\n';
			if (!*line)
				break;
			if (!parse_mapping(line, &map, &path))
				return -1;
			if (pass == 0 && at_base && map.start == at_base)
				loader = map;
			if (pass == 0 || !map.exec)
				continue;
			if (n == max)
				return -1;
			bool is_loader =
				loader.ino && map.ino == loader.ino && map.dev == loader.dev;
			ret[n++] = (struct mj_range){ map.start, map.end, is_loader };
		}
	}
	return (ssize_t)n;
}

size_t
sup_read_mappings(pid_t pid, struct mj_mapping **ret, char **ret_text)
{
	enum { SIZE = 1024 * 1024, MAX = 8192 };
	MJ_AUTO_FREE char *text = malloc(SIZE);
	MJ_AUTO_FREE struct mj_mapping *maps = calloc(MAX, sizeof(*maps));
	size_t n = 0;
	if (!text || !maps || slurp(pid, "maps", text, SIZE) <= 0)
		return 0;
	char *rest = text, *line;
	while (n < MAX && (line = strsep(&rest, "\n")) && *line) {
		int path = 0;
		if (!parse_mapping(line, &maps[n], &path))
			break;
		/* The kernel escapes newlines in it (fs/proc/task_mmu.c, get_vma_name). Without a
		 * name the format's %n may not have been reached. */
		if (path)
			maps[n].path = line + path;
		n++;
	}
	*ret = maps;
	*ret_text = text;
	maps = NULL;
	text = NULL;
	return n;
}
