/* SPDX-License-Identifier: Apache-2.0 */
/* The standard library's own acts: which places the environment at the start leads to, which
 * frames are confirmed, and which calls only read or probe. */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "policy/policy.h"
#include "symbolizer/symbolizer.h"

#define GOROOT "/usr/local/go/src/"

static const struct mj_own_act *
act_of(const char *function)
{
	const char *name = NULL;
	const struct mj_own_act *act;
	for (size_t i = 0; (act = mj_own_act_at(i, &name)); i++)
		if (strcmp(name, function) == 0)
			return act;
	ck_abort_msg("no own act: %s", function);
}

/* environment: "A=b\0C=d\0", without the last NUL. */
#define OPENS(function, environment, path)                                                         \
	mj_own_act_opens(act_of(function), environment, sizeof(environment), GOROOT,               \
	                 sizeof(GOROOT) - 1, path)

/* ---- places --------------------------------------------------------------------------------- */

#define ZONE(environment, path) OPENS("time.initLocal", environment, path)

START_TEST(zone_of_the_system)
{
	ck_assert(ZONE("HOME=/", "/etc/localtime"));
	ck_assert(ZONE("HOME=/", "/usr/local/go/lib/time/zoneinfo.zip"));
	ck_assert(ZONE("GOROOT=/go", "/go/lib/time/zoneinfo.zip"));
	ck_assert(!ZONE("GOROOT=/go", "/usr/local/go/lib/time/zoneinfo.zip"));
	ck_assert(!ZONE("HOME=/", "/tmp/lib/time/zoneinfo.zip"));
	ck_assert(!ZONE("HOME=/", "/etc/localtime2"));
	ck_assert(!ZONE("HOME=/", "/usr/share/zoneinfo//Asia/Tokyo"));
	ck_assert(!ZONE("HOME=/\0XTZ=/etc/x", "/etc/x"));
	ck_assert(!ZONE("ZONEINFO=/tmp/z", "/tmp/z"));
	ck_assert(!ZONE("HOME=/", "etc/localtime"));
	ck_assert(!ZONE("HOME=/", ""));
}
END_TEST

START_TEST(zone_without_goroot)
{
	const struct mj_own_act *act = act_of("time.initLocal");
	const char *archive = "/lib/time/zoneinfo.zip";
	ck_assert(!mj_own_act_opens(act, "A=b", 4, "", 0, archive)); /* -trimpath */
	ck_assert(!mj_own_act_opens(act, "A=b", 4, NULL, 0, archive));
	ck_assert(!mj_own_act_opens(act, "A=b", 4, "/odd/", 5, archive));
	ck_assert(mj_own_act_opens(act, "", 0, NULL, 0, "/etc/localtime"));
}
END_TEST

START_TEST(zone_of_the_environment)
{
	ck_assert(!ZONE("TZ=", "/etc/localtime"));
	ck_assert(!ZONE("TZ=", "/usr/local/go/lib/time/zoneinfo.zip"));
	ck_assert(!ZONE("TZ=:", "/etc/localtime"));
	ck_assert(!ZONE("TZ=UTC", "/usr/share/zoneinfo//UTC"));
	ck_assert(ZONE("TZ=Asia/Tokyo", "/usr/share/zoneinfo//Asia/Tokyo"));
	ck_assert(ZONE("TZ=:Asia/Tokyo", "/usr/share/zoneinfo//Asia/Tokyo"));
	ck_assert(ZONE("TZ=:Asia/Tokyo", "/usr/share/lib/zoneinfo//Asia/Tokyo"));
	ck_assert(ZONE("TZ=:Asia/Tokyo", "/usr/lib/locale/TZ//Asia/Tokyo"));
	ck_assert(ZONE("TZ=:Asia/Tokyo", "/etc/zoneinfo/Asia/Tokyo"));
	ck_assert(ZONE("TZ=Asia/Tokyo", "/usr/local/go/lib/time/zoneinfo.zip"));
	ck_assert(!ZONE("TZ=Asia/Tokyo", "/usr/share/zoneinfo//Asia/Tokyo2"));
	ck_assert(!ZONE("TZ=Asia/Tokyo", "/usr/share/zoneinfo//Asia/Seoul"));
	ck_assert(!ZONE("TZ=Asia/Tokyo", "/usr/share/zoneinfo//../../../etc/shadow"));
	ck_assert(!ZONE("TZ=Asia/Tokyo", "/etc/localtime"));
	ck_assert(ZONE("TZ=/abs/file", "/abs/file"));
	ck_assert(ZONE("TZ=:/abs/file", "/abs/file"));
	ck_assert(!ZONE("TZ=/abs/file", "/abs/file/more"));
	ck_assert(!ZONE("TZ=/abs/file", "/abs"));
	/* The first one counts, as for the program. */
	ck_assert(ZONE("TZ=/one\0TZ=/two", "/one"));
	ck_assert(!ZONE("TZ=/one\0TZ=/two", "/two"));
}
END_TEST

START_TEST(environment_cut_off)
{
	/* Without its last NUL: as if the variable were not there, never beyond the end. */
	const struct mj_own_act *act = act_of("time.initLocal");
	const char text[] = { 'T', 'Z', '=', '/', 'a' };
	ck_assert(!mj_own_act_opens(act, text, sizeof(text), NULL, 0, "/a"));
}
END_TEST

#define ROOT(environment, path) OPENS("crypto/x509.loadSystemRoots", environment, path)

START_TEST(roots)
{
	ck_assert(ROOT("A=b", "/etc/ssl/certs/ca-certificates.crt"));
	ck_assert(ROOT("A=b", "/etc/ssl/cert.pem"));
	ck_assert(ROOT("A=b", "/etc/ssl/certs"));
	ck_assert(ROOT("A=b", "/etc/pki/tls/certs/x.pem"));
	ck_assert(!ROOT("A=b", "/etc/ssl/private/key.pem"));
	ck_assert(!ROOT("A=b", "/etc/ssl/certs/a/b"));
	ck_assert(!ROOT("A=b", "/etc/ssl/certs/.."));
	ck_assert(!ROOT("A=b", "/etc/ssl/certs/."));
	ck_assert(!ROOT("A=b", "/etc/ssl/certs/../private"));
	ck_assert(!ROOT("A=b", "/etc/ssl/certs2"));
	ck_assert(ROOT("SSL_CERT_FILE=/f", "/f"));
	ck_assert(!ROOT("SSL_CERT_FILE=/f", "/etc/ssl/cert.pem"));
	ck_assert(ROOT("SSL_CERT_FILE=/f", "/etc/ssl/certs/x.pem"));
	ck_assert(ROOT("SSL_CERT_FILE=", "/etc/ssl/cert.pem"));
	ck_assert(!ROOT("SSL_CERT_FILE=f", "f"));
}
END_TEST

START_TEST(roots_in_folders)
{
	ck_assert(ROOT("SSL_CERT_DIR=/a:/b", "/a"));
	ck_assert(ROOT("SSL_CERT_DIR=/a:/b", "/a/x"));
	ck_assert(ROOT("SSL_CERT_DIR=/a:/b", "/b/x"));
	ck_assert(!ROOT("SSL_CERT_DIR=/a:/b", "/etc/ssl/certs/x"));
	ck_assert(!ROOT("SSL_CERT_DIR=/a:/b", "/a:/b"));
	ck_assert(!ROOT("SSL_CERT_DIR=/a:/b", "/c"));
	ck_assert(ROOT("SSL_CERT_DIR=/a//:/b", "/a/x"));
	ck_assert(ROOT("SSL_CERT_DIR=/a//:/b", "/a///x"));
	ck_assert(ROOT("SSL_CERT_DIR=:/b", "/b/x"));
	ck_assert(!ROOT("SSL_CERT_DIR=:", "/x"));
	ck_assert(!ROOT("SSL_CERT_DIR=rel", "/rel/x"));
	ck_assert(ROOT("SSL_CERT_DIR=/", "/x"));
	ck_assert(!ROOT("SSL_CERT_DIR=/", "/x/y"));
}
END_TEST

START_TEST(fixed_places)
{
	ck_assert(OPENS("os/user.current", "", "/etc/passwd"));
	ck_assert(!OPENS("os/user.current", "", "/etc/shadow"));
	ck_assert(OPENS("mime.initMimeUnix", "", "/etc/mime.types"));
	ck_assert(OPENS("net.readHosts", "", "/etc/hosts"));
	ck_assert(!OPENS("net.readHosts", "", "/etc/passwd"));
	ck_assert(OPENS("net.(*resolverConfig).tryUpdate", "", "/etc/resolv.conf"));
	ck_assert(!OPENS("net.(*resolverConfig).tryUpdate", "", "/etc/shadow"));
	ck_assert(!OPENS("net.(*ipStackCapabilities).probe", "", "/etc/hosts"));
	ck_assert(mj_own_act_probes(act_of("net.(*ipStackCapabilities).probe")));
	ck_assert(!mj_own_act_probes(act_of("net.readHosts")));
}
END_TEST

/* ---- frames --------------------------------------------------------------------------------- */

#define FRAMES_MAX 8

/* A stack of physical frames, each with one logical one, unless it is inlined into the next. */
struct made {
	struct mj_frame frames[FRAMES_MAX];
	struct mj_pc pcs[FRAMES_MAX];
	const struct mj_pc *pointers[FRAMES_MAX];
	struct mj_stack stack;
};

static struct mj_frame
std(const char *function)
{
	return (struct mj_frame){ .function = function,
		                  .file = "/usr/local/go/src/net/lookup_unix.go",
		                  .subject = MJ_SUBJECT_STD };
}

static struct mj_frame
module(const char *function)
{
	return (struct mj_frame){ .function = function, .file = "/m/m.go", .subject = 0 };
}

static void
make(struct made *made, size_t n)
{
	made->stack = (struct mj_stack){ .status = MJ_WALK_COMPLETE, .root = MJ_ROOT_MAIN };
	made->stack.pcs = made->pointers;
	for (size_t i = 0; i < n; i++) {
		struct mj_pc *pc = &made->pcs[made->stack.npcs];
		*pc = (struct mj_pc){ .nframes = 1, .frames = &made->frames[i] };
		while (i + 1 < n && made->frames[i].inlined) {
			pc->nframes++;
			i++;
		}
		made->pointers[made->stack.npcs++] = pc;
	}
}

/* A local time that module m asks for. */
static size_t
local_time(struct made *made)
{
	made->frames[0] = std("syscall.openat");
	made->frames[1] = std("time.open");
	made->frames[2] = std("time.initLocal");
	made->frames[3] = std("sync.(*Once).doSlow");
	made->frames[4] = std("sync.(*Once).Do");
	made->frames[4].inlined = true;
	made->frames[5] = std("time.(*Location).get");
	made->frames[6] = std("time.Time.Format");
	made->frames[7] = module("m.F");
	return 8;
}

START_TEST(frames_of_an_own_act)
{
	struct made made = { 0 };
	make(&made, local_time(&made));
	ck_assert_ptr_eq(mj_own_act(&made.stack), act_of("time.initLocal"));
	ck_assert(mj_is_remembered(&made.stack));
	made.stack.status = MJ_WALK_INCOMPLETE;
	ck_assert_ptr_null(mj_own_act(&made.stack));
}
END_TEST

/* Each frame up to the one that called the listed function: a module's, a suspect's, one that is
 * doubted. */
START_TEST(frames_not_confirmed)
{
	static const int suspects[] = { 0 };
	struct made made = { 0 };
	for (size_t i = 0; i < 6; i++) {
		size_t n = local_time(&made);
		made.frames[i].subject = 0;
		make(&made, n);
		ck_assert_msg(!mj_own_act(&made.stack), "module's frame %zu", i);
		made.frames[i].subject = MJ_SUBJECT_STD;
		made.frames[i].doubtful = true;
		ck_assert_msg(!mj_own_act(&made.stack), "doubtful frame %zu", i);
		made.frames[i].doubtful = false;
		made.frames[i].suspects = suspects;
		made.frames[i].nsuspects = 1;
		ck_assert_msg(!mj_own_act(&made.stack), "suspect of frame %zu", i);
		made.frames[i].nsuspects = 0;
		ck_assert_ptr_nonnull(mj_own_act(&made.stack));
		made.frames[i].suspects = NULL;
		made.frames[i].function = "nodots";
		ck_assert_msg(!mj_own_act(&made.stack), "name without a package %zu", i);
	}
}
END_TEST

START_TEST(frames_inlined)
{
	struct made made = { 0 };
	size_t n = local_time(&made);
	made.frames[2].inlined = true; /* nothing confirms its name */
	make(&made, n);
	ck_assert_ptr_null(mj_own_act(&made.stack));
}
END_TEST

START_TEST(frames_stray)
{
	struct made made = { 0 };
	size_t n = local_time(&made);
	make(&made, n);
	ck_assert_ptr_nonnull(mj_own_act(&made.stack));
	made.frames[2].stray = true; /* a closure of whom nobody is known */
	make(&made, n);
	ck_assert_ptr_null(mj_own_act(&made.stack));
}
END_TEST

START_TEST(entrance_by_linkname)
{
	struct made made = { 0 };
	local_time(&made);
	made.frames[3] = module("m.F");
	make(&made, 4);
	ck_assert_ptr_null(mj_own_act(&made.stack));
	/* Through a sync.Once of the module's. */
	local_time(&made);
	made.frames[5] = module("m.F");
	make(&made, 6);
	ck_assert_ptr_null(mj_own_act(&made.stack));
	/* Through a function of the package that is not exported. */
	local_time(&made);
	made.frames[6] = module("m.F");
	make(&made, 7);
	ck_assert_ptr_null(mj_own_act(&made.stack));
	/* By another package. */
	local_time(&made);
	made.frames[5] = std("os.Get");
	make(&made, 8);
	ck_assert_ptr_null(mj_own_act(&made.stack));
}
END_TEST

START_TEST(entrances_without_a_module)
{
	struct made made = { 0 };
	local_time(&made);
	made.frames[6] = std("runtime.goexit");
	make(&made, 7);
	ck_assert_ptr_nonnull(mj_own_act(&made.stack));
	local_time(&made);
	made.frames[5] = std("time.Location.String-fm");
	made.frames[6] = std("time.Time.Format.func1");
	make(&made, 8);
	ck_assert_ptr_nonnull(mj_own_act(&made.stack));
	make(&made, 5); /* a stack that ends at the sync.Once */
	ck_assert_ptr_null(mj_own_act(&made.stack));
	make(&made, 0);
	ck_assert_ptr_null(mj_own_act(&made.stack));
	ck_assert(!mj_is_remembered(&made.stack));
}
END_TEST

START_TEST(closures)
{
	struct made made = { 0 };
	made.frames[0] = std("net.open");
	made.frames[1] = std("net.init.func3");
	made.frames[2] = std("net.lookupProtocol");
	made.frames[3] = std("net.ResolveIPAddr");
	make(&made, 4);
	ck_assert_ptr_nonnull(mj_own_act(&made.stack));
	made.frames[1].file = "net/lookup_unix.go"; /* -trimpath */
	ck_assert_ptr_nonnull(mj_own_act(&made.stack));
	made.frames[1].file = "/usr/local/go/src/net/dial.go";
	ck_assert_ptr_null(mj_own_act(&made.stack));
}
END_TEST

START_TEST(through_c)
{
	static const struct mj_frame c = { .function = "", .file = "", .subject = MJ_SUBJECT_C };
	struct made made = { 0 };
	made.frames[0] = c;
	made.frames[1] = std("runtime.cgocall");
	made.frames[2] = std("os/user.current");
	made.frames[3] = std("os/user.Current.func1");
	made.frames[4] = std("os/user.Current");
	make(&made, 5);
	ck_assert_ptr_nonnull(mj_own_act(&made.stack));
	made.frames[2] = std("net.readHosts");
	made.frames[3] = std("net.LookupHost");
	ck_assert_ptr_null(mj_own_act(&made.stack));
	made.frames[2] = std("os/user.current");
	made.frames[3] = c; /* not where the call was made */
	ck_assert_ptr_null(mj_own_act(&made.stack));
}
END_TEST

START_TEST(remembered_by_a_once)
{
	struct made made = { 0 };
	made.frames[0] = std("os.checkPidfd");
	made.frames[1] = std("sync.(*Once).doSlow");
	made.frames[2] = module("m.F");
	make(&made, 3);
	ck_assert(mj_is_remembered(&made.stack));
	ck_assert_ptr_null(mj_own_act(&made.stack));
	made.frames[0] = module("m.G");
	ck_assert(!mj_is_remembered(&made.stack));
}
END_TEST

/* ---- calls ---------------------------------------------------------------------------------- */

static bool
reads(int nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, unsigned wanted)
{
	struct mj_call call = { .nr = nr, .args = { a, b, c, d } };
	unsigned path = 99;
	bool yes = mj_call_only_reads(&call, &path);
	if (yes)
		ck_assert_uint_eq(path, wanted);
	return yes;
}

#define CWD ((uint64_t)(uint32_t)AT_FDCWD)

START_TEST(calls_that_only_read)
{
	ck_assert(reads(SYS_openat, CWD, 0, O_RDONLY | O_CLOEXEC, 0, 1));
	ck_assert(reads(SYS_openat, (uint64_t)AT_FDCWD, 0, O_RDONLY | O_DIRECTORY, 0, 1));
	ck_assert(reads(SYS_open, 0, O_RDONLY, 0, 0, 0));
	ck_assert(reads(SYS_newfstatat, CWD, 0, 0, AT_SYMLINK_NOFOLLOW, 1));
	ck_assert(reads(SYS_readlinkat, CWD, 0, 0, 0, 1));
	ck_assert(reads(SYS_stat, 0, 0, 0, 0, 0));
	static const int flags[] = { O_WRONLY,           O_RDWR, O_ACCMODE, O_RDONLY | O_CREAT,
		                     O_RDONLY | O_TRUNC, O_PATH, O_TMPFILE, O_RDONLY | O_APPEND };
	for (size_t i = 0; i < MJ_ARRAY_LEN(flags); i++) {
		ck_assert(!reads(SYS_openat, CWD, 0, (uint64_t)flags[i], 0, 1));
		ck_assert(!reads(SYS_open, 0, (uint64_t)flags[i], 0, 0, 0));
	}
	ck_assert(!reads(SYS_openat, 3, 0, O_RDONLY, 0, 1));
	ck_assert(!reads(SYS_newfstatat, 3, 0, 0, 0, 1));
	ck_assert(!reads(SYS_newfstatat, CWD, 0, 0, AT_EMPTY_PATH, 1));
	ck_assert(!reads(SYS_readlinkat, 3, 0, 0, 0, 1));
	ck_assert(!reads(SYS_unlink, 0, 0, 0, 0, 0));
	ck_assert(!reads(SYS_uname, 0, 0, 0, 0, 0));
	ck_assert(!reads(SYS_read, 0, 0, 0, 0, 0));
	ck_assert(!reads(SYS_openat2, CWD, 0, 0, 0, 1));
}
END_TEST

/* Whatever the flags: what counts as reading needs no more than FILES/READ, and sets nothing. */
START_TEST(calls_by_every_flag)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		struct mj_call call = { .nr = SYS_openat, .args = { CWD, 0, UINT32_C(1) << bit } };
		unsigned path;
		if (mj_call_only_reads(&call, &path))
			ck_assert_uint_eq(mj_call_need(&call).all, MJ_CAP(FILES_READ));
	}
}
END_TEST

static bool
probes(int nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct mj_call call = { .nr = nr, .args = { a, b, c } };
	unsigned address;
	bool yes = mj_call_only_probes(&call, &address);
	if (yes)
		ck_assert_uint_eq(address, nr == SYS_bind ? 1 : 0);
	return yes;
}

START_TEST(calls_that_only_probe)
{
	ck_assert(probes(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 6));
	ck_assert(probes(SYS_socket, AF_INET6, SOCK_STREAM, 6));
	ck_assert(probes(SYS_socket, AF_INET, SOCK_STREAM, 262));
	ck_assert(!probes(SYS_socket, AF_INET, SOCK_STREAM, 132 /* SCTP */));
	ck_assert(!probes(SYS_socket, AF_INET, SOCK_DGRAM, 0));
	ck_assert(!probes(SYS_socket, AF_UNIX, SOCK_STREAM, 6));
	ck_assert(!probes(SYS_socket, AF_INET, SOCK_RAW, 6));
	ck_assert(probes(SYS_bind, 3, 0, sizeof(struct sockaddr_in6)));
	ck_assert(!probes(SYS_bind, 3, 0, sizeof(struct sockaddr_in)));
	ck_assert(!probes(SYS_connect, 3, 0, sizeof(struct sockaddr_in6)));
	ck_assert(!probes(SYS_listen, 3, 0, 0));
}
END_TEST

START_TEST(probe_addresses)
{
	static const uint8_t four[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	ck_assert(mj_is_probe_address(&address));
	address.sin6_port = 80;
	ck_assert(!mj_is_probe_address(&address));
	address.sin6_port = 0;
	memcpy(&address.sin6_addr, four, sizeof(four));
	ck_assert(mj_is_probe_address(&address));
	address.sin6_addr.s6_addr[12] = 10;
	ck_assert(!mj_is_probe_address(&address));
	address.sin6_addr = in6addr_any;
	ck_assert(!mj_is_probe_address(&address));
	address.sin6_addr = in6addr_loopback;
	address.sin6_family = AF_INET;
	ck_assert(!mj_is_probe_address(&address));
}
END_TEST

/* ---- std: strict ---------------------------------------------------------------------------- */

static int
read_yaml(struct mj_policy **policy, const char *text, struct mj_error *err)
{
	ck_assert_int_eq(mj_policy_create(policy, NULL), 0);
	return mj_policy_read_yaml(*policy, "p.yaml", text, strlen(text), err);
}

START_TEST(strict)
{
	struct mj_policy *policy;
	struct mj_error err;
	ck_assert_int_eq(read_yaml(&policy, "version: 1\n", NULL), 0);
	ck_assert(!mj_policy_std_strict(policy));
	mj_policy_destroy(policy);
	ck_assert_int_eq(read_yaml(&policy, "version: 1\nstd: strict\n", NULL), 0);
	ck_assert(mj_policy_std_strict(policy));
	mj_policy_destroy(policy);
	static const struct {
		const char *text, *error;
	} wrong[] = {
		{ "version: 1\nstd: strickt\n",
		  "p.yaml:2:6: unknown value of std \"strickt\"; did you mean \"strict\"?" },
		{ "version: 1\nstd:\n", "p.yaml:2:1: std must be text, not nothing" },
		{ "version: 1\nstd: [strict]\n", "p.yaml:2:6: std must be text, not a list" },
		{ "version: 1\nstdd: strict\n",
		  "p.yaml:2:1: unknown key \"stdd\"; did you mean \"std\"?" },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(wrong); i++) {
		ck_assert_int_eq(read_yaml(&policy, wrong[i].text, &err), -1);
		ck_assert_str_eq(err.text, wrong[i].error);
		ck_assert(!mj_policy_std_strict(policy));
		mj_policy_destroy(policy);
	}
}
END_TEST

static TCase *
case_places(void)
{
	TCase *tcase = tcase_create("places");
	tcase_add_test(tcase, zone_of_the_system);
	tcase_add_test(tcase, zone_without_goroot);
	tcase_add_test(tcase, zone_of_the_environment);
	tcase_add_test(tcase, environment_cut_off);
	tcase_add_test(tcase, roots);
	tcase_add_test(tcase, roots_in_folders);
	tcase_add_test(tcase, fixed_places);
	return tcase;
}

static TCase *
case_frames(void)
{
	TCase *tcase = tcase_create("frames");
	tcase_add_test(tcase, frames_of_an_own_act);
	tcase_add_test(tcase, frames_not_confirmed);
	tcase_add_test(tcase, frames_inlined);
	tcase_add_test(tcase, frames_stray);
	tcase_add_test(tcase, entrance_by_linkname);
	tcase_add_test(tcase, entrances_without_a_module);
	tcase_add_test(tcase, closures);
	tcase_add_test(tcase, through_c);
	tcase_add_test(tcase, remembered_by_a_once);
	return tcase;
}

static TCase *
case_calls(void)
{
	TCase *tcase = tcase_create("calls");
	tcase_add_test(tcase, calls_that_only_read);
	tcase_add_test(tcase, calls_by_every_flag);
	tcase_add_test(tcase, calls_that_only_probe);
	tcase_add_test(tcase, probe_addresses);
	tcase_add_test(tcase, strict);
	return tcase;
}

int
main(void)
{
	Suite *suite = suite_create("ownacts");
	suite_add_tcase(suite, case_places());
	suite_add_tcase(suite, case_frames());
	suite_add_tcase(suite, case_calls());
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
