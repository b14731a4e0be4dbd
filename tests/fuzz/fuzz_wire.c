/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader accepts is what its writer would have written, byte for byte. */
static void
check_same(const uint8_t *data, size_t size, const uint8_t *again, size_t len)
{
	if (len != size || memcmp(data, again, size) != 0)
		abort();
}

static void
read_all(const uint8_t *data, size_t size)
{
	static uint8_t again[MJ_WIRE_MAX];
	static struct sock_filter insns[BPF_MAXINSNS];
	char text[MJ_WIRE_TEXT_MAX + 1];
	uint32_t a, b;
	size_t count;
	unsigned accepted = 0;
	if (mj_wire_get_hello(data, size, &a)) {
		check_same(data, size, again, mj_wire_put_hello(again, sizeof(again), a));
		accepted++;
	}
	if (mj_wire_get_filter(data, size, insns, BPF_MAXINSNS, &count, &a)) {
		if (count == 0 || count > BPF_MAXINSNS || a > MJ_WIRE_ANCESTORS_MAX)
			abort();
		check_same(data, size, again,
		           mj_wire_put_filter(again, sizeof(again), a, insns, count));
		accepted++;
	}
	if (mj_wire_get_failed(data, size, &a, &b)) {
		check_same(data, size, again, mj_wire_put_failed(again, sizeof(again), a, b));
		accepted++;
	}
	if (mj_wire_get_refuse(data, size, text)) {
		if (strlen(text) > MJ_WIRE_TEXT_MAX)
			abort();
		for (const char *at = text; *at; at++)
			if ((unsigned char)*at < 0x20 || *at == 0x7f)
				abort();
		accepted++;
	}
	if (accepted > 1 || (accepted && !mj_wire_type_of(data, size)))
		abort();
}

static int
choose_nothing(void *ctx, const struct mj_client *client, struct mj_run_args *ret,
               struct mj_error *err)
{
	unsigned *asked = ctx;
	(void)ret;
	if (client->pid != getpid() || client->exe < 0)
		abort();
	++*asked;
	return mj_error_set(err, MJ_ERR_USAGE, "no policy");
}

/* Whoever sends whatever: the session ends, with words, and gets to a policy only by a HELLO. */
static void
converse(const uint8_t *data, size_t size)
{
	int fds[2];
	unsigned asked = 0;
	uint32_t flags;
	struct mj_run_result result;
	struct mj_error err = { 0 };
	struct mj_session_args args = { .choose = choose_nothing, .ctx = &asked };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	/* As the session does before it greets: this is sent before. */
	setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int));
	bool sent = send(fds[0], data, size, MSG_DONTWAIT) == (ssize_t)size;
	shutdown(fds[0], SHUT_WR);
	if (mj_session_run(fds[1], &args, &result, &err) == 0 || !err.text[0])
		abort();
	if (asked != (sent && size && mj_wire_get_hello(data, size, &flags)))
		abort();
	close(fds[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(data, size);
	converse(data, size);
	return 0;
}
