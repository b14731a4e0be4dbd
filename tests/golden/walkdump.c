/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program under a filter of its own, walks the stack of each recognisable call, prints it as
 * a line of JSON and lets the call go on:
 *     walkdump OUT QUIT_AT WRITE_FD PROGRAM [ARG...]
 * OUT: file for the lines. QUIT_AT: send SIGQUIT while this getpriority waits, 0 for never. WRITE_FD:
 * also walk write(2) to this descriptor, -1 for none.
 */
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
	memset(t, 0, sizeof(*t));
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
	    mj_runtime_create(t->image, bias, 32, &t->process.runtime, &err) < 0)
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
	json_t *line = json_pack("{s:i, s:I, s:i, s:s, s:s, s:I, s:o}", "nr", req->data.nr, "arg",
	                         (json_int_t)(req->data.nr == SYS_getpriority ? req->data.args[1]
	                                      : req->data.nr == SYS_write     ? req->data.args[0]
	                                                                      : 0),
	                         "tid", req->pid, "status",
	                         complete ? "complete" : mj_walk_why_text(stack->why), "root",
	                         mj_root_name(stack->root), "why_pc", (json_int_t)stack->why_pc,
	                         "frames", frames_json(stack));
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

static void
serve(int listener, FILE *out, unsigned quit_at, pid_t pid)
{
	struct target t = { 0 };
	struct mj_stack stack;
	mj_stack_init(&stack);
	for (;;) {
		struct seccomp_notif req = { 0 };
		struct pollfd pfd = { .fd = listener, .events = POLLIN };
		if (poll(&pfd, 1, -1) < 0 || (pfd.revents & POLLHUP))
			break;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
			continue;
		bool marked = req.data.nr == SYS_execve
		                      ? t.image != NULL /* not the first one, our own child's */
		                      : req.data.nr == SYS_write ||
		                                (req.data.args[1] & 0xffff0000u) == MARK;
		if (marked && !t.image)
			open_target(pid, &t);
		if (marked)
			walk(out, &t, &req, &stack);
		if (quit_at && req.data.nr == SYS_getpriority &&
		    req.data.args[1] == (MARK | quit_at)) {
			kill(pid, SIGQUIT);
			usleep(300000); /* the dump is made while the call still waits */
		}
		struct seccomp_notif_resp resp = { .id = req.id,
			                           .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
	mj_stack_finish(&stack);
	mj_runtime_destroy(t.process.runtime);
	mj_image_destroy(t.image);
}

int
main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: walkdump OUT QUIT_AT WRITE_FD PROGRAM [ARG...]\n");
		return 125;
	}
	struct sock_filter insns[] = {
		LOAD(nr),
		JUMP_EQ(SYS_getpriority, 5, 0),
		JUMP_EQ(SYS_execve, 4, 0),
		JUMP_EQ(SYS_write, 0, 2),
		LOAD(args[0]),
		JUMP_EQ((uint32_t)atoi(argv[3]), 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_USER_NOTIF),
	};
	struct mj_filter filter = { insns, MJ_ARRAY_LEN(insns) };
	sigset_t none;
	sigemptyset(&none);
	struct mj_spawn_args args = { .path = argv[4],
		                      .argv = argv + 4,
		                      .envp = environ,
		                      .filter = &filter,
		                      .sigmask = &none,
		                      .sigignored = &none,
		                      .no_new_privs = true };
	struct mj_spawned spawned;
	struct mj_error err;
	FILE *out = fopen(argv[1], "we");
	if (!out)
		die(argv[1]);
	if (mj_spawn(&args, &spawned, &err) < 0) {
		fprintf(stderr, "walkdump: %s\n", err.text);
		return 125;
	}
	serve(spawned.listener, out, (unsigned)atoi(argv[2]), spawned.pid);
	int status = 0;
	waitpid(spawned.pid, &status, 0);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
