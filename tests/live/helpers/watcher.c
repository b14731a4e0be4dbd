/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher SECONDS: what a monitor does, as often as it can: reads how much memory the newest processes have. While it reads,
 * the memory of a process that executes another program lives on.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NEWEST 4
#define ROUNDS 4 /* between two looks for newer ones */

/* The last field of /proc/loadavg (proc_loadavg(5)). */
static long
newest(void)
{
	long pid = 0;
	FILE *file = fopen("/proc/loadavg", "re");
	if (!file || fscanf(file, "%*s %*s %*s %*s %ld", &pid) != 1)
		exit(1);
	fclose(file);
	return pid;
}

static void
look_at(long pid)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	alarm((unsigned)strtoul(argv[1], NULL, 10));
	for (;;) {
		long last = newest();
		for (int round = 0; round < ROUNDS; round++)
			for (long pid = last - NEWEST; pid <= last + NEWEST; pid++)
				look_at(pid);
	}
}
