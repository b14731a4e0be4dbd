/* SPDX-License-Identifier: Apache-2.0 */
/* Runs each probe in a child, which tells what it found through a shared page. */
#include "doctor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_SECONDS 10

/* In the order in which one needs the other. */
static const struct {
	const char *id, *name;
	bool needed;
	probe_fn *run;
} probes[] = {
	{ "kernel", "kernel", true, dr_kernel },
	{ "proc", "/proc", true, dr_proc },
	{ "no-new-privs", "no_new_privs", false, dr_no_new_privs },
	{ "seccomp-filter", "seccomp filters", true, dr_filter },
	{ "user-notification", "user notification", true, dr_notification },
	{ "listener", "a listener of its own", true, dr_listener },
	{ "continue", "answer: go on", true, dr_continue },
	{ "refuse", "answer: refused", true, dr_refuse },
	{ "wait-killable-recv", "WAIT_KILLABLE_RECV", false, dr_killable },
	{ "sync-wake-up", "SYNC_WAKE_UP", false, dr_sync },
	{ "addfd", "ADDFD", false, dr_addfd },
	{ "proc-syscall", "/proc/TID/syscall", true, dr_proc_syscall },
	{ "proc-mem", "/proc/PID/mem", true, dr_proc_mem },
	{ "proc-files", "/proc/PID/exe, maps, auxv", true, dr_proc_files },
	{ "process-vm-readv", "process_vm_readv", false, dr_vm_readv },
	{ "pidfd-open", "pidfd_open", false, dr_pidfd_open },
	{ "pidfd-getfd", "pidfd_getfd", false, dr_pidfd_getfd },
	{ "start", "a program under a filter", true, dr_start },
	{ "yama", "Yama", false, dr_yama },
	{ "capabilities", "capabilities", false, dr_capabilities },
	{ "namespaces", "namespaces", false, dr_namespaces },
	{ "container", "container", false, dr_container },
	{ "landlock", "Landlock", false, dr_landlock },
	{ "memfd-exec", "executable memfds", false, dr_memfd },
	{ "user-namespaces", "new user namespaces", false, dr_userns },
	{ "open-files", "limit of open files", false, dr_nofile },
	{ "godebug", "GODEBUG", false, dr_godebug },
	{ "go", "Go releases", false, dr_go },
};

const char *
mj_health_name(enum mj_health health)
{
	static const char *const names[] = { "missing", "degraded", "ok" };
	return (unsigned)health < MJ_ARRAY_LEN(names) ? names[health] : names[0];
}

size_t
mj_doctor_count(void)
{
	return MJ_ARRAY_LEN(probes);
}

bool
mj_doctor_can_run(const struct mj_examined *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].needed && all[i].health == MJ_HEALTH_MISSING)
			return false;
	return count > 0;
}

/* ---- texts ----------------------------------------------------------------------------------- */

#define SET_TEXT(field)                                                                            \
	va_list ap;                                                                                \
	va_start(ap, fmt);                                                                         \
	vsnprintf(ret->field, sizeof(ret->field), fmt, ap);                                        \
	va_end(ap)

void
dr_seen(struct mj_examined *ret, const char *fmt, ...)
{
	SET_TEXT(seen);
}

void
dr_follows(struct mj_examined *ret, const char *fmt, ...)
{
	SET_TEXT(follows);
}

void
dr_remedy(struct mj_examined *ret, const char *fmt, ...)
{
	SET_TEXT(remedy);
}

void
dr_failed(struct mj_examined *ret, int errnum, const char *what)
{
	dr_seen(ret, "%s: %s", what, strerror(errnum));
}

/* ---- what several probes read ----------------------------------------------------------------- */

bool
dr_has_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[capability / 32].effective >> capability % 32 & 1;
}

ssize_t
dr_read_text(const char *path, char *buf, size_t size)
{
	MJ_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	size_t len = 0;
	if (fd < 0)
		return -1;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

bool
dr_read_number(const char *path, long *ret)
{
	char text[64];
	char *end;
	if (dr_read_text(path, text, sizeof(text)) < 0)
		return false;
	*ret = strtol(text, &end, 10);
	if (end != text)
		return true;
	errno = EINVAL;
	return false;
}

bool
dr_field(const char *text, const char *key, long *ret)
{
	const char *at = text;
	size_t len = strlen(key);
	for (; at && *at; at = strchr(at, '\n'), at += at != NULL) {
		if (strncmp(at, key, len) == 0) {
			*ret = strtol(at + len, NULL, 10);
			return true;
		}
	}
	return false;
}

/* ---- children -------------------------------------------------------------------------------- */

/* What a probe found, in memory that its child shares. */
struct page {
	struct mj_examined examined;
	_Atomic int done;
};

static _Noreturn void
child(size_t index, struct page *page, pid_t parent)
{
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(PROBE_SECONDS);
	probes[index].run(&page->examined);
	atomic_store(&page->done, 1);
	_exit(0);
}

/* A child that ended without an answer is an answer: nothing is there. */
static void
explain_end(struct mj_examined *ret, int code, int status)
{
	ret->health = MJ_HEALTH_MISSING;
	ret->follows[0] = ret->remedy[0] = '\0';
	if (code == CLD_EXITED)
		dr_seen(ret, "the probe ended without an answer");
	else if (status == SIGALRM)
		dr_seen(ret, "the probe had no answer in %d seconds", PROBE_SECONDS);
	else if (status == SIGSYS)
		dr_seen(ret, "the probe was killed for a system call that a filter around it does "
		             "not allow "
		             "(SIGSYS)");
	else
		dr_seen(ret, "the probe was killed by signal %d (%s)", status, strsignal(status));
	if (status == SIGSYS)
		dr_remedy(ret, "run modjail outside of that container, or give it a seccomp "
		               "profile that allows "
		               "seccomp(2) and what modjail itself calls");
}

static int
run_child(size_t index, struct page *page, struct mj_error *err)
{
	pid_t parent = getpid();
	siginfo_t info = { 0 };
	pid_t pid = fork();
	if (pid < 0)
		return mj_error_sys(err, errno, "cannot create a process");
	if (pid == 0)
		child(index, page, parent);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0)
		if (errno != EINTR)
			return mj_error_sys(err, errno, "cannot wait for a process");
	if (!atomic_load(&page->done))
		explain_end(&page->examined, info.si_code, info.si_status);
	return 0;
}

int
mj_doctor_examine(size_t index, struct mj_examined *ret, struct mj_error *err)
{
	if (index >= MJ_ARRAY_LEN(probes))
		return mj_error_set(err, MJ_ERR_USAGE, "there is no probe %zu", index);
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
	                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return mj_error_sys(err, errno, "cannot map a page to share with a probe");
	page->examined.id = probes[index].id;
	page->examined.name = probes[index].name;
	page->examined.needed = probes[index].needed;
	int rc = run_child(index, page, err);
	if (rc == 0)
		*ret = page->examined;
	munmap(page, sizeof(*page));
	return rc;
}
