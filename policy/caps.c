/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <string.h>

static const char *const cap_names[MJ_CAP_COUNT] = {
	[MJ_CAP_FILES_READ] = "FILES/READ",
	[MJ_CAP_FILES_WRITE] = "FILES/WRITE",
	[MJ_CAP_FILES_STAT] = "FILES/STAT",
	[MJ_CAP_NETWORK_CONNECT] = "NETWORK/CONNECT",
	[MJ_CAP_NETWORK_LISTEN] = "NETWORK/LISTEN",
	[MJ_CAP_NETWORK_UNIX] = "NETWORK/UNIX",
	[MJ_CAP_NETWORK_NETLINK] = "NETWORK/NETLINK",
	[MJ_CAP_NETWORK_RAW] = "NETWORK/RAW",
	[MJ_CAP_EXEC] = "EXEC",
	[MJ_CAP_MODIFY_SIGNALS] = "MODIFY_SYSTEM_STATE/SIGNALS",
	[MJ_CAP_MODIFY_CHDIR] = "MODIFY_SYSTEM_STATE/CHDIR",
	[MJ_CAP_MODIFY_IDS] = "MODIFY_SYSTEM_STATE/IDS",
	[MJ_CAP_MODIFY_LIMITS] = "MODIFY_SYSTEM_STATE/LIMITS",
	[MJ_CAP_MODIFY_FDS] = "MODIFY_SYSTEM_STATE/FDS",
	[MJ_CAP_MODIFY_PROCESS] = "MODIFY_SYSTEM_STATE/PROCESS",
	[MJ_CAP_MODIFY_DUMPABLE] = "MODIFY_SYSTEM_STATE/DUMPABLE",
	[MJ_CAP_READ_SYSTEM_STATE] = "READ_SYSTEM_STATE",
	[MJ_CAP_OPERATING_SYSTEM] = "OPERATING_SYSTEM",
	[MJ_CAP_ARBITRARY_EXECUTION] = "ARBITRARY_EXECUTION",
	[MJ_CAP_SYSTEM_CALLS] = "SYSTEM_CALLS",
};

/* What each is, and how a module that has it can do what it was not given. */
static const struct {
	const char *meaning, *escape;
} texts[MJ_CAP_COUNT] = {
	[MJ_CAP_FILES_READ] = { "open files for reading, list folders; includes FILES/STAT", NULL },
	[MJ_CAP_FILES_WRITE] = { "open files for writing, create, rename, link, delete, change "
	                         "modes and owners",
	                         "it may write /proc/self/mem, and so any code of the program" },
	[MJ_CAP_FILES_STAT] = { "look at attributes of files, follow links, open with O_PATH",
	                        NULL },
	[MJ_CAP_NETWORK_CONNECT] = { "connect to other machines, send datagrams", NULL },
	[MJ_CAP_NETWORK_LISTEN] = { "wait for connections", NULL },
	[MJ_CAP_NETWORK_UNIX] = { "Unix sockets", "daemons behind such sockets (docker.sock, the "
	                                          "bus of systemd) start "
	                                          "programs outside of the jail for whoever asks" },
	[MJ_CAP_NETWORK_NETLINK] = { "netlink sockets: the kernel's network configuration", NULL },
	[MJ_CAP_NETWORK_RAW] = { "raw and packet sockets, and every other kind", NULL },
	[MJ_CAP_EXEC] = { "execute programs",
	                  "a shell or interpreter may do whatever every module on the stack that "
	                  "started it may do, and no more (its ceiling), but nobody asks any "
	                  "longer "
	                  "which code in it does so" },
	[MJ_CAP_MODIFY_SIGNALS] = { "send signals to processes and threads", NULL },
	[MJ_CAP_MODIFY_CHDIR] = { "change the working folder, the root, the umask", NULL },
	[MJ_CAP_MODIFY_IDS] = { "change user, group, session and process group, and "
	                        "capabilities(7)",
	                        NULL },
	[MJ_CAP_MODIFY_LIMITS] = { "change resource limits, priorities and scheduling", NULL },
	[MJ_CAP_MODIFY_FDS] = { "put a descriptor in the place of another one", NULL },
	[MJ_CAP_MODIFY_PROCESS] = { "change other attributes of the process (prctl)", NULL },
	[MJ_CAP_MODIFY_DUMPABLE] = { "make the process unreadable to the supervisor",
	                             "a modjail without privileges is then blind: it refuses every "
	                             "call that it would have to attribute" },
	[MJ_CAP_READ_SYSTEM_STATE] = { "ask for the system's and other processes' state", NULL },
	[MJ_CAP_OPERATING_SYSTEM] = { "mounts, namespaces, kernel modules, clocks, reboot",
	                              "with privileges, it loads code into the kernel "
	                              "(finit_module, "
	                              "bpf, kexec_load) or mounts other files over those that are "
	                              "trusted" },
	[MJ_CAP_ARBITRARY_EXECUTION] = { "make memory executable", "machine code that it makes up "
	                                                           "can forge the stack that is "
	                                                           "asked" },
	[MJ_CAP_SYSTEM_CALLS] = { "every system call that nothing else here names",
	                          "ptrace and process_vm_writev write into processes, "
	                          "io_uring_setup "
	                          "gets calls past the filter, and what is yet to come is among "
	                          "them" },
};

const char *
mj_cap_meaning(enum mj_cap cap)
{
	return (unsigned)cap < MJ_CAP_COUNT ? texts[cap].meaning : "";
}

const char *
mj_cap_escape(enum mj_cap cap)
{
	return (unsigned)cap < MJ_CAP_COUNT ? texts[cap].escape : NULL;
}

static const char *const families[] = { "FILES", "NETWORK", "MODIFY_SYSTEM_STATE" };

const char *
mj_cap_family(size_t index)
{
	return index < MJ_ARRAY_LEN(families) ? families[index] : NULL;
}

const char *
mj_cap_name(enum mj_cap cap)
{
	return (unsigned)cap < MJ_CAP_COUNT ? cap_names[cap] : NULL;
}

/* Length of the parent's name in a child's, 0 if the leaf has no parent. */
static size_t
parent_len(enum mj_cap cap)
{
	const char *slash = strchr(cap_names[cap], '/');
	return slash ? (size_t)(slash - cap_names[cap]) : 0;
}

/* All leaves whose parent has the given name; empty if there is no such parent. */
static mj_caps
family(const char *parent, size_t len)
{
	mj_caps found = 0;
	for (int i = 0; i < MJ_CAP_COUNT; i++) {
		if (len > 0 && parent_len(i) == len && strncmp(cap_names[i], parent, len) == 0)
			found |= UINT64_C(1) << i;
	}
	return found;
}

bool
mj_cap_parse(const char *name, mj_caps *ret)
{
	for (int i = 0; i < MJ_CAP_COUNT; i++) {
		if (strcmp(cap_names[i], name) == 0) {
			*ret = UINT64_C(1) << i;
			return true;
		}
	}
	mj_caps children = family(name, strlen(name));
	if (!children)
		return false;
	*ret = children;
	return true;
}

mj_caps
mj_caps_included(mj_caps caps)
{
	return caps & MJ_CAP(FILES_READ) ? caps | MJ_CAP(FILES_STAT) : caps;
}

/* Appends ",name" as a whole or not at all; returns the new length. */
static size_t
append(char *buf, size_t size, size_t used, const char *name, size_t len)
{
	size_t comma = used > 0;
	if (used + comma + len >= size)
		return used;
	if (comma)
		buf[used] = ',';
	memcpy(buf + used + comma, name, len);
	used += comma + len;
	buf[used] = '\0';
	return used;
}

char *
mj_caps_format(mj_caps caps, char *buf, size_t len)
{
	size_t used = 0;
	if (len == 0)
		return buf;
	buf[0] = '\0';
	for (int i = 0; i < MJ_CAP_COUNT; i++) {
		if (!(caps & UINT64_C(1) << i))
			continue;
		mj_caps siblings = family(cap_names[i], parent_len(i));
		if (siblings && (caps & siblings) == siblings) {
			used = append(buf, len, used, cap_names[i], parent_len(i));
			caps &= ~siblings;
		} else {
			used = append(buf, len, used, cap_names[i], strlen(cap_names[i]));
		}
	}
	return buf;
}

static const char *const action_names[] = {
	[MJ_ACTION_ERRNO] = "errno",
	[MJ_ACTION_KILL] = "kill",
	[MJ_ACTION_LOG] = "log",
};

const char *
mj_action_name(enum mj_action action)
{
	return (unsigned)action < MJ_ARRAY_LEN(action_names) ? action_names[action] : NULL;
}

bool
mj_action_parse(const char *word, enum mj_action *ret)
{
	for (unsigned i = MJ_ACTION_ERRNO; i < MJ_ARRAY_LEN(action_names); i++) {
		if (strcmp(action_names[i], word) == 0) {
			*ret = (enum mj_action)i;
			return true;
		}
	}
	return false;
}
