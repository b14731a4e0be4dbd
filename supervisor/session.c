/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program that puts itself into its jail: who is it, which filter does it get, its listener, and then what every run
 * does. The other end is whoever could connect: what it sends is read by wire.h's functions alone, and it has a deadline
 * for everything until the supervision starts.
 *
 * Whose process it is, is what the kernel says of the connection (SO_PEERPIDFD, SO_PEERCRED), not what it says itself.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define PATIENCE_MS 10000 /* for each answer of the library */

struct session {
	const struct mj_session_args *args;
	struct mj_run_args run;
	struct supervisor sup;
	struct mj_filter filter;
	struct mj_client client;
	char path[4096];
	int fd, pidfd, exe;
	int page_fd;
	struct mj_wire_page *page;
	uint32_t flags; /* of its HELLO */
	bool filtered;  /* it has its filter: it waits for us in the page, not at the socket */
	pthread_t notifier;
	bool lost; /* the notifier hangs, and may use all of this */
};

/* ---- who it is ------------------------------------------------------------------------------ */

bool
mj_agent_takes(const struct mj_agent_users *users, uid_t self, uid_t uid)
{
	/* Without privileges, another user's process cannot be read. */
	if (self != 0 && uid != self)
		return false;
	for (size_t i = 0; i < users->count; i++)
		if (users->uids[i] == uid)
			return true;
	return !users->listed;
}

int
sup_peer_pidfd(int fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t len = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
		return pidfd;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int
identify(struct session *s, struct mj_error *err)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return mj_error_sys(err, errno, "cannot find out who connected");
	if (cred.pid <= 0)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "the program is in a PID namespace that the agent cannot see");
	if (!mj_agent_takes(&s->args->users, geteuid(), cred.uid))
		return mj_error_set(err, MJ_ERR_USAGE, "the agent takes no programs of user %u%s",
		                    (unsigned)cred.uid, geteuid() != 0 ? ": it is not root" : "");
	s->client.pid = cred.pid;
	s->client.uid = cred.uid;
	s->pidfd = sup_peer_pidfd(s->fd, cred.pid);
	if (s->pidfd < 0)
		return mj_error_sys(err, errno, "the program's process cannot be held");
	if (setsockopt(s->fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0)
		return mj_error_sys(err, errno, "cannot ask who sends");
	return 0;
}

static bool
has_ended(const struct session *s)
{
	struct pollfd pfd = { .fd = s->pidfd, .events = POLLIN };
	return poll(&pfd, 1, 0) != 0;
}

/* ---- messages ------------------------------------------------------------------------------- */

static int
send_message(const struct session *s, const uint8_t *buf, size_t len, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	/* A fresh socket has room for what it is sent here; who fills it up does not read. */
	return sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len ? 0 : -1;
}

static void
close_received(struct msghdr *msg)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= cmsg->cmsg_len; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			mj_close(fd);
		}
	}
}

static pid_t
sender(struct msghdr *msg)
{
	struct ucred cred = { 0 };
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_CREDENTIALS &&
		    cmsg->cmsg_len == CMSG_LEN(sizeof(cred)))
			memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
	return cred.pid;
}

/* One message of the process that connected, into buf; its length, or -1. It must be there already. */
static ssize_t
receive(struct session *s, uint8_t *buf, size_t size, struct mj_error *err)
{
	char control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))]
		__attribute__((aligned(8)));
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = control,
		              .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(s->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return mj_error_sys(err, errno, "cannot read from the program");
	close_received(&msg); /* nobody asked for any */
	if (n == 0)
		return mj_error_set(err, MJ_ERR_FORMAT, "the program closed its connection");
	if (msg.msg_flags & MSG_TRUNC)
		return mj_error_set(err, MJ_ERR_FORMAT,
		                    "the program sent more than any message holds");
	/* Also where pidfd_open may have come too late: who sends, lives, and has this number. */
	if (sender(&msg) != s->client.pid)
		return mj_error_set(err, MJ_ERR_FORMAT,
		                    "another process sent than the one that connected");
	return n;
}

/* ---- the beginning of the conversation ------------------------------------------------------- */

static int
hear_hello(struct session *s, struct mj_error *err)
{
	uint8_t buf[MJ_WIRE_SMALL];
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
	int ready = poll(&pfd, 1, PATIENCE_MS);
	if (ready < 0)
		return mj_error_sys(err, errno, "cannot wait for the program");
	if (ready == 0)
		return mj_error_set(err, MJ_ERR_FORMAT, "the program says nothing");
	ssize_t len = receive(s, buf, sizeof(buf), err);
	if (len < 0)
		return -1;
	if (!mj_wire_get_hello(buf, (size_t)len, &s->flags))
		return mj_error_set(err, MJ_ERR_FORMAT,
		                    "what the program sent is not understood: agent and library "
		                    "must be of the same version of modjail");
	return 0;
}

static int
open_program(struct session *s, struct mj_error *err)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/%d/exe", s->client.pid);
	ssize_t n = readlink(link, s->path, sizeof(s->path) - 1);
	s->path[n > 0 ? n : 0] = '\0';
	s->exe = open(link, O_RDONLY | O_CLOEXEC);
	if (s->exe < 0)
		return mj_error_sys(err, errno,
		                    "the agent cannot read the program's file: it needs the "
		                    "program's user, or privileges");
	s->client.exe = s->exe;
	s->client.path = s->path;
	/* Through numbers until here: were they still its own? */
	if (has_ended(s))
		return mj_error_set(err, MJ_ERR_SYSTEM, "the program has ended");
	return 0;
}

static int
choose(struct session *s, struct mj_error *err)
{
	if (s->args->choose(s->args->ctx, &s->client, &s->run, err) < 0 ||
	    sup_init(&s->sup, &s->run, err) < 0 || sup_make_filter(&s->sup, &s->filter, err) < 0)
		return -1;
	s->sup.lineage_exact = !(s->flags & MJ_WIRE_SUBREAPER);
	const char *why = sup_process_attach(&s->sup, s->client.pid);
	if (why)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "the agent cannot supervise it: %s (it needs the program's "
		                    "user, or CAP_SYS_PTRACE: always, if "
		                    "/proc/sys/kernel/yama/ptrace_scope is 2)",
		                    why);
	return 0;
}

/* Sealed, so that whoever has it cannot take it away under our eyes. */
static int
make_page(struct session *s, struct mj_error *err)
{
	s->page_fd = memfd_create("modjail-listener", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->page_fd < 0 || ftruncate(s->page_fd, MJ_WIRE_PAGE_SIZE) < 0 ||
	    fcntl(s->page_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return mj_error_sys(err, errno, "cannot create a memory file");
	void *page =
		mmap(NULL, MJ_WIRE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->page_fd, 0);
	if (page == MAP_FAILED)
		return mj_error_sys(err, errno, "cannot map a memory file");
	s->page = page;
	return 0;
}

static int
offer_filter(struct session *s, struct mj_error *err)
{
	MJ_AUTO_FREE uint8_t *buf = malloc(MJ_WIRE_MAX);
	if (!buf)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	uint32_t ancestors = s->run.policy ? s->run.ancestors : 0;
	size_t len =
		mj_wire_put_filter(buf, MJ_WIRE_MAX, ancestors, s->filter.insns, s->filter.count);
	if (len == 0)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED,
		                    "the filter has %zu instructions; the kernel takes up to %d",
		                    s->filter.count, BPF_MAXINSNS);
	if (send_message(s, buf, len, s->page_fd) < 0)
		return mj_error_sys(err, errno, "cannot send the filter");
	return 0;
}

/* ---- the listener --------------------------------------------------------------------------- */

static int
explain_failure(uint32_t step, uint32_t errnum, struct mj_error *err)
{
	const char *why = mj_filter_install_why((int)errnum);
	if (step == MJ_WIRE_STEP_FILTER && why)
		return mj_error_set(err, MJ_ERR_UNSUPPORTED, "%s", why);
	return mj_error_sys(err, (int)errnum,
	                    step == MJ_WIRE_STEP_NNP ? "the program cannot set no_new_privs"
	                                             : "the program cannot install the filter");
}

/* Whatever it says now, it has failed. */
static int
hear_failure(struct session *s, struct mj_error *err)
{
	uint8_t buf[MJ_WIRE_SMALL];
	uint32_t step, errnum;
	ssize_t len = receive(s, buf, sizeof(buf), err);
	if (len < 0)
		return -1;
	if (!mj_wire_get_failed(buf, (size_t)len, &step, &errnum))
		return mj_error_set(err, MJ_ERR_FORMAT, "what the program sent is not understood");
	return explain_failure(step, errnum, err);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Waits until the library has stored something into a word of the page: without a call of its own, so that this is
 * polled, first often. */
static int
await_word(struct session *s, _Atomic int32_t *word, int32_t *ret, struct mj_error *err)
{
	uint64_t deadline = now_ms() + PATIENCE_MS;
	for (unsigned round = 0; now_ms() < deadline; round++) {
		struct pollfd fds[] = { { .fd = s->fd, .events = POLLIN },
			                { .fd = s->pidfd, .events = POLLIN } };
		*ret = atomic_load(word);
		if (*ret != 0)
			return 0;
		if (poll(fds, 2, 0) > 0) {
			/* After the last word it closes its socket: before this looked, perhaps. */
			*ret = atomic_load(word);
			if (*ret != 0)
				return 0;
			if (fds[0].revents & POLLIN)
				return hear_failure(s, err);
			return mj_error_set(err, MJ_ERR_SYSTEM,
			                    "the program ended before it started");
		}
		if (round < 64)
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = round < 512 ? 100000 : 2000000 },
			          NULL);
	}
	return mj_error_set(err, MJ_ERR_FORMAT, "the program does not install its filter");
}

/* What /proc says of a descriptor: whether it is a listener. */
static bool
is_listener(const char *link)
{
	char target[64];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return strcmp(target, "anon_inode:seccomp notify") == 0;
}

static void
answer(struct session *s, int32_t taken)
{
	if (!s->page)
		return;
	atomic_store(&s->page->taken, taken);
	syscall(SYS_futex, &s->page->taken, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static int
take_listener(struct session *s, struct mj_error *err)
{
	char link[64];
	int32_t number, closed;
	if (await_word(s, &s->page->listener_plus_one, &number, err) < 0)
		return -1;
	s->filtered = true;
	if (number < 1)
		return mj_error_set(err, MJ_ERR_FORMAT,
		                    "what the program handed over is no "
		                    "descriptor");
	MJ_AUTO_FD int fd = (int)syscall(SYS_pidfd_getfd, s->pidfd, number - 1, 0);
	if (fd < 0)
		return mj_error_sys(err, errno, "the agent cannot take the listener over");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (!is_listener(link))
		return mj_error_set(err, MJ_ERR_FORMAT,
		                    "what the program handed over is no "
		                    "listener");
	s->sup.listener = mj_steal_fd(&fd);
	bool killable = atomic_load(&s->page->killable) == 1;
	answer(s, MJ_WIRE_TAKEN);
	if (await_word(s, &s->page->closed, &closed, err) < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", s->client.pid, number - 1);
	if (is_listener(link))
		return mj_error_set(err, MJ_ERR_FORMAT, "the program has kept its listener");
	if (!killable)
		sup_notice(&s->sup, MJ_NOTICE_WARNING,
		           "this kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19): "
		           "signals can interrupt and repeat notified calls, and the program is "
		           "slower");
	return 0;
}

/* ---- supervision ---------------------------------------------------------------------------- */

/* Until nobody is left: the kernel hangs the listener up then. False: the notifier is lost. */
static bool
await_end(struct session *s)
{
	for (;;) {
		struct pollfd pfd = { .fd = s->sup.listener };
		int n = poll(&pfd, 1, SUP_WATCH_MS);
		if (n < 0 && errno != EINTR)
			return false;
		if (pfd.revents & (POLLHUP | POLLERR | POLLNVAL))
			return true;
		if (n == 0 && !sup_watch_look(&s->sup))
			return false;
	}
}

/* The other thread may still use what there is: the process ends as it is. */
static int
give_up(struct session *s, struct mj_error *err)
{
	/* Its children may have outlived it; its number could be anybody's then. */
	if (!has_ended(s))
		kill(s->client.pid, SIGKILL);
	s->lost = true;
	return mj_error_set(err, MJ_ERR_SYSTEM,
	                    "a process's memory cannot be read to this moment: modjail gives up, "
	                    "and kills the program");
}

static int
supervise(struct session *s, struct mj_error *err)
{
	const struct sup_confinement confinement = { .program = s->client.pid,
		                                     .reopens_log = s->run.reopens_log };
	if (sup_confine(&confinement, err) < 0)
		return -1;
	int rc = pthread_create(&s->notifier, NULL, sup_notify_loop, &s->sup);
	if (rc != 0)
		return mj_error_sys(err, rc, "cannot create a thread");
	bool lost = !await_end(s);
	if (!sup_notify_end(s->notifier, !lost) || lost)
		return give_up(s, err);
	sup_report_repeats(&s->sup);
	sup_fill_stats(&s->sup);
	return 0;
}

static int
converse(struct session *s, struct mj_error *err)
{
	uint8_t buf[MJ_WIRE_SMALL];
	if (sup_check_place(err) < 0 || identify(s, err) < 0)
		return -1;
	if (send_message(s, buf, mj_wire_put_welcome(buf, sizeof(buf)), -1) < 0)
		return mj_error_sys(err, errno, "cannot greet the program");
	if (hear_hello(s, err) < 0 || open_program(s, err) < 0 || choose(s, err) < 0 ||
	    make_page(s, err) < 0 || offer_filter(s, err) < 0)
		return -1;
	return take_listener(s, err);
}

#define LAST_WORDS_MS 1000 /* for a program that has its filter to say why it does not start */

/* The program does not start: it is told why. If it has its filter already, it is sure to end. */
static void
refuse(struct session *s, const struct mj_error *err)
{
	uint8_t buf[MJ_WIRE_SMALL];
	size_t len = mj_wire_put_refuse(buf, sizeof(buf), err->text);
	(void)send_message(s, buf, len, -1);
	if (!s->filtered)
		return;
	if (s->page && atomic_load(&s->page->taken) != MJ_WIRE_TAKEN) {
		struct pollfd pfd = { .fd = s->pidfd, .events = POLLIN };
		answer(s, MJ_WIRE_GIVEN_UP);
		(void)poll(&pfd, 1, LAST_WORDS_MS);
	}
	/* Not by this call once the supervisor is confined; by number, if that still is its own. */
	if (syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0) < 0 && !has_ended(s))
		kill(s->client.pid, SIGKILL);
}

static void
clean_up(struct session *s)
{
	if (s->page)
		munmap(s->page, MJ_WIRE_PAGE_SIZE);
	if (s->sup.args)
		sup_finish(&s->sup);
	mj_filter_free(&s->filter);
	mj_close(s->page_fd);
	mj_close(s->exe);
	mj_close(s->pidfd);
	mj_close(s->fd);
}

int
mj_session_run(int fd, const struct mj_session_args *args, struct mj_run_result *ret,
               struct mj_error *err)
{
	struct mj_error local = { 0 };
	struct session s = { .args = args, .fd = fd, .pidfd = -1, .exe = -1, .page_fd = -1 };
	memset(ret, 0, sizeof(*ret));
	int rc = converse(&s, &local);
	if (rc == 0) {
		if (args->started)
			args->started(args->ctx, &s.client);
		mj_close(s.fd); /* nothing more is said */
		s.fd = -1;
		rc = supervise(&s, &local);
	}
	if (rc < 0) {
		refuse(&s, &local);
		if (err)
			*err = local;
		free(s.sup.stats);
	} else {
		ret->stats = s.sup.stats;
	}
	if (!s.lost)
		clean_up(&s);
	return rc;
}
