/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program under a filter of its own, walks the stack of each recognisable call, prints it as
 * a line of JSON and lets the call go on:
 *     walkdump OUT QUIT_AT WRITE_FD PROGRAM [ARG...]
 * OUT: file for the lines. QUIT_AT: send SIGQUIT while this getpriority waits, 0 for never; or openat@N: walk the
 * program's N-th openat and whatever waits at the same time, and send SIGQUIT then; if there are fewer, the
 * last line says how many. WRITE_FD: also walk
 * write(2) to this descriptor, -1 for none.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/preload.h"
#include "supervisor/internal.h"
#include "symbolizer/symbolizer.h"

#define MARK 0x6d6a0000u
#define ANCESTORS 32
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JUMP_EQ(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "walkdump: %s: %s\n", what, strerror(errno));
	exit(125);
}

struct target {
	struct sup_process process; /* only what sup_process_read and _ranges need of it */
	struct mj_image *image;
};

static void
open_target(pid_t pid, struct target *t)
{
	char path[64];
	struct mj_error err;
	struct sup_auxv auxv;
	uint64_t bias;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || mj_image_open(fd, path, NULL, 0, &t->image, &err) < 0)
		die("cannot open the program");
	if (mj_image_kind(t->image) != MJ_IMAGE_GO) {
		fprintf(stderr, "walkdump: %s\n", mj_image_why(t->image));
		exit(125);
	}
	bool has_cfi;
	if (mj_image_verify_walks(t->image, fd, &has_cfi, &err) < 0)
		die("cannot read call frame information");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	t->process.mem_fd = open(path, O_RDONLY | O_CLOEXEC);
	t->process.tgid = pid;
	if (t->process.mem_fd < 0 || !sup_read_auxv(pid, &auxv) ||
	    !mj_image_bias(t->image, auxv.phdr, &bias) ||
	    mj_runtime_create(t->image, bias, ANCESTORS, &t->process.runtime, &err) < 0)
		die("cannot read the program");
	t->process.at_base = auxv.base;
}

static json_t *
frames_json(const struct mj_stack *stack)
{
	json_t *frames = json_array();
	for (size_t i = 0; i < stack->npcs; i++) {
		for (unsigned f = 0; f < stack->pcs[i]->nframes; f++) {
			const struct mj_frame *frame = &stack->pcs[i]->frames[f];
			char name[4096];
			mj_function_display(frame->function, name, sizeof(name));
			json_array_append_new(
				frames, json_pack("{s:s, s:s, s:i, s:b, s:i}", "func", name, "file",
			                          frame->file, "line", frame->line, "inlined",
			                          frame->inlined, "subject", frame->subject));
		}
	}
	return frames;
}

static void
dump(FILE *out, const struct target *t, const struct seccomp_notif *req, struct mj_stack *stack)
{
	bool complete = stack->status == MJ_WALK_COMPLETE;
	json_t *line = json_pack(
		"{s:i, s:I, s:i, s:s, s:s, s:I, s:I, s:I, s:o}", "nr", req->data.nr, "arg",
		(json_int_t)(req->data.nr == SYS_getpriority ? req->data.args[1]
	                     : req->data.nr == SYS_write     ? req->data.args[0]
	                                                     : 0),
		"tid", req->pid, "status", complete ? "complete" : mj_walk_why_text(stack->why),
		"root", mj_root_name(stack->root), "why_pc", (json_int_t)stack->why_pc, "goid",
		(json_int_t)stack->goid, "ancestors", (json_int_t)stack->nancestors, "frames",
		frames_json(stack));
	if (!line)
		die("cannot make JSON");
	json_dumpf(line, out, JSON_COMPACT);
	fputc('\n', out);
	fflush(out);
	json_decref(line);
	(void)t;
}

static void
walk(FILE *out, struct target *t, const struct seccomp_notif *req, struct mj_stack *stack)
{
	char path[64], text[256];
	uint64_t sp, pc;
	snprintf(path, sizeof(path), "/proc/%d/syscall", req->pid);
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	do {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		if (n <= 0)
			die("cannot read /proc/TID/syscall");
		text[n] = '\0';
	} while (strncmp(text, "running", 7) == 0);
	if (sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %" SCNx64 " %" SCNx64, &sp, &pc) != 2)
		die("cannot parse /proc/TID/syscall");
	struct mj_memory memory = { sup_process_read, sup_process_ranges, &t->process };
	mj_walk(t->process.runtime, &memory, NULL, pc, sp, stack);
	dump(out, t, req, stack);
}

struct options {
	unsigned quit_at;   /* getpriority that SIGQUIT is sent at, 0 for never */
	unsigned sample_at; /* openat that SIGQUIT is sent at, 0: not in this mode */
	int write_fd;
};

static bool
is_marked(const struct options *options, const struct target *t, const struct seccomp_notif *req)
{
	struct sup_status status;
	switch (req->data.nr) {
	case SYS_openat: /* not those of programs that it executes */
		return sup_read_status((pid_t)req->pid, &status) && status.tgid == t->process.tgid;
	case SYS_execve: /* not the first one, our own child's */
		return t->image != NULL && !options->sample_at;
	case SYS_write:
		return true;
	default:
		return (req->data.args[1] & 0xffff0000u) == MARK;
	}
}

static void
go_on(int listener, const struct seccomp_notif *req)
{
	struct seccomp_notif_resp resp = { .id = req->id,
		                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

static bool
next(int listener, int timeout, struct seccomp_notif *req)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	memset(req, 0, sizeof(*req));
	return poll(&pfd, 1, timeout) == 1 && (pfd.revents & POLLIN) &&
	       ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, req) == 0;
}

#define MAX_WAITING 64

/* Sends SIGQUIT to a thread that does not wait, since one that does takes it behind its call only. False: there
 * is none. */
static bool
quit_by_another(pid_t pid, const uint32_t *waiting, size_t nwaiting)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	bool sent = false;
	for (struct dirent *entry; !sent && tasks && (entry = readdir(tasks));) {
		pid_t tid = atoi(entry->d_name);
		bool waits = tid <= 0;
		for (size_t i = 0; i < nwaiting; i++)
			waits |= waiting[i] == (uint32_t)tid;
		sent = !waits && syscall(SYS_tgkill, pid, tid, SIGQUIT) == 0;
	}
	if (tasks)
		closedir(tasks);
	return sent;
}

/* Walks whatever else waits by now, then has the runtime dump all goroutines while they wait. */
static void
quit(int listener, FILE *out, struct target *t, const struct options *options, uint32_t first,
     struct mj_stack *stack)
{
	struct seccomp_notif req;
	uint32_t waiting[MAX_WAITING] = { first };
	size_t nwaiting = 1;
	while (options->sample_at && nwaiting < MAX_WAITING && next(listener, 10, &req)) {
		waiting[nwaiting++] = req.pid;
		if (is_marked(options, t, &req))
			walk(out, t, &req, stack);
	}
	bool sent = options->sample_at && quit_by_another(t->process.tgid, waiting, nwaiting);
	if (!sent)
		kill(t->process.tgid, SIGQUIT);
	struct pollfd pfd = { .fd = listener };
	/* The runtime exits when the dump is done: POLLHUP. Unless the signal is for the very thread that
	 * waits, which then takes it behind its call. */
	poll(&pfd, 1, sent ? 3000 : 300);
}

static void
serve(int listener, FILE *out, const struct options *options, pid_t pid)
{
	struct target t = { .process = { .tgid = pid } };
	struct mj_stack stack;
	struct seccomp_notif req;
	unsigned seen = 0;
	mj_stack_init(&stack);
	for (;;) {
		struct pollfd pfd = { .fd = listener };
		if (!next(listener, 1000, &req)) {
			if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP))
				break;
			continue;
		}
		bool marked = is_marked(options, &t, &req);
		bool sample = marked && req.data.nr == SYS_openat;
		if (sample && ++seen != options->sample_at) {
			go_on(listener, &req);
			continue;
		}
		if (marked && !t.image)
			open_target(pid, &t);
		if (marked)
			walk(out, &t, &req, &stack);
		if (sample || (options->quit_at && req.data.nr == SYS_getpriority &&
		               req.data.args[1] == (MARK | options->quit_at)))
			quit(listener, out, &t, options, req.pid, &stack);
		go_on(listener, &req);
	}
	if (seen < options->sample_at)
		fprintf(out, "{\"openats\": %u}\n", seen);
	mj_stack_finish(&stack);
	mj_runtime_destroy(t.process.runtime);
	mj_image_destroy(t.image);
}

static pid_t
spawn(char **argv, const struct options *options, struct mj_spawned *ret)
{
	bool sample = options->sample_at != 0;
	struct sock_filter insns[] = {
		LOAD(nr),
		JUMP_EQ(sample ? SYS_openat : SYS_getpriority, 5, 0),
		JUMP_EQ(sample ? SYS_openat : SYS_execve, 4, 0),
		JUMP_EQ(SYS_write, 0, 2),
		LOAD(args[0]),
		JUMP_EQ((uint32_t)options->write_fd, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_USER_NOTIF),
	};
	struct mj_filter filter = { insns, MJ_ARRAY_LEN(insns) };
	struct sup_environ environment;
	sigset_t none;
	sigemptyset(&none);
	if (sup_environ_make(environ, ANCESTORS, &environment) < 0)
		die("environment");
	struct mj_spawn_args args = { .path = argv[0],
		                      .argv = argv,
		                      .envp = environment.envp,
		                      .filter = &filter,
		                      .sigmask = &none,
		                      .sigignored = &none,
		                      .no_new_privs = true };
	struct mj_error err;
	if (mj_spawn(&args, ret, &err) < 0) {
		fprintf(stderr, "walkdump: %s\n", err.text);
		exit(125);
	}
	sup_environ_finish(&environment);
	return ret->pid;
}

int
main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: walkdump OUT QUIT_AT WRITE_FD PROGRAM [ARG...]\n");
		return 125;
	}
	struct options options = { .write_fd = atoi(argv[3]) };
	if (sscanf(argv[2], "openat@%u", &options.sample_at) != 1)
		options.quit_at = (unsigned)atoi(argv[2]);
	FILE *out = fopen(argv[1], "we");
	if (!out)
		die(argv[1]);
	struct mj_spawned spawned;
	pid_t pid = spawn(argv + 4, &options, &spawned);
	serve(spawned.listener, out, &options, pid);
	int status = 0;
	waitpid(pid, &status, 0);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
