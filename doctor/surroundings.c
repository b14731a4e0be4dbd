/* SPDX-License-Identifier: Apache-2.0 */
/* What is around modjail: /proc, Yama, capabilities, namespaces, a container, limits, and what programs find. */
#include "doctor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "symbolizer/symbolizer.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

/* ---- /proc ------------------------------------------------------------------------------------- */

/* The option hidepid of the /proc that is seen, or "" */
static void
find_hidepid(char *ret, size_t size)
{
	char line[1024];
	FILE *file = fopen("/proc/self/mountinfo", "re");
	ret[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		char point[128];
		const char *option = strstr(line, "hidepid=");
		if (sscanf(line, "%*s %*s %*s %*s %127s", point) == 1 &&
		    strcmp(point, "/proc") == 0)
			snprintf(ret, size, "%.*s", option ? (int)strcspn(option, ", \n") : 0,
			         option ? option : "");
	}
	if (file)
		fclose(file);
}

void
dr_proc(struct mj_examined *ret)
{
	struct statfs fs;
	char self[32] = "", hidepid[32];
	if (statfs("/proc", &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
		dr_seen(ret, "no proc file system is mounted there");
		dr_follows(ret,
		           "modjail cannot read stacks, and refuses all that it is asked about");
		dr_remedy(ret, "mount -t proc proc /proc");
		return;
	}
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	if (n <= 0 || strtol(self, NULL, 10) != getpid()) {
		dr_seen(ret, "it is that of another PID namespace");
		dr_follows(ret, "modjail cannot find the processes it supervises in it");
		dr_remedy(ret, "mount the /proc of this PID namespace (unshare --mount-proc)");
		return;
	}
	find_hidepid(hidepid, sizeof(hidepid));
	dr_seen(ret, "mounted%s%s", *hidepid ? ", " : "", hidepid);
	ret->health = MJ_HEALTH_OK;
	if (*hidepid && strcmp(hidepid, "hidepid=off") != 0 && strcmp(hidepid, "hidepid=0") != 0)
		dr_follows(ret, "the processes of other users are hidden: those in the jail that "
		                "change their "
		                "user cannot be read, and are refused");
}

/* ---- who may look ------------------------------------------------------------------------------ */

void
dr_yama(struct mj_examined *ret)
{
	long scope;
	bool may = dr_has_capability(CAP_SYS_PTRACE);
	if (!dr_read_number("/proc/sys/kernel/yama/ptrace_scope", &scope)) {
		dr_seen(ret, errno == ENOENT ? "not in this kernel" : "its setting cannot be read");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	dr_seen(ret, "kernel.yama.ptrace_scope is %ld", scope);
	if (scope <= 1 || (scope == 2 && may)) {
		ret->health = MJ_HEALTH_OK;
		if (scope == 1 && !may)
			dr_follows(
				ret,
				"what the program starts and leaves behind is not a descendant any "
				"longer: its calls are refused where they must be attributed");
		return;
	}
	dr_follows(ret,
	           "nobody may read another process%s: modjail refuses all that it is asked about",
	           scope == 2 ? " without CAP_SYS_PTRACE" : "");
	dr_remedy(ret,
	          scope == 2
	                  ? "sysctl kernel.yama.ptrace_scope=1, or run modjail with CAP_SYS_PTRACE"
	                  : "set kernel.yama.ptrace_scope to 1 and start the machine anew: 3 stays "
	                    "until then");
}

void
dr_capabilities(struct mj_examined *ret)
{
	bool trace = dr_has_capability(CAP_SYS_PTRACE), admin = dr_has_capability(CAP_SYS_ADMIN);
	dr_seen(ret, "user %u; CAP_SYS_PTRACE: %s, CAP_SYS_ADMIN: %s", geteuid(),
	        trace ? "yes" : "no", admin ? "yes" : "no");
	ret->health = MJ_HEALTH_OK; /* modjail needs none */
	if (!trace && !admin)
		dr_follows(ret, "as it should be: a process that is not dumpable or has other "
		                "privileges cannot "
		                "be read and is refused; set-user-ID programs (sudo) gain nothing "
		                "in the jail");
	else if (!admin)
		dr_follows(ret, "set-user-ID programs (sudo) gain nothing in the jail");
	else if (!trace)
		dr_follows(ret, "processes with more privileges cannot be read: they are refused");
	else
		dr_follows(
			ret,
			"no_new_privs is not set: set-user-ID programs work in the jail as they do "
			"outside");
}

/* ---- namespaces and containers ------------------------------------------------------------------- */

/* Whether /proc/self/uid_map is that of the first user namespace. */
static bool
is_first_user_namespace(void)
{
	char text[256];
	unsigned long inside, outside, count;
	return dr_read_text("/proc/self/uid_map", text, sizeof(text)) > 0 &&
	       sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 &&
	       outside == 0 && count == 4294967295ul;
}

/* How many PID namespaces this process is in, as far as its /proc sees; 0 if unknown. */
static unsigned
pid_namespaces(const char *status)
{
	const char *at = strstr(status, "\nNSpid:");
	unsigned count = 0;
	for (at = at ? at + 7 : NULL; at && *at && *at != '\n'; at++)
		count += *at == '\t';
	return count;
}

void
dr_namespaces(struct mj_examined *ret)
{
	char status[4096] = "";
	bool first = is_first_user_namespace();
	dr_read_text("/proc/self/status", status, sizeof(status));
	unsigned pids = pid_namespaces(status);
	dr_seen(ret, "%s user namespace; %s PID namespace", first ? "the first" : "an inner",
	        pids > 1 ? "an inner" : "one");
	ret->health = MJ_HEALTH_OK;
	if (!first)
		dr_follows(ret, "capabilities hold inside of it only; set-user-ID programs of "
		                "users that it does "
		                "not know gain nothing");
}

static const char *
container_hint(void)
{
	static char name[64];
	const char *value = getenv("container");
	if (access("/.dockerenv", F_OK) == 0)
		return "docker (/.dockerenv)";
	if (access("/run/.containerenv", F_OK) == 0)
		return "podman (/run/.containerenv)";
	if (access("/run/host/container-manager", F_OK) == 0)
		return "systemd-nspawn (/run/host/container-manager)";
	if (getenv("KUBERNETES_SERVICE_HOST"))
		return "Kubernetes (KUBERNETES_SERVICE_HOST)";
	if (!value || !*value)
		return NULL;
	snprintf(name, sizeof(name), "$container is set");
	return name;
}

void
dr_container(struct mj_examined *ret)
{
	char status[4096] = "";
	long mode = 0, filters = 0;
	const char *hint = container_hint();
	dr_read_text("/proc/self/status", status, sizeof(status));
	if (!dr_field(status, "Seccomp:", &mode)) {
		dr_seen(ret,
		        "/proc/self/status does not tell whether a filter is around this process");
		ret->health = MJ_HEALTH_DEGRADED;
		return;
	}
	dr_field(status, "Seccomp_filters:", &filters);
	if (mode)
		dr_seen(ret, "%s; seccomp filters around this process: %ld",
		        hint ? hint : "no sign of one", filters);
	else
		dr_seen(ret, "%s; no seccomp filter around this process",
		        hint ? hint : "no sign of one");
	ret->health = MJ_HEALTH_OK;
	if (mode)
		dr_follows(ret, "what they refuse is refused whatever modjail says; whether they "
		                "have a listener "
		                "is examined above");
}

void
dr_landlock(struct mj_examined *ret)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	                   1 /* LANDLOCK_CREATE_RULESET_VERSION */);
	if (abi < 0) {
		dr_failed(ret, errno, "not offered");
		dr_follows(ret, "modjail run does without");
		return;
	}
	dr_seen(ret, "ABI %ld", abi);
	ret->health = MJ_HEALTH_OK;
}

void
dr_userns(struct mj_examined *ret)
{
	if (unshare(CLONE_NEWUSER) == 0) {
		dr_seen(ret, "can be made");
		ret->health = MJ_HEALTH_OK;
		return;
	}
	dr_failed(ret, errno, "cannot be made");
	dr_follows(ret, "modjail run does without; programs in the jail that make one fail as they "
	                "do outside");
}

/* ---- memfds ------------------------------------------------------------------------------------- */

/* mov $TINY_STATUS, %edi; mov $60 (exit), %eax; syscall: an ELF file of one segment at 0x400000. */
#define TINY_STATUS 42 /* ENOMSG: no errno of execveat(2) */
/* clang-format off */
static const unsigned char tiny_program[] = {
	0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,  /* e_ident */
	2, 0, 62, 0, 1, 0, 0, 0, 0x78, 0, 0x40, 0, 0, 0, 0, 0,    /* EXEC, x86-64, version, entry */
	64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,          /* program headers, no sections */
	0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0,         /* sizes; one program header */
	1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,           /* LOAD, read and execute, offset */
	0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0,     /* addresses */
	0x84, 0, 0, 0, 0, 0, 0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0,     /* sizes: all of the file */
	0, 0x10, 0, 0, 0, 0, 0, 0,                                /* alignment */
	0xbf, TINY_STATUS, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05,
};
/* clang-format on */

static void
explain_memfd(struct mj_examined *ret, int errnum)
{
	long setting;
	dr_failed(ret, errnum, "a program in a memfd cannot be executed");
	dr_follows(ret, "modjail run does without; programs that execute memfds (runc) fail as "
	                "they do outside");
	if (dr_read_number("/proc/sys/vm/memfd_noexec", &setting) && setting == 2)
		dr_remedy(ret, "vm.memfd_noexec is 2: set it to 1 or 0");
}

void
dr_memfd(struct mj_examined *ret)
{
	int status = 0;
	int fd = memfd_create("modjail-doctor", MFD_CLOEXEC | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("modjail-doctor", MFD_CLOEXEC); /* before Linux 6.3 */
	if (fd < 0 || write(fd, tiny_program, sizeof(tiny_program)) != sizeof(tiny_program)) {
		explain_memfd(ret, errno);
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		char *none[] = { NULL };
		syscall(SYS_execveat, fd, "", none, none, 0x1000 /* AT_EMPTY_PATH */);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		explain_memfd(ret, errno);
		return;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != TINY_STATUS) {
		explain_memfd(ret, WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
		                                                            : ENOEXEC);
		return;
	}
	dr_seen(ret, "a program in a memfd was executed");
	ret->health = MJ_HEALTH_OK;
}

/* ---- limits, environment, programs ---------------------------------------------------------------- */

#define FEW_FILES 4096

void
dr_nofile(struct mj_examined *ret)
{
	struct rlimit limit, processes = { 0 };
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		dr_failed(ret, errno, "RLIMIT_NOFILE");
		return;
	}
	getrlimit(RLIMIT_NPROC, &processes);
	dr_seen(ret, "%llu, at most %llu; processes: %llu", (unsigned long long)limit.rlim_cur,
	        (unsigned long long)limit.rlim_max, (unsigned long long)processes.rlim_cur);
	ret->health = limit.rlim_max < FEW_FILES ? MJ_HEALTH_DEGRADED : MJ_HEALTH_OK;
	if (ret->health == MJ_HEALTH_OK)
		return;
	dr_follows(ret, "modjail keeps files open for threads and processes, up to the hard limit; "
	                "beyond, it "
	                "closes and opens them for each call");
	dr_remedy(ret, "ulimit -Hn %d, for programs with very many threads", FEW_FILES);
}

void
dr_godebug(struct mj_examined *ret)
{
	const char *value = getenv("GODEBUG");
	ret->health = MJ_HEALTH_OK;
	if (!value || !*value) {
		dr_seen(ret, "not set");
		return;
	}
	if (!strstr(value, "tracebackancestors=")) {
		dr_seen(ret, "set; its settings are kept for the program");
		return;
	}
	dr_seen(ret, "set, with tracebackancestors");
	dr_follows(ret,
	           "modjail replaces that setting by its own (--ancestry), and keeps the others");
}

void
dr_go(struct mj_examined *ret)
{
	dr_seen(ret,
	        "programs of Go 1.%d to 1.%d can be jailed; modjail inspect PROG says of which one "
	        "is",
	        MJ_GO_OLDEST, MJ_GO_NEWEST);
	ret->health = MJ_HEALTH_OK;
}
