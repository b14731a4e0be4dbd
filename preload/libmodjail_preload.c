/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmodjail_preload.so: puts the program that it is preloaded into under modjail's filter, before any of the program's
 * own code runs, and hands the listener to `modjail agent` (wire.h says how).
 *
 * It is linked with -z initfirst, so that the dynamic loader calls its constructor before those of all other libraries,
 * libc's own included (glibc elf/dl-init.c, _dl_init). So nothing here may need what libc sets up there: `environ`, above
 * all. The system calls, errno, memory functions and vsnprintf need nothing of it.
 *
 * Whatever goes wrong, the program does not start: exit status 125 and one line on standard error. Between the filter and
 * the agent's having the listener no call is made that could be notified: the listener's number travels by a store.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "preload/install.h"
#include "preload/library.h"

#define EXIT_FAILED 125 /* as modjail run's: it failed before the program started */
#define TIMEOUT_S 10
#define TIMEOUT_MAX_S 600

/* ---- messages ------------------------------------------------------------------------------- */

/* The program's name and the environment are whoever's: nothing but plain characters goes to a terminal. */
static void
make_plain(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
}

_Noreturn void
lib_fail(const struct start *start, const char *fmt, ...)
{
	char text[MJ_WIRE_TEXT_MAX + 512];
	va_list ap;
	int n = snprintf(text, sizeof(text) - 1, "modjail: %.200s was not started: ", start->name);
	size_t len = n < 0 ? 0 : (size_t)n;
	va_start(ap, fmt);
	n = vsnprintf(text + len, sizeof(text) - 1 - len, fmt, ap);
	va_end(ap);
	len += n < 0 ? 0 : (size_t)n;
	if (len > sizeof(text) - 2)
		len = sizeof(text) - 2;
	make_plain(text, len);
	text[len++] = '\n';
	(void)!write(STDERR_FILENO, text, len);
	for (;;)
		syscall(SYS_exit_group, EXIT_FAILED);
}

const char *
lib_words(int errnum)
{
	const char *text = strerrordesc_np(errnum);
	return text ? text : "unknown error";
}

void *
lib_memory(const struct start *start, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		lib_fail(start, "no memory: %s", lib_words(errno));
	return memory;
}

/* ---- time ----------------------------------------------------------------------------------- */

static void
set_deadline(struct start *start)
{
	long seconds = TIMEOUT_S;
	const char *text = start->settings.timeout;
	if (text) {
		char *end;
		seconds = strtol(text, &end, 10);
		if (end == text || *end || seconds < 1 || seconds > TIMEOUT_MAX_S)
			lib_fail(start, "MODJAIL_TIMEOUT is no number of seconds from 1 to %d",
			         TIMEOUT_MAX_S);
	}
	clock_gettime(CLOCK_MONOTONIC, &start->deadline);
	start->deadline.tv_sec += seconds;
}

/* Milliseconds that are left, at least 1; fails when there are none. */
static int
time_left(const struct start *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long long ms = (start->deadline.tv_sec - now.tv_sec) * 1000LL +
	               (start->deadline.tv_nsec - now.tv_nsec) / 1000000;
	if (ms <= 0)
		lib_fail(start,
		         "the agent (%s) takes too long to answer; if it has much to do, "
		         "MODJAIL_TIMEOUT=SECONDS waits longer",
		         start->where);
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* ---- the connection ------------------------------------------------------------------------- */

static void
await(const struct start *start, short events)
{
	struct pollfd pfd = { .fd = start->fd, .events = events };
	while (poll(&pfd, 1, time_left(start)) <= 0)
		;
}

static void
send_message(const struct start *start, const uint8_t *buf, size_t len)
{
	while (send(start->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len) {
		if (errno == EAGAIN)
			await(start, POLLOUT);
		else if (errno != EINTR)
			lib_fail(start, "cannot send to the agent (%s): %s", start->where,
			         lib_words(errno));
	}
}

/* What came with a message besides its bytes. */
struct ancillary {
	bool have_cred;
	struct ucred cred;
	int fd; /* -1: none, O_CLOEXEC */
};

static void
read_ancillary(struct msghdr *msg, struct ancillary *ret)
{
	*ret = (struct ancillary){ .fd = -1 };
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS &&
		    cmsg->cmsg_len == CMSG_LEN(sizeof(ret->cred))) {
			memcpy(&ret->cred, CMSG_DATA(cmsg), sizeof(ret->cred));
			ret->have_cred = true;
		} else if (cmsg->cmsg_type == SCM_RIGHTS &&
		           cmsg->cmsg_len == CMSG_LEN(sizeof(ret->fd))) {
			memcpy(&ret->fd, CMSG_DATA(cmsg), sizeof(ret->fd));
		}
	}
}

/*
 * One message, from the agent: a process of root or of this very user. Anybody else could be asked only by mistake, and
 * would decide what the program may do.
 */
static size_t
receive_message(const struct start *start, uint8_t *buf, size_t size, struct ancillary *ret)
{
	char control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))]
		__attribute__((aligned(8)));
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg;
	ssize_t n;
	for (;;) {
		await(start, POLLIN);
		msg = (struct msghdr){ .msg_iov = &iov,
			               .msg_iovlen = 1,
			               .msg_control = control,
			               .msg_controllen = sizeof(control) };
		n = recvmsg(start->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n >= 0)
			break;
		if (errno != EAGAIN && errno != EINTR)
			lib_fail(start, "cannot hear the agent (%s): %s", start->where,
			         lib_words(errno));
	}
	read_ancillary(&msg, ret);
	if (n == 0)
		lib_fail(start, "the agent (%s) closed the connection; its own messages say why",
		         start->where);
	if (!ret->have_cred || (ret->cred.uid != 0 && ret->cred.uid != geteuid()))
		lib_fail(start,
		         "who answers at %s is user %ld, neither root nor the user of the program "
		         "(%ld)",
		         start->where, ret->have_cred ? (long)ret->cred.uid : -1L, (long)geteuid());
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		lib_fail(start, "the agent (%s) sent more than fits into a message", start->where);
	return (size_t)n;
}

static _Noreturn void
fail_nonsense(const struct start *start)
{
	lib_fail(
		start,
		"what the agent (%s) sent is not understood; library and agent must be of the same "
		"version of modjail",
		start->where);
}

static void
fail_if_refused(const struct start *start, const uint8_t *buf, size_t len)
{
	char text[MJ_WIRE_TEXT_MAX + 1];
	if (mj_wire_get_refuse(buf, len, text))
		lib_fail(start, "%s", text);
}

void
lib_pass_credentials(const struct start *start)
{
	if (setsockopt(start->fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)) < 0)
		lib_fail(start, "cannot ask who the agent is: %s", lib_words(errno));
}

static void
connect_to_agent(struct start *start)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = start->settings.socket;
	start->where = path;
	if (*path != '/')
		lib_fail(start, "MODJAIL_SOCKET=%s is not an absolute path", path);
	if (strlen(path) >= sizeof(address.sun_path))
		lib_fail(start, "MODJAIL_SOCKET is longer than the path of a socket can be");
	strcpy(address.sun_path, path);
	start->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (start->fd < 0)
		lib_fail(start, "cannot create a socket: %s", lib_words(errno));
	lib_pass_credentials(start);
	while (connect(start->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		/* Many programs start at once, and the agent has not got round to them (unix_stream_connect). */
		if (errno == EAGAIN)
			poll(NULL, 0, time_left(start) < 10 ? 1 : 10);
		else if (errno != EINTR)
			lib_fail(start,
			         "the agent at %s cannot be reached: %s; \"modjail agent "
			         "--socket=%s\" starts one",
			         path, lib_words(errno), path);
	}
}

/* ---- the filter ----------------------------------------------------------------------------- */

static void
greet(const struct start *start)
{
	uint8_t buf[MJ_WIRE_SMALL];
	struct ancillary with;
	size_t len = receive_message(start, buf, sizeof(buf), &with);
	fail_if_refused(start, buf, len);
	if (mj_wire_type_of(buf, len) != MJ_WIRE_WELCOME || with.fd >= 0)
		fail_nonsense(start);
	/* With Yama's ptrace_scope 1 the agent may not read this process otherwise; EINVAL without Yama. */
	prctl(PR_SET_PTRACER, (unsigned long)with.cred.pid, 0, 0, 0);
	/* Orphans come to it: the first process of a PID namespace, or what its launcher has made of it. */
	int subreaper = 0;
	if (getpid() == 1 || prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) < 0)
		subreaper = 1;
	len = mj_wire_put_hello(buf, sizeof(buf), subreaper ? MJ_WIRE_SUBREAPER : 0);
	send_message(start, buf, len);
}

static void
map_page(struct start *start, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size != MJ_WIRE_PAGE_SIZE)
		fail_nonsense(start);
	start->page = mmap(NULL, MJ_WIRE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start->page == MAP_FAILED)
		lib_fail(start, "cannot map the agent's page: %s", lib_words(errno));
	close(fd);
}

static void
get_filter(struct start *start)
{
	struct ancillary with;
	uint8_t *buf = lib_memory(start, MJ_WIRE_MAX);
	size_t len = receive_message(start, buf, MJ_WIRE_MAX, &with);
	fail_if_refused(start, buf, len);
	start->insns = lib_memory(start, BPF_MAXINSNS * sizeof(*start->insns));
	if (with.fd < 0 || !mj_wire_get_filter(buf, len, start->insns, BPF_MAXINSNS, &start->count,
	                                       &start->ancestors))
		fail_nonsense(start);
	map_page(start, with.fd);
	munmap(buf, MJ_WIRE_MAX);
}

static _Noreturn void
fail_step(const struct start *start, enum mj_wire_step step, int errnum)
{
	uint8_t buf[MJ_WIRE_SMALL];
	size_t len = mj_wire_put_failed(buf, sizeof(buf), step, (uint32_t)errnum);
	(void)!send(start->fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (step == MJ_WIRE_STEP_NNP)
		lib_fail(start, "cannot set no_new_privs: %s", lib_words(errnum));
	const char *why = mj_filter_install_why(errnum);
	lib_fail(start, "%s%s",
	         why ? why : "cannot install the seccomp filter: ", why ? "" : lib_words(errnum));
}

/* From the filter on: stores and loads, and calls of the base set, which no filter notifies. */
static void
install_and_hand_over(struct start *start)
{
	bool killable = false;
	if (!mj_has_sys_admin() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail_step(start, MJ_WIRE_STEP_NNP, errno);
	int listener = mj_filter_install(start->insns, start->count, &killable);
	if (listener < 0)
		fail_step(start, MJ_WIRE_STEP_FILTER, errno);
	atomic_store(&start->page->killable, killable);
	atomic_store(&start->page->listener_plus_one, listener + 1);
	int32_t taken;
	while ((taken = atomic_load(&start->page->taken)) == 0) {
		struct timespec pause = { .tv_nsec = 20000000 };
		struct pollfd pfd = { .fd = start->fd, .events = 0 };
		(void)time_left(start);
		syscall(SYS_futex, &start->page->taken, FUTEX_WAIT, 0, &pause, NULL, 0);
		if (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLHUP) &&
		    atomic_load(&start->page->taken) == 0)
			lib_fail(start, "the agent (%s) has ended", start->where);
	}
	/* Nobody in the jail keeps one: it could answer its own calls, or wait for ever once the agent is gone. */
	close(listener);
	atomic_store(&start->page->closed, 1);
	if (taken != MJ_WIRE_TAKEN)
		lib_fail(start,
		         "the agent (%s) could not take over its supervision; its own messages "
		         "say why",
		         start->where);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static void
check_process(const struct start *start)
{
	struct stat tasks;
	if (getauxval(AT_SECURE))
		lib_fail(start, "it runs with more privileges than who started it (set-user-ID, "
		                "set-group-ID or file capabilities): " LIBRARY
		                " cannot be used for it; modjail run can");
	if (!start->settings.socket && !start->settings.policy)
		lib_fail(start, LIBRARY " is preloaded, but neither MODJAIL_SOCKET=PATH nor "
		                        "MODJAIL_POLICY=FILE is set");
	if (start->settings.socket && start->settings.policy)
		lib_fail(start, "both MODJAIL_SOCKET and MODJAIL_POLICY are set: choose one");
	/* A directory of /proc has a link for each thread (fs/proc/base.c, proc_task_getattr). */
	if (stat("/proc/self/task", &tasks) < 0)
		lib_fail(start, "/proc/self/task cannot be read: %s", lib_words(errno));
	if (tasks.st_nlink != 3)
		lib_fail(start,
		         "another library has started threads already, which no filter would "
		         "hold; preload " LIBRARY " last");
}

/* glibc passes these to every constructor (elf/dl-init.c, call_init). */
__attribute__((constructor)) static void
start_in_jail(int argc, char **argv, char **envp)
{
	struct start start = { .name = "the program", .fd = -1, .where = "none yet" };
	if (argc < 0 || !argv || envp != argv + argc + 1 || argv[argc])
		lib_fail(&start, "the C library does not tell where its environment is: " LIBRARY
		                 " needs glibc");
	if (argv[0])
		start.name = argv[0];
	start.envp = envp;
	lib_read_settings(envp, &start.settings);
	check_process(&start);
	set_deadline(&start);
	if (start.settings.socket)
		connect_to_agent(&start);
	else
		lib_start_helper(&start);
	greet(&start);
	get_filter(&start);
	/* Another library's constructor may have moved libc's; Go reads the one on the stack. */
	char **copy = environ && environ != envp ? environ : NULL;
	if (copy)
		lib_change_environment(&start, copy);
	lib_change_environment(&start, envp);
	install_and_hand_over(&start);
	munmap(start.page, MJ_WIRE_PAGE_SIZE);
	munmap(start.insns, BPF_MAXINSNS * sizeof(*start.insns));
	close(start.fd);
}
