/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a blocked thread is. /proc/TID/syscall reads "nr arg0..arg5 SP PC" while a thread waits in a
 * notification (fs/proc/base.c, proc_pid_syscall): PC and SP without ptrace. The descriptor is
 * kept: pread of it costs a third of open, read and close, and since it is bound to the task and not
 * to the number, ESRCH tells that the number now belongs to somebody else.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_KEPT_THREADS 16384
#define SWEEP_MIN 64
#define RUNNING_YIELDS 200
#define RUNNING_RETRIES 20000 /* more than two seconds */

static int
open_file(struct supervisor *sup, pid_t tid, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	return sup_procfs_only(sup_open(sup, path, O_RDONLY | O_NOFOLLOW));
}

/* " 0x1f", as the kernel writes it. strtoull costs as much as reading the file does. */
static bool
hex_word(const char **at, uint64_t *ret)
{
	const char *c = *at;
	uint64_t value = 0;
	unsigned digits = 0;
	if (c[0] != ' ' || c[1] != '0' || c[2] != 'x')
		return false;
	for (c += 3; digits <= 16; c++, digits++) {
		if (*c >= '0' && *c <= '9')
			value = value << 4 | (uint64_t)(*c - '0');
		else if (*c >= 'a' && *c <= 'f')
			value = value << 4 | (uint64_t)(*c - 'a' + 10);
		else
			break;
	}
	if (digits == 0 || digits > 16)
		return false;
	*ret = value;
	*at = c;
	return true;
}

static bool
parse_syscall(const char *text, struct sup_where *ret)
{
	char *end;
	ret->nr = strtoll(text, &end, 10);
	if (end == text)
		return false;
	const char *at = end;
	for (int i = 0; i < 6; i++)
		if (!hex_word(&at, &ret->args[i]))
			return false;
	return hex_word(&at, &ret->sp) && hex_word(&at, &ret->pc);
}

/* 0, or the errno; EAGAIN: the thread runs. */
static int
read_once(int fd, struct sup_where *ret)
{
	char text[256];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return errno;
	if (n == 0)
		return ESRCH;
	text[n] = '\0';
	if (strncmp(text, "running", 7) == 0)
		return EAGAIN;
	return parse_syscall(text, ret) ? 0 : EBADMSG;
}

/* 0, or the errno. The file can say "running" right after RECV, until the thread has gone to
 * sleep; then it is read again. */
static int
read_where(int fd, struct sup_where *ret)
{
	for (int i = 0; i < RUNNING_RETRIES; i++) {
		int errnum = read_once(fd, ret);
		if (errnum != EAGAIN)
			return errnum;
		/* On a busy machine it may have lost its CPU on the way. */
		if (i < RUNNING_YIELDS)
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	return EAGAIN;
}

static const char *
explain(int errnum)
{
	switch (errnum) {
	case EACCES:
	case EPERM:
		return "modjail may not read the thread: it is not dumpable, or it has more "
		       "privileges than modjail";
	case EMFILE:
	case ENFILE:
		return "modjail has no file descriptors left";
	case EAGAIN:
		return "the thread does not come to rest";
	case ESRCH:
	case ENOENT:
		return "the thread has ended";
	default:
		return "/proc/TID/syscall could not be read";
	}
}

void
sup_thread_drop(struct supervisor *sup, struct sup_thread *thread)
{
	HASH_DEL(sup->threads, thread);
	mj_close(thread->syscall_fd);
	mj_close(thread->alive_fd);
	free(thread);
}

void
sup_threads_free(struct supervisor *sup)
{
	struct sup_thread *thread, *next;
	HASH_ITER (hh, sup->threads, thread, next)
		sup_thread_drop(sup, thread);
}

/* Threads that end are not notified of. So whenever there are twice as many as lived the last time, and some more, it is
 * looked who still does. */
static void
sweep_threads(struct supervisor *sup)
{
	struct sup_thread *thread, *next;
	char byte;
	if (HASH_COUNT(sup->threads) < sup->sweep_threads_at)
		return;
	HASH_ITER (hh, sup->threads, thread, next)
		if (pread(thread->syscall_fd, &byte, 1, 0) < 0 && errno == ESRCH)
			sup_thread_drop(sup, thread);
	if (HASH_COUNT(sup->threads) >= MAX_KEPT_THREADS)
		sup_threads_free(sup);
	sup->sweep_threads_at = 2 * HASH_COUNT(sup->threads) + SWEEP_MIN;
	if (sup->sweep_threads_at > MAX_KEPT_THREADS)
		sup->sweep_threads_at = MAX_KEPT_THREADS;
}

int
sup_thread_peek(pid_t tid, struct sup_where *ret)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	MJ_AUTO_FD int fd = sup_procfs_only(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
	return fd < 0 ? errno : read_once(fd, ret);
}

static struct sup_thread *
make_thread(struct supervisor *sup, pid_t tid, struct sup_where *where, int *errnum)
{
	struct sup_status status;
	MJ_AUTO_FD int fd = open_file(sup, tid, "syscall");
	if (fd < 0) {
		*errnum = errno;
		return NULL;
	}
	if (!sup_read_status(tid, &status)) {
		*errnum = errno;
		sup->out_of_fds |= errno == EMFILE || errno == ENFILE;
		return NULL;
	}
	/* What was just read belongs together only if the task is still the one behind fd. */
	if ((*errnum = read_where(fd, where)) != 0)
		return NULL;
	struct sup_thread *thread = calloc(1, sizeof(*thread));
	if (!thread) {
		*errnum = ENOMEM;
		return NULL;
	}
	thread->tid = tid;
	thread->tgid = status.tgid;
	thread->hint.tid = (uint64_t)status.ns_tid;
	thread->fresh = true;
	thread->syscall_fd = mj_steal_fd(&fd);
	thread->alive_fd = -1;
	HASH_ADD(hh, sup->threads, tid, sizeof(thread->tid), thread);
	if (mj_hash_added(thread))
		return thread;
	mj_close(thread->syscall_fd);
	free(thread);
	*errnum = ENOMEM;
	return NULL;
}

struct sup_thread *
sup_thread_find(struct supervisor *sup, pid_t tid)
{
	struct sup_thread *thread;
	HASH_FIND(hh, sup->threads, &tid, sizeof(tid), thread);
	return thread;
}

/* It belongs to every task, needs no permission, and is the cheapest file of a task to read: it formats one number
 * (fs/proc/base.c, oom_score_adj_read). */
int
sup_alive_open(pid_t tid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", tid);
	/* Where there is no room for it, it is done without. */
	return sup_procfs_only(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
}

bool
sup_alive(int fd)
{
	char text[16];
	return fd >= 0 && pread(fd, text, sizeof(text), 0) > 0;
}

/* Opened by number, the file is the recorded task's only if that still exists afterwards. */
bool
sup_thread_alive(struct sup_thread *thread)
{
	struct sup_where where;
	if (thread->alive_fd >= 0)
		return sup_alive(thread->alive_fd);
	thread->alive_fd = sup_alive_open(thread->tid);
	if (thread->alive_fd >= 0 && read_where(thread->syscall_fd, &where) == 0)
		return sup_alive(thread->alive_fd);
	mj_close(thread->alive_fd);
	thread->alive_fd = -1;
	return false;
}

struct sup_thread *
sup_thread_get(struct supervisor *sup, pid_t tid, struct sup_where *where, const char **why)
{
	struct sup_thread *thread = sup_thread_find(sup, tid);
	if (thread) {
		int errnum = read_where(thread->syscall_fd, where);
		if (errnum == 0) {
			if (sup->stats)
				sup->stats->thread_hits++;
			return thread;
		}
		sup_thread_drop(sup, thread);
		if (errnum != ESRCH) {
			*why = explain(errnum);
			return NULL;
		}
	}
	if (sup->stats)
		sup->stats->thread_misses++;
	int errnum = 0;
	sweep_threads(sup);
	thread = make_thread(sup, tid, where, &errnum);
	if (!thread)
		*why = explain(errnum);
	return thread;
}
