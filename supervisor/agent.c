/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's main process: accepts, and forks a supervisor for each connection. It reads nothing of what connects, so
 * that nobody can hold it up. What it keeps of each is the process that connected, to kill it if its supervisor
 * ends before it: a program whose supervised calls all fail with ENOSYS is of no use to anybody, and under
 * modjail run it would be killed as well.
 */
#include "supervisor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_MS 100 /* after an accept that failed for want of something */

/* A supervisor, and the program that it supervises. */
struct worker {
	pid_t pid; /* 0: free */
	int pidfd; /* of the program; -1: not known */
};

struct agent {
	const struct mj_agent_args *args;
	struct worker *workers; /* args->max_programs of them */
	unsigned running;
	int signal_fd;
	bool ending, killed;
	bool short_of_something; /* accept failed: wait before the next one */
};

static void
say(const struct agent *agent, enum mj_notice_level level, const char *text)
{
	const struct mj_reporter *reporter = agent->args->reporter;
	if (reporter && reporter->notice)
		reporter->notice(reporter->ctx, level, text);
}

/* A connection that is not served: why, in one packet, which a fresh socket has room for. */
static void
turn_away(int fd, const char *why)
{
	uint8_t buf[MJ_WIRE_SMALL];
	size_t len = mj_wire_put_refuse(buf, sizeof(buf), why);
	(void)!send(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- in a supervisor ------------------------------------------------------------------------ */

static _Noreturn void
worker_main(struct agent *agent, int fd)
{
	struct rlimit limit;
	/* Nothing of the others. A terminal's signals are blocked; the agent's end is not this program's. */
	mj_close(agent->args->socket->fd);
	mj_close(agent->signal_fd);
	for (unsigned i = 0; i < agent->args->max_programs; i++)
		if (agent->workers[i].pid)
			mj_close(agent->workers[i].pidfd);
	/* A descriptor is kept for every thread that was notified. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	prctl(PR_SET_NAME, "modjail-program");
	exit(agent->args->serve(agent->args->ctx, fd));
}

/* ---- connections ---------------------------------------------------------------------------- */

static struct worker *
free_place(struct agent *agent)
{
	for (unsigned i = 0; i < agent->args->max_programs; i++)
		if (!agent->workers[i].pid)
			return &agent->workers[i];
	return NULL;
}

static void
start_worker(struct agent *agent, int fd, const struct ucred *cred)
{
	struct worker *place = free_place(agent);
	if (!place) {
		turn_away(fd, "the agent supervises as many programs as it may "
		              "(--max-programs): start it again later, or the agent with more");
		say(agent, MJ_NOTICE_WARNING,
		    "a program was turned away: there are as many as "
		    "--max-programs allows");
		return;
	}
	MJ_AUTO_FD int pidfd = sup_peer_pidfd(fd, cred->pid);
	fflush(NULL); /* or both processes would write it */
	pid_t pid = fork();
	if (pid == 0) {
		mj_close(mj_steal_fd(&pidfd));
		worker_main(agent, fd);
	}
	if (pid < 0) {
		turn_away(fd, "the agent cannot create a process");
		say(agent, MJ_NOTICE_ERROR, "cannot create a process; a program was turned away");
		return;
	}
	*place = (struct worker){ pid, mj_steal_fd(&pidfd) };
	agent->running++;
}

static void
accept_one(struct agent *agent)
{
	char text[160];
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	MJ_AUTO_FD int fd =
		accept4(agent->args->socket->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		agent->short_of_something =
			errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.pid <= 0) {
		turn_away(fd, "the agent cannot see which process this is (another PID "
		              "namespace?)");
		return;
	}
	if (!mj_agent_takes(&agent->args->users, geteuid(), cred.uid)) {
		snprintf(text, sizeof(text), "the agent takes no programs of user %u%s",
		         (unsigned)cred.uid, geteuid() != 0 ? ": it is not root" : "");
		turn_away(fd, text);
		say(agent, MJ_NOTICE_WARNING, text);
		return;
	}
	start_worker(agent, fd, &cred);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void
end_worker(struct agent *agent, struct worker *worker, const siginfo_t *info)
{
	bool normal = info->si_code == CLD_EXITED &&
	              (info->si_status == MJ_AGENT_DONE || info->si_status == MJ_AGENT_REFUSED);
	if (!normal && worker->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, worker->pidfd, SIGKILL, NULL, 0);
	if (!normal && !agent->killed)
		say(agent, MJ_NOTICE_ERROR,
		    "a supervisor ended before its program, which is killed");
	mj_close(worker->pidfd);
	*worker = (struct worker){ 0, -1 };
	agent->running--;
}

static void
reap(struct agent *agent)
{
	siginfo_t info = { 0 };
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid) {
		for (unsigned i = 0; i < agent->args->max_programs; i++)
			if (agent->workers[i].pid == info.si_pid)
				end_worker(agent, &agent->workers[i], &info);
		info.si_pid = 0;
	}
}

static void
kill_workers(struct agent *agent)
{
	agent->killed = true;
	for (unsigned i = 0; i < agent->args->max_programs; i++)
		if (agent->workers[i].pid)
			kill(agent->workers[i].pid, SIGKILL);
}

static void
read_signals(struct agent *agent)
{
	struct signalfd_siginfo info;
	while (read(agent->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(agent);
		else if (info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT)
			continue;
		else if (!agent->ending)
			agent->ending = true;
		else
			kill_workers(agent);
	}
}

static int
loop(struct agent *agent, struct mj_error *err)
{
	while (!agent->ending || agent->running) {
		bool accepting = !agent->ending && !agent->short_of_something;
		struct pollfd fds[] = {
			{ .fd = agent->signal_fd, .events = POLLIN },
			{ .fd = accepting ? agent->args->socket->fd : -1, .events = POLLIN },
		};
		if (poll(fds, 2, agent->short_of_something ? RETRY_MS : -1) < 0 && errno != EINTR)
			return mj_error_sys(err, errno, "cannot wait for programs");
		agent->short_of_something = false;
		if (fds[0].revents)
			read_signals(agent);
		if (fds[1].revents & POLLIN)
			accept_one(agent);
		else if (fds[1].revents)
			return mj_error_set(err, MJ_ERR_SYSTEM, "the agent's socket has gone");
		/* Whoever waits there is told so by the end of the socket. */
		if (agent->ending)
			mj_agent_socket_close(agent->args->socket);
	}
	return 0;
}

int
mj_agent_run(const struct mj_agent_args *args, struct mj_error *err)
{
	struct agent agent = { .args = args, .signal_fd = -1 };
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	/* Ignored, it would make the kernel reap supervisors behind our back. */
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	agent.workers = calloc(args->max_programs, sizeof(*agent.workers));
	if (!agent.workers)
		return mj_error_set(err, MJ_ERR_MEMORY, "out of memory");
	agent.signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	int rc = agent.signal_fd < 0 ? mj_error_sys(err, errno, "cannot create a signalfd")
	                             : loop(&agent, err);
	mj_close(agent.signal_fd);
	free(agent.workers);
	return rc;
}
