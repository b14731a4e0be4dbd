/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jailed processes: what each of them executes, and what it may do at most.
 *
 * A process is met when it is first notified. Since execve is always notified, a process that is
 * met for the first time has not executed anything itself: it is a fork of one that is known, and
 * has that one's ceiling. Its parent is looked up by /proc; where that does not lead to a process
 * that is known (the parent has ended), the ceiling is the smallest under which its executable file was
 * ever executed here.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ANCESTORS 64
#define SWEEP_MIN 128

static void
forget_memory(struct sup_process *process)
{
	mj_close(process->mem_fd);
	process->mem_fd = -1;
	mj_runtime_destroy(process->runtime);
	process->runtime = NULL;
}

static void
drop_process(struct supervisor *sup, struct sup_process *process)
{
	HASH_DEL(sup->processes, process);
	forget_memory(process);
	free(process);
}

void
sup_processes_free(struct supervisor *sup)
{
	struct sup_process *process, *next;
	HASH_ITER (hh, sup->processes, process, next)
		drop_process(sup, process);
}

/* ---- memory --------------------------------------------------------------------------------- */

ssize_t
sup_process_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct sup_process *process = ctx;
	if (addr > INT64_MAX)
		return -1;
	return pread(process->mem_fd, buf, len, (off_t)addr);
}

ssize_t
sup_process_ranges(void *ctx, struct mj_range *ret, size_t max)
{
	const struct sup_process *process = ctx;
	return sup_read_ranges(process->tgid, process->at_base, ret, max);
}

static int
open_memory(pid_t tgid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", tgid);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* ---- what a process executes ---------------------------------------------------------------- */

static void
set_unknown(struct sup_process *process, const char *why)
{
	forget_memory(process);
	process->kind = SUP_UNKNOWN;
	process->unreadable = why;
}

static void
load_runtime(struct supervisor *sup, struct sup_process *process, const struct sup_auxv *auxv)
{
	uint64_t bias;
	struct mj_error err;
	if (mj_image_kind(process->image->image) != MJ_IMAGE_GO) {
		set_unknown(process, mj_image_why(process->image->image));
		return;
	}
	process->mem_fd = open_memory(process->tgid);
	if (process->mem_fd < 0) {
		set_unknown(process, errno == EMFILE || errno == ENFILE
		                             ? "modjail has no file descriptors left"
		                             : "modjail may not read its memory");
		return;
	}
	if (!mj_image_bias(process->image->image, auxv->phdr, &bias) ||
	    mj_runtime_create(process->image->image, bias, sup->args->ancestors, &process->runtime,
	                      &err) < 0) {
		set_unknown(process, "its load address could not be found out");
		return;
	}
	process->kind = SUP_WALKED;
}

/* Reads anew what the process executes. */
static void
load(struct supervisor *sup, struct sup_process *process)
{
	struct sup_auxv auxv;
	const char *why = NULL;
	forget_memory(process);
	process->image = sup_image_of(sup, process->tgid, &why);
	if (!process->image || !sup_read_auxv(process->tgid, &auxv)) {
		set_unknown(process, why ? why : "its auxiliary vector could not be read");
		return;
	}
	process->at_phdr = auxv.phdr;
	process->at_base = auxv.base;
	process->at_random = auxv.random;
	process->unreadable = NULL;
	process->kind = SUP_CEILING;
	if (process->image->walked)
		load_runtime(sup, process, &auxv);
}

/* ---- lineage -------------------------------------------------------------------------------- */

static struct sup_process *
find(struct supervisor *sup, pid_t tgid)
{
	struct sup_process *process;
	HASH_FIND(hh, sup->processes, &tgid, sizeof(tgid), process);
	return process;
}

static struct sup_process *
find_alive(struct supervisor *sup, pid_t tgid)
{
	uint64_t start;
	struct sup_process *process = find(sup, tgid);
	return process && sup_read_start_time(tgid, &start) && start == process->start_time
	               ? process
	               : NULL;
}

/* The nearest known ancestor of a process, through parents that are still alive. */
static struct sup_process *
known_ancestor(struct supervisor *sup, pid_t pid)
{
	struct sup_status status;
	for (int i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
		if (!sup_read_status(pid, &status) || status.ppid <= 1 || status.ppid == getpid())
			return NULL;
		struct sup_process *parent = find_alive(sup, status.ppid);
		if (parent)
			return parent;
		pid = status.ppid;
	}
	return NULL;
}

static void
inherit(struct supervisor *sup, struct sup_process *process)
{
	/* An ancestor that executed something after it forked has at most what it had then. */
	const struct sup_process *parent =
		sup->lineage_exact ? known_ancestor(sup, process->tgid) : NULL;
	if (parent) {
		process->ceiling = parent->ceiling;
		if (parent->exec_pending)
			process->ceiling =
				mj_grant_intersect(parent->ceiling, parent->pending_ceiling);
	} else if (process->image) {
		process->ceiling = process->image->floor;
	}
}

static struct sup_process *
add(struct supervisor *sup, pid_t tgid, uint64_t start_time)
{
	struct sup_process *process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->tgid = tgid;
	process->start_time = start_time;
	process->mem_fd = -1;
	process->forked = true;
	HASH_ADD(hh, sup->processes, tgid, sizeof(process->tgid), process);
	if (!mj_hash_added(process)) {
		free(process);
		return NULL;
	}
	if (sup->stats)
		sup->stats->processes++;
	if (tgid == sup->child) {
		/* Everything, for what the policy refuses is refused by the walk. */
		process->ceiling.caps = MJ_CAPS_ALL;
		process->kind = SUP_STUB;
		process->exec_pending = true;
		process->pending_ceiling = process->ceiling;
		process->mem_fd = open_memory(tgid);
		return process;
	}
	load(sup, process);
	inherit(sup, process);
	return process;
}

/* ---- execution ------------------------------------------------------------------------------ */

void
sup_process_exec(struct supervisor *sup, struct sup_process *process, struct mj_grant grant)
{
	(void)sup;
	grant = mj_grant_intersect(process->ceiling, grant);
	process->pending_ceiling =
		process->exec_pending ? mj_grant_intersect(process->pending_ceiling, grant) : grant;
	process->exec_pending = true;
	/* A fork that prepares an execution has nothing else to do, whether or not it succeeds. */
	if (process->forked)
		process->ceiling = process->pending_ceiling;
}

/* Whether the memory behind mem_fd has ended: a read of any address gives 0 bytes then, and an error or a byte
 * before (fs/proc/base.c, mem_rw). Without a descriptor: not known to have. */
static bool
memory_ended(const struct sup_process *process)
{
	char byte;
	return process->mem_fd >= 0 && pread(process->mem_fd, &byte, 1, 4096) == 0;
}

/*
 * An execve was allowed: has it happened? The address of AT_RANDOM's bytes lies on the new stack, and the
 * file may be another one. As long as both are as before, the execve may still be under way, or may
 * have failed, or has given the very same addresses (no address space randomisation): then nothing
 * is kept from call to call, and the lower ceiling holds already.
 */
static void
settle_exec(struct supervisor *sup, struct sup_process *process)
{
	const struct sup_image *image = process->image;
	uint64_t random = process->at_random;
	bool stub = process->kind == SUP_STUB;
	if (stub && !memory_ended(process))
		return;
	load(sup, process);
	process->ceiling = process->pending_ceiling;
	if (process->image == image && process->at_random == random)
		return;
	process->exec_pending = false;
	process->forked = false;
	if (process->image)
		process->image->floor = mj_grant_intersect(process->image->floor, process->ceiling);
	if (stub && !sup->program)
		sup->program = process->image;
}

struct sup_process *
sup_process_get(struct supervisor *sup, pid_t tgid)
{
	struct sup_process *process = find(sup, tgid);
	if (!process) {
		uint64_t start;
		if (!sup_read_start_time(tgid, &start))
			return NULL;
		sup_sweep(sup);
		process = add(sup, tgid, start);
		if (!process)
			return NULL;
	} else if (process->exec_pending) {
		settle_exec(sup, process);
	} else if (process->kind == SUP_UNKNOWN) {
		load(sup, process); /* descriptors may be free again */
	}
	return process;
}

/* ---- the dead ------------------------------------------------------------------------------- */

void
sup_sweep(struct supervisor *sup)
{
	if (sup->sweep_at == 0)
		sup->sweep_at = SWEEP_MIN;
	if (HASH_COUNT(sup->processes) < sup->sweep_at)
		return;
	struct sup_process *process, *next;
	HASH_ITER (hh, sup->processes, process, next) {
		uint64_t start;
		if (process->tgid == sup->child)
			continue;
		if (!sup_read_start_time(process->tgid, &start) || start != process->start_time)
			drop_process(sup, process);
	}
	struct sup_thread *thread, *next_thread;
	HASH_ITER (hh, sup->threads, thread, next_thread) {
		char byte;
		if (pread(thread->syscall_fd, &byte, 1, 0) < 0 && errno == ESRCH)
			sup_thread_drop(sup, thread);
	}
	sup->sweep_at = 2 * HASH_COUNT(sup->processes) + SWEEP_MIN;
}
