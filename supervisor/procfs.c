/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a jailed process. The files' contents are partly the process's to choose
 * (its name, its mappings), so every field is found by position from a safe end, and bounded. */
#include "supervisor/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Reads the beginning of /proc/pid/name into a string; its length, or -1. */
static ssize_t
slurp(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
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
	}
	return false;
}

struct mapping {
	uint64_t start, end;
	bool exec;
	unsigned dev_major, dev_minor;
	uint64_t ino;
};

static bool
parse_mapping(const char *line, struct mapping *ret)
{
	char perms[5];
	unsigned long long start, end, offset, ino;
	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu", &start, &end, perms, &offset,
	           &ret->dev_major, &ret->dev_minor, &ino) != 7)
		return false;
	ret->start = start;
	ret->end = end;
	ret->ino = ino;
	ret->exec = perms[2] == 'x';
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
	struct mapping loader = { 0 };
	size_t n = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (const char *line = text; line && *line; line = strchr(line, '\n')) {
			struct mapping map;
			line += *line == '\n';
			if (!*line)
				break;
			if (!parse_mapping(line, &map))
				return -1;
			if (pass == 0 && at_base && map.start == at_base)
				loader = map;
			if (pass == 0 || !map.exec)
				continue;
			if (n == max)
				return -1;
			bool is_loader = loader.ino && map.ino == loader.ino &&
			                 map.dev_major == loader.dev_major &&
			                 map.dev_minor == loader.dev_minor;
			ret[n++] = (struct mj_range){ map.start, map.end, is_loader };
		}
	}
	return (ssize_t)n;
}
