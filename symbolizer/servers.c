/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the go statement of a goroutine stands, and whether it stands there for somebody else than who executed it.
 *
 * The standard library queues what somebody asks for, and starts the goroutine that does it when somebody else makes
 * room. Who waited in the queue is not recorded: the creators are those who made room. All go statements of the
 * standard library were looked through for that, in Go 1.19 and 1.21 to 1.26:
 * - net/http, Transport.decConnsPerHost (transport.go; all releases): a request that has to wait for MaxConnsPerHost is
 *   dialled when another connection ends, by a goroutine that whoever ended that one starts: dialConnFor, from 1.23 on by
 *   way of startDialConnForLocked. A request that need not wait is dialled from queueForDial, on its own behalf.
 * - database/sql, OpenDB (sql.go; all releases): starts connectionOpener, which for as long as the DB exists opens the
 *   connections that queries wait for when there are SetMaxOpenConns of them, or some went bad.
 *
 * On the other hand:
 * - Single flights: internal/singleflight (look-ups of net), golang.org/x/sync/singleflight, http2clientConnPool of
 *   net/http (getStartDialLocked, addConnIfNeeded). The goroutine is started by the first who asks, with what that one
 *   asks for, and makes the calls that it would make anyway. Who joins gets the result, and adds no call.
 * - net/http, Transport.dialConn's readLoop and writeLoop, closeConnIfStillIdle; http2ClientConn.readLoop: use, or close, a
 *   connection that exists. database/sql, connectionCleaner: likewise. Tx.awaitDone, Rows.awaitDone: for who began it.
 * - net/http, Server.Shutdown runs what RegisterOnShutdown was given, context what AfterFunc, time what AfterFunc:
 *   ancestry.c. Finalizers and cleanups: pccache.c, MJ_FN_SHARED_RUNNER.
 * - Servers (net/http Server.Serve, net/http/fcgi, net/rpc): for the other end of a connection. Which handler is asked is
 *   on the stack, unless it is the standard library's own: a deputy, see SECURITY.md.
 * - os/exec (Cmd.Start: copies, watchCtx), net (startRacer, dnsclient, cgo look-ups, doBlockingWithCtx), crypto/tls
 *   (handshakes), io and httputil copies, runtime/trace and pprof writers, iter.Pull, testing: for who started them.
 * - os/signal (watchSignalLoop), context (propagateCancel), runtime: make no calls of their own.
 *
 * A function that a module has given such a name makes only its own goroutines' records say so, which asks more.
 */
#include "symbolizer/runtime.h"

#include <string.h>

static const char *const servers[] = {
	"net/http.(*Transport).decConnsPerHost",
	"database/sql.OpenDB",
};

bool
mj_serves_others(const struct mj_ancestor *ancestor)
{
	for (size_t i = 0; i < ancestor->npcs; i++) {
		const struct mj_pc *pc = ancestor->pcs[i];
		for (unsigned f = 0; f < pc->nframes; f++)
			for (size_t s = 0; s < MJ_ARRAY_LEN(servers); s++)
				if (strcmp(pc->frames[f].function, servers[s]) == 0)
					return true;
	}
	return false;
}

/*
 * Functions that are nothing but a go statement for their caller: sync/waitgroup.go, from Go 1.25 on; errgroup/errgroup.go of
 * golang.org/x/sync, in add in v0.14. That it is one of these must be beyond doubt.
 */
static bool
is_for_caller(const struct mj_frame *frame)
{
	static const char *const names[] = {
		"sync.(*WaitGroup).Go",
		"golang.org/x/sync/errgroup.(*Group).Go",
		"golang.org/x/sync/errgroup.(*Group).TryGo",
		"golang.org/x/sync/errgroup.(*Group).add",
	};
	if (frame->nsuspects || frame->doubtful)
		return false;
	for (size_t i = 0; i < MJ_ARRAY_LEN(names); i++)
		if (strcmp(frame->function, names[i]) == 0)
			return true;
	return false;
}

void
mj_find_go_statement(struct mj_ancestor *ancestor, uint64_t gopc)
{
	size_t pc = 0;
	unsigned frame = 0;
	while (pc < ancestor->npcs && ancestor->pcs[pc]->pc != gopc)
		pc++;
	ancestor->go_from = pc;
	/* The call at gopc is the go statement's, so that of the functions inlined there it is the innermost one's. */
	while (pc < ancestor->npcs && is_for_caller(&ancestor->pcs[pc]->frames[frame])) {
		if (++frame == ancestor->pcs[pc]->nframes) {
			frame = 0;
			pc++;
		}
	}
	ancestor->go_to = pc;
	ancestor->go_frame = frame;
}

bool
mj_is_go_statement(const struct mj_ancestor *creator, size_t pc, unsigned frame)
{
	return pc >= creator->go_from &&
	       (pc < creator->go_to || (pc == creator->go_to && frame <= creator->go_frame));
}
