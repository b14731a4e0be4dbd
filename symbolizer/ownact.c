/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the standard library does once for the whole program, at places that it chooses itself.
 * Whoever asks first sets it off, and all others live with what came of it.
 *
 * Which functions these are was looked up in the sources of Go 1.16 to 1.27: everything behind a
 * sync.Once, or kept in a variable of a package, that opens files or makes sockets. Left out:
 * - what is asked for again each time: os.Hostname, net.Interfaces, user.Lookup, /etc/mdns.allow
 *   (net/conf.go);
 * - what the caller names: time.LoadLocation, tls.LoadX509KeyPair, template files;
 * - what needs no more than every module may do: crypto/rand (getrandom; /dev/urandom only on
 *   kernels that have no user notification either), pipes of internal/poll;
 * - what is neither reading nor a socket of a probe: os.checkPidfd (makes a process), the kernel's
 *   release by uname;
 * - what happens before any module can ask: the runtime's own files (runtime/os_linux.go), package
 *   initialisation.
 */
#include "symbolizer/internal.h"

#include <string.h>

/* ---- where ---------------------------------------------------------------------------------- */

/* The environment at the start, as far as it matters here. */
struct world {
	const char *environment; /* len bytes of "NAME=value\0" */
	size_t len;
	const char *goroot; /* as the linker noted it, with "/src/" behind it; NULL if unknown */
	size_t goroot_len;
};

/* The value of a variable, NULL if there is none. The first one counts (syscall/env_unix.go,
 * copyenv). */
static const char *
value_of(const struct world *world, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = world->environment, *end = at + world->len; at < end;) {
		size_t room = (size_t)(end - at), used = strnlen(at, room);
		if (used == room)
			return NULL; /* cut off */
		if (used > len && at[len] == '=' && memcmp(at, name, len) == 0)
			return at + len + 1;
		at += used + 1;
	}
	return NULL;
}

/* Whether text begins with the len bytes at head; *rest is what follows. */
static bool
follows(const char *text, const char *head, size_t len, const char **rest)
{
	if (strncmp(text, head, len) != 0)
		return false;
	*rest = text + len;
	return true;
}

/* The zone files that come with Go, which are tried last: runtime.GOROOT() +
 * "/lib/time/zoneinfo.zip" (time/zoneinfo_read.go, loadLocation; up to 1.18 zoneinfo_unix.go).
 * That asks the environment of the start, os.Setenv or not (runtime/extern.go). */
static bool
is_zone_archive(const struct world *world, const char *path)
{
	static const char src[] = "/src/";
	const char *goroot = value_of(world, "GOROOT"), *rest;
	size_t len = goroot ? strlen(goroot) : 0;
	if (!len && world->goroot && world->goroot_len > sizeof(src) - 1) {
		goroot = world->goroot;
		len = world->goroot_len - (sizeof(src) - 1);
		if (memcmp(goroot + len, src, sizeof(src) - 1) != 0)
			return false;
	}
	return len && follows(path, goroot, len, &rest) &&
	       strcmp(rest, "/lib/time/zoneinfo.zip") == 0;
}

/* time/zoneinfo_unix.go, initLocal. $ZONEINFO is for LoadLocation alone. */
static bool
is_zone(const struct world *world, const char *path)
{
	static const char *const folders[] = { "/usr/share/zoneinfo//", "/usr/share/lib/zoneinfo//",
		                               "/usr/lib/locale/TZ//", "/etc/zoneinfo/" };
	const char *zone = value_of(world, "TZ"), *rest;
	if (!zone)
		return strcmp(path, "/etc/localtime") == 0 || is_zone_archive(world, path);
	zone += *zone == ':';
	if (!*zone || strcmp(zone, "UTC") == 0)
		return false;
	if (is_zone_archive(world, path))
		return true;
	if (*zone == '/')
		return strcmp(path, zone) == 0;
	for (size_t i = 0; i < MJ_ARRAY_LEN(folders); i++)
		if (follows(path, folders[i], strlen(folders[i]), &rest) && strcmp(rest, zone) == 0)
			return true;
	return false;
}

/* Whether path is a folder of len bytes, or directly in it. Slashes at the folder's end do not
 * count: they are kept in the names of files (os.ReadFile) and not in those of links
 * (filepath.Join). */
static bool
is_in_folder(const char *path, const char *folder, size_t len)
{
	const char *rest;
	if (!len || *folder != '/')
		return false;
	while (len && folder[len - 1] == '/')
		len--;
	if (!follows(path, folder, len, &rest) || (*rest && *rest != '/'))
		return false;
	rest += strspn(rest, "/");
	return !strchr(rest, '/') && strcmp(rest, ".") != 0 && strcmp(rest, "..") != 0;
}

/* crypto/x509/root_unix.go, loadSystemRoots, and root_linux.go. */
static bool
is_root(const struct world *world, const char *path)
{
	static const char *const bundles[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
	};
	const char *file = value_of(world, "SSL_CERT_FILE");
	const char *folders = value_of(world, "SSL_CERT_DIR");
	if (file && *file && strcmp(path, file) == 0)
		return true;
	for (size_t i = 0; !(file && *file) && i < MJ_ARRAY_LEN(bundles); i++)
		if (strcmp(path, bundles[i]) == 0)
			return true;
	if (!folders || !*folders) /* the third was read up to Go 1.21 */
		folders = "/etc/ssl/certs:/etc/pki/tls/certs:/system/etc/security/cacerts";
	for (const char *at = folders;; at++) {
		size_t len = strcspn(at, ":");
		if (is_in_folder(path, at, len))
			return true;
		at += len;
		if (!*at)
			return false;
	}
}

/* ---- the functions -------------------------------------------------------------------------- */

#define PATHS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct mj_own_act {
	const char *function; /* as in the pclntab; of a closure the part before ".func" */
	const char *file;     /* of a closure: the end of its source file's name */
	const char *const *paths;
	bool (*is_path)(const struct world *world, const char *path);
	bool probes;    /* makes sockets to see what the kernel can do */
	bool through_c; /* asks libc, if the program is linked with it */
};

/*
 * Releases are those of Go in which the function is what is said here, of 1.16 to 1.27 where none
 * is given. None of them takes a path, or calls anything that a caller can set, with the exceptions
 * named: their paths are compared.
 */
static const struct mj_own_act acts[] = {
	/* time/zoneinfo_unix.go. By $TZ, which os.Setenv may have changed. */
	{ .function = "time.initLocal", .is_path = is_zone },
	/* crypto/x509/root_unix.go (from root.go, initSystemRoots). By $SSL_CERT_FILE and
	 * $SSL_CERT_DIR. */
	{ .function = "crypto/x509.loadSystemRoots", .is_path = is_root },
	/* os/user/lookup_stubs.go and lookup_unix.go, without cgo; cgo_lookup_unix.go: getpwuid_r,
	 * which looks up first which databases to ask. */
	{ .function = "os/user.current",
	  .paths = PATHS("/etc/passwd", "/etc/nsswitch.conf"),
	  .through_c = true },
	/* mime/type_unix.go; globs2 from 1.17 on. */
	{ .function = "mime.initMimeUnix",
	  .paths = PATHS("/usr/local/share/mime/globs2", "/usr/share/mime/globs2",
	                 "/etc/mime.types", "/etc/apache2/mime.types", "/etc/apache/mime.types",
	                 "/etc/httpd/conf/mime.types") },
	/* net/conf.go, 1.16 to 1.20. */
	{ .function = "net.initConfVal",
	  .paths = PATHS("/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/mdns.allow",
	                 "/proc/sys/kernel/hostname") },
	/* net/dnsclient_unix.go. Takes a path, for tests; without a search list it asks for the
	 * host's name. */
	{ .function = "net.(*resolverConfig).tryUpdate",
	  .paths = PATHS("/etc/resolv.conf", "/proc/sys/kernel/hostname") },
	/* net/nss.go, from 1.20 on. */
	{ .function = "net.(*nsswitchConfig).tryUpdate", .paths = PATHS("/etc/nsswitch.conf") },
	/* net/hosts.go. By a variable, for tests. */
	{ .function = "net.readHosts", .paths = PATHS("/etc/hosts") },
	/* net/port_unix.go. */
	{ .function = "net.readServices", .paths = PATHS("/etc/services") },
	/* net/lookup_unix.go; up to 1.25 a function, then a closure in a variable's
	 * initialisation. */
	{ .function = "net.readProtocols", .paths = PATHS("/etc/protocols") },
	{ .function = "net.init", .file = "net/lookup_unix.go", .paths = PATHS("/etc/protocols") },
	/* net/sock_linux.go. */
	{ .function = "net.maxListenerBacklog", .paths = PATHS("/proc/sys/net/core/somaxconn") },
	/* net/ipsock_posix.go. */
	{ .function = "net.(*ipStackCapabilities).probe", .probes = true },
	/* net/mptcpsock_linux.go, from 1.21 on. */
	{ .function = "net.initMPTCPavailable", .probes = true },
};

bool
mj_own_act_probes(const struct mj_own_act *act)
{
	return act->probes;
}

bool
mj_own_act_opens(const struct mj_own_act *act, const char *environment, size_t len,
                 const char *goroot, size_t goroot_len, const char *path)
{
	struct world world = { environment, len, goroot, goroot_len };
	if (*path != '/')
		return false;
	for (size_t i = 0; act->paths && act->paths[i]; i++)
		if (strcmp(path, act->paths[i]) == 0)
			return true;
	return act->is_path && act->is_path(&world, path);
}

const struct mj_own_act *
mj_own_act_at(size_t index, const char **ret_function)
{
	if (index >= MJ_ARRAY_LEN(acts))
		return NULL;
	*ret_function = acts[index].function;
	return &acts[index];
}

/* ---- the frames ----------------------------------------------------------------------------- */

/* A place in a stack: a logical frame of a physical one. */
struct at {
	const struct mj_stack *stack;
	size_t pc;
	unsigned frame;
};

static const struct mj_frame *
frame_at(const struct at *at)
{
	return at->pc < at->stack->npcs ? &at->stack->pcs[at->pc]->frames[at->frame] : NULL;
}

static void
go_outwards(struct at *at)
{
	if (++at->frame < at->stack->pcs[at->pc]->nframes)
		return;
	at->frame = 0;
	at->pc++;
}

/* Whether all witnesses agree that it is the standard library's; then its package is in package. */
static bool
is_std(const struct mj_frame *frame, char *package, size_t size)
{
	return frame && frame->subject == MJ_SUBJECT_STD && !frame->nsuspects && !frame->doubtful &&
	       !frame->stray && mj_function_package(frame->function, package, size);
}

static bool
is_act(const struct mj_own_act *act, const struct mj_frame *frame)
{
	const char *name = frame->function;
	size_t len = strlen(act->function);
	if (!act->file)
		return strcmp(name, act->function) == 0;
	size_t used = strlen(frame->file), want = strlen(act->file);
	return strncmp(name, act->function, len) == 0 && strncmp(name + len, ".func", 5) == 0 &&
	       used >= want && strcmp(frame->file + used - want, act->file) == 0;
}

/* A function that is inlined has no compile unit to confirm its name. */
static const struct mj_own_act *
find_act(const struct mj_frame *frame)
{
	for (size_t i = 0; !frame->inlined && i < MJ_ARRAY_LEN(acts); i++)
		if (is_act(&acts[i], frame))
			return &acts[i];
	return NULL;
}

/* A method as a function value: the compiler's wrapper of the same method. */
static bool
is_method_value(const char *function)
{
	size_t len = strlen(function);
	return len > 3 && strcmp(function + len - 3, "-fm") == 0;
}

/* The last word of a name without what the compiler adds, "Current" of "os/user.Current.func1". */
static bool
is_exported(const char *function)
{
	size_t end = mj_function_outer_length(function);
	const char *bracket = memchr(function, '[', end);
	if (bracket)
		end = (size_t)(bracket - function);
	const char *dot = memrchr(function, '.', end);
	/* A letter beyond ASCII may be a capital. */
	return dot && ((dot[1] >= 'A' && dot[1] <= 'Z') || (dot[1] & 0x80));
}

/*
 * Whether the function at *at was entered as the standard library enters it: by its own package,
 * through sync.Once or not, and that by a name that everybody may call. A module that reaches it by
 * //go:linkname calls it itself, or some other function that is not exported. What the runtime
 * calls for a module (a deferred call) is the module's business.
 */
static bool
is_own_entrance(struct at at, const char *package)
{
	char caller[256];
	const struct mj_frame *frame, *last = NULL;
	do {
		go_outwards(&at);
		frame = frame_at(&at);
	} while (is_std(frame, caller, sizeof(caller)) &&
	         (strcmp(caller, "sync") == 0 || is_method_value(frame->function)));
	if (!is_std(frame, caller, sizeof(caller)) || strcmp(caller, package) != 0)
		return false;
	while (is_std(frame, caller, sizeof(caller))) {
		last = frame;
		go_outwards(&at);
		frame = frame_at(&at);
	}
	mj_function_package(last->function, caller, sizeof(caller));
	return strcmp(caller, "runtime") == 0 || is_exported(last->function);
}

const struct mj_own_act *
mj_own_act(const struct mj_stack *stack)
{
	char package[256];
	const struct mj_frame *frame;
	bool through_c = false;
	struct at at = { .stack = stack };
	if (stack->status != MJ_WALK_COMPLETE)
		return NULL;
	if (stack->npcs && stack->pcs[0]->frames[0].subject == MJ_SUBJECT_C) {
		through_c = true;
		go_outwards(&at);
	}
	for (; is_std(frame = frame_at(&at), package, sizeof(package)); go_outwards(&at)) {
		const struct mj_own_act *act = find_act(frame);
		if (act)
			return (!through_c || act->through_c) && is_own_entrance(at, package)
			               ? act
			               : NULL;
	}
	return NULL;
}

bool
mj_is_remembered(const struct mj_stack *stack)
{
	char package[256];
	const struct mj_frame *frame;
	struct at at = { .stack = stack };
	if (stack->npcs && stack->pcs[0]->frames[0].subject == MJ_SUBJECT_C)
		go_outwards(&at);
	for (; is_std(frame = frame_at(&at), package, sizeof(package)); go_outwards(&at))
		if (find_act(frame) || strcmp(frame->function, "sync.(*Once).doSlow") == 0)
			return true;
	return false;
}
