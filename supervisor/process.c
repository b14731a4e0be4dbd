/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jailed processes: what each of them executes, and what it may do at most.
 *
 * A process is met when it is first notified. Since execve is always notified, a process that is
 * met for the first time has not executed anything itself: it is a fork of one that is known, and
 * has that one's ceiling. Its parent is looked up by /proc; where that does not lead to a process
 * that is known (the parent has ended), the ceiling is the smallest under which its executable file was
 * ever executed here, or, if that file was not, under which any was; and not more than any execution allows
 * that was allowed and has not been seen to happen.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_ANCESTORS 64
#define SWEEP_MIN 128
#define LOAD_RETRIES 5
#define MAX_PARTS 3

static void
forget_memory(struct sup_process *process)
{
	mj_close(process->mem_fd);
	process->mem_fd = -1;
	mj_runtime_destroy(process->runtime);
	process->runtime = NULL;
	memset(process->known, 0, sizeof(process->known));
	sup_environment_forget(&process->environment);
}

static void
drop_process(struct supervisor *sup, struct sup_process *process)
{
	HASH_DEL(sup->processes, process);
	/* It may have executed that, and have left children. */
	if (process->exec_pending)
		sup->unseen = mj_grant_intersect(sup->unseen, process->pending_ceiling);
	forget_memory(process);
	mj_close(process->proc_fd);
	sup_executors_drop(process);
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
	return sup_watch_pread(process->watch, process->tgid, process->mem_fd, buf, len,
	                       (off_t)addr);
}

/* By the number of a thread that waits in a notification: it is nobody else's as long as that is valid. That the thread is
 * one of this process is for the caller to know (thread.c). */
bool
sup_process_read_parts(void *ctx, struct mj_part *parts, size_t n)
{
	struct sup_process *process = ctx;
	struct iovec local[MAX_PARTS], remote[MAX_PARTS];
	if (process->no_parts || n == 0 || n > MAX_PARTS)
		return false;
	for (size_t i = 0; i < n; i++) {
		local[i] = (struct iovec){ parts[i].buf, parts[i].len };
		remote[i] = (struct iovec){ (void *)(uintptr_t)parts[i].addr, parts[i].len };
	}
	ssize_t got =
		sup_watch_readv(process->watch, process->tgid, process->notifier, local, remote, n);
	if (got < 0) {
		process->no_parts = errno == ENOSYS || errno == EPERM;
		return false;
	}
	size_t left = (size_t)got;
	for (size_t i = 0; i < n; i++) {
		parts[i].got = left < parts[i].len ? left : parts[i].len;
		left -= parts[i].got;
	}
	return true;
}

ssize_t
sup_process_ranges(void *ctx, struct mj_range *ret, size_t max)
{
	const struct sup_process *process = ctx;
	return sup_read_ranges(process->tgid, process->at_base, ret, max);
}

int
sup_open(struct supervisor *sup, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		sup->out_of_fds = true;
	return fd;
}

static int
open_memory(struct supervisor *sup, pid_t tgid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", tgid);
	return sup_procfs_only(sup_open(sup, path, O_RDONLY | O_NOFOLLOW));
}

/* ---- what a process executes ---------------------------------------------------------------- */

static void
set_unknown(struct sup_process *process, const char *why)
{
	forget_memory(process);
	process->kind = SUP_UNKNOWN;
	process->unreadable = why;
}

static bool
read_identity(struct supervisor *sup, pid_t tgid, int mem_fd, struct sup_identity *ret)
{
	MJ_AUTO_FD int own = -1;
	if (!sup_read_auxv(tgid, &ret->auxv))
		return false;
	if (mem_fd < 0)
		mem_fd = own = open_memory(sup, tgid);
	return mem_fd >= 0 && ret->auxv.random <= INT64_MAX &&
	       sup_watch_pread(&sup->watch, tgid, mem_fd, ret->random, sizeof(ret->random),
	                       (off_t)ret->auxv.random) == sizeof(ret->random);
}

bool
sup_process_identity(struct supervisor *sup, const struct sup_process *process,
                     struct sup_identity *ret)
{
	/* Through the number, not through mem_fd, which stays with the old memory. */
	return read_identity(sup, process->tgid, -1, ret);
}

/* Neither has padding. */
static bool
is_same(const struct sup_identity *a, const struct sup_identity *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void
load_runtime(struct supervisor *sup, struct sup_process *process, const struct sup_auxv *auxv)
{
	uint64_t bias;
	if (mj_image_kind(process->image->image) != MJ_IMAGE_GO)
		set_unknown(process, mj_image_why(process->image->image));
	else if (!mj_image_bias(process->image->image, auxv->phdr, &bias) ||
	         mj_runtime_create(process->image->image, bias, sup->args->ancestors,
	                           &process->runtime, NULL) < 0)
		set_unknown(process, "its load address could not be found out");
	else
		process->kind = SUP_WALKED;
}

/* One attempt to read what a process executes: its memory first, then the rest. False if it executed
 * something meanwhile. */
static bool
try_load(struct supervisor *sup, struct sup_process *process, struct sup_image *parent)
{
	const char *why = NULL;
	struct sup_identity identity, check;
	forget_memory(process);
	process->mem_fd = open_memory(sup, process->tgid);
	if (process->mem_fd < 0 || !read_identity(sup, process->tgid, process->mem_fd, &identity)) {
		set_unknown(process, sup->out_of_fds ? "modjail has no file descriptors left"
		                                     : "modjail may not read its memory");
		return true;
	}
	process->image = sup_image_of(sup, process->tgid, parent, &why);
	if (!sup_process_identity(sup, process, &check) || !is_same(&identity, &check))
		return false;
	if (!process->image) {
		set_unknown(process, why);
		return true;
	}
	process->at_base = identity.auxv.base;
	process->identity = identity;
	process->unreadable = NULL;
	process->kind = SUP_CEILING;
	if (*process->image->misfit)
		set_unknown(process, process->image->misfit);
	else if (process->image->walked)
		load_runtime(sup, process, &identity.auxv);
	else
		forget_memory(process);
	return true;
}

/* Reads anew what the process executes. parent: see sup_image_of. */
static void
load(struct supervisor *sup, struct sup_process *process, struct sup_image *parent)
{
	for (int i = 0; i < LOAD_RETRIES; i++)
		if (try_load(sup, process, parent))
			return;
	set_unknown(process, "it does not stop executing programs");
}

/* ---- numbers that are used again ------------------------------------------------------------ */

static int
open_proc(struct supervisor *sup, pid_t tgid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d", tgid);
	return sup_open(sup, path, O_RDONLY | O_DIRECTORY);
}

/* Whether the process of the record is the one that has its number now. Names below a /proc/PID that is kept open are
 * found only while that very process is there (fs/proc/base.c, pid_revalidate). */
static bool
is_alive(const struct sup_process *process)
{
	uint64_t start;
	if (process->proc_fd >= 0)
		return faccessat(process->proc_fd, "stat", F_OK, 0) == 0;
	return sup_read_start_time(process->tgid, &start) && start == process->start_time;
}

/* Whether its start alone tells a process that is alive from all that may get its number later: they start in a
 * later tick of the clock. */
static bool
is_settled(const struct sup_process *process)
{
	struct timespec now;
	long per_second = sysconf(_SC_CLK_TCK);
	if (per_second <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return false;
	uint64_t tick = (uint64_t)now.tv_sec * (uint64_t)per_second +
	                (uint64_t)now.tv_nsec / (1000000000u / (uint64_t)per_second);
	return tick > process->start_time + 2 && is_alive(process);
}

/* ---- lineage -------------------------------------------------------------------------------- */

struct sup_process *
sup_process_find(struct supervisor *sup, pid_t tgid)
{
	struct sup_process *process;
	HASH_FIND(hh, sup->processes, &tgid, sizeof(tgid), process);
	return process;
}

static struct sup_process *
find_alive(struct supervisor *sup, pid_t tgid)
{
	struct sup_process *process = sup_process_find(sup, tgid);
	return process && is_alive(process) ? process : NULL;
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

/*
 * The ceiling of a process whose lineage is lost. A file that changed since it was executed (its mode, its
 * links) is another one here, and an execution may not have been seen yet, or never will be, because
 * the program was not notified between it and its end: each of those may be the one that it comes from.
 */
static struct mj_grant
ceiling_of_orphan(struct supervisor *sup, const struct sup_image *image)
{
	struct mj_grant grant = image && image->executed ? image->floor : sup->floor;
	struct sup_process *process, *next;
	HASH_ITER (hh, sup->processes, process, next)
		if (process->exec_pending)
			grant = mj_grant_intersect(grant, process->pending_ceiling);
	return mj_grant_intersect(grant, sup->unseen);
}

static void
inherit(struct supervisor *sup, struct sup_process *process)
{
	/* An ancestor that executed something after it forked has at most what it had then. */
	const struct sup_process *parent =
		sup->lineage_exact ? known_ancestor(sup, process->tgid) : NULL;
	load(sup, process, parent ? parent->image : NULL);
	sup_executors_inherit(sup, process, parent);
	if (parent) {
		process->ceiling = parent->ceiling;
		if (parent->exec_pending)
			process->ceiling =
				mj_grant_intersect(parent->ceiling, parent->pending_ceiling);
	} else {
		process->ceiling = ceiling_of_orphan(sup, process->image);
	}
}

static struct sup_process *
new_process(struct supervisor *sup, pid_t tgid)
{
	/* Opened first: whatever is read after it is of this process, or of one that is not is_alive. */
	MJ_AUTO_FD int proc_fd = open_proc(sup, tgid);
	struct sup_process *process = calloc(1, sizeof(*process));
	if (proc_fd < 0 || !process || !sup_read_start_time(tgid, &process->start_time)) {
		free(process);
		return NULL;
	}
	process->tgid = tgid;
	process->watch = &sup->watch;
	process->mem_fd = -1;
	process->forked = true;
	HASH_ADD(hh, sup->processes, tgid, sizeof(process->tgid), process);
	if (!mj_hash_added(process)) {
		free(process);
		return NULL;
	}
	process->proc_fd = mj_steal_fd(&proc_fd);
	if (sup->stats)
		sup->stats->processes++;
	return process;
}

static struct sup_process *
add(struct supervisor *sup, pid_t tgid)
{
	struct sup_process *process = new_process(sup, tgid);
	if (!process)
		return NULL;
	if (tgid != sup->child || sup->child_met) {
		inherit(sup, process);
		return process;
	}
	/* Without its memory nobody would see that it has executed the program, and the program would pass for the
	 * stub, which may execute. */
	process->mem_fd = open_memory(sup, tgid);
	if (process->mem_fd < 0) {
		drop_process(sup, process);
		return NULL;
	}
	if (!sup_process_identity(sup, process, &process->identity))
		process->identity = (struct sup_identity){ 0 };
	/* Everything, for what the policy refuses is refused by the walk. */
	sup->child_met = true;
	process->ceiling = mj_grant_all();
	process->kind = SUP_STUB;
	process->exec_pending = true;
	process->pending_ceiling = process->ceiling;
	return process;
}

const char *
sup_process_attach(struct supervisor *sup, pid_t tgid)
{
	struct sup_process *process = new_process(sup, tgid);
	if (!process)
		return "the process has ended, or modjail is out of memory";
	sup->child = tgid;
	sup->child_met = true;
	/* Everything, for what the policy refuses is refused by the walk. */
	process->ceiling = mj_grant_all();
	process->forked = false;
	load(sup, process, NULL);
	if (process->kind != SUP_WALKED)
		return process->unreadable ? process->unreadable : "it is no Go program";
	process->image->executed = true;
	sup->program = process->image;
	return NULL;
}

/* ---- execution ------------------------------------------------------------------------------ */

void
sup_process_exec(struct sup_process *process, pid_t tid, struct mj_grant grant)
{
	grant = mj_grant_intersect(process->ceiling, grant);
	process->pending_ceiling =
		process->exec_pending ? mj_grant_intersect(process->pending_ceiling, grant) : grant;
	process->exec_pending = true;
	process->exec_tid = tid;
	/* A fork that prepares an execution has nothing else to do, whether or not it succeeds. */
	if (process->forked)
		process->ceiling = process->pending_ceiling;
}

/* Whether the memory behind mem_fd has ended: a read of any address gives 0 bytes then, and an error or a
 * byte before (fs/proc/base.c, mem_rw). Without a descriptor: not known to have. */
static bool
memory_ended(const struct sup_process *process)
{
	char byte;
	return process->mem_fd >= 0 &&
	       sup_watch_pread(process->watch, process->tgid, process->mem_fd, &byte, 1, 4096) == 0;
}

/* sup_reclaim may have closed it. */
static bool
has_memory(const struct sup_process *process)
{
	return process->kind != SUP_WALKED || process->mem_fd >= 0;
}

/* Where the runtime keeps a thread is no longer so in a new program; what stands at that address now may be any
 * variable. */
static void
forget_hints(struct supervisor *sup, pid_t tgid)
{
	struct sup_thread *thread, *next;
	HASH_ITER (hh, sup->threads, thread, next)
		if (thread->tgid == tgid)
			thread->hint.m = 0;
}

static void
executed(struct supervisor *sup, struct sup_process *process)
{
	bool stub = process->kind == SUP_STUB;
	forget_hints(sup, process->tgid);
	load(sup, process, NULL);
	process->ceiling = process->pending_ceiling;
	process->exec_pending = false;
	process->forked = false;
	sup_executors_done(sup, process);
	sup->floor = mj_grant_intersect(sup->floor, process->ceiling);
	if (process->image) {
		process->image->executed = true;
		process->image->floor = mj_grant_intersect(process->image->floor, process->ceiling);
	}
	if (stub && !sup->program && process->kind != SUP_UNKNOWN)
		sup->program = process->image;
}

/*
 * Whether what has the stub's number is no stub any more. Its memory stays for as long as anybody reads it, a monitor, or
 * modjail's other thread (has_executed); its auxiliary vector is the new program's at once, before any of its code runs.
 */
static bool
stub_has_gone(struct supervisor *sup, const struct sup_process *process)
{
	struct sup_identity now;
	return process->identity.auxv.phdr && sup_process_identity(sup, process, &now) &&
	       !is_same(&process->identity, &now);
}

/*
 * Nothing shows that an execve has happened. Where addresses are not randomised that may be because the program executed itself, Go
 * has cleared the random bytes of both, and somebody keeps the old memory alive: so it counts as if it had.
 */
static void
execve_failed(struct sup_process *process)
{
	if (!sup_is_randomised(process->tgid))
		process->ceiling = process->pending_ceiling;
	process->exec_pending = false;
}

/*
 * An execve was allowed: has it happened? If not, and it is the thread that made it that calls again, it has
 * failed. If another thread calls, it may still be under way: nothing is settled then.
 */
static void
settle_exec(struct supervisor *sup, struct sup_process *process, pid_t tid)
{
	struct sup_identity identity;
	if (process->kind == SUP_STUB) {
		if (memory_ended(process) || stub_has_gone(sup, process))
			executed(sup, process);
		return;
	}
	if (!sup_process_identity(sup, process, &identity)) {
		set_unknown(process, "modjail may not read its memory");
		return;
	}
	if (!is_same(&process->identity, &identity) || memory_ended(process))
		executed(sup, process);
	else if (tid == process->exec_tid)
		execve_failed(process);
}

/* What the first process executed must be known before anybody else's file is judged by it. It may have
 * executed that, and forked, without having been notified since. */
static void
settle_program(struct supervisor *sup)
{
	struct sup_process *first = sup_process_find(sup, sup->child);
	if (first && first->kind == SUP_STUB)
		settle_exec(sup, first, 0);
}

struct sup_process *
sup_process_get(struct supervisor *sup, struct sup_thread *thread)
{
	pid_t tgid = thread->tgid;
	struct sup_process *process = sup_process_find(sup, tgid);
	/* A number that was used again belongs to a new task, whose thread is met for the first time. */
	if (process && thread->fresh && !is_alive(process)) {
		drop_process(sup, process);
		process = NULL;
	}
	if (!process) {
		sup_sweep(sup);
		settle_program(sup);
		process = add(sup, tgid);
	} else if (process->exec_pending) {
		settle_exec(sup, process, thread->tid);
	} else if (process->kind == SUP_UNKNOWN || !has_memory(process)) {
		load(sup, process, NULL);
	}
	thread->fresh = false;
	return process;
}

/* ---- the dead ------------------------------------------------------------------------------- */

void
sup_reclaim(struct supervisor *sup)
{
	struct sup_process *process, *next;
	sup_threads_free(sup);
	HASH_ITER (hh, sup->processes, process, next) {
		if (process->kind == SUP_STUB)
			continue;
		if (!is_alive(process)) {
			drop_process(sup, process);
			continue;
		}
		forget_memory(process);
		if (is_settled(process)) {
			mj_close(process->proc_fd);
			process->proc_fd = -1;
		}
	}
	sup->out_of_fds = false;
}

void
sup_sweep(struct supervisor *sup)
{
	if (sup->sweep_at == 0)
		sup->sweep_at = SWEEP_MIN;
	if (HASH_COUNT(sup->processes) < sup->sweep_at)
		return;
	struct sup_process *process, *next;
	HASH_ITER (hh, sup->processes, process, next) {
		if (!is_alive(process))
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
