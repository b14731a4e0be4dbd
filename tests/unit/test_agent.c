/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's parts: messages, GODEBUG, the socket, who is taken, and sessions with peers that misbehave. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

/* ---- messages ------------------------------------------------------------------------------- */

static uint8_t buf[MJ_WIRE_MAX + 8];
static struct sock_filter insns[BPF_MAXINSNS + 1];
static struct sock_filter got[BPF_MAXINSNS];

START_TEST(hello_and_failed)
{
	uint32_t a = 7, b = 7;
	size_t len = mj_wire_put_hello(buf, sizeof(buf), MJ_WIRE_SUBREAPER);
	ck_assert_uint_eq(len, MJ_WIRE_HEADER + 4);
	ck_assert_int_eq(mj_wire_type_of(buf, len), MJ_WIRE_HELLO);
	ck_assert(mj_wire_get_hello(buf, len, &a));
	ck_assert_uint_eq(a, MJ_WIRE_SUBREAPER);
	ck_assert(!mj_wire_get_failed(buf, len, &a, &b));
	ck_assert_uint_eq(mj_wire_put_hello(buf, sizeof(buf), 2), 0);
	ck_assert_uint_eq(mj_wire_put_hello(buf, MJ_WIRE_HEADER + 3, 0), 0);
	len = mj_wire_put_failed(buf, sizeof(buf), MJ_WIRE_STEP_FILTER, EBUSY);
	ck_assert(mj_wire_get_failed(buf, len, &a, &b));
	ck_assert_uint_eq(a, MJ_WIRE_STEP_FILTER);
	ck_assert_uint_eq(b, EBUSY);
	ck_assert_uint_eq(mj_wire_put_failed(buf, sizeof(buf), 0, 1), 0);
	ck_assert_uint_eq(mj_wire_put_failed(buf, sizeof(buf), MJ_WIRE_STEP_FILTER + 1, 1), 0);
}
END_TEST

START_TEST(filters)
{
	size_t count = 0;
	uint32_t ancestors = 0;
	for (size_t i = 0; i < BPF_MAXINSNS; i++)
		insns[i] = (struct sock_filter){ .code = 6, .k = (uint32_t)i };
	size_t len = mj_wire_put_filter(buf, sizeof(buf), 32, insns, BPF_MAXINSNS);
	ck_assert_uint_eq(len, MJ_WIRE_MAX);
	ck_assert(mj_wire_get_filter(buf, len, got, BPF_MAXINSNS, &count, &ancestors));
	ck_assert_uint_eq(count, BPF_MAXINSNS);
	ck_assert_uint_eq(ancestors, 32);
	ck_assert_mem_eq(got, insns, sizeof(got));
	/* no room, none, too many, too many creators */
	ck_assert(!mj_wire_get_filter(buf, len, got, BPF_MAXINSNS - 1, &count, &ancestors));
	ck_assert_uint_eq(mj_wire_put_filter(buf, MJ_WIRE_MAX - 1, 32, insns, BPF_MAXINSNS), 0);
	ck_assert_uint_eq(mj_wire_put_filter(buf, sizeof(buf), 32, insns, 0), 0);
	ck_assert_uint_eq(mj_wire_put_filter(buf, sizeof(buf), 32, insns, BPF_MAXINSNS + 1), 0);
	ck_assert_uint_eq(mj_wire_put_filter(buf, sizeof(buf), MJ_WIRE_ANCESTORS_MAX + 1, insns, 1),
	                  0);
}
END_TEST

/* Every message, cut off anywhere, or with a byte more, is none. */
START_TEST(lengths)
{
	uint32_t a, b;
	size_t count;
	char text[MJ_WIRE_TEXT_MAX + 1];
	size_t lens[4];
	static uint8_t messages[4][256];
	lens[0] = mj_wire_put_hello(messages[0], 256, 0);
	lens[1] = mj_wire_put_failed(messages[1], 256, MJ_WIRE_STEP_NNP, 1);
	lens[2] = mj_wire_put_refuse(messages[2], 256, "words");
	lens[3] = mj_wire_put_filter(messages[3], 256, 1, insns, 2);
	for (unsigned i = 0; i < 4; i++)
		for (size_t len = 0; len <= lens[i] + 1; len++) {
			const uint8_t *m = messages[i];
			bool any = mj_wire_get_hello(m, len, &a) ||
			           mj_wire_get_failed(m, len, &a, &b) ||
			           mj_wire_get_refuse(m, len, text) ||
			           mj_wire_get_filter(m, len, got, BPF_MAXINSNS, &count, &a);
			ck_assert_msg(any == (len == lens[i]), "message %u, %zu bytes", i, len);
		}
	messages[0][7]++; /* another version */
	ck_assert(!mj_wire_get_hello(messages[0], lens[0], &a));
}
END_TEST

START_TEST(refusals)
{
	char text[MJ_WIRE_TEXT_MAX + 1];
	static char longest[MJ_WIRE_TEXT_MAX + 100];
	size_t len = mj_wire_put_refuse(buf, sizeof(buf), "a\nb\x1b[31m\x7f\xc3\xa4");
	ck_assert(mj_wire_get_refuse(buf, len, text));
	ck_assert_str_eq(text, "a?b?[31m?\xc3\xa4");
	memset(longest, 'x', sizeof(longest) - 1);
	len = mj_wire_put_refuse(buf, sizeof(buf), longest);
	ck_assert(mj_wire_get_refuse(buf, len, text));
	ck_assert_uint_eq(strlen(text), MJ_WIRE_TEXT_MAX);
	ck_assert_uint_eq(mj_wire_put_refuse(buf, sizeof(buf), ""), 0);
}
END_TEST

START_TEST(godebug)
{
	static const struct {
		const char *old, *wanted;
	} cases[] = {
		{ "", "GODEBUG=tracebackancestors=5" },
		{ "a=1", "GODEBUG=a=1,tracebackancestors=5" },
		{ "tracebackancestors=0,a=1,,b=2", "GODEBUG=a=1,b=2,tracebackancestors=5" },
		{ "xtracebackancestors=0", "GODEBUG=xtracebackancestors=0,tracebackancestors=5" },
	};
	for (size_t i = 0; i < MJ_ARRAY_LEN(cases); i++) {
		size_t size = mj_godebug_size(cases[i].old);
		char *text = malloc(size);
		mj_godebug_write(text, size, cases[i].old, 5);
		ck_assert_str_eq(text, cases[i].wanted);
		free(text);
	}
}
END_TEST

/* ---- who is taken --------------------------------------------------------------------------- */

START_TEST(users)
{
	const uid_t list[] = { 5, 0 };
	struct mj_agent_users anybody = { 0 }, two = { true, list, 2 }, nobody = { true, NULL, 0 };
	ck_assert(mj_agent_takes(&anybody, 0, 0) && mj_agent_takes(&anybody, 0, 1000));
	ck_assert(mj_agent_takes(&anybody, 1000, 1000));
	ck_assert(!mj_agent_takes(&anybody, 1000, 0) && !mj_agent_takes(&anybody, 1000, 1001));
	ck_assert(mj_agent_takes(&two, 0, 5) && mj_agent_takes(&two, 0, 0));
	ck_assert(!mj_agent_takes(&two, 0, 6) && !mj_agent_takes(&two, 6, 5));
	ck_assert(!mj_agent_takes(&nobody, 0, 0));
}
END_TEST

/* ---- the socket ----------------------------------------------------------------------------- */

static char folder[64], path[96];

static void
make_folder(void)
{
	strcpy(folder, "/tmp/modjail-agent.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
}

static void
remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

START_TEST(socket_modes)
{
	struct stat st;
	struct mj_error err = { 0 };
	struct mj_agent_socket s = { .fd = -1 };
	mode_t old = umask(0);
	ck_assert_int_eq(mj_agent_socket_open(path, 0640, getgid(), &s, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_uint_eq(umask(old), 0); /* as it was */
	mj_agent_socket_close(&s);
	ck_assert_int_eq(s.fd, -1);
	ck_assert_int_eq(stat(path, &st), -1);
}
END_TEST

START_TEST(socket_taken)
{
	struct mj_error err = { 0 };
	struct mj_agent_socket first = { .fd = -1 }, second = { .fd = -1 };
	ck_assert_int_eq(mj_agent_socket_open(path, 0600, (gid_t)-1, &first, &err), 0);
	ck_assert_int_eq(mj_agent_socket_open(path, 0600, (gid_t)-1, &second, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "somebody listens"));
	/* stale: it is replaced, and the first one removes nothing that is not its own */
	close(first.fd);
	first.fd = dup(0);
	ck_assert_int_eq(mj_agent_socket_open(path, 0600, (gid_t)-1, &second, &err), 0);
	mj_agent_socket_close(&first);
	ck_assert_int_eq(access(path, F_OK), 0);
	mj_agent_socket_close(&second);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(socket_refused)
{
	static char longest[200];
	struct mj_error err = { 0 };
	struct mj_agent_socket s = { .fd = -1 };
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	ck_assert_int_eq(mj_agent_socket_open(path, 0600, (gid_t)-1, &s, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "is no socket"));
	ck_assert_int_eq(access(path, F_OK), 0);
	memset(longest, 'x', sizeof(longest) - 1);
	ck_assert_int_eq(mj_agent_socket_open(longest, 0600, (gid_t)-1, &s, &err), -1);
	ck_assert_int_eq(mj_agent_socket_open("", 0600, (gid_t)-1, &s, &err), -1);
	ck_assert_int_eq(mj_agent_socket_open("/absent/socket", 0600, (gid_t)-1, &s, &err), -1);
	ck_assert_int_eq(s.fd, -1);
}
END_TEST

/* ---- sessions ------------------------------------------------------------------------------- */

static int
choose_refused(void *ctx, const struct mj_client *client, struct mj_run_args *ret,
               struct mj_error *err)
{
	unsigned *asked = ctx;
	(void)client, (void)ret;
	++*asked;
	return mj_error_set(err, MJ_ERR_USAGE, "chosen: none");
}

/* As a session does before it greets, for what is sent before that. */
static void
pass_credentials(int fd)
{
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
}

/* One packet (none: NULL), then the end; what the session made of it. */
static const char *
converse(const uint8_t *data, size_t len, unsigned *asked, uint8_t *answer, ssize_t *answer_len)
{
	static struct mj_error err;
	int fds[2];
	struct mj_run_result result;
	struct mj_session_args args = { .choose = choose_refused, .ctx = asked };
	err = (struct mj_error){ 0 };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	pass_credentials(fds[1]);
	if (data)
		ck_assert_int_eq(send(fds[0], data, len, 0), (ssize_t)len);
	shutdown(fds[0], SHUT_WR);
	ck_assert_int_eq(mj_session_run(fds[1], &args, &result, &err), -1);
	ck_assert_int_eq(recv(fds[0], answer, MJ_WIRE_SMALL, 0), MJ_WIRE_HEADER);
	ck_assert_int_eq(mj_wire_type_of(answer, MJ_WIRE_HEADER), MJ_WIRE_WELCOME);
	*answer_len = recv(fds[0], answer, MJ_WIRE_SMALL, 0);
	close(fds[0]);
	return err.text;
}

START_TEST(session_with_nonsense)
{
	uint8_t answer[MJ_WIRE_SMALL];
	char text[MJ_WIRE_TEXT_MAX + 1];
	ssize_t len;
	unsigned asked = 0;
	ck_assert_ptr_nonnull(strstr(converse(NULL, 0, &asked, answer, &len), "closed"));
	const char *why = converse((const uint8_t *)"nonsense", 8, &asked, answer, &len);
	ck_assert_ptr_nonnull(strstr(why, "not understood"));
	ck_assert(mj_wire_get_refuse(answer, (size_t)len, text));
	ck_assert_str_eq(text, why);
	ck_assert_ptr_nonnull(
		strstr(converse(buf, MJ_WIRE_MAX, &asked, answer, &len), "more than any message"));
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(session_refused)
{
	uint8_t answer[MJ_WIRE_SMALL], hello[64];
	char text[MJ_WIRE_TEXT_MAX + 1];
	ssize_t len;
	unsigned asked = 0;
	size_t n = mj_wire_put_hello(hello, sizeof(hello), 0);
	ck_assert_str_eq(converse(hello, n, &asked, answer, &len), "chosen: none");
	ck_assert_uint_eq(asked, 1);
	ck_assert(mj_wire_get_refuse(answer, (size_t)len, text));
	ck_assert_str_eq(text, "chosen: none");
}
END_TEST

/* What another process than the one that connected says counts for nothing, be it the same user's. */
START_TEST(session_of_another)
{
	int fds[2], status;
	uint8_t hello[64];
	unsigned asked = 0;
	struct mj_error err = { 0 };
	struct mj_run_result result;
	struct mj_session_args args = { .choose = choose_refused, .ctx = &asked };
	size_t n = mj_wire_put_hello(hello, sizeof(hello), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	pass_credentials(fds[1]);
	pid_t pid = fork();
	if (pid == 0)
		_exit(send(fds[0], hello, n, 0) == (ssize_t)n ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(mj_session_run(fds[1], &args, &result, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "another process"));
	ck_assert_uint_eq(asked, 0);
	close(fds[0]);
}
END_TEST

/* ---- the agent ------------------------------------------------------------------------------ */

/* Answers one byte with another; "x" makes it end badly. */
static int
echo(void *ctx, int fd)
{
	char byte = 0;
	(void)ctx;
	fcntl(fd, F_SETFL, 0);
	if (recv(fd, &byte, 1, 0) == 1 && byte == 'x')
		abort();
	byte++;
	ck_assert_int_eq(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
	return MJ_AGENT_DONE;
}

static int
connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void
expect_echo(int fd)
{
	char byte = 'a';
	ck_assert_int_eq(send(fd, &byte, 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
	ck_assert_int_eq(byte, 'b');
	close(fd);
}

static pid_t
fork_agent(unsigned max_programs)
{
	struct mj_error err = { 0 };
	struct mj_agent_socket s = { .fd = -1 };
	ck_assert_int_eq(mj_agent_socket_open(path, 0600, (gid_t)-1, &s, &err), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct mj_agent_args args = { .socket = &s,
			                      .max_programs = max_programs,
			                      .serve = echo };
		_exit(mj_agent_run(&args, &err) == 0 ? 0 : 1);
	}
	close(s.fd);
	return pid;
}

START_TEST(agent_serves_many)
{
	int status, fds[8];
	char text[MJ_WIRE_TEXT_MAX + 1];
	pid_t pid = fork_agent(8);
	for (int i = 0; i < 8; i++)
		fds[i] = connect_to(path); /* slow ones: they hold up nobody */
	int one_more = connect_to(path);
	ssize_t len = recv(one_more, buf, sizeof(buf), 0);
	ck_assert(len > 0 && mj_wire_get_refuse(buf, (size_t)len, text));
	ck_assert_ptr_nonnull(strstr(text, "--max-programs"));
	close(one_more);
	for (int i = 7; i >= 0; i--)
		expect_echo(fds[i]);
	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* A client whose supervisor dies is killed; the agent and others are not. */
START_TEST(agent_kills_the_stranded)
{
	int status;
	char byte = 'x';
	pid_t pid = fork_agent(2);
	pid_t client = fork();
	if (client == 0) {
		int fd = connect_to(path);
		(void)!send(fd, &byte, 1, MSG_NOSIGNAL);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(client, &status, 0), client);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_echo(connect_to(path));
	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent");
	TCase *wire = tcase_create("wire");
	tcase_add_test(wire, hello_and_failed);
	tcase_add_test(wire, filters);
	tcase_add_test(wire, lengths);
	tcase_add_test(wire, refusals);
	tcase_add_test(wire, godebug);
	tcase_add_test(wire, users);
	suite_add_tcase(suite, wire);
	TCase *files = tcase_create("files");
	tcase_add_checked_fixture(files, make_folder, remove_folder);
	tcase_add_test(files, socket_modes);
	tcase_add_test(files, socket_taken);
	tcase_add_test(files, socket_refused);
	tcase_add_test(files, agent_serves_many);
	tcase_add_test(files, agent_kills_the_stranded);
	tcase_set_timeout(files, 60);
	suite_add_tcase(suite, files);
	TCase *sessions = tcase_create("sessions");
	tcase_add_test(sessions, session_with_nonsense);
	tcase_add_test(sessions, session_refused);
	tcase_add_test(sessions, session_of_another);
	suite_add_tcase(suite, sessions);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
