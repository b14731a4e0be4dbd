/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `modjail agent`: programs that somebody else starts put themselves under a filter (libmodjail_preload.so) and come to the
 * agent for it. The agent's main process accepts connections and does nothing else; every program has a supervisor
 * process of its own, so that none can hold up, or bring down, another one's.
 */
#ifndef MJ_AGENT_H
#define MJ_AGENT_H

#include <time.h>

#include "common/common.h"

struct mj_run_args;
struct mj_run_result;
struct mj_reporter;

/* ---- the socket (agent_socket.c) ------------------------------------------------------------- */

/** A listening socket at a path; or one that a service manager has opened: path is empty then. */
struct mj_agent_socket {
	int fd; /**< O_CLOEXEC */
	char path[108];
	/** Of the path, so that only the own file is removed; numbers of files are used again. */
	uint64_t dev, ino;
	struct timespec changed;
};

/**
 * Listens at path, a SOCK_SEQPACKET socket with this mode and group ((gid_t)-1: as it comes). A socket that is there
 * already is replaced only if nobody listens at it; anything else that is there is an error. A lock on the folder keeps
 * two agents from replacing each other's. mj_agent_socket_close.
 */
int mj_agent_socket_open(const char *path, mode_t mode, gid_t group, struct mj_agent_socket *ret,
                         struct mj_error *err);
/**
 * Takes the socket that a service manager passes (sd_listen_fds(3): LISTEN_PID is this process, LISTEN_FDS 1), and
 * removes those variables from the environment. Returns 1 if there is one, 0 if not, -1 and *err if it is no listening
 * SOCK_SEQPACKET one.
 */
int mj_agent_socket_inherit(struct mj_agent_socket *ret, struct mj_error *err);
/** Closes it and removes the file, if that is still the one that was made. */
void mj_agent_socket_close(struct mj_agent_socket *socket);

/* ---- many programs (agent.c) ----------------------------------------------------------------- */

/** Who may have programs supervised. */
struct mj_agent_users {
	bool listed; /**< false: whoever can connect, if the agent is root; else its own user */
	const uid_t *uids; /**< borrowed */
	size_t count;
};
/** Whether a program of this user is taken; self: the agent's own effective user id. */
bool mj_agent_takes(const struct mj_agent_users *users, uid_t self, uid_t uid);

struct mj_agent_args {
	struct mj_agent_socket *socket; /**< closed when no more programs are taken */
	unsigned max_programs;          /**< at once; more are told to come again */
	struct mj_agent_users users;
	/** Called in a process of its own for each connection fd (which is to be closed), with all signals blocked; what it
	 * returns is that process's exit status: MJ_AGENT_DONE, or MJ_AGENT_REFUSED if no program was supervised. */
	int (*serve)(void *ctx, int fd);
	void *ctx;
	const struct mj_reporter *reporter; /**< for notices; may be NULL */
};
#define MJ_AGENT_DONE 0
#define MJ_AGENT_REFUSED 1

/**
 * Accepts and serves until SIGTERM or SIGINT: then takes no more programs, and returns when those that run have ended. A
 * second one kills the supervisors and their programs. A program whose supervisor ends in any other way than by returning
 * is killed. Blocks all signals of the calling thread, which must be the only one.
 */
int mj_agent_run(const struct mj_agent_args *args, struct mj_error *err);

/* ---- one program (session.c) ----------------------------------------------------------------- */

/** A program that asks to be supervised. All pointers are borrowed. */
struct mj_client {
	pid_t pid; /**< in this process's PID namespace */
	uid_t uid;
	int exe;          /**< its executable file, opened for reading */
	const char *path; /**< of that file, for messages and the choice of a policy */
};

struct mj_session_args {
	struct mj_agent_users users;
	/** Chooses how the program is supervised: fills *ret (path, argv, envp, release_stdio count for nothing), what
	 * it points to lives until mj_session_run returns. -1 and *err: it is refused, and told why. */
	int (*choose)(void *ctx, const struct mj_client *client, struct mj_run_args *ret,
	              struct mj_error *err);
	/** The program is in its jail, and about to start. May be NULL. */
	void (*started)(void *ctx, const struct mj_client *client);
	void *ctx;
};

/**
 * Speaks with the library at the other end of fd (a connected socket, owned), takes the listener over, and supervises until the last
 * process of the jail has ended. Fails if the program was not supervised; it was told so, and does not start. The
 * calling thread's signals should be blocked.
 */
int mj_session_run(int fd, const struct mj_session_args *args, struct mj_run_result *ret,
                   struct mj_error *err);

#endif
