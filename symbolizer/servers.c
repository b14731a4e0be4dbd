/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the go statement of a goroutine stands, and whether it stands there for somebody else than who
 * executed it.
 *
 * The standard library queues what somebody asks for, and somebody else makes room and starts the
 * goroutine that does it. Who waited in the queue is not recorded: the creators are those who made room.
 * All go statements of the standard library were looked through for that (Go 1.19, 1.21 to 1.26):
 * - net/http/transport.go, Transport.decConnsPerHost: a request that has to wait for MaxConnsPerHost is
 *   dialled when another connection ends, on a goroutine that whoever ended that one starts (dialConnFor;
 *   from 1.23 on by way of startDialConnForLocked). One that need not wait is dialled from queueForDial,
 *   on its own behalf.
 * - database/sql/sql.go, OpenDB: starts connectionOpener, which opens, as long as the DB exists, the
 *   connections that queries wait for: with SetMaxOpenConns, or when some went bad.
 *
 * On the other hand:
 * - Single flights: internal/singleflight (look-ups of net), golang.org/x/sync/singleflight,
 *   net/http's http2clientConnPool (getStartDialLocked, addConnIfNeeded). The first who asks starts the
 *   goroutine, which does what that one asks for, and would do it anyway. Who joins gets the result, and
 *   adds no call.
 * - net/http, readLoop and writeLoop of Transport.dialConn, closeConnIfStillIdle, http2ClientConn's
 *   readLoop; database/sql, connectionCleaner: use or close a connection that exists. Tx.awaitDone,
 *   Rows.awaitDone: for who began it.
 * - net/http's Server.Shutdown (RegisterOnShutdown), context.AfterFunc, time.AfterFunc: ancestry.c.
 *   Finalizers and cleanups: pccache.c, MJ_FN_SHARED_RUNNER.
 * - Servers (net/http, net/http/fcgi, net/rpc): for the other end of a connection. The handler is on the
 *   stack, unless it is the standard library's own: then a deputy.
 * - os/exec (Cmd.Start: copies, watchCtx), net (startRacer, exchanges of the DNS client, cgo look-ups),
 *   crypto/tls (handshakes), copies of io and httputil, runtime/trace, runtime/pprof, iter.Pull,
 *   testing: for who started them.
 * - os/signal (watchSignalLoop), context (propagateCancel), the runtime: make no calls for anybody.
 *
 * The names are not confirmed: one that a module has given a function of its own only makes the records
 * of its own goroutines say so, which asks more.
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
 * Functions that are nothing but a go statement for their caller: sync/waitgroup.go, from Go 1.25 on;
 * errgroup/errgroup.go of golang.org/x/sync, in v0.14 in add. It must be beyond doubt that it is one.
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
	if (frame->nsuspects || frame->doubtful || frame->stray)
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
	/* The call at gopc is the go statement's: of the functions inlined there it is the innermost's. */
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
